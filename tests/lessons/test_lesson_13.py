"""수업 13의 봇은 예산에서 정말로 멈추고, 수업은 재생 중에 어디에도 연결하지 않습니다."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from llmkit.commands.lock import missing
from tests.authoring.provider.script import Script
from tests.authoring.provider.server import Upstream
from tests.lessons.bots import NOWHERE, Bot
from tests.lessons.watched_run import hosts_of_a_replay

ROOT = Path(__file__).parents[2]
KNOWN, ENDLESS = "데미안 재고 있나요?", "데미안이 들어올 때까지 확인해 주세요."
installed = pytest.mark.skipif(bool(missing("frameworks")), reason="프레임워크가 없습니다(따로 설치하는 수업)")


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot("13", tmp_path)


def spent(answer: str) -> tuple[int, int, int]:
    """봇이 적은 (요청, 쓴 토큰, 예산)."""
    (found,) = re.findall(r"\(요청 (\d+)번, 토큰 (\d+)/(\d+)\)", answer)
    return int(found[0]), int(found[1]), int(found[2])


def test_the_bot_stops_at_its_budget_and_sends_no_more(bot: Bot) -> None:
    answers = bot.say(*[KNOWN] * 9)
    assert 2 < len(answers) < 9 and "예산을 다 써서 마칩니다" in answers[-1]  # 남은 질문은 보내지 않고 끝냅니다.
    counts = [spent(answer) for answer in answers]
    assert all(used <= budget for _, used, budget in counts) and counts == sorted(counts)


def test_the_bot_stops_when_it_repeats_itself(bot: Bot) -> None:
    (answer, _) = bot.say(ENDLESS)
    assert "반복하고 있어 멈췄습니다" in answer and answer.count("도구: stock") == 2
    assert spent(answer)[0] == 3


def test_the_bot_goes_on_after_a_miss_and_answers_the_same_again(bot: Bot) -> None:
    first, missed, again, _ = bot.say(KNOWN, "저장되지 않은 질문입니다.", KNOWN)
    assert first.splitlines()[:2] == again.splitlines()[:2]
    assert "저장된 응답이 없습니다" in missed and spent(missed)[0] == spent(first)[0]


def test_the_bot_outlives_a_failed_call_and_ctrl_c(bot: Bot) -> None:
    answers = bot.say(KNOWN, KNOWN, **NOWHERE)[:2]
    assert all("답하지 못했습니다. APIConnectionError" in answer for answer in answers)
    bot.interrupt()


def test_a_live_bot_really_sends_no_more_than_its_budget(bot: Bot) -> None:
    """서버가 센 요청과 봇이 적은 요청이 같고, 예산에서 멈춘 뒤에는 서버에 아무것도 오지 않습니다."""
    with Upstream(Script.of_lesson("13")) as server:
        answers = bot.say(
            *[KNOWN] * 9,
            LLMKIT_MODE="live", OPENAI_API_KEY="x" * 20, OPENAI_BASE_URL=f"http://127.0.0.1:{server.port}/v1",
        )  # fmt: skip
        assert spent(answers[-1])[0] == server.requests > 0
    assert "예산을 다 써서 마칩니다" in answers[-1] and spent(answers[-1])[1] <= spent(answers[-1])[2]


@installed
def test_a_replay_connects_nowhere(tmp_path: Path) -> None:
    hosts, failed = hosts_of_a_replay("13_agents", tmp_path)
    assert failed == [] and hosts == set()


@installed
def test_a_graph_without_a_stop_stops_at_its_limit() -> None:
    from langgraph.errors import GraphRecursionError
    from langgraph.graph import START, StateGraph

    visits: list[int] = []
    graph = StateGraph(dict)  # pyright: ignore[reportArgumentType]
    graph.add_node("work", lambda state: visits.append(1) or state)
    graph.add_edge(START, "work")
    graph.add_edge("work", "work")
    with pytest.raises(GraphRecursionError):
        graph.compile().invoke({"n": 0}, {"recursion_limit": 4})
    assert len(visits) == 4


def shown(identity: str) -> str:
    cells = json.loads((ROOT / "notebooks" / "13_agents.ipynb").read_text(encoding="utf-8"))["cells"]
    (cell,) = [cell for cell in cells if cell["id"] == identity]
    return "".join(text for output in cell["outputs"] for text in output.get("text", []))


def test_what_the_stored_outputs_show() -> None:
    """본문이 말하는 멈춤은 저장된 출력에 있습니다."""
    lines = shown("stops").splitlines()
    rows = [re.findall(r"예산 (\d+): 요청 (\d+)번, 쓴 토큰 (\d+) \| (.*)", line)[0] for line in lines]
    assert rows[0][1:3] == ("0", "0") and all(int(used) <= int(budget) for budget, _, used, _ in rows)
    assert ["예산" in row[3] for row in rows] == [True, True, False] and "반복" in rows[2][3]
    assert int(rows[1][1]) > 0
    assert shown("injected").endswith("환불한 주문 []\n") and "refund" in shown("injected")
    assert shown("gated").startswith("막았습니다: refund")
    assert "MaxTurnsExceeded" in shown("agents-stop") and shown("agents-stop").endswith("요청 3\n")
