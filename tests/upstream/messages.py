"""Anthropic Messages 형식."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

from .errors import Refusal
from .reply import Completion, Event, Reply, sse, text_of, turns_of

STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}


def check(asked: dict[str, Any], provider: str, counting: bool = False) -> None:
    """제공자가 거절할 요청이면 `Refusal`을 냅니다. 토큰만 셀 때는 max_tokens가 없어도 됩니다."""
    for name in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
        if name not in asked:
            raise Refusal(f"{name}: Field required")
    if not asked["messages"]:
        raise Refusal("messages: at least one message is required")
    for message in asked["messages"]:
        if message.get("role") not in ("user", "assistant"):
            raise Refusal(
                f'messages: Unexpected role "{message.get("role")}". The Messages API accepts a top-level '
                '`system` parameter, not "system" as an input message role.'
            )


def turns(asked: dict[str, Any]) -> list[tuple[str, str]]:
    system = [("system", text_of(asked["system"]))] if asked.get("system") else []
    return system + turns_of(asked["messages"])


def limits(asked: dict[str, Any]) -> tuple[int | None, Any]:
    """출력 토큰의 제한과 stop."""
    return asked.get("max_tokens"), asked.get("stop_sequences")


def body(reply: Reply) -> dict[str, Any]:
    """스트림이 아닌 응답의 본문."""
    completion = reply.completions[0]
    return {
        **_head(reply),
        "content": [{"type": "text", "text": completion.text}] if completion.text else [],
        **_stop(completion),
        "usage": _usage(reply, completion.tokens),
    }


def events(reply: Reply) -> Iterator[Event]:
    """스트림의 SSE 이벤트. 조각은 실제처럼 토큰 여러 개씩 옵니다."""

    def event(kind: str, **fields: Any) -> Event:
        return Event(
            sse({"type": kind, **fields}, kind), text="delta" in fields and kind == "content_block_delta"
        )

    completion = reply.completions[0]
    usage = _usage(reply, completion.tokens)
    yield event("message_start", message={**_head(reply), "usage": {**usage, "output_tokens": 1}})
    if completion.text:
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield event("ping")
        stream, sizes = completion.pieces(), cycle((1, 3, 6, 4))
        while piece := "".join(islice(stream, next(sizes))):
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        yield event("content_block_stop", index=0)
    total = {key: usage[key] for key in usage if key.endswith("_tokens")}
    yield event("message_delta", delta=_stop(completion), usage=total)
    yield event("message_stop")


def _head(reply: Reply) -> dict[str, Any]:
    return {
        "model": reply.model,
        "id": reply.id("msg_"),
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
    }


def _stop(completion: Completion) -> dict[str, Any]:
    reason = "stop_sequence" if completion.stopped_by else STOP_REASONS[completion.finish]
    return {"stop_reason": reason, "stop_sequence": completion.stopped_by, "stop_details": None}


def _usage(reply: Reply, output_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": reply.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output_tokens,
        "service_tier": "standard",
        "inference_geo": "not_available",
    }
