"""OpenAI Responses 형식."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_type_hints

from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from .chat import refused_sampling
from .errors import Refusal
from .reasoning import effort_of, reasons
from .reply import Event, Reply, sse, turns_of

KNOWN = get_type_hints(ResponseCreateParamsStreaming).keys()


def check(asked: dict[str, Any], provider: str) -> None:
    """제공자가 거절할 요청이면 `Refusal`을 냅니다."""
    for name in ("model", "input"):
        if not asked.get(name):
            raise Refusal(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    for name in sorted(asked.keys() - KNOWN):
        raise Refusal(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    if reasons(asked["model"]):
        for name in refused_sampling(asked, (asked.get("reasoning") or {}).get("effort")):
            raise Refusal(f"Unsupported parameter: '{name}' is not supported with this model.", name)


def turns(asked: dict[str, Any]) -> list[tuple[str, str]]:
    given = asked["input"]
    system = [("developer", asked["instructions"])] if asked.get("instructions") else []
    return system + ([("user", given)] if isinstance(given, str) else turns_of(given))


def limits(asked: dict[str, Any]) -> tuple[int | None, Any]:
    """출력 토큰의 제한과 stop(이 API에는 없습니다)."""
    return asked.get("max_output_tokens"), None


def body(reply: Reply) -> dict[str, Any]:
    """스트림이 아닌 응답의 본문(스트림에서는 마지막 이벤트에 실리는 것과 같습니다)."""
    cut = reply.completions[0].finish == "length"
    return {
        **_head(reply),
        "status": "incomplete" if cut else "completed",
        "completed_at": None if cut else reply.created + 1,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": _output(reply),
        "service_tier": "default",
        "usage": usage(reply),
    }


def usage(reply: Reply) -> dict[str, Any]:
    completion = reply.completions[0]
    return {
        "input_tokens": reply.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": completion.tokens,
        "output_tokens_details": {"reasoning_tokens": completion.reasoning_tokens},
        "total_tokens": reply.prompt_tokens + completion.tokens,
    }


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
        if item["type"] == "reasoning":
            yield event("response.output_item.added", output_index=at, item=item)
            yield event("response.output_item.done", output_index=at, item=item)
            continue
        empty = {**item, "status": "in_progress", "content": []}
        part = item["content"][0]
        where = {"item_id": item["id"], "output_index": at, "content_index": 0}
        yield event("response.output_item.added", output_index=at, item=empty)
        yield event("response.content_part.added", **where, part={**part, "text": ""})
        for piece in reply.completions[0].pieces():
            yield event("response.output_text.delta", **where, delta=piece, logprobs=[])
        yield event("response.output_text.done", **where, text=part["text"], logprobs=[])
        yield event("response.content_part.done", **where, part=part)
        yield event("response.output_item.done", output_index=at, item=item)
    yield event(f"response.{final['status']}", response=final)


def _output(reply: Reply) -> list[dict[str, Any]]:
    completion = reply.completions[0]
    items: list[dict[str, Any]] = []
    if completion.reasoning_tokens:
        sealed = f"authored_{reply.digest}"  # 진짜는 모델의 추론을 암호로 바꾼 글입니다.
        items.append({"id": reply.id("rs_"), "type": "reasoning", "encrypted_content": sealed, "summary": []})
    if completion.text or not completion.reasoning_tokens:
        text = {"type": "output_text", "annotations": [], "logprobs": [], "text": completion.text}
        status = "incomplete" if completion.finish == "length" else "completed"
        items.append(
            {
                "id": reply.id("msg_"),
                "type": "message",
                "status": status,
                "content": [text],
                "role": "assistant",
            }
        )
    return items


def _head(reply: Reply) -> dict[str, Any]:
    """요청을 반복해 적는 필드들: 적지 않은 인자는 기본값으로 돌아옵니다."""
    asked = reply.request
    summary, text = (asked.get("reasoning") or {}).get("summary"), asked.get("text") or {}
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
        "reasoning": {"effort": effort_of(asked), "summary": summary},
        "safety_identifier": asked.get("safety_identifier"),
        "service_tier": "auto",
        "store": asked.get("store", True),
        "temperature": asked.get("temperature", 1.0),
        "text": {"format": {"type": "text"}, "verbosity": "medium", **text},
        "tool_choice": asked.get("tool_choice", "auto"),
        "tools": asked.get("tools", []),
        "top_logprobs": 0,
        "top_p": asked.get("top_p", 1.0),
        "truncation": asked.get("truncation", "disabled"),
        "usage": None,
        "user": asked.get("user"),
        "metadata": asked.get("metadata") or {},
    }
