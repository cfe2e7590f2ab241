"""수업 03의 연습 채점."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from .answers import Fake, Wrong, attempt, call, require_dict, require_filled, same, show, stream
from .checks import exercise
from .samples import STREAMS, chat_chunks
from .sdk_errors import broken_stream

MADE_IN = {
    **dict.fromkeys(("client", "model", "OpenAI"), "1절"),
    **dict.fromkeys(("table_request", "pieces_of"), "4절"),
    "local_stream": "6절",
    "asyncio": "8절",
}
_HISTORY = [{"role": "user", "content": "안녕하세요?"}, {"role": "assistant", "content": "어서 오세요."}]


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
        yield f"`include_usage`는 켜고 끄는 값(bool)입니다. 지금은 {show(value)}입니다."
    if arguments.get("stream") is not True:
        yield "`stream`은 True여야 합니다. `stream_options`는 스트림에만 쓸 수 있습니다."


@exercise("03-2")
def collect_chunks(collect: Any) -> Iterator[str]:
    """조각에서 텍스트, 끝난 이유, 출력 토큰 수를 모읍니다. 제공자마다 다른 스트림과 끊긴 스트림으로 불러 봅니다."""
    for name, pieces, tokens, alone in STREAMS:
        result = call(collect, chat_chunks(pieces, tokens, alone), name="collect")
        expected = {
            "text": "".join(text or "" for text, _ in pieces),
            "finish_reason": next((reason for _, reason in pieces if reason), None),
            "output_tokens": tokens,
        }
        require_dict(result, "`collect` 함수", expected)
        for key, value in expected.items():
            if not same(result[key], value):
                yield f'{name}에서 "{key}"의 값은 {value!r}이어야 합니다. 지금은 {show(result[key])}입니다.'


@exercise("03-3")
def streaming_turn(turn: Any) -> Iterator[str]:
    """스트리밍 챗봇의 한 턴. 방금 받은 답을 덧붙이고, 끊기면 아무것도 남기지 않아야 합니다."""
    yield from _turn_problems(turn, _HISTORY, "몇 시까지 엽니까?", ("오늘은 ", "여덟 시까지 ", "엽니다."))
    broken = list(_broken_problems(turn))
    yield from broken
    if not broken:  # 끊긴 것이 남았는지, 첫 질문인 대화에서도 되는지 봅니다.
        yield from _turn_problems(turn, [], "어디에 있습니까?", ("바닷가에 ", "있습니다."))


def _turn_problems(turn: Any, history: list[dict[str, str]], asked: str, pieces: tuple[str, ...]) -> Iterator[str]:
    reply = Fake(lambda: stream(*pieces))
    result = call(turn, list(map(dict, history)), asked, reply, name="turn", unchanged=True)
    question = {"role": "user", "content": asked}
    answer = {"role": "assistant", "content": "".join(pieces)}
    if reply.asked != [(history + [question],)]:
        yield "`stream_reply`에는 지난 대화에 이번 질문을 덧붙인 목록을 한 번 넘겨야 합니다."
    if result == history + [question, answer]:
        return
    last = result[-1] if isinstance(result, list) and result else result
    if last == answer:
        yield f"끝의 답은 맞지만 그 앞이 다릅니다. 지난 대화와 이번 질문이 순서대로 있어야 합니다. 지금은 {show(result)}입니다."
    elif history and last == history[-1]:
        yield "지난번 답을 덧붙였습니다. 방금 받은 조각들을 이어 붙인 텍스트를 덧붙이세요."
    else:
        yield f"돌려준 목록의 끝은 {answer!r}여야 하는데 {show(last)}입니다."


def _broken_problems(turn: Any) -> Iterator[str]:
    """끊긴 연결, SDK가 감싸지 않은 예외, 정지 버튼으로 끊어 봅니다."""
    for error in (ConnectionError("끊겼습니다"), broken_stream(), KeyboardInterrupt()):
        given, name = list(map(dict, _HISTORY)), type(error).__name__
        outcome = attempt(turn, given, "몇 시까지 엽니까?", Fake(partial(stream, "오늘은 ", error)), ours=[error])
        if given != _HISTORY:
            yield f"스트림이 끊겼는데({name}) `history`에 반쪽짜리가 남았습니다."
        elif outcome.error is None:
            yield f"스트림이 끊겼는데({name}) 예외가 나오지 않았습니다. 잡지 말고 그대로 내보내세요."
        elif outcome.error is not error:
            yield f"스트림이 끊기면 그 예외({name})가 그대로 나와야 합니다. {outcome}."
        else:
            continue
        return
