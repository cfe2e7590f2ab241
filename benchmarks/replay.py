"""재생의 값: 요청 하나와 500조각 스트림 하나에 드는 CPU 시간을 httpx2의 MockTransport, vcrpy와 견줍니다.

python -m pip install vcrpy==9.4.2
python benchmarks/replay.py

MockTransport는 아무것도 비교하지 않고 준비된 답을 돌려주는, 더 줄일 수 없는 바닥입니다. 세 가지를 한 실행에서 번갈아
재고 가장 빠른 것을 고릅니다. 사람이 보는 시간이 아니라 프로세스의 CPU 시간입니다.
"""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2
import openai
import vcr

import llmkit
from llmkit.replay.cassette import Cassette, Exchange

URL = "https://api.openai.com/v1/chat/completions"
JSON, SSE = {"content-type": "application/json"}, {"content-type": "text/event-stream; charset=utf-8"}
CHUNKS = 500
ROUNDS = 5
PASSES = 2  # 세 가지를 번갈아 재는 횟수
PER_ROUND = 10


def request_of(number: int, stream: bool) -> dict[str, Any]:
    messages = [
        {"role": "system", "content": "당신은 친절한 조수입니다. 세 문장으로 답합니다."},
        {"role": "user", "content": f"{number}번 질문입니다. 대한민국의 수도는 어디이며 왜 그곳이 되었습니까?"},
    ]
    return {"messages": messages, "model": "gpt-6-luna", "max_completion_tokens": 200} | (
        {"stream": True} if stream else {}
    )


def answer_of(number: int) -> bytes:
    message = {"role": "assistant", "content": f"{number}번 답입니다. " + "서울입니다. " * 20}
    body = {
        "id": f"chatcmpl-authored-{number}", "object": "chat.completion", "created": 1, "model": "gpt-6-luna",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 80, "total_tokens": 120},
    }  # fmt: skip
    return json.dumps(body, ensure_ascii=False).encode()


def chunks_of(number: int) -> list[bytes]:
    head = {"id": f"chatcmpl-authored-{number}", "object": "chat.completion.chunk", "created": 1}
    deltas = [{"index": 0, "delta": {"content": f"{n}번 "}, "finish_reason": None} for n in range(CHUNKS - 1)]
    events = [json.dumps(head | {"model": "gpt-6-luna", "choices": [delta]}, ensure_ascii=False) for delta in deltas]
    return [f"data: {event}\n\n".encode() for event in [*events, "[DONE]"]]


class Pieces(httpx2.SyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces


Work = Callable[[httpx2.Client, int], object]


def plain(client: httpx2.Client, number: int) -> object:
    return client.post(URL, json=request_of(number, False)).content


def plain_stream(client: httpx2.Client, number: int) -> object:
    with client.stream("POST", URL, json=request_of(number, True)) as response:
        return list(response.iter_raw())


def sdk(client: openai.OpenAI, number: int) -> object:
    return client.chat.completions.create(**request_of(number, False)).choices[0].message.content


def sdk_stream(client: openai.OpenAI, number: int) -> object:
    stream = client.chat.completions.create(**request_of(number, True))
    return [chunk.choices[0].delta.content for chunk in stream]


def measure(work: Work, count: int, stream: bool, folder: Path) -> dict[str, float]:
    """방법마다 요청 하나의 CPU 시간(초)."""
    bodies = [request_of(n, stream) for n in range(count)]
    through_sdk = work in (sdk, sdk_stream)

    def client(**options: Any) -> Any:
        http_client = httpx2.Client(**options)
        return openai.OpenAI(api_key="benchmark", http_client=http_client) if through_sdk else http_client

    asked = range(0, count, max(1, count // PER_ROUND))  # 목록의 앞뒤에서 고르게

    # 바닥: 본문으로 답을 찾는 MockTransport
    def number_in(request: httpx2.Request) -> int:
        return int(request.content.split("번 질문".encode())[0].rsplit(b'"', 1)[-1])

    def mock(request: httpx2.Request) -> httpx2.Response:
        number = number_in(request)
        if stream:
            return httpx2.Response(200, headers=SSE, stream=Pieces(pieces[number]))
        return httpx2.Response(200, headers=JSON, content=answers[number])

    pieces = [chunks_of(n) for n in range(count)] if stream else []
    answers = [answer_of(n) for n in range(count)]
    mocked = client(transport=httpx2.MockTransport(mock))

    # 우리 훅
    tape = Cassette(folder / f"{work.__name__}{count}.json", datetime.date(2026, 11, 21))
    for n, body in enumerate(bodies):
        headers = SSE if stream else JSON
        exchange = Exchange("authored", "openai", "POST", "/chat/completions", body, 200, headers)
        if stream:
            exchange.events = [(0.3 + 0.02 * at, data) for at, data in enumerate(pieces[n])]
        else:
            exchange.content = answers[n]
        tape.exchanges.append(exchange)
    tape.save()

    # vcrpy: 메서드, 주소, 본문을 비교합니다.
    saved = folder / f"vcr-{work.__name__}{count}.json"
    real = client()
    player = vcr.VCR(serializer="json", match_on=("method", "uri", "body"))

    with player.use_cassette(str(saved), record_mode="once"):  # vcrpy는 MockTransport의 답도 녹화합니다.
        recorder = httpx2.Client(transport=httpx2.MockTransport(mock))
        for body in bodies:
            recorder.post(URL, json=body)

    best = dict.fromkeys(("mock", "hook", "vcr"), float("inf"))

    def time_some(name: str, using: Any, again: Callable[[], object] = lambda: None) -> None:
        for _ in range(ROUNDS):
            again()
            started = time.process_time()
            for n in asked:
                work(using, n)
            best[name] = min(best[name], (time.process_time() - started) / len(asked))

    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        for _ in range(PASSES):
            time_some("mock", mocked)
            with llmkit.setup(mode="replay", cassette=tape.path, pace=0) as session:
                assert work(real, 0) == work(mocked, 0)
                time_some("hook", real, lambda: session.start_cell(""))
            with player.use_cassette(str(saved), record_mode="none", allow_playback_repeats=True):
                time_some("vcr", real)
    return best


def main() -> None:
    os.environ |= {"PYTHON_DOTENV_DISABLED": "1"}
    machine = f"Python {platform.python_version()}, {platform.machine()}, CPU {os.cpu_count()}개"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("httpx2", "openai", "vcrpy"))
    print(f"{datetime.date.today()}, {machine}, {libraries}\n")
    print("| 무엇을 | 녹화 수 | MockTransport | 훅 | vcrpy | 훅 / Mock | vcrpy / Mock |")
    print("|:--|--:|--:|--:|--:|--:|--:|")
    cases = [
        ("openai SDK, 요청 하나", sdk, False),
        ("openai SDK, 500조각 스트림", sdk_stream, True),
        ("httpx2만, 요청 하나", plain, False),
        ("httpx2만, 500조각 스트림", plain_stream, True),
    ]
    with tempfile.TemporaryDirectory() as folder:
        for title, work, stream in cases:
            for count in (25, 550):
                best = measure(work, count, stream, Path(folder))
                mock, hook, vcrpy = (best[name] for name in ("mock", "hook", "vcr"))
                times = " | ".join(f"{seconds * 1000:.3f} ms" for seconds in (mock, hook, vcrpy))
                print(f"| {title} | {count} | {times} | {hook / mock:.2f} | {vcrpy / mock:.2f} |", flush=True)
    print("\nvcrpy는 스트림을 한 덩어리로 돌려주므로 조각마다 드는 값이 없습니다(녹화의 박자도 없습니다).")


if __name__ == "__main__":
    sys.exit(main())
