"""이 컴퓨터 밖으로 나가는 소켓을 모두 거절합니다. 테스트 프로세스와 노트북의 커널 양쪽에서 씁니다."""

from __future__ import annotations

import socket

_connect, _connect_ex, _getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo


class NetworkUsed(BaseException):
    """테스트가 네트워크를 쓰려 했습니다."""


def _check(address: object) -> None:
    host = address[0] if isinstance(address, tuple) else ""
    if host not in ("", "localhost", "::1", "0.0.0.0") and not str(host).startswith("127."):
        raise NetworkUsed(f"테스트에서는 네트워크를 쓰지 않습니다: {host}")


def refuse_network() -> None:
    def connect(self: socket.socket, address: object) -> None:
        _check(address)
        return _connect(self, address)

    def connect_ex(self: socket.socket, address: object) -> int:
        _check(address)
        return _connect_ex(self, address)

    def getaddrinfo(host: object, *args: object, **kwargs: object) -> object:
        _check((host if isinstance(host, str) else (host or b"").decode(),))
        return _getaddrinfo(host, *args, **kwargs)

    socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo = connect, connect_ex, getaddrinfo


refuse_network()
