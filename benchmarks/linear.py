"""길이에 비례하는가: 입력이 두 배가 될 때 CPU 시간이 몇 배가 되는지 잽니다. 느려지라고 만든 모양들입니다.

python benchmarks/linear.py

모델의 답변과 학습자의 파일은 어떤 모양으로든 옵니다. 제곱으로 느려지는 곳이 하나라도 있으면 셀이 멎은 것처럼 보입니다. 길이 n과 2n을
번갈아 다섯 번 재고, 쌍마다 나눈 비율의 중앙값을 적습니다. 사람이 보는 시간이 아니라 프로세스의 CPU 시간입니다.
"""

from __future__ import annotations

import datetime
import gc
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import llmkit
from conftest import fold
from llmkit.display.markdown import to_display
from llmkit.replay.cassette import Cassette

PAIRS = 5
LIMIT = 2.2  # 두 배에, 잰 것의 흔들림을 더한 것
FLOOR = "tiktoken만"  # count_tokens의 바닥. 아주 긴 단어 하나에서는 이것이 두 배보다 느려집니다.
SECONDS = 0.05  # n은 이만큼 걸리는 길이입니다.
LONGEST = 1 << 19  # 다만 이보다 길게는 재지 않습니다. 메모리에서 옮기는 시간을 재게 됩니다.

MARKDOWN = {
    "목록 기호만": "- ", "인용 기호만": "> ", "숫자 목록 기호만": "1. ", "닫히지 않는 역따옴표": "a`b``c```d ",
    "닫히지 않는 $": "a $b ", "닫히지 않는 $$": "$$a ", "금액": "$5와 ", "열기만 한 \\begin": "\\begin{a} ",
    "서로 다른 \\begin과 \\end": "\\begin{a}\\end{b}", "여는 대괄호": "[", "그림의 시작": "![", "링크의 시작": "](",
    "빈칸뿐인 링크 주소": "](   ", "별표": "**가", "별표만": "*", "물결표": "~", "역빗금": "\\", "문자 참조": "&#", "태그의 시작": "<a ",
    "닫히지 않는 주소": "<http://a", "긴 주소": "http://a.b/c.", "표의 칸": "|", "빈 줄": "\n", "탭": "\t", "공백": " ",
    "들여 쓴 줄": "    a\n", "점점 깊어지는 목록": "  - a\n", "코드 블록": "```\na\n```\n", "닫히지 않는 코드 블록": "````\n```\n",
    "목록 안의 코드 블록": "- ```\n  a\n", "인용 안의 코드 블록": "> ```\n> a\n", "이름의 시작": "[a]:\n", "캐리지 리턴": "\r",
}  # fmt: skip
TEXTS = {
    "공백(넘지 않을 만큼)과 글자": " " * 900 + "가", "줄바꿈과 글자": "\n" * 900 + "a", "같은 글자": "a", "숫자": "1", "한글": "가",
    "이모지": "😀", "기호": "!?", "기호와 줄바꿈": "!\n", "대소문자": "aA", "작은따옴표": "'s", "탭": "\ta",
}  # fmt: skip


def message(kind: str, name: str = "d", **content: Any) -> dict[str, Any]:
    data = {"data": {"text/plain": "a"}, "metadata": {}, "transient": {"display_id": name}}
    return {"msg_type": kind, "content": data | content}


FOLDS: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "출력": lambda n: [message("stream", name="stdout", text="a") for _ in range(n)],
    "표시 하나를 갱신": lambda n: [message("display_data"), *(message("update_display_data") for _ in range(n))],
    "같은 표시를 여러 번, 그리고 갱신": lambda n: [
        *(message("display_data") for _ in range(n)),
        *(message("update_display_data") for _ in range(n)),
    ],
    "저마다 다른 표시와 갱신": lambda n: [
        message(kind, str(at)) for at in range(n) for kind in ("display_data", "update_display_data")
    ],
    "지우고 다시 표시": lambda n: [
        made for _ in range(n) for made in (message("clear_output", wait=True), message("display_data"))
    ],
    "곧바로 지우기": lambda n: [
        made for _ in range(n) for made in (message("status"), message("clear_output", wait=False))
    ],
}


def exchange(body: Any, response: dict[str, Any]) -> dict[str, Any]:
    return {
        "provenance": "authored", "provider": "openai", "cell": "",
        "request": {"method": "POST", "path": "/chat/completions", "body": body},
        "response": {"status": 200, "headers": {}, "delay": 0.1} | response,
    }  # fmt: skip


CASSETTES: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "서로 다른 요청": lambda n: [exchange({"n": at}, {"text": "a"}) for at in range(n)],
    "같은 요청": lambda n: [exchange({"n": 1}, {"text": "a"}) for _ in range(n)],
    "이벤트가 많은 스트림": lambda n: [exchange({}, {"events": [[0.1, "data: {}\n\n"]] * n})],
    "긴 본문": lambda n: [exchange({"a": "가" * n}, {"text": "가" * n})],
    "항목이 많은 본문": lambda n: [
        exchange({"a": [{"b": [at]} for at in range(n)]}, {"json": "compact", "body": [1] * n})
    ],
    "이름이 많은 본문": lambda n: [exchange({str(at): at for at in range(n)}, {"text": ""})],
    "base64로 담은 본문": lambda n: [exchange({}, {"base64": "AAAA" * n})],
}


def load(path: Path) -> None:
    """파일을 읽고, 재생할 수 있게 정리하는 데까지."""
    cassette = Cassette.load(path)
    for one in cassette.exchanges:
        _ = one.key


Prepare = Callable[[int], Callable[[], object]]  # 길이 → 잴 일


def with_text(work: Callable[[str], object], unit: str, end: str = "") -> Prepare:
    return lambda n: lambda text=unit * n + end: work(text)


def with_messages(make: Callable[[int], list[dict[str, Any]]]) -> Prepare:
    def prepare(n: int) -> Callable[[], object]:
        messages = make(n)
        return lambda: fold(messages)

    return prepare


def with_file(folder: Path, entries: Callable[[int], list[dict[str, Any]]]) -> Prepare:
    def prepare(n: int) -> Callable[[], object]:
        path = folder / f"{n}.json"
        head = {"cassette": 1, "date": "2026-11-26", "models": {}, "inputs": {}}
        path.write_text(json.dumps(head | {"exchanges": entries(n)}), encoding="utf-8")
        return lambda: load(path)

    return prepare


def cases(folder: Path) -> Iterator[tuple[str, Prepare]]:
    yield from ((f"to_display: {name}", with_text(to_display, unit, "a")) for name, unit in MARKDOWN.items())
    encode, count = llmkit.encoding("o200k_base").encode_ordinary, lambda text: llmkit.count_tokens(text, "gpt-4o")
    for name, unit in TEXTS.items():
        yield f"{FLOOR}: {name}", with_text(encode, unit)
        yield f"count_tokens: {name}", with_text(count, unit)
    yield from ((f"접기: {name}", with_messages(make)) for name, make in FOLDS.items())
    yield from ((f"카세트: {name}", with_file(folder, entries)) for name, entries in CASSETTES.items())


def seconds(work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()  # 쓰레기를 모으는 일은 띄엄띄엄 한꺼번에 끼어들어, 그 앞뒤의 길이에서 비율을 흔듭니다.
    try:
        started = time.process_time()
        work()
        return time.process_time() - started
    finally:
        gc.enable()


def repeated(work: Callable[[], object], times: int) -> Callable[[], object]:
    return lambda: [work() for _ in range(times)]


def measure(prepare: Prepare) -> tuple[int, float, float]:
    """길이, 그때의 초, 그리고 두 배일 때의 비율(모두 중앙값)."""
    prepare(1)()  # 처음 한 번만 하는 일(어휘 읽기)
    n = 64
    while (took := seconds(prepare(n))) < SECONDS and n < LONGEST:
        n *= 2
    times = max(1, round(SECONDS / took))
    once, twice = repeated(prepare(n), times), repeated(prepare(2 * n), times)
    pairs = [(seconds(once), seconds(twice)) for _ in range(PAIRS)]
    return (
        n,
        statistics.median(first for first, _ in pairs) / times,
        statistics.median(after / first for first, after in pairs),
    )


def main() -> int:
    os.environ["PYTHON_DOTENV_DISABLED"] = "1"
    print(f"{datetime.date.today()}, Python {platform.python_version()}, CPU {os.cpu_count()}개\n")
    print("| 무엇을 | 길이 | 시간 | 두 배이면 |\n|:--|--:|--:|--:|")
    too_slow, floor = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, prepare in cases(Path(folder)):
            n, took, ratio = measure(prepare)
            limit = max(LIMIT, 1.1 * floor) if name.startswith("count_tokens") else LIMIT
            too_slow += ratio > limit and not name.startswith(FLOOR)
            floor = ratio
            print(f"| {name} | {n:,} | {took * 1000:.0f} ms | {ratio:.2f} |", flush=True)
    return int(too_slow > 0)


if __name__ == "__main__":
    sys.exit(main())
