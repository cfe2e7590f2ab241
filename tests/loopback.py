"""이 컴퓨터의 작은 HTTP 서버와 빈 포트. 대본이 있는 제공자는 tests/authoring/provider입니다."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Received(NamedTuple):
    """서버가 받은 요청. 헤더의 이름은 소문자입니다."""

    method: str
    host: str
    path: str
    headers: dict[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """요청 하나에 답하는 쪽. `received`가 그 요청이고, `send`나 `send_pieces`로 답합니다."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Loopback
    received: Received

    def serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        self.received = Received(self.command, headers["host"], self.path, headers, body)
        self.server.requests.append(self.received)
        self.server.answer(self)

    do_GET = do_POST = do_HEAD = serve

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        """본문을 한 번에 보냅니다. 헤더 이름의 `_`는 `-`가 됩니다."""
        self._send_head(status, {"content-length": str(len(body)), **headers})
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_pieces(self, pieces: Iterable[bytes], status: int = 200, **headers: str) -> None:
        """조각마다 바로 보냅니다. 받는 쪽이 먼저 끊으면 그만둡니다."""
        self._send_head(status, {"transfer-encoding": "chunked", **headers})
        try:
            for piece in pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def _send_head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Loopback(ThreadingHTTPServer):
    """`with Loopback(answer) as server:` 안에서, 받은 요청을 `requests`에 적고 `answer(handler)`에게 답을 맡깁니다."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Handler], None], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.answer = answer
        self.requests: list[Received] = []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        super().__exit__(*error)


@contextmanager
def reserved_port() -> Iterator[int]:
    """아무도 듣지 않는 포트. 자리를 잡기만 하고 듣지 않으므로 다른 프로그램이 그사이 쓸 수 없습니다."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def free_port() -> int:
    """곧 누군가가 들을 빈 포트."""
    with reserved_port() as port:
        return port
