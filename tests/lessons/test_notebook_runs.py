"""진짜 커널에서 셀 다시 실행하기, 커널 다시 시작하기, input(), 정지 버튼."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmkit.replay.cassette import Cassette
from tests.kernel import Kernel, Message, texts
from tests.lessons.cells import ASK, MARK, SETUP
from tests.loopback import Handler, Loopback

TWICE = 'answer = openai("두 번 물음")\nprint(text_of(answer), [call.status for call in session.calls[-2:]])'


def test_a_cell_gives_the_same_answers_again_and_in_any_order(shared: Kernel):
    """429 뒤의 200은, 다시 실행해도 다른 셀에서 실행해도 429부터입니다."""
    first = texts(shared.run(TWICE))
    assert first == ["둘째 답 [429, 200]\n", MARK.format("OpenAI")]
    for other in ('openai("0번 질문")', 'openai("안녕하세오?")', "1 / 0", "", TWICE, f"# 다른 셀\n{TWICE}"):
        shared.run(other)
        assert texts(shared.run(TWICE)) == first


def test_a_restarted_kernel_gives_the_same_answers(fresh: Kernel):
    before = [texts(fresh.run(source)) for source in (SETUP, ASK, TWICE)]
    fresh.restart()
    assert [texts(fresh.run(source)) for source in (SETUP, ASK, TWICE)] == before


def test_setup_run_again_in_the_same_kernel_is_clean(fresh: Kernel):
    banner = texts(fresh.run(SETUP))
    fresh.run(ASK)
    for _ in range(3):
        assert texts(fresh.run(SETUP)) == banner
    assert texts(fresh.run(TWICE)) == ["둘째 답 [429, 200]\n", MARK.format("OpenAI")]
    # setup과 호출이 한 셀에 있어도 같습니다.
    for _ in range(2):
        shown = texts(fresh.run(f"{SETUP}\n{TWICE}"))
        assert shown == [*banner, "둘째 답 [429, 200]\n", MARK.format("OpenAI")]
    assert texts(fresh.run("session.close()\nprint('끝')")) == ["끝\n"]
    assert texts(fresh.run("print(1)")) == ["1\n"]


# input() ----------------------------------------------------------------------------------------------


LOOP = 'while (question := input("질문: ")) != "끝":\n    print("→", question)'


def test_input_in_an_unattended_run_is_answered_from_the_cassette(shared: Kernel):
    for _ in range(2):
        assert texts(shared.run(LOOP)) == ["질문: 하나\n→ 하나\n질문: 둘\n→ 둘\n질문: 끝\n"]
    assert texts(shared.run('print("안녕", input("이름: "))')) == ["이름: 홍길동\n안녕 홍길동\n"]


def test_input_that_was_not_recorded_says_so(shared: Kernel):
    outputs = shared.run('input("나이: ")')
    assert outputs[-1]["kind"] == "EOFError"
    assert "입력을 받을 수 없는 곳에서 실행했고, 녹화된 대답도 없습니다: 나이: " in outputs[-1]["text"]


def test_a_learner_types_and_sees_once_what_was_recorded(shared: Kernel):
    outputs = shared.run(LOOP, answers=["내 질문", "또", "끝"])
    assert texts(outputs) == ["재생 중에는 다음 입력에 답이 있습니다: '하나', '둘', '끝'\n→ 내 질문\n→ 또\n"]
    assert texts(shared.run('print(input("나이: "))', answers=["스물"])) == ["스물\n"]


def test_input_in_the_setup_cell_and_after_setup_again(fresh: Kernel):
    for _ in range(2):
        shown = "".join(texts(fresh.run(f'{SETUP}\nprint("안녕", input("이름: "))')))
        assert shown.endswith("이름: 홍길동\n안녕 홍길동\n")
    assert texts(fresh.run(f"{SETUP}\nsession.close()\nprint(input('이름: '))", answers=["나"]))[-1].endswith("나\n")


# 정지 버튼 ----------------------------------------------------------------------------------------------


def endless() -> Iterator[bytes]:
    """0.1초마다 한 조각씩, 끝없이."""
    for number in range(10_000):
        delta = {"choices": [{"index": 0, "delta": {"content": f"{number} "}, "finish_reason": None}]}
        head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        yield f"data: {json.dumps(head | delta)}\n\n".encode()
        time.sleep(0.1)


def answer(handler: Handler) -> None:
    handler.send_pieces(endless(), content_type="text/event-stream")


def shows_2(message: Message) -> bool:
    return message["msg_type"] == "stream" and "2" in message["content"]["text"]


@pytest.mark.parametrize("mode", ["live", "record"])
def test_ctrl_c_in_a_live_stream_leaves_a_working_notebook(mode: str, fresh: Kernel, folder: Path):
    (folder / "stopped.json").unlink(missing_ok=True)
    cassette = "stopped.json" if mode == "record" else "lesson.json"
    with Loopback(answer) as server:
        fresh.run(f'import llmkit\nsession = llmkit.setup(cassette="{cassette}", mode="{mode}")')
        fresh.run(ASK)
        outputs = fresh.run(
            f"""
            local = OpenAI(base_url="{server.url}", api_key="none")
            for chunk in local.chat.completions.create(model="m", stream=True, **say("멈춰 봐")):
                print(chunk.choices[0].delta.content, end="", flush=True)""",
            stop_at=shows_2,
        )
        assert texts(outputs)[0].startswith("0 1 2")
        assert [output["kind"] for output in outputs if output["kind"] not in ("stdout", "display_data")] == [
            "KeyboardInterrupt"
        ]
        assert texts(fresh.run("print(len(session.calls), session.calls[0].status)")) == ["1 200\n"]
        fresh.run("import gc; session.close(); del local, chunk; gc.collect()")
    if mode == "record":
        (stored,) = Cassette.load(folder / "stopped.json").exchanges
        assert stored.abandoned and stored.events[0][1].startswith(b"data: ")
