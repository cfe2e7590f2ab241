"""Colab이 노트북에 넣어 두는 `google.colab`의 대역. 보안 비밀(`userdata`)이 답하는 여러 가지를 흉내 냅니다.

PyPI의 google-colab은 Colab 밖에서 쓸 수 없어 시험에 도움이 되지 않습니다. 예외의 이름과 갈래는 2026년 8월의 Colab을 따랐습니다.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import ModuleType


class Error(Exception):
    """google.colab.errors.Error"""


class SecretNotFoundError(Error):
    """그런 이름의 비밀이 없습니다."""


class TimeoutException(Error):
    """Colab의 화면이 10초 안에 답하지 않았습니다."""


class NotebookAccessError(Exception):
    """비밀은 있지만 이 노트북의 액세스가 꺼져 있습니다."""


class Secrets:
    """`answers`에 이름마다 돌려줄 값이나 낼 예외를 적습니다. 없으면 SecretNotFoundError입니다. 물은 이름은 `asked`에 남습니다."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.asked: list[str] = []

    def get(self, name: str) -> object:
        self.asked.append(name)
        answer = self.answers.get(name, SecretNotFoundError(f"Secret {name} does not exist."))
        if isinstance(answer, TimeoutException):
            time.sleep(0.2)  # 진짜는 10초입니다.
        if isinstance(answer, BaseException):
            raise answer
        return answer


def modules(get: Callable[[str], object]) -> dict[str, ModuleType]:
    """`sys.modules`에 넣을 것."""
    google, colab, userdata = map(ModuleType, ("google", "google.colab", "google.colab.userdata"))
    google.colab, colab.userdata, userdata.get = colab, userdata, get
    return {module.__name__: module for module in (google, colab, userdata)}


if __name__ == "__main__":  # LLMKIT_FAKE_COLAB이 있으면 노트북의 커널이 첫 셀보다 먼저 실행합니다(conftest.py).
    sys.modules.update(modules(Secrets().get))
