"""스트림 읽기: 세 SDK가 주는 진짜 이벤트에서 글, 추론, 도구 호출, 거절, usage를 빠짐없이 읽는가.

앞부분은 `tests/authoring/provider`의 서버에 SDK로 요청하고, 뒷부분은 실제 제공자와 오간 기록을 SDK에 먹입니다.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import huggingface_hub
import openai
import pytest

import llmkit
from llmkit.common.errors import StreamError
from llmkit.display.streams import Reader, aopened, opened
from tests.authoring.provider.testing import stand_in

GPT, CLAUDE, LLAMA = "gpt-6-luna", "claude-haiku-5-5", "meta-llama/Llama-3.1-8B-Instruct"
ANSWER = "첫 줄입니다. **굵게(bold)**는\\n\\n```python\\nprint('😀')\\n```\\n한글 자모 ᄒ,ᅡ,ᆫ도 옵니다."
TEXT = ANSWER.replace("\\n", "\n")
SCRIPT = f'[[entry]]\nprompt = "써 줘"\nanswer = "{ANSWER}"\n'
PROMPT = [{"role": "user", "content": "써 줘"}]


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, "hf_test")


@pytest.fixture
def server() -> Iterator[Any]:
    with stand_in(SCRIPT) as server:
        yield server


USAGE = {"stream_options": {"include_usage": True}}
HF = huggingface_hub.InferenceClient, huggingface_hub.AsyncInferenceClient
# 스트림을 얻는 길. 모두 같은 답을 받습니다. 비동기 쪽은 await하지 않은 것을 그대로 넘깁니다.
SYNC = {
    "chat": lambda: openai.OpenAI().chat.completions.create(model=GPT, messages=PROMPT, stream=True, **USAGE),
    "chat.stream": lambda: openai.OpenAI().chat.completions.stream(model=GPT, messages=PROMPT, **USAGE),
    "responses": lambda: openai.OpenAI().responses.create(model=GPT, input="써 줘", stream=True),
    "responses.stream": lambda: openai.OpenAI().responses.stream(model=GPT, input="써 줘"),
    "messages": lambda: anthropic.Anthropic().messages.create(
        model=CLAUDE, max_tokens=500, messages=PROMPT, stream=True
    ),
    "messages.stream": lambda: anthropic.Anthropic().messages.stream(model=CLAUDE, max_tokens=500, messages=PROMPT),
    "text_stream": lambda: (
        anthropic.Anthropic().messages.stream(model=CLAUDE, max_tokens=500, messages=PROMPT).__enter__().text_stream
    ),
    "huggingface": lambda: client(0).chat_completion(PROMPT, model=LLAMA, stream=True, max_tokens=500, **USAGE),
}
ASYNC = {
    "chat": lambda: openai.AsyncOpenAI().chat.completions.create(model=GPT, messages=PROMPT, stream=True, **USAGE),
    "chat.stream": lambda: openai.AsyncOpenAI().chat.completions.stream(model=GPT, messages=PROMPT, **USAGE),
    "responses": lambda: openai.AsyncOpenAI().responses.create(model=GPT, input="써 줘", stream=True),
    "messages": lambda: anthropic.AsyncAnthropic().messages.create(
        model=CLAUDE, max_tokens=500, messages=PROMPT, stream=True
    ),
    "messages.stream": lambda: anthropic.AsyncAnthropic().messages.stream(
        model=CLAUDE, max_tokens=500, messages=PROMPT
    ),
    "huggingface": lambda: client(1).chat_completion(PROMPT, model=LLAMA, stream=True, max_tokens=500, **USAGE),
}
clients: list[Any] = []


def client(kind: int) -> Any:
    """Hugging Face의 클라이언트는 변수에 담아 두어야 합니다. 버려지면 읽던 스트림이 닫힙니다."""
    clients[:] = [HF[kind]()]
    return clients[0]


@pytest.mark.parametrize("way", SYNC)
def test_every_sdk_gives_the_same_text(way: str, server: Any) -> None:
    assert "".join(llmkit.stream_text(SYNC[way]())) == TEXT
    result = llmkit.display_stream(SYNC[way]())
    assert result.text == TEXT
    if way != "text_stream":
        assert result.finish_reason in ("stop", "completed", "end_turn")
        assert result.model.startswith((GPT, CLAUDE, LLAMA))
        assert llmkit.calculate_cost(result.usage, CLAUDE).output_tokens > 20


@pytest.mark.parametrize("way", ASYNC)
def test_async_streams_too(way: str, server: Any) -> None:
    async def read() -> str:
        stream = ASYNC[way]()
        stream = await stream if hasattr(stream, "__await__") else stream
        return "".join([text async for text in llmkit.stream_text(stream)])

    async def show() -> Any:
        return await llmkit.adisplay_stream(ASYNC[way]())

    assert asyncio.run(read()) == TEXT
    assert asyncio.run(show()).text == TEXT


def test_usage_is_none_not_zero_when_it_was_not_asked_for(server: Any) -> None:
    result = llmkit.display_stream(openai.OpenAI().chat.completions.create(model=GPT, messages=PROMPT, stream=True))
    assert result.usage is None
    assert 'stream_options={"include_usage": True}' in repr(result)


def test_helper_counts_as_the_sdk_loop_does(server: Any) -> None:
    assert llmkit.display_stream(SYNC["chat"]()).chunks == sum(1 for _ in SYNC["chat"]())


# 잘못 쓴 것 ---------------------------------------------------------------------------------------------


async def asynchronous() -> Any:
    yield "비동기 글"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: openai.OpenAI().chat.completions.create(model=GPT, messages=PROMPT), "stream=True"),
        (lambda: client(0).chat_completion(PROMPT, model=LLAMA), "stream=True"),
        (lambda: {"choices": []}, "stream=True"),
        (lambda: asynchronous(), "adisplay_stream"),
        (lambda: 3, "스트림이 아닙니다"),
        (lambda: [3], "알아볼 수 없습니다"),
    ],
)
def test_wrong_input_says_what_to_do(make: Any, says: str, server: Any) -> None:
    with pytest.raises(TypeError, match=says):
        llmkit.display_stream(make())


def test_sync_stream_in_async_function_says_what_to_do(server: Any) -> None:
    async def show() -> None:
        await llmkit.adisplay_stream(SYNC["chat"]())

    with pytest.raises(TypeError, match="display_stream"):
        asyncio.run(show())


def test_coroutine_without_await_says_what_to_do() -> None:
    async def ask() -> None: ...

    coroutine = ask()
    with pytest.raises(TypeError, match="await"):
        llmkit.display_stream(coroutine)
    coroutine.close()


# 끊기고 멈추는 것 -----------------------------------------------------------------------------------------

FAULTS = {
    "drop": '[[entry]]\nprompt = "써 줘"\nanswer = "{}"\nfault = "drop"\n'.format("하나 둘 셋 넷 다섯 " * 9),
    "error_event": '[[entry]]\nprompt = "써 줘"\nanswer = "{}"\nfault = "error_event"\n'.format("하나 둘 셋 " * 9),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", ["chat", "responses", "messages", "messages.stream", "huggingface"])
def test_broken_stream_keeps_the_text_and_raises(
    way: str, fault: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with stand_in(FAULTS[fault]):
        stream = SYNC[way]()
        with pytest.raises(Exception) as raised:  # SDK마다 다른 예외가 그대로 옵니다.
            llmkit.display_stream(stream)
    result = raised.value.stream_result
    assert result.interrupted and result.text and "하나 둘 셋".startswith(result.text[:6])
    out = capsys.readouterr().out
    assert out.startswith(result.text)
    assert "※ 여기서 끊겼습니다" in out
    if hasattr(stream, "response"):
        assert stream.response.is_closed


def is_closed(stream: Any) -> bool:
    if hasattr(stream, "response"):
        return stream.response.is_closed
    pool = huggingface_hub.get_session()._transport._pool  # Hugging Face의 스트림은 응답을 내보이지 않습니다.
    return all(connection.is_idle() or connection.is_closed() for connection in pool.connections)


LONG = '[[entry]]\nprompt = "써 줘"\nanswer = "{}"\n'.format("하나 둘 셋 넷 " * 300)
SLOW = "date = 2026-11-21T09:00:00+09:00\nfirst_token_ms = 0\ntoken_ms = 2\n"


@pytest.mark.parametrize("way", ["chat", "responses", "messages", "huggingface"])
def test_early_stop_closes_the_connection(way: str) -> None:
    with stand_in(LONG, SLOW):
        stream = SYNC[way]()
        for _ in llmkit.stream_text(stream):
            assert not is_closed(stream)
            break
        assert is_closed(stream)


@pytest.mark.parametrize("way", ["chat", "responses", "messages", "huggingface"])
def test_the_stop_button_closes_the_connection(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(reader: Reader, event: Any) -> Any:
        if reader.chunks == 8:
            raise KeyboardInterrupt
        return original(reader, event)

    original = Reader.read
    with stand_in(LONG, SLOW):
        stream = SYNC[way]()
        monkeypatch.setattr(Reader, "read", read)
        with pytest.raises(KeyboardInterrupt) as raised:
            llmkit.display_stream(stream)
        assert is_closed(stream)
    assert raised.value.stream_result.interrupted and raised.value.stream_result.text.startswith("하나")


def test_generators_are_closed() -> None:
    closed = []

    def stream() -> Iterator[str]:
        try:
            yield "하나"
            yield "둘"
        finally:
            closed.append(True)

    with pytest.raises(KeyError), opened(stream()) as events:
        for _ in events:
            raise KeyError
    assert closed == [True]

    async def astream() -> Any:
        try:
            yield "하나"
        finally:
            closed.append("async")

    async def leave() -> None:
        async with await aopened(astream()) as events:
            async for _ in events:
                raise KeyError

    with pytest.raises(KeyError):
        asyncio.run(leave())
    assert closed == [True, "async"]


# 실제 제공자와 오간 기록 ------------------------------------------------------------------------------------

SHARED = Path(__file__).resolve().parents[3] / "shared" / "real_exchanges"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="../shared/real_exchanges가 없습니다")


def recorded() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    if not SHARED.exists():
        return {}
    expected = json.loads((SHARED / "expected.json").read_text())["results"]
    lines = (SHARED / "practice.jsonl").read_text().splitlines()
    found = (json.loads(line) for line in lines)
    streams = (entry for entry in found if entry["sse_text"] and "native" not in entry["endpoint"])
    return {entry["id"]: (entry, expected[entry["id"]]) for entry in streams}


RECORDED = recorded()


def replayed(entry: dict[str, Any]) -> Any:
    """기록의 바이트를 그대로 SDK에 주고, SDK의 스트림을 돌려줍니다."""
    sdk, make = (anthropic, anthropic.Anthropic) if entry["endpoint"] == "messages" else (openai, openai.OpenAI)
    http = importlib.import_module("httpx2" if hasattr(sdk._base_client, "httpx2") else "httpx")
    answer = http.Response(entry["status"], headers={"content-type": "text/event-stream"}, content=entry["sse_text"])
    client = make(http_client=http.Client(transport=http.MockTransport(lambda request: answer)), max_retries=0)
    if entry["endpoint"] == "messages":
        return client.messages.create(model="m", max_tokens=9, messages=PROMPT, stream=True)
    if entry["endpoint"] == "responses":
        return client.responses.create(model="m", input="m", stream=True)
    if entry["endpoint"] == "completions":
        return client.completions.create(model="m", prompt="m", stream=True)
    return client.chat.completions.create(model="m", messages=PROMPT, stream=True)


@needs_shared
@pytest.mark.parametrize("name", RECORDED)
def test_real_exchanges_read_as_the_sdk_reads_them(name: str) -> None:
    entry, known = RECORDED[name]
    expected = known["expected"]
    reader, pieces, failure = Reader(), [], None
    try:
        with opened(replayed(entry)) as events:
            for event in events:
                pieces += reader.read(event)
    except Exception as error:
        failure = error
    texts = {kind: "".join(p.text for p in pieces if p.kind == kind) for kind in ("text", "reasoning", "tool")}
    if wanted := expected.get("stream_exception"):
        assert type(failure).__name__ == wanted["type"].rpartition(".")[2]
    else:
        assert failure is None
    assert reader.chunks == expected.get("chunks", expected.get("events"))
    if "choices" in expected:
        first = expected["choices"][0]
        assert texts["text"] == first["content"]
        assert texts["reasoning"] == first["reasoning"]
        assert reader.finish_reason == first["finish_reason"]
        assert texts["tool"] == "".join(call["arguments"] for call in first["tool_calls"] or [])
        assert [p.name for p in pieces if p.name] == [call["name"] for call in first["tool_calls"] or []]
        assert reader.candidates == len(expected["choices"])
    else:
        assert texts["text"] == expected["text"]
        assert texts["reasoning"] == expected.get("thinking", texts["reasoning"])
    usage = expected.get("usage") or expected.get("final", {}).get("usage") or {}
    numbers = {key: value for key, value in usage.items() if isinstance(value, int)}
    assert {key: (reader.usage or {}).get(key) for key in numbers} == numbers


@needs_shared
def test_groq_usage_is_found_in_x_groq() -> None:
    result = llmkit.display_stream(replayed(RECORDED["P063"][0]))
    assert result.usage["completion_tokens"] > 0 and result.usage["prompt_tokens"] > 0


# 이벤트 하나하나 ------------------------------------------------------------------------------------------


def test_error_events_the_sdk_passes_through_become_errors() -> None:
    failed = {
        "type": "response.failed",
        "response": {"error": {"code": "server_error", "message": "서버 오류"}},
    }
    for event in ({"type": "error", "code": "rate_limit", "message": "너무 많습니다"}, failed):
        with pytest.raises(StreamError, match="너무 많습니다|서버 오류"):
            llmkit.display_stream([{"type": "response.output_text.delta", "delta": "앞"}, event])


def test_new_kinds_of_events_are_passed_over() -> None:
    for first in ({"type": "response.hologram.delta", "delta": "?"}, {"type": "message_start"}):
        reader = Reader()
        assert [
            piece for event in (first, {"type": "hologram"}, {"type": "ping"}) for piece in reader.read(event)
        ] == []


def test_anthropic_usage_is_merged_from_start_and_end() -> None:
    reader = Reader()
    events = [
        {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 7, "output_tokens": 1}}},
        {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": {"explanation": "안 됩니다"}},
         "usage": {"output_tokens": 12, "input_tokens": None}},
    ]  # fmt: skip
    pieces = [piece for event in events for piece in reader.read(event)]
    assert reader.usage == {"input_tokens": 7, "output_tokens": 12}
    assert [(p.kind, p.text) for p in pieces] == [("refusal", "안 됩니다")]


@pytest.mark.parametrize("kind", ["AIMessageChunk", "raw_response_event", "run_item_stream_event"])
def test_another_librarys_stream_is_named_and_not_called_empty(kind: str) -> None:
    event = type(kind, (), {"type": kind, "content": "안녕"})()
    with pytest.raises(TypeError, match=f"알아볼 수 없습니다: {kind}"):
        list(Reader().read(event))


def test_text_that_comes_as_a_list_of_parts_is_text() -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": "안녕"}, {"type": "ref"}]}}]}
    assert [piece.text for piece in Reader().read(chunk)] == ["안녕"]


def test_what_groq_ran_comes_before_the_usage_and_is_kept() -> None:
    reader = Reader()
    ran = {"index": 0, "delta": {"executed_tools": [{"index": 0, "type": "browser_search"}]}}
    for chunk in ({"choices": [ran]}, {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 1}}):
        list(reader.read(chunk))
    assert reader.usage == {"prompt_tokens": 9, "completion_tokens": 1, "built_in_tools": {"browser_search": 1}}
