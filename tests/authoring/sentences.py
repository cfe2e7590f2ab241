"""샘플 응답에만 맞는 문장: 설명 셀에서 바로 뒤에 `<!-- sample -->`을 단 문장입니다. 실제 응답을 녹화하면 거짓이 될 수 있습니다."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMMENT = "<!-- sample -->"
# 문장은 마침표나 물음표 뒤, 빈 줄 뒤, 목록이나 표의 줄머리에서 시작합니다.
SENTENCE_START = re.compile(r"(?<=[.?!])\s+(?!<!-- sample)|\n\s*\n(?!<!-- sample)|\n(?=\s*([-*#>|]|\d+\.)\s?)")


@dataclass(frozen=True)
class Sentence:
    lesson: str
    cell: int  # 노트북에서 몇 번째 셀인지(1부터)
    text: str

    def __str__(self) -> str:
        return f"{self.lesson}.ipynb 셀 {self.cell}: {self.text}"


def sample_sentences(path: Path) -> list[Sentence]:
    """노트북에서 샘플 응답에만 맞는 문장들입니다. 태그 `sample`만 있는 코드 셀은 셀 전체를 하나로 칩니다."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [
        Sentence(path.stem, number, text)
        for number, cell in enumerate(cells, 1)
        if "sample" in cell["metadata"].get("tags", [])
        for text in _marked("".join(cell["source"]), cell["cell_type"])
    ]


def _marked(source: str, kind: str) -> Iterator[str]:
    if kind == "code":
        yield "(코드 셀) " + source.strip().splitlines()[0]
        return
    *before, _ = source.split(COMMENT)
    for text in before:
        sentences = [part for part in sentences_of(text) if part.strip()]
        yield " ".join(sentences[-1].split()) if sentences else ""


def sentences_of(text: str) -> list[str]:
    starts = [0, *(found.end() for found in SENTENCE_START.finditer(text)), len(text)]
    return [text[start:end] for start, end in zip(starts, starts[1:])]
