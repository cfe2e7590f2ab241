"""이 컴퓨터 밖으로 나가는 소켓을 모두 거절합니다. 테스트 프로세스와 노트북의 커널 양쪽에서 씁니다.

파이썬의 감사 훅(audit hook)을 씁니다. 어떤 라이브러리가 어떻게 연결하든 지나가고, 한 번 걸면 벗길 수 없습니다.
"""

from __future__ import annotations

import sys

tried: list[str] = []  # 거절한 주소들. 테스트가 예외를 삼켜도 여기에는 남습니다.


class NetworkUsed(BaseException):
    """테스트가 네트워크를 쓰려 했습니다. `except Exception`이 삼키지 못하게 `BaseException`입니다."""


def _audit(event: str, args: tuple) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        address = args
    else:
        return
    host = address[0] if isinstance(address, tuple) else None
    host = host.decode() if isinstance(host, bytes) else host
    if isinstance(host, str) and host not in ("", "localhost", "::1", "0.0.0.0") and not host.startswith("127."):
        tried.append(host)
        raise NetworkUsed(f"테스트에서는 네트워크를 쓰지 않습니다: {host}")


sys.addaudithook(_audit)
