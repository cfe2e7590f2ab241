"""노트북의 셀이 쓰는 봇을 진짜 프로그램으로, 키 없는 학습자처럼 실행합니다."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from llmkit.common.sse import documents
from llmkit.replay.cassette import Cassette
from llmkit.session import CASSETTES

ROOT = Path(__file__).parents[2]


def write_bot(lesson: str, folder: Path) -> Path:
    """`bot-write` 셀을 실행해 `folder`에 봇을 씁니다."""
    (notebook,) = (ROOT / "notebooks").glob(f"{lesson}_*.ipynb")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    (cell,) = [cell for cell in cells if cell["id"] == "bot-write"]
    exec("".join(cell["source"]).replace("from pathlib import Path", ""), {"Path": lambda name: folder / name})
    return folder / f"bot_{lesson}.py"


def run_bot(bot: Path, said: str, **environment: str) -> str:
    """표준 입력으로 `said`를 주고, 오류 없이 끝난 봇의 출력을 돌려줍니다."""
    done = subprocess.run(
        [sys.executable, bot.name], input=said, cwd=bot.parent, capture_output=True, encoding="utf-8", timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "LLMKIT_MODE": "replay"} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


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
