"""듣고, 답하거나 실패하는 HTTP 서버. 요청 하나를 다루는 일은 `handler`가 합니다.

표준 라이브러리의 ThreadingHTTPServer를 씁니다: 의존성이 없고, 연결이 끊기는 실패를 소켓에서 진짜로 냅니다.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from http.server import ThreadingHTTPServer
from typing import Any

from . import tokens
from .batches import Batches
from .caches import Caches
from .diagnoses import Diagnoses
from .handler import Handler
from .profiles import TODAY, Profile
from .script import Script
from .state import State


class Upstream(ThreadingHTTPServer):
    """대본 하나로 답하는 서버. `with Upstream(script) as server:` 안에서 `server.port`가 듣습니다.

    `unanswered`에는 대본에 답이 없던 요청의 마지막 user 메시지가 쌓입니다.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, script: Script, port: int = 0, profile: Profile = TODAY) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.script = script
        self.profile = profile
        self.port: int = self.server_address[1]
        self.stopping = threading.Event()
        self.unanswered: list[str] = []
        self.state = State()
        self.caches = Caches()
        self.diagnoses = Diagnoses()
        self.batches = Batches(int(script.date.timestamp()))
        self.log: list[dict[str, Any]] = []  # 온 요청들(시각 없음): 테스트가 무엇을 몇 번 보냈는지 셉니다.
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __enter__(self) -> Upstream:
        tokens.count("")  # 어휘를 미리 읽어, 첫 요청만 느려지지 않게 합니다.
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()

    @property
    def requests(self) -> int:
        """지금까지 대본에 물은 요청의 수."""
        return sum(self._asked.values())

    def times_asked(self, request: str) -> int:
        """같은 요청이 이번 전에 몇 번 왔는지."""
        with self._lock:
            self._asked[request] += 1
            return self._asked[request] - 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """받는 쪽이 스트림을 일찍 닫는 것은 오류가 아닙니다."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)
