"""강좌의 시계: 재생 중에는 날짜도 시간도 카세트의 것입니다.

저장된 출력은 보는 날이나 컴퓨터에 따라 달라지면 안 됩니다. 그래서 재생 중의 '오늘'은 카세트를 만든 날이고,
스트림 조각이 도착한 시각은 녹화할 때 잰 값입니다. 실제로 호출할 때만 진짜 시계를 봅니다.
"""

from __future__ import annotations

import datetime
from contextvars import ContextVar

# 이 작업(스레드나 태스크)이 마지막으로 받은 조각의 녹화 시각(요청 뒤 초). 재생이 아니면 None입니다.
stream_time: ContextVar[float | None] = ContextVar("stream_time", default=None)

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
