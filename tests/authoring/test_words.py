"""말 검사가 규칙마다 심어 둔 문장을 찾고, 다 고친 파일에서는 아무것도 찾지 않습니다."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.authoring import words


@pytest.mark.parametrize("word", words.WORDS, ids=lambda word: f"{word.rule}-{word.planted[:8]}")
def test_each_planted_sentence_is_found(word: words.Word, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"좋은 문장입니다.\n{word.planted}\n", encoding="utf-8")
    assert (word.rule, "2") in {(found.rule, found.place) for found in words.findings(page)}


def test_a_message_of_the_package_is_read_with_its_line(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('"""설명"""\n\nname = "a"\nprint(f"{name}은 없습니다. 다시 실행하십시오.")\n', encoding="utf-8")
    assert {(found.rule, found.place) for found in words.findings(module)} == {("R4", "4"), ("R10", "4")}


def test_good_words_are_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "이유와 순서를 적습니다. 판단하고 확인해 보세요. 4xx는 고칩니다. 배열을 꼴찌부터 셉니다.\n", encoding="utf-8"
    )
    assert list(words.findings(page)) == []


def test_nothing_that_people_read_has_a_finding() -> None:
    assert [str(found) for path in words.read_files() for found in words.findings(path)] == []
