"""집의 크기: 파일과 함수의 길이, 방마다의 줄 수(독스트링까지). 한도는 design.md의 것입니다."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

MODULE, FUNCTION = 300, 40
# 방이 선 때의 한도: lessons를 뺀 llmkit 전체, 그 가운데 display와 cost. 나중에 넘는 일은 무엇을 왜 더했는지 말하고 여기를 고칩니다.
ALL, DISPLAY_AND_COST = 4_600, 1_900


@pytest.fixture(scope="module")
def modules(root: Path) -> dict[str, str]:
    """llmkit 아래의 경로 → 글."""
    package = root / "llmkit"
    return {path.relative_to(package).as_posix(): path.read_text("utf-8") for path in sorted(package.rglob("*.py"))}


def functions(source: str) -> Iterator[tuple[str, int]]:
    """함수와 메서드의 이름과 줄 수. 데코레이터의 줄은 세지 않습니다."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def lines_by_room(modules: dict[str, str]) -> Counter[str]:
    rooms: Counter[str] = Counter()
    for name, source in modules.items():
        rooms[name.split("/")[0] if "/" in name else "(방 밖)"] += len(source.splitlines())
    return rooms


def test_no_module_is_too_long(modules: dict[str, str]) -> None:
    long = {name: n for name, source in modules.items() if (n := len(source.splitlines())) > MODULE}
    assert long == {}, f"{MODULE}줄을 넘는 파일입니다."


def test_no_function_is_too_long(modules: dict[str, str]) -> None:
    long = {
        f"{name}: {function}": n
        for name, source in modules.items()
        for function, n in functions(source)
        if n > FUNCTION
    }
    assert long == {}, f"{FUNCTION}줄을 넘는 함수입니다."


def test_the_rooms_are_listed(modules: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """방마다의 줄 수를 보입니다. 합계의 한도(ALL, DISPLAY_AND_COST)를 지키는지는 이 줄에서 읽습니다."""
    rooms = lines_by_room(modules)
    everything, shown = rooms.total() - rooms["lessons"], rooms["display"] + rooms["cost"]
    with capsys.disabled():
        print("\n" + ", ".join(f"{room} {lines}" for room, lines in rooms.most_common()))
        print(f"lessons를 뺀 합계 {everything}/{ALL}, display와 cost {shown}/{DISPLAY_AND_COST}", end=" ")
    assert set(rooms) >= {"common", "replay", "display", "cost", "lessons", "commands"}
