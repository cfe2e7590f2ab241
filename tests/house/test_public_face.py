"""llmkit의 바깥 얼굴: 노트북이 쓰는 이름이 모두 공개된 이름이고, 공개된 이름이 정말로 있는가."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmkit

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*_*.ipynb"))


def code(path: Path) -> Iterator[ast.AST]:
    """노트북의 코드 셀을 이루는 마디들. `%pip` 같은 줄은 뺍니다."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            source = re.sub(r"^([ \t]*)[%!].*$", r"\1pass", "".join(cell["source"]), flags=re.MULTILINE)
            yield from ast.walk(ast.parse(source))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_public_names_only(path: Path) -> None:
    used = {
        node.attr
        for node in code(path)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "llmkit"
    }
    inside = [
        ast.unparse(node)
        for node in code(path)
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("llmkit"))
        or (isinstance(node, ast.Import) and any(name.name.startswith("llmkit.") for name in node.names))
    ]
    assert used <= set(llmkit.__all__) and not inside, (used - set(llmkit.__all__), inside)


def test_every_public_name_is_there() -> None:
    assert dir(llmkit) == llmkit.__all__ == sorted(llmkit.__all__)
    for name in llmkit.__all__:
        assert getattr(llmkit, name).__doc__, name


def test_another_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(AttributeError, match="display_stream"):
        llmkit.no_such_name  # noqa: B018
