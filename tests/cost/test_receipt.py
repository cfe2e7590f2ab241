"""영수증: 무엇에 얼마가 들었고, 무엇을 모르는지 적혀 있습니다."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal

import openai
import pytest

import llmkit
from llmkit.common.ledger import Call, read_usage
from llmkit.cost.calculate import calculate_cost
from llmkit.cost.krw import to_krw
from llmkit.cost.receipt import Receipt
from llmkit.replay.cassette import Cassette, Exchange

DAY = datetime.date(2026, 11, 21)
CHAT = {"prompt_tokens": 1000, "completion_tokens": 200, "prompt_tokens_details": {"cached_tokens": 400}}
CLAUDE = {"input_tokens": 500, "output_tokens": 200, "output_tokens_details": {"thinking_tokens": 50}}


def call(
    provider="openai",
    provenance="live",
    model="gpt-6-luna",
    status=200,
    usage=CHAT,
    path="/chat/completions",
    **rest,
):
    return Call(provider, path, provenance, model, status, usage=usage, **rest)


def shown(receipt):
    """세 가지 모습. 어느 것을 보든 같은 말이 있어야 합니다."""
    return [str(receipt), receipt._repr_html_(), receipt._repr_markdown_().replace("\\", "")]


def test_totals_by_provider_and_model():
    receipt = Receipt(
        [call(), call(), call("anthropic", model="claude-haiku-5-5", usage=CLAUDE, path="/messages")], DAY
    )
    openai, anthropic = receipt.rows
    one = calculate_cost(CHAT, "gpt-6-luna", at=DAY).usd
    assert (openai.provider, openai.model, openai.calls, openai.cost.usd) == (
        "openai",
        "gpt-6-luna",
        2,
        2 * one,
    )
    assert (openai.cost.input_tokens, openai.cost.cached_tokens) == (2000, 800)
    assert (anthropic.cost.output_tokens, anthropic.cost.reasoning_tokens) == (200, 50)
    assert receipt.usd == 2 * one + anthropic.cost.usd and receipt.krw == to_krw(receipt.usd)
    for text in shown(receipt):
        assert "2,000 (800)" in text and "200 (50)" in text and "2,500 (800)" in text
        assert "2026-11-21 기준 가격(genai-prices 0.2.3)" in text and "2026-10-30" in text
        assert "실제로 호출했다면" not in text


def test_replay_tells_what_a_live_run_would_have_cost():
    receipt = Receipt([call(provenance="authored"), call(provenance="recorded")], DAY)
    assert [row.basis for row in receipt.rows] == ["샘플", "녹화"] and receipt.usd > 0
    for text in shown(receipt):
        assert "실제로 호출했다면" in text and "샘플" in text and "실제로 든 돈: 0 USD" in text


def test_live_calls_among_replayed_ones_are_told_apart():
    receipt = Receipt([call(), call(provenance="authored")], DAY)
    spent = receipt.rows[0].cost.usd
    assert receipt.usd == 2 * spent
    assert all("실제로 든 돈: 0.000164 USD" in text for text in shown(receipt)) and spent == Decimal("0.000164")


def test_unknown_prices_stand_apart_and_are_never_zero():
    calls = [
        call(),
        call(model="gpt-99"),
        call("huggingface", model="openai/gpt-oss-20b"),
        call(usage={"zzz": 1}),
    ]
    receipt = Receipt(calls, DAY)
    assert [row.model for row in receipt.rows] == ["gpt-6-luna"] and len(receipt.unknown) == 3
    assert all(row.cost is None and row.reason for row in receipt.unknown)
    for text in shown(receipt):
        assert "gpt-99 1번" in text and "인퍼런스 제공자마다" in text and "모르는 이름" in text


def test_an_answer_without_usage_is_unknown():
    broken = call(usage=None, error="RemoteProtocolError")
    half = call("anthropic", model="claude-haiku-5-5", usage=CLAUDE | {"output_tokens": 1}, error="ReadError")
    receipt = Receipt([broken, call(usage=None), half], DAY)
    assert not receipt.rows and len(receipt.unknown) == 3 and receipt.failed_tries == 0
    assert "도중에 끊겨(RemoteProtocolError)" in str(receipt)


def test_a_failed_try_costs_nothing_and_is_counted_apart():
    failed = [call(status=429, usage=None), call(status=None, usage=None, error="ConnectError")]
    receipt = Receipt([*failed, call()], DAY)
    assert (receipt.failed_tries, receipt.rows[0].calls) == (2, 1)
    assert all("시도 2번" in text for text in shown(receipt))


def test_asking_about_models_or_counting_tokens_is_no_purchase():
    lookups = [call(usage=None, path=path, method="GET") for path in ("/models", "/api/models/a/b", "/files/f/content")]
    free = (
        "/messages/count_tokens",
        "/responses/input_tokens",
        "/moderations",
        "/files",
        "/batches",
        "/batches/b/cancel",
    )
    lookups += [call(usage=None, path=path) for path in free]
    receipt = Receipt(lookups, DAY)
    assert not receipt.rows and not receipt.unknown


def test_fetching_a_stored_answer_again_is_no_purchase():
    again = call(path="/responses/resp_1", method="GET")
    receipt = Receipt([call(path="/responses"), again, again, call(path="/batches/b_1", method="GET")], DAY)
    assert (receipt.rows[0].calls, receipt.usd) == (1, Decimal("0.000164"))


def test_the_session_writes_down_the_method_and_the_tier(tmp_path):
    answer = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5", "output": [], "status": "completed",
              "service_tier": "priority", "usage": {"input_tokens": 1000, "output_tokens": 1000, "total_tokens": 2000}}  # fmt: skip
    asked = {"model": "gpt-5", "input": "안녕"}
    exchanges = [
        Exchange(
            "authored",
            "openai",
            method,
            path,
            body,
            200,
            {"content-type": "application/json"},
            json.dumps(answer).encode(),
        )
        for method, path, body in (("POST", "/responses", asked), ("GET", "/responses/resp_1", ""))
    ]
    file = tmp_path / "one.json"
    Cassette(file, DAY, exchanges=exchanges).save()
    with llmkit.setup(cassette=file, mode="replay", pace=0) as session:
        client = openai.OpenAI()
        client.responses.create(**asked)
        client.responses.retrieve("resp_1")
        assert [call.method for call in session.calls] == ["POST", "GET"]
        (row,) = session.receipt().rows
    assert (row.calls, row.cost.usd) == (1, Decimal("0.0225"))
    assert Receipt(map(Exchange.as_call, exchanges), DAY, planned=True).usd == Decimal("0.0225")


@pytest.mark.parametrize("error", ["ReadTimeout", "WriteTimeout", "RemoteProtocolError", "CancelledError"])
def test_a_call_that_nobody_answered_may_have_been_billed(error):
    receipt = Receipt([call(status=None, usage=None, error=error), call(status=None, usage=None)], DAY)
    assert (receipt.failed_tries, [row.calls for row in receipt.unknown]) == (0, [1, 1])
    for text in shown(receipt):
        assert f"끝나({error}) 요금을 알 수 없음" in text and "아직 기다리는 중" in text


@pytest.mark.parametrize("error", ["ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"])
def test_a_call_that_never_left_costs_nothing(error):
    receipt = Receipt([call(status=None, usage=None, error=error)], DAY)
    assert receipt.failed_tries == 1 and not receipt.unknown
    waiting = [
        call(status=None, usage=None, error="ReadTimeout", method="GET"),
        call("local", status=None, usage=None),
    ]
    assert Receipt(waiting, DAY).failed_tries == 2


@pytest.mark.parametrize("path", ["/audio/speech", "/images/generations", "/models/m:generateContent"])
def test_a_call_that_reports_no_usage_is_unknown_and_not_called_a_stream(path):
    (row,) = Receipt([call(usage=None, path=path)], DAY).unknown
    assert path in row.reason and "스트림" not in row.reason


# --- 배치 ---

OPENAI_RESULTS = b"""{"id": "r1", "custom_id": "a", "response": {"status_code": 200, "body": {"id": "c1", "model": "gpt-6-luna", "usage": {"prompt_tokens": 1000, "completion_tokens": 200}}}, "error": null}
{"id": "r2", "custom_id": "b", "response": {"status_code": 200, "body": {"id": "c2", "model": "gpt-6-luna", "usage": {"prompt_tokens": 1000, "completion_tokens": 200}}}, "error": null}
{"id": "r3", "custom_id": "c", "response": {"status_code": 400, "body": {"error": {"message": "no"}}}, "error": null}
"""
CLAUDE_RESULTS = b"""{"custom_id":"a","result":{"type":"succeeded","message":{"id":"m1","model":"claude-haiku-5-5","usage":{"input_tokens":1000,"output_tokens":200,"service_tier":"batch"}}}}
{"custom_id":"b","result":{"type":"errored","error":{"type":"invalid_request"}}}
{"custom_id":"c","result":{"type":"expired"}}
"""


@pytest.mark.parametrize(
    ("provider", "path", "content", "calls", "one"),
    [
        (
            "openai",
            "/files/f_1/content",
            OPENAI_RESULTS,
            2,
            {"prompt_tokens": 1000, "completion_tokens": 200},
        ),
        (
            "anthropic",
            "/messages/batches/b/results",
            CLAUDE_RESULTS,
            1,
            {"input_tokens": 1000, "output_tokens": 200},
        ),
    ],
)
def test_a_batch_is_billed_once_from_its_results_at_batch_price(provider, path, content, calls, one):
    usage, _ = read_usage(content, None)
    poll = [call(provider, path="/batches/b", method="GET", usage=CHAT)] * 2
    receipt = Receipt([*poll, *[call(provider, model=None, path=path, method="GET", usage=usage)] * 3], DAY)
    model = "gpt-6-luna" if provider == "openai" else "claude-haiku-5-5"
    assert [(row.model, row.calls) for row in receipt.rows] == [(model, calls)] and not receipt.unknown
    assert receipt.usd == calls * calculate_cost(one, model, at=DAY, batch=True).usd
    assert receipt.usd == calls * calculate_cost(one, model, at=DAY).usd / 2


def test_an_answer_that_speaks_of_custom_id_is_no_batch():
    answer = {
        "model": "m",
        "choices": [{"message": {"content": '"custom_id"'}}],
        "usage": {"prompt_tokens": 3},
    }
    assert read_usage(json.dumps(answer).encode(), None) == ({"prompt_tokens": 3}, "m")
    input_file = b'{"custom_id": "a", "method": "POST", "body": {"model": "m"}}\n'
    assert read_usage(input_file, None) == (None, None)


def test_local_models_cost_nothing_by_statement():
    receipt = Receipt([call("local", model="smollm2-135m")], DAY)
    assert receipt.usd == 0 and receipt.rows[0].calls == 1
    assert all("내 컴퓨터에서 실행하므로 0원" in text for text in shown(receipt))


def test_groq_and_gemini_models_are_found_by_their_provider():
    receipt = Receipt(
        [call("groq", model="openai/gpt-oss-20b"), call("gemini", model="models/gemini-2.5-flash-lite")], DAY
    )
    assert [row.cost.source for row in receipt.rows] == [
        "genai-prices 0.2.3의 groq",
        "genai-prices 0.2.3의 google",
    ]


def test_an_empty_receipt_says_so():
    assert all("호출이 없습니다" in text for text in shown(Receipt([], DAY)))


def test_a_model_name_cannot_break_the_page():
    receipt = Receipt([call(model="<b>|*x*|`y`</b>")], DAY)
    assert "<b>|*x*" not in receipt._repr_html_() and "<b>" not in receipt._repr_markdown_()


def test_columns_line_up_with_korean_names():
    lines = str(Receipt([call("local", model="한국어-모델"), call("local", model="smollm2")], DAY)).splitlines()
    width = [sum(2 if ord(char) > 0x1100 else 1 for char in line) for line in lines[1:5]]
    assert len(set(width)) == 1


def test_an_answer_of_a_gateway_is_priced_by_the_gateway_or_unknown():
    through = {"usage": CHAT, "model": "gpt-4o"}
    known = Receipt([call(host="openrouter.ai", **{**through, "model": "openai/gpt-4o"})], DAY)
    assert known.rows[0].cost.source.endswith("openrouter")
    for host in ("eu.api.openai.com", "api.upstage.ai"):
        receipt = Receipt([call(host=host, **through)], DAY)
        assert receipt.usd == 0 and host in receipt.unknown[0].reason


def test_a_recorded_gateway_is_named_unverified():
    receipt = Receipt([call(provenance="unverified", host="openrouter.ai", model="openai/gpt-4o")], DAY)
    assert receipt.rows[0].basis == "확인 안 됨"
    for text in shown(receipt):
        assert "확인 안 됨: 제공자가 아닌 곳(게이트웨이)" in text


def test_cancelling_and_being_redirected_cost_nothing():
    calls = [call(path="/responses/r1/cancel"), call(status=307, usage=None)]
    receipt = Receipt(calls, DAY)
    assert receipt.usd == 0 and not receipt.rows and not receipt.unknown


def test_batch_lines_without_an_id_of_the_answer_are_counted_once():
    line = {"id": "batch_req_1", "custom_id": "a", "response": {"body": {"model": "gpt-5", "usage": CHAT}}}
    usage, _ = read_usage(json.dumps(line).encode(), None)
    got = call(path="/files/f/content", method="GET", usage=usage)
    assert Receipt([got, got], DAY).rows[0].calls == 1
