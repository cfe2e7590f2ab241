"""수업 09의 연습 채점."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .answers import Wrong, attempt, call, require_dict, require_filled, same, show
from .checks import exercise

MADE_IN = {"json": "1절", "client": "2절", "model": "2절"}
_RESULT = {"copies": 90, "revenue": 1260000}


@exercise("09-1")
def result_of_a_call(message: Any) -> Iterator[str]:
    """도구 메시지는 호출의 id와 JSON 문자열을 담습니다."""
    require_filled(message, "tool_message")
    require_dict(message, "`tool_message`", ("role", "tool_call_id", "content"))
    if not same(message["role"], "tool"):
        yield f"도구의 결과는 역할이 tool입니다. 지금은 {show(message['role'])}입니다."
    if not same(message["tool_call_id"], "call_7"):
        yield f'`tool_call_id`에는 호출의 `call["id"]`를 적습니다. 지금은 {show(message["tool_call_id"])}입니다.'
    if not isinstance(message["content"], str):
        yield f"`content`는 문자열이어야 합니다. `json.dumps`로 바꾸세요. 지금은 {show(message['content'])}입니다."
    elif _read(message["content"]) != _RESULT:
        yield f"`content`를 JSON으로 읽으면 `result`가 나와야 합니다. 지금은 {show(message['content'])}입니다."


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _add(a: int, b: int) -> dict[str, int]:
    return {"sum": a + b}


def _broken(**_: Any) -> Any:
    raise OSError("장부를 열 수 없습니다")


@exercise("09-2")
def run_what_is_registered(dispatch: Any) -> Iterator[str]:
    """성공과 실패를 모두 JSON 문자열로 돌려줍니다."""
    good = _outcome(dispatch, "add", '{"a": 2, "b": 3}', "맞는 호출")
    if good != {"sum": 5}:
        yield f"맞는 호출: 함수의 결과를 JSON으로 적어야 합니다. 지금은 {show(good)}입니다."
    for name, arguments, why in (
        ("remove", "{}", "등록되지 않은 도구"),
        ("print", "{}", "등록되지 않은 내장 함수"),
        ("add", '{"a": 2,', "잘린 JSON"),
        ("add", '{"a": 2}', "빠진 인자"),
        ("add", "[2, 3]", "객체가 아닌 인자"),
        ("broken", "{}", "함수 안의 예외"),
    ):
        result = _outcome(dispatch, name, arguments, why)
        if not isinstance(result, dict) or set(result) != {"error"} or not isinstance(result["error"], str):
            yield f'{why}: `{{"error": "이유"}}`를 JSON으로 돌려주어야 합니다. 지금은 {show(result)}입니다.'
        elif "Traceback" in result["error"]:
            yield f"{why}: 트레이스백을 모델에게 보내지 마세요. 이유만 짧게 적습니다."


def _outcome(dispatch: Any, name: str, arguments: str, why: str) -> Any:
    registry: dict[str, Callable[..., Any]] = {"add": _add, "broken": _broken}
    outcome = attempt(dispatch, registry, name, arguments)
    if outcome.error is not None:
        raise Wrong(f"{why}: 예외를 밖으로 내보내지 마세요. {outcome}.")
    require_filled(outcome.value, "dispatch의 결과")
    if not isinstance(outcome.value, str):
        raise Wrong(f"{why}: JSON 문자열을 돌려주어야 합니다. 지금은 {show(outcome.value)}입니다.")
    return _read(outcome.value)


@exercise("09-3")
def when_a_call_may_run(may_run: Any) -> Iterator[str]:
    """처음 보는 호출이고 제한이 남았을 때만 실행합니다."""
    first, other = ("sales", '{"month": "2026-09"}'), ("sales", '{"month": "2026-08"}')
    for seen, asked, limit, right, why in (
        ([], first, 3, True, "처음 보는 호출입니다."),
        ([first], first, 3, False, "같은 호출을 벌써 실행했습니다."),
        ([first], other, 3, True, "이름이 같아도 인자가 다르면 다른 호출입니다."),
        ([first], other, 1, False, "벌써 제한만큼 실행했습니다."),
        ([], first, 0, False, "제한이 0이면 하나도 실행하지 않습니다."),
    ):
        result = call(may_run, list(seen), asked, limit, name="may_run", unchanged=True)
        if not same(result, right):
            yield f"seen {len(seen)}개, limit={limit}: {right}여야 하는데 {show(result)}입니다. {why}"
