"""보조 기술로 보는 사람도 읽을 수 있는지 axe로 봅니다: nbconvert의 HTML과, JupyterLab에서 우리가 쓰는 곳."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.browser import lab

pytest.importorskip("playwright", reason=lab.NO_PLAYWRIGHT)
axe = pytest.importorskip("axe_playwright_python", reason="axe가 없습니다: pip install -r .ci/requirements.txt")
pytestmark = pytest.mark.skipif(lab.CHROMIUM is None, reason=lab.NO_CHROMIUM)

PARTS = lab.ROOT / "docs" / "parts.ipynb"
FIRST, *REST = sorted((lab.ROOT / "notebooks").glob("[0-9]*_*.ipynb"))
OURS = "{include: ['.jp-OutputArea-output', '.jp-RenderedMarkdown']}"


def violations(page: Any) -> list[str]:
    """심각한 것(serious, critical)과 그것이 있는 곳입니다."""
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate(f"() => axe.run({OURS})")
    assert found["passes"]  # 아무것도 보지 않은 것이 아닙니다.
    bad = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {node['html'][:200]}" for one in bad for node in one["nodes"]]


def to_html(path: Path, folder: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "nbconvert",
        "--to",
        "html",
        "--template",
        "llmkit",
        str(path),
        f"--output-dir={folder}",
    ]
    extra = f"--TemplateExporter.extra_template_basedirs={lab.ROOT / 'docs' / 'nbconvert'}"
    subprocess.run([*command, extra], check=True, capture_output=True, timeout=120)
    return folder / f"{path.stem}.html"


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.browser, id=path.stem) for path in (PARTS, FIRST)]
    + [pytest.param(path, marks=pytest.mark.full, id=path.stem) for path in REST],
)
def test_the_exported_page_can_be_read_and_folds_predictions(path: Path, tmp_path: Path) -> None:
    page_file = to_html(path, tmp_path)
    with lab.chromium() as browser:
        page = browser.new_page()
        page.goto(page_file.as_uri())
        folds = page.locator("details.prediction")
        assert folds.count() == path.read_text(encoding="utf-8").count('"hide-output"')
        assert not any(fold.locator(".jp-OutputArea").is_visible() for fold in folds.all())
        assert violations(page) == []


@pytest.mark.full
@pytest.mark.parametrize(("theme", "width"), [("Light", 1280), ("Light", 640), ("Dark", 1280), ("Dark", 640)], ids=str)
def test_the_parts_can_be_read_in_jupyterlab(theme: str, width: int, tmp_path: Path) -> None:
    shutil.copy(PARTS, tmp_path)
    with lab.jupyter(tmp_path) as address, lab.chromium() as browser:
        page = browser.new_page()
        page.set_viewport_size({"width": width, "height": 4000})
        lab.open_notebook(page, address, PARTS.name)
        page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", f"JupyterLab {theme}")
        page.evaluate("() => jupyterapp.shell.collapseLeft()")
        lab.run_all(page)
        page.screenshot(path=tmp_path / "page.png")
        shots = lab.ROOT / "tests/browser/screenshots"
        shots.mkdir(exist_ok=True)
        shutil.copy(tmp_path / "page.png", shots / f"parts-{theme}-{width}.png")
        assert violations(page) == []
