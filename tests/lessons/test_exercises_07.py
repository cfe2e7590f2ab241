"""수업 07의 연습: 틀린 답에는 무엇이 틀렸는지 말하고, 다르게 쓴 맞는 답은 통과합니다. 풀이와 빈칸은 test_exercises.py가 봅니다."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.lessons.exercises import exercises, refused, run, wrong

LESSON = exercises("07")
PAST = [{"role": "user", "content": "제 이름은 민지예요."}, {"role": "assistant", "content": "반갑습니다, 민지 님."}]
QUESTION, ANSWER = "토요일에도 여나요?", "네, 오후 8시까지 엽니다."


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([*PAST, said("user", QUESTION), said("assistant", PAST[1]["content"])], "지난 턴의 답변"),
        ([*PAST, said("user", QUESTION), said("assistant", QUESTION)], "답변 자리에 질문"),
        ([*PAST, said("user", ANSWER), said("assistant", ANSWER)], "질문 자리에 답변"),
        ([*PAST, said("assistant", QUESTION), said("user", ANSWER)], "역할이 다릅니다"),
        ([*PAST, said("user", QUESTION), said("model", ANSWER)], "역할이 다릅니다"),
        ([*PAST, said("user", QUESTION)], "네 개"),
        ([*PAST, "user", "assistant"], "딕셔너리"),
        (ANSWER, "네 개"),
    ],
)
def test_wrong_lists(messages: Any, why: str) -> None:
    assert why in wrong("07-1", messages)


def test_other_right_lists() -> None:
    right = [*PAST, {"role": "user", "content": QUESTION}, {"content": ANSWER, "role": "assistant"}]
    assert not refused("07-1", [right, tuple(right)])


# 07-2 ---------------------------------------------------------------------------------------------------


def question_first(history: list, question: str, send: Callable) -> str:
    history.append(said("user", question))
    history.append(said("assistant", answer := send(history)))
    return answer


def rolls_back_exceptions_only(history: list, question: str, send: Callable) -> str:
    history.append(said("user", question))
    try:
        answer = send(list(history))
    except Exception:
        history.pop()
        raise
    history.append(said("assistant", answer))
    return answer


def swallows(history: list, question: str, send: Callable) -> str:
    try:
        answer = send([*history, said("user", question)])
    except BaseException:
        return "오류"
    history += [said("user", question), said("assistant", answer)]
    return answer


def another_list(history: list, question: str, send: Callable) -> str:
    answer = send(history + [said("user", question)])
    history = history + [said("user", question), said("assistant", answer)]
    return answer


def only_the_question(history: list, question: str, send: Callable) -> str:
    answer = send([said("user", question)])
    history += [said("user", question), said("assistant", answer)]
    return answer


def the_previous_answer(history: list, question: str, send: Callable) -> str:
    answer = send(history + [said("user", question)])
    history += [said("user", question), history[-1]]
    return answer


def returns_the_list(history: list, question: str, send: Callable) -> list:
    answer = send(history + [said("user", question)])
    history += [said("user", question), said("assistant", answer)]
    return history


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (question_first, "흔적이 남았습니다"),
        (rolls_back_exceptions_only, "KeyboardInterrupt"),
        (swallows, "그대로 나와야"),
        (another_list, "`history`의 끝에"),
        (only_the_question, "`send`에는 지난 대화 뒤에"),
        (the_previous_answer, "`history`의 끝에"),
        (returns_the_list, "답변을 돌려주어야"),
        (lambda history, question, send: None, "return"),
        ("ask", "함수 자체"),
    ],
)
def test_wrong_ask(ask: Any, why: str) -> None:
    assert why in wrong("07-2", ask)


def test_other_right_asks() -> None:
    def takes_back(history: list, question: str, send: Callable) -> str:
        history.append(said("user", question))
        try:
            answer = send(list(history))
        except BaseException:
            del history[-1]
            raise
        history.append(said("assistant", answer))
        return answer

    def extends(history: list, question: str, send: Callable) -> str:
        messages = [*history, said("user", question)]
        messages.append(said("assistant", send(messages.copy())))
        history[:] = messages
        return history[-1]["content"]

    assert not refused("07-2", [takes_back, extends])


# 07-4 ---------------------------------------------------------------------------------------------------


def by_count(messages: list, budget: int, count: Callable) -> list:
    return messages[-3:]


def keeps_the_rules_but_cuts_turns(messages: list, budget: int, count: Callable) -> list:
    rules, rest = messages[:1], messages[1:]
    while rest and count(rules + rest) > budget:
        rest = rest[1:]
    return rules + rest


def forgets_the_rules_in_the_count(messages: list, budget: int, count: Callable) -> list:
    return kept_turns(messages, budget, lambda some: count([m for m in some if m["role"] != "developer"]))


def skips_long_turns(messages: list, budget: int, count: Callable) -> list:
    return kept_turns(messages, budget, count, stop=False)


def kept_turns(messages: list, budget: int, count: Callable, stop: bool = True, last: bool = True) -> list:
    rules = [message for message in messages if message["role"] == "developer"]
    starts = [place for place, message in enumerate(messages) if message["role"] == "user"] + [len(messages)]
    turns = [messages[a:b] for a, b in zip(starts, starts[1:])]
    kept: list = []
    for number, turn in enumerate(reversed(turns)):
        if not (last and number == 0) and count(rules + turn + kept) > budget:
            if stop:
                break
            continue
        kept = turn + kept
    return rules + kept


@pytest.mark.parametrize(
    ("trim", "why"),
    [
        (by_count, "시스템 프롬프트가 사라졌습니다"),
        (keeps_the_rules_but_cuts_turns, "사라졌습니다"),
        (forgets_the_rules_in_the_count, "더 버려야"),
        (skips_long_turns, "더 버려야"),
        (lambda messages, budget, count: kept_turns(messages, budget, count, last=False), "마지막 질문이 사라졌습니다"),
        (lambda messages, budget, count: kept_turns(messages, budget - 1, count), "너무 많이 버렸습니다"),
        (lambda messages, budget, count: messages, "더 버려야"),
        (lambda messages, budget, count: kept_turns(messages, budget, count)[::-1], ""),
        (lambda messages, budget, count: messages.pop(0) and messages, "바뀌었습니다"),
        (lambda messages, budget, count: "", "목록을 돌려주어야"),
        (7, "함수 자체"),
    ],
)
def test_wrong_trims(trim: Any, why: str) -> None:
    assert why in wrong("07-4", trim)


def test_an_orphan_tool_result_is_named() -> None:
    def cuts_in_the_middle(messages: list, budget: int, count: Callable) -> list:
        rules = [message for message in messages if message["role"] == "developer"]
        return rules + messages[-5:] if len(messages) > 6 else messages

    assert "도구의 결과만 남고" in wrong("07-4", cuts_in_the_middle)


def test_other_right_trims() -> None:
    def from_the_front(messages: list, budget: int, count: Callable) -> list:
        rules = [message for message in messages if message["role"] in ("system", "developer")]
        rest = messages[len(rules) :]
        while count(rules + rest) > budget:
            later = [place for place, message in enumerate(rest) if message["role"] == "user" and place]
            if not later:
                break
            rest = rest[later[0] :]
        return rules + rest

    assert not refused("07-4", [from_the_front, kept_turns])


# 07-5, 07-3 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("should", "why"),
    [
        (lambda tokens, limit, turns, keep: tokens >= limit and turns > keep, "꼭 같으면"),
        (lambda tokens, limit, turns, keep: tokens > limit, "요약할 것이 없습니다"),
        (lambda tokens, limit, turns, keep: turns > keep, "아직 한도 안"),
        (lambda tokens, limit, turns, keep: tokens > limit or turns > keep, "아직 한도 안"),
        (lambda tokens, limit, turns, keep: tokens > limit and turns >= keep, "그대로 둘 것뿐"),
        (lambda tokens, limit, turns, keep: "True", "'True'"),
        (True, "함수 자체"),
    ],
)
def test_wrong_times_to_summarise(should: Any, why: str) -> None:
    assert why in wrong("07-5", should)


def test_other_right_times() -> None:
    def steps(tokens: int, limit: int, turns: int, keep: int) -> bool:
        if turns <= keep:
            return False
        return limit < tokens

    assert not refused("07-5", [steps, lambda tokens, limit, turns, keep: not (tokens <= limit or turns <= keep)])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("past = turn", "첫 요청에는 지난 턴이 없습니다"),
        ("past = 0", "남긴 턴도 요청마다"),
        ("past = turn - 1", "오래된 턴은 보내지 않습니다"),
    ],
)
def test_wrong_sums(change: str, why: str) -> None:
    solution = LESSON["07-3"].solution
    line = "past = turn - 1 if keep is None else min(turn - 1, keep)"
    assert line in solution
    result, _ = run(solution.replace(line, change))
    assert why in repr(result)


def test_a_sum_that_sends_the_rules_once() -> None:
    def once(turns: int, system: int, question: int, answer: int, keep: int | None = None) -> int:
        return system + sum(n * (question + answer) + question for n in range(turns))

    assert "시스템 프롬프트는 요청마다" in wrong("07-3", once)


def test_other_right_sums() -> None:
    def closed(turns: int, system: int, question: int, answer: int, keep: int | None = None) -> int:
        full = turns if keep is None else min(turns, keep + 1)
        past = full * (full - 1) // 2 + (turns - full) * (full - 1 if keep is None else keep)
        return turns * (system + question) + past * (question + answer)

    def as_float(*given: Any) -> float:
        return float(closed(*given))

    assert not refused("07-3", [closed, as_float])
