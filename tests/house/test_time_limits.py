"""멈춘 것이 이름을 대는가: 멈춘 테스트와 멈춘 셀을 심으면 시험 명령이 끝나고, 무엇이 멈췄는지 적혀 있어야 합니다."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

HANGS = {
    "waits": "import threading; threading.Event().wait()",
    "busy": "while True: pass",
    "child": "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(999)'])",
    "pipe": "import os; os.read(os.pipe()[0], 1)",  # 오지 않는 출력을 기다리는 것
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, run_tests_in: Callable[..., Any]) -> str:
    """멈추는 것들을 강좌의 시험과 똑같이 실행하고 화면에 나온 글을 돌려줍니다. 제한만 몇 초로 줄입니다."""
    folder = tmp_path_factory.mktemp("멈춤")
    tests = [f"def test_{name}():\n    {source}\n" for name, source in HANGS.items()]
    (folder / "test_planted.py").write_text(
        "\n".join([*tests, "def test_after():\n    assert True\n"]), encoding="utf-8"
    )
    cells = [nbformat.v4.new_code_cell(source) for source in ("1", HANGS["waits"])]
    for cell in cells:
        cell.execution_count = 1
    cells[0].outputs = [nbformat.v4.new_output("execute_result", data={"text/plain": "1"}, execution_count=1)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "planted.ipynb")
    shorter = folder / "conftest.py"
    shorter.write_text("import pytest\ndef pytest_collection_modifyitems(items):\n    for item in items:\n"
                       "        if item.path.suffix == '.py':\n            item.add_marker(pytest.mark.timeout(1))\n")  # fmt: skip
    done = run_tests_in(folder, "--nbval-cell-timeout=10", "-rA", COLUMNS="200")
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", HANGS)
def test_a_test_that_hangs_is_named(said: str, name: str) -> None:
    (line,) = [
        line for line in said.splitlines() if line.startswith("FAILED ") and f"test_planted.py::test_{name}" in line
    ]
    assert "Timeout" in line


def test_a_cell_that_hangs_is_named(said: str) -> None:
    (line,) = [line for line in said.splitlines() if line.startswith("FAILED ") and "planted.ipynb" in line]
    assert "planted.ipynb::Cell 1" in line
    assert "Timeout of 10 seconds" in said


def test_what_does_not_hang_still_runs(said: str) -> None:
    passed = [line for line in said.splitlines() if line.startswith("PASSED ")]
    assert any("test_planted.py::test_after" in line for line in passed)
    assert any("planted.ipynb::Cell 0" in line for line in passed)


def test_the_cells_limit_comes_first(root: Path) -> None:
    """셀의 제한이 먼저여야 노트북과 셀의 이름이 나옵니다. 첫 셀의 시간에는 커널이 뜨는 시간도 들어갑니다."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    seconds = dict(option.split("=") for option in settings["addopts"] if "timeout=" in option)
    assert len(seconds) == 2
    assert sum(map(int, seconds.values())) < settings["timeout"]
