"""수업 07의 봇은 진짜 프로그램입니다. 그리고 수업이 SDK에 대해 하는 말은 설치된 SDK에서 참입니다."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anthropic
import openai
import pytest

from tests.lessons.bot_runs import recorded

ROOT = Path(__file__).parents[2]
QUESTIONS = ["제 이름은 민지예요. 추리 소설을 좋아해요.", "비 오는 날 읽을 책을 골라 주세요."]


@pytest.fixture
def bot(tmp_path: Path) -> Callable[..., str]:
    """노트북의 셀이 쓰는 봇을 키 없는 학습자처럼 실행합니다. 돌려주는 것은 출력입니다."""
    cells = json.loads((ROOT / "notebooks/07_conversation.ipynb").read_text(encoding="utf-8"))["cells"]
    (cell,) = [cell for cell in cells if cell["id"] == "bot-write"]
    names: dict[str, object] = {"Path": lambda name: tmp_path / name}
    exec("".join(cell["source"]), names)

    def run(*questions: str, arguments: tuple[str, ...] = (), **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "bot_07.py", *arguments],
            input="\n".join(questions), cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "LLMKIT_MODE": "replay"} | environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def is_in(said: str, question: str) -> bool:
    return any(answer in said for answer in recorded("07", question))


def test_the_bot_answers_and_ends_with_its_input(bot: Callable[..., str]) -> None:
    said = bot(*QUESTIONS)
    assert is_in(said, QUESTIONS[0]) and is_in(said, QUESTIONS[1]) and said.endswith("주고받은 턴: 2\n")


def test_a_question_without_an_answer_leaves_no_trace(bot: Callable[..., str]) -> None:
    said = bot(QUESTIONS[0], "오늘 기분이 어때요?", "", QUESTIONS[1])
    assert "저장된 응답이 없습니다" in said and is_in(said, QUESTIONS[1]) and said.endswith("주고받은 턴: 2\n")


def test_the_bot_remembers_across_runs(bot: Callable[..., str], tmp_path: Path) -> None:
    bot(QUESTIONS[0], arguments=("chat.json",))
    assert is_in(bot(QUESTIONS[1], arguments=("chat.json",)), QUESTIONS[1])
    roles = [message["role"] for message in json.loads((tmp_path / "chat.json").read_text(encoding="utf-8"))]
    assert roles == ["developer", "user", "assistant", "user", "assistant"]


def test_the_bot_outlives_a_failed_call(bot: Callable[..., str]) -> None:
    said = bot(*QUESTIONS, LLMKIT_MODE="live", OPENAI_API_KEY="x" * 20, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert said.count("대화에 남기지 않습니다") == 2 and said.endswith("주고받은 턴: 0\n")


def test_what_only_some_apis_take() -> None:
    with pytest.raises(TypeError, match="truncation"):
        openai.OpenAI(api_key="x").chat.completions.create(model="m", messages=[], truncation="auto")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="context_management"):
        anthropic.Anthropic(api_key="x").messages.create(  # type: ignore[call-overload]
            model="m", max_tokens=1, messages=[], context_management={}
        )
