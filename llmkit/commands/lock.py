"""constraints.txt에 적힌 버전과 설치된 버전을 비교하고, 수업에 더 필요한 것이 있는지 봅니다."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from . import ROOT

CONSTRAINTS = ROOT / "constraints.txt"


def installed(name: str) -> str | None:
    """설치된 버전. 설치되지 않았으면 None입니다."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def pins(file: Path = CONSTRAINTS) -> dict[str, str]:
    """이 Python과 운영체제에 적용되는 이름과 버전입니다. 파일이 없으면(휠이나 Colab) 비어 있습니다."""
    return {canonicalize_name(need.name): str(need.specifier).removeprefix("==") for need in _needs(file)}


def moved(file: Path = CONSTRAINTS) -> list[str]:
    """시험한 것과 다른 버전이 설치된 패키지들입니다("openai 3.57.0 → 3.99.0"). 설치되지 않은 것은 세지 않습니다."""
    found = ((name, locked, installed(name)) for name, locked in pins(file).items())
    return [f"{name} {locked} → {now}" for name, locked, now in found if now not in (None, locked)]


def missing(name: str) -> list[str]:
    """requirements/`name`.txt에 적힌 것 가운데 설치되지 않은 패키지들입니다."""
    return [need.name for need in _needs(ROOT / "requirements" / f"{name}.txt") if installed(need.name) is None]


def why_not(notebook: Path) -> str | None:
    """노트북이 metadata.llmkit.requires에 적은 것이 없어 실행할 수 없으면 그 이유를 한 줄로, 아니면 None을 돌려줍니다."""
    metadata = json.loads(notebook.read_text(encoding="utf-8"))["metadata"]
    for name in metadata.get("llmkit", {}).get("requires", []):
        if absent := missing(name):
            file = f"requirements/{name}.txt"
            return f"{notebook.stem}: {', '.join(absent)}: 설치되어 있지 않습니다({file}). README의 '따로 설치하는 수업'을 보세요."
    return None


def _needs(file: Path) -> list[Requirement]:
    """요구 사항 파일에 적힌 것 가운데 여기에 적용되는 것입니다."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    written = (line.partition("#")[0].strip(" \\") for line in lines)
    needs = [Requirement(line) for line in written if line and not line.startswith("--hash")]
    return [need for need in needs if need.marker is None or need.marker.evaluate()]
