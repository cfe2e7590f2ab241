"""`try_client`: 어느 제공자의 키든 하나만 있으면, 수업이 재생 중이어도 학습자의 말이 실제로 나갑니다."""

from __future__ import annotations

import io
import json
import secrets
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

import llmkit
from llmkit import local
from llmkit.common.errors import Halt
from llmkit.common.providers import PROVIDERS
from llmkit.session import current_session
from tests import fake_colab
from tests.authoring.provider import redirect
from tests.authoring.provider.script import Script
from tests.authoring.provider.server import Upstream
from tests.loopback import Handler, Loopback, free_port

SCRIPT = 'date = 2026-11-21T00:00:00Z\n[[entry]]\nprompt = "내 질문"\nanswer = "내 답"\n'


@pytest.fixture(autouse=True)
def nothing_at_hand(
    no_keys: Callable[[], None], nothing_left_behind: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    no_keys()
    for name in ("LLMKIT_MODE", "CI", "LOCAL_MODEL", "MODEL_PROXY_HOST", "MODEL_PROXY_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OLLAMA_PORT", "PORT"):
        monkeypatch.setattr(local, name, free_port())
    yield


def ask() -> str:
    client, model = llmkit.try_client()
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "내 질문"}])
    return answer.choices[0].message.content or ""


def serve(handler: Handler) -> None:
    """모델의 목록과 채팅에 OpenAI처럼 답합니다."""
    if handler.path.endswith("/models"):
        return handler.send(json.dumps({"object": "list", "data": [{"id": "small", "object": "model"}]}).encode())
    message = {"role": "assistant", "content": "내 답"}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "small"}
    body["choices"] = [{"index": 0, "finish_reason": "stop", "message": message}]
    handler.send(json.dumps(body).encode(), content_type="application/json")


@pytest.mark.parametrize("provider", ["openai", "gemini", "groq", "huggingface"])
def test_the_one_key_there_is_answers(
    provider: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = secrets.token_hex(20)
    monkeypatch.setenv(PROVIDERS[provider].keys[0], key)
    with Upstream(Script.parse(SCRIPT)) as server:
        redirect.install(server.port)
        with llmkit.setup("01_basics", pace=0) as session:
            assert ask() == "내 답"
    assert [(call.provider, call.provenance) for call in session.calls] == [(provider, "live")]
    said = capsys.readouterr().out
    assert f"{PROVIDERS[provider].title}, 모델" in said and key not in said


def test_a_running_local_server_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(serve) as server, llmkit.setup("01_basics", pace=0):
        monkeypatch.setattr(local, "PORT", server.server_port)
        assert ask() == "내 답"


def test_a_terminal_without_korean_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with Loopback(serve) as server, llmkit.setup("01_basics", pace=0):
        monkeypatch.setattr(local, "PORT", server.server_port)
        monkeypatch.setattr(sys, "stdout", out)
        assert ask() == "내 답"
    assert b"small" in (out.flush() or out.buffer.getvalue())


def colab_with(list_models: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, opted_in: bool = True) -> None:
    """Colab의 대역. `opted_in`이면 학습자가 `from google.colab import ai`를 실행한 뒤입니다."""
    modules = fake_colab.modules(fake_colab.Secrets().get)
    modules["google.colab.ai"] = ai = ModuleType("google.colab.ai")
    vars(ai)["list_models"] = list_models
    for name in modules if opted_in else [name for name in modules if name != "google.colab.ai"]:
        monkeypatch.setitem(sys.modules, name, modules[name])


def test_colabs_own_model_is_live_while_openai_replays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def list_models() -> list[str]:
        monkeypatch.setenv("MODEL_PROXY_API_KEY", "colab")  # 진짜도 토큰을 여기에 넣습니다.
        return ["google/gemini-small"]

    colab_with(list_models, monkeypatch)
    monkeypatch.setenv("MODEL_PROXY_HOST", "https://proxy.example")
    with Loopback(serve) as server:
        redirect.install(server.server_port)
        with llmkit.setup("01_basics", pace=0) as session:
            assert session.modes["openai"] == "replay" and ask() == "내 답"
    assert "Colab이 주는 모델(확인 안 됨), 모델 google/gemini-small" in capsys.readouterr().out
    assert {(request.host, request.path) for request in server.requests} == {
        ("proxy.example", "/models/openapi/chat/completions")
    }


def test_colabs_own_model_is_not_used_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    colab_with(lambda: ["google/gemini-small"], monkeypatch, opted_in=False)
    monkeypatch.setenv("MODEL_PROXY_HOST", "https://proxy.example")
    monkeypatch.setenv("MODEL_PROXY_API_KEY", "colab")
    with llmkit.setup("01_basics", pace=0), pytest.raises(Halt, match="from google.colab import ai"):
        llmkit.try_client()


def test_why_colabs_own_model_cannot_be_used_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> list[str]:
        raise ValueError("quota")

    colab_with(refuse, monkeypatch)
    with llmkit.setup("01_basics", pace=0), pytest.raises(Halt, match="실제로 보낼 곳이 없습니다"):
        llmkit.try_client()
    assert "ValueError: quota" in capsys.readouterr().out


def test_without_any_the_ways_without_a_card_come_first() -> None:
    with llmkit.setup("01_basics", pace=0), pytest.raises(Halt) as said:
        llmkit.try_client()
    text = str(said.value)
    assert text.index("llmkit local") < text.index("HF_TOKEN") < text.index("OPENAI_API_KEY")
    assert "가입할 때 확인하세요" in text and "LLMKIT_MODE" not in text


def test_a_key_is_not_used_where_replay_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", secrets.token_hex(20))
    with llmkit.setup("01_basics", mode="replay", pace=0), pytest.raises(Halt, match="LLMKIT_MODE"):
        llmkit.try_client()


def test_it_starts_a_session_where_there_is_none() -> None:
    with pytest.raises(Halt):
        llmkit.try_client()
    assert current_session() is not None
