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


def usage_openai(system: str, text: str):
    messages = [{"role": "developer", "content": system}, {"role": "user", "content": text}]
    details = openai.OpenAI(api_key="k").chat.completions.create(model=GPT, messages=messages).usage
    return (
        details.prompt_tokens,
        details.prompt_tokens_details.cached_tokens,
        details.prompt_tokens_details.cache_write_tokens,
    )


def test_openai_caches_by_itself_from_1024_tokens(server):
    total, read, written = usage_openai(LONG, "하나")
    assert read == 0 and 1024 <= written <= total and written % 128 == 0
    total, read, written = usage_openai(LONG, "둘")
    assert 1024 <= read <= total and written < read
    assert usage_openai("오늘은 11월 26일. " + LONG, "하나")[1] == 0  # 앞이 바뀌면
    assert usage_openai("짧게", "하나")[1:] == usage_openai("짧게", "하나")[1:] == (0, 0)
    response = [openai.OpenAI(api_key="k").responses.create(model=GPT, input=LONG + "셋").usage for _ in range(2)]
    assert [one.input_tokens_details.cached_tokens > 0 for one in response] == [False, True]


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
