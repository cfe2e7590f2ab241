"""노트북의 연습: 셀과 풀이가 같은 문제인지, 답이 다른 셀에 드러나 있지 않은지 봅니다."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterable, Iterator
from typing import Any

_SHOWN = 0.4  # 풀이에서 학습자가 쓸 코드의 이만큼이 그대로 있으면 답이 드러난 것입니다.
_SMALLEST = 8  # 이보다 작은 식은 어디에나 있습니다(구문 트리의 마디 수).


def stubs(code: Iterable[Any]) -> dict[str, Any]:
    """연습 번호 → 그 연습의 코드 셀."""
    return {name: cell for cell in code for name in re.findall(r'llmkit\.check\("([\d-]+)"', cell.source)}


def solutions(cells: Iterable[Any]) -> dict[str, str]:
    """연습 번호 → 접어 둔 풀이의 코드."""
    return {
        found[1]: found[2]
        for cell in cells
        if cell.kind == "markdown"
        for found in re.finditer(r"<summary>풀이 ([\d-]+).*?```python\n(.*?)```", cell.source, re.DOTALL)
    }


def fits(stub: str, solution: str) -> bool:
    """빈칸 말고는 같은 코드인지."""
    return _same(ast.parse(stub), ast.parse(solution))


def _same(stub: object, solution: object) -> bool:
    """빈칸(`...`)은 무엇과도 맞습니다. 그 밖에는 같은 코드여야 합니다. 주석은 보지 않습니다."""
    if isinstance(stub, ast.Constant) and stub.value is ...:
        return True
    if isinstance(stub, ast.AST):
        if type(stub) is not type(solution):
            return False
        pairs = [(getattr(stub, name, None), getattr(solution, name, None)) for name in stub._fields]
        return all(_same(left, right) for left, right in pairs)
    if isinstance(stub, list) and isinstance(solution, list):
        if any(_is_blank(item) for item in stub):  # 빈칸이 든 블록이나 목록: 빈칸 앞뒤만 같으면 됩니다.
            at = next(place for place, item in enumerate(stub) if _is_blank(item))
            before, after = stub[:at], stub[at + 1 :]
            tail = solution[len(solution) - len(after) :] if after else []
            middle_is_there = len(before) + len(after) <= len(solution)
            return middle_is_there and _same(before, solution[:at]) and _same(after, tail)
        return len(stub) == len(solution) and all(_same(left, right) for left, right in zip(stub, solution))
    return stub == solution


def _is_blank(node: object) -> bool:
    if isinstance(node, (ast.Expr, ast.Return)):
        node = node.value
    return isinstance(node, ast.Constant) and node.value is ...


# 드러난 답 -----------------------------------------------------------------------------------------------


def shown_answers(cells: list[Any]) -> Iterator[tuple[int, str]]:
    """(셀 번호, 연습 번호): 연습 뒤의 펼친 코드 셀에 그 답이 있는 곳. 변수의 이름만 바꾼 것도 찾습니다.

    연습 **앞**의 셀은 보지 않습니다. 앞의 예제를 따라 하는 연습이 있습니다.
    """
    answers = solutions(cells)
    for name, stub in stubs([cell for cell in cells if cell.kind == "code"]).items():
        given = _pieces(stub.source)
        asked = {piece: size for piece, size in _pieces(answers.get(name, "")).items() if piece not in given}
        for cell in cells:
            hidden = cell.raw.get("metadata", {}).get("jupyter", {}).get("source_hidden")
            if cell.kind != "code" or cell.number <= stub.number or hidden or "llmkit.check(" in cell.source:
                continue
            there = _pieces(cell.source)
            if asked and sum(size for piece, size in asked.items() if piece in there) >= _SHOWN * sum(asked.values()):
                yield cell.number, name


def _pieces(source: str) -> dict[str, int]:
    """코드의 문장과 식 → 크기. 코드를 담은 문자열(봇)의 안도 봅니다."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
            found |= _pieces(node.value)
        is_piece = isinstance(node, (ast.stmt, ast.expr)) and not isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        )
        if is_piece and (size := sum(1 for _ in ast.walk(node))) >= _SMALLEST:
            found[ast.dump(_Nameless().visit(copy.deepcopy(node)))] = size
    return found


class _Nameless(ast.NodeTransformer):
    """이름과 문장은 지웁니다. 속성, 열쇠, 수는 둡니다."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name("_", ast.Load())

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg("_")

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        is_sentence = isinstance(node.value, str) and " " in node.value
        return ast.Constant("_") if is_sentence else node
