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
from ..common.clock import stream_time
from ..common.errors import Halt
from ..common.ledger import Call
from ..common.providers import PLACEHOLDERS
from . import retries
from .exchange import Exchange
from .request import KEY_HEADERS, Ask, owner, read_request
from .tape import Tape

_HTTP_LIBRARIES = ("httpx2", "httpx")

_originals: list[tuple[type, str, Any]] = []


class Watcher(Protocol):
    """훅이 요청마다 묻는 상대입니다. `setup`이 만드는 `Session`이 그것입니다."""

    def answer(self, ask: Ask) -> tuple[Exchange, Call] | Tape:
        """재생할 교환과 장부의 줄을, 실제로 호출할 것이면 받아 적을 테이프를 돌려줍니다."""
        ...

    def tape_ran_out(self) -> Halt:
        """녹화가 도중에 끝났을 때 낼 예외입니다."""
        ...


Current = Callable[[], Watcher | None]


def install(current: Current) -> None:
    """이제부터 모든 요청을 `current()`에 묻습니다. 여러 번 불러도 한 번만 끼어듭니다."""
    if _originals:
        return
    # httpx2.alias_httpx()를 부른 뒤에는 두 이름이 같은 모듈입니다. 그래서 집합에 담습니다.
    installed = filter(importlib.util.find_spec, _HTTP_LIBRARIES)
    for library in {importlib.import_module(name) for name in installed}:
        _patch(library.HTTPTransport, "handle_request", _sync_handler, library, current)
        _patch(library.AsyncHTTPTransport, "handle_async_request", _async_handler, library, current)


def uninstall() -> None:
    """모든 것을 원래대로 되돌립니다."""
    retries.restore()
    while _originals:
        setattr(*_originals.pop())


def _patch(owner_class: type, name: str, make: Callable[..., Any], library: ModuleType, current: Current) -> None:
    original = getattr(owner_class, name)
    _originals.append((owner_class, name, original))
    setattr(owner_class, name, make(original, library, _stream_class(library), current))


def _sync_handler(
    send: Callable[..., Any], library: ModuleType, stream_class: type, current: Current
) -> Callable[..., Any]:
    def handle_request(transport: Any, request: Any) -> Any:
        watcher, provider = current(), owner(request)
        if watcher is None or provider is None:
            return send(transport, _untouched(request))
        tape = _answer(watcher, read_request(request, provider, request.read()))
        if isinstance(tape, _Replay):
            if tape.wait:
                time.sleep(tape.wait)
            return tape.response(library, stream_class, request)
        try:
            response = send(transport, request)
        except BaseException as error:
            tape.fail(error)
            raise
        tape.start(response)
        response.stream = stream_class(sync=_taped(response.stream, tape), close=response.stream.close, tape=tape)
        return response

    return handle_request


def _async_handler(
    send: Callable[..., Any], library: ModuleType, stream_class: type, current: Current
) -> Callable[..., Any]:
    async def handle_async_request(transport: Any, request: Any) -> Any:
        watcher, provider = current(), owner(request)
        if watcher is None or provider is None:
            return await send(transport, _untouched(request))
        tape = _answer(watcher, read_request(request, provider, await request.aread()))
        if isinstance(tape, _Replay):
            if tape.wait:
                await _async_sleep(tape.wait)
            return tape.response(library, stream_class, request)
        try:
            response = await send(transport, request)
        except BaseException as error:
            tape.fail(error)
            raise
        tape.start(response)
        taped = _async_taped(response.stream, tape)
        response.stream = stream_class(asynchronous=taped, aclose=response.stream.aclose, tape=tape)
        return response

    return handle_async_request


def _untouched(request: Any) -> Any:
    # 강좌와 상관없는 요청은 그대로 보내되, 우리가 넣은 가짜 키만은 내보내지 않습니다.
    retries.expect_retry(None)
    for name in KEY_HEADERS:
        if request.headers.get(name, "").removeprefix("Bearer ") in PLACEHOLDERS:
            del request.headers[name]
    return request


def _answer(watcher: Watcher, ask: Ask) -> _Replay | Tape:
    retries.expect_retry(None)
    stream_time.set(None)
    found = watcher.answer(ask)
    if isinstance(found, Tape):
        return found
    exchange, call = found
    retries.expect_retry(call)
    return _Replay(watcher, exchange)


# 재생 ---------------------------------------------------------------------------------------------------


class _Replay:
    """재생할 교환 하나와, 그것을 얼마나 빨리 들려줄지입니다."""

    def __init__(self, watcher: Watcher, exchange: Exchange) -> None:
        self.watcher, self.exchange, self.pace = watcher, exchange, clock.pace() or 0.0
        self.wait = exchange.delay * self.pace
        self.at = exchange.delay  # 마지막 조각의 녹화 시각

    def response(self, library: ModuleType, stream_class: type, request: Any) -> Any:
        """녹화를 httpx의 응답으로 만듭니다. 응답 전에 실패한 녹화면 그때의 예외를 냅니다."""
        exchange = self.exchange
        if exchange.status is None:
            raise _failure(library, exchange, request)
        headers = [(name, value.encode()) for name, value in exchange.headers.items()]  # 한글이 든 헤더도 있습니다.
        if not (exchange.events or exchange.error or exchange.abandoned):
            self.made = library.Response(exchange.status, headers=headers, content=exchange.content)
            self.close()
            return self.made
        sync, asynchronous = self.play(library, request), self.play_async(library, request)
        stream = stream_class(sync, asynchronous, close=self.close, aclose=self.aclose)
        self.made = library.Response(exchange.status, headers=headers, stream=stream)
        return self.made

    def play(self, library: ModuleType, request: Any) -> Iterator[bytes]:
        started = time.perf_counter() - self.wait
        for at, data in _pieces(self.exchange):
            if self.pace and (wait := _wait(started, at * self.pace)):
                time.sleep(wait)
            stream_time.set(at)
            self.at = at
            yield data
        self.finish(library, request)

    async def play_async(self, library: ModuleType, request: Any) -> AsyncIterator[bytes]:
        started = time.perf_counter() - self.wait
        for at, data in _pieces(self.exchange):
            if self.pace and (wait := _wait(started, at * self.pace)):
                await _async_sleep(wait)
            stream_time.set(at)
            self.at = at
            yield data
        self.finish(library, request)

    def close(self) -> None:
        """`response.elapsed`도 녹화한 시간입니다. httpx가 잰 것은 재생에 걸린 시간입니다."""
        self.made.elapsed = datetime.timedelta(seconds=self.at)

    async def aclose(self) -> None:
        self.close()

    def finish(self, library: ModuleType, request: Any) -> None:
        if self.exchange.error:
            raise _failure(library, self.exchange, request)
        if self.exchange.abandoned:
            raise self.watcher.tape_ran_out()


def _pieces(exchange: Exchange) -> list[tuple[float, bytes]]:
    # 이벤트가 없는 것은 본문을 받다가 끊긴, 스트림이 아닌 응답입니다.
    return exchange.events or [(exchange.delay, exchange.content)]


def _wait(started: float, planned: float) -> float:
    """예정된 때까지 남은 초. 늦은 만큼은 다음 조각에서 따라잡습니다."""
    return max(0.0, started + planned - time.perf_counter())


def _failure(library: ModuleType, exchange: Exchange, request: Any) -> Exception:
    assert exchange.error is not None
    kind, message = exchange.error
    known = getattr(library, kind, None)
    if not (isinstance(known, type) and issubclass(known, library.TransportError)):
        known = library.RemoteProtocolError
    return known(message, request=request)


async def _async_sleep(seconds: float) -> None:
    import anyio  # httpx가 쓰는 것과 같은 라이브러리이므로 asyncio와 trio에서 모두 됩니다.

    await anyio.sleep(seconds)


# 녹화와 통과 ----------------------------------------------------------------------------------------------


def _taped(stream: Any, tape: Tape) -> Iterator[bytes]:
    try:
        for data in stream:
            tape.add(data)
            yield data
    except Exception as error:
        tape.fail(error)
        raise
    tape.finish()


async def _async_taped(stream: Any, tape: Tape) -> AsyncIterator[bytes]:
    try:
        async for data in stream:
            tape.add(data)
            yield data
    except Exception as error:
        tape.fail(error)
        raise
    tape.finish()


def _stream_class(library: ModuleType) -> type:
    """httpx는 응답의 몸이 자기의 스트림 클래스이기를 바랍니다. 라이브러리마다 하나씩 만듭니다."""

    class Stream(library.SyncByteStream, library.AsyncByteStream):
        def __init__(self, sync=None, asynchronous=None, close=None, aclose=None, tape=None) -> None:
            self._sync, self._async = sync, asynchronous
            self._close, self._aclose, self._tape = close, aclose, tape

        def __iter__(self) -> Iterator[bytes]:
            return self._sync

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self._async

        def close(self) -> None:
            try:
                if self._close:
                    self._close()
            finally:
                if self._tape:
                    self._tape.close()

        async def aclose(self) -> None:
            try:
                if self._aclose:
                    await self._aclose()
            finally:  # 태스크가 취소되면 위에서 CancelledError가 납니다.
                if self._tape:
                    self._tape.close()

    return Stream
