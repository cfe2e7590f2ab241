"""전체 녹화의 예행연습: 저장소의 사본에서, 대본과 다른 말을 하는 서버를 제공자로 믿게 하고 `record --all`을 실행합니다.

무엇을 실제 응답으로 칠지는 녹화기가 정하며 바꾸는 스위치가 없습니다. 그래서 사본의 커널이 켜질 때 녹화기의 판단 하나만 바꾸어 끼웁니다.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

from tests.authoring.provider import server, tokens
from tests.authoring.provider.script import Script
from tests.authoring.recording import FAKE_KEYS

ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "__pycache__", "*.egg-info", "*.recording", "shared")
_WORDS = [
    "봄바람",
    "골목길",
    "자전거",
    "도서관",
    "우체통",
    "저녁놀",
    "바닷가",
    "소나무",
    "할머니",
    "고양이",
    "수첩",
    "연필",
    "지붕",
    "창문",
    "달빛",
    "시장",
    "기차",
    "등불",
    "언덕",
    "강물",
]
_STARTUP = """
import os, sys
sys.path.insert(0, {root!r})
import llmkit.session as session, llmkit.replay.tape as tape
from tests.authoring.provider import redirect
assert session.__file__.startswith({root!r})

def setup(lesson=None, _setup=session.setup, **more):
    redirect.uninstall()
    redirect.install({ports!r}[lesson])
    return _setup(lesson, **more)

def reached_provider(ask, response, _reached=tape.reached_provider):
    return ask.provider != "local" or _reached(ask, response)

session.setup, tape.reached_provider = setup, reached_provider
"""


def other_words(text: str, seed: int = 0) -> str:
    """대본의 답과 뜻도 길이도 다른 글입니다. 코드는 코드로, JSON은 같은 구조의 JSON으로 남습니다."""
    if text.startswith("{"):
        with suppress(ValueError):
            return json.dumps(_other_values(json.loads(text)), ensure_ascii=False)
    if "```" in text:
        return re.sub(r"(```\w+\n)", r"다음과 같이 쓸 수 있습니다.\n\n\1# 다른 방법으로 썼습니다.\n", text, count=1)
    picks = [_WORDS[(len(text) * 7 + seed + step * step) % len(_WORDS)] for step in range(max(4, len(text) // 2))]
    sentences = [" ".join(picks[at : at + 5]) + " 이야기입니다." for at in range(0, len(picks), 5)]
    return " ".join(sentences)


def _other_values(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _other_values(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [_other_values(inside) for inside in value]
    if isinstance(value, str):
        return f"{value} {_WORDS[len(value) % len(_WORDS)]}"
    return value + 1 if type(value) in (int, float) else value


def other_script(script: Script) -> Script:
    entries = []
    for entry in script.entries:
        answers = [dataclasses.replace(a, text=a.text and other_words(a.text, n)) for n, a in enumerate(entry.answers)]
        entries.append(dataclasses.replace(entry, answers=answers))
    return dataclasses.replace(script, entries=entries)


class Copy:
    """저장소의 사본입니다. `lessons`가 있으면 그 노트북만 남깁니다."""

    def __init__(self, folder: Path, lessons: list[str] | None = None) -> None:
        self.root = folder / "course"
        shutil.copytree(ROOT, self.root, ignore=_LEFT_OUT)
        self._ipython = folder / "ipython"
        self.lessons = sorted(path.stem for path in (self.root / "notebooks").glob("[0-9]*_*.ipynb"))
        for name in self.lessons:
            if lessons and name not in lessons:
                (self.root / "notebooks" / f"{name}.ipynb").unlink()
        self.lessons = lessons or self.lessons

    @contextmanager
    def provider(self) -> Iterator[dict[str, server.Upstream]]:
        """수업마다 다른 말을 하는 서버를 켜고, 사본의 커널이 그것을 제공자로 알게 합니다."""
        count = tokens.prompt_tokens
        with ExitStack() as stack:
            stack.enter_context(mock.patch.object(tokens, "prompt_tokens", lambda *given: count(*given) + 11))
            scripts = {name: other_script(Script.of_lesson(name[:2])) for name in self.lessons}
            servers = {name: stack.enter_context(server.Upstream(script)) for name, script in scripts.items()}
            startup = self._ipython / "profile_default" / "startup"
            startup.mkdir(parents=True, exist_ok=True)
            ports = {name: upstream.port for name, upstream in servers.items()}
            text = _STARTUP.format(root=str(self.root), ports=ports)
            (startup / "00-rehearsal.py").write_text(text, encoding="utf-8")
            yield servers

    def run(self, *command: str, answer: str = "y\n", keys: dict[str, str] | None = None) -> tuple[int, str]:
        """사본에서 `python 명령`을 터미널에서 실행하듯 실행하고, 끝난 상태와 출력을 돌려줍니다."""
        environment = {name: value for name, value in os.environ.items() if name not in ("CI", "LLMKIT_MODE")}
        environment |= {"PYTHONPATH": str(self.root), "IPYTHONDIR": str(self._ipython), "PYTHONUNBUFFERED": "1"}
        environment |= FAKE_KEYS if keys is None else keys
        ours, theirs = pty.openpty()
        os.write(ours, answer.encode())
        done = subprocess.run(
            [sys.executable, *command], cwd=self.root, env=environment, stdin=theirs, timeout=1500,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        )  # fmt: skip
        os.close(ours), os.close(theirs)
        return done.returncode, done.stdout

    def cassette(self, lesson: str) -> dict:
        file = self.root / "llmkit" / "cassettes" / f"{lesson}.json"
        return json.loads(file.read_text(encoding="utf-8"))
