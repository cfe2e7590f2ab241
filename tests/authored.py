"""테스트에 쓰는 작은 샘플 응답과 카세트."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llmkit.replay.cassette import Cassette, Exchange

DAY = datetime.date(2026, 11, 21)
MODELS = {"openai": "gpt-6-luna", "anthropic": "claude-haiku-5-5", "huggingface": "openai/gpt-oss-20b"}
PATHS = {"openai": "/chat/completions", "anthropic": "/messages", "huggingface": "/chat/completions"}


def request(provider: str, prompt: str, **more: Any) -> dict[str, Any]:
    """SDK가 보내는 요청의 본문."""
    body: dict[str, Any] = {"model": MODELS[provider], "messages": [{"role": "user", "content": prompt}]}
    always = {"anthropic": {"max_tokens": 50}, "huggingface": {"stream": False}}
    return body | always.get(provider, {}) | more


def answer(provider: str, text: str) -> bytes:
    """스트림이 아닌 응답의 본문."""
    if provider == "anthropic":
        body: dict[str, Any] = {
            "id": "msg_authored_1",
            "type": "message",
            "role": "assistant",
            "stop_sequence": None,
        }
        body |= {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}
        body |= {"usage": {"input_tokens": 1, "output_tokens": 1}}
    else:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        body = {"id": "chatcmpl-authored-1", "object": "chat.completion", "created": 1, "choices": [choice]}
        body |= {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
    return json.dumps(body | {"model": MODELS[provider]}, ensure_ascii=False).encode()


def exchange(provider: str, prompt: str, text: str, **more: Any) -> Exchange:
    made = Exchange("authored", provider, "POST", PATHS[provider], request(provider, prompt, **more), 200)
    made.headers, made.content = {"content-type": "application/json"}, answer(provider, text)
    return made


def save(path: Path, exchanges: Iterable[Exchange], inputs: dict[str, list[str]] | None = None) -> Path:
    """`exchanges`가 든 카세트를 `path`에 씁니다."""
    exchanges = list(exchanges)
    models = {e.provider: MODELS[e.provider] for e in exchanges}
    Cassette(path, DAY, models, inputs or {}, exchanges).save()
    return path
