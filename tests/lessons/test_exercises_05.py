"""수업 05의 연습: 풀이는 통과하고, 빈칸은 빈칸이라 하고, 틀린 답에는 무엇이 틀렸는지 말합니다."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import llmkit
from tests.lessons.exercises import exercises, refused, run, wrong


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("http://localhost:11434", "`/v1` 아래"),
        ("https://localhost:11434/v1", "https가 아니라 http"),
        ("http://localhost:11434/v1/chat/completions", "SDK가 붙입니다"),
        ("http://localhost/v1", "11434"),
        ("http://localhost:11435/v1", "11434"),
        ("http://ollama.com:11434/v1", "내 컴퓨터의 이름"),
        ("localhost:11434/v1", "http://로 시작"),
        ("http://localhost:port/v1", "포트는 수"),
        (" http://localhost:11434/v1", "앞뒤에 공백"),
        ("http://localhost:11434/v1\n", "앞뒤에 공백"),
        ("http://local\thost:11434/v1", "가운데에 공백"),
        ("http://localhost:11434/v1?model=x", "`?`나 `#`"),
        ("http://me@localhost:11434/v1", "`@`"),
        ("http://[::1:11434/v1", "포트는 수"),
        ("http://0.0.0.0:11434/v1", "내 컴퓨터의 이름"),
        (11434, "딕셔너리"),
    ],
)
def test_wrong_addresses(base_url: Any, said: str) -> None:
    assert said in wrong("05-1", {"base_url": base_url, "api_key": "local"})


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:11434/v1/", "HTTP://LOCALHOST:11434/v1", "http://[::1]:11434/v1"]
)
def test_other_right_addresses(base_url: str) -> None:
    assert llmkit.check("05-1", {"base_url": base_url, "api_key": "ollama"}).passed


def test_an_address_without_a_key_would_send_the_real_one() -> None:
    assert "OPENAI_API_KEY" in wrong("05-1", {"base_url": "http://localhost:11434/v1", "api_key": ""})


@pytest.mark.parametrize("key", ["local\n", " local", "열쇠", "a\x00b"])
def test_a_key_that_no_header_can_carry(key: str) -> None:
    assert "HTTP 헤더에" in wrong("05-1", {"base_url": "http://localhost:11434/v1", "api_key": key})


def test_two_roles_that_ran_together_for_want_of_a_comma() -> None:
    solution = exercises("05")["05-2"].solution
    for joined in ('("system" "developer")', '"systemdeveloper"'):
        careless = solution.replace('("system", "developer")', joined)
        assert careless != solution
        result, _ = run(careless)
        assert "쉼표가 없으면" in repr(result)


def rules(messages: list[dict]) -> list[str]:
    return [message["content"] for message in messages if message["role"] in ("system", "developer")]


def turns(messages: list[dict]) -> list[dict]:
    return [message for message in messages if message["role"] in ("user", "assistant")]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda m, n: {"max_tokens": n, "messages": m}, "user와 assistant만"),
        (lambda m, n: {"max_tokens": n, "messages": turns(m), "system": rules(m)[0]}, "예외가 났습니다"),
        (lambda m, n: {"max_tokens": n, "messages": turns(m), "system": "\n".join(rules(m))}, "넣지 않습니다"),
        (
            lambda m, n: {"max_tokens": n, "messages": turns(m), **({"system": rules(m)[-1]} if rules(m) else {})},
            "빠진 지시",
        ),
        (
            lambda m, n: {"max_tokens": n, "messages": turns(m), **({"system": rules(m)} if rules(m) else {})},
            "문자열 하나",
        ),
        (
            lambda m, n: {"max_tokens": n, "messages": turns(m), **({"system": "".join(rules(m))} if rules(m) else {})},
            "줄을 바꾸어",
        ),
        (
            lambda m, n: {"max_tokens": n, "messages": turns(m), **({"system": str(rules(m))} if rules(m) else {})},
            "줄을 바꾸어",
        ),
        (lambda m, n: {"max_tokens": n, "messages": turns(m)}, "모으지 못한 지시가 있습니다"),
        (lambda m, n: {"max_tokens": 1000, "messages": turns(m)}, "500이어야"),
        (lambda m, n: {"max_tokens": n, "messages": turns(m), "model": "x"}, "쓰지 않는 인자"),
        (lambda m, n: [m, n], "딕셔너리를 돌려주어야"),
        (lambda m, n: None, "return"),
    ],
)
def test_wrong_conversions(function: Any, said: str) -> None:
    assert said in wrong("05-2", function)


def test_a_conversion_that_spoils_what_it_was_given() -> None:
    def to_anthropic(messages: list[dict], max_tokens: int) -> dict[str, Any]:
        system = [messages.pop(0)["content"]] if messages[0]["role"] != "user" else []
        return {"max_tokens": max_tokens, "messages": messages, **({"system": system[0]} if system else {})}

    assert "바뀌었습니다" in wrong("05-2", to_anthropic)


def cheapest(models: list[dict], price: Any) -> str | None:
    return min(models, key=price)["name"] if models else None


def total(model: dict, need: dict) -> float:
    return (model["input_usd"] or 0) * need["input_tokens"] + (model["output_usd"] or 0) * need["output_tokens"]


def fits(model: dict, need: dict) -> bool:
    window = model["context_window"]
    return window is not None and window >= need["input_tokens"] + need["output_tokens"]


@pytest.mark.parametrize(
    ("choose", "said"),
    [
        (lambda ms, need: cheapest(ms, lambda m: total(m, need)), "무료가 아니라"),
        (
            lambda ms, need: cheapest([m for m in ms if m["input_usd"]], lambda m: m["input_usd"]),
            "한 번의 값을 비교하세요",
        ),
        (
            lambda ms, need: cheapest([m for m in ms if m["input_usd"] and fits(m, need)], lambda m: total(m, need)),
            "정말 0입니다",
        ),
        (
            lambda ms, need: cheapest(
                [m for m in ms if m["input_usd"] is not None and (m["context_window"] or 10**9) > need["input_tokens"]],
                lambda m: total(m, need),
            ),
            "컨텍스트 창",
        ),
        (
            lambda ms, need: cheapest(
                [m for m in ms if m["input_usd"] is not None and fits(m, need)], lambda m: total(m, need)
            ),
            "로컬 모델에서만",
        ),
        (
            lambda ms, need: cheapest(
                [m for m in ms if m["local"] == need["local_only"] and None not in m.values() and fits(m, need)],
                lambda m: total(m, need),
            ),
            "거짓이면 로컬 모델도",
        ),
        (
            lambda ms, need: cheapest(
                [
                    m
                    for m in ms
                    if None not in m.values() and fits(m, need | {"output_tokens": need["output_tokens"] + 1})
                ],
                lambda m: total(m, need),
            ),
            "꼭 같으면",
        ),
        (
            lambda ms, need: cheapest(
                [m for m in ms if m["input_usd"] is not None and fits(m, need)], lambda m: total(m, need)
            ),
            "출력 값을 모르면",
        ),
        (lambda ms, need: ms[0], "이름을 돌려주세요"),
        (lambda ms, need: None, "'나'"),
        (lambda ms: None, "예외가 났습니다"),
        ("가", "함수 자체"),
    ],
)
def test_wrong_choices(choose: Any, said: str) -> None:
    assert said in wrong("05-3", choose)


# 05-4 ---------------------------------------------------------------------------------------------------


def counted(right: list, before: list, after: list) -> dict[str, int]:
    pairs = [(old == label, new == label) for label, old, new in zip(right, before, after)]
    return {
        "before": sum(old for old, _ in pairs),
        "after": sum(new for _, new in pairs),
        "fixed": pairs.count((False, True)),
        "broken": pairs.count((True, False)),
    }


def changing(**more: Any) -> Any:
    """맞는 함수의 값 몇 개를 바꾼 것. 값은 (고치기 전에 맞았는가, 뒤에 맞았는가) 짝들의 함수입니다."""

    def compare(right: list, before: list, after: list) -> dict[str, Any]:
        pairs = [(old == label, new == label) for label, old, new in zip(right, before, after)]
        return {**counted(right, before, after), **{name: value(pairs) for name, value in more.items()}}

    return compare


def spoils(right: list, before: list, after: list) -> dict[str, int]:
    result = counted(right, before, after)
    before.clear()
    return result


@pytest.mark.parametrize(
    ("compare", "said"),
    [
        (changing(fixed=lambda ps: sum(new for _, new in ps)), "전에 틀렸던 것만"),
        (changing(broken=lambda ps: sum(old for old, _ in ps)), "뒤에 틀린 것만"),
        (changing(fixed=lambda ps: sum(new for _, new in ps) - sum(old for old, _ in ps)), "두 점수의 차이"),
        (changing(fixed=lambda ps: max(0, sum(n for _, n in ps) - sum(o for o, _ in ps))), "두 점수의 차이"),
        (changing(fixed=lambda ps: sum(old != new for old, new in ps)), "함께 셌습니다"),
        (changing(fixed=lambda ps: ps.count((True, False))), "바뀌었습니다"),
        (changing(broken=lambda ps: ps.count((False, False))), '"broken"'),
        (changing(after=len), "모두 센 것"),
        (changing(after=lambda ps: ps.count((True, True))), '"after"'),
        (changing(before=lambda ps: ps.count((True, True))), '"before"'),
        (changing(after=lambda ps: sum(new for _, new in ps) / max(1, len(ps))), '"after"'),
        (changing(fixed=lambda ps: [new for old, new in ps if not old and new]), '"fixed"'),
        (changing(fixed=lambda ps: (False, True) in ps), '"fixed"'),
        (changing(same=len), "쓰지 않는 이름"),
        (lambda r, b, a: {"before": 1, "after": 2}, "fixed, broken"),
        (lambda r, b, a: tuple(counted(r, b, a).values()), "딕셔너리"),
        (lambda r, b, a: None, "return"),
        (lambda r, b: counted(r, b, b), "예외가 났습니다"),
        (lambda r, b, a: counted(b, r, a), '"after"'),
        (lambda r, b, a: counted(r, a, b), '"before"'),
        (spoils, "바뀌었습니다"),
        ({"before": 1}, "함수 자체"),
    ],
)
def test_wrong_comparisons(compare: Any, said: str) -> None:
    assert said in wrong("05-4", compare)


def test_other_right_comparisons() -> None:
    def with_a_loop(right: list, before: list, after: list) -> dict[str, int]:
        result = {"broken": 0, "fixed": 0, "after": 0, "before": 0}
        for place, label in enumerate(right):
            was, now = before[place] == label, after[place] == label
            result["before"] += was
            result["after"] += now
            if was != now:
                result["fixed" if now else "broken"] += 1
        return result

    def with_sets(right: list, before: list, after: list) -> dict[str, int]:
        old = {place for place, label in enumerate(right) if before[place] == label}
        new = {place for place, label in enumerate(right) if after[place] == label}
        return {"before": len(old), "after": len(new), "fixed": len(new - old), "broken": len(old - new)}

    def with_subtraction(right: list, before: list, after: list) -> dict[str, int]:
        result = counted(right, before, after)
        return {**result, "fixed": result["after"] - result["before"] + result["broken"]}

    def with_filters(right: list, before: list, after: list) -> dict[str, int]:
        rows = list(zip(right, before, after))
        return {
            "before": len([1 for label, old, _ in rows if old == label]),
            "after": len([1 for label, _, new in rows if new == label]),
            "fixed": len([1 for label, old, new in rows if old != label == new]),
            "broken": len([1 for label, old, new in rows if old == label != new]),
        }

    def in_numpy(right: list, before: list, after: list) -> dict[str, Any]:
        was, now = (np.array(labels, dtype=object) == np.array(right, dtype=object) for labels in (before, after))
        return {"before": was.sum(), "after": now.sum(), "fixed": (~was & now).sum(), "broken": (was & ~now).sum()}

    assert not refused("05-4", [in_numpy, counted, with_a_loop, with_sets, with_subtraction, with_filters])
