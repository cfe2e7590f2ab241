"""httpx2와 httpx가 보내는 요청을 이 컴퓨터의 서버로 돌립니다: 네트워크가 통째로 옮겨진 것과 같습니다.

`llmkit`의 훅보다 먼저 설치해서 그 아래에 놓습니다. 녹화기는 https://api.openai.com으로 보낸 요청을 보지만,
실제로 답한 상대가 루프백인 것을 연결에서 알아내므로 `authored`로 적습니다.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable
from typing import Any

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_originals: list[tuple[type, str, Callable[..., Any]]] = []


def install(port: int) -> None:
    """루프백이 아닌 모든 요청을 `http://127.0.0.1:port`로 보냅니다. Host 헤더는 원래 것을 둡니다."""
    if _originals:
        raise RuntimeError("이미 설치되어 있습니다. 먼저 redirect.uninstall()을 부르세요.")
    # 프록시를 쓰는 클라이언트는 루프백까지 프록시에 부탁하므로, 환경 변수의 프록시를 없앱니다.
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    for library in ("httpx2", "httpx"):
        try:
            module = importlib.import_module(library)
        except ImportError:
            continue
        _patch(module, module.HTTPTransport, "handle_request", port)
        _patch(module, module.AsyncHTTPTransport, "handle_async_request", port)


def uninstall() -> None:
    """`install`을 되돌립니다."""
    while _originals:
        transport, method, original = _originals.pop()
        setattr(transport, method, original)


def _patch(module: Any, transport: type, method: str, port: int) -> None:
    original = getattr(transport, method)
    _originals.append((transport, method, original))

    # 동기 메서드는 응답을, 비동기 메서드는 기다릴 것을 돌려줍니다. 둘 다 그대로 넘기면 됩니다.
    @functools.wraps(original)
    def redirected(self: Any, request: Any) -> Any:
        if request.url.host not in LOOPBACK:
            request = module.Request(
                method=request.method,
                url=request.url.copy_with(scheme="http", host="127.0.0.1", port=port),
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        return original(self, request)

    setattr(transport, method, redirected)
