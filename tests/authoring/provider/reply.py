"""한 번의 답: 대본의 글에 출력 제한과 stop을 적용한 결과와, 본문과 이벤트를 적는 데 드는 값들."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import reasoning, tokens
from .caches import Cached
from .profiles import Profile
from .script import Answer, Call


@dataclass(frozen=True)
class Completion:
    """출력 제한과 stop까지 적용한 답 하나.

    `tokens`는 추론 토큰을 더한 출력 토큰, `stopped_by`는 답을 멈춘 말,
    `finish`는 "stop", "length", "tool_calls", "content_filter" 가운데 하나입니다.
    """

    text: str
    tokens: int
    reasoning_tokens: int
    finish: str
    stopped_by: str | None = None
    calls: list[Call] = field(default_factory=list)
    refusal: str | None = None
    items: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, answer: Answer, reasoning: int, limit: int | None, stops: list[str]) -> Completion:
        """대본의 답을 제한(`limit`, 추론 토큰을 포함한 토큰 수)과 stop 문자열에 맞게 자릅니다."""
        text, stopped_by = answer.text, None
        if found := [(at, stop) for stop in stops if (at := text.find(stop)) >= 0]:
            at, stopped_by = min(found)
            text = text[:at]
        said = {"refusal": answer.refusal, "items": answer.items, "annotations": answer.annotations}
        used = reasoning + tokens.count(text) + tokens.count(answer.refusal or "")
        used += sum(tokens.count(call.name) + tokens.count(call.arguments) for call in answer.tool_calls)
        if limit is None or used <= limit:
            finish = "content_filter" if answer.filtered else "tool_calls" if answer.tool_calls else "stop"
            return cls(text, used, reasoning, finish, stopped_by, answer.tool_calls, **said)
        reasoning = min(reasoning, limit)
        if answer.refusal is not None:
            said["refusal"] = tokens.prefix(answer.refusal, limit - reasoning)
        left = limit - reasoning - tokens.count(text)
        cut = tokens.prefix(text, limit - reasoning)
        return cls(cut, limit, reasoning, "length", None, _calls_within(answer.tool_calls, left), **said)

    def pieces(self) -> Iterator[str]:
        """스트림에 실을 조각들: 토큰 하나에 조각 하나."""
        return split(self.text)

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
    cached: Cached = field(default_factory=Cached)
    diagnosis: dict[str, Any] | None = None  # 캐시가 빗나간 이유(부탁했을 때)

    def id(self, prefix: str, place: str = "") -> str:
        """`place`는 한 응답에 여럿인 것의 자리입니다: 나란한 도구 호출의 id가 서로 달라야 합니다."""
        digest = hashlib.sha256(f"{self.digest} {place}".encode()).hexdigest() if place else self.digest
        return f"{prefix}authored{'-' if prefix.endswith('-') else '_'}{digest[:24]}"

    def obfuscation(self, place: int) -> dict[str, str]:
        """OpenAI가 스트림의 `place`번째 조각에 붙이는, 크기를 감추는 글. 진짜는 무작위지만 여기서는 늘 같습니다."""
        asked = (self.request.get("stream_options") or {}).get("include_obfuscation", True)
        if self.provider != "openai" or not self.profile.obfuscation or not asked:
            return {}
        noise = hashlib.sha256(f"{self.digest} {place}".encode()).digest()
        letters = base64.b64encode(noise, b"Az").decode().rstrip("=")
        return {"obfuscation": letters[: 4 + noise[0] % 12]}


def _calls_within(calls: list[Call], limit: int) -> list[Call]:
    """토큰 `limit`개 안에서 쓸 수 있는 만큼의 도구 호출. 마지막 것의 인자는 JSON의 중간에서 잘릴 수 있습니다."""
    kept = []
    for call in calls:
        limit -= tokens.count(call.name)
        if limit <= 0:
            break
        kept.append(call._replace(arguments=tokens.prefix(call.arguments, limit)))
        limit -= tokens.count(call.arguments)
    return kept


def split(text: str) -> Iterator[str]:
    """토큰 하나에 조각 하나."""
    return (piece for piece, _ in tokens.pieces(text))


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
    return content if isinstance(content, str) else ""


def turns_of(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """대화의 (역할, 글)들. 도구 호출은 assistant, 그 결과는 tool의 말로 칩니다. 돌려보낸 추론 항목은 뺍니다."""
    turns = []
    for item in items:
        content, kind = item.get("content"), item.get("type")
        if kind == "function_call":
            turns.append(("assistant", f"{item.get('name')} {item.get('arguments')}"))
        elif kind == "function_call_output":
            turns.append(("tool", text_of(item.get("output"))))
        elif item.get("role"):
            blocks = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
            results = [part for part in blocks if part.get("type") == "tool_result"]
            turns += [("tool", text_of(part.get("content"))) for part in results]
            calls = [f"{c['function']['name']} {c['function']['arguments']}" for c in item.get("tool_calls") or []]
            calls += [
                f"{c['name']} {json.dumps(c['input'], ensure_ascii=False)}"
                for c in blocks
                if c.get("type") == "tool_use"
            ]
            text = "\n".join([*filter(None, [text_of(content)]), *calls])
            if not results or text:
                # 결과와 함께 보낸 글은 새 질문이 아닙니다.
                turns.append(("tool" if results else item["role"], text))
    return turns
