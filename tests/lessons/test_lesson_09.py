"""수업 09의 봇과 반복문은 진짜 프로그램입니다. 그리고 수업이 하는 말은 저장된 출력과 설치된 SDK에서 참입니다."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

import llmkit
from tests.authoring.provider.testing import stand_in
from tests.lessons.bots import NOWHERE, Bot, recorded
from tests.loopback import Handler, Loopback

ROOT = Path(__file__).parents[2]
CELLS = json.loads((ROOT / "notebooks/09_tools.ipynb").read_text(encoding="utf-8"))["cells"]
SCRIPT = (ROOT / "tests/authoring/scripts/09_tools.toml").read_text(encoding="utf-8")
STOCK, SALES = "'밤의 서점'은 몇 권 남았나요?", "9월 시집 매출은 얼마인가요?"
COMPARE = "소설과 시집의 9월 매출을 비교해 주세요."


def source(name: str) -> str:
    (cell,) = [cell for cell in CELLS if cell["id"] == name]
    return "".join(cell["source"])


def shown(name: str) -> str:
    """저장된 출력의 글."""
    (cell,) = [cell for cell in CELLS if cell["id"] == name]
    return "".join(text for output in cell["outputs"] for text in output.get("text", []))


# 봇 --------------------------------------------------------------------------------------------------------


def answer(handler: Handler) -> None:
    handler.send(b'{"copies": 4}')


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot("09", tmp_path)


@pytest.fixture
def service() -> Iterator[Loopback]:
    with Loopback(answer) as server:
        yield server


def test_the_bot_asks_the_service_and_answers_from_the_recording(bot: Bot, service: Loopback) -> None:
    address = service.url.removesuffix("/v1")
    stock, sales, again, end = bot.say(STOCK, SALES, STOCK, arguments=(address,))
    assert [request.path for request in service.requests] == ["/stock/%EB%B0%A4%EC%9D%98%20%EC%84%9C%EC%A0%90"] * 2
    assert (
        stock == again and stock.strip() in recorded_after_tools(STOCK) and sales.strip() in recorded_after_tools(SALES)
    )
    assert "안녕히 가세요" in end


def test_a_service_that_is_off_is_an_answer_too(bot: Bot, service: Loopback) -> None:
    (off, _) = bot.say(STOCK)
    (on, _) = bot.say(STOCK, arguments=(service.url.removesuffix("/v1"),))
    assert off != on and {off.strip(), on.strip()} <= set(recorded_after_tools(STOCK))


def test_a_question_without_a_recording_does_not_end_the_bot(bot: Bot) -> None:
    replies = bot.say("오늘 기분이 어때요?", "", SALES)
    assert "저장된 응답이 없습니다" in replies[0] and STOCK in replies[0] and SALES in replies[0]
    assert replies[-2].strip() in recorded_after_tools(SALES)


def test_the_bot_outlives_a_failed_call(bot: Bot) -> None:
    assert "".join(bot.say(STOCK, SALES, **NOWHERE)).count("답을 받지 못했습니다") == 2


def recorded_after_tools(question: str) -> list[str]:
    """카세트에서 이 질문의 마지막 답들(도구의 결과 뒤)입니다."""
    from llmkit.replay.cassette import Cassette
    from llmkit.session import CASSETTES

    found = []
    for exchange in Cassette.load(CASSETTES / "09_tools.json").exchanges:
        messages = (exchange.body or {}).get("messages", []) if isinstance(exchange.body, dict) else []
        if any(each.get("content") == question for each in messages) and messages[-1].get("role") == "tool":
            found.append(json.loads(exchange.payload)["choices"][0]["message"]["content"])
    assert found and not recorded("09", question), "질문에는 곧바로 답하지 않고 부탁합니다."
    return found


# 반복문: 수업의 셀을 대본의 서버에 대고 실행합니다 ---------------------------------------------------------


@pytest.fixture
def lesson(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """2절과 3절의 셀이 만든 이름들. 요청은 대본의 서버로 가고, `server`가 그 서버입니다."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    names: dict[str, Any] = {"llmkit": llmkit, "OpenAI": lambda: openai.OpenAI(max_retries=0), "json": json}
    with stand_in(SCRIPT, top="first_token_ms = 0\ntoken_ms = 0\n") as server, redirect_stdout(io.StringIO()):
        for cell in ("data", "tool", "execute", "run-tools"):
            exec(source(cell), names)
        yield names | {"server": server}


def sent(lesson: dict[str, Any]) -> list[list[str]]:
    """서버에 온 요청마다 메시지의 역할."""
    return [[message["role"] for message in entry["body"]["messages"]] for entry in lesson["server"].log]


def test_parallel_calls_are_answered_in_order(lesson: dict[str, Any]) -> None:
    assert "688,000" in lesson["run_tools"](COMPARE, [lesson["sales_tool"]], {"sales": lesson["sales"]})
    assert sent(lesson)[1] == ["developer", "user", "assistant", "tool", "tool"]
    *_, asked, first, second = lesson["server"].log[1]["body"]["messages"]
    assert [call["id"] for call in asked["tool_calls"]] == [first["tool_call_id"], second["tool_call_id"]]
    assert [json.loads(each["content"])["revenue"] for each in (first, second)] == [1260000, 572000]


def test_a_repeated_call_and_the_limit_stop_the_loop(lesson: dict[str, Any]) -> None:
    question, tools, registry = "매출을 계속 확인해 주세요.", [lesson["sales_tool"]], {"sales": lesson["sales"]}
    assert "반복" in lesson["run_tools"](question, tools, registry) and len(sent(lesson)) == 2
    assert "제한" in lesson["run_tools"](COMPARE, tools, registry, limit=1) and len(sent(lesson)) == 3


WRONG = {
    "tool_calls[0]만": ("message.tool_calls:  #", "message.tool_calls[:1]:  #", "did not have response messages"),
    "모르는 id": ('"tool_call_id": call.id', '"tool_call_id": "call_0"', "must be a response to a preceeding"),
    "부탁한 메시지를 빠뜨림": ("messages.append(message.model_dump(exclude_none=True))", "pass", "preceeding message"),
    "결과가 부탁보다 먼저": (
        'messages.append({"role": "tool"',
        'messages.insert(-1, {"role": "tool"',
        "preceeding message",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_server_refuses_what_the_lesson_warns_of(lesson: dict[str, Any], name: str) -> None:
    old, new, said = WRONG[name]
    loop = source("execute") + "\n\n\n" + source("run-tools")
    assert loop.count(old) == 1
    exec(loop.replace(old, new), lesson)
    with pytest.raises(openai.BadRequestError, match=said):
        lesson["run_tools"](COMPARE, [lesson["sales_tool"]], {"sales": lesson["sales"]})


def test_an_injection_reaches_nothing_that_is_not_registered(lesson: dict[str, Any]) -> None:
    for cell in ("inject", "confirm"):
        exec(source(cell), lesson)
        assert lesson["refunded"] == []
    approved = {"read_review": lesson["read_review"], "refund": lesson["confirmed"](lesson["refund"], lambda *_: True)}
    lesson["run_tools"]("리뷰 3번을 요약해 주세요.", lesson["review_tools"], approved)
    assert lesson["refunded"] == [12]  # 승인하면 실행됩니다: 막은 것은 코드입니다.


# 수업이 하는 말 --------------------------------------------------------------------------------------------


def test_what_the_recording_shows() -> None:
    """본문이 말하는 네 방법의 발견은 저장된 출력에 있습니다."""
    lines = [re.fullmatch(r"(.+?) (\{.*\}) (\[.*\])", line) for line in shown("choose").splitlines()]
    ways = {m[1]: (ast.literal_eval(m[2]), ast.literal_eval(m[3])) for m in lines if m}
    known = {"stock", "sales", "rate"}
    assert list(ways) == ["말로만", "스키마만", "예시만", "예시와 스키마"]
    assert ways["말로만"][0]["JSON"] == 0 and set(ways["예시만"][1]) - known
    assert set(ways["스키마만"][1]) <= known and ways["스키마만"][0]["JSON"] < 10
    both, names = ways["예시와 스키마"]
    assert both["JSON"] == 20 and set(names) <= known and 20 > both["이름"] > both["인자"]
    assert both["이름"] > max(counts["이름"] for way, (counts, _) in ways.items() if way != "예시와 스키마")
    assert len(set(shown("ignored").splitlines())) == 1
    handed = shown("hand-back").splitlines()
    assert [str(copies) in line.partition("→")[2] for copies, line in zip((4, 17), handed)] == [True, True]


def test_the_sample_answers_state_what_the_functions_computed() -> None:
    names: dict[str, Any] = {}
    exec(source("data") + "\n" + source("analyst"), names)
    won, dollar = (names["change"]("전체", currency)["percent"] for currency in ("KRW", "USD"))
    assert f"원화로 {won}%, 달러로 {dollar}%" in SCRIPT and dollar > won
    assert names["book"].idxmax()["그림책"] == "2026-05"


def test_the_runner_has_no_limit_of_its_own() -> None:
    use = {"type": "tool_use", "name": "count", "input": {}}
    body = {"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use"}
    body |= {"usage": {"input_tokens": 1, "output_tokens": 1}}
    asked: list[int] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        asked.append(1)
        return httpx2.Response(200, json=body | {"content": [use | {"id": f"toolu_{len(asked)}"}]})

    @anthropic.beta_tool
    def count() -> str:
        """수를 셉니다."""
        return "1"

    client = anthropic.Anthropic(api_key="x", http_client=httpx2.Client(transport=httpx2.MockTransport(reply)))  # pyright: ignore[reportArgumentType]
    given: Any = {"model": "m", "max_tokens": 9, "tools": [count], "messages": [{"role": "user", "content": "세기"}]}
    for options, rounds in (({"max_iterations": 3}, 3), ({}, 25)):
        asked.clear()
        for _ in zip(range(25), client.beta.messages.tool_runner(**(given | options))):
            pass
        assert len(asked) == rounds
