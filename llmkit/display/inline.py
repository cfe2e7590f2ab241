"""문단 하나를 다듬습니다: HTML, 금액, 물결표, 굵은 글씨, 그리고 누르거나 열기만 해도 움직이는 링크와 그림.

화면마다 Markdown을 조금씩 다르게 읽습니다. 누구나 코드나 수식으로 읽을 것만 그대로 두고, 나머지는 글자로 보이게 합니다. 글을
앞에서 뒤로 한 번만 훑으므로 드는 시간은 글의 길이에 비례합니다.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict

_TABLE = re.compile(r"^[ \t>]*[|:-][ |:-]*$", re.MULTILINE)
_TOKEN = re.compile(
    r"""(?=[\\`$<~*!\]&hHfFwW])                          # 아래의 어느 것도 다른 글자로 시작하지 않습니다.
      (?: (?P<math>   (?<![\\$]) \$\$ (?!\$) [^$`]+ (?<!\\) \$\$ (?!\$)   # 수식: $$…$$, $…$, \begin…\end
                  | (?<![\\$]) \$ (?=[^\s$]) [^$`\n]*? (?<=[^\s\\]) \$ (?![\d$])
                  | (?<!\\) \\begin\{(?P<name>[a-z]+\*?)\} [^`]{0,2000}? \\end\{(?P=name)\} )
      | (?P<slashes> \\{2,} | \\(?=(?:begin|end)\{) )
      | (?P<escape> \\[!-/:-@\[-`{-~] )                    # 이미 이스케이프한 문자
      | (?P<ticks>  `+ )                                     # 코드의 시작
      | (?P<address> <https?://[^\s<>"']+>                   # 주소 속의 물결표는 주소의 일부입니다.
                  | https?://[\w-]+(?:\.[\w-]+)+ (?::\d+)? (?:/(?:[\w/.~%&=?\#:@+-]*[\w/])?)?
                  | (?i:https?://|ftp://|www\.) )
      | (?P<stars>  \*+ )
      | (?P<image>  !+\[ )
      | (?P<target> \][(:] )                                 # [이름](주소), [이름]: 주소
      | (?P<entity> &(?:\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|bsol|dollar); )
      | (?P<unsafe> [<$~] ))""",
    re.VERBOSE | re.ASCII,
)
# JupyterLab의 MathJax는 \$ 두 개도 수식으로 읽습니다. 요소를 따로 두면 짝을 짓지 못합니다.
_ESCAPED = {"<": "&lt;", "$": r"<span>\$</span>", "~": r"\~", "\\": "<span>&#92;</span>"}
_TICKS = re.compile("`+")
_ADDRESS_END = re.compile(r"\s|$")
_LINE_END = re.compile(r"[\r\n]|$")
_BREAK = {False: re.compile(r"[\r\n]|$"), True: re.compile(r"[\r\n|]|$")}  # **가 넘지 못하는 것
_WORDS = re.compile(r"[ㄱ-ㆎ가-힣]|(?<![A-Za-z])[A-Za-z]{2,}\s+[A-Za-z]{2,}")
_ACTS = re.compile(
    r"\\(?:href|url|require|html|data|style|class|cssId|includegraphics)|!\["
)  # 링크와 그림을 만드는 수식
_SAFE_TARGET = re.compile(r"\s*+(?:https?://|mailto:|[^\s:&\\<()\[\]]*(?=[\s)]|$))", re.IGNORECASE)
_REST_IS_BLANK = re.compile(r"\s*$|[ \t]*[\r\n]")
_BORDER_REST = re.compile(r"[][()]|(?:begin|end)\{")
_IMAGE_NAME = re.compile(r"[^\[\]\n]{0,200}\]\(")
MATH_BORDER = re.compile(r"\\(?:begin|end)\{|\\\\[][()]|\$\$")  # 코드 속에 있어도 수식의 경계로 읽는 화면이 있는 것


def inline(text: str) -> str:
    """문단 하나를 다듬습니다. 역따옴표로 싼 코드와 수식은 그대로 둡니다."""
    return _Paragraph(text).display()


class _Paragraph:
    def __init__(self, text: str) -> None:
        self.text = text
        self.out: list[str] = []
        self.in_table = "|" in text and _TABLE.search(text) is not None
        self.has_environment, self.has_fence_mark = "\\begin" in text, "```" in text
        self.opener: tuple[int, int, int] | None = None  # 짝을 기다리는 **: out에서의 자리, 글에서의 시작과 끝
        self.break_at = -1  # self.opener 뒤에서 **가 넘지 못하는 첫 자리
        self.address_end = 0  # 공백 없이 주소에 붙은 글은 주소로 읽는 화면이 있습니다.
        self.code = _CodeSpans(text)

    def display(self) -> str:
        position = 0
        while found := _TOKEN.search(self.text, position):
            self.out.append(self.text[position : found.start()])
            shown, position = _SHOW[found.lastgroup](self, found)
            self.out.append(shown)
        return "".join(self.out) + self.text[position:]

    # 조각마다 (보일 글, 다음 자리)를 돌려줍니다.

    def _math(self, found: re.Match[str]) -> tuple[str, int]:
        # 여러 줄의 수식은 문단을 가르므로, 역따옴표 셋이 섞인 문단에서는 어디까지 코드인지가 화면마다 달라집니다.
        is_split = self.has_fence_mark and "\n" in found[0]
        if not is_split and _is_math(found[0]):
            # 수식을 모르는 화면에서도 태그가 되지 못합니다.
            return re.sub(r"<(?=[A-Za-z/!?])", "< ", found[0]), found.end()
        return _ESCAPED[found[0][0]], found.start() + 1

    def _slashes(self, found: re.Match[str]) -> tuple[str, int]:
        r"""\\begin{, \\[ 따위는 수식의 시작으로 읽는 화면이 있습니다. 그 밖의 것은 두 개씩 이스케이프한 문자입니다."""
        pairs, odd = divmod(len(found[0]), 2)
        if not _BORDER_REST.match(self.text, found.end()):
            return "\\" * (2 * pairs), found.start() + 2 * pairs
        last = "\\" if self.text[found.end()] in "[]()" else _ESCAPED["\\"]  # 괄호 앞의 하나는 괄호를 이스케이프합니다.
        return _ESCAPED["\\"] * pairs + (last if odd else ""), found.end()

    def _escape(self, found: re.Match[str]) -> tuple[str, int]:
        return (_ESCAPED[found[0][1]] if found[0] in (r"\$", r"\<") else found[0]), found.end()

    def _unsafe(self, found: re.Match[str]) -> tuple[str, int]:
        return _ESCAPED[found[0]], found.end()

    def _entity(self, found: re.Match[str]) -> tuple[str, int]:
        char = html.unescape(found[0])
        return (_ESCAPED[char] if char in ("$", "\\") else found[0]), found.end()

    def _address(self, found: re.Match[str]) -> tuple[str, int]:
        if found.end() > self.address_end:
            self.address_end = _ADDRESS_END.search(self.text, found.end()).start()  # type: ignore[union-attr]
        return found[0], found.end()

    def _image(self, found: re.Match[str]) -> tuple[str, int]:
        """그림은 열기만 해도 그 주소로 요청이 나갑니다. 그림이라고 적은 링크로 바꿉니다."""
        marks = len(found[0]) - 1
        if _IMAGE_NAME.match(self.text, found.end()):
            return "&#33;" * (marks - 1) + "[그림: ", found.end()
        return "&#33;" * marks + "[", found.end()

    def _target(self, found: re.Match[str]) -> tuple[str, int]:
        """웹 주소가 아닌 것(javascript:, data: …)으로 가는 링크는 글자로 보입니다."""
        # 주소가 다음 줄에 오는 [이름]:은 그 줄의 코드 블록까지 주소로 읽는 화면이 있습니다.
        is_cut = found[0] == "]:" and _REST_IS_BLANK.match(self.text, found.end())
        if not is_cut and _SAFE_TARGET.match(self.text, found.end()):
            return found[0], found.end()
        return "]\\" + found[0][1], found.end()

    def _ticks(self, found: re.Match[str]) -> tuple[str, int]:
        end = self.code.end(*found.span())
        whole = self.text[found.start() : end] if end else ""
        # 표의 |는 코드를 가르고, marked는 ``…*…``의 *을 강조로 봅니다. 누구나 코드로 볼 때만 믿습니다.
        is_split = (self.in_table and "|" in whole) or ("*" in whole and whole.count("`") > 2)
        has_border = MATH_BORDER.search(whole) or (self.has_environment and "$" in whole)
        # 역따옴표를 없애면 그 줄이 코드 블록의 시작이 되어 버리는 곳에서는 바꾸지 못합니다.
        if not end or found.start() < self.address_end or is_split or (has_border and self.has_fence_mark):
            self.code.doubt(*found.span())
            return found[0], found.end()
        if has_border:
            inside = whole.strip("`")
            return f"<code>{''.join(map(_reference, inside.strip() or inside))}</code>", end
        return whole, end

    def _stars(self, found: re.Match[str]) -> tuple[str, int]:
        (start, end), token = found.span(), found[0]
        if len(token) != 2:
            return token, end
        before, after = self.text[start - 1 : start], self.text[end : end + 1]
        if self.opener and start <= self.break_at and not _is(before, "Z", "Ps", "Pi"):
            place, opened, inside = self.opener
            if not _flanks(self.text[inside], self.text[opened - 1 : opened]) or not _flanks(before, after):
                self.out[place], token = "<strong>", "</strong>"
            self.opener = None
        elif not _is(after, "Z", "Pe", "Pf"):
            self.opener = (len(self.out), start, end)
            if self.break_at < end:
                self.break_at = _BREAK[self.in_table].search(self.text, end).start()  # type: ignore[union-attr]
        return token, end


_SHOW = {name: getattr(_Paragraph, f"_{name}") for name in _TOKEN.groupindex if name != "name"}


class _CodeSpans:
    """역따옴표로 싼 코드의 끝을 찾습니다. 짝이 분명하지 않은 길이는 그 뒤로 코드로 믿지 않습니다."""

    def __init__(self, text: str) -> None:
        self.text = text
        runs = [found.span() for found in _TICKS.finditer(text)]
        self.starts = [start for start, _ in runs]
        self.lengths = [end - start for start, end in runs]
        self.by_length: dict[int, list[int]] = defaultdict(list)
        for start, end in runs:
            self.by_length[end - start].append(start)
        self.doubtful: set[int] = set()
        self.doubted_until = 0
        self.line_end = 0

    def end(self, start: int, end: int) -> int | None:
        """`start`에서 연 코드가 끝나는 자리. 누구나 그렇게 읽을 때만 알려 주고, 아니면 None입니다."""
        stop = self._closing(start, end)
        if stop is None or end - start in self.doubtful:
            return None
        inside = range(bisect_left(self.starts, end), bisect_left(self.starts, stop))
        return None if any(self.lengths[place] in self.doubtful for place in inside) else stop

    def doubt(self, start: int, end: int) -> None:
        """`start`에서 연 것과 그 안에 있는 역따옴표의 길이를 모두 믿지 않습니다."""
        self.doubtful.add(end - start)
        stop = self._closing(start, end) or end
        first = bisect_left(self.starts, max(end, self.doubted_until))
        self.doubtful.update(self.lengths[first : bisect_left(self.starts, stop)])
        self.doubted_until = max(self.doubted_until, stop)

    def _closing(self, start: int, end: int) -> int | None:
        if end > self.line_end:
            self.line_end = _LINE_END.search(self.text, end).start()  # type: ignore[union-attr]
        same = self.by_length[end - start]
        place = bisect_left(same, end)
        found = place < len(same) and same[place] < self.line_end
        return same[place] + end - start if found else None


def _reference(char: str) -> str:
    return char if char.isalnum() or char == " " else f"&#{ord(char)};"


def _is_math(token: str) -> bool:
    """$ 사이의 글이 수식이면 True입니다. 금액 둘 사이에 낀 한글이나 영어 문장이면 False입니다."""
    targets = re.finditer(r"\][(:]", token)
    if not _is_balanced(token) or _ACTS.search(token) or not all(_SAFE_TARGET.match(token, at.end()) for at in targets):
        return False
    words = _WORDS.search(re.sub(r"\\[a-z]+\{[^{}]*\}", "", token))
    return not words or bool(re.search(r"[\\=^_]" if token.startswith("$$") else r"\\[A-Za-z]", token))


def _is_balanced(token: str) -> bool:
    depth = 0
    for brace in re.findall(r"\\[{}]|[{}]", token):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if depth < 0:
            return False
    return depth == 0


def _flanks(inside: str, outside: str) -> bool:
    """CommonMark는 문장 부호와 글자 사이에 낀 **를 굵은 글씨로 읽지 않습니다."""
    return not _is(inside, "P", "S") or _is(outside, "Z", "P", "S")


def _is(char: str, *categories: str) -> bool:
    return not char or char.isspace() or unicodedata.category(char).startswith(categories)
