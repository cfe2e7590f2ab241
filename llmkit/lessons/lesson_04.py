"""수업 04의 연습 채점. 학습자의 함수에 진짜 SDK 예외를 던져 보고, 몇 번 부르고 얼마나 쉬고 무엇을 내는지 봅니다."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

from .checks import Wrong, exercise, require_filled
from .sdk_errors import OUT_OF_MONEY, anthropic_error, broken_stream, openai_error, refused, timed_out

TRIES = 4
_ENOUGH = 30  # 이만큼 불렀으면 멈추지 않는 것으로 봅니다.
# 연습이 빌려 쓰는 이름과, 그것을 만든 절. 커널을 다시 시작하면 사라집니다.
_MADE_IN = {
    **dict.fromkeys(("openai", "anthropic", "detail"), "1절"),
    **dict.fromkeys(("is_transient", "BROKEN", "OUT_OF_MONEY", "IN_STREAM"), "5절"),
    **dict.fromkeys(("random", "retry_after", "ceiling", "backoff", "with_retry"), "6절"),
    "BAD_REQUEST": "10절",
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
            yield f"{name!r}의 값은 True(다시 보냄) 또는 False(고침)입니다. 지금은 {answer[name]!r}입니다."
        elif answer[name] != expected and name == "429 credit_balance_exhausted":
            yield "429라도 충전한 크레딧이 끝난 것입니다. 몇 초를 쉬어도 돈이 생기지 않습니다. 상태가 아니라 코드를 봅니다."
        elif answer[name] != expected:
            yield f"{name!r}의 값은 처음대로 {expected}입니다."


@exercise("04-2")
def honest_retry(ask: Any) -> Iterator[str]:
    """원인을 감추는 재시도 함수를 고칩니다."""
    if not callable(ask):
        raise Wrong(f"함수 자체를 넘깁니다. 지금은 {type(ask).__name__} 값입니다.")
    fine = _Try(ask, ["답"])
    if fine.error is not None:
        raise Wrong(f"성공하는 호출인데 예외가 났습니다. {type(fine.error).__name__}: {fine.error}")
    if fine.value != "답" or fine.calls != 1 or fine.waits:
        raise Wrong(f"한 번에 성공하면 그 답을 바로 돌려줍니다. {fine.calls}번 부르고 {fine.value!r}을 돌려주었습니다.")
    lies = list(_lies(ask))
    yield from lies
    if not lies:  # 감추는 것부터 고치고, 그다음에 쉬는 시간을 봅니다.
        yield from _bad_manners(ask)


def _hopeless() -> dict[str, BaseException]:
    """다시 불러도 낫지 않는 실패들. 이름은 학습자에게 보입니다."""
    return {
        "틀린 요청(400)": openai_error("BadRequestError", 400),
        "틀린 키(401)": openai_error("AuthenticationError", 401, "invalid_api_key"),
        "없는 모델(404)": openai_error("NotFoundError", 404, "model_not_found"),
        **{f"429 {code}": openai_error("RateLimitError", 429, code, "insufficient_quota") for code in OUT_OF_MONEY},
        "429 insufficient_quota": openai_error("RateLimitError", 429, None, "insufficient_quota"),
        "결제 문제(402)": anthropic_error("PaymentRequiredError", 402, "billing_error"),
        "코드의 오타(NameError)": NameError("name 'qestion' is not defined"),
        "정지 버튼(KeyboardInterrupt)": KeyboardInterrupt(),
    }


def _lies(ask: Any) -> Iterator[str]:
    """고칠 실패를 반복하거나, 이유를 바꾸거나 감추는 곳."""
    hopeless = _hopeless()
    tried = {name: _Try(ask, [error]) for name, error in hopeless.items()}
    if repeated := [name for name, attempt in tried.items() if attempt.calls > 1]:
        quota = [name for name in hopeless if name.startswith("429 ")]
        if set(quota) <= set(repeated):  # 코드마다 적으면 길어서, 모두 놓쳤으면 한데 말합니다.
            repeated[repeated.index(quota[0])] = "사용 한도 소진(429)"
            repeated = [name for name in repeated if name not in quota]
        yield f"다시 불러도 낫지 않는 실패를 또 불렀습니다: {', '.join(repeated)}. 한 번에 멈춥니다."
    for name, attempt in tried.items():
        if attempt.calls <= 1 and attempt.error is not hopeless[name]:
            yield f"{name}: 그 예외가 그대로 나와야 합니다. {attempt.outcome}."
    if given_up := [name for name, error in _passing().items() if _Try(ask, [error, "답"]).calls != 2]:
        yield f"다시 부르면 나을 수 있는 실패인데 한 번 더 부르지 않았습니다: {', '.join(given_up)}."

    timeout = timed_out()
    slow = _Try(ask, [timeout])
    if slow.calls != TRIES:
        times = f"{slow.calls}번" if slow.calls < _ENOUGH else "끝없이"
        yield f"늘 시간 초과인 호출을 {times} 불렀습니다. {TRIES}번까지만 부릅니다."
    elif slow.error is not timeout:
        yield f"네 번 모두 시간 초과이면 마지막 예외(`APITimeoutError`)가 그대로 나와야 합니다. {slow.outcome}."
    truths = ("timeout", "timed out", "시간 초과")
    if slow.printed.strip() and not any(truth in slow.printed.lower() for truth in truths):
        said = slow.printed.strip().splitlines()[0]
        yield f"시간 초과인데 {said!r}라고 출력했습니다. 짐작 말고 예외의 이름(`type(error).__name__`)을 적습니다."


def _passing() -> dict[str, Exception]:
    """잠깐의 실패들. 이름은 학습자에게 보입니다."""
    return {
        "호출 제한(429)": openai_error("RateLimitError", 429, "rate_limit_exceeded", "requests"),
        "서버 오류(500)": openai_error("InternalServerError", 500, None, "server_error"),
        "과부하(529)": anthropic_error("OverloadedError", 529, "overloaded_error"),
        "거부된 연결": refused(),
    }


def _bad_manners(ask: Any) -> Iterator[str]:
    """쉬는 시간이 잘못된 곳."""
    asked = openai_error("RateLimitError", 429, "rate_limit_exceeded", "requests", {"retry-after": "7"})
    limited = [_Try(ask, [asked, "답"]) for _ in range(40)]
    rests = [sum(attempt.waits) for attempt in limited]
    if limited[0].value != "답":
        yield f"한 번 429를 받고 다음에 성공하면 그 답을 돌려줍니다. {limited[0].outcome}."
    elif min(rests) < 7:
        yield f"서버가 7초(`retry-after`)를 쉬라고 했는데 {min(rests):.1f}초만 쉬었습니다."
    elif len(set(rests)) == 1:
        yield "`retry-after`만큼만 쉬면 함께 실패한 요청들이 함께 돌아옵니다. 거기에도 지터를 더합니다."
    many = [_Try(ask, [timed_out()]).waits for _ in range(40)]
    if any(len(waits) >= TRIES for waits in many):
        yield "마지막으로 실패한 뒤에도 쉬었습니다. 더 부를 것이 아니면 쉬지 않습니다."
    if any(len(waits) < TRIES - 1 for waits in many):
        yield "쉬지 않고 다시 불렀습니다. 실패한 뒤에는 `sleep`으로 쉽니다."
        return
    if len({waits[0] for waits in many}) == 1:
        yield "첫 실패 뒤에 쉬는 시간이 늘 같습니다. 지터로 흩어 놓습니다."
    if max(waits[2] for waits in many) < 1.5 * max(waits[0] for waits in many):
        yield "세 번 실패해도 쉬는 시간이 늘지 않습니다. 실패할 때마다 상한을 두 배로 늘립니다."


@exercise("04-3")
def fall_back(answer: Any) -> Iterator[str]:
    """제공자를 차례로 묻는 함수를 스스로 만듭니다."""
    if not callable(answer):
        raise Wrong(f"함수 자체를 넘깁니다. 지금은 {type(answer).__name__} 값입니다.")
    down = openai_error("InternalServerError", 503, None, "server_error")
    retired = openai_error("NotFoundError", 404, "model_not_found")

    first = _Ask(answer, 가={"답 1"}, 나={"답 2"})
    if first.error is not None:
        raise Wrong(f"첫 제공자가 답했는데 예외가 났습니다. {type(first.error).__name__}: {first.error}")
    require_filled(first.value, "answer의 결과")
    if not isinstance(first.value, dict):
        raise Wrong(f"딕셔너리를 돌려주어야 합니다. 지금은 {type(first.value).__name__}입니다.")
    missing = [name for name in ("text", "provider", "failed") if name not in first.value]
    if missing:
        raise Wrong(f"결과에 {', '.join(missing)}이(가) 없습니다.")
    if first.asked["나"]:
        yield "첫 제공자가 답했는데 다음 제공자에게도 물었습니다. 돈이 두 번 듭니다."
    yield from _wrong_result("첫 제공자가 답했을 때", first.value, "답 1", "가", {})

    overloaded = anthropic_error("OverloadedError", 529, "overloaded_error")
    for names, errors in (
        ("OpenAI의 503과 404, Anthropic의 529로", (down, retired, overloaded)),
        (
            "시간 초과, 거부된 연결, 끊긴 스트림(httpx2.RemoteProtocolError)으로",
            (timed_out(), refused(), broken_stream()),
        ),
    ):
        failed = dict(zip("가나다", errors))
        last = _Ask(answer, **failed, 라={"답 4"})
        if last.error is not None:
            yield f"{names} 앞의 셋이 실패하면 넷째에게 물어야 합니다. {last.outcome}."
        else:
            yield from _wrong_result("넷째가 답했을 때", last.value, "답 4", "라", failed)

    for name, status in (("BadRequestError", 400), ("APIStatusError", 413), ("UnprocessableEntityError", 422)):
        ours = openai_error(name, status)
        broken = _Ask(answer, 가=ours, 나={"답 2"})
        if broken.asked["나"] or broken.error is not ours:
            yield f"상태 {status}: 요청이 틀린 것이니 다음 제공자에게 묻지 말고 그 예외를 그대로 냅니다."
            break
    bug = TypeError("우리 코드의 버그")
    if _Ask(answer, 가=bug, 나={"답 2"}).error is not bug:
        yield "우리 코드의 버그(TypeError)를 삼켰습니다. `except Exception` 대신 SDK의 예외만 잡습니다."

    nobody = _Ask(answer, 가=down, 나=retired)
    if nobody.error is None:
        yield f"모두 실패했는데 {nobody.value!r}을 돌려주었습니다. 예외를 내야 부른 쪽이 압니다."
    elif not _tells(nobody.error, down) or not _tells(nobody.error, retired):
        yield (
            f"모두 실패했을 때 낸 {type(nobody.error).__name__}에서 두 실패의 까닭을 다 찾을 수 없습니다. "
            "`ExceptionGroup`에 모두 담거나 문구에 예외의 이름을 모두 적습니다."
        )

    stop = KeyboardInterrupt()
    if _Ask(answer, 가=stop, 나={"답 2"}).error is not stop:
        yield "정지 버튼(KeyboardInterrupt)를 삼켰습니다. `except:`나 `except BaseException:`을 쓰지 않습니다."


class _Try:
    """학습자의 함수를 `ask(call, sleep=...)`로 한 번 부른 기록입니다. `call`은 `outcomes`를 차례로 내고 마지막을 되풀이합니다."""

    def __init__(self, ask: Any, outcomes: list[Any]) -> None:
        self.calls, self.waits = 0, []

        def call() -> Any:
            self.calls += 1
            if self.calls >= _ENOUGH:
                return "그만"
            outcome = outcomes[min(self.calls, len(outcomes)) - 1]
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        expected = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        self.value, self.error, self.printed = _run(expected, ask, call, sleep=self.waits.append)

    @property
    def outcome(self) -> str:
        return _outcome(self.value, self.error)


class _Ask:
    """학습자의 함수를 `answer(질문, 제공자들, sleep=...)`로 한 번 부른 기록입니다. 제공자는 {글}이나 예외 하나로 적습니다."""

    def __init__(self, answer: Any, **providers: Any) -> None:
        self.asked = dict.fromkeys(providers, 0)

        def provider(name: str, outcome: Any) -> Any:
            def ask(question: str) -> str:
                self.asked[name] += 1
                if isinstance(outcome, BaseException) and self.asked[name] < _ENOUGH:
                    raise outcome
                return "그만" if isinstance(outcome, BaseException) else next(iter(outcome))

            return ask

        expected = [outcome for outcome in providers.values() if isinstance(outcome, BaseException)]
        functions = {name: provider(name, outcome) for name, outcome in providers.items()}
        self.value, self.error, _ = _run(expected, answer, "질문", functions, sleep=lambda seconds: None)

    @property
    def outcome(self) -> str:
        return _outcome(self.value, self.error)


def _run(
    expected: list[BaseException], function: Any, *arguments: Any, **named: Any
) -> tuple[Any, BaseException | None, str]:
    """(돌려준 값, 난 예외, 출력한 글). 우리가 던지지 않은 KeyboardInterrupt는 진짜로 멈추려는 것이므로 그대로 둡니다."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            return function(*arguments, **named), None, printed.getvalue()
    except Exception as error:
        section = _MADE_IN.get(getattr(error, "name", None) or "")
        if isinstance(error, NameError) and section and not any(error is ours for ours in expected):
            raise Wrong(f"`{error.name}`: 아직 없는 이름입니다. 노트북의 {section} 셀을 먼저 실행하세요.") from error
        return None, error, printed.getvalue()
    except KeyboardInterrupt as error:
        if not any(error is ours for ours in expected):
            raise
        return None, error, printed.getvalue()


def _outcome(value: Any, error: BaseException | None) -> str:
    if error is None:
        return f"지금은 예외 없이 {value!r}을 돌려주었습니다"
    return f"지금은 {type(error).__name__}({str(error)[:40]!r})가 나왔습니다"


def _wrong_result(when: str, value: Any, text: str, provider: str, failed: dict[str, Exception]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{when} 딕셔너리를 돌려주어야 합니다. 지금은 {value!r}입니다."
        return
    for key, expected in (("text", text), ("provider", provider)):
        if value.get(key) != expected:
            yield f'{when} "{key}"의 값은 {expected!r}이어야 합니다. 지금은 {value.get(key)!r}입니다.'
    found = value.get("failed")
    if not isinstance(found, dict) or list(found) != list(failed):
        yield f'{when} "failed"에는 실패한 제공자의 이름 {list(failed)}만 있어야 합니다. 지금은 {found!r}입니다.'
    elif any(found[name] is not error for name, error in failed.items()):
        yield f'{when} "failed"의 값은 그 제공자가 낸 예외 그대로여야 합니다. 글로 바꾸면 상태와 요청 번호가 사라집니다.'


def _tells(shown: BaseException, cause: BaseException) -> bool:
    """`shown`에서 `cause`를 찾을 수 있는가: 안에 담았거나, 이었거나, 문구에 이름을 적었거나."""
    waiting, seen = [shown], []
    while waiting:
        error = waiting.pop()
        if error is None or any(error is known for known in seen):
            continue
        seen.append(error)
        context = None if error.__suppress_context__ else error.__context__  # `from None`은 감춘 것입니다.
        waiting += [error.__cause__, context, *getattr(error, "exceptions", ())]
    words = " ".join([str(shown), *getattr(shown, "__notes__", ())])
    return any(error is cause for error in seen) or type(cause).__name__ in words
