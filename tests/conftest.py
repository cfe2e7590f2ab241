"""여러 방의 테스트가 함께 쓰는 것."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmkit.session import current_session
from tests.authoring.provider import redirect
from tests.loopback import reserved_port

# 새 수업의 틀입니다. 채우기 전에는 돌지 않습니다(tests/authoring/test_trial_lesson.py가 채워서 돌려 봅니다).
collect_ignore = ["authoring/templates"]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """아무도 듣지 않는 포트. 연결하면 거부됩니다."""
    with reserved_port() as port:
        yield port


@pytest.fixture(scope="session")
def run_tests_in(root: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """부르면 그 폴더의 테스트를 강좌의 설정과 conftest.py로 실행합니다."""

    def run(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        course = ["-c", str(root / "pyproject.toml"), f"--rootdir={folder}", "-p", "conftest", "-n0"]
        return subprocess.run(
            [sys.executable, "-m", "pytest", *course, *options, str(folder)],
            cwd=root, env=os.environ | environment, capture_output=True, text=True,
        )  # fmt: skip

    return run


@pytest.fixture
def nothing_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """빈 폴더에서 시작하고, 끝나면 열린 세션을 닫고 돌려 둔 요청을 되돌립니다."""
    monkeypatch.chdir(tmp_path)
    yield
    if (session := current_session()) is not None:
        session.close()
    redirect.uninstall()
