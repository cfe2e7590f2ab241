"""수업 11의 연습: 틀린 답에는 무엇이 틀렸는지 말합니다. 풀이와 빈칸은 test_exercises.py가 봅니다."""

from __future__ import annotations

from typing import Any

import pytest

import llmkit
from tests.lessons.exercises import wrong


@pytest.mark.parametrize(
    ("message", "said"),
    [({"role": "assistant", "content": "안녕"}, "역할"), ("안녕", "딕셔너리")],
)
def test_wrong_messages(message: Any, said: str) -> None:
    assert said in wrong("11-1", message)


def test_another_right_message() -> None:
    assert llmkit.check("11-1", dict(role="user", content="다른 질문")).passed
