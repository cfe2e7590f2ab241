"""박자: 스트림과 재시도가 녹화한 대로, 또는 기다리지 않고 재생됩니다."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import anyio
import openai
import pytest

import llmkit
from llmkit.replay.cassette import Cassette
from tests.authoring.provider.testing import stand_in
from tests.replay.ways import (
    ANSWER,
    CAPITAL,
    GPT,
    PROMPT,
    RETRY,
    WAYS,
    anthropic_plain,
    ask,
    openai_plain,
    record,
    replay,
)

pytestmark = pytest.mark.usefixtures("some_keys", "nothing_left_behind")


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


def test_a_cell_of_many_calls_does_not_keep_a_watcher_waiting_for_minutes(tape: Path, monkeypatch: pytest.MonkeyPatch):
    slow = "date = 2026-11-21T09:00:00+09:00\nfirst_token_ms = 250\ntoken_ms = 0\n"
    with stand_in(CAPITAL, top=slow), llmkit.setup(mode="record", cassette=tape):
        for _ in range(6):
            openai_plain(PROMPT)
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with llmkit.setup(mode="replay", cassette=tape, pace=12) as session:
        for _ in range(2):
            session.start_cell("")
            slept.clear()
            for _ in range(6):
                openai_plain(PROMPT)
            assert slept[0] >= 3 and 9.9 < sum(slept) <= 10.01  # 처음 몇 번은 기다리고, 모두 더해 10초까지입니다.
        assert all(call.total_s >= 0.25 for call in session.calls)  # 장부의 시간은 그대로입니다.


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
