"""Colab: 모든 노트북과 README가 적어 둔 주소와 같은 말을 하는가, 설치 셀이 Colab의 것을 올리지 않는가."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.authoring.stamp import IN_COLAB, check_address, install_cell, stamp, stored_address

ADDRESS = "https://github.com/someone/llm-course/tree/v0.1.0"


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """도장을 찍어 볼 사본."""
    shutil.copytree(root / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(root / name, tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()}


def test_every_notebook_and_the_readme_agree_with_the_stored_address(copy: Path, root: Path) -> None:
    before = contents(copy)
    stamp(stored_address(root), copy)
    assert contents(copy) == before, "python -m tests.stamp를 실행하세요."


def test_an_address_reaches_every_place_and_leaves_without_a_trace(copy: Path) -> None:
    stamp("", copy)
    clean = contents(copy)
    assert not any("colab-badge" in text for text in clean.values())
    stamp(ADDRESS, copy)
    stamp(ADDRESS, copy)  # 두 번 찍어도 한 번입니다.
    for path in copy.glob("notebooks/[0-9]*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        title, install = notebook.cells[0].source, notebook.cells[1].source
        assert title.startswith("# ")
        assert (
            title.count(f"colab.research.google.com/github/someone/llm-course/blob/v0.1.0/notebooks/{path.name}") == 1
        )
        assert "--no-deps https://github.com/someone/llm-course/archive/v0.1.0.zip" in install
        prose = "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        # Colab에는 노트북 하나뿐이라 상대 링크가 열리지 않습니다. 다음 수업은 둘 다 적습니다.
        alone = re.sub(
            r"\*\*다음 수업\*\*: \[[^]]+\]\([\w-]+\.ipynb\) \(\[Colab에서 열기\]\(https://colab\.[^)]+\)\)", "", prose
        )
        assert not re.search(r"\]\([\w.-]+\.(ipynb|md)", alone)
        assert "](https://github.com/someone/llm-course/blob/v0.1.0/notebooks/glossary.md)" in prose
    first = (copy / "notebooks" / "01_basics.ipynb").read_text(encoding="utf-8")
    second = "https://colab.research.google.com/github/someone/llm-course/blob/v0.1.0/notebooks/02_parameters.ipynb"
    assert f"(02_parameters.ipynb) ([Colab에서 열기]({second}))" in first
    readme = (copy / "README.md").read_text(encoding="utf-8")
    assert "colab-badge" in readme and "https://someone.github.io/llm-course/lite/lab/index.html?path=01_" in readme
    assert stored_address(copy) == ADDRESS
    stamp("", copy)
    assert contents(copy) == clean


def test_every_lesson_leads_to_the_next(root: Path) -> None:
    lessons = sorted(root.glob("notebooks/[0-9]*_*.ipynb"))
    for lesson, following in zip(lessons, lessons[1:]):
        prose = "\n".join(cell.source for cell in nbformat.read(lesson, as_version=4).cells[-2:])
        told = re.findall(r"\*\*다음 수업\*\*: \[(\d\d)\. [^]]+\]\(([^)]+)\)", prose)
        assert [(number, link.rpartition("/")[2]) for number, link in told] == [(following.name[:2], following.name)], (
            lesson.name
        )


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_the_install_cell_does_nothing_outside_colab(address: str) -> None:
    script = f"from IPython.core.interactiveshell import InteractiveShell as S; S().run_cell({install_cell(address)!r}).raise_error()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


IN_FAKE_COLAB = """
import sys
from importlib import util
from IPython.core.interactiveshell import InteractiveShell

sys.modules["google.colab"] = sys
found = util.find_spec
util.find_spec = lambda name: {installed} if name == "llmkit" else found(name)
shell = InteractiveShell()
shell.register_magic_function(print, magic_name="pip")
shell.run_cell({cell!r}).raise_error()
"""


@pytest.mark.parametrize("installed", [False, True])
def test_in_colab_the_install_cell_installs_once_and_the_package_last(installed: bool) -> None:
    """패키지가 마지막이어야, 도중에 실패했을 때 셀을 다시 실행하면 처음부터 다시 설치합니다."""
    script = IN_FAKE_COLAB.format(installed=installed, cell=install_cell(ADDRESS))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    if installed:
        assert done.stdout == ""
    else:
        needs, package = done.stdout.splitlines()
        assert "anthropic" in needs and package.endswith("/someone/llm-course/archive/v0.1.0.zip")


def test_the_install_cell_leaves_what_colab_has(root: Path) -> None:
    pins = root.parent / "shared" / "colab-constraints.txt"
    if not pins.exists():
        pytest.skip("저장소 밖의 ../shared/colab-constraints.txt가 없습니다")
    colab = {canonicalize_name(Requirement(line).name) for line in pins.read_text().splitlines() if line[:1] not in "#"}
    asked = {
        canonicalize_name(Requirement(need).name) for need in re.findall(r'"([^"]+==?[^"]+)"', install_cell(ADDRESS))
    }
    assert "anthropic" in asked
    assert not asked & colab
    assert {canonicalize_name(name) for name in IN_COLAB} <= colab


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://example.com/a/b/tree/v1", "GitHub"),
        ("https://github.com/a/b", "태그"),
        ("https://github.com/a/b/tree/main", "바뀝니다"),
    ],
)
def test_an_address_that_will_not_do_is_refused(address: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_address(address)
