"""수업 03의 연습 채점."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from .checks import Wrong, call, exercise, require_filled

Pieces = list[tuple[str | None, str | None]]  # 조각의 (텍스트, 끝난 이유)
_WHOLE: Pieces = [("", None), ("택배는 ", None), ("이틀 ", None), ("걸립니다.", None), (None, "stop"), ("", None)]
# 연습 03-2가 학습자의 함수에 넘기는 스트림: (이름, 조각들, usage의 출력 토큰 수, usage가 제 조각으로 따로 오는가)
_STREAMS: tuple[tuple[str, Pieces, int | None, bool], ...] = (
    ("온전한 스트림", _WHOLE, 9, True),
    ("usage가 없는 스트림", [("", None), ("반품하시려면 먼저", None), (None, "length")], None, True),
    ("도중에 끊긴 스트림", [("", None), ("주문 번호를 알려", None)], None, True),
    ("usage가 끝난 이유와 함께 온 스트림", [("", None), ("내일 엽니다.", None), (None, "stop")], 7, False),
)


@exercise("03-1")
def ask_for_usage(arguments: Any) -> Iterator[str]:
    """스트림에서 usage를 부탁하는 인자를 채웁니다."""
    require_filled(arguments, "arguments")
    if not isinstance(arguments, dict) or not isinstance(arguments.get("stream_options"), dict):
        raise Wrong("`arguments`는 `stream`과 `stream_options`가 든 딕셔너리여야 합니다. 한 칸만 채우면 됩니다.")
    value = arguments["stream_options"].get("include_usage")
    if value is False:
        yield "`include_usage`가 False이면 usage를 보내지 말라는 뜻입니다."
    elif value is not True:
        yield f"`include_usage`는 켜고 끄는 값(bool)입니다. 지금은 {value!r}입니다."
    if arguments.get("stream") is not True:
        yield "`stream`은 True여야 합니다. `stream_options`는 스트림에만 쓸 수 있습니다."


@exercise("03-2")
def collect_chunks(collect: Any) -> Iterator[str]:
    """조각에서 텍스트, 끝난 이유, 출력 토큰 수를 모읍니다. 제공자마다 다른 스트림과 끊긴 스트림으로 불러 봅니다."""
    from openai.types.chat import ChatCompletionChunk

    for name, pieces, tokens, alone in _STREAMS:
        chunks = [ChatCompletionChunk.model_validate(chunk) for chunk in _chunks(pieces, tokens, alone)]
        result = call(collect, chunks, name="collect")
        expected = {
            "text": "".join(text or "" for text, _ in pieces),
            "finish_reason": next((reason for _, reason in pieces if reason), None),
            "output_tokens": tokens,
        }
        if not isinstance(result, dict) or set(result) != set(expected):
            raise Wrong(
                f"`collect`는 {', '.join(expected)}가 든 딕셔너리를 돌려주어야 합니다. 지금은 {result!r}입니다."
            )
        for key, value in expected.items():
            if result[key] != value:
                yield f'{name}에서 "{key}"의 값은 {value!r}이어야 합니다. 지금은 {result[key]!r}입니다.'


@exercise("03-3")
def streaming_turn(turn: Any) -> Iterator[str]:
    """스트리밍 챗봇의 한 차례. 방금 받은 답을 덧붙이고, 끊기면 아무것도 남기지 않아야 합니다."""
    history = [{"role": "user", "content": "안녕하세요?"}, {"role": "assistant", "content": "어서 오십시오."}]
    given, asked = copy.deepcopy(history), []

    def reply(messages: list[dict[str, str]]) -> Iterator[str]:
        asked.append(copy.deepcopy(messages))
        yield from ("오늘은 ", "여덟 시까지 ", "엽니다.")

    result = call(turn, given, "몇 시까지 엽니까?", reply, name="turn")
    question = {"role": "user", "content": "몇 시까지 엽니까?"}
    answer = {"role": "assistant", "content": "오늘은 여덟 시까지 엽니다."}
    if given != history:
        yield "받은 `history`가 바뀌었습니다. `append` 대신 `history + [...]`로 새 목록을 만드십시오."
    if asked != [history + [question]]:
        yield "`stream_reply`에는 지난 대화에 이번 질문을 덧붙인 목록을 한 번 넘겨야 합니다."
    if result != history + [question, answer]:
        last = result[-1] if isinstance(result, list) and result else result
        if last == history[-1]:
            yield "지난번 답을 덧붙였습니다. 방금 받은 조각들을 이어 붙인 글을 덧붙이십시오."
        else:
            yield f"돌려준 목록의 끝은 {answer!r}여야 하는데 {last!r}입니다."
    yield from _broken_problems(turn, history)


def _broken_problems(turn: Any, history: list[dict[str, str]]) -> Iterator[str]:
    def broken(messages: list[dict[str, str]]) -> Iterator[str]:
        yield "오늘은 "
        raise ConnectionError("끊겼습니다")

    given = copy.deepcopy(history)
    try:
        turn(given, "몇 시까지 엽니까?", broken)
    except ConnectionError:
        if given != history:
            yield "스트림이 끊겼는데 `history`에 반쪽짜리가 남았습니다."
    except Exception as error:
        yield f"스트림이 끊기면 그 예외가 그대로 나와야 하는데 {type(error).__name__}가 나왔습니다."
    else:
        yield "스트림이 끊겼는데 예외가 나오지 않았습니다. 잡지 말고 그대로 내보내십시오."


def _chunks(pieces: Pieces, tokens: int | None, alone: bool) -> list[dict[str, Any]]:
    head = {"id": "chatcmpl-authored-exercise", "object": "chat.completion.chunk", "created": 1792000000}
    head["model"] = "authored-model-a"
    chunks = [
        head | {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}
        for text, reason in pieces
    ]
    if tokens is not None:
        if alone:
            chunks.append(head | {"choices": []})
        chunks[-1]["usage"] = {"prompt_tokens": 12, "completion_tokens": tokens, "total_tokens": 12 + tokens}
    return chunks
