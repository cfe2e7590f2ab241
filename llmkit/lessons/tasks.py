"""비동기 함수인 답을 부릅니다: 노트북의 이벤트 루프는 이미 돌고 있으므로, 다른 스레드에 새 루프를 켜 끝까지 실행합니다."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from typing import Any

from ..common.ipython import IN_PAGE
from .answers import SECONDS, Wrong, call


def call_async(function: Any, *arguments: Any, name: str) -> Any:
    """`async def`로 만든 답을 불러 그 값을 얻습니다. 틀린 것은 `answers.call`처럼 `Wrong`과 `Unfilled`로 말합니다."""
    if callable(function) and not inspect.iscoroutinefunction(function):
        raise Wrong(f"`{name}` 함수는 `async def`로 정의하세요.")
    return call(_Finished(function, name) if callable(function) else function, *arguments, name=name)


class _Finished:
    """코루틴 함수를 보통 함수처럼 부르게 합니다. `call`이 남은 빈칸과 틀린 줄을 찾도록 코드도 함께 보입니다."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self._function, self._name = function, name
        self.__code__ = getattr(function, "__code__", None)

    def __call__(self, *arguments: Any) -> Any:
        done: list[Any] = []

        def run() -> None:
            try:
                done.append(asyncio.run(asyncio.wait_for(self._function(*arguments), SECONDS)))
            except BaseException as error:
                done.append(error)

        if IN_PAGE:  # 거기에는 스레드가 없고, 도는 루프 안에서도 asyncio.run이 끝까지 실행합니다.
            run()
        else:
            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            thread.join(SECONDS + 1)
        if not done or isinstance(done[0], TimeoutError):
            raise Wrong(
                f"`{self._name}` 함수가 {SECONDS:.0f}초 안에 끝나지 않습니다. 끝나지 않는 기다림이 있는지 보세요."
            )
        if isinstance(done[0], BaseException):
            raise done[0]
        return done[0]


class Calls:
    """학습자의 함수에 넘길 비동기 `send`: 한꺼번에 떠 있던 수와 받은 것을 적고, 답을 돌려주거나 정해 둔 예외를 던집니다."""

    def __init__(self, failures: dict[Any, BaseException] | None = None) -> None:
        self.failures = failures or {}
        self.asked: list[Any] = []
        self.finished: list[Any] = []
        self.running = self.peak = 0

    async def __call__(self, letter: Any) -> str:
        self.asked.append(letter)
        self.running += 1
        self.peak = max(self.peak, self.running)
        for _ in range(3):  # 시계가 아니라 루프의 바퀴 수로 기다리므로 언제 채점해도 같습니다.
            await asyncio.sleep(0)
        self.running -= 1
        self.finished.append(letter)
        if letter in self.failures:
            raise self.failures[letter]
        return f"{letter} 요약"
