"""문지기: 재생 중인 제공자에게, 훅이 볼 수 없는 길(httpx가 아닌 라이브러리)로 나가는 연결을 막습니다.

파이썬의 `socket`에 호스트의 주소를 묻거나(asyncio와 스레드도 여기를 지나갑니다) 프록시에게 그 호스트로 이어 달라고 할 때 이름을 봅니다.
추론을 해 주는 호스트만 막습니다. 주소를 스스로 찾는 라이브러리(aiodns, gRPC)와, `setup`을 부르지 않은 다른 프로세스는 볼 수 없습니다.
"""

from __future__ import annotations

import functools
import re
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ..common.errors import CassetteMiss, Halt
from ..common.providers import served_by
from . import workers


class Gate(Protocol):
    """문지기가 묻는 상대입니다. `setup`이 만드는 `Session`이 그것입니다."""

    @property
    def halts(self) -> list[Halt]: ...

    def refuses(self, providers: Iterable[str]) -> bool:
        """이 제공자들이 모두 재생 중이면 True입니다."""
        ...


Current = Callable[[], Gate | None]

_ASKS = ((socket, "getaddrinfo"), (socket, "gethostbyname"), (socket, "gethostbyname_ex"))
_CONNECTS = ((socket.socket, "connect"), (socket.socket, "connect_ex"))
# TLS로 말하는 프록시에게는 socket.send를 지나지 않고 보냅니다. sendmsg는 Windows에 없고, asyncio가 여러 조각을 한꺼번에 보낼 때 씁니다.
_SENDS = [(socket.socket, "send"), (socket.socket, "sendall"), (ssl.SSLSocket, "send"), (ssl.SSLObject, "write")]
_SENDS += [(socket.socket, "sendmsg")] if hasattr(socket.socket, "sendmsg") else []
# 프록시에게 보내는 첫 줄: "CONNECT api.openai.com:443 ..." 또는 "POST http://api.openai.com/v1 ..."
_PROXIED = re.compile(rb"(?:CONNECT |[A-Z]{3,8} https?://)(?:[^@/\s]*@)?([^:/\s]+)")

_originals: list[tuple[Any, str, Any]] = []


def install(current: Current) -> None:
    """이제부터 호스트의 이름을 볼 때마다 `current()`에 묻습니다."""
    for place, name in _ASKS:
        _wrap(place, name, lambda host="", *_, **named: check(current(), named.get("host", host)))
    for place, name in _CONNECTS:
        _wrap(place, name, lambda _, address=None: _check_address(current, address))
    for place, name in _SENDS:
        _watch_sends(place, name, current)


def uninstall() -> None:
    """모든 것을 원래대로 되돌립니다."""
    while _originals:
        setattr(*_originals.pop())


def _wrap(place: Any, name: str, look: Callable[..., None]) -> None:
    original = getattr(place, name)
    _originals.append((place, name, original))

    @functools.wraps(original)
    def looked(*arguments: Any, **options: Any) -> Any:
        look(*arguments, **options)
        return original(*arguments, **options)

    setattr(place, name, looked)


def _check_address(current: Current, address: Any) -> None:
    if isinstance(address, tuple) and address:  # 유닉스 소켓의 주소는 파일의 이름입니다.
        check(current(), address[0])


def _watch_sends(place: Any, name: str, current: Current) -> None:
    original, is_proxied = getattr(place, name), _PROXIED.match
    _originals.append((place, name, original))

    @functools.wraps(original)
    def send(sock: Any, data: Any, *rest: Any) -> Any:  # 큰 파일은 수천 번 나누어 보내므로 짧게 둡니다.
        if proxied := is_proxied(data):
            check(current(), proxied[1])
        return original(sock, data, *rest)

    @functools.wraps(original)
    def sendmsg(sock: Any, buffers: Iterable[Any], *rest: Any) -> Any:
        buffers = list(buffers)
        if proxied := is_proxied(b"".join(buffers[:1])):
            check(current(), proxied[1])
        return original(sock, buffers, *rest)

    setattr(place, name, sendmsg if name == "sendmsg" else send)


def check(gate: Gate | None, host: object) -> None:
    """재생 중인 제공자의 호스트이면 `CassetteMiss`를 냅니다."""
    name = host.decode("latin-1") if isinstance(host, (bytes, bytearray)) else str(host)
    providers = served_by(name.rstrip("."))
    if gate is None or not providers or not gate.refuses(providers):
        return
    halt = CassetteMiss(
        f"재생 중이므로 {name}에 연결하지 않았습니다. 아무것도 보내지 않았습니다.\n"
        "  녹화는 수업의 클라이언트(httpx를 쓰는 SDK)가 제공자의 주소로 보낸 요청에만 답합니다.\n"
        "계속하려면:\n"
        "  - OpenAI(), Anthropic(), InferenceClient()처럼 수업의 클라이언트로 보내세요.\n"
        '  - 실제로 보내려면 llmkit.setup(mode="live")로 다시 시작하세요(요금이 듭니다).'
    )
    workers.return_halts()
    gate.halts.append(halt)  # 라이브러리가 삼켜도 셀이 끝날 때 보입니다.
    raise halt
