"""저장된 출력으로 읽는 사이트를 `build/site/`에 만듭니다. 셀을 실행하지 않고 네트워크를 쓰지 않습니다.

    .venv-site/bin/python docs/site/build.py

수업은 `notebooks/`에서, 다른 페이지는 `notebooks/*.md`와 `docs/*.md`에서 읽습니다. 수업의 목록, 제목, 걸리는 시간은 노트북에 적힌
것입니다. JupyterLite를 먼저 만들어 두었으면(`build/lite/`) 사이트의 `lite/`로 함께 넣고, 수업마다 그리로 가는 버튼을 둡니다.
"""

from __future__ import annotations

import html
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from sphinx.cmd.build import main as sphinx_build

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from tests.authoring import stamp, tables  # noqa: E402

SITE, LITE, WORK = (ROOT / "build" / name for name in ("site", "lite", "site-pages"))

# 우리 그림과 표의 HTML에 든 스크립트(02의 슬라이더). 사이트에서는 출력의 코드가 실행되지 않고 멈춘 그림이 보입니다.
_SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)
_LINK = re.compile(r"\[([^\]]+)\]\((\.\.?/[^)\s]+)\)")


def buttons(name: str, address: str) -> str:
    """수업 하나를 여는 곳들. 만들지 않은 JupyterLite와 적히지 않은 주소의 버튼은 없습니다."""
    file = f"{name}.ipynb"
    places = [(f"files/{file}", "노트북 파일 받기", " download")]
    if address:
        places.insert(0, (stamp.link(address, file), "Colab에서 열기", ""))
    if (LITE / "files" / file).exists():
        places.insert(0, (f"lite/lab/index.html?path={file}", "브라우저에서 실행", ""))
    links = " ".join(f'<a href="{href}"{extra}>{html.escape(text)}</a>' for href, text, extra in places)
    return f'<p class="places">{links}</p>'


def lesson(path: Path, address: str) -> Any:
    """사이트의 페이지가 될 노트북. 읽는 데 쓸모없는 설치 셀은 빼고, 접을 것을 접습니다."""
    notebook = nbformat.read(path, as_version=4)
    stamp.stamp_notebook(notebook, path.name, "")  # Colab의 배지를 떼고, 사이트 안의 링크로 되돌립니다.
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    heading, rest = notebook.cells[0].source.split("\n\n", 1)
    notebook.cells[0].source = "\n\n".join([heading, buttons(path.stem, address), rest])
    notebook.cells = [cell for cell in notebook.cells if "colab" not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            _fold(cell)
            for output in cell.outputs:
                if "text/html" in (data := output.get("data", {})):
                    data["text/html"] = _SCRIPT.sub("", data["text/html"])
    return notebook


def _fold(cell: Any) -> None:
    tags = cell.metadata.setdefault("tags", [])
    if cell.metadata.get("jupyter", {}).get("source_hidden"):
        tags.append("hide-input")
        cell.metadata["mystnb"] = {"code_prompt_show": "코드 펼쳐 보기", "code_prompt_hide": "코드 접기"}
    elif "hide-output" in tags:
        prompt = "예측한 뒤에 펼쳐 보세요"
        cell.metadata["mystnb"] = {"code_prompt_show": prompt, "code_prompt_hide": prompt}


def page(path: Path, address: str) -> str:
    """Markdown 페이지. 사이트에 없는 파일로 가는 링크는 GitHub로 보내고, 주소가 없으면 글만 남깁니다."""

    def moved(found: re.Match[str]) -> str:
        text, target = found[1], found[2]
        file, _, heading = target.partition("#")
        file = (path.parent / file).resolve()
        if file.parent in (ROOT / "notebooks", ROOT / "docs") and file.suffix in (".ipynb", ".md"):
            return f"[{text}]({file.name}{'#' + heading if heading else ''})"
        if not address:
            return text
        return f"[{text}]({address.replace('/tree/', '/blob/')}/{file.relative_to(ROOT).as_posix()})"

    return _LINK.sub(moved, path.read_text(encoding="utf-8"))


def card(row: tables.Row) -> str:
    summary = re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(row.summary))
    title = f"<b>{row.name[:2]} {html.escape(row.title)}</b>"
    return f'<li><a href="{row.name}.html">{title}<span>{summary}</span><small>{html.escape(row.minutes)}</small></a></li>'


def front(rows: list[tables.Row], others: list[str]) -> str:
    """첫 페이지: `index.md`의 표시를 수업의 카드와 차례로 바꿉니다."""
    cards = "\n".join(map(card, rows))
    titles = "\n".join(f"{row.name[:2]} {row.title} <{row.name}>" for row in rows)
    text = (HERE / "index.md").read_text(encoding="utf-8")
    text = text.replace("<!-- lessons -->", f'<ul class="cards">\n{cards}\n</ul>')
    for caption, entries in (("수업", titles), ("더 볼 것", "\n".join(others))):
        text += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"
    return text


def prepare(address: str, work: Path) -> None:
    """Sphinx가 읽을 폴더를 새로 만듭니다."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    rows = tables.lessons()
    for row in rows:
        path = ROOT / "notebooks" / f"{row.name}.ipynb"
        nbformat.write(lesson(path, address), work / path.name)
    others = sorted((ROOT / "notebooks").glob("*.md")) + sorted((ROOT / "docs").glob("*.md"))
    for path in others:
        (work / path.name).write_text(page(path, address), encoding="utf-8")
    (work / "index.md").write_text(front(rows, [path.stem for path in others]), encoding="utf-8")


def main() -> int:
    started = time.monotonic()
    prepare(stamp.stored_address(), WORK)
    shutil.rmtree(SITE, ignore_errors=True)
    doctrees = ROOT / "build" / "site-doctrees"
    options = ["-n", "-W", "--keep-going", "-E", "-q", "-j", "auto", "-b", "html", "-d", str(doctrees), "-c", str(HERE)]
    if failed := sphinx_build([*options, str(WORK), str(SITE)]):
        return failed
    (SITE / "files").mkdir()
    for path in (ROOT / "notebooks").glob("[0-9]*_*.ipynb"):
        shutil.copy(path, SITE / "files")
    if LITE.exists():
        shutil.copytree(LITE, SITE / "lite")
    size = sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file())
    print(f"{SITE / 'index.html'}: {size / 1e6:.1f}MB, {time.monotonic() - started:.0f}초")
    if not LITE.exists():
        print("JupyterLite를 만들어 두지 않아(build/lite) '브라우저에서 실행' 버튼은 없습니다.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
