"""사람이 보는 HTML 부품: 샘플 응답 표시, 시작 줄, 채점 카드, 영수증, 멈춤 카드.

모든 방이 쓰므로 common에 있습니다. 색은 반투명이거나 글자색을 물려받아 밝은 화면과 어두운 화면에서 모두 읽히고, 스타일을 지우는
곳(GitHub)에서도 기호와 문장만으로 뜻이 통합니다. 받은 텍스트는 모두 이스케이프합니다.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

# 글자색은 화면의 것을 물려받고, 배경과 테두리만 반투명하게 칠합니다.
_TINTS = {"green": "46,160,67", "amber": "210,153,34", "red": "218,54,51", "grey": "128,128,128"}
_CODE = re.compile(r"`([^`\n]+)`")
_PILL = (
    "display:inline-block;padding:1px 8px;border-radius:10px;font-size:12px;line-height:1.6;"
    "background:rgba(128,128,128,.16);color:inherit"
)

# 노트북 전체에 걸리는 모양: 단어 가운데서 줄을 바꾸지 않고, 좁은 화면에 표를 넣고, 접은 출력의 첫 줄(JupyterLab이 보여 줍니다)을 감춥니다.
# 접은 풀이 뒤를 띄우고, 어두운 테마에서는 흰 바탕의 그림(llmkit.picture, Slider)을 뒤집습니다.
PAGE = (
    "<style>.jp-RenderedHTMLCommon{word-break:keep-all;overflow-wrap:break-word}"
    ".jp-RenderedHTMLCommon :is(td,th){padding:.4em .25em}"
    ".jp-OutputPlaceholder .jp-Placeholder-contentContainer>:first-child{display:none}"
    ".jp-RenderedHTMLCommon details:not(:last-child){margin-bottom:1em}"
    "[data-jp-theme-light=false] .jp-RenderedHTML :is(img[src^='data:image/svg+xml,%3Csvg'],svg[role=img])"
    "{filter:invert(.93) hue-rotate(180deg)}</style>"
)


def prose(text: str) -> str:
    """이스케이프하고, 백틱으로 싼 것만 `<code>`로 바꿉니다."""
    return _CODE.sub(r"<code>\1</code>", escape(text)).replace("\n", "<br>")


def pill(text: str) -> str:
    """작은 회색 표시입니다. 샘플 응답이라는 표시와 시작 줄이 씁니다."""
    return f'<span style="{_PILL}">{escape(text)}</span>'


def rows(banner: str) -> str:
    """시작 줄입니다. 첫 줄은 제목이고, 나머지는 제공자마다 한 줄("이름: 상태")입니다."""
    title, *lines = banner.splitlines()
    line = '<div style="line-height:1.9;word-break:keep-all"><b>{}</b> {}</div>'
    states = (each.strip().partition(": ") for each in lines)
    return f"<div>{escape(title)}</div>" + "".join(line.format(escape(name), pill(state)) for name, _, state in states)


def card(tint: str, title: str, items: Iterable[str] = (), after: str = "") -> str:
    """왼쪽에 색 띠가 있는 카드입니다. `tint`는 green, amber, red, grey 가운데 하나입니다."""
    color = _TINTS[tint]
    listed = "".join(f"<li>{prose(item)}</li>" for item in items)
    style = (
        f"border-left:4px solid rgb({color});background:rgba({color},.12);padding:8px 12px;margin:4px 0;"
        "border-radius:4px;color:inherit;word-break:keep-all;overflow-wrap:anywhere"
    )
    body = f'<ol style="margin:4px 0">{listed}</ol>' if listed else ""
    tail = f"<div>{prose(after)}</div>" if after else ""
    return f'<div style="{style}"><b>{prose(title)}</b>{body}{tail}</div>'


def folded(title: str, total: str, inside: str) -> str:
    """합계를 크게, 나머지를 접어서 보입니다. `inside`는 이미 만든 HTML입니다."""
    return (
        f'<div style="color:inherit"><div>{escape(title)}</div>'
        f'<div style="font-size:1.6em;font-weight:600;line-height:1.4">{escape(total)}</div>'
        f"<details><summary>자세히</summary>{inside}</details></div>"
    )


def miss(message: str) -> str:
    """저장되지 않은 요청의 카드입니다. 첫 줄이 제목이고, `계속하려면:` 뒤가 할 수 있는 일입니다."""
    head, _, ways = message.partition("\n계속하려면:\n")
    title, _, found = head.partition("\n")
    pre = '<pre style="white-space:pre-wrap;background:none;color:inherit;margin:4px 0">{}</pre>'
    steps = "".join(f"<li>{prose(way.removeprefix('  - '))}</li>" for way in ways.splitlines())
    inside = (pre.format(escape(found)) if found else "") + (f"계속하려면<ol>{steps}</ol>" if steps else "")
    return card("amber", title).removesuffix("</div>") + f"{inside}</div>"
