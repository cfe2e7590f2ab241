"""모델이 쓴 Markdown을 화면에서 뜻대로 보이게 다듬습니다.

모델의 글을 그대로 그리면 네 가지가 어긋납니다. HTML이 화면에 끼어들고, 금액의 `$` 두 개가 수식이 되고, 범위를 뜻하는
`~`가 취소선이 되고, `**토큰(token)**은`처럼 조사가 붙은 굵은 글씨가 별표로 보입니다. 코드와 수식은 그대로 두고 그 네
가지만 고칩니다. Markdown 전체를 해석하지는 않으며, 코드인지 확실하지 않으면 안전한 쪽(HTML이 글자로 보이는 쪽)을 고릅니다.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_QUOTE = re.compile(r" {0,3}> ?")
_RULE = re.compile(r"(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
_MARKER = re.compile(r"(?:[-+*]|(\d{1,9})[.)])(?: {1,4}(?=\S)|(?= *$| {5}))")
_LISTLIKE = re.compile(r"(?:[-+*]|\d{1,9}[.)])(?:[ \t]|$)")
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_TABLE = re.compile(r"^[ \t>]*[|:-][ |:-]*$", re.MULTILINE)

_TOKEN = re.compile(
    r"""(?P<escape> \\[!-/:-@\[-`{-~] )                    # 이미 이스케이프한 문자
      | (?P<ticks>  `+ )                                     # 코드의 시작
      | (?P<math>   (?<!\$) \$\$ (?!\$) [^$`]+ \$\$ (?!\$)   # 수식: $$…$$, $…$, \begin…\end
                  | (?<!\$) \$ (?=[^\s$]) [^$`\n]*? (?<=[^\s\\]) \$ (?![\d$])
                  | \\begin\{(?P<name>[a-z]+\*?)\} [^`]{0,2000}? \\end\{(?P=name)\} )
      | (?P<link>   <https?://[^\s<>"']+>                    # 주소 속의 물결표는 주소의 일부입니다.
                  | https?://[\w-]+(?:\.[\w-]+)+ (?::\d+)? (?:/(?:[\w/.~%&=?\#:@+-]*[\w/])?)? )
      | (?P<stars>  \*+ )
      | (?P<unsafe> [<$~] )""",
    re.VERBOSE | re.ASCII,
)
# JupyterLab의 MathJax는 \$ 두 개도 수식으로 읽습니다. 요소를 따로 두면 짝을 짓지 못합니다.
_ESCAPED = {"<": "&lt;", "$": r"<span>\$</span>", "~": r"\~"}
_TICKS = re.compile("`+")
_ADDRESS_END = re.compile(r"\s|$")
_LINE_END = re.compile(r"[\r\n]|$")
_BREAK = {False: re.compile(r"[\r\n]"), True: re.compile(r"[\r\n|]")}  # **가 넘지 못하는 것
_WORDS = re.compile(r"[ㄱ-ㆎ가-힣]|[A-Za-z]{2,}\s+[A-Za-z]{2,}")


def to_display(text: str) -> str:
    r"""모델이 쓴 글을 화면에 보일 Markdown으로 바꿉니다. 같은 글이면 언제나 같은 결과입니다.

    Args:
        text: 모델이 쓴 그대로의 글. 쓰는 도중이라 코드 블록이 닫히지 않았어도 됩니다.

    Returns:
        코드와 수식 밖에서 `<`, 금액의 `$`, `~`를 글자로 보이게 하고, 한글 조사 때문에 풀린 굵은 글씨를 되살린 글.

    >>> to_display("**토큰(token)**은 1~3개, <b>는 `<b>`")
    '<strong>토큰(token)</strong>은 1\\~3개, &lt;b>는 `<b>`'
    >>> to_display("$x^2$는 수식, $5와 $10는 금액")
    '$x^2$는 수식, <span>\\$</span>5와 <span>\\$</span>10는 금액'
    """
    return _scan(text)[0]


def closing_fence(text: str) -> str:
    r"""글이 코드 블록 안에서 끝나면 그것을 닫을 줄을, 아니면 빈 문자열을 돌려줍니다. 뒤에 다른 글을 이을 때 씁니다.

    >>> closing_fence("```python\nprint(")
    '\n```'
    """
    return _scan(text)[1]


@dataclass
class _Fence:
    """열려 있는 코드 블록입니다."""

    quote: str  # 인용 부호("> ")
    indent: int
    ticks: str
    shift: int | None = None  # 첫 줄이 코드 블록보다 덜 들여 쓰였으면, 모든 줄을 그만큼 더 들여 씁니다.

    def closes(self, body: str) -> bool:
        return re.fullmatch(re.escape(self.ticks) + r"[`~]*[ \t]*", body) is not None


def _scan(text: str) -> tuple[str, str]:
    """줄을 차례로 보며 코드 블록은 그대로, 나머지는 문단마다 `_inline`으로 다듬습니다. (결과, 열린 코드를 닫을 줄)"""
    out: list[str] = []
    paragraph: list[str] = []  # 아직 다듬지 않은, 빈 줄 없이 이어진 글
    offsets: list[int] = []  # 열려 있는 목록 항목의 내용이 시작하는 칸
    fence: _Fence | None = None
    depth, blank, listed = 0, True, False  # listed: 목록일 수도 있는 줄이 있었습니다.

    def flush() -> None:
        out.append(_inline("".join(paragraph)))
        paragraph.clear()

    lines = re.split(r"(\r\n|\n|\r)", text) + [""]
    for line, end in zip(lines[::2], lines[1::2], strict=True):
        if fence:
            quote, code = _split_quote(line, fence.quote.count(">"))
            if quote.count(">") == fence.quote.count(">"):
                rest, column = _unindent(code)
                if column < fence.indent + 4 and fence.closes(rest):
                    out.append(fence.quote + " " * fence.indent + fence.ticks + end)
                    fence, blank = None, True
                elif rest:
                    # 목록 안의 코드가 목록보다 덜 들여 쓰였으면 둘 다 거기서 끊깁니다. 채워서 이어지게 합니다.
                    if fence.shift is None:
                        fence.shift = max(0, fence.indent - column)
                    missing = max(fence.shift, fence.indent - column)
                    out.append(fence.quote + " " * missing + code + end)
                else:
                    out.append(line + end)
                continue
            fence, blank = None, True
        quote, rest = _split_quote(line)
        if quote.count(">") != depth:
            depth, offsets = quote.count(">"), []
        rest, column = _unindent(rest)
        if not rest:
            paragraph.append(quote + end)  # 탭만 있는 줄을 빈 줄로 보지 않는 화면이 있습니다.
            flush()
            blank = True
            continue
        if blank:
            offsets = [offset for offset in offsets if offset <= column]
            listed = listed and column > 0
        if blank and column >= 4 and not (listed or depth):
            out.append(line + end)  # 네 칸 들여 쓴 코드
            continue
        listed = listed or _LISTLIKE.match(rest) is not None
        while (item := _MARKER.match(rest)) and not _RULE.match(rest):
            outer = [offset for offset in offsets if offset <= column]
            body = rest[item.end() :]
            # 문단의 바로 다음 줄이면, 빈 항목이나 1이 아닌 번호로는 목록이 시작되지 않습니다.
            begins = blank or offsets or (body.strip() and item[1] in (None, "1"))
            if not begins or column - max(outer, default=0) > 3:
                break
            offsets = [*outer, column + item.end() + (item[0][-1] != " ")]
            column, rest = column + item.end(), body
        base = max((offset for offset in offsets if offset <= column), default=0)
        if column - base < 4 and (opening := _FENCE.match(rest)):
            flush()
            fence = _Fence(quote.replace(">", "> ").replace(">  ", "> "), column, opening[1] or opening[2])
            out.append(line.replace("<", "&lt;") + end)
        else:
            paragraph.append(line + end)
        blank = False
    flush()
    return "".join(out), f"\n{fence.quote}{' ' * fence.indent}{fence.ticks}" if fence else ""


def _split_quote(line: str, most: int = 99) -> tuple[str, str]:
    end = 0
    while most and (found := _QUOTE.match(line, end)):
        end, most = found.end(), most - 1
    return line[:end], line[end:]


def _unindent(line: str) -> tuple[str, int]:
    rest = line.lstrip(" \t")
    return rest.rstrip(" \t") and rest, len(line[: len(line) - len(rest)].expandtabs(4))


def _inline(text: str) -> str:
    """문단 하나를 다듬습니다. 역따옴표로 싼 코드와 수식은 그대로 둡니다."""
    out: list[str] = []
    doubtful: set[int] = set()  # 짝이 분명하지 않은 역따옴표의 길이. 그 길이로 싼 글은 코드로 믿지 않습니다.
    in_table = "|" in text and _TABLE.search(text) is not None
    opener: tuple[int, int, int] | None = None  # 짝을 기다리는 **: out에서의 자리, 글에서의 시작과 끝
    position = line_end = address_end = 0  # 공백 없이 주소에 붙은 글은 주소로 읽는 화면이 있습니다.
    while found := _TOKEN.search(text, position):
        start, end = found.span()
        out.append(text[position:start])
        token, kind = found[0], found.lastgroup
        if kind == "ticks":
            if end > line_end:
                line_end = _LINE_END.search(text, end).start()
            code = re.compile(rf"(?<!`){token}(?!`)").search(text, end, line_end)
            runs = {len(run) for run in _TICKS.findall(text, start, code.end() if code else end)}
            whole = text[start : code.end()] if code else ""
            # 표의 |는 코드를 가르고, marked는 ``…*…``의 *을 강조로 봅니다. 누구나 코드로 볼 때만 믿습니다.
            split = (in_table and "|" in whole) or ("*" in whole and whole.count("`") > 2)
            if code and start >= address_end and not split and doubtful.isdisjoint(runs):
                token, end = whole, code.end()
            else:
                doubtful |= runs
        elif kind == "math":
            if _is_math(token):
                # 수식을 모르는 화면에서도 태그가 되지 못합니다.
                token = re.sub(r"<(?=[A-Za-z/!?])", "< ", token)
            else:
                end = start + 1
                token = _ESCAPED.get(token[0], token[0])
        elif kind == "stars" and len(token) == 2:
            before, after = text[start - 1 : start], text[end : end + 1]
            inside = text[opener[2] : start] if opener else "\n"
            if opener and not _BREAK[in_table].search(inside) and not _is(before, "Z", "Ps", "Pi"):
                if not _flanks(inside[0], text[opener[1] - 1 : opener[1]]) or not _flanks(before, after):
                    out[opener[0]], token = "<strong>", "</strong>"
                opener = None
            elif not _is(after, "Z", "Pe", "Pf"):
                opener = (len(out), start, end)
        elif kind == "link" and end > address_end:
            address_end = _ADDRESS_END.search(text, end).start()
        elif kind == "unsafe" or token in (r"\$", r"\<"):
            token = _ESCAPED[token[-1]]
        out.append(token)
        position = end
    return "".join(out) + text[position:]


def _is_math(token: str) -> bool:
    """$ 사이의 글이 수식이면 True입니다. 금액 둘 사이에 낀 한글이나 영어 문장이면 False입니다."""
    if token.count("{") != token.count("}"):
        return False
    words = _WORDS.search(re.sub(r"\\[a-z]+\{[^{}]*\}", "", token))
    return not words or bool(re.search(r"[\\=^_]" if token.startswith("$$") else r"\\[A-Za-z]", token))


def _flanks(inside: str, outside: str) -> bool:
    """CommonMark는 문장 부호와 글자 사이에 낀 **를 굵은 글씨로 읽지 않습니다."""
    return not _is(inside, "P", "S") or _is(outside, "Z", "P", "S")


def _is(char: str, *categories: str) -> bool:
    return not char or char.isspace() or unicodedata.category(char).startswith(categories)
