"""커널을 다시 시작한 뒤: 앞 절에서 만든 이름이 없으면 학습자의 답을 탓하기 전에 어느 절을 실행할지 말합니다."""

from __future__ import annotations

import ast
import builtins
import dis
import importlib
import json
import re
from types import CodeType
from typing import Any

import pytest

import llmkit
from tests.lessons.exercises import NOTEBOOKS, exercises, run, wrong

LESSONS = [path.name[:2] for path in sorted(NOTEBOOKS.glob("[0-9]*_*.ipynb"))]


def made_in(lesson: str) -> dict[str, str]:
    return getattr(importlib.import_module(f"llmkit.lessons.lesson_{lesson}"), "MADE_IN", {})


def bound(lesson: str) -> dict[str, str]:
    """노트북의 셀이 처음 만드는 이름과 그 절."""
    (path,) = NOTEBOOKS.glob(f"{lesson}_*.ipynb")
    section, found = "첫", {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for number in re.findall(r"^## (\d+)\.", source, re.MULTILINE):
                section = f"{number}절"
            continue
        for node in ast.walk(ast.parse(re.sub(r"^([ \t]*)[%!].*$", r"\1pass", source, flags=re.MULTILINE))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.asname or alias.name for alias in node.names]
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names = [node.id]
            else:
                continue
            for name in names:
                found.setdefault(name, section)
    return found


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_name_is_made_in_that_section(lesson: str) -> None:
    there = bound(lesson)
    assert {name: there.get(name) for name in made_in(lesson)} == made_in(lesson)
    order = [0 if section == "첫" else int(section[:-1]) for section in made_in(lesson).values()]
    assert order == sorted(order)


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_name_that_a_solution_borrows_is_listed(lesson: str) -> None:
    def globals_of(code: CodeType) -> set[str]:
        names = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
        return names.union(*(globals_of(one) for one in code.co_consts if isinstance(one, CodeType)))

    for exercise in exercises(lesson).values():
        own = {node.id for node in ast.walk(ast.parse(exercise.solution)) if isinstance(node, ast.Name)}
        code = compile(exercise.solution, "<solution>", "exec")
        made = {
            name
            for name in own
            if re.search(rf"^(?:async def |def |import )?{name}\b(?: = |\(|$)", exercise.solution, re.M)
        }
        borrowed = globals_of(code) - made - set(dir(builtins)) - {"llmkit"}
        assert borrowed <= set(made_in(lesson))


FUNCTIONS = ["01-2", "02-1", "02-2", "02-3", "03-2", "03-3", "04-2", "04-3", "05-2", "05-3", "06-1", "06-2"]


@pytest.mark.parametrize("exercise", FUNCTIONS)
def test_after_a_restart_the_section_is_named(exercise: str) -> None:
    for name, section in made_in(exercise[:2]).items():
        for source in (
            f"lambda *given, **named: {name}(*given)",
            f"lambda *given, **named: [{name} for one in given]",
        ):
            answer = eval(source, {})
            expected = f"1. `{name}`: 아직 없는 이름입니다. 노트북의 {section} 셀을 먼저 실행하세요."
            assert wrong(exercise, answer).splitlines()[1:] == [f"  {expected}"]


@pytest.mark.parametrize(("exercise", "part"), [("01-3", "read_label"), ("06-3", "monthly_won")])
def test_functions_handed_in_a_dict_too(exercise: str, part: str) -> None:
    parts = {"01-3": ("labels", "build_messages"), "06-3": ("service",)}[exercise]
    for name, section in made_in(exercise[:2]).items():
        answer = dict.fromkeys(parts) | {part: eval(f"lambda given: {name}", {})}
        assert f"노트북의 {section} 셀을 먼저" in wrong(exercise, answer)


def test_a_name_swallowed_by_the_learners_own_except_is_still_found() -> None:
    _, names = run(
        "def answer(question, providers, sleep=None):\n"
        "    try:\n        return with_retry(lambda: providers['가'](question))\n"
        "    except Exception:\n        return None\n\nanswer"
    )
    assert "노트북의 6절 셀을 먼저" in wrong("04-3", names["answer"])


def test_a_name_missing_in_an_earlier_function_that_the_answer_calls() -> None:
    _, names = run(
        "def with_retry(call, sleep):\n    return call() if is_transient else backoff\n\n"
        "def ask(call, sleep):\n    return with_retry(call, sleep)\n\nask"
    )
    assert "`is_transient`: 아직 없는 이름입니다. 노트북의 5절" in wrong("04-2", names["ask"])


@pytest.mark.parametrize("exercise", FUNCTIONS)
def test_a_typo_is_told_as_a_typo(exercise: str) -> None:
    def typo(*given: Any, **named: Any) -> Any:
        return qestion  # type: ignore[name-defined] # noqa: F821

    assert "`qestion`: 없는 이름입니다(NameError). 오타인지" in wrong(exercise, typo)


def test_a_local_name_used_too_early_is_the_learners_own() -> None:
    def early(response: Any) -> Any:
        found = client  # noqa: F821
        client = found
        return client

    assert "UnboundLocalError" in wrong("01-2", early)
    assert llmkit.check("01-2", early).problems
