"""문단 하나를 다듬습니다: HTML, 금액, 물결표, 굵은 글씨, 코드, 그리고 누르거나 열기만 해도 움직이는 링크와 그림.

화면마다 Markdown을 조금씩 다르게 읽습니다. 그래서 특별한 글자가 든 코드는 한 글자씩 풀어 적고, 누구나 수식으로 읽을 것만
그대로 둡니다. 문단을 앞에서 뒤로 한 번만 훑으므로 드는 시간은 길이에 비례합니다.
"""

from __future__ import annotations

import html
import re
import unicodedata
from itertools import accumulate

_TABLE = re.compile(r"^[ \t>]*[|:-][ |:-]*$", re.MULTILINE)
_TOKEN = re.compile(
    r"""(?=[\\`$<~*!\]&h\r\n|])                          # 아래의 어느 것도 다른 글자로 시작하지 않습니다.
      (?: (?P<math>   (?<![\\$]) \$\$ (?!\$) [^$`]+ (?<!\\) \$\$ (?!\$)   # 수식: $$…$$, $…$, \begin…\end
                  | (?<![\\$]) \$ (?=[^\s$]) [^$`\n]*? (?<=[^\s\\]) \$ (?![\d$])
                  | (?<!\\) \\begin\{(?P<name>[a-z]+\*?)\} [^`]{0,2000}? \\end\{(?P=name)\} )
      | (?P<code>   (?<!`) (?P<ticks>`{1,3}) (?!`) (?P<inside>[^\r\n]*?[^`\r\n]) (?P=ticks) (?!`) )
      | (?P<address> <https?://[^\s<>"'$\\]+>           # 주소 속의 물결표는 주소의 일부입니다. 문자 참조와 수식의 경계는 아닙니다.
                  | https?://[\w-]+(?:\.[\w-]+)+ (?::\d+)? (?:/(?:(?:[\w/.~%=?\#:@+-]|&(?!\#|[A-Za-z]+;))*[\w/])?)? )
      | (?P<stars>  \*+ )
      | (?P<image>  !++\[? )                               # 이어진 느낌표를 통째로. 앞의 것이 \!이어도 놓치지 않습니다.
      | (?P<target> \][(:] )                               # [이름](주소), [이름]: 주소
      | (?P<edge>   [\r\n|] )                              # 줄이나 표의 칸의 끝. 굵은 글씨가 넘지 못합니다.
      | (?P<char>   \\[!-/:-@\[-`{-~] | \\(?=begin|end|[a-z]*&)    # 글자 하나를 뜻하는 것. MathJax는 풀어 적은 글자와 공백이 낀 \begin도 알아봅니다.
                  | &(?:\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|bsol|dollar); | [`<$~] ))""",
    re.VERBOSE | re.ASCII,
)
# JupyterLab의 MathJax는 \$ 두 개도 수식으로 읽습니다. 요소를 따로 두면 짝을 짓지 못합니다.
_SHOWN = {"<": "&lt;", "$": r"<span>\$</span>", "~": r"\~", "\\": "<span>&#92;</span>", "`": "&#96;"}
_PLAIN_CODE = re.compile(r"`[^`<>&$\\*~|!\[\]]+`")  # 어느 화면에서나 코드이고, 코드가 아니라도 해롭지 않은 것
_WORDS = re.compile(r"[ㄱ-ㆎ가-힣]|(?<![A-Za-z])[A-Za-z]{2,}\s+[A-Za-z]{2,}")
# 링크와 그림을 만들거나 속성과 스타일을 적는 수식
_ACTS = re.compile(
    r"\\(?:href|url|require|html|data|style|class|cssId|includegraphics|mmlToken|bbox|csname|catcode|input|toggle)|!\["
)
_SAFE_TARGET = re.compile(r"\s*+(?:https?://|mailto:|[^\s:&\\<()\[\]]*(?=[\s)]|$))", re.IGNORECASE)
_REST_IS_BLANK = re.compile(r"\s*$|[ \t]*[\r\n]")
_IMAGE_NAME = re.compile(r"[^\[\]\n]{0,200}\]\(")
MATH_BORDER = re.compile(r"\\(?:begin|end)\{|\\\\[][()]|\$\$")  # 코드 속에 있어도 수식의 경계로 읽는 화면이 있는 것


def as_text(code: str) -> str:
    """어디에 적어도 글자 그대로 보이도록 기호를 모두 풀어 적습니다.

    >>> as_text("a_b < c")
    'a&#95;b &#60; c'
    """
    return re.sub(r"[^\w ]|_", lambda found: f"&#{ord(found[0])};", code)


def inline(text: str) -> str:
    """문단 하나를 다듬습니다. 역따옴표로 싼 코드와 수식은 그대로 보입니다."""
    return _Paragraph(text).display()


class _Paragraph:
    def __init__(self, text: str) -> None:
        self.text = text
        self.out: list[str] = []
        self.in_table = "|" in text and _TABLE.search(text) is not None
        self.opener: tuple[int, int, int] | None = None  # 짝을 기다리는 **: out에서의 자리, 문단에서의 시작과 끝

    def display(self) -> str:
        position = 0
        while found := _TOKEN.search(self.text, position):
            self.out.append(self.text[position : found.start()])
            if found["math"] and not _is_math(found["math"]):
                position = found.start() + 1
                self.out.append(_SHOWN[found[0][0]])
            else:
                position = found.end()
                self.out.append(self._shown(found))
        return "".join(self.out) + self.text[position:]

    def _shown(self, found: re.Match[str]) -> str:
        token, end = found[0], found.end()
        match found.lastgroup:
            case "math":  # 수식을 모르는 화면에서도 태그가 되지 못합니다.
                return re.sub(r"<(?=[A-Za-z/!?])", "< ", token)
            case "code" if not _PLAIN_CODE.fullmatch(token):
                return f"<code>{as_text(found['inside'].strip() or found['inside'])}</code>"
            case "char":
                return _SHOWN.get(html.unescape(token)[-1:], token)
            case "edge" if self.in_table or token != "|":
                self.opener = None
            case "image" if token[-1] == "[":
                # 그림은 열기만 해도 그 주소로 요청이 나갑니다. 그림이라고 적은 링크로 바꿉니다.
                is_image = _IMAGE_NAME.match(self.text, end)
                return "&#33;" * (len(token) - 1 - bool(is_image)) + ("[그림: " if is_image else "[")
            case "target":  # 웹 주소가 아닌 것(javascript:, data: …)으로 가는 링크는 글자로 보입니다.
                # 주소가 다음 줄에 오는 [이름]:은 그 줄의 코드 블록까지 주소로 읽는 화면이 있습니다.
                is_cut = token == "]:" and _REST_IS_BLANK.match(self.text, end)
                return token if _SAFE_TARGET.match(self.text, end) and not is_cut else "]\\" + token[1]
            case "stars" if token == "**":
                return self._stars(found.start(), end)
        return token

    def _stars(self, start: int, end: int) -> str:
        """한글 조사 때문에 굵은 글씨가 되지 못하는 **…**를 <strong>으로 적습니다."""
        before, after = self.text[start - 1 : start], self.text[end : end + 1]
        if self.opener and not _is(before, "Z", "Ps", "Pi"):
            place, opened, inside = self.opener
            self.opener = None
            if not _flanks(self.text[inside], self.text[opened - 1 : opened]) or not _flanks(before, after):
                self.out[place] = "<strong>"
                return "</strong>"
        elif not _is(after, "Z", "Pe", "Pf"):
            self.opener = (len(self.out), start, end)
        return "**"


def _is_math(token: str) -> bool:
    """$ 사이의 글이 수식이면 True입니다. 금액 둘 사이에 낀 한글이나 영어 문장이면 False입니다."""
    targets = re.finditer(r"\][(:]", token)
    if (
        not _is_balanced(token)
        # 링크의 주소나 제목에 든 수식의 따옴표는 JupyterLab에서 속성을 만들 수 있습니다.
        or '"' in html.unescape(token)
        or _ACTS.search(html.unescape(token))
        or not all(_SAFE_TARGET.match(token, at.end()) for at in targets)
    ):
        return False
    words = _WORDS.search(re.sub(r"\\[a-z]+\{[^{}]*\}", "", token))
    return not words or bool(re.search(r"[\\=^_]" if token.startswith("$$") else r"\\[A-Za-z]", token))


def _is_balanced(token: str) -> bool:
    depths = [0, *accumulate({"{": 1, "}": -1}.get(brace, 0) for brace in re.findall(r"\\[{}]|[{}]", token))]
    return min(depths) == depths[-1] == 0


def _flanks(inside: str, outside: str) -> bool:
    """CommonMark는 문장 부호와 글자 사이에 낀 **를 굵은 글씨로 읽지 않습니다."""
    return not _is(inside, "P", "S") or _is(outside, "Z", "P", "S")


def _is(char: str, *categories: str) -> bool:
    return not char or char.isspace() or unicodedata.category(char).startswith(categories)
