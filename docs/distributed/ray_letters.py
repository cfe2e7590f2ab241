"""편지를 Ray의 작업자들에게 나누어 요약합니다. `python ray_letters.py letters.jsonl answers`"""

import asyncio
import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # 사용 통계를 보내지 않습니다. ray를 불러오기 전에 정합니다.
if "--address" not in sys.argv:
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # 어느 운영체제에서든 이 컴퓨터 안에서만(127.0.0.1) 듣습니다.

import letters as job
import ray


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class Turns(job.Throttle):
    """호출 제한을 actor 하나에 둡니다. 그 프로세스가 죽으면 Ray가 새로 켭니다."""


@ray.remote(max_retries=3)
def partition(path, letters, limit, turns):
    asyncio.run(job.work(path, letters, limit, turns.take.remote))
    return job.cost(path)


def main():
    given = job.options("10.0.0.1:6379")
    parts = job.split(given.letters, given.answers)
    job.announce(parts)
    ray.cloudpickle.register_pickle_by_value(job)  # letters.py가 없는 컴퓨터의 작업자에게는 코드도 함께 갑니다.
    local = {"num_cpus": 2, "include_dashboard": False}
    ray.init(log_to_driver=False, **({"address": given.address} if given.address else local))
    turns = Turns.remote(given.per_minute)
    workers = int(ray.cluster_resources()["CPU"])
    limit = max(1, given.limit // workers)
    costs = ray.get([partition.remote(path, letters, limit, turns) for path, letters in parts])
    ray.shutdown()
    job.report(parts, costs)


if __name__ == "__main__":
    main()
