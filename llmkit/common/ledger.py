"""장부: 훅을 지나간 호출을 하나씩 적어 둡니다. 영수증은 이 장부만 보고 계산합니다.

응답 전체를 기억하지는 않습니다. 요금을 정하는 것만 `usage`라는 dict 하나에 모읍니다(`billable`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .sse import documents

Provenance = Literal["live", "recorded", "authored", "unverified"]

_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_TOOL_USE = re.compile(rb'"server_tool_use"|"executed_tools"')
# 요금이 표준과 같은 처리 방식들. 이것이 아니면 단가가 다르므로 장부에 남깁니다.
STANDARD = (None, "", "auto", "default", "standard", "on_demand", "global", "not_available")


@dataclass
class Call:
    """HTTP 요청 하나와 그 결과입니다. SDK가 재시도하면 시도마다 하나씩 생깁니다.

    시간은 초 단위이고, 재생에서는 카세트에 적힌 값입니다. 기다린 시간(`waited_s`)은 이 시도 **다음에** SDK가
    재시도까지 기다리기로 한 시간입니다.
    """

    provider: str  # "openai", "anthropic", "gemini", "groq", "huggingface", "local"
    path: str  # "/chat/completions", "/responses", "/messages" ...
    provenance: Provenance
    model: str | None = None  # 응답에 적힌 모델. 없으면 요청에 적은 모델
    status: int | None = None  # 응답을 받지 못했으면 None
    error: str | None = None  # 연결 실패, 타임아웃, 끊긴 스트림의 예외 이름
    usage: dict[str, Any] | None = None  # `read_usage`가 찾은 것. 제공자가 보내지 않았으면 None
    total_s: float | None = None
    waited_s: float | None = None
    method: str = "POST"  # GET은 조회입니다. 배치의 결과를 받을 때 말고는 요금이 없습니다
    host: str | None = None  # 제공자의 호스트가 아닌 곳(Azure, OpenRouter 같은 게이트웨이)이 답했으면 그 호스트


def read_usage(content: bytes, model: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """응답 본문(JSON, SSE 스트림, 배치의 결과 파일)에서 usage와 모델 이름을 찾습니다.

    스트림에서는 usage가 나뉘어 올 수 있습니다(Anthropic은 처음에 입력, 끝에 출력). 그래서 합칩니다. 배치의 결과
    파일이면 한 줄이 호출 하나이므로 `{"results": [{"id": ..., "model": ..., "usage": ...}, ...]}`입니다.

    Args:
        content: 응답 본문. 압축이 풀린 것.
        model: 요청에 적은 모델 이름. 응답에 모델이 적혀 있지 않으면 이것을 돌려줍니다.

    Returns:
        (usage, 모델). 제공자가 usage를 보내지 않았으면 usage는 `None`입니다.

    >>> read_usage(b'{"model": "m", "usage": {"prompt_tokens": 3}, "service_tier": "flex"}', None)
    ({'prompt_tokens': 3, 'service_tier': 'flex'}, 'm')
    """
    if content[:1] == b"[":  # 임베딩처럼 수만 든 큰 배열. 읽느라 실제 호출을 늦추지 않습니다.
        return None, model
    found = [data for data in documents(content, about=_USAGE) if isinstance(data, dict)]
    if found and "custom_id" in found[0]:
        results = [result for line in found if (result := _batch_result(line))]
        return ({"results": results} if results else None), model
    usage: dict[str, Any] = {}
    tier: dict[str, Any] = {}  # usage와 다른 조각에 적혀 올 수 있습니다
    for data in found:
        for holder in (data, data.get("message"), data.get("response"), data.get("x_groq")):
            if isinstance(holder, dict):
                served = holder.get("model")
                model = served if isinstance(served, str) and served else model
                tier = {"service_tier": holder["service_tier"]} if holder.get("service_tier") else tier
                if isinstance(here := holder.get("usage"), dict):
                    usage |= billable(here, holder | tier)
    # Anthropic과 Groq의 스트림은 도구를 쓴 것을 usage와 따로 알립니다
    if usage and (b'"server_tool_use"' in content or b'"executed_tools"' in content):
        parts = [data for data in documents(content, about=_TOOL_USE) if isinstance(data, dict)]
        choices = [choice for data in parts for choice in data.get("choices") or ()]
        usage = billable(usage, {"content": [data.get("content_block") for data in parts], "choices": choices})
    return usage or None, model


def billable(usage: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    """usage에, 응답의 다른 곳에 적혀 있지만 요금을 바꾸는 것을 더합니다. 표준 처리이면 usage 그대로입니다.

    더하는 것은 `service_tier`(표준이 아닐 때)와 `built_in_tools`(제공자의 도구를 쓴 횟수)입니다.

    >>> billable({"input_tokens": 9}, {"output": [{"type": "file_search_call"}], "service_tier": "default"})
    {'input_tokens': 9, 'built_in_tools': {'storage_searches': 1}}
    """
    found = {name: value for name, value in usage.items() if value is not None}
    if (tier := response.get("service_tier")) not in STANDARD:
        found["service_tier"] = tier
    tools = _built_in_tools(response)
    if "server_tool_use" in found:  # Anthropic은 검색의 수를 usage에 적습니다
        tools.pop("web_searches", None)
    if tools:
        found["built_in_tools"] = tools
    return found


def fields_of(value: Any) -> Mapping[str, Any] | None:
    """dict이든 SDK의 객체든 이름과 값의 짝으로 봅니다. 그렇게 볼 수 없으면 `None`입니다."""
    if type(value) is dict:
        return value
    try:  # openai와 anthropic의 객체. SDK가 아직 모르는 이름은 __pydantic_extra__에 있습니다
        extra = value.__pydantic_extra__
        return {**value.__dict__, **extra} if extra else value.__dict__
    except AttributeError:
        fields = getattr(value, "__dict__", {})
    if isinstance(value, Mapping):  # huggingface_hub의 객체는 dict이지만, 모르는 이름은 속성으로만 있습니다
        return {**value, **fields}
    return fields if fields and not isinstance(value, type) else None


# 토큰 말고도 요금이 있는 도구: Responses의 output에 있는 이름 -> 가격표(genai-prices)의 이름
_TOOL_CALLS = {
    "web_search_call": "web_searches",
    "file_search_call": "storage_searches",
    "code_interpreter_call": "code_executions",
    "image_generation_call": "image_generations",
    "shell_call": "code_executions",
}
BUILT_IN_TOOLS = frozenset(_TOOL_CALLS.values())
# 토큰 말고는 요금이 없는 것: 내 컴퓨터에서 실행하거나, 다른 서버를 부르거나, 도구를 고르기만 합니다
_FREE_CALLS = {
    "function_call", "custom_tool_call", "mcp_call", "computer_call", "local_shell_call", "apply_patch_call",
    "tool_search_call",
}  # fmt: skip


def _built_in_tools(response: Mapping[str, Any]) -> dict[str, int]:
    lists = [value for name in ("output", "content") if isinstance(value := response.get(name), list)]
    counts = Counter(kind for items in lists for item in items if (kind := _tool_kind(fields_of(item) or {})))
    for name, used in (fields_of(response.get("tool_usage")) or {}).items():
        numbers = fields_of(used) or {}
        if name == "web_search" and "num_requests" in numbers:  # OpenAI가 센 수가 청구되는 수입니다
            counts["web_searches"] = numbers["num_requests"] or 0
        elif any(numbers.values()):
            counts.setdefault("image_generations" if name == "image_gen" else name, 1)
    choices = [fields_of(choice) or {} for choice in response.get("choices") or ()]
    for message in (fields_of(choice.get("message") or choice.get("delta")) or {} for choice in choices):
        counts.update(str((fields_of(tool) or {}).get("type")) for tool in message.get("executed_tools") or ())  # Groq
    if any(place.get("grounding_metadata") for place in (response, *choices)):  # Gemini의 Google 검색
        counts["grounding"] = 1
    return {kind: count for kind, count in counts.items() if count}


def _tool_kind(item: Mapping[str, Any]) -> str | None:
    """요금이 있는 도구이면 가격표의 이름입니다. 처음 보는 도구는 그 이름 그대로이고, 요금을 모르는 것이 됩니다."""
    kind, name = item.get("type"), str(item.get("name"))
    if not isinstance(kind, str):
        return None
    if kind == "server_tool_use":  # Anthropic
        if name.startswith(("web_fetch", "tool_search")):
            return None
        return {"web_search": "web_searches"}.get(name, "code_executions" if "code_execution" in name else name)
    if kind == "web_search_call":  # 찾은 쪽을 열어 보는 것(open_page, find)에는 요금이 없습니다
        action = (fields_of(item.get("action")) or {}).get("type", "search")
        return "web_searches" if action == "search" else None
    if kind == "shell_call" and (fields_of(item.get("environment")) or {}).get("type") == "local":
        return None
    is_tool = kind.endswith("_call") and kind not in _FREE_CALLS
    return _TOOL_CALLS.get(kind, kind) if is_tool else None


def _batch_result(line: dict[str, Any]) -> dict[str, Any] | None:
    """배치 결과의 한 줄. OpenAI는 `response.body`에, Anthropic은 `result.message`에 응답이 있습니다."""
    outer = fields_of(line.get("response") or line.get("result")) or {}
    answer = outer.get("body") or outer.get("message")
    if not isinstance(answer, dict) or not isinstance(answer.get("usage"), dict):
        return None  # 실패한 요청에는 요금이 없습니다
    return {
        "id": answer.get("id") or line.get("id"),
        "model": answer.get("model"),
        "usage": billable(answer["usage"], answer),
    }
