"""`python -m llmkit`의 명령들. 명령마다 이름이 같은 모듈의 `run`을 실행하며, 여기에는 여러 명령이 쓰는 노트북 찾기가 있습니다."""

from __future__ import annotations

import difflib
from pathlib import Path

from ..common.errors import Refused

ROOT = Path(__file__).resolve().parents[2]


def notebooks() -> dict[str, Path]:
    """수업의 이름 → 노트북. 하나도 없으면 `Refused`를 던집니다."""
    for folder in (ROOT / "notebooks", Path("notebooks")):
        if found := sorted(folder.glob("[0-9]*_*.ipynb")):
            return {path.stem: path for path in found}
    raise Refused("노트북이 없습니다. 강좌를 받은 폴더에서 실행하세요.")


def find_notebook(lesson: str) -> Path:
    """번호("1", "01")나 이름("01_basics", 파일 경로)으로 노트북을 찾습니다. 없으면 `Refused`를 던집니다."""
    wanted, known = Path(lesson).stem, notebooks()
    for name, path in known.items():
        if name == wanted or (wanted.isdecimal() and name.split("_")[0].lstrip("0") == wanted.lstrip("0")):
            return path
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.3) or known
    raise Refused(f"그런 노트북은 없습니다: {lesson!r}. 가까운 것: {', '.join(near)}")
