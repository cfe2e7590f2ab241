"""보낸 기록: 녹화 중에 보냈지만 아직 다 받지 못한 호출을 파일에 적어 둡니다. 도중에 꺼져도 무엇에 요금이 들었는지 남습니다."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import threading
from pathlib import Path

from .request import Ask


class InFlight:
    """카세트 옆의 `<카세트>.<프로세스 번호>.sent`입니다. 받는 중인 호출이 없으면 파일도 없습니다."""

    def __init__(self, cassette: Path) -> None:
        self._cassette = cassette
        self._file = cassette.with_name(f"{cassette.name}.{os.getpid()}.sent")
        self._calls: dict[int, str] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def left_behind(self) -> list[str]:
        """꺼진 녹화가 남긴 호출들입니다. 한 번 알리고 나면 지웁니다."""
        lines: list[str] = []
        for file in self._cassette.parent.glob(f"{self._cassette.name}.*.sent"):
            with contextlib.suppress(OSError):
                lines += file.read_text(encoding="utf-8").splitlines()
                file.unlink()
        return lines

    def sent(self, ask: Ask) -> int:
        """이제 보냅니다. 끝났을 때 `received`에 넘길 번호를 돌려줍니다."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        line = f"{now} {ask.provider} {ask.method} {ask.path.partition('?')[0]} {ask.model or ''}"
        with self._lock:
            self._calls[number := next(self._numbers)] = " ".join(line.split())
            self._write()
        return number

    def received(self, number: int) -> None:
        with self._lock:
            self._calls.pop(number, None)
            self._write()

    def close(self) -> None:
        """녹화를 마칩니다. 멈춘 호출은 학습자가 이미 압니다."""
        with self._lock:
            self._calls.clear()
            self._write()

    def _write(self) -> None:
        with contextlib.suppress(OSError):  # 가득 찬 디스크는 카세트에 담을 때 알립니다.
            if self._calls:
                self._file.write_text("\n".join(self._calls.values()) + "\n", encoding="utf-8")
            else:
                self._file.unlink(missing_ok=True)
