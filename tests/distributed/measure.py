"""docs/distributed/README.md의 표를 다시 잽니다: python -m tests.distributed.measure --rows 20000 [asyncio dask ray]"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

from . import jobs

DELAY = 100  # 답변 하나에 걸리는 밀리초


def whole_run(name: str, rows: int) -> str:
    """방해 없이 한 번: 속도, CPU, 메모리, 그리고 비용이 서버의 기록과 같은지."""
    with tempfile.TemporaryDirectory() as folder, jobs.Desk(DELAY) as desk:
        job = jobs.Job(name, Path(folder), rows)
        began, load = time.monotonic(), os.getloadavg()[0]
        said = job.finish(job.start(**jobs.live(desk)), 3600)
        took, first, last = time.monotonic() - began, desk.billed[0][0], desk.billed[-1][0]
        assert len(set(job.answered())) == len(job.answered()) == len(desk.log) == rows
        same = name == "asyncio" or f"비용 {desk.cost():.12f} USD" in said
        return (
            f"| {name} | {rows / (last - first):.0f} | {took:.0f} | {first - began:.0f} | {1000 * job.cpu_s / rows:.1f} | "
            f"{job.resident / 1e6:,.0f} ({job.processes}) | {desk.peak} | {'같음' if same else '다름'} | {load:.1f} |"
        )


def killed_run(name: str, rows: int) -> str:
    """3분의 1에서 작업자를, 3분의 2에서 드라이버를 죽이고 이어서 합니다."""
    with tempfile.TemporaryDirectory() as folder, jobs.Desk(DELAY) as desk:
        job = jobs.Job(name, Path(folder), rows)
        running = job.start(**jobs.live(desk))
        if name != "asyncio":
            jobs.until(lambda: len(desk.billed) > rows // 3, running, 3600)
            job.kill_a_worker(running)
        jobs.until(lambda: len(desk.billed) > rows * 2 // 3, running, 3600)
        twice_by_worker = len(desk.log) - len(set(desk.texts()))
        gone = job.kill_the_driver(running)
        saved, before, again_before = set(job.answered()), len(desk.log), len(desk.log) - len(set(desk.texts()))
        job.finish(job.start(**jobs.live(desk)), 3600)
        answered = job.answered()
        text_of = {letter["text"]: letter["id"] for letter in job.letters}
        bought_again = saved & {text_of[text] for text in desk.texts()[before:]}
        twice = sum(times - 1 for times in Counter(desk.texts()).values())
        assert again_before >= twice_by_worker
        return (
            f"| {name} | {rows - len(set(answered))} | {len(bought_again)} | {len(answered) - len(set(answered))} | "
            f"{again_before} | {twice - again_before} | {gone:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.distributed.measure")
    parser.add_argument("names", nargs="*", default=["asyncio", *jobs.ENGINES])
    parser.add_argument("--rows", type=int, default=20_000)
    given = parser.parse_args()
    print("| | 줄/초 | 전체(초) | 첫 요청까지(초) | CPU(ms/줄) | RSS(MB, 프로세스) | 동시에 | 비용 | 부하 |", flush=True)
    for name in given.names:
        print(whole_run(name, given.rows), flush=True)
    print("| | 잃은 줄 | 적혔는데 다시 보낸 줄 | 두 번 적힌 줄 | 작업자를 죽인 뒤 두 번 보낸 줄 | 드라이버를 죽인 뒤 | 모두 사라지기까지(초) |")
    for name in given.names:
        print(killed_run(name, given.rows), flush=True)


if __name__ == "__main__":
    main()
