"""비용: genai-prices와 마지막 자리까지 같고, 모르는 값은 0이 아니라 오류입니다."""

from __future__ import annotations

import copy
import datetime
import decimal
import json
import pickle
import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import genai_prices
import pytest
from genai_prices.data import providers as price_table
from genai_prices.types import ModelPrice, TieredPrices

from llmkit.common.errors import UnknownPrice
from llmkit.cost.calculate import Cost, calc_cost, calculate_cost, price
from llmkit.cost.krw import RATE_DATE, Krw, to_krw
from llmkit.cost.prices import find_rates
from llmkit.cost.usage import read

DAY = datetime.date(2026, 11, 21)
REAL = Path(__file__).parents[3] / "shared" / "real_exchanges"
OURS = {"openai": "openai", "anthropic": "anthropic", "google": "gemini", "groq": "groq"}


def all_prices(model):
    """(시작하는 날, 가격)들."""
    if isinstance(model.prices, ModelPrice):
        return [(None, model.prices)]
    return [(price.constraint and price.constraint.start_date, price.prices) for price in model.prices]


def days_and_lengths(model):
    """값이 바뀌는 날의 앞뒤와, 단가가 바뀌는 길이의 앞뒤."""
    days, lengths = {DAY}, {1, 1000}
    for start, prices in all_prices(model):
        if start:
            days |= {start - datetime.timedelta(1), start}
        for value in vars(prices).values():
            if isinstance(value, TieredPrices):
                lengths |= {tier.start + step for tier in value.tiers for step in (-1, 0, 1)}
    return sorted(days), sorted(lengths)


def sells_tokens(model):
    return any("input_mtok" in vars(price) for _, price in all_prices(model))


SOLD = [(p.id, m) for p in price_table if p.id in OURS for m in p.models]
BY_TOKEN = [pytest.param(seller, model, id=f"{seller}/{model.id}") for seller, model in SOLD if sells_tokens(model)]
OTHERWISE = [
    pytest.param(seller, model, id=f"{seller}/{model.id}") for seller, model in SOLD if not sells_tokens(model)
]


@pytest.mark.parametrize(("seller", "model"), BY_TOKEN)
def test_every_model_costs_what_genai_prices_says(seller, model):
    rng = random.Random(model.id)
    name = f"{model.match.starts_with}07-18:org::id" if model.id.startswith("ft:") else model.id
    has_output = any("output_mtok" in vars(price) for _, price in all_prices(model))
    keeps_an_hour = all("cache_write_1h_mtok" in vars(price) for _, price in all_prices(model))
    days, lengths = days_and_lengths(model)
    for day in days:
        at = datetime.datetime.combine(day, datetime.time(23, 59), datetime.UTC)
        for length in lengths:
            hit, output = rng.randint(0, length), rng.randint(0, 5000) if has_output else 0
            written = rng.randint(0, length - hit)
            usage = {
                "input_tokens": length,
                "output_tokens": output,
                "cache_read_tokens": hit,
                "cache_write_tokens": written,
                "cache_write_1h_tokens": rng.randint(0, written) if keeps_an_hour else 0,
                "output_reasoning_tokens": rng.randint(0, output),
            }
            for batch in (False, True):
                try:
                    mine = price(read(usage), name, OURS[seller], day, batch=batch)
                except UnknownPrice:
                    assert batch, "표준 요금은 모두 알아야 합니다"
                    continue
                theirs = genai_prices.calc_price(
                    genai_prices.Usage(**usage), name, provider_id=seller,
                    genai_request_timestamp=at, price_context={"processing": "batch"} if batch else {},
                )  # fmt: skip
                expected = theirs.total_price, theirs.input_price, theirs.output_price
                assert (mine.usd, mine.input_usd, mine.output_usd) == expected


@pytest.mark.parametrize(("seller", "model"), OTHERWISE)
def test_what_is_not_sold_by_the_token_is_no_zero(seller, model):
    if "free of charge" in (model.price_comments or "").lower():
        cost = price(read({"input_tokens": 10, "output_tokens": 0}), model.id, OURS[seller], DAY)
        assert cost.usd == 0 and cost.source.startswith("무료")
        return
    with pytest.raises(UnknownPrice):
        price(read({"input_tokens": 10, "output_tokens": 0}), model.id, OURS[seller], DAY)


@pytest.mark.parametrize(
    "kinds", [{"input_audio_tokens": 300}, {"input_audio_tokens": 300, "cache_audio_read_tokens": 20}]
)
def test_audio_costs_what_genai_prices_says(kinds):
    usage = {
        "input_tokens": 1000,
        "output_tokens": 50,
        "cache_read_tokens": kinds.get("cache_audio_read_tokens", 0),
        **kinds,
    }
    theirs = genai_prices.calc_price(genai_prices.Usage(**usage), "gemini-2.5-flash-lite", provider_id="google")
    assert calculate_cost(usage, "gemini-2.5-flash-lite").usd == theirs.total_price


def test_overlap_that_nobody_reported_is_not_guessed():
    usage = {"input_tokens": 1000, "output_tokens": 5, "cache_read_tokens": 100, "input_audio_tokens": 300}
    with pytest.raises(ValueError, match="cache_audio_read_tokens도 넣으세요"):
        calculate_cost(usage, "gemini-2.5-flash-lite")


# --- 실제 응답 ---

FLAVORS = {"chat.completions": "chat", "responses": "responses", "messages": "default"}


def real_usages():
    if not (REAL / "practice.jsonl").exists():
        return [pytest.param(None, marks=pytest.mark.skip("../shared/real_exchanges가 없습니다"))]
    results = json.loads((REAL / "expected.json").read_text(encoding="utf-8"))["results"]
    found = []
    for line in (REAL / "practice.jsonl").read_text(encoding="utf-8").splitlines():
        exchange = json.loads(line)
        expected = results.get(exchange["id"], {}).get("expected") or {}
        known = exchange["provider"] in ("openai", "anthropic", "groq") and exchange["endpoint"] in FLAVORS
        if known and isinstance(expected, dict) and expected.get("usage"):
            found.append(pytest.param((exchange, expected["usage"]), id=exchange["id"]))
    return found


@pytest.mark.parametrize("case", real_usages())
def test_real_usages_cost_what_genai_prices_says(case):
    exchange, usage = case
    provider, model = exchange["provider"], exchange["model"]
    flavor = "default" if provider == "groq" else FLAVORS[exchange["endpoint"]]
    extracted = genai_prices.extract_usage({"model": model, "usage": usage}, provider_id=provider, api_flavor=flavor)
    at = datetime.datetime.combine(DAY, datetime.time(), datetime.UTC)
    theirs = extracted.calc_price(genai_request_timestamp=at)
    if extracted.usage.input_audio_tokens and theirs.model_price.input_audio_mtok is None:
        # genai-prices는 단가가 없는 소리 토큰을 텍스트의 단가로 셉니다. 우리는 모른다고 합니다.
        with pytest.raises(UnknownPrice, match="input_audio_tokens"):
            price(read(usage), model, provider, DAY)
        return
    expected = theirs.total_price
    assert price(read(usage), model, provider, DAY).usd == expected
    assert calculate_cost({"model": model, "usage": usage}, f"{provider}/{model}", at=DAY).usd == expected


# --- 여러 SDK의 객체 ---

CHAT = {
    "prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200,
    "prompt_tokens_details": {"cached_tokens": 400, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 50},
}  # fmt: skip
RESPONSES = {
    "input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200,
    "input_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 0},
    "output_tokens_details": {"reasoning_tokens": 50},
}  # fmt: skip
CLAUDE = {
    "input_tokens": 500, "output_tokens": 200, "cache_read_input_tokens": 400, "cache_creation_input_tokens": 100,
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 100},
    "output_tokens_details": {"thinking_tokens": 50}, "service_tier": "standard",
}  # fmt: skip


def test_every_spelling_reads_the_same():
    want = {
        "input_tokens": 1000,
        "output_tokens": 200,
        "cache_read_tokens": 400,
        "output_reasoning_tokens": 50,
    }
    for usage in (CHAT, RESPONSES, CLAUDE):
        got = read(usage).counts
        assert {key: got[key] for key in want} == want
    assert read(CLAUDE).counts["cache_write_1h_tokens"] == 100


def sdk_responses():
    from anthropic.types import Message
    from huggingface_hub import ChatCompletionOutput
    from openai.types.chat import ChatCompletion, ChatCompletionChunk
    from openai.types.responses import Response, ResponseCompletedEvent

    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "네"}}
    chat = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-6-luna",
        "choices": [choice],
        "usage": CHAT,
    }
    chunk = chat | {"object": "chat.completion.chunk", "choices": []}
    response = {"id": "x", "created_at": 1, "model": "gpt-6-luna", "output": [], "usage": RESPONSES}
    message = {
        "id": "x",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude-haiku-5-5",
        "usage": CLAUDE,
    }
    built = Response.construct(**response)
    return [
        ChatCompletion.model_validate(chat),
        ChatCompletionChunk.model_validate(chunk),
        built,
        ResponseCompletedEvent.construct(type="response.completed", response=built),
        Message.model_validate(message),
        ChatCompletionOutput.parse_obj_as_instance(chat | {"system_fingerprint": ""}),
        chat,
        message,
    ]


def test_responses_and_their_usage_of_every_sdk_are_read():
    for response in sdk_responses():
        cost = calculate_cost(response, at=DAY)
        assert (cost.input_tokens, cost.output_tokens) == (1000, 200)
        assert (cost.cached_tokens, cost.reasoning_tokens) == (400, 50)
        claude = cost.model == "claude-haiku-5-5"
        # 캐시 빼고 500(claude)/600, 캐시 읽기 400, 1시간 캐시 쓰기 100(claude), 출력 200
        want = "0.000174" if claude else "0.000164"
        assert cost.usd == Decimal(want)
        usage = getattr(response, "usage", None) or (response["usage"] if isinstance(response, dict) else None)
        if usage is not None:
            assert calculate_cost(usage, cost.model, at=DAY).usd == cost.usd


def test_groq_is_known_by_its_answer():
    usage = {"prompt_tokens": 1000, "completion_tokens": 200, "queue_time": 0.01, "total_time": 0.2}
    assert calculate_cost({"model": "openai/gpt-oss-20b", "usage": usage}).usd == Decimal("0.000135")
    last_chunk = {"model": "openai/gpt-oss-20b", "choices": [], "x_groq": {"usage": usage}}
    assert calculate_cost(last_chunk, "openai/gpt-oss-20b").usd == Decimal("0.000135")


def test_thinking_that_gemini_leaves_out_of_completion_tokens_is_paid():
    usage = {"prompt_tokens": 20, "completion_tokens": 424, "total_tokens": 1016}
    cost = calculate_cost(usage, "gemini-2.5-flash-lite")
    assert (cost.output_tokens, cost.reasoning_tokens) == (996, 572)


def test_flex_and_batch_have_their_own_price():
    flex = calculate_cost({"model": "gpt-6-luna", "service_tier": "flex", "usage": CHAT}, at=DAY).usd
    batch = calculate_cost(CHAT, "gpt-6-luna", at=DAY, batch=True).usd
    standard = calculate_cost({"model": "gpt-6-luna", "service_tier": "default", "usage": CHAT}, at=DAY).usd
    assert flex == batch == standard / 2
    with pytest.raises(UnknownPrice, match="2026-10-14부터의 단가만"):
        calculate_cost(CHAT, "gpt-6-luna", at=datetime.date(2026, 10, 1), batch=True)
    with pytest.raises(UnknownPrice, match="inference_geo"):
        calculate_cost({"model": "claude-haiku-5-5", "usage": CLAUDE | {"inference_geo": "us"}}, at=DAY)


def test_price_changes_at_utc_midnight():
    day = datetime.date(2025, 6, 10)
    seoul = ZoneInfo("Asia/Seoul")
    old = calculate_cost(CHAT, "o3", at=datetime.datetime(2025, 6, 10, 8, 59, tzinfo=seoul))
    new = calculate_cost(CHAT, "o3", at=datetime.datetime(2025, 6, 10, 9, 0, tzinfo=seoul))
    assert (old.price_date, new.price_date) == (day - datetime.timedelta(1), day)
    assert old.usd > new.usd == calculate_cost(CHAT, "o3", at=day).usd


# --- 모르는 것은 오류입니다 ---


@pytest.mark.parametrize(
    ("usage", "says"),
    [
        ({"promt_tokens": 3, "completion_tokens": 1}, "혹시 'prompt_tokens'입니까"),
        ({"prompt_tokens": 3, "completion_token": 1}, "혹시 'completion_tokens'입니까"),
        ({"prompt_tokens": 3, "prompt_tokens_details": {"cache_tokens": 1}}, "혹시 'cached_tokens'입니까"),
        ({"prompt_tokens": 3, "zzz": 1}, "모르는 이름"),
        ({"prompt_tokens": 3, "zzz": {"deep": 1}}, "모르는 이름"),
        ({"prompt_tokens": True, "completion_tokens": 1}, "0 이상의 정수"),
        ({"prompt_tokens": -1, "completion_tokens": 1}, "0 이상의 정수"),
        ({"prompt_tokens": float("nan"), "completion_tokens": 1}, "0 이상의 정수"),
        ({"prompt_tokens": 1.5, "completion_tokens": 1}, "0 이상의 정수"),
        ({"prompt_tokens": "12", "completion_tokens": 1}, "0 이상의 정수"),
        ({"output_tokens": 3}, "입력 토큰이 없습니다"),
        ({"total_tokens": 3}, "입력 토큰이 없습니다"),
        ({}, "입력 토큰이 없습니다"),
        ({"prompt_tokens": 3, "input_tokens": 4, "output_tokens": 1}, "서로 다릅니다"),
        (
            {"prompt_tokens": 3, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}},
            "맞지 않습니다",
        ),
        ({"input_tokens": 3, "output_tokens": 1, "iterations": [{"type": "compaction"}]}, "compaction"),
        ({"choices": [], "model": "gpt-4o", "usage": None}, "include_usage"),
        ("text", "usage를 읽을 수 없습니다"),
        (None, "usage를 읽을 수 없습니다"),
        (3, "usage를 읽을 수 없습니다"),
    ],
)
def test_usage_that_cannot_be_read_is_refused(usage, says):
    with pytest.raises(ValueError, match=says):
        calculate_cost(usage, "gpt-4o-mini")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("gpt-4o-minii", "혹시 'gpt-4o-mini'"),
        ("gemini-2.5-flash-litee", "혹시 'gemini-2.5-flash-lite'"),
        ("claude-haiku-5-6", "혹시 'claude-haiku-5-5'"),
        ("openai/gpt-oss-20b", "'groq/openai/gpt-oss-20b'"),
        ("google/gemma-3-27b-it", "파는 곳마다"),
        ("meta-llama/Llama-3.1-8B-Instruct", "huggingface/meta-llama/Llama-3.1-8B-Instruct:"),
        ("smollm2-135m", "'local/smollm2-135m'"),
        ("whisper-1", "토큰 단가"),
    ],
)
def test_unknown_model_names_the_nearest_right_thing(model, says):
    with pytest.raises(UnknownPrice, match=says):
        calculate_cost({"prompt_tokens": 1, "completion_tokens": 1}, model)


def test_unpriced_kind_is_not_zero():
    with pytest.raises(UnknownPrice, match="output_tokens"):
        calculate_cost({"prompt_tokens": 10, "completion_tokens": 1}, "text-embedding-3-small")


@pytest.mark.parametrize(
    ("model", "usd"),
    [("text-embedding-3-small", "0.02"), ("text-embedding-3-large", "0.13"), ("gemini-embedding-001", "0.15")],
)
def test_an_embedding_costs_its_input_only(model, usd):
    cost = calculate_cost({"prompt_tokens": 1_000_000, "total_tokens": 1_000_000}, model)
    assert (cost.usd, cost.output_tokens) == (Decimal(usd), 0)


def test_what_is_not_known_of_embeddings_and_file_search_is_said():
    used = {"prompt_tokens": 10, "total_tokens": 10}
    with pytest.raises(UnknownPrice, match="batch"):
        calculate_cost(used, "text-embedding-3-small", batch=True)
    with pytest.raises(UnknownPrice, match="local/multilingual-e5-small"):
        calculate_cost(used, "multilingual-e5-small")
    asked = {"model": "gpt-6-luna", "usage": {"input_tokens": 10, "output_tokens": 10, "total_tokens": 20}}
    searched = asked | {"output": [{"type": "file_search_call"}]}
    assert calculate_cost(searched).usd - calculate_cost(asked).usd == Decimal("0.0025")


@pytest.mark.parametrize("at", [datetime.datetime(2026, 11, 21), "2026-11-21", 20261121])
def test_naive_time_is_refused(at):
    with pytest.raises(ValueError, match="시간대가 없는|날짜여야"):
        calculate_cost(CHAT, "gpt-4o-mini", at=at)


@pytest.mark.parametrize("model", [None, "", 3, ["gpt-4o"]])
def test_model_is_asked_for(model):
    with pytest.raises(ValueError, match="모델"):
        calculate_cost(CHAT, model)


def test_local_models_are_free_by_statement():
    cost = calculate_cost(CHAT, "local/smollm2-135m")
    assert (cost.usd, cost.source) == (0, "무료: 내 컴퓨터에서 실행합니다")
    assert price(read(CHAT), "gemma3:1b", "local", DAY).usd == 0
    assert find_rates("ollama/gemma3:1b", None, DAY).per_million() == 0


# --- Cost와 Krw ---


def test_costs_add_up_and_multiply_exactly():
    one = calculate_cost(CHAT, "gpt-6-luna", at=DAY)
    other = calculate_cost(CLAUDE, "claude-haiku-5-5", at=DAY)
    both = sum([one, other, one])
    assert both.usd == one.usd * 2 + other.usd
    assert both.input_tokens == 3000 and both.model == "gpt-6-luna, claude-haiku-5-5"
    assert (one * 1_000_000).usd == one.usd * 1_000_000
    for times in (-1, 1.5, True):
        with pytest.raises(ValueError, match="0 이상의 정수"):
            one * times


def test_the_notebook_may_change_the_decimal_precision():
    want = calculate_cost(CHAT, "gpt-6-luna", at=DAY)
    find_rates.cache_clear()
    with decimal.localcontext(prec=2):
        got = calculate_cost(CHAT, "gpt-6-luna", at=DAY)
        assert got == want and (got + got).usd == (want + want).usd and to_krw(got) == to_krw(want)


def test_every_printed_cost_shows_its_date():
    cost = calculate_cost(CHAT, "gpt-6-luna", at=DAY)
    assert str(cost) == "0.000164 USD, 0.219원 (gpt-6-luna, 2026-11-21 가격)"
    assert f"{cost:.7f}" == "0.0001640" and f"{cost}" == str(cost)
    for shown in (cost._repr_html_(), cost._repr_markdown_()):
        assert "2026-11-21 기준 가격(genai-prices 0.2.3" in shown and str(RATE_DATE) in shown
        assert "0.219원" in shown and "$" not in shown
    assert "2026-10-30" in str(to_krw(1)) and "직접 준 환율" in str(to_krw(1, rate=1400))


def test_krw():
    assert to_krw("0.1", rate=1400) == 140
    assert to_krw(1, rate=1000, vat=True) == 1100 and "부가세" in str(to_krw(1, vat=True))
    assert to_krw(1).rate_date == RATE_DATE and to_krw(1, rate=1).rate_date is None
    assert to_krw(0.1, rate=1000) == 100  # 0.1이 0.1000000000000000055로 읽히지 않습니다
    for bad in ("", "열", float("nan"), True, None, float("inf")):
        with pytest.raises(ValueError, match="숫자"):
            to_krw(bad)
    with pytest.raises(ValueError, match="0보다"):
        to_krw(1, rate=0)


def test_krw_can_be_made_by_hand_and_pickled():
    assert repr(Krw(5)) == str(Krw(5)) == "5.00원" and Krw(5) + 1 == 6
    won = to_krw(1, vat=True)
    again = pickle.loads(pickle.dumps(won))
    assert again == won == copy.deepcopy(won) and str(again) == str(won)


def test_adding_costs_keeps_names_with_commas_whole():
    one = calculate_cost(CHAT, "gpt-6-luna", at=DAY)
    noted = replace(one, note="하나, 둘", model="a, b")
    both = noted + one + noted + one
    assert (both.note, both.model) == ("하나, 둘", "a, b, gpt-6-luna")
    assert (both * 2 + noted).model == "a, b, gpt-6-luna" and both.source == one.source


def test_calc_cost_adds_where_the_old_formula_multiplied():
    cost = calc_cost("아버지가 방에 들어가신다.", "안녕하세요.", "gpt-4o", 1000)
    assert cost.usd == 1000 * (10 * Decimal("2.5e-6") + 3 * Decimal("10e-6"))
    assert not cost.note and "가정" in calc_cost("글", "글", "gpt-6-luna").note
    assert isinstance(cost, Cost)


def test_a_line_break_in_a_name_does_not_break_the_table() -> None:
    cost = calculate_cost({"prompt_tokens": 1, "completion_tokens": 1}, "local/a\n\n# b\u2028c")
    rows = [line for line in cost._repr_markdown_().splitlines() if line.startswith("|")]
    assert len(rows) == 5 and {row.count("|") for row in rows} == {6}
    assert "a  # b c" in cost._table().to_text()
