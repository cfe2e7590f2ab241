"""수업 01의 연습 채점."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from typing import Any

from .answers import Wrong, call, explain, require_dict, require_filled, same, show
from .checks import exercise
from .samples import chat_response

ROLES = ("developer", "system", "user", "assistant")
MADE_IN = {
    **dict.fromkeys(("client", "model", "response"), "2절"),
    **dict.fromkeys(("ask", "LABELS", "parse_label"), "4절"),
    "json": "6절",
}


@exercise("01-1")
def example_role(messages: Any) -> Iterator[str]:
    """예시(few-shot)의 답에 붙이는 역할 하나를 채웁니다."""
    require_filled(messages, "messages")
    _require_messages(messages, "messages")
    if len(messages) != 4:
        raise Wrong(f"메시지는 4개여야 합니다. 지금은 {len(messages)}개입니다. `role`만 채우면 됩니다.")
    head, *_ = roles = [message["role"] for message in messages]
    if roles[2] == "user":
        yield 'messages[2]의 내용은 손님의 말이 아니라 모델이 했으면 하는 답입니다. 지금은 손님이 "시-1"이라고 말한 것이 됩니다.'
    elif roles[2] in ("developer", "system"):
        yield "messages[2]는 지시가 아닙니다. 앞의 질문에 대한 예시이므로, 답하는 쪽의 역할을 적습니다."
    if roles[1::2] != ["user", "user"]:
        yield "messages[1]과 messages[3]은 손님의 질문입니다. 두 곳의 `role`은 처음대로 user로 둡니다."
    if head not in ("developer", "system"):
        yield "messages[0]은 지시입니다. 그 `role`은 처음대로 developer로 둡니다."


@exercise("01-2")
def read_response(read: Any) -> Iterator[str]:
    """응답을 받아 텍스트, 끝난 이유, 토큰의 합계를 꺼내는 함수를 완성합니다. 저장해 둔 응답 두 개로 불러 봅니다."""
    responses = [
        chat_response(
            "택배는 이틀 걸립니다. 섬에는 사흘까지 걸릴 수 있으니 넉넉히 주문해 주세요.\n고맙습니다.", "stop", 21, 9
        ),
        chat_response("반품하시려면 먼저 주문", "length", 47, 5),
    ]
    results = [call(read, copy.deepcopy(response), name="read") for response in responses]
    for result in results:
        require_dict(result, "`read` 함수", ())
    if results[0] == results[1]:
        raise Wrong(
            "서로 다른 두 응답을 넘겼는데 결과가 같습니다. 인자 `response`가 아니라 함수 밖의 변수를 읽거나 값을 그대로 "
            "적지 않았습니까?"
        )
    for key, meaning in (("text", "답변 텍스트"), ("finish_reason", "끝난 이유"), ("total_tokens", "토큰의 합계")):
        if any(key not in result for result in results):
            yield f'결과에 "{key}"({meaning})가 없습니다.'
            continue
        for result, response in zip(results, responses, strict=True):
            if problem := _field_problem(key, result[key], response):
                yield problem
                break


def _field_problem(key: str, value: Any, response: Any) -> str:
    """`read`가 꺼낸 값 하나를 살핍니다. 흔한 착각이면 무엇을 꺼냈는지까지 말합니다."""
    choice, usage = response.choices[0], response.usage
    right = {
        "text": choice.message.content,
        "finish_reason": choice.finish_reason,
        "total_tokens": usage.total_tokens,
    }[key]
    mistakes = (
        (right, ""),
        (choice.message, f'"{key}": 텍스트가 아니라 message 객체를 꺼냈습니다. 텍스트는 그 안의 content에 있습니다.'),
        (usage, f'"{key}": usage 객체를 통째로 꺼냈습니다. 합계는 그 안의 total_tokens입니다.'),
        (usage.prompt_tokens, f'"{key}": 입력 토큰만 꺼냈습니다. 합계는 total_tokens입니다.'),
        (usage.completion_tokens, f'"{key}": 출력 토큰만 꺼냈습니다. 합계는 total_tokens입니다.'),
    )
    otherwise = f'"{key}": 저장된 응답의 값은 {right!r}이어야 합니다. 지금은 {show(value)}입니다.'
    return explain(value, mistakes, otherwise)


@exercise("01-3")
def few_shot_classifier(answer: Any) -> Iterator[str]:
    """라벨, 메시지를 만드는 함수, 답을 라벨로 바꾸는 함수를 스스로 만듭니다."""
    names = ("labels", "build_messages", "read_label")
    require_dict(answer, "연습의 답", names, only=True)
    labels, build, read = (answer[name] for name in names)
    _require_labels(labels)
    labels = ["".join(label) for label in labels]  # StrEnum이어도 문자열로 봅니다.
    yield from _builder_problems(build, labels)
    yield from _reader_problems(read, labels)


def _require_labels(labels: Any) -> None:
    require_filled(labels, "labels")
    if isinstance(labels, str) or not isinstance(labels, Collection):
        raise Wrong("`labels`는 문자열의 목록입니다.")
    if not all(isinstance(label, str) for label in labels):
        raise Wrong("`labels`는 문자열의 목록입니다. 문자열이 아닌 것이 들어 있습니다.")
    if len(set(labels)) < 2 or len(set(labels)) != len(labels):
        raise Wrong(f"`labels`에는 서로 다른 라벨이 두 개 이상 있어야 합니다. 지금은 {show(list(labels))}입니다.")
    if any(not label or label != label.strip() for label in labels):
        raise Wrong("`labels`에 비어 있거나 앞뒤에 공백이 붙은 라벨이 있습니다.")


def _builder_problems(build: Any, labels: list[str]) -> Iterator[str]:
    texts = (
        "첫 번째 시험 글입니다.",
        "두 번째 시험 글은 더 깁니다. 중괄호 {text}, 100% 기호, " + "긴 이야기 " * 60 + "끝.",
    )
    first, second = (copy.copy(call(build, text, name="build_messages")) for text in texts)
    for messages in (first, second):
        _require_messages(messages, "build_messages의 결과")
    if len(second) > len(first):
        raise Wrong(
            f"`build_messages`를 다시 부르니 메시지가 {len(first)}개에서 {len(second)}개로 늘었습니다. 함수 밖의 목록에 "
            "덧붙이지 말고, 부를 때마다 새 목록을 만듭니다."
        )
    head = first[0]
    if head["role"] not in ("developer", "system"):
        yield f"첫 메시지는 지시여야 합니다(developer 또는 system). 지금은 {head['role']}입니다."
    elif unsaid := [label for label in labels if not _says(head["content"], label, labels)]:
        yield f"지시에 없는 라벨이 있습니다: {', '.join(unsaid)}. 고를 수 있는 답을 모두 알려 줍니다."
    lasts = (first[-1], second[-1])
    if any(last["role"] != "user" or text not in last["content"] for last, text in zip(lasts, texts)):
        yield "마지막 메시지는 user이고, 넘겨받은 텍스트가 그 안에 있어야 합니다. 짧은 것과 긴 것으로 불러 보았습니다."
    yield from _example_problems(first[1:-1], labels)


def _example_problems(examples: list[dict[str, str]], labels: list[str]) -> Iterator[str]:
    if [message["role"] for message in examples] != ["user", "assistant"] * (len(examples) // 2):
        yield "지시와 마지막 질문 사이의 예시는 user, assistant가 번갈아 나와야 합니다."
        return
    answers = [message["content"] for message in examples[1::2]]
    if odd := [text for text in answers if text not in labels]:
        yield f"예시의 답은 라벨 하나와 글자까지 같아야 합니다. 다른 답: {show(odd[0])}"
    elif unshown := [label for label in labels if label not in answers]:
        yield f"예시가 없는 라벨이 있습니다: {', '.join(unshown)}. 라벨마다 하나 이상 보여 줍니다."


def _says(text: str, label: str, labels: list[str]) -> bool:
    """글에 라벨이 있는가. "배송 지연"이라고 쓴 것을 "배송"도 쓴 것으로 치지 않습니다."""
    for longer in labels:
        if label != longer and label in longer:
            text = text.replace(longer, "")
    return label in text


def _reader_problems(read: Any, labels: list[str]) -> Iterator[str]:
    strangers = ("잘 모르겠습니다", "", f"{labels[0]} 쪽은 아닙니다", f"{labels[0]} 또는 {labels[-1]}", "".join(labels))
    cases: list[tuple[str, str | None]] = [(label, label) for label in labels]
    cases += [(f" {labels[-1]}\n", labels[-1])] + [(text, None) for text in strangers if text not in labels]
    substring = False
    for text, expected in cases:
        label = call(read, text, name="read_label", none_is_fine=True)
        if not same(label, expected):
            yield f"`read_label({text!r})`의 결과는 {expected!r}이어야 합니다. 지금은 {show(label)}입니다."
            substring = substring or (expected is None and label in labels)
    if substring:
        yield "라벨이 답변 속에 들어 있다고 그 라벨인 것은 아닙니다. 답 전체가 라벨과 같은지 살핍니다."


def _require_messages(messages: Any, name: str) -> None:
    """메시지 목록의 구조를 살핍니다. 구조가 틀리면 내용은 볼 수 없으므로 `Wrong`을 일으킵니다."""
    if not isinstance(messages, list | tuple) or not messages:
        raise Wrong(f"{name}: 메시지(딕셔너리)를 담은 목록이어야 합니다. 대괄호 [ ]로 감쌉니다.")
    for position, message in enumerate(messages):
        if not isinstance(message, dict) or {"role", "content"} - set(message):
            raise Wrong(f'{name}[{position}]에 "role"과 "content"가 모두 있어야 합니다.')
        role, content = message["role"], message["content"]
        if isinstance(role, str) and role in ("tool", "function"):
            raise Wrong(
                f"{name}[{position}]의 role {role!r}: 도구가 낸 결과에 붙이는 역할입니다. 쓸 수 있는 역할: {', '.join(ROLES)}"
            )
        if not isinstance(role, str) or role not in ROLES:
            raise Wrong(f"{name}[{position}]의 role {show(role)}: 없는 역할입니다. 쓸 수 있는 역할: {', '.join(ROLES)}")
        if not isinstance(content, str) or not content.strip():
            raise Wrong(f"{name}[{position}]의 content가 비어 있거나 문자열(str)이 아닙니다.")
