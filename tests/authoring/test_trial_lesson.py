"""수업 하나를 더하고 빼는 일이 명령 몇 개로 끝나는가: 사본에 수업 99를 더해 검사하고, 지운 뒤 흔적이 없는지 봅니다."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

STREAM = """\
from openai import OpenAI

client, model = OpenAI(), llmkit.model("openai")
stream = client.chat.completions.create(
    model=model, messages=[{"role": "user", "content": "새 수업에 인사해 주세요."}], stream=True
)
result = llmkit.display_stream(stream)
"""
ERROR = """\
client.chat.completions.create(model="gpt-4.1-nano", messages=[{"role": "user", "content": "안녕하세요?"}])
"""


@pytest.fixture
def copy(tmp_path: Path, root: Path) -> Path:
    """깃이 아는 파일만 든 사본."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (root / name).is_file():
            target = tmp_path / "course" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target)
    return tmp_path / "course"


def run(copy: Path, *arguments: str) -> str:
    """사본에서 `python -m …`을 실행해 나온 글을 돌려줍니다. 0으로 끝나지 않으면 실패입니다."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=copy, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def tree(folder: Path) -> dict[str, str]:
    """파일마다 내용의 지문."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def write_the_lesson(copy: Path) -> None:
    """견본의 호출 셀을 스트림으로 바꾸고, 일부러 실패하는 셀을 더합니다."""
    path = copy / "notebooks" / "99_trial.ipynb"
    notebook = nbformat.read(path, as_version=4)
    (place,) = [at for at, cell in enumerate(notebook.cells) if cell["id"] == "call"]
    notebook.cells[place].source = STREAM.strip()
    failing = nbformat.v4.new_code_cell(ERROR.strip(), metadata={"tags": ["raises-exception"]}, id="error")
    notebook.cells.insert(place + 1, failing)
    nbformat.write(notebook, path)


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_lesson_is_added_by_commands_and_leaves_no_trace(copy: Path) -> None:
    before = tree(copy)
    run(copy, "tests.authoring", "new", "99_trial")
    write_the_lesson(copy)
    by_hand = tree(copy).keys() - before.keys()
    assert len(by_hand) == 4 and all(tree(copy)[name] == before[name] for name in before)

    run(copy, "tests.authoring", "record", "99")
    run(copy, "tests.authoring", "tables")
    assert "passed" in run(copy, "tests.authoring", "check", "99")
    assert "[99 새 수업](notebooks/99_trial.ipynb)" in (copy / "README.md").read_text(encoding="utf-8")
    page = (copy / "docs" / "instructor.md").read_text(encoding="utf-8")
    assert page.count("[99_trial](../notebooks/99_trial.ipynb)") == 2
    assert "99_trial" in run(copy, "llmkit", "doctor")
    assert "99_trial: " in run(copy, "llmkit", "estimate")
    assert "응답 2개" in run(copy, "llmkit", "drift", "99")

    made = tree(copy).keys() - before.keys()
    assert made - by_hand == {"llmkit/cassettes/99_trial.json"}
    for name in made:
        (copy / name).unlink()
    run(copy, "tests.authoring", "tables")
    assert tree(copy) == before
