"""코드로 그리는 SVG 그림: 요청의 길, 자라는 대화, SSE의 시간, 재시도, 상태 코드, 컨텍스트 창, 토큰.

노트북에서는 SVG로, 글자만 보이는 곳에서는 `alt` 문장으로 나타납니다. 밝은 바탕을 스스로 칠하므로 어두운 화면에서도 읽히고, 같은
자료는 늘 같은 바이트가 됩니다.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from ..common.errors import did_you_mean

_FONT = "'NanumGothic','Apple SD Gothic Neo','Malgun Gothic','Noto Sans KR',sans-serif"
# 색각 이상에서도 갈리는 Okabe–Ito의 색. 배경에는 옅게 칠하고 글자에는 쓰지 않습니다.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_WIDTH = 640
_NOT_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INK = "#1F2328"
_PLAIN = " =:/,;()'"  # src="…" 안에 그대로 두어도 되는 글자. 나머지는 %로 적습니다.


@dataclass(frozen=True)
class Picture:
    """그림 하나입니다. `alt`는 보지 못하는 사람과 글자만 보이는 곳을 위한 문장입니다."""

    alt: str
    svg: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_html_(self) -> str:
        return as_image(self.svg, self.alt)


def as_image(svg: str, alt: str) -> str:
    """SVG를 `<img>` 하나로 씁니다. 처음 연(신뢰하지 않은) 노트북에서 JupyterLab은 HTML 속의 `<svg>`를 지우고 글자만 남깁니다."""
    svg = _NOT_XML.sub(
        "\ufffd", svg
    )  # XML에 적을 수 없는 글자(제어 문자, 반쪽 글자)가 하나라도 있으면 그림이 보이지 않습니다.
    style = f"width:100%;max-width:{_WIDTH}px"
    return f'<img alt="{escape(alt)}" style="{style}" src="data:image/svg+xml,{quote(svg, safe=_PLAIN)}">'


def drawing(height: float, alt: str, shapes: Iterable[str]) -> str:
    """도형을 너비 640의 SVG 하나로 묶습니다. 바탕은 희고 글자는 검습니다."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img" '
        f'aria-label="{escape(alt)}" font-family="{_FONT}" font-size="14" fill="{_INK}">'
        f'<rect width="100%" height="100%" rx="6" fill="#FFFFFF"/>{"".join(shapes)}</svg>'
    )


def picture(kind: str, *data: Any) -> Picture:
    """그림을 그립니다.

    Args:
        kind: "request", "conversation", "stream", "retries", "statuses", "context", "tokens" 가운데 하나.
        data: 그림의 자료. conversation은 메시지 목록, stream은 조각이 온 초의 목록, retries는 (시작, 끝, 결과)의 목록,
            context는 이름과 토큰 수의 dict와 창의 크기, tokens는 토큰의 문자열 목록입니다. 나머지는 자료가 없습니다.

    Returns:
        셀 끝에 두면 보이는 `Picture`.

    Raises:
        ValueError: 모르는 `kind`일 때. 비슷한 이름을 알려 줍니다.

    >>> picture("stream", [0.4, 0.6, 1.2])
    SSE 조각 3개가 온 시간. 첫 토큰까지 0.40초, 마지막까지 1.20초입니다.
    """
    if kind not in _KINDS:
        raise ValueError(f"모르는 그림입니다: {kind!r}.{did_you_mean(kind, _KINDS)} 있는 그림: {', '.join(_KINDS)}")
    height, alt, shapes = _KINDS[kind](*data)
    return Picture(alt, drawing(height, alt, shapes))


_Drawn = tuple[int, str, list[str]]  # (높이, 대체 문장, 도형)


def _box(x: float, y: float, width: float, height: float, color: str, opacity: float = 0.25) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}"'
    return f'<rect {place} rx="5" fill="{color}" fill-opacity="{opacity}" stroke="{color}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 14) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{_INK}" fill="none"{dashed}/>'


def _arrow(x1: float, x2: float, y: float) -> str:
    back = -6 if x2 > x1 else 6
    return _line(x1, y, x2, y) + f'<path d="M{x2:.1f} {y:.1f}l{back} -4v8z"/>'


def _request() -> _Drawn:
    places = [("내 코드", "create(…)"), ("SDK", "JSON으로 바꿈"), ("HTTP", "POST 요청"), ("카세트", "저장된 응답")]
    shapes = []
    for number, (name, does) in enumerate(places):
        x = 8 + number * 164
        shapes += [_box(x, 20, 124, 64, COLORS[number]), _text(x + 62, 47, name, "middle")]
        shapes.append(_text(x + 62, 69, does, "middle", 12))
        if number:
            shapes += [_arrow(x - 38, x - 2, 42), _arrow(x - 2, x - 38, 62)]
    shapes.append(_text(500 + 62, 108, "키가 있으면 제공자의 서버", "middle", 12))
    return 120, "요청은 내 코드, SDK, HTTP를 지나고, 키가 없으면 카세트에 저장된 응답이 돌아옵니다.", shapes


# 메시지의 역할 → 그림에서의 이름과 색. 도구를 부르는 메시지(call)는 모델의 답변과 구분합니다.
_ROLES = {
    "system": ("시스템", COLORS[3]),
    "user": ("사용자", COLORS[0]),
    "assistant": ("모델", COLORS[2]),
    "call": ("부탁", COLORS[1]),
    "tool": ("결과", COLORS[5]),
}
_REPLIES = ("assistant", "call")  # 모델이 쓴 메시지. 그 앞까지가 한 번에 보낸 것입니다.


def _conversation(messages: Sequence[dict[str, Any]]) -> _Drawn:
    """호출할 때마다 앞의 메시지를 모두 다시 보낸다는 것을, 호출마다 한 줄로 그립니다."""
    roles = ["call" if message.get("tool_calls") else message["role"] for message in messages]
    pairs = enumerate(pairwise([*roles, "assistant"]), 1)
    turns = [end for end, (role, after) in pairs if after in _REPLIES and role not in _REPLIES]
    width = min(96.0, (_WIDTH - 96) / max(len(messages), 1))
    shapes = []
    for row, end in enumerate(turns):
        y = 8 + row * 40
        shapes.append(_text(4, y + 20, f"호출 {row + 1}"))
        for at, role in enumerate(roles[:end]):
            x, (name, color) = 84 + at * width, _ROLES.get(role, (role, COLORS[4]))
            shapes.append(_box(x, y, width - 4, 30, color))
            if width >= 48:
                shapes.append(_text(x + width / 2 - 2, y + 20, name, "middle", 12))
    counts = ", ".join(map(str, turns))
    return 16 + 40 * len(turns), f"대화가 자라는 모습. 호출마다 보내는 메시지의 수는 {counts}개입니다.", shapes


def _stream(arrivals: Sequence[float]) -> _Drawn:
    last = arrivals[-1] if arrivals else 0.0
    first = arrivals[0] if arrivals else 0.0
    scale = (_WIDTH - 80) / (last or 1)
    shapes = [_line(30, 60, 30 + last * scale, 60), _text(30, 84, "요청", "middle", 12)]
    shapes += [_box(29 + second * scale, 48, 2, 24, COLORS[0], 1) for second in arrivals]
    shapes += [_box(30, 30, first * scale, 10, COLORS[1]), _text(34, 22, f"첫 토큰까지 {first:.2f}초", size=13)]
    shapes.append(_text(30 + last * scale, 92, f"{last:.2f}초", "middle", 12))
    said = f"첫 토큰까지 {first:.2f}초, 마지막까지 {last:.2f}초입니다."
    return 104, f"SSE 조각 {len(arrivals)}개가 온 시간. {said}", shapes


def _retries(tries: Sequence[tuple[float, float, str]]) -> _Drawn:
    last = max((end for _, end, _ in tries), default=1) or 1
    scale = (_WIDTH - 200) / last
    shapes = []
    for row, (start, end, result) in enumerate(tries):
        y = 8 + row * 34
        color = COLORS[2] if result.startswith("2") else COLORS[5]
        shapes += [_text(4, y + 17, f"시도 {row + 1}"), _box(70 + start * scale, y, (end - start) * scale, 24, color)]
        shapes.append(_text(76 + end * scale, y + 17, f"{result} · {end:.1f}초", size=12))
        if row:
            shapes.append(_line(70 + tries[row - 1][1] * scale, y + 12, 70 + start * scale, y + 12, "3 3"))
    results = ", ".join(result for _, _, result in tries)
    return 12 + 34 * len(tries), f"재시도의 시간. 시도 {len(tries)}번의 결과는 순서대로 {results}입니다.", shapes


def _statuses() -> _Drawn:
    leaves = [
        ("2xx", "그대로 씁니다", 2),
        ("400 · 401 · 403 · 404 · 422", "요청을 고칩니다", 5),
        ("408 · 409", "다시 보냅니다", 1),
        ("429", "code를 보고 정합니다", 1),
        ("5xx · 무응답 · 끊김", "다시 보냅니다", 1),
    ]
    middle = 12 + 36 * len(leaves) / 2
    shapes = [_box(4, middle - 20, 90, 32, COLORS[0]), _text(49, middle + 1, "상태 코드", "middle")]
    for row, (codes, does, color) in enumerate(leaves):
        y = 8 + row * 36
        shapes += [_line(94, middle - 4, 140, y + 14), _box(140, y, 226, 28, COLORS[color])]
        shapes += [_text(150, y + 19, codes), _arrow(366, 400, y + 14), _text(408, y + 19, does)]
    alt = "상태 코드에 따라 할 일. 5xx와 무응답은 다시 보내고 4xx는 고칩니다. 408과 409는 다시 보내고 429는 code를 봅니다."
    return 8 + 36 * len(leaves), alt, shapes


def _context(parts: dict[str, int], window: int) -> _Drawn:
    used, x = sum(parts.values()), 4.0
    whole = max(used, window) or 1
    shapes = []
    for number, (name, tokens) in enumerate(parts.items()):
        width, color = (_WIDTH - 8) * tokens / whole, COLORS[number % len(COLORS)]
        shapes += [_box(x, 10, width, 36, color, 0.4), _box(8, 62 + number * 24, 12, 12, color, 0.4)]
        shapes.append(_text(28, 73 + number * 24, f"{name} {tokens:,} ({tokens / (window or 1):.1%})"))
        x += width
    edge = 4 + (_WIDTH - 8) * window / whole
    shapes += [_line(4, 46, edge, 46), _line(edge, 6, edge, 50, "4 3")]
    over = "넘쳤습니다" if used > window else f"{window - used:,} 남았습니다"
    alt = f"컨텍스트 창 {window:,} 토큰 가운데 {used:,} 토큰을 썼고, {over}."
    return 64 + 24 * len(parts), alt, shapes


def _tokens(pieces: Iterable[str]) -> _Drawn:
    x, y, count, shapes = 4.0, 6, 0, []
    for piece in pieces:
        shown = piece.replace(" ", "·").replace("\n", "↵") or "∅"
        width = 12 + sum(14 if ord(char) > 0x2E7F else 9 for char in shown)
        if x + width > _WIDTH - 4 and x > 4:
            x, y = 4.0, y + 36
        shapes += [_box(x, y, width, 28, COLORS[count % len(COLORS)]), _text(x + width / 2, y + 19, shown, "middle")]
        x, count = x + width + 3, count + 1
    return y + 38, f"토큰 {count}개로 나뉜 문장입니다.", shapes


_KINDS: dict[str, Callable[..., _Drawn]] = {
    "request": _request,
    "conversation": _conversation,
    "stream": _stream,
    "retries": _retries,
    "statuses": _statuses,
    "context": _context,
    "tokens": _tokens,
}
