"""제공자 표: 강좌가 아는 제공자마다 이름, 호스트, 키, 모델을 정하는 변수 이름."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

from .ipython import IN_PAGE

LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
OLLAMA_PORT = 11434
LOCAL_PORT, EMBEDDINGS_PORT = 11435, 11436  # python -m llmkit local. Ollama 바로 옆입니다.


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
    if IN_PAGE:  # 거기서는 어디든 연결되는 것처럼 보입니다.
        return False
    try:
        socket.create_connection((host, port), timeout=0.2).close()
        return True
    except OSError:
        return False


# 추론을 해 주는 호스트와, 그리로 나가는 제공자. 재생 중에는 이리로 나가는 연결을 막습니다. 적지 않은 제공자는 무엇이든입니다.
# 모델 파일(huggingface.co), 저장소(storage.googleapis.com), 꾸러미(pypi.org)처럼 내려받는 곳은 여기에 없습니다.
_INFERENCE = [
    (re.compile(hosts, re.IGNORECASE), names.split() or list(PROVIDERS))
    for hosts, names in (
        (r"([\w-]+\.)?api\.openai\.com", "openai"),
        (r".+\.(openai|cognitiveservices|services\.ai|models\.ai)\.azure\.com", "openai anthropic"),  # Azure, Foundry
        (
            r"(api|[\w-]+\.api)\.anthropic\.com|aws-external-anthropic\..+\.api\.aws|claude\.googleapis\.com",
            "anthropic",
        ),
        (r"bedrock[\w-]*\.[\w-]+\.(amazonaws\.com(\.cn)?|api\.aws)", "openai anthropic"),
        (r"([\w-]+-)?aiplatform(\.[\w-]+\.rep)?\.googleapis\.com", "gemini anthropic"),  # Vertex
        (r"generativelanguage\.googleapis\.com", "gemini"),
        (r"(router|api-inference)\.huggingface\.co|.+\.endpoints\.huggingface\.cloud", "huggingface"),
        (r"([\w-]+\.)?api\.groq\.com", "groq"),
        (r"openrouter\.ai|models\.(github\.ai|inference\.ai\.azure\.com)|api\.githubcopilot\.com", ""),
        (r"(api|codestral)\.mistral\.ai|api\.deepseek\.com|([\w-]+\.)?api\.x\.ai|api\.cohere\.(com|ai)", ""),
        (
            r"api\.together\.(xyz|ai)|(api|audio[\w-]*)\.fireworks\.ai|api\.(perplexity|cerebras|upstage|moonshot)\.ai",
            "",
        ),
        (r"integrate\.api\.nvidia\.com|api\.replicate\.com|clovastudio\.(stream|apigw)\.ntruss\.com", ""),
    )
]


def served_by(host: str) -> list[str]:
    """추론을 해 주는 호스트이면 그리로 나가는 제공자들을, 아니면 빈 목록을 돌려줍니다.

    >>> served_by("eu.api.openai.com"), served_by("huggingface.co")
    (['openai'], [])
    """
    return next((names for hosts, names in _INFERENCE if hosts.fullmatch(host)), [])
