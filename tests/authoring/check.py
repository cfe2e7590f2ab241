"""수업 하나의 검사: 글(lint)을 먼저 보고, 깨끗하면 그 수업의 테스트를 실행합니다. 아무것도 쓰지 않습니다."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from llmkit.commands.lock import why_not

from . import lint

ROOT = Path(__file__).resolve().parents[2]


def find_notebook(number: str) -> Path:
    """번호가 `number`("01")인 노트북. 하나가 아니거나, 그 수업에 더 필요한 것이 없으면 `ValueError`를 던집니다."""
    found = sorted((ROOT / "notebooks").glob(f"{number}_*.ipynb"))
    if len(found) != 1:
        raise ValueError(f"notebooks에 {number}_*.ipynb가 하나 있어야 하는데 {len(found)}개입니다.")
    if problem := why_not(found[0]):
        raise ValueError(f"다른 환경에서 실행하세요. {problem}")
    return found[0]


def check(number: str) -> int:
    """문제가 없으면 0을 돌려줍니다."""
    notebook = find_notebook(number)
    if problems := lint.lint(notebook):
        print("\n".join(problems))
        return 1
    print(f"{notebook.name}: 글에서 고칠 곳을 찾지 못했습니다. 테스트를 실행합니다.", flush=True)
    tests = [notebook, *sorted((ROOT / "tests" / "lessons").glob(f"test_*_{number}.py"))]
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", *tests], cwd=ROOT).returncode
    of_all = ROOT / "tests" / "lessons"  # 모든 수업을 훑는 테스트에서 이 수업의 것만
    names = f"{notebook.stem} or {number}-"
    every = [sys.executable, "-m", "pytest", "-q", of_all / "test_exercises.py", of_all / "test_live.py", "-k", names]
    return ran or subprocess.run(every, cwd=ROOT).returncode
