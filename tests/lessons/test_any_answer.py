"""채점은 어떤 답에도 예외를 내지 않고, 답을 바꾸지 않고, 오래 걸리지 않고, 물은 수업만 읽어 옵니다."""

from __future__ import annotations

import copy
import functools
import itertools
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

import llmkit
from tests.lessons.exercises import NOTEBOOKS, exercises

ALL = [name for path in sorted(NOTEBOOKS.glob("[0-9]*_*.ipynb")) for name in exercises(path.name[:2])]
# 딕셔너리로 여럿을 넘기는 연습: 그 칸마다 이상한 것을 넣습니다.
PARTS = {
    "01-3": {
        "labels": ["예", "아니요"],
        "build_messages": lambda text: [{"role": "user", "content": text}],
        "read_label": str,
    },
    "06-3": {
        "service": {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "?"}],
            "answer": "!",
            "calls": 1,
        },
        "monthly_won": lambda service: 1,
    },
}


class Hostile:
    """무엇을 해도 예외가 나는 것."""

    def _raise(self, *arguments: Any) -> Any:
        raise RuntimeError("authored")

    __repr__ = __str__ = __eq__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = _raise  # type: ignore[assignment]
    __hash__ = object.__hash__


class HostileDict(dict):
    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError("authored")

    get = values = items = __contains__ = __getitem__  # type: ignore[assignment]


class YesMan:
    """무엇과도 같다고 하는 것."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


class Callable_:
    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return Hostile()


def circle() -> list[Any]:
    inner: list[Any] = []
    inner.append(inner)
    return inner


def deep() -> list[Any]:
    nested: list[Any] = []
    for _ in range(20_000):
        nested = [nested]
    return nested


def generator(*arguments: Any, **named: Any) -> Any:
    yield from itertools.count()


async def coroutine(*arguments: Any, **named: Any) -> None: ...


def leave(*arguments: Any, **named: Any) -> Any:
    sys.exit(1)


def miss(*arguments: Any, **named: Any) -> Any:
    raise llmkit.CassetteMiss("녹화에 없는 요청입니다")


def recursive(*arguments: Any, **named: Any) -> Any:
    return recursive(*arguments, **named)


VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "number": lambda: 3,
    "huge": lambda: 10**5000,
    "nan": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "complex": lambda: 1j,
    "text": lambda: "답",
    "long": lambda: "가" * 1_000_000,
    "bytes": lambda: b"\xff",
    "surrogate": lambda: "\ud800",
    "list": lambda: [1, "a", None],
    "empty": list,
    "dict": lambda: {"role": "user", 1: 2},
    "messages": lambda: [{"role": [], "content": {}}] * 4,
    "hostile": Hostile,
    "hostiles": lambda: [Hostile()] * 4,
    "hostile dict": lambda: {key: Hostile() for key in ("role", "content", "text", "failed", "system", "input_tokens")},
    "dict of its own": HostileDict,
    "yes": YesMan,
    "yeses": lambda: {key: YesMan() for key in ("text", "finish_reason", "total_tokens", "output_tokens", "is_cut")},
    "circle": circle,
    "dict circle": lambda: {"messages": circle(), "labels": circle()},
    "deep": deep,
    "class": lambda: int,
    "type": lambda: Exception,
    "generator": generator,
    "mock": mock.MagicMock,
    "any": lambda: mock.ANY,
    "infinite": itertools.count,
    "range": lambda: range(10**15),
    "module": lambda: sys,
    "exception": lambda: ValueError("답"),
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "no arguments": lambda: None,
    "twenty arguments": lambda a, b, c, d, e, f, g, h: None,
    "generator": generator,
    "coroutine": coroutine,
    "exit": leave,
    "miss": miss,
    "recursive": recursive,
    "callable": Callable_(),
    "partial": functools.partial(recursive, 1),
    "method": [].append,
    "builtin": max,
}
FUNCTIONS |= {f"returns {name}": lambda *a, make=make, **k: make() for name, make in VALUES.items()}
ANSWERS = VALUES | {f"function {name}": lambda function=function: function for name, function in FUNCTIONS.items()}


@pytest.mark.parametrize("exercise", ALL)
def test_no_answer_makes_a_check_raise_or_pass(exercise: str) -> None:
    started = time.monotonic()
    for name, make in ANSWERS.items():
        for answer in [make(), *[PARTS[exercise] | {part: make()} for part in PARTS.get(exercise, ())]]:
            result = llmkit.check(exercise, answer)
            assert not result.passed, name
            assert repr(result).startswith(("✗", "…")) and len(repr(result)) < 20_000, name
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("exercise", ALL)
def test_a_check_changes_nothing_outside(exercise: str) -> None:
    answers = [[{"role": "user", "content": "?"}] * 4, {"stream": True, "stream_options": {"include_usage": 1}}]
    answers += [copy.deepcopy(PARTS.get(exercise, {}))]
    state, before, sleep = random.getstate(), copy.deepcopy(answers), time.sleep
    for answer in [*answers, lambda *arguments, **named: random.Random(1).random()]:
        llmkit.check(exercise, answer)
    assert answers == before and random.getstate() == state and time.sleep is sleep


def test_a_learners_service_stays_as_it_was() -> None:
    answer = copy.deepcopy(PARTS["06-3"])

    def spoils(service: dict[str, Any]) -> int:
        service["messages"].append("?")
        return 1

    llmkit.check("06-3", answer | {"monthly_won": spoils})
    assert answer["service"] == PARTS["06-3"]["service"]


@pytest.mark.parametrize("exercise", ["02-3", "04-2", "04-3"])
def test_a_function_that_really_sleeps_is_told_so_and_does_not(exercise: str) -> None:
    def sleeps(*arguments: Any, **named: Any) -> Any:
        time.sleep(60)
        return "답"

    started = time.monotonic()
    assert "정말로 쉬었습니다" in repr(llmkit.check(exercise, sleeps))
    assert time.monotonic() - started < 20


def test_other_threads_sleep_while_a_check_runs() -> None:
    slept: list[float] = []

    def other() -> None:
        started = time.monotonic()
        time.sleep(0.2)
        slept.append(time.monotonic() - started)

    def ask(call: Any, sleep: Any) -> Any:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        raise RuntimeError("authored")

    llmkit.check("04-2", ask)
    assert slept and min(slept) >= 0.2


def test_a_retry_that_was_not_given_the_sleep_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmkit.lessons.answers.SECONDS", 0.5)
    nap = time.sleep

    def answer(question: str, providers: dict[str, Any], sleep: Any = None) -> Any:
        for name, ask in providers.items():
            for _ in range(20):
                try:
                    return {"text": ask(question), "provider": name, "failed": {}}
                except Exception:
                    nap(0.3)

    started = time.monotonic()
    assert "초 넘게 걸려" in repr(llmkit.check("04-3", answer))
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("name", [None, 3, "", "01", "1-1", "01_1", "99-1", "../x", ["01-1"], "01-1-1"])
def test_an_exercise_that_is_not_there(name: Any) -> None:
    with pytest.raises(LookupError, match="없는 연습입니다: .* 비슷한 이름: "):
        llmkit.check(name, None)


def test_only_the_asked_lesson_is_imported() -> None:
    source = (
        "import sys, llmkit; llmkit.check('01-1', None)\n"
        "print(*sorted(m for m in sys.modules if m.startswith('llmkit.') or m in ('openai', 'anthropic')))"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    found = re.findall(r"lesson_\d+|openai|anthropic|llmkit\.(?:cost|replay|session)", done.stdout)
    assert found == ["lesson_01"]


def test_blanks_anywhere_are_named_in_order() -> None:
    nested = [{"role": "user", "content": ...}, {"role": ..., "content": "?"}]
    nested.append({"role": nested, "content": "?"})
    assert llmkit.check("01-1", nested).blanks == ('messages[0]["content"]', 'messages[1]["role"]')


def test_a_print_in_the_sampler_does_not_fill_the_cell(capsys: pytest.CaptureFixture[str]) -> None:
    assert llmkit.check("02-3", lambda *given: print("뽑습니다") or "The").problems
    assert capsys.readouterr().out == ""
