"""요청 하나를 알아보기: 누구에게 가는 요청이며, 어떤 녹화와 같은 요청인가."""

from __future__ import annotations

import base64
import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any

from ..common.providers import PROVIDERS

_BY_HOST = {host: provider.name for provider in PROVIDERS.values() for host in provider.hosts}
_HUB = "https://huggingface.co/"
_VERSION = re.compile(r".*/v\d+(?:alpha|beta)?\d*(?:/openai)?(?=/)")
_API = re.compile(
    r"/(?:deployments/[^/]+/)?(?:chat/completions|completions|responses|messages|embeddings|models|batches|files|api/(?:chat|generate))\b"
)
KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
# 게이트웨이마다 키를 싣는 이름이 다릅니다. 목록의 다음 쪽을 가리키는 것(page_token)은 키가 아닙니다.
_KEY_PARAMETER = re.compile(
    r"(?!page|next|continuation|sync|cursor)([\w.-]*(key|token|secret|signature|password|auth)|sig|code)", re.I
)
_KEY_HEADER = re.compile(r"(?!idempotency)[\w-]*(key|token|secret|auth|cookie|signature|password)", re.I)
_BOUNDARY = re.compile(r"boundary=\"?([^\";]+)")


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


# 요청마다 새로 만들지 않고 함께 씁니다.
_from_json = json.JSONDecoder(parse_float=_number).decode
_to_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


class Ask:
    """비교할 수 있게 다듬은 요청입니다. 헤더와 호스트는 비교하지 않습니다.

    `key`가 같으면 같은 요청입니다: 0과 0.0은 같고, 한글은 NFC로 맞추며, JSON 키의 순서는 보지 않습니다. `body`와 `key`는
    재생하거나 녹화할 때만 쓰이므로 물을 때 만듭니다. 큰 파일을 올리는 실제 호출에서는 만들지 않습니다.
    """

    def __init__(self, provider: str, request: Any) -> None:
        self.provider = provider
        self.request = request  # httpx의 요청 그대로
        self.method: str = request.method
        self.path = api_path(request.url.path)  # 기본 주소 뒤의 경로: "/chat/completions"
        params: Any = request.url.params if request.url.query else ()
        # Gemini처럼 키를 주소에 적기도 합니다.
        self._in_address = [name for name in params if _KEY_PARAMETER.fullmatch(name)]
        for name in self._in_address:
            params = params.remove(name)
        if query := str(params or ""):
            self.path += "?" + query

    @property
    def content(self) -> bytes:
        """요청의 본문입니다. 아직 읽지 않은 파일을 실제로 올리는 중이면 비어 있습니다."""
        try:
            return self.request.content
        except RuntimeError:  # RequestNotRead
            return b""

    @cached_property
    def body(self) -> Any:
        """JSON이면 파이썬 값, 아니면 문자열입니다."""
        content = self.content
        if boundary := _BOUNDARY.search(self.request.headers.get("content-type", "")):
            content = content.replace(boundary[1].encode(), b"BOUNDARY")  # 보낼 때마다 새로 뽑는 값입니다.
        try:
            return _from_json(content.decode("utf-8"))
        except (ValueError, RecursionError):
            return content.decode("utf-8", "backslashreplace")

    @cached_property
    def key(self) -> str:
        try:
            return request_key(self.provider, self.method, self.path, self.body)
        except RecursionError:  # 수천 겹으로 겹친 값은 글로 보고 비교합니다.
            self.body = self.content.decode("utf-8", "backslashreplace")
            return request_key(self.provider, self.method, self.path, self.body)

    def keys(self) -> list[str]:
        """제공자의 키를 싣는 헤더와 주소의 값들입니다. 호출마다 봅니다."""
        headers = [self.request.headers.get(name, "").split(" ")[-1] for name in KEY_HEADERS]
        return headers + [self.request.url.params[name] for name in self._in_address]

    def secrets(self) -> list[str]:
        """요청에 실려 나가는 비밀들입니다: 주소, 이름이 키 같은 헤더, 비밀번호. 짧은 단어도 섞여 있습니다."""
        values = [value for name in self._in_address for value in self.request.url.params.get_list(name)]
        for name, value in self.request.headers.multi_items():
            if _KEY_HEADER.match(name):  # "Bearer 키", "이름=키; ..."
                values += [value.split(" ")[-1], *re.split(r"[\s;,=]+", value)]
            if name.lower().endswith("authorization") and value[:6].lower() == "basic ":
                with suppress(ValueError):  # 이름만 같고 base64가 아닙니다.
                    values += base64.b64decode(value[6:] + "==").decode("latin-1").split(":", 1)
        return values

    @property
    def model(self) -> str | None:
        return model_in(self.body)


def owner(request: Any) -> str | None:
    """요청의 주인인 제공자 이름. 강좌와 상관없는 요청이면 None입니다.

    호스트를 먼저 보고, 모르는 호스트면(프록시, 직접 정한 base_url) SDK의 user agent를 봅니다.
    """
    constants = sys.modules.get("huggingface_hub.constants")  # HF_ENDPOINT로 바꾼 미러도 Hub입니다.
    hubs = (_HUB, f"{constants.ENDPOINT}/") if constants else _HUB
    if str(request.url).startswith(hubs):  # 모델 파일 내려받기는 건드리지 않고, 인퍼런스 제공자를 묻는 요청만 맡습니다.
        return "huggingface" if b"inferenceProviderMapping" in request.url.query else None
    by_host = _BY_HOST.get(request.url.host)
    if by_host and by_host != "local":
        return by_host
    by_sdk = _sdk(request)
    if by_host:
        return by_host if by_sdk or _API.search(request.url.path) else None
    return by_sdk


def _sdk(request: Any) -> str | None:
    agent = request.headers.get("user-agent", "").lower()
    if "hf_hub/" in agent:  # 큰 파일은 다른 호스트에서 내려받습니다.
        return "huggingface" if request.method == "POST" else None
    by_class = next((name for name in ("openai", "anthropic") if f"{name}/python" in agent), None)
    if by_class or "x-stainless-lang" not in request.headers:
        return by_class
    # 상속하거나 클라우드에 맞춘 클라이언트는 클래스의 이름이 다릅니다. 다른 회사의 SDK도 같은 헤더를 보내므로 버전까지 봅니다.
    version = request.headers.get("x-stainless-package-version")
    loaded = [name for name in ("openai", "anthropic") if name in sys.modules]
    return next((name for name in loaded if sys.modules[name].__version__ == version), None)


def api_path(path: str) -> str:
    """기본 주소를 뗀 API 경로입니다.

    >>> api_path("/v1/chat/completions"), api_path("/v1beta/openai/chat/completions"), api_path("/proxy/messages")
    ('/chat/completions', '/chat/completions', '/messages')
    >>> api_path("/openai/deployments/mine/chat/completions")  # Azure에서는 배포의 이름이 모델을 정합니다.
    '/deployments/mine/chat/completions'
    """
    if version := _VERSION.match(path):
        return path[version.end() :]
    found = _API.search(path)
    return path[found.start() :] if found else path


def request_key(provider: str, method: str, path: str, body: Any) -> str:
    """같은 요청이면 같은 문자열입니다."""
    text = _to_canonical([provider, method, path, body])
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def model_in(body: Any) -> str | None:
    """요청의 본문에 적은 모델 이름입니다."""
    model = body.get("model") if isinstance(body, dict) else None
    return model if isinstance(model, str) else None


def leaves(value: Any) -> Iterator[tuple[str, Any]]:
    """JSON 값을 ("messages[0].content", "안녕")처럼 납작하게 폅니다. 깊이 겹친 값도 되도록, 남은 것을 쌓아 두고 폅니다.

    >>> [*leaves({"a": {"b": 1}, "a.b": [2]})]  # 점이 든 이름은 따옴표로 구별합니다.
    [('a.b', 1), ('"a.b"[0]', 2)]
    """
    waiting = [("", value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            names = {name: f'"{name}"' if "." in str(name) else str(name) for name in value}
            inside = [(f"{path}.{names[name]}" if path else names[name], item) for name, item in value.items()]
            waiting += reversed(inside)
        elif isinstance(value, list) and value:
            waiting += reversed([(f"{path}[{index}]", item) for index, item in enumerate(value)])
        else:
            yield path or "본문", value
