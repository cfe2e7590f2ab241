"""도구, 거절, 제공자의 항목이 든 본문과 이벤트를 SDK의 모델(엄격하게)과 실제 기록의 형식으로 잽니다."""

from __future__ import annotations

import anthropic.types
import httpx2
import openai.types.chat
import openai.types.responses
import pytest

from tests.authoring.provider.testing import stand_in
from tests.authoring.test_upstream_shapes import (
    CHAT,
    CLAUDE,
    GPT,
    HEADERS,
    MESSAGES,
    RESPONSES,
    UNDECLARED,
    data_of,
    merged,
    real_exchanges,
    shape,
    strictly,
    user,
)
from tests.authoring.test_upstream_tools import CHAT_TOOLS, CLAUDE_TOOLS, RESPONSE_TOOLS

SCRIPT = """
[[entry]]
prompt = "부르기"
tool_calls = [{ name = "stock", arguments = { title = "바다" } }, { name = "stock", arguments = { title = "숲" } }]

[[entry]]
prompt = "거절"
refusal = "도와드릴 수 없습니다."

[[entry]]
prompt = "항목"
path = "/responses"
items = [
  { type = "web_search_call", action = { type = "search", query = "신간", queries = ["신간"] } },
  { type = "file_search_call", queries = ["신간"] },
  { type = "code_interpreter_call", code = "print(1)", outputs = [{ type = "logs", logs = "1" }] },
  { type = "mcp_list_tools", server_label = "wiki", tools = [{ name = "ask", input_schema = { type = "object" } }] },
  { type = "mcp_call", server_label = "wiki", name = "ask", arguments = { q = "신간" }, output = "바다" },
  { type = "compaction" },
]
answer = "어제 '바다'가 나왔습니다."
annotations = [{ type = "url_citation", url = "https://example.com", title = "신간", quote = "'바다'" }]

[[entry]]
prompt = "항목"
provider = "anthropic"
items = [
  { type = "server_tool_use", name = "web_search", input = { query = "신간" } },
  { type = "web_search_tool_result", content = [
    { type = "web_search_result", title = "신간", url = "https://example.com", encrypted_content = "authored", page_age = "1" },
  ] },
]
answer = "어제 나왔습니다."

[[entry]]
prompt = "출처"
path = "/responses"
items = [{ type = "file_search_call", queries = ["환불"], results = [
  { file_id = "file-authored-1", filename = "환불.md", score = 0.9, text = "7일 안에 환불됩니다.", attributes = {} },
] }]
answer = "7일 안에 됩니다."
annotations = [{ type = "file_citation", file_id = "file-authored-1", filename = "환불.md", index = 8 }]

[[entry]]
prompt = "출처"
provider = "anthropic"
answer = "7일 안에 됩니다."
annotations = [{ type = "search_result_location", cited_text = "7일 안에 환불됩니다.", source = "r1", title = "환불", search_result_index = 0, start_block_index = 0, end_block_index = 1 }]
"""


@pytest.fixture
def post():
    with stand_in(SCRIPT), httpx2.Client(headers=HEADERS) as client:
        yield lambda url, **body: client.post(url, json=body)


@pytest.mark.parametrize("provider", CHAT)
@pytest.mark.parametrize("prompt", ["부르기", "거절"])
def test_chat(post, provider, prompt):
    url, model = CHAT[provider]
    options = {"model": model, "messages": user(prompt), "tools": CHAT_TOOLS}
    options |= {"reasoning_effort": "none"} if provider == "openai" else {}
    kinds = (openai.types.chat.ChatCompletion, openai.types.chat.ChatCompletionChunk)
    for stream, kind in zip((False, True), kinds):
        response = post(url, stream=stream, **options)
        assert response.status_code == 200, response.text
        for data in data_of(response):
            data.pop("service_tier", None)  # Groq의 값을 OpenAI의 SDK가 모릅니다
            assert strictly(kind, data) <= UNDECLARED.get(provider, set())


@pytest.mark.parametrize("prompt", ["부르기", "거절", "항목", "출처"])
def test_responses(post, prompt):
    seen = set()
    for stream in (False, True):
        response = post(RESPONSES, model=GPT, input=prompt, stream=stream, tools=RESPONSE_TOOLS)
        assert response.status_code == 200, response.text
        for data in data_of(response):
            seen.add(data.get("type"))
            kind = openai.types.responses.ResponseStreamEvent if "type" in data else openai.types.responses.Response
            # 도구의 정의는 보낸 그대로 돌아옵니다(strict를 적지 않아도 됩니다).
            (data.get("response") or data)["tools"] = []
            if "type" in data and "response" not in data:
                del data["tools"]
            # openai 2.54(Colab)는 실제 기록에 없는 name을 이 이벤트에 있어야 한다고 적어 두었습니다.
            if data.get("type") == "response.function_call_arguments.done" and openai.__version__ < "3":
                data["name"] = "stock"
            assert strictly(kind, data) <= UNDECLARED["responses"]
    wanted = {
        "부르기": {"response.function_call_arguments.delta", "response.function_call_arguments.done"},
        "거절": {"response.refusal.delta", "response.refusal.done"},
        "항목": {
            "response.web_search_call.searching",
            "response.file_search_call.completed",
            "response.code_interpreter_call_code.done",
            "response.mcp_list_tools.completed",
            "response.mcp_call_arguments.delta",
            "response.output_text.annotation.added",
        },
        "출처": {"response.file_search_call.completed", "response.output_text.annotation.added"},
    }
    assert wanted[prompt] <= seen


def test_file_search_shows_what_it_found_only_when_asked_and_cites_without_a_quote(post):
    found = {}
    for include in ([], ["file_search_call.results"]):
        (data,) = data_of(post(RESPONSES, model=GPT, input="출처", include=include, tools=RESPONSE_TOOLS))
        call = next(item for item in data["output"] if item["type"] == "file_search_call")
        found[len(include)] = call["results"]
        (note,) = data["output"][-1]["content"][0]["annotations"]
        assert (note["type"], "quote" in note) == ("file_citation", False)
    assert found[0] is None and found[1][0]["text"] == "7일 안에 환불됩니다."


@pytest.mark.parametrize("prompt", ["부르기", "거절", "항목", "출처"])
def test_messages(post, prompt):
    for stream in (False, True):
        response = post(
            MESSAGES, model=CLAUDE, max_tokens=500, messages=user(prompt), stream=stream, tools=CLAUDE_TOOLS
        )
        assert response.status_code == 200, response.text
        for data in data_of(response):
            if data["type"] != "ping":
                kind = anthropic.types.Message if data["type"] == "message" else anthropic.types.RawMessageStreamEvent
                assert strictly(kind, data) == set()


# 실제 기록: 도구 호출이 놓이는 자리의 필드와 타입이 같습니다


def calls_in(data, path: str) -> list:
    """`path`의 자리에 있는 값들. `[]`는 목록을 지납니다."""
    found = [data]
    for name in path.split("."):
        found = [value[name] for value in found if isinstance(value, dict) and value.get(name)]
        found = [item for value in found for item in (value if isinstance(value, list) else [value])]
    return found


@pytest.mark.parametrize(
    ("provider", "endpoint", "path", "kind"),
    [
        ("openai", "chat.completions", "choices.message.tool_calls", "function"),
        ("openai", "chat.completions", "choices.delta.tool_calls", "function"),
        ("openai", "responses", "item", "function_call"),
        ("openai", "responses", "item", "web_search_call"),
        ("openai", "responses", "item", "file_search_call"),
        ("openai", "responses", "output", "mcp_call"),
        ("anthropic", "messages", "content", "tool_use"),
        ("anthropic", "messages", "content_block", "tool_use"),
        ("anthropic", "messages", "content_block", "server_tool_use"),
        ("anthropic", "messages", "content_block", "web_search_tool_result"),
    ],
)
def test_calls_look_like_the_real_ones(post, provider, endpoint, path, kind):
    url = {"chat.completions": CHAT["openai"][0], "responses": RESPONSES, "messages": MESSAGES}[endpoint]
    asked = {"model": CLAUDE if provider == "anthropic" else GPT}
    tools = {"chat.completions": CHAT_TOOLS, "responses": RESPONSE_TOOLS, "messages": CLAUDE_TOOLS}[endpoint]
    if endpoint == "chat.completions":
        asked |= {"reasoning_effort": "none"}
    ours = []
    for prompt in ("부르기", "항목") if endpoint != "chat.completions" else ("부르기",):
        said = {"input": prompt} if endpoint == "responses" else {"messages": user(prompt)}
        said |= {"max_tokens": 500} if provider == "anthropic" else {}
        for stream in (False, True):
            ours += data_of(post(url, **asked, **said, tools=tools, stream=stream))

    def shapes(datas):
        found = [call for data in datas for call in calls_in(data, path)]
        return [shape(call) for call in found if call.get("type", kind) == kind]

    real, mine = shapes(real_exchanges(provider, endpoint)), shapes(ours)
    assert real and mine
    ever = merged(real)
    top = {where for where in merged(mine) if where.count(".") == 1 and "[]" not in where}
    assert top <= ever.keys() | {".caller"}, "제공자가 보낸 적 없는 필드"
    always = set.intersection(*(set(one) for one in real))
    missing = {where for where in always if where.count(".") == 1} - set.intersection(*(set(one) for one in mine))
    assert not missing, "늘 오는 필드"
