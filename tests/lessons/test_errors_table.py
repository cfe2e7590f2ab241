"""수업 04의 두 표: 실패를 하나씩 두 SDK로 실제로 일으켜 표를 만들고, 노트북에 적힌 표와 같은지 봅니다.

SDK가 바뀌어 표가 달라지면 `python -m tests.lessons.test_errors_table`이 출력하는 새 표를 노트북에 붙입니다.
"""

from __future__ import annotations

import functools
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import anthropic
import httpx
import httpx2
import huggingface_hub
import openai
import pytest
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, InferenceTimeoutError

from llmkit.lessons.sdk_errors import OUT_OF_MONEY
from llmkit.models import default_model
from tests.authoring.provider.testing import stand_in
from tests.loopback import reserved_port

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "04_errors.ipynb"
GPT, CLAUDE = default_model("openai"), default_model("anthropic")
NO_SUCH_HOST = "http://no-such-host.invalid"  # RFC 2606: 절대로 존재하지 않는 이름


@dataclass(frozen=True, eq=False)
class Failure:
    """실패 하나를 일으키는 법. `fault`는 대신 답하는 서버의 대본에 적는 것이고, 나머지는 요청이나 클라이언트의 인자입니다."""

    name: str
    again: str  # 같은 요청을 다시 보낼까
    todo: str
    fault: str = ""
    anthropic_fault: str = ""  # 두 제공자의 실패가 다를 때
    client: dict[str, Any] = field(default_factory=dict)
    ask: dict[str, Any] = field(default_factory=dict)


STREAM = {"stream": True}
NINE = (
    Failure("401 틀린 키", "아니요", "키를 고칩니다", '"invalid_api_key"'),
    Failure("404 없는 모델", "아니요", "모델 이름이나 권한을 고칩니다", ask={"retired": True}),
    Failure("400 틀린 요청", "아니요", "요청을 고칩니다", ask={"messages": []}),
    Failure("429 호출 제한", "예", "`retry-after`만큼 쉽니다", '"rate_limit"'),
    Failure("사용 한도 소진", "아니요", "충전하거나 한도를 올립니다", '"insufficient_quota"'),
    Failure("500, 529 서버의 사정", "예", "쉬었다가 다시 보냅니다", '"server_error"', '"overloaded"'),
    Failure(
        "타임아웃",
        "예",
        "잦으면 `timeout`을 늘립니다",
        '{ kind = "stall", seconds = 60 }',
        client={"timeout": 0.2},
    ),
    Failure("거부된 연결", "한두 번", "서버가 켜졌는지, 주소가 맞는지 봅니다", client={"base_url": "closed"}),
    Failure("끊긴 스트림", "예", "처음부터 다시 받습니다", '{ kind = "drop", after_chunks = 3 }', ask=STREAM),
)
OTHERS = (
    Failure("403 권한 없음", "아니요", "권한을 받거나 모델을 바꿉니다", '"permission"'),
    Failure("408 서버가 기다리다 포기", "예", "쉬었다가 다시 보냅니다", '"request_timeout"'),
    Failure("409 다른 요청과 겹침", "예", "쉬었다가 다시 보냅니다", '"conflict"'),
    Failure("413 너무 큰 요청", "아니요", "줄이거나 나눕니다", '"too_large"'),
    Failure("422 처리할 수 없는 내용", "아니요", "요청을 고칩니다", '"unprocessable"'),
    Failure("503 앞단 프록시가 막힘", "예", "쉬었다가 다시 보냅니다", '"unavailable"'),
    Failure("주소를 못 찾음(DNS)", "한두 번", "주소와 네트워크를 봅니다", client={"base_url": NO_SUCH_HOST}),
    Failure("200 스트림 속의 오류", "예", "처음부터 다시 받습니다", '"error_event"', ask=STREAM),
    Failure("프록시가 200으로 보낸 HTML", "아니요", "주소와 프록시를 봅니다", '"not_json"'),
    Failure("길이 제한에 잘린 답", "아니요", "제한을 늘리거나 나누어 묻습니다", ask={"limit": 4}),
)
ANSWER = "열 토큰보다 길고 글자도 넉넉해서, 중간에 끊기거나 잘릴 수 있는 답입니다."


def ask_openai(client: openai.OpenAI, failure: Failure) -> str:
    """답을 끝까지 읽고, 끝난 이유를 돌려줍니다."""
    asked = {"model": GPT, "messages": [{"role": "user", "content": failure.name}], **failure.ask}
    if asked.pop("retired", False):
        asked["model"] = "gpt-4.1-nano"
    if limit := asked.pop("limit", None):
        asked["max_completion_tokens"] = limit
    answer = client.chat.completions.create(**asked)
    if asked.get("stream"):
        return [chunk.choices[0].finish_reason for chunk in answer][-1]
    return f"finish_reason={answer.choices[0].finish_reason!r}"


def ask_anthropic(client: anthropic.Anthropic, failure: Failure) -> str:
    asked = {"model": CLAUDE, "messages": [{"role": "user", "content": failure.name}], **failure.ask}
    if asked.pop("retired", False):
        asked["model"] = "claude-2.1"
    asked["max_tokens"] = asked.pop("limit", 100)
    answer = client.messages.create(**asked)
    if asked.get("stream"):
        return [event.type for event in answer][-1]
    return f"stop_reason={answer.stop_reason!r}"


@functools.cache
def happen(sdk: Any, failure: Failure) -> tuple[Exception | str, int]:
    """실패를 일으켜 (난 예외 또는 끝난 이유, SDK가 보낸 요청의 수)를 돌려줍니다."""
    make, ask = (openai.OpenAI, ask_openai) if sdk is openai else (anthropic.Anthropic, ask_anthropic)
    sent: list[Any] = []
    http = sdk.DefaultHttpxClient(event_hooks={"request": [sent.append]})
    with reserved_port() as closed, where(failure), mock.patch("time.sleep"):
        options = {
            name: f"http://127.0.0.1:{closed}" if value == "closed" else value for name, value in failure.client.items()
        }
        with make(api_key="short", http_client=http, **options) as client:
            try:
                return ask(client, failure), len(sent)
            except Exception as error:
                for kept in (
                    error,
                    error.__cause__,
                ):  # 붙들린 스트림이 테스트가 끝난 뒤에야 닫히지 않게 합니다.
                    if kept is not None:
                        kept.__traceback__ = None
                return error, len(sent)


@contextmanager
def where(failure: Failure) -> Iterator[None]:
    """대신 답하는 서버를 띄웁니다. 주소를 스스로 정한 실패는 서버 없이 그 주소로 갑니다."""
    if "base_url" in failure.client:
        with mock.patch("socket.getaddrinfo", lookup):
            yield
        return
    faults = {"openai": failure.fault, "anthropic": failure.anthropic_fault or failure.fault}
    script = "".join(
        f'[[entry]]\nprovider = "{provider}"\nprompt = "{failure.name}"\nanswer = "{ANSWER}"\n'
        + (f"fault = {fault}\n" if fault else "")
        for provider, fault in faults.items()
    )
    with stand_in(script):
        yield


def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
    """이름을 찾지 못한 운영체제의 대답. 테스트가 정말로 DNS에 묻지 않게 합니다."""
    if host in (NO_SUCH_HOST.removeprefix("http://"), NO_SUCH_HOST.removeprefix("http://").encode()):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return REAL_LOOKUP(host, *args, **kwargs)


REAL_LOOKUP = socket.getaddrinfo


def describe(ended: Exception | str) -> str:
    """예외의 이름, 상태, 코드(OpenAI는 code, Anthropic은 type)."""
    if isinstance(ended, str):
        return f"예외 없음. `{ended}`"
    module, name = type(ended).__module__.split(".")[0], type(ended).__name__
    parts = [f"`{name}`" if module in ("openai", "anthropic", "builtins") else f"`{module}.{name}`"]
    if status := getattr(ended, "status_code", None):
        parts.append(str(status))
    body = getattr(ended, "body", None)
    detail = body.get("error", body) if isinstance(body, dict) else {}
    if code := detail.get("code") or detail.get("type"):
        parts.append(f"`{code}`")
    return " ".join(parts)


def table(failures: tuple[Failure, ...]) -> str:
    """노트북에 붙일 Markdown 표입니다. 좁은 화면에서도 잘리지 않게, 할 일과 SDK마다 나는 예외를 따로 적습니다."""
    todo = ["| 실패 | 보낸 요청 | 다시? | 할 일 |\n|---|---|---|---|"]
    seen = {sdk: [f"| 실패 | `{sdk.__name__}`의 예외, 상태, 코드 |\n|---|---|"] for sdk in (openai, anthropic)}
    for failure in failures:
        sent, also_sent = (happen(sdk, failure)[1] for sdk in seen)
        count = f"{sent}번" if sent == also_sent else f"{sent}번, {also_sent}번"
        todo.append(f"| {failure.name} | {count} | {failure.again} | {failure.todo} |")
        for sdk, lines in seen.items():
            lines.append(f"| {failure.name} | {describe(happen(sdk, failure)[0])} |")
    return "\n\n".join("\n".join(lines) for lines in (todo, *seen.values()))


def older_than_the_table() -> str:
    """표를 만든 판보다 오래된 SDK(Colab의 것 따위)가 있으면 그 이름. 새 SDK에서 달라진 것은 실패여야 합니다."""
    facts = json.loads((NOTEBOOK.parents[1] / "llmkit/data/facts.json").read_text(encoding="utf-8"))
    for named in facts["errors-table"]["text"].split(", "):
        package, wanted = named.split(" ")
        found = version(package)
        if tuple(map(int, found.split(".")[:2])) < tuple(map(int, wanted.split("."))):
            return f"{package} {found}: 표를 확인한 버전({wanted})보다 오래되었습니다."
    return ""


@pytest.mark.skipif(bool(older_than_the_table()), reason=older_than_the_table())
@pytest.mark.filterwarnings("ignore:The model 'claude-2.1' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("failures", [NINE, OTHERS], ids=["nine", "others"])
def test_the_notebook_shows_what_the_sdks_really_do(failures: tuple[Failure, ...]) -> None:
    fresh = table(failures)
    assert fresh in prose(), f"노트북 04의 표가 SDK와 다릅니다. 이 표로 바꾸세요.\n{fresh}"


@pytest.mark.filterwarnings("ignore:The model 'claude-2.1' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("failure", [*NINE, *OTHERS], ids=lambda failure: failure.name)
@pytest.mark.parametrize("sdk", [openai, anthropic], ids=lambda sdk: sdk.__name__)
def test_the_lessons_own_rule_agrees_with_the_table(sdk: Any, failure: Failure) -> None:
    ended, _ = happen(sdk, failure)
    if isinstance(ended, Exception):
        assert lesson()["is_transient"](ended) == (failure.again != "아니요"), describe(ended)


@pytest.mark.parametrize(
    ("fault", "status"),
    [("invalid_api_key", 401), ("rate_limit", 429), ("server_error", 500), ("invalid_request", 400)],
)
def test_hugging_face_has_one_class_but_for_400_and_never_retries(fault: str, status: int) -> None:
    with pytest.raises(HfHubHTTPError) as caught:
        ask_hugging_face(f'"{fault}"')
    assert caught.value.response.status_code == status
    assert isinstance(caught.value, BadRequestError) == (status == 400)


def test_hugging_face_has_its_own_timeout_and_never_retries() -> None:
    # huggingface_hub 1.x는 내장 TimeoutError만 기다려서 httpx의 타임아웃을 놓칩니다.
    with pytest.raises(InferenceTimeoutError if version("huggingface_hub") >= "2" else httpx.ReadTimeout):
        ask_hugging_face('{ kind = "stall", seconds = 60 }', timeout=0.2)


def ask_hugging_face(fault: str, **options: Any) -> None:
    """한 번만 실패하는 서버에 묻습니다. 다시 보내면 성공하므로, 예외가 났다면 다시 보내지 않은 것입니다."""
    with stand_in(f'[[entry]]\nprompt = "?"\nanswers = [{{ fault = {fault} }}, "두 번째에 성공했습니다."]\n'):
        client = huggingface_hub.InferenceClient(token="hf_short", **options)
        client.chat_completion([{"role": "user", "content": "?"}], model="meta-llama/Llama-3.1-8B-Instruct")


@pytest.mark.parametrize("code", [*OUT_OF_MONEY, None])
@pytest.mark.parametrize("kind", ["insufficient_quota", "requests"])
def test_money_that_ran_out_at_openai_is_not_transient_by_code_or_type(code: str | None, kind: str) -> None:
    error = answered(openai, 429, {"error": {"message": "?", "type": kind, "code": code}})
    assert isinstance(error, openai.RateLimitError)
    assert lesson()["is_transient"](error) == (code is None and kind == "requests")


def test_every_code_of_money_that_ran_out_is_in_the_lesson() -> None:
    assert {*OUT_OF_MONEY, "insufficient_quota"} < set(lesson()["OUT_OF_MONEY"])
    assert all(f"`{code}`" in prose() for code in OUT_OF_MONEY)


@pytest.mark.parametrize("code", ["enforced_spend_limit_reached", "contract_spend_limit_reached"])
def test_a_limit_that_anthropic_enforces_is_a_rate_limit_error_that_is_not_transient(code: str) -> None:
    error = answered(anthropic, 429, anthropic_body("rate_limit_error", error_code=code))
    assert isinstance(error, anthropic.RateLimitError)
    assert not lesson()["is_transient"](error)


def test_the_monthly_limit_at_anthropic_has_the_class_that_the_lesson_names() -> None:
    error = answered(anthropic, 429, anthropic_body("rate_limit_error", error_code="enforced_spend_limit_reached"))
    assert type(error).__name__ == "EnforcedSpendLimitReachedError"


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [(402, "billing_error", "PaymentRequiredError"), (400, "invalid_request_error", "BadRequestError")],
)
def test_billing_and_ones_own_limit_at_anthropic_are_not_transient(status: int, kind: str, name: str) -> None:
    error = answered(anthropic, status, anthropic_body(kind))
    assert type(error).__name__ == name and not lesson()["is_transient"](error)


def test_a_ramp_limit_at_anthropic_is_transient() -> None:
    assert lesson()["is_transient"](
        answered(anthropic, 429, anthropic_body("rate_limit_error", error_code="ramp_limit_exceeded"))
    )


# 스트림 속의 오류: 상태는 이미 200입니다. 이름은 OpenAI에서는 `code`나 `type`, Anthropic에서는 `type`에 있습니다.
OPENAI_PASSES = (
    "server_error",
    "service_unavailable_error",
    "server_is_overloaded",
    "slow_down",
    "rate_limit_exceeded",
)
ANTHROPIC_PASSES = ("api_error", "overloaded_error", "rate_limit_error", "timeout_error")


@pytest.mark.parametrize(
    ("code", "kind", "again"),
    [
        *[(name, "other", True) for name in OPENAI_PASSES],
        *[(None, name, True) for name in OPENAI_PASSES],
        *[(code, "insufficient_quota", False) for code in OUT_OF_MONEY],
        ("context_length_exceeded", "invalid_request_error", False),
        (None, "invalid_request_error", False),
        (None, None, False),
    ],
)
def test_errors_inside_an_openai_stream(code: str | None, kind: str | None, again: bool) -> None:
    error = streamed(openai, {"error": {"message": "?", "type": kind, "code": code}})
    assert type(error) is openai.APIError and lesson()["is_transient"](error) == again


@pytest.mark.parametrize(
    ("kind", "again"),
    [*[(name, True) for name in ANTHROPIC_PASSES], ("billing_error", False), ("invalid_request_error", False)],
)
def test_errors_inside_an_anthropic_stream(kind: str, again: bool) -> None:
    error = streamed(anthropic, anthropic_body(kind))
    assert error.status_code == 200 and lesson()["is_transient"](error) == again  # type: ignore[attr-defined]


def test_a_spend_limit_inside_an_anthropic_stream_is_not_transient() -> None:
    error = streamed(anthropic, anthropic_body("rate_limit_error", error_code="enforced_spend_limit_reached"))
    assert not lesson()["is_transient"](error)


@pytest.mark.parametrize("sdk", [openai, anthropic], ids=lambda sdk: sdk.__name__)
@pytest.mark.parametrize(
    ("status", "said", "again"),
    [
        (400, "true", True),
        (404, "true", True),
        (500, "false", False),
        (429, "false", False),
        (500, "?", True),
        (400, None, False),
    ],
)
def test_the_lesson_obeys_x_should_retry_as_the_sdks_do(sdk: Any, status: int, said: str | None, again: bool) -> None:
    sent: list[Any] = []
    headers = {"x-should-retry": said} if said else {}
    error = answered(sdk, status, anthropic_body("?"), headers, sent, max_retries=1)
    assert lesson()["is_transient"](error) == again == (len(sent) == 2)


def test_no_header_brings_money_back() -> None:
    body = {"error": {"message": "?", "type": "insufficient_quota", "code": None}}
    assert not lesson()["is_transient"](answered(openai, 429, body, {"x-should-retry": "true"}))


def test_an_overloaded_server_is_an_internal_server_error_too() -> None:
    assert issubclass(anthropic.OverloadedError, anthropic.InternalServerError)


def anthropic_body(kind: str, **details: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": "?", "details": details or None}}


def answered(
    sdk: Any,
    status: int,
    body: Any,
    headers: dict[str, str] | None = None,
    sent: list[Any] | None = None,
    max_retries: int = 0,
) -> Exception:
    """`status`와 `body`를 받은 SDK가 내는 예외."""
    return raised(sdk, {"status_code": status, "json": body, "headers": headers}, {}, sent, max_retries)


def streamed(sdk: Any, body: dict[str, Any]) -> Exception:
    """200 스트림 속에서 `body`를 받은 SDK가 내는 예외."""
    event = f"event: error\ndata: {json.dumps(body)}\n\n"
    reply = {"status_code": 200, "content": event.encode(), "headers": {"content-type": "text/event-stream"}}
    return raised(sdk, reply, STREAM, None, 0)


def raised(sdk: Any, reply: dict[str, Any], ask: dict[str, Any], sent: list[Any] | None, max_retries: int) -> Exception:
    http = httpx if issubclass(sdk.DefaultHttpxClient, httpx.Client) else httpx2

    def answer(request: Any) -> Any:
        if sent is not None:
            sent.append(request)
        return http.Response(**reply)

    make = openai.OpenAI if sdk is openai else anthropic.Anthropic
    http_client = http.Client(transport=http.MockTransport(answer))
    with make(api_key="short", max_retries=max_retries, http_client=http_client) as client, mock.patch("time.sleep"):
        with pytest.raises(sdk.APIError) as caught:
            (ask_openai if sdk is openai else ask_anthropic)(client, Failure("?", "", "", ask=ask))
    return caught.value


def cells() -> dict[str, Any]:
    return {cell["id"]: cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]}


def prose() -> str:
    return "\n\n".join("".join(cell["source"]) for cell in cells().values() if cell["cell_type"] == "markdown")


def lesson() -> dict[str, Any]:
    """노트북이 정의한 함수들."""
    names: dict[str, Any] = {"openai": openai, "anthropic": anthropic, "client": None}
    for cell in ("report", "transient-code"):
        exec("".join(cells()[cell]["source"]), names)
    return names


if __name__ == "__main__":
    print(table(NINE), table(OTHERS), sep="\n\n")
