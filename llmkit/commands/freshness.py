"""자료의 나이: 날짜를 적어 둔 자료를 90일 넘게 확인하지 않았으면 알립니다. `doctor`와 테스트가 봅니다."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from typing import NamedTuple

from ..cost.krw import RATE_DATE
from ..models import known_models

STALE_AFTER = datetime.timedelta(days=90)
PRICES = ("genai-prices", "0.2.3", datetime.date(2026, 11, 21))  # 가격표의 버전과, 그 값을 확인한 날
_DATED = {"본문의 사실": "facts.json", "기본 모델": "models.json", "파라미터 표": "parameters.json"}


class Age(NamedTuple):
    """자료 하나와, 그 안에서 가장 오래전에 확인한 날짜(모르면 `None`)."""

    title: str
    oldest: datetime.date | None

    def is_stale(self, on: datetime.date) -> bool:
        """`on` 날짜에 확인한 지 90일이 넘었는지. 날짜를 모르면 넘은 것으로 봅니다."""
        return self.oldest is None or on - self.oldest > STALE_AFTER


def ages(on: datetime.date) -> Iterator[Age]:
    """날짜가 적힌 자료마다 가장 오래된 날짜입니다. 이미 종료된 모델의 상태는 낡지 않으므로 세지 않습니다.

    >>> [age.title for age in ages(datetime.date(2026, 11, 26))][:2]
    ['모델의 상태', '가격표']
    """
    rows = known_models().values()
    yield Age("모델의 상태", min(row.as_of for row in rows if not row.ends or (row.shutdown and on < row.shutdown)))
    package, checked, day = PRICES
    yield Age("가격표", day if version(package) == checked else None)
    yield Age("환율", RATE_DATE)
    for title, file in _DATED.items():
        days = re.findall(r'"as_of":\s*"([\d-]+)"', files("llmkit").joinpath("data", file).read_text("utf-8"))
        yield Age(title, min(map(datetime.date.fromisoformat, days)))
