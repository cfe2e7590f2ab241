"""수업 05가 설치된 SDK에 대해 하는 말은 그 SDK에서 참입니다."""

from __future__ import annotations

import inspect
import json
from importlib.metadata import version
from pathlib import Path

import pytest

FACTS = json.loads((Path(__file__).parents[1] / "llmkit" / "data" / "facts.json").read_text(encoding="utf-8"))


@pytest.mark.skipif(not version("huggingface_hub").startswith("2.4."), reason="사실을 확인한 판은 2.4입니다")
def test_where_text_generation_still_has_a_road() -> None:
    from huggingface_hub.inference._providers import PROVIDERS

    named = FACTS["hf-text-generation"]["text"].lower().replace(" ", "-").split(",-")
    assert named == sorted(name for name, tasks in PROVIDERS.items() if "text-generation" in tasks)


def test_only_anthropic_demands_max_tokens() -> None:
    from anthropic import Anthropic
    from huggingface_hub import InferenceClient
    from openai import OpenAI

    def required(call: object) -> set[str]:
        arguments = inspect.signature(call).parameters.values()  # type: ignore[arg-type]
        return {argument.name for argument in arguments if argument.default is argument.empty}

    assert required(Anthropic(api_key="x").messages.create) == {"model", "messages", "max_tokens"}
    assert required(OpenAI(api_key="x").chat.completions.create) == {"model", "messages"}
    assert required(InferenceClient(token="hf_x").chat_completion) == {"messages"}


def test_the_reasons_the_lesson_pairs_are_all_there_are() -> None:
    from typing import get_args

    from anthropic.types import StopReason
    from openai.types.chat.chat_completion import Choice

    lesson = (Path(__file__).parents[1] / "notebooks" / "05_multi_llm.ipynb").read_text(encoding="utf-8")
    openai = set(get_args(Choice.model_fields["finish_reason"].annotation)) - {"function_call"}  # 2023년의 옛 이름
    assert all(f"`{reason}`" in lesson for reason in openai)
    anthropic = set(get_args(StopReason)) - {"pause_turn"}  # 서버 도구를 쓰다 쉬는 것. 09에서 다룹니다.
    assert all(f"`{reason}`" in lesson for reason in anthropic)
