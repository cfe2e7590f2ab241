"""수업 14의 연습: 틀린 답에는 무엇이 틀렸는지 말하고, 다르게 쓴 맞는 답은 통과합니다. 풀이와 빈칸도 여기서 봅니다."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.lessons.exercises import fooled, refused, wrong


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?]) ", text)


def test_after_a_restart_the_check_names_the_section_to_run() -> None:
    names: dict[str, Any] = {}
    exec("def chunk(passage, limit):\n    return sentences(passage['text'])", names)
    assert "7절" in wrong("14-3", names["chunk"])


# 14-1 ------------------------------------------------------------------------------------------------------


def cosines(query: Any, vectors: Any) -> Any:
    return vectors @ query / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(query))


def pairs(order: Any, values: Any, k: int) -> list[tuple[int, float]]:
    return [(int(number), float(values[number])) for number in order[:k]]


def loop(query: Any, vectors: Any, k: int) -> list[tuple[int, float]]:
    values = [
        sum(a * b for a, b in zip(query, v)) / (sum(b * b for b in v) * sum(a * a for a in query)) ** 0.5
        for v in vectors
    ]
    return [(i, values[i]) for i in sorted(range(len(values)), key=lambda i: -round(values[i], 9))[:k]]


def mutating(query: Any, vectors: Any, k: int) -> Any:
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query /= np.linalg.norm(query)
    return pairs(np.argsort(-(vectors @ query), kind="stable"), vectors @ query, k)


def exactly_k(query: Any, vectors: Any, k: int) -> Any:
    order = np.argsort(-cosines(query, vectors), kind="stable")
    return [(int(order[i]), float(cosines(query, vectors)[order[i]])) for i in range(k)]


WRONG_ORDERS: list[Any] = [
    lambda q, v, k: pairs(np.argsort(-(v @ q), kind="stable"), v @ q, k),
    lambda q, v, k: pairs(np.argsort(-(v @ q / np.linalg.norm(q)), kind="stable"), v @ q, k),
    lambda q, v, k: pairs(np.argsort(-(v @ q / np.linalg.norm(v)), kind="stable"), v @ q / np.linalg.norm(v), k),
    lambda q, v, k: pairs(np.argsort(cosines(q, v), kind="stable"), cosines(q, v), k),
    lambda q, v, k: pairs(np.argsort(cosines(q, v), kind="stable")[::-1], cosines(q, v), k),
    lambda q, v, k: pairs(np.argsort(-np.abs(cosines(q, v)), kind="stable"), cosines(q, v), k),
    lambda q, v, k: pairs(np.argsort(np.linalg.norm(v - q, axis=1), kind="stable"), cosines(q, v), k),
    lambda q, v, k: pairs(np.argsort(-cosines(q, v), kind="stable"), 1 - cosines(q, v), k),
    lambda q, v, k: pairs(np.argsort(-cosines(q, v), kind="stable"), cosines(q, v), k - 1),
    lambda q, v, k: pairs(np.argsort(-cosines(q, v), kind="stable"), cosines(q, v), 99),
    lambda q, v, k: [number for number, _ in pairs(np.argsort(-cosines(q, v), kind="stable"), cosines(q, v), k)],
    lambda q, v, k: [(i, float("nan")) for i, _ in loop(q, v, k)],
    lambda q, v, k: [(str(i), str(c)) for i, c in loop(q, v, k)],
    lambda q, v, k: [(i + 0.4, c) for i, c in loop(q, v, k)],
    exactly_k,
    [(0, 1.0)],
    lambda q, v, k: None,
]


def test_wrong_orders() -> None:
    assert not fooled("14-1", WRONG_ORDERS)


def test_other_right_orders() -> None:
    lexical = lambda q, v, k: pairs(np.lexsort((np.arange(len(v)), -cosines(q, v).round(9))), cosines(q, v), k)  # noqa: E731
    as_rows = lambda q, v, k: [list(pair) for pair in loop(q, v, k)]  # noqa: E731
    assert not refused("14-1", [loop, mutating, lexical, as_rows])


# 14-2 ------------------------------------------------------------------------------------------------------


def recall(found: Any, gold: Any, k: int) -> float:
    return len(set(found[:k]) & set(gold)) / len(set(gold))


def mrr(runs: Any) -> float:
    return sum(next((1 / n for n, name in enumerate(f, 1) if name in g), 0) for f, g in runs) / len(runs)


def both(recall_at_k: Any = recall, mrr: Any = mrr) -> dict[str, Any]:
    return {"recall_at_k": recall_at_k, "mrr": mrr}


def first(runs: Any, start: int = 1, missing: float = 0) -> list[float]:
    return [next((1 / n for n, name in enumerate(f, start) if name in g), missing) for f, g in runs]


WRONG_MEASURES: list[Any] = [
    both(lambda found, gold, k: float(bool(set(found[:k]) & set(gold)))),
    both(lambda found, gold, k: len(set(found[:k]) & set(gold)) / k),
    both(lambda found, gold, k: len(set(found[: k - 1]) & set(gold)) / len(gold)),
    both(lambda found, gold, k: len(set(found[: k + 1]) & set(gold)) / len(gold)),
    both(lambda found, gold, k: len(set(found) & set(gold)) / len(gold)),
    both(lambda found, gold, k: len(set(found[:k]) & set(gold)) / min(k, len(gold))),
    both(mrr=lambda runs: mrr([(found[:3], gold) for found, gold in runs])),
    both(lambda found, gold, k: gold[0] in found[:k]),
    both(lambda found, gold, k: len(set(found[:k]) & set(gold))),
    both(lambda found, gold, k: found[k - 1] in gold),
    both(mrr=lambda runs: sum(first(runs, 2)) / len(runs)),
    both(mrr=lambda runs: sum(each for each in first(runs) if each) / max(1, sum(bool(each) for each in first(runs)))),
    both(mrr=lambda runs: sum(first(runs))),
    both(mrr=lambda runs: sum(sum(1 / n for n, name in enumerate(f, 1) if name in g) for f, g in runs) / len(runs)),
    both(mrr=lambda runs: sum(1 / (f.index(g[0]) + 1) if g[0] in f else 0 for f, g in runs) / len(runs)),
    both(mrr=lambda runs: sum(first(runs, missing=1)) / len(runs)),
    both(mrr=lambda runs: 1 / (sum(1 / each for each in first(runs) if each) / len(runs))),
    {"recall_at_k": recall},
    recall,
]


def test_wrong_measures() -> None:
    assert not fooled("14-2", WRONG_MEASURES)


def test_other_right_measures() -> None:
    def counted(found: Any, gold: Any, k: int) -> float:
        hits = 0
        for name in gold:
            hits += name in found[:k]
        return hits / len(gold)

    def by_index(runs: Any) -> Any:
        return np.mean([max((1 / (f.index(name) + 1) for name in g if name in f), default=0.0) for f, g in runs])

    assert not refused(
        "14-2", [both(counted), both(mrr=by_index), both(lambda f, g, k: np.mean([n in f[:k] for n in g]))]
    )


# 14-3 ------------------------------------------------------------------------------------------------------


def chunked(
    passage: Any, limit: int, *, sep: str = " ", greedy: bool = True, last: bool = True, margin: int = 0
) -> list[str]:
    bodies: list[str] = []
    kept: list[str] = []
    for sentence in sentences(passage["text"]):
        if kept and (not greedy or len(sep.join([*kept, sentence])) > limit + margin):
            bodies.append(sep.join(kept))
            kept = []
        kept.append(sentence)
    if last:
        bodies.append(sep.join(kept))
    return [f"{passage['title']}. {body}" for body in bodies]


def windows(passage: Any, limit: int) -> list[str]:
    text = passage["text"]
    return [f"{passage['title']}. {text[at : at + limit]}" for at in range(0, len(text), limit)]


def overlapping(passage: Any, limit: int) -> list[str]:
    parts = sentences(passage["text"])
    return [f"{passage['title']}. {' '.join(parts[max(0, at - 1) : at + 1])}" for at in range(len(parts))]


def no_empty_guard(passage: Any, limit: int) -> list[str]:
    bodies, kept = [], []
    for sentence in sentences(passage["text"]):
        if len(" ".join([*kept, sentence])) > limit:
            bodies.append(" ".join(kept))
            kept = []
        kept.append(sentence)
    return [f"{passage['title']}. {body}" for body in [*bodies, " ".join(kept)]]


def untitled_after_the_first(passage: Any, limit: int) -> list[str]:
    return [
        each if not at else each.removeprefix(f"{passage['title']}. ")
        for at, each in enumerate(chunked(passage, limit))
    ]


def changing(passage: Any, limit: int) -> list[str]:
    made = chunked(passage, limit)
    passage["text"] = ""
    return made


WRONG_CHUNKS: list[Any] = [
    windows,
    overlapping,
    no_empty_guard,
    untitled_after_the_first,
    changing,
    lambda p, limit: chunked(p, limit, last=False),
    lambda p, limit: chunked(p, limit, greedy=False),
    lambda p, limit: chunked(p, limit, sep=""),
    lambda p, limit: chunked(p, limit, margin=1),
    lambda p, limit: chunked(p, limit, margin=-1),
    lambda p, limit: chunked(p, limit - len(p["title"]) - 2),
    lambda p, limit: [f"{p['title']}. {p['text']}"],
    lambda p, limit: [each.removeprefix(f"{p['title']}. ") for each in chunked(p, limit)],
    lambda p, limit: chunked({**p, "title": "제목"}, limit),
    lambda p, limit: chunked(p, limit)[::-1],
    lambda p, limit: "".join(chunked(p, limit)),
    lambda p, limit: [f"{p['title']}. {p['text'][:limit]}"],
]


def test_wrong_chunks_among_them_a_cut_answer() -> None:
    assert not fooled("14-3", WRONG_CHUNKS)
    assert "잘린 문장" in wrong("14-3", windows) and "두 번" in wrong("14-3", overlapping)


def test_other_right_chunks() -> None:
    def by_counting(passage: Any, limit: int) -> list[str]:
        made: list[str] = []
        for sentence in sentences(passage["text"]):
            if made and len(made[-1]) + 1 + len(sentence) <= limit:
                made[-1] += " " + sentence
            else:
                made.append(sentence)
        return [passage["title"] + ". " + body for body in made]

    assert not refused("14-3", [chunked, by_counting, lambda p, limit: tuple(by_counting(p, limit))])


# 14-4 ------------------------------------------------------------------------------------------------------


def flat(text: str) -> str:
    return " ".join(text.split())


def digits(text: str) -> set[str]:
    return set(re.findall(r"\d+", text.replace(",", "")))


def verify(
    answer: Any, sources: list[str], *, space: Callable[[str], str] = flat, numbers: Callable[[str], set[str]] = digits,
    lowest: int = 1, empty: bool = False, anywhere: bool = False, from_sources: bool = False, stop: bool = False,
) -> list[str]:  # fmt: skip
    problems, quoted = [], set()
    for each in answer.citations:
        if not lowest <= each.source <= len(sources):
            problems.append("없는 번호")
            continue
        where = " ".join(sources) if anywhere else sources[each.source - 1]
        if (not empty and not each.quote.strip()) or space(each.quote) not in space(where):
            problems.append("다른 인용")
        else:
            quoted |= numbers(each.quote)
            if stop:
                break
    if not answer.citations:
        problems.append("출처 없음")
    if numbers(answer.text) - (numbers(" ".join(sources)) if from_sources else quoted):
        problems.append("다른 숫자")
    return problems


def contained(answer: Any, sources: list[str]) -> list[str]:
    """숫자를 문자열의 포함으로 보는 흔한 잘못."""
    found = [name for name in verify(answer, sources) if name != "다른 숫자"]
    quotes = " ".join(each.quote for each in answer.citations).replace(",", "")
    return found + ["다른 숫자"] * any(number not in quotes for number in digits(answer.text))


WRONG_VERIFIERS: list[Any] = [
    lambda a, s: verify(a, s, lowest=0),
    lambda a, s: verify(a, s, lowest=-9),
    lambda a, s: verify(a, s, empty=True),
    lambda a, s: verify(a, s, anywhere=True),
    lambda a, s: verify(a, s, from_sources=True),
    lambda a, s: verify(a, s, stop=True),
    lambda a, s: verify(a, s, space=str),
    lambda a, s: verify(
        a.model_copy(update={"citations": [c.model_copy(update={"quote": flat(c.quote)}) for c in a.citations]}),
        s,
        space=str,
    ),
    lambda a, s: verify(a, s, space=lambda text: "".join(text.split())),
    lambda a, s: verify(a, s, numbers=lambda text: set(re.findall(r"[\d,]+", text))),
    lambda a, s: verify(a, s, numbers=lambda text: set(re.findall(r"\d", text))),
    contained,
    lambda a, s: [name for name in verify(a, s) if name != "다른 숫자"],
    lambda a, s: [name for name in verify(a, s) if name != "출처 없음"],
    lambda a, s: verify(a, s)[:1],
    lambda a, s: [] if not a.citations else verify(a, s),
    lambda a, s: not verify(a, s),
    lambda a, s: [],
    verify(type("Empty", (), {"text": "", "citations": []}), []),
]


def test_wrong_verifiers_among_them_an_altered_quote() -> None:
    assert not fooled("14-4", WRONG_VERIFIERS)
    assert "30,000" in wrong("14-4", lambda a, s: [name for name in verify(a, s) if name != "다른 인용"])


def test_other_right_verifiers() -> None:
    once = lambda a, s: sorted(set(verify(a, s)))  # noqa: E731
    assert not refused("14-4", [verify, once, lambda a, s: set(verify(a, s)), lambda a, s: tuple(verify(a, s))])


# 14-5 ------------------------------------------------------------------------------------------------------


def fuse(
    rankings: Any, k: int = 60, *, start: int = 1, power: int = 1, keep: Callable[[Any], bool] = bool
) -> list[str]:
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, name in enumerate(ranking, start):
            scores[name] = scores.get(name, 0) + 1 / (k + rank) ** power
    return [name for name in sorted(scores, key=lambda name: -scores[name]) if keep(name)]


WRONG_FUSIONS: list[Any] = [
    lambda rankings, k=60: fuse(rankings, 60),
    lambda rankings, k=60: fuse(rankings, 0),
    lambda rankings, k=60: fuse(rankings, k)[::-1],
    lambda rankings, k=60: sorted(fuse(rankings, k)),
    lambda rankings, k=60: list(dict.fromkeys(name for ranking in rankings for name in ranking)),
    lambda rankings, k=60: [*rankings[0]],
    lambda rankings, k=60: [name for name in fuse(rankings, k) if all(name in ranking for ranking in rankings)],
    lambda rankings, k=60: fuse(rankings, k) * 2,
    lambda rankings, k=60: [name for name, _ in Counter(n for ranking in rankings for n in ranking).most_common()],
    lambda rankings, k=60: dict.fromkeys(fuse(rankings, k), 0),
    lambda rankings, k=60: fuse(rankings, k)[:2],
    lambda rankings, k=60: [(name, 1) for name in fuse(rankings, k)],
    lambda rankings, k=60: fuse([ranking[::-1] for ranking in rankings], k),
    lambda rankings: fuse(rankings),
    lambda rankings, k=60: fuse([sorted(ranking) for ranking in sorted(rankings)], k),
    lambda rankings, k=60: fuse(sorted(rankings), k),
    ["a", "b"],
]


def test_wrong_fusions() -> None:
    assert not fooled("14-5", WRONG_FUSIONS)


def test_other_right_fusions() -> None:
    def by_name(rankings: Any, k: int = 60) -> tuple[str, ...]:
        names = list(dict.fromkeys(name for ranking in rankings for name in ranking))
        score = {n: sum(1 / (k + r.index(n) + 1) for r in rankings if n in r) for n in names}
        return tuple(sorted(names, key=score.__getitem__, reverse=True))

    assert not refused("14-5", [fuse, by_name, lambda rankings, k=60: fuse([*rankings, []], k)])


# 14-6 ------------------------------------------------------------------------------------------------------


def places(scores: Any) -> Any:
    return np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1) + 1


WRONG_SCORES: list[Any] = [
    lambda q, p, b: q @ p.T,
    lambda q, p, b: 2 * (q @ p.T),
    lambda q, p, b: -(q @ p.T),
    lambda q, p, b: b,
    lambda q, p, b: p @ q.T,
    lambda q, p, b: q @ p.T + 5 * b,
    lambda q, p, b: (q @ p.T)[:, :3],
    lambda q, p, b: np.zeros_like(b),
    lambda q, p, b: q @ p.T * np.nan,
    lambda q, p, b: "높음",
    lambda q, p, b: places(q @ p.T),
    lambda q, p, b: 0.5,
    np.zeros((3, 3)),
]


def test_wrong_scores() -> None:
    assert not fooled("14-6", WRONG_SCORES)


def test_other_right_scores() -> None:
    as_lists = lambda q, p, b: (q @ p.T + 0.04 * b).tolist()  # noqa: E731
    assert not refused("14-6", [as_lists, lambda q, p, b: q @ p.T + 0.03 * np.minimum(b, 3)])
