"""비용과 토큰 계산을 이름난 것들과 견줍니다. 같은 실행 안의 CPU 시간을 비율로 보여 줍니다.

python benchmarks/cost.py
"""

from __future__ import annotations

import datetime
import os
import platform
import random
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import genai_prices
import polars as pl
from openai.types import CompletionUsage

from llmkit import encoding
from llmkit.cost.calculate import calculate_cost
from llmkit.cost.frames import add_cost
from llmkit.cost.tokens import count_tokens

DAY = datetime.date(2026, 11, 21)
MODELS = [
    "gpt-6-luna",
    "claude-haiku-5-5",
    "gemini-2.5-flash-lite",
    "groq/openai/gpt-oss-20b",
    "gpt-4o",
    "o3",
]
USAGE = {
    "prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200,
    "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 50, "audio_tokens": 0,
                                  "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0},
}  # fmt: skip


def seconds(work: Callable[[], object], times: int = 1) -> float:
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def compare(
    ours: Callable[[], object], theirs: Callable[[], object], *, times: int = 1, rounds: int = 15
) -> tuple[float, float]:
    """둘을 번갈아 재어 가장 빠른 것을 고릅니다. 다른 일이 끼어들어도 둘에 고르게 끼어듭니다."""
    pairs = [(seconds(ours, times), seconds(theirs, times)) for _ in range(rounds)]
    return min(a for a, _ in pairs), min(b for _, b in pairs)


def call_log(rows: int) -> pl.DataFrame:
    rng = random.Random(0)
    used = [rng.choice([rng.randint(1, 5000), rng.randint(90_000, 300_000)]) for _ in range(rows)]
    return pl.DataFrame(
        {
            "model": rng.choices(MODELS, k=rows),
            "input_tokens": used,
            "output_tokens": [rng.randint(1, 3000) for _ in range(rows)],
            "cached": [rng.randint(0, tokens) for tokens in used],
            "day": [datetime.date(2025, 6, 21) + datetime.timedelta(rng.randint(0, 517)) for _ in range(rows)],
        }
    )


def korean(size: int) -> str:
    """빈도가 고르지 않은 한국어 단어로 만든 `size`바이트 남짓의 글."""
    rng = random.Random(0)
    endings = [
        "은",
        "는",
        "이",
        "가",
        "을",
        "를",
        "에서",
        "으로",
        "까지",
        "입니다.",
        "했습니다.",
        "하고",
        "때문에",
    ]
    stems = ["".join(chr(rng.randint(0xAC00, 0xD7A3)) for _ in range(rng.randint(1, 3))) for _ in range(3000)]
    stems += [
        "인공지능",
        "모델",
        "토큰",
        "비용",
        "대화",
        "학습",
        "질문",
        "대답",
        "사람",
        "언어",
        "오늘",
        "아버지",
    ] * 300
    words, length = [], 0
    while length < size:
        words.append(rng.choice(stems) + rng.choice(endings) + rng.choice([" ", " ", " ", "\n"]))
        length += len(words[-1].encode())
    return "".join(words)


def main() -> None:
    results: list[tuple[str, float, float]] = []

    theirs = genai_prices.Usage(input_tokens=1000, output_tokens=200, cache_read_tokens=400)
    reference = lambda: genai_prices.calc_price(theirs, "gpt-6-luna", provider_id="openai")  # noqa: E731
    for kind, usage in (("dict", USAGE), ("SDK 객체", CompletionUsage.model_validate(USAGE))):
        assert calculate_cost(usage, "gpt-6-luna").usd == reference().total_price
        pair = compare(lambda usage=usage: calculate_cost(usage, "gpt-6-luna"), reference, times=300)
        results.append((f"calculate_cost({kind}) / genai_prices.calc_price, 한 번", *pair))

    rows = 1_000_000
    log = call_log(rows)
    done = add_cost(log, cached="cached", at="day")
    few = log.head(2000)

    def loop() -> list[int]:
        return [
            int(
                calculate_cost({"input_tokens": used, "output_tokens": out, "cache_read_tokens": hit}, name, at=day).usd
                * 10**12
            )
            for name, used, out, hit, day in few.iter_rows()
        ]

    def genai_loop() -> None:
        for name, used, out, hit, day in few.iter_rows():
            usage = genai_prices.Usage(input_tokens=used, output_tokens=out, cache_read_tokens=hit)
            at = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
            provider = "groq" if name.startswith("groq/") else None
            genai_prices.calc_price(usage, name.removeprefix("groq/"), provider_id=provider, genai_request_timestamp=at)

    assert loop() == done["cost_pico_usd"].head(2000).to_list()
    ours = min(seconds(lambda: add_cost(log, cached="cached", at="day")) for _ in range(5))
    scale = rows / few.height
    results.append(
        (
            "add_cost(polars) / calculate_cost 반복, 1,000,000줄",
            ours,
            min(seconds(loop) for _ in range(3)) * scale,
        )
    )
    results.append(
        (
            "add_cost(polars) / calc_price 반복, 1,000,000줄",
            ours,
            min(seconds(genai_loop) for _ in range(3)) * scale,
        )
    )

    text = korean(1_000_000)
    for model, name in (("gpt-4o", "o200k_base"), ("gpt-4", "cl100k_base")):
        encode = encoding(name).encode_ordinary
        assert count_tokens(text, model) == len(encode(text))
        pair = compare(lambda model=model: count_tokens(text, model), lambda encode=encode: len(encode(text)))
        results.append((f"count_tokens / tiktoken encode_ordinary, 한국어 1MB, {name}", *pair))

    print(f"{datetime.date.today()}, Python {platform.python_version()}, {platform.machine()}, CPU {os.cpu_count()}개, "
          f"genai-prices {version('genai-prices')}, polars {version('polars')}, tiktoken {version('tiktoken')}")  # fmt: skip
    print("| 무엇을 / 무엇과 | 우리 CPU 시간 | 견준 것 | 비율 |\n|:--|--:|--:|--:|")
    for name, ours, theirs_s in results:
        print(f"| {name} | {ours:.3g} s | {theirs_s:.3g} s | {ours / theirs_s:.3f} (1/{theirs_s / ours:.1f}) |")
    print("반복은 2,000줄을 재어 1,000,000줄로 늘린 값입니다.")


if __name__ == "__main__":
    sys.exit(main())
