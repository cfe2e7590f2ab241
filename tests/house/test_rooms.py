"""방의 경계: 누가 누구를 가져다 쓰는지는 pyproject.toml의 [tool.importlinter]가 정합니다."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def contract(root: Path) -> list[str]:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (rooms,) = settings["contracts"]
    assert rooms["type"] == "layers" and "ignore_imports" not in rooms
    return rooms["layers"]


def test_no_room_reaches_up_or_across(root: Path, monkeypatch: pytest.MonkeyPatch, contract: list[str]) -> None:
    cli = pytest.importorskip("importlinter.cli", reason="import-linter가 없습니다: .ci/requirements.txt")
    monkeypatch.chdir(root)
    assert cli.lint_imports(no_cache=True) == cli.EXIT_STATUS_SUCCESS, "위의 출력이 어긋난 import를 말합니다."


def test_every_module_stands_in_a_room(root: Path, contract: list[str]) -> None:
    """새 방이나 새 파일이 계약에서 빠지면 아무도 보지 않습니다."""
    named = {name.strip() for layer in contract for name in layer.split("|")}
    found = {
        f"llmkit.{path.stem}"
        for path in (root / "llmkit").iterdir()
        if (path.suffix == ".py" and path.name != "__init__.py") or (path / "__init__.py").exists()
    }
    assert found == named
