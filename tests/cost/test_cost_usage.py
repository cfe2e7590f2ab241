"""한 번 읽기: 응답, 스트림의 결과, 장부가 같은 요금을 말하고, 요금이 있는 것은 하나도 빠지지 않습니다."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from types import SimpleNamespace

import pytest

from llmkit.common.errors import UnknownPrice
from llmkit.common.ledger import Call, read_usage
from llmkit.cost.calculate import calculate_cost
from llmkit.cost.prices import FIRST_DAY, price_table
from llmkit.cost.receipt import Receipt
from llmkit.cost.usage import read
from llmkit.display.screen import StreamResult
from llmkit.display.streams import Reader

DAY = datetime.date(2026, 11, 21)
CHAT = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
RESPONSES = {"input_tokens": 1000, "output_tokens": 1000, "total_tokens": 2000}
PLAIN = Decimal("0.01125")  # gpt-5: 1,000 x 1.25 + 1,000 x 10, 백만 개에 달러


def chat(**rest):
    return {"model": "gpt-5", "choices": [], "usage": CHAT, **rest}


def responses(*output, **rest):
    return {"object": "response", "model": "gpt-5", "output": list(output), "usage": RESPONSES} | rest


def message(**usage):
    return {
        "model": "claude-haiku-5-5",
        "content": [],
        "usage": {"input_tokens": 1000, "output_tokens": 200, **usage},
    }


def on_receipt(response, provider="openai", path="/chat/completions"):
    usage, model = read_usage(json.dumps(response).encode(), None)
    return Receipt([Call(provider, path, "live", model, 200, usage=usage)], DAY)


def streamed(*events):
    """같은 응답을 스트림으로 받은 결과."""
    reader = Reader()
    for event in events:
        list(reader.read(event))
    return StreamResult("", reader.usage, reader.model, "stop", 0.1, 0.2, len(events), False)


# --- 처리 방식 ---


@pytest.mark.parametrize(("tier", "usd"), [("default", PLAIN), ("priority", 2 * PLAIN), ("flex", PLAIN / 2)])
def test_the_tier_reaches_every_road(tier, usd):
    whole, last = chat(service_tier=tier), responses(service_tier=tier)
    assert calculate_cost(whole, at=DAY).usd == calculate_cost(last, at=DAY).usd == usd
    assert on_receipt(whole).usd == on_receipt(last, path="/responses").usd == usd
    completed = {"type": "response.completed", "response": last}
    assert calculate_cost(streamed(whole), at=DAY).usd == calculate_cost(streamed(completed), at=DAY).usd == usd
    sse = f"event: response.completed\ndata: {json.dumps(completed)}\n\n".encode()
    assert calculate_cost(read_usage(sse, None)[0], "gpt-5", at=DAY).usd == usd


def test_a_tier_without_a_price_is_unknown_on_every_road():
    whole = chat(service_tier="ultrafast")
    for source in (whole, streamed(whole)):
        with pytest.raises(UnknownPrice, match="ultrafast"):
            calculate_cost(source, at=DAY)
    assert "ultrafast" in on_receipt(whole).unknown[0].reason


@pytest.mark.parametrize("extra", [{"inference_geo": "us"}, {"speed": "fast"}, {"service_tier": "priority"}])
def test_speed_and_geography_of_anthropic_are_unknown_on_every_road(extra):
    (said,) = extra.values()
    start = {"type": "message_start", "message": message(**extra)}
    for source in (
        message(**extra),
        streamed(start, {"type": "message_delta", "usage": {"output_tokens": 200}}),
    ):
        with pytest.raises(UnknownPrice, match=said):
            calculate_cost(source, at=DAY)
    assert said in on_receipt(message(**extra), "anthropic", "/messages").unknown[0].reason


def test_a_broken_stream_has_no_price():
    start = {"type": "message_start", "message": message(output_tokens=1)}
    broken = streamed(start)
    broken.interrupted = True
    with pytest.raises(ValueError, match="도중에 끊긴 스트림"):
        calculate_cost(broken, at=DAY)


# --- 제공자의 도구 ---

SEARCH = {"type": "web_search_call", "action": {"type": "search"}, "status": "completed"}
OPEN = {"type": "web_search_call", "action": {"type": "open_page"}, "status": "completed"}


@pytest.mark.parametrize(
    ("output", "tool_usage", "fee"),
    [
        ([SEARCH] * 4, None, Decimal("0.04")),
        ([SEARCH, OPEN, OPEN], None, Decimal("0.01")),
        (
            [SEARCH] * 4,
            {"web_search": {"num_requests": 3}, "image_gen": {"total_tokens": 0}},
            Decimal("0.03"),
        ),
        ([{"type": "file_search_call"}] * 2, None, Decimal("0.005")),
        ([SEARCH, {"type": "file_search_call"}], None, Decimal("0.0125")),
        (
            [{"type": "function_call"}, {"type": "message"}, {"type": "reasoning"}, {"type": "mcp_call"}],
            None,
            0,
        ),
        ([{"type": "shell_call", "environment": {"type": "local"}}], None, 0),
    ],
)
def test_the_fee_of_built_in_tools_is_paid_on_every_road(output, tool_usage, fee):
    response = responses(*output, tool_usage=tool_usage)
    completed = {"type": "response.completed", "response": response}
    for source in (response, streamed(completed)):
        cost = calculate_cost(source, at=DAY)
        assert (cost.usd, cost.input_usd + cost.output_usd) == (PLAIN + fee, PLAIN)
    assert on_receipt(response, path="/responses").usd == PLAIN + fee


@pytest.mark.parametrize(
    ("output", "tool_usage", "says"),
    [
        ([{"type": "code_interpreter_call"}], None, "code_executions"),
        ([{"type": "shell_call", "environment": {"type": "container_reference"}}], None, "code_executions"),
        ([{"type": "image_generation_call"}], None, "image_generations"),
        ([], {"web_search": {"num_requests": 0}, "image_gen": {"total_tokens": 272}}, "image_generations"),
    ],
)
def test_a_tool_without_a_price_is_unknown_and_named(output, tool_usage, says):
    response = responses(*output, tool_usage=tool_usage)
    with pytest.raises(UnknownPrice, match=says):
        calculate_cost(response, at=DAY)
    assert says in on_receipt(response, path="/responses").unknown[0].reason


def test_sdk_objects_tell_their_tools_too():
    from openai.types.responses import Response

    built = Response.construct(**responses(SEARCH, SEARCH, id="r", created_at=1, service_tier="priority"))
    assert calculate_cost(built, at=DAY).usd == 2 * PLAIN + Decimal("0.02")


def test_web_searches_of_anthropic_are_paid_and_code_executions_unknown():
    plain = calculate_cost(message(), at=DAY).usd
    searched = message(server_tool_use={"web_search_requests": 3, "web_fetch_requests": 5})
    assert calculate_cost(searched, at=DAY).usd == plain + Decimal("0.03")
    assert on_receipt(searched, "anthropic", "/messages").usd == plain + Decimal("0.03")
    ran = message() | {"content": [{"type": "server_tool_use", "name": "bash_code_execution"}]}
    with pytest.raises(UnknownPrice, match="code_executions"):
        calculate_cost(ran, at=DAY)


# --- 종류마다 제 단가 ---


@pytest.mark.parametrize(
    ("details", "says"),
    [
        ({"prompt_tokens_details": {"audio_tokens": 100_000}}, "input_audio_tokens"),
        ({"prompt_tokens_details": {"image_tokens": 9}}, "input_image_tokens"),
        ({"completion_tokens_details": {"audio_tokens": 9}}, "output_audio_tokens"),
    ],
)
def test_sound_and_images_without_a_rate_of_their_own_are_unknown(details, says):
    usage = {"prompt_tokens": 200_000, "completion_tokens": 10} | details
    with pytest.raises(UnknownPrice, match=says):
        calculate_cost(usage, "gpt-4o-audio-preview", at=DAY)
    zero = {name: dict.fromkeys(kinds, 0) for name, kinds in details.items()}
    assert calculate_cost(usage | zero, "gpt-4o-audio-preview", at=DAY).usd == Decimal("0.5001")


def test_sound_with_a_rate_of_its_own_is_paid():
    usage = {
        "input_tokens": 1000, "output_tokens": 300,
        "input_token_details": {"audio_tokens": 600, "text_tokens": 400, "cached_tokens": 100,
                                "cached_tokens_details": {"audio_tokens": 100, "text_tokens": 0}},
        "output_token_details": {"audio_tokens": 200, "text_tokens": 100},
    }  # fmt: skip
    want = 400 * 4 + 500 * 32 + 100 * Decimal("0.4") + 100 * 16 + 200 * 64
    assert calculate_cost(usage, "gpt-realtime", at=DAY).usd == want / 1_000_000


def test_cache_writes_are_paid_by_how_long_they_last():
    base = {"input_tokens": 0, "output_tokens": 0}
    five, hour = "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"
    both = base | {"cache_creation_input_tokens": 3000, "cache_creation": {five: 1000, hour: 2000}}
    want = (1000 * Decimal("0.125") + 2000 * Decimal("0.2")) / 1_000_000
    assert calculate_cost(both, "claude-haiku-5-5", at=DAY).usd == want
    only_split = base | {"cache_creation": {five: 1000, hour: 2000}}
    assert calculate_cost(only_split, "claude-haiku-5-5", at=DAY).usd == want
    with pytest.raises(UnknownPrice, match="cache_write_1h_tokens"):
        calculate_cost(both, "google/claude-3-haiku", at=DAY)
    openai = {"input_tokens": 2000, "output_tokens": 0, "input_tokens_details": {
        "cached_tokens": 0, "cache_write_tokens": 2000, "cache_write_tokens_details": {"ttl_30m_tokens": 2000}}}  # fmt: skip
    assert calculate_cost(openai, "gpt-6-luna", at=DAY).usd == Decimal("0.00025")
    openai["input_tokens_details"]["cache_write_tokens_details"] = {
        "ttl_12h_tokens": 2000,
        "ttl_30m_tokens": 0,
    }
    with pytest.raises(UnknownPrice, match="cache_write_12h_tokens"):
        calculate_cost(openai, "gpt-6-luna", at=DAY)


def test_seconds_of_sound_are_no_free_tokens():
    with pytest.raises(UnknownPrice, match="audio_seconds|토큰 단가"):
        calculate_cost({"usage": {"type": "duration", "seconds": 12.4}}, "gpt-4o-transcribe", at=DAY)


# --- LangChain ---

LANGCHAIN = {
    "input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200,
    "input_token_details": {"audio": 0, "cache_read": 400}, "output_token_details": {"reasoning": 50},
}  # fmt: skip


def ai_message(usage=LANGCHAIN, **metadata):
    return SimpleNamespace(content="네", usage_metadata=usage, response_metadata=metadata)


def test_langchain_is_read():
    counts = {
        "input_tokens": 1000,
        "output_tokens": 200,
        "cache_read_tokens": 400,
        "output_reasoning_tokens": 50,
    }
    assert {name: count for name, count in read(LANGCHAIN).counts.items() if count} == counts
    want = calculate_cost({"prompt_tokens": 1000, "completion_tokens": 200,
                           "prompt_tokens_details": {"cached_tokens": 400}}, "gpt-6-luna", at=DAY).usd  # fmt: skip
    assert calculate_cost(LANGCHAIN, "gpt-6-luna", at=DAY).usd == want
    assert calculate_cost(ai_message(model_name="gpt-6-luna"), at=DAY).usd == want
    raw = {"token_usage": CHAT, "model_name": "gpt-5", "service_tier": "priority"}
    assert calculate_cost(ai_message(**raw), at=DAY).usd == 2 * PLAIN
    assert calculate_cost(raw, at=DAY).usd == 2 * PLAIN
    assert calculate_cost({"token_usage": CHAT}, "gpt-5", at=DAY).usd == PLAIN


def test_langchain_writes_the_tier_into_the_names_of_the_counts():
    flex = {"input_tokens": 1000, "output_tokens": 1000, "total_tokens": 2000,
            "input_token_details": {"flex": 1000, "flex_cache_read": 0},
            "output_token_details": {"flex": 900, "flex_reasoning": 100}}  # fmt: skip
    cost = calculate_cost(ai_message(flex, model_name="gpt-5"), at=DAY)
    assert (cost.usd, cost.reasoning_tokens) == (PLAIN / 2, 100)


def test_langchain_counts_the_cache_of_anthropic_in_the_input():
    usage = {"input_tokens": 3000, "output_tokens": 0, "total_tokens": 3000, "input_token_details": {
        "cache_read": 1000, "cache_creation": 0, "ephemeral_1h_input_tokens": 500}}  # fmt: skip
    want = (1500 * Decimal("0.1") + 1000 * Decimal("0.01") + 500 * Decimal("0.2")) / 1_000_000
    assert calculate_cost(usage, "claude-haiku-5-5", at=DAY).usd == want


# --- 다른 곳에서 온 모양 ---


def test_cache_writes_of_a_gateway_that_speaks_openai_are_paid():
    usage = {"prompt_tokens": 1000, "completion_tokens": 0, "cache_creation_input_tokens": 400,
             "cache_read_input_tokens": 100, "prompt_tokens_details": {"cached_tokens": 100}}  # fmt: skip
    want = (500 * Decimal("0.1") + 400 * Decimal("0.125") + 100 * Decimal("0.01")) / 1_000_000
    assert calculate_cost(usage, "claude-haiku-5-5", at=DAY).usd == want
    with pytest.raises(ValueError, match="서로 다릅니다"):
        calculate_cost(usage | {"cache_read_input_tokens": 101}, "claude-haiku-5-5", at=DAY)


@pytest.mark.parametrize("names", [("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")])
def test_tokens_that_only_the_total_shows_are_paid(names):
    usage = dict(zip(names, (20, 424), strict=True)) | {"total_tokens": 1016}
    assert read(usage).counts == {"input_tokens": 20, "output_tokens": 996, "output_reasoning_tokens": 572}


@pytest.mark.parametrize(
    ("usage", "says"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 6}}, "추론"),
        ({"prompt_tokens": None, "completion_tokens": 5}, "입력 토큰이 없습니다"),
        ({"cache_read_input_tokens": 7, "output_tokens": 5}, "입력 토큰이 없습니다"),
        ({"prompt_tokens": 9, "server_tool_use_details": {"web_search_requests": 2}}, "모르는 이름"),
        ({"prompt_tokens": 9, "tool_use_prompt_tokens": 2}, "모르는 이름"),
    ],
)
def test_a_usage_that_leaves_something_open_is_refused(usage, says):
    with pytest.raises(ValueError, match=says):
        calculate_cost(usage, "gpt-5", at=DAY)


@pytest.mark.parametrize(
    "model", ["gpt-4o-search-preview", "gpt-4o-mini-search-preview-2025-03-11", "gpt-5-search-api"]
)
def test_a_model_that_always_searches_says_that_its_fee_is_missing(model):
    assert "웹 검색 요금은 들어 있지 않습니다" in calculate_cost(CHAT, model, at=DAY).note
    assert "웹 검색 요금은 들어 있지 않습니다" in str(on_receipt(chat(model=model)))


# --- 날짜 ---


def test_a_sum_over_different_days_has_no_single_date():
    days = DAY, DAY - datetime.timedelta(1)
    both = sum(calculate_cost(CHAT, "gpt-5", at=day) for day in days)
    assert both.price_date is None and "그날의 가격" in str(both)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4o-mini", "claude-3-haiku", "gpt-5", "groq/openai/gpt-oss-20b"])
def test_a_price_has_a_first_known_day(model):
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    assert calculate_cost(usage, model, at=FIRST_DAY).usd > 0
    for day in (FIRST_DAY - datetime.timedelta(1), datetime.date(2024, 6, 1)):
        with pytest.raises(UnknownPrice, match=f"{FIRST_DAY} 이전"):
            calculate_cost(usage, model, at=day)


def test_a_retired_model_is_priced_and_says_that_it_is_gone():
    gone = calculate_cost(CHAT, "gpt-3.5-turbo", at=DAY)
    assert "2026-10-23에 종료" in gone.note and "2026-10-23에 종료" in gone._repr_html_()
    assert not calculate_cost(CHAT, "gpt-3.5-turbo", at=datetime.date(2026, 10, 1)).note
    assert not calculate_cost(CHAT, "gpt-6-luna", at=DAY).note


def test_price_table_tells_price_source_and_day():
    table = price_table("gpt-4o-mini", "openai", DAY)
    assert (table.per_million("input_tokens"), table.per_million("output_tokens")) == (
        Decimal("0.15"),
        Decimal("0.6"),
    )
    assert "2026-11-21" in str(table) and "genai-prices 0.2.3" in repr(table)
    assert price_table("gpt-4o-mini").model == "gpt-4o-mini"
    with pytest.raises(UnknownPrice, match="혹시"):
        price_table("gpt-4o-minii", "openai", DAY)
    with pytest.raises(UnknownPrice, match="이전"):
        price_table("gpt-4o-mini", "openai", datetime.date(2024, 7, 18))
    with pytest.raises(ValueError, match="시간대"):
        price_table("gpt-4o-mini", "openai", datetime.datetime(2026, 11, 21))


# --- 이상한 응답 ---

ODD = [None, True, -1, 0, 1.5, float("nan"), "x", [], [1], {}, {"a": 1}, {"deep": {"b": [2]}}]
PLACES = [
    "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "prompt_tokens_details", "iterations",
    "input_token_details", "cache_creation", "server_tool_use", "seconds", "service_tier", "total_tokens",
    "built_in_tools", "cache_read_input_tokens", "queue_time",
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_odd_usage_is_priced_or_refused_and_never_breaks_the_receipt(place, odd):
    for usage in (RESPONSES | {place: odd}, CHAT | {place: odd}):
        whole = {"model": "gpt-5", "usage": usage}
        try:
            assert calculate_cost(whole, at=DAY).usd >= 0
        except (ValueError, UnknownPrice) as error:
            assert str(error)
        receipt = on_receipt(whole)
        assert len(receipt.rows) + len(receipt.unknown) == 1


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_odd_answer_never_breaks_the_ledger(odd):
    for name in (
        "model",
        "service_tier",
        "output",
        "content",
        "tool_usage",
        "usage",
        "message",
        "response",
        "x_groq",
    ):
        for response in (
            responses(**{name: odd}),
            responses(tool_usage={"web_search": odd, "image_gen": odd}),
        ):
            receipt = on_receipt(response, path="/responses")
            assert len(receipt.rows) + len(receipt.unknown) == 1
    line = {"custom_id": "a", "response": odd, "result": odd}
    assert read_usage(json.dumps(line).encode(), None) == (None, None)


@pytest.mark.parametrize(
    ("response", "says"),
    [
        ({"output": [{"type": "video_generation_call"}]}, "video_generation_call"),  # 처음 보는 도구
        ({"tool_usage": {"web_search": {"num_requests": 0}, "file_search": {"num_requests": 3}}}, "file_search"),
        ({"choices": [{"grounding_metadata": {"web_search_queries": ["날씨"]}}]}, "grounding"),
    ],
)
def test_a_tool_seen_for_the_first_time_is_unknown_and_named(response, says):
    with pytest.raises(ValueError, match=says):
        calculate_cost({"model": "gpt-5", "usage": {"input_tokens": 1000, "output_tokens": 1000}, **response}, at=DAY)


def test_tools_that_run_elsewhere_or_here_have_no_fee():
    kinds = ["function_call", "custom_tool_call", "mcp_call", "computer_call", "local_shell_call", "tool_search_call"]
    usage = {"input_tokens": 1000, "output_tokens": 1000}
    answer = {"model": "gpt-5", "usage": usage, "output": [{"type": kind} for kind in kinds]}
    assert calculate_cost(answer, at=DAY).usd == Decimal("0.01125")


def test_two_ways_of_processing_at_once_have_no_price():
    with pytest.raises(UnknownPrice, match="batch, priority"):
        calculate_cost({"prompt_tokens": 1000, "service_tier": "priority"}, "gpt-5", at=DAY, batch=True)


@pytest.mark.parametrize("kind", ["advisor_message", "fallback_message"])
def test_steps_of_another_model_are_not_in_the_sum(kind):
    step = {"type": kind, "model": "claude-opus-4-8", "input_tokens": 9, "output_tokens": 9}
    with pytest.raises(ValueError, match=kind):
        calculate_cost({"input_tokens": 9, "output_tokens": 9, "iterations": [step]}, "claude-haiku-5-5", at=DAY)


def test_parts_of_the_cache_that_exceed_their_sum_are_refused():
    parts = {"ephemeral_1h_input_tokens": 100, "ephemeral_5m_input_tokens": 50}
    with pytest.raises(ValueError, match="150, 10"):
        read({"input_tokens": 9, "cache_creation_input_tokens": 10, "cache_creation": parts})


def test_counts_inside_a_list_are_not_dropped():
    with pytest.raises(ValueError, match="count"):
        read({"prompt_tokens": 5, "completion_tokens": 2, "tokens_by_modality": [{"count": 5}]})


def test_a_tool_and_a_tier_that_come_apart_from_the_usage_are_seen_in_streams():
    def roads(*events):
        """장부와, 스트림의 결과"""
        usage, _ = read_usage(b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events), None)
        reader = Reader()
        for event in events:
            list(reader.read(event))
        return read(usage), read(reader.usage)

    chat = [{"model": "gpt-5", "choices": [], "service_tier": "priority"}]
    chat += [{"model": "gpt-5", "choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 1000}}]
    for usage in roads(*chat):
        assert usage.context == (("service_tier", "priority"),)
    block = {"type": "server_tool_use", "name": "bash_code_execution"}
    claude = [{"type": "message_start", "message": {"model": "claude-haiku-5-5", "usage": {"input_tokens": 9}}}]
    claude += [{"type": "content_block_start", "index": 0, "content_block": block}]
    claude += [{"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9}}]
    for usage in roads(*claude):
        assert usage.counts["code_executions"] == 1


def test_tools_that_groq_ran_are_unknown_and_named_on_every_road():
    from openai.types.chat import ChatCompletion

    ran = {"role": "assistant", "content": "x", "executed_tools": [{"index": 0, "type": "browser_search"}]}
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "openai/gpt-oss-20b",
             "choices": [{"index": 0, "finish_reason": "stop", "message": ran}], "usage": CHAT | {"queue_time": 0.1}}  # fmt: skip
    for source in (whole, ChatCompletion.model_validate(whole)):
        with pytest.raises(ValueError, match="browser_search"):
            calculate_cost(source, at=DAY)
    assert "browser_search" in on_receipt(whole, "groq").unknown[0].reason
    first, last = {"choices": [{"index": 0, "delta": ran}]}, {"choices": [], "x_groq": {"usage": whole["usage"]}}
    sse = "".join(f"data: {json.dumps(part)}\n\n" for part in ({"choices": []}, first, last)).encode()
    assert read_usage(sse, None)[0]["built_in_tools"] == {"browser_search": 1}


def test_litellm_tells_the_cache_of_anthropic_twice():
    split = {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 0}
    details = {"cached_tokens": 2000, "cache_creation_tokens": 300, "cache_creation_token_details": split}
    usage = {"prompt_tokens": 3000, "completion_tokens": 0, "total_tokens": 3000, "prompt_tokens_details": details,
             "cache_creation_input_tokens": 300, "cache_read_input_tokens": 2000}  # fmt: skip
    want = (700 * Decimal("0.1") + 300 * Decimal("0.125") + 2000 * Decimal("0.01")) / 1_000_000
    assert calculate_cost(usage, "claude-haiku-5-5", at=DAY).usd == want


@pytest.mark.parametrize(
    ("names", "error", "says"),
    [((None,), ValueError, "model 값은 문자열"), ((["gpt-4o"],), ValueError, "model 값은 문자열"),
     (("gpt-4o", ["openai"]), ValueError, "provider 값은 문자열"), (("gpt-4o", 5), ValueError, "provider 값은"),
     (("gpt-4o", "OpenAI"), UnknownPrice, "모르는 제공자입니다: 'OpenAI'. 아는 이름: openai")],
)  # fmt: skip
def test_price_table_says_which_name_is_wrong(names, error, says):
    with pytest.raises(error, match=says):
        price_table(*names)


def test_sound_without_an_end_is_no_number():
    with pytest.raises(ValueError, match="입력 토큰이 없습니다"):
        calculate_cost({"usage": {"type": "duration", "seconds": float("inf")}}, "whisper-1", at=DAY)
