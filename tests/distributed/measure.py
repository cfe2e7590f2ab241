"""docs/distributed/README.md의 표를 다시 잽니다: python -m tests.distributed.measure --rows 20000 [asyncio dask ray]

프로그램마다 한 번 실행합니다. 절반까지는 그대로 두고 재고, 6할에서 작업자를, 8할에서 드라이버를 SIGKILL로 죽인 뒤 이어서 합니다.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import jobs

DELAY = 100  # 답변 하나에 걸리는 밀리초
HEADS = (
    "줄/초", "첫 요청까지(초)", "그동안의 CPU(초)", "CPU(ms/줄)", "RSS(MB)", "프로세스", "부하",
    "잃은 줄", "적혔는데 다시 보낸 줄", "두 번 보낸 줄", "작업자가 모두 사라지기까지(초)", "두 번 든 요금",
)  # fmt: skip


def measure(name: str, rows: int) -> Iterator[object]:
    with tempfile.TemporaryDirectory() as folder, jobs.Desk(DELAY) as desk:
        job = jobs.Job(name, Path(folder), rows)
        began = time.monotonic()
        running = job.start(**jobs.live(desk))
        jobs.until(lambda: len(desk.billed) > 0, running, 3600)
        start_cpu = job.cpu_s
        jobs.until(lambda: len(desk.billed) > rows // 2, running, 3600)
        first, half = desk.billed[0][0], desk.billed[rows // 2][0]
        yield from (f"{rows / 2 / (half - first):.0f}", f"{first - began:.0f}", f"{start_cpu:.0f}")
        yield f"{(job.cpu_s - start_cpu) * 2000 / rows:.1f}"
        yield from (f"{job.resident / 1e6:,.0f}", job.processes, f"{os.getloadavg()[0]:.0f}")

        jobs.until(lambda: len(desk.billed) > rows * 6 // 10, running, 3600)
        if name in jobs.ENGINES:
            job.kill_a_worker(running)
        jobs.until(lambda: len(desk.billed) > rows * 8 // 10, running, 3600)
        gone = job.kill_the_driver(running)
        saved, before = set(job.answered()), len(desk.texts())
        job.finish(job.start(**jobs.live(desk)), 3600)

        answered, ids = job.answered(), {letter["text"]: letter["id"] for letter in job.letters}
        again = saved & {ids[text] for text in desk.texts()[before:]}
        assert len(answered) == len(set(answered)), "한 편지의 답변이 두 번 적혔습니다."
        wasted = desk.cost() - job.cost()  # 요금은 들었지만 적히지 못한 답변
        assert wasted == desk.cost(desk.billed_again()), "줄마다의 비용이 서버의 기록과 다릅니다."
        yield from (rows - len(set(answered)), len(again), desk.sent_twice(), f"{gone:.1f}")
        yield f"{wasted.normalize():f} USD"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.distributed.measure")
    parser.add_argument("names", nargs="*", default=["asyncio", *jobs.ENGINES])
    parser.add_argument("--rows", type=int, default=20_000)
    given = parser.parse_args()
    for name in given.names:
        print(f"== {name}, {given.rows:,}줄", flush=True)
        for head, value in zip(HEADS, measure(name, given.rows), strict=True):
            print(f"{head}: {value}", flush=True)


if __name__ == "__main__":
    main()
