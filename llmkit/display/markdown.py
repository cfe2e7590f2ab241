"""모델이 쓴 Markdown을 화면에서 뜻대로 보이게 다듬습니다.

모델의 글을 그대로 그리면 네 가지가 어긋납니다. HTML이 화면에 끼어들고, 금액의 `$` 두 개가 수식이 되고, 범위를 뜻하는
`~`가 취소선이 되고, `**토큰(token)**은`처럼 조사가 붙은 굵은 글씨가 별표로 보입니다. 코드와 수식은 그대로 두고 그 네
가지만 고칩니다. Markdown 전체를 해석하지는 않으며, 코드인지 확실하지 않으면 안전한 쪽(HTML이 글자로 보이는 쪽)을 고릅니다.

여기서는 줄을 보며 코드 블록을 가르고, 문단 속은 `inline.py`가 다듬습니다.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from .inline import MATH_BORDER, inline

_MATH = re.compile(rf"{MATH_BORDER.pattern}|\$")  # 들여 쓴 코드에서는 $ 하나도 수식의 경계로 읽는 화면이 있습니다.
_QUOTE = re.compile(r" {0,3}> ?")
_MARKER = re.compile(r"(?:[-+*]|(\d{1,9})[.)])(?: {1,4}(?=\S)|(?= *$| {5}))")
_LISTLIKE = re.compile(r"(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$)")
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")


def to_display(text: str) -> str:
    r"""모델이 쓴 글을 화면에 보일 Markdown으로 바꿉니다. 같은 글이면 언제나 같은 결과입니다.

    Args:
        text: 모델이 쓴 그대로의 글. 쓰는 도중이라 코드 블록이 닫히지 않았어도 됩니다.

    Returns:
        코드와 수식 밖에서 `<`, 금액의 `$`, `~`를 글자로 보이게 하고, 한글 조사 때문에 풀린 굵은 글씨를 되살린 글.
        `javascript:` 같은 링크는 글자가 되고, 그림은 그림이라고 적은 링크가 됩니다.

    >>> to_display("**토큰(token)**은 1~3개, <b>는 `<b>`")
    '<strong>토큰(token)</strong>은 1\\~3개, &lt;b>는 `<b>`'
    >>> to_display("$x^2$는 수식, $5와 $10는 금액")
    '$x^2$는 수식, <span>\\$</span>5와 <span>\\$</span>10는 금액'
    >>> to_display("[누르기](javascript:alert(1)) ![그림](http://a.kr/b.png)")
    '[누르기]\\(javascript:alert(1)) [그림: 그림](http://a.kr/b.png)'
    """
    return scan(text)[0]


def scan(text: str) -> tuple[str, str]:
    r"""`to_display`의 결과와, 글이 코드 블록 안에서 끝났을 때 그것을 닫을 줄(아니면 빈 문자열)입니다.

    닫을 줄은 뒤에 다른 글을 이을 때 씁니다.

    >>> scan("```python\nprint(")
    ('```python\nprint(', '\n```')
    """
    blocks = _Blocks()
    lines = [*re.split(r"(\r\n|\n|\r)", text), ""]
    for line, end in zip(lines[::2], lines[1::2], strict=True):
        blocks.feed(line, end)
    blocks.flush()
    return "".join(blocks.out), blocks.closing()


@dataclass
class _Fence:
    """열려 있는 코드 블록입니다."""

    quote: str  # 인용 부호("> ")
    indent: int
    ticks: str
    shift: int | None = None  # 첫 줄이 코드 블록보다 덜 들여 쓰였으면, 모든 줄을 그만큼 더 들여 씁니다.
    has_math_border: bool = False
    is_sure: bool = True  # 어느 화면에서나 코드인지. 아니면 코드 속의 태그도 글자로 적습니다.

    def closes(self, body: str) -> bool:
        return body.startswith(self.ticks) and not body[len(self.ticks) :].lstrip("`~").strip(" \t")

    def padding(self, column: int) -> str:
        """목록 안의 코드가 목록보다 덜 들여 쓰였으면 둘 다 거기서 끊깁니다. 채워서 이어지게 합니다."""
        if self.shift is None:
            self.shift = max(0, self.indent - column)
        return " " * max(self.shift, self.indent - column)


class _Blocks:
    """줄을 차례로 받아 코드 블록은 그대로, 나머지는 문단마다 `inline`으로 다듬어 `out`에 쌓습니다."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.paragraph: list[str] = []  # 아직 다듬지 않은, 빈 줄 없이 이어진 글
        self.offsets: list[int] = []  # 열려 있는 목록 항목의 내용이 시작하는 칸. 점점 커집니다.
        self.fence: _Fence | None = None
        self.depth = 0  # 인용의 깊이
        self.blank = True  # 앞줄이 비어 있었습니다.
        self.listed = False  # 목록일 수도 있는 줄이 있었습니다.
        self.odd_list = False  # 기호 뒤에 탭이 온 것처럼, 화면마다 들여쓰기를 달리 세는 목록이 있었습니다.
        self.needs_blank = ""  # 다음 줄이 비어 있지 않으면 앞에 넣을 빈 줄

    def feed(self, line: str, end: str) -> None:
        if self.needs_blank and not line.startswith("    "):
            self.out.append(self.needs_blank if line.strip(" \t>") else "")
            self.needs_blank = ""
        if self.fence and self._feed_code(self.fence, line, end):
            return
        quote, rest = _split_quote(line)
        if quote.count(">") != self.depth:
            self.depth, self.offsets = quote.count(">"), []
        rest, column = _unindent(rest)
        if not rest:
            self.paragraph.append(quote + end)  # 탭만 있는 줄을 빈 줄로 보지 않는 화면이 있습니다.
            self.flush()
            self.blank = True
        elif self._is_indented_code(rest, column):
            self.out.append(line + end)
            self.needs_blank = end if self.needs_blank or _MATH.search(rest) else ""
        else:
            self._feed_text(line, end, quote, rest, column)

    def flush(self) -> None:
        self.out.append(inline("".join(self.paragraph)))
        self.paragraph.clear()

    def closing(self) -> str:
        return f"\n{self.fence.quote}{' ' * self.fence.indent}{self.fence.ticks}" if self.fence else ""

    def _feed_code(self, fence: _Fence, line: str, end: str) -> bool:
        """코드 블록 안의 줄을 옮깁니다. 인용이 끝나 코드 블록도 끝났으면 False입니다."""
        quote, code = _split_quote(line, fence.quote.count(">"))
        if quote.count(">") != fence.quote.count(">"):
            self.fence, self.blank = None, True
            return False
        rest, column = _unindent(code)
        if column < fence.indent + 4 and fence.closes(rest):
            self.out.append(fence.quote + " " * fence.indent + fence.ticks + end)
            # 코드 속의 수식 기호를 코드 밖의 것과 짝짓는 화면이 있습니다. 짝은 빈 줄을 넘지 못합니다.
            self.needs_blank = fence.quote + end if fence.has_math_border else ""
            self.fence, self.blank = None, True
        elif rest:
            border = _MATH if fence.indent or fence.quote else MATH_BORDER
            fence.has_math_border = fence.has_math_border or border.search(rest) is not None
            self.out.append(fence.quote + fence.padding(column) + (code if fence.is_sure else _harmless(code)) + end)
        else:
            self.out.append(line + end)
        return True

    def _is_indented_code(self, rest: str, column: int) -> bool:
        if not self.blank:
            return False
        del self.offsets[bisect_right(self.offsets, column) :]
        self.listed, self.odd_list = self.listed and column > 0, self.odd_list and column > 0
        return column >= 4 and not (self.listed or self.depth)

    def _feed_text(self, line: str, end: str, quote: str, rest: str, column: int) -> None:
        self.listed = self.listed or _LISTLIKE.match(rest) is not None
        start, column = self._enter_items(rest, column)
        self.odd_list = self.odd_list or _LISTLIKE.match(rest, start) is not None
        inside = bisect_right(self.offsets, column)
        base = self.offsets[inside - 1] if inside else 0
        if column - base < 4 and (opening := _FENCE.match(rest, start)):
            self.flush()
            marks = quote.replace(">", "> ").replace(">  ", "> ")
            self.fence = _Fence(marks, column, opening[1] or opening[2])
            self.fence.has_math_border = MATH_BORDER.search(rest) is not None
            self.fence.is_sure = not (self.odd_list and column)
            self.out.append(_harmless(line) + end)
        else:
            self.paragraph.append(line + end)
        self.blank = False

    def _enter_items(self, rest: str, column: int) -> tuple[int, int]:
        """겹친 목록 기호를 하나씩 벗깁니다. 내용이 시작하는 (자리, 칸)을 돌려줍니다."""
        at, last, rule = 0, len(rest.rstrip()), _rule_places(rest)
        while at not in rule and (item := _MARKER.match(rest, at)):
            outer = bisect_right(self.offsets, column)
            # 문단의 바로 다음 줄이면, 빈 항목이나 1이 아닌 번호로는 목록이 시작되지 않습니다.
            begins = self.blank or self.offsets or (item.end() < last and item[1] in (None, "1"))
            if not begins or column - (self.offsets[outer - 1] if outer else 0) > 3:
                break
            del self.offsets[outer:]
            column += item.end() - at
            self.offsets.append(column + (item[0][-1] != " "))
            at = item.end()
        return at, column


def _rule_places(rest: str) -> range:
    """거기부터 끝까지가 가로줄(`---`, `* * *`)인 자리들입니다. 가로줄은 목록이 아닙니다."""
    mark = rest.rstrip(" \t")[-1]
    if mark not in "-*_":
        return range(0)
    third = len(rest)
    for _ in range(3):
        third = rest.rfind(mark, 0, max(third, 0))
    return range(len(rest.rstrip(mark + " \t")), third + 1)


def _harmless(line: str) -> str:
    """코드가 아니라고 보는 화면에서도 태그, 그림, 링크가 되지 못하게 합니다."""
    return line.replace("<", "&lt;").replace("![", "&#33;[").replace("](", r"]\(").replace(r"\begin{", "&#92;begin{")


def _split_quote(line: str, most: int = 99) -> tuple[str, str]:
    end = 0
    while most and (found := _QUOTE.match(line, end)):
        end, most = found.end(), most - 1
    return line[:end], line[end:]


def _unindent(line: str) -> tuple[str, int]:
    rest = line.lstrip(" \t")
    return rest.rstrip(" \t") and rest, len(line[: len(line) - len(rest)].expandtabs(4))
