"""노트북의 셀을 진짜 커널에서 실행해 보는 테스트가 함께 쓰는 카세트와 커널."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import authored
from tests.kernel import PYTHONS, Kernel
from tests.lessons.cells import ASK, SETUP


@pytest.fixture(scope="session", params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    return request.param


def streamed(provider: str, prompt: str, pieces: list[str]) -> Any:
    made = authored.exchange(provider, prompt, "", stream=True)
    made.content, made.headers = b"", {"content-type": "text/event-stream"}
    head = {
        "id": "chatcmpl-authored-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-6-luna",
    }
    datas = [head | {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces]
    lines = [json.dumps(data, ensure_ascii=False) for data in datas] + ["[DONE]"]
    made.events = [(0.1 * at, f"data: {line}\n\n".encode()) for at, line in enumerate(lines, 1)]
    return made


def refused(provider: str, prompt: str) -> Any:
    made = authored.exchange(provider, prompt, "")
    made.status, made.content = (
        429,
        b'{"error": {"message": "Rate limit reached", "type": "requests", "code": "rate"}}',
    )
    return made


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lesson")
    prompts = [("안녕하세요?", "반갑습니다.")] + [(f"{n}번 질문", f"{n}번 답") for n in range(3)]
    exchanges = [authored.exchange(provider, *pair) for pair in prompts for provider in authored.PATHS]
    exchanges += [refused("openai", "두 번 물음"), authored.exchange("openai", "두 번 물음", "둘째 답")]
    exchanges += [streamed("openai", "흘려 줘", ["안녕", "하세요", "."])]
    authored.save(folder / "lesson.json", exchanges, {"이름: ": ["홍길동"], "질문: ": ["하나", "둘", "끝"]})
    return folder


@pytest.fixture(scope="session")
def shared(python: str, folder: Path) -> Iterator[Kernel]:
    """setup 셀과 함수 셀까지 실행한 커널. 셀을 따로따로 보는 테스트들이 함께 씁니다."""
    with Kernel(python, folder) as kernel:
        assert kernel.run(SETUP)[-1]["text"].startswith("llmkit ")
        kernel.run(ASK)
        yield kernel


@pytest.fixture
def fresh(python: str, folder: Path) -> Iterator[Kernel]:
    """아무것도 실행하지 않은 커널."""
    with Kernel(python, folder) as kernel:
        yield kernel
