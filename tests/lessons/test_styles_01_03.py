"""다르게 쓴 맞는 답은 통과하고, 그럴듯한 틀린 답은 통과하지 못합니다. 연습마다 맞는 답 다섯, 틀린 답 열이 넘습니다."""

from __future__ import annotations

import copy
import enum
import json
import math
import random
from collections import Counter, OrderedDict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from tests.lessons.exercises import fooled, refused

RIGHT: dict[str, list[Any]] = {}
WRONG: dict[str, list[Any]] = {}

# 01-1 ---------------------------------------------------------------------------------------------------


class Role(enum.StrEnum):
    ASSISTANT = "assistant"


def talk(*roles: Any, **change: Any) -> list[dict[str, Any]]:
    texts = ("서가 번호로만 답합니다.", "하늘과 바람과 별과 시", "시-1", "코스모스")
    return [{"role": role, "content": text} | change for role, text in zip(roles, texts)]


RIGHT["01-1"] = [
    talk("developer", "user", "assistant", "user"),
    talk("system", "user", "assistant", "user"),
    tuple(talk("developer", "user", "assistant", "user")),
    talk("developer", "user", Role.ASSISTANT, "user"),
    [OrderedDict(message) for message in talk("developer", "user", "assistant", "user")],
    talk("developer", "user", "assistant", "user", name="guest"),
]
WRONG["01-1"] = [
    talk("user", "user", "assistant", "user"),
    talk("assistant", "user", "assistant", "user"),
    talk("developer", "user", "assistant", "assistant"),
    talk("developer", "assistant", "user", "user"),
    talk("developer", "user", "tool", "user"),
    talk("developer", "user", "function", "user"),
    talk("developer", "user", " assistant", "user"),
    talk("developer", "user", "model", "user"),
    talk("developer", "user", b"assistant", "user"),
    talk("developer", "user", {"assistant"}, "user"),
    talk("developer", "user", "assistant", "user", content=""),
    talk("developer", "user", "assistant"),
    [*talk("developer", "user", "assistant", "user"), {"role": "assistant", "content": "시-2"}],
    [("role", "assistant")] * 4,
    json.dumps(talk("developer", "user", "assistant", "user")),
]

# 01-2 ---------------------------------------------------------------------------------------------------


def fields(response: Any, **change: Any) -> dict[str, Any]:
    choice = response.choices[0]
    return {
        "text": choice.message.content,
        "finish_reason": choice.finish_reason,
        "total_tokens": response.usage.total_tokens,
    } | change


def dumped(response: Any) -> dict[str, Any]:
    body = json.loads(response.model_dump_json())
    first = body["choices"][-1]
    return fields(response, text=first["message"]["content"], finish_reason=first["finish_reason"])


class Reader:
    def __call__(self, response: Any) -> dict[str, Any]:
        return fields(response)

    def read(self, response: Any) -> dict[str, Any]:
        return OrderedDict(fields(response))


seen: list[Any] = []
RIGHT["01-2"] = [
    fields,
    dumped,
    Reader(),
    Reader().read,
    lambda r: fields(r, total_tokens=r.usage.prompt_tokens + r.usage.completion_tokens),
    lambda r: fields(r, model=r.model),
    lambda r: fields(r, total_tokens=r.usage.model_dump()["total_tokens"]),
]
WRONG["01-2"] = [
    lambda r: fields(r, text=r.choices[0]),
    lambda r: fields(r, text=str(r.choices[0].message)),
    lambda r: fields(r, text=[r.choices[0].message.content]),
    lambda r: fields(r, text=r.choices[0].message.content[:5]),
    lambda r: fields(r, text=r.choices[0].message.content.encode()),
    lambda r: fields(r, finish_reason=r.choices[0].finish_reason == "stop"),
    lambda r: fields(r, finish_reason=r.choices[0].finish_reason or "stop", total_tokens=len(r.choices)),
    lambda r: fields(r, finish_reason=r.object),
    lambda r: fields(r, finish_reason=r.choices[0]),
    lambda r: fields(r, total_tokens=str(r.usage.total_tokens)),
    lambda r: fields(r, total_tokens=r.usage.total_tokens + r.usage.prompt_tokens),
    lambda r: fields(r, total_tokens=len(r.choices[0].message.content)),
    lambda r: fields(r, total_tokens=float(r.usage.total_tokens)),
    lambda r: fields(r, total_tokens=r.usage.total_tokens > 0),
    lambda r: seen.append(r) or fields(seen[0]),
    lambda r: SimpleNamespace(**fields(r)),
    lambda r: tuple(fields(r).values()),
    lambda r: {"글": r.choices[0].message.content},
    fields(SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=""), finish_reason="")], usage=SimpleNamespace(total_tokens=0))),
]  # fmt: skip

# 01-3 ---------------------------------------------------------------------------------------------------


def classifier(*labels: str, **change: Any) -> dict[str, Any]:
    def build(text: str) -> list[dict[str, str]]:
        examples = [
            {"role": role, "content": content}
            for label in labels
            for role, content in (("user", f"{label}의 예시입니다."), ("assistant", label))
        ]
        head = {"role": "developer", "content": f"다음 가운데 하나로만 답합니다: {', '.join(labels)}"}
        return [head, *examples, {"role": "user", "content": text}]

    return {
        "labels": list(labels),
        "build_messages": build,
        "read_label": lambda answer: answer.strip() if answer.strip() in labels else None,
    } | change


def build_with(position: int, make: Callable[[str], dict[str, str]], *labels: str) -> Any:
    def build(text: str) -> list[dict[str, str]]:
        messages = classifier(*labels)["build_messages"](text)
        messages[position] |= make(text)
        return messages

    return classifier(*labels, build_messages=build)


AB = ("스팸", "정상")
kept_text: list[str] = []


def remembers_the_first(text: str) -> dict[str, str]:
    kept_text.append(text)
    return {"content": kept_text[0]}


def no_append(text: str, messages: list[Any] = []) -> list[Any]:  # noqa: B006
    messages += classifier(*AB)["build_messages"](text)
    return messages


RIGHT["01-3"] = [
    classifier(*AB),
    classifier("예", "예외", "아니요"),
    classifier("긍정", "부정", "중립", "잘 모르겠습니다"),
    classifier(*AB, labels=tuple(AB)),
    classifier(*AB, labels={"스팸": "광고", "정상": "나머지"}),
    classifier(*AB, labels=frozenset(AB)),
    classifier(*AB, read_label=lambda answer: {label: label for label in AB}.get(answer.strip())),
    classifier(*AB, build_messages=lambda text: tuple(classifier(*AB)["build_messages"](text))),
    build_with(-1, lambda text: {"content": f"<글>{text}</글>"}, *AB),
]
WRONG["01-3"] = [
    classifier("스팸"),
    classifier(*AB, labels="스팸 정상"),
    classifier(*AB, labels=["스팸", "정상", ""]),
    classifier(*AB, labels=["스팸", "정상", None]),
    classifier(*AB, labels=("스팸", "정상", "기타")),
    classifier(*AB, read_label=lambda answer: answer.strip() or None),
    classifier(*AB, read_label=lambda answer: next((one for one in AB if answer.strip().startswith(one)), None)),
    classifier(*AB, read_label=lambda answer: next((one for one in AB if answer.strip().endswith(one)), None)),
    classifier(*AB, read_label=lambda answer: next((one for one in AB if one in answer), None)),
    classifier(*AB, read_label=lambda answer: next((one for one in AB if answer.strip() in one), None)),
    classifier(*AB, read_label=lambda answer: answer.strip() if answer.strip() in AB else "없음"),
    classifier(*AB, read_label=lambda answer: answer.strip() in AB),
    classifier(*AB, read_label=lambda answer: AB.index(answer.strip()) if answer.strip() in AB else None),
    classifier(*AB, read_label=lambda answer: print(answer)),
    classifier(*AB, build_messages=no_append),
    build_with(-1, remembers_the_first, *AB),
    build_with(-1, lambda text: {"content": text[:100]}, *AB),
    build_with(-1, lambda text: {"content": text.format()}, *AB),
    build_with(-1, lambda text: {"content": json.dumps(text)}, *AB),
    build_with(0, lambda text: {"content": f"글을 나눕니다. {text}"}, *AB),
    build_with(0, lambda text: {"content": "예외 또는 아니요로 답합니다."}, "예", "예외", "아니요"),
    build_with(2, lambda text: {"content": "스팸."}, *AB),
]

# 02-1 ---------------------------------------------------------------------------------------------------


def cut(test: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    return lambda r: {"text": r.choices[0].message.content, "is_cut": test(r.choices[0])}


RIGHT["02-1"] = [
    cut(lambda c: c.finish_reason == "length"),
    cut(lambda c: c.finish_reason in ("length",)),
    cut(lambda c: bool(c.finish_reason == "length")),
    cut(lambda c: c.finish_reason.startswith("len")),
    cut(lambda c: {"length": True}.get(c.finish_reason, False)),
    lambda r: {"text": r.choices[0].message.content or "", "is_cut": r.choices[0].finish_reason == "length", "n": 1},
]
WRONG["02-1"] = [
    cut(lambda c: c.finish_reason not in ("stop", "content_filter")),
    cut(lambda c: c.finish_reason not in ("stop", "tool_calls")),
    cut(lambda c: c.finish_reason == "max_tokens"),
    cut(lambda c: c.finish_reason == "length" and c.message.content != ""),
    cut(lambda c: c.finish_reason == "length" or not c.message.content),
    cut(lambda c: len(c.message.content) < 15),
    cut(lambda c: c.message.content == ""),
    cut(lambda c: int(c.finish_reason == "length")),
    cut(lambda c: "length" if c.finish_reason == "length" else ""),
    cut(lambda c: c.finish_reason == ["length"]),
    cut(lambda c: True),
    cut(lambda c: False),
    cut(lambda c: "t" in c.finish_reason),
    lambda r: r.choices[0].finish_reason == "length",
    lambda r: {"text": r.choices[0].message.content or None, "is_cut": r.choices[0].finish_reason == "length"},
]

# 02-2, 02-3 ---------------------------------------------------------------------------------------------


def top(probabilities: Any, top_p: float, *, include: bool = True, strict: bool = False, ordered: bool = True) -> Any:
    """맞는 자르기. 인자를 바꾸면 흔히 틀리는 것이 됩니다."""
    items = sorted(probabilities.items(), key=lambda item: -item[1]) if ordered else list(probabilities.items())
    kept, total = {}, 0.0
    for token, p in items:
        if not include and total + p > top_p and kept:
            break
        kept[token] = p
        total += p
        if total > top_p or (total == top_p and not strict):
            break
    return kept


def shared(kept: dict[str, Any], whole: Any = None) -> dict[str, Any]:
    return {token: p / (whole or sum(kept.values())) for token, p in kept.items()}


def recursive_top(probabilities: Any, top_p: float) -> dict[str, Any]:
    kept, rest = Counter(), Counter(probabilities)
    while rest and sum(kept.values()) < top_p:
        token, p = rest.most_common(1)[0]
        kept[token] = rest.pop(token) and p
    return shared(kept)


RIGHT["02-2"] = [
    lambda p, n: shared(top(p, n)),
    recursive_top,
    lambda p, n: {t: Fraction(x) for t, x in shared(top(p, n)).items()},
    lambda p, n: {t: Decimal(str(x)) for t, x in shared(top(p, n)).items()},
    lambda p, n: dict(reversed(shared(top(p, n)).items())),
    lambda p, n: OrderedDict(shared(top(copy.deepcopy(p), n))),
]
WRONG["02-2"] = [
    lambda p, n: shared(top(p, n, include=False)),
    lambda p, n: shared(top(p, n, strict=True)),
    lambda p, n: shared(top(p, n, ordered=False)),
    lambda p, n: shared(top(p, n), whole=n),
    lambda p, n: shared(top(p, n), whole=sum(p.values())),
    lambda p, n: top(p, n),
    lambda p, n: {t: round(x, 2) for t, x in shared(top(p, n)).items()},
    lambda p, n: {t: str(x) for t, x in shared(top(p, n)).items()},
    lambda p, n: {t: (x,) for t, x in shared(top(p, n)).items()},
    lambda p, n: list(shared(top(p, n)).items()),
    lambda p, n: shared({t: x**2 for t, x in top(p, n).items()}),
    lambda p, n: shared({t: x for t, x in p.items() if x >= n} or {"The": 1}),
    lambda p, n: shared(dict(sorted(p.items(), key=lambda item: -item[1])[: max(1, int(n * len(p)))])),
    lambda p, n: p.pop("A", None) and shared(top(p | {"A": 0.0625}, n)),
    lambda p, n: p.update(shared(top(p, n))) or {t: p[t] for t in top(p, n)},
    lambda p: shared(top(p, 1)),
]


def heat(kept: dict[str, float], temperature: float) -> dict[str, float]:
    return {token: p ** (1 / temperature) for token, p in kept.items()}


def pick(weights: dict[str, float], rng: Any) -> Any:
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def cold(probabilities: dict[str, float]) -> str:
    return max(probabilities, key=lambda token: probabilities[token])


def sampling(draw: Callable[..., Any]) -> Callable[..., Any]:
    return lambda p, t, n, rng: cold(p) if t == 0 else draw(p, t, n, rng)


def by_hand(p: dict[str, float], t: float, n: float, rng: Any) -> str | None:
    weights = shared(heat(top(p, n), t))
    point = rng.random()
    for token, weight in weights.items():
        point -= weight
        if point < 0:
            return token
    return token


def by_logits(p: dict[str, float], t: float, n: float, rng: Any) -> Any:
    return pick({token: math.exp(math.log(x) / t) for token, x in top(p, n).items()}, rng)


def by_gumbel(p: dict[str, float], t: float, n: float, rng: Any) -> Any:
    noisy = {token: math.log(x) / t - math.log(-math.log(rng.random())) for token, x in top(p, n).items()}
    return cold(noisy)


RIGHT["02-3"] = [
    sampling(lambda p, t, n, rng: pick(heat(top(p, n), t), rng)),
    sampling(lambda p, t, n, rng: pick(shared(heat(shared(top(p, n)), t)), rng)),
    sampling(by_hand),
    sampling(by_logits),
    sampling(by_gumbel),
]  # fmt: skip
WRONG["02-3"] = [
    sampling(lambda p, t, n, rng: pick(heat(top(p, n, include=False), t), rng)),
    sampling(lambda p, t, n, rng: pick(heat(top(p, n, strict=True), t), rng)),
    sampling(lambda p, t, n, rng: pick(heat(top(p, n, ordered=False), t), rng)),
    sampling(lambda p, t, n, rng: pick(top(shared(heat(p, t)), n), rng)),
    sampling(lambda p, t, n, rng: pick(heat(p, t), rng)),
    sampling(lambda p, t, n, rng: pick(top(p, n), rng)),
    sampling(lambda p, t, n, rng: pick({k: x**t for k, x in top(p, n).items()}, rng)),
    sampling(lambda p, t, n, rng: pick({k: x / t for k, x in top(p, n).items()}, rng)),
    sampling(lambda p, t, n, rng: pick({k: math.exp(x / t) for k, x in top(p, n).items()}, rng)),
    sampling(lambda p, t, n, rng: rng.choice(list(top(p, n)))),
    sampling(lambda p, t, n, rng: pick(heat(top(p, n), t), random)),
    sampling(lambda p, t, n, rng: pick(heat(top(p, n), t), random.Random())),
    sampling(lambda p, t, n, rng: pick(heat(top(p, n), t), random.Random(1))),
    sampling(lambda p, t, n, rng: {pick(heat(top(p, n), t), rng): 1}),
    sampling(lambda p, t, n, rng: p[pick(heat(top(p, n), t), rng)]),
    lambda p, t, n, rng: pick(heat(top(p, n), t), rng),
    lambda p, t, n, rng: pick(heat(top(p, n), max(t, 1)), rng),
    lambda p, t, n, rng: list(p)[0] if t == 0 else pick(heat(top(p, n), t), rng),
]

# 03-1 ---------------------------------------------------------------------------------------------------


def options(**change: Any) -> dict[str, Any]:
    return {"stream": True, "stream_options": {"include_usage": True}} | change


RIGHT["03-1"] = [
    options(),
    options(model="gpt-4o"),
    OrderedDict(options()),
    options(stream_options={"include_usage": True, "include_obfuscation": False}),
    {"stream_options": {"include_usage": not False}, "stream": 1 == 1},
]
WRONG["03-1"] = [
    options(stream_options={"include_usage": "true"}),
    options(stream_options={"include_usage": None}),
    options(stream_options={"include_usage": [True]}),
    options(stream_options={"include_usage": 1.0}),
    options(stream_options={"usage": True}),
    options(stream_options={}),
    options(stream_options=True),
    options(stream_options=[("include_usage", True)]),
    options(stream=1),
    options(stream="True"),
    {"stream_options": {"include_usage": True}},
    {"stream": True, "include_usage": True},
    {"include_usage": True},
    [options()],
    lambda: options(),
]


# 03-2, 03-3 ---------------------------------------------------------------------------------------------


def gather(chunks: Any, **change: Any) -> dict[str, Any]:
    chunks = list(chunks)
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    usages = [chunk.usage for chunk in chunks if chunk.usage]
    return {
        "text": "".join(choice.delta.content or "" for choice in choices),
        "finish_reason": next((choice.finish_reason for choice in choices if choice.finish_reason), None),
        "output_tokens": usages[-1].completion_tokens if usages else None,
    } | {name: make(chunks, choices, usages) for name, make in change.items()}


def collecting(**change: Any) -> Callable[[Any], dict[str, Any]]:
    return lambda chunks: gather(chunks, **change)


def consuming(chunks: list[Any]) -> dict[str, Any]:
    taken = []
    while chunks:
        taken.append(chunks.pop(0))
    return gather(taken)


def careless(chunks: Any) -> dict[str, Any]:
    """텍스트, 끝난 이유, usage가 저마다 다른 조각에 온다고 믿는 것."""
    text, reason, tokens = "", None, None
    for chunk in chunks:
        if chunk.usage:
            tokens = chunk.usage.completion_tokens
        elif chunk.choices and chunk.choices[0].finish_reason:
            reason = chunk.choices[0].finish_reason
        elif chunk.choices:
            text += chunk.choices[0].delta.content or ""
    return {"text": text, "finish_reason": reason, "output_tokens": tokens}


def stops_at_the_reason(chunks: Any) -> dict[str, Any]:
    taken = []
    for chunk in chunks:
        taken.append(chunk)
        if chunk.choices and chunk.choices[0].finish_reason:
            break
    return gather(taken)


RIGHT["03-2"] = [
    gather,
    consuming,
    lambda chunks: gather(iter(chunks)),
    lambda chunks: gather(chunks) | {"chunks": len(chunks)},
    collecting(text=lambda _, choices, __: "".join(filter(None, (choice.delta.content for choice in choices)))),
    collecting(output_tokens=lambda _, __, usages: max((u.completion_tokens for u in usages), default=None)),
]
WRONG["03-2"] = [
    careless,
    stops_at_the_reason,
    collecting(text=lambda _, choices, __: [choice.delta.content for choice in choices]),
    collecting(text=lambda _, choices, __: " ".join(choice.delta.content or "" for choice in choices)),
    collecting(text=lambda _, choices, __: "".join(str(choice.delta.content) for choice in choices)),
    collecting(text=lambda _, choices, __: "".join(c.delta.content or "" for c in choices if not c.finish_reason)),
    collecting(text=lambda _, choices, __: "".join((c.delta.content or "").strip() for c in choices)),
    collecting(finish_reason=lambda _, choices, __: choices[-1].finish_reason),
    collecting(finish_reason=lambda _, choices, __: [c.finish_reason for c in choices if c.finish_reason]),
    collecting(finish_reason=lambda _, choices, __: "stop"),
    collecting(finish_reason=lambda _, c, __: next((one.finish_reason for one in c if one.finish_reason), "")),
    collecting(output_tokens=lambda chunks, _, __: len(chunks)),
    collecting(output_tokens=lambda _, __, usages: usages[-1].total_tokens if usages else None),
    collecting(output_tokens=lambda _, __, usages: usages[-1].prompt_tokens if usages else None),
    collecting(output_tokens=lambda _, __, usages: usages[-1].completion_tokens if usages else 0),
    collecting(output_tokens=lambda chunks, _, __: chunks[-1].usage.completion_tokens),
    collecting(output_tokens=lambda chunks, _, __: chunks[-1].usage),
    collecting(output_tokens=lambda _, __, usages: str(usages[-1].completion_tokens) if usages else None),
    lambda chunks: {"text": gather(chunks)["text"]},
    lambda chunks: (gather(chunks)[name] for name in ("text", "finish_reason", "output_tokens")),
]


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def a_turn(history: list, question: str, stream_reply: Any) -> list:
    messages = [*history, said("user", question)]
    return [*messages, said("assistant", "".join(stream_reply(messages)))]


def copies(history: list, question: str, stream_reply: Any) -> list:
    messages = copy.deepcopy(history)
    messages.append(said("user", question))
    pieces = []
    for piece in stream_reply(list(messages)):
        pieces.append(piece)
    messages.append(said("assistant", "".join(pieces)))
    return messages


def raises_again(history: list, question: str, stream_reply: Any) -> list:
    try:
        return a_turn(history, question, stream_reply)
    except BaseException:
        raise


def appends_after_asking(history: list, question: str, stream_reply: Any) -> list:
    messages = history.copy() + [said("user", question)]
    answer = ""
    for piece in stream_reply(messages):
        answer += piece
    messages += [said("assistant", answer)]
    return messages


def cleans_up(history: list, question: str, stream_reply: Any) -> list:
    pieces: list[str] = []
    try:
        pieces.extend(stream_reply(history + [said("user", question)]))
    finally:
        whole = "".join(pieces)
    return history + [said("user", question), said("assistant", whole)]


RIGHT["03-3"] = [a_turn, copies, raises_again, appends_after_asking, cleans_up]

heard: list[str] = []


def keeps_pieces_outside(history: list, question: str, stream_reply: Any) -> list:
    messages = history + [said("user", question)]
    for piece in stream_reply(messages):
        heard.append(piece)
    whole = "".join(heard)
    heard.clear()  # 끊기면 여기까지 오지 않습니다.
    return messages + [said("assistant", whole)]


def takes_back_when_all_is_well(history: list, question: str, stream_reply: Any) -> list:
    history.append(said("user", question))
    answer = "".join(stream_reply(history))
    history.pop()
    return history + [said("user", question), said("assistant", answer)]


def hides(*kinds: type[BaseException], value: Any = None, raising: Any = None) -> Callable[..., Any]:
    def turn(history: list, question: str, stream_reply: Any) -> Any:
        try:
            return a_turn(history, question, stream_reply)
        except kinds:
            if raising:
                raise raising  # noqa: B904
            return value if value is not None else history

    return turn


def needs_a_history(history: list, question: str, stream_reply: Any) -> list:
    assert history[-1]["role"] == "assistant"
    return a_turn(history, question, stream_reply)


WRONG["03-3"] = [
    keeps_pieces_outside,
    takes_back_when_all_is_well,
    needs_a_history,
    hides(ConnectionError),
    hides(Exception),
    hides(KeyboardInterrupt),
    hides(BaseException, value=[]),
    hides(Exception, raising=ConnectionError("끊겼습니다")),
    hides(Exception, raising=RuntimeError("끊겼습니다")),
    lambda h, q, reply: a_turn(h, q, reply)[-1:],
    lambda h, q, reply: a_turn(h, q, reply)[-2:],
    lambda h, q, reply: a_turn(h, q, reply)[:-1],
    lambda h, q, reply: h + [said("assistant", "".join(reply(h + [said("user", q)])))],
    lambda h, q, reply: h + [said("user", q), said("assistant", "".join(reply(h)))],
    lambda h, q, reply: h + [said("user", q), said("assistant", "".join(reply([said("user", q)])))],
    lambda h, q, reply: a_turn(h, q, reply) and a_turn(h, q, reply),
    lambda h, q, reply: h + [said("user", q), said("user", "".join(reply(h + [said("user", q)])))],
    lambda h, q, reply: h + [said("user", q), said("assistant", list(reply(h + [said("user", q)])))],
    lambda h, q, reply: h + [said("user", q), said("assistant", reply(h + [said("user", q)]))],
    lambda h, q, reply: h + [said("user", q), said("assistant", next(reply(h + [said("user", q)])))],
    lambda h, q, reply: "".join(reply(h + [said("user", q)])),
    lambda h, q, reply: h.extend([said("user", q)]) or h + [said("assistant", "".join(reply(h)))],
    lambda h, q, reply: h + [said("user", q), said("assistant", "오늘은 여덟 시까지 엽니다.")],
]


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_other_styles_of_the_right_answer_pass(name: str) -> None:
    assert len(RIGHT[name]) >= 5 and not refused(name, RIGHT[name])


@pytest.mark.parametrize("name", sorted(WRONG))
def test_plausible_wrong_answers_are_told(name: str) -> None:
    assert len(WRONG[name]) >= 10 and not fooled(name, WRONG[name])
