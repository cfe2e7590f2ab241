"""제공자 표: 강좌가 아는 제공자마다 이름, 호스트, 키, 모델을 정하는 변수 이름."""

from __future__ import annotations

import socket
from dataclasses import dataclass

LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
OLLAMA_PORT = 11434
LOCAL_PORT = 11435  # python -m llmkit local. Ollama 바로 옆입니다.


@dataclass(frozen=True)
class Provider:
    """제공자 하나입니다. `placeholder`는 키가 없을 때 클라이언트를 만들기 위해 넣는 값이며 네트워크로 나가지 않습니다."""

    name: str
    title: str
    hosts: tuple[str, ...]
    keys: tuple[str, ...]
    model_variable: str
    placeholder: str = "llmkit-replay-no-key"


_HF_HOSTS = ("router.huggingface.co", "api-inference.huggingface.co")
_HF_PLACEHOLDER = "hf_llmkit_replay_no_key"  # InferenceClient는 hf_로 시작하지 않는 토큰을 받지 않습니다.
_GEMINI_HOSTS = ("generativelanguage.googleapis.com",)
_GEMINI_KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")

PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider("openai", "OpenAI", ("api.openai.com",), ("OPENAI_API_KEY",), "OPENAI_MODEL"),
        Provider("anthropic", "Anthropic", ("api.anthropic.com",), ("ANTHROPIC_API_KEY",), "ANTHROPIC_MODEL"),
        Provider("huggingface", "Hugging Face", _HF_HOSTS, ("HF_TOKEN",), "HF_MODEL", _HF_PLACEHOLDER),
        Provider("gemini", "Gemini", _GEMINI_HOSTS, _GEMINI_KEYS, "GEMINI_MODEL"),
        Provider("groq", "Groq", ("api.groq.com",), ("GROQ_API_KEY",), "GROQ_MODEL"),
        Provider("local", "로컬 모델", LOOPBACK, (), "LOCAL_MODEL"),
    )
}

PLACEHOLDERS = frozenset(provider.placeholder for provider in PROVIDERS.values())


def is_listening(host: str, port: int) -> bool:
    """이 주소에서 서버가 기다리고 있으면 True입니다."""
    try:
        socket.create_connection((host, port), timeout=0.2).close()
        return True
    except OSError:
        return False
