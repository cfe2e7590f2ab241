"""모델이 쓴 Markdown을 화면에서 뜻대로 보이게 다듬습니다.

모델의 답변을 그대로 그리면 네 가지가 어긋납니다. HTML이 화면에 끼어들고, 금액의 `$` 두 개가 수식이 되고, 범위를 뜻하는
`~`가 취소선이 되고, `**토큰(token)**은`처럼 조사가 붙은 굵은 글씨가 별표로 보입니다. 코드와 수식은 그대로 두고 그 네
가지만 고칩니다.

화면마다 Markdown을 조금씩 다르게 읽으므로, 여기서는 줄을 보며 코드 블록을 가르고 두 가지로만 적습니다. 첫 칸에서 시작한
코드 블록은 누구나 똑같이 읽으므로 그대로 두고, 목록이나 인용 안의 코드 블록은 한 줄짜리 `<pre>`로 바꿉니다. 문단 속은
`inline.py`가 다듬습니다.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .inline import MATH_BORDER, as_text, inline

_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r|$)")
_MARKERS = re.compile(r"(?:[ \t]*+(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$))*+[ \t]*+")  # 겹친 목록 기호
# mermaid는 코드로 보이지 않고 그려지는 언어입니다. nbconvert는 그 속의 태그를 그대로 HTML에 넣습니다.
_FENCE = re.compile(r"(?P<mark>`{3,}(?=[^`]*$)|~{3,})[ \t]*(?:(?i:mermaid)|(?P<language>[\w+#.-]*))")


def to_display(text: str) -> str:
    r"""모델이 쓴 답변을 화면에 보일 Markdown으로 바꿉니다. 같은 답변이면 언제나 같은 결과입니다.

    Args:
        text: 모델이 쓴 그대로의 답변. 쓰는 도중이라 코드 블록이 닫히지 않았어도 됩니다.

    Returns:
        코드와 수식 밖에서 `<`, 금액의 `$`, `~`를 글자로 보이게 하고, 한글 조사 때문에 풀린 굵은 글씨를 되살린 Markdown.
        `javascript:` 같은 링크는 글자가 되고, 그림은 그림이라고 적은 링크가 됩니다. 열린 코드 블록은 닫습니다.

    >>> to_display("**토큰(token)**은 1~3개, <b>는 `b`")
    '<strong>토큰(token)</strong>은 1\\~3개, &lt;b>는 `b`'
    >>> to_display("$x^2$는 수식, $5와 $10는 금액")
    '$x^2$는 수식, <span>\\$</span>5와 <span>\\$</span>10는 금액'
    >>> to_display("[누르기](javascript:alert(1)) ![그림](http://a.kr/b.png)")
    '[누르기]\\(javascript:alert(1)) [그림: 그림](http://a.kr/b.png)'
    """
    blocks = _Blocks()
    for line, end in _LINE.findall(text):
        blocks.feed(line, end)
    return blocks.finish()


@dataclass
class _Code:
    """열려 있는 코드 블록입니다."""

    lead: str  # 코드 앞에 적을 인용과 목록 기호
    column: int  # 코드가 시작하는 칸
    mark: str  # 여는 기호(```). 네 칸 들여 쓴 코드에는 없습니다.
    language: str
    lines: list[str]  # 여는 기호가 있으면, 첫 줄은 그 줄의 나머지입니다.

    def markdown(self) -> str:
        content = "".join(self.lines)
        # 첫 칸에서 시작한 것은 어느 화면에서나 코드입니다. 다만 그 속의 수식 기호를 코드 밖의 것과 짝짓는 화면이 있습니다.
        if self.mark and not (self.lead or self.column or MATH_BORDER.search(content)):
            newline = "" if content.endswith(("\n", "\r")) else "\n"
            return f"{self.mark}{self.language}{content}{newline}{self.mark}"
        lines = [line.rstrip("\r\n") for line in (self.lines[1:] if self.mark else self.lines)]
        # 목록 안의 코드를 목록보다 덜 들여 쓰는 모델이 많습니다.
        margin = min([self.column, *(_column(line) for line in lines if line.strip())])
        code = "\n".join(" " * (_column(line) - margin) + line.lstrip(" \t") for line in lines).rstrip()
        of = f' class="language-{self.language}"' if self.language else ""
        return f"{self.lead}<pre><code{of}>{as_text(code)}</code></pre>"


class _Blocks:
    """줄을 하나씩 받아 코드 블록과 문단으로 가르고, 다듬어 `out`에 쌓습니다."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.paragraph: list[str] = []  # 아직 다듬지 않은, 빈 줄 없이 이어진 줄들
        self.code: _Code | None = None
        self.item = 0  # 마지막 목록 항목의 내용이 시작하는 칸. 목록이 아니면 0입니다.
        self.after_blank = True

    def feed(self, line: str, end: str) -> None:
        if self.code and self._feed_code(self.code, line, end):
            return
        quote, rest = _split_quote(line)
        column, markers = _column(rest), _MARKERS.match(rest)[0]  # type: ignore[index]
        if not rest.strip(" \t"):
            self.paragraph.append(quote + end)  # 탭만 있는 줄을 빈 줄로 보지 않는 화면이 있습니다.
            self._flush()
            return
        if self.after_blank and column == 0:
            self.item = 0
        if self.after_blank and column >= 4 and not (self.item or quote):
            self._flush(_Code("", 4, "", "", [line + end]))
            return
        lead = quote + " " * min(column, self.item)
        if markers.strip(" \t"):
            lead, column = quote + markers, len(markers.expandtabs(4))
            self.item = column
        if fence := _FENCE.match(rest, len(markers)):
            self._flush(_Code(lead, column, fence["mark"], fence["language"] or "", [end]))
        else:
            self.paragraph.append(line + end)
            self.after_blank = False

    def finish(self) -> str:
        if self.code:
            self._close(self.code, "")
        self._flush()
        return "".join(self.out)

    def _flush(self, code: _Code | None = None) -> None:
        """문단이 끝났습니다. `code`가 있으면 이어서 열립니다."""
        self.out.append(inline("".join(self.paragraph)))
        self.paragraph.clear()
        self.code, self.after_blank = code, True

    def _close(self, code: _Code, end: str) -> None:
        self.out.append(code.markdown() + end)
        self.code = None

    def _feed_code(self, code: _Code, line: str, end: str) -> bool:
        """코드 블록 안의 줄을 옮깁니다. 코드 블록이 이 줄 앞에서 끝났으면 False입니다."""
        depth = code.lead.count(">")
        quote, rest = _split_quote(line, depth)
        body, column = rest.strip(" \t"), _column(rest)
        if quote.count(">") < depth or (not code.mark and body and column < 4):
            self._close(code, "\n")
            return False
        is_mark = code.mark and body.startswith(code.mark) and not body.strip("`~ \t")
        if is_mark and column < code.column + 4:
            self._close(code, end)
        else:
            code.lines.append(rest + end)
        return True


def _split_quote(line: str, most: int = 99) -> tuple[str, str]:
    end = re.match(rf"(?: {{0,3}}> ?){{0,{most}}}", line).end()  # type: ignore[union-attr]
    return line[:end], line[end:]


def _column(line: str) -> int:
    """들여 쓴 칸의 수입니다."""
    return len(line[: len(line) - len(line.lstrip(" \t"))].expandtabs(4))
