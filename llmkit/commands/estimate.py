"""추정: 수업을 실제로 호출하며 한 번 실행하면 얼마가 드는가. 카세트에 담긴 호출을 오늘의 가격으로 셉니다."""

from __future__ import annotations

import datetime
import os
from collections.abc import Collection
from decimal import Decimal

from ..common.keys import load_environment
from ..common.ledger import Call
from ..common.providers import PROVIDERS
from ..cost.krw import dollars, to_krw, won
from ..cost.receipt import Receipt
from ..models import default_model
from ..replay.cassette import Cassette
from ..replay.exchange import Exchange
from ..session import CASSETTES


def estimate(lesson: str, providers: Collection[str] = PROVIDERS) -> Receipt:
    """수업의 호출을 지금의 모델(환경 변수, 없으면 기본값)로 한 번 실행한다면 나올 영수증입니다.

    샘플 응답의 토큰 수는 실제와 다르므로(`추정`) 크기를 짐작하는 데만 쓰세요.

    Args:
        lesson: "01_basics" 같은 수업 이름.
        providers: 셈할 제공자들.

    Raises:
        CassetteError: 카세트가 없거나 읽을 수 없을 때.

    >>> estimate("01_basics").usd > 0, estimate("01_basics", providers=[]).usd
    (True, Decimal('0'))
    """
    load_environment()
    cassette = Cassette.load(CASSETTES / f"{lesson}.json")
    calls = [
        _as_today(exchange, cassette)
        for exchange in cassette.exchanges
        if exchange.provider in providers
        for _ in range(exchange.repeats)
    ]
    return Receipt(calls, datetime.datetime.now(datetime.UTC).date(), planned=True)


def estimate_all(lessons: Collection[str]) -> str:
    """여러 수업을 한 줄씩, 끝에 합계를 적은 글입니다."""
    receipts = {lesson: estimate(lesson) for lesson in lessons}
    total = sum((receipt.usd for receipt in receipts.values()), Decimal(0))
    lines = [f"{lesson}: {summary(receipt)}" for lesson, receipt in receipts.items()]
    return "\n".join([*lines, f"합계: {dollars(total)}, {won(to_krw(total))}"])


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
