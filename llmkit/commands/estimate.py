"""어림: 수업을 실제로 호출하며 한 번 실행하면 얼마가 드는가. 카세트에 담긴 호출을 오늘의 가격으로 셉니다."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path

from ..common.keys import load_environment
from ..common.ledger import Call
from ..common.providers import PROVIDERS
from ..cost.krw import digits, dollars, to_krw, won
from ..cost.receipt import Receipt
from ..models import default_model
from ..replay.cassette import Cassette
from ..replay.exchange import Exchange
from ..session import CASSETTES

_TABLE = re.compile(r"<!-- estimate [\d-]+ -->.*?<!-- /estimate -->", re.DOTALL)


def estimate(lesson: str, providers: Collection[str] = PROVIDERS) -> Receipt:
    """수업의 호출을 지금의 모델(환경 변수, 없으면 기본값)로 한 번씩 한다면 나올 영수증입니다.

    예시 응답의 토큰 수는 실제와 다르므로(`추정`) 크기를 짐작하는 데만 쓰십시오.

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
    calls = [_as_today(exchange, cassette) for exchange in cassette.exchanges if exchange.provider in providers]
    return Receipt(calls, datetime.datetime.now(datetime.UTC).date(), planned=True)


def estimate_all(lessons: Collection[str]) -> str:
    """여러 수업을 한 줄씩, 끝에 합계를 적은 글입니다."""
    receipts = {lesson: estimate(lesson) for lesson in lessons}
    total = sum((receipt.usd for receipt in receipts.values()), Decimal(0))
    lines = [f"{lesson}: {summary(receipt)}" for lesson, receipt in receipts.items()]
    return "\n".join([*lines, f"합계: {dollars(total)}, {won(to_krw(total))}"])


def write_table(page: Path, lessons: Collection[str]) -> None:
    """`<!-- estimate 날짜 -->`와 `<!-- /estimate -->` 사이의 표를 새로 적습니다. 날짜는 가장 새 카세트의 날짜입니다."""
    day = max(filter(None, (Cassette.load(CASSETTES / f"{lesson}.json").date for lesson in lessons)))
    spent = {lesson: estimate(lesson).usd for lesson in lessons}
    names = {lesson: f"[{lesson}](../notebooks/{lesson}.ipynb)" for lesson in lessons} | {"": "합계"}
    rows = [
        f"| {names[lesson]} | {digits(usd)} | {digits(40 * usd)} |"
        for lesson, usd in {**spent, "": sum(spent.values(), Decimal(0))}.items()
    ]
    head = f"{day}까지 녹화한 카세트로 추정한 비용과 그 40배입니다(강좌의 기본 모델).\n\n| 수업 | 한 사람(USD) | 마흔 명(USD) |\n|---|---|---|\n"
    table = f"<!-- estimate {day} -->\n{head}" + "\n".join(rows) + "\n<!-- /estimate -->"
    text = page.read_text(encoding="utf-8")
    page.write_text(_TABLE.sub(lambda _: table, text), encoding="utf-8")


def summary(receipt: Receipt) -> str:
    """영수증의 금액을 적은 한 줄입니다."""
    unknown = sum(row.calls for row in receipt.unknown)
    note = f", 값을 모르는 호출 {unknown}번은 뺐습니다" if unknown else ""
    return f"{dollars(receipt.usd)}, {won(receipt.krw)}{note}"


def _as_today(exchange: Exchange, cassette: Cassette) -> Call:
    asked = exchange.asked_model
    if not asked or asked != cassette.models.get(exchange.provider):
        return exchange.as_call()
    chosen = os.environ.get(PROVIDERS[exchange.provider].model_variable)  # llmkit.model()이 고를 모델
    return exchange.as_call(chosen or default_model(exchange.provider))
