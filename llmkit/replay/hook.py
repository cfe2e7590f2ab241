"""훅: SDK가 HTTP를 보내는 한 곳에 끼어들어 재생하고, 녹화하고, 통과시키고, 장부에 적습니다.

OpenAI, Anthropic, Hugging Face의 SDK는 모두 httpx2(또는 httpx)로 보냅니다. 그래서 두 라이브러리의 전송 계층
네 곳(동기와 비동기)만 바꾸면 어떤 SDK든, 스트림이든 아니든 같은 코드를 지나갑니다. 수업의 셀에는 평범한 SDK
코드만 남습니다.
"""

from __future__ import annotations

import datetime
import importlib
import importlib.util
import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any, Protocol

from ..common import clock
from ..common.errors import Halt
from ..common.ledger import Call
from ..common.providers import PLACEHOLDERS
from . import guard, retries, workers
from .advice import TAPE_RAN_OUT
from .exchange import Exchange
from .request import KEY_HEADERS, Ask, owner
from .tape import DONE_ENDS, Tape

_HTTP_LIBRARIES = ("httpx2", "httpx")

_originals: list[tuple[type, str, Any]] = []


class Watcher(guard.Gate, Protocol):
    """훅이 요청마다 묻는 상대입니다. `setup`이 만드는 `Session`이 그것입니다."""

    def compares(self, ask: Ask) -> bool:
        """재생하거나 녹화하느라 본문을 볼 것이면 True입니다. 아니면 올리는 파일을 미리 읽지 않습니다."""
        ...

    def answer(self, ask: Ask) -> tuple[Exchange, Call] | Tape:
        """재생할 교환과 장부의 줄을, 실제로 호출할 것이면 받아 적을 테이프를 돌려줍니다."""
        ...


Current = Callable[[], Watcher | None]


def install(current: Current) -> None:
    """이제부터 모든 요청을 `current()`에 묻습니다. 여러 번 불러도 한 번만 끼어듭니다."""
    workers.return_halts()
    if _originals:
        return
    guard.install(current)
    # httpx2.alias_httpx()를 부른 뒤에는 두 이름이 같은 모듈입니다. 그래서 집합에 담습니다.
    installed = filter(importlib.util.find_spec, _HTTP_LIBRARIES)
    for library in {importlib.import_module(name) for name in installed}:
        stream_class = _stream_class(library)
        for transport, name, handler in (
            (library.HTTPTransport, "handle_request", _sync_handler),
            (library.AsyncHTTPTransport, "handle_async_request", _async_handler),
        ):
            original = getattr(transport, name)
            _originals.append((transport, name, original))
            setattr(transport, name, handler(original, stream_class, current))


def uninstall() -> None:
    """모든 것을 원래대로 되돌립니다."""
    retries.restore()
    guard.uninstall()
    while _originals:
        setattr(*_originals.pop())


def _sync_handler(send: Callable[..., Any], stream_class: Any, current: Current) -> Callable[..., Any]:
    def handle_request(transport: Any, request: Any) -> Any:
        watcher = current()
        ask = _ask(watcher, request)
        if watcher is None or ask is None:
            return send(transport, request)
        if watcher.compares(ask):
            request.read()
        found = _answer(watcher, ask, stream_class)
        if isinstance(found, _Replay):
            if found.wait:
                time.sleep(found.wait)
            return found.response(found.play())
        try:
            response = send(transport, request)
        except BaseException as error:
            found.fail(error)
            raise
        found.start(response)
        response.stream = stream_class(_taped(response.stream, found), found.close, response.stream)
        return response

    return handle_request


def _async_handler(send: Callable[..., Any], stream_class: Any, current: Current) -> Callable[..., Any]:
    async def handle_async_request(transport: Any, request: Any) -> Any:
        watcher = current()
        ask = _ask(watcher, request)
        if watcher is None or ask is None:
            return await send(transport, request)
        if watcher.compares(ask):
            await request.aread()
        found = _answer(watcher, ask, stream_class)
        if isinstance(found, _Replay):
            if found.wait:
                await _async_sleep(found.wait)
            return found.response(found.play_async())
        try:
            response = await send(transport, request)
        except BaseException as error:
            found.fail(error)
            raise
        found.start(response)
        response.stream = stream_class(_async_taped(response.stream, found), found.close, response.stream)
        return response

    return handle_async_request


def _ask(watcher: Watcher | None, request: Any) -> Ask | None:
    """누구에게 무엇을 묻는 요청인지. 강좌와 상관없는 요청이면 None이고, 우리가 넣은 가짜 키만 빼고 그대로 보냅니다."""
    retries.expect_retry(None)
    if watcher and (provider := owner(request)):
        return Ask(provider, request)
    guard.check(watcher, request.url.host)
    for name in KEY_HEADERS:
        if request.headers.get(name, "").removeprefix("Bearer ") in PLACEHOLDERS:
            del request.headers[name]
    return None


def _answer(watcher: Watcher, ask: Ask, stream_class: Any) -> _Replay | Tape:
    clock.stream_time.set(None)
    found = watcher.answer(ask)
    if isinstance(found, Tape):
        return found
    exchange, call = found
    retries.expect_retry(call)
    return _Replay(watcher, ask, exchange, stream_class)


class _Replay:
    """재생할 교환 하나와, 그것을 얼마나 빨리 들려줄지입니다."""

    def __init__(self, watcher: Watcher, ask: Ask, exchange: Exchange, stream_class: Any) -> None:
        self._watcher, self._ask, self._exchange, self._stream_class = watcher, ask, exchange, stream_class
        self._pace = clock.pace() or 0.0
        self.wait = exchange.delay * self._pace if exchange.events else clock.wait_for(exchange.delay)
        self._at = exchange.delay  # 마지막 조각의 녹화 시각
        # 이벤트가 없는 것은 본문을 받다가 끊긴, 스트림이 아닌 응답입니다.
        self._pieces = exchange.events or [(exchange.delay, exchange.content)]

    def response(self, body: Any) -> Any:
        """녹화를 httpx의 응답으로 만듭니다. 응답 전에 실패한 녹화면 그때의 예외를 던집니다."""
        exchange, make = self._exchange, self._stream_class.library.Response
        if exchange.status is None:
            raise self._failure()
        headers = [(name, value.encode()) for name, value in exchange.headers.items()]  # 한글이 든 헤더도 있습니다.
        if exchange.events or exchange.error or exchange.abandoned:
            self._started = time.perf_counter() - exchange.delay * self._pace
            stream = self._stream_class(body, self._set_elapsed)
            self._response = make(exchange.status, headers=headers, stream=stream)
        else:
            self._response = make(exchange.status, headers=headers, content=exchange.content)
            self._set_elapsed()
        return self._response

    def play(self) -> Iterator[bytes]:
        for at, data in self._pieces:
            self._at = at
            if self._pace and (wait := self._until_next()) > 0:
                time.sleep(wait)
            clock.stream_time.set(at)
            yield data
        self._end()

    async def play_async(self) -> AsyncIterator[bytes]:
        for at, data in self._pieces:
            self._at = at
            if self._pace and (wait := self._until_next()) > 0:
                await _async_sleep(wait)
            clock.stream_time.set(at)
            yield data
        self._end()

    def _until_next(self) -> float:
        """다음 조각의 예정된 때까지 남은 초. 늦은 만큼은 그다음 조각에서 따라잡습니다."""
        return self._started + self._at * self._pace - time.perf_counter()

    def _end(self) -> None:
        if self._exchange.error:
            raise self._failure()
        if self._exchange.abandoned:
            halt = Halt(TAPE_RAN_OUT)
            self._watcher.halts.append(halt)
            raise halt

    def _set_elapsed(self) -> None:
        """`response.elapsed`도 녹화한 시간입니다. httpx가 잰 것은 재생에 걸린 시간입니다."""
        self._response.elapsed = datetime.timedelta(seconds=self._at)

    def _failure(self) -> Exception:
        kind, message = self._exchange.error or ("", "")
        library = self._stream_class.library
        known = getattr(library, kind, None)
        if not (isinstance(known, type) and issubclass(known, library.TransportError)):
            known = library.RemoteProtocolError
        return known(message, request=self._ask.request)


async def _async_sleep(seconds: float) -> None:
    import anyio  # httpx가 쓰는 것과 같은 라이브러리이므로 asyncio와 trio에서 모두 됩니다.

    await anyio.sleep(seconds)


def _taped(stream: Any, tape: Tape) -> Iterator[bytes]:
    with tape.following():
        add = tape.add
        for data in stream:
            add(data)
            if data.endswith(DONE_ENDS):
                tape.at_done()
            yield data


async def _async_taped(stream: Any, tape: Tape) -> AsyncIterator[bytes]:
    with tape.following():
        add = tape.add
        async for data in stream:
            add(data)
            if data.endswith(DONE_ENDS):
                tape.at_done()
            yield data


def _stream_class(library: ModuleType) -> type:
    """httpx는 응답의 몸이 자기의 스트림 클래스이기를 바랍니다. 라이브러리마다 하나씩 만듭니다."""

    class Stream(library.SyncByteStream, library.AsyncByteStream):
        def __init__(self, body: Any, on_close: Callable[[], None], original: Any = None) -> None:
            self._body, self._on_close, self._original = body, on_close, original

        def __iter__(self) -> Iterator[bytes]:
            return self._body

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self._body

        def close(self) -> None:
            try:
                if self._original:
                    self._original.close()
            finally:
                self._on_close()

        async def aclose(self) -> None:
            try:
                if self._original:
                    await self._original.aclose()
            finally:  # 태스크가 취소되면 위에서 CancelledError가 납니다.
                self._on_close()

    Stream.library = library
    return Stream
