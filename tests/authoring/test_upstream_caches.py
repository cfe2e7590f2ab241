"""프롬프트 캐시의 usage: 두 번째 요청은 앞부분을 읽고, 짧거나 앞이 바뀌면 읽지 못합니다."""

from __future__ import annotations

import anthropic
import openai
import pytest

from tests.authoring.provider.testing import stand_in

GPT, CLAUDE = "gpt-6-luna", "claude-haiku-5-5"
LONG = "하루책방의 규칙을 지켜 주세요. " * 300
SCRIPT = '[[entry]]\nregex = "."\nanswer = "네"\n'


@pytest.fixture
def server():
    with stand_in(SCRIPT) as server:
        yield server


def usage_openai(system: str, text: str, model: str = GPT):
    messages = [{"role": "developer", "content": system}, {"role": "user", "content": text}]
    details = openai.OpenAI(api_key="k").chat.completions.create(model=model, messages=messages).usage
    return (
        details.prompt_tokens,
        details.prompt_tokens_details.cached_tokens,
        details.prompt_tokens_details.cache_write_tokens,
    )


def test_openai_caches_by_itself_from_1024_tokens(server):
    total, read, written = usage_openai(LONG, "하나")
    assert read == 0 and 1024 <= written <= total
    assert usage_openai(LONG, "하나") == (total, written, 0)
    assert usage_openai("오늘은 11월 26일. " + LONG, "하나")[1] == 0  # 앞이 바뀌면
    assert usage_openai("짧게", "하나")[1:] == usage_openai("짧게", "하나")[1:] == (0, 0)
    response = [openai.OpenAI(api_key="k").responses.create(model=GPT, input=LONG + "셋").usage for _ in range(2)]
    assert [one.input_tokens_details.cached_tokens > 0 for one in response] == [False, True]


def test_a_new_question_is_a_miss_from_gpt_5_6_on_and_a_hit_before(server):
    """5.6부터 알아서 두는 중단점은 마지막 메시지의 끝이라, 앞이 같아도 질문이 다르면 처음부터 다시 씁니다."""
    first, second = (usage_openai(LONG, text) for text in ("하나", "둘"))
    assert second[1] == 0 and min(first[2], second[2]) >= 1024
    usage_openai(LONG, "하나", "gpt-5.4")
    total, read, written = usage_openai(LONG, "둘", "gpt-5.4")
    assert 1024 <= read <= total and read % 128 == 0 and written < read


def usage_claude(mark: dict | None, text: str = "하나", system: str = LONG, **asked):
    block = {"type": "text", "text": system, **({"cache_control": mark} if mark else {})}
    messages = [{"role": "user", "content": text}]
    create = anthropic.Anthropic(api_key="k").messages.create
    return create(model=CLAUDE, max_tokens=99, system=[block], messages=messages, **asked).usage


def test_anthropic_caches_where_it_is_told_to(server):
    plain = usage_claude(None)
    assert (plain.cache_read_input_tokens, plain.cache_creation_input_tokens) == (0, 0)
    first, second = (usage_claude({"type": "ephemeral"}, text) for text in ("하나", "둘"))
    written = first.cache_creation_input_tokens
    assert written >= 1024 and first.cache_creation.ephemeral_5m_input_tokens == written
    assert (second.cache_read_input_tokens, second.cache_creation_input_tokens) == (written, 0)
    total = [u.input_tokens + u.cache_read_input_tokens + u.cache_creation_input_tokens for u in (plain, first)]
    assert total[0] == total[1]
    hour = usage_claude({"type": "ephemeral", "ttl": "1h"}, system="다른 " + LONG)
    assert hour.cache_creation.ephemeral_1h_input_tokens == hour.cache_creation_input_tokens > 0
    short = usage_claude({"type": "ephemeral"}, system="짧게")
    assert (short.cache_read_input_tokens, short.cache_creation_input_tokens) == (0, 0)  # 오류 없이


def test_openai_writes_only_where_it_is_told_to_in_explicit_mode(server):
    def ask(options: dict, mark: dict | None, question: str = "하나", system: str = LONG, key: str = "a"):
        part = {"type": "text", "text": system, **({"prompt_cache_breakpoint": mark} if mark else {})}
        messages = [{"role": "developer", "content": [part]}, {"role": "user", "content": question}]
        create = openai.OpenAI(api_key="k").chat.completions.create
        usage = create(model=GPT, messages=messages, prompt_cache_options=options, prompt_cache_key=key).usage
        return usage.prompt_tokens_details.cached_tokens, usage.prompt_tokens_details.cache_write_tokens

    explicit, mark = {"mode": "explicit"}, {"mode": "explicit"}
    assert ask(explicit, None) == ask(explicit, None) == (0, 0)
    written = ask(explicit, mark)[1]
    assert written >= 1024 and ask(explicit, mark, "둘") == (written, 0)
    assert ask(explicit, mark, key="b") == (0, written)
    assert ask(explicit, mark, system=LONG + " ")[0] == 0
    assert ask(explicit, mark, system="짧게") == (0, 0)
    both = ask({}, mark, key="c")
    assert both[0] == 0 and both[1] > written
    read, wrote = ask({}, mark, "둘", key="c")
    assert read == written and 0 < wrote < 20


def test_openai_tells_how_long_what_it_wrote_lives(server):
    def written(**options: str):
        response = openai.OpenAI(api_key="k").responses.create(
            model=GPT, input=f"{options} {LONG}", prompt_cache_options=options
        )
        dumped = response.model_dump()  # openai 2.54의 형에는 없는 이름이 있습니다.
        details = dumped["usage"]["input_tokens_details"]
        return details["cache_write_tokens"], details.get("cache_write_tokens_details"), dumped["prompt_cache_options"]

    total, split, options = written(ttl="12h")
    assert split == {"ttl_12h_tokens": total, "ttl_30m_tokens": 0} and total > 0
    assert (options["mode"], options["ttl"]) == ("implicit", "12h")
    total, split, _ = written(ttl="30m")
    assert split == {"ttl_12h_tokens": 0, "ttl_30m_tokens": total} and total > 0
    assert written(mode="implicit")[1] is None


def test_a_growing_talk_reads_what_it_wrote_before(server):
    def ask(messages: list[dict]):
        create = anthropic.Anthropic(api_key="k").messages.create
        return create(
            model=CLAUDE, max_tokens=99, system=LONG, messages=messages, cache_control={"type": "ephemeral"}
        ).usage

    talk = [{"role": "user", "content": "하나"}]
    first = ask(talk)
    talk += [{"role": "assistant", "content": "네"}, {"role": "user", "content": "둘"}]
    second = ask(talk)
    assert first.cache_read_input_tokens == 0 < first.cache_creation_input_tokens
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    assert 0 < second.cache_creation_input_tokens < 50


def test_diagnoses_name_the_first_difference(server):
    claude = anthropic.Anthropic(api_key="k").messages.create
    first = {"model": CLAUDE, "max_tokens": 99, "system": LONG, "messages": [{"role": "user", "content": "하나"}]}
    first["cache_control"] = {"type": "ephemeral"}
    before = claude(**first)
    assert before.diagnostics is None

    def why(previous: str | None = before.id, **changes):
        found = claude(**first | changes, diagnostics={"previous_message_id": previous}).diagnostics
        return found and found.cache_miss_reason.type

    tools = [{"name": "stock", "input_schema": {"type": "object"}}]
    assert why() is None and why(previous=None) is None
    assert why(system="오늘은 금요일. " + LONG) == "system_changed"
    assert why(tools=tools, system="다른 말") == "tools_changed"
    assert why(messages=[{"role": "user", "content": "둘"}]) == "messages_changed"
    grown = [*first["messages"], {"role": "assistant", "content": "네"}, {"role": "user", "content": "둘"}]
    assert why(messages=grown) is None
    assert why(previous="msg_x") == "previous_message_not_found"

    gpt = openai.OpenAI(api_key="k").responses.create
    base = {"model": GPT, "instructions": LONG, "input": [{"role": "user", "content": "하나"}]}
    old = gpt(**base)
    assert old.model_dump().get("prompt_cache_diagnostics") is None

    def reason(comparison: str = old.id, **changes):
        options = {"comparison_response_id": comparison}
        found = gpt(**base | changes, prompt_cache_options=options).model_dump()["prompt_cache_diagnostics"]
        return found.get("reason") or found["type"]

    assert reason() == "cache_hit"
    assert reason(instructions="오늘은 금요일. " + LONG) == "input_changed"
    assert reason(prompt_cache_key="b") == "prompt_cache_key_changed"
    assert reason("resp_x") == "comparison_response_not_found"
