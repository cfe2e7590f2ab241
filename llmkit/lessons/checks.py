"""연습의 오프라인 채점: 맞았는지만이 아니라 무엇이 틀렸는지 말합니다.

수업마다 `lesson_NN.py`가 있고, 연습마다 채점 함수가 하나 있습니다. 채점 함수는 학습자가 **만든 것**(메시지 목록, 요청의 인자,
함수)만 봅니다. 모델의 답변은 채점하지 않습니다.

    @exercise("01-1")
    def example_role(messages):
        if messages[2]["role"] != "assistant":
            yield "예시의 답에 붙일 역할이 아닙니다."   # 나머지도 살핍니다. 더 볼 수 없으면 raise Wrong("...")

수업의 모듈에 `MADE_IN = {"이름": "5절"}`을 절의 순서대로 두면, 커널을 다시 시작한 뒤 그 이름이 없을 때 어느 절을 실행할지 말합니다.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import __version__
from ..common.html import card
from .answers import Unfilled, Wrong, missing_names, show, watched

_checks: dict[str, Callable[[Any], Iterator[str]]] = {}


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

    def _repr_html_(self) -> str:
        if self.blanks:
            return card("amber", f"… {self.exercise_id} 아직 채우지 않은 곳", (f"`{blank}`" for blank in self.blanks))
        if self.passed:
            after = "잘했습니다. 값을 하나 바꿔 다시 실행하고, 결과가 왜 달라졌는지 말해 보세요."
            return card("green", f"✓ {self.exercise_id} 통과했습니다.", after=after)
        after = "첫 번째 것부터 고치고 이 셀을 다시 실행하세요."
        return card("red", f"✗ {self.exercise_id} 고칠 곳 {len(self.problems)}군데", self.problems, after)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        # 통과한 연습을 세는 쪽(progress)은 문장이 아니라 이 메타데이터를 읽습니다.
        result = "blank" if self.blanks else "passed" if self.passed else "wrong"
        said = {"exercise": self.exercise_id, "result": result, "version": __version__}
        return {"text/plain": repr(self), "text/html": self._repr_html_()}, {"llmkit": said}


def exercise(exercise_id: str) -> Callable[[Callable], Callable]:
    """채점 함수를 "수업 번호-연습 번호"로 등록하는 데코레이터입니다."""

    def register(function: Callable) -> Callable:
        _checks[exercise_id] = function
        return function

    return register


def check(exercise_id: str, answer: Any) -> CheckResult:
    """연습의 답을 네트워크 없이 채점합니다. 어떤 답을 넘겨도 예외를 던지지 않고, 넘긴 것을 바꾸지 않습니다.

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
    lesson = _lesson_of(exercise_id)
    problems: list[str] = []
    try:
        with watched():
            _require_earlier_sections(answer, getattr(lesson, "MADE_IN", {}))
            for problem in _checks[exercise_id](answer):
                problems.append(problem)
    except Unfilled as unfilled:
        return CheckResult(exercise_id, blanks=unfilled.args)
    except Wrong as wrong:
        problems.append(str(wrong))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # 비교하거나 더할 수 없는 것이 답에 들어 있습니다.
        problems.append(f"답에 든 것을 살필 수 없습니다. {type(error).__name__}: {show(str(error))}")
    return CheckResult(exercise_id, tuple(problems))


def _require_earlier_sections(answer: Any, made_in: Mapping[str, str]) -> None:
    """커널을 다시 시작해 사라진 이름이 있으면, 학습자의 답을 탓하기 전에 어느 절을 실행할지 말합니다."""
    missing = missing_names(answer)
    if name := next((name for name in made_in if name in missing), None):  # 여럿이면 앞의 절부터
        raise Wrong(f"`{name}`: 아직 없는 이름입니다. 노트북의 {made_in[name]} 셀을 먼저 실행하세요.")


def _lesson_of(exercise_id: str) -> ModuleType:
    """연습이 있는 수업의 모듈. 그 수업만 읽어 오고, 없는 연습이면 비슷한 이름을 찾느라 모두 읽습니다."""
    lessons = {
        module.name.removeprefix("lesson_"): f"{__package__}.{module.name}"
        for module in pkgutil.iter_modules([str(Path(__file__).parent)])
        if module.name.startswith("lesson_")
    }
    number = str(exercise_id).partition("-")[0]
    module = importlib.import_module(lessons[number]) if number in lessons else None
    if module and isinstance(exercise_id, str) and exercise_id in _checks:
        return module
    for name in lessons.values():
        importlib.import_module(name)
    near = difflib.get_close_matches(str(exercise_id), _checks, n=3, cutoff=0.5) or sorted(_checks)
    raise LookupError(f"없는 연습입니다: {exercise_id!r}. 비슷한 이름: {', '.join(near)}")
