"""녹화는 조용히 잃지 않고, 담은 것은 그대로 재생됩니다: 강제 종료, 가득 찬 디스크, 옮겨진 주소, 두 배포, 켜지는 서버."""

from __future__ import annotations

import base64
import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openai
import pytest

import llmkit
from conftest import ROOT
from llmkit.common.keys import has_secret
from llmkit.replay import cassette
from tests.fake_keys import fake_keys
from tests.loopback import Handler, Loopback, free_port

KEYS = fake_keys(11)
ASKED = [{"role": "user", "content": "안녕"}]


def answer(handler: Handler) -> None:
    """요청한 주소를 그대로 답합니다. `/v1/old`는 옮겨졌다고 하고, `/v1/slow`는 답하지 않습니다."""
    path = handler.path
    if "/slow/" in path:
        threading.Event().wait(60)
    if "/old/" in path:
        return handler.send(b"", 307, location=path.replace("old", "new"))
    message = {"role": "assistant", "content": path.partition("?")[0]}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    choices = [{"index": 0, "finish_reason": "stop", "message": message}]
    handler.send(json.dumps(body | {"choices": choices}).encode(), content_type="application/json")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, nothing_left_behind: None) -> Iterator[Loopback]:
    monkeypatch.delenv("LLMKIT_MODE", raising=False)
    with Loopback(answer) as server:
        yield server


def ask(client: openai.OpenAI) -> str | None:
    return client.chat.completions.create(model="m", messages=ASKED).choices[0].message.content  # type: ignore[arg-type]


def test_a_redirect_replays(server: Loopback, tape: Path) -> None:
    def old() -> str | None:
        return ask(openai.OpenAI(base_url=f"{server.url}/old", api_key="local", max_retries=0))

    with llmkit.setup(mode="record", cassette=tape):
        assert old() == "/v1/new/chat/completions"
    with llmkit.setup(mode="replay", cassette=tape):
        assert old() == "/v1/new/chat/completions"


def test_two_azure_deployments_are_two_models(server: Loopback, tape: Path) -> None:
    endpoint = server.url.removesuffix("/v1")

    def of(deployment: str) -> Any:
        options = {"azure_endpoint": endpoint, "api_version": "2024-10-21", "api_key": "local"}
        return ask(openai.AzureOpenAI(azure_deployment=deployment, **options))  # type: ignore[call-overload]

    with llmkit.setup(mode="record", cassette=tape):
        assert (of("one"), of("two")) == tuple(
            f"/openai/deployments/{name}/chat/completions" for name in ("one", "two")
        )
    with llmkit.setup(mode="replay", cassette=tape):
        assert of("two") == "/openai/deployments/two/chat/completions"


def test_a_server_that_is_still_starting_can_be_waited_for(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """아직 켜지지 않은 내 서버는 llmkit이 없을 때와 같은 연결 오류입니다. 이 강좌의 로컬 모델이라면 할 일을 말합니다."""
    monkeypatch.delenv("CI", raising=False)
    with llmkit.setup():
        with pytest.raises(openai.APIConnectionError):
            ask(openai.OpenAI(base_url=f"http://127.0.0.1:{free_port()}/v1", api_key="local", max_retries=0))
        assert ask(openai.OpenAI(base_url=server.url, api_key="local")) == "/v1/chat/completions"
    with llmkit.setup(mode="replay"), pytest.raises(llmkit.CassetteMiss):
        ask(openai.OpenAI(base_url=f"http://127.0.0.1:{free_port()}/v1", api_key="local", max_retries=0))


def test_after_a_kill_the_calls_in_flight_are_named(server: Loopback, tape: Path, capsys) -> None:
    code = (
        f"import llmkit, openai\nllmkit.setup(mode='record', cassette={str(tape)!r})\n"
        f"for place in ('fast', 'slow'):\n"
        f"    client = openai.OpenAI(base_url='{server.url}/' + place, api_key='local')\n"
        "    client.chat.completions.create(model='m-' + place, messages=[])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL)
    while len(server.requests) < 2:  # 늦으면 pytest의 시간 제한이 멈춥니다.
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with llmkit.setup(mode="record", cassette=tape):
        said = capsys.readouterr().out
        assert "요금이 들었을 수 있습니다" in said
        assert " m-slow" in said and "m-fast" not in said
    with llmkit.setup(mode="record", cassette=tape):
        assert "m-slow" not in capsys.readouterr().out
    assert [file.name for file in tape.parent.iterdir()] == [tape.name]


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("name", ["수업.json", "lesson[1].json", "a*b?.json"])
def test_a_note_of_a_killed_recording_is_read_whatever_it_holds_and_however_it_is_called(
    name: str, tmp_path: Path, capsys, nothing_left_behind: None
) -> None:
    note, half = (tmp_path / f"{name}.{dead_process()}.{kind}" for kind in ("sent", "tmp"))
    note.write_bytes("openai POST /chat/completions m-한국어".encode()[:-1])  # 글자 가운데서 꺼졌습니다.
    half.write_text('{"cassette": 1')
    with llmkit.setup(mode="record", cassette=tmp_path / name):
        assert " m-한국" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_still_runs_is_not_called_dead(tape: Path, capsys, nothing_left_behind: None) -> None:
    note = tape.with_name(f"{tape.name}.{os.getppid()}.sent")
    note.write_text("openai POST /chat/completions m-running\n")
    with llmkit.setup(mode="record", cassette=tape):
        assert "m-running" not in capsys.readouterr().out
    assert note.exists()


def test_a_linked_private_cassette_stays_linked_and_private(server: Loopback, tape: Path) -> None:
    link = tape.with_name("link.json")
    with llmkit.setup(mode="record", cassette=tape):
        ask(openai.OpenAI(base_url=f"{server.url}/one", api_key="local"))
    tape.chmod(0o600)
    link.symlink_to(tape.name)
    with llmkit.setup(mode="record", cassette=link):
        ask(openai.OpenAI(base_url=f"{server.url}/two", api_key="local"))
    assert link.is_symlink() and tape.stat().st_mode & 0o777 == 0o600
    assert len(cassette.Cassette.load(tape).exchanges) == 2


def test_a_name_that_is_no_file_breaks_no_later_setup(nothing_left_behind: None) -> None:
    with llmkit.setup(mode="record", cassette="\0.json"):
        pass
    with llmkit.setup(mode="replay"):
        pass


def test_a_full_disk_is_told_and_the_next_save_keeps_everything(
    server: Loopback, tape: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with llmkit.setup(mode="record", cassette=tape) as session:
        with monkeypatch.context() as patch:
            patch.setattr(cassette.os, "fsync", full)
            assert ask(openai.OpenAI(base_url=f"{server.url}/one", api_key="local"))
        assert "파일에 쓰지 못했습니다" in capsys.readouterr().out
        assert list(tape.parent.iterdir()) == []  # 쓰다 만 파일도 남지 않습니다.
        openai.OpenAI(base_url=server.url, api_key="local").chat.completions.create(model="m2", messages=[])
    assert len(cassette.Cassette.load(tape).exchanges) == 2
    assert session.recorder and len(session.recorder.refused) == 1


KEY = KEYS["OPENAI_API_KEY"]
ENCODED = {
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 after a name": base64.urlsafe_b64encode(f"user:{KEY}".encode()).decode(),
    "base64 in lines": base64.encodebytes(KEY.encode()).decode(),
    "base64 in JSON lines": json.dumps(base64.encodebytes(KEY.encode()).decode()),
    "base64 glued to a word": "token" + base64.b64encode(KEY.encode()).decode(),
    "base64 twice": base64.b64encode(base64.b64encode(KEY.encode())).decode(),
    "UTF-16 in base64": base64.b64encode(KEY.encode("utf-16-le")).decode(),
    "percent": "".join(f"%{byte:02X}" for byte in KEY.encode()),
    "percent twice": quote("".join(f"%{byte:02x}" for byte in KEY.encode())),
    "HTML": "".join(f"&#{byte};" for byte in KEY.encode()),
    "hex": KEY.encode().hex(),
    "hex with colons": KEY.encode().hex(":"),
    "spaces": " ".join(KEY),
}


@pytest.mark.parametrize("name", ENCODED)
def test_an_encoded_key_is_a_secret(name: str) -> None:
    assert has_secret(f'{{"echo": "{ENCODED[name]}"}}', {KEY})


def test_an_encoded_key_of_somebody_else_is_one_too() -> None:
    assert has_secret(base64.b64encode(KEYS["ANTHROPIC_API_KEY"].encode()).decode(), set())
    assert not has_secret(base64.b64encode(bytes(range(256)) * 40).decode() + " sk-learn %41%42 &amp; 가나다", {KEY})


def test_a_picture_is_looked_through_in_no_time_and_a_key_in_it_is_found() -> None:
    """아무 바이트나 든 base64(그림, 임베딩)의 조각마다 다시 풀어 보면 8 MB 그림 하나에 20초가 걸립니다."""
    noise = random.Random(1).randbytes(3_000_000)
    started = time.process_time()
    assert not has_secret(base64.b64encode(noise).decode(), {KEY})
    assert time.process_time() - started < 3
    for hidden in (KEY.encode(), base64.b64encode(KEY.encode()), KEY.encode("utf-16-le")):
        assert has_secret(base64.b64encode(noise[:9_001] + hidden + noise[:9_001]).decode(), {KEY})
