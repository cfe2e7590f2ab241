"""아무렇게나 이어 붙인 Markdown의 조각도, 어느 파서에서도 태그나 그림이나 움직이는 링크가 되지 못합니다.

nbconvert가 쓰는 mistune, VS Code가 쓰는 markdown-it(여기서는 그 파이썬판), JupyterLab이 쓰는 marked로 그려 봅니다.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import mistune
import pytest
from markdown_it import MarkdownIt
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from llmkit.display.markdown import to_display
from tests.display.test_markdown import ACTS

SCRAPS = [
    "<zz>", "</zz>", "<zz", "<!--", "<zz a=`>", "글", "가(나)**는", "**", "*", "~", "~~", "$", "$$", "\\", "`", "``", "```",
    "```py", "~~~", "\n", "\n", "\n\n", "-", "1.", "2.", ">", "|", "#", "|---|---|", "---", "\n- ", "\n   ", "\n```",
    "\n   ```", "[a](b)", "![", "]", "https://a.kr/~x", "\\begin{a}", "\\end{a}", "x^2", "5", "{", "}", "&lt;", "\r\n",
    " ", " ", "  ", "    ", "\t", "[a](", "](", "[x]: ", "javascript:zz", "&#106;avascript:zz", "![a](http://h/i)", "\\\\[", "$x^2$", "$$x$$",
    "\n~~~\n", "\n```\n", "\n```mermaid\n", "\n~~~ Mermaid x\n", "\\begin{a}", "\\end{a}", "&#36;", "http://", "<https://a.kr>",
    "<pre>", "</pre>", "</code>", "<code>", "\n> ", "> - ", "\n- ", "\n1. ", "\n    ", "\n\n    ", "\n\t", "| a `", "` |", "<zz>`", "``<zz>``",
    "\\`", "&#96;", "&#60;zz>", "&lt;zz>", "www.a.kr", "[^1]", "[^1]: ", "\n---\n", "\n===\n", "***", "_", "<!--zz-->", "<?zz?>", "]]>",
    "\n\n$$\n", "\n  ```\n", "\n > ```\n", "\n- ```\n", "\n````\n", "\\(", "\\)", "\\[", "\\]", "\r", "\u2028", "\x00", "\f",
]  # fmt: skip
MARKED = "18.2.1"
RENDER = """
import {marked} from 'marked';
import {readFileSync} from 'fs';
const texts = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const draw = text => {  // marked 18.2.1은 인용에 이어 붙은 목록에서 드물게 스스로 멈춥니다. 그러면 아무것도 그리지 않습니다.
  try { return marked.parse(text, {gfm: true}); } catch (error) { return ''; }
};
process.stdout.write(JSON.stringify(texts.map(draw)));
"""


def documents(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices(SCRAPS, k=chance.choice([3, 8, 16, 30]))) for _ in range(count)]


def none_acts(texts: list[str], pages: Iterable[str]) -> None:
    for text, page in zip(texts, pages, strict=True):
        found = ACTS.search(page)
        assert not found, f"{text!r}\n{to_display(text)!r}\n{page[max(0, found.start() - 80) : found.end() + 80]}"


PYTHON_PARSERS: dict[str, Callable[[str], str]] = {
    "markdown-it": MarkdownIt("gfm-like", {"linkify": False, "html": True}).render,
    "commonmark": MarkdownIt("commonmark").render,
    "mistune": mistune.create_markdown(
        escape=False, plugins=["strikethrough", "table", "footnotes", "url", "task_lists", "math"]
    ),  # type: ignore[dict-item]
    "nbconvert": markdown2html_mistune,
}


@pytest.mark.parametrize("parser", PYTHON_PARSERS)
def test_nothing_acts(parser: str) -> None:
    texts = documents(1, 20_000 if parser != "nbconvert" else 4_000)
    none_acts(texts, (PYTHON_PARSERS[parser](to_display(text)) for text in texts))


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("parser", PYTHON_PARSERS)
def test_nothing_acts_in_200_000(parser: str) -> None:
    texts = documents(2, 200_000)
    none_acts(texts, (PYTHON_PARSERS[parser](to_display(text)) for text in texts))


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_nothing_acts_in_marked(tmp_path: Path) -> None:
    """JupyterLab의 파서입니다. npm으로 받아 node로 그립니다."""
    if not shutil.which("npm"):
        pytest.skip("npm이 없습니다")
    install = ["npm", "install", "--silent", "--no-save", "--prefix", str(tmp_path), f"marked@{MARKED}"]
    if subprocess.run(install, capture_output=True).returncode:
        pytest.skip("marked를 받을 수 없습니다")
    (tmp_path / "render.mjs").write_text(RENDER)
    texts, shown = documents(3, 200_000), tmp_path / "shown.json"
    for start in range(0, len(texts), 20_000):
        part = texts[start : start + 20_000]
        shown.write_text(json.dumps([to_display(text) for text in part]))
        done = subprocess.run(["node", "render.mjs", str(shown)], cwd=tmp_path, capture_output=True, check=True)
        none_acts(part, json.loads(done.stdout))
