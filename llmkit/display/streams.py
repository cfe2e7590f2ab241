"""어느 SDK의 스트림이든 같은 조각으로 읽습니다.

SDK를 불러오지 않고 이벤트의 생김새로 알아봅니다. `choices`가 있으면 Chat Completions(OpenAI, Hugging Face, Groq,
Gemini, 로컬 서버), `type`이 `response.`로 시작하면 OpenAI Responses, `message_start`로 시작하면 Anthropic입니다.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, aclosing, closing, nullcontext
from typing import Any, Literal, NamedTuple

from ..common.errors import StreamError
from ..common.ledger import billable, fields_of

Kind = Literal["text", "reasoning", "refusal", "tool"]


class Piece(NamedTuple):
    """스트림이 준 조각 하나입니다. `part`가 다르면 다른 도구 호출(또는 다른 추론 문단)입니다."""

    kind: Kind
    text: str
    part: Any = None
    name: str | None = None  # 도구 호출의 첫 조각에만 있는 도구 이름


# OpenAI Responses에서 글자를 나르는 이벤트. 여기 없는 것(음성, 진행 상황 ...)에는 보일 글자가 없습니다.
_RESPONSES_DELTAS: dict[str, Kind] = {
    "output_text.delta": "text",
    "refusal.delta": "refusal",
    "reasoning_text.delta": "reasoning",
    "reasoning_summary_text.delta": "reasoning",
    "function_call_arguments.delta": "tool",
    "custom_tool_call_input.delta": "tool",
    "mcp_call_arguments.delta": "tool",
    "code_interpreter_call_code.delta": "tool",
}


class Reader:
    """이벤트를 하나씩 받아 조각으로 바꾸고, 모델과 usage와 끝난 이유를 모읍니다.

    >>> reader = Reader()
    >>> [piece.text for event in ("안녕", "하세요") for piece in reader.read(event)]
    ['안녕', '하세요']
    """

    def __init__(self) -> None:
        self.model: str | None = None  # 제공자가 응답에 적은 모델
        self.usage: dict[str, Any] | None = None  # 보내지 않았으면 None
        self.finish_reason: str | None = None  # 제공자의 말 그대로: "stop", "end_turn", "completed" ...
        self.chunks = 0  # 받은 이벤트의 수
        self.has_ending = False  # 끝난 이유를 알려 주는 스트림인지. 문자열만 왔으면 False
        self._tier: Any = None  # 처리 방식. usage보다 먼저 올 수 있습니다.
        # 제공자의 도구를 쓴 것은 usage가 아니라 여기에 있습니다: Anthropic의 블록들, Groq와 Gemini의 후보들.
        self._blocks: list[Any] = []
        self._choices: list[Any] = []
        self.candidates = 1  # `n`으로 부탁해서 온 후보의 수. 첫 후보만 조각으로 나옵니다.

    def read(self, event: Any) -> Iterator[Piece]:
        """이벤트 하나에 든 조각을 순서대로 내놓습니다. 처음 보는 종류의 이벤트는 지나칩니다.

        Raises:
            StreamError: 이벤트가 오류이면.
            TypeError: 스트림의 이벤트가 아니면.
        """
        self.chunks += 1
        kind = _get(event, "type")
        if kind == "chunk":  # client.chat.completions.stream()은 원래의 조각을 이벤트로 감쌉니다.
            event = _get(event, "chunk")
        pieces: Iterable[Piece]
        if isinstance(event, str):
            pieces = [Piece("text", event)]
        elif kind == "error":
            raise _failure(_get(event, "error") or event)
        elif _get(event, "choices") is not None:
            pieces = self._chat(event)
        elif isinstance(kind, str) and kind.startswith("response."):
            pieces = self._responses(event, kind.removeprefix("response."))
        elif isinstance(kind, str) and (self.has_ending or kind.startswith(("message_", "content_block_", "ping"))):
            pieces = self._anthropic(event, kind)
        else:
            raise TypeError(f"스트림의 조각을 알아볼 수 없습니다: {type(event).__name__}")
        return (piece for piece in pieces if piece.text or piece.name)

    def _account(self, holder: Any) -> None:
        """모델, 처리 방식, usage를 읽습니다. 여러 번 오면 나중 것이 이깁니다(Anthropic의 usage는 나뉘어 오는 누적값입니다)."""
        self.model = _get(holder, "model") or self.model
        self._tier = _get(holder, "service_tier") or self._tier
        if usage := _plain(_get(holder, "usage")):
            response = {"content": self._blocks, **(fields_of(holder) or {})}
            response |= {"choices": self._choices, "service_tier": self._tier}
            self.usage = billable((self.usage or {}) | usage, response)

    def _chat(self, chunk: Any) -> Iterator[Piece]:
        self.has_ending = True
        for choice in _get(chunk, "choices"):
            if _get(choice, "grounding_metadata") or _get(_get(choice, "delta"), "executed_tools"):
                self._choices.append(choice)
        self._account(chunk)
        self._account(_get(chunk, "x_groq"))  # Groq는 usage를 여기에 넣습니다.
        for choice in _get(chunk, "choices"):
            index = _get(choice, "index") or 0
            self.candidates = max(self.candidates, index + 1)
            if index > 0:
                continue
            self.finish_reason = _get(choice, "finish_reason") or self.finish_reason
            delta = _get(choice, "delta") or choice  # 옛 Completions API에는 delta가 없고 text가 있습니다.
            # 추론의 이름은 서버마다 다릅니다: reasoning(Groq, Ollama, Hugging Face), reasoning_content(DeepSeek, vLLM)
            yield Piece("reasoning", _text(delta, "reasoning_content") or _text(delta, "reasoning"))
            yield Piece("text", _text(delta, "content") or _text(delta, "text"))
            yield Piece("refusal", _text(delta, "refusal"))
            for place, call in enumerate(_get(delta, "tool_calls") or ()):
                function, at = _get(call, "function"), _get(call, "index")
                name, arguments = _get(function, "name"), _text(function, "arguments")
                yield Piece("tool", arguments, place if at is None else at, name)

    def _responses(self, event: Any, kind: str) -> Iterator[Piece]:
        self.has_ending = True
        place, response = (_get(event, "output_index"), _get(event, "summary_index")), _get(event, "response")
        self._account(response)
        if kind == "failed":
            raise _failure(_get(response, "error"))
        if kind in ("completed", "incomplete"):
            self.finish_reason = _get(_get(response, "incomplete_details"), "reason") or kind
        elif kind == "output_item.added":
            item = _get(event, "item")
            if (item_type := _text(item, "type")).endswith("_call"):
                yield Piece("tool", "", place, _get(item, "name") or item_type)
        elif kind in _RESPONSES_DELTAS:
            yield Piece(_RESPONSES_DELTAS[kind], _text(event, "delta"), place)

    def _anthropic(self, event: Any, kind: str) -> Iterator[Piece]:
        # .stream()은 원래 이벤트 말고도 "text", "thinking" 같은 이벤트를 더 줍니다. 같은 글자이므로 세지 않습니다.
        delta, place = _get(event, "delta"), _get(event, "index")
        if kind == "message_start":
            self.has_ending = True
            self._account(_get(event, "message"))
        elif kind == "content_block_start":
            block = _get(event, "content_block")
            self._blocks.append(block)
            if (block_type := _text(block, "type")).endswith("tool_use"):
                yield Piece("tool", "", place, _get(block, "name") or block_type)
            yield Piece("text", _text(block, "text"))
        elif kind == "content_block_delta":
            yield Piece("text", _text(delta, "text"))
            yield Piece("reasoning", _text(delta, "thinking"), place)
            yield Piece("tool", _text(delta, "partial_json"), place)
        elif kind == "message_delta":
            self.finish_reason = _get(delta, "stop_reason") or self.finish_reason
            self._account(event)
            yield Piece("refusal", _text(_get(delta, "stop_details"), "explanation"))


def stream_text(stream: Any) -> Any:
    """스트림에서 답의 글만 조각조각 꺼냅니다. `print` 반복문에 씁니다.

    추론, 도구 호출, 거절은 나오지 않습니다. 반복을 도중에 그만두면 연결도 닫힙니다.

    Args:
        stream: OpenAI, Anthropic, Hugging Face의 스트림이나 문자열의 이터레이터. 비동기 스트림이면 `async for`로 씁니다.

    Returns:
        글 조각(str)의 이터레이터. 비동기 스트림이면 비동기 이터레이터.

    >>> for text in stream_text(["안녕", "하세요"]):
    ...     print(text, end="|")
    안녕|하세요|
    """
    return _atexts(stream) if _is_async(stream) else _texts(stream)


def _texts(stream: Any) -> Iterator[str]:
    reader = Reader()
    with opened(stream) as events:
        for event in events:
            yield from (piece.text for piece in reader.read(event) if piece.kind == "text")


async def _atexts(stream: Any) -> AsyncIterator[str]:
    reader = Reader()
    async with await aopened(stream) as events:
        async for event in events:
            for text in [piece.text for piece in reader.read(event) if piece.kind == "text"]:
                yield text


def opened(stream: Any) -> AbstractContextManager[Iterable[Any]]:
    """`with`로 열면 이벤트를 내놓고, 어떻게 끝나든 연결을 닫는 것으로 바꿉니다.

    Raises:
        TypeError: 동기 스트림이 아니면. 무엇을 고쳐야 하는지 말합니다.
    """
    if inspect.isawaitable(stream) or _is_async(stream):
        raise TypeError("비동기 스트림입니다. await adisplay_stream(...)이나 async for를 쓰세요.")
    _refuse_whole_answer(stream)
    if hasattr(stream, "__enter__"):  # SDK의 스트림. Anthropic의 .stream()은 여기서 비로소 요청을 보냅니다.
        return stream
    return closing(stream) if hasattr(stream, "close") else nullcontext(stream)  # Hugging Face의 것은 제너레이터입니다.


async def aopened(stream: Any) -> AbstractAsyncContextManager[Any]:
    """`opened`의 비동기판입니다. `await`하지 않은 `create(...)`도 받습니다."""
    if inspect.isawaitable(stream):
        stream = await stream
    _refuse_whole_answer(stream)
    if not _is_async(stream):
        raise TypeError("비동기 스트림이 아닙니다. display_stream(...)이나 for를 쓰세요.")
    if hasattr(stream, "__aenter__"):
        return stream
    return aclosing(stream) if hasattr(stream, "aclose") else nullcontext(stream)


def _is_async(stream: Any) -> bool:
    return hasattr(stream, "__aiter__") or hasattr(stream, "__aenter__")


def _refuse_whole_answer(stream: Any) -> None:
    # 완성된 응답도 (필드, 값)을 순서대로 내놓으므로, 여기서 막지 않으면 엉뚱한 글이 나옵니다.
    if isinstance(stream, Mapping) or hasattr(stream, "model_dump"):
        raise TypeError("스트림이 아니라 완성된 응답입니다. 요청에 stream=True를 넣으세요.")
    if not any(hasattr(stream, name) for name in ("__iter__", "__enter__", "__aiter__", "__aenter__")):
        raise TypeError(f"스트림이 아닙니다: {type(stream).__name__}")


def _get(value: Any, name: str) -> Any:
    """속성이든 키든 있으면 꺼내고, 없으면 None입니다. (SDK가 모르는 필드는 dict로 남습니다.)"""
    if isinstance(value, Mapping) and name in value:
        return value[name]
    return getattr(value, name, None)


def _text(value: Any, name: str) -> str:
    found = _get(value, name)
    if isinstance(found, list):  # Mistral처럼 글을 조각의 목록으로 보내는 곳도 있습니다.
        return "".join(_text(part, "text") for part in found)
    return found if isinstance(found, str) else ""


def _plain(usage: Any) -> dict[str, Any]:
    """usage를 제공자가 보낸 필드만 든 dict로 바꿉니다."""
    if hasattr(usage, "model_dump"):
        usage = usage.model_dump(mode="json", exclude_unset=True)
    return {name: value for name, value in (fields_of(usage) or {}).items() if value is not None}


def _failure(error: Any) -> StreamError:
    name = _get(error, "code") or _get(error, "type") or "error"
    return StreamError(f"스트림 도중 제공자가 오류를 보냈습니다({name}): {_get(error, 'message') or '설명 없음'}")
