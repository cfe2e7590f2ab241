"""수업 08의 연습: 틀린 답에는 무엇이 틀렸는지 말하고, 다르게 쓴 맞는 답은 통과합니다. 풀이와 빈칸도 여기서 봅니다(앞 절의 `Order`를 씁니다)."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from pydantic import BaseModel, Field, ValidationError

from tests.lessons.exercises import refused, wrong


class Order(BaseModel):
    title: str
    copies: int


def schema(**changes: Any) -> dict[str, Any]:
    kinds = {"title": "string", "copies": "integer", "gift": "boolean"}
    right = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in kinds.items()},
        "required": ["title", "copies", "gift"],
        "additionalProperties": False,
    }
    return {**right, **changes}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (schema(required=["title", "copies"]), "빠진 키가 있습니다: gift"),
        (schema(required=True), "목록입니다"),
        (schema(required="title copies gift"), "목록입니다"),
        (schema(required=["title", "copies", "gift", "memo"]), "두 번 적은 키"),
        (schema(additionalProperties=True), "`False`여야"),
        (schema(additionalProperties="False"), "`False`여야"),
        (schema(additionalProperties=0), "`False`여야"),
        (schema(properties={}), "그대로 두세요"),
        ({}, "딕셔너리"),
        ("gift", "딕셔너리"),
    ],
)
def test_wrong_schemas(answer: Any, why: str) -> None:
    assert why in wrong("08-1", answer)


def test_other_right_schemas() -> None:
    right = schema()
    listed = {**right, "required": list(right["properties"])}
    assert not refused("08-1", [listed, schema(required=("gift", "title", "copies"))])


@pytest.mark.parametrize(
    ("pay", "memo", "why"),
    [
        (str, str | None, "막아야 합니다"),
        (Annotated[str, Field(pattern="카드|현금")], str | None, "글자까지 같지"),
        (Literal["카드"], str | None, "'현금'"),
        (Literal["카드", "현금", None], str | None, "비울 수 없습니다"),
        (Literal["카드", "현금"], str, "`None`도 허용"),
        (Literal["카드", "현금"], None, "문자열을 허용"),
        (Literal["카드", "현금"], Any, "문자열이 아니므로"),
        (Literal["카드", "현금"], str | bool | None, "값 True"),
        (Literal["카드", "현금"], str | list[str] | None, "값 ['문 앞에']"),
        (Literal["카드", "현금"], Annotated[str, Field(max_length=4)] | None, "긴 메모"),
        (["카드", "현금"], str | None, "타입이 아닙니다"),
        (Literal["카드", "현금"], "str | None | 없음", "타입이 아닙니다"),
    ],
)
def test_wrong_types(pay: Any, memo: Any, why: str) -> None:
    assert why in wrong("08-2", {"pay": pay, "memo": memo})


def test_other_right_types() -> None:
    pays = [Literal["현금", "카드"], Union[Literal["카드"], Literal["현금"]]]  # noqa: UP007 - 학습자는 이렇게도 씁니다.
    pays += [Enum("Pay", {"card": "카드", "cash": "현금"})]  # JSON의 문자열을 받습니다.
    memos = [Optional[str], None | str]  # noqa: UP045
    assert not refused("08-2", [{"pay": pay, "memo": memo} for pay in pays for memo in memos])


# 08-3 ---------------------------------------------------------------------------------------------------


def parsed(choice: Any) -> str:
    try:
        Order.model_validate_json(choice.message.content or "")
    except ValidationError:
        return "invalid"
    return "ok"


def parses_first(choice: Any) -> str:
    if parsed(choice) == "ok":
        return "ok"
    return "cut" if choice.finish_reason == "length" else "refused" if choice.message.refusal else "invalid"


def forgets_the_filter(choice: Any) -> str:
    if choice.finish_reason == "length":
        return "cut"
    return "refused" if choice.message.refusal else parsed(choice)


def takes_empty_for_refused(choice: Any) -> str:
    if choice.finish_reason == "length":
        return "cut"
    return "refused" if not choice.message.content else parsed(choice)


def json_is_enough(choice: Any) -> str:
    if choice.finish_reason != "stop":
        return "cut" if choice.finish_reason == "length" else "refused"
    if choice.message.refusal:
        return "refused"
    return "ok" if (choice.message.content or "").startswith("{") else "invalid"


def keys_are_enough(choice: Any) -> str:
    if (reason := choice.finish_reason) != "stop":
        return "cut" if reason == "length" else "refused"
    try:
        found = json.loads(choice.message.content or "")
        return "ok" if found["title"] and found["copies"] else "invalid"
    except (ValueError, KeyError, TypeError):
        return "refused" if choice.message.refusal else "invalid"


@pytest.mark.parametrize(
    ("read", "why"),
    [
        (parsed, "도중에 잘린 JSON"),
        (parses_first, "우연히 읽히는"),
        (forgets_the_filter, "필터에 걸린"),
        (takes_empty_for_refused, "빈 답변"),
        (json_is_enough, "키가 빠진"),
        (keys_are_enough, "값의 타입이 다른"),
        (lambda choice: Order.model_validate_json(choice.message.content), "ValidationError"),
        (lambda choice: None, "return"),
        ("ok", "함수 자체"),
    ],
)
def test_wrong_reads(read: Any, why: str) -> None:
    assert why in wrong("08-3", read)


def test_other_right_reads() -> None:
    def matches(choice: Any) -> str:
        match choice.finish_reason, choice.message.refusal:
            case "length", _:
                return "cut"
            case ("content_filter", _) | (_, str()):
                return "refused"
        return parsed(choice)

    def by_table(choice: Any) -> str:
        early = {"length": "cut", "content_filter": "refused"}.get(choice.finish_reason)
        return early or ("refused" if choice.message.refusal is not None else parsed(choice))

    assert not refused("08-3", [matches, by_table])


# 08-4 ---------------------------------------------------------------------------------------------------


def repairs(
    messages: list, ask: Callable, tries: int, *, extra: int = 0, answer_too: bool = True, why_too: bool = True
) -> Any:
    messages, last = list(messages), None
    for _ in range(tries + extra):
        answer = ask(messages)
        try:
            return Order.model_validate_json(answer)
        except ValidationError as error:
            last = error
            messages += [{"role": "assistant", "content": answer}] if answer_too else []
            messages += [{"role": "user", "content": str(error) if why_too else "다시"}]
    raise last or ValueError("tries")


def forever(messages: list, ask: Callable, tries: int) -> Any:
    while True:
        try:
            return Order.model_validate_json(ask(messages))
        except ValidationError as error:
            messages = [*messages, {"role": "assistant", "content": "{}"}, {"role": "user", "content": str(error)}]


def in_place(messages: list, ask: Callable, tries: int) -> Any:
    answer = ask(messages)
    messages.append({"role": "assistant", "content": answer})
    return Order.model_validate_json(answer)


def gives_up_quietly(messages: list, ask: Callable, tries: int) -> Any:
    try:
        return repairs(messages, ask, tries)
    except ValidationError:
        return None


def raises_its_own(messages: list, ask: Callable, tries: int) -> Any:
    try:
        return repairs(messages, ask, tries)
    except ValidationError:
        raise ValueError("틀림") from None


@pytest.mark.parametrize(
    ("repair", "why"),
    [
        (lambda m, a, t: repairs(m, a, t, extra=1), "번 불렀습니다"),
        (lambda m, a, t: repairs(m, a, t, answer_too=False), "두 메시지를 덧붙입니다"),
        (lambda m, a, t: repairs(m, a, t, why_too=False), "틀린 이유"),
        (lambda m, a, t: Order.model_validate_json(a(m)), "ValidationError"),
        (lambda m, a, t: a(m), "`Order` 객체"),
        (forever, ""),
        (in_place, "바뀌었습니다"),
        (gives_up_quietly, "그대로 나와야"),
        (raises_its_own, "그대로 나와야"),
        (7, "함수 자체"),
    ],
)
def test_wrong_repairs(repair: Any, why: str) -> None:
    assert why in wrong("08-4", repair)


def test_other_right_repairs() -> None:
    def again(messages: list, ask: Callable, tries: int) -> Any:
        answer = ask(messages)
        try:
            return Order.model_validate_json(answer)
        except ValidationError as error:
            if tries == 1:
                raise
            added = [
                {"role": "assistant", "content": answer},
                {"role": "user", "content": f"고치세요: {error.errors()}"},
            ]
            return again(messages + added, ask, tries - 1)

    assert not refused("08-4", [again, repairs])
