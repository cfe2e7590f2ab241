"""Chat Completions 형식: OpenAI와, 같은 형식을 쓰는 Hugging Face 라우터, Gemini, Groq."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, get_type_hints

from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

from . import rules, schemas, tokens
from .errors import Refusal
from .reasoning import effort_of, reasons, writes_reasoning
from .reply import Completion, Event, Reply, split, sse, turns_of

KNOWN = get_type_hints(CompletionCreateParamsStreaming).keys()


def check(asked: dict[str, Any], provider: str) -> None:
    """제공자가 거절할 요청이면 `Refusal`을 냅니다."""
    if not asked.get("model"):
        raise Refusal("you must provide a model parameter")
    if "messages" not in asked:
        raise Refusal("Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
    if not isinstance(asked["messages"], list):
        message = f"Invalid type for 'messages': expected an array of objects, but got {_named(asked['messages'])}."
        raise Refusal(message, "messages", "invalid_type")
    if not asked["messages"]:
        message = (
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
        raise Refusal(message, "messages", "empty_array")
    rules.chat_pairs(asked["messages"], provider)
    if provider in ("openai", "groq"):
        rules.json_word(asked)
    if provider != "openai":
        return
    for name in sorted(asked.keys() - KNOWN):
        raise Refusal(f"Unrecognized request argument supplied: {name}")
    schemas.chat(asked)
    rules.tool_choice(asked, provider)
    if not reasons(asked["model"]):
        return
    if "max_tokens" in asked:
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        )
        raise Refusal(message, "max_tokens", "unsupported_parameter")
    for name in refused_sampling(asked, asked.get("reasoning_effort")):
        message = (
            f"Unsupported value: '{name}' does not support {asked[name]} with this model. "
            "Only the default (1) value is supported."
        )
        raise Refusal(message, name, "unsupported_value")
    if asked.get("tools") and effort_of(asked) != "none" and re.match(r"gpt-(5\.[4-9]|[6-9])", asked["model"]):
        raise Refusal(rules.USE_RESPONSES.format(model=asked["model"]), "reasoning_effort")


def _named(value: Any) -> str:
    return {str: "a string", dict: "an object", type(None): "null"}.get(type(value), "a number") + " instead"


def refused_sampling(asked: dict[str, Any], effort: str | None) -> list[str]:
    """추론 모델이 거절하는 temperature, top_p. effort가 "none"이면 새 모델은 받지만 옛 모델은 거절합니다."""
    always = re.match(r"o\d|gpt-5(-mini|-nano)?(-\d{4}-\d\d-\d\d)?$", asked["model"])
    if effort == "none" and not always:
        return []
    return [name for name in ("temperature", "top_p") if asked.get(name) not in (None, 1)]


def turns(asked: dict[str, Any]) -> list[tuple[str, str]]:
    return turns_of(asked["messages"])


def limits(asked: dict[str, Any]) -> tuple[int | None, Any]:
    """출력 토큰의 제한과 stop."""
    return asked.get("max_completion_tokens", asked.get("max_tokens")), asked.get("stop")


def usage(reply: Reply) -> dict[str, Any]:
    prompt, completion = reply.prompt_tokens, sum(c.tokens for c in reply.completions)
    reasoning = sum(c.reasoning_tokens for c in reply.completions)
    total: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion}
    total["total_tokens"] = prompt + completion
    if reply.provider == "openai":
        total["prompt_tokens_details"] = {
            "cached_tokens": reply.cached.read,
            "audio_tokens": 0,
            "cache_write_tokens": reply.cached.written,
        }
        total["completion_tokens_details"] = {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        }
    elif reply.provider == "groq":
        seconds = completion * reply.token_ms / 1000
        total |= {"queue_time": 0.005, "prompt_time": 0.01, "completion_time": seconds}
        total["total_time"] = 0.01 + seconds
        if reasoning:
            total["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return total


def body(reply: Reply) -> dict[str, Any]:
    """스트림이 아닌 응답의 본문."""
    answer = _head(reply, "chat.completion")
    answer["choices"] = [_choice(reply, index, c) for index, c in enumerate(reply.completions)]
    answer["usage"] = usage(reply)
    if reply.provider == "groq":
        answer |= {"service_tier": "on_demand", "usage_breakdown": None, "x_groq": _groq(reply)}
    return answer


def events(reply: Reply) -> Iterator[Event]:
    """스트림의 SSE 이벤트. n이 2 이상이면 실제처럼 선택지가 한 조각씩 번갈아 옵니다."""
    head, places = _head(reply, "chat.completion.chunk"), itertools.count()
    asked = bool((reply.request.get("stream_options") or {}).get("include_usage"))
    openai, groq, gemini = (reply.provider == name for name in ("openai", "groq", "gemini"))
    told = asked or reply.provider in reply.profile.usage_unasked
    # OpenAI는 include_usage일 때 마지막 조각 말고는 usage: null을 두고, Gemini는 조각마다 사용량을 싣습니다.
    each = {"usage": usage(reply)} if gemini and told else {"usage": None} if openai and asked else {}

    def chunk(choices: list[dict[str, Any]], **extra: Any) -> str:
        return sse({**head, "choices": choices, **each, **extra, **reply.obfuscation(next(places))})

    def delta(index: int, content: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        logprobs = {"logprobs": None} if groq else {}
        return {"index": index, "delta": content, **logprobs, "finish_reason": finish}

    for index, completion in enumerate(reply.completions):
        content = None if completion.calls and not completion.text else ""
        first = {"role": "assistant", "content": content, **({"refusal": None} if openai else {})}
        yield Event(chunk([delta(index, first)], **({"x_groq": _groq(reply)} if groq else {})))
    for row in zip_longest(*[_deltas(reply, index) for index in range(len(reply.completions))]):
        for index, content in enumerate(row):
            if content is not None:
                yield Event(chunk([delta(index, content)]), text="reasoning" not in content)
    for index, completion in enumerate(reply.completions):
        total = {"usage": usage(reply)} if groq and told else {}
        extra = {"x_groq": {"id": reply.id("req_"), **total}, **total} if groq else {}
        yield Event(chunk([delta(index, {}, _finish(reply, completion))], **extra))
    if told and not groq and not gemini:
        nulls = {"prompt_tokens_details": None, "completion_tokens_details": None}
        yield Event(chunk([], usage=usage(reply) | ({} if openai else nulls)))
    yield Event("data: [DONE]\n\n")


def _deltas(reply: Reply, index: int) -> Iterator[dict[str, Any]]:
    """선택지 하나의 delta들: 추론의 글(적어 보내는 곳이면), 답의 글, 거절, 도구 호출."""
    completion = reply.completions[index]
    if writes_reasoning(reply.provider, reply.model):
        channel = {"channel": "analysis"} if reply.provider == "groq" else {}
        for piece, _ in tokens.pieces(completion.reasoning):
            yield {"reasoning": piece, **channel}
    for piece in completion.pieces():
        yield {"content": piece}
    if reply.provider == "openai":
        yield from ({"refusal": piece} for piece in split(completion.refusal or ""))
    elif completion.refusal:
        yield {"content": completion.refusal}
    for at, call in enumerate(_tool_calls(reply, index)):
        if reply.provider in ("groq", "gemini"):  # 호출 하나를 한 조각에 다 보냅니다.
            yield {"tool_calls": [{"index": at, **call}]}
            continue
        # 첫 조각에 id와 이름, 다음 조각들에는 자리(index)와 인자의 조각만 있습니다(P033).
        function = {**call["function"], "arguments": ""}
        yield {"tool_calls": [{"index": at, **call, "function": function}]}
        for piece in split(call["function"]["arguments"]):
            yield {"tool_calls": [{"index": at, "function": {"arguments": piece}}]}


def _tool_calls(reply: Reply, index: int) -> list[dict[str, Any]]:
    return [
        {
            "id": reply.id("call_", f"{index} {at}"),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for at, call in enumerate(reply.completions[index].calls)
    ]


def _finish(reply: Reply, completion: Completion) -> str:
    """한 도구를 꼭 집어 부르게 하면 "tool_calls"가 아니라 "stop"으로 끝납니다(P033)."""
    forced = completion.finish == "tool_calls" and rules.chosen_tool(reply.request)
    return "stop" if forced else completion.finish


def _groq(reply: Reply) -> dict[str, Any]:
    return {"id": reply.id("req_"), "seed": int(reply.digest[:7], 16)}


def _head(reply: Reply, kind: str) -> dict[str, Any]:
    head = {"id": reply.id("chatcmpl-"), "object": kind, "created": reply.created, "model": reply.model}
    if reply.provider == "openai":
        head["service_tier"] = "default"
    if reply.provider != "gemini":
        head["system_fingerprint"] = reply.profile.fingerprint if reply.provider == "openai" else "fp_authored"
    return head


def _choice(reply: Reply, index: int, completion: Completion) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": completion.text}
    if not completion.text and (completion.calls or completion.refusal):
        message["content"] = None
    if completion.calls:
        message["tool_calls"] = _tool_calls(reply, index)
    if reply.provider == "openai":
        message |= {"refusal": completion.refusal, "annotations": []}
    elif completion.refusal:  # 거절의 필드가 없는 곳은 답의 글로 거절합니다.
        message["content"] = completion.refusal
    if writes_reasoning(reply.provider, reply.model) and completion.reasoning:
        message["reasoning"] = completion.reasoning
    choice = {"index": index, "message": message, "finish_reason": _finish(reply, completion)}
    return {**choice, "logprobs": None} if reply.provider in ("huggingface", "groq") else choice
