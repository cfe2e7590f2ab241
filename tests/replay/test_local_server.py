"""로컬 서버 찾기와 `python -m llmkit local`: 주소가 맞고, 켜지 못하면 이유를 말합니다."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

import llmkit
from llmkit import __main__ as command
from llmkit import local
from llmkit.common.errors import Refused
from llmkit.embeddings import EmbeddingServer
from tests.authoring import __main__ as authoring
from tests.loopback import Handler, Loopback, free_port

Serve = Callable[[bytes], int]


@pytest.fixture(autouse=True)
def nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """이 컴퓨터에 진짜 Ollama가 켜져 있어도 시험이 흔들리지 않게, 빈 포트를 봅니다."""
    for name in ("OLLAMA_PORT", "PORT"):
        monkeypatch.setattr(local, name, free_port())
    monkeypatch.setattr(EmbeddingServer.__init__, "__defaults__", (free_port(),))


@pytest.fixture
def serve() -> Iterator[Serve]:
    """부르면 `/v1/models`에 그 본문으로 답하는 서버를 띄우고 포트를 돌려줍니다."""
    with contextlib.ExitStack() as servers:

        def start(body: bytes) -> int:
            def answer(handler: Handler) -> None:
                handler.send(body, 200 if handler.path == "/v1/models" else 404)

            return servers.enter_context(Loopback(answer)).server_port

        yield start


def models(*names: str) -> bytes:
    return json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()


def test_ollama_comes_first_with_its_own_model(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "PORT", serve(models("smollm2-135m")))
    assert local.find_local_server() == (f"http://127.0.0.1:{local.PORT}/v1", "smollm2-135m")
    monkeypatch.setattr(local, "OLLAMA_PORT", serve(models("qwen3:4b", "gemma3:1b")))
    assert local.find_local_server() == (f"http://127.0.0.1:{local.OLLAMA_PORT}/v1", "qwen3:4b")
    monkeypatch.setenv("LOCAL_MODEL", "gemma3:1b")
    assert local.find_local_server()[1] == "gemma3:1b"
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # 회사의 프록시에 묻지 않습니다.
    assert local.find_local_server()[0].endswith(f":{local.OLLAMA_PORT}/v1")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": [{}]}', b'{"data": null}', models()])
def test_another_program_on_the_port_is_not_a_model(body: bytes, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "OLLAMA_PORT", serve(body))
    assert local.find_local_server() == (f"http://127.0.0.1:{local.PORT}/v1", llmkit.model("local"))


def test_replay_does_not_look(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "OLLAMA_PORT", serve(models("qwen3:4b")))
    with llmkit.setup("03_streaming", mode="replay"):
        assert local.find_local_server() == (f"http://127.0.0.1:{local.PORT}/v1", "smollm2-135m")
    with llmkit.setup("03_streaming", mode="auto"):
        assert local.find_local_server()[1] == "qwen3:4b"


def test_without_the_packages_it_says_how_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local, "installed", lambda: False)
    assert command.main(["local"]) == 1
    said = capsys.readouterr().out
    assert local.INSTALL in said and "325MB" in said and "Apache-2.0" in said


@pytest.mark.skipif(not local.installed(), reason=f"로컬 모델이 깔려 있지 않습니다: {local.INSTALL}")
@pytest.mark.parametrize("accepts", [True, False], ids=["listening", "only bound"])
def test_a_port_in_use_is_said(
    accepts: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if accepts:
            other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(local, "PORT", port)
        monkeypatch.setattr(local.LocalServer.__init__, "__defaults__", (port,))
        assert command.main(["local"]) == 2
        assert authoring.main(["record", "02", "--local"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all(f"{port} 포트를 다른 프로그램이 쓰고 있어" in line for line in said)


def test_a_port_of_the_embeddings_in_use_is_said_too(serve: Serve) -> None:
    port = serve(b"")
    with pytest.raises(Refused, match=f"{port} 포트를 다른 프로그램이"):
        EmbeddingServer(port)


@pytest.mark.skipif(not local.installed(), reason=f"로컬 모델이 깔려 있지 않습니다: {local.INSTALL}")
def test_it_serves_until_stopped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from openai import OpenAI

    found: list[str] = []

    def ask_then_stop(seconds: float) -> None:
        base_url, model = local.find_local_server()
        found.extend([base_url, model, OpenAI(base_url=base_url, api_key="local").models.list().data[0].id])
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "time", SimpleNamespace(sleep=ask_then_stop))
    assert command.main(["local"]) == 0
    assert found == [f"http://127.0.0.1:{local.PORT}/v1", "smollm2-135m", "smollm2-135m"]
    assert f"http://127.0.0.1:{local.PORT}/v1" in capsys.readouterr().out


def test_the_help_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert "작은 모델을 이 컴퓨터에 띄웁니다" in capsys.readouterr().out
