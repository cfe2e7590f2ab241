"""어떤 요청이 같은 요청이고, 같은 요청의 여러 답은 어떤 순서대로 나오는가."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

import llmkit
from tests.authoring.provider.testing import stand_in
from tests.replay.ways import (
    ANSWER,
    CAPITAL,
    GPT,
    PROMPT,
    RETRY,
    Cells,
    ask,
    begin,
    openai_plain,
    record,
    replay,
)

pytestmark = pytest.mark.usefixtures("some_keys", "nothing_left_behind")


# 같은 요청의 여러 답 -------------------------------------------------------------------------------------------


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
    assert recorded[0].purpose == "batch"
    assert replay(tape, call) == recorded
    with llmkit.setup(mode="replay", cassette=tape), pytest.raises(llmkit.CassetteMiss):
        upload(b"other")


def test_a_proxy_or_another_base_url_finds_the_same_recording(tape: Path):
    recorded = record(tape, CAPITAL, lambda: openai_plain(PROMPT))
    for base_url in ("https://proxy.example.com/openai/v1", "https://example.com/v1/", "http://10.0.0.7/v1"):
        assert replay(tape, lambda url=base_url: openai_plain(PROMPT, base_url=url)) == recorded
