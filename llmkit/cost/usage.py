"""응답에서 요금을 정하는 것을 한 번에 읽습니다: 무엇이 몇 개인지, 어느 모델인지, 어떤 처리 방식인지.

제공자마다 이름과 뜻이 달라서 읽는 함수가 셋입니다. 특히 Anthropic의 `input_tokens`에는 캐시에서 읽은 토큰과 캐시에
쓴 토큰이 **빠져** 있고, 나머지의 입력에는 들어 있습니다.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any, NamedTuple

from genai_prices.units import _get_registry

from ..common.ledger import BUILT_IN_TOOLS, STANDARD, billable, fields_of

REGISTRY = _get_registry()  # genai-prices가 세는 종류들: 입력인지 출력인지, 텍스트인지 소리인지

Context = tuple[tuple[str, str], ...]  # 표준과 다른 처리 방식. 예: (("processing", "batch"),)


class Usage(NamedTuple):
    """응답 하나를 읽은 것입니다.

    Attributes:
        counts: genai-prices의 이름으로 적은 수. `input_tokens`에는 캐시가, `output_tokens`에는 추론이 들어 있고,
            나머지 이름은 그중 얼마인지를 나타냅니다. 웹 검색 같은 도구를 쓴 횟수도 있습니다.
        model: 응답에 적힌 모델 이름. usage만 받았으면 `None`.
        context: 표준과 다른 처리 방식(flex, priority, batch, 지역, 속도).
        provider: 응답을 보고 알 수 있는 제공자("groq"). 대부분은 `None`.
    """

    counts: dict[str, int]
    model: str | None
    context: Context
    provider: str | None


def read(source: Any) -> Usage:
    """응답 하나를 읽습니다. 비용을 계산하는 모든 길(응답, 스트림의 결과, 장부)이 여기를 지납니다.

    Args:
        source: OpenAI, Anthropic, Hugging Face SDK의 응답이나 usage, 스트림의 마지막 이벤트나 `StreamResult`,
            LangChain의 `AIMessage`나 `usage_metadata`, 또는 같은 이름을 쓰는 dict.

    Returns:
        `Usage`. 이름 붙은 튜플입니다.

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
    if not _KNOWN.issuperset(usage):
        _refuse_unknown(usage, _KNOWN)
    if "prompt_tokens" in usage:
        counts = _chat(usage)
    elif not _ANTHROPIC.isdisjoint(usage):
        counts = _anthropic(usage)
    else:
        counts = _responses(usage)
    _add_details(counts, usage.get("built_in_tools"), _TOOLS)
    return Usage(counts, model, _context(usage), "groq" if "queue_time" in usage else None)


# --- 어디에 usage가 있는가 ---


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


# --- 제공자마다 읽는 법 ---

_CONTEXT = {"service_tier", "speed", "inference_geo"}
_TIERS = ("flex", "priority")
_ANTHROPIC = {
    "cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation", "server_tool_use", "iterations",
}  # fmt: skip

# 안에 얼마가 들어 있는지를 적은 이름 -> genai-prices의 이름. `_tokens`가 없는 것은 LangChain의 이름입니다.
_DETAILS = {
    "cached_tokens": "cache_read_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_creation": "cache_write_tokens",
    "ephemeral_5m_input_tokens": "cache_write_5m_tokens",
    "ephemeral_1h_input_tokens": "cache_write_1h_tokens",
    "ttl_12h_tokens": "cache_write_12h_tokens",
    "reasoning_tokens": "output_reasoning_tokens",
    "thinking_tokens": "output_reasoning_tokens",
    "reasoning": "output_reasoning_tokens",
    "web_search_requests": "web_searches",
    "code_execution_requests": "code_executions",
}
_TOOLS = {kind: kind for kind in BUILT_IN_TOOLS}
_KINDS = ("audio", "image", "video")
_INPUT = _DETAILS | {f"{kind}{end}": f"input_{kind}_tokens" for kind in _KINDS for end in ("", "_tokens")}
_OUTPUT = _DETAILS | {f"{kind}{end}": f"output_{kind}_tokens" for kind in _KINDS for end in ("", "_tokens")}
_CACHED = {f"{kind}_tokens": f"cache_{kind}_read_tokens" for kind in _KINDS}
# 요금과 무관하거나, 다른 이름에 이미 들어 있는 것
_FREE = {
    "text_tokens", "text", "accepted_prediction_tokens", "rejected_prediction_tokens", "ttl_30m_tokens",
    "web_fetch_requests", *_TIERS,
}  # fmt: skip
_KNOWN = {
    "prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details", "cached_tokens",
    "input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details", "input_token_details",
    "output_token_details", "total_tokens", "seconds", "built_in_tools", "queue_time", "prompt_time",
    "completion_time", "total_time", "cost", "cost_details", *_ANTHROPIC, *REGISTRY.units,
}  # fmt: skip


def _chat(usage: Mapping[str, Any]) -> dict[str, int]:
    """OpenAI Chat Completions와 호환 서버(Groq, Hugging Face, Gemini)입니다."""
    counts = {
        "input_tokens": _number(usage, "prompt_tokens"),
        "output_tokens": _number(usage, "completion_tokens"),
    }
    for name in counts.keys() & usage:
        if _number(usage, name) != counts[name]:
            raise ValueError(f"usage에 같은 뜻의 수가 둘 있고 서로 다릅니다: {counts[name]}, {name}={usage[name]}")
    if usage.get("cached_tokens") is not None:
        counts["cache_read_tokens"] = _number(usage, "cached_tokens")
    _add_details(counts, usage.get("prompt_tokens_details"), _INPUT)
    _add_details(counts, usage.get("completion_tokens_details"), _OUTPUT)
    # Gemini의 OpenAI 호환 응답은 추론 토큰을 completion_tokens에서 빼고 total_tokens에만 넣습니다.
    if (hidden := _number(usage, "total_tokens") - counts["input_tokens"] - counts["output_tokens"]) > 0:
        counts["output_tokens"] += hidden
        counts["output_reasoning_tokens"] = max(hidden, counts.get("output_reasoning_tokens", 0))
    return counts


def _responses(usage: Mapping[str, Any]) -> dict[str, int]:
    """OpenAI Responses와 이미지, 받아쓰기, LangChain의 usage_metadata, genai-prices의 이름입니다."""
    seconds = usage.get("seconds")
    if isinstance(seconds, (int, float)) and seconds > 0:  # 받아쓰기의 요금은 소리의 길이로 정해집니다
        return {"input_tokens": 0, "output_tokens": 0, "audio_seconds": math.ceil(seconds)}
    if usage.get("input_tokens") is None:
        raise ValueError(
            f"usage에 입력 토큰이 없습니다(있는 이름: {', '.join(map(str, usage)) or '없음'}). Chat Completions는 "
            "prompt_tokens와 completion_tokens, Responses와 Anthropic은 input_tokens와 output_tokens를 씁니다."
        )
    counts = {name: _number(usage, name) for name in usage if name in REGISTRY.units}
    counts.setdefault("output_tokens", 0)
    for name in ("input_tokens_details", "input_token_details"):
        _add_details(counts, usage.get(name), _INPUT)
    for name in ("output_tokens_details", "output_token_details"):
        _add_details(counts, usage.get(name), _OUTPUT)
    _add_up_writes(counts)
    return counts


def _anthropic(usage: Mapping[str, Any]) -> dict[str, int]:
    """Anthropic Messages입니다. 입력에 캐시를 더하고, 캐시에 쓴 것을 유지 시간(5분, 1시간)으로 나눕니다."""
    counts = {
        "input_tokens": _number(usage, "input_tokens"),
        "output_tokens": _number(usage, "output_tokens"),
    }
    if usage.get("cache_read_input_tokens") is not None:
        counts["cache_read_tokens"] = _number(usage, "cache_read_input_tokens")
    if usage.get("cache_creation_input_tokens") is not None:
        counts["cache_write_tokens"] = _number(usage, "cache_creation_input_tokens")
    _add_details(counts, usage.get("cache_creation"), _INPUT)
    _add_up_writes(counts)
    counts["input_tokens"] += counts.get("cache_read_tokens", 0) + counts.get("cache_write_tokens", 0)
    _add_details(counts, usage.get("output_tokens_details"), _OUTPUT)
    _add_details(counts, usage.get("server_tool_use"), _DETAILS)
    steps = usage.get("iterations")
    for step in steps if isinstance(steps, list) else ():
        if (fields_of(step) or {}).get("type") == "compaction":  # 맨 위 usage에는 이 토큰이 들어 있지 않습니다
            raise ValueError(
                "대화 압축(compaction)의 토큰은 합계에 없습니다. usage.iterations를 하나씩 계산해 더하세요."
            )
    return counts


def _add_details(counts: dict[str, int], details: Any, names: Mapping[str, str]) -> None:
    if details is None:
        return
    fields = fields_of(details)
    if fields is None:
        raise ValueError(f"usage의 세부 내역은 이름과 수의 짝이어야 합니다. 받은 값: {details!r}")
    for name, value in fields.items():
        if name in _FREE or value is None:
            continue
        if name in names:
            counts[names[name]] = whole_number(value, name)
        elif name.startswith(_TIERS):  # LangChain의 "flex_cache_read" 같은 이름
            _add_details(counts, {name.partition("_")[2]: value}, names)
        elif name.endswith("_details"):
            _add_details(counts, value, _CACHED if name == "cached_tokens_details" else names)
        else:
            _refuse_unknown({name: value}, names)


def _add_up_writes(counts: dict[str, int]) -> None:
    """유지 시간별로만 적혀 있으면 합쳐서 캐시에 쓴 토큰의 수로 삼습니다."""
    parts = counts.get("cache_write_5m_tokens", 0) + counts.get("cache_write_1h_tokens", 0)
    if parts > counts.get("cache_write_tokens", 0):
        counts["cache_write_tokens"] = parts


# --- 수와 이름을 확인합니다 ---


def whole_number(value: Any, name: str) -> int:
    """0 이상의 정수인지 확인합니다. 참/거짓, 음수, NaN, 문자열은 오류입니다.

    >>> whole_number(3.0, "prompt_tokens")
    3
    """
    if type(value) is int and value >= 0:
        return value
    sound = isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
    if not sound or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name}는 0 이상의 정수여야 합니다. 받은 값: {value!r}")
    return int(value)


def _number(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return 0 if value is None else whole_number(value, name)


def _refuse_unknown(fields: Mapping[str, Any], known: Iterable[str]) -> None:
    """모르는 이름에 0이 아닌 수가 있으면 요금이 빠질 수 있으므로 오류입니다."""
    for name in fields.keys() - known:
        value = fields[name]
        if isinstance(value, Mapping) or hasattr(value, "__dict__"):
            _refuse_unknown(fields_of(value) or {}, ())
        elif isinstance(value, (Integral, float)) and not isinstance(value, bool) and value != 0:
            near = difflib.get_close_matches(str(name), [*known, *_KNOWN], n=1)
            hint = f"혹시 {near[0]!r}입니까?" if near else "무엇의 수인지 몰라 요금을 계산하지 않습니다."
            raise ValueError(f"usage에 모르는 이름이 있습니다: {name!r}. {hint}")
