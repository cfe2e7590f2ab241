"""캐시 진단: 가리킨 앞의 요청과 견주어, 캐시를 다시 쓰지 못하게 한 첫 번째 차이를 말합니다.

이유의 이름은 두 SDK의 형에 적힌 것입니다. 진짜가 언제 비우고(null) 언제 unavailable이라 하는지는 확인하지 못했습니다.
"""

from __future__ import annotations

import threading
from typing import Any

from .caches import Cached

# 요청의 인자와, 그것이 다를 때의 이유. 앞의 것부터 봅니다.
OPENAI = (
    ("model", "model_changed"),
    ("prompt_cache_key", "prompt_cache_key_changed"),
    ("tools", "tools_changed"),
    ("text", "text_format_changed"),
    ("reasoning", "reasoning_effort_changed"),
    ("service_tier", "service_tier_changed"),
)
ANTHROPIC = (("model", "model_changed"), ("tools", "tools_changed"), ("system", "system_changed"))


class Diagnoses:
    """서버 하나가 기억하는 요청들: 응답의 id마다 본문과 캐시에 있던 토큰."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[dict[str, Any], int]] = {}

    def keep(self, name: str, asked: dict[str, Any], cached: Cached) -> None:
        with self._lock:
            self._kept[name] = (asked, cached.read + cached.written)

    def openai(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """Responses의 `prompt_cache_diagnostics`. 부탁하지 않았으면 None입니다."""
        before = (asked.get("prompt_cache_options") or {}).get("comparison_response_id")
        if not before:
            return None
        if before not in self._kept:
            return {"type": "comparison_response_not_found"}
        old, size = self._kept[before]
        same_words = _items(asked)[: len(_items(old))] == _items(old)
        same_words = same_words and asked.get("instructions") == old.get("instructions")
        reason = _first(OPENAI, old, asked) or (None if same_words else "input_changed")
        if reason is None:
            return {"type": "cache_hit"}
        return {"type": "cache_miss", "reason": reason, "cache_missed_tokens": size, "comparison_reusable_tokens": size}

    def anthropic(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """Messages의 `diagnostics`. 부탁하지 않았거나 달라진 것이 없으면 None입니다."""
        before = (asked.get("diagnostics") or {}).get("previous_message_id")
        if not before:
            return None
        if before not in self._kept:
            return {"cache_miss_reason": {"type": "previous_message_not_found"}}
        old, size = self._kept[before]
        appended = asked["messages"][: len(old["messages"])] == old["messages"]
        reason = _first(ANTHROPIC, old, asked) or (None if appended else "messages_changed")
        return {"cache_miss_reason": {"type": reason, "cache_missed_input_tokens": size}} if reason else None


def _first(parts: tuple[tuple[str, str], ...], old: dict[str, Any], new: dict[str, Any]) -> str | None:
    return next((reason for name, reason in parts if old.get(name) != new.get(name)), None)


def _items(asked: dict[str, Any]) -> list[Any]:
    given = asked.get("input")
    return given if isinstance(given, list) else [given]
