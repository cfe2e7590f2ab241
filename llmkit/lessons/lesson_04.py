"""수업 04의 연습 채점. 학습자의 함수에 진짜 SDK 예외를 던져 보고, 몇 번 부르고 얼마나 쉬고 무엇을 내는지 봅니다."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any

from .answers import ENOUGH, Fake, Outcome, Wrong, attempt, require_dict, require_filled, same, show
from .checks import exercise
from .sdk_errors import hopeless, openai_error, own_mistakes, passing, providers_troubles, timed_out

TRIES = 4
# 연습이 빌려 쓰는 이름과, 그것을 만든 절. 커널을 다시 시작하면 사라집니다.
MADE_IN = {
    **dict.fromkeys(("openai", "anthropic", "client", "model"), "1절"),
    **dict.fromkeys(("report", "ask"), "2절"),
    "random": "4절",
    **dict.fromkeys(("httpx", "httpx2", "detail", "is_transient", "BROKEN", "OUT_OF_MONEY", "IN_STREAM"), "5절"),
    **dict.fromkeys(("retry_after", "ceiling", "backoff", "with_retry"), "6절"),
    "tenacity": "8절",
    **dict.fromkeys(("BAD_REQUEST", "ask_claude"), "10절"),
}


@exercise("04-1")
def send_again_or_not(answer: Any) -> Iterator[str]:
    """실패마다 다시 보낼지 적은 표에서 빈칸 하나를 채웁니다."""
    right = {
        "401 invalid_api_key": False,
        "404 model_not_found": False,
        "429 rate_limit_exceeded": True,
        "429 credit_balance_exhausted": False,
        "500 server_error": True,
        "APITimeoutError": True,
    }
    require_filled(answer, "send_again")
    if not isinstance(answer, dict) or set(answer) != set(right):
        raise Wrong("실패의 이름은 처음대로 두고 `...`만 채웁니다.")
    for name, expected in right.items():
        if not isinstance(answer[name], bool):
            yield f"{name!r}의 값은 True(다시 보냄) 또는 False(고침)입니다. 지금은 {show(answer[name])}입니다."
        elif answer[name] != expected and name == "429 credit_balance_exhausted":
            yield "429라도 충전한 크레딧이 끝난 것입니다. 몇 초를 쉬어도 돈이 생기지 않습니다. 상태가 아니라 코드를 봅니다."
        elif answer[name] != expected:
            yield f"{name!r}의 값은 처음대로 {expected}입니다."


# 04-2 -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Try:
    """학습자의 함수를 `ask(call, sleep=...)`로 한 번 부른 기록. `rests`는 몇 번째 호출 뒤에 모두 몇 초를 쉬었는지입니다."""

    outcome: Outcome
    calls: int
    rests: dict[int, float]


def _try(ask: Any, *outcomes: Any) -> _Try:
    fake, rests = Fake(*outcomes), defaultdict(float)

    def sleep(seconds: float) -> None:
        if not isinstance(seconds, Real):
            raise TypeError(f"sleep()에는 초를 수로 넘깁니다: {show(seconds)}")
        if not seconds >= 0:
            raise ValueError("sleep length must be non-negative")  # 진짜 time.sleep의 예외와 같습니다.
        rests[len(fake.asked)] += float(seconds)

    return _Try(attempt(ask, fake, ours=outcomes, sleep=sleep), len(fake.asked), rests)


@exercise("04-2")
def honest_retry(ask: Any) -> Iterator[str]:
    """원인을 감추는 재시도 함수를 고칩니다."""
    for answer in ("답", ""):
        fine = _try(ask, answer)
        error, value = fine.outcome.error, fine.outcome.value
        if error is not None:
            raise Wrong(f"성공하는 호출인데 예외가 났습니다. {type(error).__name__}: {error}")
        require_filled(value, "ask_with_retry의 결과")
        if not same(value, answer) or fine.calls != 1 or fine.rests:
            raise Wrong(
                f"한 번에 성공하면 그 답({answer!r})을 바로 돌려줍니다. 부른 횟수 {fine.calls}번, 돌려준 것: {show(value)}"
            )
    lies = [*_hopeless_problems(ask), *_passing_problems(ask), *_timeout_problems(ask)]
    yield from lies
    if not lies:  # 감추는 것부터 고치고, 그다음에 쉬는 시간을 봅니다.
        yield from _rest_problems(ask)


def _hopeless_problems(ask: Any) -> Iterator[str]:
    """고칠 실패를 반복하거나, 이유를 바꾸거나 감추는 곳."""
    repeated, changed = [], []
    for group, errors in hopeless().items():
        again = []
        for name, error in errors.items():
            tried = _try(ask, error)
            if tried.calls > 1:
                again.append(name)
            elif tried.outcome.error is not error:
                changed.append(f"{name}: 그 예외가 그대로 나와야 합니다. {tried.outcome}.")
        repeated += [group] if len(again) == len(errors) else again
    if repeated:
        yield f"다시 불러도 낫지 않는 실패를 또 불렀습니다: {', '.join(repeated)}. 한 번에 멈춥니다."
    yield from changed


def _passing_problems(ask: Any) -> Iterator[str]:
    """잠깐의 실패를 포기하는 곳."""
    if given_up := [name for name, error in passing().items() if _try(ask, error, "답").calls != 2]:
        yield f"다시 부르면 나을 수 있는 실패인데 한 번 더 부르지 않았습니다: {', '.join(given_up)}."


def _timeout_problems(ask: Any) -> Iterator[str]:
    """늘 타임아웃인 호출: 몇 번 부르고, 끝에 무엇을 내고, 무엇이라고 출력하는가."""
    timeout = timed_out()
    slow = _try(ask, timeout)
    if slow.calls != TRIES:
        times = f"{slow.calls}번" if slow.calls < ENOUGH else "끝없이"
        yield f"늘 타임아웃인 호출을 {times} 불렀습니다. {TRIES}번까지만 부릅니다."
    elif slow.outcome.error is not timeout:
        yield f"네 번 모두 타임아웃이면 마지막 예외(`APITimeoutError`)가 그대로 나와야 합니다. {slow.outcome}."
    printed = slow.outcome.printed.strip()
    guesses = r"한도|초과|제한|서버|바쁘|바쁩|과부하|키가|인증|요청이|잘못된|네트워크|429|limit|quota|busy|overload|server|key"
    truths = r"timeout|timed out|시간 ?초과|타임아웃"
    if re.search(guesses, printed, re.IGNORECASE) and not re.search(truths, printed, re.IGNORECASE):
        said = printed.splitlines()[0]
        yield f"타임아웃인데 {said!r}라고 출력했습니다. 짐작 말고 예외의 이름(`type(error).__name__`)을 적습니다."


def _rest_problems(ask: Any) -> Iterator[str]:
    """쉬는 시간이 잘못된 곳."""
    for error in (
        openai_error("RateLimitError", 429, "rate_limit_exceeded", "requests", {"retry-after": "7"}),
        openai_error("InternalServerError", 503, None, "server_error", {"retry-after": "7"}),
    ):
        limited = [_try(ask, error, "답") for _ in range(40)]
        rests = {sum(attempt.rests.values()) for attempt in limited}
        if not same(limited[0].outcome.value, "답"):
            yield f"한 번 실패하고 다음에 성공하면 그 답을 돌려줍니다. {limited[0].outcome}."
        elif min(rests) < 7:
            yield f"서버가 7초(`retry-after`)를 쉬라고 했는데 {min(rests):.1f}초만 쉬었습니다."
        elif len(rests) == 1:
            yield "`retry-after`만큼만 쉬면 함께 실패한 요청들이 함께 돌아옵니다. 거기에도 지터를 더합니다."
        else:
            continue
        break
    many = [_try(ask, timed_out()).rests for _ in range(40)]
    if any(rests[TRIES] for rests in many):
        yield "마지막으로 실패한 뒤에도 쉬었습니다. 더 부를 것이 아니면 쉬지 않습니다."
    if any(not rests[number] for rests in many for number in range(1, TRIES)):
        yield "쉬지 않고 다시 불렀습니다. 실패한 뒤에는 `sleep`으로 쉽니다."
        return
    if len({rests[1] for rests in many}) == 1:
        yield "첫 실패 뒤에 쉬는 시간이 늘 같습니다. 지터로 흩어 놓습니다."
    if max(rests[3] for rests in many) < 1.5 * max(rests[1] for rests in many):
        yield "세 번 실패해도 쉬는 시간이 늘지 않습니다. 실패할 때마다 상한을 두 배로 늘립니다."


# 04-3 -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Chain:
    """학습자의 함수를 `answer("질문", 제공자들, sleep=...)`로 한 번 부른 기록. `asked`는 제공자마다 받은 인자들입니다."""

    outcome: Outcome
    asked: dict[str, list[tuple[Any, ...]]]


def _chain(answer: Any, **providers: Any) -> _Chain:
    """제공자는 그가 낼 텍스트나 예외 하나로 적습니다."""
    fakes = {name: Fake(outcome) for name, outcome in providers.items()}
    outcome = attempt(answer, "질문", dict(fakes), ours=providers.values(), sleep=lambda seconds: None)
    return _Chain(outcome, {name: fake.asked for name, fake in fakes.items()})


@exercise("04-3")
def fall_back(answer: Any) -> Iterator[str]:
    """제공자를 순서대로 묻는 함수를 스스로 만듭니다."""
    yield from _first_answers(answer)
    yield from _fourth_answers(answer)
    yield from _must_not_move_on(answer)
    yield from _nobody_answers(answer)


def _first_answers(answer: Any) -> Iterator[str]:
    first = _chain(answer, 가="답 1", 나="답 2")
    error, value = first.outcome.error, first.outcome.value
    if error is not None:
        raise Wrong(f"첫 제공자가 답했는데 예외가 났습니다. {type(error).__name__}: {error}")
    require_filled(value, "answer의 결과")
    require_dict(value, "`answer` 함수", ("text", "provider", "failed"))
    if first.asked["나"]:
        yield "첫 제공자가 답했는데 다음 제공자에게도 물었습니다. 돈이 두 번 듭니다."
    elif len(first.asked["가"]) > 1:
        yield "첫 제공자가 한 번에 답했는데 또 물었습니다. 돈이 두 번 듭니다."
    if first.asked["가"] and first.asked["가"][0] != ("질문",):
        yield f"제공자에게는 받은 질문을 그대로 넘깁니다. 지금 넘긴 것: {show(first.asked['가'][0])}"
    yield from _result_problems("첫 제공자가 답했을 때", value, "답 1", "가", {})


def _fourth_answers(answer: Any) -> Iterator[str]:
    """그 제공자의 사정이면 다음 제공자에게 물어야 합니다."""
    for names, errors in providers_troubles().items():
        failed = dict(zip("가나다", errors))
        last = _chain(answer, **failed, 라="답 4").outcome
        if last.error is not None:
            yield f"{names} 앞의 셋이 실패하면 넷째에게 물어야 합니다. {last}."
        else:
            yield from _result_problems("넷째가 답했을 때", last.value, "답 4", "라", failed)
    again = _chain(answer, 가="답 1").outcome.value
    if isinstance(again, dict) and again.get("failed"):
        yield '다시 부르니 지난번의 실패가 "failed"에 남아 있습니다. 부를 때마다 새 딕셔너리를 만듭니다.'


def _must_not_move_on(answer: Any) -> Iterator[str]:
    """요청이 틀렸거나, 내 코드의 버그이거나, 멈추라는 것이면 그대로 내야 합니다."""

    def moves_on(error: BaseException) -> bool:
        tried = _chain(answer, 가=error, 나="답 2")
        return bool(tried.asked["나"]) or tried.outcome.error is not error

    for error in own_mistakes():
        if moves_on(error):
            whose = "Anthropic의 " if type(error).__module__.startswith("anthropic") else ""
            status = getattr(error, "status_code", None)
            yield f"{whose}상태 {status}: 요청이 틀린 것이니 다음 제공자에게 묻지 말고 그 예외를 그대로 냅니다."
            break
    for bug in (TypeError("authored"), KeyError("authored"), AttributeError("authored"), ValueError("authored")):
        if moves_on(bug):
            yield f"내 코드의 버그({type(bug).__name__})를 삼켰습니다. `except Exception` 대신 SDK의 예외만 잡습니다."
            break
    if moves_on(KeyboardInterrupt()):
        yield "정지 버튼(KeyboardInterrupt)를 삼켰습니다. `except:`나 `except BaseException:`을 쓰지 않습니다."


def _nobody_answers(answer: Any) -> Iterator[str]:
    down = openai_error("InternalServerError", 503, None, "server_error")
    retired = openai_error("NotFoundError", 404, "model_not_found")
    nobody = _chain(answer, 가=down, 나=retired).outcome
    if nobody.error is None:
        yield f"모두 실패하면 예외를 던져야 부른 쪽이 압니다. 지금 돌려준 것: {show(nobody.value)}"
    elif not _tells(nobody.error, down) or not _tells(nobody.error, retired):
        yield (
            f"모두 실패했을 때 낸 {type(nobody.error).__name__}에서 두 실패의 이유를 다 찾을 수 없습니다. "
            "`ExceptionGroup`에 모두 담거나 문구에 예외의 이름을 모두 적습니다."
        )


def _result_problems(when: str, value: Any, text: str, provider: str, failed: dict[str, Exception]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{when} 딕셔너리를 돌려주어야 합니다. 지금은 {show(value)}입니다."
        return
    for key, expected in (("text", text), ("provider", provider)):
        if not same(value.get(key), expected):
            yield f'{when} "{key}"의 값은 {expected!r}이어야 합니다. 지금은 {show(value.get(key))}입니다.'
    found = value.get("failed")
    if not isinstance(found, dict) or list(found) != list(failed):
        yield f'{when} "failed"에는 실패한 제공자의 이름 {list(failed)}만 있어야 합니다. 지금은 {show(found)}입니다.'
    elif any(found[name] is not error for name, error in failed.items()):
        yield f'{when} "failed"의 값은 그 제공자가 낸 예외 그대로여야 합니다. 문자열로 바꾸면 상태와 요청 ID가 사라집니다.'


def _tells(shown: BaseException, cause: BaseException) -> bool:
    """`shown`에서 `cause`를 찾을 수 있는가: 담았거나(묶음, 속성), 이었거나, 문구에 이름이나 문구를 적었거나."""
    waiting: list[Any] = [shown]
    seen: list[Any] = []
    while waiting:
        value = waiting.pop()
        if any(value is known for known in seen):
            continue
        seen.append(value)
        if isinstance(value, BaseException):
            context = None if value.__suppress_context__ else value.__context__  # `from None`은 감춘 것입니다.
            waiting += [value.__cause__, context, getattr(value, "exceptions", ()), value.args, vars(value)]
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
    words = " ".join([str(shown), *getattr(shown, "__notes__", ())])
    return any(value is cause for value in seen) or type(cause).__name__ in words or str(cause) in words
