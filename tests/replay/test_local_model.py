"""진짜 모델로 녹화합니다: llama.cpp가 이 컴퓨터에서 낸 답을 세 SDK로 받아 담고, 서버를 끈 뒤 같은 것을 재생합니다.

텍스트만이 아니라 usage, 이벤트, 예외까지 서버가 켜져 있을 때와 꺼진 뒤가 똑같아야 합니다.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import huggingface_hub
import openai
import pytest

import llmkit
from llmkit.local import INSTALL, LocalServer, installed
from llmkit.replay.cassette import Cassette
from tests.loopback import free_port

pytestmark = [
    pytest.mark.skipif(not installed(), reason=f"로컬 모델이 깔려 있지 않습니다: {INSTALL}"),
    pytest.mark.usefixtures("nothing_left_behind"),
]

MODEL = "smollm2-135m"
CHAT: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Name three colors."}]}
CHAT |= {"max_tokens": 6, "temperature": 0}
KOREAN = CHAT | {"messages": [{"role": "user", "content": "안녕하세요? 뷁 😀"}]}
LONG = CHAT | {"max_tokens": 40}
BROKEN = CHAT | {"messages": [{"role": "nobody"}]}
ONCE: dict[str, Any] = {"model": MODEL, "prompt": "Once", "max_tokens": 5}
HELLO: dict[str, Any] = {"model": MODEL, "input": "Hello", "max_output_tokens": 5}
CLAUDE: dict[str, Any] = {"model": MODEL, "messages": CHAT["messages"], "max_tokens": 6}


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return type(error).__name__, str(error), getattr(error, "status_code", None)


async def async_outcome(call: Callable[[], Any]) -> Any:
    try:
        return await call()
    except Exception as error:
        return type(error).__name__, str(error), getattr(error, "status_code", None)


def dumped(stream: Any) -> list[Any]:
    return [chunk.model_dump() for chunk in stream]


def calls(url: str) -> dict[str, Callable[[], Any]]:
    """이름 → 부르면 비교할 수 있는 값(dict, 이벤트 목록)이 나오는 것."""
    gpt = openai.OpenAI(base_url=url, api_key="local", max_retries=0)
    claude = anthropic.Anthropic(base_url=url.removesuffix("/v1"), api_key="local", max_retries=0)
    llama = huggingface_hub.InferenceClient(base_url=url, api_key="local")
    nobody = openai.OpenAI(base_url=f"http://127.0.0.1:{free_port()}/v1", api_key="local", max_retries=1)
    chat, messages = gpt.chat.completions, claude.messages
    to_llama = {name: value for name, value in CHAT.items() if name != "model"}

    def event_stream() -> Any:
        with messages.stream(**CLAUDE) as stream:
            return [event.model_dump() for event in stream], stream.get_final_message().model_dump()

    def first_three() -> list[Any]:
        with chat.create(**LONG, stream=True) as stream:
            return [next(stream).model_dump() for _ in range(3)]

    return {
        "chat": lambda: chat.create(**CHAT).model_dump(),
        "chat in Korean": lambda: chat.create(**KOREAN).model_dump(),
        "chat stream": lambda: dumped(chat.create(**CHAT, stream=True)),
        "chat stream usage": lambda: dumped(chat.create(**CHAT, stream=True, stream_options={"include_usage": True})),
        "logprobs": lambda: chat.create(**CHAT, logprobs=True, top_logprobs=5).model_dump(),
        "sampled": lambda: chat.create(**CHAT | {"temperature": 1.5}, seed=7).model_dump(),
        "completion": lambda: gpt.completions.create(**ONCE).model_dump(),
        "completion stream": lambda: dumped(gpt.completions.create(**ONCE, stream=True)),
        "responses": lambda: gpt.responses.create(**HELLO).model_dump(),
        "responses stream": lambda: dumped(gpt.responses.create(**HELLO, stream=True)),
        "embeddings": lambda: gpt.embeddings.create(model=MODEL, input=["하나", "둘"]).model_dump(),
        "models": lambda: gpt.models.list().model_dump(),
        "messages": lambda: messages.create(**CLAUDE).model_dump(),
        "messages stream=True": lambda: dumped(messages.create(**CLAUDE, stream=True)),
        "messages.stream": event_stream,
        "count_tokens": lambda: messages.count_tokens(model=MODEL, messages=CHAT["messages"]).model_dump(),
        "InferenceClient": lambda: dict(llama.chat_completion(**to_llama)),
        "InferenceClient stream": lambda: list(map(dict, llama.chat_completion(**to_llama, stream=True))),
        # 실패도 그대로입니다.
        "400": lambda: chat.create(**BROKEN),
        "400 anthropic": lambda: messages.create(**CLAUDE | {"messages": [{"role": "nobody", "content": 1}]}),
        "400 InferenceClient": lambda: llama.chat_completion([{"role": "nobody"}]),
        "400 stream": lambda: list(chat.create(**BROKEN, stream=True)),
        "404": lambda: gpt.files.retrieve("nothing"),
        "time-out": lambda: chat.create(**LONG, timeout=0.001),
        "time-out anthropic": lambda: messages.create(**CLAUDE | {"max_tokens": 40}, timeout=0.001),
        "abandoned stream": first_three,
        "refused": lambda: nobody.chat.completions.create(**CHAT | {"seed": 1}),
    }


def async_calls(url: str) -> dict[str, Callable[[], Any]]:
    gpt = openai.AsyncOpenAI(base_url=url, api_key="local", max_retries=0)
    claude = anthropic.AsyncAnthropic(base_url=url.removesuffix("/v1"), api_key="local", max_retries=0)
    llama = huggingface_hub.AsyncInferenceClient(base_url=url, api_key="local")
    nobody = openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{free_port()}/v1", api_key="local", max_retries=1)
    to_llama = {name: value for name, value in CHAT.items() if name != "model"}

    async def dump(call: Any) -> Any:
        return (await call).model_dump()

    async def dump_stream(call: Any) -> list[Any]:
        return [chunk.model_dump() async for chunk in await call]

    async def event_stream() -> Any:
        async with claude.messages.stream(**CLAUDE) as stream:
            events = [event.model_dump() async for event in stream]
            return events, (await stream.get_final_message()).model_dump()

    async def first_three() -> list[Any]:
        async with await gpt.chat.completions.create(**LONG, stream=True) as stream:
            return [(await anext(stream)).model_dump() for _ in range(3)]

    async def llama_plain() -> Any:
        return dict(await llama.chat_completion(**to_llama))

    async def llama_stream() -> Any:
        return [dict(chunk) async for chunk in await llama.chat_completion(**to_llama, stream=True)]

    return {
        "chat": lambda: dump(gpt.chat.completions.create(**CHAT)),
        "chat stream": lambda: dump_stream(gpt.chat.completions.create(**CHAT, stream=True)),
        "responses": lambda: dump(gpt.responses.create(**HELLO)),
        "responses stream": lambda: dump_stream(gpt.responses.create(**HELLO, stream=True)),
        "embeddings": lambda: dump(gpt.embeddings.create(model=MODEL, input="하나")),
        "messages": lambda: dump(claude.messages.create(**CLAUDE)),
        "messages stream=True": lambda: dump_stream(claude.messages.create(**CLAUDE, stream=True)),
        "messages.stream": event_stream,
        "count_tokens": lambda: dump(claude.messages.count_tokens(model=MODEL, messages=CHAT["messages"])),
        "InferenceClient": llama_plain,
        "InferenceClient stream": llama_stream,
        "400": lambda: dump(gpt.chat.completions.create(**BROKEN)),
        "400 stream": lambda: dump_stream(gpt.chat.completions.create(**BROKEN, stream=True)),
        "time-out": lambda: dump(gpt.chat.completions.create(**LONG, timeout=0.001)),
        "abandoned stream": first_three,
        "refused": lambda: dump(nobody.chat.completions.create(**CHAT | {"seed": 1})),
    }


def run(url: str) -> dict[str, Any]:
    return {name: outcome(call) for name, call in calls(url).items()}


def run_async(url: str) -> dict[str, Any]:
    async def all_in_turn() -> dict[str, Any]:
        return {name: await async_outcome(call) for name, call in async_calls(url).items()}

    return asyncio.run(all_in_turn())


FAILED = {
    "400": "BadRequestError",
    "400 anthropic": "BadRequestError",
    "400 InferenceClient": "BadRequestError",
    "400 stream": "BadRequestError",
    "404": "NotFoundError",
    "time-out": "APITimeoutError",
    "time-out anthropic": "APITimeoutError",
    "refused": "APIConnectionError",
}


@pytest.mark.parametrize("run", [run, run_async], ids=["sync", "async"])
def test_what_the_model_said_is_replayed_after_the_server_is_gone(run: Callable[[str], Any], tmp_path: Path):
    tape = tmp_path / "lesson.json"
    with LocalServer(0) as server, llmkit.setup(mode="record", cassette=tape) as session:
        url, live = server.base_url, run(server.base_url)
        live_calls = session.calls
    for name, result in live.items():
        failed = result[0] if isinstance(result, tuple) and isinstance(result[0], str) else None
        assert failed == FAILED.get(name), (name, result)
    assert live["chat"]["choices"][0]["message"]["content"].strip()
    assert live["chat"]["usage"]["total_tokens"] > 6

    for mode in ("replay", "auto"):  # 서버가 꺼졌으므로 auto도 재생합니다.
        with llmkit.setup(mode=mode, cassette=tape) as session:
            replayed = run(url)
            replayed_calls = session.calls
        for name, result in live.items():
            assert replayed[name] == result, name
        for was, now in zip(live_calls, replayed_calls, strict=True):
            for name in ("path", "status", "error", "model", "usage"):
                assert getattr(was, name) == getattr(now, name)
            assert was.total_s == pytest.approx(now.total_s, abs=0.01)

    exchanges = Cassette.load(tape).exchanges
    assert {e.provenance for e in exchanges if e.status} == {"recorded"}
    assert {e.origin["from"] for e in exchanges if e.status} == {"127.0.0.1"}
    assert len({e.origin["sdk"] for e in exchanges if e.status}) == 3
    assert sum(e.abandoned for e in exchanges) == 1


def test_several_answers_at_once_and_many_callers_at_once(tmp_path: Path):
    tape = tmp_path / "lesson.json"

    async def ask_many(url: str) -> list[str]:
        async with openai.AsyncOpenAI(base_url=url, api_key="local") as client:
            several = client.chat.completions.create(**CHAT | {"temperature": 1, "n": 4})
            prompts = [[{"role": "user", "content": f"Count to {n}."}] for n in range(8)]
            many = [client.chat.completions.create(**CHAT | {"messages": prompt}) for prompt in prompts]
            answers = await asyncio.gather(several, *many)
            return [choice.message.content for answer in answers for choice in answer.choices]

    with LocalServer(0) as server, llmkit.setup(mode="record", cassette=tape):
        url, live = server.base_url, asyncio.run(ask_many(server.base_url))
    assert len(live) == 12
    with llmkit.setup(mode="replay", cassette=tape):
        assert asyncio.run(ask_many(url)) == live


def test_the_same_request_gets_the_same_answer_every_time(tmp_path: Path):
    """`LocalServer`의 설정(스레드 하나, 프롬프트 캐시 없음)이 하는 약속입니다."""
    answers = set()
    for _ in range(2):
        with LocalServer(0) as server:
            client = openai.OpenAI(base_url=server.base_url, api_key="local")
            for _ in range(3):
                answer = client.chat.completions.create(**CHAT, logprobs=True, top_logprobs=5)
                answers.add(answer.choices[0].model_dump_json())
                client.chat.completions.create(**KOREAN)  # 사이에 다른 요청이 있어도
    assert len(answers) == 1


def test_while_the_server_is_on_it_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    tape = tmp_path / "lesson.json"
    with LocalServer(0) as server:
        with llmkit.setup(mode="record", cassette=tape):
            recorded = calls(server.base_url)["chat"]()
        with llmkit.setup(mode="auto", cassette=tape) as session:
            live = calls(server.base_url)["chat"]()
            assert [call.provenance for call in session.calls] == ["live"]
        assert live["id"] != recorded["id"]
        url = server.base_url
    with llmkit.setup(mode="auto", cassette=tape) as session:
        assert calls(url)["chat"]() == recorded
        assert [call.provenance for call in session.calls] == ["recorded"]
    output = capsys.readouterr()
    assert "샘플 응답" not in output.out + output.err  # 진짜 모델의 답입니다.
