"""다른 프로세스에서 멈춘 것: 풀(`multiprocessing.Pool`, `ThreadPool`)의 작업자가 멈춤을 부모에게 돌려주게 합니다.

풀의 작업자는 `except Exception`에 걸린 것만 돌려줍니다. `Halt`는 `Exception`이 아니므로 그대로 두면 작업자만 조용히 죽고, 부모는 오지
않을 결과를 기다리며 멈춥니다. `concurrent.futures`는 모든 예외를 돌려주므로 손댈 것이 없습니다.
"""

from __future__ import annotations

import contextlib
import importlib
import sys

from ..common.errors import Halt

_POOLS = ("multiprocessing.pool", "multiprocess.pool")  # 뒤의 것은 datasets가 쓰는, 같은 코드의 복사본입니다.


def return_halts() -> None:
    """풀의 모듈이 보는 `Exception`에 `Halt`를 더합니다. 멈춤만 더 돌려줄 뿐이므로 `setup`을 나가도 되돌리지 않습니다.

    `with setup(...)` 안에서 멈추면 예외가 풀에 닿기 전에 세션이 먼저 끝나기 때문이기도 합니다.
    """
    with contextlib.suppress(ImportError):  # 브라우저의 파이썬에는 프로세스가 없습니다.
        importlib.import_module(_POOLS[0])
    for pool in filter(None, map(sys.modules.get, _POOLS)):
        setattr(pool, "Exception", (Exception, Halt))  # noqa: B010 - 모듈에 없던 이름입니다.
