"""제공자를 대신하는 서버를 진짜 SDK로 불러 봅니다: 답, 제한, 오류, 끊긴 연결, 대본."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anthropic
import httpx
import httpx2
import huggingface_hub
import nbformat
import openai
import pytest
from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError

from llmkit.commands.record import HOSTED, Unfinished
from llmkit.local import LocalServer
from llmkit.replay.cassette import Cassette
from tests.authoring.provider import redirect, tokens
from tests.authoring.provider.errors import ANTHROPIC_IN_STREAM, OPENAI_IN_STREAM
from tests.authoring.provider.profiles import PROFILES
from tests.authoring.provider.script import FOLDER, HTTP_FAULTS, IN_STREAM, Script
from tests.authoring.provider.testing import QUICK, stand_in
from tests.authoring.recording import FAKE_KEYS, record_with
from tests.loopback import free_port

ROOT = Path(__file__).resolve().parents[2]
ANSWER = "대한민국의 수도는 **서울**입니다. 뷁도 온전한 글자로 옵니다 😀"
CAPITAL = f"""
[[entry]]
contains = "수도"
reasoning_tokens = 8
answer = "{ANSWER}"
"""
ASK = [{"role": "user", "content": "대한민국의 수도는?"}]
GPT, CLAUDE, LLAMA = "gpt-6-luna", "claude-haiku-5-5", "meta-llama/Llama-3.1-8B-Instruct"


@pytest.fixture
def capital():
    with stand_in(CAPITAL) as server:
        yield server


@functools.cache
def clients(**options):
    return (
        openai.OpenAI(api_key="sk-test", max_retries=0, **options),
        anthropic.Anthropic(api_key="sk-ant-test", max_retries=0, **options),
        huggingface_hub.InferenceClient(token="hf_test", **options),
    )


# 답: 세 SDK, 동기와 비동기, 스트림과 한 번에


def test_every_sdk_gets_the_scripted_answer(capital):
    gpt, claude, llama = clients()
    chat = gpt.chat.completions.create(model=GPT, messages=ASK)
    response = gpt.responses.create(model=GPT, input=ASK[0]["content"])
    message = claude.messages.create(model=CLAUDE, max_tokens=100, messages=ASK)
    completion = llama.chat_completion(ASK, model=LLAMA)

    texts = [
        chat.choices[0].message.content,
        response.output_text,
        message.content[1].text,
        completion.choices[0].message.content,
    ]
    assert texts == [ANSWER] * 4
    assert chat.id.startswith("chatcmpl-authored-") and chat.system_fingerprint is None
    assert response.id.startswith("resp_authored_") and message.id.startswith("msg_authored_")
    assert chat._request_id.startswith("req_authored_") and message._request_id.startswith("req_authored_")
    assert chat.created == response.created_at == 1795219200  # 대본의 date


def test_every_sdk_gets_the_same_answer_as_a_stream(capital):
    gpt, claude, llama = clients()
    chunks = list(gpt.chat.completions.create(model=GPT, messages=ASK, stream=True))
    events = list(gpt.responses.create(model=GPT, input=ASK[0]["content"], stream=True))
    with claude.messages.stream(model=CLAUDE, max_tokens=100, messages=ASK) as stream:
        pieces = list(stream.text_stream)
        message = stream.get_final_message()
    chunks_of_llama = list(llama.chat_completion(ASK, model=LLAMA, stream=True))
    deltas = [c.choices[0].delta.content for c in chunks_of_llama[:-1]]
    assert chunks_of_llama[-1].choices == [] and chunks_of_llama[-1].usage.completion_tokens > 8  # 부탁하지 않은 사용량

    assert "".join(c.choices[0].delta.content or "" for c in chunks) == ANSWER
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == ANSWER
    assert "".join(pieces) == message.content[1].text == ANSWER
    assert "".join(d or "" for d in deltas) == ANSWER
    assert events[-1].response.output_text == ANSWER
    # 토큰마다 한 조각이지만, 한 글자가 여러 토큰이면 글자 하나가 한 조각입니다.
    sent = [c.choices[0].delta.content for c in chunks if c.choices[0].delta.content]
    assert sent == [piece for piece, _ in tokens.pieces(ANSWER)]
    assert " 뷁" in sent and 10 < len(sent) < tokens.count(ANSWER)


def test_async_clients(capital):
    async def ask():
        async with (
            openai.AsyncOpenAI(api_key="sk-test") as gpt,
            anthropic.AsyncAnthropic(api_key="k") as claude,
        ):
            chat = await gpt.chat.completions.create(model=GPT, messages=ASK)
            stream = await gpt.responses.create(model=GPT, input="수도?", stream=True)
            deltas = [e.delta async for e in stream if e.type == "response.output_text.delta"]
            async with claude.messages.stream(model=CLAUDE, max_tokens=100, messages=ASK) as stream:
                pieces = [piece async for piece in stream.text_stream]
        async with huggingface_hub.AsyncInferenceClient(token="hf_test") as llama:
            completion = await llama.chat_completion(ASK, model=LLAMA)
        return (
            chat.choices[0].message.content,
            "".join(deltas),
            "".join(pieces),
            completion.choices[0].message.content,
        )

    assert asyncio.run(ask()) == (ANSWER,) * 4


@pytest.mark.parametrize(
    ("base_url", "model"),
    [
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "gemini-2.5-flash-lite"),
        ("https://api.groq.com/openai/v1", "openai/gpt-oss-20b"),
        ("https://router.huggingface.co/v1", "openai/gpt-oss-20b:groq"),
    ],
)
def test_openai_compatible_providers_are_told_apart_by_host(capital, base_url, model):
    client = openai.OpenAI(api_key="k", base_url=base_url)
    asked = {"model": model, "messages": ASK, "stream": True, "stream_options": {"include_usage": True}}
    assert client.chat.completions.create(model=model, messages=ASK).choices[0].message.content == ANSWER
    chunks = list(client.chat.completions.create(**asked))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == ANSWER
    groq = [c.x_groq["usage"] for c in chunks if "usage" in (getattr(c, "x_groq", None) or {})]
    usage = groq[0] if groq else chunks[-1].usage.model_dump()
    assert bool(groq) == ("groq.com" in base_url)
    assert usage["completion_tokens"] == tokens.count(ANSWER) + 8


def test_usage_adds_up_and_counts_reasoning(capital):
    gpt, claude, _ = clients()
    usage = gpt.chat.completions.create(model=GPT, messages=ASK).usage
    assert usage.completion_tokens_details.reasoning_tokens == 8
    assert usage.completion_tokens == tokens.count(ANSWER) + 8
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    last = list(
        gpt.chat.completions.create(model=GPT, messages=ASK, stream=True, stream_options={"include_usage": True})
    )[-1]
    assert last.usage == usage and last.choices == []
    counted = claude.messages.count_tokens(model=CLAUDE, messages=ASK).input_tokens
    assert counted == claude.messages.create(model=CLAUDE, max_tokens=100, messages=ASK).usage.input_tokens
    assert (
        counted == gpt.responses.input_tokens.count(model=GPT, input=ASK).input_tokens + 1
    )  # 추론 모델은 하나 적습니다


def test_output_limit_cuts_the_answer_and_says_so(capital):
    gpt, claude, _ = clients()
    chat = gpt.chat.completions.create(model=GPT, messages=ASK, max_completion_tokens=12)
    assert chat.choices[0].finish_reason == "length" and chat.usage.completion_tokens == 12
    text = chat.choices[0].message.content
    assert text and ANSWER.startswith(text) and tokens.count(text) == 12 - 8  # 추론 토큰이 먼저 씁니다
    response = gpt.responses.create(model=GPT, input="수도?", max_output_tokens=12)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert response.output_text == text
    events = list(gpt.responses.create(model=GPT, input="수도?", max_output_tokens=12, stream=True))
    assert events[-1].type == "response.incomplete" and events[-1].response.status == "incomplete"
    assert claude.messages.create(model=CLAUDE, max_tokens=12, messages=ASK).stop_reason == "max_tokens"
    # 꼭 맞는 제한은 자르지 않습니다.
    whole = tokens.count(ANSWER) + 8
    for limit, reason in ((whole, "stop"), (whole - 1, "length")):
        chat = gpt.chat.completions.create(model=GPT, messages=ASK, max_completion_tokens=limit)
        assert (chat.choices[0].finish_reason, chat.usage.completion_tokens) == (reason, limit)
    # 추론만으로 제한을 다 쓰면 빈 답입니다.
    empty = gpt.chat.completions.create(model=GPT, messages=ASK, max_completion_tokens=5)
    assert empty.choices[0].message.content == "" and empty.choices[0].finish_reason == "length"
    assert gpt.responses.create(model=GPT, input="수도?", max_output_tokens=5).output_text == ""


# 추론: 오늘의 기본 모델은 부탁하지 않아도 먼저 생각합니다

PLAIN = '[[entry]]\nprompt = "답"\nanswer = "네."\n'
SCRIPTED = PLAIN + "reasoning_tokens = 8\n"
SAY = [{"role": "user", "content": "답"}]


def reasoning_of_gpt(gpt, **options):
    chat = gpt.chat.completions.create(model=options.pop("model", GPT), messages=SAY, **options)
    assert chat.choices[0].message.content == "네."
    assert chat.usage.completion_tokens == tokens.count("네.") + chat.usage.completion_tokens_details.reasoning_tokens
    return chat.usage.completion_tokens_details.reasoning_tokens


def thinking_of_claude(claude, **options):
    model = options.pop("model", CLAUDE)
    whole = claude.messages.create(model=model, max_tokens=2000, messages=SAY, **options)
    with claude.messages.stream(model=model, max_tokens=2000, messages=SAY, **options) as stream:
        streamed = stream.get_final_message()
    assert [block.type for block in streamed.content] == [block.type for block in whole.content]
    assert streamed.content[-1].text == whole.content[-1].text
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert whole.content[-1].text == "네."
    if len(whole.content) == 1:
        assert whole.usage.output_tokens == tokens.count("네.")
        return None
    thinking = whole.content[0]
    assert thinking.signature.startswith("authored") and streamed.content[0].signature.startswith("authored")
    assert streamed.content[0].thinking == thinking.thinking
    spent = whole.usage.output_tokens_details.thinking_tokens
    assert whole.usage.output_tokens == tokens.count("네.") + spent
    return spent, thinking.thinking


def test_the_default_models_think_unless_the_request_says_not_to():
    gpt, claude, _ = clients()
    with stand_in(PLAIN):
        efforts = ["none", "low", "medium", "high"]
        assert [reasoning_of_gpt(gpt, reasoning_effort=effort) for effort in efforts] == [0, 32, 64, 128]
        assert reasoning_of_gpt(gpt) == 64
        assert reasoning_of_gpt(gpt, model="gpt-4o") == reasoning_of_gpt(gpt, model="gpt-5.4") == 0
        assert thinking_of_claude(claude) == (48, "")  # 글은 비어 있고 서명만 있습니다.
        summarized = thinking_of_claude(claude, thinking={"type": "adaptive", "display": "summarized"})
        assert summarized[0] == 48 and summarized[1].startswith("authored: ")
        assert thinking_of_claude(claude, output_config={"effort": "high"})[0] == 96
        assert thinking_of_claude(claude, thinking={"type": "disabled"}) is None
        assert thinking_of_claude(claude, model="claude-haiku-4-5") is None


def test_a_script_sets_how_much_is_thought_but_does_not_turn_it_on():
    gpt, claude, _ = clients()
    with stand_in(SCRIPTED):
        assert reasoning_of_gpt(gpt) == thinking_of_claude(claude)[0] == 8
        assert reasoning_of_gpt(gpt, reasoning_effort="none") == 0
        assert thinking_of_claude(claude, thinking={"type": "disabled"}) is None
    with stand_in(SCRIPTED, profile=PROFILES["no_thinking"]):
        assert reasoning_of_gpt(gpt) == 0 and thinking_of_claude(claude) is None
    with stand_in(SCRIPTED.replace("8", "0")):
        assert reasoning_of_gpt(gpt) == 0 and thinking_of_claude(claude) is None


def test_thinking_can_use_up_the_whole_limit():
    _, claude, _ = clients()
    with stand_in(PLAIN):
        message = claude.messages.create(model=CLAUDE, max_tokens=20, messages=SAY)
        assert [block.type for block in message.content] == ["thinking"]
        assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 20)


def test_a_thinking_answer_can_be_sent_back():
    gpt, claude, _ = clients()
    again = '[[entry]]\nprompt = "다시"\nturns = 3\nanswer = "네, 다시."\n'
    with stand_in(PLAIN + again):
        message = claude.messages.create(model=CLAUDE, max_tokens=200, messages=SAY)
        turns = [*SAY, {"role": "assistant", "content": message.content}, {"role": "user", "content": "다시"}]
        assert claude.messages.create(model=CLAUDE, max_tokens=200, messages=turns).content[-1].text == "네, 다시."
        response = gpt.responses.create(model=GPT, input=SAY)
        assert [item.type for item in response.output] == ["reasoning", "message"]
        turns = [*SAY, *response.output, {"role": "user", "content": "다시"}]
        assert gpt.responses.create(model=GPT, input=turns).output_text == "네, 다시."


def test_gpt_oss_writes_down_what_it_reasons():
    groq = openai.OpenAI(api_key="k", base_url="https://api.groq.com/openai/v1")
    with stand_in(PLAIN):
        chat = groq.chat.completions.create(model="openai/gpt-oss-20b", messages=SAY)
        chunks = list(groq.chat.completions.create(model="openai/gpt-oss-20b", messages=SAY, stream=True))
    written = chat.choices[0].message.reasoning
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert written.startswith("authored: ")
    assert "".join(getattr(delta, "reasoning", None) or "" for delta in deltas) == written
    assert {delta.channel for delta in deltas if getattr(delta, "reasoning", None)} == {"analysis"}
    assert chunks[-1].usage.completion_tokens == chunks[-1].x_groq["usage"]["completion_tokens"]
    assert chat.usage.completion_tokens_details.reasoning_tokens == tokens.count(written)


@pytest.mark.parametrize(
    ("base_url", "model", "unasked"),
    [
        ("https://api.openai.com/v1", GPT, False),
        ("https://api.groq.com/openai/v1", "openai/gpt-oss-20b", True),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "gemini-2.5-flash-lite", True),
        ("https://router.huggingface.co/v1", LLAMA, True),
    ],
)
def test_who_sends_usage_unasked(base_url, model, unasked):
    client = openai.OpenAI(api_key="k", base_url=base_url)

    def usages(**options):
        chunks = client.chat.completions.create(model=model, messages=SAY, stream=True, **options)
        return [chunk.usage.completion_tokens for chunk in chunks if chunk.usage]

    with stand_in(PLAIN):
        assert bool(usages()) == unasked
        assert usages(stream_options={"include_usage": True})[-1] >= tokens.count("네.")
    with stand_in(PLAIN, profile=PROFILES["usage_only_when_asked"]):
        assert usages() == [] and usages(stream_options={"include_usage": True})


def test_obfuscation_hides_the_size_of_a_chunk_unless_it_is_turned_off():
    gpt, _, _ = clients()

    def sizes(**options):
        chunks = gpt.chat.completions.create(model=GPT, messages=SAY, stream=True, **options)
        return [len(getattr(chunk, "obfuscation", None) or "") for chunk in chunks]

    with stand_in(PLAIN):
        assert min(sizes()) >= 4 and len(set(sizes())) > 1 and sizes() == sizes()
        assert set(sizes(stream_options={"include_obfuscation": False})) == {0}
        events = list(gpt.responses.create(model=GPT, input="답", stream=True))
        assert all(e.obfuscation for e in events if e.type == "response.output_text.delta")
        assert [e.item.type for e in events if e.type == "response.output_item.added"] == ["reasoning", "message"]
    with stand_in(PLAIN, profile=PROFILES["no_thinking"]):
        assert set(sizes()) == {0}


def test_the_other_errors_of_the_other_profile():
    def refusal(url, **body):
        response = httpx2.post(f"https://api.openai.com/v1/{url}", json=body, headers={"authorization": "Bearer k"})
        error = response.json()["error"]
        return response.status_code, error["message"], error["code"], response.headers.get("x-should-retry")

    def refusals():
        return [
            refusal("chat/completions", model="gpt-3.5-turbo", messages=SAY),
            refusal("responses", model="gpt-6-lunar", input="답"),
            refusal("responses", model=GPT, input="돈"),
            refusal("responses", model=GPT, input="많음"),
        ]

    script = (
        '[[entry]]\nprompt = "돈"\nfault = "insufficient_quota"\n[[entry]]\nprompt = "많음"\nfault = "rate_limit"\n'
    )
    with stand_in(script):
        retired, unknown, quota, limited = refusals()
        assert retired[::2] == (404, "model_not_found") and "has been deprecated, learn more here" in retired[1]
        assert unknown[::2] == (400, "model_not_found") and "'gpt-6-lunar' does not exist" in unknown[1]
        assert quota[::2] == (429, "credit_balance_exhausted")
        assert [answer[3] for answer in (retired, unknown, quota, limited)] == [None] * 4
    with stand_in(script, profile=PROFILES["other_errors"]):
        retired, unknown, quota, limited = refusals()
        assert retired[0] == 404 and "does not exist or you do not have access to it" in retired[1]
        assert unknown[::2] == (404, "model_not_found") and quota[::2] == (429, "insufficient_quota")
        assert [answer[3] for answer in (retired, unknown, quota, limited)] == ["false", "false", "false", "true"]


def test_stop_ends_the_answer_before_the_stop_string(capital):
    gpt, claude, _ = clients()
    for stop in (["입니다", "**"], ["**", "입니다"], "**"):
        choice = gpt.chat.completions.create(model=GPT, messages=ASK, stop=stop).choices[0]
        assert (choice.message.content, choice.finish_reason) == ("대한민국의 수도는 ", "stop")
    message = claude.messages.create(model=CLAUDE, max_tokens=100, messages=ASK, stop_sequences=["**"])
    assert message.content[-1].text == "대한민국의 수도는 "
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "**")


def test_models_can_be_listed_and_looked_up(capital):
    gpt, claude, _ = clients()
    listed = {model.id for model in gpt.models.list()}
    assert GPT in listed and "gpt-4o" in listed and "gpt-3.5-turbo" not in listed
    assert gpt.models.retrieve(GPT).id == GPT
    assert CLAUDE in {model.id for model in claude.models.list()}
    assert claude.models.retrieve("claude-sonnet-4-5").lifecycle == "deprecated"
    with pytest.raises(openai.NotFoundError):
        gpt.models.retrieve("gpt-3.5-turbo")
    groq = huggingface_hub.InferenceClient(provider="groq", token="hf_test")  # Hub에 제공자 표를 먼저 묻습니다
    assert groq.chat_completion(ASK, model="openai/gpt-oss-20b").choices[0].message.content == ANSWER


def test_thirty_threads_each_get_their_own_answer():
    entries = "".join(f'[[entry]]\nprompt = "{i}번"\nanswer = "답 {i}"\n' for i in range(30))
    with stand_in(entries):
        gpt = openai.OpenAI(api_key="k")

        def ask(i):
            messages = [{"role": "user", "content": f"{i}번"}]
            stream = gpt.chat.completions.create(model=GPT, messages=messages, stream=True)
            return "".join(chunk.choices[0].delta.content or "" for chunk in stream)

        with ThreadPoolExecutor(30) as pool:
            assert list(pool.map(ask, range(30))) == [f"답 {i}" for i in range(30)]


def test_the_same_script_gives_the_same_bytes():
    def bodies():
        with stand_in(CAPITAL), httpx2.Client(headers={"authorization": "Bearer k"}) as client:
            url = "https://api.openai.com/v1/chat/completions"
            body = {"model": GPT, "messages": ASK}
            answers = [client.post(url, json={**body, "stream": stream}) for stream in (False, True, False)]
            return [(r.content, dict(r.headers)) for r in answers]

    first, again = bodies(), bodies()
    assert first == again
    assert first[0] == first[2]  # 되물어도 같은 답이면 id까지 같아서, 두 셀이 물어도 녹화가 부딪히지 않습니다


# 오류: 상태와 본문이 SDK의 어느 예외가 되는가

OPENAI_ERRORS = {
    "invalid_api_key": (openai.AuthenticationError, 401, "invalid_api_key"),
    "permission": (openai.PermissionDeniedError, 403, "model_not_found"),
    "model_not_found": (openai.NotFoundError, 404, "model_not_found"),
    "model_retired": (openai.NotFoundError, 404, "model_not_found"),
    "invalid_request": (openai.BadRequestError, 400, None),
    "unsupported_parameter": (openai.BadRequestError, 400, "unsupported_parameter"),
    "context_length": (openai.BadRequestError, 400, "context_length_exceeded"),
    "request_timeout": (openai.APIStatusError, 408, None),
    "conflict": (openai.ConflictError, 409, "conflict"),
    "too_large": (openai.APIStatusError, 413, "request_too_large"),
    "unprocessable": (openai.UnprocessableEntityError, 422, None),
    "rate_limit": (openai.RateLimitError, 429, "rate_limit_exceeded"),
    "insufficient_quota": (openai.RateLimitError, 429, "credit_balance_exhausted"),
    "spend_limit": (openai.RateLimitError, 429, "project_spend_limit_exceeded"),
    "server_error": (openai.InternalServerError, 500, None),
    "unavailable": (openai.InternalServerError, 503, None),
    "overloaded": (openai.InternalServerError, 503, None),
}
ANTHROPIC_ERRORS = {
    "invalid_api_key": (anthropic.AuthenticationError, 401, "authentication_error"),
    "permission": (anthropic.PermissionDeniedError, 403, "permission_error"),
    "model_not_found": (anthropic.NotFoundError, 404, "not_found_error"),
    "model_retired": (anthropic.NotFoundError, 404, "not_found_error"),
    "invalid_request": (anthropic.BadRequestError, 400, "invalid_request_error"),
    "unsupported_parameter": (anthropic.BadRequestError, 400, "invalid_request_error"),
    "context_length": (anthropic.BadRequestError, 400, "invalid_request_error"),
    "request_timeout": (anthropic.RequestTimeoutError, 408, "timeout_error"),
    "conflict": (anthropic.ConflictError, 409, "conflict_error"),
    "too_large": (anthropic.ContentTooLargeError, 413, "request_too_large"),
    "unprocessable": (anthropic.UnprocessableEntityError, 422, "invalid_request_error"),
    "rate_limit": (anthropic.RateLimitError, 429, "rate_limit_error"),
    "insufficient_quota": (anthropic.PaymentRequiredError, 402, "billing_error"),
    "spend_limit": (anthropic.BadRequestError, 400, "invalid_request_error"),
    "server_error": (anthropic.InternalServerError, 500, "api_error"),
    "unavailable": (anthropic.ServiceUnavailableError, 503, None),
    "overloaded": (anthropic.OverloadedError, 529, "overloaded_error"),
}
EVERY_FAULT = "".join(
    f'[[entry]]\nprompt = "{kind}"\nfault = {{ kind = "{kind}", param = "temperature", retry_after = 7 }}\n'
    for kind in sorted(HTTP_FAULTS)
)


def test_every_http_fault_is_tested():
    assert OPENAI_ERRORS.keys() == ANTHROPIC_ERRORS.keys() == HTTP_FAULTS - {"not_json"}


@pytest.mark.parametrize("kind", OPENAI_ERRORS)
def test_openai_error(kind):
    kind_of_error, status, code = OPENAI_ERRORS[kind]
    with stand_in(EVERY_FAULT):
        gpt = openai.OpenAI(api_key="sk-test", max_retries=0)
        for create in (
            lambda: gpt.chat.completions.create(model=GPT, messages=[{"role": "user", "content": kind}]),
            lambda: gpt.chat.completions.create(model=GPT, messages=[{"role": "user", "content": kind}], stream=True),
            lambda: gpt.responses.create(model=GPT, input=kind),
        ):
            with pytest.raises(openai.APIStatusError) as caught:
                create()
            error = caught.value
            if status == 404 and "responses" in str(error.request.url):  # Responses는 모르는 모델에 400을 줍니다.
                assert (type(error), error.status_code) == (openai.BadRequestError, 400)
            else:
                assert (type(error), error.status_code) == (kind_of_error, status)
            assert error.code == code
            assert ("x-ratelimit-limit-requests" in error.response.headers) == (status == 429)
            assert error.request_id.startswith("req_authored_")
            assert error.response.headers.get("retry-after") == ("7" if kind == "rate_limit" else None)
            assert error.param == ("temperature" if kind != "unavailable" else None)


@pytest.mark.parametrize("kind", ANTHROPIC_ERRORS)
def test_anthropic_error(kind):
    kind_of_error, status, name = ANTHROPIC_ERRORS[kind]
    with stand_in(EVERY_FAULT):
        claude = anthropic.Anthropic(api_key="sk-ant-test", max_retries=0)
        with pytest.raises(anthropic.APIStatusError) as caught:
            claude.messages.create(model=CLAUDE, max_tokens=9, messages=[{"role": "user", "content": kind}])
        error = caught.value
        assert (type(error), error.status_code, error.type) == (kind_of_error, status, name)
        assert error.request_id.startswith("req_authored_")
        assert error.response.headers.get("retry-after") == ("7" if kind == "rate_limit" else None)
        if name and kind != "too_large":
            assert error.body["request_id"] == error.request_id


def test_compatible_providers_have_their_own_error_shapes():
    with stand_in(EVERY_FAULT):
        messages = [{"role": "user", "content": "invalid_api_key"}]
        gemini = openai.OpenAI(api_key="k", base_url="https://generativelanguage.googleapis.com/v1beta/openai/")
        with pytest.raises(openai.BadRequestError) as caught:
            gemini.chat.completions.create(model="gemini-2.5-flash-lite", messages=messages)
        assert caught.value.response.json()[0]["error"]["status"] == "INVALID_ARGUMENT"
        llama = huggingface_hub.InferenceClient(token="hf_test")
        with pytest.raises(HfHubHTTPError) as caught:
            llama.chat_completion(messages, model=LLAMA)
        assert caught.value.response.status_code == 401
        with pytest.raises(huggingface_hub.errors.BadRequestError, match="not supported by any provider"):
            llama.chat_completion(messages, model="no/such-model")


def test_retry_by_the_sdk_reaches_the_second_answer():
    answers = '[{ fault = { kind = "rate_limit", retry_after = 0.05 } }, "됐습니다."]'
    with stand_in(f'[[entry]]\nprompt = "다시"\nanswers = {answers}\n'):
        gpt = openai.OpenAI(api_key="k", max_retries=1)
        for _ in range(2):  # 다른 셀에서 다시 물어도 429 뒤에 성공합니다
            raw = gpt.chat.completions.with_raw_response.create(
                model=GPT, messages=[{"role": "user", "content": "다시"}]
            )
            assert raw.parse().choices[0].message.content == "됐습니다." and raw.retries_taken == 1


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"messages": ASK}, 400, "you must provide a model parameter"),
        ({"model": GPT}, 400, "Missing required parameter: 'messages'."),
        ({"model": GPT, "messages": "안녕"}, 400, "expected an array of objects, but got a string instead."),
        ({"model": GPT, "messages": []}, 400, "Invalid 'messages': empty array"),
        (
            {"model": GPT, "messages": ASK, "temprature": 1},
            400,
            "Unrecognized request argument supplied: temprature",
        ),
        ({"model": "gpt-3.5-turbo", "messages": ASK}, 404, "`gpt-3.5-turbo` has been deprecated, learn more here"),
        ({"model": "gpt-3.5-turba", "messages": ASK}, 404, "`gpt-3.5-turba` does not exist"),
        ({"model": GPT, "messages": ASK, "max_tokens": 5}, 400, "Use 'max_completion_tokens' instead."),
        ({"model": GPT, "messages": ASK, "temperature": 0}, 400, "'temperature' does not support 0"),
        ({"model": GPT, "messages": ASK, "temperature": 0, "reasoning_effort": "none"}, 200, ""),
        ({"model": "gpt-5-nano", "messages": ASK, "top_p": 0.5, "reasoning_effort": "none"}, 400, "'top_p'"),
        ({"model": "gpt-4o", "messages": ASK, "temperature": 0, "max_tokens": 5}, 200, ""),
    ],
)
def test_openai_refuses_what_openai_refuses(capital, body, status, message):
    url = "https://api.openai.com/v1/chat/completions"
    response = httpx2.post(url, json=body, headers={"authorization": "Bearer k"})
    assert response.status_code == status
    assert message in response.json().get("error", {}).get("message", "")


def test_anthropic_refuses_what_anthropic_refuses(capital):
    url, headers = (
        "https://api.anthropic.com/v1/messages",
        {"x-api-key": "k", "anthropic-version": "2023-06-01"},
    )

    def refusal(**body):
        response = httpx2.post(url, json=body, headers=headers)
        return response.status_code, response.json()["error"]["message"]

    assert refusal(model=CLAUDE, messages=ASK) == (400, "max_tokens: Field required")
    assert refusal(max_tokens=5, messages=ASK) == (400, "model: Field required")
    assert refusal(model="claude-sonnet-4-20250514", max_tokens=5, messages=ASK)[0] == 404
    status, message = refusal(model=CLAUDE, max_tokens=5, messages=[{"role": "system", "content": "x"}])
    assert status == 400 and 'Unexpected role "system"' in message


def test_no_key_is_401_and_broken_json_is_400(capital):
    chat = "https://api.openai.com/v1/chat/completions"
    assert httpx2.post(chat, json={"model": GPT, "messages": ASK}).status_code == 401
    assert httpx2.post(chat, content=b"{", headers={"authorization": "Bearer k"}).status_code == 400
    assert httpx2.post("https://api.openai.com/v1/nothing", json={}, headers={"authorization": "k"}).status_code == 404
    messages = httpx2.post("https://api.anthropic.com/v1/messages", json={})
    assert messages.status_code == 401 and messages.json()["error"]["message"] == "x-api-key header is required"


# 끊긴 연결: 소켓에서 진짜로 일어납니다

BROKEN = """
[[entry]]
prompt = "멈춤"
answer = "하나 둘 셋 넷 다섯 여섯 일곱 여덟"
fault = { kind = "stall", after_chunks = 2 }
[[entry]]
prompt = "침묵"
fault = "stall"
[[entry]]
prompt = "닫힘"
fault = "close"
[[entry]]
prompt = "끊김"
answer = "하나 둘 셋 넷 다섯 여섯 일곱 여덟"
fault = "drop"
[[entry]]
prompt = "오류"
answer = "하나 둘 셋 넷 다섯 여섯 일곱 여덟"
fault = "error_event"
[[entry]]
prompt = "프록시"
fault = "not_json"
"""


@pytest.fixture
def broken():
    with stand_in(BROKEN) as server:
        yield server


def openai_stream(client, prompt, got):
    messages = [{"role": "user", "content": prompt}]
    for chunk in client.chat.completions.create(model=GPT, messages=messages, stream=True):
        got += [choice.delta.content for choice in chunk.choices if choice.delta.content]


def anthropic_stream(client, prompt, got):
    messages = [{"role": "user", "content": prompt}]
    with client.messages.stream(model=CLAUDE, max_tokens=99, messages=messages) as stream:
        for piece in stream.text_stream:
            got.append(piece)


def huggingface_stream(client, prompt, got):
    messages = [{"role": "user", "content": prompt}]
    for chunk in client.chat_completion(messages, model=LLAMA, stream=True):
        got += [choice.delta.content for choice in chunk.choices if choice.delta.content]


def test_a_server_that_never_answers_times_out(broken):
    gpt, claude, llama = clients(timeout=0.3)
    with pytest.raises(openai.APITimeoutError):
        gpt.responses.create(model=GPT, input="침묵")
    with pytest.raises(openai.APITimeoutError):
        openai_stream(gpt, "침묵", [])
    with pytest.raises(anthropic.APITimeoutError):
        anthropic_stream(claude, "침묵", [])
    with pytest.raises((InferenceTimeoutError, httpx.ReadTimeout)):
        llama.chat_completion([{"role": "user", "content": "침묵"}], model=LLAMA)


# 스트림의 중간에서 openai는 제 예외로 싸지만, anthropic과 huggingface_hub는 httpx2의 예외를 그대로 냅니다. Colab의 오래된
# openai와 huggingface_hub는 httpx로 보내고 그 예외를 그대로 냅니다.


def test_a_stream_that_stalls_times_out_after_what_came(broken):
    gpt, claude, llama = clients(timeout=0.3)
    first, second, third = [], [], []
    with pytest.raises((openai.APITimeoutError, httpx.ReadTimeout)):
        openai_stream(gpt, "멈춤", first)
    with pytest.raises(httpx2.ReadTimeout):
        anthropic_stream(claude, "멈춤", second)
    with pytest.raises((httpx2.ReadTimeout, httpx.ReadTimeout)):
        huggingface_stream(llama, "멈춤", third)
    assert first == third == ["하", "나"] and second == ["하", "나 둘 셋"]


def test_a_connection_closed_before_the_answer(broken):
    gpt, claude, llama = clients()
    with pytest.raises(openai.APIConnectionError) as caught:
        gpt.responses.create(model=GPT, input="닫힘")
    assert not isinstance(caught.value, openai.APITimeoutError)
    with pytest.raises(anthropic.APIConnectionError):
        claude.messages.create(model=CLAUDE, max_tokens=9, messages=[{"role": "user", "content": "닫힘"}])
    with pytest.raises((httpx2.RemoteProtocolError, httpx.RemoteProtocolError)):
        llama.chat_completion([{"role": "user", "content": "닫힘"}], model=LLAMA)


def test_a_stream_that_breaks_in_the_middle_keeps_what_came(broken):
    gpt, claude, llama = clients()
    first, second, third = [], [], []
    with pytest.raises((openai.APIConnectionError, httpx.RemoteProtocolError)):
        openai_stream(gpt, "끊김", first)
    with pytest.raises(httpx2.RemoteProtocolError, match="incomplete chunked read"):
        anthropic_stream(claude, "끊김", second)
    broken_off = (httpx2.RemoteProtocolError, httpx.RemoteProtocolError)
    with pytest.raises(broken_off, match="incomplete chunked read"):
        huggingface_stream(llama, "끊김", third)
    assert first == third == ["하", "나", " 둘"] and len(second) == 3
    with pytest.raises(openai.APIConnectionError):  # 스트림이 아니면 본문의 중간에서
        gpt.chat.completions.create(model=GPT, messages=[{"role": "user", "content": "끊김"}])


def test_an_error_event_inside_a_stream(broken):
    gpt, claude, _ = clients()
    with pytest.raises(openai.APIError, match="overloaded"):
        openai_stream(gpt, "오류", [])
    with pytest.raises(openai.APIError, match="overloaded"):
        list(gpt.responses.create(model=GPT, input="오류", stream=True))
    with pytest.raises(anthropic.APIStatusError) as caught:
        anthropic_stream(claude, "오류", [])
    assert caught.value.status_code == 200 and caught.value.type == "overloaded_error"


def in_stream(code):
    return stand_in(
        f'[[entry]]\nprompt = "오류"\nanswer = "하나 둘 셋"\n'
        f'fault = {{ kind = "error_event", code = "{code}", after_chunks = 1 }}\n'
    )


@pytest.mark.parametrize("code", OPENAI_IN_STREAM)
def test_the_name_of_an_error_inside_an_openai_stream(code):
    gpt, _, _ = clients()
    for stream in (
        lambda: gpt.chat.completions.create(model=GPT, messages=[{"role": "user", "content": "오류"}], stream=True),
        lambda: gpt.responses.create(model=GPT, input="오류", stream=True),
    ):
        came = []
        with in_stream(code), pytest.raises(openai.APIError) as caught:
            came += stream()
        assert code in (caught.value.code, caught.value.type)
        assert not hasattr(caught.value, "status_code")  # 상태는 이미 200이었습니다.


@pytest.mark.parametrize("code", ANTHROPIC_IN_STREAM)
def test_the_name_of_an_error_inside_an_anthropic_stream(code):
    _, claude, _ = clients()
    with in_stream(code), pytest.raises(anthropic.APIStatusError) as caught:
        anthropic_stream(claude, "오류", [])
    assert (caught.value.status_code, caught.value.type) == (200, code)


def test_a_script_can_name_every_error_inside_a_stream():
    assert OPENAI_IN_STREAM.keys() | ANTHROPIC_IN_STREAM.keys() == IN_STREAM
    with pytest.raises(ValueError, match="slow_donw"), in_stream("slow_donw"):
        pass


QUOTA_CODES = [
    *("credit_balance_exhausted", "organization_usage_limit_exceeded", "organization_spend_limit_exceeded"),
    *("project_spend_limit_exceeded", "insufficient_quota"),
]


@pytest.mark.parametrize("code", QUOTA_CODES)
def test_a_script_can_choose_the_code_of_a_429_without_quota(code):
    gpt, _, _ = clients()
    script = f'[[entry]]\nprompt = "돈"\nfault = {{ kind = "insufficient_quota", code = "{code}" }}\n'
    with stand_in(script), pytest.raises(openai.RateLimitError) as caught:
        gpt.responses.create(model=GPT, input="돈")
    assert (caught.value.code, caught.value.type) == (code, "insufficient_quota")


def test_html_from_a_proxy_is_not_a_completion(broken):
    gpt, _, llama = clients()
    answer = gpt.chat.completions.create(model=GPT, messages=[{"role": "user", "content": "프록시"}])
    assert not isinstance(answer, openai.types.chat.ChatCompletion) or not answer.choices
    with pytest.raises(json.JSONDecodeError):
        llama.chat_completion([{"role": "user", "content": "프록시"}], model=LLAMA)


# 돌리기


@pytest.mark.parametrize("library", [httpx2, httpx], ids=lambda module: module.__name__)
def test_redirect_shows_a_loopback_peer_and_keeps_the_request(capital, library):
    url, headers = "https://api.openai.com/v1/models", {"authorization": "Bearer k"}

    def seen(response):
        peer = response.extensions["network_stream"].get_extra_info("server_addr")  # 연결이 열려 있는 동안만 됩니다
        return str(response.request.url), response.request.headers["host"], response.headers["server"], peer

    async def get():
        async with library.AsyncClient(headers=headers) as client:
            return seen(await client.get(url))

    with library.Client(headers=headers) as client:
        assert seen(client.get(url)) == (
            url,
            "api.openai.com",
            "llmkit-upstream",
            ("127.0.0.1", capital.port),
        )
    assert asyncio.run(get()) == (url, "api.openai.com", "llmkit-upstream", ("127.0.0.1", capital.port))


def test_redirect_leaves_loopback_alone_and_can_be_taken_off():
    before = httpx2.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request
    with stand_in(CAPITAL), pytest.raises(httpx2.ConnectError):
        httpx2.get("http://127.0.0.1:9/")
    assert (httpx2.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request) == before


def test_redirect_twice_is_refused(capital):
    with pytest.raises(RuntimeError, match="uninstall"):
        redirect.install(1)


# 대본


def test_the_first_entry_whose_conditions_all_hold_answers():
    entries = """
[[entry]]
prompt = "  이름?  "
turns = 3
answer = "지우입니다."
[[entry]]
prompt = "이름?"
system = ""
path = "/chat/completions"
body = { seed = 1 }
answer = "시드 1"
[[entry]]
regex = "^이름"
system = "해적"
provider = ["openai", "anthropic"]
answer = "선장이다."
[[entry]]
contains = ["이름", "나이"]
answer = "둘 다 모릅니다."
[[entry]]
contains = "이름"
answer = '''

모릅니다.
'''
"""
    with stand_in(entries):
        gpt, claude, _ = clients()

        def ask(*messages, **options):
            turns = [dict(zip(("role", "content"), message, strict=True)) for message in messages]
            return gpt.chat.completions.create(model=GPT, messages=turns, **options).choices[0].message.content

        assert ask(("user", "이름?")) == "모릅니다."
        assert ask(("user", "이름?"), seed=1) == "시드 1"
        assert ask(("system", "해적"), ("user", "이름?"), seed=1) == "선장이다."
        assert ask(("developer", "해적처럼"), ("user", "이름은?")) == "선장이다."
        assert ask(("user", "이름과 나이?")) == "둘 다 모릅니다."
        history = ("user", "저는 지우"), ("assistant", "네"), ("user", "이름?")
        assert ask(*history) == ask(("system", "짧게"), *history) == "지우입니다."
        assert gpt.responses.create(model=GPT, input="이름?", instructions="해적").output_text == "선장이다."
        message = claude.messages.create(
            model=CLAUDE,
            max_tokens=99,
            system="해적",
            messages=[{"role": "user", "content": [{"type": "text", "text": "이름?"}]}],
        )
        assert message.content[-1].text == "선장이다."


def test_answers_are_played_in_turn_and_n_takes_several():
    with stand_in('[[entry]]\nprompt = "셋"\nanswers = ["하나", "둘", "셋"]\n'):
        gpt = openai.OpenAI(api_key="k")
        messages = [{"role": "user", "content": "셋"}]

        def ask(**options):
            answer = gpt.chat.completions.create(model=GPT, messages=messages, **options)
            return answer.id, [choice.message.content for choice in answer.choices]

        turns = [ask() for _ in range(4)]
        assert [texts for _, texts in turns] == [["하나"], ["둘"], ["셋"], ["하나"]]
        assert turns[0] == turns[3] and len({name for name, _ in turns}) == 3
        assert ask(n=3)[1] == ["하나", "둘", "셋"]
        stream = gpt.chat.completions.create(model=GPT, messages=messages, n=3, stream=True)
        texts = ["", "", ""]
        for chunk in stream:
            for choice in chunk.choices:
                texts[choice.index] += choice.delta.content or ""
        assert texts == ["하나", "둘", "셋"]


def test_a_prompt_without_an_entry_fails_loudly_and_is_remembered(capital):
    gpt, claude, llama = clients()
    gpt = gpt.with_options(max_retries=2)  # 재시도하지 않습니다
    messages = [{"role": "user", "content": "대본에 없는 말"}]
    for ask in (
        lambda: gpt.chat.completions.create(model=GPT, messages=messages),
        lambda: claude.messages.create(model=CLAUDE, max_tokens=9, messages=messages),
        lambda: llama.chat_completion(messages, model=LLAMA),
    ):
        with pytest.raises((openai.APIStatusError, anthropic.APIStatusError, HfHubHTTPError)) as caught:
            ask()
        assert caught.value.response.status_code == 599
        assert "대본에 이 요청의 답이 없습니다" in caught.value.response.text
        assert "대본에 없는 말" in caught.value.response.text
    assert capital.unanswered == ["대본에 없는 말"] * 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[entry]]\nanswer = "x"', "조건을 하나 이상"),
        ('[[entry]]\nprompt = "x"', "answer, answers, fault 가운데"),
        ('[[entry]]\nprompt = "x"\nanswer = "y"\nanswers = ["z"]', "하나만"),
        ('[[entry]]\nprompt = "x"\nanser = "y"', "anser"),
        ('[[entry]]\nprompt = "x"\nfault = "rate_limt"', "rate_limt"),
        (
            '[[entry]]\nprompt = "x"\nanswer = "y"\n[[entry]]\nregex = "x"\nfault = { kind = "drop", a = 3 }',
            "2번째",
        ),
        ('[[entry]]\nprompt = "x"\nanswer = y', "TOML"),
    ],
)
def test_a_wrong_script_says_what_is_wrong(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        Script.parse(QUICK + text, "09_x.toml")
    with pytest.raises(ValueError, match="시간대"):
        Script.parse("date = 2026-11-21")
    with pytest.raises(ValueError, match="tokenms"):
        Script.parse(QUICK + "tokenms = 3")


def test_the_examples_in_the_readme_are_scripts_that_load():
    readme = (FOLDER.parent / "provider" / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        assert Script.parse(example if "date =" in example else QUICK + example).entries
    faults, _, profiles = readme.partition("| kind |")[2].partition("### 프로필")
    names = r"^\| `(\w+)` \|"
    assert set(re.findall(names, faults, re.MULTILINE)) == HTTP_FAULTS | {"stall", "close", "drop", "error_event"}
    assert re.findall(names, profiles, re.MULTILINE) == list(PROFILES)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_lesson_script_loads(path):
    assert Script.of_lesson(path.name[:2]).entries


# 명령


def test_serve_answers_a_client_that_is_pointed_at_it(tmp_path):
    command = [sys.executable, "-m", "tests.authoring", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            base = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
            gpt = openai.OpenAI(api_key="k", base_url=f"{base}/v1", max_retries=0)
            claude = anthropic.Anthropic(api_key="k", base_url=base, max_retries=0)
            assert GPT in {model.id for model in gpt.models.list()}
            assert claude.messages.count_tokens(model=CLAUDE, messages=ASK).input_tokens > 5
            with pytest.raises(openai.InternalServerError, match="대본에 이 요청의 답이 없습니다"):
                gpt.chat.completions.create(model=GPT, messages=ASK)
        finally:
            process.terminate()


LESSON = """
import llmkit, openai, anthropic
session = llmkit.setup("90_record")
---
question = [{"role": "user", "content": "대한민국의 수도는?"}]
chat = openai.OpenAI().chat.completions.create(model="gpt-6-luna", messages=question)
---
claude = anthropic.Anthropic()
with claude.messages.stream(model="claude-haiku-5-5", max_tokens=99, messages=question) as stream:
    print(stream.get_final_text())
---
try:
    openai.OpenAI().responses.create(model="gpt-3.5-turbo", input="대한민국의 수도는?")
except openai.BadRequestError as error:
    print(error.code)
"""


def recorded(folder, lesson=LESSON, **options):
    """작은 노트북을 진짜 커널에서 녹화한 결과: 상태와 카세트 파일."""
    folder.mkdir()
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in lesson.split("---")]
    nbformat.write(notebook, folder / "90_record.ipynb")
    script = Script.parse(QUICK + CAPITAL)
    status = record_with(script, folder / "90_record.ipynb", cassettes=folder, save=False, **options)
    return status, folder / "90_record.json"


def test_recording_a_notebook_makes_the_same_authored_cassette_every_time(tmp_path):
    status, path = recorded(tmp_path / "one")
    first, again = Cassette.load(path).exchanges, Cassette.load(recorded(tmp_path / "two")[1]).exchanges
    assert status == 0
    assert [(e.provenance, e.provider, e.status) for e in first] == [
        ("authored", "openai", 200),
        ("authored", "anthropic", 200),
        ("authored", "openai", 400),
    ]
    assert len(first[1].events) > 5
    for one, other in zip(first, again, strict=True):
        assert one.same_answer(other) and one.headers == other.headers and one.body == other.body
    text = path.read_text(encoding="utf-8")
    assert ANSWER in text and not any(key in text for key in FAKE_KEYS.values())


LOCAL_LESSON = """
import llmkit, openai
session = llmkit.setup("90_record")
---
question = [{"role": "user", "content": "대한민국의 수도는?"}]
openai.OpenAI().chat.completions.create(model="gpt-6-luna", messages=question)
---
small = openai.OpenAI(base_url="http://127.0.0.1:PORT/v1", api_key="local")
small.chat.completions.create(model="smollm2-135m", messages=question, max_completion_tokens=3)
"""


def test_the_local_model_is_recorded_beside_authored_answers(tmp_path):
    pytest.importorskip("xllamacpp", reason="로컬 모델이 깔려 있지 않습니다(requirements/local.txt).")
    port = free_port()
    with LocalServer(port):
        lesson = LOCAL_LESSON.replace("PORT", str(port))
        status, path = recorded(tmp_path / "one", lesson, providers=[*HOSTED, "local"])
    exchanges = Cassette.load(path).exchanges
    assert status == 0
    assert [(e.provenance, e.provider) for e in exchanges] == [("authored", "openai"), ("recorded", "local")]


def test_recording_a_prompt_that_has_no_entry_fails(tmp_path, capsys):
    with pytest.raises(Unfinished, match="대본에 이 요청의 답이 없습니다"):
        recorded(tmp_path / "one", LESSON.replace("수도", "인구"))
    assert "대본에 답이 없는 요청: '대한민국의 인구는?'" in capsys.readouterr().err
    swallowed = LESSON.replace("except openai.BadRequestError as error", "except Exception as error").replace(
        'model="gpt-3.5-turbo", input="대한민국의 수도는?"', 'model="gpt-6-luna", input="인구는?"'
    )
    assert recorded(tmp_path / "two", swallowed)[0] == 1  # 셀이 오류를 삼켜도
