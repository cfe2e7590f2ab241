"""셀이 보인 텍스트에서 샘플 응답을 찾습니다. 변수에 남은 샘플 응답을 고친 셀이나 새 셀이 다시 보여도 표시가 붙게 합니다."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from typing import Any

from ..common.sse import documents
from .exchange import Exchange
from .request import leaves

LENGTH = 20  # 이만큼 이어서 같으면 그 응답을 보인 것입니다.
_LIMIT = 200_000  # 한 셀에서 살펴볼 글자 수


def answers(exchange: Exchange) -> Iterator[str]:
    """응답이 한 말들입니다. 스트림이면 조각을 이은 것이고, 요청에 있던 말은 뺍니다."""
    said: dict[str, str] = {}
    for document in documents(exchange.payload):
        for path, value in leaves(document):
            if isinstance(value, str):
                said[path] = said.get(path, "") + value
    asked = {value for _, value in leaves(exchange.body) if isinstance(value, str)}
    # 띄어쓰기가 없는 것은 이름이나 종류("chat.completion.chunk")이지 말이 아닙니다.
    return (text for text in said.values() if " " in text and not any(text in other for other in asked))


class Shown:
    """나온 샘플 응답들을 기억하고, 셀의 출력을 모아 그 가운데 무엇을 보였는지 찾습니다."""

    def __init__(self) -> None:
        self._exchanges: dict[int, Exchange] = {}  # 나온 샘플 응답들
        self._unread: list[Exchange] = []  # 그 가운데 아직 조각으로 나누지 않은 것
        self._pieces: dict[str, dict[str, None]] = {}  # 응답에서 이어지는 LENGTH 글자 → 그렇게 답한 제공자들
        self._output: list[str] = []
        self._size = 0
        self._undo: list[Callable[[], None]] = []

    def remember(self, exchange: Exchange) -> None:
        """`exchange`의 응답을 이제부터 찾습니다. 재생이 늦어지지 않도록, 읽는 것은 셀이 끝날 때 합니다."""
        if id(exchange) not in self._exchanges:
            self._exchanges[id(exchange)] = exchange
            self._unread.append(exchange)

    def add(self, text: str) -> None:
        """셀이 보인 텍스트입니다. 아직 나온 샘플 응답이 없으면 모으지 않습니다."""
        if (self._unread or self._pieces) and self._size < _LIMIT:
            self._output.append(text)
            self._size += len(text)

    def start_cell(self, shell: Any) -> None:
        """셀의 출력을 모으기 시작합니다. IPython도 셀마다 `sys.stdout.write`를 바꾸었다 되돌리므로 셀마다 새로 끼어듭니다."""
        self._stop()
        for where, name, texts in (
            (sys.stdout, "write", lambda text: [text]),
            (shell.display_pub, "publish", _texts),
            (shell.displayhook, "write_format_data", _texts),
        ):
            self._listen(where, name, texts)

    def end_cell(self, known: Collection[str]) -> list[str]:
        """이 셀이 보인 샘플 응답의 제공자들을 돌려주고, 모은 것을 비웁니다.

        여러 제공자가 똑같이 답했으면 누구의 것인지 알 수 없습니다. 그 가운데 `known`이 있으면 그것으로 봅니다.
        """
        self._stop()
        plain = _plain("".join(self._output)[:_LIMIT])
        self._output, self._size = [], 0
        if not plain or {exchange.provider for exchange in self._exchanges.values()} <= set(known):
            return []
        for exchange in self._unread:
            for piece in (piece for text in answers(exchange) for piece in _windows(_plain(text))):
                self._pieces.setdefault(piece, {})[exchange.provider] = None
        self._unread.clear()
        found = [self._pieces[piece] for piece in _windows(plain) if piece in self._pieces]
        return list(dict.fromkeys(next(iter(names)) for names in found if names.keys().isdisjoint(known)))

    def _listen(self, where: Any, name: str, texts: Callable[[Any], list[str]]) -> None:
        original = getattr(where, name)

        def heard(data: Any, *rest: Any, **named: Any) -> Any:
            for text in texts(data):
                self.add(text)
            return original(data, *rest, **named)

        def stop() -> None:
            if getattr(where, name) is heard:
                setattr(where, name, original)

        setattr(where, name, heard)
        self._undo.append(stop)

    def _stop(self) -> None:
        while self._undo:
            self._undo.pop()()


def _texts(data: Any) -> list[str]:
    """표시 데이터에서 사람이 읽을 텍스트들입니다."""
    kinds = ("text/plain", "text/markdown", "text/html")
    return [data[kind] for kind in kinds if isinstance(data, dict) and isinstance(data.get(kind), str)]


def _plain(text: str) -> str:
    """줄바꿈과 들여쓰기, `repr`의 \\n이 달라도 같은 말로 보이게 합니다."""
    return " ".join(text.replace("\\n", " ").split())


def _windows(text: str) -> Iterator[str]:
    return (text[at : at + LENGTH] for at in range(len(text) - LENGTH + 1))
