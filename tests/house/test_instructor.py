"""docs/instructor.md에 적힌 명령, 파일, 시간, 값이 정말로 그러한가."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from llmkit import __main__ as command
from llmkit import session
from llmkit.commands.estimate import estimate
from llmkit.commands.lock import moved
from tests.authoring import __main__ as authoring
from tests.authoring import stamp, tables


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "instructor.md").read_text(encoding="utf-8")


def test_the_readme_leads_here(root: Path) -> None:
    assert "](docs/instructor.md)" in (root / "README.md").read_text(encoding="utf-8")


def test_links_and_paths_exist(page: str, root: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if not link.startswith("http")]
    assert len(links) > 10
    for link in links:
        file, _, heading = link.partition("#")
        text = (root / "docs" / file).resolve().read_text(encoding="utf-8")
        headings = [line.lstrip("# ").replace(" ", "-") for line in text.splitlines() if line.startswith("#")]
        assert not heading or heading in headings, link
    for name in re.findall(r"-r (\S+\.txt)", page) + re.findall(r"(?<![\w/])llmkit/[\w/.]+\.json", page):
        assert (root / name).exists(), name


def commands(page: str) -> list[list[str]]:
    """글과 코드 블록에 적힌 `python -m ...` 명령의 인자들."""
    written = re.findall(r"(?:`|^)(python -m [^`\n]+)", page, re.MULTILINE)
    return [shlex.split(line, comments=True)[2:] for line in written]


def test_every_command_exists(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"llmkit", "pytest", "tests.authoring"}
    found = commands(page)
    assert {module for module, *_ in found} == known
    for module, *arguments in found:
        if module == "llmkit":
            with pytest.raises(SystemExit) as stopped:
                command.main([*arguments, "--help"])
            assert stopped.value.code == 0, arguments
            for lesson in arguments[1:2] if arguments[0] != "progress" else []:
                assert lesson == "--all" or command.find_notebook(lesson).exists()
        elif module == "tests.authoring":
            with pytest.raises(SystemExit) as stopped:
                authoring.main([*arguments, "--help"])
            assert stopped.value.code == 0, arguments
            if arguments[0] == "stamp":
                stamp.check_address(arguments[1].replace("누구", "someone").replace("무엇", "course"))


def offline(page: str, kind: str) -> list[list[str]]:
    """인터넷이 없는 교실의 명령에서 `pip` 뒤의 인자들."""
    lines = [step for line in page.splitlines() for step in line.split(" && ") if f"-m pip {kind} " in step]
    return [line.split(" -m pip ")[1].split() for line in lines]


def test_offline_wheels_are_the_locked_versions_of_the_same_files(page: str, root: Path) -> None:
    made, installed = offline(page, "wheel"), offline(page, "install")
    assert len(made) == len(installed) == 2
    for one, other in zip(made, installed):
        # 소스만 있는 패키지는 받은 자리에서 휠로 만들어 해시가 달라지므로, 만든 휠은 버전으로만 고릅니다.
        assert one[one.index("-r") + 1].replace("local.txt", "local.in") == other[other.index("-r") + 1]
        assert one[one.index("-w") + 1] == other[other.index("--find-links") + 1]
        assert "-c constraints.txt" in " ".join(one) and "-c constraints.txt" in " ".join(other)
        assert ("--no-deps" in one) == ("--no-deps" in other)
        assert "--no-index" in other


@pytest.mark.skipif(bool(moved()), reason="constraints.txt와 다른 버전이 설치되어 있습니다(확인한 버전이 아닙니다)")
def test_the_offline_install_needs_nothing_but_what_is_locked(page: str, root: Path, tmp_path: Path) -> None:
    """설치된 것이 모두 있다고 보고 그 명령을 그대로 실행하면, 강좌 자신 말고는 더 필요한 것이 없어야 합니다."""
    arguments, _ = offline(page, "install")
    command = [sys.executable, "-m", "pip", *arguments, "--dry-run", "--no-build-isolation"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("Would install")]
    assert line.split()[2:] == ["llmkit-course-0.1.0"]


@pytest.mark.parametrize("cassette", ["01_basics", "03_streaming"])
def test_what_to_look_at_in_a_diff_is_found(page: str, cassette: str, root: Path) -> None:
    lines = [line.partition("    #")[0] for line in page.splitlines() if line.startswith("grep ")]
    said = [
        subprocess.run(["bash", "-c", line.replace("01_basics", cassette)], cwd=root, capture_output=True, text=True)
        for line in lines
    ]
    provenance, finish, keys = (done.stdout for done in said)
    exchanges = session.Cassette.load(session.CASSETTES / f"{cassette}.json").exchanges
    assert sum(map(int, re.findall(r"^ *(\d+) ", provenance, re.MULTILINE))) == len(exchanges)
    assert "stop" in finish and keys == "0\n"


def test_the_times_are_those_of_the_notebooks(page: str, root: Path) -> None:
    times = {
        path.stem: tables.SPENT.search("".join(_first_cell(path)))
        for path in sorted(root.glob("notebooks/[0-9]*_*.ipynb"))
    }
    for name, time in times.items():
        assert time and f"| [{name}](../notebooks/{name}.ipynb) | {time[1]} |" in page, name


def _first_cell(path: Path) -> list[str]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]


def test_the_estimates_still_hold(page: str, root: Path) -> None:
    table = re.search(r"<!-- estimate (\d{4}-\d\d-\d\d) -->\n(.*?)<!-- /estimate -->", page, re.DOTALL)
    assert table and page.count(table[1]) >= 2  # 날짜가 글에도 보입니다.
    rows = re.findall(r"^\| (?:\[(\w+)\]\S*|합계) \| ([\d.]+) \| ([\d.]+) \|$", table[2], re.MULTILINE)
    lessons = [path.stem for path in sorted(root.glob("notebooks/[0-9]*_*.ipynb"))]
    assert [name for name, _, _ in rows] == [*lessons, ""]
    for name, one, forty in rows:
        assert abs(Decimal(one) * 40 - Decimal(forty)) < Decimal(forty) / 50  # 반올림
        usd = sum(estimate(lesson).usd for lesson in ([name] if name else lessons))
        assert usd / 2 < Decimal(one) < usd * 2, f"{name}: 표를 새로 적으세요. 지금은 {usd} USD입니다."


def test_what_was_not_verified_is_said(page: str) -> None:
    assert "실제 제공자로는 확인하지\n못했습니다" in page
    for name in ("Colab", "Ollama"):
        assert re.search(rf"{name}[^.]*확인하지 못했습니다", page), name
