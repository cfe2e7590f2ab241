"""저장되지 않은 요청: 짧은 한국어로 곧바로, 무엇이 삼켜도 한 번은 보입니다."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import huggingface_hub
import openai
import pytest

import llmkit
from llmkit.replay.cassette import Cassette
from tests.replay.ways import (
    CAPITAL,
    CLAUDE,
    GPT,
    LLAMA,
    PROMPT,
    SDKS,
    WAYS,
    Cells,
    ask,
    begin,
    each_way,
    openai_plain,
    python,
    record,
)

pytestmark = pytest.mark.usefixtures("some_keys", "nothing_left_behind")


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
