"""연습 테스트가 함께 쓰는 것: 노트북에서 연습의 셀과 접힌 풀이를 꺼내 셀처럼 실행합니다."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llmkit
from llmkit.lessons.checks import CheckResult

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
# 풀이가 쓰는, 앞의 절에서 만든 것
EARLIER = {
    "08": """
from pydantic import BaseModel, ValidationError


class Order(BaseModel):
    title: str
    copies: int

""",
    "14": r"""
import re
import numpy as np


def sentences(text):
    return re.split(r"(?<=[.!?]) ", text)

""",
}


@dataclass(frozen=True)
class Exercise:
    """연습 하나. `stub`은 학습자가 처음 보는 셀, `solution`은 접힌 풀이의 코드입니다."""

    name: str
    stub: str
    solution: str


def exercises(number: str) -> dict[str, Exercise]:
    """수업 하나의 연습들. 노트북에서 읽으므로 노트북과 어긋날 수 없습니다."""
    (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sources = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    found = {}
    for kind, stub in sources:
        name = re.search(r'llmkit\.check\("([\d-]+)"', stub)
        if kind == "code" and name:
            (folded,) = [s for k, s in sources if k == "markdown" and f"<summary>풀이 {name[1]}" in s]
            solution = re.search(r"```python\n(.*?)```", folded, re.DOTALL)
            assert solution, f"풀이 {name[1]}에 코드가 없습니다"
            found[name[1]] = Exercise(name[1], stub, solution[1])
    return found


def run(source: str) -> tuple[CheckResult, dict[str, Any]]:
    """셀처럼 실행하고, 마지막 식의 값과 생긴 이름들을 돌려줍니다."""
    *body, last = ast.parse(source).body
    names: dict[str, Any] = {"llmkit": llmkit}
    exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
    assert isinstance(last, ast.Expr)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names), names


def wrong(name: str, answer: Any) -> str:
    """틀린 답을 채점해, 학습자가 읽을 글을 돌려줍니다. 맞다고 하면 테스트가 실패합니다."""
    result = llmkit.check(name, answer)
    assert result.problems, f"틀린 답을 맞다고 했습니다: {result}"
    return repr(result)


def refused(name: str, answers: list[Any]) -> dict[int, CheckResult]:
    """맞는 답인데 틀렸다고 한 것: 몇 번째 답을 무엇이라고 했는가."""
    results = {number: llmkit.check(name, answer) for number, answer in enumerate(answers)}
    return {number: result for number, result in results.items() if not result.passed}


def fooled(name: str, answers: list[Any]) -> list[int]:
    """틀린 답인데 무엇이 틀렸는지 말하지 못한 것: 몇 번째 답인가."""
    return [number for number, answer in enumerate(answers) if not llmkit.check(name, answer).problems]
