"""수업 06의 연습: 노트북의 풀이는 통과하고, 빈칸은 빈칸이라 하고, 틀린 답에는 무엇이 틀렸는지 말합니다."""

from __future__ import annotations

import copy
import math
from decimal import Decimal
from typing import Any

import pytest

import llmkit
from tests.lessons.exercises import exercises, run, wrong

FOUND = exercises("06")


@pytest.mark.parametrize("name", ["06-1", "06-2", "06-3"])
def test_the_folded_solution_passes(name: str) -> None:
    result, _ = run(FOUND[name].solution)
    assert result.passed, result


def test_the_old_formula_is_wrong_and_says_why() -> None:
    result, _ = run(FOUND["06-1"].stub)
    assert len(result.problems) == 1 and "출력이 0개이면 값도 0" in result.problems[0]


@pytest.mark.parametrize(
    ("name", "blanks"),
    [
        ("06-2", ('read_anthropic의 결과["input_tokens"]', 'read_anthropic의 결과["cached_share"]')),
        ("06-3", ('service["model"]', 'service["messages"][0]', 'service["answer"]', 'service["calls"]')),
    ],
)
def test_the_unfilled_stub_says_what_is_missing(name: str, blanks: tuple[str, ...]) -> None:
    result, _ = run(FOUND[name].stub)
    assert result.blanks == blanks and not result.problems


def test_a_half_filled_stub_names_the_blank_inside_the_function() -> None:
    half = FOUND["06-2"].stub.replace('"cached_share": ...', '"cached_share": read / total')
    result, _ = run(half)
    assert result.blanks == ("read_anthropic 안의 ...",)


# 06-1 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        (lambda i, o, p, q, n: i * p + o * q * n, "괄호로 묶고"),
        (lambda i, o, p, q, n: i * p + o * q, "`calls`를 곱하세요"),
        (lambda i, o, p, q, n: i * p * n, "출력만 1,000개"),
        (lambda i, o, p, q, n: o * q * n, "입력만 1,000개"),
        (lambda i, o, p, q, n: (i + o) * p * n, "출력만 1,000개"),
        (lambda i, o, p, q, n: (i * q + o * p) * n, "2군데"),
        (lambda i, o, p, q, n: (i * p - o * q) * n, "출력만 1,000개"),
        (lambda i, o, p, q, n: max(i * p, o * q) * n, "둘의 합"),
        (lambda i, o, p, q, n: (i * p + o * q) * n / 1_000_000, "2군데"),
        (lambda i, o, p, q, n: f"{(i * p + o * q) * n}", "수여야"),
        (lambda i, o, p, q, n: None, "return"),
        (lambda i, o: i + o, "TypeError"),
        (0.5, "함수 자체"),
    ],
)
def test_wrong_formula(formula: Any, said: str) -> None:
    assert said in wrong("06-1", formula)


@pytest.mark.parametrize("number", [float, Decimal, lambda value: value])
def test_the_right_formula_passes_in_any_number(number: Any) -> None:
    right = lambda i, o, p, q, n: (i * number(p) + o * number(q)) * n  # noqa: E731
    assert llmkit.check("06-1", right).passed


# 06-2 ---------------------------------------------------------------------------------------------------


def parts(usage: Any) -> tuple[int, int, int]:
    return usage.input_tokens, usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0


def right(usage: Any) -> dict[str, Any]:
    return {"input_tokens": sum(parts(usage)), "cached_share": parts(usage)[1] / sum(parts(usage))}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda u: {"input_tokens": u.input_tokens}, "캐시가 빠져"),
        (lambda u: {"input_tokens": sum(parts(u)[:2])}, "캐시에 쓴 것"),
        (lambda u: {"input_tokens": parts(u)[0] + parts(u)[2]}, "캐시에서 읽은 것"),
        (lambda u: {"input_tokens": sum(parts(u)) + u.output_tokens}, "출력까지"),
        (lambda u: {"input_tokens": 7}, "이어야 하는데 7"),
        (lambda u: {"input_tokens": "2000"}, "수여야"),
        (lambda u: {"cached_share": 100 * right(u)["cached_share"]}, "백분율이 아니라"),
        (lambda u: {"cached_share": parts(u)[1] / parts(u)[0]}, "입력 전체로 나눕니다"),
        (lambda u: {"cached_share": sum(parts(u)[1:]) / sum(parts(u))}, "읽은 것만"),
        (lambda u: {"cached_share": 0.123}, "0.750이어야 하는데 0.123"),
        (lambda u: {"cached_share": True}, "수여야"),
    ],
)
def test_wrong_usage(change: Any, said: str) -> None:
    shown = wrong("06-2", lambda usage: right(usage) | change(usage))
    assert said in shown


def test_none_in_a_usage_that_has_no_cache_is_met() -> None:
    def forgets_none(usage: Any) -> dict[str, Any]:
        total = usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens
        return {"input_tokens": total, "cached_share": usage.cache_read_input_tokens / total}

    assert "TypeError" in wrong("06-2", forgets_none)
    assert "딕셔너리" in wrong("06-2", lambda usage: sum(parts(usage)))


# 06-3 ---------------------------------------------------------------------------------------------------


@pytest.fixture
def service() -> dict[str, Any]:
    return copy.deepcopy(run(FOUND["06-3"].solution)[1]["service"])


def tokens(service: dict[str, Any]) -> tuple[int, int]:
    sent, said = (llmkit.count_tokens(service[name], service["model"]) for name in ("messages", "answer"))
    return int(sent), int(said)


def month(service: dict[str, Any], sent: int, said: int, calls: int | None = None) -> Any:
    cost = llmkit.calculate_cost({"input_tokens": sent, "output_tokens": said}, service["model"])
    return cost * (calls or service["calls"])


def bare(service: dict[str, Any]) -> int:
    return sum(llmkit.count_tokens(message["content"], service["model"]) for message in service["messages"])


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda s: llmkit.to_krw(month(s, *tokens(s))), "부가가치세"),
        (lambda s: month(s, *tokens(s)).usd, "달러입니다"),
        (lambda s: llmkit.to_krw(month(s, *tokens(s), calls=1), vat=True), "한 번 부른 값"),
        (lambda s: llmkit.to_krw(month(s, tokens(s)[0], 0), vat=True), "입력의 값뿐"),
        (lambda s: llmkit.to_krw(month(s, 0, tokens(s)[1]), vat=True), "출력의 값뿐"),
        (lambda s: llmkit.to_krw(month(s, bare(s), tokens(s)[1]), vat=True), "역할 표시까지"),
        (lambda s: 12345.0, "원, 나온 값 12345.00"),
        (lambda s: month(s, *tokens(s)), "수여야"),
        (lambda s: ..., "아직"),
    ],
)
def test_wrong_estimate(service: dict[str, Any], function: Any, said: str) -> None:
    result = llmkit.check("06-3", {"service": service, "monthly_won": function})
    assert not result.passed and said in repr(result)


def test_a_number_that_fits_only_the_learners_own_service_is_found(service: dict[str, Any]) -> None:
    fixed = llmkit.to_krw(month(service, *tokens(service)), vat=True)
    assert "다른 서비스" in wrong("06-3", {"service": service, "monthly_won": lambda s: fixed})


def test_any_service_and_any_number_type_pass(service: dict[str, Any]) -> None:
    service |= {"model": llmkit.model("anthropic"), "calls": 1}
    won = lambda s: float(llmkit.to_krw(month(s, *tokens(s)), vat=True))  # noqa: E731
    assert llmkit.check("06-3", {"service": service, "monthly_won": won}).passed


@pytest.mark.parametrize("calls", [3000, 70_000, 1_000_000])
@pytest.mark.parametrize(
    "rounding", [round, math.ceil, math.floor, lambda won: round(won, 2), lambda won: round(float(won), 1)]
)
def test_whole_won_are_right_too(service: dict[str, Any], rounding: Any, calls: int) -> None:
    won = lambda s: rounding(llmkit.to_krw(month(s, *tokens(s)), vat=True))  # noqa: E731
    assert llmkit.check("06-3", {"service": service | {"calls": calls}, "monthly_won": won}).passed


@pytest.mark.parametrize(
    "wrong_won",
    [
        lambda won: 0,
        lambda won: round(won) + 1,
        lambda won: round(won, -1) if round(won, -1) != round(won) else round(won) + 10,
        lambda won: won + Decimal("0.3"),
    ],
)
def test_rounding_is_no_cover_for_another_figure(service: dict[str, Any], wrong_won: Any) -> None:
    won = lambda s: wrong_won(llmkit.to_krw(month(s, *tokens(s)), vat=True))  # noqa: E731
    assert "원, 나온 값" in wrong("06-3", {"service": service | {"calls": 70_000}, "monthly_won": won})


def test_a_tiny_bill_is_not_zero(service: dict[str, Any]) -> None:
    won = lambda s: round(llmkit.to_krw(month(s, *tokens(s)), vat=True))  # noqa: E731
    assert "원, 나온 값 0.00" in wrong("06-3", {"service": service | {"calls": 1}, "monthly_won": won})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "gpt-4o-mimi"}, "gpt-4o-mini"),
        ({"model": "local/smollm2-135m"}, "내 컴퓨터"),
        ({"model": 3}, "값을 알 수 없습니다"),
        ({"messages": []}, "하나 이상"),
        ({"messages": "안녕하세요"}, "하나 이상"),
        ({"messages": ["안녕하세요"]}, '"role"'),
        ({"messages": [{"role": "user", "content": " "}]}, '"content"'),
        ({"answer": ""}, "예시"),
        ({"calls": 0}, "1 이상"),
        ({"calls": "3000"}, "1 이상"),
        ({"calls": True}, "1 이상"),
        ({"tokens": 3}, "이름 넷"),
    ],
)
def test_wrong_service(service: dict[str, Any], change: dict[str, Any], said: str) -> None:
    assert said in wrong("06-3", {"service": service | change, "monthly_won": lambda s: 1})


def test_both_parts_are_handed_in(service: dict[str, Any]) -> None:
    assert "두 가지" in wrong("06-3", service)
    assert "함수 자체" in wrong("06-3", {"service": service, "monthly_won": 3000})
