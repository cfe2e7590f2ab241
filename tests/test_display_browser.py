"""진짜 JupyterLab의 화면에서 확인합니다: `to_display`가 고친 것이 정말 그렇게 보이는가, 스트림의 끝이 화면에 남는가."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from benchmarks.display import CHROMIUM, READY, ROOT, jupyterlab
from llmkit.markdown import to_display

try:
    from playwright import sync_api as playwright
except ImportError:
    playwright = None
pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(playwright is None, reason="playwright가 없습니다"),
    pytest.mark.skipif(not shutil.which("chromium"), reason="chromium이 없습니다"),
]

SEEN = {  # 모델이 쓴 글 -> 화면에 보일 글과, 화면에 있어야 하는 요소
    "가격은 $5와 $10입니다.": ("가격은 $5와 $10입니다.", None),
    "이미 \\$5와 \\$10로 쓴 금액": ("이미 $5와 $10로 쓴 금액", None),
    "| 항목 | 값 |\n|---|---|\n| US$5 | $10 |": ("US$5", "table"),
    "수식 $x^2$은 수식": (None, "mjx-container"),
    "**토큰(token)**은 1~3개, 80~100개": ("토큰(token)은 1~3개, 80~100개", "strong"),
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>": (
        "<script>window.hacked",
        None,
    ),
    "```html\n<b>$5 ~ $6</b>\n```": ("<b>$5 ~ $6</b>", "pre code"),
    "1. 실행\n   ```python\nif a < b:\n    print(1)\n```\n2. 끝": ("if a < b:\n    print(1)", "ol li pre"),
    "https://a.ac.kr/~kim 참고": ("https://a.ac.kr/~kim 참고", "a[href='https://a.ac.kr/~kim']"),
}
STREAM = """
import time, llmkit
result = llmkit.display_stream((time.sleep(0.01), piece)[1] for piece in "**토큰(token)**은 $5, $6, 1~3개입니다. 끝")
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell("0", execution_count=1) for _ in SEEN]
    for cell, text in zip(cells, SEEN, strict=True):
        cell.outputs = [nbformat.v4.new_output("display_data", data={"text/markdown": to_display(text)})]
    cells.append(nbformat.v4.new_code_cell(f"import sys; sys.path.insert(0, {str(ROOT)!r})" + STREAM))
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), folder / "page.ipynb")
    with jupyterlab(folder) as address, playwright.sync_playwright() as player:
        browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1300, "height": 4000})
        page.goto(address % "page.ipynb")
        page.wait_for_function(READY, arg="page.ipynb", timeout=90_000)
        page.wait_for_selector("mjx-container", timeout=30_000)  # 수식은 글보다 늦게 그려집니다.
        page.folder = folder
        yield page
        browser.close()


@pytest.mark.parametrize("number", range(len(SEEN)), ids=list(SEEN))
def test_what_the_learner_sees(page: Any, number: int) -> None:
    text, element = list(SEEN.values())[number]
    output = page.locator(".jp-OutputArea-output.jp-RenderedMarkdown").nth(number)
    if text:
        assert text in output.inner_text()
    if element:
        assert output.locator(element).count() > 0
    if element != "mjx-container":
        assert output.locator("mjx-container, del, s").count() == 0
    assert page.evaluate("window.hacked") is None


def test_the_stream_ends_on_the_page_and_in_the_file(page: Any) -> None:
    page.evaluate(
        "() => { const panel = jupyterapp.shell.currentWidget; panel.content.activeCellIndex ="
        " panel.content.widgets.length - 1; jupyterapp.commands.execute('notebook:run-cell') }"
    )
    output = page.locator(".jp-OutputArea-output.jp-RenderedMarkdown").nth(len(SEEN))
    playwright.expect(output).to_contain_text("토큰(token)은 $5, $6, 1~3개입니다. 끝", timeout=30_000)
    assert output.locator("mjx-container").count() == 0
    page.wait_for_function("jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'")
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("!jupyterapp.shell.currentWidget.context.model.dirty")
    (saved,) = nbformat.read(Path(page.folder) / "page.ipynb", 4).cells[-1].outputs
    text = "**토큰(token)**은 $5, $6, 1~3개입니다. 끝"
    assert saved["data"] == {"text/plain": text, "text/markdown": to_display(text)}
