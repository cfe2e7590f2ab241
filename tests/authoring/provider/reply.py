"""한 번의 답: 대본의 글에 출력 제한과 stop을 적용한 결과와, 본문과 이벤트를 적는 데 드는 값들."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import reasoning, tokens
from .profiles import Profile
from .script import Answer


@dataclass(frozen=True)
class Completion:
    """출력 제한과 stop까지 적용한 답 하나.

    `tokens`는 추론 토큰을 더한 출력 토큰, `finish`는 "stop"이나 "length", `stopped_by`는 답을 멈춘 말입니다.
    """

    text: str
    tokens: int
    reasoning_tokens: int
    finish: str
    stopped_by: str | None = None

    @classmethod
    def of(cls, answer: Answer, reasoning: int, limit: int | None, stops: list[str]) -> Completion:
        """대본의 답을 제한(`limit`, 추론 토큰을 포함한 토큰 수)과 stop 문자열에 맞게 자릅니다."""
        text, stopped_by = answer.text, None
        if found := [(at, stop) for stop in stops if (at := text.find(stop)) >= 0]:
            at, stopped_by = min(found)
            text = text[:at]
        used = tokens.count(text)
        if limit is None or reasoning + used <= limit:
            return cls(text, reasoning + used, reasoning, "stop", stopped_by)
        reasoning = min(reasoning, limit)
        return cls(tokens.prefix(text, limit - reasoning), limit, reasoning, "length")

    def pieces(self) -> Iterator[str]:
        """스트림에 실을 조각들: 토큰 하나에 조각 하나."""
        return (piece for piece, _ in tokens.pieces(self.text))

    @property
    def reasoning(self) -> str:
        """추론의 글을 보내는 제공자가 보낼 글."""
        return tokens.prefix(reasoning.TEXT, self.reasoning_tokens)


@dataclass(frozen=True)
class Reply:
    """요청 하나에 보낼 것. `digest`는 요청과 몇 번째 답인지로 정한 16진수라서 id가 녹화할 때마다 같습니다."""

    provider: str
    request: dict[str, Any]
    model: str
    created: int
    completions: list[Completion]
    prompt_tokens: int
    digest: str
    token_ms: int
    profile: Profile

    def id(self, prefix: str) -> str:
        return f"{prefix}authored{'-' if prefix.endswith('-') else '_'}{self.digest[:24]}"

    def obfuscation(self, place: int) -> dict[str, str]:
        """OpenAI가 스트림의 `place`번째 조각에 붙이는, 크기를 감추는 글. 진짜는 무작위지만 여기서는 늘 같습니다."""
        asked = (self.request.get("stream_options") or {}).get("include_obfuscation", True)
        if self.provider != "openai" or not self.profile.obfuscation or not asked:
            return {}
        noise = hashlib.sha256(f"{self.digest} {place}".encode()).digest()
        letters = base64.b64encode(noise, b"Az").decode().rstrip("=")
        return {"obfuscation": letters[: 4 + noise[0] % 12]}


class Event(NamedTuple):
    """SSE 이벤트 하나. 글이 실린 것(`text`)만 토큰 사이의 시간만큼 쉬고 보냅니다."""

    data: str
    text: bool = False


def sse(data: dict[str, Any], event: str | None = None) -> str:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"


def text_of(content: Any) -> str:
    """글이거나 조각의 목록인 내용에서 글만 모읍니다."""
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if isinstance(part, dict) and part.get("text"))
    return content or ""


def turns_of(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """대화의 (역할, 글)들. 돌려보낸 추론 항목처럼 역할이 없는 것은 뺍니다."""
    return [(item["role"], text_of(item.get("content"))) for item in items if item.get("role")]
