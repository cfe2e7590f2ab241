"""겹친 `setup`: 안쪽을 나가면 바깥쪽이 그대로 돌아옵니다. 재생하던 수업의 요청이 네트워크로 새지 않습니다."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from pathlib import Path

import httpx2
import pytest

import llmkit
from llmkit.common.clock import pace, today
from llmkit.session import current_session
from tests import authored

URL = "https://api.openai.com/v1/chat/completions"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, nothing_left_behind: None) -> None:
    for name in ("OPENAI_API_KEY", "LLMKIT_MODE", "LLMKIT_PACE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def lessons(tmp_path: Path) -> dict[str, Path]:
    return {
        name: authored.save(tmp_path / f"{name}.json", [authored.exchange("openai", "질문", name)]) for name in "ABC"
    }


def answer() -> str:
    body = authored.exchange("openai", "질문", "").body
    return httpx2.post(URL, json=body).json()["choices"][0]["message"]["content"]


def test_leaving_the_inner_gives_the_outer_back(lessons: dict[str, Path]) -> None:
    before = dict(os.environ)
    with llmkit.setup(cassette=lessons["A"], pace=0.5) as outer:
        key, day = os.environ["OPENAI_API_KEY"], today()
        with llmkit.setup(cassette=lessons["B"], pace=0):
            with llmkit.setup(cassette=lessons["C"], pace=0):
                assert answer() == "C"
            assert answer() == "B"
        assert answer() == "A"
        assert current_session() is outer
        assert (os.environ["OPENAI_API_KEY"], today(), pace()) == (key, day, 0.5)
        assert len(outer.calls) == 1
    assert current_session() is None
    assert dict(os.environ) == before
    assert pace() is None


def test_a_with_inside_a_notebook_gives_the_notebook_back(lessons: dict[str, Path]) -> None:
    llmkit.setup(cassette=lessons["A"])
    with pytest.raises(ZeroDivisionError), llmkit.setup(cassette=lessons["B"]):
        assert answer() == "B"
        1 / 0  # noqa: B018
    assert answer() == "A"


def test_two_withs_inside_a_notebook_give_the_notebook_back(lessons: dict[str, Path]) -> None:
    llmkit.setup(cassette=lessons["B"])
    llmkit.setup(cassette=lessons["A"])
    with llmkit.setup(cassette=lessons["B"]), llmkit.setup(cassette=lessons["C"]):
        assert answer() == "C"
    assert answer() == "A"


def test_close_inside_a_with_takes_nothing_from_the_notebook(lessons: dict[str, Path]) -> None:
    llmkit.setup(cassette=lessons["A"])
    with llmkit.setup(cassette=lessons["B"]):
        llmkit.setup(cassette=lessons["C"]).close()
        assert answer() == "B"
    assert answer() == "A"


def test_setup_again_replaces_and_close_takes_everything_off(lessons: dict[str, Path]) -> None:
    llmkit.setup(cassette=lessons["A"])
    session = llmkit.setup(cassette=lessons["B"])
    assert answer() == "B"
    session.close()
    assert current_session() is None


def test_setup_again_inside_a_with_leads_back_to_the_with(lessons: dict[str, Path]) -> None:
    with llmkit.setup(cassette=lessons["A"]):
        llmkit.setup(cassette=lessons["B"])
        inner = llmkit.setup(cassette=lessons["C"])
        assert answer() == "C"
        inner.close()
        assert answer() == "A"
    assert current_session() is None


def test_leaving_in_the_wrong_order_revives_nothing_that_was_closed(lessons: dict[str, Path]) -> None:
    outer, inner = llmkit.setup(cassette=lessons["A"]), None
    outer.__enter__()
    inner = llmkit.setup(cassette=lessons["B"])
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert answer() == "B"
    inner.__exit__(None, None, None)
    assert current_session() is None


def test_sessions_made_before_they_are_entered_take_nothing_from_the_notebook(lessons: dict[str, Path]) -> None:
    llmkit.setup(cassette=lessons["A"])
    first, second = llmkit.setup(cassette=lessons["B"]), llmkit.setup(cassette=lessons["C"])
    with first:
        with second:
            assert answer() == "C"
        assert answer() == "B"
    assert answer() == "A"


def test_threads_that_enter_and_leave_give_the_notebook_back(lessons: dict[str, Path]) -> None:
    llmkit.setup(cassette=lessons["A"])
    made = threading.Barrier(20)  # 모두 만든 뒤에야 하나씩 들어갑니다.

    def work() -> None:
        session = llmkit.setup(cassette=lessons["B"])
        made.wait(10)
        with session:
            pass

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answer() == "A"
    current_session().close()
    assert current_session() is None


def test_running_the_setup_cell_again_and_again_keeps_few_sessions(lessons: dict[str, Path]) -> None:
    sessions = [weakref.ref(llmkit.setup(cassette=lessons["A"])) for _ in range(30)]
    gc.collect()
    assert sum(session() is not None for session in sessions) < 12
    current_session().close()
