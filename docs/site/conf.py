"""Sphinx의 설정. `build.py`가 부릅니다."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docutils import nodes

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from korean import SearchKorean  # noqa: E402

project = "llmkit 강좌"
copyright = "llmkit 강좌"
language = "ko"
locale_dirs = [str(HERE / "locale")]
extensions = ["myst_nb"]
myst_heading_anchors = 3
html_theme = "sphinx_book_theme"
html_title = "llmkit 강좌"
html_static_path = [str(HERE / "_static")]
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {
    "search_bar_text": "찾기",
    "toc_title": "이 페이지에서",
    "use_download_button": False,  # 고친 사본이 아니라 원래 노트북을 받게 합니다(build.py의 버튼).
    "use_fullscreen_button": False,
    "show_toc_level": 2,
}

# 저장된 출력만 보입니다. 실행하지 않고, 출력의 코드와 위젯을 싣지 않고, 다른 곳에서 아무것도 받지 않습니다.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, Any] = {}
nb_mime_priority_overrides = [
    ("html", "application/javascript", None),
    ("html", "application/vnd.jupyter.widget-view+json", None),
]
POLICY = "default-src 'self' 'unsafe-inline' data:; object-src 'none'; base-uri 'none'; form-action 'self'"

CALLOUTS = {"🔮": "predict", "✏️": "modify", "⚠️": "trap", "💡": "note"}


def mark_callouts(app: Any, document: nodes.document) -> None:
    """예측, 바꿔 보기, 함정, 잠깐의 인용문에 제 색을 줍니다."""
    for quote in document.findall(nodes.block_quote):
        for icon, name in CALLOUTS.items():
            if quote.astext().startswith(icon):
                quote["classes"] += ["callout", name]


def finish_page(app: Any, name: str, template: str, context: dict[str, Any], document: Any) -> None:
    context["metatags"] = context.get("metatags", "") + f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    # myst-nb가 적는 영어 이름. 펼치는 곳의 글이 이름이 됩니다.
    context["body"] = context.get("body", "").replace(' aria-label="Toggle hidden content"', "")


def setup(app: Any) -> None:
    app.add_search_language(SearchKorean)
    app.connect("doctree-read", mark_callouts)
    app.connect("html-page-context", finish_page)
