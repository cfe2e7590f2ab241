"""응답 하나를 소켓에 적는 법: 헤더, 본문, SSE, 그리고 끊기고 멈추는 실패."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from .errors import Failure, failure, in_stream
from .reply import Event
from .script import Fault

if TYPE_CHECKING:
    from .server import Upstream

RATE_LIMITS = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-limit-tokens": "200000",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-remaining-tokens": "199950",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "15ms",
}


class Wire(BaseHTTPRequestHandler):
    """보내는 일만 압니다. 무엇을 보낼지는 `Handler`가 정합니다."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Upstream
    provider: str
    url_path: str
    request_id: str
    asked: Any
    captured: list[tuple[int, bytes]] | None  # 목록이면 소켓에 적지 않고 여기 모읍니다(배치에 든 요청).

    def log_message(self, format: str, *args: Any) -> None:
        """요청마다 한 줄씩 찍지 않습니다."""

    def _start(self, status: int, kind: str, headers: dict[str, str]) -> None:
        self.send_response_only(status, "No Script Entry" if status == 599 else None)
        every = {"server": "llmkit-upstream", "content-type": kind, **self._ids(status), **headers}
        for name, value in every.items():
            self.send_header(name, value)
        self.end_headers()

    def _ids(self, status: int) -> dict[str, str]:
        """요청 id와 사용 한도처럼 모든 응답에 붙는 헤더. 한도는 한도를 센 응답(200, 429)에만 있습니다."""
        script = self.server.script
        if self.provider == "anthropic":
            return {
                "request-id": self.request_id,
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": f"{script.date.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            }
        if self.provider == "gemini":
            return {"server-timing": f"gfet4t7; dur={script.first_token_ms}"}
        if self.provider == "huggingface":
            return {"x-request-id": self.request_id, "x-inference-provider": "authored"}
        ids = {"x-request-id": self.request_id, **(RATE_LIMITS if status in (200, 429) else {})}
        if self.provider == "openai":
            ids |= {"openai-processing-ms": str(script.first_token_ms), "openai-version": "2020-10-01"}
        return ids

    def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        if self.captured is not None:
            self.captured.append((status, body))
            return
        self._start(status, kind, {"content-length": str(len(body)), **(headers or {})})
        self.wfile.write(body)

    def _send_json(self, body: Any) -> None:
        self._send(200, "application/json", json.dumps(body, ensure_ascii=False).encode())

    def _send_failure(self, error: Failure) -> None:
        self._send(error.status, *error.encode(), error.headers)

    def _fail(self, fault: Fault, status: int | None = None) -> None:
        model = (self.asked or {}).get("model") or self.url_path.rpartition("/")[2]
        profile = self.server.profile
        error = failure(self.provider, fault, model, self.request_id, self.url_path, profile)
        self._send_failure(replace(error, status=status) if status else error)

    def _no_such_url(self) -> None:
        message = f"Invalid URL ({self.command} {self.url_path})"
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        self._send_failure(Failure(404, {"error": error}))

    def _send_answer(self, body: dict[str, Any], fault: Fault | None) -> None:
        """스트림이 아닌 답. `stall`은 시작도 하지 않고, `drop`은 본문의 절반에서 끊습니다."""
        if fault and fault.kind == "stall":
            return self._stall(fault)
        self._wait(self.server.script.first_token_ms / 1000)
        if fault and fault.kind == "drop":
            data = json.dumps(body, ensure_ascii=False).encode()
            self._start(200, "application/json", {"content-length": str(len(data))})
            self.wfile.write(data[: len(data) // 2])
            return self._hang_up()
        self._send_json(body)

    def _send_stream(self, events: Iterable[Event], fault: Fault | None) -> None:
        """SSE 스트림. 실패는 글이 실린 이벤트 `after_chunks`개 뒤에 일어납니다."""
        left = -1
        if fault:
            left = fault.after_chunks if fault.after_chunks is not None else 0 if fault.kind == "stall" else 3
            if fault.kind == "stall" and left == 0:
                return self._stall(fault)
        script = self.server.script
        self._wait(script.first_token_ms / 1000)
        self._start(
            200,
            "text/event-stream; charset=utf-8",
            {"transfer-encoding": "chunked", "cache-control": "no-cache"},
        )
        for event in events:
            if event.text:
                if left == 0:
                    break
                left -= 1
            self._chunk(event.data)
            if event.text:
                self._wait(script.token_ms / 1000)
        if left == 0 and fault:
            if fault.kind == "stall":
                return self._stall(fault)
            if fault.kind == "drop":
                return self._hang_up()
            self._chunk(self._error_event(fault))
        self.wfile.write(b"0\r\n\r\n")

    def _error_event(self, fault: Fault) -> str:
        """200으로 시작한 스트림의 중간에 오는 오류."""
        error = in_stream(self.provider, fault)
        if self.url_path.endswith("/responses"):
            error = {"type": "error", "sequence_number": 9, **error}
        return f"event: error\ndata: {json.dumps(error, ensure_ascii=False)}\n\n"

    def _chunk(self, data: str) -> None:
        raw = data.encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(raw), raw))

    def _wait(self, seconds: float) -> None:
        self.server.stopping.wait(seconds)

    def _stall(self, fault: Fault) -> None:
        self._wait(fault.seconds)
        self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
