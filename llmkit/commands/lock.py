"""constraints.txt에 적힌 버전과 설치된 버전을 비교합니다. 강좌는 적힌 버전으로 시험했습니다."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"


def pins(file: Path = CONSTRAINTS) -> dict[str, str]:
    """이 Python과 운영체제에 적용되는 이름과 버전입니다. 파일이 없으면(휠이나 Colab) 비어 있습니다."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    needs = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {
        canonicalize_name(need.name): str(need.specifier).removeprefix("==")
        for need in needs
        if need.marker is None or need.marker.evaluate()
    }


def moved(file: Path = CONSTRAINTS) -> list[str]:
    """시험한 것과 다른 버전이 설치된 패키지들입니다("openai 3.57.0 → 3.99.0"). 설치되지 않은 것은 세지 않습니다."""
    found = []
    for name, locked in pins(file).items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        if installed != locked:
            found.append(f"{name} {locked} → {installed}")
    return found
