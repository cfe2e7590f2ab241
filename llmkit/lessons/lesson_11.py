"""수업 11의 연습 채점."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

from .answers import Wrong, call, explain, require_number, same, show
from .checks import exercise

_TALK = [
    {"role": "user", "content": "오늘은 목요일\n시집이 있나요?"},
    {"role": "assistant", "content": "네, 있습니다."},
]


@exercise("11-1")
def what_changes_comes_last(build: Any) -> Iterator[str]:
    """날짜와 질문이 달라도 마지막 메시지 앞까지는 같은 목록."""
    rules = "하루책방의 점원입니다."
    for history in ([], _TALK):
        for today, question in [("오늘은 금요일", "몇 시에 여나요?"), ("오늘은 토요일", "소설이 있나요?")]:
            sent = call(build, rules, copy.deepcopy(history), today, question, name="build", unchanged=True)
            if not isinstance(sent, list) or len(sent) != len(history) + 2:
                raise Wrong(f"시스템 프롬프트, 지난 대화, 이번 질문이 든 목록이어야 합니다. 지금은 {show(sent)}입니다.")
            first, *middle, last = sent
            head, tail = str(first.get("content")), str(last.get("content"))
            if today in head:
                yield "시스템 프롬프트에 `today`가 있습니다. 날이 바뀌면 그 뒤의 지난 대화까지 모두 다시 계산합니다."
            elif question in head:
                yield "시스템 프롬프트에 `question`이 있습니다. 요청마다 처음부터 다시 계산합니다."
            elif first.get("content") != rules:
                yield f"시스템 프롬프트는 `rules` 그대로여야 합니다. 지금은 {show(first.get('content'))}입니다."
            if middle != history:
                yield "지난 대화는 받은 그대로, 시스템 프롬프트와 이번 질문 사이에 있어야 합니다."
            for name, text in [("today", today), ("question", question)]:
                if text not in tail:
                    yield f"마지막 메시지에 `{name}` 값이 없습니다. 모델은 보내지 않은 것을 모릅니다."
            if rules in tail:
                yield "마지막 메시지에 `rules`가 또 들어 있습니다. 같은 글에 입력 요금을 두 번 냅니다."
            if (first.get("role"), last.get("role")) != ("developer", "user"):
                yield "역할은 처음의 것(`developer`, `user`)을 그대로 두세요."


def _tools() -> list[dict[str, Any]]:
    title = {"type": "string", "description": "책 제목"}
    copies = {"type": "integer", "enum": [3, 1, 2]}
    order = {"type": "object", "properties": {"title": title, "copies": copies}, "required": ["title", "copies"]}
    look = {"type": "object", "properties": {"title": title}, "required": ["title"]}
    return [
        {"name": "stock", "description": "재고", "parameters": look},
        {"name": "order", "description": "주문", "parameters": order},
        {"name": "price", "description": "가격", "parameters": look},
    ]


def _backwards(value: Any) -> Any:
    """`dict`에 넣은 순서만 거꾸로인 사본."""
    if isinstance(value, dict):
        return {key: _backwards(value[key]) for key in reversed(value)}
    return [_backwards(item) for item in value] if isinstance(value, list) else value


@exercise("11-2")
def tools_as_one_text(written: Any) -> Iterator[str]:
    """도구의 순서와 키의 순서가 달라도 글자까지 같은 JSON."""
    tools, texts = _tools(), {}
    for order in itertools.permutations(tools):
        for title, given in [("", list(order)), ("키의 순서", _backwards(list(order)))]:
            text = call(written, copy.deepcopy(given), name="written", unchanged=True)
            if not isinstance(text, str):
                raise Wrong(f"JSON 문자열을 돌려주어야 합니다. 지금은 {show(text)}입니다.")
            texts.setdefault(title, set()).add(text)
    try:
        found = json.loads(text)
        named = sorted(found, key=lambda tool: tool["name"])
    except (ValueError, TypeError, KeyError) as error:
        raise Wrong(f"도구의 목록을 적은 JSON으로 읽히지 않습니다. 지금은 {show(text)}입니다.") from error
    if named != sorted(tools, key=lambda tool: tool["name"]):
        changed = "목록 안의 순서(`required`, `enum`)까지 바꾸지 않았는지, 빠뜨린 것이 없는지 보세요."
        raise Wrong(f"도구의 내용이 달라졌습니다. {changed} 지금은 {show(text)}입니다.")
    if len(texts[""]) > 1:
        yield "도구의 순서가 다르면 문자열도 달라집니다. 이름의 순서로 놓으세요."
    if texts[""] != texts["키의 순서"]:
        yield "`dict`에 넣은 순서가 다르면 문자열도 달라집니다. 안쪽의 키까지 늘 같은 순서로 적으세요."


_OPENAI = {"prompt_tokens": 3000, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": 2400}}
_WROTE = {"prompt_tokens": 1000, "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 900}}
_CLAUDE = {"input_tokens": 200, "cache_read_input_tokens": 2800, "cache_creation_input_tokens": 0, "output_tokens": 9}
_CLAUDE_WROTE = {"input_tokens": 500, "cache_read_input_tokens": None, "cache_creation_input_tokens": 1500}
_NONE = {"input_tokens": 400, "cache_read_input_tokens": None, "cache_creation_input_tokens": None}


@exercise("11-3")
def share_read_from_the_cache(hit_rate: Any) -> Iterator[str]:
    """합의 비율: OpenAI는 전체에 캐시가 들어 있고, Anthropic은 세 수를 더합니다."""
    cases = [
        ("OpenAI 하나", [_OPENAI], 2400, 3000),
        ("OpenAI가 쓰고 읽을 때", [_WROTE, _OPENAI], 2400, 4000),
        ("Anthropic 하나", [_CLAUDE], 2800, 3000),
        ("Anthropic이 쓰고 읽을 때", [_CLAUDE_WROTE, _CLAUDE], 2800, 5000),
        ("둘이 섞였을 때", [_OPENAI, _CLAUDE_WROTE, _NONE, _CLAUDE], 5200, 8400),
        ("캐시의 수가 None일 때", [{"prompt_tokens": 100, "prompt_tokens_details": None}, _NONE], 0, 500),
        ("cached_tokens가 None일 때", [{"prompt_tokens": 80, "prompt_tokens_details": {"cached_tokens": None}}], 0, 80),
        ("입력이 없을 때", [], 0, 1),
    ]
    for name, usages, read, total in cases:
        result = call(hit_rate, copy.deepcopy(usages), name="hit_rate", unchanged=True)
        rate = float(require_number(result, "`hit_rate`의 결과"))
        if abs(rate - read / total) > 6e-5:  # 소수 넷째 자리로 반올림해도 됩니다.
            said = explain(rate, _wrong_rates(usages, read), "읽은 토큰의 합을 입력 전체의 합으로 나눕니다.", _near)
            yield f"{name}: 기댓값 {read / total:.4f}, 실제 {show(result)}. {said}"


def _near(value: float, mistake: float) -> bool:
    return abs(value - mistake) < 1e-9


def _wrong_rates(usages: list[dict[str, Any]], read: int) -> list[tuple[float, str]]:
    """흔한 잘못으로 나오는 적중률들."""

    def total(claude: Any, openai: Any = lambda usage: usage["prompt_tokens"]) -> int:
        return sum(openai(usage) if "prompt_tokens" in usage else claude(usage) for usage in usages)

    def part(usage: dict[str, Any], *names: str) -> int:
        return sum(usage.get(name) or 0 for name in names)

    given, old, new = "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"
    doubled = total(
        lambda usage: part(usage, given, old, new),
        lambda usage: usage["prompt_tokens"] + ((usage["prompt_tokens_details"] or {}).get("cached_tokens") or 0),
    )
    mistakes = [
        (
            total(lambda usage: part(usage, given)),
            "Anthropic의 `input_tokens`에는 캐시의 두 수가 빠져 있습니다. 더하세요.",
        ),
        (total(lambda usage: part(usage, given, old)), "Anthropic의 전체에는 캐시에 **쓴** 토큰도 더합니다."),
        (doubled, "OpenAI의 `prompt_tokens`에는 읽은 토큰이 이미 들어 있습니다. 두 번 더했습니다."),
    ]
    return [(read / size, why) for size, why in mistakes if size]


@exercise("11-4")
def cheapest_lifetime(choose: Any) -> Iterator[str]:
    """간격을 보고 앞부분의 요금이 가장 싼 것."""
    cases = [
        ([1] * 9, "5m", "사이가 늘 5분 안이면 한 번만 쓰고 모두 읽습니다."),
        ([15] * 9, "1h", "5분짜리는 번번이 사라져 다시 쓰고, 1시간짜리는 한 번만 씁니다."),
        ([120] * 9, None, "한 시간이 넘게 뜸하면 번번이 다시 쓰므로 쓰지 않는 편이 쌉니다."),
        ([], None, "한 번만 부르면 쓰기 요금만 더 냅니다."),
        ([3], "5m", "두 번이면 5분짜리는 이득입니다."),
        ([30], None, "두 번이면 1시간짜리는 아직 손해입니다(2 + 0.1)."),
        ([5, 5, 5], "5m", "간격이 유지 시간과 꼭 같으면 아직 살아 있습니다."),
        ([60, 60, 60], "1h", "간격이 유지 시간과 꼭 같으면 아직 살아 있습니다."),
        ([1, 1, 90, 1, 1, 90, 1, 1], "5m", "사라진 뒤에도 다시 쓰고 이어 읽습니다. 쓴 횟수만큼 쓰기 요금을 더하세요."),
        ([20, 20, 90, 20, 20], "1h", "첫 호출도 씁니다. 쓴 횟수는 사라진 횟수보다 하나 많습니다."),
        ([90] * 9 + [30] * 11, None, "읽기도 공짜가 아닙니다. 쓰지 않은 호출마다 `read`를 더하세요."),
    ]
    for gaps, right, why in cases:
        result = call(choose, list(gaps), name="choose", none_is_fine=True, unchanged=True)
        if not (result is None if right is None else same(result, right)):
            yield f"간격 {show(gaps)}: 기댓값 {show(right)}, 실제 {show(result)}. {why}"
    if call(choose, [30, 30], 0.9, name="choose", none_is_fine=True) is not None:
        yield "읽기가 0.9배이면 세 번에 1시간짜리도 손해입니다. 넘겨받은 `read`로 계산하세요."
    if call(choose, [3], 0.75, name="choose", none_is_fine=True) is not None:
        yield "읽기가 0.75배인 두 번은 5분짜리도, 쓰지 않아도 2입니다. 같은 요금이면 먼저 적힌 `None`을 고릅니다."


_MARK = {"type": "ephemeral"}


@exercise("11-5")
def breakpoint_at_the_end(move: Any) -> Iterator[str]:
    """마지막 블록에만 중단점이 있는 새 목록."""
    first = {"role": "user", "content": [{"type": "text", "text": "시집이 있나요?", "cache_control": _MARK}]}
    said = {"role": "assistant", "content": "네, 있습니다."}
    picture = {"type": "text", "text": "사진을 보세요.", "cache_control": {**_MARK, "ttl": "1h"}}
    cases = [
        ("글 하나일 때", [{"role": "user", "content": "시집이 있나요?"}]),
        ("앞에 옛 중단점이 있을 때", [first, said, {"role": "user", "content": "얼마인가요?"}]),
        (
            "마지막 메시지에 블록이 둘일 때",
            [said, {"role": "user", "content": [picture, {"type": "text", "text": "이 책이요."}]}],
        ),
        ("마지막 블록에 벌써 있을 때", [first]),
    ]
    for name, messages in cases:
        result = call(move, copy.deepcopy(messages), name="move", unchanged=True)
        if not isinstance(result, list) or len(result) != len(messages):
            raise Wrong(f"{name}: 메시지 {len(messages)}개의 목록을 돌려주어야 합니다. 지금은 {show(result)}입니다.")
        if [_bare(message) for message in result] != [_bare(message) for message in messages]:
            raise Wrong(f"{name}: 역할이나 글, 블록의 순서가 달라졌습니다. 지금은 {show(result)}입니다.")
        blocks = [block for message in result if isinstance(message["content"], list) for block in message["content"]]
        marks = [place for place, block in enumerate(blocks) if "cache_control" in block]
        if not isinstance(result[-1]["content"], list) or len(blocks) - 1 not in marks:
            yield f"{name}: 마지막 메시지의 마지막 블록에 `cache_control`이 없습니다. 지금은 {show(result[-1])}입니다."
        elif len(marks) > 1:
            yield f"{name}: 중단점이 {len(marks)}개 남았습니다. 옛것을 지우지 않으면 턴마다 늘어 거절됩니다."
        elif blocks[-1]["cache_control"] != _MARK:
            yield f'{name}: `cache_control`은 `{{"type": "ephemeral"}}`입니다. 지금은 {show(blocks[-1]["cache_control"])}입니다.'


def _bare(message: Any) -> tuple[Any, list[dict[str, Any]]]:
    """역할과, 중단점을 뺀 블록들. 문자열은 블록 하나와 같습니다."""
    if not isinstance(message, dict) or not isinstance(message.get("content"), str | list):
        raise Wrong(f"메시지마다 `role`과 `content`가 있어야 합니다. 지금은 {show(message)}입니다.")
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not all(isinstance(block, dict) for block in blocks):
        raise Wrong(f"`content`는 문자열이거나 블록(`dict`)의 목록입니다. 지금은 {show(content)}입니다.")
    return message.get("role"), [{k: v for k, v in block.items() if k != "cache_control"} for block in blocks]


@exercise("11-6")
def first_place_that_changed(first_change: Any) -> Iterator[str]:
    """캐시의 순서로 처음 달라진 곳."""
    stock, price = {"name": "stock"}, {"name": "price"}
    said = [{"role": role, "content": text} for role, text in [("user", "가"), ("assistant", "나"), ("user", "다")]]
    base = {"model": "a", "tools": [stock, price], "system": "규칙", "messages": said}
    edited = [said[0], {**said[1], "content": "너"}, said[2]]
    bare = {"model": "a", "messages": said}
    cases = [
        ("같은 요청", base, base, "", "달라진 것이 없습니다."),
        ("뒤에 더한 요청", base, {**base, "messages": [*said, *_TALK]}, "", "뒤에 더해지기만 하면 깨지지 않습니다."),
        ("모델이 다른 요청", base, {**base, "model": "b", "system": "다른 규칙"}, "model", "앞의 것부터 봅니다."),
        ("도구의 순서가 다른 요청", base, {**base, "tools": [price, stock]}, "tools", "순서만 달라도 글이 다릅니다."),
        ("도구와 시스템이 다른 요청", base, {**base, "tools": [], "system": "x"}, "tools", "도구가 시스템 프롬프트보다 앞입니다."),
        ("시스템에 공백을 더한 요청", base, {**base, "system": "규칙 ", "messages": []}, "system", "공백 하나도 다른 글입니다."),
        ("가운데를 고친 요청", base, {**base, "messages": edited}, "messages[1]", "자리는 0부터 셉니다."),
        ("역할만 바꾼 요청", base, {**base, "messages": [said[0], {**said[1], "role": "user"}]}, "messages[1]", "내용이 같아도 역할이 다르면 다른 메시지입니다."),
        ("뒤가 잘린 요청", base, {**base, "messages": said[:2]}, "messages[2]", "사라진 첫 메시지의 자리입니다."),
        ("앞이 잘린 요청", base, {**base, "messages": said[2:]}, "messages[0]", "앞을 자르면 처음부터 다릅니다."),
        ("도구가 없는 두 요청", bare, {**bare, "tools": []}, "", "없는 것은 빈 목록과 같습니다."),
        ("도구를 새로 더한 요청", bare, {**bare, "tools": [stock]}, "tools", "없던 도구가 생겼습니다."),
    ]  # fmt: skip
    for name, before, after, right, why in cases:
        given = copy.deepcopy((before, after))
        result = call(first_change, *given, name="first_change", unchanged=True)
        if not same(result, right):
            yield f"{name}: 기댓값 {show(right)}, 실제 {show(result)}. {why}"
