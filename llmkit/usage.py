"""제공자마다 다른 usage를 한 가지 이름으로 읽습니다."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from numbers import Integral
from typing import Any

from genai_prices.units import _get_registry

REGISTRY = _get_registry()  # genai-prices가 세는 종류들: 입력인지 출력인지, 글인지 소리인지

# 제공자가 쓰는 이름 -> 한 가지 이름. `None`은 과금과 무관한 값입니다. "+"는 다른 이름으로 온 값에 더하라는
# 뜻입니다. Anthropic의 input_tokens에는 캐시가 **빠져** 있어 더하고, OpenAI와 Gemini에는 이미 들어 있습니다.
_DETAILS: dict[str, Any] = {
    "cached_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "reasoning_tokens": "output_reasoning_tokens",
    "thinking_tokens": "output_reasoning_tokens",
    "text_tokens": None,
    "cache_write_tokens_details": None,
    "accepted_prediction_tokens": None,
    "rejected_prediction_tokens": None,
}
_IN = _DETAILS | {f"{kind}_tokens": f"input_{kind}_tokens" for kind in ("audio", "image", "video")}
_OUT = _DETAILS | {f"{kind}_tokens": f"output_{kind}_tokens" for kind in ("audio", "image", "video")}
_NAMES: dict[str, Any] = {
    # OpenAI Chat Completions와 호환 서버(Groq, Hugging Face, Gemini)
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "prompt_tokens_details": _IN,
    "completion_tokens_details": _OUT,
    "cached_tokens": "cache_read_tokens",
    **dict.fromkeys(("total_tokens", "queue_time", "prompt_time", "completion_time", "total_time")),
    **dict.fromkeys(("cost", "cost_details")),
    # OpenAI Responses
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "input_tokens_details": _IN,
    "output_tokens_details": _OUT,
    # Anthropic
    "cache_read_input_tokens": ("+input_tokens", "cache_read_tokens"),
    "cache_creation_input_tokens": ("+input_tokens", "cache_write_tokens"),
    "cache_creation": {
        "ephemeral_5m_input_tokens": "cache_write_5m_tokens",
        "ephemeral_1h_input_tokens": "cache_write_1h_tokens",
    },
    "server_tool_use": {"web_search_requests": "web_searches", "web_fetch_requests": None},
    # Gemini의 고유 API. 마지막 셋은 종류(글, 소리, 그림)별 목록입니다
    "prompt_token_count": "input_tokens",
    "cached_content_token_count": "cache_read_tokens",
    "candidates_token_count": "+output_tokens",
    "thoughts_token_count": ("+output_tokens", "output_reasoning_tokens"),
    "tool_use_prompt_token_count": ("+input_tokens", "input_tool_tokens"),
    "total_token_count": None,
}
_BY_MODALITY = {
    "prompt_tokens_details": "input_{}_tokens",
    "tool_use_prompt_tokens_details": "input_{}_tokens",
    "candidates_tokens_details": "output_{}_tokens",
    "cache_tokens_details": "cache_{}_read_tokens",
}
_OTHER = object()


def normalize_usage(usage: Any) -> dict[str, int]:
    """제공자의 usage를 genai-prices가 쓰는 이름으로 읽습니다.

    `input_tokens`에는 캐시에서 읽은 것과 캐시에 쓴 것이, `output_tokens`에는 추론 토큰이 들어 있습니다. 나머지
    이름은 그중 얼마인지를 나타냅니다.

    Args:
        usage: OpenAI, Anthropic, Hugging Face, Gemini의 usage 객체, 또는 같은 이름을 쓰는 dict.

    Raises:
        ValueError: 모르는 이름에 수가 들어 있거나, 수가 0 이상의 정수가 아니거나, 입력 토큰이 없을 때.

    >>> normalize_usage({"prompt_tokens": 20, "completion_tokens": 5,
    ...                  "prompt_tokens_details": {"cached_tokens": 8}})
    {'input_tokens': 20, 'output_tokens': 5, 'cache_read_tokens': 8}
    >>> normalize_usage({"input_tokens": 12, "output_tokens": 5, "cache_read_input_tokens": 8})  # Anthropic
    {'input_tokens': 20, 'output_tokens': 5, 'cache_read_tokens': 8}
    """
    fields = fields_of(usage)
    counts: dict[str, int] = {}
    added: dict[str, int] = {}
    _collect(fields, _NAMES, counts, added)
    for name, tokens in added.items():
        counts[name] = counts.get(name, 0) + tokens
    if "input_tokens" not in counts:
        raise ValueError(
            f"usage에 입력 토큰이 없습니다(있는 이름: {', '.join(map(str, fields)) or '없음'}). Chat Completions는 "
            "prompt_tokens와 completion_tokens, Responses와 Anthropic은 input_tokens와 output_tokens를 씁니다."
        )
    output = counts.setdefault("output_tokens", 0)
    # Gemini의 OpenAI 호환 응답은 생각 토큰을 completion_tokens에서 빼고 total_tokens에만 넣습니다.
    if "prompt_tokens" in fields and (total := fields.get("total_tokens")):
        hidden = whole_number(total, "total_tokens") - counts["input_tokens"] - output
        if hidden > 0:
            counts["output_tokens"] += hidden
            counts["output_reasoning_tokens"] = max(hidden, counts.get("output_reasoning_tokens", 0))
    return counts


def fields_of(value: Any) -> Mapping[str, Any]:
    """dict이든 SDK의 객체든 이름과 값의 짝으로 봅니다."""
    if type(value) is dict:
        return value
    try:  # openai와 anthropic의 객체. SDK가 아직 모르는 이름은 __pydantic_extra__에 있습니다
        extra = value.__pydantic_extra__
        return {**value.__dict__, **extra} if extra else value.__dict__
    except AttributeError:
        fields = getattr(value, "__dict__", {})
    if isinstance(value, Mapping):  # huggingface_hub의 객체는 dict이지만, 모르는 이름은 속성으로만 있습니다
        return {**value, **fields}
    if fields and not isinstance(value, type):
        return fields
    raise ValueError(f"usage를 읽을 수 없습니다. 응답이나 그 usage, 또는 dict를 주십시오. 받은 값: {value!r}")


def whole_number(value: Any, name: str) -> int:
    """0 이상의 정수인지 확인합니다. 참/거짓, 음수, NaN, 글자는 오류입니다."""
    if type(value) is int and value >= 0:
        return value
    sound = isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
    if not sound or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name}는 0 이상의 정수여야 합니다. 받은 값: {value!r}")
    return int(value)


def _collect(fields: Mapping[str, Any], names: Mapping[str, Any], counts: dict, added: dict) -> None:
    for key, value in fields.items():
        if value is None:
            continue
        target = names.get(key, _OTHER)
        if target is None:
            continue
        if isinstance(value, list):
            _collect_list(key, value, added)
        elif isinstance(target, str):
            _put(target, value, key, counts, added)
        elif isinstance(target, tuple):
            for name in target:
                _put(name, value, key, counts, added)
        elif isinstance(target, dict):
            _collect(fields_of(value), target, counts, added)
        elif (snake := _snake(key)) in names:
            _collect({snake: value}, names, counts, added)
        elif key in REGISTRY.units and names is _NAMES:
            _put(key, value, key, counts, added)
        elif isinstance(value, dict) or hasattr(value, "__dict__"):
            _collect(fields_of(value), {}, counts, added)
        elif isinstance(value, (Integral, float)) and not isinstance(value, bool) and value != 0:
            near = difflib.get_close_matches(str(key), [*names, *_NAMES], n=1)
            hint = f"혹시 {near[0]!r}입니까?" if near else "무엇의 수인지 몰라 값을 매기지 않습니다."
            raise ValueError(f"usage에 모르는 이름이 있습니다: {key!r}. {hint}")


def _put(name: str, value: Any, key: str, counts: dict, added: dict) -> None:
    tokens = whole_number(value, key)
    if name[0] == "+":
        added[name[1:]] = added.get(name[1:], 0) + tokens
    elif counts.setdefault(name, tokens) != tokens:
        raise ValueError(f"usage에 같은 뜻의 수가 둘 있고 서로 다릅니다: {counts[name]}, {key}={tokens}")


def _collect_list(key: str, items: list, added: dict) -> None:
    target = _BY_MODALITY.get(_snake(key))
    for item in map(fields_of, items):
        if target:
            kind = str(getattr(item["modality"], "value", item["modality"])).lower()
            kind = "image" if kind == "document" else kind
            tokens = item.get("tokenCount") or item.get("token_count") or 0
            _put("+" + target.format(kind), tokens, key, {}, added)
        elif item.get("type") == "compaction":  # Anthropic SDK: 맨 위 usage에는 이 토큰이 들어 있지 않습니다
            raise ValueError("대화 압축(compaction)의 토큰은 합계에 없습니다. usage.iterations를 하나씩 계산해 더하십시오.")


def _snake(key: object) -> str:
    return re.sub("[A-Z]", lambda upper: "_" + upper[0].lower(), str(key))
