"""수업 08의 봇은 진짜 프로그램입니다. 그리고 수업이 SDK에 대해 하는 말은 설치된 SDK에서 참입니다."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from pydantic import BaseModel, Field, ValidationError

from tests.lessons.bots import NOWHERE, Bot, recorded

ROOT = Path(__file__).parents[2]
ORDER = "햄릿 두 권 주세요."


class Order(BaseModel):
    title: str
    copies: int


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot("08", tmp_path)


def test_the_bot_writes_orders_as_json_and_goes_on_after_a_miss(bot: Bot) -> None:
    lines = bot.say(ORDER, "아무 책이나 한 권이요.", "", ORDER)
    orders = [json.loads(line) for line in lines if line.startswith("{")]
    first, again = orders
    assert first == again and first in [json.loads(answer) for answer in recorded("08", ORDER) if answer.endswith("}")]
    assert sum("저장된 응답이 없습니다" in line for line in lines) == 1


def test_the_bot_outlives_a_failed_call(bot: Bot) -> None:
    said = "\n".join(bot.say(ORDER, ORDER, **NOWHERE))
    assert said.count("주문을 받지 못했습니다") == 2


# 수업이 SDK에 대해 하는 말 ---------------------------------------------------------------------------------


def answering(body: dict[str, Any]) -> httpx2.Client:
    return httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, json=body)))


def chat(content: str | None, finish: str = "stop", refusal: str | None = None) -> Any:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    choices = [{"index": 0, "finish_reason": finish, "message": message, "logprobs": None}]
    body = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": choices}
    client = openai.OpenAI(api_key="x", http_client=answering(body))  # pyright: ignore[reportArgumentType]
    messages: Any = [{"role": "user", "content": ORDER}]
    return client.chat.completions.parse(model="m", messages=messages, response_format=Order).choices[0]


def test_chat_parse_tells_a_cut_answer_and_is_silent_about_a_refusal() -> None:
    with pytest.raises(openai.LengthFinishReasonError) as cut:
        chat('{"title": "햄', "length")
    assert cut.value.completion.choices[0].finish_reason == "length"
    refused = chat(None, refusal="도울 수 없습니다.").message
    assert refused.parsed is None and refused.refusal


def test_the_other_parses_lose_a_cut_answer() -> None:
    text = {"type": "output_text", "text": '{"title": "햄', "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "incomplete", "content": [text]}
    body = {"id": "r", "object": "response", "created_at": 0, "model": "m", "status": "incomplete", "output": [message]}
    client = openai.OpenAI(api_key="x", http_client=answering(body))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValidationError):
        client.responses.parse(model="m", input=ORDER, text_format=Order)

    content = [{"type": "text", "text": '{"title": "햄'}]
    body = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": content}
    body |= {"stop_reason": "max_tokens", "usage": {"input_tokens": 1, "output_tokens": 1}}
    claude = anthropic.Anthropic(api_key="x", http_client=answering(body))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValidationError):
        claude.messages.parse(
            model="m", max_tokens=9, messages=[{"role": "user", "content": ORDER}], output_format=Order
        )


def test_a_default_is_required_all_the_same() -> None:
    class GiftOrder(BaseModel):
        title: str
        gift: bool = False

    sent: Any = openai.pydantic_function_tool(GiftOrder)["function"].get("parameters")
    assert sent["required"] == ["title", "gift"] and sent["additionalProperties"] is False


def test_what_the_recording_shows() -> None:
    """본문이 말하는 네 방법의 발견은 저장된 출력에 있습니다."""
    cells = json.loads((ROOT / "notebooks/08_structured_output.ipynb").read_text(encoding="utf-8"))["cells"]
    (cell,) = [cell for cell in cells if cell["id"] == "measure"]
    lines = "".join(text for output in cell["outputs"] for text in output.get("text", [])).splitlines()
    counts = {line.partition(" {")[0]: ast.literal_eval("{" + line.partition(" {")[2]) for line in lines}
    assert all(sum(marks.values()) == 20 for marks in counts.values()) and len(counts) == 4
    schema, shown, both = counts["스키마"], counts["예시 두 개"], counts["예시 + 스키마"]
    assert schema["JSON 아님"] == schema["구조 다름"] == both["JSON 아님"] == both["구조 다름"] == 0
    assert schema["내용 틀림"] > 10 and shown["구조 다름"] > 0 and shown["모두 맞음"] > 10


def test_anthropic_sends_ranges_as_words_and_a_free_dict_as_nothing() -> None:
    class Shelf(BaseModel):
        copies: int = Field(ge=1)
        prices: dict[str, int]

    fields = anthropic.transform_schema(Shelf)["properties"]
    assert "minimum" not in fields["copies"] and "minimum" in fields["copies"]["description"]
    assert fields["prices"]["properties"] == {} and fields["prices"]["additionalProperties"] is False


def test_what_the_repair_shows() -> None:
    cells = json.loads((ROOT / "notebooks/08_structured_output.ipynb").read_text(encoding="utf-8"))["cells"]
    (cell,) = [cell for cell in cells if cell["id"] == "repair-run"]
    asked, counts = "".join(cell["outputs"][0]["text"]).splitlines()
    assert ast.literal_eval(counts)["모두 맞음"] == 0 and asked == "다시 물은 것 15"
