"""저장된 출력으로 읽는 사이트를 `build/site/`에 만듭니다. 만들 때에는 셀을 실행하지 않고 네트워크를 쓰지 않습니다.

    python3 -m venv .venv-site && .venv-site/bin/python -m pip install -c requirements/site-constraints.txt -r requirements/site.txt
    .venv-site/bin/python docs/site/build.py [폴더]

수업은 `notebooks/`에서, 다른 페이지는 `notebooks/*.md`와 `docs/*.md`에서 읽습니다. 수업의 목록, 제목, 걸리는 시간은 노트북에 적힌
것입니다. JupyterLite를 먼저 만들어 두었으면(`python -m docs.site.lite`가 만드는 `build/lite/`) 사이트의 `lite/`로 함께 넣고, 수업마다 그리로 가는 버튼을 둡니다.
"""

from __future__ import annotations

import html
import re
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from sphinx.cmd.build import main as sphinx_build

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from tests.authoring import stamp, tables  # noqa: E402

LITE = ROOT / "build" / "lite"

# 우리 그림과 표의 HTML에 든 스크립트(02의 슬라이더). 사이트에서는 출력의 코드가 실행되지 않고 멈춘 그림이 보입니다.
_SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)\s]+)\)")


def buttons(name: str, address: str, is_in_lite: bool) -> str:
    """수업 하나를 여는 곳들. 만들지 않은 JupyterLite와 적히지 않은 주소의 버튼은 없습니다."""
    file = f"{name}.ipynb"
    places = [(f"files/{file}", "노트북 파일 받기", " download")]
    if address:
        places.insert(0, (stamp.link(address, file), "Colab에서 열기", ""))
    if is_in_lite:
        places.insert(0, (f"lite/lab/index.html?path={file}", "브라우저에서 실행", ""))
    links = " ".join(f'<a href="{href}"{extra}>{html.escape(text)}</a>' for href, text, extra in places)
    return f'<p class="places">{links}</p>'


def lesson(path: Path, address: str) -> Any:
    """사이트의 페이지가 될 노트북. 읽는 데 쓸모없는 설치 셀은 빼고, 접을 것을 접습니다."""
    notebook = nbformat.read(path, as_version=4)
    stamp.stamp_notebook(notebook, path.name, "")  # Colab의 배지를 떼고, 사이트 안의 링크로 되돌립니다.
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    # 따로 설치하는 것이 있는 수업(12, 13)은 브라우저 안에서 실행할 수 없습니다.
    is_in_lite = (LITE / "files" / path.name).exists() and not notebook.metadata["llmkit"].get("requires")
    heading, rest = notebook.cells[0].source.split("\n\n", 1)
    notebook.cells[0].source = "\n\n".join([heading, buttons(path.stem, address, is_in_lite), rest])
    notebook.cells = [cell for cell in notebook.cells if "colab" not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = localize(cell.source, path.parent, address)
        elif cell.cell_type == "code":
            _show(cell)
    return notebook


def _show(cell: Any) -> None:
    """접을 것을 접고, 그림의 대체 텍스트를 옮기고, 출력에서 스크립트를 뺍니다."""
    options: dict[str, Any] = {}
    tags = cell.metadata.setdefault("tags", [])
    if cell.metadata.get("jupyter", {}).get("source_hidden"):
        tags.append("hide-input")
        options |= {"code_prompt_show": "코드 펼쳐 보기", "code_prompt_hide": "코드 접기"}
    elif "hide-output" in tags:
        options |= dict.fromkeys(("code_prompt_show", "code_prompt_hide"), "예측한 뒤에 펼쳐 보세요")
    for output in cell.outputs:
        if "text/html" in (data := output.get("data", {})):
            data["text/html"] = _SCRIPT.sub("", data["text/html"])
        if "image/png" in data:
            options["image"] = {"alt": output.metadata.get("image/png", {}).get("alt", "그림")}
    cell.metadata["mystnb"] = options


def localize(text: str, folder: Path, address: str) -> str:
    """글의 링크를 사이트의 페이지로 잇습니다. 사이트에 없는 파일은 GitHub로 보내고, 주소가 없으면 글만 남깁니다."""

    def moved(found: re.Match[str]) -> str:
        file, hash_, heading = found[2].partition("#")
        path = (folder / file).resolve()
        if not path.exists():  # 링크가 아니라 코드이거나 틀린 링크입니다. 틀린 링크는 Sphinx가 말합니다.
            return found[0]
        if path.parent in (ROOT / "notebooks", ROOT / "docs") and path.suffix in (".ipynb", ".md"):
            return f"[{found[1]}]({path.name}{hash_}{heading})"
        name = path.relative_to(ROOT).as_posix()
        return f"[{found[1]}]({address.replace('/tree/', '/blob/')}/{name})" if address else found[1]

    return _LINK.sub(moved, text)


def card(row: tables.Row) -> str:
    summary = re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(row.summary))
    title = f"<b>{row.name[:2]} {html.escape(row.title)}</b>"
    return (
        f'<li><a href="{row.name}.html">{title}<span>{summary}</span><small>{html.escape(row.minutes)}</small></a></li>'
    )


def front(rows: list[tables.Row], others: list[str]) -> str:
    """첫 페이지: `index.md`의 표시를 수업의 카드와 목차로 바꿉니다."""
    cards = "\n".join(map(card, rows))
    titles = "\n".join(f"{row.name[:2]} {row.title} <{row.name}>" for row in rows)
    text = (HERE / "index.md").read_text(encoding="utf-8")
    text = text.replace("<!-- lessons -->", f'<ul class="cards">\n{cards}\n</ul>')
    for caption, entries in (("수업", titles), ("더 볼 것", "\n".join(others))):
        text += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"
    return text


def write_pages(folder: Path) -> None:
    """Sphinx가 읽을 페이지들을 적습니다."""
    address, rows = stamp.stored_address(), tables.lessons()
    for row in rows:
        path = ROOT / "notebooks" / f"{row.name}.ipynb"
        nbformat.write(lesson(path, address), folder / path.name)
    shutil.copytree(ROOT / "docs" / "images", folder / "images")
    others = sorted((ROOT / "notebooks").glob("*.md")) + sorted((ROOT / "docs").glob("*.md"))
    for path in others:
        text = localize(path.read_text(encoding="utf-8"), path.parent, address)
        (folder / path.name).write_text(text, encoding="utf-8")
    (folder / "index.md").write_text(front(rows, [path.stem for path in others]), encoding="utf-8")


def main(output: Path) -> int:
    started = time.monotonic()
    shutil.rmtree(output, ignore_errors=True)
    with TemporaryDirectory() as name:
        pages, doctrees = Path(name, "pages"), Path(name, "doctrees")
        pages.mkdir()
        write_pages(pages)
        # 경고 하나, 없는 링크 하나도 실패입니다.
        options = ["-n", "-W", "--keep-going", "-q", "-j", "auto", "-c", str(HERE), "-d", str(doctrees)]
        if failed := sphinx_build([*options, str(pages), str(output)]):
            return failed
    (output / "files").mkdir()
    for path in (ROOT / "notebooks").glob("[0-9]*_*.ipynb"):
        shutil.copy(path, output / "files")
    if LITE.exists():
        shutil.copytree(LITE, output / "lite")
    else:
        print(f"'브라우저에서 실행' 버튼은 넣지 않았습니다. 아직 만들지 않은 폴더: {LITE}")
    size = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    print(f"{output / 'index.html'}: {size / 1e6:.0f}MB, {time.monotonic() - started:.0f}초")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(*sys.argv[1:] or [ROOT / "build" / "site"]).resolve()))
