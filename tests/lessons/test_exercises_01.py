"""수업 01의 연습: 노트북에 적힌 풀이는 통과하고, 빈칸은 빈칸이라 하고, 틀린 답에는 무엇이 틀렸는지 말합니다."""

from __future__ import annotations

import copy
from enum import StrEnum
from typing import Any

import pytest

import llmkit
from tests.lessons.exercises import exercises, run, wrong

FOUND = exercises("01")


@pytest.mark.parametrize(
    ("exercise", "blanks"),
    [
        ("01-1", ('messages[2]["role"]',)),
        ("01-2", ('read의 결과["finish_reason"]', 'read의 결과["total_tokens"]')),
        ("01-3", ("labels[0]",)),
    ],
)
def test_a_blank_is_named_as_the_learner_sees_it(exercise: str, blanks: tuple[str, ...]) -> None:
    result, _ = run(FOUND[exercise].stub)
    assert result.blanks == blanks


def test_blanks_left_in_functions_are_found_after_the_labels_are_filled() -> None:
    result, _ = run(FOUND["01-3"].stub.replace("labels = [...]", 'labels = ["예", "아니요"]'))
    assert result.blanks == ("build_messages의 결과",)


def test_an_unknown_exercise_names_the_near_ones() -> None:
    with pytest.raises(LookupError, match="없는 연습입니다: .01-9.*01-"):
        llmkit.check("01-9", None)


# 01-1 ---------------------------------------------------------------------------------------------------


@pytest.fixture
def messages() -> list[dict[str, Any]]:
    return copy.deepcopy(run(FOUND["01-1"].solution)[1]["messages"])


@pytest.mark.parametrize(
    ("role", "said"),
    [
        ("user", "손님의 말이 아니라"),
        ("developer", "지시가 아닙니다"),
        ("system", "지시가 아닙니다"),
        ("Assistant", "없는 역할"),
        ("bot", "없는 역할"),
        (None, "없는 역할"),
        (["assistant"], "없는 역할"),
    ],
)
def test_wrong_role(messages: list[dict[str, Any]], role: Any, said: str) -> None:
    messages[2]["role"] = role
    assert said in wrong("01-1", messages)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"role": "assistant", "content": "시-1"}, "대괄호"),
        ([], "대괄호"),
        ("assistant", "대괄호"),
        ([{"role": "assistant"}], '"content"'),
        ([{"role": "user", "content": "코스모스"}], "4개"),
        ([{"role": "assistant", "content": " "}], "비어"),
    ],
)
def test_wrong_shape_of_messages(answer: Any, said: str) -> None:
    assert said in wrong("01-1", answer)


def test_other_lines_must_stay(messages: list[dict[str, Any]]) -> None:
    messages[1]["role"] = "assistant"
    assert "처음대로 user" in wrong("01-1", messages)


# 01-2 ---------------------------------------------------------------------------------------------------


def correct(response: Any) -> dict[str, Any]:
    return {
        "text": response.choices[0].message.content,
        "finish_reason": response.choices[0].finish_reason,
        "total_tokens": response.usage.total_tokens,
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: {"total_tokens": r.usage.completion_tokens}, "출력 토큰만"),
        (lambda r: {"total_tokens": r.usage.prompt_tokens}, "입력 토큰만"),
        (lambda r: {"total_tokens": r.usage}, "usage 객체를 통째로"),
        (lambda r: {"total_tokens": str(r.usage.total_tokens)}, '"total_tokens"'),
        (lambda r: {"text": r.choices[0].message}, "message 객체"),
        (lambda r: {"text": r.choices[0].message.content[:20]}, "저장된 응답의 값은"),
        (lambda r: {"finish_reason": "stop"}, "'length'"),
        (lambda r: {"finish_reason": None}, "'stop'"),
    ],
)
def test_wrong_field(change: Any, said: str) -> None:
    assert said in wrong("01-2", lambda response: correct(response) | change(response))


def test_a_response_that_the_learner_changed_does_not_change_what_is_right() -> None:
    def read(response: Any) -> dict[str, Any]:
        response.choices[0].message.content = "고친 글"
        return correct(response)

    assert '"text"' in wrong("01-2", read)


def test_a_missing_key_is_named_with_its_meaning() -> None:
    shown = wrong("01-2", lambda response: {"text": response.choices[0].message.content})
    assert '"finish_reason"(끝난 이유)' in shown and '"total_tokens"(토큰의 합계)' in shown
    assert "2군데" in shown


def test_reading_an_outer_variable_is_recognised() -> None:
    fixed = {"text": "API는 약속입니다.", "finish_reason": "stop", "total_tokens": 40}
    assert "함수 밖의 변수" in wrong("01-2", lambda response: fixed)


def test_an_exception_is_shown_with_its_line_in_the_cell() -> None:
    _, names = run("def read(response):\n    found = response\n    return found['choices']\n\n\nread")
    shown = wrong("01-2", names["read"])
    assert "3번째 줄" in shown and "TypeError" in shown and "not subscriptable" in shown


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"text": "글"}, "함수 자체"),
        (lambda response: None, "return"),
        (lambda response: ("글", "stop", 30), "딕셔너리"),
        (lambda: {}, "TypeError"),  # noqa: PIE807 - 인자를 받지 않는 함수
    ],
)
def test_not_a_function_that_returns_a_dict(answer: Any, said: str) -> None:
    assert said in wrong("01-2", answer)


# 01-3 ---------------------------------------------------------------------------------------------------

LABELS = ["배송", "환불"]


def build(text: str) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "배송 또는 환불로만 답합니다."},
        {"role": "user", "content": "언제 오나요?"},
        {"role": "assistant", "content": "배송"},
        {"role": "user", "content": "돈을 돌려주세요."},
        {"role": "assistant", "content": "환불"},
        {"role": "user", "content": f"문의: {text}"},
    ]


def parse(answer: str) -> str | None:
    return answer.strip() if answer.strip() in LABELS else None


def task(**changes: Any) -> dict[str, Any]:
    return {"labels": LABELS, "build_messages": build, "read_label": parse} | changes


def test_any_task_of_the_learners_own_passes() -> None:
    assert llmkit.check("01-3", task()).passed


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("배송", "목록"),
        ([], "두 개 이상"),
        (["배송", "배송"], "서로 다른"),
        (["배송", " 환불"], "공백"),
        ([1, 2], "문자열"),
    ],
)
def test_wrong_labels(labels: Any, said: str) -> None:
    assert said in wrong("01-3", task(labels=labels))


def test_labels_may_be_a_set_or_members_of_an_enum() -> None:
    assert llmkit.check("01-3", task(labels=set(LABELS))).passed
    members = StrEnum("Label", [(f"label_{place}", label) for place, label in enumerate(LABELS)])
    assert llmkit.check("01-3", task(labels=list(members))).passed


def test_a_label_that_is_part_of_another_must_be_said_on_its_own() -> None:
    labels = ["배송 지연", "배송", "환불"]
    messages = [{"role": "system", "content": "배송 지연, 환불 가운데 하나로만 답합니다."}]
    for label in labels:
        messages += [{"role": "user", "content": f"{label}?"}, {"role": "assistant", "content": label}]

    def build_parts(text: str) -> list[dict[str, str]]:
        return [*messages, {"role": "user", "content": text}]

    def exact(answer: str) -> str | None:
        return answer.strip() if answer.strip() in labels else None

    def first_that_fits(answer: str) -> str | None:
        return next((label for label in sorted(labels) if answer.strip().startswith(label)), None)

    answer = {"labels": labels, "build_messages": build_parts, "read_label": exact}
    assert "지시에 없는 라벨이 있습니다: 배송." in wrong("01-3", answer)
    messages[0]["content"] = "배송 지연, 배송, 환불 가운데 하나로만 답합니다."
    assert llmkit.check("01-3", answer).passed
    assert "'배송 지연'이어야" in wrong("01-3", answer | {"read_label": first_that_fits})


def changed(position: int, **change: str) -> Any:
    def build_changed(text: str) -> list[dict[str, str]]:
        messages = build(text)
        messages[position] |= change
        return messages

    return build_changed


@pytest.mark.parametrize(
    ("builder", "said"),
    [
        (changed(0, role="user"), "첫 메시지는 지시"),
        (changed(0, content="분류합니다."), "지시에 없는 라벨이 있습니다: 배송, 환불"),
        (changed(2, role="user"), "번갈아"),
        (changed(2, content="배송 문의입니다"), "글자까지 같아야"),
        (changed(4, content="배송"), "예시가 없는 라벨이 있습니다: 환불"),
        (changed(-1, content="늘 같은 글"), "넘겨받은 텍스트"),
        (changed(-1, role="assistant"), "마지막 메시지는 user"),
        (lambda text: build(text)[:1] + build(text)[-1:], "예시가 없는 라벨"),
        (lambda text: str(build(text)), "대괄호"),
        (lambda text: None, "return"),
        (lambda text: build(texts), "NameError"),  # noqa: F821
    ],
)
def test_wrong_messages(builder: Any, said: str) -> None:
    assert said in wrong("01-3", task(build_messages=builder))


def test_a_list_that_grows_between_calls_is_recognised() -> None:
    kept = build("")[:-1]

    def growing(text: str) -> list[dict[str, str]]:
        kept.append({"role": "user", "content": text})
        return kept

    assert "새 목록" in wrong("01-3", task(build_messages=growing))


@pytest.mark.parametrize(
    ("parser", "said"),
    [
        (lambda answer: answer, "결과는 None이어야"),
        (lambda answer: next((label for label in LABELS if label in answer), None), "답변 속에 들어 있다고"),
        (lambda answer: answer if answer in LABELS else None, "결과는 '환불'이어야"),
        (lambda answer: LABELS[0], "'환불'이어야"),
        (lambda answer: LABELS[LABELS.index(answer.strip())], "ValueError"),
        ("배송", "함수 자체"),
    ],
)
def test_wrong_parser(parser: Any, said: str) -> None:
    assert said in wrong("01-3", task(read_label=parser))


def test_the_three_parts_are_asked_for_by_name() -> None:
    assert "labels, build_messages, read_label" in wrong("01-3", [LABELS, build, parse])
