"""표 하나를 HTML, Markdown, 문자열로 그립니다. 비용과 영수증이 함께 씁니다."""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass, field


@dataclass
class Table:
    """제목 줄, 본문 줄, 표 아래에 붙는 설명으로 된 표입니다. 첫 두 열은 왼쪽, 나머지는 오른쪽에 맞춥니다."""

    title: str
    header: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:  # 칸 안의 줄바꿈은 Markdown과 글자의 표를 깨뜨립니다.
        self.rows = [[" ".join(cell.splitlines()) for cell in row] for row in self.rows]

    def to_html(self) -> str:
        body = "".join(_html_row(row, "td") for row in self.rows)
        notes = "<br>".join(html.escape(note) for note in self.notes)
        return (
            f"<div><b>{html.escape(self.title)}</b><table><thead>{_html_row(self.header, 'th')}</thead>"
            f"<tbody>{body}</tbody></table><small>{notes}</small></div>"
        )

    def to_markdown(self) -> str:
        rule = "|" + "|".join([":--", ":--"] + ["--:"] * (len(self.header) - 2)) + "|"
        lines = [f"**{_escape_markdown(self.title)}**", ""]
        lines += [_markdown_row(self.header), rule, *map(_markdown_row, self.rows), ""]
        lines += [f"- {_escape_markdown(note)}" for note in self.notes]
        return "\n".join(lines).rstrip("\n")

    def to_text(self) -> str:
        rows = [self.header, *self.rows]
        widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            gaps = [" " * (width - _width(cell)) for cell, width in zip(row, widths)]
            cells = [cell + gap if i < 2 else gap + cell for i, (cell, gap) in enumerate(zip(row, gaps))]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([self.title, *lines, *self.notes])


def _html_row(cells: list[str], tag: str) -> str:
    # 좁은 화면에서 수가 두 줄로 꺾이면 다른 수로 읽힙니다.
    sides = ["left", "left"] + ["right;white-space:nowrap"] * len(cells)
    whole = [f'<{tag} style="text-align:{side}">{html.escape(cell)}</{tag}>' for cell, side in zip(cells, sides)]
    return f"<tr>{''.join(whole)}</tr>"


def _markdown_row(cells: list[str]) -> str:
    return f"| {' | '.join(map(_escape_markdown, cells))} |"


def _width(text: str) -> int:
    """고정폭 글꼴에서 차지하는 칸 수입니다. 한글은 두 칸입니다."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _escape_markdown(text: str) -> str:
    escaped = "".join("\\" + char if char in "\\|*_`<>$~[]" else char for char in text)
    return escaped.replace(r"\$", r"<span>\$</span>")  # 이유는 markdown.py의 _ESCAPED에 있습니다.
