"""수업 04의 봇은 진짜 프로그램입니다: 잠깐의 실패만 다시 보내고, 어떤 실패에도 멈추지 않습니다."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lessons.bots import NOWHERE, Bot

FINE, TWICE_DOWN, NO_MONEY = "글씨가 커서 좋아요.", "책갈피가 예뻐요.", "점원이 친절했어요."


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot("04", tmp_path)


def test_the_bot_retries_what_passes_and_tells_what_does_not(bot: Bot) -> None:
    passing, hopeless, fine, _ = bot.say(TWICE_DOWN, NO_MONEY, FINE)
    assert passing.count("다시 보냅니다: InternalServerError") == 2 and "책갈피를 칭찬하는" in passing
    assert "다시 보냅니다" not in hopeless and "RateLimitError, 코드 credit_balance_exhausted, 요청 ID req_" in hopeless
    assert "큰 글씨를 반기는" in fine


def test_a_review_without_a_recording_is_told_and_the_same_review_works_twice(bot: Bot) -> None:
    said = "\n".join(bot.say("아무도 묻지 않은 리뷰", "", FINE, FINE))
    assert said.count("큰 글씨를 반기는") == 2 and said.endswith("안녕히 가세요.")


def test_a_wrong_key_is_not_retried(bot: Bot) -> None:
    said = "\n".join(bot.say("포장이 꼼꼼했어요."))
    assert "고칠 실패: AuthenticationError, 코드 invalid_api_key" in said and "다시 보냅니다" not in said


def test_a_server_that_is_not_there_is_asked_three_times_and_the_bot_goes_on(bot: Bot) -> None:
    said = "\n".join(bot.say(FINE, FINE, **NOWHERE))
    assert said.count("다시 보냅니다: APIConnectionError") == 4 and said.count("고칠 실패: APIConnectionError") == 2
