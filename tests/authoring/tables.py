"""README와 강사용 페이지의 수업 표: 노트북과 카세트에서 만들어 표시(`<!-- 이름 -->`) 사이에 적습니다."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
SPENT = re.compile(r"^\| (?:<nobr>)?걸리는 시간(?:</nobr>)? \| (.*?) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """표에 적을 수업 하나. 모두 노트북에서 읽습니다."""

    name: str  # "01_basics"
    title: str  # 첫 제목에서 번호와 콜론 뒤를 뺀 것
    summary: str  # 노트북의 metadata.llmkit.summary
    minutes: str

    @property
    def short_minutes(self) -> str:
        """`60 / 95분`."""
        return "<nobr>{} / {}분</nobr>".format(*re.findall(r"\d+", self.minutes))


def lessons(root: Path = ROOT) -> list[Row]:
    """`notebooks/`에 있는 수업을 번호 순서로 돌려줍니다."""
    return [_row(path) for path in sorted((root / "notebooks").glob("[0-9]*_*.ipynb"))]


def _row(path: Path) -> Row:
    notebook = nbformat.read(path, as_version=4)
    first = notebook.cells[0].source
    title = re.match(r"# \d+\. ([^:\n]+)", first)
    spent = SPENT.search(first)
    summary = notebook.metadata.get("llmkit", {}).get("summary")
    if not (title and spent and summary):
        raise ValueError(f"{path.name}: 첫 셀의 제목과 '걸리는 시간', 노트북의 metadata.llmkit.summary가 필요합니다.")
    return Row(path.stem, title[1].strip(), summary, spent[1])


def write(root: Path = ROOT) -> list[Path]:
    """노트북의 걸리는 시간과 두 페이지의 표를 새로 적습니다. 바뀐 파일을 돌려줍니다."""
    timed = [path for path in sorted((root / "notebooks").glob("[0-9]*_*.ipynb")) if _write_minutes(path)]
    rows = lessons(root)
    readme, page = root / "README.md", root / "docs" / "instructor.md"
    before = [path.read_text(encoding="utf-8") for path in (readme, page)]
    titles = [
        f"| [{row.name[:2]} {row.title}](notebooks/{row.name}.ipynb) | {row.summary} | {row.short_minutes} |"
        for row in rows
    ]
    times = [f"| [{row.name}](../notebooks/{row.name}.ipynb) | {row.minutes} |" for row in rows]
    readme.write_text(
        _between(before[0], "lessons", ["| | 배우는 것 | 핵심 / 전체 |", "|---|---|---|", *titles]), encoding="utf-8"
    )
    page.write_text(_between(before[1], "minutes", ["| 수업 | 걸리는 시간 |", "|---|---|", *times]), encoding="utf-8")
    write_estimate(page, [row.name for row in rows])
    return timed + [path for path, text in zip((readme, page), before) if path.read_text(encoding="utf-8") != text]


def _write_minutes(path: Path) -> bool:
    """'걸리는 시간'을 계산한 것으로 바꿉니다. 노트북의 나머지는 건드리지 않습니다. 바뀌었으면 True입니다."""
    # 표를 적을 때만 씁니다. 사이트(docs/site/build.py)는 llmkit 없이 수업의 목록만 읽습니다.
    from llmkit.replay.cassette import Cassette
    from llmkit.session import CASSETTES
    from tests.authoring import minutes

    cassette = Cassette.load(CASSETTES / f"{path.stem}.json")
    stated = minutes.stated(nbformat.read(path, as_version=4).cells, cassette)
    before = path.read_text(encoding="utf-8")
    after = re.sub(r"(걸리는 시간(?:</nobr>)? \| ).*?( \|\\n\")", rf"\g<1>{stated}\g<2>", before, count=1)
    path.write_text(after, encoding="utf-8")
    return after != before


def _between(text: str, name: str, lines: list[str]) -> str:
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if start not in text or end not in text:
        raise ValueError(f"{start}와 {end} 표시가 없습니다.")
    head, _, rest = text.partition(start)
    return "\n".join([head + start, *lines, end]) + rest.partition(end)[2]


def write_estimate(page: Path, lessons: Collection[str]) -> None:
    """추정 비용의 표를 새로 적습니다. 표시에 함께 적는 날짜는 가장 새 카세트의 날짜입니다."""
    from llmkit.commands.estimate import estimate
    from llmkit.cost.krw import digits
    from llmkit.replay.cassette import Cassette
    from llmkit.session import CASSETTES

    day = max(filter(None, (Cassette.load(CASSETTES / f"{lesson}.json").date for lesson in lessons)))
    spent = {lesson: estimate(lesson).usd for lesson in lessons}
    names = {lesson: f"[{lesson}](../notebooks/{lesson}.ipynb)" for lesson in lessons} | {"": "합계"}
    rows = [
        f"| {names[lesson]} | {digits(usd)} | {digits(40 * usd)} |"
        for lesson, usd in {**spent, "": sum(spent.values(), Decimal(0))}.items()
    ]
    head = (
        f"{day}까지 녹화한 카세트로 추정한 비용과 그 40배입니다(강좌의 기본 모델).\n\n"
        "| 수업 | 한 사람(USD) | 마흔 명(USD) |\n|---|---|---|\n"
    )
    table = f"<!-- estimate {day} -->\n{head}" + "\n".join(rows) + "\n<!-- /estimate -->"
    text = page.read_text(encoding="utf-8")
    written = re.sub(r"<!-- estimate [\d-]+ -->.*?<!-- /estimate -->", lambda _: table, text, flags=re.DOTALL)
    page.write_text(written, encoding="utf-8")
