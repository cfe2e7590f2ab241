"""요청 하나: 검사하고, 대본에서 답이나 실패를 골라 보냅니다."""

from __future__ import annotations

import hashlib
import json
import re
import socket
from collections.abc import Callable, Iterable
from datetime import UTC
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmkit.models import model_status

from . import chat, messages, models, responses, tokens
from .errors import NO_KEY, Failure, Refusal, failure, in_stream
from .reasoning import tokens_for
from .reply import Completion, Event, Reply
from .script import HTTP_FAULTS, Answer, Fault, Question

if TYPE_CHECKING:
    from .server import Upstream

HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "router.huggingface.co": "huggingface",
    "huggingface.co": "huggingface",
    "generativelanguage.googleapis.com": "gemini",
    "api.groq.com": "groq",
}
RATE_LIMITS = {
    "x-ratelimit-limit-requests": "500",
    "x-ratelimit-limit-tokens": "200000",
    "x-ratelimit-remaining-requests": "499",
    "x-ratelimit-remaining-tokens": "199950",
    "x-ratelimit-reset-requests": "120ms",
    "x-ratelimit-reset-tokens": "15ms",
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Upstream

    def log_message(self, format: str, *args: Any) -> None:
        """요청마다 한 줄씩 찍지 않습니다."""

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def _serve(self, answer: Callable[[], None]) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.url_path = urlsplit(self.path).path
        host = (self.headers.get("host") or "").partition(":")[0]
        guess = "anthropic" if self.headers.get("anthropic-version") else "openai"  # base_url로 온 요청
        self.provider = HOSTS.get(host, guess)
        try:
            self.asked = json.loads(raw) if raw else {}
        except ValueError:
            self.asked = None
        body = json.dumps(self.asked, sort_keys=True, ensure_ascii=False)
        self.request_text = f"{self.provider} {self.command} {self.path} {body}"
        self._name_answer(0)
        if fault := self._key_fault():
            return self._fail(fault)
        try:
            answer()
        except Refusal as refusal:
            self._fail(refusal.fault)

    def _name_answer(self, position: int) -> None:
        """id를 요청과, 대본의 몇 번째 답인지로 정합니다: 다시 녹화해도, 다른 셀에서 되물어도 같습니다."""
        self.digest = hashlib.sha256(f"{position} {self.request_text}".encode()).hexdigest()
        self.request_id = f"req_authored_{self.digest[:24]}"

    def _key_fault(self) -> Fault | None:
        public = self.provider == "huggingface" and self.command == "GET"
        if not public and not any(self.headers.get(name) for name in ("authorization", "x-api-key")):
            message = "x-api-key header is required" if self.provider == "anthropic" else NO_KEY
            return Fault("invalid_api_key", message)
        if self.provider == "anthropic" and not self.headers.get("anthropic-version"):
            return Fault("invalid_request", "anthropic-version: header is required")
        return None

    def _get(self) -> None:
        """모델 목록, 모델 하나, Hub의 제공자 표."""
        at = self.server.script.date
        if found := re.fullmatch(r"/api/models/(.+)", self.url_path):
            if not models.known("huggingface", found[1], at.date()):
                unknown = {"error": "Repository not found"}
                return self._send_failure(Failure(404, unknown, {"x-error-code": "RepoNotFound"}))
            return self._send_json(models.provider_mapping(found[1]))
        if not (found := re.search(r"/models(?:/(.+))?$", self.url_path)):
            return self._no_such_url()
        listing = models.listing(self.provider, at)
        if found[1] is None:
            return self._send_json(listing)
        name = found[1].removeprefix("models/")
        for model in listing["data"]:
            if model["id"].removeprefix("models/") == name:
                return self._send_json(model)
        self._fail(self._unknown(name))

    def _unknown(self, model: str) -> Fault:
        """부를 수 없는 모델: 있다가 서비스가 끝났는가, 아는 이름이 아닌가."""
        retired = model_status(model, on=self.server.script.date.date()).state == "retired"
        return Fault("model_retired" if retired else "model_not_found")

    def _post(self) -> None:
        """글을 만들거나, 토큰을 셉니다."""
        if not isinstance(self.asked, dict):
            raise Refusal("We could not parse the JSON body of your request.")
        counting = self.url_path.endswith(("/messages/count_tokens", "/responses/input_tokens"))
        path = re.sub("/(count_tokens|input_tokens)$", "", self.url_path)
        if self.provider == "anthropic" and path.endswith("/messages"):
            form = messages
            messages.check(self.asked, self.provider, counting)
        elif self.provider == "openai" and path.endswith("/responses"):
            form = responses
            responses.check(self.asked, self.provider)
        elif self.provider != "anthropic" and path.endswith("/chat/completions"):
            form = chat
            chat.check(self.asked, self.provider)
        else:
            return self._no_such_url()
        model, script = self.asked["model"], self.server.script
        if not models.known(self.provider, model, script.date.date()):
            return self._fail(self._unknown(model))
        turns = form.turns(self.asked)
        prompt_tokens = tokens.prompt_tokens(turns, model)
        if counting:
            head = {} if self.provider == "anthropic" else {"object": "response.input_tokens"}
            return self._send_json({**head, "input_tokens": prompt_tokens})

        answers = self._choose(Question(self.provider, path, self.asked, turns))
        if not answers:
            return None
        fault = answers[0].fault
        if fault and fault.kind in HTTP_FAULTS:
            return self._fail(fault)
        if fault and fault.kind == "close":
            return self._hang_up()
        limit, stop = form.limits(self.asked)
        stops = [stop] if isinstance(stop, str) else stop or []
        reply = Reply(
            provider=self.provider,
            request=self.asked,
            model=models.served_as(self.provider, model),
            created=int(script.date.timestamp()),
            completions=[Completion.of(answer, self._reasoning(answer), limit, stops) for answer in answers],
            prompt_tokens=prompt_tokens,
            digest=self.digest,
            token_ms=script.token_ms,
            profile=self.server.profile,
        )
        if self.asked.get("stream"):
            self._send_stream(form.events(reply), fault)
        else:
            self._send_answer(form.body(reply), fault)

    def _reasoning(self, answer: Answer) -> int:
        return tokens_for(self.provider, self.asked, self.server.profile, answer.reasoning_tokens)

    def _choose(self, question: Question) -> list[Answer]:
        """대본에서 답을 n개 고릅니다. 맞는 항목이 없으면 599를 보내고 빈 목록을 돌려줍니다."""
        entry = self.server.script.find(question)
        if entry is None:
            self.server.unanswered.append(question.prompt)
            message = (
                f"대본에 이 요청의 답이 없습니다. 제공자 {question.provider}, 경로 {question.path}, "
                f"메시지 {len(question.dialogue)}개, 마지막 user 메시지: {question.prompt!r}"
            )
            body = {"error": {"message": message, "type": "no_script_entry"}}
            self._send_failure(Failure(599, body, {"x-should-retry": "false"}))
            return []
        n = self.asked.get("n") or 1
        first = self.server.times_asked(self.request_text) * n % len(entry.answers)
        self._name_answer(first)
        return [entry.answers[(first + i) % len(entry.answers)] for i in range(n)]

    # 보내기

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
        self._start(status, kind, {"content-length": str(len(body)), **(headers or {})})
        self.wfile.write(body)

    def _send_json(self, body: Any) -> None:
        self._send(200, "application/json", json.dumps(body, ensure_ascii=False).encode())

    def _send_failure(self, error: Failure) -> None:
        self._send(error.status, *error.encode(), error.headers)

    def _fail(self, fault: Fault) -> None:
        model = (self.asked or {}).get("model") or self.url_path.rpartition("/")[2]
        profile = self.server.profile
        self._send_failure(failure(self.provider, fault, model, self.request_id, self.url_path, profile))

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
