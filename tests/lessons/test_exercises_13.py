"""수업 13의 연습: 다른 방식의 맞는 답은 통과하고, 틀린 답에는 무엇이 틀렸는지 말합니다."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lessons.exercises import refused, wrong


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda name, arguments, past: name in [one for one, _ in past], "다른 인자로"),
        (lambda name, arguments, past: bool(past) and past[-1] == (name, arguments), "오래전에"),
        (lambda name, arguments, past: [name, arguments] in past, "같은 도구를 같은 인자로"),
        (lambda name, arguments, past: bool(arguments) and (name, arguments) in past, "인자가 없는 도구"),
        (
            lambda name, arguments, past: any(name == n and arguments.items() >= a.items() for n, a in past),
            "인자를 더해",
        ),
        (lambda name, arguments, past: past.append((name, arguments)), "None을 돌려주었습니다"),
        (lambda name, arguments, past: past.count((name, arguments)), "기댓값 True"),
    ],
)
def test_13_1_wrong(answer: Any, said: str) -> None:
    assert said in wrong("13-1", answer)


def test_13_1_right() -> None:
    def by_any(name: str, arguments: dict, past: list) -> bool:
        return any(name == one and arguments == given for one, given in past)

    assert not refused("13-1", [by_any, lambda name, arguments, past: past.count((name, arguments)) > 0])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda used, waiting, limit, budget: used <= budget, "입력까지는"),
        (lambda used, waiting, limit, budget: used + waiting <= budget, "출력을 더하면"),
        (lambda used, waiting, limit, budget: used + waiting + limit < budget, "딱 맞을 때"),
        (lambda used, waiting, limit, budget: waiting + limit <= budget, "지금까지 쓴 것"),
        (lambda used, waiting, limit, budget: budget - used - waiting - limit, "기댓값 True"),
    ],
)
def test_13_2_wrong(answer: Any, said: str) -> None:
    assert said in wrong("13-2", answer)


def test_13_2_right() -> None:
    assert not refused("13-2", [lambda used, waiting, limit, budget: budget - used >= waiting + limit])


def plan_reader(
    *, most: bool = True, empty: bool = True, names: bool = True, tasks: bool = True, error: Any = ValueError
) -> Any:
    def read_plan(text: str, workers: Any, longest: int) -> Any:
        plan = json.loads(text)
        if not isinstance(plan, list) or (empty and not plan) or (most and len(plan) > longest):
            raise error("길이")
        for step in plan:
            if not isinstance(step, dict) or (names and step.get("worker") not in workers):
                raise error("일꾼")
            if tasks and not (isinstance(step.get("task"), str) and step["task"].strip()):
                raise error("할 일")
        return plan

    return read_plan


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (plan_reader(most=False), "너무 긴 계획"),
        (plan_reader(empty=False), "빈 계획"),
        (plan_reader(names=False), "모르는 일꾼"),
        (lambda text, workers, most: plan_reader()(text, set(workers), most), "이름이 목록인 일꾼"),
        (lambda text, workers, most: [*plan_reader()(text, workers, most)][:2], "목록 그대로"),
        (
            lambda text, workers, most: (
                plan_reader()(json.dumps(json.loads(text)[:1]), workers, most) and json.loads(text)
            ),
            "할 일이 빈",
        ),
        (plan_reader(tasks=False), "할 일이 없는 항목"),
        (plan_reader(error=KeyError), "`ValueError`를 내야"),
        (lambda text, workers, most: json.loads(text), "목록이 아닌 JSON"),
        (lambda text, workers, most: [], "목록 그대로"),
        (lambda text, workers, most: eval(text), "너무 긴 계획"),
    ],
)
def test_13_3_wrong(answer: Any, said: str) -> None:
    assert said in wrong("13-3", answer)


def test_13_3_right() -> None:
    class BadPlan(ValueError):
        pass

    assert not refused("13-3", [plan_reader(), plan_reader(error=BadPlan)])


def whatever_the_case(name: str, arguments: Any, allowed: Any, confirm: Any) -> bool:
    try:
        name = name.strip().lower()
        return name in allowed and (not allowed[name] or confirm(name, arguments) is True)
    except Exception:
        return False


def truthy(name: str, arguments: Any, allowed: Any, confirm: Any) -> bool:
    try:
        return name in allowed and (not allowed[name] or bool(confirm(name, arguments)))
    except Exception:
        return False


def always_asks(name: str, arguments: Any, allowed: Any, confirm: Any) -> bool:
    try:
        return name in allowed and (confirm(name, arguments) is True or not allowed[name])
    except Exception:
        return False


def asks_for_unknown(name: str, arguments: Any, allowed: Any, confirm: Any) -> bool:
    try:
        return allowed.get(name, True) is False or confirm(name, arguments) is True
    except Exception:
        return False


def asks_blindly(name: str, arguments: Any, allowed: Any, confirm: Any) -> bool:
    try:
        return name in allowed and (not allowed[name] or confirm() is True)
    except Exception:
        return False


def lets_it_out(name: str, arguments: Any, allowed: Any, confirm: Any) -> bool:
    return name in allowed and (not allowed[name] or confirm(name, arguments) is True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (truthy, "'네'일 때"),
        (whatever_the_case, "'Refund'"),
        (always_asks, "`confirm`을 부르지 않습니다"),
        (asks_for_unknown, "사람이 확인해도 안 됩니다"),
        (asks_blindly, "무엇을 확인하는지"),
        (lets_it_out, "예외가 나면"),
        (lambda name, arguments, allowed, confirm: True, "언제나 `False`"),
        (lambda name, arguments, allowed, confirm: name in allowed, "무엇을 확인하는지"),
        (lambda name, arguments, allowed, confirm: confirm(name, arguments) is not None, "언제나"),
    ],
)
def test_13_4_wrong(answer: Any, said: str) -> None:
    assert said in wrong("13-4", answer)


def test_13_4_right() -> None:
    def by_cases(name: str, arguments: Any, allowed: Any, confirm: Any) -> bool:
        needs = allowed.get(name)
        if needs is None:
            return False
        if needs:
            try:
                if confirm(name, arguments) is not True:
                    return False
            except BaseException:
                return False
        return True

    assert not refused("13-4", [by_cases])
