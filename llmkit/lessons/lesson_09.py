"""수업 09의 연습 채점."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Collection, Iterator
from typing import Any

from .answers import Fake, Wrong, attempt, call, require_dict, require_filled, same, show
from .checks import exercise

MADE_IN = {"json": "1절", "client": "2절", "model": "2절"}
_RESULT = {"category": "소설", "revenue": 1260000}


@exercise("09-1")
def result_of_a_call(message: Any) -> Iterator[str]:
    """도구 메시지는 호출의 id와 JSON 문자열을 담습니다."""
    require_filled(message, "tool_message")
    require_dict(message, "`tool_message`", ("role", "tool_call_id", "content"), only=True)
    if message["role"] == "function":
        yield '`role`이 `"function"`입니다. 옛 방식이며 지금은 `"tool"`입니다.'
    elif not same(message["role"], "tool"):
        yield f"도구의 결과는 역할이 tool입니다. 지금은 {show(message['role'])}입니다."
    if not same(message["tool_call_id"], "call_7"):
        yield f'`tool_call_id`에는 호출의 `call["id"]`를 적습니다. 지금은 {show(message["tool_call_id"])}입니다.'
    content = message["content"]
    if not isinstance(content, str):
        yield f"`content`는 문자열이어야 합니다. `json.dumps`로 바꾸세요. 지금은 {show(content)}입니다."
    elif content == str(_RESULT):
        yield "`content`가 작은따옴표를 쓴 파이썬의 표기입니다. `str` 대신 `json.dumps`로 바꾸세요."
    elif _read(content) != _RESULT:
        yield f"`content`를 JSON으로 읽으면 `result`가 나와야 합니다. 지금은 {show(content)}입니다."


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _add(a: int, b: int) -> dict[str, int]:
    return {"sum": a + b}


class LedgerError(Exception):
    """도구가 던질 수 있는 예외는 미리 알 수 없습니다. 이름을 적어 잡는 것으로는 모자랍니다."""


def _broken(**_: Any) -> Any:
    raise LedgerError("장부를 열 수 없습니다")


def _pandas_like() -> Any:
    return {"revenue": object()}  # json.dumps가 받지 않는 값


@exercise("09-2")
def run_what_is_registered(dispatch: Any) -> Iterator[str]:
    """성공과 실패를 모두 JSON 문자열로 돌려줍니다."""
    for name, arguments, why, right in (
        ("add", '{"a": 2, "b": 3}', "맞는 호출", {"sum": 5}),
        ("find", "{}", "찾은 것이 없어 빈 목록을 돌려주는 호출", []),
    ):
        if (good := _outcome(dispatch, name, arguments, why)) != right:
            yield f"{why}: 함수의 결과를 JSON으로 적어야 합니다. 지금은 {show(good)}입니다."
    for name, arguments, why in (
        ("remove", "{}", "등록되지 않은 도구"),
        ("print", "{}", "등록되지 않은 내장 함수"),
        ("add", '{"a": 2,', "잘린 JSON"),
        ("add", '{"a": 2}', "빠진 인자"),
        ("add", "[2, 3]", "객체가 아닌 인자"),
        ("broken", "{}", "함수 안의 예외"),
        ("pandas", "{}", "JSON으로 적을 수 없는 결과"),
    ):
        result = _outcome(dispatch, name, arguments, why)
        if not isinstance(result, dict) or set(result) != {"error"} or not isinstance(result["error"], str):
            yield f'{why}: `{{"error": "이유"}}`를 JSON으로 돌려주어야 합니다. 지금은 {show(result)}입니다.'
        elif not result["error"].strip():
            yield f"{why}: 이유가 비어 있습니다. 모델이 고칠 수 있게 짧게 적으세요."
        elif "Traceback" in result["error"]:
            yield f"{why}: 트레이스백을 모델에게 보내지 마세요. 이유만 짧게 적습니다."


def _outcome(dispatch: Any, name: str, arguments: str, why: str) -> Any:
    registry: dict[str, Callable[..., Any]] = {"add": _add, "find": list, "broken": _broken, "pandas": _pandas_like}
    outcome = attempt(dispatch, registry, name, arguments)
    if outcome.error is not None:
        raise Wrong(f"{why}: 예외를 밖으로 내보내지 마세요. {outcome}.")
    require_filled(outcome.value, "dispatch의 결과")
    if not isinstance(outcome.value, str):
        raise Wrong(f"{why}: JSON 문자열을 돌려주어야 합니다. 지금은 {show(outcome.value)}입니다.")
    found = _read(outcome.value)
    if found is None:
        raise Wrong(f"{why}: JSON으로 읽히지 않습니다. `json.dumps`로 만드세요. 지금은 {show(outcome.value)}입니다.")
    return found


# 09-3 ------------------------------------------------------------------------------------------------------

_ASKED = [{"role": "user", "content": "4월과 5월의 소설 매출은?"}]
_APRIL, _MAY, _JUNE = ('{"month": "2026-04"}', '{"month": "2026-05"}', '{"month": "2026-06"}')
_DONE = {"role": "assistant", "content": "두 달 모두 확인했습니다."}


def _asking(*calls: tuple[str, str], tool: str = "sales") -> dict[str, Any]:
    """부탁이 든 assistant 메시지. id는 인자와 상관없이 부탁마다 다릅니다."""
    made = [
        {"id": name, "type": "function", "function": {"name": tool, "arguments": arguments}}
        for name, arguments in calls
    ]
    return {"role": "assistant", "content": None, "tool_calls": made}


class _Run(Fake):
    """실행할 때마다 무엇을 실행했는지 적고, 그 인자를 그대로 결과로 돌려줍니다."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        super().__call__(*arguments, **named)
        return json.dumps({"ran": self.asked[-1][1:]}, ensure_ascii=False)


@exercise("09-3")
def loop_with_a_limit(loop: Any) -> Iterator[str]:
    """나란한 부탁에 순서대로 답하고, 반복된 부탁은 실행하지 않으며, 제한에서 멈춥니다."""
    _answers(loop, "부탁이 없을 때", [_DONE], runs=[])
    _answers(loop, "`tool_calls`가 빈 목록일 때", [{**_DONE, "tool_calls": []}], runs=[])
    both = _asking(("b", _APRIL), ("a", _MAY))
    ask = _answers(loop, "나란한 부탁 두 개", [both, _DONE], runs=[_APRIL, _MAY])
    yield from _second_request(ask.asked[1][0], both)
    repeated = [_asking(("c", _APRIL)), _asking(("d", _APRIL), ("e", _JUNE)), _DONE]
    ask = _answers(loop, "앞에서 한 부탁이 섞일 때", repeated, runs=[_APRIL, _JUNE])
    yield from _told(ask.asked[2][0], ["d", "e"], "d", "앞에서 한 부탁이 섞일 때")
    twins = _asking(("f", _MAY), ("g", _MAY))
    ask = _answers(loop, "한 응답에 같은 부탁이 둘일 때", [twins, _DONE], runs=[_MAY])
    yield from _told(ask.asked[1][0], ["f", "g"], "g", "한 응답에 같은 부탁이 둘일 때")
    others = [_asking(("h", _APRIL)), _asking(("i", _APRIL), tool="stock"), _asking(("j", _APRIL)), _DONE]
    ask = _answers(loop, "다른 도구를 같은 인자로 부를 때", others, runs=[_APRIL, _APRIL], tools=["sales", "stock"])
    yield from _told(ask.asked[3][0], ["j"], "j", "두 턴 앞에서 한 부탁일 때")
    for limit in (1, 3):
        yield from _stops(loop, limit)


def _answers(
    loop: Any, case: str, replies: list[Any], runs: list[str], tools: Collection[str] = ("sales", "sales")
) -> Fake:
    """끝까지 답을 받는 경우. 실행한 부탁과 돌려준 답을 봅니다."""
    ask, run = Fake(*copy.deepcopy(replies)), _Run(None)
    answer = call(loop, copy.deepcopy(_ASKED), ask, run, len(replies), name="loop", unchanged=True)
    if answer != _DONE["content"]:
        raise Wrong(f"{case}: 마지막 메시지의 `content`를 돌려주어야 합니다. 지금은 {show(answer)}입니다.")
    if len(ask.asked) != len(replies):
        raise Wrong(f"{case}: `ask`를 {len(replies)}번 불러야 합니다. 지금은 {len(ask.asked)}번입니다.")
    if (ran := [given[1] if len(given) == 2 else given for given in run.asked]) != runs:
        raise Wrong(f"{case}: `run`에 넘겨야 할 인자 {runs}, 실제로 넘긴 인자 {show(ran)}")
    if (names := [given[0] for given in run.asked]) != [*tools][: len(runs)]:
        raise Wrong(f"{case}: `run`의 첫 인자는 도구의 이름입니다. 지금은 {show(names)}입니다.")
    return ask


def _second_request(messages: Any, both: dict[str, Any]) -> Iterator[str]:
    case = "나란한 부탁 두 개"
    if not isinstance(messages, list) or messages[:1] != _ASKED or messages[1:2] != [both]:
        yield f"{case}: 다시 물을 때는 처음 질문 다음에 부탁한 메시지를 그대로 붙입니다. 지금은 {show(messages)}입니다."
        return
    ids = [each.get("tool_call_id") if isinstance(each, dict) else each for each in messages[2:]]
    if ids != ["b", "a"]:
        yield f"{case}: 도구 메시지의 `tool_call_id`는 온 순서대로 b, a여야 합니다. 지금은 {show(ids)}입니다."
        return
    for message, arguments in zip(messages[2:], (_APRIL, _MAY)):
        if message.get("role") != "tool":
            yield f"{case}: 결과의 역할은 tool입니다. 지금은 {show(message.get('role'))}입니다."
        elif message.get("content") != json.dumps({"ran": [arguments]}):
            yield f"{case}: `content`는 `run`이 돌려준 문자열 그대로입니다. 지금은 {show(message.get('content'))}입니다."


def _told(messages: list[Any], ids: list[str], repeated: str, case: str) -> Iterator[str]:
    """마지막 메시지들은 `ids`의 결과이고, 그 가운데 `repeated`의 것은 오류입니다."""
    last = [each for each in messages[-len(ids) :] if isinstance(each, dict)]
    if [each.get("tool_call_id") for each in last] != ids:
        yield f"{case}: 반복된 부탁에도 도구 메시지를 붙여 짝을 맞추세요. 지금은 {show(messages[2:])}입니다."
        return
    content = last[ids.index(repeated)].get("content")
    error = _read(content) if isinstance(content, str) else None
    if not isinstance(error, dict) or not isinstance(error.get("error"), str):
        yield f'{case}: 반복된 부탁의 결과는 `{{"error": "이유"}}`의 JSON입니다. 지금은 {show(content)}입니다.'


def _stops(loop: Any, limit: int) -> Iterator[str]:
    """모델이 늘 새로운 부탁을 할 때: 정한 횟수만 묻고 RuntimeError를 던져야 합니다."""
    endless = [_asking((f"n{n}", json.dumps({"month": n}))) for n in range(limit + 3)]
    ask = Fake(*endless)
    outcome = attempt(loop, copy.deepcopy(_ASKED), ask, _Run(None), limit)
    if len(ask.asked) != limit:
        yield f"부탁이 끝나지 않고 `limit`이 {limit}일 때: `ask`를 {len(ask.asked)}번 불렀습니다."
    elif type(outcome.error) is not RuntimeError:
        yield f"부탁이 끝나지 않고 `limit`이 {limit}일 때: `RuntimeError`를 던져야 합니다. {outcome}."
