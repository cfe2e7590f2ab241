"""프롬프트 캐시: 앞부분이 같은 요청이 또 오면 읽은 토큰과 쓴 토큰을 usage에 적습니다. 시간이 지나 사라지지는 않습니다."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from typing import Any

from . import tokens

MINIMUM = 1024  # 이보다 짧으면 오류 없이 캐시하지 않습니다. claude-haiku-5-5의 값은 확인하지 못했습니다.
STEP = 128  # OpenAI는 128토큰 단위로 맞춥니다.


@dataclass(frozen=True)
class Cached:
    """요청 하나가 캐시에서 읽은 토큰과 쓴 토큰."""

    read: int = 0
    written: int = 0
    hour: bool = False  # 쓴 것이 1시간짜리인가(Anthropic)


class Caches:
    """서버 하나의 캐시."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, set[str]] = {}  # 모델: 기억하는 앞부분들

    def openai(self, asked: dict[str, Any], text: str, total: int) -> Cached:
        """OpenAI는 부탁하지 않아도 1,024토큰부터 캐시합니다."""
        if total < MINIMUM:
            return Cached()
        where = f"{asked['model']} {asked.get('prompt_cache_key')}"
        with self._lock:
            seen = self._seen.setdefault(where, set())
            same = max((os.path.commonprefix([text, old]) for old in seen), key=len, default="")
            seen.add(text)
        read = min(tokens.count(same), total) // STEP * STEP
        read = read if read >= MINIMUM else 0
        return Cached(read, total // STEP * STEP - read)

    def anthropic(self, asked: dict[str, Any], total: int) -> Cached:
        """Anthropic은 `cache_control`이 있는 곳까지 캐시합니다. 순서는 tools, system, messages입니다."""
        blocks = _blocks(asked)
        marks = [at for at, (_, mark) in enumerate(blocks) if mark]
        if asked.get("cache_control"):
            marks = sorted({*marks, len(blocks) - 1})
        prefixes = ["\n".join(text for text, _ in blocks[: at + 1]) for at in marks]
        sizes = [min(tokens.count(prefix), total) for prefix in prefixes]
        kept = [(prefix, size) for prefix, size in zip(prefixes, sizes, strict=True) if size >= MINIMUM]
        if not kept:
            return Cached()
        with self._lock:
            seen = self._seen.setdefault(asked["model"], set())
            read = max((size for prefix, size in kept if prefix in seen), default=0)
            seen.update(prefix for prefix, _ in kept)
        mark = blocks[marks[-1]][1] or asked.get("cache_control") or {}
        return Cached(read, kept[-1][1] - read, mark.get("ttl") == "1h")


def _blocks(asked: dict[str, Any]) -> list[tuple[str, dict[str, Any] | None]]:
    """요청을 순서대로 나눈 (글, cache_control)."""
    found = []
    system = asked.get("system") or []
    given = [{"type": "text", "text": system}] if isinstance(system, str) else system
    for block in [*(asked.get("tools") or []), *given]:
        found.append(_bare(block))
    for message in asked["messages"]:
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        found += [_bare(part, message["role"]) for part in parts]
    return found


def _bare(block: dict[str, Any], role: str = "") -> tuple[str, dict[str, Any] | None]:
    bare = {name: value for name, value in block.items() if name != "cache_control"}
    return role + json.dumps(bare, ensure_ascii=False, sort_keys=True), block.get("cache_control")
