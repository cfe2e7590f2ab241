"""강좌에서 말하는 '오늘'.

저장된 출력은 보는 날에 따라 달라지면 안 됩니다. 그래서 재생 중의 오늘은 카세트를 만든 날이고, 실제로
호출할 때만 진짜 오늘입니다.
"""

from __future__ import annotations

import datetime

_cassette_day: datetime.date | None = None


def today() -> datetime.date:
    """재생 중이면 카세트의 날짜를, 아니면 오늘(UTC) 날짜를 돌려줍니다.

    >>> isinstance(today(), datetime.date)
    True
    """
    return _cassette_day or datetime.datetime.now(datetime.UTC).date()


def set_today(day: datetime.date | None) -> None:
    """`setup`이 부릅니다. `None`이면 진짜 날짜로 되돌립니다."""
    global _cassette_day
    _cassette_day = day
