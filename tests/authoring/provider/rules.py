"""도구의 호출과 결과의 짝, tool_choice, JSON 모드: 제공자가 거절할 요청과 그 문장."""

from __future__ import annotations

import json
from typing import Any

from .errors import Refusal
from .reply import text_of

ORPHAN = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
UNANSWERED = (
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
    "The following tool_call_ids did not have response messages: {ids}"
)
GEMINI_ORPHAN = "Please ensure that function response turn comes immediately after a function call turn."
GEMINI_UNANSWERED = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of the "
    "function call turn."
)
NO_RESULT = (
    "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}. "
    "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
)
NO_USE = (
    "messages.{at}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. "
    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
)
JSON_WORD = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
JSON_WORD_RESPONSES = (
    "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'."
)
USE_RESPONSES = (
    "Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. "
    "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
)


def chat_pairs(messages: list[dict[str, Any]], provider: str) -> None:
    """호출마다 바로 뒤에 결과가 있고, 결과마다 바로 앞에 호출이 있어야 합니다."""
    orphan, unanswered = (GEMINI_ORPHAN, GEMINI_UNANSWERED) if provider == "gemini" else (ORPHAN, UNANSWERED)
    waiting: list[str] = []
    for at, message in enumerate(messages):
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in waiting:
                raise Refusal(orphan, f"messages.[{at}].role")
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            raise Refusal(unanswered.format(ids=", ".join(waiting)), f"messages.[{at}].role")
        waiting = [call.get("id") for call in message.get("tool_calls") or []]
    if waiting:
        raise Refusal(unanswered.format(ids=", ".join(waiting)), f"messages.[{len(messages)}].role")


def response_pairs(items: list[dict[str, Any]], remembered: list[dict[str, Any]]) -> None:
    """Responses는 순서가 아니라 `call_id`의 짝을 봅니다. `remembered`는 서버가 기억하는 앞의 항목입니다."""
    called = [item.get("call_id") for item in remembered + items if item.get("type") == "function_call"]
    given = [item.get("call_id") for item in remembered + items if item.get("type") == "function_call_output"]
    for call_id in given:
        if call_id not in called:
            raise Refusal(f"No tool call found for function call output with call_id {call_id}.", "input")
    for call_id in called:
        if call_id not in given:
            raise Refusal(f"No tool output found for function call {call_id}.", "input")


def message_pairs(messages: list[dict[str, Any]]) -> None:
    """Anthropic: `tool_use`의 결과가 모두 바로 다음 user 메시지의 맨 앞에 있어야 합니다."""
    waiting: list[str] = []
    for at, message in enumerate(messages):
        blocks = _blocks(message)
        leading = []
        for block in blocks:
            if block.get("type") != "tool_result":
                break
            leading.append(block.get("tool_use_id"))
        if missing := [id for id in waiting if id not in leading]:
            raise Refusal(NO_RESULT.format(at=at - 1, ids=", ".join(missing)))
        for place, block in enumerate(blocks):
            if block.get("type") == "tool_result" and block.get("tool_use_id") not in waiting:
                raise Refusal(NO_USE.format(at=at, place=place, id=block.get("tool_use_id")))
        waiting = [block.get("id") for block in blocks if block.get("type") == "tool_use"]
    if waiting:
        raise Refusal(NO_RESULT.format(at=len(messages) - 1, ids=", ".join(waiting)))


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def tool_names(asked: dict[str, Any]) -> list[str]:
    """요청이 정의한 도구의 이름들."""
    return [str((tool.get("function") or tool).get("name")) for tool in asked.get("tools") or []]


def chosen_tool(asked: dict[str, Any]) -> str | None:
    """`tool_choice`가 꼭 집은 도구의 이름."""
    choice = asked.get("tool_choice")
    if not isinstance(choice, dict) or choice.get("type") not in ("function", "tool"):
        return None
    return (choice.get("function") or choice).get("name")


def tool_choice(asked: dict[str, Any], provider: str) -> None:
    name = chosen_tool(asked)
    if provider == "anthropic":
        if name is not None and name not in tool_names(asked):
            raise Refusal(f"Tool '{name}' not found in provided tools")
        return
    if asked.get("tool_choice") not in (None, "none", "auto") and not asked.get("tools"):
        message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        raise Refusal(message, "tool_choice")
    if name is not None and name not in tool_names(asked):
        raise Refusal(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice")


def json_word(asked: dict[str, Any]) -> None:
    """JSON 모드는 메시지 어딘가에 json이라는 말이 있어야 합니다. Responses의 instructions는 세지 않습니다."""
    if (asked.get("response_format") or {}).get("type") == "json_object":
        if not any("json" in text_of(message.get("content")).lower() for message in asked["messages"]):
            raise Refusal(JSON_WORD, "messages")
    if ((asked.get("text") or {}).get("format") or {}).get("type") == "json_object":
        given = asked["input"]
        texts = [given] if isinstance(given, str) else [text_of(item.get("content")) for item in given]
        if not any("json" in text.lower() for text in texts):
            raise Refusal(JSON_WORD_RESPONSES, "input")


def written_tools(asked: dict[str, Any]) -> str:
    """도구의 정의와 출력 스키마: 요청마다 다시 보내므로 요청마다 입력 토큰으로 셉니다."""
    schema = asked.get("response_format") or (asked.get("text") or {}).get("format")
    schema = schema or (asked.get("output_config") or {}).get("format") or {}
    given = [*(asked.get("tools") or []), *([schema] if "schema" in schema or "json_schema" in schema else [])]
    return "\n".join(json.dumps(item, ensure_ascii=False) for item in given)
