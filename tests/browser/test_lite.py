"""브라우저에서 여는 강좌(docs/site/lite)를 새 페이지에서, 다른 곳은 모두 막고 실행합니다.

python -m docs.site.lite && python -m pytest -m full tests/browser/test_lite.py
"""

from __future__ import annotations

import functools
import json
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browser import lab

pytest.importorskip("playwright", reason=lab.NO_PLAYWRIGHT)
pytestmark = [pytest.mark.full, pytest.mark.skipif(lab.CHROMIUM is None, reason=lab.NO_CHROMIUM)]

SITE = lab.ROOT / "build" / "lite"
NOTEBOOKS = {path.name[:2]: path for path in (lab.ROOT / "notebooks").glob("[0-9]*_*.ipynb")}
LESSONS = ("01", "02", "03", "04", "05", "07", "08", "10")
ONLY_HERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
LONGEST = 1200  # 페이지는 녹화한 박자를 지키므로 08은 몇 분이 걸립니다.
# JupyterLab과 브라우저가 남기는 것. 강좌와 상관없습니다.
HARMLESS = ("favicon.ico",)
ASK = """
async code => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel, came = [];
  const request = kernel.requestExecute({code});
  request.onIOPub = message => came.push(message.content);
  await request.done;
  return came.map(c => c.text ?? c.data?.['text/plain'] ?? (c.traceback ?? []).join('\\n')).join('');
}
"""


class Handler(SimpleHTTPRequestHandler):
    def copyfile(self, source: Any, outputfile: Any) -> None:
        data = source.read()
        self.server.sent += len(data)  # type: ignore[attr-defined]
        outputfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[ThreadingHTTPServer]:
    if not SITE.exists():
        pytest.skip("페이지를 만들지 않았습니다: python -m docs.site.lite (npm과 requirements/lite.txt가 필요합니다)")
    (wheel,) = SITE.glob("static/pyodide/llmkit_course-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        old = [name for name in archive.namelist() if name.startswith("llmkit/") and name != "llmkit/data/page.json"
               and (lab.ROOT / name).read_bytes() != archive.read(name)]  # fmt: skip
    assert old == [], "오래된 페이지입니다. 다시 만드세요: python -m docs.site.lite"
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=SITE)) as server:
        server.sent = 0  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Page:
    """새 브라우저에 연 노트북 하나와, 그 콘솔의 오류, 그리고 페이지가 찾은 호스트들입니다."""

    def __init__(self, browser: Any, server: Any, name: str, **options: Any) -> None:
        context = browser.new_context(**options)
        self.page, self.errors, self.hosts = context.new_page(), [], set()
        context.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.here = f"127.0.0.1:{server.server_port}"
        lab.open_notebook(self.page, f"http://{self.here}/lab/index.html?path=%s", name)

    def _listen(self, message: Any) -> None:
        text = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(known in text for known in HARMLESS):
            self.errors.append(text)

    def ask(self, code: str) -> str:
        return self.page.evaluate(ASK, code)

    def assert_alone(self) -> None:
        assert self.hosts == {self.here}
        assert self.errors == []


@pytest.fixture
def browser() -> Iterator[Any]:
    with lab.chromium(ONLY_HERE) as browser:
        yield browser


def outputs_of(cell: Any) -> list[Any]:
    """셀의 출력을 비교할 수 있게 합니다. 나뉘어 온 글은 잇습니다."""
    found: list[Any] = []
    for output in cell.outputs:
        if output.output_type != "stream":
            data = dict(output.get("data", {"": output.get("ename")}))
            if html := data.get(
                "text/html"
            ):  # 사람이 보는 곳에서는 setup이 화면의 모습을 더합니다(llmkit/common/html.py).
                data["text/html"] = re.sub(r"^<style>\.jp-.*?</style>", "", html, flags=re.DOTALL)
            found.append([output.output_type, data])
        elif found and found[-1][0] == output.name:
            found[-1][1] += output.text
        else:
            found.append([output.name, output.text])
    # 함께 받은 스트림들은 녹화한 박자에서 먼저 온 것이 먼저 보입니다.
    return sorted(found, key=lambda one: json.dumps(one, sort_keys=True)) if "asyncio.gather(" in cell.source else found


def typed(cell: Any) -> str:
    """사람이 대답을 적은 셀의 글을, 대본이 대답한 것처럼 적습니다."""
    lines = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    return re.sub(r"^재생 중에는 다음 입력에.*\n", "", lines).replace(":  ", ": ")


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_runs_in_the_page_as_it_is_stored(number: str, site: Any, browser: Any) -> None:
    path = NOTEBOOKS[number]
    stored = nbformat.read(path, 4)
    opened = Page(browser, site, path.name)
    replies = [reply for cell in stored.cells for reply in cell.metadata.get("llmkit", {}).get("inputs", [])]
    lab.run_all(opened.page, replies, LONGEST)
    # 읽으면서 여러 줄로 나뉜 글을 잇습니다.
    ran = nbformat.reads(opened.page.evaluate("() => jupyterapp.shell.currentWidget.context.model.toString()"), 4)
    compared = 0
    for before, after in zip(stored.cells, ran.cells, strict=True):
        tags = before.metadata.get("tags", [])
        if before.cell_type != "code" or "nbval-ignore-output" in tags:
            continue
        shown = outputs_of(after)
        if shown and "브라우저의 이 페이지에서는 할 수 없으니" in str(shown):
            assert any(tag.startswith("needs-") for tag in tags) and str(shown).count("\\n") == 1, before.source
        elif (
            "asyncio.run(forgotten)" in before.source
        ):  # 여기서는 도는 루프 안에서도 실행됩니다(10의 글이 그렇게 말합니다).
            assert "넷째 받음" in str(shown) and "RuntimeError" in str(outputs_of(before))
        elif "inputs" in before.metadata.get("llmkit", {}):
            assert typed(after) == typed(before)
        else:
            assert shown == outputs_of(before), before.source
            compared += 1
    assert compared > 25
    opened.assert_alone()


def test_the_page_imports_without_installing_and_says_what_it_took(
    site: Any, browser: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, started = site.sent, time.monotonic()
    opened = Page(browser, site, NOTEBOOKS["01"].name)
    said = opened.ask("import llmkit, openai\nsession = llmkit.setup('01_basics')")
    size = sum(file.stat().st_size for file in SITE.rglob("*") if file.is_file())
    with capsys.disabled():
        print(f"\n페이지: 첫 셀까지 {time.monotonic() - started:.1f}초, 받은 것 {(site.sent - sent) / 1e6:.0f}MB, "
              f"디스크 {size / 1e6:.0f}MB", end=" ")  # fmt: skip
    assert "OpenAI: 재생 · 키 없음" in said
    opened.assert_alone()


def test_a_key_is_refused_and_a_miss_says_the_ways_on(site: Any, browser: Any) -> None:
    opened = Page(browser, site, NOTEBOOKS["01"].name)
    key = "sk-proj-" + "Q7" * 20
    said = opened.ask(
        f"import os, llmkit\nos.environ['OPENAI_API_KEY'] = {key!r}\nllmkit.setup('01_basics', mode='live')"
    )
    assert said.count("이 페이지는 키를 쓰지도 저장하지도 않으니") == 1 and "OpenAI: 재생 · 키 없음" in said
    assert key not in said + opened.ask("print(*os.environ.values())")

    missed = opened.ask("from openai import OpenAI\nOpenAI().chat.completions.create(model=llmkit.model('openai'), "
                        "messages=[{'role': 'user', 'content': '아무 데도 없는 질문'}])")  # fmt: skip
    for way in (
        "저장되지 않은 요청입니다",
        "고친 곳을 되돌리면",
        "저장된 질문 가운데 하나로",
        "Colab이나 내 컴퓨터에서",
    ):
        assert missed.count(way) == 1, way
    assert missed.count("\n") < 15 and "llmkit local" not in missed and ".env" not in missed
    opened.assert_alone()


def test_input_without_a_way_to_ask_takes_the_script(site: Any, browser: Any) -> None:
    """서비스 워커를 막은 브라우저(사생활 보호 창)에서는 페이지가 물을 수 없습니다."""
    cell = next(cell for cell in nbformat.read(NOTEBOOKS["01"], 4).cells if "inputs" in cell.metadata.get("llmkit", {}))
    prompt = re.search(r'input\("([^"]+)"', cell.source)[1]  # type: ignore[index]
    opened = Page(browser, site, NOTEBOOKS["01"].name, service_workers="block")
    opened.ask("import llmkit\nllmkit.setup('01_basics')")
    first, second = cell.metadata.llmkit.inputs[:2]
    for _ in range(2):  # 셀을 다시 실행하면 첫 대답부터입니다.
        said = opened.ask(f"print([input({prompt!r}), input({prompt!r})])")
        assert f"{prompt}{first}\n" in said and repr([first, second]) in said


def test_cells_that_draw_are_tagged() -> None:
    """태그가 없으면 matplotlib이 없는 페이지에서 그 셀은 실패합니다."""
    missing = [f"{path.name}: {cell.source[:40]}" for path in NOTEBOOKS.values() for cell in nbformat.read(path, 4).cells
               if cell.cell_type == "code" and re.search(r"\bplt\.", cell.source)
               and "needs-plot" not in cell.metadata.get("tags", [])]  # fmt: skip
    assert missing == []


def test_the_site_has_every_notebook() -> None:
    if not SITE.exists():
        pytest.skip("페이지를 만들지 않았습니다: python -m docs.site.lite")
    assert {path.name for path in SITE.glob("files/*.ipynb")} == {path.name for path in NOTEBOOKS.values()}
    assert not list(Path(SITE, "files").glob("bot_*"))
