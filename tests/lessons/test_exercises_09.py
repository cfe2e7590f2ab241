"""수업 09의 연습: 틀린 답에는 무엇이 틀렸는지 말하고, 다르게 쓴 맞는 답은 통과합니다. 풀이와 빈칸도 여기서 봅니다."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from tests.lessons.exercises import Exercise, exercises, refused, run, wrong

each_exercise = pytest.mark.parametrize("exercise", exercises("09").values(), ids=lambda exercise: exercise.name)


@each_exercise
def test_the_folded_solution_passes(exercise: Exercise) -> None:
    result, _ = run("import json\n" + exercise.solution)
    assert result.passed and repr(result) == f"✓ {exercise.name} 통과했습니다."


@each_exercise
def test_the_unfilled_stub_says_what_is_missing(exercise: Exercise) -> None:
    result, _ = run("import json\n" + exercise.stub)
    assert result.blanks and not result.problems and not result.passed


# 09-1 ------------------------------------------------------------------------------------------------------

RESULT = {"category": "소설", "revenue": 1260000}


def message(**changes: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "call_7", "content": json.dumps(RESULT)} | changes


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (message(role="function"), "옛 방식"),
        (message(role="user"), "역할이 tool"),
        (message(role="assistant"), "역할이 tool"),
        (message(tool_call_id="sales"), '`call["id"]`'),
        (message(tool_call_id="call_1"), '`call["id"]`'),
        (message(tool_call_id={"id": "call_7"}), '`call["id"]`'),
        (message(content=RESULT), "문자열이어야"),
        (message(content=json.dumps(RESULT).encode()), "문자열이어야"),
        (message(content=str(RESULT)), "작은따옴표"),
        (message(content="1260000"), "`result`가 나와야"),
        (message(content=json.dumps(json.dumps(RESULT))), "`result`가 나와야"),
        (message(content='{"revenue": 1260000}'), "`result`가 나와야"),
        (message(name="sales"), "딕셔너리"),
        ({"role": "tool", "content": json.dumps(RESULT)}, "tool_call_id"),
        ([message()], "딕셔너리"),
    ],
)
def test_wrong_tool_messages(answer: Any, why: str) -> None:
    assert why in wrong("09-1", answer)


def test_other_right_tool_messages() -> None:
    texts = [
        json.dumps(RESULT, ensure_ascii=False),
        json.dumps(RESULT, indent=2),
        '{"revenue": 1260000, "category": "\\uc18c\\uc124"}',
    ]
    built = {"content": texts[0], "tool_call_id": "call_" + str(7), "role": "tool"}
    assert not refused("09-1", [*[message(content=text) for text in texts], built])


# 09-2 ------------------------------------------------------------------------------------------------------


def error(text: Any) -> str:
    return json.dumps({"error": str(text)}, ensure_ascii=False)


def dispatcher(
    registry: dict[str, Callable],
    name: str,
    arguments: str,
    *,
    caught: Any = Exception,
    find: Callable | None = None,
    write: Callable = json.dumps,
    said: Callable = error,
) -> Any:
    """풀이와 한 곳씩만 다른 답을 만듭니다."""
    try:
        function = (find or registry.__getitem__)(name)
        return write(function(**json.loads(arguments)))
    except caught as problem:
        return said(problem)


def with_(**changes: Any) -> Callable:
    def dispatch(registry: dict, name: str, arguments: str) -> Any:
        return dispatcher(registry, name, arguments, **changes)

    return dispatch


def from_everything(registry: dict, name: str, arguments: str) -> Any:
    function = registry.get(name) or __builtins__.get(name)  # type: ignore[attr-defined]
    return with_(find=lambda _: function or {}[name])(registry, name, arguments)


def writes_outside(registry: dict, name: str, arguments: str) -> str:
    try:
        result = registry[name](**json.loads(arguments))
    except Exception as problem:
        return error(problem)
    return json.dumps(result)


def raises_for_an_unknown_name(registry: dict, name: str, arguments: str) -> str:
    if name not in registry:
        raise LookupError(name)
    return with_()(registry, name, arguments)


def unpacks_lists_too(registry: dict, name: str, arguments: str) -> str:
    given = None
    try:
        given = json.loads(arguments)
        return json.dumps(registry[name](*given) if isinstance(given, list) else registry[name](**given))
    except Exception as problem:
        return error(problem)


@pytest.mark.parametrize(
    ("dispatch", "why"),
    [
        (from_everything, "등록되지 않은 내장 함수"),
        (writes_outside, "JSON으로 적을 수 없는 결과"),
        (raises_for_an_unknown_name, "등록되지 않은 도구: 예외를"),
        (unpacks_lists_too, "객체가 아닌 인자"),
        (with_(caught=ValueError), "등록되지 않은 도구: 예외를"),
        (with_(caught=(KeyError, ValueError)), "빠진 인자: 예외를"),
        (with_(caught=(KeyError, ValueError, TypeError)), "함수 안의 예외: 예외를"),
        (with_(caught=(KeyError, ValueError, TypeError, OSError)), "함수 안의 예외: 예외를"),
        (with_(write=lambda result: json.dumps(result) if result else error("없음")), "빈 목록을 돌려주는 호출"),
        (with_(write=lambda result: result), "JSON 문자열을"),
        (with_(write=str), "JSON으로 읽히지 않습니다"),
        (with_(write=lambda result: json.dumps(json.dumps(result))), "함수의 결과를 JSON으로"),
        (with_(write=lambda result: json.dumps({"result": result})), "함수의 결과를 JSON으로"),
        (with_(write=lambda result: json.dumps(result, default=str)), "JSON으로 적을 수 없는 결과"),
        (with_(said=lambda _: ""), "JSON으로 읽히지 않습니다"),
        (with_(said=lambda _: error("")), "이유가 비어"),
        (with_(said=lambda problem: json.dumps({"message": str(problem)})), '{"error": "이유"}'),
        (with_(said=lambda problem: {"error": str(problem)}), "JSON 문자열을"),
        (with_(said=lambda _: error(traceback.format_exc())), "트레이스백"),
        (with_(said=lambda _: None), "JSON 문자열을"),
        (lambda registry, name, arguments: None, "JSON 문자열을"),
        ("dispatch", "함수 자체"),
    ],
)
def test_wrong_dispatchers(dispatch: Any, why: str) -> None:
    assert why in wrong("09-2", dispatch)


def test_other_right_dispatchers() -> None:
    def early_returns(registry: dict, name: str, arguments: str) -> str:
        function = registry.get(name)
        if function is None:
            return '{"error": "unknown tool"}'
        try:
            given = json.loads(arguments)
        except json.JSONDecodeError:
            return error("인자가 JSON이 아닙니다.")
        if not isinstance(given, dict):
            return error("인자가 객체가 아닙니다.")
        try:
            return json.dumps(function(**given), ensure_ascii=False)
        except Exception as problem:
            return error(type(problem).__name__)

    def one_exit(registry: dict, name: str, arguments: str) -> str:
        try:
            text = json.dumps(registry[name](**json.loads(arguments)), indent=1)
        except BaseException as problem:
            text = json.dumps({"error": repr(problem)})
        return text

    assert not refused("09-2", [early_returns, one_exit, with_()])


# 09-3 ------------------------------------------------------------------------------------------------------


def looping(
    messages: list, ask: Callable, run: Callable, limit: int, *,
    extra: int = 0, guard: bool = True, tell: bool = True, first_only: bool = False, backwards: bool = False,
    by_name: bool = False, by_arguments: bool = False, short: bool = False, keep: bool = False, forget: bool = False, wrong_id: bool = False, role: str = "tool",
    parsed: bool = False, nested: bool = False, fails: Callable = lambda: RuntimeError("제한"), per_turn: bool = False,
) -> Any:  # fmt: skip
    """풀이와 한 곳씩만 다른 답을 만듭니다."""
    messages, seen, latest = messages if keep else list(messages), set(), set()
    for _ in range(limit + extra):
        message = ask(messages)
        calls = message.get("tool_calls")
        if not calls:
            return message if nested else message["content"]
        seen = set() if per_turn else latest if short else seen
        latest = set()
        messages += [] if forget else [message]
        calls = calls[:1] if first_only else calls[::-1] if backwards else calls
        for call in calls:
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            key = name if by_name else arguments if by_arguments else (name, arguments)
            again, seen, latest = guard and key in seen, {*seen, key}, {*latest, key}
            if again and not tell:
                continue
            result = error("이미 실행했습니다.") if again else run(name, json.loads(arguments) if parsed else arguments)
            messages.append({"role": role, "tool_call_id": name if wrong_id else call["id"], "content": result})
    outcome = fails()
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def loop_with(**changes: Any) -> Callable:
    return lambda messages, ask, run, limit: looping(messages, ask, run, limit, **changes)


def forever(messages: list, ask: Callable, run: Callable, limit: int) -> Any:
    return looping(messages, ask, run, 99)


def counts_calls_not_rounds(messages: list, ask: Callable, run: Callable, limit: int) -> Any:
    return looping(messages, ask, run, limit - 1)


def remembers_across_questions(messages: list, ask: Callable, run: Callable, limit: int, seen: set = set()) -> Any:  # noqa: B006 - 흔한 실수입니다.
    def once(*key: Any) -> Any:
        again, _ = key in seen, seen.add(key)
        return error("반복") if again else run(*key)

    return looping(messages, ask, once, limit, guard=False)


@pytest.mark.parametrize(
    ("loop", "why"),
    [
        (loop_with(keep=True), "받은 것이 바뀌었습니다"),
        (loop_with(first_only=True), "`run`에 넘겨야 할 인자"),
        (loop_with(backwards=True), "`run`에 넘겨야 할 인자"),
        (loop_with(by_name=True), "`run`에 넘겨야 할 인자"),
        (loop_with(by_arguments=True), "다른 도구를 같은 인자로"),
        (loop_with(short=True), "다른 도구를 같은 인자로"),
        (loop_with(guard=False), "앞에서 한 부탁이 섞일 때: `run`에"),
        (loop_with(per_turn=True), "앞에서 한 부탁이 섞일 때: `run`에"),
        (remembers_across_questions, "앞에서 한 부탁이 섞일 때: `run`에"),
        (loop_with(tell=False), "짝을 맞추세요"),
        (loop_with(forget=True), "부탁한 메시지를 그대로"),
        (loop_with(wrong_id=True), "온 순서대로 b, a"),
        (loop_with(role="user"), "역할은 tool"),
        (loop_with(role="function"), "역할은 tool"),
        (loop_with(parsed=True), "`run`에 넘겨야 할 인자"),
        (loop_with(nested=True), "`content`를 돌려주어야"),
        (loop_with(extra=1), "`limit`이 1일 때: `ask`를 2번"),
        (forever, "`limit`이 1일 때"),
        (counts_calls_not_rounds, "예외가 났습니다"),
        (loop_with(fails=lambda: None), "`RuntimeError`를 던져야"),
        (loop_with(fails=lambda: "제한에 닿았습니다."), "`RuntimeError`를 던져야"),
        (loop_with(fails=lambda: ValueError("제한")), "`RuntimeError`를 던져야"),
        (lambda messages, ask, run, limit: ask(messages)["content"], "None을 돌려주었습니다"),
        (lambda messages, ask, run, limit: None, "return"),
        ("loop", "함수 자체"),
    ],
)
def test_wrong_loops(loop: Any, why: str) -> None:
    assert why in wrong("09-3", loop)


def test_other_right_loops() -> None:
    def again(messages: list, ask: Callable, run: Callable, limit: int, done: tuple = ()) -> Any:
        if limit == 0:
            raise RuntimeError
        message = ask(messages)
        calls, told = message.get("tool_calls") or [], []
        for call in calls:
            key = tuple(call["function"].values())
            content = error("반복") if key in done else run(*key)
            done += (key,)
            told.append({"role": "tool", "content": content, "tool_call_id": call["id"]})
        return again([*messages, message, *told], ask, run, limit - 1, done) if calls else message["content"]

    def countdown(messages: list, ask: Callable, run: Callable, limit: int) -> Any:
        history, done = messages.copy(), {}
        while limit > 0:
            limit -= 1
            reply = ask(history)
            history.append(reply)
            if "tool_calls" not in reply or len(reply["tool_calls"]) == 0:
                return reply["content"]
            for call in reply["tool_calls"]:
                function = call["function"]
                text = json.dumps(function, sort_keys=True)
                if text in done:
                    content = '{"error": "repeated"}'
                else:
                    content = done[text] = run(function["name"], function["arguments"])
                history.append({"content": content, "tool_call_id": call["id"], "role": "tool"})
        raise RuntimeError("끝나지 않았습니다.")

    assert not refused("09-3", [again, countdown, looping])
