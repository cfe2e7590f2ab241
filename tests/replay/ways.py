"""세 SDK를 부르는 열두 가지 길과, 그것으로 녹화하고 재생하는 도구.

답은 모두 `tests/authoring/provider`의 진짜 HTTP 서버에서 받아 녹화하고, 서버를 끈 뒤 재생합니다. 이 컴퓨터 밖으로 나가는 소켓은
`conftest.py`가 막고 셉니다. 그러므로 훅을 비켜 가는 요청이 하나라도 있으면 테스트가 실패합니다.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import huggingface_hub
import openai
import pytest

import llmkit
from conftest import ROOT
from tests.authoring.provider.testing import stand_in

GPT, CLAUDE, LLAMA = "gpt-6-luna", "claude-haiku-5-5", "meta-llama/Llama-3.1-8B-Instruct"
ANSWER = "대한민국의 수도는 **서울**입니다. 뷁도 온전한 글자로 옵니다 😀"
CAPITAL = f'[[entry]]\ncontains = "수도"\nanswer = "{ANSWER}"\n'
PROMPT = "대한민국의 수도는?"
Cells = Callable[[str], str]


def ask(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def numbered(count: int) -> str:
    return "".join(f'[[entry]]\nprompt = "{n}번 질문"\nanswer = "{n}번 답"\n' for n in range(count))


RETRY = """
[[entry]]
contains = "재시도"
answers = [{ fault = { kind = "rate_limit", retry_after = 1.5 } }, "두 번째에 성공"]
"""


def openai_plain(prompt: str, **options: Any) -> str:
    client = openai.OpenAI(**options)
    return client.chat.completions.create(model=GPT, messages=ask(prompt)).choices[0].message.content


def openai_stream(prompt: str, **options: Any) -> str:
    stream = openai.OpenAI(**options).chat.completions.create(model=GPT, messages=ask(prompt), stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def anthropic_plain(prompt: str, **options: Any) -> str:
    client = anthropic.Anthropic(**options)
    return client.messages.create(model=CLAUDE, max_tokens=100, messages=ask(prompt)).content[-1].text


def anthropic_stream(prompt: str, **options: Any) -> str:
    client = anthropic.Anthropic(**options)
    with client.messages.stream(model=CLAUDE, max_tokens=100, messages=ask(prompt)) as stream:
        return "".join(stream.text_stream)


def huggingface_plain(prompt: str) -> str:
    answer = huggingface_hub.InferenceClient().chat_completion(ask(prompt), model=LLAMA)
    return answer.choices[0].message.content


def huggingface_stream(prompt: str) -> str:
    client = huggingface_hub.InferenceClient()  # 변수에 담지 않으면 스트림을 다 읽기 전에 닫힙니다.
    stream = client.chat_completion(ask(prompt), model=LLAMA, stream=True)
    return "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)


def asynchronous(call: Callable[[str], Any]) -> Callable[[str], str]:
    return lambda prompt: asyncio.run(call(prompt))


async def openai_async(prompt: str) -> str:
    answer = await openai.AsyncOpenAI().chat.completions.create(model=GPT, messages=ask(prompt))
    return answer.choices[0].message.content


async def openai_async_stream(prompt: str) -> str:
    stream = await openai.AsyncOpenAI().chat.completions.create(model=GPT, messages=ask(prompt), stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def anthropic_async(prompt: str) -> str:
    client = anthropic.AsyncAnthropic()
    return (await client.messages.create(model=CLAUDE, max_tokens=100, messages=ask(prompt))).content[-1].text


async def anthropic_async_stream(prompt: str) -> str:
    client = anthropic.AsyncAnthropic()
    async with client.messages.stream(model=CLAUDE, max_tokens=100, messages=ask(prompt)) as stream:
        return "".join([text async for text in stream.text_stream])


async def huggingface_async(prompt: str) -> str:
    answer = await huggingface_hub.AsyncInferenceClient().chat_completion(ask(prompt), model=LLAMA)
    return answer.choices[0].message.content


async def huggingface_async_stream(prompt: str) -> str:
    client = huggingface_hub.AsyncInferenceClient()
    stream = await client.chat_completion(ask(prompt), model=LLAMA, stream=True)
    return "".join([choice.delta.content or "" async for chunk in stream for choice in chunk.choices])


WAYS = {
    call.__name__: asynchronous(call) if asyncio.iscoroutinefunction(call) else call
    for call in (
        openai_plain, openai_stream, openai_async, openai_async_stream,
        anthropic_plain, anthropic_stream, anthropic_async, anthropic_async_stream,
        huggingface_plain, huggingface_stream, huggingface_async, huggingface_async_stream,
    )
}  # fmt: skip
SDKS = ("openai", "anthropic", "huggingface")
each_way = pytest.mark.parametrize("way", WAYS)


# 녹화하고 재생하기 ------------------------------------------------------------------------------------------


def record(tape: Path, entries: str, *calls: Callable[[], Any]) -> list[Any]:
    with stand_in(entries), llmkit.setup(mode="record", cassette=tape):
        return [outcome(call) for call in calls]


def replay(tape: Path, *calls: Callable[[], Any], pace: float = 0) -> list[Any]:
    with llmkit.setup(mode="replay", cassette=tape, pace=pace):
        return [outcome(call) for call in calls]


def outcome(call: Callable[[], Any]) -> Any:
    """돌려준 값, 또는 예외의 이름과 메시지."""
    try:
        return call()
    except Exception as error:
        return type(error).__name__, str(error)


def begin(mode: str, tape: Path, client: str = "openai.OpenAI(max_retries=0)") -> str:
    """셀 하나: 세션과 클라이언트를 만듭니다."""
    setup = f"session = llmkit.setup(mode={mode!r}, cassette={str(tape)!r})"
    return f"import llmkit, openai\n{setup}\nclient = {client}"


def python(code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
