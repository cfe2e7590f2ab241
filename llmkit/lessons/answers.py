"""채점 함수들이 함께 쓰는 것: 학습자의 답을 안전하게 부르고, 살피고, 보여 줍니다.

답은 무엇이든 될 수 있습니다. 비교하거나 출력하면 예외가 나는 것, 자기를 담은 목록, 제너레이터, 정말로 쉬는 함수까지.
"""

from __future__ import annotations

import builtins
import contextlib
import copy
import dis
import functools
import inspect
import io
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from types import CodeType, FunctionType, MethodType
from typing import Any

ENOUGH = 30  # 이만큼 불렀으면 멈추지 않는 것으로 봅니다.
SECONDS = 5.0  # 학습자의 함수가 모두 합해 이보다 오래 걸리면 채점을 멈춥니다.


class Wrong(Exception):
    """더 살필 수 없을 만큼 틀린 답입니다. 메시지가 그대로 학습자에게 갑니다."""


class Unfilled(Exception):
    """답에 `...`가 남아 있습니다. 인자는 남은 곳의 이름들입니다."""


# 살피고 보여 주기 ------------------------------------------------------------------------------------------


def show(value: Any) -> str:
    """메시지에 적을 값. 길면 줄이고, 출력할 수 없으면 타입만 적습니다."""
    try:
        text = repr(value)
    except Exception:
        return f"{type(value).__name__} 값"
    return text if len(text) <= 300 else f"{text[:200]}…"


def require_filled(value: Any, name: str) -> None:
    """`value` 안에 `...`가 남아 있으면 `Unfilled`를 일으킵니다. `name`은 학습자가 아는 그 값의 이름입니다."""
    blanks, waiting, seen = [], [(value, name)], set()
    while waiting:
        value, name = waiting.pop()
        if value is ...:
            blanks.append(name)
        if not isinstance(value, dict | list | tuple) or id(value) in seen:
            continue
        seen.add(id(value))  # 자기를 담은 목록에서도 끝납니다.
        if isinstance(value, dict):
            inside = [(item, f'{name}["{key}"]') for key, item in value.items()]
        else:
            inside = [(item, f"{name}[{position}]") for position, item in enumerate(value)]
        waiting += reversed(inside)
    if blanks:
        raise Unfilled(*blanks)


def require_dict(value: Any, name: str, keys: Collection[str], *, only: bool = False) -> None:
    """`keys`가 모두 든 딕셔너리가 아니면 `Wrong`을 일으킵니다. `only`이면(학습자가 넘긴 것) 다른 이름이 있어도 안 됩니다."""
    if not isinstance(value, dict) or set(keys) - set(value) or (only and set(value) - set(keys)):
        inside = f"{', '.join(keys)} 이름이 든 " if keys else ""
        verb = "넘겨야" if only else "돌려주어야"
        raise Wrong(f"{name}: {inside}딕셔너리를 {verb} 합니다. 지금은 {show(value)}입니다.")


def require_number(value: Any, name: str) -> Decimal:
    """유한한 수가 아니면 `Wrong`을 일으킵니다."""
    if isinstance(value, Real | Decimal) and not isinstance(value, bool):
        number = Decimal(value) if isinstance(value, int | Decimal) else Decimal(str(float(value)))
        if number.is_finite():
            return number
    raise Wrong(f"{name}: 유한한 수여야 합니다. 지금은 {show(value)}입니다.")


def same(value: Any, expected: Any) -> bool:
    """타입까지 같은 값인가. 1과 True, 무엇과도 같다고 하는 물건을 가려냅니다. numpy의 수는 파이썬의 수로 봅니다."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        value = value.item()
    kind = type(expected)
    return isinstance(value, kind) and isinstance(value, bool) == (kind is bool) and bool(value == expected)


def explain(value: Any, mistakes: Iterable[tuple[Any, str]], otherwise: str, equal: Callable[..., bool] = same) -> str:
    """흔한 잘못 (그 값, 설명) 가운데 `value`와 같은 첫째의 설명. 없으면 `otherwise`입니다."""
    return next((explanation for mistake, explanation in mistakes if equal(value, mistake)), otherwise)


def missing_names(answer: Any) -> list[str]:
    """답인 함수들(과 그것들이 부르는, 같은 노트북의 함수들)이 쓰는데 아직 없는 전역 이름입니다."""
    waiting = list(answer.values()) if isinstance(answer, dict) else [answer]
    missing: dict[str, None] = {}
    seen: set[int] = set()
    while waiting:
        function = waiting.pop()
        if isinstance(function, functools.partial):
            function = function.func
        if isinstance(function, MethodType):
            function = function.__func__
        if not isinstance(function, FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        for name in _global_names(function.__code__):
            value = function.__globals__.get(name)
            if isinstance(value, FunctionType) and value.__globals__ is function.__globals__:
                waiting.append(value)
            elif name not in function.__globals__ and not hasattr(builtins, name):
                missing[name] = None
    return list(missing)


def _global_names(code: CodeType) -> Iterator[str]:
    for inner in _codes(code):
        for instruction in dis.get_instructions(inner):
            if instruction.opname == "LOAD_GLOBAL":
                yield instruction.argval


def _codes(code: CodeType) -> Iterator[CodeType]:
    """함수의 코드와, 그 안에서 정의한 함수들의 코드."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


# 부르기 ----------------------------------------------------------------------------------------------------


class _TooLong(BaseException):
    """너무 오래 걸리는 답에서 빠져나옵니다. 학습자의 `except Exception`에 걸리지 않아야 합니다."""


class _Watch(threading.local):
    """지금 채점에서 학습자의 함수가 쓴 시간과, 정말로 쉬려고 했는지."""

    spent: float = 0.0
    called_at: float | None = None
    slept: bool = False

    def is_up(self) -> bool:
        now = time.monotonic()
        return self.spent + (now - (self.called_at or now)) > SECONDS


_watch = _Watch()


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """채점하는 동안 이 스레드의 `time.sleep`은 쉬지 않고, 불렸다는 것만 적습니다."""
    checking, real = threading.get_ident(), time.sleep
    _watch.spent, _watch.slept, active = 0.0, False, True

    def sleep(seconds: float) -> None:
        if not active or threading.get_ident() != checking:
            return real(seconds)
        _watch.slept = True

    time.sleep = sleep
    try:
        yield
    finally:
        time.sleep, active = real, False


@dataclass(frozen=True)
class Outcome:
    """학습자의 함수를 한 번 부른 결과입니다. `str()`은 메시지에 이어 적을 말입니다."""

    value: Any
    error: BaseException | None
    printed: str

    def __str__(self) -> str:
        if self.error is None:
            return f"지금은 예외 없이 돌려준 값이 있습니다: {show(self.value)}"
        return f"지금은 {type(self.error).__name__}({show(str(self.error)[:40])})가 나왔습니다"


def attempt(function: Any, *arguments: Any, ours: Iterable[Any] = (), quiet: bool = True, **named: Any) -> Outcome:
    """학습자의 함수를 부르고, 값이든 예외든 결과로 돌려줍니다. 출력은 `quiet`이면 거두어 둡니다.

    `ours`는 채점이 던지는 예외들입니다. 그 밖의 KeyboardInterrupt는 진짜로 멈추려는 것이므로 그대로 내보냅니다.
    """
    if not callable(function):
        raise Wrong(f"함수 자체를 넘깁니다. 지금은 {type(function).__name__} 값입니다.")
    printed, value, error = io.StringIO(), None, None
    _watch.called_at = time.monotonic()
    try:
        with contextlib.redirect_stdout(printed) if quiet else contextlib.nullcontext():
            value = function(*arguments, **named)
    except BaseException as caught:
        error = caught
    _watch.spent += time.monotonic() - _watch.called_at
    _watch.called_at = None
    if not any(error is one for one in ours):
        if isinstance(error, KeyboardInterrupt):
            raise error
        if type(error) is NameError:
            raise Wrong(
                f"`{error.name}`: 없는 이름입니다(NameError). 오타인지, 만드는 셀을 실행했는지 보세요."
            ) from error
    if _watch.slept:
        raise Wrong("정말로 쉬었습니다. `time.sleep`을 바로 부르지 말고 넘겨받은 `sleep`을 부르세요.")
    if isinstance(error, _TooLong) or _watch.is_up():
        raise Wrong(
            f"함수가 {SECONDS:.0f}초 넘게 걸려 채점을 멈췄습니다. 정말로 쉬거나 네트워크를 부르지 않는지 보세요."
        )
    if inspect.iscoroutine(value):
        value.close()
        raise Wrong("함수가 코루틴을 돌려주었습니다. `async def`가 아니라 `def`로 정의하세요.")
    if inspect.isgenerator(value):
        raise Wrong("함수가 제너레이터를 돌려주었습니다. `yield`나 괄호 안의 `for` 대신 다 모은 값을 `return`하세요.")
    return Outcome(value, error, printed.getvalue())


def call(function: Any, *arguments: Any, name: str, none_is_fine: bool = False, unchanged: bool = False) -> Any:
    """학습자의 함수를 불러 그 값을 얻습니다. `name`은 메시지에 적을 함수의 이름입니다.

    부를 수 없거나, 예외가 나거나, 뜻밖에 `None`이 오거나, `unchanged`인데 넘긴 것을 바꾸면 `Wrong`을, 결과나 함수 안에
    `...`가 남아 있으면 `Unfilled`를 일으킵니다.
    """
    if not callable(function):
        require_filled(function, name)
        raise Wrong(f"`{name}` 자리에는 함수 자체를 넘깁니다. 지금은 {type(function).__name__} 값입니다.")
    before = copy.deepcopy(arguments) if unchanged else arguments
    outcome = attempt(function, *arguments, quiet=False)
    value, error, code = outcome.value, outcome.error, getattr(function, "__code__", None)
    if error is not None:
        if "ellipsis" in str(error):  # 함수 안에 남은 `...`로 계산하려다 난 예외
            raise Unfilled(f"{name} 안의 ...") from error
        where = "".join(f" ({line}번째 줄)" for line in _last_line_in(code, error))
        raise Wrong(f"`{name}` 함수를 부르니 예외가 났습니다{where}. {type(error).__name__}: {error}") from error
    if value is None and not none_is_fine:
        raise Wrong(f"`{name}` 함수가 None을 돌려주었습니다. `return`을 빠뜨리지 않았습니까?")
    require_filled(value, f"{name}의 결과")
    if isinstance(code, CodeType) and any(... in inner.co_consts for inner in _codes(code)):
        raise Unfilled(f"{name} 안의 ...")  # 결과에 드러나지 않은 빈칸
    if unchanged and arguments != before:
        raise Wrong(f"`{name}` 함수가 받은 것이 바뀌었습니다. 받은 것은 고치지 말고, 새로 만들어 돌려주세요.")
    return value


def _last_line_in(code: Any, error: BaseException) -> list[int]:
    """예외가 지나간 줄 가운데 학습자의 함수 안에 있는 마지막 줄. 노트북에서는 셀의 줄 번호입니다."""
    lines, trace = [], error.__traceback__
    while trace:
        if trace.tb_frame.f_code is code:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return lines[-1:]


# 가짜 함수 -------------------------------------------------------------------------------------------------


class Fake:
    """학습자의 함수에 넘길 가짜 함수: 받은 인자를 `asked`에 적고, 정해 둔 것을 순서대로 냅니다(마지막 것은 반복).

    예외이면 던지고, 함수이면 불러서 그 값을 냅니다. 너무 많이 불리면 "그만"을 냅니다.
    """

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes, self.asked = outcomes, []

    def __deepcopy__(self, memo: Any) -> Fake:
        return self

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.asked.append(copy.deepcopy((*arguments, *named.values())))  # 이름을 적어 불러도 됩니다.
        if _watch.is_up():
            raise _TooLong
        if len(self.asked) >= ENOUGH:
            return "그만"
        outcome = self.outcomes[min(len(self.asked), len(self.outcomes)) - 1]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome() if callable(outcome) else outcome


def stream(*pieces: str | BaseException) -> Iterator[str]:
    """조각들을 순서대로 내는 스트림. 예외가 있으면 거기서 끊깁니다."""
    for piece in pieces:
        if isinstance(piece, BaseException):
            raise piece
        yield piece
