"""채점이 학습자의 함수에 넘기는 자료: 응답, 스트림의 조각, 대화, 서비스. 노트북에 나오는 것과 값이 모두 다릅니다."""

from __future__ import annotations

from typing import Any

Pieces = list[tuple[str | None, str | None]]  # 스트림 조각의 (텍스트, 끝난 이유)

_HEAD = {"id": "chatcmpl-authored-exercise", "created": 1792000000, "model": "authored-model-a"}


def chat_response(text: str, finish_reason: str, sent: int = 21, said: int = 9) -> Any:
    """OpenAI SDK의 응답 객체. `sent`와 `said`는 입력과 출력의 토큰 수입니다."""
    from openai.types.chat import ChatCompletion

    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    usage = {"prompt_tokens": sent, "completion_tokens": said, "total_tokens": sent + said}
    return ChatCompletion.model_validate(_HEAD | {"object": "chat.completion", "choices": [choice], "usage": usage})


def chat_chunks(pieces: Pieces, tokens: int | None, alone: bool) -> list[Any]:
    """OpenAI SDK의 스트림 조각들. `tokens`(출력 토큰 수)가 있으면 usage가 제 조각(`alone`)이나 마지막 조각에 옵니다."""
    from openai.types.chat import ChatCompletionChunk

    head = _HEAD | {"object": "chat.completion.chunk"}
    chunks: list[dict[str, Any]] = [
        head | {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}
        for text, reason in pieces
    ]
    if tokens is not None:
        if alone:
            chunks.append(head | {"choices": []})
        chunks[-1]["usage"] = {"prompt_tokens": 12, "completion_tokens": tokens, "total_tokens": 12 + tokens}
    return [ChatCompletionChunk.model_validate(chunk) for chunk in chunks]


# 02-1: 이름, 텍스트, 끝난 이유
ENDINGS = (
    ("온전한 답", "하루책방은 바닷가의 책방입니다.", "stop"),
    ("한도에 잘린 답", "하루책방은 바닷가의", "length"),
    ("추론만 하다 잘린 빈 답", "", "length"),
    ("온전하지만 마침표가 없는 답", "바닷가", "stop"),
    ("걸러진 답", "", "content_filter"),
    ("도구를 부르는 답", "", "tool_calls"),
)

# 02-2와 02-3의 확률. 순서를 일부러 섞었고, 이진수로 딱 떨어지게 했습니다. 합은 1보다 작습니다.
PROBABILITIES = {"A": 0.0625, "The": 0.5, "One": 0.125, "There": 0.25}

# 03-2: 이름, 조각들, usage의 출력 토큰 수, usage가 제 조각으로 따로 오는가
STREAMS: tuple[tuple[str, Pieces, int | None, bool], ...] = (
    (
        "온전한 스트림",
        [("", None), ("택배는 ", None), ("이틀 ", None), ("걸립니다.", None), (None, "stop"), ("", None)],
        9,
        True,
    ),
    ("usage가 없는 스트림", [("", None), ("반품하시려면 먼저", None), (None, "length")], None, True),
    ("도중에 끊긴 스트림", [("", None), ("주문 번호를 알려", None)], None, True),
    ("usage가 끝난 이유와 함께 온 스트림", [("", None), ("내일 ", None), ("엽니다.", "stop")], 7, False),
)

# 05-2: 대화들
TALKS = {
    "지시가 있는 대화": [
        {"role": "developer", "content": "책방 점원처럼 답합니다."},
        {"role": "user", "content": "시집을 권해 주세요."},
        {"role": "assistant", "content": "어떤 계절을 좋아하십니까?"},
        {"role": "user", "content": "겨울이요."},
    ],
    "지시가 둘인 대화": [
        {"role": "system", "content": "한 문장으로 답합니다."},
        {"role": "user", "content": "택배는 언제 옵니까?"},
        {"role": "developer", "content": "모르면 모른다고 합니다."},
        {"role": "tool", "content": "배송 조회: 화요일 도착"},
    ],
    "지시가 없는 대화": [{"role": "user", "content": "몇 시까지 엽니까?"}],
    "모르는 역할이 섞인 대화": [
        {"role": "dev", "content": "모르는 역할의 글"},
        {"role": "user", "content": "몇 시까지 엽니까?"},
    ],
}

# 06-2: (입력, 캐시에서 읽음, 캐시에 씀). 캐시를 쓰지 않은 응답에서는 None일 수도 있습니다.
USAGES = ((200, 1500, 300), (64, 0, 4096), (51, None, None))

# 06-3에서 학습자의 서비스 말고도 불러 보는 서비스
SERVICE = {
    "model": "gpt-4o",
    "messages": [
        {"role": "developer", "content": "두 문장으로 답합니다."},
        {"role": "user", "content": "지난주에 주문한 책은 언제 오나요?"},
        {"role": "assistant", "content": "주문 번호를 알려 주시겠습니까?"},
        {"role": "user", "content": "HB-2026-000123입니다."},
    ],
    "answer": "어제 보내 드렸습니다. 내일 받아 보실 수 있습니다.",
    "calls": 70_000,
}
