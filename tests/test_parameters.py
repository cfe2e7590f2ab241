"""파라미터의 표: SDK에서 확인했다는 줄은 설치된 SDK의 함수를 살펴 확인하고, 문서라는 줄에는 날짜와 근거가 있습니다."""

from __future__ import annotations

import datetime
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import huggingface_hub
import openai
import pytest

from llmkit.parameters import who_takes

FACTS = json.loads((Path(__file__).parents[1] / "llmkit/data/parameters.json").read_text(encoding="utf-8"))
CALLS: dict[str, Callable[..., Any]] = {
    "openai.chat.completions.create": openai.OpenAI(api_key="not-a-key").chat.completions.create,
    "openai.responses.create": openai.OpenAI(api_key="not-a-key").responses.create,
    "anthropic.messages.create": anthropic.Anthropic(api_key="not-a-key").messages.create,
    "huggingface_hub.chat_completion": huggingface_hub.InferenceClient().chat_completion,
}


@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact["basis"].startswith("sdk")], ids=lambda f: f["today"])
def test_the_installed_sdk_agrees(fact: dict[str, Any]) -> None:
    arguments = inspect.signature(CALLS[fact["call"]]).parameters
    assert {name: name in arguments for name in fact["parameters"]} == dict.fromkeys(fact["parameters"], fact["accepts"])


@pytest.mark.parametrize("fact", [fact for fact in FACTS if fact["basis"] in ("docs", "reports")], ids=lambda f: f["today"])
def test_a_document_has_its_date_and_address(fact: dict[str, Any]) -> None:
    assert datetime.date.fromisoformat(fact["as_of"]) and all(url.startswith("https://") for url in fact["sources"])


def test_the_rows_of_one_parameter() -> None:
    rows = who_takes("temperature")
    reasons = " ".join(row["근거"] for row in rows)
    assert all(said in reasons for said in ("설치된 SDK에서 확인", "[문서](https://", "[공개된 글](https://", "미확인", "수업 02에서 실측"))
    assert all("`temperature`" in row["파라미터"] for row in rows) and len(rows) < len(who_takes())
    assert who_takes("no_such_parameter") == []
