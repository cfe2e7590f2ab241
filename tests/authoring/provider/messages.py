"""Anthropic Messages 형식."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any

from . import hosted, rules, schemas
from .errors import Refusal
from .reply import Completion, Event, Reply, split, sse, text_of, turns_of

STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


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
    schemas.anthropic(asked)
    rules.tool_choice(asked, provider)
    rules.message_pairs(asked["messages"])


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
        # 베타에서 문맥 관리를 부탁한 응답에만 있습니다(P049).
        **({"context_management": {"applied_edits": []}} if "context_management" in reply.request else {}),
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
    blocks += hosted.blocks(reply)
    if completion.text:
        cited = {"citations": completion.annotations} if completion.annotations else {}
        blocks.append({"type": "text", "text": completion.text, **cited})
    for at, call in enumerate(completion.calls):
        use = {"id": reply.id("toolu_", str(at)), "name": call.name, "input": _input(call.arguments)}
        blocks.append({"type": "tool_use", **use, "caller": {"type": "direct"}})
    return blocks


def _input(arguments: str) -> dict[str, Any]:
    """Anthropic은 인자를 dict로 줍니다. 출력 제한에 잘린 JSON이면 비어 있습니다."""
    try:
        return json.loads(arguments)
    except ValueError:
        return {}


def _details(completion: Completion) -> dict[str, Any]:
    thinking, searched = completion.reasoning_tokens, hosted.requests(completion.items)
    return {
        **({"output_tokens_details": {"thinking_tokens": thinking}} if thinking else {}),
        **({"server_tool_use": searched} if searched else {}),
    }


def events(reply: Reply) -> Iterator[Event]:
    """스트림의 SSE 이벤트. 조각은 실제처럼 토큰 여러 개씩 옵니다."""

    def event(kind: str, **fields: Any) -> Event:
        is_text = fields.get("delta", {}).get("type") in ("text_delta", "input_json_delta")
        return Event(sse({"type": kind, **fields}, kind), text=is_text)

    completion = reply.completions[0]
    usage = _usage(reply, completion.tokens)
    yield event("message_start", message={**_head(reply), "usage": {**usage, "output_tokens": 1}})
    calls = iter(completion.calls)
    for index, block in enumerate(_content(reply)):
        yield event("content_block_start", index=index, content_block=_started(block))
        if index == 0:
            yield event("ping")
        written = next(calls).arguments if block["type"] == "tool_use" else None
        for delta in _deltas(block, written):
            yield event("content_block_delta", index=index, delta=delta)
        yield event("content_block_stop", index=index)
    total = {key: usage[key] for key in usage if key.endswith("_tokens")}
    yield event("message_delta", delta=_stop(completion), usage={**total, **_details(completion)})
    yield event("message_stop")


def _started(block: dict[str, Any]) -> dict[str, Any]:
    """블록의 시작: 조각으로 올 것은 비어 있고, 도구의 결과는 처음부터 다 있습니다(P057)."""
    empty = {"text": "", "thinking": "", "signature": "", "input": {}, "citations": []}
    if block["type"].endswith("_result"):
        return block
    return {name: empty.get(name, value) for name, value in block.items()}


def _deltas(block: dict[str, Any], written: str | None) -> Iterator[dict[str, Any]]:
    """블록 하나의 조각들. `written`은 도구 호출의 인자(잘렸으면 JSON이 아닌 문자열)입니다."""
    kind = block["type"]
    if "input" in block:
        text = json.dumps(block["input"], ensure_ascii=False) if written is None else written
        yield {"type": "input_json_delta", "partial_json": ""}
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in _grouped(text))
    elif kind in ("text", "thinking"):
        yield from ({"type": "citations_delta", "citation": note} for note in block.get("citations", []))
        yield from ({"type": f"{kind}_delta", kind: piece} for piece in _grouped(block[kind]))
    if kind == "thinking":
        yield {"type": "signature_delta", "signature": block["signature"]}


def _grouped(text: str) -> Iterator[str]:
    pieces, sizes = split(text), cycle((1, 3, 6, 4))
    while piece := "".join(islice(pieces, next(sizes))):
        yield piece


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
        **({"diagnostics": reply.diagnosis} if reply.request.get("diagnostics") else {}),
    }


def _stop(completion: Completion) -> dict[str, Any]:
    if completion.refusal is not None and completion.finish == "stop":
        details = {"type": "refusal", "category": None, "explanation": completion.refusal}
        return {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}
    reason = "stop_sequence" if completion.stopped_by else STOP_REASONS[completion.finish]
    return {"stop_reason": reason, "stop_sequence": completion.stopped_by, "stop_details": None}


def _usage(reply: Reply, output_tokens: int) -> dict[str, Any]:
    """input_tokens는 캐시에서 읽지도 쓰지도 않은 나머지입니다."""
    cached = reply.cached
    return {
        "input_tokens": reply.prompt_tokens - cached.read - cached.written,
        "cache_creation_input_tokens": cached.written,
        "cache_read_input_tokens": cached.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 0 if cached.long else cached.written,
            "ephemeral_1h_input_tokens": cached.written if cached.long else 0,
        },
        "output_tokens": output_tokens,
        "service_tier": "standard",
        "inference_geo": "not_available",
    }
