"""도구, 거절, 스키마, 서버의 기억: 수업의 반복문을 SDK로 돌리고, 틀린 순서에는 제공자의 거절을 받습니다."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

import llmkit
from llmkit.display.streams import Reader
from tests.authoring.provider.testing import stand_in

GPT, CLAUDE = "gpt-6-luna", "claude-haiku-5-5"
STOCK = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
CHAT_TOOLS = [{"type": "function", "function": {"name": "stock", "parameters": STOCK}}]
RESPONSE_TOOLS = [{"type": "function", "name": "stock", "parameters": STOCK}]
CLAUDE_TOOLS = [{"name": "stock", "input_schema": STOCK}]
SCRIPT = """
[[entry]]
prompt = "두 책의 재고는?"
tool_calls = [{ name = "stock", arguments = { title = "바다" } }, { name = "stock", arguments = { title = "숲" } }]

[[entry]]
prompt = "두 책의 재고는?"
after = "tool"
result_contains = "없음"
answer = "숲은 없습니다."

[[entry]]
prompt = "두 책의 재고는?"
round = 1
answer = "둘 다 있습니다."

[[entry]]
prompt = "고장 난 인자"
tool_calls = [{ name = "stock", arguments = '{"title": ' }]

[[entry]]
prompt = "위험한 일"
refusal = "도와드릴 수 없습니다."

[[entry]]
prompt = "걸러질 말"
answer = "여기까지"
filtered = true

[[entry]]
prompt = "JSON으로 책 한 권"
answer = '{"title": "바다", "copies": 12}'

[[entry]]
prompt = "이어지는 말"
answer = "기억합니다."
"""
ASK = [{"role": "user", "content": "두 책의 재고는?"}]
COMPATIBLE = [
    ("https://api.openai.com/v1", GPT),
    ("https://router.huggingface.co/v1", "meta-llama/Llama-3.1-8B-Instruct"),
    ("https://api.groq.com/openai/v1", "openai/gpt-oss-20b"),
    ("https://generativelanguage.googleapis.com/v1beta/openai/", "gemini-2.5-flash-lite"),
]


@pytest.fixture
def server():
    with stand_in(SCRIPT) as server:
        yield server


def gpt(base_url: str | None = None) -> openai.OpenAI:
    return openai.OpenAI(api_key="sk-test", max_retries=0, base_url=base_url)


def claude() -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="sk-ant-test", max_retries=0)


def chat_options(base_url: str, model: str) -> dict:
    return {"model": model, "tools": CHAT_TOOLS, **({"reasoning_effort": "none"} if "openai.com" in base_url else {})}


def refused(call, **asked) -> dict:
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError)) as caught:
        call(**asked)
    body = caught.value.body
    return body["error"] if isinstance(body, dict) and "error" in body else body


# 반복문: 두 호출을 나란히 부르고, 결과를 돌려주면 답이 옵니다


@pytest.mark.parametrize(("base_url", "model"), COMPATIBLE)
@pytest.mark.parametrize(("second", "answer"), [("3", "둘 다 있습니다."), ("없음", "숲은 없습니다.")])
def test_the_chat_loop(server, base_url, model, second, answer):
    client, options = gpt(base_url), chat_options(base_url, model)
    first = client.chat.completions.create(messages=ASK, **options)
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls" and not message.content
    assert [json.loads(call.function.arguments)["title"] for call in message.tool_calls] == ["바다", "숲"]
    ids = [call.id for call in message.tool_calls]
    assert len(set(ids)) == 2
    results = [{"role": "tool", "tool_call_id": i, "content": text} for i, text in zip(ids, ("12", second))]
    asked = [*ASK, message.model_dump(exclude_none=True), *results]
    final = client.chat.completions.create(messages=asked, **options)
    assert final.choices[0].message.content == answer
    assert final.usage.prompt_tokens > first.usage.prompt_tokens


@pytest.mark.parametrize(("base_url", "model"), COMPATIBLE)
def test_the_fragments_of_a_chat_stream_merge_by_index(server, base_url, model):
    merged: dict[int, list[str]] = {}
    for chunk in gpt(base_url).chat.completions.create(messages=ASK, stream=True, **chat_options(base_url, model)):
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                merged.setdefault(call.index, ["", ""])
                merged[call.index][0] += call.function.name or ""
                merged[call.index][1] += call.function.arguments or ""
            last = choice.finish_reason
    assert last == "tool_calls"
    assert {at: (name, json.loads(text)["title"]) for at, (name, text) in merged.items()} == {
        0: ("stock", "바다"),
        1: ("stock", "숲"),
    }


@pytest.mark.parametrize("remember", [False, True])
def test_the_responses_loop(server, remember):
    client = gpt()
    first = client.responses.create(model=GPT, input=ASK, tools=RESPONSE_TOOLS)
    calls = [item for item in first.output if item.type == "function_call"]
    assert len({call.call_id for call in calls}) == len({call.id for call in calls}) == 2
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "3"} for call in calls]
    if remember:
        asked = {"previous_response_id": first.id, "input": results}
    else:
        asked = {"input": [*ASK, *first.output, *results]}
    final = client.responses.create(model=GPT, tools=RESPONSE_TOOLS, **asked)
    assert final.output_text == "둘 다 있습니다."
    assert final.usage.input_tokens > first.usage.input_tokens  # 서버에 맡겨도 앞의 대화를 다시 셉니다


def test_the_anthropic_loop_and_its_stream(server):
    options = {"model": CLAUDE, "max_tokens": 500, "tools": CLAUDE_TOOLS}
    first = claude().messages.create(messages=ASK, **options)
    assert first.stop_reason == "tool_use"
    uses = [block for block in first.content if block.type == "tool_use"]
    assert [use.input["title"] for use in uses] == ["바다", "숲"] and uses[0].id != uses[1].id
    with claude().messages.stream(messages=ASK, **options) as stream:
        assert [b.input for b in stream.get_final_message().content if b.type == "tool_use"] == [u.input for u in uses]
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "없음"} for use in uses]
    asked = [*ASK, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    final = claude().messages.create(messages=asked, **options)
    assert final.content[-1].text == "숲은 없습니다." and final.stop_reason == "end_turn"


def test_a_forced_tool_ends_with_stop_and_arguments_can_be_broken(server):
    forced = {"type": "function", "function": {"name": "stock"}}
    options = {"model": GPT, "tools": CHAT_TOOLS, "reasoning_effort": "none", "tool_choice": forced}
    answer = gpt().chat.completions.create(messages=[{"role": "user", "content": "고장 난 인자"}], **options)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"title": '


def test_definitions_of_tools_are_input_tokens(server):
    ask = [{"role": "user", "content": "이어지는 말"}]
    plain = gpt().chat.completions.create(model=GPT, messages=ask, reasoning_effort="none")
    armed = gpt().chat.completions.create(model=GPT, messages=ask, reasoning_effort="none", tools=CHAT_TOOLS)
    assert armed.usage.prompt_tokens > plain.usage.prompt_tokens


# 거절하는 모델, 걸러진 답, 잘린 답


def test_a_refusal_in_every_form(server):
    ask = [{"role": "user", "content": "위험한 일"}]
    message = gpt().chat.completions.create(model=GPT, messages=ask).choices[0].message
    assert (message.content, message.refusal) == (None, "도와드릴 수 없습니다.")
    stream = gpt().chat.completions.create(model=GPT, messages=ask, stream=True)
    assert "".join(c.choices[0].delta.refusal or "" for c in stream) == "도와드릴 수 없습니다."
    response = gpt().responses.create(model=GPT, input=ask)
    assert response.output_text == "" and response.output[-1].content[0].refusal == "도와드릴 수 없습니다."
    answer = claude().messages.create(model=CLAUDE, max_tokens=500, messages=ask)
    assert answer.stop_reason == "refusal" and answer.stop_details.explanation == "도와드릴 수 없습니다."


def test_a_filtered_and_a_cut_answer(server):
    ask = [{"role": "user", "content": "걸러질 말"}]
    assert gpt().chat.completions.create(model=GPT, messages=ask).choices[0].finish_reason == "content_filter"
    response = gpt().responses.create(model=GPT, input=ask)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "content_filter")
    form = {"type": "json_object"}
    options = {"model": GPT, "reasoning_effort": "none", "response_format": form, "max_completion_tokens": 5}
    cut = gpt().chat.completions.create(messages=[{"role": "user", "content": "JSON으로 책 한 권"}], **options)
    assert cut.choices[0].finish_reason == "length"
    with pytest.raises(ValueError, match="Unterminated|Expecting"):
        json.loads(cut.choices[0].message.content)


def test_arguments_are_cut_like_any_output(server):
    options = {"model": GPT, "tools": CHAT_TOOLS, "reasoning_effort": "none", "max_completion_tokens": 4}
    choice = gpt().chat.completions.create(messages=ASK, **options).choices[0]
    assert choice.finish_reason == "length" and len(choice.message.tool_calls) == 1
    with pytest.raises(ValueError):
        json.loads(choice.message.tool_calls[0].function.arguments)


# 틀린 요청: 제공자의 말로 거절합니다


def called(*ids: str) -> dict:
    function = {"name": "stock", "arguments": "{}"}
    return {"role": "assistant", "tool_calls": [{"id": i, "type": "function", "function": function} for i in ids]}


def result(id: str) -> dict:
    return {"role": "tool", "tool_call_id": id, "content": "3"}


@pytest.mark.parametrize(("base_url", "model"), COMPATIBLE)
@pytest.mark.parametrize(
    ("messages", "kind", "ids"),
    [
        ([*ASK, called("a", "b"), result("a")], "unanswered", "b"),
        ([*ASK, called("a"), *ASK], "unanswered", "a"),
        ([*ASK, result("a")], "orphan", ""),
        ([*ASK, result("a"), called("a")], "orphan", ""),
        ([*ASK, called("a"), result("x")], "orphan", ""),
        ([*ASK, called("a"), result("a"), result("a")], "orphan", ""),
    ],
)
def test_wrong_pairs_in_chat(server, base_url, model, messages, kind, ids):
    client = gpt(base_url)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(messages=messages, **chat_options(base_url, model))
    said = {
        "unanswered": f"The following tool_call_ids did not have response messages: {ids}",
        "orphan": "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
    }
    if "google" in base_url:
        said = {"unanswered": "number of function response parts", "orphan": "immediately after a function call turn"}
    assert said[kind] in caught.value.response.text


def test_wrong_pairs_in_responses(server):
    call = {"type": "function_call", "call_id": "call_1", "name": "stock", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "3"}
    ask = gpt().responses.create
    assert refused(ask, model=GPT, input=[*ASK, call])["message"] == "No tool output found for function call call_1."
    said = "No tool call found for function call output with call_id call_1."
    assert refused(ask, model=GPT, input=[*ASK, output])["message"] == said


def test_wrong_pairs_at_anthropic(server):
    use = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "stock", "input": {}}]}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "3"}
    text = {"type": "text", "text": "여기요"}

    def said(*messages):
        asked = {"model": CLAUDE, "max_tokens": 99, "tools": CLAUDE_TOOLS, "messages": [*ASK, *messages]}
        return refused(claude().messages.create, **asked)["message"]

    missing = "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1."
    assert said(use).startswith(missing)
    assert said(use, {"role": "user", "content": "네"}).startswith(missing)
    assert said(use, {"role": "user", "content": [text, result]}).startswith(missing)  # 결과가 먼저여야 합니다
    orphan = "messages.1.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1."
    assert said({"role": "user", "content": [result]}).startswith(orphan)


OPEN = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
CLOSED = {**OPEN, "additionalProperties": False}
LOOSE = {**CLOSED, "required": []}
NESTED = {**CLOSED, "properties": {"title": OPEN}}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (OPEN, "In context=(), 'additionalProperties' is required to be supplied and to be false."),
        (
            NESTED,
            "In context=('properties', 'title'), 'additionalProperties' is required to be supplied and to be false.",
        ),
        (LOOSE, "Missing 'title'."),
        ({"type": "array", "items": CLOSED}, "schema must be a JSON Schema of 'type: \"object\"'"),
        ({**CLOSED, "properties": {"title": {"type": "string", "default": ""}}}, "'default' is not permitted."),
    ],
)
def test_a_schema_that_is_not_strict(server, schema, said):
    ask = [{"role": "user", "content": "JSON으로 책 한 권"}]
    named = {"name": "book", "schema": schema, "strict": True}
    form = {"type": "json_schema", "json_schema": named}
    chat = refused(gpt().chat.completions.create, model=GPT, messages=ask, response_format=form)
    assert chat["message"].startswith("Invalid schema for response_format 'book': ") and said in chat["message"]
    text = {"format": {"type": "json_schema", **named}}
    response = refused(gpt().responses.create, model=GPT, input=ask, text=text)
    assert said in response["message"] and response["param"] == "text.format.schema"
    tool = {"type": "function", "name": "book", "parameters": schema, "strict": True}
    function = refused(gpt().responses.create, model=GPT, input=ask, tools=[tool])
    assert (
        function["code"] == "invalid_function_parameters"
        and "Invalid schema for function 'book'" in function["message"]
    )


def test_a_strict_schema_is_answered(server):
    ask = [{"role": "user", "content": "JSON으로 책 한 권"}]
    form = {"type": "json_schema", "json_schema": {"name": "book", "schema": CLOSED, "strict": True}}
    answer = gpt().chat.completions.create(model=GPT, messages=ask, response_format=form)
    assert json.loads(answer.choices[0].message.content)["copies"] == 12
    config = {"format": {"type": "json_schema", "schema": OPEN}}
    asked = {"model": CLAUDE, "max_tokens": 500, "messages": ask}
    said = refused(claude().messages.create, **asked, output_config=config)["message"]
    assert "'additionalProperties' must be explicitly set to false" in said
    config["format"]["schema"] = CLOSED
    assert claude().messages.create(**asked, output_config=config).content[-1].text.startswith('{"title"')


def test_json_mode_needs_the_word(server):
    ask = [{"role": "user", "content": "이어지는 말"}]
    form = {"type": "json_object"}
    said = refused(gpt().chat.completions.create, model=GPT, messages=ask, response_format=form)
    assert said["message"].startswith("'messages' must contain the word 'json' in some form")
    said = refused(gpt().responses.create, model=GPT, input=ask, instructions="JSON", text={"format": form})
    assert "must contain the word 'json'" in said["message"]  # instructions는 세지 않습니다


def test_tool_choice_and_reasoning_with_tools(server):
    choice = {"type": "function", "function": {"name": "없는것"}}
    options = {"model": GPT, "messages": ASK, "tools": CHAT_TOOLS}
    chat = gpt().chat.completions.create
    assert "not found in 'tools'" in refused(chat, **options, tool_choice=choice, reasoning_effort="none")["message"]
    said = refused(chat, **options)
    assert said["param"] == "reasoning_effort" and "use /v1/responses" in said["message"]
    options = {"model": CLAUDE, "max_tokens": 9, "messages": ASK, "tools": CLAUDE_TOOLS}
    said = refused(claude().messages.create, **options, tool_choice={"type": "tool", "name": "없는것"})
    assert said["message"] == "Tool '없는것' not found in provided tools"


# 서버의 기억


def test_the_server_remembers_what_is_stored_and_nothing_else(server):
    ask = gpt().responses.create
    first = ask(model=GPT, input="두 책의 재고는?", tools=RESPONSE_TOOLS)
    assert gpt().responses.retrieve(first.id).output == first.output
    said = refused(ask, model=GPT, input="이어지는 말", previous_response_id=first.id)
    assert said["message"].startswith("No tool output found for function call call_authored_")
    kept = ask(model=GPT, input="이어지는 말")
    assert (
        ask(model=GPT, input="이어지는 말", previous_response_id=kept.id).usage.input_tokens > kept.usage.input_tokens
    )
    forgotten = ask(model=GPT, input="이어지는 말", store=False, instructions="짧게")
    for unknown in (forgotten.id, "resp_없음"):
        said = refused(ask, model=GPT, input="이어지는 말", previous_response_id=unknown)
        assert said["code"] == "previous_response_not_found" and unknown in said["message"]
    gpt().responses.delete(kept.id)
    with pytest.raises(openai.NotFoundError):
        gpt().responses.retrieve(kept.id)


def test_a_conversation_grows_and_excludes_a_previous_response(server):
    client = gpt()
    talk = client.conversations.create(metadata={"lesson": "07"})
    answers = [client.responses.create(model=GPT, input="이어지는 말", conversation=talk.id) for _ in range(2)]
    assert answers[1].usage.input_tokens > answers[0].usage.input_tokens
    items = client.conversations.items.list(talk.id).data
    assert [item.role for item in items if item.type == "message"] == ["assistant", "user", "assistant", "user"]
    both = {"conversation": talk.id, "previous_response_id": answers[0].id}
    assert "Mutually exclusive" in refused(client.responses.create, model=GPT, input="이어지는 말", **both)["message"]
    client.conversations.delete(talk.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model=GPT, input="이어지는 말", conversation=talk.id)


def test_compaction_goes_straight_back_as_input(server):
    asked = [*ASK, {"role": "assistant", "content": "12권입니다."}, {"role": "user", "content": "고마워요"}]
    compact = gpt().responses.compact(model=GPT, input=asked)
    assert compact.object == "response.compaction" and compact.output[-1].type == "compaction"
    sent = [item.model_dump(exclude_none=True) for item in compact.output]
    answer = gpt().responses.create(model=GPT, input=[*sent, {"role": "user", "content": "이어지는 말"}])
    assert answer.output_text == "기억합니다."


# 카세트: 도구의 반복문이 네트워크 없이 같은 답으로 재생됩니다. 화면에도 도구 호출과 거절이 보입니다

LOOP = """
import openai
gpt = openai.OpenAI(api_key="sk-test")
tools = {tools!r}
messages = {ask!r}
answers = []
for _ in range(3):
    message = gpt.chat.completions.create(
        model={model!r}, messages=messages, tools=tools, reasoning_effort="none").choices[0].message
    messages.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls or []:
        messages.append({{"role": "tool", "tool_call_id": call.id, "content": "3"}})
    if not message.tool_calls:
        break
answers.append(message.content)
first = gpt.responses.create(model={model!r}, input="이어지는 말")
answers.append(gpt.responses.create(model={model!r}, input="이어지는 말", previous_response_id=first.id).id)
"""


def test_the_loop_is_recorded_and_replays_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    told = {"tools": CHAT_TOOLS, "ask": ASK, "model": GPT}
    seen = []
    for mode in ("record", "replay"):
        space: dict = {}
        with stand_in(SCRIPT) as server:
            with llmkit.setup(mode=mode, cassette=tmp_path / "loop.json", pace=0):
                exec(LOOP.format(**told), space)
            assert bool(server.requests) == (mode == "record")
        seen.append(space["answers"])
    assert seen[0] == seen[1] and seen[0][0] == "둘 다 있습니다."


def pieces(stream) -> list:
    reader = Reader()
    return [piece for event in stream for piece in reader.read(event)]


def test_streams_of_calls_and_refusals_are_read_whole(server):
    """`display_stream`이 그리는 조각: 호출마다 이름 하나와 온전한 인자, 거절은 거절로."""
    ask = [{"role": "user", "content": "위험한 일"}]
    options = {"model": GPT, "stream": True}
    claude_options = {"model": CLAUDE, "max_tokens": 500, "stream": True}
    calls = [
        gpt().chat.completions.create(messages=ASK, tools=CHAT_TOOLS, reasoning_effort="none", **options),
        gpt().responses.create(input=ASK, tools=RESPONSE_TOOLS, **options),
        claude().messages.create(messages=ASK, tools=CLAUDE_TOOLS, **claude_options),
    ]
    for stream in calls:
        found = [piece for piece in pieces(stream) if piece.kind == "tool"]
        assert [piece.name for piece in found if piece.name] == ["stock", "stock"]
        parts = list(dict.fromkeys(piece.part for piece in found))
        texts = ["".join(piece.text for piece in found if piece.part == part) for part in parts]
        assert [json.loads(text)["title"] for text in texts] == ["바다", "숲"]
    refusals = [
        gpt().chat.completions.create(messages=ask, **options),
        gpt().responses.create(input=ask, **options),
        claude().messages.create(messages=ask, **claude_options),
    ]
    for stream in refusals:
        read = [(piece.kind, piece.text) for piece in pieces(stream)]
        assert {kind for kind, _ in read} == {"refusal"}
        assert "".join(text for _, text in read) == "도와드릴 수 없습니다."


def test_partial_objects_show_as_the_text_they_grow_from(server, capsys):
    ask = [{"role": "user", "content": "JSON으로 책 한 권"}]
    form = {"type": "json_object"}
    stream = gpt().chat.completions.stream(model=GPT, messages=ask, response_format=form)
    assert llmkit.display_stream(stream).text == '{"title": "바다", "copies": 12}'
