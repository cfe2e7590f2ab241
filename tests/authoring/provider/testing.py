"""테스트에서 서버를 쓰는 법: `with stand_in(대본의 글) as server:` 안에서는 모든 요청이 이 서버로 옵니다."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import redirect
from .profiles import TODAY, Profile
from .script import Script
from .server import Upstream

QUICK = "date = 2026-11-21T09:00:00+09:00\nfirst_token_ms = 0\ntoken_ms = 0\n"


@contextmanager
def stand_in(entries: str, top: str = QUICK, profile: Profile = TODAY) -> Iterator[Upstream]:
    """`[[entry]]`들의 글로 서버를 띄우고 요청을 돌렸다가, 끝나면 되돌립니다."""
    with Upstream(Script.parse(top + entries), profile=profile) as server:
        redirect.install(server.port)
        try:
            yield server
        finally:
            redirect.uninstall()
