"""docs/distributed의 프로그램과 수업 10의 봇을 대본의 서버에 대고 실행하고, 죽이고, 세는 법."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

import llmkit
from tests.authoring.provider.handler import Handler
from tests.authoring.provider.script import Script
from tests.authoring.provider.server import Upstream

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "docs" / "distributed"
ENGINES = "dask", "ray"
SENTENCES = (
    "주문한 책이 젖어서 왔어요.",
    "독서 모임 자리를 토요일 두 시에 여섯 명으로 잡아 주세요.",
    "소설이 정말 좋았습니다.",
)
SCRIPT = """
date = 2026-11-26T09:00:00+09:00
first_token_ms = {delay}
[[entry]]
contains = "젖어서"
answer = "젖은 책의 교환을 원합니다."
[[entry]]
regex = "."
answer = "편지를 잘 받았습니다."
"""


class Counted(Handler):
    """답변마다 언제 어느 편지에 얼마를 썼는지, 동시에 몇 통이 떠 있었는지 적습니다. 요금은 답변을 만든 때에 듭니다."""

    server: Desk

    def _send_answer(self, body: dict[str, Any], fault: Any) -> None:
        desk = self.server
        with desk.lock:
            desk.billed.append((time.monotonic(), self.asked["messages"][-1]["content"], body["model"], body["usage"]))
            desk.running += 1
            desk.peak = max(desk.peak, desk.running)
        try:
            super()._send_answer(body, fault)
        finally:
            with desk.lock:
                desk.running -= 1


class Desk(Upstream):
    """답변마다 `delay`밀리초 걸리는 서버. `log`에는 온 요청이, `billed`에는 요금이 든 답변이 있습니다."""

    def __init__(self, delay: int) -> None:
        super().__init__(Script.parse(SCRIPT.format(delay=delay)))
        self.RequestHandlerClass = Counted
        self.lock, self.running, self.peak = threading.Lock(), 0, 0
        self.billed: list[tuple[float, str, str, dict[str, Any]]] = []

    def texts(self) -> list[str]:
        """온 편지들. 보내다가 죽은 프로그램의 요청은 본문이 없거나 반쪽이라 뺍니다."""
        bodies = [entry["body"] for entry in list(self.log)]
        return [body["messages"][-1]["content"] for body in bodies if body and "messages" in body]

    def sent_twice(self) -> int:
        """이미 보냈는데 또 온 요청의 수."""
        texts = self.texts()
        return len(texts) - len(set(texts))

    def billed_again(self) -> list[tuple[float, str, str, dict[str, Any]]]:
        """같은 편지에 또 만든 답변들."""
        seen: set[str] = set()
        return [one for one in self.billed if one[1] in seen or seen.add(one[1])]

    def cost(self, billed: list[tuple[float, str, str, dict[str, Any]]] | None = None) -> Decimal:
        """기록 × 단가: `add_cost`와 다른 길(`calculate_cost`)로 셉니다."""
        answers = self.billed if billed is None else billed
        kinds = Counter((model, json.dumps(usage, sort_keys=True)) for _, _, model, usage in answers)
        costs = (llmkit.calculate_cost(json.loads(usage), model) * times for (model, usage), times in kinds.items())
        return sum((cost.usd for cost in costs), Decimal(0))


def write_letters(path: Path, rows: int) -> list[dict[str, str]]:
    """글이 모두 다른 편지 `rows`통."""
    letters = [{"id": f"편지-{n}", "text": f"{n}번 손님입니다. {SENTENCES[n % 3]}"} for n in range(rows)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in letters), encoding="utf-8")
    return letters


@dataclass
class Job:
    """프로그램 하나를 빈 폴더에서 실행합니다. `name`은 "asyncio"(수업 10의 봇), "dask", "ray"입니다."""

    name: str
    folder: Path
    rows: int
    limit: int = 32
    per_minute: int = 60_000
    resident: int = 0  # 드라이버와 작업자의 RSS 합계가 가장 컸을 때(바이트)
    processes: int = 0
    _cpu: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.answers = self.folder / "answers"
        self.answers.mkdir(parents=True, exist_ok=True)
        self.letters = write_letters(self.folder / "letters.jsonl", self.rows)

    def command(self) -> list[str]:
        source = str(self.folder / "letters.jsonl")
        if self.name == "asyncio":
            bot = self.folder / "bot_10.py"
            bot.write_text(lesson_bot().replace("LIMIT = 4", f"LIMIT = {self.limit}"), encoding="utf-8")
            return [sys.executable, str(bot), source, str(self.answers / "part-00000.jsonl")]
        options = ["--per-minute", str(self.per_minute), "--limit", str(self.limit)]
        return [sys.executable, str(PROGRAMS / f"{self.name}_letters.py"), source, str(self.answers), *options]

    def start(self, **environment: str) -> subprocess.Popen[str]:
        running = subprocess.Popen(
            self.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **environment},
        )  # fmt: skip
        threading.Thread(target=self._watch, args=[running], daemon=True).start()
        return running

    def _watch(self, running: subprocess.Popen[str]) -> None:
        while running.poll() is None:
            resident = 0
            for process in (found := family(running.pid)):
                try:
                    resident += process.memory_info().rss
                    self._cpu[process.pid] = sum(process.cpu_times()[:2])
                except psutil.Error:
                    pass
            self.resident, self.processes = max(self.resident, resident), max(self.processes, len(found))
            time.sleep(0.5)

    @property
    def cpu_s(self) -> float:
        """지금까지 드라이버와 작업자가 쓴 CPU의 초."""
        return sum(self._cpu.values())

    def finish(self, running: subprocess.Popen[str], timeout: float) -> str:
        said, errors = running.communicate(timeout=timeout)
        assert running.returncode == 0, errors[-3000:]
        return said

    def written(self) -> list[dict[str, Any]]:
        """체크포인트에 적힌 줄들. 반쪽은 뺍니다."""
        rows = []
        for path in sorted(self.answers.glob("part-*.jsonl")):
            for line in path.read_text(encoding="utf-8").split("\n"):
                try:
                    rows.append(json.loads(line))
                except json.JSONDecodeError:
                    continue
        return rows

    def answered(self) -> list[str]:
        return [row["id"] for row in self.written() if "answer" in row]

    def cost(self) -> Decimal:
        """적힌 줄마다의 사용량을 `add_cost`로 더합니다."""
        rows = [row for row in self.written() if "answer" in row]
        for row in rows:
            if sent := row.get("usage"):  # 수업 10의 봇은 받은 그대로 적습니다.
                row |= {"model": llmkit.model("openai")}
                row |= {"input_tokens": sent["prompt_tokens"], "output_tokens": sent["completion_tokens"]}
        return llmkit.total_cost(llmkit.add_cost(pd.DataFrame(rows))).usd

    def kill_a_worker(self, running: subprocess.Popen[str]) -> None:
        """가장 많이 일한 작업자를 SIGKILL로 죽입니다."""
        max(workers(running.pid), key=lambda one: sum(one.cpu_times()[:2])).send_signal(signal.SIGKILL)

    def kill_the_driver(self, running: subprocess.Popen[str]) -> float:
        """드라이버를 SIGKILL로 죽이고, 작업자가 모두 사라지는 데 걸린 초를 돌려줍니다."""
        orphans = workers(running.pid)
        began = time.monotonic()
        running.kill()
        running.communicate()
        _, alive = psutil.wait_procs(orphans, timeout=60)
        assert not alive, alive
        return time.monotonic() - began


def workers(pid: int) -> list[psutil.Process]:
    """호출을 보내는 작업자 프로세스들."""
    marks = "ray::partition", "multiprocessing.spawn"
    return [one for one in family(pid)[1:] if any(mark in " ".join(one.cmdline()) for mark in marks)]


def family(pid: int) -> list[psutil.Process]:
    """프로세스와 그 자손들."""
    try:
        driver = psutil.Process(pid)
        return [driver, *driver.children(recursive=True)]
    except psutil.Error:
        return []


def lesson_bot() -> str:
    """수업 10이 만드는 봇."""
    cells = json.loads((ROOT / "notebooks/10_async.ipynb").read_text(encoding="utf-8"))["cells"]
    (source,) = ["".join(cell["source"]) for cell in cells if cell["id"] == "bot-write"]
    return source.split("'''")[1].replace("\\\\n", "\\n")


def live(desk: Desk) -> dict[str, str]:
    """프로그램이 실제 호출이라고 여기고 이 서버로 보내게 하는 환경 변수."""
    address = f"http://127.0.0.1:{desk.port}/v1"
    return {"LLMKIT_MODE": "live", "CI": "", "OPENAI_API_KEY": "desk-needs-no-key", "OPENAI_BASE_URL": address}


def until(condition: Any, running: subprocess.Popen[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert running.poll() is None, f"먼저 끝났습니다: {running.communicate()}"
        assert time.monotonic() < deadline, "거기까지 가지 않았습니다."
        time.sleep(0.02)
