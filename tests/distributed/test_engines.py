"""Dask와 Ray의 프로그램: 호출 제한을 나누어 쓰고, 죽어도 잃지 않고, 줄마다의 비용이 서버의 기록과 같습니다."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from llmkit.commands.lock import missing

from .jobs import ENGINES, PROGRAMS, ROOT, Desk, Job, live, until

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        bool(missing("engines")), reason="엔진이 없습니다(따로 설치하는 수업): requirements/engines.txt"
    ),
    pytest.mark.parametrize("engine", ENGINES),
]
ROWS = 500  # 파티션 둘: 두 작업자가 하나씩 맡습니다.

# 작업자가 SDK를 읽고 켜지는 시간은 빼고, 저장된 응답이 없는 편지의 결과가 5초 안에 오는지 봅니다.
MISS = {
    "dask": """
import sys
from pathlib import Path
import dask_letters
from distributed import Client, LocalCluster

if __name__ == "__main__":
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None)
    with cluster, Client(cluster) as client:
        client.register_plugin(dask_letters.Turns(60_000))
        path, letters = Path(sys.argv[1]), [{"id": "편지-1", "text": "저장된 응답이 없습니다."}]
        client.submit(dask_letters.partition, path, [], 1).result()
        client.submit(dask_letters.partition, path, letters, 1).result(timeout=5)
""",
    "ray": """
import sys
from pathlib import Path
import ray_letters, ray

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
turns = ray_letters.Turns.remote(60_000)
path, letters = Path(sys.argv[1]), [{"id": "편지-1", "text": "저장된 응답이 없습니다."}]
ray.get(ray_letters.partition.remote(path, [], 1, turns))
ray.get(ray_letters.partition.remote(path, letters, 1, turns), timeout=5)
""",
}


def test_every_row_is_paid_once_at_one_shared_rate(engine: str, tmp_path: Path) -> None:
    with Desk(delay=20) as desk:
        job = Job(engine, tmp_path, ROWS, limit=8, per_minute=3_000)
        said = job.finish(job.start(**live(desk)), 600)
        assert f"받음 {ROWS}, 실패 0" in said
        assert sorted(desk.texts()) == sorted(letter["text"] for letter in job.letters)
        (printed,) = re.findall(r"비용 ([\d.]+) USD", said)
        assert Decimal(printed) == desk.cost() == job.cost() > 0
        assert desk.peak <= 8
        # 1초에 50번이면 10초 걸립니다. 작업자 둘이 저마다 50번씩 보내면 5초입니다.
        assert desk.billed[-1][0] - desk.billed[0][0] > 8
        assert "보낼 것 0통" in job.finish(job.start(**live(desk)), 600)
        assert len(desk.texts()) == ROWS


def test_a_killed_worker_and_a_killed_driver_lose_nothing(engine: str, tmp_path: Path) -> None:
    with Desk(delay=100) as desk:
        job = Job(engine, tmp_path, ROWS, limit=8)
        running = job.start(**live(desk))
        until(lambda: len(desk.billed) > ROWS // 4, running, 600)
        job.kill_a_worker(running)
        until(lambda: len(desk.billed) > ROWS // 2, running, 600)
        job.kill_the_driver(running)
        saved, before = set(job.answered()), len(desk.texts())
        assert saved
        job.finish(job.start(**live(desk)), 600)

        names = {letter["text"]: letter["id"] for letter in job.letters}
        assert sorted(job.answered()) == sorted(names.values())  # 잃은 줄도, 두 번 적힌 줄도 없습니다.
        assert not saved & {names[text] for text in desk.texts()[before:]}, "적힌 답변을 다시 샀습니다."
        assert desk.sent_twice() <= 4 + 8  # 죽은 작업자가 띄운 것(8의 절반)과, 드라이버가 죽을 때 떠 있던 것
        assert desk.cost() - job.cost() == desk.cost(desk.billed_again())


def test_a_miss_in_a_worker_is_a_failed_row_within_five_seconds(engine: str, tmp_path: Path) -> None:
    script, path = tmp_path / "miss.py", tmp_path / "part-0.jsonl"
    script.write_text(MISS[engine], encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(PROGRAMS)]), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, str(script), str(path)], env=environment, capture_output=True, encoding="utf-8", timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert path.read_text(encoding="utf-8") == '{"id": "편지-1", "error": "CassetteMiss"}\n'
