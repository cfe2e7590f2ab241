"""장부: 훅을 지나간 호출을 하나씩 적어 둡니다. 영수증은 이 장부만 보고 계산합니다."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from .sse import payloads

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
    total_s: float | None = None
    waited_s: float | None = None


def read_usage(content: bytes, model: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """응답 본문(JSON 또는 SSE 스트림)에서 usage와 모델 이름을 찾습니다. 없으면 usage는 None입니다.

    스트림에서는 usage가 나뉘어 올 수 있습니다(Anthropic은 처음에 입력, 끝에 출력). 그래서 합칩니다.

    >>> read_usage(b'{"model": "m", "usage": {"prompt_tokens": 3}}', None)
    ({'prompt_tokens': 3}, 'm')
    """
    usage: dict[str, Any] = {}
    if content[:1] == b"{":
        candidates = [content]
    else:
        first, *rest = payloads(content) or [b""]
        candidates = [first, *(event for event in rest if b'"usage' in event)]
    for candidate in candidates:
        try:
            data = json.loads(candidate)
        except (ValueError, RecursionError):  # JSON이 아니거나, 수천 겹입니다.
            continue
        if not isinstance(data, dict):
            continue
        for holder in (data, data.get("message"), data.get("response"), data.get("x_groq")):
            if isinstance(holder, dict):
                named = holder.get("model") or holder.get("modelVersion")
                model = named if isinstance(named, str) and named else model
                found = holder.get("usage") or holder.get("usageMetadata")
                if isinstance(found, dict):
                    usage |= {name: value for name, value in found.items() if value is not None}
    return usage or None, model
