"""편지를 Dask의 작업자들에게 나누어 요약합니다. `python dask_letters.py letters.jsonl answers`"""

import cloudpickle
import letters as job
from distributed import Client, LocalCluster, SchedulerPlugin, get_worker


class Turns(SchedulerPlugin):
    """호출 제한을 스케줄러에 둡니다. 작업자(와 그 위의 actor)는 죽을 수 있지만 스케줄러는 끝까지 있습니다."""

    name = "turns"

    def __init__(self, per_minute):
        self.throttle = job.Throttle(per_minute)

    async def start(self, scheduler):
        scheduler.handlers["take_turn"] = self.throttle.take  # get_worker().scheduler.take_turn()이 됩니다.


async def partition(path, letters, limit):
    """async로 쓴 일은 작업자의 이벤트 루프에서 돕니다."""
    await job.work(path, letters, limit, get_worker().scheduler.take_turn)
    return job.cost(path)


def main():
    given = job.options("tcp://10.0.0.1:8786")
    parts = job.split(given.letters, given.answers)
    job.announce(parts)
    cloudpickle.register_pickle_by_value(job)  # letters.py가 없는 컴퓨터의 작업자에게는 코드도 함께 갑니다.
    local = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with Client(given.address or LocalCluster(**local)) as client:
        client.register_plugin(Turns(given.per_minute))
        workers = len(client.scheduler_info(n_workers=-1)["workers"])
        limit = max(1, given.limit // workers)
        # 작업자가 죽으면 Dask가 그 파티션만 다른 작업자에게 다시 맡깁니다.
        costs = client.gather(client.map(partition, *zip(*parts), limit=limit))
        if given.address is None:
            client.shutdown()
    job.report(parts, costs)


if __name__ == "__main__":  # 작업자 프로세스가 이 파일을 다시 읽습니다.
    main()
