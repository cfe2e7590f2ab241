"""수업 04의 연습: 노트북에 적힌 풀이는 통과하고, 빈칸은 빈칸이라 하고, 틀린 답에는 이유를 말합니다."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

import llmkit
from tests.lessons.exercises import NOTEBOOKS, exercises, run, wrong

FOUND = exercises("04")
CELLS = json.loads((NOTEBOOKS / "04_errors.ipynb").read_text(encoding="utf-8"))["cells"]
SOURCE = {cell["id"]: "".join(cell["source"]) for cell in CELLS}
# 연습이 빌려 쓰는, 앞의 장들에서 만든 함수들.
BEFORE = "\n".join(
    ["import random, time, anthropic, openai", "client = None"]
    + [SOURCE[cell] for cell in ("report", "transient-code", "backoff-code", "with-retry-code")]
    + re.findall(r"^BAD_REQUEST = .*", SOURCE["fallback-code"], re.MULTILINE)
)


@pytest.fixture(autouse=True)
def _never_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError(f"채점하다 정말로 {seconds}초를 쉬었습니다.")

    monkeypatch.setattr(time, "sleep", sleep)


def in_lesson(source: str) -> Any:
    return run(f"{BEFORE}\n{source}")


@pytest.mark.parametrize("exercise", ["04-1", "04-2", "04-3"])
def test_the_folded_solution_passes(exercise: str) -> None:
    result, _ = in_lesson(FOUND[exercise].solution)
    assert result.passed, result


@pytest.mark.parametrize(
    ("exercise", "blanks"),
    [
        ("04-1", ('send_again["429 credit_balance_exhausted"]',)),
        ("04-3", ("answer의 결과",)),
    ],
)
def test_a_blank_is_named_as_the_learner_sees_it(exercise: str, blanks: tuple[str, ...]) -> None:
    result, _ = in_lesson(FOUND[exercise].stub)
    assert result.blanks == blanks and not result.problems


def test_the_lying_function_is_told_its_lies_and_nothing_else_yet() -> None:
    shown = repr(in_lesson(FOUND["04-2"].stub)[0])
    for said in (
        "틀린 요청(400), 틀린 키(401), 없는 모델(404), 사용 한도 소진(429), 결제 문제(402), 코드의 오타(NameError), 정지 버튼",
        "마지막 예외",
        "'요청 한도를 초과했습니다.'",
    ):
        assert said in shown
    assert "3군데" in shown and "지터" not in shown


# 04-1 ---------------------------------------------------------------------------------------------------

TABLE = {
    "401 invalid_api_key": False,
    "404 model_not_found": False,
    "429 rate_limit_exceeded": True,
    "429 credit_balance_exhausted": False,
    "500 server_error": True,
    "APITimeoutError": True,
}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (TABLE | {"429 credit_balance_exhausted": True}, "크레딧이 끝난 것"),
        (TABLE | {"429 credit_balance_exhausted": "아니요"}, "True(다시 보냄) 또는 False"),
        (TABLE | {"429 credit_balance_exhausted": 0}, "True(다시 보냄) 또는 False"),
        (TABLE | {"500 server_error": False}, "처음대로 True"),
        (TABLE | {"418": True}, "이름은 처음대로"),
        (False, "이름은 처음대로"),
    ],
)
def test_wrong_table(answer: Any, said: str) -> None:
    assert said in wrong("04-1", answer)


# 04-2: 맞는 함수에서 한 곳씩만 틀리게 합니다 ----------------------------------------------------------------

GOOD = """
def ask(call, sleep=time.sleep):
    for attempt in range(1, 5):
        try:
            return call()
        except Exception as error:
            if attempt == 4 or not is_transient(error):
                raise
            sleep(backoff(attempt, retry_after(error)))
"""


def changed(*swaps: tuple[str, str]) -> Callable[..., Any]:
    source = GOOD
    for old, new in swaps:
        assert old in source
        source = source.replace(old, new)
    return in_lesson(f"{source}\nask")[0]  # type: ignore[return-value]


def test_the_unchanged_function_passes() -> None:
    assert llmkit.check("04-2", changed()).passed


@pytest.mark.parametrize(
    ("swaps", "said"),
    [
        (
            [(" or not is_transient(error)", "")],
            "틀린 키(401), 없는 모델(404), 사용 한도 소진(429), 결제 문제(402), 코드의 오타(NameError). 한 번에",
        ),
        (
            [("not is_transient(error)", "getattr(error, 'status_code', 0) == 401")],
            "틀린 요청(400), 권한 없음(403), 없는 모델(404), 사용 한도 소진(429), 결제 문제(402), 코드의 오타",
        ),
        # 코드 하나만 아는 재시도, 상태만 보는 재시도, 4xx만 가려내는 재시도, 연결 실패를 포기하는 재시도
        (
            [
                (
                    "not is_transient(error)",
                    "getattr(error, 'code', '') == 'credit_balance_exhausted' or not is_transient(error) and getattr(error, 'status_code', 0) != 429",
                )
            ],
            ": 429 organization_usage_limit_exceeded, 429 organization_spend_limit_exceeded, 429 project_spend_limit_exceeded, 429 insufficient_quota. 한",
        ),
        (
            [
                (
                    "not is_transient(error)",
                    "getattr(error, 'status_code', 500) not in (429, 400, 404) and not is_transient(error)",
                )
            ],
            "틀린 요청(400), 없는 모델(404)",
        ),
        (
            [("not is_transient(error)", "not is_transient(error) or getattr(error, 'status_code', 0) >= 500")],
            "부르지 않았습니다: 서버 오류(500), 막힌 프록시(503), 과부하(529)",
        ),
        (
            [("not is_transient(error)", "not is_transient(error) or type(error) is openai.APIConnectionError")],
            "부르지 않았습니다: 거부된 연결",
        ),
        (
            [("not is_transient(error)", "type(error) is not openai.APITimeoutError")],
            "요청 타임아웃(408), 다른 요청과 겹침(409), 서버 오류(500), 막힌 프록시(503), 과부하(529), 거부된 연결",
        ),
        ([("except Exception", "except BaseException")], None),  # is_transient가 가려 주므로 맞는 답입니다.
        (
            [("not is_transient(error)", "type(error) is NameError")],
            "없는 모델(404), 사용 한도 소진(429), 결제 문제(402), 코드의 버그(TypeError), 코드의 버그(KeyError). 한 번에",
        ),
        ([("raise\n", "raise RuntimeError('실패') from None\n")], "RuntimeError('실패')"),
        ([("raise\n", "return '죄송합니다'\n")], "돌려준 값이 있습니다: '죄송합니다'"),
        ([("range(1, 5)", "range(1, 3)"), ("== 4", "== 2")], "2번 불렀습니다. 4번까지만"),
        ([("range(1, 5)", "range(1, 99)"), ("attempt == 4 or ", "")], "끝없이 불렀습니다"),
        ([("            if", "            print('한도를 넘었습니다')\n            if")], "짐작 말고"),
        ([("            if", "            print('서버가 바쁩니다.')\n            if")], "짐작 말고"),
        ([("            if", "            print(f'한도 4번 가운데 {attempt}번째: {error!r}')\n            if")], None),
        ([("backoff(attempt, retry_after(error))", "retry_after(error) or backoff(attempt)")], "거기에도 지터를"),
        ([("retry_after(error)", "None")], "7초(`retry-after`)를 쉬라고"),
        (
            [("            sleep(backoff(attempt, retry_after(error)))", "            pass")],
            "0.0초만 쉬었습니다",
        ),
        ([("backoff(attempt, retry_after(error))", "retry_after(error) or ceiling(attempt)")], "지터로 흩어"),
        ([("backoff(attempt,", "backoff(1,")], "쉬는 시간이 늘지 않습니다"),
        (
            [
                (
                    "            if attempt",
                    "            sleep(backoff(attempt, retry_after(error)))\n            if attempt",
                )
            ],
            "마지막으로 실패한 뒤에도",
        ),
        ([("return call()", "return call() and None")], "돌려준 것: None"),
        ([(", sleep=time.sleep", "")], "TypeError"),
        ([("return call()", "return call() and call()")], "부른 횟수 2번"),
    ],
)
def test_one_mistake_is_named(swaps: list[tuple[str, str]], said: str | None) -> None:
    if said is None:
        assert llmkit.check("04-2", changed(*swaps)).passed
    else:
        assert said in wrong("04-2", changed(*swaps))


@pytest.mark.parametrize(
    ("exercise", "name", "section"),
    [
        ("04-2", "is_transient", "5절"),
        ("04-2", "backoff", "6절"),
        ("04-3", "with_retry", "6절"),
        ("04-3", "BAD_REQUEST", "10절"),
    ],
)
def test_after_a_restart_the_missing_section_is_named(exercise: str, name: str, section: str) -> None:
    _, names = in_lesson(FOUND[exercise].solution)
    names.pop(name)
    answer = names["ask_with_retry" if exercise == "04-2" else "answer"]
    assert (
        wrong(exercise, answer)
        == f"✗ {exercise} 고칠 곳 1군데\n  1. `{name}`: 아직 없는 이름입니다. 노트북의 {section} 셀을 먼저 실행하세요."
    )


def test_a_name_of_the_learners_own_is_not_an_earlier_section() -> None:
    def typo(call: Any, sleep: Any = None) -> Any:
        return call() if sleep else qestion  # type: ignore[name-defined] # noqa: F821

    assert "셀을 먼저" not in wrong("04-2", typo)


def test_no_function_is_said_so() -> None:
    assert "함수 자체를 넘깁니다" in wrong("04-2", "답")
    assert "함수 자체를 넘깁니다" in wrong("04-3", {"text": "답"})


def test_a_real_stop_button_during_the_check_is_not_swallowed() -> None:
    def stopped(call: Any, sleep: Any = None) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        llmkit.check("04-2", stopped)


# 04-3 ---------------------------------------------------------------------------------------------------


def chaining(stops: tuple[int, ...], fails: tuple[type[Exception], ...]) -> Callable[..., dict[str, Any]]:
    """상태가 `stops`이면 멈추고 `fails`이면 다음 제공자에게 묻는 함수."""

    def answer(question: str, providers: dict[str, Any], sleep: Any = None) -> dict[str, Any]:
        failed: dict[str, Exception] = {}
        for name, ask in providers.items():
            try:
                return {"text": ask(question), "provider": name, "failed": failed}
            except fails as error:
                if getattr(error, "status_code", None) in stops:
                    raise
                failed[name] = error
        raise ExceptionGroup("모두 실패", list(failed.values()))

    return answer


OURS = (400, 413, 422)
BOTH = (openai.APIError, anthropic.APIError, httpx2.TransportError)
chain = chaining(OURS, BOTH)


def named(question: str, providers: dict[str, Any], sleep: Any = None) -> dict[str, Any]:
    """이유를 묶음 대신 문구에 적는 것도 맞는 답입니다."""
    try:
        return chain(question, providers)
    except ExceptionGroup as group:
        raise RuntimeError(", ".join(repr(error) for error in group.exceptions)) from None


@pytest.mark.parametrize("answer", [chain, named])
def test_either_way_of_telling_every_cause_passes(answer: Any) -> None:
    assert llmkit.check("04-3", answer).passed


def with_result(change: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
    return lambda question, providers, sleep=None: change(chain(question, providers))


def only_first(question: str, providers: dict[str, Any], sleep: Any = None) -> dict[str, Any]:
    name, ask = next(iter(providers.items()))
    return {"text": ask(question), "provider": name, "failed": {}}


def ask_everyone(question: str, providers: dict[str, Any], sleep: Any = None) -> dict[str, Any]:
    for ask in providers.values():
        try:
            ask(question)
        except Exception:
            pass
    return chain(question, providers)


def swallow(question: str, providers: dict[str, Any], sleep: Any = None) -> dict[str, Any]:
    failed: dict[str, Any] = {}
    for name, ask in providers.items():
        try:
            return {"text": ask(question), "provider": name, "failed": failed}
        except openai.BadRequestError:
            raise
        except:  # noqa: E722
            failed[name] = openai.OpenAIError("?")
    return {"text": "죄송합니다", "provider": None, "failed": failed}


def hide(question: str, providers: dict[str, Any], sleep: Any = None) -> dict[str, Any]:
    try:
        return chain(question, providers)
    except ExceptionGroup:
        raise RuntimeError("모든 제공자가 실패했습니다") from None


def last_only(question: str, providers: dict[str, Any], sleep: Any = None) -> dict[str, Any]:
    try:
        return chain(question, providers)
    except ExceptionGroup as group:
        last = group.exceptions[-1]
    raise last


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (only_first, "넷째에게 물어야 합니다"),
        (chaining(OURS, (openai.APIError, httpx2.TransportError)), "Anthropic의 529로 앞의 셋이 실패하면 넷째에게"),
        (
            chaining(OURS, (openai.APIError, anthropic.APIError)),
            "끊긴 스트림(httpx2.RemoteProtocolError)으로 앞의 셋이",
        ),
        (chaining(OURS, (openai.APIStatusError, anthropic.APIError, httpx2.TransportError)), "타임아웃, 거부된 연결"),
        (chaining((), (Exception,)), "버그(TypeError)를 삼켰습니다"),
        (ask_everyone, "돈이 두 번 듭니다"),
        (chaining((), (Exception,)), "상태 400: 요청이 틀린 것"),
        (chaining((400,), BOTH), "상태 413: 요청이 틀린 것"),
        (chaining((400, 413), BOTH), "상태 422: 요청이 틀린 것"),
        (swallow, "정지 버튼(KeyboardInterrupt)를 삼켰습니다"),
        (swallow, "모두 실패하면 예외를 던져야"),
        (swallow, "예외 그대로여야 합니다"),
        (hide, "이유를 다 찾을 수 없습니다"),
        (last_only, "이유를 다 찾을 수 없습니다"),
        (with_result(lambda result: result | {"provider": "OpenAI"}), "\"provider\"의 값은 '가'"),
        (with_result(lambda result: result | {"text": "다른 글"}), "\"text\"의 값은 '답 1'"),
        (with_result(lambda result: result | {"failed": list(result["failed"])}), '"failed"에는'),
        (with_result(lambda result: {"text": result["text"]}), "provider, failed"),
        (with_result(lambda result: result["text"]), "딕셔너리를 돌려주어야"),
        (lambda question, providers: None, "TypeError"),
    ],
)
def test_wrong_safety_net(answer: Any, said: str) -> None:
    assert said in wrong("04-3", answer)


# 바꿔 보기: 재생에서도 된다고 적은 것은 정말로 됩니다 ---------------------------------------------------------


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """노트북의 셀들을 실행할 이름들. 앞의 장들이 정의한 것까지 들어 있습니다."""
    names: dict[str, Any] = {"llmkit": llmkit}
    with llmkit.setup("04_errors", mode="replay", pace=0) as session:
        names["session"] = session
        for cell in ("client", "report", "ask", "transient-code", "samples-code"):
            exec(SOURCE[cell], names)
    # 스크립트에서는 셀의 시작을 알 수 없으므로, 녹화를 처음부터 다시 재생하게 합니다.
    with llmkit.setup("04_errors", mode="replay", pace=0) as session:
        names["session"] = session
        exec(f"import asyncio, random\n{SOURCE['backoff-code']}\n{SOURCE['with-retry-code']}", names)
        yield names


def changed_cell(cell: str, old: str, new: str) -> str:
    assert old in SOURCE[cell]
    return SOURCE[cell].replace(old, new)


def test_fewer_sdk_retries(cells: dict[str, Any]) -> None:
    exec(SOURCE["sdk-defaults"], cells)
    exec(SOURCE["sdk-inside-code"].split("start =")[0], cells)
    exec(changed_cell("sdk-quota-code", "client=patient", "client=patient.with_options(max_retries=1)"), cells)
    assert [call.status for call in cells["session"].calls] == [429, 429]


def test_two_tries_are_too_few_for_a_429_and_a_500(cells: dict[str, Any]) -> None:
    with pytest.raises(openai.InternalServerError):
        exec(changed_cell("with-retry-use-code", "sleep=waits", "tries=2, sleep=waits"), cells)
    assert len(cells["waits"]) == 1


def test_both_providers_fail(cells: dict[str, Any]) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        exec(changed_cell("fallback-code", "다음에도 올게요.", "주차가 어려웠어요."), cells)
    assert [type(error).__name__ for error in caught.value.exceptions] == [
        "InternalServerError",
        "OverloadedError",
    ]


def test_a_second_of_jitter_is_not_enough(cells: dict[str, Any]) -> None:
    exec(SOURCE["herd-retry"], cells)
    for seed in range(5):
        cells["random"].seed(seed)
        _, narrow = eval("stampede(lambda attempt: 1 + random.random())", cells)
        _, wide = eval("stampede(lambda attempt: backoff(attempt, asked=1))", cells)
        assert narrow < 60 == wide


def test_every_dated_fact_in_the_prose_is_the_one_in_the_data() -> None:
    facts = json.loads((NOTEBOOKS.parent / "llmkit/data/facts.json").read_text(encoding="utf-8"))
    prose = " ".join("\n".join(SOURCE.values()).split())
    quoted = re.findall(r"(.{40})<!-- fact: ([\w-]+) -->", prose)
    assert quoted
    for before, key in quoted:
        assert before.endswith(facts[key]["text"]), f"{key}: {before!r}"
        assert facts[key]["as_of"] and facts[key]["source"]


def test_an_error_body_in_an_unknown_shape_does_not_hide_the_error() -> None:
    _, names = in_lesson("None")
    response = httpx2.Response(500, request=httpx2.Request("POST", "https://api.anthropic.com/v1/messages"))
    for body in ({"error": "upstream timeout"}, ["?"], "text", None):
        error = anthropic.InternalServerError("500", response=response, body=body)
        assert names["detail"](error) == {} and names["is_transient"](error)
