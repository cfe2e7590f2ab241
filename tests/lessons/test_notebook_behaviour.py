"""진짜 커널에서 학습자가 보는 것: 저장되지 않은 요청, 예시 응답 표시, 셀 다시 실행하기, input(), 멈춤 단추."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

from conftest import fold
from llmkit.replay.cassette import Cassette
from llmkit.replay.player import fingerprint
from tests import authored

ROOT = Path(__file__).resolve().parents[2]
# Colab과 같은 것(IPython 7.34, ipykernel 6.17.1, openai 2.54, huggingface_hub 1.27)이 설치된 파이썬. .ci/full이 정합니다.
COLAB_PYTHON = os.environ.get("LLMKIT_COLAB_PYTHON", "")
PYTHONS = [
    pytest.param(sys.executable, id="current"),
    pytest.param(
        COLAB_PYTHON,
        id="colab",
        marks=[
            pytest.mark.full,
            pytest.mark.skipif(not COLAB_PYTHON, reason="LLMKIT_COLAB_PYTHON이 없습니다"),
        ],
    ),
]
MARK = "※ 예시 응답: 이 강좌가 쓴 글이며 {}의 출력이 아닙니다."
HEAD = "저장되지 않은 요청입니다. 재생 중이므로 아무것도 보내지 않았습니다."


class Kernel:
    """커널 하나. `run`은 셀 하나를 실행하고 화면에 남을 출력을 돌려줍니다."""

    def __init__(self, python: str, folder: Path) -> None:
        self.manager = KernelManager()
        argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager._kernel_spec = KernelSpec(argv=argv, language="python", display_name="test")
        self.manager.start_kernel(cwd=str(folder), env=os.environ | {"PYTHONPATH": str(ROOT)})
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready()

    def restart(self) -> None:
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._connect()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(
        self, source: str, *, answers: list[str] | None = None, on_output: Callable[[], None] | None = None
    ) -> list[dict[str, Any]]:
        """`answers`가 있으면 사람이 입력하는 노트북입니다. `on_output`은 첫 출력이 보일 때 부릅니다."""
        replies = list(answers or [])
        # 옛 ipykernel은 오류가 난 뒤 잠깐 동안 온 셀을 실행하지 않습니다(stop_on_error).
        message_id = self.client.execute(textwrap.dedent(source), allow_stdin=answers is not None, stop_on_error=False)
        messages = []
        while True:
            if replies:
                try:
                    self.client.get_stdin_msg(timeout=0.05)
                    self.client.input(replies.pop(0))
                except Empty:
                    pass
            try:
                message = self.client.get_iopub_msg(timeout=0.1 if replies else 1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != message_id:
                continue
            messages.append(message)
            if on_output and message["msg_type"] == "stream":
                on_output, call = None, on_output
                call()
            if message["content"].get("execution_state") == "idle":
                return [output_of(message) for message in fold(messages) if message["msg_type"] in _SHOWN]


_SHOWN = ("stream", "display_data", "execute_result", "error")


def output_of(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    kind = message["msg_type"]
    if kind == "error":
        return {"kind": content["ename"], "text": "\n".join(content["traceback"])}
    text = content["text"] if kind == "stream" else content["data"]["text/plain"]
    return {"kind": content.get("name", kind), "text": text}


def texts(outputs: list[dict[str, Any]]) -> list[str]:
    """이어진 print는 하나로 모은, 출력마다의 글."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        if joined and output["kind"] == joined[-1]["kind"] == "stdout":
            joined[-1]["text"] += output["text"]
        else:
            joined.append(dict(output))
    return [output["text"] for output in joined]


@pytest.fixture(scope="module", params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    return request.param


def streamed(provider: str, prompt: str, pieces: list[str]) -> Any:
    made = authored.exchange(provider, prompt, "", stream=True)
    made.content, made.headers = b"", {"content-type": "text/event-stream"}
    head = {
        "id": "chatcmpl-authored-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-6-luna",
    }
    datas = [head | {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
    lines = [json.dumps(data, ensure_ascii=False) for data in datas] + ["[DONE]"]
    made.events = [(0.1 * at, f"data: {line}\n\n".encode()) for at, line in enumerate(lines, 1)]
    return made


def refused(provider: str, prompt: str) -> Any:
    made = authored.exchange(provider, prompt, "")
    made.status, made.content = (
        429,
        b'{"error": {"message": "Rate limit reached", "type": "requests", "code": "rate"}}',
    )
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lesson")
    prompts = [("안녕하세요?", "반갑습니다.")] + [(f"{n}번 질문", f"{n}번 답") for n in range(3)]
    exchanges = [authored.exchange(provider, *pair) for pair in prompts for provider in authored.PATHS]
    exchanges += [refused("openai", "두 번 물음"), authored.exchange("openai", "두 번 물음", "둘째 답")]
    exchanges += [streamed("openai", "흘려 줘", ["안녕", "하세요", "."])]
    authored.save(folder / "lesson.json", exchanges, {"이름: ": ["홍길동"], "질문: ": ["하나", "둘", "끝"]})
    return folder


SETUP = """
import llmkit
session = llmkit.setup(cassette="lesson.json")
"""
ASK = """
from openai import OpenAI, AsyncOpenAI
from anthropic import Anthropic, AsyncAnthropic
from huggingface_hub import InferenceClient, AsyncInferenceClient

HF = dict(base_url="https://router.huggingface.co/v1", api_key="hf_llmkit_replay_no_key")

def say(text):
    return {"messages": [{"role": "user", "content": text}]}

def openai(text, **more):
    return OpenAI().chat.completions.create(model="gpt-6-luna", **say(text), **more)

def anthropic(text):
    return Anthropic().messages.create(model="claude-haiku-5-5", max_tokens=50, **say(text))

def huggingface(text, **more):
    return InferenceClient(**HF).chat_completion(model="openai/gpt-oss-20b", **say(text), **more)

def text_of(answer):
    return answer.content[0].text if hasattr(answer, "content") else answer.choices[0].message.content
"""


@pytest.fixture(scope="module")
def shared(python: str, folder: Path) -> Iterator[Kernel]:
    """setup 셀과 함수 셀까지 실행한 커널."""
    kernel = Kernel(python, folder)
    assert kernel.run(SETUP)[-1]["text"].startswith("llmkit ")
    kernel.run(ASK)
    yield kernel
    kernel.close()


# 저장되지 않은 요청 ----------------------------------------------------------------------------------------

ASYNC_ANTHROPIC = 'AsyncAnthropic().messages.create(model="claude-haiku-5-5", max_tokens=50, **say("안녕하세오?"))'
MISSES = {
    "openai": 'openai("안녕하세오?")',
    "openai stream": 'for chunk in openai("안녕하세오?", stream=True): print(chunk)',
    "openai async": 'await AsyncOpenAI().chat.completions.create(model="gpt-6-luna", **say("안녕하세오?"))',
    "openai responses": 'OpenAI().responses.create(model="gpt-6-luna", input="안녕하세오?")',
    "anthropic": 'anthropic("안녕하세오?")',
    "anthropic stream": """
        with Anthropic().messages.stream(model="claude-haiku-5-5", max_tokens=50, **say("안녕하세오?")) as stream:
            print(stream.get_final_text())""",
    "anthropic async": f"await {ASYNC_ANTHROPIC}",
    "huggingface": 'huggingface("안녕하세오?")',
    "huggingface stream": 'for chunk in huggingface("안녕하세오?", stream=True): print(chunk)',
    "huggingface async": """
        await AsyncInferenceClient(**HF).chat_completion(model="openai/gpt-oss-20b", **say("안녕하세오?"))""",
    "inside try/except Exception": """
        try:
            openai("안녕하세오?")
        except Exception as error:
            print("삼켰습니다", error)""",
    "in a thread pool": """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor() as pool:
            list(pool.map(openai, ["안녕하세요?", "안녕하세오?"]))""",
    "in gather": f"""
        import asyncio
        await asyncio.gather({ASYNC_ANTHROPIC}, {ASYNC_ANTHROPIC})""",
    "lines in every name": """
        OpenAI().chat.completions.create(model="안녕하세오?\\n" * 30, **say("가\\n" * 30), extra_body={
            "이름\\n" * 30: {"b\\u2028" * 99: 1}, "c\\r\\n" * 30: [["d" * 500] * 3]}, extra_query={"q": "e" * 900})""",
    "in a task group": f"""
        import asyncio
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task({ASYNC_ANTHROPIC}) for _ in range(3)]""",
    "deep in functions": """
        def outer(depth):
            return outer(depth - 1) if depth else openai("안녕하세오?")
        outer(30)""",
}


@pytest.mark.parametrize("name", MISSES)
def test_a_miss_is_shown_alone_and_short(name: str, shared: Kernel):
    outputs = shared.run(MISSES[name])
    errors = [output for output in outputs if output["kind"] == "CassetteMiss"]
    assert len(errors) == 1, outputs
    shown = "\n".join(texts(outputs))
    assert len(shown.splitlines()) <= 15, shown
    assert not any(word in shown for word in ("Traceback", "File ", "site-packages", "<module>", "---->", "삼켰"))
    lines = errors[0]["text"].splitlines()
    assert lines[0] == f"CassetteMiss: {HEAD}"
    assert "안녕하세오?" in errors[0]["text"] or name in ("openai responses", "lines in every name")
    assert "계속하려면:" in lines


SWALLOWED = {
    "bare except": """
        try:
            openai("안녕하세오?")
        except:
            pass""",
    "gather(return_exceptions=True)": f"""
        import asyncio
        results = await asyncio.gather(*[{ASYNC_ANTHROPIC} for _ in range(20)], return_exceptions=True)""",
    "a thread nobody asks": """
        import threading
        threading.excepthook = lambda args: None
        thread = threading.Thread(target=openai, args=["안녕하세오?"])
        thread.start()
        thread.join()""",
    "another error on top": """
        try:
            openai("안녕하세오?")
        except BaseException:
            raise ValueError("다른 오류") from None""",
}


@pytest.mark.parametrize("name", SWALLOWED)
def test_a_swallowed_miss_is_shown_all_the_same(name: str, shared: Kernel):
    outputs = shared.run(SWALLOWED[name])
    shown = [output for output in outputs if output["kind"] == "display_data"]
    assert shown[0]["text"].startswith(f"CassetteMiss: {HEAD}")
    assert sum(text.count(HEAD) for text in texts(outputs)) == 1
    assert len("\n".join(output["text"] for output in shown).splitlines()) <= 15
    assert shared.run("1 + 1")[0]["text"] == "2"  # 다음 셀에는 남지 않습니다.
    assert len(shared.run("1 + 1")) == 1


def test_an_exception_group_without_a_miss_is_shown_as_ever(shared: Kernel):
    outputs = shared.run('raise ExceptionGroup("여럿", [ValueError("하나"), TypeError("둘")])')
    assert "ExceptionGroup" in outputs[0]["kind"] + outputs[0]["text"] and "TypeError" in "".join(texts(outputs))


def test_after_a_miss_the_recorded_answers_still_come(shared: Kernel):
    shared.run('openai("안녕하세오?")')
    assert texts(shared.run('print(text_of(openai("안녕하세요?")))'))[0] == "반갑습니다.\n"


# 예시 응답 표시 ------------------------------------------------------------------------------------------


def test_the_mark_ends_a_cell_on_its_own_line_once(shared: Kernel):
    source = 'for n in range(3):\n    print(text_of(openai(f"{n}번 질문")), end=" ")'
    for _ in range(2):
        assert texts(shared.run(source)) == ["0번 답 1번 답 2번 답 ", MARK.format("OpenAI")]


def test_a_cell_that_shows_an_earlier_answer_is_marked_only_if_that_was_a_sample(folder: Path):
    """표시는 앞에서 실제로 샘플 응답이 나온 제공자에게만 붙고, setup을 다시 해도 남은 변수에는 붙습니다."""
    show, recorded = 'print("다시:", first)', authored.exchange("anthropic", "0번 질문", "실제 답")
    recorded.provenance = "recorded"
    file = authored.save(folder / "shows.json", [authored.exchange("openai", "0번 질문", "샘플 답"), recorded])
    cassette = Cassette.load(file)
    cassette.marks = {fingerprint(show): ["openai", "anthropic"]}
    cassette.save()
    kernel = Kernel(sys.executable, folder)
    setup = SETUP.replace("lesson.json", "shows.json")
    try:
        kernel.run(setup)
        kernel.run(ASK)
        assert texts(kernel.run(f"first = 1\n{show}")) == ["다시: 1\n"]  # 고친 셀에는 표시할 것이 없습니다.
        assert texts(kernel.run(show)) == ["다시: 1\n"]  # 아직 아무것도 나오지 않았습니다.
        assert texts(kernel.run('first = text_of(anthropic("0번 질문"))')) == []
        assert texts(kernel.run(show)) == ["다시: 실제 답\n"]
        assert texts(kernel.run('first = text_of(openai("0번 질문"))')) == [MARK.format("OpenAI")]
        for _ in range(2):
            assert texts(kernel.run(show)) == ["다시: 샘플 답\n", MARK.format("OpenAI")]
            kernel.run(setup)
    finally:
        kernel.close()


def test_the_mark_names_every_provider_that_answered(shared: Kernel):
    outputs = shared.run('for ask in (anthropic, openai, huggingface):\n    ask("0번 질문")\n_ = openai("1번 질문")')
    assert texts(outputs) == [MARK.format("Anthropic·OpenAI·Hugging Face")]


@pytest.mark.parametrize(
    ("source", "before"),
    [
        ('_ = openai("안녕하세요?")', []),
        ('text_of(openai("안녕하세요?"))', ["'반갑습니다.'"]),
        (
            'from IPython.display import Markdown, display\ndisplay(Markdown(text_of(openai("안녕하세요?"))))',
            ["<IPython"],
        ),
        ('import sys\nprint(text_of(openai("안녕하세요?")), file=sys.stderr, end="")', ["반갑습니다."]),
        (
            'print(text_of(await AsyncOpenAI().chat.completions.create(model="gpt-6-luna", **say("안녕하세요?"))))',
            ["반갑"],
        ),
        (
            'for chunk in openai("흘려 줘", stream=True):\n    print(chunk.choices[0].delta.content, end="")',
            ["안녕하세요."],
        ),
        ('%%time\n_ = openai("안녕하세요?")', ["CPU times"]),
    ],
)
def test_the_mark_comes_after_whatever_the_cell_showed(source: str, before: list[str], shared: Kernel):
    shown = texts(shared.run(source))
    assert shown[-1] == MARK.format("OpenAI")
    assert [text.startswith(start) for text, start in zip(shown, before, strict=False)] == [True] * len(before)
    assert sum(MARK[:8] in text for text in shown) == 1


def test_the_mark_comes_when_the_cell_raises_too(shared: Kernel):
    outputs = shared.run('print(text_of(anthropic("안녕하세요?")))\n1 / 0')
    assert sorted(output["kind"] for output in outputs) == ["ZeroDivisionError", "display_data", "stdout"]
    assert [o["text"] for o in outputs if o["kind"] == "display_data"] == [MARK.format("Anthropic")]


def test_an_error_that_the_cassette_holds_is_marked_too(shared: Kernel):
    outputs = shared.run('OpenAI(max_retries=0).chat.completions.create(model="gpt-6-luna", **say("두 번 물음"))')
    assert [output["kind"] for output in outputs if output["kind"] != "display_data"] == ["RateLimitError"]
    assert [o["text"] for o in outputs if o["kind"] == "display_data"] == [MARK.format("OpenAI")]


def test_a_cell_that_asks_nothing_has_no_mark(shared: Kernel):
    assert texts(shared.run("print('아무것도 묻지 않음')")) == ["아무것도 묻지 않음\n"]


# 다시 실행하기 -------------------------------------------------------------------------------------------

TWICE = 'answer = openai("두 번 물음")\nprint(text_of(answer), [call.status for call in session.calls[-2:]])'


def test_a_cell_gives_the_same_answers_again_and_in_any_order(shared: Kernel):
    """429 뒤의 200은, 다시 실행해도 다른 셀에서 실행해도 429부터입니다."""
    first = texts(shared.run(TWICE))
    assert first == ["둘째 답 [429, 200]\n", MARK.format("OpenAI")]
    for other in ('openai("0번 질문")', 'openai("안녕하세오?")', "1 / 0", "", TWICE, f"# 다른 셀\n{TWICE}"):
        shared.run(other)
        assert texts(shared.run(TWICE)) == first


def test_a_restarted_kernel_gives_the_same_answers(python: str, folder: Path):
    kernel = Kernel(python, folder)
    try:
        seen = []
        for _ in range(2):
            seen.append([texts(kernel.run(source)) for source in (SETUP, ASK, TWICE)])
            kernel.restart()
        assert seen[0] == seen[1]
    finally:
        kernel.close()


def test_setup_run_again_in_the_same_kernel_is_clean(python: str, folder: Path):
    kernel = Kernel(python, folder)
    try:
        banner = texts(kernel.run(SETUP))
        kernel.run(ASK)
        for _ in range(3):
            assert texts(kernel.run(SETUP)) == banner
        assert texts(kernel.run(TWICE)) == ["둘째 답 [429, 200]\n", MARK.format("OpenAI")]
        # setup과 호출이 한 셀에 있어도 같습니다.
        for _ in range(2):
            shown = texts(kernel.run(f"{SETUP}\n{TWICE}"))
            assert shown == [banner[0] + "둘째 답 [429, 200]\n", MARK.format("OpenAI")]
        assert texts(kernel.run("session.close()\nprint('끝')")) == ["끝\n"]
        assert texts(kernel.run("print(1)")) == ["1\n"]
    finally:
        kernel.close()


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


def test_input_in_the_setup_cell_and_after_setup_again(python: str, folder: Path):
    kernel = Kernel(python, folder)
    try:
        for _ in range(2):
            shown = "".join(texts(kernel.run(f'{SETUP}\nprint("안녕", input("이름: "))')))
            assert shown.endswith("이름: 홍길동\n안녕 홍길동\n")
        assert texts(kernel.run(f"{SETUP}\nsession.close()\nprint(input('이름: '))", answers=["나"]))[-1].endswith(
            "나\n"
        )
    finally:
        kernel.close()


# 멈춤 단추 ----------------------------------------------------------------------------------------------


class Slow(BaseHTTPRequestHandler):
    """0.1초마다 한 조각씩, 끝없이 보내는 로컬 서버."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number in range(300):
            delta = {"choices": [{"index": 0, "delta": {"content": f"{number} "}, "finish_reason": None}]}
            head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            data = f"data: {json.dumps(head | delta)}\n\n".encode()
            try:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            except OSError:
                return
            time.sleep(0.1)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize("mode", ["live", "record"])
def test_ctrl_c_in_a_live_stream_leaves_a_working_notebook(mode: str, python: str, folder: Path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "stopped.json").unlink(missing_ok=True)
    kernel = Kernel(python, folder)
    cassette = "stopped.json" if mode == "record" else "lesson.json"
    try:
        kernel.run(f'import llmkit\nsession = llmkit.setup(cassette="{cassette}", mode="{mode}")')
        kernel.run(ASK)
        outputs = kernel.run(
            f"""
            local = OpenAI(base_url="http://127.0.0.1:{server.server_port}/v1", api_key="none")
            for chunk in local.chat.completions.create(model="m", stream=True, **say("멈춰 봐")):
                print(chunk.choices[0].delta.content, end="", flush=True)""",
            on_output=lambda: threading.Timer(0.5, kernel.manager.interrupt_kernel).start(),
        )
        assert texts(outputs)[0].startswith("0 1 2")
        assert [output["kind"] for output in outputs if output["kind"] not in ("stdout", "display_data")] == [
            "KeyboardInterrupt"
        ]
        assert texts(kernel.run("print(len(session.calls), session.calls[0].status)")) == ["1 200\n"]
        kernel.run("import gc; session.close(); del local, chunk; gc.collect()")
    finally:
        kernel.close()
        server.shutdown()
        server.server_close()
    if mode == "record":
        (stored,) = Cassette.load(folder / "stopped.json").exchanges
        assert stored.abandoned and stored.events[0][1].startswith(b"data: ")
