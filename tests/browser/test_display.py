"""진짜 JupyterLab의 화면에서 확인합니다: `to_display`가 고친 것이 정말 그렇게 보이는가, 스트림의 끝이 화면에 남는가."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from llmkit.common.tables import Table
from llmkit.display.markdown import to_display
from tests.browser import lab

playwright = pytest.importorskip("playwright.sync_api", reason=lab.NO_PLAYWRIGHT)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(lab.CHROMIUM is None, reason=lab.NO_CHROMIUM)]

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
TABLE = Table("$5 < $6", ["모델", "값"], [["a_b|c", "$5, $6"]], ["1~3개, 2~4개에 *$1*와 $2"])
RUN = """
import time, llmkit
result = llmkit.display_stream((time.sleep(0.01), piece)[1] for piece in "**토큰(token)**은 $5, $6, 1~3개입니다. 끝")
"""
STOPPED = """
from openai import OpenAI
session = llmkit.setup("03_streaming", pace=20)
messages = [{"role": "user", "content": "동네 책방에 가면 좋은 점을 세 문장으로 써 주세요."}]
stream = OpenAI().chat.completions.create(model=llmkit.model("openai"), messages=messages, stream=True)
result = llmkit.display_stream(stream)
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell("0", execution_count=1) for _ in SEEN]
    for cell, text in zip(cells, SEEN, strict=True):
        cell.outputs = [nbformat.v4.new_output("display_data", data={"text/markdown": to_display(text)})]
    cells[-1].outputs.append(nbformat.v4.new_output("display_data", data={"text/markdown": TABLE.to_markdown()}))
    cells += [nbformat.v4.new_code_cell(code) for code in (RUN, STOPPED)]
    # 커널이 적혀 있지 않으면 JupyterLab이 고르라고 묻습니다.
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), folder / "page.ipynb")
    with lab.jupyter(folder) as address, lab.chromium() as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 4000})
        lab.open_notebook(page, address, "page.ipynb")
        page.wait_for_selector("mjx-container", timeout=lab.SECONDS * 1000)  # 수식은 글보다 늦게 그려집니다.
        page.folder = folder
        yield page


def run_cell(page: Any, number: int) -> Any:
    """셀 하나를 실행하고, Markdown 출력이 그려질 자리를 돌려줍니다."""
    page.evaluate(
        "number => { jupyterapp.shell.currentWidget.content.activeCellIndex = number;"
        " jupyterapp.commands.execute('notebook:run-cell') }",
        number,
    )
    return page.locator(".jp-Notebook-cell").nth(number).locator(".jp-OutputArea-output.jp-RenderedMarkdown")


def saved_outputs(page: Any, number: int) -> Any:
    lab.wait_until_idle(page)
    lab.save(page)
    return nbformat.read(Path(page.folder) / "page.ipynb", 4).cells[number].outputs


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


def test_a_table_without_html_shows_its_text(page: Any) -> None:
    output = page.locator(".jp-OutputArea-output.jp-RenderedMarkdown").nth(len(SEEN))
    assert output.locator("table").count() == 1 and output.locator("mjx-container, del, s, em").count() == 0
    for text in ("$5 < $6", "a_b|c", "$5, $6", "1~3개, 2~4개에 *$1*와 $2"):
        assert text in output.inner_text()


def test_the_stream_ends_on_the_page_and_in_the_file(page: Any) -> None:
    output = run_cell(page, len(SEEN))
    playwright.expect(output).to_contain_text("토큰(token)은 $5, $6, 1~3개입니다. 끝", timeout=lab.SECONDS * 1000)
    assert output.locator("mjx-container").count() == 0
    (saved,) = saved_outputs(page, len(SEEN))
    text = "**토큰(token)**은 $5, $6, 1~3개입니다. 끝"
    assert saved["data"] == {"text/plain": text, "text/markdown": to_display(text)}


def test_the_stop_button_leaves_what_came_and_says_so(page: Any) -> None:
    number, mark = len(SEEN) + 1, "여기서 끊겼습니다(KeyboardInterrupt)."
    output = run_cell(page, number)
    playwright.expect(output).to_contain_text("서가 사이를", timeout=lab.SECONDS * 1000)
    page.locator("[data-jp-item-name=interrupt]").click()
    playwright.expect(output).to_contain_text(mark, timeout=lab.SECONDS * 1000)
    assert output.inner_text().startswith("서가 사이를") and "독서의 시작입니다." not in output.inner_text()
    banner, shown, error, authored = saved_outputs(page, number)
    assert shown["data"]["text/plain"].startswith("서가 사이를") and mark in shown["data"]["text/markdown"]
    assert error["ename"] == "KeyboardInterrupt" and "샘플 응답" in authored["data"]["text/plain"]
