"""파라미터의 표: SDK에서 확인했다는 줄은 설치된 SDK의 함수를 살펴 확인하고, 문서라는 줄에는 날짜와 근거가 있습니다."""

from __future__ import annotations

import datetime
import inspect
import json
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import httpx
import httpx2
import huggingface_hub
import openai
import pytest

from llmkit.lessons.parameters import supported_parameters

FACTS = json.loads((Path(__file__).parents[2] / "llmkit/data/parameters.json").read_text(encoding="utf-8"))
CALLS: dict[str, Callable[..., Any]] = {
    "openai.chat.completions.create": openai.OpenAI(api_key="not-a-key").chat.completions.create,
    "openai.responses.create": openai.OpenAI(api_key="not-a-key").responses.create,
    "anthropic.messages.create": anthropic.Anthropic(api_key="not-a-key").messages.create,
    "huggingface_hub.chat_completion": huggingface_hub.InferenceClient().chat_completion,
}


@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact["basis"].startswith("sdk")], ids=lambda f: f["today"])
def test_the_installed_sdk_agrees(fact: dict[str, Any]) -> None:
    arguments = inspect.signature(CALLS[fact["call"]]).parameters
    assert {name: name in arguments for name in fact["parameters"]} == dict.fromkeys(
        fact["parameters"], fact["accepts"]
    )


@pytest.mark.parametrize(
    "fact", [fact for fact in FACTS if fact["basis"] in ("docs", "reports")], ids=lambda f: f["today"]
)
def test_a_document_has_its_date_and_address(fact: dict[str, Any]) -> None:
    assert datetime.date.fromisoformat(fact["as_of"]) and all(url.startswith("https://") for url in fact["sources"])


@pytest.mark.parametrize(
    ("sdk", "path", "argument"),
    [
        (openai, "chat.completions.create", {"reasoning_effort": "아주 많이"}),
        (openai, "chat.completions.create", {"verbosity": 3}),
        (openai, "responses.create", {"truncation": "가운데"}),
        (anthropic, "messages.create", {"max_tokens": -1}),
        (anthropic, "messages.create", {"stop_sequences": "목록이 아님"}),
    ],
)
def test_the_sdks_check_names_and_not_values(sdk: Any, path: str, argument: dict[str, Any]) -> None:
    call, sent = caller(sdk, path)
    with pytest.raises(sdk.BadRequestError):
        call(**argument)
    (name, value), (body,) = next(iter(argument.items())), sent
    assert body[name] == value
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        call(no_such_argument=1)
    assert len(sent) == 1


def caller(sdk: Any, path: str) -> tuple[Callable[..., Any], list[Any]]:
    """모든 요청에 400으로 답하는 서버에 묻는 함수와, 나간 본문들."""
    sent: list[Any] = []
    http = httpx if issubclass(sdk.DefaultHttpxClient, httpx.Client) else httpx2

    def refuse(request: Any) -> Any:
        sent.append(json.loads(request.content))
        return http.Response(400, json={"error": {"message": "authored"}})

    client = (sdk.OpenAI if sdk is openai else sdk.Anthropic)(
        api_key="not-a-key", http_client=http.Client(transport=http.MockTransport(refuse))
    )
    question = [{"role": "user", "content": "?"}]
    given: dict[str, Any] = {"model": "authored-model-a"}
    given |= {"input": question} if path.startswith("responses") else {"messages": question}
    if sdk is anthropic:
        given["max_tokens"] = 10
    return (lambda **more: operator.attrgetter(path)(client)(**{**given, **more})), sent


def test_the_rows_of_one_parameter() -> None:
    rows = supported_parameters("temperature")
    reasons = " ".join(row["근거"] for row in [*rows, *supported_parameters("frequency_penalty")])
    assert all(
        said in reasons
        for said in ("설치된 SDK에서 확인", "[문서](https://", "[공개된 글](https://", "미확인", "수업 02에서 실측")
    )
    assert all("`temperature`" in row["파라미터"] for row in rows) and len(rows) < len(supported_parameters())
    assert supported_parameters("no_such_parameter") == []
