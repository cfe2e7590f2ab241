"""봇 테스트가 함께 쓰는 것: 수업의 셀이 쓰는 `bot_NN.py`를 키 없는 학습자처럼 진짜 프로그램으로 실행합니다."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from llmkit.common.sse import documents
from llmkit.replay.cassette import Cassette
from llmkit.session import CASSETTES
from tests.lessons.exercises import NOTEBOOKS

ROOT = NOTEBOOKS.parent
NOWHERE = {"LLMKIT_MODE": "live", "OPENAI_API_KEY": "x" * 20, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}


def code_cells(lesson: str) -> dict[str, str]:
    """수업의 코드 셀: id와 소스."""
    (path,) = NOTEBOOKS.glob(f"{lesson}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {cell["id"]: "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"}


class Bot:
    """노트북의 `bot-write` 셀이 쓰는 봇입니다. 그 셀이 앞의 셀에서 빌려 쓰는 문자열은 노트북에서 찾습니다."""

    def __init__(self, lesson: str, folder: Path) -> None:
        cells = code_cells(lesson)
        writes = re.sub(r"\A(#.*\n)?from pathlib import Path\n", "", cells["bot-write"])
        names = {"Path": lambda name: folder / name}
        exec(writes, _literals([source for name, source in cells.items() if name != "bot-write"]) | names)
        self.file, self.folder = folder / f"bot_{lesson}.py", folder
        (self.prompt,) = re.findall(r'input\("([^"]+)"\)', self.file.read_text(encoding="utf-8"))

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """봇을 켭니다."""
        return subprocess.Popen(
            [sys.executable, self.file, *arguments], cwd=self.folder, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "LLMKIT_MODE": "replay"} | environment,
        )  # fmt: skip

    def say(self, *questions: str, arguments: tuple[str, ...] = (), **environment: str) -> list[str]:
        """질문을 넣고 입력을 끝냅니다. 돌려주는 것은 질문마다의 답과, 끝인사입니다."""
        running = self.start(*arguments, **environment)
        said, errors = running.communicate("\n".join([*questions, ""]), timeout=60)
        assert running.returncode == 0, errors
        assert "Traceback" not in errors and "CassetteMiss" not in errors, errors
        return [answer.strip() for answer in said.split(self.prompt)[1:]]

    def interrupt(self) -> str:
        """봇이 질문을 기다릴 때 Ctrl-C를 누릅니다."""
        running = self.start(PYTHONUNBUFFERED="1")
        assert running.stdout
        shown = ""
        while not shown.endswith(self.prompt):
            shown += running.stdout.read(1) or running.stdout.read()
        running.send_signal(signal.SIGINT)
        said, errors = running.communicate(timeout=60)
        assert running.returncode == 0, errors
        assert "Traceback" not in errors, errors
        return said


def recorded(lesson: str, question: str) -> list[str]:
    """카세트에서 `question`이 마지막 질문인 요청들의 답입니다. 다시 녹화하면 말이 달라지므로 테스트에 적어 두지 않습니다."""
    (file,) = CASSETTES.glob(f"{lesson}_*.json")
    answers = []
    for exchange in Cassette.load(file).exchanges:
        messages = exchange.body.get("messages") if isinstance(exchange.body, dict) else None
        if exchange.path == "/chat/completions" and messages and messages[-1].get("content") == question:
            choices = [each for found in documents(exchange.payload) for each in found.get("choices", [])]
            answers.append("".join((one.get("message") or one["delta"]).get("content") or "" for one in choices))
    return [answer for answer in answers if answer]


def _literals(sources: list[str]) -> dict[str, object]:
    """셀들이 정하는 문자열 변수입니다. 같은 이름은 처음 것입니다."""
    found: dict[str, object] = {}
    plain = [source for source in sources if "%pip" not in source]  # 주소를 찍은 사본의 설치 셀은 파이썬이 아닙니다.
    for node in (node for source in plain for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                found.setdefault(node.targets[0].id, node.value.value)
    return found
