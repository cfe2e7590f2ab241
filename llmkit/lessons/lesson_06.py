"""수업 06의 연습 채점. 학습자의 계산을 저장해 둔 수로 불러 보고, 어느 항이 빠지거나 겹쳤는지 말합니다."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from .answers import Wrong, call, explain, require_dict, require_filled, require_number, show
from .checks import exercise
from .samples import SERVICE, USAGES

MADE_IN = {
    **dict.fromkeys(("client", "model"), "첫"),
    **dict.fromkeys(("day", "rates", "input_price", "output_price", "pd"), "2절"),
    "Decimal": "7절",
}


@exercise("06-1")
def monthly_cost(function: Any) -> Iterator[str]:
    """입력의 값과 출력의 값을 곱하는 옛 공식을 고칩니다."""
    price, dear = Decimal("0.000002"), Decimal("0.000007")

    def cost(sent: int, said: int, calls: int = 1, cheaper: int = 1) -> Decimal:
        rates = (price / cheaper, dear / cheaper)
        return require_number(call(function, sent, said, *rates, calls, name="monthly_cost"), "`monthly_cost`의 결과")

    only_input, only_output, once = cost(1000, 0), cost(0, 1000), cost(1000, 200)
    if not only_input and not only_output and once:
        raise Wrong("출력이 0개이면 값도 0이 됩니다. 답이 비어 있어도 보낸 입력의 값은 냅니다.")
    alone_right = _close(only_input, 1000 * price) and _close(only_output, 1000 * dear)
    if not _close(only_input, 1000 * price):
        yield f"입력만 1,000개 보낸 한 번의 값은 {1000 * price}입니다. 지금은 {only_input}입니다."
    if not _close(only_output, 1000 * dear):
        yield f"출력만 1,000개 받은 한 번의 값은 {1000 * dear}입니다. 지금은 {only_output}입니다."
    thrice = cost(1000, 200, 3)
    if _close(thrice, once):
        yield "세 번 불러도 한 번과 값이 같습니다. `calls`를 곱하세요."
    elif not _close(thrice, 3 * once):
        yield "세 번 부른 값이 한 번의 세 배가 아닙니다. 두 항을 괄호로 묶고 `calls`를 곱하세요."
    elif not _close(once, only_input + only_output / 5):
        yield "입력과 출력이 함께 있을 때의 값이 둘의 합이 아닙니다."
    elif alone_right and not _close(small := cost(37, 11, 3, 40), right := (37 * price + 11 * dear) / 40 * 3):
        yield f"싼 모델로 입력 37개, 출력 11개를 세 번 부른 값은 {right}입니다. 지금은 {small}입니다. 작은 값을 반올림해 없애지 않았습니까?"


@exercise("06-2")
def read_anthropic(read: Any) -> Iterator[str]:
    """Anthropic의 usage에서 입력 전체와 캐시에서 읽은 비율을 꺼냅니다."""
    from anthropic.types import Usage

    for sent, hit, written in USAGES:
        usage = Usage(input_tokens=sent, output_tokens=90)
        usage.cache_read_input_tokens, usage.cache_creation_input_tokens = hit, written
        result = call(read, usage, name="read_anthropic")
        require_dict(result, "`read_anthropic` 함수", ("input_tokens", "cached_share"))
        problems = list(_usage_problems(result, sent, hit or 0, written or 0))
        for problem in problems:
            yield f"(입력 {sent}, 캐시에서 읽음 {hit}, 캐시에 씀 {written}) {problem}"
        if problems:
            return


def _usage_problems(result: dict, sent: int, hit: int, written: int) -> Iterator[str]:
    total = sent + hit + written
    value = require_number(result["input_tokens"], '"input_tokens"')
    mistakes = [
        (sent, "`input_tokens`만 보았습니다. Anthropic에서는 거기에 캐시가 빠져 있습니다."),
        (sent + hit, "캐시에 쓴 것(`cache_creation_input_tokens`)이 빠졌습니다. 그것도 보낸 입력입니다."),
        (sent + written, "캐시에서 읽은 것(`cache_read_input_tokens`)이 빠졌습니다. 싸도 보낸 입력입니다."),
        (total + 90, "출력까지 더했습니다. 입력만 셉니다."),
    ]
    if value != total:
        yield f'"input_tokens": {explain(value, mistakes, f"{total}이어야 하는데 {value}입니다.", equal=_close)}'
    share = require_number(result["cached_share"], '"cached_share"')
    mistakes = [
        (100 * hit / total, "백분율이 아니라 0에서 1까지의 비율로 적습니다."),
        (hit / sent, "캐시가 빠진 `input_tokens`로 나누었습니다. 입력 전체로 나눕니다."),
        (hit / (sent + hit), "캐시에 쓴 것이 빠진 수로 나누었습니다. 입력 전체로 나눕니다."),
        ((hit + written) / total, "캐시에 쓴 것은 싸게 읽은 것이 아닙니다. 읽은 것만 셉니다."),
    ]
    if not _close(share, hit / total):
        otherwise = f"{hit / total:.3f}이어야 하는데 {share:.3f}입니다."
        yield f'"cached_share": {explain(share, mistakes, otherwise, equal=_close)}'


@exercise("06-3")
def own_service(answer: Any) -> Iterator[str]:
    """자기 서비스의 한 달 비용을 부가가치세까지 원으로 계산합니다."""
    require_dict(answer, "연습의 답 두 가지", ("service", "monthly_won"), only=True)
    service, function = answer["service"], answer["monthly_won"]
    require_filled(service, "service")
    _require_service(service)
    for one, name in ((service, "여러분의 서비스"), (SERVICE, "채점이 넘긴 다른 서비스")):
        result = call(function, copy.deepcopy(one), name="monthly_won")
        value = require_number(result, "`monthly_won`의 결과")
        right, mistakes = _monthly_won(one)
        if not _nearly(value, right):
            otherwise = f"기댓값 {right:.2f}원, 나온 값 {value:.2f}원입니다."
            yield f"{name}: {explain(value, mistakes, otherwise, equal=_nearly)}"
            return


def _require_service(service: Any) -> None:
    if not isinstance(service, dict) or set(service) != {"model", "messages", "answer", "calls"}:
        raise Wrong("`service`의 이름 넷(model, messages, answer, calls)은 처음대로 둡니다.")
    messages, calls = service["messages"], service["calls"]
    if not isinstance(messages, list) or not messages:
        raise Wrong('service["messages"]에는 한 번에 보내는 메시지를 하나 이상 적습니다.')
    for position, message in enumerate(messages):
        texts = [message.get("role"), message.get("content")] if isinstance(message, dict) else [None]
        if not all(map(_is_text, texts)):
            raise Wrong(f'service["messages"][{position}]에는 "role"과 "content"를 모두 글로 적습니다.')
    if not _is_text(service["answer"]):
        raise Wrong('service["answer"]에는 기대하는 답의 예시를 글로 적습니다.')
    if not isinstance(calls, int) or isinstance(calls, bool) or calls < 1:
        raise Wrong(f'service["calls"]는 1 이상의 정수여야 합니다. 지금은 {show(calls)}입니다.')
    if isinstance(service["model"], str) and service["model"] != service["model"].strip():
        raise Wrong(f'service["model"]의 앞뒤에 공백이 있습니다: {service["model"]!r}')
    try:
        free = not _usd(service, 1, 1)
    except (LookupError, ValueError, TypeError) as error:
        raise Wrong(f'service["model"]의 값을 알 수 없습니다. {error}') from error
    if free:
        raise Wrong("내 컴퓨터의 모델에는 토큰의 값이 없습니다. 요금을 받는 모델을 고르세요.")


def _monthly_won(service: dict) -> tuple[Decimal, list[tuple[Decimal, str]]]:
    """(맞는 값, 흔한 잘못의 값과 그 설명)입니다."""
    from ..cost.krw import to_krw
    from ..cost.tokens import count_tokens

    model, calls = service["model"], service["calls"]
    sent, said = (int(count_tokens(service[name], model)) for name in ("messages", "answer"))
    bare = sum(count_tokens(message["content"], model) for message in service["messages"])
    once = _usd(service, sent, said)
    mistakes = [
        (to_krw(once * calls), "부가가치세가 빠졌습니다. `to_krw(..., vat=True)`입니다."),
        (once * calls, "달러입니다. `llmkit.to_krw`로 원으로 바꾸세요."),
        (to_krw(once, vat=True), "한 번 부른 값입니다. `calls`를 곱하세요."),
        (to_krw(_usd(service, sent, 0) * calls, vat=True), "입력의 값뿐입니다. 답의 값을 더하세요."),
        (to_krw(_usd(service, 0, said) * calls, vat=True), "출력의 값뿐입니다. 입력의 값을 더하세요."),
        (
            to_krw(_usd(service, bare, said) * calls, vat=True),
            "메시지의 글만 세었습니다. `count_tokens`에 목록을 통째로 넘기면 역할 표시까지 셉니다.",
        ),
    ]
    return to_krw(once * calls, vat=True), mistakes


def _nearly(value: Decimal, right: Decimal) -> bool:
    """같거나, 원이나 전(0.01원)의 자리에서 올리거나 버리거나 반올림한 값인가. 0원으로 만든 것은 아닙니다."""
    steps = (Decimal(1), Decimal("0.1"), Decimal("0.01"))
    return _close(value, right) or (
        value != 0 and any(value % step == 0 and abs(value - right) < step for step in steps)
    )


def _usd(service: dict, sent: int, said: int) -> Decimal:
    from ..cost.calculate import calculate_cost

    return calculate_cost({"input_tokens": sent, "output_tokens": said}, service["model"]).usd


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _close(value: Decimal, expected: Decimal | float) -> bool:
    return math.isclose(float(value), float(expected), rel_tol=1e-6)
