"""`try_client`: 학습자가 자기 프롬프트를 써 볼 클라이언트. 어느 제공자의 키든 하나만 있으면 됩니다."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .common.errors import Halt
from .common.ipython import say
from .common.keys import find_key, redact
from .common.providers import PROVIDERS
from .local import find_servers
from .replay.advice import ways_to_try
from .session import Session, current_session, model, setup

if TYPE_CHECKING:
    from openai import OpenAI

# OpenAI와 같은 형식으로 답하는 제공자의 주소. None이면 SDK의 기본 주소입니다.
ADDRESSES = {
    "openai": None,
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai/",
    "groq": "https://api.groq.com/openai/v1",
    "huggingface": "https://router.huggingface.co/v1",
}


def try_client() -> tuple[OpenAI, str]:
    """여러분의 프롬프트를 실제로 보내 볼 `(client, model)`을 만들고, 어디로 보내는지 출력합니다.

    OpenAI, Gemini, Groq, Hugging Face 순서로 키를 찾고, 없으면 Colab이 주는 모델(`from google.colab import ai`를 먼저 실행했을
    때만. 확인 안 됨), 켜져 있는 로컬 서버를 씁니다. 수업의 다른 제공자가 재생 중이어도 이 클라이언트의 요청은 실제 호출입니다. `LLMKIT_MODE=replay`처럼 재생으로 정했으면 쓰지 않습니다.

    Raises:
        Halt: 보낼 곳이 하나도 없을 때. 무엇을 준비하면 되는지 말합니다.
    """
    session = current_session() or setup()
    for client, name, where in _places(session):
        say(f"{where}, 모델 {name}: 실제 호출(live)")
        return client, name
    keys = (find_key(PROVIDERS[provider]) for provider in ADDRESSES)
    has_key = any(key.found for key in keys)
    raise Halt("\n".join(["실제로 보낼 곳이 없습니다. 다음 가운데 하나를 준비하세요.", *ways_to_try(has_key)]))


def _places(session: Session) -> Iterator[tuple[OpenAI, str, str]]:
    """쓸 수 있는 (클라이언트, 모델, 사람에게 보일 이름)을 찾는 순서대로."""
    from openai import OpenAI

    for provider, address in ADDRESSES.items():
        key = find_key(PROVIDERS[provider])
        if key.found and session.modes[provider] == "live":
            client = OpenAI(base_url=address, api_key=os.environ[key.variable])
            yield client, model(provider), PROVIDERS[provider].title
    if session.modes["local"] not in ("auto", "live"):
        return  # 재생하거나 녹화하는 중입니다.
    if ai := sys.modules.get("google.colab.ai"):  # 학습자가 스스로 import했습니다.
        yield from _colab(ai, session)
    for address, names in find_servers():
        name = os.environ.get("LOCAL_MODEL") or names[0]
        yield OpenAI(base_url=address, api_key="local"), name, PROVIDERS["local"].title


def _colab(ai: Any, session: Session) -> Iterator[tuple[OpenAI, str, str]]:
    """Colab이 주는 모델. 주소와 토큰은 Colab의 라이브러리가 쓰는 환경 변수에서 읽고 여기에 적지 않습니다.

    googlecolab/colabtools의 google/colab/ai.py(2025-09-19)를 읽고 썼으며 실제 Colab에서는 확인하지 못했습니다.
    """
    from openai import OpenAI

    title = "Colab이 주는 모델(확인 안 됨)"
    try:
        name = ai.list_models()[0]  # 토큰도 이때 MODEL_PROXY_API_KEY에 들어갑니다.
        address = f"{os.environ['MODEL_PROXY_HOST']}/models/openapi"
        client = OpenAI(base_url=address, api_key=os.environ["MODEL_PROXY_API_KEY"])
    except Exception as error:  # 허락하지 않았거나, 한도를 넘었거나, Colab이 바뀌었거나
        say(f"{title} 쪽을 쓰지 못합니다. {type(error).__name__}: {redact(str(error))}")
        return
    session.own_hosts.add(client.base_url.host)
    yield client, name, title
