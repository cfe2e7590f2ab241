"""스트림 하나를 다 받은 뒤의 결과."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..common.tables import Table

_NO_USAGE = '없음(Chat Completions에서는 요청에 stream_options={"include_usage": True}를 넣어야 옵니다)'


@dataclass(repr=False)
class StreamResult:
    """스트림 하나의 결과입니다. 셀 끝에 두면 작은 표로 보이고, `calculate_cost`에 그대로 넣을 수 있습니다.

    Attributes:
        text: 모델이 쓴 글. 온 그대로이며 추론, 도구 호출, 거절은 들어 있지 않습니다.
        usage: 제공자가 보낸 usage(dict). 보내지 않았으면 None이며 0이 아닙니다.
        model: 응답에 적힌 모델. 문자열의 스트림이면 None.
        finish_reason: 제공자의 말 그대로의 끝난 이유. 예: "stop", "length", "end_turn".
        first_token_s: 첫 조각까지의 초. 재생에서는 녹화할 때 잰 값(요청부터)이고, 실제 호출에서는 이 함수를 부른 때부터입니다.
        total_s: 마지막 조각까지의 초.
        chunks: SDK가 준 조각(이벤트)의 수.
        interrupted: 도중에 끊겼거나 멈췄으면 True.
    """

    text: str
    usage: dict[str, Any] | None
    model: str | None
    finish_reason: str | None
    first_token_s: float | None
    total_s: float
    chunks: int
    interrupted: bool

    def _table(self) -> Table:
        counts = {name: n for name, n in (self.usage or {}).items() if isinstance(n, int)}
        rows = {
            "모델": self.model or "-",
            "끝난 이유": "도중에 끊김" if self.interrupted else self.finish_reason or "-",
            "첫 조각까지": "-" if self.first_token_s is None else f"{self.first_token_s:.2f}초",
            "마지막 조각까지": f"{self.total_s:.2f}초",
            "조각": f"{self.chunks:,}개",
            "usage": ", ".join(f"{name} {n:,}" for name, n in counts.items()) or _NO_USAGE,
        }
        return Table("스트림 결과", ["항목", "값"], [list(row) for row in rows.items()])

    def _repr_html_(self) -> str:
        return self._table().to_html()

    def _repr_markdown_(self) -> str:
        return self._table().to_markdown()

    def __repr__(self) -> str:
        return self._table().to_text()
