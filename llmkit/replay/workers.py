"""`except Exception`에 걸린 것만 기다리는 쪽에 돌려주는 모듈들: 프로세스와 스레드의 풀, Jupyter와 함께 설치되는 tornado.

`Halt`는 `Exception`이 아니므로 그대로 두면 일하던 쪽만 조용히 죽고, 부모나 `await`는 오지 않을 결과를 기다리며 멈춥니다.
`concurrent.futures`와 asyncio는 모든 예외를 돌려주므로 손댈 것이 없습니다.
"""

from __future__ import annotations

import contextlib
import importlib
import sys

from ..common.errors import Halt

# multiprocess는 datasets가 쓰는, multiprocessing과 같은 코드의 복사본입니다.
_MODULES = ("multiprocessing.pool", "multiprocess.pool", "tornado.simple_httpclient")


def return_halts() -> None:
    """그 모듈들이 보는 `Exception`에 `Halt`를 더합니다. 멈춤만 더 돌려줄 뿐이므로 `setup`을 나가도 되돌리지 않습니다.

    `with setup(...)` 안에서 멈추면 예외가 풀에 닿기 전에 세션이 먼저 끝나기 때문이기도 합니다.
    """
    with contextlib.suppress(ImportError):  # 브라우저의 파이썬에는 프로세스가 없습니다.
        importlib.import_module(_MODULES[0])
    for module in filter(None, map(sys.modules.get, _MODULES)):
        setattr(module, "Exception", (Exception, Halt))  # noqa: B010 - 모듈에 없던 이름입니다.
