"""OpenAI Responses 형식."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from . import hosted, rules, schemas
from .chat import refused_sampling
from .errors import Refusal
from .reasoning import effort_of, reasons
from .reply import Event, Reply, split, sse, turns_of

KNOWN = get_type_hints(ResponseCreateParamsStreaming).keys()


def check(asked: dict[str, Any], provider: str, remembered: list[dict[str, Any]]) -> None:
    """제공자가 거절할 요청이면 `Refusal`을 냅니다. `remembered`는 서버가 기억하는 앞의 대화입니다."""
    for name in ("model", "input"):
        if not asked.get(name):
            raise Refusal(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    for name in sorted(asked.keys() - KNOWN):
        raise Refusal(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    schemas.responses(asked)
    rules.tool_choice(asked, provider)
    rules.json_word(asked)
    rules.response_pairs(items_of(asked), remembered)
    if reasons(asked["model"]):
        for name in refused_sampling(asked, (asked.get("reasoning") or {}).get("effort")):
            raise Refusal(f"Unsupported parameter: '{name}' is not supported with this model.", name)


def turns(asked: dict[str, Any]) -> list[tuple[str, str]]:
    system = [("developer", asked["instructions"])] if asked.get("instructions") else []
    return system + turns_of(items_of(asked))


def items_of(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """보낸 항목들. 글 하나는 user 메시지 하나입니다."""
    given = asked["input"]
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def limits(asked: dict[str, Any]) -> tuple[int | None, Any]:
    """출력 토큰의 제한과 stop(이 API에는 없습니다)."""
    return asked.get("max_output_tokens"), None


def body(reply: Reply) -> dict[str, Any]:
    """스트림이 아닌 응답의 본문(스트림에서는 마지막 이벤트에 실리는 것과 같습니다)."""
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(reply.completions[0].finish)
    cut = reason is not None
    return {
        **_head(reply),
        "status": "incomplete" if cut else "completed",
        "completed_at": None if cut else reply.created + 1,
        "incomplete_details": {"reason": reason} if cut else None,
        "output": _output(reply),
        "service_tier": "default",
        "usage": usage(reply),
    }


def usage(reply: Reply) -> dict[str, Any]:
    completion = reply.completions[0]
    return {
        "input_tokens": reply.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": reply.cached.read,
            "cache_write_tokens": reply.cached.written,
            **_lifetimes(reply),
        },
        "output_tokens": completion.tokens,
        "output_tokens_details": {"reasoning_tokens": completion.reasoning_tokens},
        "total_tokens": reply.prompt_tokens + completion.tokens,
    }


def _lifetimes(reply: Reply) -> dict[str, Any]:
    """유지 시간을 적은 요청에는 쓴 토큰을 시간별로 나누어 적습니다."""
    if "ttl" not in (reply.request.get("prompt_cache_options") or {}):
        return {}
    written, long = reply.cached.written, reply.cached.long
    split = {"ttl_12h_tokens": written if long else 0, "ttl_30m_tokens": 0 if long else written}
    return {"cache_write_tokens_details": split}


def events(reply: Reply) -> Iterator[Event]:
    """스트림의 SSE 이벤트. 이름과 순서는 2026년 7월의 실제 기록을 따릅니다."""
    number = 0

    def event(kind: str, **fields: Any) -> Event:
        nonlocal number
        number += 1
        noise = reply.obfuscation(number) if "delta" in fields else {}
        data = {"type": kind, "sequence_number": number - 1, **fields, **noise}
        return Event(sse(data, kind), text="delta" in fields)

    start = {**_head(reply), "status": "in_progress"}
    yield event("response.created", response=start)
    yield event("response.in_progress", response=start)
    final = body(reply)
    for at, item in enumerate(final["output"]):
        yield from _item_events(event, at, item)
    yield event(f"response.{final['status']}", response=final)


def _item_events(event: Callable[..., Event], at: int, item: dict[str, Any]) -> Iterator[Event]:
    """`output`의 항목 하나가 스트림에서 지나는 이벤트들."""
    kind = item["type"]
    if kind in hosted.RESPONSES:
        yield from hosted.output_events(event, at, item)
        return
    started = dict(item)
    if kind == "message":
        started |= {"status": "in_progress", "content": []}
    elif kind == "function_call":
        started |= {"status": "in_progress", "arguments": ""}
    yield event("response.output_item.added", output_index=at, item=started)
    where = {"item_id": item["id"], "output_index": at}
    if kind == "function_call":
        for piece in split(item["arguments"]):
            yield event("response.function_call_arguments.delta", **where, delta=piece)
        yield event("response.function_call_arguments.done", **where, arguments=item["arguments"])
    for place, part in enumerate(item["content"] if kind == "message" else []):
        yield from _part_events(event, {**where, "content_index": place}, part)
    yield event("response.output_item.done", output_index=at, item=item)


def _part_events(event: Callable[..., Event], where: dict[str, Any], part: dict[str, Any]) -> Iterator[Event]:
    """메시지의 글이나 거절."""
    if part["type"] == "refusal":
        yield event("response.content_part.added", **where, part={**part, "refusal": ""})
        for piece in split(part["refusal"]):
            yield event("response.refusal.delta", **where, delta=piece)
        yield event("response.refusal.done", **where, refusal=part["refusal"])
    else:
        yield event("response.content_part.added", **where, part={**part, "text": "", "annotations": []})
        for piece in split(part["text"]):
            yield event("response.output_text.delta", **where, delta=piece, logprobs=[])
        for number, note in enumerate(part["annotations"]):
            added = {"annotation_index": number, "annotation": note}
            yield event("response.output_text.annotation.added", **where, **added)
        yield event("response.output_text.done", **where, text=part["text"], logprobs=[])
    yield event("response.content_part.done", **where, part=part)


def _output(reply: Reply) -> list[dict[str, Any]]:
    completion = reply.completions[0]
    items: list[dict[str, Any]] = []
    if completion.reasoning_tokens:
        sealed = f"authored_{reply.digest}"  # 진짜는 모델의 추론을 암호로 바꾼 글입니다.
        items.append({"id": reply.id("rs_"), "type": "reasoning", "encrypted_content": sealed, "summary": []})
    items += hosted.output_items(reply)
    status = "incomplete" if completion.finish in ("length", "content_filter") else "completed"
    parts: list[dict[str, Any]] = []
    if completion.refusal is not None:
        parts.append({"type": "refusal", "refusal": completion.refusal})
    elif completion.text or not items and not completion.calls:
        notes = hosted.annotations(reply)
        parts.append({"type": "output_text", "annotations": notes, "logprobs": [], "text": completion.text})
    if parts:
        message = {"type": "message", "status": status, "content": parts, "role": "assistant"}
        items.append({"id": reply.id("msg_"), **message})
    for at, call in enumerate(completion.calls):
        written = {"arguments": call.arguments, "call_id": reply.id("call_", str(at)), "name": call.name}
        items.append({"id": reply.id("fc_", str(at)), "type": "function_call", "status": status, **written})
    return items


def conversation_of(asked: dict[str, Any]) -> str | None:
    given = asked.get("conversation")
    return given.get("id") if isinstance(given, dict) else given


def _head(reply: Reply) -> dict[str, Any]:
    """요청을 반복해 적는 필드들: 적지 않은 인자는 기본값으로 돌아옵니다."""
    asked = reply.request
    summary, text = (asked.get("reasoning") or {}).get("summary"), asked.get("text") or {}
    options = asked.get("prompt_cache_options")
    return {
        "id": reply.id("resp_"),
        "object": "response",
        "created_at": reply.created,
        "status": "completed",
        "background": False,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.get("instructions"),
        "max_output_tokens": asked.get("max_output_tokens"),
        "max_tool_calls": None,
        "model": reply.model,
        "output": [],
        "parallel_tool_calls": asked.get("parallel_tool_calls", True),
        "previous_response_id": asked.get("previous_response_id"),
        "prompt_cache_key": asked.get("prompt_cache_key"),
        "prompt_cache_retention": asked.get("prompt_cache_retention"),
        **({"prompt_cache_options": {"mode": "implicit", "ttl": "30m", **options}} if options else {}),
        **({"prompt_cache_diagnostics": reply.diagnosis} if reply.diagnosis else {}),
        "reasoning": {"effort": effort_of(asked), "summary": summary},
        "safety_identifier": asked.get("safety_identifier"),
        "service_tier": "auto",
        "store": asked.get("store", True),
        "temperature": asked.get("temperature", 1.0),
        "text": {"format": {"type": "text"}, "verbosity": "medium", **text},
        "tool_choice": asked.get("tool_choice", "auto"),
        "tools": asked.get("tools", []),
        **({"conversation": {"id": conversation}} if (conversation := conversation_of(asked)) else {}),
        "top_logprobs": 0,
        "top_p": asked.get("top_p", 1.0),
        "truncation": asked.get("truncation", "disabled"),
        "usage": None,
        "user": asked.get("user"),
        "metadata": asked.get("metadata") or {},
    }
