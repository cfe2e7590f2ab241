"""키는 있는데 거절되거나 연결되지 않을 때, SDK의 예외 아래에 먼저 볼 곳을 한국어로 한 줄 말합니다."""

from __future__ import annotations

import os
import secrets

import nbclient
import nbformat
import pytest

from tests.authoring.provider.script import Script
from tests.authoring.provider.server import Upstream

KEY = "sk-proj-" + secrets.token_hex(20)
CELLS = [
    "import llmkit\nfrom openai import OpenAI\nsession = llmkit.setup('01_basics', pace=0)",
    "OpenAI(max_retries=0).chat.completions.create(model=llmkit.model('openai'), messages=[{'role': 'user', 'content': '안녕'}])",
    "1 / 0",
]


def shown(monkeypatch: pytest.MonkeyPatch, *lines: str) -> list[str]:
    """셀마다 보인 것."""
    for name in ("LLMKIT_MODE", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in [*lines, *CELLS]])
    nbclient.NotebookClient(notebook, allow_errors=True).execute(env=dict(os.environ))
    said = [str(cell.outputs) for cell in notebook.cells[len(lines) :]]
    assert not any(KEY[8:] in text for text in said)
    return said


def test_no_network_points_to_the_connection_and_to_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = "import httpx2\ndef refuse(*_): raise httpx2.ConnectError('no route')\nhttpx2.HTTPTransport.handle_request = refuse"
    _, failed, other = shown(monkeypatch, deaf)
    assert "연결하지 못한 곳: OpenAI" in failed and "LLMKIT_MODE=replay" in failed
    assert "연결하지 못한" not in other  # 호출하지 않은 셀의 실패는 그것 때문이 아닙니다.


def test_a_rejected_key_points_to_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script.parse('date = 2026-11-21T00:00:00Z\n[[entry]]\nprompt = "안녕"\nfault = "invalid_api_key"\n')
    with Upstream(script) as server:
        redirect = f"from tests.authoring.provider import redirect\nredirect.install({server.port})"
        _, failed, _ = shown(monkeypatch, f"import sys\nsys.path.insert(0, {os.getcwd()!r})\n{redirect}")
    assert "OpenAI 쪽에서 키를 거절했습니다(401)" in failed and "OPENAI_API_KEY" in failed
