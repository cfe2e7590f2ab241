"""그림: 대화의 그림은 호출마다 보낸 메시지를 그립니다."""

from __future__ import annotations

from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

import llmkit
from llmkit.display import pictures

SYSTEM, USER, MODEL = ({"role": role, "content": "글"} for role in ("system", "user", "assistant"))
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1"}]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "4"}


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        ([SYSTEM, USER, MODEL, USER, MODEL, USER], "2, 4, 6개"),
        ([USER, MODEL], "1개"),
        ([{"role": "developer"}, USER, CALL, RESULT], "2, 4개"),
        ([USER, CALL, RESULT, RESULT, CALL, RESULT, MODEL, USER], "1, 4, 6, 8개"),
    ],
)
def test_a_call_ends_before_what_the_model_wrote(messages: list[dict], sent: str) -> None:
    assert f"메시지의 수는 {sent}" in repr(llmkit.picture("conversation", messages))


def test_calls_and_results_have_names_of_their_own() -> None:
    drawn = llmkit.picture("conversation", [SYSTEM, USER, CALL, RESULT]).svg
    assert [drawn.count(f">{name}<") for name in ("시스템", "사용자", "부탁", "결과", "모델")] == [2, 2, 1, 1, 0]


@pytest.mark.parametrize("odd", ["\x1b", "\x0c", "\x00", "\ufffe", "\ud83d"])
def test_a_letter_that_no_picture_can_hold_is_shown_as_one(odd: str) -> None:
    """토큰의 조각에는 제어 문자나 반쪽 글자도 있습니다. 그대로 두면 그림 전체가 보이지 않습니다."""
    shown = pictures.as_image(pictures.drawing(9, "글", [pictures._text(0, 0, f"a{odd}b")]), "글")
    ElementTree.fromstring(unquote(shown.split("data:image/svg+xml,")[1].split('"')[0]))
    assert "a%EF%BF%BDb" in shown
