"""샘플 응답에만 맞는 문장을 어디에서 끊어 보여 주는가, 그리고 답의 텍스트를 어떻게 꺼내는가."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmkit.replay.cassette import Cassette
from llmkit.session import CASSETTES
from tests import authored
from tests.authoring.samples import Samples, answer_texts
from tests.authoring.sentences import sample_sentences


@pytest.mark.parametrize(
    ("source", "sentences"),
    [
        ("첫 문장입니다. 둘째 문장입니다. <!-- sample --> 셋째.", ["둘째 문장입니다."]),
        ("첫 문장입니다. 둘째 문장이\n줄을 넘습니다.<!-- sample -->", ["둘째 문장이 줄을 넘습니다."]),
        ("제목\n\n둘째. <!-- sample -->\n\n- 항목 하나 <!-- sample -->\n- 둘", ["둘째.", "- 항목 하나"]),
        ("값은 3.14입니다. 다음은 0.5배입니다. <!-- sample -->", ["다음은 0.5배입니다."]),
        ("| 가 | 나 |\n| 1 | 2 | <!-- sample -->", ["| 1 | 2 |"]),
        ("주석이 없습니다.", []),
    ],
)
def test_the_sentence_before_the_comment_is_listed(source: str, sentences: list[str], tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": [source], "metadata": {"tags": ["sample"]}},
        {"cell_type": "markdown", "source": [source], "metadata": {}},
        {"cell_type": "code", "source": ["check(answer)\n", "more"], "metadata": {"tags": ["sample"]}},
    ]
    path = tmp_path / "99_small.ipynb"
    path.write_text(json.dumps({"cells": cells}, ensure_ascii=False), encoding="utf-8")
    found = sample_sentences(path)
    assert [(one.cell, one.text) for one in found] == [
        *((1, text) for text in sentences),
        (3, "(코드 셀) check(answer)"),
    ]
    assert all(str(one).startswith("99_small.ipynb 셀 ") for one in found)


@pytest.mark.parametrize("path", sorted(CASSETTES.glob("*.json")), ids=lambda path: path.stem)
def test_every_answer_of_a_cassette_has_its_text(path: Path) -> None:
    """어느 SDK의 어느 모양이든, 출력 토큰이 있는 답에서는 텍스트가 나오고 이벤트의 껍데기는 나오지 않습니다."""
    for exchange in Cassette.load(path).exchanges:
        texts = answer_texts(exchange)
        assert not any(text.startswith(("chatcmpl-", "msg_", "resp_", '{"id"')) for text in texts)
        pieces = [data for _, data in exchange.events if b'"content":"' in data and exchange.provider == "openai"]
        assert texts or not pieces or exchange.error


def test_text_that_the_code_holds_too_is_not_the_answers() -> None:
    answer = "열두 글자가 넘는 샘플 응답의 문장입니다."
    samples = Samples(Cassette(exchanges=[authored.exchange("openai", "질문", answer)]), [])
    assert samples.quoted(f"그는 '{answer[3:18]}'라고 했다", 12) == {"openai": answer[3:18].strip()}
    assert Samples(Cassette(exchanges=[authored.exchange("openai", "질문", answer)]), [answer]).quoted(answer, 12) == {}
    recorded = authored.exchange("openai", "질문", answer)
    recorded.provenance = "recorded"
    assert Samples(Cassette(exchanges=[recorded]), []).quoted(answer, 12) == {}
