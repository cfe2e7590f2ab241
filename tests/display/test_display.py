"""표시: 진짜 커널에서 나온 출력으로 확인합니다. 하나의 출력, 온 그대로의 글, 멎으면 곧 보이는 글, 끊겨도 남는 글."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import openai
import pytest
from nbclient import NotebookClient

import llmkit
import llmkit.display.screen
from conftest import fold
from llmkit.display.markdown import to_display
from tests import authored
from tests.kernel import PYTHONS, Kernel

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=PYTHONS)
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with Kernel(request.param) as kernel:
        kernel.messages("import asyncio, json, time\nimport llmkit")
        yield kernel


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [message["msg_type"] for message in messages]


def data(message: dict[str, Any]) -> dict[str, str]:
    return message["content"]["data"]


# 노트북에서 ---------------------------------------------------------------------------------------------


def test_one_output_with_the_text_as_it_came(kernel: Kernel) -> None:
    text = "**토큰(token)**은 1~3개, $5와 <b>\n"
    messages = kernel.messages(f"result = llmkit.display_stream(iter({list(text)!r}))\nassert result.text == {text!r}")
    assert kinds(messages) == [
        "display_data",
        "update_display_data",
    ]  # 순식간에 온 글은 처음과 끝만 그립니다.
    assert data(messages[0])["text/plain"] == "*"
    assert data(messages[1]) == {"text/plain": text, "text/markdown": to_display(text)}


def test_first_text_at_once_and_stalled_text_soon(kernel: Kernel) -> None:
    messages = kernel.messages(
        """
        def stream():
            yield "첫"
            print("둘째를 보내기 전")
            yield "둘"
            yield "셋"
            time.sleep(1.5)
            print("멎었다가 다시")
            yield "넷"
        llmkit.display_stream(stream());
        """
    )
    assert kinds(messages)[:4] == ["display_data", "stream", "update_display_data", "stream"]
    assert data(messages[0])["text/markdown"] == "첫"
    assert data(messages[2])["text/markdown"] == "첫둘셋"  # 다음 조각이 오기 전에 보였습니다.
    assert data(messages[-1])["text/plain"] == "첫둘셋넷"


def test_redraws_stay_under_hz(kernel: Kernel) -> None:
    messages = kernel.messages(
        """
        def stream():
            for _ in range(150):
                time.sleep(0.004)
                yield "글"
        started = time.perf_counter()
        llmkit.display_stream(stream(), hz=5)
        print(time.perf_counter() - started)
        """
    )
    seconds = float(messages[-1]["content"]["text"])
    assert 2 < len(messages) - 1 <= 5 * seconds + 3


def test_a_stream_that_breaks(kernel: Kernel) -> None:
    messages = kernel.messages(
        """
        def stream():
            try:
                yield "```python\\nprint("
                raise ConnectionError("뚝")
            finally:
                print("닫힘")
        llmkit.display_stream(stream())
        """
    )
    shown = fold(messages)
    assert kinds(shown) == ["display_data", "stream", "error"]
    assert data(shown[0])["text/plain"] == "```python\nprint("
    assert data(shown[0])["text/markdown"].startswith(
        "```python\nprint(\n```\n\n> ※ 여기서 끊겼습니다(ConnectionError)"
    )
    assert shown[2]["content"]["ename"] == "ConnectionError"


STOPPED = {
    "sync": "import itertools\nllmkit.display_stream((time.sleep(0.02), f'{n} ')[1] for n in itertools.count())",
    "async": """
        async def stream():
            for n in range(10**6):
                await asyncio.sleep(0.02)
                yield f"{n} "
        await llmkit.adisplay_stream(stream())""",
}


@pytest.mark.parametrize("way", STOPPED)
def test_the_stop_button(kernel: Kernel, way: str) -> None:
    shown = fold(
        kernel.messages(STOPPED[way], stop_at=lambda m: " 5 " in m["content"].get("data", {}).get("text/markdown", ""))
    )
    assert kinds(shown) == ["display_data", "error"]
    assert data(shown[0])["text/plain"].startswith("0 1 2 3 4 5 ")
    assert "> ※ 여기서 끊겼습니다" in data(shown[0])["text/markdown"]
    assert shown[1]["content"]["ename"] in ("KeyboardInterrupt", "CancelledError")


def test_two_streams_side_by_side(kernel: Kernel) -> None:
    messages = kernel.messages(
        """
        async def stream(name):
            for n in range(20):
                await asyncio.sleep(0.01)
                yield f"{name}{n} "
        results = await asyncio.gather(llmkit.adisplay_stream(stream("가")), llmkit.adisplay_stream(stream("나")))
        print(json.dumps([result.text for result in results]))
        """
    )
    shown = fold(messages)
    assert kinds(shown) == ["display_data", "display_data", "stream"]
    texts = json.loads(shown[2]["content"]["text"])
    assert [data(message)["text/plain"] for message in shown[:2]] == texts
    assert [text[0] for text in texts] == ["가", "나"] and "나" not in texts[0]


def test_result_is_a_small_table(kernel: Kernel) -> None:
    messages = kernel.messages("llmkit.display_stream(['글'])")
    assert kinds(messages) == ["display_data", "update_display_data", "execute_result"]
    assert "조각" in data(messages[2])["text/plain"] and "<table>" in data(messages[2])["text/html"]


# 아무 글이나 -------------------------------------------------------------------------------------------

PIECES = [
    "글 ", "**토큰(token)**은 ", "👩‍👩‍👧‍👦", "🇰🇷", "한글", "\u1112\u1161\u11ab", "\u0301", "1~3 ", "$5 ", "$x^2$ ", "`a<b` ", "<b>", "\\",
    "```python\nif a < b:\n    pass\n```\n", "```", "~~~\n", "| a | b |\n|---|---|\n| 1 | 2 |\n", "- 목록\n", "1. 하나\n", "> 인용\n",
    "# 제목\n", "\n", "\n\n", "  ", "\t", "\r\n", "\u2028", "\x00", "&lt;", "https://a.kr/~b ", "***", "$$", "\ufeff", "끝.",
]  # fmt: skip


def documents(seed: int, count: int) -> list[list[str]]:
    """무작위 Markdown을 무작위로 자른 것. 이모지와 한글 자모의 중간, 코드 블록과 표의 중간도 잘립니다."""
    chance = random.Random(seed)
    cut = []
    for _ in range(count):
        text = "".join(chance.choices(PIECES, k=chance.randint(1, 40)))
        places = sorted(chance.choices(range(len(text) + 1), k=chance.randint(0, len(text))))
        cut.append([text[a:b] for a, b in itertools.pairwise([0, *places, len(text)])])
    return cut


def _every_document_ends_as_one_display(kernel: Kernel, tmp_path: Path, seed: int, count: int) -> None:
    cut = documents(seed, count)
    (tmp_path / "documents.json").write_text(json.dumps(cut))
    shown = fold(
        kernel.messages(
            f"""
            for pieces in json.load(open({str(tmp_path / "documents.json")!r})):
                assert llmkit.display_stream(pieces).text == "".join(pieces)
            """
        )
    )
    assert kinds(shown) == ["display_data"] * count
    for pieces, message in zip(cut, shown, strict=True):
        text = "".join(pieces)
        assert data(message) == {"text/plain": text, "text/markdown": to_display(text)}


def test_documents(kernel: Kernel, tmp_path: Path) -> None:
    _every_document_ends_as_one_display(kernel, tmp_path, seed=1, count=100)


@pytest.mark.full
def test_two_thousand_documents(kernel: Kernel, tmp_path: Path) -> None:
    _every_document_ends_as_one_display(kernel, tmp_path, seed=2, count=2_000)


# 저장된 노트북 -------------------------------------------------------------------------------------------


def test_saved_notebook_has_one_output_with_the_final_text() -> None:
    code = "import time, llmkit\nresult = llmkit.display_stream((time.sleep(0.01), f'{n}번 ')[1] for n in range(60))"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    (output,) = notebook.cells[0].outputs
    text = "".join(f"{n}번 " for n in range(60))
    assert output["data"] == {"text/plain": text, "text/markdown": text}


# 노트북이 아닌 곳 ----------------------------------------------------------------------------------------


def run_python(*arguments: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        cwd=ROOT,
        env=os.environ | env,
        check=True,
    )
    return done.stdout.decode(env.get("PYTHONIOENCODING", "utf-8"))


@pytest.mark.parametrize("start", [("-c",), ("-m", "IPython", "--colors=NoColor", "-c")], ids=["python", "ipython"])
def test_plain_python_and_a_terminal_print_the_text(start: tuple[str, ...]) -> None:
    code = "import llmkit; result = llmkit.display_stream(['**글**', ' $5\\n', '끝'])"
    assert "**글** $5\n끝\n" in run_python(*start, code, PYTHONIOENCODING="utf-8")


def test_a_console_that_cannot_print_emoji_does_not_break_the_stream() -> None:
    code = "import llmkit; print(llmkit.display_stream(['한글 ', chr(0x1f600), ' 끝']).text.endswith('끝'))"
    assert run_python("-c", code, PYTHONIOENCODING="cp949") == "한글 ? 끝\nTrue\n".replace("\n", os.linesep)


def test_two_streams_in_a_terminal_take_turns(capsys: pytest.CaptureFixture[str]) -> None:
    async def stream(name: str) -> Any:
        for n in range(4):
            await asyncio.sleep(0.01)
            yield f"{name}{n} "

    async def both() -> None:
        await asyncio.gather(*(llmkit.adisplay_stream(stream(name)) for name in "가나"))

    asyncio.run(both())
    assert capsys.readouterr().out == "가0 가1 가2 가3 \n나0 나1 나2 나3 \n"


# 종류마다 다르게 -----------------------------------------------------------------------------------------


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """노트북인 척합니다. 그려진 것이 순서대로 쌓입니다."""
    drawn: list[dict[str, str]] = []

    def draw(data: dict[str, str], **options: Any) -> Any:
        drawn.append(data)
        return types.SimpleNamespace(update=draw)

    monkeypatch.setattr("IPython.display.display", draw)
    monkeypatch.setattr(llmkit.display.screen, "shell", lambda: types.SimpleNamespace(kernel=object()))
    return drawn


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(**function: str) -> dict[str, Any]:
    return chunk(tool_calls=[{"index": 0, "function": function}])


def test_reasoning_and_tools_are_told_apart_from_the_answer(notebook: list[dict[str, str]]) -> None:
    events = [chunk(reasoning="<생각>\n둘째 줄"), chunk(content="답입니다."), call(name="날씨", arguments="")]
    events += [call(arguments='{"도시":'), call(arguments='"서울"}'), chunk("tool_calls")]
    result = llmkit.display_stream(events)
    assert result.text == notebook[-1]["text/plain"] == "답입니다."
    assert notebook[-1]["text/markdown"] == (
        '> **추론**\n> \n> &lt;생각>\n> 둘째 줄\n\n답입니다.\n\n**도구 호출** `날씨`\n\n```json\n{"도시":"서울"}\n```'
    )


def test_tool_arguments_cannot_leave_their_block(notebook: list[dict[str, str]]) -> None:
    llmkit.display_stream([call(name="a`<b>`", arguments="```\n<script>"), chunk("tool_calls")])
    assert notebook[-1]["text/markdown"] == "**도구 호출** <code>a &#60;b&#62;</code>\n\n````json\n```\n<script>\n````"


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([chunk(content="글"), chunk("length")], "출력 토큰 한도"),
        ([chunk(content="글"), chunk("content_filter")], "내용 필터"),
        ([chunk(refusal="도울 수 없습니다."), chunk("stop")], "> **거절(refusal)**\n> \n> 도울 수 없습니다."),
        ([chunk(content="글")], "여기서 끊겼습니다"),
        ([chunk("stop")], "하나도 오지 않았습니다"),
        ([], "하나도 오지 않았습니다"),
        (
            [{"choices": [{"index": 1, "delta": {"content": "둘째"}}]}, chunk("stop", content="첫째")],
            "후보 2개",
        ),
    ],
)
def test_unusual_endings_are_said(events: list[Any], says: str, notebook: list[dict[str, str]]) -> None:
    llmkit.display_stream(events)
    assert says in notebook[-1]["text/markdown"]


def test_usual_endings_are_not_marked(notebook: list[dict[str, str]]) -> None:
    llmkit.display_stream([chunk(content="글"), chunk("stop")])
    assert notebook[-1] == {"text/plain": "글", "text/markdown": "글"}


def test_a_stream_without_an_ending_is_interrupted(notebook: list[dict[str, str]]) -> None:
    assert llmkit.display_stream([chunk(content="글")]).interrupted
    assert not llmkit.display_stream(["글"]).interrupted


def test_halves_of_an_emoji_are_joined(notebook: list[dict[str, str]]) -> None:
    result = llmkit.display_stream(["한 ", "\ud83d", "\ude00", " 끝"])
    assert result.text == notebook[-1]["text/plain"] == "한 😀 끝"


def test_nothing_is_shown_when_it_breaks_before_the_first_text(notebook: list[dict[str, str]]) -> None:
    with pytest.raises(ZeroDivisionError):
        llmkit.display_stream(1 / 0 for _ in range(1))
    assert notebook == []


@pytest.mark.parametrize("hz", [0, -1, float("nan")])
def test_hz_must_be_positive(hz: float) -> None:
    with pytest.raises(ValueError, match="hz"):
        llmkit.display_stream(["글"], hz=hz)


# 보내는 양 ---------------------------------------------------------------------------------------------


def sent(count: int, rate: float, notebook: list[dict[str, str]]) -> tuple[int, int]:
    """가짜 시계로 `rate`조각/초의 스트림을 보이고 (답의 바이트, 그린 바이트)를 돌려줍니다."""
    now = [0.0]
    text = "토큰은 **단위**입니다. The bill is counted in tokens.\n\n" * (count // 10)

    def stream() -> Iterator[str]:
        for n in range(count):
            now[0] = n / rate
            yield text[n * 4 : n * 4 + 4]

    notebook.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(llmkit.display.screen.time, "perf_counter", lambda: now[0])
        answer = llmkit.display_stream(stream()).text
    return len(answer.encode()), sum(len(part.encode()) for drawn in notebook for part in drawn.values())


def test_bytes_grow_with_the_answer_not_its_square(notebook: list[dict[str, str]]) -> None:
    grown = {}
    for count in (1_000, 2_000, 4_000, 16_000):
        answer, grown[count] = sent(count, 100, notebook)
        assert grown[count] <= 56 * answer  # 메시지의 머리를 더해도 60배 안쪽입니다. 조각마다 그리면 count/2배입니다.
    assert grown[2_000] / grown[1_000] == pytest.approx(2, rel=0.15)
    assert grown[4_000] / grown[2_000] == pytest.approx(2, rel=0.15)
    assert grown[16_000] / grown[4_000] == pytest.approx(4, rel=0.15)


def test_a_fast_replay_costs_at_most_three_displays(notebook: list[dict[str, str]]) -> None:
    """1초에 4,000조각 넘게 오면 한 번 표시하는 것의 세 배를 넘지 않습니다."""
    answer, drawn = sent(4_000, 4_000, notebook)
    assert drawn <= 3 * 2 * answer


# 재생 -------------------------------------------------------------------------------------------------


def test_times_in_replay_are_the_recorded_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    made = authored.exchange("openai", "흘려 줘", "", stream=True)
    made.content, made.headers = b"", {"content-type": "text/event-stream"}
    events = [
        chunk(role="assistant", content=""),
        chunk(content="안녕"),
        chunk(content="하세요"),
        chunk("stop"),
    ]
    made.events = [
        (
            0.5 * at,
            f"data: {json.dumps({'id': 'chatcmpl-authored-1', **event}, ensure_ascii=False)}\n\n".encode(),
        )
        for at, event in enumerate(events, 1)
    ]
    authored.save(tmp_path / "lesson.json", [made], {})
    with llmkit.setup(cassette=tmp_path / "lesson.json", mode="replay", pace=0):
        prompt = [{"role": "user", "content": "흘려 줘"}]
        stream = openai.OpenAI().chat.completions.create(model=made.body["model"], messages=prompt, stream=True)
        result = llmkit.display_stream(stream)
    assert (result.text, result.first_token_s, result.total_s) == ("안녕하세요", 1.0, 2.0)
