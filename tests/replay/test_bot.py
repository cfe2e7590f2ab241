"""스크립트로 만든 챗봇: `input()` 하나가 한 번의 질문이고, 저장되지 않은 질문에도 이어서 물을 수 있습니다."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from llmkit.replay.cassette import Cassette
from llmkit.session import CASSETTES

BOT = """
import llmkit
from openai import OpenAI
llmkit.setup("01_basics", mode="replay", pace=0)
client = OpenAI()
while True:
    question = input("> ")
    request = dict(BODY, messages=[*BODY["messages"][:-1], {"role": "user", "content": question}])
    try:
        print("봇:", client.chat.completions.create(**request).choices[0].message.content)
    except llmkit.CassetteMiss as miss:
        print(miss)
"""


@pytest.fixture
def bot(tmp_path: Path) -> tuple[Path, str]:
    """챗봇의 파일과, 답이 저장된 질문 하나."""
    body = next(
        exchange.body
        for exchange in Cassette.load(CASSETTES / "01_basics.json").exchanges
        if (exchange.provider, exchange.path, exchange.status) == ("openai", "/chat/completions", 200)
        and not exchange.body.get("stream")
        and exchange.body["messages"][-1]["role"] == "user"
    )
    file = tmp_path / "bot.py"
    file.write_text(f"BODY = {body!r}\n{BOT}", encoding="utf-8")
    return file, body["messages"][-1]["content"]


def start(file: Path) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_TOKEN"))}
    env |= {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, str(file)], env=env, cwd=file.parent, text=True, encoding="utf-8", **pipes)


def test_a_miss_lists_the_questions_and_the_same_question_is_answered_twice(bot: tuple[Path, str]) -> None:
    file, question = bot
    out, errors = (process := start(file)).communicate(f"{question}\n없는 질문\n{question}\n", timeout=60)
    answers = [line for line in out.splitlines() if "봇:" in line]
    assert len(answers) == 2 and answers[0] == answers[1], out + errors
    assert "저장된 질문:" in out and f"  - {question[:20]}" in out
    assert process.returncode == 0 and "끝냅니다." in errors and "Traceback" not in errors
    assert "저장되지 않은 질문" not in errors  # 봇이 이미 말했습니다.


def test_ctrl_c_ends_it_without_a_traceback(bot: tuple[Path, str]) -> None:
    process = start(bot[0])
    assert process.stdout
    while process.stdout.read(1) != ">":  # 첫 질문을 기다릴 때까지
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "끝냅니다." in errors and "Traceback" not in errors and process.returncode == 130


def test_another_end_of_file_is_not_hidden(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("import llmkit\nllmkit.setup()\nimport pickle\npickle.loads(b'')\n", encoding="utf-8")
    _, errors = start(file).communicate(timeout=60)
    assert "Traceback" in errors and "EOFError" in errors
