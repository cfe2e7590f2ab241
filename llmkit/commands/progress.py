"""수업의 진행: 저장된 노트북에서 채점 결과를 모아 학습자 × 연습의 표로 보입니다. 노트북을 실행하지 않습니다.

학습자의 이름은 `FOLDER` 바로 아래의 폴더 이름입니다(`FOLDER/김하나/notebooks/01_basics.ipynb`). 그런 폴더가 없거나 폴더가 수업의
이름이면 파일 이름에서 수업의 이름을 뺀 것입니다(`01_basics_김하나.ipynb`, `김하나-01_basics.ipynb`). 숨은 폴더(`.ipynb_checkpoints`)는
보지 않습니다. 한 노트북에서 같은 연습을 여러 번 채점했으면 가장 나은 결과를 셉니다.
"""

from __future__ import annotations

import csv
import functools
import importlib
import json
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..common.errors import Refused
from ..common.tables import Table
from ..lessons import checks
from ..session import CASSETTES
from . import ROOT

RESULTS = {"passed": "통과", "wrong": "틀림", "blank": "빈칸"}  # 나은 순서
MARKS = {"통과": "○", "틀림": "×", "빈칸": "△", "": "-"}  # cp949 터미널에도 있는 글자입니다.
_COPY = re.compile(r"( \(\d+\)|-Copy\d+| - 복사본)+$")  # 브라우저, JupyterLab, Windows가 붙이는 것


@dataclass
class Entry:
    """노트북 파일 하나에서 읽은 것."""

    learner: str
    file: str
    results: dict[str, str] = field(default_factory=dict)  # 연습 → 통과, 틀림, 빈칸
    reasons: list[str] = field(default_factory=list)  # 사람이 볼 일
    untouched: bool = False  # 나누어 준 그대로입니다.

    @property
    def lessons(self) -> set[str]:
        return {exercise[:2] for exercise in self.results}


def run(folder: Path, csv_file: Path | None) -> int:
    """`folder` 아래의 모든 노트북을 읽어 표를 출력하고, `csv_file`이 있으면 저장합니다."""
    if not folder.is_dir():
        raise Refused(f"그런 폴더가 없습니다: {folder}")
    entries = read(folder)
    if not entries:
        raise Refused(f"노트북(.ipynb)이 없습니다: {folder}")
    every = {lesson for entry in entries for lesson in entry.lessons}
    # Hub의 홈 폴더에는 아직 열지 않은 수업도 있습니다. 모두가 받은 그대로인 수업은 이름만 말합니다.
    lessons = {lesson for entry in entries if not entry.untouched for lesson in entry.lessons}
    for lesson in sorted(lessons):
        exercises = _exercises(lesson, entries)
        shown = [entry for entry in entries if lesson in entry.lessons]
        rows = [[one.learner, one.file, *(MARKS[one.results.get(name, "")] for name in exercises)] for one in shown]
        print(Table(f"수업 {lesson}", ["학습자", "파일", *exercises], rows).to_text(), end="\n\n")
    if doubtful := [[entry.file, " ".join(entry.reasons)] for entry in entries if entry.reasons]:
        print(Table("확인할 파일", ["파일", "이유"], doubtful).to_text(), end="\n\n")
    learners = len({entry.learner for entry in entries})
    print(f"학습자 {learners}명, 노트북 {len(entries)}개. ○ 통과 × 틀림 △ 빈칸 - 채점 안 함")
    if untouched := sorted(every - lessons):
        print(f"모두 받은 그대로라 적지 않은 수업: {', '.join(untouched)}")
    if csv_file:
        _write_csv(csv_file, [entry for entry in entries if entry.lessons & lessons or not entry.lessons])
        print(f"저장한 파일: {csv_file}")
    return 0


def read(folder: Path) -> list[Entry]:
    """노트북마다 하나씩, 학습자와 파일의 순서로 돌려줍니다. 읽지 못한 것도 이유와 함께 들어 있습니다."""
    paths = [path for path in folder.rglob("*.ipynb") if not any(p[0] == "." for p in path.relative_to(folder).parts)]
    entries = sorted((_read_one(path, folder) for path in paths), key=lambda entry: (entry.learner, entry.file))
    files = Counter((entry.learner, lesson) for entry in entries for lesson in entry.lessons)
    for entry in entries:
        for lesson in sorted(entry.lessons):
            if (count := files[entry.learner, lesson]) > 1:
                entry.reasons.append(f"이 학습자의 {lesson} 수업 파일이 {count}개입니다. 하나를 고르세요.")
    return entries


def _read_one(path: Path, folder: Path) -> Entry:
    entry = Entry(_learner(path, folder), _clean(path.relative_to(folder).as_posix()))
    versions: set[str] = set()
    try:
        notebook = json.loads(path.read_bytes().decode("utf-8-sig"))
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
        for said in (output.get("metadata", {}).get("llmkit", {}) for output in outputs):
            if "exercise" not in said:
                continue
            exercise, result = said["exercise"], RESULTS[said["result"]]
            if not re.fullmatch(r"\d\d-\d{1,2}", exercise):
                raise ValueError
            best = min(entry.results.get(exercise, result), result, key=[*MARKS].index)
            entry.results[exercise] = best
            versions.add(_clean(str(said.get("version"))))
        entry.untouched = notebook["cells"] == _handed_out(_lesson_in(path.stem))
        is_ours = bool(entry.results) or "llmkit" in notebook["metadata"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        entry.reasons.append(f"읽을 수 없는 노트북입니다({type(error).__name__}). 다시 받으세요.")
        return entry
    if not is_ours:
        entry.reasons.append("이 강좌의 노트북이 아닙니다.")
    elif not entry.results:
        entry.reasons.append("채점 결과가 없습니다. 연습의 check 셀을 실행하고 저장했는지 확인하세요.")
    if others := ", ".join(sorted(versions - {__version__})):
        advice = "다시 실행하면 확실합니다."
        entry.reasons.append(f"다른 버전에서 채점했습니다({others}, 지금은 {__version__}). {advice}")
    return entry


@functools.cache
def _handed_out(lesson: str) -> Any:
    """강좌 폴더에 있는 그 노트북의 셀들. 강좌 폴더가 아닌 곳에 설치했으면 없습니다."""
    path = ROOT / "notebooks" / f"{lesson}.ipynb"
    return json.loads(path.read_bytes())["cells"] if path.exists() else None


def _lesson_in(name: str) -> str:
    """이름에 든 수업의 이름. 없으면 빈 문자열입니다."""
    return next((lesson.stem for lesson in CASSETTES.glob("*.json") if lesson.stem in name), "")


def _learner(path: Path, folder: Path) -> str:
    first, *more = path.relative_to(folder).parts
    if more and first != _lesson_in(first):
        return _clean(first)
    stem = _COPY.sub("", _clean(path.stem))
    lesson = _lesson_in(stem)
    name = " ".join(stem.split(lesson, 1)) if lesson else stem
    return name.strip(" _-.") or _clean(folder.resolve().name)


def _clean(text: str) -> str:
    """macOS가 풀어 쓴 한글을 모으고, 터미널을 움직이는 글자를 뺍니다."""
    return "".join(char if char.isprintable() else "?" for char in unicodedata.normalize("NFC", text))


def _exercises(lesson: str, entries: list[Entry]) -> list[str]:
    """그 수업의 모든 연습. 아무도 채점하지 않은 것도 들어 있습니다."""
    try:
        importlib.import_module(f"..lessons.lesson_{lesson}", __package__)
    except ImportError:
        pass  # 이 버전에 없는 수업이면 노트북에 있는 것만 보입니다.
    known = {*checks._checks, *(exercise for entry in entries for exercise in entry.results)}
    return sorted((name for name in known if name[:2] == lesson), key=lambda name: int(name[3:]))


def _write_csv(path: Path, entries: list[Entry]) -> None:
    """학습자마다 한 줄이고, 확인할 파일은 따로 한 줄입니다."""
    lines: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        lines.setdefault((entry.learner, entry.file if entry.reasons else ""), []).append(entry)
    lessons = sorted({lesson for entry in entries for lesson in entry.lessons})
    exercises = [name for lesson in lessons for name in _exercises(lesson, entries)]
    rows = [["학습자", *exercises, "통과", "파일", "이유"]]
    for (learner, _), files in lines.items():
        shown = ["".join(entry.results.get(name, "") for entry in files) for name in exercises]
        names = ", ".join(entry.file for entry in files)
        rows.append([learner, *shown, str(shown.count("통과")), names, " ".join(files[0].reasons)])
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as file:  # BOM이 있어야 Excel이 한글로 읽습니다.
            csv.writer(file).writerows([_harmless(cell) for cell in row] for row in rows)
    except OSError as error:
        raise Refused(f"저장할 수 없습니다: {path}({error.strerror}). Excel에서 열어 두었다면 닫으세요.") from None


def _harmless(cell: str) -> str:
    """Excel이 수식으로 읽을 칸의 앞에 작은따옴표를 붙입니다. 이름은 남이 정한 글입니다."""
    return f"'{cell}" if re.match(r"\s*[=+\-@＝＋－＠]", cell) else cell
