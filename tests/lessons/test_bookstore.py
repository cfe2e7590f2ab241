"""14의 자료(llmkit/data/bookstore.json)가 성한가: 답이 글에 그대로 있고, 개발 절반과 시험 절반이 섞이지 않는다."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

NONE = ("none_near", "none_far")
KINDS = {"paraphrase", "exact", "typo", "negation", "number", "english", *NONE}


@pytest.fixture(scope="module")
def shop(root: Path) -> dict[str, Any]:
    return json.loads((root / "llmkit/data/bookstore.json").read_text(encoding="utf-8"))


def test_ids_and_texts_are_one_each(shop: dict[str, Any]) -> None:
    assert len(shop["passages"]) >= 80 and len(shop["questions"]) >= 120
    for rows, field in ((shop["passages"] + shop["poisoned"], "text"), (shop["questions"], "question")):
        for name in ("id", field):
            assert [one for one, times in Counter(row[name] for row in rows).items() if times > 1] == []
    assert all(set(row) == {"id", "doc", "title", "text"} for row in shop["passages"] + shop["poisoned"])


def test_every_answer_stands_once_in_its_passage(shop: dict[str, Any]) -> None:
    """인용을 글자 그대로 검사하고, 조각에 답이 남았는지 위치로 셀 수 있어야 합니다."""
    texts = {row["id"]: row["text"] for row in shop["passages"]}
    for row in shop["questions"]:
        assert row["kind"] in KINDS and bool(row["answers"]) == (row["kind"] not in NONE), row
        for passage, answer in row["answers"].items():
            assert texts[passage].count(answer) == 1, row


def test_the_halves_are_alike_and_share_no_passage(shop: dict[str, Any]) -> None:
    """개발 절반을 보고 고친 글이 시험 절반의 점수를 올리지 못하게, 답하는 글까지 나눕니다."""
    halves = {half: [row for row in shop["questions"] if row["half"] == half] for half in ("dev", "test")}
    assert sum(map(len, halves.values())) == len(shop["questions"])
    dev, test = ({passage for row in rows for passage in row["answers"]} for rows in halves.values())
    assert dev and test and not dev & test
    kinds = [Counter(row["kind"] for row in rows) for rows in halves.values()]
    assert {kind: pair for kind in KINDS if abs((pair := [count[kind] for count in kinds])[0] - pair[1]) > 2} == {}


def test_the_licence_is_said_and_the_intruders_are_apart(shop: dict[str, Any], root: Path) -> None:
    assert "MIT" in shop["license"] and (root / "LICENSE").exists()
    assert {row["doc"] for row in shop["poisoned"]}.isdisjoint(row["doc"] for row in shop["passages"])
