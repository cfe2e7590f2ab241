"""응답 둘의 구조가 같은지 봅니다. 텍스트, id, 시각, 토큰 수처럼 보낼 때마다 다른 값은 보지 않습니다."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import Any

from ..common.sse import payloads

_TYPES = {str: "문자열", int: "수", float: "수", bool: "참/거짓", list: "목록", dict: "객체"}
_NOISE = ("ping", "obfuscation")  # 아무 때나 오는 신호와, 크기를 감추는 무작위 문자열
_FINISH = re.compile(r"(^|\.)(finish_reason|stop_reason|status|incomplete_details\.reason)$")


def differences(before: bytes, after: bytes) -> Iterator[str]:
    """두 본문(JSON이나 SSE 스트림)의 구조와 끝난 이유가 다른 곳을 한 줄씩 말합니다.

    >>> list(differences(b'{"usage": {"prompt_tokens": 3}, "id": "a"}', b'{"usage": {"input_tokens": 3}, "id": "b"}'))
    ['사라진 필드 usage.prompt_tokens', '새 필드 usage.input_tokens']
    """
    was, now = _shape(before), _shape(after)
    yield from (f"사라진 필드 {path}" for path in _topmost(was.keys() - now.keys()))
    yield from (f"새 필드 {path}" for path in _topmost(now.keys() - was.keys()))
    common = [path for path in was if path in now]
    for path in common:
        old, new = ("·".join(sorted(shape[path][1])) for shape in (was, now))
        if old != new:
            yield f"{path}{'' if _FINISH.search(path) else '의 자료형'}: {old} → {new}"
    for one, other in permutations(common, 2):
        if was[one][0] < was[other][0] and now[one][0] > now[other][0]:
            yield f"스트림의 순서: {other} 값이 {one}보다 먼저 옵니다"
            return  # 하나가 자리를 옮기면 여러 짝이 뒤집히므로 하나만 말합니다.


def _shape(body: bytes) -> dict[str, tuple[int, set[str]]]:
    """본문에서 값을 뺀 것: "choices[].message.content" 같은 경로 → (처음 나온 이벤트의 순서, 자료형이나 끝난 이유들)."""
    shape: dict[str, tuple[int, set[str]]] = {}
    events = payloads(body)
    for position, event in enumerate(events or [body]):
        try:
            value: Any = json.loads(event)
        except ValueError:
            value = {"[DONE]" if event == b"[DONE]" else "JSON이 아닌 텍스트": True}
        kind = value.get("type", "") if events and isinstance(value, dict) else ""
        for path, item in _paths(value, kind) if kind not in _NOISE else ():
            kinds = shape.setdefault(path, (position, set()))[1]
            kinds.add(str(item) if _FINISH.search(path) else _TYPES[type(item)])
    return shape


def _paths(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """값 안의 모든 (경로, 값). null은 없는 것과 같고, 목록의 항목은 자리가 아니라 type으로 구별합니다."""
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
