"""훅: SDK가 HTTP를 보내는 한 곳에 끼어들어 재생하고, 녹화하고, 통과시키고, 장부에 적습니다.

OpenAI, Anthropic, Hugging Face의 SDK는 모두 httpx2(또는 httpx)로 보냅니다. 그래서 두 라이브러리의 전송 계층
네 곳(동기와 비동기)만 바꾸면 어떤 SDK든, 스트림이든 아니든 같은 코드를 지나갑니다. 수업의 셀에는 평범한 SDK
코드만 남습니다.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from .cassette import Exchange
from .clock import stream_time
from .providers import PLACEHOLDERS
from .request import Ask, owner, read_request

if TYPE_CHECKING:
    from .session import Session
    from .tape import Tape

_HTTP_LIBRARIES = ("httpx2", "httpx")
_SDK_SLEEPERS = ("openai._base_client", "anthropic._base_client")

_originals: list[tuple[type, str, Any]] = []
_session: Session | None = None
# 이 스레드나 태스크의 마지막 시도. 재생한 것이면 SDK의 재시도 대기를 줄이고 장부에 적습니다.
_last_replay: ContextVar[tuple[Session, Any] | None] = ContextVar("last_replay", default=None)


def install(session: Session) -> None:
    """이제부터 모든 요청을 `session`에 묻습니다. 여러 번 불러도 한 번만 끼어듭니다."""
    global _session
    _session = session
    if _originals:
        return
    # httpx2.alias_httpx()를 부른 뒤에는 두 이름이 같은 모듈입니다. 그래서 집합에 담습니다.
    installed = filter(importlib.util.find_spec, _HTTP_LIBRARIES)
    for library in {importlib.import_module(name) for name in installed}:
        _patch(library, library.HTTPTransport, "handle_request", _sync_handler)
        _patch(library, library.AsyncHTTPTransport, "handle_async_request", _async_handler)


def uninstall() -> None:
    """모든 것을 원래대로 되돌립니다."""
    global _session
    _session = None
    while _originals:
        setattr(*_originals.pop())


def _patch(library: ModuleType, owner_class: type, name: str, make: Callable[..., Any]) -> None:
    original = getattr(owner_class, name)
    _originals.append((owner_class, name, original))
    setattr(owner_class, name, make(original, library, _stream_class(library)))


def _sync_handler(send: Callable[..., Any], library: ModuleType, stream_class: type) -> Callable[..., Any]:
    def handle_request(transport: Any, request: Any) -> Any:
        session, provider = _session, owner(request)
        if session is None or provider is None:
            return send(transport, _without_placeholder(request))
        ask = read_request(request, provider, request.read())
        if session.replays(ask):
            exchange, wait = _start_replay(session, ask)
            if wait:
                time.sleep(wait)
            return _replayed(library, stream_class, request, exchange, session.pace)
        tape = _start_tape(session, ask, request)
        try:
            response = send(transport, request)
        except BaseException as error:
            tape.fail(error)
            raise
        tape.start(response)
        response.stream = stream_class(sync=_taped(response.stream, tape), close=response.stream.close, tape=tape)
        return response

    return handle_request


def _async_handler(send: Callable[..., Any], library: ModuleType, stream_class: type) -> Callable[..., Any]:
    async def handle_async_request(transport: Any, request: Any) -> Any:
        session, provider = _session, owner(request)
        if session is None or provider is None:
            return await send(transport, _without_placeholder(request))
        ask = read_request(request, provider, await request.aread())
        if session.replays(ask):
            exchange, wait = _start_replay(session, ask)
            if wait:
                await _async_sleep(wait)
            return _replayed(library, stream_class, request, exchange, session.pace)
        tape = _start_tape(session, ask, request)
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


def _without_placeholder(request: Any) -> Any:
    # 강좌와 상관없는 요청은 그대로 보내되, 우리가 넣은 가짜 키만은 내보내지 않습니다.
    for name in ("authorization", "x-api-key", "api-key", "x-goog-api-key"):
        if request.headers.get(name, "").removeprefix("Bearer ") in PLACEHOLDERS:
            del request.headers[name]
    return request


# 재생 ---------------------------------------------------------------------------------------------------


def _start_replay(session: Session, ask: Ask) -> tuple[Exchange, float]:
    exchange, call = session.play(ask)
    _last_replay.set((session, call))
    _quiet_retries()
    return exchange, exchange.delay * session.pace


def _replayed(library: ModuleType, stream_class: type, request: Any, exchange: Exchange, pace: float) -> Any:
    """녹화를 httpx의 응답으로 만듭니다. 응답 전에 실패한 녹화면 그때의 예외를 냅니다."""
    if exchange.status is None:
        raise _failure(library, exchange, request)
    headers = [(name, value.encode()) for name, value in exchange.headers.items()]  # 한글이 든 헤더도 있습니다.
    if not (exchange.events or exchange.error or exchange.abandoned):
        return library.Response(exchange.status, headers=headers, content=exchange.content)
    stream = stream_class(
        sync=_played(library, request, exchange, pace), asynchronous=_async_played(library, request, exchange, pace)
    )
    return library.Response(exchange.status, headers=headers, stream=stream)


def _played(library: ModuleType, request: Any, exchange: Exchange, pace: float) -> Iterator[bytes]:
    started = time.perf_counter() - exchange.delay * pace
    for at, data in _pieces(exchange):
        if pace and (wait := _wait(started, at * pace)):
            time.sleep(wait)
        stream_time.set(at)
        yield data
    _end_of_tape(library, request, exchange)


async def _async_played(library: ModuleType, request: Any, exchange: Exchange, pace: float) -> AsyncIterator[bytes]:
    started = time.perf_counter() - exchange.delay * pace
    for at, data in _pieces(exchange):
        if pace and (wait := _wait(started, at * pace)):
            await _async_sleep(wait)
        stream_time.set(at)
        yield data
    _end_of_tape(library, request, exchange)


def _pieces(exchange: Exchange) -> list[tuple[float, bytes]]:
    # 이벤트가 없는 것은 본문을 받다가 끊긴, 스트림이 아닌 응답입니다.
    return exchange.events or [(exchange.delay, exchange.content)]


def _wait(started: float, planned: float) -> float:
    """예정된 때까지 남은 초. 늦은 만큼은 다음 조각에서 따라잡습니다."""
    return max(0.0, started + planned - time.perf_counter())


def _end_of_tape(library: ModuleType, request: Any, exchange: Exchange) -> None:
    if exchange.error:
        raise _failure(library, exchange, request)
    if exchange.abandoned and _session:
        raise _session.tape_ran_out(exchange)


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


def _quiet_retries() -> None:
    """SDK가 재시도 전에 쉬는 시간도 pace만큼만 쉬게 합니다. 계획한 시간은 장부에 남깁니다."""
    for name in _SDK_SLEEPERS:
        module = sys.modules.get(name)
        if module is not None and not isinstance(module.time, _PacedModule):
            module.time = _PacedModule(time, sleep=_paced_sleep)
            module.anyio = _PacedModule(sys.modules["anyio"], sleep=_paced_async_sleep)
            _originals.append((module, "time", time))
            _originals.append((module, "anyio", sys.modules["anyio"]))


class _PacedModule(SimpleNamespace):
    """`sleep`만 바꾼 모듈입니다. 나머지는 원래 모듈의 것을 그대로 돌려줍니다."""

    def __init__(self, module: ModuleType, **changed: Any) -> None:
        super().__init__(**changed)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _planned(seconds: float) -> float:
    replay = _last_replay.get()
    if replay is None:
        return seconds
    session, call = replay
    call.waited_s = seconds
    return seconds * session.pace


def _paced_sleep(seconds: float) -> None:
    if (wait := _planned(seconds)) > 0:
        time.sleep(wait)


async def _paced_async_sleep(seconds: float) -> None:
    import anyio

    await anyio.sleep(max(0.0, _planned(seconds)))


# 녹화와 통과 ----------------------------------------------------------------------------------------------


def _start_tape(session: Session, ask: Ask, request: Any) -> Tape:
    _last_replay.set(None)
    stream_time.set(None)
    return session.start_tape(ask, request)


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
