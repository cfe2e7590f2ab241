"""브라우저의 페이지(JupyterLite)에서 다르게 하는 것을 여기의 파이썬에서 봅니다. 진짜 페이지는 tests/browser/test_lite.py가 엽니다."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from openai import OpenAI

import llmkit
from llmkit.common import keys, providers
from llmkit.replay import advice, choose, miss, page
from tests.loopback import Loopback

KEY = "sk-proj-" + "Q7" * 20


@pytest.fixture(autouse=True)
def in_page(monkeypatch: pytest.MonkeyPatch, nothing_left_behind: None) -> None:
    for module in (keys, providers, advice, choose, miss):
        monkeypatch.setattr(module, "IN_PAGE", True)


@pytest.mark.parametrize("mode", [None, "live", "record"])
def test_a_key_is_refused_and_everything_replays(
    mode: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with llmkit.setup("01_basics", mode=mode) as session:
        said = capsys.readouterr().out
        assert said.count("이 페이지는 키를 쓰지도 저장하지도 않으니") == 1 and KEY not in said
        assert "Colab이나 내 컴퓨터" in said
        assert session.is_replay and session.modes["local"] == "replay" and session.recorder is None
        assert KEY not in os.environ.values()
    with llmkit.setup("01_basics"):
        assert "이 페이지는" not in capsys.readouterr().out  # 키를 넣지 않은 사람에게는 말하지 않습니다.


def test_a_miss_offers_undo_the_recorded_questions_and_colab() -> None:
    with llmkit.setup("01_basics"), pytest.raises(llmkit.CassetteMiss) as caught:
        OpenAI().chat.completions.create(
            model=llmkit.model("openai"), messages=[{"role": "user", "content": "아무 데도 없는 질문"}]
        )
    lines = caught.value._render_traceback_()
    text = "\n".join(lines)
    ways = text[text.index("계속하려면:") :].splitlines()[1:]
    assert [way.split()[1] for way in ways] == ["고친", "저장된", "Colab이나"]
    assert len(text.splitlines()) <= 15 and "llmkit local" not in text and ".env" not in text
    assert ways[1].count("'") >= 2  # 질문이 적혀 있습니다.


def test_try_client_points_elsewhere() -> None:
    with llmkit.setup("01_basics"), pytest.raises(BaseException, match="Colab이나 내 컴퓨터") as caught:
        llmkit.try_client()
    assert "llmkit local" not in str(caught.value)


def test_a_port_that_seems_to_answer_is_not_believed() -> None:
    """페이지의 소켓은 어디든 연결되는 것처럼 보입니다."""
    with Loopback(lambda handler: handler.send(b"")) as server:
        assert providers.is_listening("127.0.0.1", server.server_port) is False


class Shell:
    """페이지의 커널처럼, 맨 바깥에 await가 있는 셀이 끝난 것은 알리지 않는 셸."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.callbacks: dict[str, list[Callable[[Any], None]]] = defaultdict(list)
        self.events = SimpleNamespace(
            register=lambda event, call: self.callbacks[event].append(call),
            unregister=lambda event, call: self.callbacks[event].remove(call),
            trigger=self.trigger,
        )
        self.last_execution_result = "결과"
        self.cell = "a"
        self.kernel = SimpleNamespace(run=self.run, get_parent=lambda: {"metadata": {"cellId": self.cell}})

    def trigger(self, event: str, *arguments: Any) -> None:
        self.seen.append(event)
        for call in self.callbacks[event]:
            call(*arguments)

    async def run(self, code: str) -> None:
        self.seen.append(code)
        self.trigger("pre_run_cell", code)
        if "await" not in code:
            self.trigger("post_run_cell", "결과")


def test_an_awaited_cell_ends_once_and_a_resting_cell_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "page.json").write_text('{"b": "쉽니다."}', encoding="utf-8")
    monkeypatch.setattr(page, "files", lambda name: tmp_path)
    shell = Shell()
    undo = page.adapt(shell)
    asyncio.run(shell.kernel.run("await f()"))
    assert shell.seen == ["await f()", "pre_run_cell", "post_execute", "post_run_cell"]
    shell.seen.clear()
    asyncio.run(shell.kernel.run("f()"))
    assert shell.seen == ["f()", "pre_run_cell", "post_run_cell"]
    shell.seen.clear()
    shell.cell = "b"
    asyncio.run(shell.kernel.run("import subprocess"))
    assert shell.seen[0] == "print('쉽니다.')"
    undo()
    assert shell.kernel.run == shell.run and not any(shell.callbacks.values())
