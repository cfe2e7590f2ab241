"""봇 테스트가 함께 쓰는 것: 수업의 셀이 쓰는 `bot_NN.py`를 키 없는 학습자처럼 프로그램으로 실행합니다."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.lessons.exercises import NOTEBOOKS

ROOT = NOTEBOOKS.parent
NOWHERE = {"LLMKIT_MODE": "live", "OPENAI_API_KEY": "x" * 20, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}


class Bot:
    """노트북의 셀이 쓰는 봇입니다. 셀이 앞의 셀에서 빌려 쓰는 이름은 `borrowed`에 적습니다."""

    def __init__(self, lesson: str, folder: Path, borrowed: tuple[str, ...] = ()) -> None:
        (path,) = NOTEBOOKS.glob(f"{lesson}_*.ipynb")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        (writes,) = [source for source in code if f'Path("bot_{lesson}.py").write_text' in source]
        names: dict[str, object] = {}
        for name in borrowed:
            names[name] = next(filter(None, (_assigned(source, name) for source in code)))
        exec(writes.replace('Path("bot_', 'Path(FOLDER, "bot_'), names | {"FOLDER": folder})
        self.file, self.folder = folder / f"bot_{lesson}.py", folder

    def start(self, **environment: str) -> subprocess.Popen[str]:
        """봇을 켭니다."""
        return subprocess.Popen(
            [sys.executable, self.file], cwd=self.folder, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "LLMKIT_MODE": "replay"} | environment,
        )  # fmt: skip

    def say(self, *questions: str, **environment: str) -> list[str]:
        """질문을 넣고 입력을 끝냅니다. 돌려주는 것은 질문마다의 답과, 끝인사입니다."""
        running = self.start(**environment)
        said, errors = running.communicate("\n".join([*questions, ""]), timeout=60)
        assert running.returncode == 0, errors
        assert "Traceback" not in errors
        return [answer.strip() for answer in said.split("손님> ")[1:]]

    def interrupt(self) -> str:
        """봇이 질문을 기다릴 때 Ctrl-C를 누릅니다."""
        running = self.start()
        assert running.stdout
        shown = ""
        while not shown.endswith("손님> "):
            shown += running.stdout.read(1) or running.stdout.read()
        running.send_signal(signal.SIGINT)
        said, errors = running.communicate(timeout=60)
        assert running.returncode == 0, errors
        return said


def _assigned(source: str, name: str) -> str | None:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and any(isinstance(at, ast.Name) and at.id == name for at in node.targets):
            return ast.literal_eval(node.value)
    return None
