"""프롬프트 캐시: 앞부분이 같은 요청이 또 오면 읽은 토큰과 쓴 토큰을 usage에 적습니다. 시간이 지나 사라지지는 않습니다."""

from __future__ import annotations

import json
import os
import re
import threading
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from . import tokens

MINIMUM = 1024  # 이보다 짧으면 오류 없이 캐시하지 않습니다. claude-haiku-5-5의 값은 확인하지 못했습니다.
STEP = 128  # gpt-5.5까지는 같은 데까지를 128토큰 단위로 맞춥니다. 5.6부터는 중단점까지가 꼭 같아야 합니다.


@dataclass(frozen=True)
class Cached:
    """요청 하나가 캐시에서 읽은 토큰과 쓴 토큰."""

    read: int = 0
    written: int = 0
    long: bool = False  # 쓴 것이 긴 쪽인가: Anthropic은 1시간, OpenAI는 12시간


@dataclass(frozen=True)
class Block:
    """요청을 캐시의 순서대로 나눈 것 하나."""

    text: str  # 같은지 견줄 글. 중단점의 표시는 빠져 있습니다
    size: int  # 토큰
    mark: dict[str, Any] | None = None  # 중단점이면 그 표시


class Caches:
    """서버 하나의 캐시."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, set[str]] = {}  # 모델: 기억하는 앞부분들

    def openai(self, asked: dict[str, Any], text: str, total: int) -> Cached:
        """OpenAI는 부탁하지 않아도 1,024토큰부터 캐시합니다. 어디까지가 같아야 하는지는 모델의 세대마다 다릅니다."""
        options = asked.get("prompt_cache_options") or {}
        where, long = f"{asked['model']} {asked.get('prompt_cache_key')}", options.get("ttl") == "12h"
        if re.match(r"gpt-(5\.[6-9]|[6-9])", asked["model"]):
            blocks = _openai_blocks(asked)
            if options.get("mode") != "explicit":  # 마지막 메시지의 끝에 중단점을 알아서 둡니다.
                blocks[-1] = replace(blocks[-1], mark={})
            return Cached(*self._at_marks(where, blocks, total, 80), long)
        if total < MINIMUM:
            return Cached()
        with self._lock:
            seen = self._seen.setdefault(where, set())
            same = max((os.path.commonprefix([text, old]) for old in seen), key=len, default="")
            seen.add(text)
        read = min(tokens.count(same), total) // STEP * STEP
        read = read if read >= MINIMUM else 0
        return Cached(read, total // STEP * STEP - read, long)

    def anthropic(self, asked: dict[str, Any], total: int) -> Cached:
        """Anthropic은 `cache_control`이 있는 곳까지 캐시합니다. 순서는 tools, system, messages입니다."""
        blocks = _anthropic_blocks(asked)
        if whole := asked.get("cache_control"):
            blocks[-1] = replace(blocks[-1], mark=blocks[-1].mark or whole)
        marks = [block.mark for block in blocks if block.mark]
        return Cached(*self._at_marks(asked["model"], blocks, total, 20), bool(marks) and marks[-1].get("ttl") == "1h")

    def _at_marks(self, where: str, blocks: list[Block], total: int, back: int) -> tuple[int, int]:
        """중단점까지의 (읽은 것, 쓴 것). 전에 쓴 것은 중단점과, 그 앞의 블록 `back`개에서 찾습니다."""
        prefixes = ["\n".join(block.text for block in blocks[: at + 1]) for at in range(len(blocks))]
        sizes = [min(size, total) for size in accumulate(block.size for block in blocks)]
        kept = [at for at, block in enumerate(blocks) if block.mark is not None and sizes[at] >= MINIMUM]
        if not kept:
            return 0, 0
        near = {at for mark in kept for at in range(max(0, mark - back), mark + 1)}
        with self._lock:
            seen = self._seen.setdefault(where, set())
            read = max((sizes[at] for at in near if prefixes[at] in seen), default=0)
            seen.update(prefixes[at] for at in kept)
        return read, sizes[kept[-1]] - read


def _anthropic_blocks(asked: dict[str, Any]) -> list[Block]:
    system = asked.get("system") or []
    given = [{"type": "text", "text": system}] if isinstance(system, str) else system
    blocks = [_block(block, "", "cache_control") for block in [*(asked.get("tools") or []), *given]]
    return blocks + _said(asked["messages"], "cache_control")


def _openai_blocks(asked: dict[str, Any]) -> list[Block]:
    given = asked.get("messages") or asked.get("input") or []
    items = [{"role": "user", "content": given}] if isinstance(given, str) else given
    head = [*(asked.get("tools") or []), *([{"text": text}] if (text := asked.get("instructions")) else [])]
    return [_block(block, "", "prompt_cache_breakpoint") for block in head] + _said(items, "prompt_cache_breakpoint")


def _said(messages: list[dict[str, Any]], mark: str) -> list[Block]:
    found = []
    for message in messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        found += [_block(part, message.get("role", ""), mark) for part in parts]
    return found


def _block(part: dict[str, Any], role: str, mark: str) -> Block:
    bare = {name: value for name, value in part.items() if name != mark}
    text = role + json.dumps(bare, ensure_ascii=False, sort_keys=True)
    said = bare["text"] if isinstance(bare.get("text"), str) else text
    return Block(text, 3 + tokens.count(role) + tokens.count(said), part.get(mark))
