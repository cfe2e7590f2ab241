"""서버가 보내는 모든 본문과 이벤트를 두 잣대로 잽니다: SDK의 pydantic 모델(엄격하게)과 실제 제공자의 기록."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import anthropic.types
import anthropic.types.shared
import httpx2
import openai.types
import openai.types.chat
import openai.types.responses
import openai.types.shared
import pytest
from pydantic import BaseModel, TypeAdapter

from tests.authoring.provider.profiles import PROFILES, TODAY, Profile
from tests.authoring.provider.script import HTTP_FAULTS
from tests.authoring.provider.testing import stand_in

REAL = Path(__file__).resolve().parents[3] / "shared" / "real_exchanges" / "practice.jsonl"
GPT, CLAUDE, LLAMA, GEMINI, GROQ = (
    "gpt-6-luna",
    "claude-haiku-5-5",
    "meta-llama/Llama-3.1-8B-Instruct",
    "gemini-2.5-flash-lite",
    "openai/gpt-oss-20b",
)
CHAT = {
    "openai": ("https://api.openai.com/v1/chat/completions", GPT),
    "huggingface": ("https://router.huggingface.co/v1/chat/completions", LLAMA),
    "gemini": ("https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", GEMINI),
    "groq": ("https://api.groq.com/openai/v1/chat/completions", GROQ),
}
RESPONSES = "https://api.openai.com/v1/responses"
MESSAGES = "https://api.anthropic.com/v1/messages"
HEADERS = {"authorization": "Bearer k", "x-api-key": "k", "anthropic-version": "2023-06-01"}

# 실제 기록에 있는 오류들
OPENAI_ERRORS = ("invalid_api_key", "model_not_found", "insufficient_quota", "rate_limit")
ANTHROPIC_ERRORS = ("invalid_api_key", "model_not_found", "invalid_request", "overloaded")

ENTRIES = '[[entry]]\nprompt = "추론"\nreasoning_tokens = 8\nanswer = "**서울**입니다."\n'
ENTRIES += '[[entry]]\nprompt = "답"\nanswers = ["**서울**입니다.", "부산입니다."]\n'
ENTRIES += '[[entry]]\nprompt = "오류"\nanswer = "하나 둘 셋"\nfault = { kind = "error_event", after_chunks = 1 }\n'
ENTRIES += "".join(f'[[entry]]\nprompt = "{kind}"\nfault = "{kind}"\n' for kind in sorted(HTTP_FAULTS))


@contextmanager
def posting(profile: Profile):
    """한 프로필로 답하는 서버와, 그 서버에 묻는 함수."""
    with stand_in(ENTRIES, profile=profile), httpx2.Client(headers=HEADERS) as client:
        yield lambda url, **body: client.post(url, json=body)


@pytest.fixture
def post():
    with posting(TODAY) as ask:
        yield ask


def data_of(response: httpx2.Response) -> list[dict[str, Any]]:
    """응답의 본문 하나, 또는 스트림의 이벤트마다 data 하나."""
    if not response.headers["content-type"].startswith("text/event-stream"):
        return [response.json()]
    return sse_data(response.text)


def sse_data(text: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line and line != "[DONE]"]


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def every_chat(post, provider: str) -> list[httpx2.Response]:
    url, model = CHAT[provider]
    limit = {"max_completion_tokens": 3} if provider == "openai" else {"max_tokens": 3}
    usage = {"stream_options": {"include_usage": True}}
    return [
        post(url, model=model, messages=user(prompt), **options)
        for prompt in ("추론", "답")
        for options in (
            {},
            {"n": 2},
            limit,
            {"stream": True},
            {"stream": True, "n": 2, **usage},
            {"stream": True, **limit},
        )
    ]


def every_response(post) -> list[httpx2.Response]:
    formats = {
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "instructions": "짧게",
        "reasoning": {"effort": "low"},
    }
    return [
        post(RESPONSES, model=GPT, input=prompt, stream=stream, **options)
        for prompt in ("추론", "답")
        for stream in (False, True)
        for options in ({}, {"max_output_tokens": 3}, formats)
    ]


def every_message(post) -> list[httpx2.Response]:
    return [
        post(MESSAGES, model=CLAUDE, messages=user(prompt), stream=stream, **options)
        for prompt in ("추론", "답")
        for stream in (False, True)
        for options in (
            {"max_tokens": 99},
            {"max_tokens": 10},
            {"max_tokens": 50},
            {"max_tokens": 99, "stop_sequences": ["입"]},
            {"max_tokens": 99, "thinking": {"type": "disabled"}},
            {"max_tokens": 99, "thinking": {"type": "adaptive", "display": "summarized"}},
        )
    ]


# 1. SDK의 모델: 빠진 필드, 틀린 타입, 모르는 필드가 하나도 없어야 합니다

# SDK의 모델에 없지만 제공자가 실제로 보내는 것. 아래 2의 기록에서 확인합니다.
UNDECLARED = {
    # 진짜 스트림에 있지만(P031) Colab의 오래된 openai는 아직 모릅니다.
    "openai": {"obfuscation"} - openai.types.chat.ChatCompletionChunk.model_fields.keys(),
    "groq": {
        *("x_groq", "usage_breakdown", "queue_time", "prompt_time", "completion_time", "total_time"),
        *("reasoning", "channel"),
    },
    "responses": {"store", "obfuscation"},
}


def unknown_fields(value: Any) -> set[str]:
    if isinstance(value, BaseModel):
        inner = [getattr(value, name) for name in type(value).model_fields]
        return set(value.model_extra or {}).union(*map(unknown_fields, inner))
    if isinstance(value, list):
        return set().union(*map(unknown_fields, value))
    return set()


adapter = functools.cache(TypeAdapter)


def strictly(kind: Any, data: dict[str, Any]) -> set[str]:
    """엄격하게 읽고, 모델이 모르는 필드의 이름을 돌려줍니다."""
    return unknown_fields(adapter(kind).validate_json(json.dumps(data), strict=True))


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("provider", CHAT)
def test_chat_completions_fit_the_sdk(profile, provider):
    kinds = {
        "chat.completion": openai.types.chat.ChatCompletion,
        "chat.completion.chunk": openai.types.chat.ChatCompletionChunk,
    }
    seen = set()
    with posting(profile) as post:
        responses = every_chat(post, provider)
    for response in responses:
        assert response.status_code == 200, response.text
        for data in data_of(response):
            seen.add(data["object"])
            if provider == "groq":
                assert data.pop("service_tier", "on_demand") == "on_demand"  # OpenAI의 SDK가 모르는 값을 씁니다
            assert strictly(kinds[data["object"]], data) <= UNDECLARED.get(provider, set())
    assert seen == kinds.keys()


def test_usage_comes_in_an_openai_stream_only_when_asked_for(post):
    url, model = CHAT["openai"]
    plain = data_of(post(url, model=model, messages=user("추론"), stream=True))
    asked = data_of(post(url, model=model, messages=user("추론"), stream=True, stream_options={"include_usage": True}))
    assert plain[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert not any("usage" in chunk for chunk in plain)
    assert [chunk["usage"] is None for chunk in asked] == [True] * len(plain) + [False]
    assert asked[-1]["choices"] == []


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_responses_fit_the_sdk(profile):
    seen = set()
    with posting(profile) as post:
        responses = every_response(post)
    for response in responses:
        assert response.status_code == 200, response.text
        for data in data_of(response):
            kind = openai.types.responses.Response if "type" not in data else openai.types.responses.ResponseStreamEvent
            assert strictly(kind, data) <= UNDECLARED["responses"]
            seen.add(data.get("type", "body"))
    assert {
        "body",
        "response.created",
        "response.output_text.delta",
        "response.incomplete",
        "response.completed",
    } <= seen


def test_responses_are_numbered_and_named_like_their_events(post):
    text = post(RESPONSES, model=GPT, input="추론", stream=True).text
    names = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert names == [data["type"] for data in sse_data(text)]
    assert [data["sequence_number"] for data in sse_data(text)] == list(range(len(names)))


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_messages_fit_the_sdk(profile):
    seen = set()
    with posting(profile) as post:
        responses = every_message(post)
        counted = post(f"{MESSAGES}/count_tokens", model=CLAUDE, messages=user("답")).json()
    for response in responses:
        assert response.status_code == 200, response.text
        for data in data_of(response):
            seen.add(data["type"])
            if data["type"] == "ping":
                assert data == {"type": "ping"}
                continue
            kind = anthropic.types.Message if data["type"] == "message" else anthropic.types.RawMessageStreamEvent
            assert strictly(kind, data) == set()
    assert seen == {
        "message",
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    }
    assert strictly(anthropic.types.MessageTokensCount, counted) == set()


def test_models_fit_the_sdk(post):
    with httpx2.Client(headers=HEADERS) as client:
        for model in client.get("https://api.openai.com/v1/models").json()["data"]:
            # Colab의 openai는 아직 이 필드를 모릅니다.
            assert strictly(openai.types.Model, model) == {"shutdown_date"} - openai.types.Model.model_fields.keys()
        for model in client.get("https://api.anthropic.com/v1/models").json()["data"]:
            assert strictly(anthropic.types.ModelInfo, model) == set()


@pytest.mark.parametrize("kind", sorted(HTTP_FAULTS - {"not_json", "unavailable"}))
def test_errors_fit_the_sdk(post, kind):
    chat = post(CHAT["openai"][0], model=GPT, messages=user(kind)).json()
    assert strictly(openai.types.shared.ErrorObject, chat["error"]) == set() and chat.keys() == {"error"}
    message = post(MESSAGES, model=CLAUDE, max_tokens=9, messages=user(kind)).json()
    if kind == "too_large":  # 앞단이 보내는 오류라서 SDK의 모델보다 작습니다(anthropic-sdk-python의 이슈 938)
        assert message == {"error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}
    elif kind == "conflict":  # SDK의 ErrorType에는 있지만 ErrorResponse에는 아직 없습니다
        assert message["error"]["type"] in get_args(anthropic.types.shared.ErrorType)
    else:
        assert strictly(anthropic.types.ErrorResponse, message) == set()


# 2. 실제 기록: 늘 오는 필드가 빠지지 않았고, 온 적 없는 필드나 타입을 지어내지 않았는가

Shape = dict[str, set[str]]  # "choices[].message.content" -> {"str", "NoneType"}


def shape(value: Any, path: str = "") -> Shape:
    """값 안의 경로마다 그 타입들."""
    found: Shape = defaultdict(set)
    found[path].add("number" if type(value) in (int, float) else type(value).__name__)
    inside: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        inside = [(f"{path}.{key}", item) for key, item in value.items()]
    elif isinstance(value, list):
        inside = [(f"{path}[]", item) for item in value]
    for where, item in inside:
        for inner, types in shape(item, where).items():
            found[inner] |= types
    return found


def merged(shapes: list[Shape]) -> Shape:
    every: Shape = defaultdict(set)
    for one in shapes:
        for path, types in one.items():
            every[path] |= types
    return every


def kind_of(data: dict[str, Any]) -> str:
    """견줄 것끼리 모으는 이름: 본문, 조각, 이벤트의 종류, 오류."""
    return "error" if data.get("error") else data.get("type") or data.get("object") or "count"


def real_exchanges(provider: str, endpoint: str) -> list[dict[str, Any]]:
    """실제 기록에서 한 제공자의 한 API가 보낸 JSON과 이벤트들."""
    if not REAL.exists():
        pytest.skip(f"실제 교환의 기록이 없습니다: {REAL}")
    datas = []
    for line in REAL.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        if (item["provider"], item["endpoint"]) != (provider, endpoint):
            continue
        if item["sse_text"]:
            datas += sse_data(item["sse_text"])
        elif item["response_json"]:  # 프록시의 평문은 뺍니다
            datas.append(item["response_json"])
    return datas


# 실제로는 늘 있지만(적은 기록에서) 우리는 적지 않는 것과 그 이유
LEFT_OUT = {
    ("hf", "chat.completions", "chat.completion"): {
        ".choices[].message.tool_calls": "기록 하나뿐이고, 그 뒤의 제공자(hyperbolic)만 빈 목록을 적습니다",
    },
    ("groq", "chat.completions", "chat.completion"): {
        ".usage.prompt_tokens_details": "캐시에 맞은 요청의 기록 하나뿐입니다",
        ".usage.prompt_tokens_details.cached_tokens": "위와 같습니다",
    },
}
LEFT_OUT["anthropic", "messages", "message"] = {
    ".content[].text": "생각만 하다 제한에 잘린 답에는 글이 없습니다. 그런 기록이 없습니다",
}
# 실제 기록에는 없지만 우리는 적는 것과 그 이유
NOT_YET_SEEN = {
    ".usage.prompt_tokens_details.cache_write_tokens": "gpt-5.6부터 캐시에 쓴 토큰에 값을 매깁니다. SDK의 모델에 있습니다",
    ".system_fingerprint": "HF: InferenceClient의 모델이 요구하고, 스트림의 기록에는 있습니다",
    ".usage.input_tokens_details.cache_write_tokens": "2026년의 SDK가 요구합니다(azure의 P061에 있습니다)",
    ".response.usage.input_tokens_details.cache_write_tokens": "위와 같습니다",
    ".usage.output_tokens_details": "생각한 답의 스트림은 기록에 없습니다. 2026년 SDK의 MessageDeltaUsage에 있습니다",
    ".usage.output_tokens_details.thinking_tokens": "위와 같습니다",
    ".incomplete_details.reason": "기록에 잘린 답이 없습니다",
}


@pytest.mark.parametrize(
    ("provider", "endpoint"),
    [
        ("openai", "chat.completions"),
        ("hf", "chat.completions"),
        ("groq", "chat.completions"),
        ("openai", "responses"),
        ("anthropic", "messages"),
        ("anthropic", "messages.count_tokens"),
    ],
)
def test_shapes_are_those_of_the_real_providers(post, provider, endpoint):
    if endpoint == "chat.completions":
        sent = every_chat(post, {"hf": "huggingface"}.get(provider, provider))
    elif endpoint == "messages.count_tokens":
        sent = [post(f"{MESSAGES}/count_tokens", model=CLAUDE, messages=user("답"))]
    else:
        sent = every_response(post) if provider == "openai" else every_message(post)
    if (provider, endpoint) == ("openai", "chat.completions"):
        sent += [post(CHAT["openai"][0], model=GPT, messages=user(kind)) for kind in OPENAI_ERRORS]
    if endpoint == "messages":
        sent += [post(MESSAGES, model=CLAUDE, max_tokens=9, messages=user(kind)) for kind in ANTHROPIC_ERRORS]
        sent += [post(MESSAGES, model=CLAUDE, max_tokens=9, messages=user("오류"), stream=True)]

    real, ours = defaultdict(list), defaultdict(list)
    for data in real_exchanges(provider, endpoint):
        real[kind_of(data)].append(shape(data))
    for response in sent:
        for data in data_of(response):
            ours[kind_of(data)].append(shape(data))
    compared = real.keys() & ours.keys()
    assert ours.keys() - real.keys() <= {"response.incomplete"}  # 기록에 잘린 답의 스트림이 없습니다
    for kind in compared:
        ever, always = merged(real[kind]), set.intersection(*(set(one) for one in real[kind]))
        invented = merged(ours[kind]).keys() - ever.keys() - NOT_YET_SEEN.keys()
        assert not invented, f"{kind}: 제공자가 보낸 적 없는 필드"
        missing = always - set.intersection(*(set(one) for one in ours[kind]))
        assert missing == LEFT_OUT.get((provider, endpoint, kind), {}).keys(), f"{kind}: 늘 오는 필드"
        for path, types in merged(ours[kind]).items():
            if ever.get(path, {"NoneType"}) != {"NoneType"}:
                assert types <= ever[path], f"{kind}{path}: 제공자가 보낸 적 없는 타입"
