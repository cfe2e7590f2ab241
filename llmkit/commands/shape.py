"""모양: 응답 둘이 같은 꼴인지 봅니다. 글, id, 시각, 토큰 수처럼 보낼 때마다 다른 값은 보지 않습니다."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import Any

_TYPES = {str: "문자열", int: "수", float: "수", bool: "참/거짓", list: "목록", dict: "객체"}
_NOISE = ("ping", "obfuscation")  # 아무 때나 오는 신호와, 크기를 감추는 무작위 글
_FINISH = re.compile(r"(^|\.)(finish_reason|stop_reason|status|incomplete_details\.reason)$")


class Shape:
    """응답의 본문(JSON이나 SSE 스트림)에서 값을 빼고 남는 것입니다. 경로는 "choices[].message.content"처럼 적습니다.

    `types`는 경로마다 자료형, `first`는 그 경로가 처음 나온 이벤트의 차례, `ends`는 끝난 까닭의 값입니다.
    """

    def __init__(self, body: str) -> None:
        self.types: dict[str, set[str]] = defaultdict(set)
        self.first: dict[str, int] = {}
        self.ends: dict[str, set[str]] = defaultdict(set)
        events = [line[5:].strip() for line in body.split("\n") if line.startswith("data:")]
        for position, event in enumerate(events or [body]):
            value = _parse(event)
            kind = value.get("type", "") if events and isinstance(value, dict) else ""
            for path, item in _paths(value, kind) if kind not in _NOISE else ():
                self.types[path].add(_TYPES[type(item)])
                self.first.setdefault(path, position)
                if _FINISH.search(path):
                    self.ends[path].add(str(item))


def differences(before: str, after: str) -> Iterator[str]:
    """두 본문의 모양과 끝난 까닭이 다른 곳을 한 줄씩 말합니다.

    >>> list(differences('{"usage": {"prompt_tokens": 3}, "id": "a"}', '{"usage": {"input_tokens": 3}, "id": "b"}'))
    ['사라진 필드 usage.prompt_tokens', '새 필드 usage.input_tokens']
    """
    was, now = Shape(before), Shape(after)
    yield from (f"사라진 필드 {path}" for path in _topmost(was.types.keys() - now.types.keys()))
    yield from (f"새 필드 {path}" for path in _topmost(now.types.keys() - was.types.keys()))
    common = [path for path in was.types if path in now.types]
    for name, old, new in (("의 자료형", was.types, now.types), ("", was.ends, now.ends)):
        for path in common:
            if old.get(path) != new.get(path):
                yield f"{path}{name}: {'·'.join(sorted(old[path]))} → {'·'.join(sorted(new[path]))}"
    for one, other in permutations(common, 2):
        if was.first[one] < was.first[other] and now.first[one] > now.first[other]:
            yield f"스트림의 차례: {other} 값이 {one}보다 먼저 옵니다"
            return  # 하나가 자리를 옮기면 여러 짝이 뒤집히므로 하나만 말합니다.


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"[DONE]" if text == "[DONE]" else "JSON이 아닌 글": True}


def _paths(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """값 안의 모든 (경로, 값). null은 없는 것과 같고, 목록의 항목은 자리가 아니라 type으로 가립니다."""
    if value is None:
        return
    yield path or "본문", value
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in _NOISE:
                yield from _paths(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, f"{path}[{item.get('type', '') if isinstance(item, dict) else ''}]")


def _topmost(paths: Iterable[str]) -> list[str]:
    """객체가 통째로 사라졌으면 그 안의 필드까지 늘어놓지 않습니다."""
    ordered = sorted(paths)
    return [path for path in ordered if not any(path.startswith((up + ".", up + "[")) for up in ordered)]
