"""스트림을 노트북에 보여 줍니다. 화면은 하나이고, 다시 그리는 횟수는 답변의 길이에 따라 정해집니다.

조각이 올 때마다 전체를 다시 그리면 전송량이 답변 길이의 제곱으로 늘어, 긴 답변에서는 브라우저가 따라오지 못합니다.
여기서는 일정한 비율로 자랐을 때만 다시 그리므로 전송량이 길이에 비례합니다(측정: `benchmarks/display.py`).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ..common.clock import pace, stream_time
from ..common.ipython import IN_PAGE, say, shell
from .markdown import to_display
from .result import StreamResult
from .streams import Piece, Reader, aopened, opened

GROWTH = 1 / 48  # 보이는 글이 이 비율만큼 자라면 다시 그립니다.
RATE = 24_000  # 한 번 그린 바이트 수를 이것으로 나눈 초만큼은 쉽니다. 순식간에 오는 긴 답변에서만 걸립니다.
STALL = 0.12  # 새 조각이 이만큼(초) 오지 않으면 아직 보이지 않은 글을 마저 그립니다.
TICK = 0.03

_CUT = "출력 토큰 한도에 닿아 여기서 잘렸습니다. 한도를 늘리거나 더 짧은 답을 부탁하세요."
_ENDINGS = {  # 제공자의 말 -> 사람에게 알릴 말. 정상으로 끝난 이유(stop, end_turn, completed ...)는 알리지 않습니다.
    "length": _CUT,
    "max_tokens": _CUT,
    "max_output_tokens": _CUT,
    "model_context_window_exceeded": "컨텍스트 창이 가득 차 여기서 잘렸습니다.",
    "content_filter": "내용 필터가 답을 막았습니다.",
    "refusal": "모델이 답을 거절했습니다.",
}
_CUT_OFF = "여기서 끊겼습니다{}. 위의 글은 그때까지 받은 것입니다."
_LABELS = {"text": "답", "reasoning": "추론", "refusal": "거절(refusal)", "tool": "도구 호출"}


def display_stream(stream: Any, *, hz: float = 15) -> StreamResult:
    """스트림을 받는 대로 보여 주고, 끝나면 결과를 돌려줍니다.

    노트북에서는 Markdown 출력 하나를 고쳐 그리고, 그 밖에서는 글자를 그대로 찍습니다. 첫 글자는 바로, 그다음은 많아야 1초에
    `hz`번 그리며, 조각이 오다 멎으면 0.2초 안에 그때까지의 글을 모두 보입니다. 추론, 도구 호출, 거절은 답과 구별해 보입니다.

    Args:
        stream: OpenAI(Chat Completions, Responses), Anthropic(`stream=True`나 `.stream()`), Hugging Face의 스트림,
            또는 문자열의 이터레이터. 이미 보낸 요청이므로 여기서 고칠 수 없습니다: usage가 필요하면 Chat
            Completions에는 요청할 때 `stream_options={"include_usage": True}`를 넣습니다.
        hz: 1초에 많아야 몇 번 다시 그릴지.

    Raises:
        StreamError: 스트림 안에서 제공자가 오류를 알렸을 때.
        Exception: 스트림이 끊기거나 멈췄을 때의 예외 그대로. 그때까지의 글은 표시와 함께 화면에 남고, 예외의
            `stream_result`에서도 볼 수 있습니다. 연결은 닫힙니다.

    >>> result = display_stream(["안녕", "하세요."])
    안녕하세요.
    >>> result.text, result.chunks, result.interrupted
    ('안녕하세요.', 2, False)
    """
    screen = _screen(hz)
    with opened(stream) as events, screen.showing():
        for event in events:
            screen.take(event)
    return screen.result()


async def adisplay_stream(stream: Any, *, hz: float = 15) -> StreamResult:
    """`display_stream`의 비동기판입니다. 여럿을 `asyncio.gather`로 함께 돌리면 출력이 하나씩 따로 생깁니다.

    Args:
        stream: 비동기 스트림, 또는 `await`하지 않은 `client.chat.completions.create(..., stream=True)`.
        hz: 1초에 많아야 몇 번 다시 그릴지.

    >>> import asyncio
    >>> async def greet():
    ...     yield "안녕하세요."
    >>> result = asyncio.run(adisplay_stream(greet()))
    안녕하세요.
    """
    screen = _screen(hz)
    async with await aopened(stream) as events:
        with screen.showing():
            async for event in events:
                screen.take(event)
    return screen.result()


def _screen(hz: float) -> _Screen:
    if not isinstance(hz, (int, float)) or not hz > 0:
        raise ValueError(f"hz는 0보다 큰 수여야 합니다. 받은 값: {hz!r}")
    return _NotebookScreen(1 / hz) if getattr(shell(), "kernel", None) else _TextScreen()


@dataclass
class _Section:
    """이어진 같은 종류의 조각들: 답의 글, 추론, 거절, 또는 도구 호출 하나."""

    first: Piece
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        # 반쪽씩 나뉘어 온 이모지(서로게이트)를 잇습니다. 짝이 끝내 오지 않은 반쪽은 �가 됩니다.
        return "".join(self.texts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def markdown(self) -> str:
        text, kind = self.text, self.first.kind
        if kind == "text":
            return to_display(text)
        label = f"**{_LABELS[kind]}**"
        if kind == "tool":
            name = " ".join((self.first.name or "?").replace("`", " ").split())
            fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
            arguments = f"\n\n{fence}json\n{text}\n{fence}" if text else ""
            return to_display(f"{label} `{name}`{arguments}")
        return "> " + re.sub(r"\r\n|\n|\r", "\n> ", f"{label}\n\n{to_display(text)}")


class _Screen:
    """스트림 하나의 조각을 모으고 시간을 잽니다. 어떻게 보일지는 아래의 두 화면이 정합니다."""

    def __init__(self) -> None:
        self._reader = Reader()
        self._sections: list[_Section] = []
        self._broken = False
        self._first: float | None = None
        self._last = 0.0
        self._started = time.perf_counter()
        self._more_is_here = False  # 기다리지 않는 재생에서는 다음 조각이 이미 와 있습니다.
        stream_time.set(None)

    def take(self, event: Any) -> None:
        pieces = list(self._reader.read(event))
        # 재생에서는 녹화할 때 잰 시각을 써야 결과가 컴퓨터에 따라 달라지지 않습니다.
        recorded = stream_time.get()
        self._last = time.perf_counter() - self._started if recorded is None else recorded
        self._more_is_here = recorded is not None and pace() == 0
        if pieces and self._first is None:
            self._first = self._last
        for piece in pieces:
            last = self._sections[-1].first if self._sections else None
            if is_new := last is None or (last.kind, last.part) != (piece.kind, piece.part):
                self._sections.append(_Section(piece))
            self._sections[-1].texts.append(piece.text)
            self._show(piece, is_new)

    def _show(self, piece: Piece, is_new: bool) -> None:
        """조각 하나가 왔습니다. `is_new`는 앞의 것과 종류가 달라 새 덩어리가 시작되었다는 뜻입니다."""
        raise NotImplementedError

    def _close(self, note: str) -> None:
        raise NotImplementedError

    @contextmanager
    def showing(self) -> Iterator[None]:
        """스트림을 읽는 동안을 감쌉니다. 어떻게 끝나든 마지막으로 그리고, 보통과 다르게 끝났으면 그 이유를 덧붙입니다."""
        note = ""
        try:
            yield
            note = self._note()
        except BaseException as error:
            self._broken = True
            cause = error.__cause__ or error  # SDK가 감싼 이름("연결 오류")은 버전마다 다르고 이유를 말하지 않습니다.
            note = _CUT_OFF.format(f"({type(cause).__name__})") if self._sections else ""
            error.stream_result = self.result()  # type: ignore[attr-defined]
            raise
        finally:
            if self._sections or note:
                self._close(note)

    def _note(self) -> str:
        reader = self._reader
        self._broken = reader.has_ending and reader.finish_reason is None
        note = _CUT_OFF.format("") if self._broken else _ENDINGS.get(reader.finish_reason or "", "")
        if not (self._sections or note):
            note = "보여 줄 글이 하나도 오지 않았습니다."
        if reader.candidates > 1:
            note = f"{note} 후보 {reader.candidates}개 가운데 첫째만 보였습니다.".strip()
        return note

    def result(self) -> StreamResult:
        reader = self._reader
        text = "".join(section.text for section in self._sections if section.first.kind == "text")
        return StreamResult(
            text, reader.usage, reader.model, reader.finish_reason, self._first, self._last, reader.chunks, self._broken
        )


class _NotebookScreen(_Screen):
    """출력 하나(display_id)를 고쳐 그립니다."""

    def __init__(self, interval: float) -> None:
        super().__init__()
        self._interval = interval
        self._lock = threading.Lock()  # 조각을 받는 쪽과 멎은 글을 그리는 스레드가 함께 씁니다.
        self._handle: Any = None
        self._size = self._drawn = 0  # 온 글자 수, 보이는 글자 수
        self._came = self._next = 0.0  # 마지막 조각이 온 때, 다시 그려도 되는 때

    def take(self, event: Any) -> None:
        with self._lock:
            super().take(event)

    def _show(self, piece: Piece, is_new: bool) -> None:
        self._size += len(piece.text) + len(piece.name or "")
        self._came = time.perf_counter()
        has_grown = self._came >= self._next and self._size - self._drawn >= self._drawn * GROWTH
        if self._handle is None or (has_grown and not self._more_is_here):
            self._draw()

    @contextmanager
    def showing(self) -> Iterator[None]:
        done = threading.Event()

        def watch() -> None:
            """다음 조각을 기다리느라 멈춰 있는 동안에도, 온 글은 0.2초 안에 보이게 합니다."""
            while not done.wait(TICK):
                with self._lock:
                    if self._size > self._drawn and time.perf_counter() - self._came >= STALL:
                        self._draw()

        # 출력이 어느 셀의 것인지는 컨텍스트에 적혀 있으므로(ipykernel 7) 스레드에 그대로 물려줍니다.
        thread = threading.Thread(target=copy_context().run, args=(watch,), daemon=True)
        with super().showing():
            if not IN_PAGE:  # 거기에는 스레드가 없어, 조각이 온 때와 끝에만 그립니다.
                thread.start()
            try:
                yield
            finally:
                done.set()
                if not IN_PAGE:
                    thread.join()

    def _close(self, note: str) -> None:
        with self._lock:
            self._draw(note, is_last=True)

    def _draw(self, note: str = "", is_last: bool = False) -> None:
        blocks = [section.markdown() for section in self._sections]
        markdown = "\n\n".join([*blocks, f"> ※ {note}"] if note else blocks)
        data = {"text/markdown": markdown}
        # text/plain은 처음과 끝에만 보냅니다. 도중에는 Markdown만이어서 전송량이 절반입니다.
        if is_last or self._handle is None:
            data["text/plain"] = self.result().text or markdown
        if self._handle is None:
            from IPython.display import display

            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)
        self._drawn = self._size
        self._next = time.perf_counter() + max(self._interval, len(markdown.encode()) / RATE)


class _TextScreen(_Screen):
    """터미널과 평범한 파이썬: 온 글자를 그대로 찍습니다. 여럿이 함께 오면 한 스트림씩 순서대로 찍습니다."""

    _queue: ClassVar[list[_TextScreen]] = []
    _waiting, _ended = "", False

    def _show(self, piece: Piece, is_new: bool) -> None:
        is_first = len(self._sections) == 1
        if is_new and not (is_first and piece.kind == "text"):  # 답의 글만 올 때는 이름표를 붙이지 않습니다.
            name = f" {piece.name}" if piece.name else ""
            self._waiting += ("" if is_first else "\n") + f"[{_LABELS[piece.kind]}]{name}\n"
        self._waiting += piece.text
        self._speak()

    def _close(self, note: str) -> None:
        if self._sections and not self._sections[-1].text.endswith("\n"):
            self._waiting += "\n"
        self._waiting += f"※ {note}\n" if note else ""
        self._ended = True
        self._speak()

    def _speak(self) -> None:
        if self not in self._queue:
            self._queue.append(self)
        while self._queue:
            first = self._queue[0]
            say(first._waiting, end="")
            first._waiting = ""
            if not first._ended:
                break
            self._queue.pop(0)
