"""수업 01의 봇은 진짜 프로그램입니다."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lessons.bots import NOWHERE, Bot, recorded
from tests.loopback import Loopback

SATURDAY = "토요일에도 문을 여나요?"


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot("01", tmp_path)


def test_the_same_question_has_the_same_answer_and_a_miss_is_no_end(bot: Bot) -> None:
    first, missed, again, *_ = bot.say(SATURDAY, "오늘 기분이 어때요?", SATURDAY)
    assert first in recorded("01", SATURDAY) and first == again
    assert "저장되지 않은 질문" in missed


@pytest.mark.parametrize("word", ["", "끝"])
def test_an_empty_line_or_the_word_ends_it(bot: Bot, word: str) -> None:
    assert bot.say(word, SATURDAY) == ["안녕히 가세요."]


def test_it_outlives_a_wrong_key(bot: Bot) -> None:
    with Loopback(lambda handler: handler.send(b'{"error": {"message": "no"}}', status=401)) as server:
        wrong = NOWHERE | {"OPENAI_BASE_URL": server.url}
        assert bot.say(SATURDAY, **wrong)[0] == "답을 받지 못했습니다. AuthenticationError"
