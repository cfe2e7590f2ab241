"""수업 07의 연습 채점."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .answers import Fake, Wrong, attempt, call, explain, require_filled, require_number, same, show
from .checks import exercise
from .sdk_errors import broken_stream

MADE_IN = {"local": "1절", "client": "2절", "model": "2절"}
_PAST = [{"role": "user", "content": "제 이름은 민지예요."}, {"role": "assistant", "content": "반갑습니다, 민지 님."}]
_SYSTEM = {"role": "developer", "content": "하루책방의 점원입니다."}


def _said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@exercise("07-1")
def what_the_next_request_sends(messages: Any) -> Iterator[str]:
    """다음 요청이 보낼 목록의 끝에 방금 주고받은 말이 있어야 합니다."""
    require_filled(messages, "messages")
    wanted = [*_PAST, _said("user", "토요일에도 여나요?"), _said("assistant", "네, 오후 8시까지 엽니다.")]
    if not isinstance(messages, list | tuple) or len(messages) != len(wanted):
        raise Wrong(f"`messages`는 메시지 네 개가 든 목록이어야 합니다. 지금은 {show(messages)}입니다.")
    for position, (message, right) in enumerate(zip(messages, wanted)):
        if not isinstance(message, dict):
            yield f"`messages[{position}]`는 딕셔너리여야 합니다. 지금은 {show(message)}입니다."
        elif message.get("role") != right["role"]:
            yield f"`messages[{position}]`의 역할이 다릅니다. 누가 한 말인지 보세요. 지금은 {show(message.get('role'))}입니다."
        elif message != right:
            mistakes = [
                (_PAST[1]["content"], "지난 턴의 답변을 다시 덧붙였습니다. 방금 받은 `answer`를 넣으세요."),
                (wanted[2]["content"], "답변 자리에 질문이 들어갔습니다. `answer`를 넣으세요."),
                (wanted[3]["content"], "질문 자리에 답변이 들어갔습니다. `question`을 넣으세요."),
            ]
            otherwise = f"`messages[{position}]`의 내용이 다릅니다. 지금은 {show(message.get('content'))}입니다."
            yield explain(message.get("content"), mistakes, otherwise)


@exercise("07-2")
def ask_or_leave_no_trace(ask: Any) -> Iterator[str]:
    """성공하면 두 메시지를 덧붙이고, 실패하면 아무것도 남기지 않습니다."""
    history, send = [dict(_SYSTEM), *map(dict, _PAST)], Fake("네, 엽니다.", "오전 11시부터요.")
    answer = call(ask, history, "토요일에도 여나요?", send, name="ask")
    first = [_SYSTEM, *_PAST, _said("user", "토요일에도 여나요?")]
    if send.asked[:1] != [(first,)] or len(send.asked) != 1:
        yield f"`send`에는 지난 대화 뒤에 이번 질문을 붙인 목록을 한 번 넘겨야 합니다. 지금은 {show(send.asked)}입니다."
    if not same(answer, "네, 엽니다."):
        yield f"`ask`는 `send`가 돌려준 답변을 돌려주어야 합니다. 지금은 {show(answer)}입니다."
    if history != [*first, _said("assistant", "네, 엽니다.")]:
        raise Wrong(f"성공하면 `history`의 끝에 질문과 답변이 하나씩 있어야 합니다. 지금은 {show(history[2:])}입니다.")
    yield from _after_failure(ask)


def _after_failure(ask: Any) -> Iterator[str]:
    """연결 실패, 감싸지 않은 예외, 정지 버튼. 실패한 뒤에 다시 물을 수 있어야 합니다."""
    for error in (ConnectionError("연결되지 않았습니다"), broken_stream(), KeyboardInterrupt()):
        name, history = type(error).__name__, [dict(_SYSTEM), *map(dict, _PAST)]
        outcome = attempt(ask, history, "몇 시까지 엽니까?", Fake(error), ours=[error])
        if history != [_SYSTEM, *_PAST]:
            yield f"호출이 실패했는데({name}) `history`에 흔적이 남았습니다. 지금은 {show(history[3:] or history)}입니다."
        elif outcome.error is not error:
            yield f"실패하면 그 예외({name})가 그대로 나와야 합니다. {outcome}."
        else:
            continue
        return
    history = [dict(_SYSTEM)]
    call(ask, history, "안녕하세요?", Fake("어서 오세요."), name="ask")
    if history != [_SYSTEM, _said("user", "안녕하세요?"), _said("assistant", "어서 오세요.")]:
        yield f"첫 질문인 대화에서는 틀립니다. 지금은 {show(history)}입니다."


# 07-4: 예산은 글자 수로 셉니다(`count`). 턴마다 user로 시작합니다.
_TURNS = [
    [_said("user", "가" * 40), _said("assistant", "나" * 40)],
    [
        _said("user", "다" * 10),
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "라" * 10},
        _said("assistant", "마" * 10),
    ],
    [_said("user", "바" * 10), _said("assistant", "사" * 10)],
    [_said("user", "아" * 5)],
]
_RULE = _said("developer", "자" * 10)


def _length(messages: list[dict[str, Any]]) -> int:
    return sum(len(message.get("content") or "") for message in messages)


@exercise("07-4")
def trim_whole_turns(trim: Any) -> Iterator[str]:
    """시스템 프롬프트는 남기고, 오래된 턴부터 통째로 버립니다."""
    cases = [
        ("예산이 모자랄 때", [_RULE, *sum(_TURNS, [])], 70, [_RULE, *sum(_TURNS[1:], [])]),
        ("도구를 부른 턴의 중간에서 예산이 끝날 때", [_RULE, *sum(_TURNS, [])], 50, [_RULE, *sum(_TURNS[2:], [])]),
        ("꼭 맞을 때", [_RULE, *sum(_TURNS[1:], [])], 65, [_RULE, *sum(_TURNS[1:], [])]),
        ("예산이 한 토큰 모자랄 때", [_RULE, *sum(_TURNS[1:], [])], 64, [_RULE, *sum(_TURNS[2:], [])]),
        ("예산이 넉넉할 때", [_RULE, *sum(_TURNS, [])], 1000, [_RULE, *sum(_TURNS, [])]),
        ("마지막 턴이 예산보다 길 때", [_RULE, *_TURNS[2], *_TURNS[0][:1]], 20, [_RULE, *_TURNS[0][:1]]),
        (
            "긴 턴 앞에 짧은 턴이 있을 때",
            [_RULE, *_TURNS[2], *_TURNS[0], *_TURNS[3]],
            60,
            [_RULE, *_TURNS[3]],
        ),
        ("시스템 프롬프트만 있을 때", [_RULE], 5, [_RULE]),
        ("시스템 프롬프트가 없을 때", [*_TURNS[2], *_TURNS[3]], 5, _TURNS[3]),
    ]
    for name, messages, budget, right in cases:
        copied = [dict(message) for message in messages]
        result = call(trim, copied, budget, _length, name="trim", unchanged=True)
        if not isinstance(result, list) or result != right:
            yield f"{name}: {_why_not(result, right, messages)}"


def _why_not(result: Any, right: list[dict[str, Any]], messages: list[dict[str, Any]]) -> str:
    if not isinstance(result, list) or not all(isinstance(message, dict) for message in result):
        return f"메시지의 목록을 돌려주어야 합니다. 지금은 {show(result)}입니다."
    roles = [message.get("role") for message in result]
    now = f"지금 남긴 역할: {', '.join(map(str, roles)) or '없음'}"
    if _RULE in messages and _RULE not in result:
        return f"시스템 프롬프트가 사라졌습니다. {now}"
    if "tool" in roles and not any(message.get("tool_calls") for message in result):
        return f"도구의 결과만 남고 그것을 부른 메시지가 사라졌습니다. {now}"
    if right and messages[-1] not in result:
        return f"마지막 질문이 사라졌습니다. 예산을 넘어도 마지막 턴은 남깁니다. {now}"
    if any(message not in messages for message in result):
        return f"받은 목록에 없던 메시지가 있습니다. {now}"
    if roles[roles.count("developer") :][:1] not in ([], ["user"]):
        return f"턴의 중간에서 잘렸습니다. 남긴 대화는 user로 시작해야 합니다. {now}"
    if len(result) > len(right):
        return f"더 버려야 합니다. 오래된 턴 하나를 버렸으면 그보다 앞의 것도 버립니다. {now}"
    if len(result) < len(right):
        return f"너무 많이 버렸습니다. 예산에 꼭 맞는 것까지는 남깁니다. {now}"
    return f"순서가 다릅니다. 받은 순서 그대로 남기세요. {now}"


@exercise("07-5")
def when_to_summarise(should_summarise: Any) -> Iterator[str]:
    """토큰이 한도를 넘었고, 요약할 옛 턴이 남아 있을 때만 요약합니다."""
    cases = [
        ((500, 1000, 8, 2), False, "아직 한도 안입니다. 요약도 호출이므로 미리 하면 그만큼 더 듭니다."),
        ((1000, 1000, 8, 2), False, "한도와 꼭 같으면 아직 넘지 않은 것입니다."),
        ((1001, 1000, 8, 2), True, "한도를 넘었고 옛 턴이 있으므로 요약할 때입니다."),
        ((5000, 1000, 2, 2), False, "턴이 모두 그대로 둘 것뿐이라 요약할 것이 없습니다."),
        ((5000, 1000, 3, 2), True, "옛 턴이 하나라도 있으면 요약할 수 있습니다."),
        ((5000, 1000, 0, 2), False, "빈 대화는 요약할 것이 없습니다."),
    ]
    for (tokens, limit, turns, keep), right, why in cases:
        result = call(should_summarise, tokens, limit, turns, keep, name="should_summarise")
        if not same(result, right):
            given = f"tokens={tokens}, limit={limit}, turns={turns}, keep={keep}"
            yield f"{given}: {right}여야 하는데 {show(result)}입니다. {why}"


@exercise("07-3")
def input_of_a_whole_talk(total_input: Any) -> Iterator[str]:
    """대화 전체의 입력 토큰. 요청마다 시스템 프롬프트와 남긴 턴, 이번 질문을 보냅니다."""
    for case in (
        (1, 20, 30, 50, None),
        (3, 20, 30, 50, None),
        (30, 100, 40, 60, None),
        (30, 100, 40, 60, 0),
        (30, 100, 40, 60, 3),
        (5, 0, 7, 11, 9),
    ):
        result = call(total_input, *case, name="total_input")
        right, mistakes = _sums(*case)
        if require_number(result, "`total_input`의 결과") != right:
            names = ("turns", "system", "question", "answer", "keep")
            given = ", ".join(f"{name}={value}" for name, value in zip(names, case))
            said = explain(result, mistakes, "요청 하나하나의 입력을 적어 더해 보세요.")
            yield f"{given}: 기댓값 {right:,}, 실제 {show(result)}. {said}"
            return


def _sums(turns: int, system: int, question: int, answer: int, keep: int | None) -> tuple[int, list[tuple[int, str]]]:
    """맞는 합과, 흔한 잘못으로 나오는 합들."""

    def total(kept: Callable[[int], int]) -> int:
        return sum(system + kept(turn) * (question + answer) + question for turn in range(1, turns + 1))

    def kept(past: int) -> int:
        return past if keep is None else min(past, keep)

    right = total(lambda turn: kept(turn - 1))
    return right, [
        (right - system * (turns - 1), "시스템 프롬프트는 요청마다 다시 보냅니다."),
        (total(kept), "첫 요청에는 지난 턴이 없습니다."),
        (total(lambda turn: turn - 1), "`keep`보다 오래된 턴은 보내지 않습니다."),
        (total(lambda turn: 0), "남긴 턴도 요청마다 다시 보냅니다. `keep`이 None이면 모두 남깁니다."),
        (right - question * turns, "이번 질문도 보냅니다."),
    ]
