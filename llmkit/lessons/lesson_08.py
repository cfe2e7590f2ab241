"""수업 08의 연습 채점."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from openai.types.chat import ChatCompletion
from pydantic import TypeAdapter, ValidationError

from .answers import Fake, Wrong, attempt, call, require_dict, require_filled, same, show
from .checks import exercise

MADE_IN = {"Literal": "3절", "Order": "3절", "ValidationError": "4절"}
_KEYS = {"title": "string", "copies": "integer", "gift": "boolean"}


@exercise("08-1")
def strict_schema(schema: Any) -> Iterator[str]:
    """모든 키가 필수이고 다른 키는 없는 스키마."""
    require_filled(schema, "gift_schema")
    require_dict(schema, "`gift_schema`", ["type", "properties", "required", "additionalProperties"])
    if schema["type"] != "object" or schema["properties"] != {key: {"type": kind} for key, kind in _KEYS.items()}:
        raise Wrong("`type`과 `properties`는 그대로 두세요. 채울 곳은 두 군데입니다.")
    required = schema["required"]
    if not isinstance(required, list | tuple) or not all(isinstance(key, str) for key in required):
        yield f"`required`는 키의 이름이 든 목록입니다. 지금은 {show(required)}입니다."
    elif missing := [key for key in _KEYS if key not in required]:
        yield f"`required`에 빠진 키가 있습니다: {', '.join(missing)}. `strict`는 모든 키가 필수여야 합니다."
    elif len(required) != len(_KEYS):
        yield f"`required`에 `properties`에 없거나 두 번 적은 키가 있습니다. 지금은 {show(required)}입니다."
    if not same(schema["additionalProperties"], False):
        found = show(schema["additionalProperties"])
        yield f"`additionalProperties`는 다른 키를 막는 `False`여야 합니다. 지금은 {found}입니다."


@exercise("08-2")
def choice_and_nothing(types: Any) -> Iterator[str]:
    """정해진 선택지와, 없을 수 있는 문자열."""
    require_filled(types, "types")
    require_dict(types, "`types`", ["pay", "memo"], only=True)
    cases = [
        ("pay", "카드", True, "허용해야 합니다."),
        ("pay", "현금", True, "허용해야 합니다."),
        ("pay", "외상", False, "두 가지가 아니므로 막아야 합니다."),
        ("pay", "카드 할부", False, "두 가지와 글자까지 같지 않으면 막아야 합니다."),
        ("pay", None, False, "결제 방법은 비울 수 없습니다."),
        ("memo", "문 앞에", True, "문자열을 허용해야 합니다."),
        ("memo", None, True, "메모는 없을 수 있습니다. `None`도 허용하세요."),
        ("memo", "부재중이면 경비실에 맡겨 주세요. 2층입니다.", True, "긴 메모도 허용하세요."),
        ("memo", True, False, "문자열이 아니므로 막아야 합니다."),
        ("memo", ["문 앞에"], False, "문자열이 아니므로 막아야 합니다."),
        ("memo", 3, False, "문자열이 아니므로 막아야 합니다."),
    ]
    for key, value, right, why in cases:
        if _accepts(types[key], value, key) != right:
            yield f'`types["{key}"]`: 값 {show(value)}. {why}'
            return


def _accepts(annotation: Any, value: Any, key: str) -> bool:
    try:
        # JSON에서 온 값처럼 봅니다. 파이썬 값으로 보면 Enum이 문자열을 거절합니다.
        TypeAdapter(annotation).validate_json(json.dumps(value), strict=True)
    except ValidationError:
        return False
    except Exception as error:  # 타입이 아니면 Pydantic이 여러 예외를 던집니다.
        raise Wrong(f'`types["{key}"]`: 타입이 아닙니다. 지금은 {show(annotation)}입니다.') from error
    return True


def _choice(content: str | None, finish: str = "stop", refusal: str | None = None) -> Any:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    choice = {"index": 0, "finish_reason": finish, "message": message, "logprobs": None}
    body = {"id": "made", "object": "chat.completion", "created": 0, "model": "made", "choices": [choice]}
    return ChatCompletion.model_validate(body).choices[0]


_GOOD = '{"title": "햄릿", "copies": 2}'


@exercise("08-3")
def told_apart_before_parsing(read: Any) -> Iterator[str]:
    """잘림, 거절, 잘못된 형식, 온전한 답변을 구분합니다."""
    cases = [
        ("온전한 답변", _choice(_GOOD), "ok"),
        ("도중에 잘린 JSON", _choice('{"title": "햄', "length"), "cut"),
        ("잘렸지만 우연히 읽히는 JSON", _choice(_GOOD, "length"), "cut"),
        ("거절", _choice(None, refusal="도울 수 없습니다."), "refused"),
        ("빈 문자열과 함께 온 거절", _choice("", refusal="도울 수 없습니다."), "refused"),
        ("필터에 걸린 답변", _choice(None, "content_filter"), "refused"),
        ("앞에 인사가 붙은 JSON", _choice(f"네! {_GOOD}"), "invalid"),
        ("키가 빠진 JSON", _choice('{"title": "햄릿"}'), "invalid"),
        ("값의 타입이 다른 JSON", _choice('{"title": "햄릿", "copies": "두 권"}'), "invalid"),
        ("주문이 아닌 JSON", _choice("[]"), "invalid"),
        ("거절도 아닌데 빈 답변", _choice(None), "invalid"),
    ]
    for name, choice, right in cases:
        result = call(read, choice, name="read")
        if not same(result, right):
            yield f"{name}: 기댓값 {right!r}, 실제 {show(result)}"


_ASKED = [{"role": "user", "content": "햄릿 두 권 주세요."}]


@exercise("08-4")
def repair_with_a_bound(repair: Any) -> Iterator[str]:
    """틀리면 틀린 답변과 이유를 보내 다시 묻고, 정한 횟수에서 멈춥니다."""
    bad, worse = '{"title": "햄릿"}', "햄릿 두 권"
    for name, tries, answers in [("처음에 맞을 때", 3, [_GOOD]), ("두 번째에 맞을 때", 2, [bad, _GOOD])]:
        ask, given = Fake(*answers), [dict(message) for message in _ASKED]
        order = call(repair, given, ask, tries, name="repair", unchanged=True)
        if (getattr(order, "title", None), getattr(order, "copies", None)) != ("햄릿", 2):
            raise Wrong(f"{name}: `Order` 객체를 돌려주어야 합니다. 지금은 {show(order)}입니다.")
        if len(ask.asked) != len(answers):
            raise Wrong(f"{name}: `ask`를 {len(answers)}번 불러야 합니다. 지금은 {len(ask.asked)}번입니다.")
        if len(answers) == 2 and (problem := _second_request(ask.asked[1][0], bad)):
            yield problem
    for tries in (1, 3):
        ask = Fake(*[bad] * (tries - 1), worse)
        outcome = attempt(repair, [dict(message) for message in _ASKED], ask, tries)
        if len(ask.asked) != tries:
            yield f"끝까지 틀리고 `tries`가 {tries}일 때: `ask`를 {len(ask.asked)}번 불렀습니다."
        elif not isinstance(outcome.error, ValidationError):
            yield f"끝까지 틀리면 마지막 `ValidationError`가 그대로 나와야 합니다. {outcome}."
        elif outcome.error.errors()[0]["type"] != "json_invalid":
            yield "처음 것이 아니라 **마지막** `ValidationError`를 내보내세요."
        else:
            continue
        return


def _second_request(messages: Any, bad: str) -> str | None:
    if not isinstance(messages, list) or messages[:1] != _ASKED or len(messages) < 3:
        return f"다시 물을 때는 처음 질문 뒤에 두 메시지를 덧붙입니다. 지금은 {show(messages)}입니다."
    if messages[1] != {"role": "assistant", "content": bad}:
        return f"두 번째 메시지는 틀린 답변(`assistant`)이어야 합니다. 지금은 {show(messages[1])}입니다."
    last = messages[2]
    if not isinstance(last, dict) or last.get("role") != "user" or "copies" not in str(last.get("content")):
        return f"세 번째 메시지에는 틀린 이유(`error`의 글)를 `user`로 적으세요. 지금은 {show(last)}입니다."
    return None
