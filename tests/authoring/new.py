"""새 수업의 파일 네 개를 견본(templates)에서 만듭니다. 그대로도 검사를 모두 통과하는 아주 작은 수업입니다."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).parent / "templates"


def files(name: str, root: Path = ROOT) -> dict[Path, str]:
    """수업 `name`("15_name")을 이루는, 사람이 쓰는 파일과 그 견본의 이름."""
    number = name[:2]
    return {
        root / "notebooks" / f"{name}.ipynb": "notebook.txt",
        root / "tests" / "authoring" / "scripts" / f"{name}.toml": "script.toml",
        root / "llmkit" / "lessons" / f"lesson_{number}.py": "lesson.txt",
        root / "tests" / "lessons" / f"test_exercises_{number}.py": "test_exercises.txt",
    }


def new(name: str, root: Path = ROOT) -> list[Path]:
    """견본에서 파일을 만들어 그 목록을 돌려줍니다.

    Raises:
        ValueError: 이름이 "15_name" 형식이 아니거나 그 번호의 수업이 벌써 있을 때. 아무것도 만들지 않습니다.
    """
    if not re.fullmatch(r"\d\d_[a-z0-9_]+", name):
        raise ValueError(f"수업 이름은 15_name처럼 두 자리 번호와 영어 소문자로 적으세요: {name!r}")
    if taken := sorted((root / "notebooks").glob(f"{name[:2]}_*.ipynb")):
        raise ValueError(f"{name[:2]}번 수업이 벌써 있습니다: {taken[0].name}")
    made = files(name, root)
    if existing := [path for path in made if path.exists()]:
        raise ValueError(f"파일이 벌써 있습니다: {existing[0]}")
    for path, template in made.items():
        text = (TEMPLATES / template).read_text(encoding="utf-8")
        path.write_text(text.replace("@NAME@", name).replace("@NN@", name[:2]), encoding="utf-8")
    return list(made)
