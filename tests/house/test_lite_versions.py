"""브라우저에서 여는 페이지(docs/site/lite)의 버전이 강좌의 것과 같은가, Pyodide의 배포판이 닿을 때와 닿지 않을 때 무엇을 적는가."""

from __future__ import annotations

import hashlib
import json
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from docs.site.lite import build, wheels

# 강좌에는 없고 페이지에만 있는 것: Pyodide의 설치 도구와, Pyodide의 pandas와 matplotlib이 요구하는 것.
ONLY_IN_PAGE = {"micropip", "pytz"}


@pytest.fixture(scope="module")
def lines(root: Path) -> list[str]:
    return (root / "requirements" / "lite-page.txt").read_text(encoding="utf-8").splitlines()


def test_the_page_has_the_versions_of_the_course(lines: list[str]) -> None:
    locked = dict(line.split()[0].split("==") for line in lines if line[0] != "#")
    assert {"openai", "anthropic", "huggingface-hub", "genai-prices", "httpx2"} <= locked.keys()
    assert {name for name, version in locked.items() if wheels.pins().get(name) != version} == ONLY_IN_PAGE
    assert all("--hash=sha256:" in line for line in lines if line[0] != "#")


def test_what_comes_from_pyodide_is_within_what_the_course_asks_for(root: Path, lines: list[str]) -> None:
    theirs = dict(line.removeprefix("#   ").split("==") for line in lines if line.startswith("#   "))
    assert theirs.keys() == {*wheels.DISTRIBUTION}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["plots"]]
    asked += [
        line for line in (root / "requirements.txt").read_text(encoding="utf-8").splitlines() if line[:1].isalpha()
    ]
    needs = [Requirement(line.partition("#")[0]) for line in asked]
    needs = [need for need in needs if canonicalize_name(need.name) in theirs]
    assert {need.name for need in needs} == {"tiktoken", "matplotlib", "pandas"}
    assert [str(need) for need in needs if not need.specifier.contains(theirs[canonicalize_name(need.name)])] == []


def make_wheel(folder: Path, name: str, *needs: str) -> Path:
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        archive.writestr("beside.py", "")
        lines = [
            "Metadata-Version: 2.4",
            f"Name: {name}",
            "Version: 1.0",
            *(f"Requires-Dist: {need}" for need in needs),
        ]
        archive.writestr(f"{name}-1.0.dist-info/METADATA", "\n".join(lines))
    return wheel


@pytest.fixture
def theirs(tmp_path: Path) -> dict[str, Any]:
    """배포판의 거울: 파일의 내용이 이름인 휠들과 그것의 잠금 파일."""
    (tmp_path / "mirror").mkdir()
    packages = {}
    for name in wheels.DISTRIBUTION:
        file = tmp_path / "mirror" / f"{name}.whl"
        file.write_text(name)
        packages[name] = {"name": name, "version": "1", "file_name": file.name, "depends": ["numpy", "elsewhere"],
                          "sha256": hashlib.sha256(name.encode()).hexdigest()}  # fmt: skip
    return {"info": {}, "packages": packages | {"scipy": {"name": "scipy"}}}


def test_with_the_distribution_everything_is_bundled(tmp_path: Path, theirs: dict[str, Any]) -> None:
    page = tmp_path / "page"
    page.mkdir()
    assert build.fetch_distribution(page, theirs, f"{(tmp_path / 'mirror').as_uri()}/") is True
    assert {file.stem for file in page.iterdir()} == {*wheels.DISTRIBUTION}
    ours = make_wheel(tmp_path, "ours", "tiktoken>=0.12", "gone", "only-elsewhere; sys_platform == 'linux'")
    packages = build.lock(theirs, [ours], is_whole=True)["packages"]
    assert packages.keys() == {"ours", *wheels.DISTRIBUTION}  # scipy처럼 페이지에 없는 것은 적지 않습니다.
    assert packages["ours"]["depends"] == ["tiktoken"] and packages["ours"]["imports"] == ["beside", "ours"]
    assert packages["pandas"]["depends"] == ["numpy"]


def test_without_the_distribution_the_rest_is_built_and_it_says_so(
    tmp_path: Path, theirs: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert build.fetch_distribution(tmp_path, theirs, f"{tmp_path.as_uri()}/no-mirror/") is False
    assert "matplotlib" in capsys.readouterr().out
    packages = build.lock(theirs, [make_wheel(tmp_path, "ours", "tiktoken")], is_whole=False)["packages"]
    assert packages.keys() == {"ours"} and packages["ours"]["depends"] == []


def test_a_wheel_that_is_not_the_locked_one_is_refused(tmp_path: Path, theirs: dict[str, Any]) -> None:
    (tmp_path / "mirror" / "numpy.whl").write_text("다른 것")
    with pytest.raises(SystemExit, match="numpy"):
        build.fetch_distribution(tmp_path, theirs, f"{(tmp_path / 'mirror').as_uri()}/")


def test_cells_that_cannot_run_are_told_in_one_line(tmp_path: Path) -> None:
    cells = [{"id": tag, "metadata": {"tags": ["hide-output", tag]}} for tag in build.NEEDS] + [
        {"id": "x", "metadata": {}}
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}))
    without, whole = build.resting_cells(tmp_path, False), build.resting_cells(tmp_path, True)
    assert without.keys() == {f"a-{tag}" for tag in build.NEEDS} and whole.keys() == {"a-needs-process"}
    assert all("Colab" in line and "\n" not in line for line in without.values())


def test_a_cell_rests_only_in_its_own_notebook(tmp_path: Path) -> None:
    """02의 draw는 실행되고 09의 draw는 그림입니다. 여러 수업에 같은 id가 있습니다."""
    folder = build.stage(build.ROOT / "notebooks", tmp_path / "files")
    resting = build.resting_cells(build.ROOT / "notebooks", False)
    tagged = {
        cell["id"]: any(tag in build.NEEDS for tag in cell["metadata"].get("tags", []))
        for path in folder.glob("*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    }
    assert len(tagged) == sum(len(json.loads(path.read_bytes())["cells"]) for path in folder.glob("*.ipynb"))
    assert resting.keys() == {name for name, rests in tagged.items() if rests}
