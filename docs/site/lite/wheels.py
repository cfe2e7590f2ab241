"""페이지에 넣을 휠: 무엇을 어느 버전으로 넣는지(`requirements/lite-page.txt`) 정하고, 내려받고, Pyodide의 잠금 파일에 적습니다.

버전은 강좌의 constraints.txt와 같습니다. PyPI에 브라우저용 휠이 없는 것(`DISTRIBUTION`)만 Pyodide의 배포판에 든 버전을 씁니다.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "requirements" / "lite-page.txt"
# 페이지의 파이썬. 무엇을 더 요구하는지가 만드는 컴퓨터에 따라 달라지지 않게 합니다.
PAGE = {"sys_platform": "emscripten", "platform_system": "Emscripten", "platform_machine": "wasm32", "os_name": "posix",
        "implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": "",
        "python_version": "3.14", "python_full_version": "3.14.2"}  # fmt: skip
DOWNLOAD = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--python-version=3.14",
            "--implementation=cp", "--abi=cp314"]  # fmt: skip
TAGS = ["--platform=pyemscripten_2026_0_wasm32", "--platform=manylinux_2_28_x86_64", "--platform=manylinux_2_17_x86_64"]
# PyPI에 브라우저용 휠이 없어 Pyodide의 배포판에서 받는 것. 받지 못하면 이것이 필요한 셀만 페이지에서 쉽니다.
DISTRIBUTION = ("numpy", "pandas", "matplotlib", "pillow", "kiwisolver", "tiktoken", "regex")
# 수업의 셀이 import하는 것과, 페이지의 노트북이 움직이는 데 필요한 것(ipython부터).
ROOTS = ("llmkit-course", "koreanize-matplotlib", "tenacity", "httpx", "pandas", "ipython", "comm", "micropip", "jedi")
# 휠에 적히지 않은 필요. huggingface_hub은 httpcore2를, httpx2는 anyio를 브라우저에서도 바로 import합니다. httpx는 훅이
# 끼어들 때 있어야 재생되고(04), 한글 글꼴은 그림을 그릴 때에만 받으면 됩니다.
ALSO = {
    "huggingface-hub": ["httpcore2"],
    "httpx2": ["anyio"],
    "llmkit-course": ["httpx", "tenacity"],
    "matplotlib": ["koreanize-matplotlib", "matplotlib-inline"],
    "ipython": ["jedi"],
}


def name_of(wheel: Path) -> str:
    return canonicalize_name(parse_wheel_filename(wheel.name)[0])


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def requires(wheel: Path) -> list[str]:
    """이 휠이 페이지에서 요구하는 패키지의 이름들입니다."""
    with zipfile.ZipFile(wheel) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = Parser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist") or []
    needs = [need for line in lines if (need := Requirement(line)).marker is None or need.marker.evaluate(PAGE)]
    return sorted({canonicalize_name(need.name) for need in needs} | set(ALSO.get(name_of(wheel), [])))


def entry(wheel: Path, known: set[str]) -> dict[str, Any]:
    """Pyodide의 잠금 파일에 적을 휠 하나입니다. `known`에 없는 요구는 페이지에 없는 것이므로 적지 않습니다."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist() if name.endswith(".py") or "/" in name}
    name, version, _, _ = parse_wheel_filename(wheel.name)
    return {
        "name": name,
        "version": str(version),
        "file_name": wheel.name,
        "sha256": sha256(wheel),
        "install_dir": "site",
        "package_type": "package",
        "imports": sorted(top.removesuffix(".py") for top in tops if not top.endswith((".dist-info", ".data"))),
        "depends": [need for need in requires(wheel) if need in known],
        "unvendored_tests": False,
    }


def build_ours(folder: Path) -> Path:
    """지금 저장소의 llmkit을 휠로 만듭니다."""
    with tempfile.TemporaryDirectory() as name:  # 저장소에서 바로 만들면 예전에 만들다 남은 파일이 섞입니다.
        shutil.copytree(ROOT / "llmkit", Path(name, "llmkit"), ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / file, name)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
        subprocess.run([*command, name], check=True)
    return next(folder.glob("llmkit_course-*.whl"))


def download(folder: Path) -> list[Path]:
    """잠근 휠을 해시까지 확인하며 받습니다."""
    subprocess.run([*DOWNLOAD, *TAGS, "--require-hashes", "-r", str(LOCK), "-d", str(folder)], check=True)
    names = {Requirement(line.split()[0]).name for line in LOCK.read_text().splitlines() if line[0] != "#"}
    return [pure(wheel) for wheel in sorted(folder.glob("*.whl")) if name_of(wheel) in names]


def pure(wheel: Path) -> Path:
    """PyYAML의 휠에서 C로 만든 부분을 뺍니다. 없으면 파이썬으로 된 것을 씁니다. 브라우저용 휠은 PyPI에 없습니다."""
    if name_of(wheel) != "pyyaml":
        return wheel
    target = wheel.with_name("-".join([*wheel.name.split("-")[:2], "py3-none-any.whl"]))
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.infolist():
            if not item.filename.endswith(".so"):
                new.writestr(item, old.read(item))
    wheel.unlink()
    return target


# 잠그기 ---------------------------------------------------------------------------------------------------


@functools.cache
def pins() -> dict[str, str]:
    """constraints.txt의 이름과 버전입니다. 페이지에 해당하는 줄이 있으면 그것을 씁니다."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    needs = [Requirement(line) for line in lines if line and line[0] != "#"]
    needs.sort(key=lambda need: need.marker is None or need.marker.evaluate(PAGE))
    return {canonicalize_name(need.name): str(need.specifier).removeprefix("==") for need in needs}


def write_lock(distribution: dict[str, Any]) -> None:
    """`ROOTS`부터 요구하는 것을 모두 따라가 LOCK을 다시 씁니다. `distribution`은 Pyodide의 잠금 파일에 적힌 패키지들입니다."""
    theirs = {name: package["version"] for name, package in distribution.items()}
    versions = theirs | pins()  # 강좌에는 없고 페이지에만 있는 것(micropip)은 Pyodide의 버전을 씁니다.
    waiting, needed = {*ROOTS}, {*ROOTS}
    with tempfile.TemporaryDirectory() as folder:
        build_ours(Path(folder))
        while waiting:
            asked = waiting - {"llmkit-course", *DISTRIBUTION}
            for tags, names in ((TAGS[:1], asked - {"pyyaml"}), (TAGS[1:], asked & {"pyyaml"})):
                if names:
                    command = [*DOWNLOAD, *tags, "-d", folder, *(f"{name}=={versions[name]}" for name in names)]
                    subprocess.run(command, check=True)
            found = {name_of(wheel): wheel for wheel in Path(folder).glob("*.whl")}
            needs = {need for name in waiting - {*DISTRIBUTION} for need in requires(found[name])}
            needs |= {need for name in waiting & {*DISTRIBUTION} for need in needs_of(distribution[name])}
            waiting = needs - needed
            needed |= needs
        lines = [f"{name}=={versions[name]} --hash=sha256:{sha256(found[name])}"
                 for name in sorted(needed - {"llmkit-course", *DISTRIBUTION})]  # fmt: skip
    head = ["# python -m docs.site.lite lock 명령이 썼습니다. 브라우저의 페이지(JupyterLite)에 넣는 휠입니다.",
            "# PyPI에 없어 Pyodide의 배포판에서 받는 것:",
            *(f"#   {name}=={theirs[name]}" for name in sorted(DISTRIBUTION))]  # fmt: skip
    LOCK.write_text("\n".join([*head, *lines, ""]), encoding="utf-8")


def needs_of(package: dict[str, Any]) -> list[str]:
    """Pyodide의 배포판에 든 패키지가 요구하는 것들입니다. 우리가 더하는 것까지입니다."""
    return sorted({*package["depends"], *ALSO.get(package["name"], [])})
