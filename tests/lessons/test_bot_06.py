"""수업 06의 봇은 진짜 프로그램입니다: 답마다 비용을 한 줄로 말하고, 어떤 실패에도 멈추지 않습니다."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lessons.bots import NOWHERE, Bot

KNOWN = "토요일에는 몇 시까지 여나요?"


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot("06", tmp_path)


def test_every_answer_has_a_cost_and_the_total_grows(bot: Bot) -> None:
    said = "\n".join(bot.say(KNOWN, "", "아무도 묻지 않은 질문", KNOWN))
    each = re.findall(r"토큰, ([\d.]+)원, 모두 ([\d.]+)원", said)
    assert len(each) == 2 and float(each[0][0]) == float(each[0][1]) > 0
    assert float(each[1][1]) == pytest.approx(2 * float(each[0][1]), abs=2e-4)
    assert said.endswith(f"모두 {each[1][1]}원, 단가를 모르는 호출 0번")


def test_a_failed_call_costs_nothing_and_the_bot_goes_on(bot: Bot) -> None:
    said = "\n".join(bot.say(KNOWN, KNOWN, **NOWHERE))
    assert said.count("답을 받지 못했습니다: APIConnectionError") == 2 and "모두 0.0000원" in said
