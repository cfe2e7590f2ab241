"""강좌가 기대는 SDK의 사실들. 새 버전에서 하나가 달라지면 그 사실의 이름을 단 테스트가 실패합니다.

여기 없는 사실은 제자리에서 확인합니다: 세 SDK가 훅을 지나가는 것과 재시도의 대기(tests/replay의 test_hook.py와 test_pace.py), 파라미터의 이름(test_parameters.py),
예외의 이름과 재시도 횟수(test_errors_table.py), 응답의 필드(test_upstream_shapes.py), 끝난 이유(test_lesson_05.py).
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, get_args

import anthropic
import anyio
import httpx2
import huggingface_hub
import openai
import pytest

from llmkit.common.providers import PROVIDERS
from llmkit.replay import request, retries

ASK = [{"role": "user", "content": "안녕하세요"}]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """SDK가 내보내려던 요청들. 네트워크에 닿기 바로 전에 멈춥니다."""
    requests: list[Any] = []

    def stop(transport: Any, request: Any) -> Any:
        if request.method == "POST":  # 허브에 모델의 정보를 묻는 GET은 호출이 아닙니다.
            requests.append(request)
        raise httpx2.ConnectError("여기서 멈춥니다", request=request)

    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", stop)
    return requests


def ask_openai(**client: Any) -> None:
    openai.OpenAI(max_retries=0, **client).chat.completions.create(model="gpt-6-luna", messages=ASK)


def ask_anthropic(**client: Any) -> None:
    anthropic.Anthropic(max_retries=0, **client).messages.create(model="claude-haiku-5-5", max_tokens=9, messages=ASK)


def ask_hugging_face(**client: Any) -> None:
    huggingface_hub.InferenceClient(
        provider="hf-inference", model="https://router.huggingface.co", **client
    ).chat_completion(ASK)


ASKS: dict[str, Callable[..., None]] = {
    "openai": ask_openai, "anthropic": ask_anthropic, "huggingface": ask_hugging_face,
}  # fmt: skip


@pytest.mark.parametrize("provider", ASKS)
def test_the_sdk_finds_its_key_in_the_variable_and_says_who_it_is(
    provider: str, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """변수의 이름, 보내는 주소, user-agent: 훅은 이것으로 제공자를 알아봅니다."""
    key = "hf_" + "x" * 34
    monkeypatch.setenv(PROVIDERS[provider].keys[0], key)
    with pytest.raises(Exception):  # noqa: B017 - 무엇을 던지는지는 test_errors_table.py가 봅니다.
        ASKS[provider]()
    (only,) = sent
    assert only.url.host in PROVIDERS[provider].hosts
    assert key in (only.headers.get("authorization", "") + only.headers.get("x-api-key", ""))
    assert request._sdk(only) == provider


def slow_down(request: Any) -> Any:
    """재시도하면 되는 실패: 1초 뒤에 다시 오라는 429."""
    return httpx2.Response(429, headers={"retry-after": "1"}, json={"error": {"message": "slow"}}, request=request)


@pytest.mark.parametrize("sdk", [openai, anthropic], ids=["openai", "anthropic"])
@pytest.mark.parametrize("way", ["sync", "async"])
def test_the_module_whose_sleep_is_replaced_really_sleeps_by_it(
    sdk: Any, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """재생할 때 재시도의 대기를 줄이려고 `_base_client`의 `time.sleep`과 `anyio.sleep`을 바꿉니다. 정말로 그것을 부르는지 봅니다."""
    module, slept = sdk._base_client, []
    assert module.__name__ in retries._SDK_SLEEPERS

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(module, "time", SimpleNamespace(**vars(time) | {"sleep": slept.append}))
    monkeypatch.setattr(module, "anyio", SimpleNamespace(**vars(anyio) | {"sleep": sleep}))
    client = {openai: (openai.OpenAI, openai.AsyncOpenAI), anthropic: (anthropic.Anthropic, anthropic.AsyncAnthropic)}
    http = (sdk.DefaultHttpxClient, sdk.DefaultAsyncHttpxClient)[way == "async"](
        transport=httpx2.MockTransport(slow_down)
    )
    models = client[sdk][way == "async"](api_key="x", max_retries=1, http_client=http).models
    with pytest.raises(sdk.RateLimitError):
        models.retrieve("m") if way == "sync" else asyncio.run(models.retrieve("m"))
    assert slept == [1]


def test_openai_does_not_construct_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(openai.OpenAIError) as raised:
        openai.OpenAI()
    assert not isinstance(raised.value, openai.AuthenticationError)


def test_anthropic_and_hugging_face_construct_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    anthropic.Anthropic()
    huggingface_hub.InferenceClient()


@pytest.mark.parametrize("client", [openai.OpenAI, anthropic.Anthropic], ids=["openai", "anthropic"])
def test_two_retries_by_default(client: Any) -> None:
    assert client(api_key="x").max_retries == 2


def test_hugging_face_never_retries(sent: list[Any]) -> None:
    with pytest.raises(Exception):  # noqa: B017
        ask_hugging_face(token="hf_x")
    assert len(sent) == 1


def test_a_400_of_hugging_face_is_a_bad_request_error() -> None:
    assert issubclass(huggingface_hub.errors.BadRequestError, huggingface_hub.errors.HfHubHTTPError)


def test_an_anthropic_stream_needs_with() -> None:
    stream = anthropic.Anthropic(api_key="x").messages.stream(model="claude-haiku-5-5", max_tokens=9, messages=ASK)
    with pytest.raises(AttributeError):
        stream.text_stream  # noqa: B018


def test_the_sdks_check_names_of_arguments_not_their_values(sent: list[Any]) -> None:
    with pytest.raises(TypeError):
        openai.OpenAI(api_key="x").chat.completions.create(model="m", messages=ASK, no_such_argument=1)
    with pytest.raises(openai.APIConnectionError):  # 틀린 값은 서버까지 갑니다.
        openai.OpenAI(api_key="x", max_retries=0).chat.completions.create(model="m", messages=ASK, temperature="뜨겁게")
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("types", "needs"),
    [
        ("anthropic.types:RawContentBlockDelta", {"text_delta", "thinking_delta", "signature_delta", "input_json_delta"}),
        ("anthropic.types:ContentBlock", {"text", "thinking", "tool_use"}),
        ("openai.types.responses:ResponseOutputItem", {"message", "reasoning", "function_call"}),
        ("openai.types.responses:ResponseStreamEvent",
         {"response.output_text.delta", "response.output_item.added", "response.completed", "response.failed", "error"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_content_is_chosen_by_these_types(types: str, needs: set[str]) -> None:
    module, _, name = types.partition(":")
    union = getattr(importlib.import_module(module), name)
    members = get_args(get_args(union)[0])  # Annotated[Union[...], ...]
    found = {value for member in members for value in get_args(member.model_fields["type"].annotation)}
    assert needs <= found


@pytest.mark.parametrize(
    ("type_name", "fields"),
    [
        ("openai.types:CompletionUsage", {"prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details"}),
        ("openai.types.completion_usage:PromptTokensDetails", {"cached_tokens"}),
        ("openai.types.completion_usage:CompletionTokensDetails", {"reasoning_tokens"}),
        ("openai.types.responses:ResponseUsage", {"input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details"}),
        ("anthropic.types:Usage",
         {"input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_usage_has_these_names(type_name: str, fields: set[str]) -> None:
    module, _, name = type_name.partition(":")
    assert fields <= set(getattr(importlib.import_module(module), name).model_fields)


def test_tiktoken_knows_these_encodings_and_no_others() -> None:
    from tiktoken.model import encoding_name_for_model

    known = {"gpt-4o": "o200k_base", "gpt-4.1": "o200k_base", "gpt-4": "cl100k_base", "gpt-3.5-turbo": "cl100k_base"}
    assert {model: encoding_name_for_model(model) for model in known} == known
    for model in ("claude-haiku-5-5", "gemini-2.5-flash-lite"):
        with pytest.raises(KeyError):
            encoding_name_for_model(model)
    import tiktoken

    assert {"name", "pat_str", "mergeable_ranks", "special_tokens"} <= set(
        inspect.signature(tiktoken.Encoding).parameters
    )


def test_genai_prices_says_what_it_counts() -> None:
    """밑줄로 시작하는 이름이라 예고 없이 사라질 수 있습니다. 그래서 버전을 고정했습니다."""
    from genai_prices.units import _get_registry

    registry = _get_registry()
    assert {"input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"} <= set(registry.units)
    assert registry.unit_for_price_key("input_mtok") is not None
    assert "input_tokens" in registry.ancestor_usage_keys("cache_read_tokens")


def test_ipython_has_the_events_of_a_cell() -> None:
    from IPython.core.events import available_events

    assert {"pre_run_cell", "post_run_cell"} <= set(available_events)


def test_jupyter_tells_its_kernels_the_name_of_the_session() -> None:
    """사람이 보고 있는지(박자를 지킬지)를 이 변수로 압니다."""
    from jupyter_server.services.sessions.sessionmanager import SessionManager

    kernels = SimpleNamespace(cwd_for_path=lambda path: "/notebooks")
    environment = SessionManager.get_kernel_env(SimpleNamespace(kernel_manager=kernels), "a.ipynb", "a.ipynb")  # type: ignore[arg-type]
    assert environment["JPY_SESSION_NAME"].endswith("a.ipynb")
