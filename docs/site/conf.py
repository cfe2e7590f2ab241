"""Sphinx의 설정. `build.py`가 부릅니다."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from docutils import nodes

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from korean import SearchKorean  # noqa: E402

project = "llmkit 강좌"
language = "ko"
extensions = ["myst_nb"]
myst_heading_anchors = 3
html_theme = "sphinx_book_theme"
html_title = "llmkit 강좌"
html_static_path = [str(HERE / "_static")]
html_css_files = ["site.css"]
html_favicon = str(HERE / "_static" / "icon.svg")
html_copy_source = False
html_show_copyright = False
html_context = {"default_mode": "auto"}
html_use_index = False
html_theme_options = {
    "search_bar_text": "찾기",
    "toc_title": "이 페이지에서",
    "use_download_button": False,  # 고친 사본이 아니라 원래 노트북을 받게 합니다(build.py의 버튼).
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "navbar_persistent": [],  # 찾기는 옆에 있습니다.
    "footer_content_items": [],
}

# 저장된 출력만 보입니다. 실행하지 않고, 출력의 코드와 위젯을 싣지 않고, 다른 곳에서 아무것도 받지 않습니다.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, Any] = {}
nb_mime_priority_overrides = [
    ("html", "application/javascript", None),
    ("html", "application/vnd.jupyter.widget-view+json", None),
]
# 테마의 코드는 페이지 안에 있고, Sphinx의 번역은 eval을 씁니다. 다른 곳의 것은 브라우저가 막습니다.
POLICY = (
    "default-src 'self' data: 'unsafe-inline'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'"
)

# Sphinx와 테마의 번역에 없는 말
WORDS = {
    "Skip to main content": "본문으로 가기",
    "Back to top": "맨 위로",
    "On this page": "이 페이지에서",
    "previous page": "이전 페이지",
    "next page": "다음 페이지",
    "Color mode": "밝은 화면과 어두운 화면",
    "Light": "밝게",
    "Dark": "어둡게",
    "System Settings": "시스템 설정대로",
    "Site navigation": "사이트의 목차",
    "Section Navigation": "목차",
    "Version warning": "버전 알림",
    "Toggle primary sidebar": "수업의 목록 여닫기",
    "Toggle secondary sidebar": "페이지의 목차 여닫기",
    "Please activate JavaScript to enable the search functionality.": "찾으려면 JavaScript를 켜세요.",
}

CALLOUTS = {"🔮": "predict", "✏️": "modify", "⚠️": "trap", "💡": "note"}


def mark_parts(app: Any, document: nodes.document) -> None:
    """예측, 바꿔 보기, 함정, 잠깐의 인용문과 연습에 제 모습을 줍니다."""
    for quote in document.findall(nodes.block_quote):
        quote["classes"] += [name for icon, name in CALLOUTS.items() if quote.astext().startswith(icon)]
    for section in document.findall(nodes.section):
        if section[0].astext().startswith("연습 "):
            section["classes"].append("exercise")


def drop_empty_headers(app: Any, document: nodes.document) -> None:
    """머리글이 빈 표(`| | |`)의 빈 줄을 뺍니다."""
    for head in list(document.findall(nodes.thead)):
        if not head.astext().strip():
            head.parent.remove(head)


def speak_korean(app: Any) -> None:
    catalog = Catalog(locale="ko")
    for english, korean in WORDS.items():
        catalog.add(english, korean)
    folder = Path(app.doctreedir) / "locale" / "ko" / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    for domain in ("sphinx", "booktheme"):
        with (folder / f"{domain}.mo").open("wb") as file:
            write_mo(file, catalog)
        app.add_message_catalog(domain, str(folder.parents[1]))


def finish_page(app: Any, name: str, template: str, context: dict[str, Any], document: Any) -> None:
    context["metatags"] = (
        context.get("metatags", "") + f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    )
    # myst-nb가 적는 영어 이름. 펼치는 곳의 글이 이름이 됩니다.
    context["body"] = context.get("body", "").replace(' aria-label="Toggle hidden content"', "")


def setup(app: Any) -> None:
    speak_korean(app)
    app.add_search_language(SearchKorean)
    app.connect("doctree-read", mark_parts)
    app.connect("doctree-read", drop_empty_headers)
    app.connect("html-page-context", finish_page)
