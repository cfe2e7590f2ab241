"""실제 호출의 값: llmkit을 켠 호출이 켜지 않은 호출보다 CPU를 얼마나 더 쓰는지 잽니다.

python benchmarks/live.py

큰 파일 올리기, 깊이 겹친 JSON, 조각이 많은 스트림을 이 컴퓨터의 서버(다른 프로세스)에 보냅니다. 켠 것과 켜지 않은 것을
한 쌍으로 번갈아 다섯 번 재고, 쌍마다 나눈 비율의 중앙값을 적습니다. 사람이 보는 시간이 아니라 프로세스의 CPU 시간입니다.
"""

from __future__ import annotations

import contextlib
import datetime
import gc
import io
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import httpx2
import openai

import llmkit

PAIRS = 5
ROUNDS = 10  # 한 쌍을 이만큼 나누어 번갈아 잽니다.
CHUNKS = 100_000
LIMITS = {"스트림": 1.10, "작은": 1.10}  # 나머지는 1.05

SERVER = f"""
import json, socketserver
CHUNK = {{"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}}
DELTA = {{"choices": [{{"index": 0, "delta": {{"content": "조각 "}}, "finish_reason": None}}]}}
EVENT = ("data: " + json.dumps(CHUNK | DELTA, ensure_ascii=False) + "\\n\\n").encode()
ANSWER = json.dumps({{"id": "f", "object": "file", "bytes": 1, "created_at": 1, "filename": "a", "purpose": "batch",
                     "status": "processed", "model": "m", "choices": [], "created": 1}}).encode()

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            size = 0
            while (header := self.rfile.readline().strip()):
                if header.lower().startswith(b"content-length:"):
                    size = int(header.split(b":")[1])
            body = self.rfile.read(size)
            if b"/chat/completions" in line and b'"stream":true' in body:
                self.wfile.write(b"HTTP/1.1 200 OK\\r\\ncontent-type: text/event-stream\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n")
                piece = b"%x\\r\\n%b\\r\\n" % (len(EVENT), EVENT)
                for _ in range({CHUNKS} // 10):
                    self.wfile.write(piece * 10)
                last = b"data: [DONE]\\n\\n"
                self.wfile.write(b"%x\\r\\n%b\\r\\n0\\r\\n\\r\\n" % (len(last), last))
            else:
                self.wfile.write(b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n%b" % (len(ANSWER), ANSWER))

class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

with Server(("127.0.0.1", 0), Handler) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""


def cases(url: str) -> dict[str, Callable[[], object]]:
    client = openai.OpenAI(base_url=url, api_key="local", max_retries=0)
    plain = httpx2.Client(timeout=60)
    upload = os.urandom(60_000_000)
    picture = [{"role": "user", "content": "A" * 8_000_000}]
    deep = '{"model": "m", "x": ' + "[" * 20_000 + "]" * 20_000 + ', "y": [' + "[1, 2], " * 3_000_000 + "0]}"
    asked = [{"role": "user", "content": "길게 답해 주세요."}]

    def stream() -> int:
        answer = client.chat.completions.create(model="m", messages=asked, stream=True)
        return sum(len(chunk.choices) for chunk in answer)

    def raw_stream() -> int:
        with plain.stream("POST", f"{url}/chat/completions", json={"model": "m", "stream": True}) as answer:
            return sum(len(data) for data in answer.iter_bytes())

    return {
        "60 MB 파일 올리기(openai SDK)": lambda: client.files.create(file=("a", upload), purpose="batch"),
        "60 MB 올리기(httpx2만)": lambda: plain.post(f"{url}/files", content=upload),
        "8 MB 그림이 든 요청(openai SDK)": lambda: client.chat.completions.create(model="m", messages=picture),
        "2만 겹, 24 MB JSON(httpx2만)": lambda: plain.post(f"{url}/chat/completions", content=deep),
        "작은 요청 200번(openai SDK)": lambda: [
            client.chat.completions.create(model="m", messages=asked) for _ in range(200)
        ],
        "10만 조각 스트림(openai SDK)": stream,
        "10만 조각 스트림(httpx2만)": raw_stream,
    }


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(work: Callable[[], object]) -> tuple[float, float, float]:
    """켜지 않았을 때와 켰을 때의 초(중앙값), 그리고 쌍마다 나눈 비율의 중앙값."""
    work()
    once = seconds(work)
    times = max(1, round(0.1 / once))  # 짧은 것은 여러 번을 한 번에 잽니다.
    rounds = max(1, min(ROUNDS, round(1 / once)))
    pairs = []
    for pair in range(PAIRS):
        took = {False: 0.0, True: 0.0}
        for turn in range(
            pair, pair + rounds
        ):  # 다른 일이 끼어들어도 양쪽에 고루 들도록, 잘게 나누어 먼저 재는 쪽을 바꾸어 가며
            for under in (False, True) if turn % 2 else (True, False):
                with contextlib.redirect_stdout(io.StringIO()):
                    session = llmkit.setup(mode="live") if under else contextlib.nullcontext()
                with session:
                    if once < 1:
                        work()  # setup 뒤의 첫 호출(연결, 캐시)은 재지 않습니다.
                    gc.collect()
                    took[under] += seconds(lambda: [work() for _ in range(times)]) / times / rounds
        pairs.append((took[False], took[True]))
    without, under = (statistics.median(column) for column in zip(*pairs))
    return without, under, statistics.median(after / before for before, after in pairs)


def main() -> int:
    os.environ |= {"PYTHON_DOTENV_DISABLED": "1"}
    os.environ.pop("CI", None)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("httpx2", "openai"))
    print(f"{datetime.date.today()}, Python {platform.python_version()}, CPU {os.cpu_count()}개, {libraries}\n")
    print("| 무엇을 | llmkit 없이 | llmkit과 함께 | 비율 | 한도 |\n|:--|--:|--:|--:|--:|")
    too_slow = 0
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        for name, work in cases(f"http://127.0.0.1:{int(server.stdout.readline())}/v1").items():
            without, under, ratio = measure(work)
            limit = next((limit for kind, limit in LIMITS.items() if kind in name), 1.05)
            too_slow += ratio > limit
            times = f"{without * 1000:.0f} ms | {under * 1000:.0f} ms"
            print(f"| {name} | {times} | {ratio:.3f} | {limit:.2f} |", flush=True)
        server.kill()
    return int(too_slow > 0)


if __name__ == "__main__":
    sys.exit(main())
