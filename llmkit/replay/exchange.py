"""교환: 요청 하나와 그 결과. 카세트에 담기고, 재생되고, 장부에 적힙니다."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from ..common.ledger import Call, read_usage
from .request import model_in, request_key


@dataclass
class Exchange:
    """요청 하나와 그 결과입니다.

    `events`는 스트림의 (요청 뒤 초, 바이트) 목록이고 스트림이 아니면 비어 있습니다. `error`는 연결이 거부되거나
    끊겼을 때의 예외 이름과 메시지이며, 응답이 시작되기 전이면 `status`가 None입니다.
    """

    provenance: Literal["recorded", "authored", "unverified"]
    provider: str
    method: str
    path: str
    body: Any
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    events: list[tuple[float, bytes]] = field(default_factory=list)
    delay: float = 0.0  # 응답 헤더까지(실패했으면 실패까지) 걸린 초
    error: tuple[str, str] | None = None
    abandoned: bool = False  # 받는 쪽이 스트림을 끝까지 읽지 않고 닫았습니다.
    take: int = 1
    cell: str = ""  # 녹화한 셀의 지문
    repeats: int = 1  # 노트북을 처음부터 끝까지 한 번 실행하면 이 답이 나오는 횟수
    origin: dict[str, str] = field(default_factory=dict)  # authored가 아닐 때: 언제, 어디서, 어떤 SDK로

    @cached_property
    def key(self) -> str:
        return request_key(self.provider, self.method, self.path, self.body)

    @property
    def payload(self) -> bytes:
        """응답의 본문 전부. 스트림이면 이벤트를 이은 것입니다."""
        return self.content or b"".join(data for _, data in self.events)

    @property
    def asked_model(self) -> str | None:
        """요청에 적은 모델입니다."""
        return model_in(self.body)

    @cached_property
    def usage(self) -> tuple[dict[str, Any] | None, str | None]:
        """응답에 적힌 usage와 모델 이름입니다."""
        return read_usage(self.payload, self.asked_model)

    def as_call(self, model: str | None = None) -> Call:
        """장부의 호출로 적습니다. `model`을 주면 그 모델로 부른 것으로 칩니다."""
        usage, served = self.usage
        return Call(
            provider=self.provider,
            path=self.path.partition("?")[0],
            provenance=self.provenance,
            model=model or served,
            status=self.status,
            error=self.error[0] if self.error else None,
            usage=usage,
            method=self.method,
            host=self.origin.get("from") if self.provenance == "unverified" else None,
            total_s=self.events[-1][0] if self.events else self.delay,
        )

    def same_answer(self, other: Exchange) -> bool:
        """시각을 빼고 같은 답이면 True입니다."""
        mine, theirs = (
            (e.status, e.content, [data for _, data in e.events], e.error, e.abandoned) for e in (self, other)
        )
        return mine == theirs
