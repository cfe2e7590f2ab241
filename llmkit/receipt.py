"""영수증: 장부에 적힌 호출을 제공자와 모델별로 모아 토큰과 비용을 보여 줍니다."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from .cost import SOURCE, Cost, UnknownPrice, price_call
from .krw import Krw, digits, to_krw, won
from .ledger import Call
from .tables import Table

BASIS = {"authored": "추정", "recorded": "녹화", "live": "실제"}
FREE_PATHS = ("/models", "/count_tokens", "/input_tokens")  # 값을 받지 않는 조회


@dataclass
class Row:
    """한 제공자의 한 모델을 모은 줄입니다. `usd`가 `None`이면 값을 모르는 것이고 `reason`에 까닭이 있습니다."""

    provider: str
    model: str
    basis: str  # "추정"(예시 응답), "녹화"(녹화한 응답), "실제"(방금 한 호출)
    reason: str | None = None
    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    usd: Decimal | None = None

    def add(self, cost: Cost | None) -> None:
        self.calls += 1
        if cost is not None:
            self.input_tokens += cost.input_tokens
            self.cached_tokens += cost.cached_tokens
            self.output_tokens += cost.output_tokens
            self.reasoning_tokens += cost.reasoning_tokens
            self.usd = (self.usd or Decimal(0)) + cost.usd


class Receipt:
    """호출 장부로 만든 영수증입니다. 노트북에서는 표로, 터미널에서는 글자로 보입니다.

    재생한 호출은 실제로 돈이 들지 않았으므로 'live로 실행했다면' 들었을 값을 보여 줍니다. 값을 모르는 호출은
    0으로 세지 않고 까닭과 함께 따로 적습니다. 답을 받지 못한 시도는 비용이 없으므로 횟수만 셉니다.

    Args:
        calls: 장부의 호출들.
        day: 어느 날(UTC)의 가격으로 계산할지. 재생에서는 카세트의 날짜입니다.

    Attributes:
        rows: 값을 아는 줄(`Row`)들.
        unknown: 값을 모르는 줄들. 합계에 들어 있지 않습니다.
        failed_tries: 답을 받지 못한 시도의 수.
        usd, krw: 값을 아는 호출의 합계.

    >>> call = Call("openai", "/chat/completions", "live", "gpt-4o-mini", 200,
    ...             usage={"prompt_tokens": 1000, "completion_tokens": 200})
    >>> receipt = Receipt([call, Call("openai", "/chat/completions", "live", status=429)], datetime.date(2026, 11, 21))
    >>> receipt.usd, receipt.failed_tries, receipt.rows[0].calls
    (Decimal('0.00027000'), 1, 1)
    """

    def __init__(self, calls: Iterable[Call], day: datetime.date) -> None:
        calls = list(calls)
        self.day = day
        self.rows: list[Row] = []
        self.unknown: list[Row] = []
        self.failed_tries = 0
        self.live = all(call.provenance == "live" for call in calls)
        found: dict[tuple, Row] = {}
        for call in calls:
            if call.usage is None and (call.status is None or call.status >= 400):
                self.failed_tries += 1
                continue
            if call.usage is None and ("/models/" in call.path or call.path.endswith(FREE_PATHS)):
                continue
            cost, reason = _price(call, day)
            key = (call.provider, call.model or "?", BASIS[call.provenance], reason)
            if key not in found:
                found[key] = Row(*key)
                (self.rows if reason is None else self.unknown).append(found[key])
            found[key].add(cost)

    @property
    def usd(self) -> Decimal:
        return sum((row.usd or Decimal(0) for row in self.rows), Decimal(0))

    @property
    def krw(self) -> Krw:
        return to_krw(self.usd)

    @property
    def calls(self) -> int:
        return sum(row.calls for row in self.rows + self.unknown)

    def _table(self) -> Table:
        lines = [
            [
                row.provider, row.model, row.basis, f"{row.calls:,}",
                _with(row.input_tokens, row.cached_tokens), _with(row.output_tokens, row.reasoning_tokens),
                digits(row.usd), won(to_krw(row.usd)),
            ]
            for row in self.rows
        ]  # fmt: skip
        sums = [sum(getattr(row, name) for row in self.rows) for name in
                ("calls", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")]  # fmt: skip
        total = ["합계", "", "", f"{sums[0]:,}", _with(*sums[1:3]), _with(*sums[3:5]), digits(self.usd), won(self.krw)]
        header = ["제공자", "모델", "근거", "호출", "입력(캐시)", "출력(추론)", "USD", "KRW"]
        title = "영수증" if self.live else "영수증: live로 실행했다면"
        return Table(title, header, [*lines, total], self._notes())

    def _notes(self) -> list[str]:
        notes = [f"{self.day} 기준 가격({SOURCE}), {self.krw.basis}"]
        if not self.live:
            notes.append("재생한 호출에는 돈이 들지 않았습니다.")
        if any(row.basis == "추정" for row in self.rows):
            notes.append("추정: 이 강좌가 쓴 예시 응답의 토큰 수로 계산했습니다. 실제 응답의 길이는 다릅니다.")
        if any(row.provider == "local" for row in self.rows):
            notes.append("local: 내 컴퓨터에서 실행하므로 0원입니다.")
        if self.failed_tries:
            notes.append(f"답을 받지 못한 시도 {self.failed_tries}번은 비용이 없어 호출에 넣지 않았습니다.")
        for row in self.unknown:
            notes.append(f"값을 모름(합계에서 빠짐): {row.provider} {row.model} {row.calls}번. {row.reason}")
        return notes

    def _repr_html_(self) -> str:
        return self._table().to_html()

    def _repr_markdown_(self) -> str:
        return self._table().to_markdown()

    def __str__(self) -> str:
        return self._table().to_text()

    __repr__ = __str__


def _price(call: Call, day: datetime.date) -> tuple[Cost | None, str | None]:
    """(비용, 값을 모르는 까닭)입니다. 둘 가운데 하나만 있습니다."""
    if call.usage is None:
        broken = f"응답이 도중에 끊겨({call.error}) " if call.error else ""
        return None, f"{broken}usage가 오지 않았습니다."
    if call.model is None:
        return None, "응답에 모델 이름이 없습니다."
    try:
        return price_call(call.usage, call.model, call.provider, day), None
    except (UnknownPrice, ValueError) as error:
        return None, str(error)


def _with(tokens: int, part: int) -> str:
    return f"{tokens:,} ({part:,})"
