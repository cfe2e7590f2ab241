"""llmkit이 던지는 예외를 모두 모았습니다.

BaseException
└─ Halt
   ├─ CassetteMiss
   ├─ PlaceholderKey
   └─ BudgetReached
Exception
├─ CassetteError
├─ Refused
├─ RuntimeError
│  └─ StreamError
└─ LookupError
   └─ UnknownPrice

`Halt`만 `Exception`이 아닙니다. 그래야 SDK의 재시도와 `except Exception`이 삼키지 않습니다.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class Halt(BaseException):
    """llmkit이 요청을 멈췄습니다. 긴 호출 경로 없이 이유만 보여 줍니다."""

    was_handed_over = False  # 작업자 프로세스가 부모에게 돌려주었습니다. 거기서 다시 나므로 여기서는 보이지 않습니다.

    def __reduce__(self) -> Any:
        reduced = super().__reduce__()
        self.was_handed_over = True
        return reduced

    def _render_traceback_(self) -> list[str]:
        """IPython이 부릅니다. SDK 속을 지나온 수십 줄 대신 이 메시지만 보입니다."""
        return f"{type(self).__name__}: {self}".splitlines()


class CassetteMiss(Halt):
    """재생 중에 저장되지 않은 요청을 했습니다. 네트워크로는 아무것도 보내지 않았습니다."""


class PlaceholderKey(Halt):
    """키가 없을 때 넣은 가짜 키로 만든 클라이언트가 실제 호출을 하려 했습니다."""


class BudgetReached(Halt):
    """녹화의 예산을 다 썼습니다. 이 요청은 보내지 않았습니다."""


class CassetteError(Exception):
    """카세트를 읽을 수 없습니다. 어느 파일의 어디가 왜 잘못되었는지 말합니다."""


class Refused(Exception):
    """명령줄에서 시킨 일을 할 수 없습니다. 이유와 할 일을 말합니다."""


class StreamError(RuntimeError):
    """제공자가 200으로 시작한 스트림 안에서 오류를 알렸습니다. SDK가 예외로 바꾸지 않는 오류만 여기로 옵니다."""


class UnknownPrice(LookupError):
    """요금을 알 수 없습니다. 모르는 요금을 0으로 세지 않으려고 멈춥니다."""


def did_you_mean(name: object, known: Iterable[str], cutoff: float = 0.4) -> str:
    """철자가 비슷한 아는 이름이 있으면 되묻는 문장입니다. 메시지의 뒤에 그대로 붙입니다.

    >>> did_you_mean("opneai", ["openai", "anthropic"])
    " 혹시 'openai'입니까?"
    """
    near = difflib.get_close_matches(str(name).lower(), list(known), n=1, cutoff=cutoff)
    return f" 혹시 {near[0]!r}입니까?" if near else ""
