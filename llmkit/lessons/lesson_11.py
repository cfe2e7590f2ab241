"""수업 11의 연습 채점."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .answers import Wrong, require_dict, require_filled
from .checks import exercise


@exercise("11-1")
def one_message(message: Any) -> Iterator[str]:
    require_filled(message, "message")
    if not isinstance(message, dict):
        raise Wrong("`message`는 딕셔너리여야 합니다.")
    if message.get("role") != "user":
        yield "사람의 말에 붙일 역할이 아닙니다."
