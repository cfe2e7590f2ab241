"""녹화: 학습자가 본 것이 그대로 남고, 다시 녹화하거나 도중에 죽어도 끝난 교환은 잃지 않습니다."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import huggingface_hub
import openai
import pytest

import llmkit
from conftest import ROOT
from llmkit.common.errors import Halt
from llmkit.replay.cassette import Cassette
from tests.authoring.provider import redirect
from tests.authoring.provider.testing import stand_in
from tests.loopback import Handler, Loopback
from tests.replay.ways import (
    CAPITAL,
    CLAUDE,
    GPT,
    LLAMA,
    PROMPT,
    Cells,
    ask,
    begin,
    numbered,
    openai_plain,
    openai_stream,
    outcome,
    record,
    replay,
)

pytestmark = pytest.mark.usefixtures("some_keys", "nothing_left_behind")


FAULTS = """
[[entry]]
prompt = "늦음"
fault = { kind = "stall", seconds = 5 }
[[entry]]
prompt = "도중에 늦음"
answer = "하나 둘 셋 넷 다섯 여섯"
fault = { kind = "stall", after_chunks = 2, seconds = 5 }
[[entry]]
prompt = "끊김"
fault = "close"
[[entry]]
prompt = "도중에 끊김"
answer = "하나 둘 셋 넷 다섯 여섯"
fault = { kind = "drop", after_chunks = 2 }
[[entry]]
prompt = "도중에 오류"
answer = "하나 둘 셋 넷 다섯 여섯"
fault = { kind = "error_event", after_chunks = 2 }
[[entry]]
prompt = "HTML"
fault = "not_json"
[[entry]]
prompt = "과부하"
fault = "overloaded"
[[entry]]
prompt = "한도"
fault = { kind = "rate_limit", retry_after = 0 }
"""


@pytest.mark.parametrize(
    "prompt", ["늦음", "도중에 늦음", "끊김", "도중에 끊김", "도중에 오류", "HTML", "과부하", "한도"]
)
def test_failures_replay_as_the_same_exception_after_the_same_text(tape: Path, prompt: str):
    def streamed(open_stream: Callable[[], Any], text_of: Callable[[Any], str]) -> Callable[[], Any]:
        def call() -> Any:
            came: list[str] = []
            try:
                came.extend(text_of(chunk) for chunk in open_stream())
                return came
            except Exception as error:
                return came, type(error).__name__, str(error)

        return call

    options: dict[str, Any] = {"max_retries": 0, "timeout": 0.5}
    gpt, claude = openai.OpenAI(**options), anthropic.Anthropic(**options)
    to_claude: dict[str, Any] = {"model": CLAUDE, "max_tokens": 99, "messages": ask(prompt)}
    llama = huggingface_hub.InferenceClient(model=LLAMA, timeout=0.5)

    def delta(chunk: Any) -> str:
        return chunk.choices[0].delta.content or ""

    def event(item: Any) -> str:
        return getattr(getattr(item, "delta", None), "text", "") or item.type

    calls = [
        lambda: gpt.chat.completions.create(model=GPT, messages=ask(prompt)).model_dump(),
        lambda: gpt.responses.create(model=GPT, input=prompt).output_text,
        lambda: claude.messages.create(**to_claude).model_dump(),
        lambda: llama.chat_completion(ask(prompt)).choices[0].message.content,
        streamed(lambda: gpt.chat.completions.create(model=GPT, messages=ask(prompt), stream=True), delta),
        streamed(lambda: gpt.responses.create(model=GPT, input=prompt, stream=True), lambda item: item.type),
        streamed(lambda: claude.messages.create(**to_claude, stream=True), event),
        streamed(lambda: llama.chat_completion(ask(prompt), stream=True), delta),
    ]
    recorded = record(tape, FAULTS, *calls)
    assert any("Error" in str(one) or "Timeout" in str(one) for one in recorded)
    assert replay(tape, *calls) == recorded


def test_a_stream_is_seen_while_it_is_recorded(tape: Path):
    slow = "date = 2026-11-21T09:00:00+09:00\nfirst_token_ms = 0\ntoken_ms = 40\n"
    with stand_in(CAPITAL, top=slow), llmkit.setup(mode="record", cassette=tape):
        stream = openai.OpenAI().chat.completions.create(model=GPT, messages=ask(PROMPT), stream=True)
        arrivals = [time.perf_counter() for _ in stream]
    assert arrivals[-1] - arrivals[0] > 0.3  # 모았다가 한꺼번에 주지 않습니다.
    seconds = [at for at, _ in Cassette.load(tape).exchanges[0].events]
    assert len(seconds) == len(arrivals) + 1  # [DONE]
    assert seconds[-1] - seconds[0] == pytest.approx(arrivals[-1] - arrivals[0], abs=0.15)


def test_a_compressed_stream_is_recorded_event_by_event(tape: Path):
    # 실제로 Anthropic은 스트림을 gzip으로 압축해 보내기도 합니다.
    events = [f'event: ping\ndata: {{"n": {n}}}\n\n'.encode() for n in range(4)]

    def packed() -> Iterator[bytes]:
        packer = zlib.compressobj(wbits=31)
        for event in events:
            yield packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)
            time.sleep(0.05)
        yield packer.flush()

    def answer(handler: Handler) -> None:
        handler.send_pieces(packed(), content_type="text/event-stream", content_encoding="gzip")

    def call() -> bytes:
        return httpx2.post("https://api.anthropic.com/v1/messages", json={"model": CLAUDE}).content

    with Loopback(answer) as server:
        redirect.install(server.server_port)
        with llmkit.setup(mode="record", cassette=tape):
            assert call() == b"".join(events)
    exchange = Cassette.load(tape).exchanges[0]
    assert [data for _, data in exchange.events] == events
    assert exchange.events[-1][0] - exchange.events[0][0] > 0.1
    assert replay(tape, call) == [b"".join(events)]


def test_a_compressed_answer_that_breaks_off_still_reaches_the_learner_and_the_cassette(tape: Path):
    whole = gzip.compress(b'{"text": "' + os.urandom(3000).hex().encode() + b'"}')

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        for name, value in (("content-type", "application/json"), ("content-encoding", "gzip")):
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(whole)))
        handler.end_headers()
        handler.wfile.write(whole[:1500])
        handler.close_connection = True

    def call() -> Any:
        return httpx2.post("https://api.anthropic.com/v1/messages", json={"model": CLAUDE}).content

    with Loopback(answer) as server:
        redirect.install(server.server_port)
        with llmkit.setup(mode="record", cassette=tape):
            recorded = outcome(call)
    assert recorded[0] == "RemoteProtocolError"
    assert replay(tape, call) == [recorded]


@pytest.mark.parametrize("closed", [True, False])
def test_a_stream_left_in_the_middle_is_recorded_and_ends_there_in_replay(tape: Path, closed: bool):
    kept = []

    def first_two() -> list[str]:
        stream = openai.OpenAI().chat.completions.create(model=GPT, messages=ask(PROMPT), stream=True)
        came = [next(stream).choices[0].delta.content for _ in range(2)]
        if closed:
            stream.close()
        kept.append(stream)  # 변수에 남아 있는 스트림은 아무도 닫지 않습니다.
        return came

    slow = "date = 2026-11-21T09:00:00+09:00\nfirst_token_ms = 0\ntoken_ms = 30\n"
    with stand_in(CAPITAL, top=slow), llmkit.setup(mode="record", cassette=tape):
        recorded = first_two()
    assert Cassette.load(tape).exchanges[0].abandoned
    assert replay(tape, first_two) == [recorded]
    with llmkit.setup(mode="replay", cassette=tape), pytest.raises(Halt, match="녹화가 여기서 끝납니다"):
        openai_stream(PROMPT)


def test_recording_again_replaces_the_old_answers_in_order(tape: Path):
    def three() -> list[str]:
        return [openai_plain("수도는?") for _ in range(3)]

    for words in (["가", "가", "나"], ["다", "라", "라"], ["마", "마", "마"]):
        answers = ", ".join(f'"{word}"' for word in words)
        entry = f'[[entry]]\nprompt = "수도는?"\nanswers = [{answers}]\n'
        for _ in range(2):
            assert record(tape, entry, three) == [words]
            assert replay(tape, three) == [words]


def test_running_a_cell_again_while_recording_replaces_only_what_changed(tape: Path, cells: Cells):
    source = (
        f"for _ in range(2):\n    answer = client.chat.completions.create(model={GPT!r}, "
        f"messages={ask('수도는?')!r})\n    print(answer.choices[0].message.content)"
    )
    with stand_in('[[entry]]\nprompt = "수도는?"\nanswers = ["가", "가", "가", "나"]\n'):
        cells(begin("record", tape))
        assert cells(source).startswith("가\n가\n")
        assert cells(source).startswith("가\n나\n")
        cells("session.close()")
    cells(begin("replay", tape))
    assert cells(source).startswith("가\n나\n")


# 녹화하다가 죽어도 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
def test_kill_in_the_middle_of_a_recording_keeps_every_finished_exchange(tape: Path, streaming: bool):
    code = f"""
import itertools, sys, openai, llmkit
from tests.authoring.provider import redirect
redirect.install(int(sys.argv[1]))
llmkit.setup(mode="record", cassette={str(tape)!r})
client = openai.OpenAI(api_key="x")
for n in itertools.count():
    messages = [{{"role": "user", "content": f"{{n}}번 질문"}}]
    if {streaming}:
        list(client.chat.completions.create(model={GPT!r}, messages=messages, stream=True))
    else:
        client.chat.completions.create(model={GPT!r}, messages=messages)
    print(n, flush=True)
"""
    with stand_in(numbered(500)) as server:
        redirect.uninstall()
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", code, str(server.port)]
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        finished = -1
        for line in child.stdout:
            if line.strip().isdigit() and (finished := int(line)) >= 10:
                break
        time.sleep(0.013)
        child.send_signal(signal.SIGKILL)
        finished = max([finished, *(int(line) for line in child.stdout if line.strip().isdigit())])
        child.wait()
    assert len(Cassette.load(tape).exchanges) >= finished + 1
    call = openai_stream if streaming else openai_plain
    assert replay(tape, *(lambda n=n: call(f"{n}번 질문") for n in range(finished + 1))) == [
        f"{n}번 답" for n in range(finished + 1)
    ]
