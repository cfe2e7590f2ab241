"""Anthropic Messages 형식."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

from . import tokens
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
        "content": _content(reply),
        **_stop(completion),
        "usage": {**_usage(reply, completion.tokens), **_details(completion)},
    }


def _content(reply: Reply) -> list[dict[str, Any]]:
    """생각했으면 thinking 블록이 먼저 옵니다. 생각의 글은 기본으로 비어 있고(omitted) 서명만 있습니다."""
    completion = reply.completions[0]
    blocks = []
    if completion.reasoning_tokens:
        display = (reply.request.get("thinking") or {}).get("display")
        shown = display == "summarized" or (reply.profile.thinking_text and display != "omitted")
        thinking = completion.reasoning if shown else ""
        blocks.append({"type": "thinking", "thinking": thinking, "signature": f"authored{reply.digest}"})
    if completion.text:
        blocks.append({"type": "text", "text": completion.text})
    return blocks


def _details(completion: Completion) -> dict[str, Any]:
    thinking = completion.reasoning_tokens
    return {"output_tokens_details": {"thinking_tokens": thinking}} if thinking else {}


def events(reply: Reply) -> Iterator[Event]:
    """스트림의 SSE 이벤트. 조각은 실제처럼 토큰 여러 개씩 옵니다."""

    def event(kind: str, **fields: Any) -> Event:
        is_text = fields.get("delta", {}).get("type") == "text_delta"
        return Event(sse({"type": kind, **fields}, kind), text=is_text)

    completion = reply.completions[0]
    usage = _usage(reply, completion.tokens)
    yield event("message_start", message={**_head(reply), "usage": {**usage, "output_tokens": 1}})
    for index, block in enumerate(_content(reply)):
        field = block["type"]
        empty = {name: "" for name in block if name != "type"}
        yield event("content_block_start", index=index, content_block={"type": field, **empty})
        if index == 0:
            yield event("ping")
        stream, sizes = (piece for piece, _ in tokens.pieces(block[field])), cycle((1, 3, 6, 4))
        while piece := "".join(islice(stream, next(sizes))):
            yield event("content_block_delta", index=index, delta={"type": f"{field}_delta", field: piece})
        if field == "thinking":
            signature = {"type": "signature_delta", "signature": block["signature"]}
            yield event("content_block_delta", index=index, delta=signature)
        yield event("content_block_stop", index=index)
    total = {key: usage[key] for key in usage if key.endswith("_tokens")}
    yield event("message_delta", delta=_stop(completion), usage={**total, **_details(completion)})
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
