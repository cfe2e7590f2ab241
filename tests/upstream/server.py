"""듣고, 검사하고, 답하거나 실패하는 HTTP 서버.

표준 라이브러리의 ThreadingHTTPServer를 씁니다: 의존성이 없고, 연결을 중간에 끊는 것 같은 실패를 소켓에서 진짜로 낼 수 있습니다.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming as ChatParams
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming as ResponsesParams

from . import chat, messages, models, responses, tokens
from .errors import Failure, failure
from .reply import Completion, Event, Reply
from .script import HTTP_FAULTS, Answer, Fault, Question, Script

HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "router.huggingface.co": "huggingface",
    "huggingface.co": "huggingface",
    "generativelanguage.googleapis.com": "gemini",
    "api.groq.com": "groq",
}


class Upstream(ThreadingHTTPServer):
    """대본 하나로 답하는 서버. `with Upstream(script) as server:` 안에서 `server.port`가 듣습니다."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, script: Script, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.script = script
        self.port: int = self.server_address[1]
        self.stopping = threading.Event()
        self.unanswered: list[str] = []
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __enter__(self) -> Upstream:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def times_asked(self, key: str) -> int:
        """같은 요청이 이번 전에 몇 번 왔는지."""
        with self._lock:
            self._asked[key] += 1
            return self._asked[key] - 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """받는 쪽이 스트림을 일찍 닫는 것은 오류가 아닙니다."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Upstream

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def _serve(self, answer: Callable[[], None]) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.path_only = urlsplit(self.path).path
        host = (self.headers.get("host") or "").partition(":")[0]
        by_path = "anthropic" if re.search(r"/messages(/|$)", self.path_only) else "openai"
        self.provider = HOSTS.get(host, by_path)
        try:
            self.request_body = json.loads(raw) if raw else {}
        except ValueError:
            self.request_body = None
        canonical = json.dumps(self.request_body, sort_keys=True, ensure_ascii=False)
        key = f"{self.provider} {self.path} {canonical}"
        self.nth = self.server.times_asked(key)
        self.digest = hashlib.sha256(f"{self.nth} {key}".encode()).hexdigest()
        try:
            self._check_key()
            answer()
        except Failure as error:
            kind, body = error.encode()
            self._send(error.status, kind, body, error.headers)

    def _fail(self, kind: str, message: str | None = None, param: str | None = None, code: str | None = None) -> None:
        """대본에 없어도 진짜처럼 나는 오류."""
        model = (self.request_body or {}).get("model") or self.path_only.rpartition("/")[2]
        error = failure(self.provider, Fault(kind, message, param), model, self._request_id())
        if code and isinstance(error.body, dict) and isinstance(error.body.get("error"), dict):
            error.body["error"]["code"] = code
        raise error

    def _check_key(self) -> None:
        if self.provider == "huggingface" and self.command == "GET":
            return
        if not any(self.headers.get(name) for name in ("authorization", "x-api-key", "x-goog-api-key")):
            self._fail(
                "invalid_api_key",
                "x-api-key header is required"
                if self.provider == "anthropic"
                else "You didn't provide an API key. You need to provide your API key in an Authorization header using "
                "Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )

    # 읽기: 모델 목록과 Hub의 제공자 표

    def _get(self) -> None:
        day = self.server.script.date.date()
        if found := re.fullmatch(r"/api/models/(.+)", self.path_only):
            return self._json(_provider_mapping(found[1], models.current("huggingface", day)))
        if not (found := re.search(r"/models(?:/(.+))?$", self.path_only)):
            raise Failure(404, {"error": {"message": f"Invalid URL (GET {self.path_only})", "code": None}})
        created = int(self.server.script.date.timestamp())
        listed = [_model(self.provider, name, created) for name in models.current(self.provider, day)]
        if found[1] is None:
            page: dict[str, Any] = {"data": listed}
            if self.provider == "anthropic":
                page |= {"has_more": False, "first_id": listed[0]["id"], "last_id": listed[-1]["id"]}
            else:
                page = {"object": "list", **page}
            return self._json(page)
        name = found[1].removeprefix("models/")
        one = next((model for model in listed if model["id"].removeprefix("models/") == name), None)
        if one is None:
            self._fail("model_not_found")
        self._json(one)

    # 답하기

    def _post(self) -> None:
        asked = self.request_body
        if not isinstance(asked, dict):
            self._fail("invalid_request", "We could not parse the JSON body of your request.")
        counting = self.path_only.endswith(("/messages/count_tokens", "/responses/input_tokens"))
        path = self.path_only.removesuffix("/count_tokens").removesuffix("/input_tokens")
        if path.endswith("/chat/completions") and self.provider != "anthropic":
            self._check_chat(asked)
            turns, form = _turns(asked["messages"]), chat
            limit, stop = asked.get("max_completion_tokens", asked.get("max_tokens")), asked.get("stop")
        elif path.endswith("/responses") and self.provider == "openai":
            self._check_responses(asked)
            turns, form = _responses_turns(asked), responses
            limit, stop = asked.get("max_output_tokens"), None
        elif path.endswith("/messages") and self.provider == "anthropic":
            self._check_messages(asked, counting)
            turns = [("system", _text(asked["system"]))] if asked.get("system") else []
            turns, form = turns + _turns(asked["messages"]), messages
            limit, stop = asked.get("max_tokens"), asked.get("stop_sequences")
        else:
            raise Failure(404, {"error": {"message": f"Invalid URL (POST {self.path_only})", "code": None}})
        self._check_model(asked["model"])
        prompt_tokens = tokens.prompt_tokens(turns, asked["model"])
        if counting:
            head = {} if self.provider == "anthropic" else {"object": "response.input_tokens"}
            return self._json({**head, "input_tokens": prompt_tokens})

        question = Question(self.provider, path, asked, turns)
        answers = self._answers(question, asked.get("n") or 1)
        fault = answers[0].fault
        if fault and fault.kind in HTTP_FAULTS:
            raise failure(self.provider, fault, asked["model"], self._request_id())
        if fault and fault.kind == "close":
            return self._hang_up()
        stops = [stop] if isinstance(stop, str) else stop or []
        reply = Reply(
            provider=self.provider,
            request=asked,
            model=models.served_as(self.provider, asked["model"]),
            created=int(self.server.script.date.timestamp()),
            completions=[Completion.of(answer, limit, stops) for answer in answers],
            prompt_tokens=prompt_tokens,
            digest=self.digest,
            token_ms=self.server.script.token_ms,
        )
        if asked.get("stream"):
            self._stream(form.events(reply), fault)
        else:
            self._json(form.body(reply), fault)

    def _answers(self, question: Question, n: int) -> list[Answer]:
        entry = self.server.script.find(question)
        if entry is None:
            self.server.unanswered.append(question.prompt)
            message = (
                f"대본에 이 요청의 답이 없습니다. 제공자 {question.provider}, 경로 {question.path}, "
                f"대화 {len(question.dialogue)}번째, 마지막 user 메시지: {question.prompt!r}"
            )
            raise Failure(599, {"error": {"message": message, "type": "no_script_entry"}}, {"x-should-retry": "false"})
        start = self.nth * n
        return [entry.answers[(start + i) % len(entry.answers)] for i in range(n)]

    # 검사: 대본이 없어도 제공자가 거절할 요청

    def _check_model(self, name: str) -> None:
        bare = name.partition(":")[0] if self.provider == "huggingface" else name.removeprefix("models/")
        if bare not in models.current(self.provider, self.server.script.date.date()):
            self._fail("model_not_found")

    def _check_chat(self, asked: dict[str, Any]) -> None:
        if not asked.get("model"):
            self._fail("invalid_request", "you must provide a model parameter")
        if "messages" not in asked:
            self._fail("invalid_request", "Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
        if not asked["messages"]:
            self._fail("invalid_request", "Invalid 'messages': empty array. Expected an array with minimum length 1, but "
                       "got an empty array instead.", "messages", "empty_array")  # fmt: skip
        if self.provider != "openai":
            return
        for name in asked.keys() - get_type_hints(ChatParams).keys():
            self._fail("invalid_request", f"Unrecognized request argument supplied: {name}")
        if _reasons(asked["model"]):
            if "max_tokens" in asked:
                self._fail("unsupported_parameter", "Unsupported parameter: 'max_tokens' is not supported with this model. "
                           "Use 'max_completion_tokens' instead.", "max_tokens")  # fmt: skip
            if not _samples(asked["model"], asked.get("reasoning_effort")):
                for name in ("temperature", "top_p"):
                    if asked.get(name) not in (None, 1):
                        message = (f"Unsupported value: '{name}' does not support {asked[name]} with this model. "
                                   "Only the default (1) value is supported.")  # fmt: skip
                        self._fail("unsupported_parameter", message, name, "unsupported_value")

    def _check_responses(self, asked: dict[str, Any]) -> None:
        if not asked.get("model"):
            self._fail("invalid_request", "Missing required parameter: 'model'.", "model", "missing_required_parameter")
        if not asked.get("input"):
            self._fail("invalid_request", "Missing required parameter: 'input'.", "input", "missing_required_parameter")
        for name in asked.keys() - get_type_hints(ResponsesParams).keys():
            self._fail("invalid_request", f"Unknown parameter: '{name}'.", name, "unknown_parameter")
        if _reasons(asked["model"]) and not _samples(asked["model"], (asked.get("reasoning") or {}).get("effort")):
            for name in ("temperature", "top_p"):
                if asked.get(name) not in (None, 1):
                    self._fail("unsupported_parameter", param=name)

    def _check_messages(self, asked: dict[str, Any], counting: bool) -> None:
        if not self.headers.get("anthropic-version"):
            self._fail("invalid_request", "anthropic-version: header is required")
        for name in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
            if name not in asked:
                self._fail("invalid_request", f"{name}: Field required")
        if not asked["messages"]:
            self._fail("invalid_request", "messages: at least one message is required")
        for message in asked["messages"]:
            if message.get("role") not in ("user", "assistant"):
                self._fail("invalid_request", f"messages: Unexpected role \"{message.get('role')}\". The Messages API accepts "
                           "a top-level `system` parameter, not \"system\" as an input message role.")  # fmt: skip

    # 보내기

    def _request_id(self) -> str:
        return f"req_authored_{self.digest[:24]}"

    def _common_headers(self) -> dict[str, str]:
        date = self.server.script.date
        milliseconds = str(self.server.script.first_token_ms)
        if self.provider == "anthropic":
            reset = date.strftime("%Y-%m-%dT%H:%M:%SZ")
            return {
                "request-id": self._request_id(),
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": reset,
                "anthropic-ratelimit-tokens-limit": "60000",
                "anthropic-ratelimit-tokens-remaining": "60000",
                "anthropic-ratelimit-tokens-reset": reset,
            }
        if self.provider == "huggingface":
            return {"x-request-id": self._request_id(), "x-inference-provider": "authored"}
        if self.provider == "gemini":
            return {"server-timing": f"gfet4t7; dur={milliseconds}"}
        limits = {
            "x-request-id": self._request_id(),
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-limit-tokens": "200000",
            "x-ratelimit-remaining-requests": "499",
            "x-ratelimit-remaining-tokens": "199950",
            "x-ratelimit-reset-requests": "120ms",
            "x-ratelimit-reset-tokens": "15ms",
        }
        if self.provider == "groq":
            return limits
        return {**limits, "openai-processing-ms": milliseconds, "openai-version": "2020-10-01"}

    def _start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status, "No Script Entry" if status == 599 else None)
        for name, value in {"server": "llmkit-upstream", **self._common_headers(), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str], keep: int | None = None) -> None:
        self._start(status, {"content-type": kind, "content-length": str(len(body)), **headers})
        self.wfile.write(body[:keep])

    def _json(self, body: dict[str, Any], fault: Fault | None = None) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        if fault and fault.kind == "stall":
            self.server.stopping.wait(fault.seconds)
            return self._hang_up()
        self.server.stopping.wait(self.server.script.first_token_ms / 1000)
        half = len(data) // 2 if fault and fault.kind == "drop" else None
        self._send(200, "application/json", data, {}, keep=half)
        if half is not None:
            self._hang_up()

    def _stream(self, events: Iterable[Event], fault: Fault | None) -> None:
        script, sent = self.server.script, 0
        patience = {"stall": 0, "drop": 3, "error_event": 3}.get(fault.kind, 0) if fault else None
        if fault and fault.after_chunks is not None:
            patience = fault.after_chunks
        if fault and fault.kind == "stall" and patience == 0:
            self.server.stopping.wait(fault.seconds)
            return self._hang_up()
        self._start(200, {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked",
                          "cache-control": "no-cache"})  # fmt: skip
        self.server.stopping.wait(script.first_token_ms / 1000)
        for event in events:
            if fault and event.text and sent == patience:
                break
            if event.text:
                sent += 1
                self.server.stopping.wait(script.token_ms / 1000)
            self._chunk(event.data)
        else:
            self.wfile.write(b"0\r\n\r\n")
            return
        if fault.kind == "error_event":
            self._chunk(self._error_event(fault))
            self.wfile.write(b"0\r\n\r\n")
        else:
            if fault.kind == "stall":
                self.server.stopping.wait(fault.seconds)
            self._hang_up()

    def _error_event(self, fault: Fault) -> str:
        error = failure(self.provider, Fault("overloaded", fault.message), request_id=self._request_id()).body
        if self.path_only.endswith("/responses"):
            error = {"type": "error", "sequence_number": 99, "code": "server_error", "param": None, **error["error"]}
            error["type"] = "error"
        return f"event: error\ndata: {json.dumps(error, ensure_ascii=False)}\n\n"

    def _chunk(self, data: str) -> None:
        raw = data.encode()
        self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _text(content: Any) -> str:
    """글이거나 조각의 목록인 내용에서 글만 모읍니다."""
    if isinstance(content, list):
        return "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content or ""


def _turns(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item.get("role", ""), _text(item.get("content"))) for item in items]


def _responses_turns(asked: dict[str, Any]) -> list[tuple[str, str]]:
    system = [("developer", asked["instructions"])] if asked.get("instructions") else []
    given = asked["input"]
    return system + ([("user", given)] if isinstance(given, str) else _turns(given))


def _reasons(model: str) -> bool:
    return re.match(r"o\d|gpt-[5-9]", model) is not None


def _samples(model: str, effort: str | None) -> bool:
    """temperature와 top_p를 받는가: 새 추론 모델은 reasoning_effort="none"일 때만, 옛 추론 모델은 늘 거절합니다(facts.md)."""
    always_refuses = re.match(r"o\d|gpt-5(-mini|-nano)?(-\d{4}-\d\d-\d\d)?$", model)
    return effort == "none" and not always_refuses


def _model(provider: str, name: str, created: int) -> dict[str, Any]:
    if provider == "anthropic":
        ends = models.shutdowns().get(name)
        return {
            "type": "model",
            "id": name,
            "display_name": name.replace("-", " ").title(),
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "deprecated" if ends else "active",
            "retires_at": f"{ends}T00:00:00Z" if ends else None,
        }
    if provider == "gemini":
        return {"id": f"models/{name}", "object": "model", "owned_by": "google"}
    return {"id": name, "object": "model", "created": created, "owned_by": {"openai": "system"}.get(provider, provider)}


def _provider_mapping(name: str, known: list[str]) -> dict[str, Any]:
    if name not in known:
        raise Failure(404, {"error": "Repository not found"}, {"x-error-code": "RepoNotFound"})
    route = {"status": "live", "providerId": name, "task": "conversational", "isModelAuthor": False}
    return {"_id": "authored", "id": name, "inferenceProviderMapping": {"groq": route}}


