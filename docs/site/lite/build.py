"""강좌의 페이지를 한 폴더에 모읍니다: JupyterLite, Pyodide, 휠, 노트북. 그 페이지는 다른 곳에서 아무것도 받지 않습니다."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat

from . import wheels
from .wheels import DISTRIBUTION, ROOT

PYODIDE, PYODIDE_SHA256 = "314.0.7", "66b7949e5a0cba2250b586d7e368bf12fb482800748d182c4618254b685ffaa0"
RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
MIRROR = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE}/full/"  # Pyodide의 배포판. 만들 때에만 받습니다.
NEEDS = {
    "needs-process": "이 셀은 다른 프로그램(프로세스)을 실행합니다.",
    "needs-plot": "이 셀은 matplotlib으로 그림을 그립니다.",
    "needs-pandas": "이 셀은 pandas로 표를 만듭니다.",
}
SETTINGS = {
    "jupyter-lite-schema-version": 0,
    "jupyter-config-data": {
        "appName": "llmkit 강좌",
        "exposeAppInBrowser": True,  # 테스트(tests/browser/lab.py)가 화면을 움직입니다.
        "litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": {"disablePyPIFallback": True}},
    },
}


def build(output: Path) -> None:
    """`output`에 사이트를 만들고, 무엇이 빠졌는지와 크기를 출력합니다."""
    for is_there, name in ((find_spec("jupyterlite_core"), "requirements/lite.txt"), (shutil.which("npm"), "npm")):
        if not is_there:
            raise SystemExit(f"페이지를 만드는 데 필요한 것이 없습니다: {name}")
    with TemporaryDirectory() as name:
        lite = Path(name)
        pyodide = lite / "static" / "pyodide"  # jupyterlite-pyodide-kernel이 찾는 자리
        pyodide.mkdir(parents=True)
        theirs = fetch_runtime(pyodide)
        is_whole = fetch_distribution(pyodide, theirs)
        llmkit = wheels.build_ours(pyodide)
        with zipfile.ZipFile(llmkit, "a") as archive:
            cells = resting_cells(ROOT / "notebooks", is_whole)
            archive.writestr("llmkit/data/page.json", json.dumps(cells, ensure_ascii=False))
        ours = [llmkit, *wheels.download(pyodide)]
        (pyodide / "pyodide-lock.json").write_text(json.dumps(lock(theirs, ours, is_whole)), encoding="utf-8")
        (lite / "jupyter-lite.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
        contents = stage(ROOT / "notebooks", lite / "files")
        command = [sys.executable, "-m", "jupyterlite_core", "build", f"--lite-dir={lite}", f"--output-dir={output}",
                   f"--contents={contents}", "--apps=lab", "--no-sourcemaps", "--no-unused-shared-packages"]  # fmt: skip
        shutil.rmtree(output, ignore_errors=True)
        subprocess.run(command, check=True, cwd=lite, stdout=subprocess.DEVNULL)
    size = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    print(f"{output}: {size / 1e6:.0f}MB. 다음 명령으로 열어 봅니다: python -m http.server -d {output}")


def fetch_runtime(folder: Path) -> dict[str, Any]:
    """Pyodide의 런타임을 npm에서 받아 `folder`에 풀고, 잠금 파일의 내용을 돌려줍니다."""
    with TemporaryDirectory() as name:
        command = ["npm", "pack", "--silent", f"pyodide@{PYODIDE}"]
        subprocess.run(command, cwd=name, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(name).glob("*.tgz")
        if wheels.sha256(archive) != PYODIDE_SHA256:
            raise SystemExit(f"내려받은 파일의 해시가 적어 둔 것과 다릅니다: pyodide {PYODIDE}")
        with tarfile.open(archive) as opened:
            for file in RUNTIME:
                (folder / file).write_bytes(opened.extractfile(f"package/{file}").read())  # type: ignore[union-attr]
            return json.load(opened.extractfile("package/pyodide-lock.json"))  # type: ignore[arg-type]


def fetch_distribution(folder: Path, theirs: dict[str, Any], mirror: str = MIRROR) -> bool:
    """PyPI에 없는 휠을 Pyodide의 배포판에서 받습니다. 닿지 않으면 이유를 출력하고 False를 돌려줍니다."""
    for name in DISTRIBUTION:
        file = folder / theirs["packages"][name]["file_name"]
        try:
            with urllib.request.urlopen(mirror + file.name, timeout=60) as answer:
                file.write_bytes(answer.read())
        except OSError as error:
            print(f"Pyodide의 배포판에서 받지 못했습니다({error}): {', '.join(DISTRIBUTION)}")
            print("그림과 표를 그리는 셀은 페이지에서 쉬고, 토큰을 세는 셀(06)은 실패합니다.")
            return False
        if wheels.sha256(file) != theirs["packages"][name]["sha256"]:
            raise SystemExit(f"내려받은 파일의 해시가 적어 둔 것과 다릅니다: {file.name}")
    return True


def lock(theirs: dict[str, Any], ours: list[Path], is_whole: bool) -> dict[str, Any]:
    """페이지의 잠금 파일입니다. 여기에 있는 것은 셀이 import할 때 저절로 설치되고, 다른 곳에서는 아무것도 받지 않습니다."""
    names = {wheels.name_of(wheel) for wheel in ours} | ({*DISTRIBUTION} if is_whole else set())
    packages = {name: theirs["packages"][name] for name in DISTRIBUTION if is_whole}
    packages = {name: package | {"depends": [need for need in wheels.needs_of(package) if need in names]}
                for name, package in packages.items()}  # fmt: skip
    packages |= {wheels.name_of(wheel): wheels.entry(wheel, names) for wheel in ours}
    return theirs | {"packages": packages}


def stage(notebooks: Path, folder: Path) -> Path:
    """노트북과 그 곁의 글을 베낍니다. 나누어 적힌 여러 줄은 잇습니다. 페이지에는 서버처럼 이어 줄 것이 없고, 목차가 그것을 바랍니다."""
    shutil.copytree(notebooks, folder, ignore=shutil.ignore_patterns("bot_*", ".*"))
    for path in folder.glob("*.ipynb"):
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:
            cell.id = page_id(path, cell.id)
        path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    return folder


def page_id(path: Path, cell: str) -> str:
    """페이지에서 쓰는 셀의 id. 노트북마다 다르게 합니다: 커널은 어느 노트북의 셀인지 모르고, 여러 수업에 같은 id가 있습니다."""
    return f"{path.stem[:2]}-{cell}"[:64]


def resting_cells(notebooks: Path, is_whole: bool) -> dict[str, str]:
    """페이지에서 실행할 수 없는 셀의 id → 그 자리에 보일 한 줄."""
    cannot = {"needs-process": NEEDS["needs-process"]} if is_whole else NEEDS
    return {
        page_id(
            path, cell["id"]
        ): f"{cannot[tag]} 브라우저의 이 페이지에서는 할 수 없으니 Colab이나 내 컴퓨터에서 실행하세요."
        for path in notebooks.glob("*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        for tag in cell["metadata"].get("tags", [])
        if tag in cannot
    }
