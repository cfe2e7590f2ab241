"""저장되지 않은 요청: 무엇을 물었고, 어느 녹화와 어디가 다르며, 어떻게 하면 되는지."""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Iterable, Iterator
from typing import Any

from ..common.errors import CassetteMiss
from ..common.ipython import IN_PAGE
from ..common.keys import redact
from ..common.providers import PROVIDERS
from .exchange import Exchange
from .request import Ask, leaves

_WIDTH = 64  # 값 하나를 보여 주는 글자 수
_QUESTIONS = 8  # 스크립트에서 보여 주는 저장된 질문의 수
_SHOWN = 2  # 보여 주는 차이의 수. 전체가 15줄을 넘지 않게 합니다.


def explain_miss(ask: Ask, recorded: Iterable[Exchange], *, played: int, ways: list[str]) -> CassetteMiss:
    """녹화 가운데 가장 비슷한 것을 찾아 차이를 적은 `CassetteMiss`를 만듭니다.

    `played`는 이 셀이 같은 요청을 이미 재생한 횟수, `ways`는 이어서 할 수 있는 일입니다.
    """
    title = PROVIDERS[ask.provider].title
    lines = ["저장되지 않은 요청입니다. 재생 중이므로 아무것도 보내지 않았습니다."]
    lines.append(f"  요청: {title} {ask.method} {ask.path}" + (f", 모델 {ask.model}" if ask.model else ""))
    if played:
        lines.append(f"  같은 요청의 답은 {played}개 저장되어 있는데 {played + 1}번째로 보냈습니다.")
    elif nearest := _nearest(ask, recorded):
        lines.append("  저장된 요청과 다른 곳:")
        changes = list(_changes(nearest.body, ask.body))
        for where, before, now in changes[:_SHOWN]:
            before, now = _focus(redact(before), redact(now))  # 자른 키는 알아볼 수 없으므로 자르기 전에 가립니다.
            lines += [f"    {where}", f"      저장 {before}", f"      지금 {now}"]
        if len(changes) > _SHOWN:
            lines.append(f"    그 밖에 {len(changes) - _SHOWN}곳")
    else:
        lines.append(f"  이 수업에는 {title} {ask.path} 요청이 저장되어 있지 않습니다.")
    lines = [" ".join(redact(line).splitlines())[: 2 * _WIDTH] for line in lines]  # 이름 속 줄바꿈과 긴 경로
    if IN_PAGE and (
        questions := _questions(ask, recorded)
    ):  # 거기서는 실제로 물을 길이 없으므로, 답이 있는 질문을 알려 줍니다.
        ways = [
            *ways[:1],
            "저장된 질문 가운데 하나로 물어보세요: " + ", ".join(map(repr, questions[:_SHOWN])),
            *ways[1:],
        ]
    return CassetteMiss("\n".join([*lines, "계속하려면:", *(f"  - {way}" for way in ways)]))


def explain_turn(ask: Ask, recorded: Iterable[Exchange]) -> CassetteMiss:
    """묻고 답하는 스크립트에서 보일 짧은 `CassetteMiss`입니다. 저장된 질문을 알려 주어 이어서 물을 수 있게 합니다."""
    questions = _questions(ask, recorded)
    lines = ["저장되지 않은 질문이라 답하지 못합니다. 아무것도 보내지 않았습니다."]
    lines += ["저장된 질문:"] if questions else []
    lines += [f"  - {question}" for question in questions[:_QUESTIONS]]
    lines += [f"  그 밖에 {len(questions) - _QUESTIONS}개"] if len(questions) > _QUESTIONS else []
    return CassetteMiss("\n".join(lines))


def _questions(ask: Ask, recorded: Iterable[Exchange]) -> list[str]:
    """답이 저장된 질문들입니다. 같은 자리에서 받은 질문이 있으면 그것만입니다."""
    same = [exchange for exchange in recorded if (exchange.provider, exchange.path) == (ask.provider, ask.path)]
    said = _before_question(ask.body)
    same = [exchange for exchange in same if _before_question(exchange.body) == said] or same
    questions = dict.fromkeys(filter(None, (_question(exchange.body) for exchange in same)))
    return [_cut(" ".join(redact(question).split()), 0) for question in questions]


def _said(body: Any) -> Any:
    return (body.get("messages") or body.get("input")) if isinstance(body, dict) else None


def _before_question(body: Any) -> Any:
    """마지막 메시지 앞까지입니다. 같으면 같은 봇이 같은 자리에서 받은 질문입니다."""
    said = _said(body)
    return said[:-1] if isinstance(said, list) else None


def _question(body: Any) -> str | None:
    """요청의 마지막 user 메시지입니다. 텍스트가 아니면 None입니다."""
    said = _said(body)
    if isinstance(said, list):
        asked = [item for item in said if isinstance(item, dict) and item.get("role") == "user"]
        said = asked[-1].get("content") if asked else None
    return said if isinstance(said, str) else None


def _nearest(ask: Ask, recorded: Iterable[Exchange]) -> Exchange | None:
    near = [e for e in recorded if (e.provider, e.path) == (ask.provider, ask.path)]
    # 긴 녹화가 수백 개여도 빠르도록, 앞뒤가 가장 길게 같은 몇 개만 추려서 자세히 봅니다.
    backwards = ask.key[::-1]
    near = heapq.nlargest(8, near, key=lambda e: _same(e.key, ask.key) + _same(e.key[::-1], backwards))

    def distance(exchange: Exchange) -> float:
        """고친 곳마다 얼마나 달라졌는지(0에서 1)를 더한 것."""
        changes = ((before[:200], now[:200]) for _, before, now in _changes(exchange.body, ask.body))
        return sum(1 - difflib.SequenceMatcher(None, *pair, autojunk=False).quick_ratio() for pair in changes)

    return min(near, key=distance, default=None)


def _same(a: str, b: str) -> int:
    """두 글이 처음부터 몇 글자까지 같은지를 반씩 좁혀 가며 찾습니다."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a.startswith(b[:middle]) else (low, middle - 1)
    return low


def _changes(before: Any, now: Any) -> Iterator[tuple[str, str, str]]:
    """달라진 곳마다 (어디가, 무엇에서, 무엇으로)."""
    old, new = ({where: repr(value) for where, value in leaves(body)} for body in (before, now))
    for where in {**new, **old}:
        if old.get(where) != new.get(where):
            yield where, old.get(where, "(없음)"), new.get(where, "(없음)")


def _focus(before: str, now: str) -> tuple[str, str]:
    """긴 두 글에서 처음 달라지는 곳 둘레만 남깁니다."""
    start = max(0, _same(before, now) - _WIDTH // 3)
    return _cut(before, start), _cut(now, start)


def _cut(text: str, start: int) -> str:
    end = start + _WIDTH
    return ("…" if start else "") + text[start:end] + ("…" if len(text) > end else "")
