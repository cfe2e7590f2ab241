"""훅의 테스트가 함께 쓰는 것: 키, 카세트의 자리, 진짜 IPython의 셀."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmkit.common.providers import PROVIDERS
from llmkit.session import current_session
from tests.replay.ways import Cells


@pytest.fixture
def some_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """클라이언트를 만들 수 있을 만큼의 키. 16글자보다 짧아 진짜 키로 보지 않습니다."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, "hf_test")


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """부르면 그때부터 키가 하나도 없습니다."""

    def remove() -> None:
        for provider in PROVIDERS.values():
            for name in provider.keys:
                monkeypatch.delenv(name, raising=False)

    return remove


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """카세트의 자리."""
    return tmp_path / "lesson.json"


@pytest.fixture
def cells(capsys: pytest.CaptureFixture[str]) -> Iterator[Cells]:
    """진짜 IPython. 셀 하나를 실행하고 화면에 나온 글을 돌려줍니다."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))

    def run(source: str) -> str:
        capsys.readouterr()
        shell.run_cell(source)
        return capsys.readouterr().out

    yield run
    if (session := current_session()) is not None:
        session.close()
    InteractiveShell.clear_instance()
