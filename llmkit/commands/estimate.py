"""추정: 수업을 실제로 호출하며 한 번 실행하면 얼마가 드는가. 카세트에 담긴 호출을 오늘의 가격으로 셉니다."""

from __future__ import annotations

import os
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path

from ..common.clock import today
from ..common.keys import load_environment
from ..common.ledger import Call
from ..common.providers import PROVIDERS
from ..cost.krw import dollars, to_krw, won
from ..cost.receipt import Receipt
from ..models import default_model
from ..replay.cassette import Cassette
from ..replay.exchange import Exchange
from ..session import CASSETTES
from . import notebooks


def run(lesson: Path | None) -> int:
    """한 수업의 영수증을, 수업을 정하지 않았으면 모든 수업을 한 줄씩 합계와 함께 출력합니다."""
    if lesson:
        print(estimate(lesson.stem))
        return 0
    receipts = {name: estimate(name) for name in notebooks()}
    for name, receipt in receipts.items():
        print(f"{name}: {summary(receipt)}")
    total = sum((receipt.usd for receipt in receipts.values()), Decimal(0))
    print(f"합계: {dollars(total)}, {won(to_krw(total))}")
    return 0


def estimate(lesson: str, providers: Collection[str] = PROVIDERS) -> Receipt:
    """수업의 호출을 지금의 모델(환경 변수, 없으면 기본값)로 한 번 실행한다면 나올 영수증입니다.

    샘플 응답의 토큰 수는 실제와 다르므로(`추정`) 크기를 짐작하는 데만 쓰세요.

    >>> estimate("01_basics").usd > 0, estimate("01_basics", providers=[]).usd
    (True, Decimal('0'))
    """
    load_environment()
    cassette = Cassette.load(CASSETTES / f"{lesson}.json")
    wanted = [exchange for exchange in cassette.exchanges if exchange.provider in providers]
    calls = [_as_today(exchange, cassette) for exchange in wanted for _ in range(exchange.repeats)]
    return Receipt(calls, today(), planned=True)


def summary(receipt: Receipt) -> str:
    """영수증의 금액을 적은 한 줄입니다."""
    unknown = sum(row.calls for row in receipt.unknown)
    note = f", 요금을 모르는 호출 {unknown}번은 뺐습니다" if unknown else ""
    return f"{dollars(receipt.usd)}, {won(receipt.krw)}{note}"


def _as_today(exchange: Exchange, cassette: Cassette) -> Call:
    asked = exchange.asked_model
    if not asked or asked != cassette.models.get(exchange.provider):
        return exchange.as_call()
    chosen = os.environ.get(PROVIDERS[exchange.provider].model_variable)  # llmkit.model()이 고를 모델
    return exchange.as_call(chosen or default_model(exchange.provider))
