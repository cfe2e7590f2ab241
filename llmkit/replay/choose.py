"""`setup`에 적은 것과 환경에 따라 모드와 카세트를 고릅니다."""

from __future__ import annotations

import os
from pathlib import Path

from ..common.errors import did_you_mean
from ..common.ipython import IN_PAGE
from ..common.keys import redact
from . import recorder
from .cassette import Cassette

MODES = ("auto", "live", "replay", "record")


def choose_mode(asked: str | None) -> str:
    is_recording = recorder.plan and recorder.plan.providers
    chosen = "record" if is_recording else asked or os.environ.get("LLMKIT_MODE", "").strip().lower() or "auto"
    if chosen not in MODES:
        raise ValueError(f"mode(LLMKIT_MODE)는 {', '.join(MODES)} 가운데 하나여야 합니다: {chosen!r}")
    in_ci = IN_PAGE or os.environ.get("CI", "").lower() not in ("", "0", "false")  # 페이지에서는 늘 재생합니다.
    return "replay" if in_ci and (IN_PAGE or chosen != "record") else chosen


def open_cassette(lessons: Path, lesson: str | None, path: str | os.PathLike[str] | None, mode: str) -> Cassette:
    if path is None and lesson is None:
        return Cassette()
    folder = Path(recorder.plan.cassettes) if recorder.plan else lessons
    file = folder / f"{lesson}.json" if path is None else Path(path)
    if path is None and mode != "record" and not file.exists():
        names = sorted(entry.stem for entry in folder.glob("*.json"))
        near = did_you_mean(lesson, names, cutoff=0.3)
        raise ValueError(f"없는 수업입니다: {redact(repr(lesson))}.{near} 있는 수업: {', '.join(names) or '없음'}")
    return Cassette.for_recording(file) if mode == "record" else Cassette.load(file)
