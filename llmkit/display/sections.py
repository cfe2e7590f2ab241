"""스트림에서 이어진 같은 종류의 글 한 덩어리와, 그것을 보일 Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .markdown import to_display

LABELS = {"reasoning": "추론", "refusal": "거절(refusal)", "tool": "도구 호출"}


@dataclass
class Section:
    """이어진 같은 종류의 조각들: 답의 글, 추론, 거절, 또는 도구 호출 하나."""

    kind: str
    part: Any
    name: str | None
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return whole("".join(self.texts))

    def markdown(self) -> str:
        text = self.text
        if self.kind == "text":
            return to_display(text)
        label = f"**{LABELS[self.kind]}**"
        if self.kind == "tool":
            name = " ".join((self.name or "?").replace("`", " ").split())
            fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", text))])
            arguments = f"\n\n{fence}json\n{text}\n{fence}" if text else ""
            return to_display(f"{label} `{name}`{arguments}")
        return "> " + re.sub(r"\r\n|\n|\r", "\n> ", f"{label}\n\n{to_display(text)}")


def whole(text: str) -> str:
    """반쪽씩 나뉘어 온 이모지(서로게이트)를 잇습니다. 짝이 끝내 오지 않은 반쪽은 �가 됩니다."""
    if text.isascii() or not re.search("[\ud800-\udfff]", text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
