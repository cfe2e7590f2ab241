"""강좌를 공개한 주소를 한 번에 적습니다: 모든 노트북의 Colab 배지와 설치 셀과 링크, README의 Colab 절.

    python -m tests.authoring stamp https://github.com/누구/무엇/tree/v0.1.0    # 태그나 커밋까지 적습니다
    python -m tests.authoring stamp                                            # 적어 둔 주소로 새 노트북까지 다시 적습니다
    python -m tests.authoring stamp -                                          # 주소를 지웁니다

주소는 `pyproject.toml`의 `[tool.llmkit]` 한 곳에 있고, 나머지는 모두 여기서 나옵니다.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parents[2]
# Colab에 이미 있어 그대로 쓰는 것(2026-08-19의 Colab에서 확인). 여기서 올리면 Colab의 다른 패키지가 깨집니다.
IN_COLAB = ("openai", "huggingface_hub", "python-dotenv", "tiktoken", "narwhals", "matplotlib")

_ADDRESS = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+)/tree/([\w.-]+)")
_BADGE = re.compile(r"\[!\[Colab[^\n]*\n\n")
# 노트북 사이와 용어집의 링크. Colab은 노트북 하나만 열므로, 주소가 있으면 그 주소로 바꿔 적습니다.
_LINK = re.compile(r"\]\((?:https://[^)\s]+/blob/[\w.-]+/notebooks/)?([\w-]+\.(?:ipynb|md))\)")
# 다음 수업은 배우던 곳에서 열립니다: 내려받은 폴더와 사이트에서는 옆의 파일, Colab에서는 뒤에 붙인 Colab 링크.
_NEXT = re.compile(r"(\*\*다음 수업\*\*: \[[^\]\n]+\]\()https://[^)\s]+/([\w-]+\.ipynb)\)")
_NEXT_IN_COLAB = re.compile(r" \(\[Colab에서 열기\]\([^)\s]+\)\)")
_README = re.compile(r"(?<=<!-- colab -->\n).*?(?=<!-- /colab -->)", re.DOTALL)

_CELL = """\
# 이 셀은 Colab에서만 일합니다.
import sys

if "google.colab" in sys.modules:
"""
_INSTALL = """\
# 이 셀은 Colab에서만, 그것도 한 번만 일합니다.
import sys
from importlib.util import find_spec

if "google.colab" in sys.modules and not find_spec("llmkit"):
    # Colab에 이미 있는 패키지는 그대로 둡니다. 올리면 Colab의 다른 패키지가 깨집니다.
"""
_NO_ADDRESS = "    pass  # 이 사본에는 아직 설치할 주소가 적혀 있지 않아 아무것도 설치하지 않습니다."
_README_NO_ADDRESS = """\
아직 공개된 주소가 없어 브라우저에서 바로 여는 링크가 없습니다. 주소를 적는 법은 [만드는 분께](docs/making.md#공개한-주소-적기)에 있습니다.
"""


def stored_address(root: Path = ROOT) -> str:
    """`pyproject.toml`에 적힌 주소. 아직 없으면 빈 문자열입니다."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["llmkit"]["colab"]


def check_address(address: str) -> None:
    """쓸 수 없는 주소면 이유와 함께 `ValueError`를 냅니다."""
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise ValueError(
            f"https://github.com/누구/무엇/tree/태그 모양이어야 합니다(Colab은 GitHub에서 엽니다): {address}"
        )
    if found[3] in ("main", "master", "HEAD"):
        raise ValueError(f"{found[3]} 가지는 내용이 바뀝니다. 태그나 커밋을 적으세요.")


def badge(address: str, notebook: str) -> str:
    """노트북 하나를 Colab에서 여는 배지(Markdown).

    >>> badge("https://github.com/a/b/tree/v1", "01_basics.ipynb").rpartition("(")[2]
    'https://colab.research.google.com/github/a/b/blob/v1/notebooks/01_basics.ipynb)'
    """
    picture = "![Colab에서 열기](https://colab.research.google.com/assets/colab-badge.svg)"
    return f"[{picture}]({link(address, notebook)})"


def link(address: str, file: str) -> str:
    """`notebooks/`의 파일 하나를 어디서나 여는 주소: 노트북은 Colab, 그 밖의 것은 GitHub. 주소가 없으면 이름 그대로.

    >>> link("https://github.com/a/b/tree/v1", "glossary.md")
    'https://github.com/a/b/blob/v1/notebooks/glossary.md'
    """
    if not address:
        return file
    owner, repository, version = _ADDRESS.fullmatch(address).groups()  # type: ignore[union-attr]
    site = "https://colab.research.google.com/github" if file.endswith(".ipynb") else "https://github.com"
    return f"{site}/{owner}/{repository}/blob/{version}/notebooks/{file}"


def install_cell(address: str, root: Path = ROOT) -> str:
    """첫 코드 셀의 내용. Colab에 없는 것만 설치합니다."""
    if not address:
        return _CELL + _NO_ADDRESS
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = project["dependencies"] + [need for extra in project["optional-dependencies"].values() for need in extra]
    missing = [need for need in needs if re.split(r"[<>=\[; ]", need)[0] not in IN_COLAB]
    package = address.replace("/tree/", "/archive/") + ".zip"
    return (
        _INSTALL
        + "    %pip install -q "
        + " ".join(f'"{need}"' for need in missing)
        + f"\n    %pip install -q --no-deps {package}"
    )


def stamp_notebook(notebook: Any, name: str, address: str) -> None:
    """노트북의 첫 Markdown 셀에 배지를, 첫 코드 셀에 설치할 것을, 링크에 주소를 적습니다."""
    title = notebook.cells[0]
    install = next(cell for cell in notebook.cells if cell.cell_type == "code")
    if title.cell_type != "markdown" or "colab" not in install.metadata.get("tags", []):
        raise ValueError(f"{name}: 첫 셀은 제목이고 첫 코드 셀에는 colab 태그가 있어야 합니다.")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _relink(cell.source, address)
    heading, rest = _BADGE.sub("", title.source).split("\n\n", 1)
    title.source = "\n\n".join([heading, *([badge(address, name)] if address else []), rest])
    install.source = install_cell(address)


def _relink(source: str, address: str) -> str:
    """Markdown 셀의 링크를 다시 적습니다.

    >>> _relink("**다음 수업**: [02. 파라미터](02_parameters.ipynb). 봅니다.", "")
    '**다음 수업**: [02. 파라미터](02_parameters.ipynb). 봅니다.'
    """
    source = _LINK.sub(lambda found: f"]({link(address, found[1])})", _NEXT_IN_COLAB.sub("", source))
    return _NEXT.sub(lambda found: f"{found[1]}{found[2]}) ([Colab에서 열기]({link(address, found[2])}))", source)


def stamp_readme(text: str, address: str) -> str:
    """README의 `<!-- colab -->`와 `<!-- /colab -->` 사이를 다시 적습니다."""
    section = _README_NO_ADDRESS
    if address:
        owner, repository, _ = _ADDRESS.fullmatch(address).groups()  # type: ignore[union-attr]
        page = f"https://{owner.lower()}.github.io/{repository}/"
        section = (
            f"{badge(address, '01_basics.ipynb')}\n\n설치 없이 브라우저에서 첫 수업을 엽니다. 첫 셀부터 순서대로 실행하세요. GitHub Pages를 "
            f"켰으면 [로그인 없이 여는 페이지]({page}lite/lab/index.html?path=01_basics.ipynb)와 [읽는 사이트]({page})도 있습니다.\n"
        )
    return _README.sub(lambda _: section, text)


def stamp(address: str, root: Path = ROOT) -> None:
    """주소를 적어 두고 모든 노트북과 README에 찍습니다. 달라진 것이 없는 파일은 건드리지 않습니다."""
    if address:
        check_address(address)
    for path in sorted((root / "notebooks").glob("[0-9]*_*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        before = nbformat.writes(notebook)
        stamp_notebook(notebook, path.name, address)
        if nbformat.writes(notebook) != before:
            nbformat.write(notebook, path)
    pyproject, readme = root / "pyproject.toml", root / "README.md"
    settings = re.sub(r'(?m)^colab = ".*"$', f'colab = "{address}"', pyproject.read_text(encoding="utf-8"))
    pyproject.write_text(settings, encoding="utf-8")
    readme.write_text(stamp_readme(readme.read_text(encoding="utf-8"), address), encoding="utf-8")


def main(given: list[str]) -> int:
    try:
        stamp(stored_address() if not given else "" if given == ["-"] else " ".join(given))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"적은 주소: {stored_address() or '없음'}")
    return 0
