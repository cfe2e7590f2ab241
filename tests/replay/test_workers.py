"""작업자 프로세스에서 멈춘 것: 부모는 오지 않을 결과를 기다리지 않고, 무엇을 하면 되는지 적힌 예외를 받습니다."""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing.pool import ThreadPool
from pathlib import Path

import openai
import pytest

import llmkit
from conftest import ROOT

WORKERS = """
import concurrent.futures, multiprocessing, socket, sys
import llmkit, openai

def ask():
    openai.OpenAI().chat.completions.create(model="m", messages=[{"role": "user", "content": "없는 질문"}])

def through_the_hook(_):
    llmkit.setup("01_basics", mode="replay")
    ask()

def inside_with(_):
    with llmkit.setup("01_basics", mode="replay"):
        ask()

def around_the_hook(_):
    llmkit.setup("01_basics", mode="replay")
    socket.create_connection(("api.openai.com", 443))

def begin():
    llmkit.setup("01_basics", mode="replay")

def after_begin(_):
    ask()

def answer(kind, context, work):
    if kind == "pool":
        with context.Pool(1, begin) as pool:
            pool.apply(begin)  # 프로세스가 켜지는 시간은 빼고
            return pool.map_async(work, range(2)).get(5)
    with concurrent.futures.ProcessPoolExecutor(1, context, begin) as pool:
        pool.submit(begin).result()
        return list(pool.map(work, range(2), timeout=5))

if __name__ == "__main__":
    kind, method = sys.argv[1:]
    for work in (through_the_hook, inside_with, around_the_hook, after_begin):
        try:
            answer(kind, multiprocessing.get_context(method), work)
        except llmkit.CassetteMiss as miss:
            print("MISS", miss)
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("kind", ["pool", "executor"])
def test_a_miss_in_a_worker_process_reaches_the_parent(kind: str, method: str, tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text(WORKERS, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(tmp_path / "workers.py"), kind, method]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    _, *misses = done.stdout.split("MISS")
    assert ["아무것도 보내지 않았습니다" in miss and "계속하려면" in miss for miss in misses] == [True] * 4


def test_a_miss_that_reached_the_parent_is_shown_once(tmp_path: Path) -> None:
    code = WORKERS[: WORKERS.index("if __name__")] + (
        "if __name__ == '__main__':\n"
        "    begin()\n"
        "    answer('executor', multiprocessing.get_context('spawn'), through_the_hook)\n"
    )
    (tmp_path / "workers.py").write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(tmp_path / "workers.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.stderr.count("저장되지 않은 요청입니다") == 1, done.stderr


def test_a_miss_in_a_pool_of_threads_reaches_the_caller() -> None:
    def work(_: int) -> None:
        openai.OpenAI().chat.completions.create(model="m", messages=[])

    with llmkit.setup(mode="replay"), ThreadPool(2) as pool:
        with pytest.raises(llmkit.CassetteMiss, match="아무것도 보내지 않았습니다"):
            pool.map_async(work, range(2)).get(5)
