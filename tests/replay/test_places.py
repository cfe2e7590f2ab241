"""곳곳에서: 콘솔과 `.env`의 인코딩, 저장된 로그인, 먼저 import한 라이브러리, 스레드와 겹친 setup."""

from __future__ import annotations

import codecs
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import requests

import llmkit
from conftest import ROOT
from llmkit.session import current_session
from tests.fake_keys import fake_keys

HOST = "https://api.openai.com/v1/chat/completions"
KEYS = fake_keys(7)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, nothing_left_behind: None, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*KEYS, "LLMKIT_MODE", "PYTHON_DOTENV_DISABLED"):
        monkeypatch.delenv(name, raising=False)


def script(code: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """새 파이썬에서 실행합니다. 이 컴퓨터 밖의 주소를 물으면 그 이름을 적고 끝냅니다."""
    watch = (
        "import sys, os\n"
        "def audit(event, args):\n"
        "    if event == 'socket.getaddrinfo' and args[0] not in ('127.0.0.1', 'localhost'):\n"
        "        print('LEFT', args[0], flush=True); os._exit(9)\n"
        "sys.addaudithook(audit)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, "-c", watch + code], env=environment, capture_output=True, timeout=60)


# 콘솔과 파일의 글자 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["cp949", "ascii"])
def test_a_console_that_cannot_write_everything_is_no_reason_to_stop(encoding: str) -> None:
    code = (
        "import llmkit, openai\nllmkit.setup('01_basics', mode='replay')\n"
        "openai.OpenAI().chat.completions.create(model='— 😀', messages=[])"
    )
    done = script(code, PYTHONIOENCODING=encoding)
    assert b"llmkit 01_basics" in done.stdout
    said = done.stderr.decode(encoding)
    assert "CassetteMiss" in said and "Traceback" not in said
    assert encoding == "ascii" or "모델 ? ?" in said


LINE = f"OPENAI_API_KEY={KEYS['OPENAI_API_KEY']}\r\n"
ODD_FILES = {
    "UTF-16 without a BOM": LINE.encode("utf-16-le"),
    "big-endian UTF-16 without a BOM": LINE.encode("utf-16-be"),
    "UTF-16": codecs.BOM_UTF16_LE + LINE.encode("utf-16-le"),
    "UTF-32": LINE.encode("utf-32"),
    "UTF-8 with a BOM": codecs.BOM_UTF8 + LINE.encode(),
    "cp949": f"# 내 키\r\n{LINE}".encode("cp949"),
    "a NUL in another value": b"A=\0x\n" + LINE.encode(),
    "a NUL in a name": b"A\0B=1\n" + LINE.encode(),
    "a NUL after the key": LINE.strip().encode() + b"\0\n",
    "quotes": f"OPENAI_API_KEY=“{KEYS['OPENAI_API_KEY']}”\n".encode(),
}


@pytest.mark.parametrize("name", ODD_FILES)
def test_an_odd_env_file_is_read(name: str) -> None:
    Path(".env").write_bytes(ODD_FILES[name])
    with llmkit.setup() as session:
        assert session.modes["openai"] == "live"
        assert os.environ["OPENAI_API_KEY"] == KEYS["OPENAI_API_KEY"]
    assert "OPENAI_API_KEY" not in os.environ


# Hugging Face ---------------------------------------------------------------------------------------------


def test_a_stored_login_is_found_and_not_masked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Path("token").write_text(KEYS["HF_TOKEN"] + "\n")
    monkeypatch.delenv("HF_TOKEN_PATH")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with llmkit.setup() as session:
        assert session.modes["huggingface"] == "live"
        assert os.environ["HF_TOKEN"] == KEYS["HF_TOKEN"]
    with llmkit.setup(mode="replay"):
        assert (
            os.environ["HF_TOKEN"] == KEYS["HF_TOKEN"]
        )  # 모델 파일을 받는 데 씁니다. 재생은 아무것도 보내지 않습니다.
    assert "HF_TOKEN" not in os.environ


def test_an_early_import_of_the_hub_sends_no_statistics(tmp_path: Path) -> None:
    code = (
        "import huggingface_hub, llmkit\nfrom huggingface_hub import constants, utils\n"
        "with llmkit.setup('01_basics', mode='replay'):\n"
        "    try: huggingface_hub.InferenceClient().chat_completion([], model='a/b')\n"
        "    except llmkit.CassetteMiss: print('refused')\n"
        "print(constants.HF_HUB_DISABLE_TELEMETRY)"
    )
    done = script(code, HF_HOME=str(tmp_path))
    assert done.stdout.splitlines()[-2:] == [b"refused", b"False"], done.stderr.decode()


def test_azure_can_be_made_without_a_key() -> None:
    with llmkit.setup(mode="replay"):
        client = openai.AzureOpenAI(azure_endpoint="https://mine.openai.azure.com", api_version="2024-10-21")
        with pytest.raises(llmkit.CassetteMiss):
            client.chat.completions.create(model="m", messages=[])


# 문지기가 보는 인자 -----------------------------------------------------------------------------------------


def test_names_given_by_keyword_are_seen_and_unix_sockets_pass() -> None:
    with llmkit.setup(mode="replay"):
        with pytest.raises(llmkit.CassetteMiss):
            socket.getaddrinfo(host="api.openai.com", port=443)
        assert socket.getaddrinfo(host="127.0.0.1", port=80)
        with socket.socket(socket.AF_UNIX) as unix, pytest.raises(OSError):
            unix.connect("")


# 스레드와 겹친 setup ----------------------------------------------------------------------------------------


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """문지기를 지나 물은 이름들입니다."""
    names: list[str] = []

    def ask(host: str, *rest: object, **more: object) -> list[object]:
        names.append(host)
        raise OSError("막았습니다")

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    yield names


def send(stop: threading.Event) -> None:
    client = openai.OpenAI(api_key="local", max_retries=0)
    while not stop.is_set():
        for call in (
            lambda: requests.post(HOST, json={}),
            lambda: client.chat.completions.create(model="m", messages=[]),
        ):
            try:
                call()
            except BaseException:
                pass


def test_nothing_leaves_while_sessions_are_swapped(left: list[str]) -> None:
    stop = threading.Event()
    with llmkit.setup(mode="replay"):
        threads = [threading.Thread(target=send, args=[stop]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            with llmkit.setup("01_basics", mode="replay"):
                pass
        stop.set()
        for thread in threads:
            thread.join()
    assert left == []


def test_threads_that_set_up_at_once_put_everything_back(left: list[str]) -> None:
    before, asks = dict(os.environ), (socket.getaddrinfo, socket.socket.connect, threading.excepthook)
    wrong: list[BaseException] = []

    def work() -> None:
        for _ in range(10):
            try:
                with llmkit.setup(mode="replay"), pytest.raises(llmkit.CassetteMiss):
                    requests.post(HOST, json={})
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (wrong, left, current_session()) == ([], [], None)
    assert (dict(os.environ), (socket.getaddrinfo, socket.socket.connect, threading.excepthook)) == (before, asks)


ASK = (
    "import llmkit, openai, threading, time\nllmkit.setup('01_basics', mode='replay')\n"
    "def ask():\n    openai.OpenAI().chat.completions.create(model='x', messages=[])\n"
)


def test_a_miss_in_a_thread_is_shown_once_without_frames() -> None:
    said = script(ASK + "thread = threading.Thread(target=ask)\nthread.start()\nthread.join()").stderr.decode()
    assert said.count("저장되지 않은 요청입니다") == 1
    assert "Traceback" not in said and len(said.splitlines()) <= 15


def test_a_miss_that_a_thread_swallows_is_shown_while_others_still_wait() -> None:
    code = ASK + (
        "def swallow():\n    try: ask()\n    except BaseException: pass\n"
        "import io\nsys.stderr = io.StringIO()\n"
        "threading.Thread(target=swallow).start()\n"
        "deadline = time.monotonic() + 20\n"
        "while '저장되지 않은 요청입니다' not in sys.stderr.getvalue() and time.monotonic() < deadline:\n"
        "    time.sleep(0.01)\n"
        "print('shown' if time.monotonic() < deadline else 'late')"
    )
    assert script(code).stdout.splitlines()[-1] == b"shown"
