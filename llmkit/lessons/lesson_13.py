"""수업 13의 연습 채점."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .answers import Fake, attempt, call, require_filled, same, show
from .checks import exercise


@exercise("13-1")
def a_call_made_before(is_repeat: Any) -> Iterator[str]:
    """같은 이름과 같은 인자만 반복입니다."""
    past = [("stock", {"title": "바다"}), ("price", {"title": "숲"}), ("count", {})]
    cases = [
        ("같은 도구를 같은 인자로", "stock", {"title": "바다"}, True),
        ("바로 앞이 아니라 오래전에", "price", {"title": "숲"}, True),
        ("인자가 없는 도구를 다시", "count", {}, True),
        ("같은 도구를 다른 인자로", "stock", {"title": "숲"}, False),
        ("다른 도구를 같은 인자로", "price", {"title": "바다"}, False),
        ("같은 도구에 인자를 더해", "count", {"title": "바다"}, False),
        ("처음 부르는 도구", "refund", {"order": "B-2"}, False),
    ]
    for name, tool, arguments, right in cases:
        found = call(is_repeat, tool, arguments, list(past), name="is_repeat", unchanged=True)
        if not same(found, right):
            yield f"{name}: 기댓값 {right}, 실제 {show(found)}"
    if not same(call(is_repeat, "stock", {"title": "바다"}, [], name="is_repeat"), False):
        yield "처음이라 `past`가 비었을 때는 `False`입니다."


@exercise("13-2")
def ask_only_within_the_budget(may_ask: Any) -> Iterator[str]:
    """가장 많이 써도 예산 안일 때만 보냅니다."""
    cases = [
        ("넉넉할 때", (100, 50, 200, 1000), True),
        ("딱 맞을 때", (300, 200, 500, 1000), True),
        ("하나가 모자랄 때", (301, 200, 500, 1000), False),
        ("입력까지는 되지만 출력을 더하면 넘을 때", (700, 200, 200, 1000), False),
        ("지금까지 쓴 것을 더하면 넘을 때", (900, 100, 100, 1000), False),
        ("이미 넘었을 때", (1200, 10, 10, 1000), False),
    ]
    for name, numbers, right in cases:
        if not same(found := call(may_ask, *numbers, name="may_ask"), right):
            shown = ", ".join(f"{key} {value}" for key, value in zip(("used", "waiting", "limit", "budget"), numbers))
            yield f"{name}({shown}): 기댓값 {right}, 실제 {show(found)}"


_WORKERS = ["reader", "editor"]
_STEP = {"worker": "reader", "task": "리뷰를 읽습니다."}


@exercise("13-3")
def a_plan_read_safely(read_plan: Any) -> Iterator[str]:
    """모델이 쓴 계획은 이름과 개수를 확인하고 씁니다."""
    edit = {"worker": "editor", "task": "고칩니다."}
    for most, plan in ((2, [_STEP]), (2, [_STEP, edit]), (3, [_STEP, edit, _STEP])):
        text = json.dumps(plan, ensure_ascii=False)
        if call(read_plan, text, _WORKERS, most, name="read_plan") != plan:
            yield f"맞는 계획은 목록 그대로 돌려줍니다. 계획: {text}"
            return
    bad = {
        "JSON이 아닌 텍스트": "네, 계획입니다.",
        "목록이 아닌 JSON": json.dumps(_STEP),
        "빈 계획": "[]",
        "너무 긴 계획": json.dumps([_STEP] * 3),
        "모르는 일꾼": json.dumps([_STEP, {"worker": "os.system", "task": "지웁니다."}]),
        "이름이 목록인 일꾼": json.dumps([_STEP, {"worker": ["reader"], "task": "읽습니다."}]),
        "할 일이 없는 항목": json.dumps([_STEP, {"worker": "reader"}]),
        "할 일이 빈 항목": json.dumps([_STEP, {"worker": "reader", "task": " "}]),
        "할 일이 문자열이 아닌 항목": json.dumps([_STEP, {"worker": "reader", "task": ["읽기"]}]),
        "dict가 아닌 항목": json.dumps([_STEP, "reader"]),
    }
    for name, text in bad.items():
        outcome = attempt(read_plan, text, list(_WORKERS), 2)
        if not isinstance(outcome.error, ValueError):
            yield f"{name}: `ValueError`를 내야 합니다. {outcome}."


@exercise("13-4")
def a_gate_before_the_tools(gate: Any) -> Iterator[str]:
    """허용 목록과 사람의 확인."""
    require_filled(gate, "gate")
    allowed, given = {"stock": False, "refund": True}, {"order": "B-2"}
    free = Fake(False)
    if not same(call(gate, "stock", given, dict(allowed), free, name="gate"), True):
        yield "확인이 필요 없는 도구는 바로 `True`입니다."
    if free.asked:
        yield "확인이 필요 없는 도구에서는 `confirm`을 부르지 않습니다."
    for name in ("os.system", "refunds", "Refund", " refund", ""):
        unknown = Fake(True)
        if not same(call(gate, name, given, dict(allowed), unknown, name="gate"), False):
            yield f"`allowed`에 없는 이름({name!r})은 언제나 `False`입니다. 사람이 확인해도 안 됩니다."
    for reply, right in [(True, True), (False, False), ("네", False), (1, False), (None, False)]:
        confirm = Fake(reply)
        found = call(gate, "refund", given, dict(allowed), confirm, name="gate")
        if not same(found, right):
            yield f"확인의 대답이 {reply!r}일 때: 기댓값 {right}, 실제 {show(found)}"
        elif [tuple(one) for one in confirm.asked] != [("refund", given)]:
            yield "`confirm(name, arguments)`를 한 번 부릅니다. 사람은 무엇을 확인하는지 보아야 합니다."
            return
    broken = attempt(gate, "refund", given, dict(allowed), Fake(TimeoutError("대답이 없음")))
    if not same(broken.value, False) or broken.error is not None:
        yield f"`confirm`에서 예외가 나면 `False`입니다. {broken}."
