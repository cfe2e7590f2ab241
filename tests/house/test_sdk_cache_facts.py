"""수업 11이 기대는 SDK의 사실들: 캐시의 인자와 진단의 이름."""

from __future__ import annotations

import inspect
from typing import Any, Literal, get_args, get_type_hints

import anthropic.types as claude
import openai.types.responses as responses
from openai.types.chat import chat_completion_content_part_text_param as part
from openai.types.chat import completion_create_params as chat
from openai.types.responses import response as answer
from openai.types.responses import response_create_params


def choices(shape: Any, name: str) -> tuple[str, ...]:
    hint = get_type_hints(shape)[name]
    return get_args(hint) if get_args(hint) and isinstance(get_args(hint)[0], str) else get_args(get_args(hint)[0])


def test_lifetimes_and_modes_of_the_sdks() -> None:
    assert choices(chat.PromptCacheOptions, "ttl") == ("30m",)
    assert choices(response_create_params.PromptCacheOptions, "ttl") == ("30m", "12h")
    assert choices(chat.PromptCacheOptions, "mode") == ("implicit", "explicit")
    assert get_type_hints(part.PromptCacheBreakpoint, include_extras=True)["mode"].__args__[0] == Literal["explicit"]
    assert choices(claude.CacheControlEphemeralParam, "ttl") == ("5m", "1h")
    told = inspect.getsource(chat)
    assert "latest four explicit breakpoints" in told and "Deprecated. Use `prompt_cache_options.ttl` instead." in told
    assert {"prewarm", "comparison_response_id"} <= get_type_hints(response_create_params.PromptCacheOptions).keys()


def test_diagnoses_of_the_sdks() -> None:
    assert "prompt_cache_diagnostics" in responses.Response.model_fields
    reasons = answer.PromptCacheDiagnosticsCacheMiss.model_fields["reason"].annotation
    assert {"input_changed", "tools_changed", "prompt_cache_key_changed", "model_changed"} <= set(get_args(reasons))
    kinds = (claude.CacheMissSystemChanged, claude.CacheMissToolsChanged, claude.CacheMissMessagesChanged)
    assert all("cache_missed_input_tokens" in kind.model_fields for kind in kinds)
    assert "diagnosis is still\n    pending" in inspect.getsource(claude.diagnostics)
    assert "Set to `0` to populate" in inspect.getsource(claude.message_create_params)
