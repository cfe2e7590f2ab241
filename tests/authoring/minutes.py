"""수업에 걸리는 시간의 추정: 설명 450자에 1분, 코드 한 줄에 5초, 예측 1분, 바꿔 보기 3분, 연습 7분, 그리고 재생이 기다리는 시간.

접어 둔 글과 코드, 연습의 셀은 읽는 시간에 넣지 않습니다(풀이와 힌트는 연습의 7분에 들어 있습니다). 제목에 `선택`이 있는 절과
소절, 연습은 전체에만 듭니다.

    python -m tests.authoring.minutes 05      # 절마다
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat

from llmkit.common.clock import PATIENCE_S
from llmkit.replay.cassette import Cassette
from llmkit.replay.player import fingerprint
from llmkit.session import CASSETTES

MOST = (60, 120)  # 핵심과 전체
_UNREAD = (r"(?<=</summary>).*?</details>", r"```.*?```", r"<!--.*?-->", r"<[^>]+>", r"\]\([^)]*\)")


def stated(cells: Iterable[Any], cassette: Cassette | None) -> str:
    """노트북의 '걸리는 시간'에 적을 말입니다. 5분 단위로 반올림합니다."""
    core, whole = (5 * round(minutes / 5) for minutes in totals(cells, cassette))
    return f"핵심 약 {core}분, 전체 약 {whole}분"


def totals(cells: Iterable[Any], cassette: Cassette | None) -> tuple[float, float]:
    """핵심과 전체의 분입니다."""
    parts = sections(cells, cassette)
    return sum(minutes for (_, is_core), minutes in parts.items() if is_core), sum(parts.values())


def sections(cells: Iterable[Any], cassette: Cassette | None) -> dict[tuple[str, bool], float]:
    """(제목, 핵심인지) → 분. `##` 아래의 `###`은 저마다 한 줄이고, 연습은 풀이에서 끝납니다."""
    found: dict[tuple[str, bool], float] = defaultdict(float)
    waits = _waits(cassette)
    chapter = section = here = ("", True)  # `##`, 그 안의 소절, 지금 있는 곳(소절이나 연습)
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            found[here] += _code(cell, source) + waits.get(fingerprint(source), 0) / 60
            continue
        text = re.sub(r"```.*?```", "", source, flags=re.DOTALL)
        for part in re.split(r"^(?=#{1,3} )", text, flags=re.MULTILINE):
            if heading := re.match(r"(#{1,3}) (.*)", part):
                is_inner = heading[1] == "###"
                here = (heading[2], "`선택`" not in heading[2] and (chapter[1] or not is_inner))
                chapter = chapter if is_inner else here
                section = section if "연습" in heading[2] else here
            found[here] += _prose(part)
        if "<summary>풀이" in source:
            here = section
    return dict(found)


def _prose(text: str) -> float:
    for pattern in _UNREAD:
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    letters = len(re.sub(r"\s+", " ", text).strip())
    exercises = len(re.findall(r"^### 연습", text, re.MULTILINE))
    return letters / 450 + text.count("🔮 **예측**") + 3 * text.count("✏️ **바꿔 보기**") + 7 * exercises


def _code(cell: Any, source: str) -> float:
    metadata = cell["metadata"]
    is_unread = metadata.get("jupyter", {}).get("source_hidden") or "colab" in metadata.get("tags", [])
    if is_unread or "llmkit.check(" in source:
        return 0
    return 5 / 60 * sum(bool(line.strip()) for line in source.splitlines())


def _waits(cassette: Cassette | None) -> dict[str, float]:
    """셀의 표시(fingerprint) → 재생이 기다리는 초."""
    streams: dict[str, float] = defaultdict(float)
    others: dict[str, float] = defaultdict(float)
    for exchange in cassette.exchanges if cassette else []:
        if exchange.events:
            streams[exchange.cell] += exchange.events[-1][0]
        else:
            others[exchange.cell] += exchange.delay
    return {cell: streams[cell] + min(others[cell], PATIENCE_S) for cell in {*streams, *others}}


def main(number: str) -> None:
    (path,) = (Path(__file__).resolve().parents[2] / "notebooks").glob(f"{number}_*.ipynb")
    cells, cassette = nbformat.read(path, 4).cells, Cassette.load(CASSETTES / f"{path.stem}.json")
    for (title, is_core), minutes in sections(cells, cassette).items():
        print(f"{minutes:5.1f} {'핵심' if is_core else '선택'} {title}")
    print("모두 {:.0f}분, {:.0f}분".format(*totals(cells, cassette)), "→", stated(cells, cassette))


if __name__ == "__main__":
    main(sys.argv[1])
