"""진짜 JupyterLab에서 노트북마다 모든 셀을 실행하고, 사람이 보는 것을 봅니다.

    python -m pytest -m browser tests/browser          # 첫 수업만, 밝은 화면, 너비 1280
    python -m pytest -m full tests/browser             # 나머지 수업의 밝은 화면, 모든 수업의 어두운 화면과 절반 너비

노트북 전체를 찍은 그림이 tests/browser/screenshots/에 남습니다(커밋하지 않습니다).
"""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from markdown_it import MarkdownIt

from llmkit.commands.lock import why_not
from tests.browser import lab

pytest.importorskip("playwright", reason=lab.NO_PLAYWRIGHT)
pytestmark = pytest.mark.skipif(lab.CHROMIUM is None, reason=lab.NO_CHROMIUM)

SCREENSHOTS = Path(__file__).parent / "screenshots"
NOTEBOOKS = [path for path in sorted((lab.ROOT / "notebooks").glob("[0-9]*_*.ipynb")) if not why_not(path)]
LOOKS = {"light": ("JupyterLab Light", 1280), "dark": ("JupyterLab Dark", 1280), "half": ("JupyterLab Light", 640)}
# 수업이 늘어도 .ci/run이 길어지지 않도록, 첫 수업만 거기서 봅니다. 셀의 출력은 모두 nbval이 봅니다.
ALWAYS = (NOTEBOOKS[0], "light")
# JupyterLab 자신이 콘솔에 남기는 것. 강좌의 노트북과 상관없습니다.
HARMLESS: tuple[str, ...] = ()
_RENDER = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render


@dataclass
class Lesson:
    """화면에 열려 실행이 끝난 노트북 하나."""

    page: Any
    stored: Any  # 저장소에 있는 그대로
    saved: Any  # 방금 실행해 저장한 것
    errors: list[str] = field(default_factory=list)

    def output(self, number: int) -> Any:
        return self.page.locator(".jp-Notebook-cell").nth(number).locator(".jp-Cell-outputArea")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str, Path]]:
    folder = tmp_path_factory.mktemp("notebooks")
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:  # 보이는 것이 모두 이번 실행에서 나온 것이도록
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / path.name)
        shutil.copy(path, folder / f"stored_{path.name}")
    shutil.copy(lab.ROOT / "notebooks/glossary.md", folder)
    with lab.jupyter(folder) as address, lab.chromium() as browser:
        yield browser.new_context(), address, folder  # 페이지마다 JupyterLab을 새로 받지 않도록 하나를 함께 씁니다.


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            (path, look),
            marks=pytest.mark.browser if (path, look) == ALWAYS else pytest.mark.full,
            id=f"{path.stem}-{look}",
        )
        for look in LOOKS
        for path in NOTEBOOKS
    ],
)
def lesson(request: pytest.FixtureRequest, server: tuple[Any, str, Path]) -> Iterator[Lesson]:
    (path, look), (context, address, folder) = request.param, server
    theme, width = LOOKS[look]
    page, errors = context.new_page(), []
    page.set_viewport_size({"width": width, "height": 1600})
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    lab.open_notebook(page, address, path.name)
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    page.evaluate("() => jupyterapp.shell.collapseLeft()")
    stored = nbformat.read(path, 4)
    lab.run_all(page, [reply for cell in stored.cells for reply in cell.metadata.get("llmkit", {}).get("inputs", [])])
    lab.save(page)
    yield Lesson(page, stored, nbformat.read(folder / path.name, 4), errors)
    take_screenshots(page, f"{path.stem}-{look}")
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.close()


def take_screenshots(page: Any, name: str) -> None:
    """접힌 것을 모두 펼치고, 노트북을 위에서 아래까지 나누어 찍습니다."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.evaluate("() => document.querySelectorAll('details').forEach(fold => fold.open = true)")
    for old in SCREENSHOTS.glob(f"{name}-*.png"):
        old.unlink()
    for number in range(100):
        is_last = page.evaluate(
            """number => {
              const scroller = document.querySelector('.jp-WindowedPanel-outer');
              scroller.scrollTop = number * (scroller.clientHeight - 40);
              const end = document.querySelector('.jp-Notebook-cell:last-child').getBoundingClientRect().bottom;
              return end <= scroller.getBoundingClientRect().bottom;
            }""",
            number,
        )
        page.wait_for_timeout(150)
        page.screenshot(path=SCREENSHOTS / f"{name}-{number:02}.png")
        if is_last:
            break


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.browser if path == ALWAYS[0] else pytest.mark.full, id=path.stem)
        for path in NOTEBOOKS
    ],
)
def test_a_notebook_just_opened_shows_what_is_stored(path: Path, server: tuple[Any, str, Path]) -> None:
    """받아서 처음 연 노트북은 신뢰하지 않은 것이라 JupyterLab이 HTML의 일부를 지웁니다. 그래도 글과 그림이 그대로 보입니다."""
    context, address, _ = server
    page = context.new_page()
    page.set_viewport_size({"width": 1280, "height": 1600})
    lab.open_notebook(page, address, f"stored_{path.name}")
    take_screenshots(page, f"{path.stem}-opened")
    cells = page.locator(".jp-Notebook-cell")
    for number, cell in enumerate(nbformat.read(path, 4).cells):
        if not cell.get("outputs") or cell.metadata.get("jupyter", {}).get("outputs_hidden"):
            continue
        area = cells.nth(number).locator(".jp-Cell-outputArea")
        area.scroll_into_view_if_needed()
        for output in cell.outputs:
            seen = squeezed(area.text_content())
            assert squeezed(text_of(output)) in seen, cell.source
            images = (output.get("data", {}).get("text/html") or "").count("<img")
            assert area.locator("img").count() >= images, cell.source
        assert_images_are_drawn(area)
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.close()


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def text_of(output: Any) -> str:
    """저장된 출력이 화면에 보일 글. 그림이면 빈 글입니다."""
    data = output.get("data", {})
    if "image/png" in data:
        return ""
    if "text/html" in data or "text/markdown" in data:
        source = data.get("text/html") or _RENDER(data["text/markdown"])
        source = re.sub(r"<(style|script)>.*?</\1>", "", source, flags=re.DOTALL)
        return html.unescape(re.sub(r"<[^>]+>", "", source)).replace("\\$", "$")
    return output.get("text") or data.get("text/plain", "")


def test_nothing_is_red(lesson: Lesson) -> None:
    for cell in lesson.saved.cells:
        for output in cell.get("outputs", []):
            expected = "raises-exception" in cell.metadata.get("tags", [])
            assert expected or output.output_type != "error", output.ename
            assert output.get("name") != "stderr", output.text


def test_the_console_has_no_errors(lesson: Lesson) -> None:
    assert [text for text in lesson.errors if not any(known in text for known in HARMLESS)] == []


def test_the_page_shows_every_stored_output(lesson: Lesson) -> None:
    """스트림으로 온 답의 끝 글, 표, 샘플 응답 표시까지: 저장된 출력이 그 셀 밑에 보입니다."""
    for number, cell in enumerate(lesson.stored.cells):
        if "nbval-ignore-output" in cell.metadata.get("tags", []):
            continue
        seen = squeezed(lesson.output(number).text_content()) if cell.get("outputs") else ""
        for output in cell.get("outputs", []):
            # 사람이 답을 적는 input() 셀에는 안내 줄이 끼어들므로 줄마다 봅니다.
            parts = text_of(output).splitlines() if "llmkit" in cell.metadata else [text_of(output)]
            assert [part for part in parts if squeezed(part) not in seen] == [], cell.source


def test_tables_and_plots_are_drawn(lesson: Lesson) -> None:
    for number, cell in enumerate(lesson.stored.cells):
        outputs = cell.get("outputs", [])
        sources = [o.data.get("text/html") or _RENDER(o.data.get("text/markdown", "")) for o in outputs if "data" in o]
        area = lesson.output(number)
        assert area.locator("table").count() == sum(source.count("<table") for source in sources)
        plots = sum("image/png" in output.get("data", {}) for output in outputs)
        assert area.locator("img, svg[role=img]").count() == plots + sum(source.count("<img") for source in sources)
        assert_images_are_drawn(area)


def assert_images_are_drawn(area: Any) -> None:
    sizes = area.locator("img").evaluate_all("all => all.map(e => [e.naturalWidth, e.clientWidth])")
    assert all(natural > 300 and shown > 300 for natural, shown in sizes), sizes


def test_korean_letters_are_not_boxes(lesson: Lesson) -> None:
    """글꼴에 없는 글자는 모두 같은 네모로 그려집니다. 화면의 글꼴로 두 글자를 그려 견줍니다."""
    for part in (".jp-RenderedMarkdown p", ".cm-content", ".jp-RenderedText pre"):
        drawn = lesson.page.locator(part).first.evaluate(
            """e => ['강', '책', '꿇'].map(letter => {
              const canvas = document.createElement('canvas'), pen = canvas.getContext('2d');
              pen.font = '20px ' + getComputedStyle(e).fontFamily;
              pen.fillText(letter, 5, 30);
              return canvas.toDataURL();
            })"""
        )
        assert len(set(drawn)) == 3, part


def test_prose_has_no_stray_marks(lesson: Lesson) -> None:
    for text in lesson.page.locator(".jp-RenderedMarkdown").evaluate_all(
        """all => all.map(e => {
          const copy = e.cloneNode(true);
          copy.querySelectorAll('code, pre').forEach(code => code.remove());
          return copy.textContent + (copy.querySelector('del, s, mjx-container, .MathJax') ? ' **' : '');
        })"""
    ):
        assert "**" not in text and "\\$" not in text and "<!--" not in text


def test_no_word_is_broken_in_a_table(lesson: Lesson) -> None:
    broken = lesson.page.evaluate(
        """() => [...document.querySelectorAll('.jp-Notebook td, .jp-Notebook th')].flatMap(cell => {
          const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), found = [];
          while (texts.nextNode()) {
            for (const word of texts.currentNode.data.matchAll(/[가-힣]+/g)) {
              const range = document.createRange();
              range.setStart(texts.currentNode, word.index);
              range.setEnd(texts.currentNode, word.index + word[0].length);
              const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top / 6)));
              if (lines.size > 1) found.push(word[0]);
            }
          }
          return found;
        })"""
    )
    assert broken == []


def test_a_folded_prediction_does_not_show_its_first_line(lesson: Lesson) -> None:
    """JupyterLab은 접은 출력의 첫 줄을 보여 줍니다. 예측의 답이 거기에 있습니다."""
    cell = next(n for n, cell in enumerate(lesson.stored.cells) if "hide-output" in cell.metadata.get("tags", []))
    lesson.output(cell).scroll_into_view_if_needed()
    lesson.page.evaluate(
        """number => {
          const notebook = jupyterapp.shell.currentWidget.content;
          notebook.widgets[number].outputHidden = true;
        }""",
        cell,
    )
    shown = lesson.page.locator(".jp-Notebook-cell").nth(cell).locator(".jp-OutputPlaceholder")
    assert shown.count() == 1
    assert not shown.locator(".jp-Placeholder-contentContainer > *").first.is_visible()


def test_solutions_fold(lesson: Lesson) -> None:
    folds = lesson.page.locator(".jp-RenderedMarkdown details")
    assert folds.count() > 0
    for number in range(folds.count()):
        summary, inside = (
            folds.nth(number).locator("summary"),
            folds.nth(number).locator(":scope > :not(summary)").first,
        )
        assert not inside.is_visible()
        summary.click()
        assert inside.is_visible()
        summary.click()
        assert not inside.is_visible()


def test_an_exercise_says_what_is_missing_and_passes_with_its_solution(lesson: Lesson) -> None:
    """빈칸이 남은 첫 연습의 셀에 화면의 풀이를 붙여 넣고 실행합니다."""
    cells = lesson.stored.cells
    number = next(n for n, cell in enumerate(cells) if cell.cell_type == "code" and "llmkit.check(" in cell.source)
    exercise = re.search(r'llmkit\.check\("([\d-]+)"', cells[number].source)[1]
    assert re.search(rf"(… {exercise} 아직 채우지|✗ {exercise} 고칠 곳)", lesson.output(number).text_content())
    fold = lesson.page.locator("details", has=lesson.page.locator(f"summary:has-text('풀이 {exercise}')"))
    solution = fold.locator("pre code").first.text_content()
    editor = lesson.page.locator(".jp-Notebook-cell").nth(number).locator(".cm-content")
    editor.click()
    lesson.page.keyboard.press("Control+A")
    lesson.page.keyboard.insert_text(solution.rstrip())
    lesson.page.keyboard.press("Control+Enter")
    passed = lesson.output(number).get_by_text(f"✓ {exercise} 통과했습니다.")
    passed.wait_for(timeout=lab.SECONDS * 1000)
    assert lesson.output(number).locator("[data-mime-type*=stderr]").count() == 0
