"""`to_display`: 모델이 무엇을 쓰든 화면에 뜻대로 보이고, HTML은 들어가지 못하며, 코드와 수식은 그대로인가."""

from __future__ import annotations

import html
import re
import time
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from llmkit.display.markdown import to_display

COMMONMARK = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def rendered(text: str) -> str:
    """CommonMark 렌더러(HTML을 막지 않는 설정)가 그린 HTML."""
    return COMMONMARK.render(to_display(text))


def seen(text: str) -> str:
    """화면에 보이는 글자."""
    return html.unescape(re.sub(r"<[^>]*>", "", rendered(text))).strip()


@pytest.mark.parametrize(
    ("text", "bold"),
    [
        ("**토큰(token)**은 단위입니다.", "토큰(token)"),
        ('값은 **"온도"**가 정합니다.', '"온도"'),
        ("은**'따옴표'**가", "'따옴표'"),
        ("**25℃**입니다", "25℃"),
        ("- **요약:**은 짧게", "요약:"),
        ("| **값(원)**은 | b |\n|---|---|\n| c | d |", "값(원)"),
        ("2**3 = 8이고 **굵게(bold)**는 글씨입니다.", "굵게(bold)"),
    ],
)
def test_bold_before_a_korean_particle_is_bold(text: str, bold: str) -> None:
    assert f"<strong>{bold}</strong>" in html.unescape(rendered(text))
    assert f"**{bold}**" not in seen(text)


def test_bold_code_before_a_particle_is_bold_code() -> None:
    assert "<strong><code>max_tokens</code></strong>를" in rendered("**`max_tokens`**를 씁니다")


@pytest.mark.parametrize("text", ["f(**kwargs)와 g(**options)는", "2**3와 4**5", "**굵게**입니다", "***둘 다***는"])
def test_stars_that_are_not_broken_bold_are_left_alone(text: str) -> None:
    assert to_display(text) == text


@pytest.mark.parametrize("text", ["1~3개 … 80~100개", "~~취소~~", "약 ~5초", "a~b~c ~~~"])
def test_tildes_are_tildes(text: str) -> None:
    assert "<s>" not in rendered(text)
    assert seen(text) == text


@pytest.mark.parametrize("text", ["$5와 $10", "US$5(약 7,000원), US$10", "$5~$10", "가격 $5, 환율 1,400원/$"])
def test_money_is_not_math(text: str) -> None:
    display = to_display(text)
    # JupyterLab의 MathJax는 Markdown의 \$도 수식의 시작으로 읽습니다. 요소로 갈라 놓아야 합니다(브라우저에서 확인).
    assert not re.search(r"(?<!<span>\\)\$", display)
    assert seen(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "$x^2 + y_1$는 수식",
        "$$\n\\sum_{i=1}^n x_i\n$$",
        "$$ 비용 = 토큰 \\times 단가 $$",
        "\\begin{align} a &= b \\end{align}",
        "$\\text{속도} = d/t$",
    ],
)
def test_math_is_untouched(text: str) -> None:
    assert to_display(text) == text


TOP_CODE = [
    "```html\n<b>$5 ~ $6</b> **가(나)**는\n```",
    "~~~\n<script>alert(1)</script>\n~~~",
    "```py\nx = a < b\n```\n\n글\n\n````md\n```\n<i>\n```\n````",
    "```make\nall: a~b\n\techo $A\n\n\t\techo <b>\n```",
    "글 `max_tokens`와 `f(x, y)`",
]


@pytest.mark.parametrize("text", TOP_CODE)
def test_code_is_untouched(text: str) -> None:
    assert to_display(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *TOP_CODE,
        "    <b>네 칸 들여 쓴 코드</b> $1 $2\n\n        더\n\n글",
        "글 `<b>$5~$6</b>`와 ``<i>`</i>``, `a[0] | *b*`",
        "> ```\n> <b>~\n> ```",
        "> ```py\n>   x < y\n>\n> $z\n끝",
        "- 목록\n\n  ```\n  <b>~\n  ```",
        "- ```py\n  a < b\n    c\n  ```\n- 둘",
        "1. 하나\n   - 둘\n     ```sh\n     echo $A ~ <b>\n     ```\n\n   둘째 문단\n2. 셋",
        "1. 하나\n\n    ```sh\n    $ ls\n\n    a.md\n    ```\n\n2. 둘",
        "```tex\n\\begin{a} $$x$$ \\end{a}\n```",
        "$$\n```\n$$ <b>\n```",
        "  ```\n    a\n  b\n  ```",
    ],
)
def test_code_is_seen_as_it_was_written(text: str) -> None:
    """CommonMark가 그리는 코드와 같은 코드가 같은 순서로 보입니다."""

    def codes(page: str) -> list[str]:
        return [html.unescape(code).rstrip("\n") for code in re.findall(r"<code[^>]*>(.*?)</code>", page, re.DOTALL)]

    assert codes(rendered(text)) == codes(COMMONMARK.render(text)) != []


def test_code_that_leaves_its_list_item_is_put_back() -> None:
    """모델은 목록 안의 코드를 덜 들여 쓰곤 합니다. 그대로 그리면 목록과 코드가 함께 깨집니다."""
    text = "1. 실행합니다.\n   ```python\nif a < b:\n    print(1)\n```\n2. 끝입니다."
    assert '<code class="language-python">if a < b:\n    print(1)</code>' in html.unescape(rendered(text))
    assert rendered(text).count("<ol") == 1


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<!-- 주석 -->",
        "<style>*{display:none}</style>",
        "# <b>제목</b>",
        "| <b>a</b> |\n|---|\n| `x | <i>y</i>` |",
        "닫히지 않은 `코드 <b>",
        "\\<b>와 \\\\<b>",
        "$<img src=x>$",
    ],
)
def test_html_is_shown_as_text(text: str) -> None:
    assert not re.search(r"<(?!/?(p|h1|code|table|thead|tbody|tr|th|td|span)\b)", rendered(text))
    assert "alert" not in text or "alert" in seen(text)


def test_links_keep_their_tildes() -> None:
    assert to_display("https://a.ac.kr/~kim 참고") == "https://a.ac.kr/~kim 참고"
    assert to_display("<https://a.ac.kr/~kim>") == "<https://a.ac.kr/~kim>"


ACTS = re.compile(r"<(/?zz|!--|img|script)|href=\"(?!https?:|mailto:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def acts(text: str) -> re.Match[str] | None:
    """화면에 보인 글이 태그가 되거나, 무엇을 불러오거나, 누르면 움직이는 곳."""
    display = to_display(text)
    return ACTS.search(COMMONMARK.render(display)) or ACTS.search(markdown2html_mistune(display))


@pytest.mark.parametrize(
    "target",
    ["javascript:alert(1)", "JavaScript:alert(1)", " vbscript:msgbox(1)", "data:text/html,<b>", "&#106;avascript:alert(1)",
     "javascript&colon;alert(1)", "java&Tab;script:alert(1)", "java\\script:alert(1)", "\njavascript:alert(1)", "file:///etc/passwd",
     "&#x6A;avascript:alert(1)", "x-app:run"],
)  # fmt: skip
@pytest.mark.parametrize(
    "link", ["[누르세요]({})", "[누르세요]( {} '제목')", "[누르세요]\n\n[누르세요]: {}", "> - [누르세요]({})"]
)
def test_a_link_that_acts_is_shown_as_text(link: str, target: str) -> None:
    assert not acts(link.format(target))
    assert "누르세요" in seen(link.format(target))


@pytest.mark.parametrize(
    "target", ["https://a.kr/b?c=d&e=f", "http://a.kr:80/", "mailto:a@b.kr", "#절", "../a.md", "", "a.md '제목'"]
)
def test_other_links_stay_links(target: str) -> None:
    assert to_display(f"[이름]({target})") == f"[이름]({target})"
    assert "<a href=" in rendered(f"[이름]({target})")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![고양이](http://a.kr/c.png?q=비밀)", "그림: 고양이"),
        ("!![고양이](http://a.kr/c.png)", "!그림: 고양이"),
        (r"\!![고양이](http://a.kr/c.png)", "!그림: 고양이"),
        ("![](http://a.kr/c.png)", "그림:"),
        ("![고양이][c]\n\n[c]: http://a.kr/c.png", "!고양이"),
        ("[![고양이](http://a.kr/c.png)](http://a.kr)", "그림: 고양이"),
        ("배열 arr![0]의 값", "배열 arr![0]의 값"),
        ("```\n~~~\n```\n![고양이](http://a.kr/c.png)", "그림: 고양이"),
    ],
)
def test_a_picture_is_a_link_that_says_so(text: str, shown: str) -> None:
    """그림은 노트북을 열기만 해도 그 주소로 요청이 나갑니다."""
    assert not acts(text)
    assert shown in seen(text)


IMG = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    "text",
    [
        f"\\begin{{a}}\n```\n\\end{{a}}{IMG}\n```",
        f"\\begin{{a}}\n~~~\n\\end{{a}}{IMG}\n~~~",
        f"\\\\begin{{a}}\n```\n\\end{{a}}{IMG}\n```",
        f"`$$`\n\n```\n$$ {IMG}\n```",
        f"`\\begin{{a}}`\n\n```\n\\end{{a}} {IMG}\n```",
        f"$$\n```\n$$ {IMG}\n```",
        f"\\\\[\n```\n\\\\] {IMG}\n```",
        f"\\\\$$x$$\n```\n$$ {IMG}\n```",
        f"$\\begin{{a}}\\end{{a}}$ `$ {IMG}`",
        f"[x]:\n~~~\n{IMG}\n~~~",
        f"www.a.kr`{IMG}`",
        f"http://*{IMG}`{IMG}`",
        f"- \ta\n   ```\n\n{IMG}",
        "$x![그림](http://a.kr/c.png)$",
        "```![그림](http://a.kr/c.png)",
        f"```mermaid\n{IMG}\n```",  # nbconvert는 그 속의 태그를 그대로 내보냅니다.
        f"a\n~~~ Mermaid v2\n</pre>{IMG}\n~~~",
    ],
)
def test_borders_that_parsers_read_differently_let_nothing_through(text: str) -> None:
    assert not acts(text), to_display(text)


@pytest.mark.parametrize(
    "text",
    [
        r"$\href{javascript:alert(1)}{x}$",
        r"\\(\href{javascript:alert(1)}{x}\\)",
        "&#36;&#92;href{a}{b}&#36;",
        r"$\hr&#101;f{javascript:alert(1)}{x}$",
        r'$\mmlToken{mi}[href="javascript:alert(1)"]{x}$',
        r"$\bbox[background:url(http://a.kr/b)]{x}$",
        # 수식의 경계를 문자 참조나 역빗금으로 적은 것. Markdown이 풀면 MathJax가 수식으로 봅니다.
        r"[https://a.kr/&#36;\href{a}{x} https://a.kr/&#36;](https://b.kr)",
        r"[https://a.kr/&#92;(\href{a}{x}https://a.kr/&#92;)](https://b.kr)",
        r"[https://a.kr/&dollar;\href{a}{x} https://a.kr/&dollar;](https://b.kr)",
        r"<https://a.kr/$>\href{a}{x}<https://a.kr/$>",
    ],  # fmt: skip
)
def test_math_that_makes_links_is_not_math(text: str) -> None:
    r"""MathJax는 그려진 글에서 $…$와 \(…\)를 찾습니다. 요소로 갈라 놓으면 찾지 못합니다."""
    assert not re.search(
        r"(?<!<span>)(\\\(|(?<!\\)\$)", html.unescape(to_display(text)).replace("<span>\\</span>(", "")
    )


@pytest.mark.parametrize(
    "begin", [r"\begin&#123;a}", r"\begin&lbrace;a}", r"\begin\{a}", r"\begi&#110;{a}", "\\begin {a}", "\\begin\xa0{a}"]
)
def test_an_environment_in_other_letters_is_not_math(begin: str) -> None:
    end = begin.replace("begin", "end").replace("begi&#110;", "en&#100;")
    shown = to_display(rf"{begin}\href{{a}}{{x}}{end}")
    assert not re.search(r"(?<!\\)\\(begin|end|begi&|en&)", shown), shown


def attributes(text: str) -> list[str]:
    """JupyterLab처럼 수식을 빼고 Markdown을 그린 다음 되돌려 놓은 HTML에서, 링크에 생긴 속성의 이름들."""
    math: list[str] = []

    def out(found: re.Match[str]) -> str:
        math.append(found[0])
        return f"@@{len(math) - 1}@@"

    drawn = COMMONMARK.render(re.sub(r"(?<!\\)(\$\$?)[^$]+(?<!\\)\1|\\begin\{a\}.*?\\end\{a\}", out, text))
    whole = re.sub(r"@@(\d+)@@", lambda at: html.escape(math[int(at[1])], quote=False), drawn)
    names: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: names.extend(name for name, _ in attrs)  # type: ignore[method-assign]
    parser.feed(whole)
    return names


@pytest.mark.parametrize("border", [("$", "$"), ("$$", "$$"), (r"\begin{a}", r"\end{a}")], ids=["$", "$$", "begin"])
@pytest.mark.parametrize(
    "place",
    [
        "[a](https://x.kr/MATH)", '[a](https://x.kr "MATH")', "[a](a.md#MATH)", "[a](mailto:MATH)", "<https://x.kr/MATH>", "[a]: https://x.kr/MATH\n\n[a]",
        "<https://a.kr/OPEN> \"onmouseover=alert(1) x=\" <https://b.kr/CLOSE>",
    ],
)  # fmt: skip
def test_math_in_a_link_makes_no_attribute(place: str, border: tuple[str, str]) -> None:
    inside = f'{border[0]}"onmouseover="alert(1)"style="background:url(//e.kr){border[1]}'
    text = place.replace("MATH", inside).replace("OPEN", border[0]).replace("CLOSE", border[1])
    assert set(attributes(to_display(text))) <= {"href", "title"}, to_display(text)
    assert "OPEN" in place or {"onmouseover", "style"} & {
        *attributes(text)
    }  # 다듬지 않으면 생깁니다. 주소는 www와 함께 브라우저가 봅니다.


@pytest.mark.parametrize(
    "text", ["글", "```py\n끝\n```", "`a", "```py\nx", "- a\n  ~~~~\n  x", "> ```\n> x", "```\n~~~"]
)
def test_an_open_code_block_is_closed(text: str) -> None:
    assert "<p>표시</p>" in COMMONMARK.render(to_display(text) + "\n\n표시")


USUAL = "**토큰(token)**은 `코드`와 $5, 1~3개, <b> 그리고 $x^2$입니다.\n\n- 목록 **a(b)**는\n\n```\n코드\n```\n\n"


@pytest.mark.parametrize(
    "paragraph",
    [
        USUAL,
        "`` ` ",
        "``` ` `` ",
        "$a ",
        "<",
        "** a",
        "| a `b ",
        "> - ",
        "https://a.kr/`",
        "- ",
        "1. ",
        "* * *\n",
        "\\begin{a}",
        " ** **",
        "**a",
        "![",
        "!",
        "](",
        "]:",
        "\\",
        "a",
        "&#36;",
        "www.",
        "$$aa ",
    ],
)
def test_long_answers_take_linear_time(paragraph: str) -> None:
    """네 배의 글에 여덟 배 넘는 시간이 들지 않습니다(비례하면 4배, 제곱이면 16배). 같은 자리에서 잰 비율입니다."""

    def seconds(length: int) -> float:
        text, times = paragraph * (length // len(paragraph)) + "$a", []
        for _ in range(5):
            started = time.process_time()
            to_display(text)
            times.append(time.process_time() - started)
        return min(times)

    assert seconds(80_000) < 8 * seconds(20_000)


def test_many_kinds_of_backticks_take_linear_time() -> None:
    """길이가 모두 다른 역따옴표는 저마다 제 짝을 찾아 끝까지 훑게 합니다."""

    def seconds(kinds: int) -> float:
        text, started = "".join("`" * kind + " " for kind in range(1, kinds)) * 2, time.process_time()
        to_display(text)
        return time.process_time() - started

    assert min(seconds(800) for _ in range(5)) < 8 * min(seconds(400) for _ in range(5))  # 네 배의 글


def test_a_line_of_thousands_of_list_marks() -> None:
    started = time.process_time()
    assert to_display("- " * 8000 + "a") == "- " * 8000 + "a"
    assert time.process_time() - started < 2  # 20초가 넘게 걸렸습니다.
