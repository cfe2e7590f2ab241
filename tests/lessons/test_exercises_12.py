"""수업 12의 연습: 다른 방식의 맞는 답은 통과하고, 틀린 답에는 무엇이 틀렸는지 말합니다."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lessons.exercises import refused, wrong


def added_by_get(mine: Any, theirs: Any) -> Any:
    return {key: value for key, value in theirs.items() if mine.get(key) != value}


def added_by_truth(mine: Any, theirs: Any) -> Any:
    return {key: value for key, value in theirs.items() if value and mine.get(key) != value}


def added_new_keys(mine: Any, theirs: Any) -> Any:
    return {key: theirs[key] for key in set(theirs) - set(mine)}


def added_in_place(mine: Any, theirs: Any) -> Any:
    for key in list(theirs):
        if key in mine and mine[key] == theirs[key]:
            del theirs[key]
    return theirs


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (added_by_get, "`None`일 때"),
        (added_by_truth, "`False`일 때"),
        (added_new_keys, "값만 바뀌었을 때"),
        (added_in_place, "받은 것이 바뀌었습니다"),
        (lambda mine, theirs: theirs, "같을 때"),
        (lambda mine, theirs: sorted(theirs), "기댓값"),
    ],
)
def test_12_1_wrong(answer: Any, said: str) -> None:
    assert said in wrong("12-1", answer)


def test_12_1_right() -> None:
    nothing = object()

    def with_sentinel(mine: Any, theirs: Any) -> Any:
        return {key: theirs[key] for key in theirs if mine.get(key, nothing) != theirs[key]}

    assert not refused("12-1", [with_sentinel])


CACHED = ("cache_creation_input_tokens", "cache_read_input_tokens")


def _read(answer: Any, cached: tuple[str, ...] = CACHED) -> tuple[int, int]:
    usage = getattr(answer, "usage_metadata", None) or answer.usage.model_dump()
    if "prompt_tokens" in usage:
        return usage["prompt_tokens"], usage["completion_tokens"]
    return usage["input_tokens"] + sum(usage.get(name) or 0 for name in cached), usage["output_tokens"]


def _forgets_none(answer: Any) -> tuple[int, int]:
    usage = getattr(answer, "usage", None)
    if not hasattr(usage, "input_tokens"):
        return _read(answer)
    return usage.input_tokens + usage.cache_creation_input_tokens, usage.output_tokens


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda a: (a.usage.prompt_tokens, a.usage.completion_tokens), "예외가 났습니다"),
        (lambda a: _read(a)[::-1], "순서는 입력, 출력"),
        (lambda a: sum(_read(a)), "기댓값 (31, 7)"),
        (lambda a: (_read(a)[0] or 1, _read(a)[1] or 1), "출력이 0인 답변"),
        (lambda a: _read(a, ()), "캐시를 읽고 쓴 Anthropic: 기댓값 (2344, 9), 실제 (44, 9). 캐시에 쓰고"),
        (lambda a: _read(a, CACHED[:1]), "캐시를 읽고 쓴 Anthropic: 기댓값 (2344, 9), 실제 (344, 9)"),
        (_forgets_none, "예외가 났습니다"),
    ],
)
def test_12_2_wrong(answer: Any, said: str) -> None:
    assert said in wrong("12-2", answer)


def test_12_2_right() -> None:
    assert not refused("12-2", [_read, lambda answer: list(_read(answer))])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda retries, attempts: retries * attempts, "처음 보내는 한 번"),
        (lambda retries, attempts: retries + attempts, "곱합니다"),
        (lambda retries, attempts: retries * (attempts + 1), "기댓값 9"),
        (lambda retries, attempts: 9, "기댓값 1"),
    ],
)
def test_12_3_wrong(answer: Any, said: str) -> None:
    assert said in wrong("12-3", answer)


def test_12_3_right() -> None:
    def by_loop(retries: int, attempts: int) -> int:
        return sum(1 for _ in range(attempts) for _ in range(retries + 1))

    in_floats = lambda retries, attempts: (retries + 1.0) * attempts  # noqa: E731
    assert not refused("12-3", [by_loop, in_floats, lambda retries, attempts: attempts + retries * attempts])


def adapter(
    provider: str,
    client: Any,
    model: str,
    messages: Any,
    *,
    first_block: bool = False,
    by_place: bool = False,
    kept: Any = None,
    cached: tuple[str, ...] = CACHED,
    **options: Any,
) -> Any:
    if provider == "openai":
        answer = client.chat.completions.create(model=model, messages=messages)
        return answer.choices[0].message.content, answer.usage.prompt_tokens, answer.usage.completion_tokens
    if provider != "anthropic":
        raise options.pop("error", ValueError)(provider)
    options = {
        "max_tokens": 1024,
        "system": [{"type": "text", "text": one["content"]} for one in messages if one["role"] == "system"],
        "messages": [one for one in (messages if kept is None else kept) if one["role"] != "system"],
    } | options
    answer = client.messages.create(model=model, **options)
    if first_block:
        return answer.content[0].text, *_read(answer)
    texts = [block.text for block in (answer.content[1:] if by_place else answer.content) if block.type == "text"]
    return ["".join(texts), *_read(answer, cached)]


def first_message_as_system(provider: str, client: Any, model: str, messages: Any) -> Any:
    if provider != "anthropic":
        return adapter(provider, client, model, messages)
    answer = client.messages.create(model=model, max_tokens=1024, system=messages[0]["content"], messages=messages[1:])
    return "".join(block.text for block in answer.content if block.type == "text"), *_read(answer)


def first_system_only(provider: str, client: Any, model: str, messages: Any) -> Any:
    system = next((one["content"] for one in messages if one["role"] == "system"), "")
    return adapter(provider, client, model, messages, **({"system": system} if provider == "anthropic" else {}))


def changed(**options: Any) -> Any:
    return lambda provider, client, model, messages: adapter(provider, client, model, messages, **options)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (changed(max_tokens=None), "`max_tokens`가 없습니다"),
        (changed(max_tokens=0), "`max_tokens`가 없습니다"),
        (changed(by_place=True), "anthropic(system도 추론도 없을 때)"),
        (first_message_as_system, "system이 아닌 메시지만"),
        (first_system_only, "모두 순서대로"),
        (changed(kept=()), "system이 아닌 메시지만"),
        (changed(system=""), "`system`에는"),
        (changed(first_block=True), "예외가 났습니다"),
        (changed(error=KeyError), "`ValueError`를 냅니다"),
        (changed(cached=()), "anthropic: 돌려줄 것은 (텍스트, 입력, 출력)입니다. 기댓값 ('네, 준비할게요.', 2044, 8)"),
        (lambda provider, client, model, messages: ("네, 준비할게요.", 21, 6), "요청을 한 번"),
        (lambda provider, client, model, messages: adapter("openai", client, model, messages), "예외가 났습니다"),
    ],
)
def test_12_4_wrong(answer: Any, said: str) -> None:
    assert said in wrong("12-4", answer)


def test_12_4_right() -> None:
    assert not refused("12-4", [changed(), changed(max_tokens=300)])
