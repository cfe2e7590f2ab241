"""제공자마다 지금 부를 수 있는 모델과 그것을 보여 주는 본문. 목록은 설치된 SDK에서, 종료일은 `llmkit.model_status`에서 읽습니다."""

from __future__ import annotations

import functools
import re
from datetime import date, datetime
from typing import Any, get_args

from anthropic.types import Model as AnthropicModel
from openai.types.shared import ChatModel

from llmkit.models import default_model, model_status

# 목록이 SDK에 없는 제공자에서 강좌가 쓰는 모델(2026-11-21 확인, 출처는 facts.md).
LISTED = {
    "gemini": [
        "gemini-2.5-flash-lite",
        "gemini-2.5-flash",
        "gemini-2.5-pro",
        "gemini-3.5-flash",
        "gemini-3.5-flash-lite",
    ],
    "groq": ["openai/gpt-oss-20b", "openai/gpt-oss-120b", "qwen/qwen3.8-27b"],
    "huggingface": [
        "meta-llama/Llama-3.1-8B-Instruct",
        "openai/gpt-oss-20b",
        "openai/gpt-oss-120b",
        "Qwen/Qwen3-32B",
    ],
}


@functools.cache
def _listed(provider: str) -> list[str]:
    lists = {"openai": get_args(ChatModel), "anthropic": get_args(get_args(AnthropicModel)[0])}
    names = lists.get(provider) or LISTED[provider]
    # Colab의 오래된 SDK는 강좌의 기본 모델을 아직 모릅니다.
    return list(dict.fromkeys([*names, default_model(provider)]))


def current(provider: str, day: date) -> list[str]:
    """`day`에 부를 수 있는 모델의 이름들."""
    return [name for name in _listed(provider) if model_status(name, on=day).state in ("current", "deprecated")]


def served_as(provider: str, name: str) -> str:
    """응답의 `model`에 적힐 이름: 날짜 붙은 버전이 하나 있는 별칭이면 그 버전, 아니면 그대로."""
    versions = [m for m in _listed(provider) if re.fullmatch(re.escape(name) + r"-(\d{8}|\d{4}-\d\d-\d\d)", m)]
    return versions[0] if len(versions) == 1 else name


def known(provider: str, name: str, day: date) -> bool:
    """`day`에 부를 수 있는 모델인가. Hugging Face의 `모델:제공자`와 Gemini의 `models/모델`도 압니다."""
    bare = name.partition(":")[0] if provider == "huggingface" else name.removeprefix("models/")
    return bare in current(provider, day)


def listing(provider: str, at: datetime) -> dict[str, Any]:
    """`GET /models`의 본문. `created`는 알 수 없으므로 대본의 시각입니다."""
    items = [_entry(provider, name, at) for name in current(provider, at.date())]
    if provider == "anthropic":
        return {"data": items, "has_more": False, "first_id": items[0]["id"], "last_id": items[-1]["id"]}
    return {"object": "list", "data": items}


def _entry(provider: str, name: str, at: datetime) -> dict[str, Any]:
    ends = model_status(name, on=at.date()).shutdown
    if provider == "anthropic":
        return {
            "type": "model",
            "id": name,
            "display_name": name.replace("-", " ").title(),
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "deprecated" if ends else "active",
            "retires_at": f"{ends}T00:00:00Z" if ends else None,
        }
    if provider == "gemini":
        return {"id": f"models/{name}", "object": "model", "owned_by": "google"}
    owner = "system" if provider == "openai" else provider
    model = {"id": name, "object": "model", "created": int(at.timestamp()), "owned_by": owner}
    return model | ({"shutdown_date": str(ends) if ends else None} if provider == "openai" else {})


def provider_mapping(name: str) -> dict[str, Any]:
    """Hub의 `GET /api/models/<모델>?expand=inferenceProviderMapping`의 본문."""
    route = {"status": "live", "providerId": name, "task": "conversational", "isModelAuthor": False}
    return {"_id": "authored", "id": name, "inferenceProviderMapping": {"groq": route}}
