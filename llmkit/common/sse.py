"""스트림의 본문을 이벤트로 나누고, 이벤트에 든 JSON을 꺼냅니다. SSE를 읽는 곳은 여기 하나입니다.

SSE는 빈 줄로 이벤트를 나누고 `data:`로 시작하는 줄에 내용을 싣습니다. NDJSON은 한 줄이 이벤트 하나입니다.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

# 이벤트와 줄이 끝난 자리. 글자를 먹지 않으므로 split을 해도 바이트가 그대로입니다.
_EVENT_END = re.compile(rb"(?<=\n\n|\r\r)|(?<=\r\n\r\n)")
_LINE_END = re.compile(rb"(?<=\n)")


def separator(content_type: str) -> re.Pattern[bytes] | None:
    """스트림 응답이면 이벤트를 나누는 정규식을, 아니면 None을 돌려줍니다."""
    if content_type.startswith("text/event-stream"):
        return _EVENT_END
    return _LINE_END if content_type.startswith(("application/x-ndjson", "application/jsonl")) else None


def split(chunks: Iterable[tuple[float, bytes]], end: re.Pattern[bytes]) -> list[tuple[float, bytes]]:
    """도착한 조각들을 이벤트로 나눕니다. 이벤트의 시각은 마지막 바이트가 온 때입니다.

    >>> split([(0.1, b"data: 1"), (0.2, b"\\n\\ndata: 2")], separator("text/event-stream"))
    [(0.2, b'data: 1\\n\\n'), (0.2, b'data: 2')]
    """
    events: list[tuple[float, bytes]] = []
    rest, at = b"", 0.0
    for at, data in chunks:
        *whole, rest = end.split(rest + data)
        events += [(at, event) for event in whole]
    return [*events, (at, rest)] if rest else events


def payloads(content: bytes) -> list[bytes]:
    r"""SSE 본문에서 이벤트마다 `data:`에 실린 것을 꺼냅니다. SSE가 아니면 빈 목록입니다.

    >>> payloads(b'event: ping\ndata: {"a":\ndata: 1}\n\ndata: [DONE]\n\n')
    [b'{"a":\n1}', b'[DONE]']
    """
    found: list[bytes] = []
    data: list[bytes] = []
    for line in [*content.splitlines(), b""]:
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            found.append(b"\n".join(data))
            data = []
    return found


def documents(content: bytes, about: re.Pattern[bytes] | None = None) -> Iterator[Any]:
    """본문에 든 JSON들: 통째로 하나이거나, 이벤트마다 하나이거나, 한 줄에 하나입니다.

    `about`을 주면 첫 번째 것과, 그것이 든 것만 읽습니다. 긴 스트림에서 usage만 찾을 때 빠릅니다.
    """
    if content[:64].lstrip()[:1] in (b"{", b"["):
        try:
            yield json.loads(content)
            return
        except (ValueError, RecursionError):  # 한 줄에 하나이거나, 수천 겹입니다.
            pass
    is_first = True
    for event in _events(content, about):
        for text in payloads(event) or [line for line in event.splitlines() if line[:1] in (b"{", b"[")]:
            if is_first or about is None or about.search(text):
                is_first = False
                try:
                    yield json.loads(text)
                except (ValueError, RecursionError):
                    continue


def _events(content: bytes, about: re.Pattern[bytes] | None) -> Iterator[bytes]:
    """이벤트마다, `about`을 주면 처음 것과 그것이 든 것만. 10만 조각을 모두 나누지 않고 그것이 있는 자리만 찾아봅니다."""
    if b"\r" in content:  # 줄바꿈은 내용이 아니고, JSON의 문자열 안에는 그대로 들어갈 수 없습니다.
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if about is None:
        yield from content.split(b"\n\n")
        return
    end = _blank_line(content, max(0, content.find(b"{")))
    yield content[:end]
    while found := about.search(content, end):
        start = max(content.rfind(b"\n\n", end, found.start()), end)
        end = _blank_line(content, found.start())
        yield content[start:end]


def _blank_line(content: bytes, start: int) -> int:
    at = content.find(b"\n\n", start)
    return len(content) if at < 0 else at
