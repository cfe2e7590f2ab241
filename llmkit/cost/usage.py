"""응답에서 요금을 정하는 것을 한 번에 읽습니다: 무엇이 몇 개인지, 어느 모델인지, 어떤 처리 방식인지.

제공자마다 이름과 뜻이 다릅니다. 이름은 표(`_TOP`)로 바꾸고, 뜻은 `read`가 맞춥니다.
특히 Anthropic의 `input_tokens`에는 캐시에서 읽은 토큰과 캐시에 쓴 토큰이 **빠져** 있습니다.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from numbers import Integral
from typing import Any, NamedTuple

from genai_prices.units import _get_registry

from ..common.ledger import BUILT_IN_TOOLS, STANDARD, billable, fields_of

REGISTRY = _get_registry()  # genai-prices가 세는 종류들: 입력인지 출력인지, 텍스트인지 소리인지

Context = tuple[tuple[str, str], ...]  # 표준과 다른 처리 방식. 예: (("processing", "batch"),)
Names = Mapping[str, str | None]  # 제공자의 이름 -> genai-prices의 이름. 요금이 없거나 이미 센 것은 None


class Usage(NamedTuple):
    """응답 하나를 읽은 것입니다."""

    counts: dict[str, int]  # genai-prices의 이름으로 적은 수. 입력에는 캐시가, 출력에는 추론이 들어 있습니다
    model: str | None  # 응답에 적힌 모델 이름. usage만 받았으면 None
    context: Context  # 표준과 다른 처리 방식(flex, priority, batch, 지역, 속도)
    provider: str | None  # 응답을 보고 알 수 있는 제공자("groq"). 대부분은 None


def read(source: Any) -> Usage:
    """응답 하나를 읽습니다. 비용을 계산하는 모든 길(응답, 스트림의 결과, 장부)이 여기를 지납니다.

    Raises:
        ValueError: usage가 없거나, 모르는 이름에 수가 들어 있거나, 수가 0 이상의 정수가 아닐 때.

    >>> read({"prompt_tokens": 20, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 8}}).counts
    {'input_tokens': 20, 'output_tokens': 5, 'cache_read_tokens': 8}
    >>> read({"input_tokens": 12, "output_tokens": 5, "cache_read_input_tokens": 8}).counts  # Anthropic
    {'input_tokens': 20, 'output_tokens': 5, 'cache_read_tokens': 8}
    >>> read({"model": "gpt-6-luna", "service_tier": "flex", "usage": {"prompt_tokens": 20}}).context
    (('service_tier', 'flex'),)
    """
    usage, model = _find(source)
    counts: dict[str, int] = {}
    _count(counts, usage, _TOP)
    written = counts.get("cache_write_5m_tokens", 0) + counts.get("cache_write_1h_tokens", 0)
    if written and not counts.get("cache_write_tokens"):  # LangChain은 유지 시간별로만 적습니다
        counts["cache_write_tokens"] = written
    if written > counts.get("cache_write_tokens", 0):
        raise ValueError(f"usage에서 캐시에 쓴 토큰의 합이 맞지 않습니다: {written}, {counts['cache_write_tokens']}")
    if "prompt_tokens" not in usage and not _ANTHROPIC.isdisjoint(usage):
        _anthropic(counts, usage)
    elif seconds := usage.get("seconds"):  # 받아쓰기의 요금은 소리의 길이로 정해집니다
        if isinstance(seconds, (int, float)) and 0 < seconds < math.inf:
            counts |= {"input_tokens": 0, "output_tokens": 0, "audio_seconds": math.ceil(seconds)}
    elif total := whole_number(usage.get("total_tokens") or 0, "total_tokens"):
        # Gemini의 OpenAI 호환 응답은 추론 토큰을 completion_tokens에서 빼고 total_tokens에만 넣습니다
        hidden = total - counts.get("input_tokens", 0) - counts.get("output_tokens", 0)
        if hidden > 0:
            counts["output_tokens"] = counts.get("output_tokens", 0) + hidden
            counts["output_reasoning_tokens"] = max(hidden, counts.get("output_reasoning_tokens", 0))
    if "input_tokens" not in counts:
        raise ValueError(
            f"usage에 입력 토큰이 없습니다(있는 이름: {', '.join(map(str, usage)) or '없음'}). Chat Completions는 "
            "prompt_tokens와 completion_tokens, Responses와 Anthropic은 input_tokens와 output_tokens를 씁니다."
        )
    if counts.get("output_reasoning_tokens", 0) > counts.setdefault("output_tokens", 0):
        raise ValueError("usage의 추론 토큰이 출력 토큰보다 많아 출력이 몇 개인지 알 수 없습니다.")
    return Usage(counts, model, _context(usage), "groq" if "queue_time" in usage else None)


def _find(source: Any) -> tuple[Mapping[str, Any], str | None]:
    """(usage, 모델)을 찾습니다. 받은 것이 usage이면 그대로 돌려줍니다."""
    fields = fields_of(source)
    if fields is None:
        raise ValueError(f"usage를 읽을 수 없습니다. 응답이나 그 usage, 또는 dict를 주세요. 받은 값: {source!r}")
    if "prompt_tokens" in fields or "input_tokens" in fields:
        return fields, None
    if fields.get("interrupted") is True:  # 끊긴 Anthropic 스트림의 usage에는 입력만 제대로 들어 있습니다
        raise ValueError("도중에 끊긴 스트림이라 출력 토큰 수를 모릅니다. 요금은 제공자의 청구 화면에서 확인하세요.")
    if langchain := fields_of(fields.get("response_metadata")):
        fields = {**fields, **langchain}
    for name in ("usage", "token_usage", "usage_metadata"):
        if usage := fields_of(fields.get(name)):
            return billable(usage, fields), fields.get("model") or fields.get("model_name")
    if inner := fields_of(fields.get("response") or fields.get("x_groq")):
        return _find(inner)  # Responses 스트림의 마지막 이벤트, 또는 Groq 스트림의 마지막 조각
    if not fields.keys().isdisjoint(("usage", "usage_metadata", "choices", "output", "content")):
        raise ValueError(
            "응답에 usage가 없습니다. OpenAI 호환 스트림은 stream_options={'include_usage': True}로 요청해 마지막 "
            "조각을, Anthropic 스트림은 get_final_message()를 주세요."
        )
    return fields, None


def _context(usage: Mapping[str, Any]) -> Context:
    found: dict[str, str] = {}
    for name in _CONTEXT & usage.keys():
        if (value := usage[name]) not in STANDARD:
            found["processing" if value == "batch" else name] = str(value)
    if details := usage.get("input_token_details"):  # LangChain은 flex와 priority를 토큰의 이름에 적습니다
        tiers = [tier for tier in _TIERS if tier in (fields_of(details) or {})]
        found |= {"service_tier": tiers[0]} if tiers else {}
    return tuple(sorted(found.items())) if found else ()


# --- 이름 ---

_CONTEXT = {"service_tier", "speed", "inference_geo"}
_TIERS = ("flex", "priority")
_ANTHROPIC = {
    "cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation", "server_tool_use", "iterations",
}  # fmt: skip
_WRITES: Names = {
    "ephemeral_5m_input_tokens": "cache_write_5m_tokens",
    "ephemeral_1h_input_tokens": "cache_write_1h_tokens",
    "ttl_12h_tokens": "cache_write_12h_tokens",
    "ttl_30m_tokens": None,
}
_TOOLS: Names = {kind: kind for kind in BUILT_IN_TOOLS} | {
    "web_search_requests": "web_searches",
    "code_execution_requests": "code_executions",
    "web_fetch_requests": None,
}


def _spellings(counted: Names, kinds: str) -> Names:
    """세부 내역의 이름들. `_tokens`가 없는 것과 "flex_"로 시작하는 것은 LangChain의 이름입니다."""
    names = dict(counted) | dict.fromkeys(("text", "text_tokens", *_TIERS))
    for kind in ("audio", "image", "video"):
        names[kind] = names[f"{kind}_tokens"] = kinds.format(kind)
    return names | {f"{tier}_{name}": key for tier in _TIERS for name, key in names.items()}


_INPUT = _spellings(
    {"cached_tokens": "cache_read_tokens", "cache_read": "cache_read_tokens", "cache_write_tokens": "cache_write_tokens",
     "cache_creation": "cache_write_tokens", "cache_creation_tokens": "cache_write_tokens", **_WRITES},
    "input_{}_tokens",
)  # fmt: skip
_OUTPUT = _spellings(
    {"accepted_prediction_tokens": None, "rejected_prediction_tokens": None}
    | dict.fromkeys(("reasoning_tokens", "thinking_tokens", "reasoning"), "output_reasoning_tokens"),
    "output_{}_tokens",
)
_INSIDE: dict[str, Names] = {
    **dict.fromkeys(("prompt_tokens_details", "input_tokens_details", "input_token_details"), _INPUT),
    **dict.fromkeys(("completion_tokens_details", "output_tokens_details", "output_token_details"), _OUTPUT),
    "cached_tokens_details": _spellings({}, "cache_{}_read_tokens"),
    **dict.fromkeys(("cache_creation", "cache_creation_token_details", "cache_write_tokens_details"), _WRITES),
    **dict.fromkeys(("server_tool_use", "built_in_tools"), _TOOLS),
}
_TOP: Names = {
    **{name: name for name in REGISTRY.units},
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "cached_tokens": "cache_read_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
}
# 수이지만 토큰이 아니거나, 따로 보는 것
_OTHER = {
    "total_tokens", "seconds", "iterations", "queue_time", "prompt_time", "completion_time", "total_time", "cost",
    "cost_details",
}  # fmt: skip


def _count(counts: dict[str, int], fields: Mapping[str, Any], names: Names) -> None:
    """이름을 표대로 바꾸어 `counts`에 적습니다. 모르는 이름에 0이 아닌 수가 있으면 요금이 빠질 수 있으므로 오류입니다."""
    for name, value in fields.items():
        if value is None:
            continue
        if name in names:
            key, number = names[name], whole_number(value, name)
            if key is not None and counts.setdefault(key, number) != number:
                raise ValueError(f"usage에 같은 뜻의 수가 둘 있고 서로 다릅니다: {counts[key]}, {name}={value}")
        elif name in _INSIDE:
            inside = fields_of(value)
            if inside is None:
                raise ValueError(f"usage의 세부 내역은 이름과 수의 짝이어야 합니다. 받은 값: {value!r}")
            _count(counts, inside, _INSIDE[name])
        elif value and not (names is _TOP and name in _OTHER):
            _refuse(name, value, names)


def _refuse(name: str, value: Any, names: Names) -> None:
    if isinstance(value, list):
        for item in value:
            _refuse(name, item, names)
    elif not isinstance(value, (Integral, float)):
        _count({}, fields_of(value) or {}, {})
    elif not isinstance(value, bool):
        if names is _TOOLS:
            raise ValueError(f"요금을 모르는 도구를 썼습니다: {name}. 0으로 세지 않습니다.")
        near = difflib.get_close_matches(str(name), [*names, *_TOP, *_INSIDE], n=1)
        hint = "무엇의 수인지 몰라 요금을 계산하지 않습니다." if near in ([], [name]) else f"혹시 {near[0]!r}입니까?"
        raise ValueError(f"usage에 모르는 이름이 있습니다: {name!r}. {hint}")


def whole_number(value: Any, name: str) -> int:
    """0 이상의 정수인지 확인합니다. 참/거짓, 음수, NaN, 문자열은 오류입니다.

    >>> whole_number(3.0, "prompt_tokens")
    3
    """
    if type(value) is int and value >= 0:
        return value
    sound = isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
    if not sound or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name} 값은 0 이상의 정수여야 합니다. 받은 값: {value!r}")
    return int(value)


def _anthropic(counts: dict[str, int], usage: Mapping[str, Any]) -> None:
    """Anthropic Messages입니다. 입력에 캐시를 더합니다."""
    if "input_tokens" in counts:
        counts["input_tokens"] += counts.get("cache_read_tokens", 0) + counts.get("cache_write_tokens", 0)
    steps = usage.get("iterations")
    for step in steps if isinstance(steps, list) else ():
        kind = (fields_of(step) or {}).get("type", "message")
        if kind != "message":  # 대화 압축(compaction)과 다른 모델(advisor, fallback)의 토큰은 맨 위에 없습니다
            raise ValueError(f"따로 청구되는 단계({kind})가 있습니다. usage.iterations를 하나씩 계산해 더하세요.")
    credit = fields_of(usage.get("fallback_credit")) or {}
    if (fields_of(credit.get("status")) or {}).get("type") == "redeemed":
        raise ValueError("다른 모델로 다시 보내며 요금이 조정되었습니다(fallback_credit). 청구 화면에서 확인하세요.")
