"""장부: 훅을 지나간 호출을 하나씩 적어 둡니다. 영수증은 이 장부만 보고 계산합니다."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Provenance = Literal["live", "recorded", "authored"]


@dataclass
class Call:
    """HTTP 요청 하나와 그 결과입니다. SDK가 재시도하면 시도마다 하나씩 생깁니다.

    시간은 초 단위이고, 재생에서는 카세트에 적힌 값입니다. 기다린 시간(`waited_s`)은 이 시도 **다음에** SDK가
    재시도까지 기다리기로 한 시간입니다.
    """

    provider: str  # "openai", "anthropic", "gemini", "groq", "huggingface", "local"
    path: str  # "/chat/completions", "/responses", "/messages" ...
    provenance: Provenance
    model: str | None = None  # 응답에 적힌 모델. 없으면 요청에 적은 모델
    status: int | None = None  # 응답을 받지 못했으면 None
    error: str | None = None  # 연결 실패, 시간 초과, 끊긴 스트림의 예외 이름
    usage: dict[str, Any] | None = None  # 제공자가 보낸 usage 그대로. 보내지 않았으면 None
    first_byte_s: float | None = None
    total_s: float | None = None
    waited_s: float | None = field(default=None)
