"""모든 수업의 봇은 진짜 프로그램입니다: 어떻게 끝내도, 무엇을 물어도, 서버가 없어도 멈추거나 놀라게 하지 않습니다."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.lessons.bots import NOWHERE, Bot, code_cells
from tests.lessons.exercises import NOTEBOOKS

# 10의 봇은 묻지 않고 파일을 읽습니다(test_lesson_10.py).
LESSONS = [
    number
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    if "input(" in code_cells(number := path.stem[:2]).get("bot-write", "")
]
QUESTION = "아무도 묻지 않은 질문"


@pytest.fixture(params=LESSONS)
def bot(request: pytest.FixtureRequest, tmp_path: Path) -> Bot:
    return Bot(request.param, tmp_path)


def test_the_end_of_input_ends_it(bot: Bot) -> None:
    assert len(bot.say()) == 1


@pytest.mark.skipif(os.name == "nt", reason="SIGINT를 자식에게만 보낼 수 없습니다")
def test_ctrl_c_ends_it(bot: Bot) -> None:
    bot.interrupt()


def test_a_question_without_a_recording_is_told_once_and_it_goes_on(bot: Bot) -> None:
    first, second, *_ = bot.say(QUESTION, QUESTION)
    assert "저장" in first and first.splitlines()[0] == second.splitlines()[0]


def test_it_outlives_a_server_that_is_not_there(bot: Bot) -> None:
    first, second, *_ = bot.say(QUESTION, QUESTION, **NOWHERE)
    assert "APIConnectionError" in first and "APIConnectionError" in second
