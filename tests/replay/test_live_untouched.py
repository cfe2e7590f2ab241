"""실제 호출은 llmkit이 없을 때와 같습니다: 장부에 적는 일이 호출을 늦추거나, 바꾸거나, 깨뜨리지 않습니다."""

from __future__ import annotations

import base64
import gc
import json
import socket
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

import llmkit
from llmkit.replay.cassette import Cassette
from tests import authored
from tests.loopback import Handler, Loopback

ANSWER = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "네"}}]}  # fmt: skip
DEEP = '{"model": "m", "x": ' + "[" * 5000 + "]" * 5000 + "}"


class Server(Loopback):
    """`answers`를 순서대로, 마지막 것은 반복해 답하는 서버."""

    def __init__(self) -> None:
        super().__init__(self.say)
        self.answers: list[tuple[int, bytes]] = [(200, json.dumps(ANSWER).encode())]

    def say(self, handler: Handler) -> None:
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        later = {"retry_after": "1"} if status == 429 else {}
        handler.send(body, status, content_type="application/json", **later)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, nothing_left_behind: None) -> Iterator[Server]:
    monkeypatch.delenv("LLMKIT_MODE", raising=False)
    monkeypatch.delenv("CI", raising=False)
    with Server() as server:
        yield server


def ask(server: Server, **more: Any) -> Any:
    client = openai.OpenAI(base_url=server.url, api_key="local", max_retries=0)
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "안녕"}], **more)


@pytest.mark.parametrize("model", [5, None, ["m"], {"a": 1}, True])
def test_a_model_that_is_no_name_breaks_nothing(model: object, server: Server) -> None:
    server.answers = [(200, json.dumps({**ANSWER, "model": model, "usage": {"prompt_tokens": 1}}).encode())]
    with llmkit.setup(mode="live") as session:
        assert ask(server).model == model
        assert session.calls[0].model == "m"  # 요청에 적은 이름
        assert " m " in repr(session.receipt())


@pytest.mark.parametrize("body", [DEEP, "[" * 100_000, '{"model": "m", "usage": ' + "9" * 5000 + "}"])
@pytest.mark.parametrize("mode", ["live", "record"])
def test_an_answer_that_cannot_be_read_reaches_the_learner(
    body: str, mode: str, server: Server, tmp_path: Path
) -> None:
    server.answers = [(200, body.encode())]
    with llmkit.setup(mode=mode, cassette=tmp_path / "c.json" if mode == "record" else None) as session:
        got = httpx2.post(f"{server.url}/chat/completions", json={"model": "m"})
        assert (got.status_code, got.text) == (200, body)
        assert session.calls[0].status == 200


@pytest.mark.parametrize("mode", ["live", "record"])
def test_a_request_nested_a_thousand_deep_is_sent(mode: str, server: Server, tmp_path: Path) -> None:
    with llmkit.setup(mode=mode, cassette=tmp_path / "c.json" if mode == "record" else None):
        got = httpx2.post(f"{server.url}/chat/completions", content=DEEP, headers={"content-type": "application/json"})
        assert got.json() == ANSWER
        assert [len(request.body) for request in server.requests] == [len(DEEP)]


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=x", "application/octet-stream", "application/json"]
)
def test_a_big_upload_is_not_read_when_nothing_is_compared(content_type: str, server: Server) -> None:
    """무작위 바이트 16 MB. 비교할 열쇠를 만들면 20초가 넘게 걸렸습니다. 시계가 아니라 일을 했는지를 봅니다."""
    content = bytes(range(256)) * 65_536

    def seconds() -> float:
        started = time.process_time()
        httpx2.post(f"{server.url}/files", content=content, headers={"content-type": content_type})
        return time.process_time() - started

    with llmkit.setup(mode="live") as session:
        under = min(seconds() for _ in range(3))
        assert session.calls[0].status == 200
    assert under < 3 * min(seconds() for _ in range(3)) + 0.2


def test_a_server_of_ones_own_gets_one_connection_and_the_body_as_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """켜져 있는지 먼저 연결해 보지도, 만들고 있는 본문을 다 모은 뒤에 보내지도 않습니다."""
    for name in ("CI", "LLMKIT_MODE"):
        monkeypatch.delenv(name, raising=False)
    received = b""
    with socket.create_server(("127.0.0.1", 0)) as listening, llmkit.setup() as session:

        def body() -> Iterator[bytes]:
            nonlocal received
            yield b"first piece"
            connection = listening.accept()[0]
            connection.settimeout(5)
            while b"first piece" not in received:
                received += connection.recv(1000) or b"first piece never came"
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}")
            yield b"second piece"

        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/files"
        answer = httpx2.post(url, content=body(), headers={"user-agent": "openai/python"})
        assert answer.content == b"{}" and b"second piece" not in received
        assert [call.provider for call in session.calls] == ["local"]


def test_a_live_retry_waits_its_own_time_after_a_replay(server: Server, tmp_path: Path) -> None:
    """재생한 실패의 쉼만 줄어듭니다. 그 뒤 강좌와 상관없는 서버에 한 실제 호출은 서버가 말한 1초를 쉽니다."""
    failed = authored.exchange("openai", "재시도", "x")
    failed.status, failed.content, failed.events = 429, b'{"error": {"message": "slow"}}', []
    failed.headers = {"content-type": "application/json", "retry-after": "1"}
    server.answers = [(429, b"{}"), (200, json.dumps(ANSWER).encode())]
    with llmkit.setup(mode="replay", pace=0, cassette=authored.save(tmp_path / "c.json", [failed])) as session:
        with pytest.raises(openai.RateLimitError):
            openai.OpenAI(api_key="x", max_retries=0).chat.completions.create(**failed.body)
        session.modes["local"] = "live"
        started = time.perf_counter()
        client = openai.OpenAI(base_url=server.url, api_key="local", max_retries=1)
        client.chat.completions.create(model="m", messages=[])
        assert time.perf_counter() - started >= 0.9


def test_a_live_call_leaves_nothing_for_the_collector(server: Server) -> None:
    """응답과 장부가 서로 물고 있으면, 큰 본문이 쓰레기를 모을 때까지 메모리에 남아 다음 호출이 느려집니다."""
    gc.disable()
    try:
        with llmkit.setup(mode="live"), httpx2.Client() as client:
            answer = client.post(f"{server.url}/chat/completions", json={"model": "m"})
            request = weakref.ref(answer.request)
            del answer
            assert request() is None
    finally:
        gc.enable()


def test_elapsed_is_the_recorded_time(tmp_path: Path) -> None:
    """실제 호출에서 되는 `response.elapsed`가 재생에서도 되고, 컴퓨터의 속도에 따라 달라지지 않습니다."""
    plain, stream = authored.exchange("openai", "하나", "x"), authored.exchange("openai", "둘", "y")
    plain.delay = stream.delay = 0.75
    stream.content, stream.events = b"", [(1.0, b"data: 1\n\n"), (2.5, b"data: [DONE]\n\n")]
    stream.headers = {"content-type": "text/event-stream"}
    url = "https://api.openai.com/v1/chat/completions"
    with llmkit.setup(mode="replay", pace=0, cassette=authored.save(tmp_path / "c.json", [plain, stream, plain])):
        assert httpx2.post(url, json=plain.body).elapsed.total_seconds() == 0.75
        assert httpx2.post(url, json=stream.body).elapsed.total_seconds() == 2.5
        raw = openai.OpenAI(api_key="x").chat.completions.with_raw_response.create(**plain.body)
        assert raw.elapsed.total_seconds() == 0.75


def test_two_recordings_into_one_file_lose_nothing_in_silence(server: Server, tmp_path: Path, capsys) -> None:
    """두 번째로 쓰는 쪽은 앞의 것을 덮어쓰지 않고, 담지 못했다고 말합니다."""
    path = tmp_path / "c.json"
    with llmkit.setup(mode="record", cassette=path) as session:
        other = Cassette(path, authored.DAY, seen=(path, None))
        other.exchanges = [authored.exchange("openai", "다른 녹화", "먼저 썼습니다")]
        other.save()
        ask(server)
        assert "다른 프로그램이 이 파일을 고쳤습니다" in capsys.readouterr().out
        assert len(session.recorder.refused) == 1
    assert [e.body["messages"][0]["content"] for e in Cassette.load(path).exchanges] == ["다른 녹화"]


def test_a_full_disk_is_said_and_the_next_recording_holds_both(
    server: Server, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.json"

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    with llmkit.setup(mode="record", cassette=path):
        monkeypatch.setattr("llmkit.replay.cassette.os.fsync", full)
        assert ask(server, seed=1).choices[0].message.content == "네"
        assert "파일에 쓰지 못했습니다(No space left on device)" in capsys.readouterr().out
        monkeypatch.undo()
        ask(server, seed=2)
    assert [e.body["seed"] for e in Cassette.load(path).exchanges] == [1, 2]


@pytest.mark.parametrize("before", ["", "a", "ab"])
@pytest.mark.parametrize("encode", ["base64", "urlsafe", "hex"])
def test_a_key_written_another_way_is_not_recorded(
    before: str, encode: str, server: Server, tmp_path: Path, capsys
) -> None:
    key = "sk-test-7Kq2mZ9xWv4Tn8Lb"
    content = (before + key).encode()
    written = {"base64": base64.b64encode, "urlsafe": base64.urlsafe_b64encode, "hex": lambda c: c.hex().encode()}[
        encode
    ]
    server.answers = [(200, json.dumps({**ANSWER, "echo": written(content).decode()}).encode())]
    with llmkit.setup(mode="record", cassette=tmp_path / "c.json"):
        client = openai.OpenAI(base_url=server.url, api_key=key, max_retries=0)
        assert client.chat.completions.create(model="m", messages=[]).choices[0].message.content == "네"
    assert "키로 보이는 글이 들어 있습니다" in capsys.readouterr().out
    assert not (tmp_path / "c.json").exists()
