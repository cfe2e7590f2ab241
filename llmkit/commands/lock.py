"""constraints.txt에 적힌 버전과 설치된 버전을 비교합니다. 강좌는 적힌 버전으로 시험했습니다."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"


class Moved(NamedTuple):
    """시험한 버전과 다른 버전이 설치된 패키지 하나입니다."""

    name: str
    locked: str
    installed: str

    def __str__(self) -> str:
        return f"{self.name} {self.locked} → {self.installed}"


def pins(file: Path = CONSTRAINTS) -> dict[str, str]:
    """이 Python과 운영체제에 적용되는 이름과 버전입니다. 파일이 없으면(휠이나 Colab) 비어 있습니다."""
    from packaging.requirements import Requirement

    if not file.exists():
        return {}
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    needs = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {
        normal(need.name): str(need.specifier).removeprefix("==")
        for need in needs
        if need.marker is None or need.marker.evaluate()
    }


def moved(file: Path = CONSTRAINTS) -> list[Moved]:
    """constraints.txt와 다른 버전이 설치된 패키지들입니다. 설치되지 않은 것은 세지 않습니다."""
    found = []
    for name, locked in pins(file).items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        if installed != locked:
            found.append(Moved(name, locked, installed))
    return found


def normal(name: str) -> str:
    """패키지 이름의 표준 표기입니다. `Pure_Eval`과 `pure-eval`은 같은 패키지입니다."""
    return re.sub(r"[-_.]+", "-", name).lower()
