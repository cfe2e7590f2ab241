"""수업 11의 연습: 틀린 답에는 무엇이 틀렸는지 말하고, 다르게 쓴 맞는 답은 통과합니다."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.lessons.exercises import refused, wrong


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


# 11-1 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (
            lambda rules, history, today, question: [
                said("developer", f"{today}\n{rules}"),
                *history,
                said("user", f"{today} {question}"),
            ],
            "시스템 프롬프트에 `today`",
        ),
        (
            lambda rules, history, today, question: [
                said("developer", rules + question),
                *history,
                said("user", today + question),
            ],
            "시스템 프롬프트에 `question`",
        ),
        (
            lambda rules, history, today, question: [said("developer", rules), *history, said("user", question)],
            "`today` 값이 없습니다",
        ),
        (
            lambda rules, history, today, question: [said("developer", rules), *history, said("user", today)],
            "`question` 값이 없습니다",
        ),
        (
            lambda rules, history, today, question: [said("developer", rules), said("user", today + question)],
            "지난 대화",
        ),
        (
            lambda rules, history, today, question: [said("developer", rules + " "), *history, said("user", today + question)],
            "`rules` 그대로",
        ),
        (
            lambda rules, history, today, question: [
                said("developer", rules),
                *history[::-1],
                said("user", today + question),
            ],
            "받은 그대로",
        ),
        (
            lambda rules, history, today, question: [
                said("developer", rules),
                *history,
                said("user", rules + today + question),
            ],
            "두 번 냅니다",
        ),
        (
            lambda rules, history, today, question: [said("user", rules), *history, said("user", today + question)],
            "역할은",
        ),
        (lambda rules, history, today, question: rules + today + question, "목록이어야"),
        (lambda rules, history, today, question: [rules, *history, today + question], "AttributeError"),
        ([], "함수 자체"),
    ],
)  # fmt: skip
def test_wrong_orders(build: Any, why: str) -> None:
    assert why in wrong("11-1", build)


def test_other_right_orders() -> None:
    def appended(rules: str, history: list[Any], today: str, question: str) -> list[Any]:
        return [said("developer", rules)] + history + [said("user", question + f" ({today})")]

    assert not refused(
        "11-1", [appended, lambda r, h, t, q: [said("developer", r), *h, said("user", "\n\n".join([t, q]))]]
    )


# 11-2 ---------------------------------------------------------------------------------------------------


def by_name(tool: dict[str, Any]) -> str:
    return tool["name"]


def sorts_the_given(tools: list[Any]) -> str:
    tools.sort(key=by_name)
    return json.dumps(tools, sort_keys=True)


def all_sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: all_sorted(value[key]) for key in sorted(value)}
    return sorted(map(all_sorted, value), key=str) if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (lambda tools: json.dumps(tools), "도구의 순서가 다르면"),
        (lambda tools: json.dumps(tools, sort_keys=True), "도구의 순서가 다르면"),
        (lambda tools: json.dumps(sorted(tools, key=by_name)), "안쪽의 키까지"),
        (lambda tools: json.dumps([dict(sorted(t.items())) for t in sorted(tools, key=by_name)]), "안쪽의 키까지"),
        (sorts_the_given, "받은 것이 바뀌었습니다"),
        (lambda tools: sorted(tools, key=by_name), "JSON 문자열"),
        (lambda tools: str(sorted(tools, key=by_name)), "읽히지 않습니다"),
        (lambda tools: json.dumps(sorted(tool["name"] for tool in tools)), "읽히지 않습니다"),
        (lambda tools: json.dumps([{"name": t["name"]} for t in sorted(tools, key=by_name)]), "내용이 달라졌습니다"),
        (lambda tools: json.dumps(all_sorted(tools), sort_keys=True), "`required`"),
        (lambda tools: json.dumps(sorted(tools), sort_keys=True), "TypeError"),
        (lambda tools: None, "`return`을"),
    ],
)
def test_wrong_texts(written: Any, why: str) -> None:
    assert why in wrong("11-2", written)


def test_other_right_texts() -> None:
    def as_lines(tools: list[Any]) -> str:
        return "[" + ",\n".join(sorted(json.dumps(tool, sort_keys=True) for tool in tools)) + "]"

    right = [
        as_lines,
        lambda tools: json.dumps(sorted(copy.deepcopy(tools), key=by_name)[::-1], sort_keys=True, indent=1),
    ]
    assert not refused("11-2", right)


# 11-3 ---------------------------------------------------------------------------------------------------


def parts(usage: dict[str, Any]) -> tuple[int, int, int]:
    """(입력 전체, 읽은 것, 쓴 것)"""
    if "prompt_tokens" in usage:
        details = usage.get("prompt_tokens_details") or {}
        return usage["prompt_tokens"], details.get("cached_tokens") or 0, details.get("cache_write_tokens") or 0
    read, wrote = usage["cache_read_input_tokens"] or 0, usage["cache_creation_input_tokens"] or 0
    return usage["input_tokens"] + read + wrote, read, wrote


def mean_of_rates(usages: list[Any]) -> float:
    rates = [parts(usage)[1] / parts(usage)[0] for usage in usages]
    return sum(rates) / len(rates) if rates else 0


def rate(total: Any, read: Any = lambda usage: parts(usage)[1]) -> Any:
    def hit_rate(usages: list[Any]) -> float:
        whole = sum(map(total, usages))
        return sum(map(read, usages)) / whole if whole else 0

    return hit_rate


@pytest.mark.parametrize(
    ("hit_rate", "why"),
    [
        (rate(lambda usage: usage.get("prompt_tokens") or usage["input_tokens"]), "캐시의 두 수가 빠져"),
        (rate(lambda usage: parts(usage)[0] - ("input_tokens" in usage) * parts(usage)[2]), "**쓴** 토큰도"),
        (rate(lambda usage: parts(usage)[0] + ("prompt_tokens" in usage) * parts(usage)[1]), "두 번 더했습니다"),
        (rate(lambda usage: parts(usage)[0], lambda usage: parts(usage)[1] + parts(usage)[2]), "합으로 나눕니다"),
        (mean_of_rates, "기댓값"),
        (lambda usages: 100 * rate(lambda usage: parts(usage)[0])(usages), "기댓값"),
        (lambda usages: sum(parts(u)[1] for u in usages) / sum(parts(u)[0] for u in usages), "ZeroDivisionError"),
        (lambda usages: sum(u["cache_read_input_tokens"] for u in usages), "KeyError"),
        (
            rate(
                lambda usage: parts(usage)[0], lambda u: (u.get("prompt_tokens_details") or u).get("cached_tokens", 0)
            ),
            "Anthropic",
        ),
        (lambda usages: f"{rate(lambda usage: parts(usage)[0])(usages):.0%}", "유한한 수"),
        (lambda usages: round(rate(lambda usage: parts(usage)[0])(usages), 1), "기댓값"),
        (0.8, "함수 자체"),
    ],
)
def test_wrong_rates(hit_rate: Any, why: str) -> None:
    assert why in wrong("11-3", hit_rate)


def test_other_right_rates() -> None:
    def with_columns(usages: list[Any]) -> float:
        totals = [sum(column) for column in zip(*map(parts, usages))] or [1, 0]
        return totals[1] / totals[0]

    rounded = lambda usages: round(with_columns(usages), 4)  # noqa: E731
    assert not refused("11-3", [with_columns, rounded, rate(lambda usage: parts(usage)[0])])


# 11-4 ---------------------------------------------------------------------------------------------------

PLANS = [("5m", 5, 1.25), ("1h", 60, 2.0)]


def chooser(lost: Any, cost: Any = None, plans: Any = PLANS, pick: Any = min) -> Any:
    def choose(gaps: list[float], read: float = 0.1) -> Any:
        calls = len(gaps) + 1
        totals = {None: calls}
        for name, minutes, write in plans:
            writes = lost(gaps, minutes)
            totals[name] = (cost or (lambda w, n, r, x: w * x + (n - w) * r))(writes, calls, read, write)
        return pick(totals, key=totals.get)

    return choose


def writes_of(gaps: list[float], minutes: float) -> int:
    return 1 + sum(gap > minutes for gap in gaps)


@pytest.mark.parametrize(
    ("choose", "why"),
    [
        (chooser(lambda gaps, minutes: sum(gap > minutes for gap in gaps)), "기댓값"),
        (chooser(lambda gaps, minutes: 1 + sum(gap >= minutes for gap in gaps)), "아직 살아 있습니다"),
        (chooser(lambda gaps, minutes: 1), "번번이"),
        (chooser(writes_of, lambda writes, calls, read, write: write + (calls - 1) * read), "번번이"),
        (chooser(writes_of, lambda writes, calls, read, write: writes * write), "읽기도 공짜가"),
        (chooser(writes_of, lambda writes, calls, read, write: writes * write + (calls - writes)), "두 번이면"),
        (
            chooser(writes_of, lambda writes, calls, read, write: writes * write + (calls - writes) * 0.1),
            "넘겨받은 `read`",
        ),
        (chooser(writes_of, pick=max), "기댓값"),
        (chooser(writes_of, pick=lambda totals, key: min(reversed(totals), key=key)), "먼저 적힌 `None`"),
        (chooser(writes_of, plans=PLANS[:1]), "기댓값 '1h'"),
        (lambda gaps, read=0.1: "none" if max(gaps, default=99) > 60 else "5m", "실제 'none'"),
        (lambda gaps, read=0.1: "5m" if gaps and sum(gaps) / len(gaps) <= 5 else "1h", "기댓값"),
        (lambda gaps, read=0.1: min(gaps), "ValueError"),
        ("5m", "함수 자체"),
    ],
)
def test_wrong_choices(choose: Any, why: str) -> None:
    assert why in wrong("11-4", choose)


def test_other_right_choices() -> None:
    def step_by_step(gaps: list[float], read: float = 0.1) -> str | None:
        best, least = None, len(gaps) + 1.0
        for name, minutes, write in PLANS:
            total = write
            for gap in gaps:
                total += read if gap <= minutes else write
            if total < least:
                best, least = name, total
        return best

    assert not refused("11-4", [step_by_step, chooser(writes_of)])


# 11-5 ---------------------------------------------------------------------------------------------------

MARK = {"type": "ephemeral"}


def marks_last(messages: list[Any]) -> list[Any]:
    """옛 중단점을 그대로 둡니다."""
    messages = copy.deepcopy(messages)
    last = messages[-1]
    if isinstance(last["content"], str):
        last["content"] = [{"type": "text", "text": last["content"]}]
    last["content"][-1]["cache_control"] = dict(MARK)
    return messages


def moves_in_place(messages: list[Any]) -> list[Any]:
    for message in messages:
        for block in message["content"] if isinstance(message["content"], list) else []:
            block.pop("cache_control", None)
    return marks_last(messages)


def moved(messages: list[Any]) -> list[Any]:
    return moves_in_place(copy.deepcopy(messages))


def on_the_message(messages: list[Any]) -> list[Any]:
    return [*messages[:-1], {**messages[-1], "cache_control": MARK}]


def on_the_first_block(messages: list[Any]) -> list[Any]:
    made = moved(messages)
    made[-1]["content"][-1].pop("cache_control")
    made[-1]["content"][0]["cache_control"] = MARK
    return made


def changed_mark(mark: dict[str, Any]) -> Any:
    def move(messages: list[Any]) -> list[Any]:
        made = moved(messages)
        made[-1]["content"][-1]["cache_control"] = mark
        return made

    return move


def only_text(messages: list[Any]) -> list[Any]:
    made = moved(messages)
    made[-1]["content"] = made[-1]["content"][-1:]
    return made


@pytest.mark.parametrize(
    ("move", "why"),
    [
        (marks_last, "2개 남았습니다"),
        (lambda messages: list(messages), "`cache_control`이 없습니다"),
        (moves_in_place, "받은 것이 바뀌었습니다"),
        (on_the_message, "`cache_control`이 없습니다"),
        (on_the_first_block, "`cache_control`이 없습니다"),
        (changed_mark({"type": "persistent"}), "ephemeral"),
        (changed_mark({**MARK, "ttl": "1h"}), "ephemeral"),
        (lambda messages: moved(messages)[-1:], "목록을 돌려주어야"),
        (lambda messages: moved(messages)[-1], "목록을 돌려주어야"),
        (only_text, "블록의 순서가 달라졌습니다"),
        (lambda messages: [said(m["role"], [{"type": "text", "text": "글", "cache_control": MARK}]) for m in messages], "달라졌습니다"),
        (lambda messages: [{"role": m["role"]} for m in messages], "`content`가 있어야"),
        (lambda messages: [said(m["role"], ["글"]) for m in messages], "블록(`dict`)의 목록"),
        (lambda messages: messages[-1]["content"][-1].update(cache_control=MARK), "AttributeError"),
    ],
)  # fmt: skip
def test_wrong_moves(move: Any, why: str) -> None:
    assert why in wrong("11-5", move)


def test_other_right_moves() -> None:
    def rebuilt(messages: list[Any]) -> list[Any]:
        made = []
        for message in messages:
            content = message["content"]
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            bare = [{key: value for key, value in block.items() if key != "cache_control"} for block in blocks]
            made.append({**message, "content": bare})
        made[-1]["content"][-1] |= {"cache_control": MARK}
        return made

    assert not refused("11-5", [rebuilt, moved])


# 11-6 ---------------------------------------------------------------------------------------------------


def first_of(names: list[str], longer: bool = False) -> Any:
    def first_change(before: dict[str, Any], after: dict[str, Any]) -> str:
        for name in names:
            if (before.get(name) or []) != (after.get(name) or []):
                return name
        both = zip(before["messages"], after["messages"])
        for place, (old, new) in enumerate(both):
            if old != new:
                return f"messages[{place}]"
        shorter = len(after["messages"]) < len(before["messages"])
        if shorter or (longer and len(after["messages"]) != len(before["messages"])):
            return f"messages[{min(len(before['messages']), len(after['messages']))}]"
        return ""

    return first_change


RIGHT = first_of(["model", "tools", "system"])


@pytest.mark.parametrize(
    ("first_change", "why"),
    [
        (first_of(["model", "system", "tools"]), "도구가 시스템 프롬프트보다 앞입니다"),
        (first_of(["tools", "system", "model"]), "기댓값 'model'"),
        (first_of(["model", "system"]), "도구의 순서가 다른"),
        (first_of(["model", "tools", "system", "messages"]), "뒤에 더해지기만"),
        (first_of(["model", "tools", "system"], longer=True), "뒤에 더해지기만"),
        (lambda before, after: next((k for k in before if before[k] != after.get(k)), ""), "뒤에 더해지기만"),
        (lambda before, after: RIGHT(before, after) or None, "`return`을"),
        (lambda before, after: RIGHT(before, after).replace("messages[1]", "messages[2]"), "0부터"),
        (lambda before, after: RIGHT(before, {**after, "messages": before["messages"][:1] + after["messages"][1:]}), "앞을 자르면"),
        (lambda before, after: "" if len(after["messages"]) < 3 and after["system"] == "규칙" else RIGHT(before, after), "잘린"),
        (lambda before, after: "" if before == after else "tools" if before["tools"] != after["tools"] else RIGHT(before, after), "KeyError"),
        (lambda before, after: ["messages"], "기댓값"),
        (lambda before, after: RIGHT(*[one | {"messages": [m["content"] for m in one["messages"]]} for one in (before, after)]), "역할만 바꾼 요청"),
        (lambda before, after: RIGHT(before, {**after, "system": after.get("system", "").strip() or []}), "공백 하나도"),
        ("system", "함수 자체"),
    ],
)  # fmt: skip
def test_wrong_places(first_change: Any, why: str) -> None:
    assert why in wrong("11-6", first_change)


def test_other_right_places() -> None:
    def as_list(before: dict[str, Any], after: dict[str, Any]) -> str:
        def flat(asked: dict[str, Any]) -> list[tuple[str, Any]]:
            head = [(name, asked.get(name) or []) for name in ("model", "tools", "system")]
            return head + [(f"messages[{place}]", one) for place, one in enumerate(asked["messages"])]

        theirs = dict(flat(after))
        return next((name for name, value in flat(before) if theirs.get(name) != value), "")

    assert not refused("11-6", [as_list, RIGHT])
