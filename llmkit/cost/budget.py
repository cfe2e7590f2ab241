"""예산: 녹화하며 쓴 비용을 응답이 올 때마다 더하고, 다 쓰면 그다음 호출을 보내지 않습니다."""

from __future__ import annotations

import datetime
from decimal import Decimal

from ..common.ledger import Call
from .krw import dollars
from .receipt import Receipt


class Budget:
    """`limit`(USD)이 None이면 세기만 합니다. 비용을 알 수 없는 호출은 0으로 치지 않고, 횟수를 `unpriced`까지로 제한합니다."""

    def __init__(self, limit: str | None = None, unpriced: int = 0) -> None:
        self._limit, self._most_unpriced = Decimal(limit) if limit else None, unpriced
        self.usd, self.unpriced = Decimal(0), 0

    def add(self, call: Call) -> None:
        """끝난 호출 하나를 셉니다."""
        try:
            receipt = Receipt([call], datetime.datetime.now(datetime.UTC).date())
        except Exception:  # 셀 수 없었다고 0원이 되지는 않습니다.
            self.unpriced += 1
            return
        self.usd += receipt.usd
        self.unpriced += sum(row.calls for row in receipt.unknown)

    def why_stop(self) -> str | None:
        """더 보내면 안 되는 이유입니다. 보내도 되면 None입니다."""
        if self._limit is not None and self.usd >= self._limit:
            return f"예산 {dollars(self._limit)} 가운데 쓴 돈: {dollars(self.usd)}"
        if self._limit is not None and self.unpriced > self._most_unpriced:
            return f"비용을 알 수 없는 호출이 {self.unpriced}번입니다(허락한 횟수 {self._most_unpriced}번)."
        return None
