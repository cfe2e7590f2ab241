"""훅: 세 SDK가 정말 이 길을 지나는가, 녹화한 그대로 재생되는가, 녹화에 없으면 무엇을 보는가.

답은 모두 `tests/authoring/provider`의 진짜 HTTP 서버에서 받아 녹화하고, 서버를 끈 뒤 재생합니다. 이 컴퓨터 밖으로 나가는 소켓은
`conftest.py`가 막고 셉니다. 그러므로 훅을 비켜 가는 요청이 하나라도 있으면 테스트가 실패합니다.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anthropic
import anyio
import httpx
import httpx2
import huggingface_hub
import openai
import pytest

import llmkit
from llmkit.common.errors import Halt
from llmkit.common.providers import PLACEHOLDERS, PROVIDERS
from llmkit.replay.cassette import Cassette
from llmkit.replay.request import Ask
from llmkit.replay.tape import reached_provider
from llmkit.session import current_session
from tests.authoring.provider import redirect
from tests.authoring.provider.testing import stand_in

ROOT = Path(__file__).resolve().parents[2]
GPT, CLAUDE, LLAMA = "gpt-6-luna", "claude-haiku-5-5", "meta-llama/Llama-3.1-8B-Instruct"
ANSWER = "대한민국의 수도는 **서울**입니다. 뷁도 온전한 글자로 옵니다 😀"
CAPITAL = f'[[entry]]\ncontains = "수도"\nanswer = "{ANSWER}"\n'
PROMPT = "대한민국의 수도는?"
Cells = Callable[[str], str]


def ask(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


# 세 SDK를 부르는 열두 가지 길 ------------------------------------------------------------------------------


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


# 도구 -------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """클라이언트를 만들 수 있을 만큼의 키. 16글자보다 짧아 진짜 키로 보지 않습니다."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, "hf_test")
    yield
    if (session := current_session()) is not None:
        session.close()
    redirect.uninstall()


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "lesson.json"


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> Callable:
    """부르면 그때부터 키가 하나도 없습니다."""

    def remove() -> None:
        for provider in PROVIDERS.values():
            for name in provider.keys:
                monkeypatch.delenv(name, raising=False)

    return remove


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


@pytest.fixture
def cells(capsys: pytest.CaptureFixture[str]) -> Iterator[Cells]:
    """진짜 IPython. 셀 하나를 실행하고 화면에 나온 글을 돌려줍니다."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config(HistoryManager={"enabled": False})
    shell = InteractiveShell.instance(config=config)

    def run(source: str) -> str:
        capsys.readouterr()
        shell.run_cell(source)
        return capsys.readouterr().out

    yield run
    if (session := current_session()) is not None:
        session.close()
    InteractiveShell.clear_instance()


def begin(mode: str, tape: Path, client: str = "openai.OpenAI(max_retries=0)") -> str:
    """셀 하나: 세션과 클라이언트를 만듭니다."""
    setup = f"session = llmkit.setup(mode={mode!r}, cassette={str(tape)!r})"
    return f"import llmkit, openai\n{setup}\nclient = {client}"


class Canned(ThreadingHTTPServer):
    """정해진 응답을 그대로 보내고, 받은 요청의 (메서드, 호스트, 경로, 헤더)를 적어 두는 서버."""

    daemon_threads = True

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.requests: list[tuple[str, str, str, dict[str, str]]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def serve(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.server.requests.append((self.command, headers["host"], self.path, headers))
                answer(self)

            do_GET = do_POST = do_HEAD = serve

            def log_message(self, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        super().__exit__(*error)


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"content-length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)


# 카나리아: SDK가 HTTP 라이브러리를 바꾸면 여기가 먼저 죽습니다 ------------------------------------------------------


@each_way
def test_every_sdk_passes_the_hook_in_record_and_in_replay(tape: Path, way: str):
    def call() -> str:
        return WAYS[way](PROMPT)

    assert record(tape, CAPITAL, call) == [ANSWER]
    with llmkit.setup(mode="replay", cassette=tape) as session:
        assert call() == ANSWER
        assert {(c.provider, c.provenance) for c in session.calls} == {(way.split("_")[0], "authored")}


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_both_http_libraries_pass_the_hook(tape: Path, library: Any):
    url, body = "https://api.openai.com/v1/chat/completions", {"model": GPT, "messages": ask(PROMPT)}
    headers = {"authorization": "Bearer test"}

    async def asynchronously() -> bytes:
        async with library.AsyncClient() as client:
            return (await client.post(url, json=body, headers=headers)).content

    calls = [
        lambda: library.post(url, json=body, headers=headers).content,
        lambda: asyncio.run(asynchronously()),
        lambda: openai_plain(PROMPT, http_client=library.Client()),
    ]
    assert (recorded := record(tape, CAPITAL, *calls))[2] == ANSWER
    assert replay(tape, *calls) == recorded


def test_httpx_as_an_alias_of_httpx2_is_recorded_once(tape: Path):
    code = f"""
        import httpx2; httpx2.alias_httpx()
        import llmkit, httpx
        from tests.authoring.provider.testing import stand_in
        with stand_in({CAPITAL!r}), llmkit.setup(mode="record", cassette={str(tape)!r}) as session:
            import openai
            openai.OpenAI(api_key="x").chat.completions.create(model={GPT!r}, messages={ask(PROMPT)!r})
            print(len(session.calls), len(session.cassette.exchanges))
    """
    assert python(code).stdout.splitlines()[-1] == "1 1"


def python(code: str) -> subprocess.CompletedProcess[str]:
    import textwrap

    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


def test_sdks_imported_and_clients_built_before_setup_are_replayed_too(tape: Path):
    early = openai.OpenAI(), anthropic.Anthropic(), huggingface_hub.InferenceClient()

    def calls() -> list[str]:
        return [
            early[0].chat.completions.create(model=GPT, messages=ask(PROMPT)).choices[0].message.content,
            early[1].messages.create(model=CLAUDE, max_tokens=99, messages=ask(PROMPT)).content[-1].text,
            early[2].chat_completion(ask(PROMPT), model=LLAMA).choices[0].message.content,
        ]

    recorded = record(tape, CAPITAL, calls)
    assert recorded[0][0] == ANSWER
    assert replay(tape, calls) == recorded


# 녹화: 학습자가 본 것이 그대로 남는가 ---------------------------------------------------------------------------

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

    def answer(handler: BaseHTTPRequestHandler) -> None:
        import zlib

        packer = zlib.compressobj(wbits=31)
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("content-encoding", "gzip")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for event in [*events, None]:
            data = packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH) if event else packer.flush()
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            time.sleep(0.05)
        handler.wfile.write(b"0\r\n\r\n")

    def call() -> bytes:
        return httpx2.post("https://api.anthropic.com/v1/messages", json={"model": CLAUDE}).content

    with Canned(answer) as server:
        redirect.install(server.server_address[1])
        with llmkit.setup(mode="record", cassette=tape):
            assert call() == b"".join(events)
    exchange = Cassette.load(tape).exchanges[0]
    assert [data for _, data in exchange.events] == events
    assert exchange.events[-1][0] - exchange.events[0][0] > 0.1
    assert replay(tape, call) == [b"".join(events)]


def test_a_compressed_answer_that_breaks_off_still_reaches_the_learner_and_the_cassette(tape: Path):
    whole = gzip.compress(b'{"text": "' + os.urandom(3000).hex().encode() + b'"}')

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in (("content-type", "application/json"), ("content-encoding", "gzip")):
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(whole)))
        handler.end_headers()
        handler.wfile.write(whole[:1500])
        handler.close_connection = True

    def call() -> Any:
        return httpx2.post("https://api.anthropic.com/v1/messages", json={"model": CLAUDE}).content

    with Canned(answer) as server:
        redirect.install(server.server_address[1])
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
        for _ in range(3):
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


# 많은 요청이 한꺼번에 -----------------------------------------------------------------------------------------


def numbered(count: int) -> str:
    return "".join(f'[[entry]]\nprompt = "{n}번 질문"\nanswer = "{n}번 답"\n' for n in range(count))


def test_a_hundred_concurrent_async_calls_get_their_own_answers(tape: Path):
    async def one(n: int, gpt: Any, claude: Any) -> str:
        to_gpt: dict[str, Any] = {"model": GPT, "messages": ask(f"{n}번 질문")}
        to_claude: dict[str, Any] = {"model": CLAUDE, "max_tokens": 99, "messages": ask(f"{n}번 질문")}
        if n % 4 == 0:
            return (await gpt.chat.completions.create(**to_gpt)).choices[0].message.content
        if n % 4 == 1:
            stream = await gpt.chat.completions.create(**to_gpt, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        if n % 4 == 2:
            return (await claude.messages.create(**to_claude)).content[-1].text
        async with claude.messages.stream(**to_claude) as stream:
            return await stream.get_final_text()

    async def all_at_once() -> list[str]:
        async with openai.AsyncOpenAI() as gpt, anthropic.AsyncAnthropic() as claude:
            return await asyncio.gather(*(one(n, gpt, claude) for n in range(100)))

    expected = [f"{n}번 답" for n in range(100)]
    assert record(tape, numbered(100), lambda: asyncio.run(all_at_once())) == [expected]
    assert replay(tape, lambda: asyncio.run(all_at_once())) == [expected]


def test_thirty_threads_get_their_own_answers(tape: Path):
    ways = [way for name, way in WAYS.items() if "async" not in name]

    def all_at_once() -> list[str]:
        with ThreadPoolExecutor(30) as pool:
            return list(pool.map(lambda n: ways[n % len(ways)](f"{n}번 질문"), range(90)))

    expected = [f"{n}번 답" for n in range(90)]
    assert record(tape, numbered(90), all_at_once) == [expected]
    assert replay(tape, all_at_once) == [expected]


def test_the_same_question_asked_many_times_at_once_plays_every_recorded_answer(tape: Path):
    entry = '[[entry]]\nprompt = "수도는?"\nanswers = ["가", "나", "다", "라", "마", "바", "사", "아"]\n'

    async def eight() -> list[str]:
        async with openai.AsyncOpenAI() as gpt:
            tasks = [gpt.chat.completions.create(model=GPT, messages=ask("수도는?")) for _ in range(8)]
            return sorted([answer.choices[0].message.content for answer in await asyncio.gather(*tasks)])

    assert record(tape, entry, lambda: asyncio.run(eight())) == [list("가나다라마바사아")]
    assert replay(tape, lambda: asyncio.run(eight())) == [list("가나다라마바사아")]


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
            if line.strip().isdigit() and (finished := int(line)) >= 25:
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


# 같은 요청의 여러 답 -------------------------------------------------------------------------------------------

RETRY = """
[[entry]]
contains = "재시도"
answers = [{ fault = { kind = "rate_limit", retry_after = 1.5 } }, "두 번째에 성공"]
"""


def test_429_then_200_replays_the_same_in_any_cell_any_number_of_times(tape: Path, cells: Cells):
    ask_in_cell = (
        f"try:\n    answer = client.chat.completions.create(model={GPT!r}, messages={{!r}})\n"
        "    print(answer.choices[0].message.content)\n"
        "except openai.RateLimitError as error:\n    print(error.status_code)"
    )
    twice = "\n".join([ask_in_cell.format(ask("재시도"))] * 2)
    other = ask_in_cell.format(ask("다른 재시도"))
    with stand_in(RETRY):
        cells(begin("record", tape))
        assert cells(twice).startswith("429\n두 번째에 성공\n")
        assert cells(other).startswith("429\n")
        cells("session.close()")
    cells(begin("replay", tape))
    for source in (twice, other, twice, twice, other, other, twice):
        assert cells(source).startswith("429\n" if source == other else "429\n두 번째에 성공\n")
    # 다른 셀에서 한 번만 물어도 처음 답부터입니다.
    assert cells(ask_in_cell.format(ask("재시도"))).startswith("429\n")


@pytest.mark.parametrize("way", ["openai_plain", "openai_async", "anthropic_plain", "anthropic_async"])
def test_a_retry_really_waits_live_and_not_in_replay(tape: Path, way: str, monkeypatch: pytest.MonkeyPatch):
    def run() -> str:
        return WAYS[way]("재시도")

    with stand_in(RETRY), llmkit.setup(mode="record", cassette=tape):
        started = time.perf_counter()
        assert run() == "두 번째에 성공"
        assert time.perf_counter() - started >= 1.5
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(anyio, "sleep", sleep)
    with llmkit.setup(mode="replay", cassette=tape, pace=0) as session:
        assert run() == "두 번째에 성공"
        assert not any(slept)
        assert [(c.status, c.waited_s) for c in session.calls] == [(429, 1.5), (200, None)]


def test_a_live_429_still_waits_in_a_session_that_has_replayed(tape: Path, monkeypatch: pytest.MonkeyPatch):
    record(tape, CAPITAL, lambda: anthropic_plain(PROMPT))
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with stand_in(RETRY), llmkit.setup(cassette=tape, pace=0):
        assert anthropic_plain(PROMPT) == ANSWER  # 재생
        started = time.perf_counter()
        assert openai_plain("재시도") == "두 번째에 성공"  # 실제 호출
        assert time.perf_counter() - started >= 1.5


# 무엇이 같은 요청인가 ------------------------------------------------------------------------------------------


def post(**content: Any) -> Any:
    headers = {"content-type": "application/json", "authorization": "Bearer test"}
    return httpx2.post("https://api.openai.com/v1/chat/completions", headers=headers, **content).json()


@pytest.mark.parametrize(
    "now",
    [
        {"model": GPT, "temperature": 1.0, "messages": ask(PROMPT)},
        {"messages": [{"content": PROMPT, "role": "user"}], "temperature": 1, "model": GPT},
        {"model": GPT, "temperature": 1, "messages": ask(unicodedata.normalize("NFD", PROMPT))},
    ],
    ids=["1.0", "key order", "NFD"],
)
def test_requests_that_mean_the_same_match(tape: Path, now: dict[str, Any]):
    first = {"model": GPT, "temperature": 1, "messages": ask(PROMPT)}
    recorded = record(tape, CAPITAL, lambda: post(json=first))
    assert recorded[0]["choices"][0]["message"]["content"] == ANSWER
    assert replay(tape, lambda: post(content=json.dumps(now, indent=2))) == recorded
    # 거꾸로 녹화해도 같습니다.
    tape.unlink()
    recorded = record(tape, CAPITAL, lambda: post(content=json.dumps(now)))
    assert replay(tape, lambda: post(json=first)) == recorded


@pytest.mark.parametrize(
    "now",
    [
        {"temperature": 0.5},
        {"temperature": True},
        {"temperature": "1"},
        {"temperature": None},
        {"messages": ask(PROMPT + " ")},
        {"stream": False},
    ],
    ids=str,
)
def test_requests_that_mean_something_else_do_not_match(tape: Path, now: dict[str, Any]):
    first = {"model": GPT, "temperature": 1, "messages": ask(PROMPT)}
    record(tape, CAPITAL, lambda: post(json=first))
    with llmkit.setup(mode="replay", cassette=tape), pytest.raises(llmkit.CassetteMiss):
        post(json=first | now)


def test_an_upload_matches_although_its_boundary_is_random(tape: Path):
    def upload(content: bytes) -> Any:
        return openai.OpenAI(max_retries=0).files.create(file=("질문.jsonl", content), purpose="batch")

    def call() -> Any:
        return upload("한글".encode())

    recorded = record(tape, CAPITAL, call)
    assert recorded[0][0] == "BadRequestError"  # 대신하는 서버는 파일을 받지 않습니다. 같은 요청인지만 봅니다.
    assert replay(tape, call) == recorded
    with llmkit.setup(mode="replay", cassette=tape), pytest.raises(llmkit.CassetteMiss):
        upload(b"other")


def test_a_proxy_or_another_base_url_finds_the_same_recording(tape: Path):
    recorded = record(tape, CAPITAL, lambda: openai_plain(PROMPT))
    for base_url in ("https://proxy.example.com/openai/v1", "https://example.com/v1/", "http://10.0.0.7/v1"):
        assert replay(tape, lambda url=base_url: openai_plain(PROMPT, base_url=url)) == recorded


# 저장되지 않은 요청 ---------------------------------------------------------------------------------------------


@each_way
def test_a_changed_prompt_is_a_short_korean_miss(tape: Path, way: str, no_keys: Callable):
    record(tape, CAPITAL, lambda: WAYS[way](PROMPT))
    no_keys()
    with llmkit.setup(mode="replay", cassette=tape) as session:
        with pytest.raises(llmkit.CassetteMiss) as caught:
            try:
                WAYS[way]("대한민국의 수도가 어디죠?")
            except Exception as error:  # 학습자의 코드에 흔합니다.
                pytest.fail(f"except Exception이 삼켰습니다: {error!r}")
        assert session.calls == []
        assert len(session.halts) == 1  # 다시 시도하지 않았습니다.
    lines = caught.value._render_traceback_()
    assert len(lines) <= 15
    text = "\n".join(lines)
    assert "저장되지 않은 요청입니다" in text and "수도가 어디죠?" in text and PROMPT in text and ".env에" in text


def test_a_miss_is_told_against_the_recording_that_differs_least(tape: Path):
    record(tape, CAPITAL, lambda: openai_plain(PROMPT))
    cassette = Cassette.load(tape)
    (one,) = cassette.exchanges
    knobs = [{"temperature": 0.5, "seed": 1}, {"temperature": 0.5, "seed": 101}, {"max_completion_tokens": 64}]
    cassette.exchanges = [dataclasses.replace(one, body={**one.body, **knob}) for knob in knobs]
    cassette.save()

    def create(prompt: str = PROMPT, **knob: Any) -> None:
        with llmkit.setup(mode="replay", cassette=tape):
            openai.OpenAI().chat.completions.create(model=GPT, messages=ask(prompt), **knob)

    with pytest.raises(llmkit.CassetteMiss) as caught:
        create(temperature=1.5, seed=1)
    assert "temperature" in str(caught.value) and "seed" not in str(caught.value)
    with pytest.raises(llmkit.CassetteMiss) as caught:
        create("대한민국의 수도가 어디죠?", max_completion_tokens=64)
    assert "수도가 어디죠" in str(caught.value) and "seed" not in str(caught.value)


@pytest.mark.parametrize("recordings", ["few short", "551 long"])
def test_a_miss_comes_at_once(tape: Path, capsys: pytest.CaptureFixture[str], recordings: str):
    record(tape, CAPITAL, *(lambda name=name: WAYS[f"{name}_plain"](PROMPT) for name in SDKS))
    changed = "대한민국의 수도가 어디죠?"
    if recordings == "551 long":
        cassette, changed = Cassette.load(tape), changed + " 길게 묻습니다." * 500
        for one in list(cassette.exchanges):
            for n in range(550):
                history = ask(f"{n}번 " + "긴 대화의 한 부분입니다. " * 60) * 20
                cassette.exchanges.append(dataclasses.replace(one, body={**one.body, "messages": history}))
        cassette.save()
    gpt, claude, llama = openai.OpenAI(), anthropic.Anthropic(), huggingface_hub.InferenceClient(model=LLAMA)
    calls = {
        "openai": lambda prompt: gpt.chat.completions.create(model=GPT, messages=ask(prompt)),
        "anthropic": lambda text: claude.messages.create(model=CLAUDE, max_tokens=100, messages=ask(text)),
        "huggingface": lambda prompt: llama.chat_completion(ask(prompt)),
    }
    with llmkit.setup(mode="replay", cassette=tape):
        for name, call in calls.items():
            call(PROMPT)  # SDK가 처음 부를 때 읽어 오는 것은 재지 않습니다.
            started = time.perf_counter()
            with pytest.raises(llmkit.CassetteMiss, match="수도가 어디죠"):
                call(changed)
            seconds = time.perf_counter() - started
            with capsys.disabled():
                print(f" [{recordings}, {name}: {seconds * 1000:.0f} ms]", end="")
            assert seconds < 1  # 목표는 0.1초입니다. 느린 컴퓨터에서 흔들리지 않게 넉넉히 봅니다.


def test_in_a_notebook_a_miss_stands_alone_without_frames(tape: Path, cells: Cells):
    record(tape, CAPITAL, lambda: openai_plain(PROMPT))
    cells(begin("replay", tape))
    shown = cells(f"client.chat.completions.create(model={GPT!r}, messages={ask('서울의 인구는?')!r})")
    assert shown.startswith("CassetteMiss: 저장되지 않은 요청입니다.")
    assert len(shown.rstrip().splitlines()) <= 15
    assert shown.count("CassetteMiss") == 1 and "Traceback" not in shown and "File " not in shown


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio\nx = await asyncio.gather({0}, {0}, return_exceptions=True)",
        "try:\n    await {0}\nexcept BaseException:\n    pass",
        "import asyncio\ntask = asyncio.create_task({0})\nawait asyncio.wait([task])\ntask.exception()",
    ],
    ids=["gather", "bare except", "wait"],
)
def test_a_miss_that_was_swallowed_is_shown_anyway(tape: Path, cells: Cells, source: str):
    record(tape, CAPITAL, lambda: openai_plain(PROMPT))
    cells(begin("replay", tape, "openai.AsyncOpenAI()"))
    call = f"client.chat.completions.create(model={GPT!r}, messages={ask('서울의 인구는?')!r})"
    shown = cells(source.format(call))
    assert "CassetteMiss: 저장되지 않은 요청입니다." in shown and "서울의 인구는?" in shown
    assert len(shown.rstrip().splitlines()) <= 15
    assert "CassetteMiss" not in cells("x = 1")


def test_a_script_shows_a_swallowed_miss_too(tape: Path):
    record(tape, CAPITAL, lambda: openai_plain(PROMPT))
    ran = python(f"""
        import asyncio, llmkit, openai
        llmkit.setup(mode="replay", cassette={str(tape)!r})
        async def main():
            client = openai.AsyncOpenAI()
            call = client.chat.completions.create(model={GPT!r}, messages={ask("서울의 인구는?")!r})
            return await asyncio.gather(call, return_exceptions=True)
        print(type(asyncio.run(main())[0]).__name__)
    """)
    assert ran.stdout.splitlines()[-1] == "CassetteMiss"
    assert ran.stderr.count("CassetteMiss: 저장되지 않은 요청입니다.") == 1 and len(ran.stderr.splitlines()) <= 15


# 박자 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["openai_stream", "openai_async_stream"])
def test_a_stream_keeps_its_recorded_rhythm_at_the_asked_pace(tape: Path, way: str):
    slow = "date = 2026-11-21T09:00:00+09:00\nfirst_token_ms = 200\ntoken_ms = 60\n"

    def arrivals() -> list[float]:
        started = time.perf_counter()
        stream = openai.OpenAI().chat.completions.create(model=GPT, messages=ask(PROMPT), stream=True)
        return [time.perf_counter() - started for _ in stream]

    async def async_arrivals() -> list[float]:
        started = time.perf_counter()
        client = openai.AsyncOpenAI()
        stream = await client.chat.completions.create(model=GPT, messages=ask(PROMPT), stream=True)
        return [time.perf_counter() - started async for _ in stream]

    measure = arrivals if way == "openai_stream" else lambda: asyncio.run(async_arrivals())
    with stand_in(CAPITAL, top=slow), llmkit.setup(mode="record", cassette=tape):
        measure()
    recorded = [at for at, _ in Cassette.load(tape).exchanges[0].events][:-1]
    assert recorded[-1] > 0.8
    for pace in (1, 0.5, 0):
        (replayed,) = replay(tape, measure, pace=pace)
        assert len(replayed) == len(recorded)
        for at, expected in zip(replayed, recorded, strict=True):
            assert expected * pace - 0.01 <= at < expected * pace + 3  # 바쁜 컴퓨터에서는 늦을 수 있습니다.


def test_an_answer_in_one_piece_takes_its_recorded_time_at_pace_one(tape: Path):
    slow = "date = 2026-11-21T09:00:00+09:00\nfirst_token_ms = 1500\ntoken_ms = 0\n"
    with stand_in(CAPITAL, top=slow), llmkit.setup(mode="record", cassette=tape):
        openai_plain(PROMPT)

    def timed() -> float:
        started = time.perf_counter()
        openai_plain(PROMPT)
        return time.perf_counter() - started

    assert replay(tape, timed, pace=1)[0] >= 1.5
    with llmkit.setup(mode="replay", cassette=tape, pace=0) as session:
        assert timed() < 1.5
        assert session.calls[0].total_s >= 1.5  # 장부의 시간은 카세트의 것입니다.


# 남의 요청 ------------------------------------------------------------------------------------------------


def test_what_is_not_ours_passes_untouched(tape: Path, monkeypatch: pytest.MonkeyPatch):
    record(tape, CAPITAL, lambda: openai_plain(PROMPT))
    with Canned(lambda handler: send(handler, b"hello", x_mine="1")) as server:
        redirect.install(server.server_address[1])
        with llmkit.setup(mode="replay", cassette=tape) as session:
            for library in (httpx, httpx2):
                response = library.get("https://example.org/data?key=1", headers={"authorization": "mine"})
                assert response.content == b"hello" and response.headers["x-mine"] == "1"
                local = library.get(f"http://127.0.0.1:{server.server_address[1]}/index.html")
                assert local.content == b"hello"
            assert session.calls == []
    seen = [(host.split(":")[0], path, sent.get("authorization")) for _, host, path, sent in server.requests]
    assert seen == [("example.org", "/data?key=1", "mine"), ("127.0.0.1", "/index.html", None)] * 2


def test_files_are_downloaded_from_the_hub_without_our_placeholder(
    tape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # 큰 파일은 huggingface.co가 다른 호스트로 넘깁니다. 그 요청도 huggingface_hub의 이름을 달고 나갑니다.
    monkeypatch.delenv("HF_TOKEN")
    record(tape, CAPITAL, lambda: openai_plain(PROMPT))

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.headers["host"].startswith("cdn-lfs"):
            return send(handler, b'{"vocab": 1}')
        headers = {"location": "https://cdn-lfs.hf.co/blob", "etag": '"abc"', "x_linked_etag": '"abc"'}
        send(handler, b"", 302, x_repo_commit="0" * 40, x_linked_size="12", **headers)

    with Canned(answer) as server:
        redirect.install(server.server_address[1])
        with llmkit.setup(mode="replay", cassette=tape):
            assert os.environ["HF_TOKEN"] in PLACEHOLDERS
            file = huggingface_hub.hf_hub_download("org/model", "vocab.json", cache_dir=tmp_path, token=True)
    assert Path(file).read_bytes() == b'{"vocab": 1}'
    assert {host.split(":")[0] for _, host, _, _ in server.requests} >= {"huggingface.co", "cdn-lfs.hf.co"}
    assert not [sent for *_, sent in server.requests for mark in PLACEHOLDERS if mark in str(sent)]


def test_our_placeholder_never_leaves_even_from_a_client_built_in_replay(tape: Path, no_keys: Callable):
    record(tape, CAPITAL, lambda: openai_plain(PROMPT))
    no_keys()
    with Canned(lambda handler: send(handler, b"{}", content_type="application/json")) as server:
        redirect.install(server.server_address[1])
        with llmkit.setup(mode="replay", cassette=tape):
            stale = openai.OpenAI(), anthropic.Anthropic(), huggingface_hub.InferenceClient()
        with llmkit.setup(mode="live", cassette=tape):
            gemini = "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent"
            for call in (
                lambda: stale[0].chat.completions.create(model=GPT, messages=ask(PROMPT)),
                lambda: stale[1].messages.create(model=CLAUDE, max_tokens=99, messages=ask(PROMPT)),
                lambda: httpx2.post(gemini, params={"key": PROVIDERS["gemini"].placeholder}),
            ):
                with pytest.raises(Halt, match="가짜 키"):
                    call()
            assert server.requests == []
            stale[2].chat_completion(ask(PROMPT), model="https://router.huggingface.co/v1")  # 키를 그때그때 읽습니다.
    assert "authorization" not in server.requests[0][3]


# 되돌리기 -------------------------------------------------------------------------------------------------


def test_closing_puts_everything_back(tape: Path, cells: Cells):
    from IPython import get_ipython

    record(tape, RETRY, lambda: openai_plain("재시도"), lambda: anthropic_plain("재시도"))

    def state() -> dict[str, Any]:
        events = get_ipython().events.callbacks
        found: dict[str, Any] = {
            "environment": dict(os.environ),
            "events": {name: list(callbacks) for name, callbacks in events.items()},
            "excepthook": sys.excepthook,
        }
        for library in (httpx, httpx2):
            found[library.__name__] = library.HTTPTransport.handle_request
            found[library.__name__ + " async"] = library.AsyncHTTPTransport.handle_async_request
        for module in (openai._base_client, anthropic._base_client):
            found[module.__name__] = module.time, module.anyio
        return found

    cells("x = 1")
    before = state()
    with llmkit.setup(mode="replay", cassette=tape):
        openai_plain("재시도")
        with llmkit.setup(mode="replay", cassette=tape) as second:  # 셀을 다시 실행한 셈입니다.
            assert openai_plain("재시도") == "두 번째에 성공"
            assert anthropic_plain("재시도") == "두 번째에 성공"
            assert len(second.calls) == 4
    assert state() == before
    assert current_session() is None


# 누가 한 답인가 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "peer", "encrypted", "recorded"),
    [
        ("api.openai.com", ("104.18.6.192", 443), True, True),
        ("api.openai.com", ("2606:4700::6812:7c0", 443, 0, 0), True, True),
        ("api.openai.com", ("127.0.0.1", 443), True, False),  # 이 컴퓨터로 돌려진 요청
        ("api.openai.com", ("127.0.0.53", 443), True, False),
        ("api.openai.com", ("::1", 443, 0, 0), True, False),
        ("api.openai.com", ("104.18.6.192", 80), False, False),  # 암호화되지 않아 상대를 알 수 없습니다.
        ("api.openai.com", None, True, False),
        ("api.openai.com.example.org", ("104.18.6.192", 443), True, False),
        ("gateway.example.com", ("104.18.6.192", 443), True, False),
    ],
)
def test_only_an_answer_from_the_providers_own_host_is_recorded(
    host: str, peer: tuple[Any, ...] | None, encrypted: bool, recorded: bool
):
    # 이 컴퓨터 밖으로 나가지 않고는 진짜 연결을 만들 수 없으므로, 연결이 알려 주는 것만 흉내 냅니다.
    class Connection:
        def get_extra_info(self, name: str) -> Any:
            return {"server_addr": peer, "ssl_object": object() if encrypted else None}[name]

    request = httpx2.Request("POST", f"https://{host}/v1/chat/completions", headers={"user-agent": "OpenAI/Python"})
    response = httpx2.Response(200, extensions={"network_stream": Connection()})
    asked = Ask("openai", request, b"{}")
    assert reached_provider(asked, response) is recorded
    assert reached_provider(asked, httpx2.Response(200)) is False
