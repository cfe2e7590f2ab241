"""수업 03의 봇은 진짜 프로그램입니다. 답이 도중에 끊겨도 다음 질문을 받습니다."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lessons.bots import NOWHERE, Bot, recorded
from tests.loopback import Loopback

HOURS, WAY = "오늘은 몇 시까지 여나요?", "책방까지 가는 길을 알려 주세요."


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot("03", tmp_path)


def test_a_broken_answer_is_marked_and_the_next_one_is_whole(bot: Bot) -> None:
    broken, whole, *_ = bot.say(WAY, HOURS)
    assert broken.startswith(recorded("03", WAY)[0][:5]) and "도중에 끊겼습니다" in broken
    assert whole in recorded("03", HOURS)


def test_the_same_question_has_the_same_answer_and_a_miss_is_no_end(bot: Bot) -> None:
    first, missed, again, *_ = bot.say(HOURS, "오늘 기분이 어때요?", HOURS)
    assert first == again and first in recorded("03", HOURS) and "저장되지 않은 질문" in missed


@pytest.mark.parametrize("word", ["", "끝"])
def test_an_empty_line_or_the_word_ends_it(bot: Bot, word: str) -> None:
    assert bot.say(word, HOURS) == ["안녕히 가세요."]


def test_it_outlives_a_failed_call_and_a_wrong_key(bot: Bot) -> None:
    assert bot.say(HOURS, **NOWHERE)[0].endswith("APIConnectionError")
    with Loopback(lambda handler: handler.send(b'{"error": {"message": "no"}}', status=401)) as server:
        assert bot.say(HOURS, **(NOWHERE | {"OPENAI_BASE_URL": server.url}))[0].endswith("AuthenticationError")
