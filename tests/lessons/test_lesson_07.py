"""수업 07의 봇은 진짜 프로그램입니다. 그리고 수업이 SDK에 대해 하는 말은 설치된 SDK에서 참입니다."""

from __future__ import annotations

import json
from pathlib import Path

import anthropic
import openai
import pytest

from tests.lessons.bots import NOWHERE, Bot, recorded

QUESTIONS = ["제 이름은 민지예요. 추리 소설을 좋아해요.", "비 오는 날 읽을 책을 골라 주세요."]


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot("07", tmp_path)


def is_in(said: str, question: str) -> bool:
    return any(answer in said for answer in recorded("07", question))


def test_the_bot_answers_and_ends_with_its_input(bot: Bot) -> None:
    said = "\n".join(bot.say(*QUESTIONS))
    assert is_in(said, QUESTIONS[0]) and is_in(said, QUESTIONS[1]) and said.endswith("주고받은 턴: 2")


def test_a_question_without_an_answer_leaves_no_trace(bot: Bot) -> None:
    said = "\n".join(bot.say(QUESTIONS[0], "오늘 기분이 어때요?", "", QUESTIONS[1]))
    assert "저장된 응답이 없습니다" in said and is_in(said, QUESTIONS[1]) and said.endswith("주고받은 턴: 2")


def test_the_bot_remembers_across_runs(bot: Bot, tmp_path: Path) -> None:
    bot.say(QUESTIONS[0], arguments=("chat.json",))
    assert is_in(bot.say(QUESTIONS[1], arguments=("chat.json",))[0], QUESTIONS[1])
    roles = [message["role"] for message in json.loads((tmp_path / "chat.json").read_text(encoding="utf-8"))]
    assert roles == ["developer", "user", "assistant", "user", "assistant"]


def test_the_bot_outlives_a_failed_call(bot: Bot) -> None:
    said = "\n".join(bot.say(*QUESTIONS, **NOWHERE))
    assert said.count("대화에 남기지 않습니다") == 2 and said.endswith("주고받은 턴: 0")


def test_what_only_some_apis_take() -> None:
    with pytest.raises(TypeError, match="truncation"):
        openai.OpenAI(api_key="x").chat.completions.create(model="m", messages=[], truncation="auto")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="context_management"):
        anthropic.Anthropic(api_key="x").messages.create(  # type: ignore[call-overload]
            model="m", max_tokens=1, messages=[], context_management={}
        )
