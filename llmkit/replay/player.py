"""재생기: 들어온 요청에 맞는 녹화를 고릅니다."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, defaultdict
from collections.abc import Callable

from ..common import clock
from .cassette import Cassette
from .exchange import Exchange
from .miss import explain_miss, explain_turn
from .request import Ask


def fingerprint(source: str) -> str:
    """셀의 내용을 가리키는 짧은 값입니다. 앞뒤 공백은 보지 않습니다."""
    return hashlib.sha256(source.strip().encode("utf-8", "replace")).hexdigest()[:12]


class Player:
    """같은 요청의 여러 답은 **한 번의 셀 실행 안에서** 녹화한 순서대로 나옵니다.

    셀을 시작할 때마다 처음 답으로 돌아가므로, 셀을 몇 번을 어떤 순서로 실행해도 같은 답이 나옵니다.
    """

    def __init__(self, cassette: Cassette) -> None:
        self._cassette = cassette
        # 요청 → 셀 → 답들. 첫 번째 녹화(take 1)는 어느 셀에서나 쓰므로 셀 자리에 ""를 둡니다.
        self._answers: dict[str, dict[str, list[Exchange]]] = defaultdict(lambda: defaultdict(list))
        for exchange in cassette.exchanges:
            self._answers[exchange.key]["" if exchange.take == 1 else exchange.cell].append(exchange)
        self._paths = {(exchange.provider, exchange.path) for exchange in cassette.exchanges}
        self._lock = threading.Lock()
        self.in_turns = False
        self.start_cell("")

    def start_cell(self, source: str) -> None:
        with self._lock:
            self._cell = fingerprint(source)
            self._played: Counter[str] = Counter()
        clock.start_cell()

    def start_turn(self) -> None:
        """스크립트에서 사람에게 묻기 전마다 불립니다. 같은 질문을 다시 하면 같은 답이 나옵니다."""
        self.in_turns = True
        self.start_cell("")

    def has(self, key: str, take: int) -> bool:
        """지금 셀의 이 take에, 아직 나오지 않은 답이 있으면 True입니다."""
        answers = self._answers.get(key, {}).get("" if take == 1 else self._cell, [])
        return self._played[key] < len(answers)

    def knows_path(self, ask: Ask) -> bool:
        """이 경로의 답이 하나라도 있으면 True입니다. 없으면 본문을 볼 것도 없습니다."""
        return (ask.provider, ask.path) in self._paths

    def knows(self, ask: Ask) -> bool:
        """이 요청의 답이 하나라도 있으면 True입니다."""
        return ask.key in self._answers

    def play(self, ask: Ask, ways: Callable[[Ask], list[str]]) -> Exchange:
        """다음 답을 돌려줍니다. 없으면 `ways`(이어서 할 수 있는 일)를 적은 `CassetteMiss`를 냅니다."""
        takes = self._answers.get(ask.key, {})
        # 고친 셀은 자기 take를 찾지 못합니다. 그때는 첫 녹화로, 그것도 없으면 있는 것으로 답합니다.
        answers = takes.get(self._cell) or takes.get("") or next(iter(takes.values()), [])
        place = self._next_place(ask.key)
        if place >= len(answers) and self.in_turns:
            raise explain_turn(ask, self._cassette.exchanges)
        if place >= len(answers):
            raise explain_miss(ask, self._cassette.exchanges, played=len(answers), ways=ways(ask))
        return answers[place]

    def replies(self, prompt: str) -> list[str]:
        """`input(prompt)`에 녹화할 때 쓴 대답들입니다."""
        return self._cassette.inputs.get(prompt, [])

    def reply(self, prompt: str) -> str | None:
        """그 가운데 다음 대답입니다. 없으면 None입니다."""
        replies, place = self.replies(prompt), self._next_place("input " + prompt)
        return replies[place] if place < len(replies) else None

    def _next_place(self, key: str) -> int:
        with self._lock:
            self._played[key] += 1
            return self._played[key] - 1

    def shows_earlier(self) -> list[str]:
        """지금 셀이 앞 셀의 답을 다시 보인다면, 그 답의 제공자들입니다."""
        return self._cassette.marks.get(self._cell, [])
