"""연습의 오프라인 채점: 맞았는지만이 아니라 무엇이 틀렸는지 말합니다.

수업마다 `lesson_NN.py`가 있고, 연습마다 채점 함수가 하나 있습니다. 채점 함수는 학습자가 **만든 것**(메시지 목록, 요청의 인자,
함수)만 봅니다. 모델의 말은 채점하지 않습니다.

    @exercise("01-1")
    def example_role(messages):
        if messages[2]["role"] != "assistant":
            yield "예시의 답에 붙일 역할이 아닙니다."   # 나머지도 살핍니다. 더 볼 수 없으면 raise Wrong("...")
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_checks: dict[str, Callable[[Any], Iterator[str]]] = {}


class Wrong(Exception):
    """더 살필 수 없을 만큼 틀린 답입니다. 메시지가 그대로 학습자에게 갑니다."""


class Unfilled(Exception):
    """답에 `...`가 남아 있습니다. 인자는 남은 곳의 이름들입니다."""


@dataclass(frozen=True)
class CheckResult:
    """채점 결과입니다. 노트북과 터미널에 읽을 글로 나타납니다."""

    exercise_id: str
    problems: tuple[str, ...] = ()
    blanks: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problems and not self.blanks

    def __repr__(self) -> str:
        if self.blanks:
            return f"… {self.exercise_id} 아직 채우지 않은 곳: {', '.join(self.blanks)}"
        if self.passed:
            return f"✓ {self.exercise_id} 통과했습니다."
        rows = [f"  {number}. {problem}" for number, problem in enumerate(self.problems, 1)]
        return "\n".join([f"✗ {self.exercise_id} 고칠 곳 {len(rows)}군데", *rows])


def exercise(exercise_id: str) -> Callable[[Callable], Callable]:
    """채점 함수를 "수업 번호-연습 번호"로 등록하는 데코레이터입니다."""

    def register(function: Callable) -> Callable:
        _checks[exercise_id] = function
        return function

    return register


def check(exercise_id: str, answer: Any) -> CheckResult:
    """연습의 답을 네트워크 없이 채점합니다. 답이 틀려도 예외를 일으키지 않습니다.

    Args:
        exercise_id: "01-1"처럼 수업 번호와 연습 번호.
        answer: 학습자가 만든 것. 무엇을 넘기는지는 연습마다 다릅니다.

    Returns:
        통과했는지, 무엇을 아직 채우지 않았는지, 무엇이 틀렸는지.

    Raises:
        LookupError: 그런 연습이 없을 때. 비슷한 이름을 알려 줍니다.

    >>> check("01-1", [{"role": ..., "content": "안녕하세요?"}])
    … 01-1 아직 채우지 않은 곳: messages[0]["role"]
    """
    function = _find(exercise_id)
    problems = []
    try:
        for problem in function(answer):
            problems.append(problem)
    except Unfilled as unfilled:
        return CheckResult(exercise_id, blanks=unfilled.args)
    except Wrong as wrong:
        problems.append(str(wrong))
    return CheckResult(exercise_id, tuple(problems))


def require_filled(value: Any, name: str) -> None:
    """`value` 안에 `...`가 남아 있으면 `Unfilled`를 일으킵니다. `name`은 학습자가 아는 그 값의 이름입니다."""
    blanks = list(_blanks(value, name))
    if blanks:
        raise Unfilled(*blanks)


def call(function: Any, *arguments: Any, name: str, none_is_fine: bool = False) -> Any:
    """학습자의 함수를 부릅니다. 부를 수 없거나, 예외가 나거나, 뜻밖에 `None`이 오면 `Wrong`을 일으킵니다.

    `name`은 메시지에 적을 함수의 이름입니다. 결과에 `...`가 남아 있으면 `Unfilled`를 일으킵니다.
    """
    if not callable(function):
        raise Wrong(f"`{name}` 자리에는 함수 자체를 넘깁니다. 지금은 {type(function).__name__} 값입니다.")
    try:
        value = function(*arguments)
    except Exception as error:
        if "ellipsis" in str(error):  # 함수 안에 남은 `...`로 계산하려다 난 예외
            raise Unfilled(f"{name} 안의 ...") from error
        where = "".join(f" ({line}번째 줄)" for line in _last_line_in(function, error))
        raise Wrong(f"`{name}` 함수를 부르니 예외가 났습니다{where}. {type(error).__name__}: {error}") from error
    if value is None and not none_is_fine:
        raise Wrong(f"`{name}` 함수가 None을 돌려주었습니다. `return`을 빠뜨리지 않았습니까?")
    require_filled(value, f"{name}의 결과")
    if ... in getattr(getattr(function, "__code__", None), "co_consts", ()):  # 결과에 드러나지 않은 빈칸
        raise Unfilled(f"{name} 안의 ...")
    return value


def _blanks(value: Any, name: str) -> Iterator[str]:
    if value is ...:
        yield name
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _blanks(item, f'{name}["{key}"]')
    elif isinstance(value, (list, tuple)):
        for position, item in enumerate(value):
            yield from _blanks(item, f"{name}[{position}]")


def _last_line_in(function: Any, error: Exception) -> list[int]:
    """예외가 지나간 줄 가운데 학습자의 함수 안에 있는 마지막 줄. 노트북에서는 셀의 줄 번호입니다."""
    lines, trace = [], error.__traceback__
    while trace:
        if trace.tb_frame.f_code is getattr(function, "__code__", None):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return lines[-1:]


def _find(exercise_id: str) -> Callable[[Any], Iterator[str]]:
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("lesson_"):
            importlib.import_module(f"{__package__}.{module.name}")
    if exercise_id not in _checks:
        near = difflib.get_close_matches(str(exercise_id), _checks, n=3, cutoff=0.5) or sorted(_checks)
        raise LookupError(f"연습 {exercise_id!r}은 없습니다. 비슷한 이름: {', '.join(near)}")
    return _checks[exercise_id]
