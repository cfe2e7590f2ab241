"""강좌의 시계: 재생 중에는 날짜도 시간도 카세트의 것입니다.

저장된 출력은 보는 날이나 컴퓨터에 따라 달라지면 안 됩니다. 그래서 재생 중의 '오늘'은 카세트를 만든 날이고,
스트림 조각이 도착한 시각은 녹화할 때 잰 값입니다. 실제로 호출할 때만 진짜 시계를 봅니다.
"""

from __future__ import annotations

import datetime
import os
from contextvars import ContextVar

from .ipython import someone_is_watching

# 이 작업(스레드나 태스크)이 마지막으로 받은 조각의 녹화 시각(요청 뒤 초). 재생이 아니면 None입니다.
stream_time: ContextVar[float | None] = ContextVar("stream_time", default=None)

# 한 셀에서, 스트림이 아닌 답을 모두 더해 기다리는 시간(초). 80번 부르는 측정을 몇 분씩 지켜보게 하지 않습니다.
PATIENCE_S = 10.0

_day: datetime.date | None = None
_pace: float | None = None
_waited = 0.0


def set_clock(day: datetime.date | None = None, pace: float | None = None) -> None:
    """재생할 날짜와 속도를 정합니다. `setup`이 부릅니다. `None`이면 정하지 않은 것으로 되돌립니다."""
    global _day, _pace
    _day, _pace = day, pace


def today() -> datetime.date:
    """재생 중이면 카세트의 날짜를, 아니면 오늘(UTC) 날짜를 돌려줍니다.

    >>> isinstance(today(), datetime.date)
    True
    """
    return _day or datetime.datetime.now(datetime.UTC).date()


def pace() -> float | None:
    """재생의 속도입니다. 1이면 녹화한 박자, 0이면 기다리지 않습니다. `setup`을 부르지 않았으면 None입니다."""
    return _pace


def start_cell() -> None:
    """셀이 시작되었습니다. 기다린 시간을 처음부터 다시 잽니다."""
    global _waited
    _waited = 0.0


def wait_for(delay: float) -> float:
    """녹화할 때 `delay`초 걸린 답을 지금 기다릴 시간(초)입니다. 한 셀에서 모두 `PATIENCE_S`까지입니다."""
    global _waited
    wait = min(delay * (_pace or 0.0), max(0.0, PATIENCE_S - _waited))
    _waited += wait
    return wait


def choose_pace(asked: float | None) -> float:
    """`asked`, 없으면 `LLMKIT_PACE`, 그것도 없으면 사람이 보는 노트북에서는 1, 아니면 0입니다."""
    chosen = asked if asked is not None else os.environ.get("LLMKIT_PACE") or (1 if someone_is_watching() else 0)
    try:
        value = float(chosen)
    except (ValueError, TypeError, OverflowError):
        value = -1.0
    if not 0 <= value < 1000:
        raise ValueError(f"pace(LLMKIT_PACE)는 0 이상의 수여야 합니다: {chosen!r}")
    return value
