"""수업 03의 연습: 풀이는 통과하고, 빈칸은 빈칸이라 하고, 틀린 답에는 무엇이 틀렸는지 말합니다."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lessons.exercises import exercises, refused, run, wrong

LESSON = exercises("03")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"stream": True, "stream_options": {"include_usage": False}}, "보내지 말라는"),
        ({"stream": True, "stream_options": {"include_usage": "True"}}, "켜고 끄는 값"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "켜고 끄는 값"),
        ({"stream": False, "stream_options": {"include_usage": True}}, "stream"),
        ({"stream": True}, "stream_options"),
        (True, "딕셔너리"),
    ],
)
def test_wrong_arguments(arguments: Any, said: str) -> None:
    assert said in wrong("03-1", arguments)


def test_collect_that_trusts_the_last_chunk() -> None:
    def collect(chunks: Any) -> dict[str, Any]:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        last = [chunk for chunk in chunks if chunk.choices][-1]
        usage = chunks[-1].usage
        return {"text": text, "finish_reason": last.choices[0].finish_reason or "stop", "output_tokens": usage}

    said = wrong("03-2", collect)
    assert "도중에 끊긴 스트림" in said and "온전한 스트림" in said


@pytest.mark.parametrize(
    ("collect", "said"),
    [
        (lambda chunks: "".join(chunk.choices[0].delta.content for chunk in chunks), "예외가 났습니다"),
        (lambda chunks: {"text": ""}, "딕셔너리를 돌려주어야"),
        (lambda chunks: {"text": "", "finish_reason": None, "output_tokens": 0}, "output_tokens"),
        (lambda chunks: None, "return"),
        ("collect", "함수 자체"),
    ],
)
def test_wrong_collect(collect: Any, said: str) -> None:
    assert said in wrong("03-2", collect)


def test_the_old_tutorials_turn_adds_the_previous_answer() -> None:
    def turn(history: list, question: str, stream_reply: Any) -> list:
        previous = history[-1]
        "".join(stream_reply(history + [{"role": "user", "content": question}]))
        return history + [{"role": "user", "content": question}, previous]

    assert "지난번 답을 덧붙였습니다" in wrong("03-3", turn)


def test_what_is_handed_over_may_be_called_by_name() -> None:
    def turn(history: list, question: str, stream_reply: Any) -> list:
        messages = [*history, {"role": "user", "content": question}]
        return [*messages, {"role": "assistant", "content": "".join(stream_reply(messages=messages))}]

    assert not refused("03-3", [turn])


def test_a_turn_that_spoils_the_history() -> None:
    def turn(history: list, question: str, stream_reply: Any) -> list:
        history.append({"role": "user", "content": question})
        history.append({"role": "assistant", "content": "".join(stream_reply(history))})
        return history

    said = wrong("03-3", turn)
    assert "`turn` 함수가 받은 것이 바뀌었습니다" in said


def test_a_turn_that_hides_the_break() -> None:
    def turn(history: list, question: str, stream_reply: Any) -> list:
        messages = history + [{"role": "user", "content": question}]
        answer = ""
        try:
            for piece in stream_reply(messages):
                answer += piece
        except Exception:
            pass
        return messages + [{"role": "assistant", "content": answer}]

    assert "예외가 나오지 않았습니다" in wrong("03-3", turn)


def test_a_reason_that_a_later_chunk_wipes_out() -> None:
    careless = LESSON["03-2"].solution.replace(" or finish_reason", "")
    assert careless != LESSON["03-2"].solution
    result, _ = run(careless)
    assert "온전한 스트림에서 \"finish_reason\"의 값은 'stop'" in repr(result)


def test_usage_that_shares_a_chunk_with_the_reason() -> None:
    careless = LESSON["03-2"].solution.replace("        if chunk.usage:", "        elif chunk.usage:")
    assert careless != LESSON["03-2"].solution
    result, _ = run(careless)
    assert 'usage가 끝난 이유와 함께 온 스트림에서 "output_tokens"의 값은 7' in repr(result)
    assert "온전한 스트림" not in repr(result)
