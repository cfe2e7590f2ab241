"""재생하는 동안 SDK가 재시도 전에 쉬는 시간도 pace만큼만 쉬게 합니다. 계획한 시간은 장부에 남깁니다.

바꾼 시계를 쓰는 것은 방금 **재생한 실패** 바로 다음의 쉼 한 번뿐입니다. 실제로 호출한 요청의 재시도는 늘 제 시간을 쉽니다.
"""

from __future__ import annotations

import sys
import time
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from ..common import clock
from ..common.ledger import Call

_SDK_SLEEPERS = ("openai._base_client", "anthropic._base_client")

_originals: list[tuple[ModuleType, str, Any]] = []
# 이 스레드나 태스크가 방금 재생한, SDK가 다시 시도할 수 있는 호출
_failed_call: ContextVar[Call | None] = ContextVar("failed_call", default=None)


def expect_retry(call: Call | None) -> None:
    """다음 쉼이 누구의 것인지 정합니다. 재생한 호출이 아니면 None입니다."""
    may_retry = call is not None and (call.status is None or call.status >= 400)
    _failed_call.set(call if may_retry else None)
    if may_retry:
        _pace_sdk_sleeps()


def restore() -> None:
    """SDK의 시계를 되돌립니다."""
    while _originals:
        setattr(*_originals.pop())


def _pace_sdk_sleeps() -> None:
    for sdk in filter(None, map(sys.modules.get, _SDK_SLEEPERS)):
        for name, sleep in (("time", _sleep), ("anyio", _async_sleep)):
            if not isinstance(original := getattr(sdk, name), _Paced):
                _originals.append((sdk, name, original))
                setattr(sdk, name, _Paced(original, sleep))


class _Paced:
    """`sleep`만 바꾼 모듈입니다. 나머지는 원래 모듈의 것을 그대로 돌려줍니다."""

    def __init__(self, module: ModuleType, sleep: Any) -> None:
        self._module, self.sleep = module, sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _planned(seconds: float) -> float:
    call = _failed_call.get()
    _failed_call.set(None)
    if call is None or clock.pace() is None:
        return seconds
    call.waited_s = seconds
    return clock.wait_for(seconds)


def _sleep(seconds: float) -> None:
    if (wait := _planned(seconds)) > 0:
        time.sleep(wait)


async def _async_sleep(seconds: float) -> None:
    import anyio

    await anyio.sleep(max(0.0, _planned(seconds)))
