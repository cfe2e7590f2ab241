"""읽는 사이트(docs/site): 네트워크 없이 만들어지고, 링크가 끊기지 않고, 한국어로 찾을 수 있고, 다른 곳에서 아무것도 받지 않습니다.

    python3 -m venv .venv-site && .venv-site/bin/python -m pip install -c requirements/site-constraints.txt -r requirements/site.txt
    .venv/bin/python -m pytest -m full tests/browser/test_site.py

저장소의 사본에 공개한 주소를 찍고, 해로운 답변이 저장된 수업을 하나 더해 만듭니다. 찍은 화면은 tests/browser/screenshots/에 남습니다.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import nbformat
import pytest

from llmkit.display.markdown import to_display
from tests.authoring import stamp, tables
from tests.browser import lab

playwright = pytest.importorskip("playwright.sync_api", reason=lab.NO_PLAYWRIGHT)
axe = pytest.importorskip("axe_playwright_python", reason="axe가 없습니다: pip install -r .ci/requirements.txt")
from tests.browser.test_beacon import ANSWERS  # noqa: E402  playwright가 없으면 그 파일도 건너뛰므로 뒤에 둡니다.

PYTHON = Path(os.environ.get("LLMKIT_SITE_PYTHON", lab.ROOT / ".venv-site" / "bin" / "python"))
pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(lab.CHROMIUM is None, reason=lab.NO_CHROMIUM),
    pytest.mark.skipif(
        not PYTHON.exists(), reason=f"사이트를 만드는 환경이 없습니다: {PYTHON} (설치하는 명령은 docs/site/build.py에)"
    ),
]

ADDRESS = "https://github.com/someone/course/tree/v1"
ROWS = tables.lessons()
LOOKED_AT = [
    "index",
    "01_basics",
    "03_streaming",
    "05_multi_llm",
    "09_tools",
    "12_frameworks",
    "glossary",
    "instructor",
    "places",
    "making",
    "next_steps",
]
# 테마가 쓰는 곳에서 axe가 찾은 심각한 것. 여기에 없는 것이 나오면 실패입니다.
THEIRS: set[str] = set()


class Page(HTMLParser):
    """페이지 하나의 링크, 불러오는 것, id입니다."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.ids |= {given["id"]} if "id" in given else set()
        if "href" in given:
            (self.links if tag == "a" else self.loads).append(given["href"])
        if "src" in given:
            self.loads.append(given["src"])


def copy_course(folder: Path) -> None:
    """강좌를 베껴 주소를 찍고, 해로운 답변의 수업과 JupyterLite의 흉내를 더합니다."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(command, cwd=lab.ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (lab.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(lab.ROOT / name, folder / name)
    notebook = nbformat.read(folder / "notebooks" / "01_basics.ipynb", as_version=4)
    notebook.cells = notebook.cells[:2]
    notebook.cells[0].source = notebook.cells[0].source.replace("# 01. 첫 호출", "# 99. 해로운 답변")
    for number, answer in enumerate(ANSWERS):
        text = answer.replace("BEACON", "http://beacon.invalid").replace("NUMBER", str(number))
        data = {"text/plain": text, "text/markdown": to_display(text), "application/javascript": "window.hacked = 1"}
        outputs = [
            nbformat.v4.new_output("display_data", data=data),
            nbformat.v4.new_output("stream", text=text),
            nbformat.v4.new_output("display_data", data={"text/html": "<b>표</b><script>window.hacked = 1</script>"}),
        ]
        notebook.cells.append(nbformat.v4.new_code_cell("answer", outputs=outputs, execution_count=1))
    nbformat.write(notebook, folder / "notebooks" / "99_answers.ipynb")
    stamp.stamp(ADDRESS, folder)
    for file in ("lab/index.html", "files/01_basics.ipynb", "files/12_frameworks.ipynb"):
        (folder / "build" / "lite" / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / "build" / "lite" / file).write_text("<!DOCTYPE html><title>JupyterLite</title>")


def build(folder: Path, output: Path) -> None:
    command = [str(PYTHON), str(folder / "docs" / "site" / "build.py"), str(output)]
    if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0:
        command = ["unshare", "-n", *command]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    copy_course(folder)
    started = time.monotonic()
    build(folder, folder / "site")
    assert time.monotonic() - started < 300
    return folder / "site"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

    handler = functools.partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with lab.chromium() as opened:
        yield opened


@contextlib.contextmanager
def opened(browser: Any, address: str, **look: Any) -> Iterator[Any]:
    """사이트 말고는 모두 막은 페이지. 밖으로 물은 것과 콘솔의 오류가 있으면 실패합니다."""
    context = browser.new_context(**look)
    wrong: list[str] = []

    def only_the_site(route: Any) -> None:
        if route.request.url.startswith(address):
            return route.continue_()
        wrong.append(route.request.url)
        return route.abort()

    context.route("**/*", only_the_site)
    page = context.new_page()
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    assert page.evaluate("window.hacked") is None
    context.close()
    assert wrong == []


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = {path: Page(path) for path in site.glob("*.html")}
    checked = 0
    for path, page in pages.items():
        assert [load for load in page.loads if re.match(r"\w+:(?!image/svg)|//", load)] == [], path.name
        for link in page.links + page.loads:
            file, fragment = urldefrag(link)
            if urlsplit(file).scheme:
                assert link.startswith(("https://", "http://", "data:image/svg")), f"{path.name}: {link}"
                continue
            target = (path.parent / unquote(urlsplit(file).path)).resolve() if file else path
            assert target.is_file(), f"{path.name}: {link}"
            if fragment and target in pages and link in page.links:
                assert unquote(fragment) in pages[target].ids, f"{path.name}: {link}"
            checked += 1
    assert checked > 1000


def test_every_lesson_is_a_card_with_minutes_and_buttons(site: Path) -> None:
    front = (site / "index.html").read_text(encoding="utf-8")
    assert front.count("<small>") == len(ROWS) + 1  # 해로운 답변의 수업까지
    for row in ROWS:
        assert f'<a href="{row.name}.html"><b>{row.name[:2]} {row.title}</b>' in front
        assert row.minutes in front
        lesson = (site / f"{row.name}.html").read_text(encoding="utf-8")
        (buttons,) = re.findall(r'<p class="places">(.*?)</p>', lesson)
        assert f'href="{stamp.link(ADDRESS, row.name + ".ipynb").replace("&", "&amp;")}"' in buttons
        assert f'href="files/{row.name}.ipynb"' in buttons
        assert ("lite/lab/index.html" in buttons) == (
            row.name == "01_basics"
        )  # 12는 브라우저 안에서 실행할 수 없습니다.
        given = nbformat.read(site / "files" / f"{row.name}.ipynb", as_version=4)
        written = nbformat.read(lab.ROOT / "notebooks" / f"{row.name}.ipynb", as_version=4)
        assert len(given.cells) == len(written.cells)
    assert (site / "lite" / "lab" / "index.html").exists()


def test_without_an_address_only_the_file_is_offered() -> None:
    code = "import sys; sys.path.insert(0, 'docs/site'); import build; print(build.buttons('01_basics', '', False))"
    done = subprocess.run([str(PYTHON), "-c", code], cwd=lab.ROOT, capture_output=True, text=True, check=True)
    assert re.findall('href="(.*?)"', done.stdout) == ["files/01_basics.ipynb"]


def test_nothing_in_an_answer_acts(browser: Any, address: str, site: Path) -> None:
    with opened(browser, address) as page:
        page.goto(f"{address}99_answers.html")
        page.wait_for_load_state("networkidle")
        outputs = page.locator(".cell_output")
        assert outputs.count() == len(ANSWERS)
        assert outputs.locator("script, img, iframe, style, link").count() == 0
        assert page.locator("article a[href^='javascript' i]").count() == 0
        assert "http://beacon.invalid/0" in outputs.first.inner_text()  # 주소는 글로 보입니다.


@pytest.mark.parametrize(
    ("words", "lesson"),
    [
        ("폴백을", "04"),
        ("배치에서", "10"),
        ("비용과", "06"),
        ("토큰", "10"),
        ("끊긴 스트림", "03"),
        ("temperature를", "02"),
    ],
)
def test_korean_words_find_their_lesson(browser: Any, address: str, words: str, lesson: str) -> None:
    with opened(browser, address, viewport={"width": 1280, "height": 800}) as page:
        page.goto(address)
        page.locator(".bd-sidebar-primary .search-button__button").click()
        page.keyboard.type(words)
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=*")
        page.locator(".search-summary").get_by_text("검색을 마쳤습니다").or_(
            page.locator("ul.search li")
        ).first.wait_for()
        page.wait_for_function("!document.querySelector('#search-progress')?.textContent.includes('...')")
        titles = page.locator("ul.search li > a").all_inner_texts()
        assert [title for title in titles if title.startswith(f"{lesson}.")], titles


def test_predictions_and_solutions_are_folded_and_pages_follow_each_other(browser: Any, address: str) -> None:
    path = lab.ROOT / "notebooks" / "03_streaming.ipynb"
    with opened(browser, address, viewport={"width": 1280, "height": 900}) as page:
        page.goto(f"{address}03_streaming.html")
        folds = page.locator("details.hide.below-input")
        assert folds.count() == path.read_text(encoding="utf-8").count('"hide-output"') > 0
        assert not any(fold.locator(".cell_output").is_visible() for fold in folds.all())
        assert set(folds.locator("summary").all_inner_texts()) == {"예측한 뒤에 펼쳐 보세요"}
        assert [
            text
            for text in page.locator("article img").evaluate_all("all => all.map(one => one.alt)")
            if not re.search("[가-힣]", text)
        ] == []
        folds.first.locator("summary").click()
        assert folds.first.locator(".cell_output").is_visible()
        solution = page.locator("details", has=page.get_by_text("풀이 03-1", exact=True))
        assert not solution.locator("pre").is_visible()
        solution.locator("summary").click()
        assert solution.locator("pre").is_visible()
        page.locator("a.right-next").click()
        page.wait_for_url("**/04_errors.html")
        page.locator("a.left-prev").click()
        page.wait_for_url("**/03_streaming.html")


def test_the_learner_chooses_dark_and_it_stays(browser: Any, address: str) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, address, color_scheme="light", viewport={"width": 1280, "height": 900}) as page:
        page.goto(f"{address}01_basics.html")
        light = page.evaluate(background)
        page.get_by_role("button", name="밝은 화면과 어두운 화면").first.click()
        page.get_by_text("어둡게").first.click()
        page.goto(f"{address}02_parameters.html")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate(background) != light


def violations(page: Any) -> set[tuple[str, str]]:
    """심각한 것(serious, critical)의 이름과 그것이 있는 곳입니다."""
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run({resultTypes: ['violations'], preload: false})")
    assert found["passes"]  # 아무것도 보지 않은 것이 아닙니다.
    bad = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return {(one["id"], node["target"][0]) for one in bad for node in one["nodes"]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 640])
def test_pages_fit_and_can_be_read(browser: Any, address: str, width: int, scheme: str) -> None:
    shots = lab.ROOT / "tests" / "browser" / "screenshots"
    shots.mkdir(exist_ok=True)
    found = set()
    with opened(browser, address, viewport={"width": width, "height": 2600}, color_scheme=scheme) as page:
        for name in LOOKED_AT:
            page.goto(f"{address}{name}.html")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            page.screenshot(path=shots / f"site-{name}-{width}-{scheme}.png")
            if (width, scheme) in ((1280, "light"), (640, "dark")):  # axe는 긴 페이지에서 오래 걸립니다.
                found |= {f"{rule} {place}" for rule, place in violations(page)}
    assert found - THEIRS == set()


def test_the_pages_of_every_lesson_open_without_asking_anyone(browser: Any, address: str, site: Path) -> None:
    names = sorted(path.name for path in site.glob("*.html"))
    assert len(names) > len(ROWS)
    with opened(browser, address) as page:
        for name in names:
            page.goto(address + name)
            page.wait_for_load_state("networkidle")
            assert page.locator("h1:visible").count(), name
