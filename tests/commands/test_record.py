"""노트북 녹화: take와 input(), 다른 제공자, 표시, 실패, 예산, 이어서 하기."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import nbformat
import pytest

from llmkit.commands.record import Unfinished, record_notebook, store_outputs
from llmkit.cost.krw import dollars
from llmkit.replay.cassette import Cassette
from llmkit.replay.plan import Result
from llmkit.replay.player import fingerprint
from tests.authoring.provider.script import Script
from tests.authoring.provider.server import Upstream
from tests.authoring.recording import startup

MARK = "샘플 응답 · {}의 실제 출력이 아닙니다"

SCRIPT = """
date = 2026-11-21T09:00:00+09:00
first_token_ms = 1
token_ms = 1
[[entry]]
prompt = "다른 답"
answers = ["첫 답", "둘째 답", "셋째 답"]
[[entry]]
prompt = "흘려 줘"
answer = "천천히 흘러가는 답입니다."
[[entry]]
regex = "."
answer = "네."
"""


def notebook_of(path: Path, cells: Sequence[str | tuple[str, dict[str, Any]]]) -> Path:
    made = nbformat.v4.new_notebook()
    for cell in cells:
        source, wish = cell if isinstance(cell, tuple) else (cell, None)
        code = nbformat.v4.new_code_cell(textwrap.dedent(source).strip())
        if wish:
            code.metadata["llmkit"] = wish
        made.cells.append(code)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, path)
    return path


def run(path: Path, script: str, *more: str, **arguments: Any) -> tuple[Result, int]:
    """대본의 서버에 대고 녹화합니다. (결과, 서버에 온 요청의 수)입니다. `more`는 첫 셀보다 먼저 실행할 줄입니다."""
    cassettes = path.parent.parent / "cassettes"
    cassettes.mkdir(exist_ok=True)
    with Upstream(Script.parse(script)) as server:
        lines = (*startup(server.port), *more)
        return record_notebook(path, startup=lines, cassettes=cassettes, **arguments), server.requests


def record(path: Path, script: str = SCRIPT, **arguments: Any) -> int:
    return int(not run(path, script, **arguments)[0].done)


def outputs_of(path: Path) -> list[list[str]]:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return [[o.get("text") or o.data["text/plain"] for o in cell.outputs] for cell in cells]


HEAD_CELLS = [
    'import llmkit\nsession = llmkit.setup("99_small")',
    """
    from openai import OpenAI
    def ask(text):
        messages = [{"role": "user", "content": text}]
        answer = OpenAI().chat.completions.create(model=llmkit.model("openai"), messages=messages)
        return answer.choices[0].message.content""",
]
OPENAI_MARK = MARK.format("OpenAI")
SHOWS_EARLIER = ('print("앞의 답:", first)', {"sample": ["openai"]})


def test_record_a_notebook_with_takes_inputs_and_two_providers(tmp_path: Path):
    path = notebook_of(
        tmp_path / "notebooks" / "99_small.ipynb",
        [
            *HEAD_CELLS,
            'print(ask("다른 답"), ask("다른 답"))',
            ('first = ask("다른 답")\nprint(first)', {"take": 2}),
            SHOWS_EARLIER,
            (
                'while (question := input("질문: ")) != "끝":\n    print(ask(question))',
                {"inputs": ["하나", "둘", "끝"]},
            ),
            """
            from anthropic import Anthropic
            with Anthropic().messages.stream(model=llmkit.model("anthropic"), max_tokens=2000,
                                             messages=[{"role": "user", "content": "흘려 줘"}]) as stream:
                for text in stream.text_stream:
                    print(text, end="")""",
        ],
    )
    assert record(path) == 0
    shown = outputs_of(path)
    assert shown[2:] == [
        ["첫 답 둘째 답\n", OPENAI_MARK],
        ["셋째 답\n", OPENAI_MARK],
        ["앞의 답: 셋째 답\n", OPENAI_MARK],  # 앞의 샘플 응답을 보이는 셀에도 표시가 붙습니다.
        ["질문: 하나\n네.\n질문: 둘\n네.\n질문: 끝\n", OPENAI_MARK],
        ["천천히 흘러가는 답입니다.", MARK.format("Anthropic")],
    ]
    assert "OpenAI: 재생 · 키 없음" in shown[0][0]  # 저장한 출력은 키 없는 학습자가 볼 것입니다.
    cassette = Cassette.load(tmp_path / "cassettes" / "99_small.json")
    assert [exchange.take for exchange in cassette.exchanges] == [1, 1, 2, 1, 1, 1]
    assert {exchange.provenance for exchange in cassette.exchanges} == {"authored"}
    assert cassette.inputs == {"질문: ": ["하나", "둘", "끝"]}
    assert cassette.models == {"openai": "gpt-6-luna", "anthropic": "claude-haiku-5-5"}


def test_recording_twice_changes_nothing_but_what_changed(tmp_path: Path):
    """다시 녹화한 카세트의 diff에는 바뀐 답만 있습니다."""
    cells = [*HEAD_CELLS, 'print(ask("하나"))', 'print(ask("둘"))']
    path = notebook_of(tmp_path / "notebooks" / "99_small.ipynb", cells)
    cassette = tmp_path / "cassettes" / "99_small.json"
    assert record(path, save=False) == 0
    before = cassette.read_text(encoding="utf-8").splitlines()
    assert record(path, save=False) == 0
    assert cassette.read_text(encoding="utf-8").splitlines() == before
    script = SCRIPT.replace("[[entry]]", '[[entry]]\nprompt = "둘"\nanswer = "아니요."\n[[entry]]', 1)
    assert record(path, script, save=False) == 0
    after = cassette.read_text(encoding="utf-8").splitlines()
    changed = [line for line in after if line not in before]
    assert any("아니요." in line for line in changed) and len(changed) <= 6, changed


def test_a_conflict_between_cells_is_refused_and_says_what_to_do(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    cells = [*HEAD_CELLS, 'print(ask("다른 답"))', 'print(ask("다른 답"), "또")', 'print(ask("하나"))']
    path = notebook_of(tmp_path / "notebooks" / "99_small.ipynb", cells)
    before = path.read_bytes()
    assert record(path) == 1
    output = capfd.readouterr().out
    assert output.count("다른 셀이 같은 요청에 다른 답을 받았습니다. 셀 메타데이터에 take 번호를 적으세요.") == 1
    assert path.read_bytes() == before and not (tmp_path / "cassettes" / "99_small.json").exists()
    stored = Cassette.load(tmp_path / "cassettes" / "99_small.recording").exchanges
    assert ["첫 답".encode() in stored[0].content, "네.".encode() in stored[1].content, len(stored)] == [
        True,
        True,
        2,
    ]


def test_two_cells_that_ask_the_same_and_answer_differently_are_refused(tmp_path: Path, capfd):
    cells = [
        *HEAD_CELLS,
        ('input("질문: ")', {"inputs": ["하나"]}),
        ('print(input("질문: "))', {"inputs": ["둘"]}),
    ]
    path = notebook_of(tmp_path / "notebooks" / "99_small.ipynb", [*cells, 'ask("하나")'])
    assert record(path) == 1
    output = capfd.readouterr().out
    assert "input('질문: '): 다른 셀이 같은 물음에 다른 대답을 했습니다. 물음의 글을 다르게 적으세요." in output


def test_recording_one_provider_leaves_the_other_as_it_was(tmp_path: Path):
    anthropic = """
        from anthropic import Anthropic
        answer = Anthropic().messages.create(model=llmkit.model("anthropic"), max_tokens=2000,
                                             messages=[{"role": "user", "content": "하나"}])
        print("".join(block.text for block in answer.content if block.type == "text"))"""
    path = notebook_of(tmp_path / "notebooks" / "99_small.ipynb", [*HEAD_CELLS, 'print(ask("하나"))', anthropic])
    assert record(path, save=False) == 0
    script = SCRIPT.replace('"네."', '"새 답."')
    assert record(path, script, providers=["openai"]) == 0
    assert outputs_of(path)[2:] == [["새 답.\n", OPENAI_MARK], ["네.\n", MARK.format("Anthropic")]]


def test_a_mark_is_stored_without_recording_again(tmp_path: Path):
    """표시는 노트북에 적힌 것이므로, 더하고 지우는 데 녹화가 필요하지 않습니다."""
    path, cassette = tmp_path / "notebooks" / "99_small.ipynb", tmp_path / "cassettes" / "99_small.json"
    without = [*HEAD_CELLS, 'first = ask("하나")', SHOWS_EARLIER[0]]
    assert record(notebook_of(path, without)) == 0
    before = cassette.read_bytes()
    notebook_of(path, [*without[:-1], SHOWS_EARLIER])
    store_outputs(path, cassettes=cassette.parent)
    assert outputs_of(path)[3] == ["앞의 답: 네.\n", OPENAI_MARK]
    assert Cassette.load(cassette).marks == {fingerprint(SHOWS_EARLIER[0]): ["openai"]}
    store_outputs(notebook_of(path, without), cassettes=cassette.parent)
    assert outputs_of(path)[3] == ["앞의 답: 네.\n"]
    assert cassette.read_bytes() == before


def test_a_request_that_is_gone_leaves_the_cassette(tmp_path: Path):
    path = tmp_path / "notebooks" / "99_small.ipynb"
    extra = ('llmkit.model("groq")\nprint(input("옛 물음: "))', {"inputs": ["옛 대답"]})
    notebook_of(path, [*HEAD_CELLS, 'print(ask("하나"))', 'print(ask("둘"))', extra])
    assert record(path, save=False) == 0
    notebook_of(path, [*HEAD_CELLS, 'print(ask("둘"))'])
    assert record(path, save=False) == 0
    cassette = Cassette.load(tmp_path / "cassettes" / "99_small.json")
    assert [exchange.body["messages"][0]["content"] for exchange in cassette.exchanges] == ["둘"]
    assert (list(cassette.models), cassette.inputs) == (["openai"], {})


def test_a_cell_that_fails_stops_the_recording_and_keeps_the_notebook(tmp_path: Path):
    path = notebook_of(tmp_path / "notebooks" / "99_small.ipynb", [*HEAD_CELLS, 'print(ask("하나"))', "1 / 0"])
    before = path.read_bytes()
    with pytest.raises(Unfinished, match="ZeroDivisionError"):
        record(path)
    assert path.read_bytes() == before and not (tmp_path / "cassettes" / "99_small.json").exists()
    assert len(Cassette.load(tmp_path / "cassettes" / "99_small.recording").exchanges) == 1


# 예산과 이어서 하기 ----------------------------------------------------------------------------------------
# 실제 응답으로 칠지는 녹화기가 연결된 상대를 보고 정합니다. 여기서는 그 판단만 바꾸어 끼웁니다.

REAL = "import llmkit.replay.tape as _t; _t.reached_provider = lambda ask, response: True"
THREE = [*HEAD_CELLS, 'print(ask("하나"))', 'print(ask("둘"))', 'print(ask("셋"))']


def record_real(path: Path, script: str = SCRIPT, **arguments: Any) -> tuple[Result, int]:
    return run(path, script, REAL, **arguments)


SWALLOWING = """
    for text in ("둘", "셋"):
        try:
            print(ask(text))
        except BaseException:
            print("삼켰습니다")"""


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(THREE, id="plain"),
        pytest.param([*HEAD_CELLS, 'print(ask("하나"))', SWALLOWING], id="swallowed", marks=pytest.mark.full),
    ],
)
def test_at_the_budget_nothing_more_is_sent_and_the_next_run_goes_on(tmp_path: Path, cells: list[str]):
    """멈추면 카세트와 노트북은 그대로이고, 이미 비용을 낸 응답은 다시 부르지 않습니다."""
    path = notebook_of(tmp_path / "notebooks" / "99_small.ipynb", cells)
    cassette = tmp_path / "cassettes" / "99_small.json"
    assert record(path, save=False) == 0  # 샘플 응답
    before = path.read_bytes(), cassette.read_bytes()
    result, requests = record_real(path, budget=Decimal("0.00000001"))
    assert (requests, result.done, Decimal(result.usd) > 0) == (1, False, True)
    assert result.stopped == f"예산 0.0000000100 USD 가운데 쓴 돈: {dollars(Decimal(result.usd))}"
    assert (path.read_bytes(), cassette.read_bytes()) == before
    result, requests = record_real(path, SCRIPT.replace("네.", "아니요."), budget=Decimal(1))
    assert (requests, result.done) == (2, True)
    assert {exchange.provenance for exchange in Cassette.load(cassette).exchanges} == {"recorded"}
    assert not cassette.with_suffix(".recording").exists()
    assert "".join(sum(outputs_of(path)[2:], [])).split() == ["네.", "아니요.", "아니요."]


def test_a_failure_is_asked_again_when_the_recording_goes_on(tmp_path: Path):
    """틀린 키의 401을 다시 재생하면, 키를 고쳐도 녹화가 끝나지 않습니다."""
    path = notebook_of(tmp_path / "notebooks" / "99_small.ipynb", THREE)
    wrong = SCRIPT.replace("[[entry]]", '[[entry]]\nprompt = "둘"\nfault = "invalid_api_key"\n[[entry]]', 1)
    with pytest.raises(Unfinished, match="AuthenticationError"):
        record_real(path, wrong)
    result, requests = record_real(path)
    assert (requests, result.done) == (2, True)


def test_ctrl_c_leaves_everything_as_it_was_and_the_next_run_goes_on(tmp_path: Path):
    cells = [
        *HEAD_CELLS,
        'print(ask("하나"))',
        "import os, signal, time\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(5)",
    ]
    path = notebook_of(tmp_path / "notebooks" / "99_small.ipynb", cells)
    before = path.read_bytes()
    with pytest.raises(Unfinished, match="Ctrl-C") as interrupted:
        record_real(path, budget=Decimal(1))
    assert interrupted.value.result.stopped and Decimal(interrupted.value.result.usd) > 0
    assert path.read_bytes() == before and not (tmp_path / "cassettes" / "99_small.json").exists()
    result, requests = record_real(notebook_of(path, [*HEAD_CELLS, 'print(ask("하나"))']))
    assert (requests, result.done) == (0, True)


@pytest.mark.full
def test_a_repeated_question_goes_on_where_it_stopped(tmp_path: Path):
    cells = [*HEAD_CELLS, 'print(ask("다른 답"), ask("다른 답"))', ('print(ask("다른 답"))', {"take": 2})]
    path = notebook_of(tmp_path / "notebooks" / "99_small.ipynb", [*cells, "1 / 0"])
    with pytest.raises(Unfinished, match="ZeroDivisionError"):
        record_real(path)
    result, requests = record_real(notebook_of(path, [*cells, 'print(ask("하나"))']))
    assert (requests, result.done) == (1, True)
    shown = [text.strip() for text in sum(outputs_of(path)[2:], [])]
    assert shown[:2] == ["첫 답 둘째 답", "셋째 답"]


@pytest.mark.full
def test_a_sample_answer_left_by_a_stopped_recording_is_made_anew(tmp_path: Path):
    """대본을 고치고 다시 녹화하면 새 대본의 답이 나옵니다."""
    path = notebook_of(tmp_path / "notebooks" / "99_small.ipynb", [*THREE, "1 / 0"])
    with pytest.raises(Unfinished):
        record(path)
    assert record(notebook_of(path, THREE), SCRIPT.replace("네.", "아니요.")) == 0
    assert outputs_of(path)[2] == ["아니요.\n", OPENAI_MARK]


def test_a_call_without_a_price_is_counted_and_never_free(tmp_path: Path):
    """usage를 부탁하지 않은 OpenAI 스트림에는 토큰 수가 없습니다."""
    stream = """
        from openai import OpenAI
        messages = [{{"role": "user", "content": "{}"}}]
        for chunk in OpenAI().chat.completions.create(model=llmkit.model("openai"), messages=messages, stream=True):
            pass"""
    cells = [HEAD_CELLS[0], *(stream.format(text) for text in ("하나", "둘", "셋"))]
    path = notebook_of(tmp_path / "notebooks" / "99_small.ipynb", cells)
    result, requests = record_real(path, budget=Decimal(1), unpriced=1)
    assert (requests, result.done, result.usd) == (2, False, "0")
    assert result.stopped == "비용을 알 수 없는 호출이 2번입니다(허락한 횟수 1번)."
