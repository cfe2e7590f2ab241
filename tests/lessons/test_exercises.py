"""모든 수업의 연습: 노트북에 적힌 풀이는 통과하고, 빈칸이 남은 셀은 어디가 빈칸인지 말합니다."""

from __future__ import annotations

import pytest

from tests.lessons.exercises import EARLIER, NOTEBOOKS, Exercise, exercises, run

# 04, 09의 풀이는 앞의 절에서 만든 것을 쓰고, 06의 첫 셀은 빈칸이 아니라 틀린 공식입니다. 그 수업의 테스트가 따로 봅니다.
ALL = [
    exercise
    for path in sorted(NOTEBOOKS.glob("[0-9]*_*.ipynb"))
    if path.name[:2] not in ("04", "06", "09")
    for exercise in exercises(path.name[:2]).values()
]
each_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.name)


@each_exercise
def test_the_folded_solution_passes(exercise: Exercise) -> None:
    result, _ = run(EARLIER.get(exercise.name[:2], "") + exercise.solution)
    assert result.passed and repr(result) == f"✓ {exercise.name} 통과했습니다."


@each_exercise
def test_the_unfilled_stub_says_what_is_missing(exercise: Exercise) -> None:
    result, _ = run(EARLIER.get(exercise.name[:2], "") + exercise.stub)
    assert result.blanks and not result.problems and not result.passed
    assert repr(result).startswith(f"… {exercise.name} 아직 채우지 않은 곳: ")
