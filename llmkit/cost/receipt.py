"""영수증: 장부에 적힌 호출을 제공자와 모델별로 모아 토큰과 비용을 보여 줍니다."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from ..common.errors import UnknownPrice
from ..common.html import folded
from ..common.ledger import Call
from ..common.tables import Table
from .calculate import Cost, price
from .krw import Krw, digits, dollars, won
from .prices import SOURCE, seller_at
from .usage import read

BASIS = {"authored": "샘플", "recorded": "녹화", "live": "실제", "unverified": "확인 안 됨"}
# 요금이 없는 일: 토큰 세기, 유해성 검사, 파일 올리기, 배치 맡기기(배치의 요금은 결과에서 셉니다)
FREE_PATHS = ("/count_tokens", "/input_tokens", "/moderations", "/files", "/uploads", "/batches")
# 서버에 닿지 못한 실패. 이 밖의 실패(기다리다 그만둔 것)는 서버가 처리하고 청구했을 수 있습니다.
NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol")
ANSWERS = ("/chat/completions", "/completions", "/responses", "/messages")  # usage를 주는 곳


@dataclass
class Row:
    """한 제공자의 한 모델을 모은 줄입니다. 요금을 모르면 `cost`가 `None`이고 `reason`에 이유가 있습니다."""

    provider: str
    model: str
    basis: str  # "샘플"(이 강좌가 쓴 샘플 응답), "녹화"(녹화한 응답), "확인 안 됨"(게이트웨이의 녹화), "실제"(방금 한 호출)
    reason: str | None
    calls: int = 0
    cost: Cost | None = None


class Receipt:
    """호출 장부로 만든 영수증입니다. 노트북에서는 표로, 터미널에서는 글자로 보입니다.

    재생한 호출에는 돈이 들지 않았으므로 '실제로 호출했다면' 들었을 요금을 보여 줍니다. 요금을 모르는 호출은 0으로
    세지 않고 이유와 함께 따로 적습니다. 서버가 거절했거나 서버에 닿지 못한 시도는 비용이 없으므로 횟수만 셉니다.
    조회(GET)는 호출로 세지 않고, 배치는 결과를 받을 때 한 번만 배치의 단가로 셉니다.

    Args:
        calls: 장부의 호출들.
        day: 어느 날(UTC)의 가격으로 계산할지. 재생에서는 카세트의 날짜입니다.
        planned: 아직 하지 않은 호출이면 `True`입니다(추정).

    Attributes:
        rows: 요금을 아는 줄(`Row`)들.
        unknown: 요금을 모르는 줄들. 합계에 들어 있지 않습니다.
        total: 요금을 아는 호출을 모두 더한 `Cost`. `usd`와 `krw`는 그 금액입니다.
        failed_tries: 비용이 없는 실패의 수.

    >>> call = Call("openai", "/chat/completions", "live", "gpt-4o-mini", 200,
    ...             usage={"prompt_tokens": 1000, "completion_tokens": 200})
    >>> failed = Call("openai", "/chat/completions", "live", "gpt-4o-mini", status=429)
    >>> receipt = Receipt([call, failed], datetime.date(2026, 11, 21))
    >>> receipt.usd == Decimal("0.00027"), receipt.rows[0].calls, receipt.failed_tries
    (True, 1, 1)
    """

    def __init__(self, calls: Iterable[Call], day: datetime.date, *, planned: bool = False) -> None:
        calls = list(calls)
        self.day, self.planned = day, planned
        self.live = all(call.provenance == "live" for call in calls)
        self.failed_tries = sum(map(_was_refused, calls))
        found: dict[tuple, Row] = {}
        for call, batch in _purchases(calls):
            cost, reason = _price(call, day, batch)
            key = (call.provider, call.model or "?", BASIS[call.provenance], reason)
            row = found.setdefault(key, Row(*key))
            row.calls += 1
            row.cost = cost + row.cost if cost and row.cost else cost
        self.rows = [row for row in found.values() if row.cost]
        self.unknown = [row for row in found.values() if not row.cost]
        nothing = Cost(Decimal(0), Decimal(0), Decimal(0), 0, 0, "", day, "")
        self.total: Cost = sum((row.cost for row in self.rows if row.cost), nothing)

    @property
    def usd(self) -> Decimal:
        return self.total.usd

    @property
    def krw(self) -> Krw:
        return self.total.krw

    def _table(self) -> Table:
        def line(provider: str, model: str, basis: str, calls: int, cost: Cost) -> list[str]:
            used = f"{cost.input_tokens:,} ({cost.cached_tokens:,})"
            made = f"{cost.output_tokens:,} ({cost.reasoning_tokens:,})"
            return [provider, model, basis, f"{calls:,}", used, made, digits(cost.usd), won(cost.krw)]

        lines = [line(row.provider, row.model, row.basis, row.calls, row.cost) for row in self.rows if row.cost]
        lines.append(line("합계", "", "", sum(row.calls for row in self.rows), self.total))
        header = ["제공자", "모델", "근거", "호출", "입력(캐시)", "출력(추론)", "USD", "KRW"]
        title = "영수증" if self.live else "영수증: 실제로 호출했다면"
        if self.planned:
            title = "추정: 저장된 요청을 실제로 보내면"
        return Table(title, header, lines, list(self._notes()))

    def _notes(self) -> Iterator[str]:
        bases = {row.basis for row in self.rows + self.unknown}
        if not bases:
            yield "아직 값을 매길 호출이 없습니다."
        else:
            yield f"{self.day} 기준 가격({SOURCE}), {self.krw.basis}"
            if not (self.live or self.planned):
                spent = sum((row.cost.usd for row in self.rows if row.cost and row.basis == "실제"), Decimal(0))
                yield f"재생한 호출에는 돈이 들지 않았습니다. 실제로 든 돈: {dollars(spent)}"
        if "샘플" in bases:
            yield "샘플: 이 강좌가 쓴 샘플 응답의 토큰 수로 계산했습니다. 실제 응답의 길이는 다릅니다."
        if "확인 안 됨" in bases:
            yield "확인 안 됨: 제공자가 아닌 곳(게이트웨이)이 보낸 응답을 녹화한 것입니다."
        if any(row.provider == "local" for row in self.rows):
            yield "local: 내 컴퓨터에서 실행하므로 0원입니다."
        if self.failed_tries:
            tense = "못할" if self.planned else "못한"
            yield f"답을 받지 {tense} 시도 {self.failed_tries}번은 비용이 없어 호출에 넣지 않았습니다."
        yield from dict.fromkeys(row.cost.note for row in self.rows if row.cost and row.cost.note)
        for row in self.unknown:
            yield f"요금을 몰라 합계에서 뺌({row.basis}): {row.provider} {row.model} {row.calls}번. {row.reason}"

    def _repr_html_(self) -> str:
        table = self._table()
        return folded(table.title, f"{digits(self.usd)} USD · {won(self.krw)}", table.to_html())

    def _repr_markdown_(self) -> str:
        return self._table().to_markdown()

    def __str__(self) -> str:
        return self._table().to_text()

    __repr__ = __str__


def _purchases(calls: list[Call]) -> Iterator[tuple[Call, bool]]:
    """(요금이 있거나 있을 수 있는 호출, 배치인지)들입니다. 배치의 결과는 여러 번 내려받아도 한 번만 셉니다."""
    counted = set()
    for call in calls:
        if results := (call.usage or {}).get("results"):
            fresh = [result for result in results if not result["id"] or result["id"] not in counted]
            counted.update(result["id"] for result in results)
            for result in fresh:
                yield replace(call, usage=result["usage"], model=result["model"] or call.model), True
        elif not (_was_refused(call) or _is_lookup(call)):
            yield call, False


def _was_refused(call: Call) -> bool:
    """비용이 없는 실패인지: 서버가 거절했거나(4xx, 5xx), 서버에 닿지 못했거나, 조회였거나, 내 컴퓨터입니다."""
    if call.usage is not None:
        return False
    if call.status is not None:
        return call.status >= 300
    return call.error in NOT_SENT or call.method == "GET" or call.provider == "local"


def _is_lookup(call: Call) -> bool:
    """요금이 없는 조회인지. 저장된 응답을 다시 받거나 취소하면 그 usage가 또 오지만 새로 청구되지는 않습니다."""
    if call.method != "POST" or "/batches" in call.path or call.path.endswith("/cancel"):
        return True
    return call.usage is None and call.path.endswith(FREE_PATHS)


def _price(call: Call, day: datetime.date, batch: bool) -> tuple[Cost | None, str | None]:
    """(비용, 요금을 모르는 이유)입니다. 둘 가운데 하나만 있습니다."""
    if call.status is None and call.usage is None:
        waited = call.error or "아직 기다리는 중"
        return None, f"답을 받지 못한 채 끝나({waited}) 요금을 알 수 없음. 청구되었을 수 있습니다."
    if call.error:  # 끊긴 Anthropic 스트림의 usage에는 입력만 제대로 들어 있습니다
        return None, f"응답이 도중에 끊겨({call.error}) 토큰 수를 모릅니다."
    if call.usage is None and call.path.endswith(ANSWERS):
        return None, "usage를 부탁하지 않았거나 스트림을 일찍 닫아 토큰 수를 모릅니다."
    if call.usage is None:
        return None, f"usage를 주지 않는 호출({call.path})이라 요금을 모릅니다."
    if call.model is None:
        return None, "응답에 모델 이름이 없습니다."
    try:
        seller = seller_at(call.host) if call.host else call.provider
        return price(read(call.usage), call.model, seller, day, batch=batch), None
    except (UnknownPrice, ValueError) as error:
        return None, str(error)


class Budget:
    """녹화하며 쓴 비용을 더하고, 다 쓰면 그다음 호출을 보내지 않습니다. `limit`(USD)이 None이면 세기만 합니다.

    비용을 알 수 없는 호출은 0으로 치지 않고, 횟수를 `unpriced`까지로 제한합니다.
    """

    def __init__(self, limit: str | None = None, unpriced: int = 0) -> None:
        self._limit, self._most_unpriced = Decimal(limit) if limit else None, unpriced
        self.usd, self.unpriced = Decimal(0), 0

    def add(self, call: Call) -> None:
        try:
            receipt = Receipt([call], datetime.datetime.now(datetime.UTC).date())
        except Exception:  # 셀 수 없었다고 0원이 되지는 않습니다.
            self.unpriced += 1
            return
        self.usd += receipt.usd
        self.unpriced += sum(row.calls for row in receipt.unknown)

    def why_stop(self) -> str | None:
        """더 보내면 안 되는 이유. 보내도 되면 None입니다."""
        if self._limit is None:
            return None
        if self.usd >= self._limit:
            return f"예산 {dollars(self._limit)} 가운데 쓴 돈: {dollars(self.usd)}"
        if self.unpriced > self._most_unpriced:
            return f"비용을 알 수 없는 호출이 {self.unpriced}번입니다(허락한 횟수 {self._most_unpriced}번)."
        return None
