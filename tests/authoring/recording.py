"""샘플 응답을 녹화하고, 출력을 저장하고, 제공자를 대신하는 서버를 띄웁니다."""

from __future__ import annotations

import secrets
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from .check import find_notebook
from .provider.script import Script
from .provider.server import Upstream

ROOT = Path(__file__).resolve().parents[2]
# 녹화에만 쓰는 가짜 키. 서버는 있는지만 봅니다. 답의 글과 겹치면 샌 것으로 보이므로 아무 뜻 없이 만듭니다.
FAKE_KEYS = {
    "OPENAI_API_KEY": "sk-" + secrets.token_hex(20),
    "ANTHROPIC_API_KEY": "sk-ant-" + secrets.token_hex(20),
    "HF_TOKEN": "hf_" + secrets.token_hex(17),
    "GEMINI_API_KEY": secrets.token_hex(20),
    "GROQ_API_KEY": "gsk_" + secrets.token_hex(20),
}


def record(number: str, local: bool = False) -> int:
    """번호가 `number`인 노트북을 그 대본으로 다시 녹화합니다.

    `local`이면 로컬 모델을 띄워 그 답도 새로 녹화하고, 아니면 카세트에 있는 로컬 모델의 답을 그대로 둡니다.
    """
    notebook = find_notebook(number)
    if not local:
        return record_with(Script.of_lesson(number), notebook)
    from llmkit.commands.record import HOSTED
    from llmkit.embeddings import EmbeddingServer
    from llmkit.local import LocalServer

    with LocalServer(), EmbeddingServer():
        return record_with(Script.of_lesson(number), notebook, providers=[*HOSTED, "local"])


def record_with(script: Script, notebook: Path, **options: Any) -> int:
    """노트북을 대본의 서버에 대고 녹화합니다. `options`는 `llmkit.commands.record.record_notebook`에 그대로 갑니다.

    돌려주는 것: 모두 담았으면 0. 대본에 없는 요청이나 담지 못한 교환이 있었으면 1.
    """
    from llmkit.commands.record import record_notebook

    with Upstream(script) as server:
        try:
            done = record_notebook(notebook, startup=startup(server.port), **options).done
        finally:  # 대본에 없는 요청은 셀의 실패로도 나타나므로, 이유를 먼저 말합니다.
            for prompt in server.unanswered:
                print(f"대본에 답이 없는 요청: {prompt!r}", file=sys.stderr)
        return int(not done or bool(server.unanswered))


def startup(port: int, keys: Mapping[str, str] = FAKE_KEYS) -> tuple[str, ...]:
    """커널이 첫 셀보다 먼저 실행할 줄: 키를 넣고, 제공자로 가는 요청을 `port`의 서버로 돌립니다."""
    return (
        f"import os, sys; sys.path.insert(0, {str(ROOT)!r}); os.environ.update({keys!r})",
        f"from tests.authoring.provider import redirect; redirect.install({port})",
    )


def store(number: str) -> int:
    """카세트는 그대로 두고, 재생한 출력만 노트북에 다시 저장합니다."""
    from llmkit.commands.record import store_outputs

    store_outputs(find_notebook(number))
    return 0


def serve(port: int, number: str | None) -> int:
    """멈출 때까지 서버를 띄웁니다."""
    script = Script.of_lesson(number) if number else Script(date=datetime.now().astimezone(), entries=[])
    with Upstream(script, port) as server:
        base = f"http://127.0.0.1:{server.port}"
        print(f'OpenAI(base_url="{base}/v1", api_key="아무 글자")')
        print(f'Anthropic(base_url="{base}", api_key="아무 글자")')
        print("멈추려면 Ctrl+C를 누르세요.", flush=True)  # 다른 프로그램이 읽을 때도 주소가 바로 나와야 합니다.
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0
