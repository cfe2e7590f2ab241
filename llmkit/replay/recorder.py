"""녹화기: 끝난 교환을 바로바로 카세트에 담습니다. 담으면 안 되는 것은 담지 않고 이유를 말합니다."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Protocol

from ..common.errors import BudgetReached, CassetteError
from ..common.ipython import say
from ..common.keys import has_secret, known_keys, redact
from ..common.ledger import Call
from ..common.sse import documents
from .cassette import Cassette, left_behind
from .exchange import Exchange
from .plan import Plan, Result, all_cells_ran
from .player import Player, fingerprint
from .request import Ask, leaves
from .tape import Tape

# `llmkit.commands.record`가 켠 커널에서만 있습니다.
plan = Plan.of_this_kernel()


class Meter(Protocol):
    """쓴 비용을 세는 것. `llmkit.cost.receipt.Budget`입니다."""

    usd: Decimal
    unpriced: int

    def add(self, call: Call) -> None: ...
    def why_stop(self) -> str | None: ...


class CellRun:
    """셀을 한 번 실행하는 동안의 녹화입니다. 스트림은 다음 셀에서 끝나기도 하므로, 요청할 때의 것을 기억해 둡니다."""

    def __init__(self, source: str) -> None:
        self.cell = fingerprint(source)
        self.take = plan.takes.get(self.cell, 1) if plan else 1
        self.place: Counter[str] = Counter()  # 요청마다 몇 번째 답까지 담았는지
        self.said: dict[str, list[str]] = defaultdict(list)  # input()의 물음마다 준 대답


class Recorder:
    """`refused`에는 담지 못한 이유가 쌓입니다. 하나라도 있으면 `python -m llmkit record`는 실패로 끝납니다.

    계획이 있으면 카세트 옆의 파일(`.recording`)에 담다가, 노트북을 끝까지 녹화했을 때에만 카세트를 바꿉니다. 대화의 앞만 새
    응답인 카세트는 재생할 수 없기 때문입니다. 멈췄다면 다음 녹화가 그 파일에 있는 응답은 다시 부르지 않고 씁니다.
    """

    def __init__(self, cassette: Cassette, on_authored: Callable[[str], None], budget: Meter | None = None) -> None:
        self.cassette, self._target = cassette, cassette.path
        self._on_authored = on_authored  # 샘플 응답을 받으면 그 제공자를 알립니다.
        self._budget = budget  # 계획에 따라 녹화할 때만 셉니다.
        self.refused: list[str] = []
        self._stopped: str | None = None
        self._old = list(cassette.exchanges)
        self._fresh: set[str] = set()  # 이번에 새로 답을 받은 요청
        self._paid = Player(self._start_over(plan) if plan else Cassette())
        self._asked: dict[str, str] = {}  # input()의 물음 → 처음 물은 셀
        self._sent: dict[Tape, str] = {}  # 보냈지만 아직 다 받지 못한 호출
        self._lock = threading.Lock()
        lines: list[str] = []
        for file in left_behind(self._target, "sent") if self._target else ():
            with contextlib.suppress(OSError):
                lines += file.read_text(encoding="utf-8", errors="replace").splitlines()
                file.unlink()
        if lines:
            said = "지난 녹화가 도중에 꺼져 응답을 담지 못한 호출이 있습니다. 요금이 들었을 수 있습니다."
            say(redact("\n  ".join([f"llmkit: {said}", *lines])))
        self.start_cell("")

    def start_cell(self, source: str) -> None:
        self._run = CellRun(source)
        self._paid.start_cell(source)

    # 보내기 전 -----------------------------------------------------------------------------------------

    def _start_over(self, plan: Plan) -> Cassette:
        """녹화할 제공자의 것을 비우고 시작합니다. 지난번에 멈춘 녹화에서 제공자가 실제로 한 응답들을 돌려줍니다."""
        cassette, providers = self.cassette, plan.providers
        cassette.exchanges = [e for e in cassette.exchanges if e.provider not in providers]
        cassette.models = {name: model for name, model in cassette.models.items() if name not in providers}
        cassette.inputs = {}
        if cassette.path is None:
            return Cassette()
        cassette.path = cassette.path.with_suffix(".recording")
        left = Cassette.load(cassette.path).exchanges if cassette.path.exists() else []
        # 샘플 응답과 실패(틀린 키의 401, 호출 제한)는 쓰지 않습니다. 비용 없이 다시 부르면 되고, 이번에는 다를 수 있습니다.
        paid = (e for e in left if e.provenance == "recorded" and e.provider in providers)
        return Cassette(exchanges=[e for e in paid if e.status and e.status < 400 and not e.error])

    def replay(self, ask: Ask) -> Exchange | None:
        """지난번에 멈춘 녹화에 이 요청의 응답이 있으면 그것을 담고 돌려줍니다."""
        if not self._paid.has(ask.key, self._run.take):
            return None
        exchange = self._paid.play(ask, lambda ask: [])
        self._keep(exchange, self._run)
        return exchange

    def check_budget(self) -> None:
        """예산을 다 썼으면 `BudgetReached`를 던집니다. 호출을 보내기 전마다 부릅니다."""
        with self._lock:
            self._stopped = self._stopped or (self._budget.why_stop() if self._budget else None)
            self._report()
        if self._stopped:
            raise BudgetReached(f"{self._stopped} 이 요청은 보내지 않았고, 녹화는 여기서 멈춥니다.")

    def _report(self, done: bool = False) -> None:
        if self._budget:
            Result(self.refused, str(self._budget.usd), self._budget.unpriced, self._stopped, done).write()

    def start_tape(self, ask: Ask, call: Call, *headers: str) -> Tape:
        """응답을 받아 적을 테이프를 겁니다. `headers`는 키가 든 요청 헤더의 값들입니다."""
        run, keys = self._run, known_keys(*headers)

        def keep(exchange: Exchange) -> None:
            try:
                self._store(exchange, call, run, keys)
            finally:
                with self._lock:
                    self._sent.pop(tape, None)
                    self._write_sent()

        tape = Tape(ask, call, keep)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        line = f"{now} {ask.provider} {ask.method} {ask.path.partition('?')[0]} {ask.model or ''}"
        with self._lock:
            self._sent[tape] = " ".join(line.split())
            self._write_sent()
        return tape

    def _write_sent(self) -> None:
        """받는 중인 호출을 `<카세트>.<프로세스 번호>.sent`에 적습니다. 도중에 꺼져도 무엇에 요금이 들었는지 남습니다."""
        if self._target is None:
            return
        file = self._target.with_name(f"{self._target.name}.{os.getpid()}.sent")
        with contextlib.suppress(OSError, ValueError):  # 가득 찬 디스크는 카세트에 담을 때 알립니다.
            if self._sent:
                file.write_text("\n".join(self._sent.values()) + "\n", encoding="utf-8")
            else:
                file.unlink(missing_ok=True)

    # 담기 ----------------------------------------------------------------------------------------------

    def _store(self, exchange: Exchange, call: Call, run: CellRun, keys: set[str]) -> None:
        call.provenance = exchange.provenance
        if call.provenance == "authored":
            self._on_authored(exchange.provider)
        if self._budget:
            with self._lock:
                self._budget.add(call)
                self._report()
        if any(has_secret(text, keys) for text in _texts(exchange)):
            self._refuse(f"{exchange.provider} {exchange.path}", "키로 보이는 글이 들어 있습니다")
        else:
            self._keep(exchange, run)

    def _keep(self, exchange: Exchange, run: CellRun) -> None:
        """교환 하나를 담고 파일에 씁니다. `run`은 요청한 셀입니다."""
        what = f"{exchange.provider} {exchange.path}"
        with self._lock:
            exchange.cell, exchange.take = run.cell, run.take
            kept = self.cassette.exchanges
            if exchange.key not in self._fresh:  # 새로 녹화하는 요청의 옛 답은 이제 필요 없습니다.
                self._fresh.add(exchange.key)
                kept[:] = [e for e in kept if e.key != exchange.key]
            siblings = [at for at, e in enumerate(kept) if e.key == exchange.key and e.take == exchange.take]
            place = run.place[exchange.key]
            run.place[exchange.key] += 1
            if place >= len(siblings):
                kept.append(exchange)
            elif (before := kept[siblings[place]]).same_answer(exchange):
                return
            elif before.cell == exchange.cell:
                kept[siblings[place]] = exchange
            else:
                reason = "다른 셀이 같은 요청에 다른 답을 받았습니다. 셀 메타데이터에 take 번호를 적으세요"
                return self._refuse(what, reason)
            if not self._save(what):
                kept[:] = [e for e in kept if e is not exchange]

    def _save(self, what: str) -> bool:
        """파일에 씁니다. JSON으로 적을 수 없는 것이 있으면 False이고, 다른 이유이면 다음에 쓸 때 함께 씁니다."""
        try:
            self.cassette.save()
        except CassetteError as error:
            self._refuse(what, str(error).rstrip("."))
        except OSError as error:  # 가득 찬 디스크
            self._refuse(what, f"파일에 쓰지 못했습니다({error.strerror})")
        except (ValueError, RecursionError):  # 수백 겹으로 겹친 JSON
            self._refuse(what, "JSON으로 적을 수 없습니다")
            return False
        return True

    def _refuse(self, what: str, reason: str) -> None:
        line = redact(f"{what}: {reason}. 카세트에 담지 않았습니다.")
        self.refused.append(line)
        say(f"llmkit: {line}")

    def model(self, provider: str, model: str) -> None:
        with self._lock:
            self.cassette.models[provider] = model
            self._save(f"{provider} 모델")

    def reply(self, prompt: str) -> str | None:
        """`input(prompt)`에 줄 다음 대답을 계획에서 꺼내고, 재생에서 쓰도록 카세트에도 담습니다."""
        run, inputs = self._run, plan.inputs if plan else {}
        replies = inputs.get(run.cell, [])
        place = sum(map(len, run.said.values()))
        if place >= len(replies):
            return None
        run.said[prompt].append(replies[place])
        first = self._asked.setdefault(prompt, run.cell)
        if inputs[first] != replies and len(run.said[prompt]) == 1:
            reason = "다른 셀이 같은 물음에 다른 대답을 했습니다. 물음의 글을 다르게 적으세요"
            self._refuse(f"input({prompt!r})", reason)
        self.cassette.inputs[prompt] = run.said[prompt]
        return replies[place]

    # 마치기 --------------------------------------------------------------------------------------------

    def close_open(self) -> None:
        """아무도 닫지 않은 스트림(읽다 만 채 변수에 남은 것)을 지금까지 온 데까지 담습니다."""
        for tape in list(self._sent):
            tape.close()
        with self._lock:  # 멈춘 호출은 학습자가 이미 압니다.
            self._sent.clear()
            self._write_sent()

    def finish(self) -> None:
        """계획이 있을 때, 커널이 꺼지며 부릅니다. 마지막 셀까지 왔고 빠진 것이 없으면 카세트를 새것으로 바꿉니다."""
        self.close_open()
        whole = all_cells_ran().exists() and not self.refused and not self._stopped
        if whole and self.cassette.path and self._target:
            for exchange in self.cassette.exchanges:
                self._keep_times(exchange)
            self._save("녹화를 마치며")
            if whole := not self.refused:
                self.cassette.path.replace(self._target.resolve())
        self._report(done=whole)

    def _keep_times(self, exchange: Exchange) -> None:
        """같은 답이 또 왔으면 잰 시간은 앞의 것을 둡니다. 그래야 다시 녹화한 diff에 바뀐 답만 나옵니다."""
        for old in self._old:
            if (old.key, old.provenance) == (exchange.key, exchange.provenance) and old.same_answer(exchange):
                exchange.delay, exchange.events, exchange.origin = old.delay, old.events, old.origin
                return


def _texts(exchange: Exchange) -> Iterator[str]:
    """키가 숨어 있을 수 있는 모든 글. 큰 그림이 든 본문을 여러 번 보지 않도록, 앞의 글에 그대로 든 것은 뺍니다."""
    yield exchange.path
    yield from exchange.headers.values()
    yield from exchange.error or ()
    asked = json.dumps(exchange.body, ensure_ascii=False)
    yield asked
    yield from (text for _, value in leaves(exchange.body) if (text := str(value)) not in asked)
    content = exchange.payload
    answered = content.decode("utf-8", "replace")
    yield answered
    plain = re.sub(r"\\+u00([0-7][0-9a-fA-F])", lambda escape: chr(int(escape[1], 16)), answered)
    yield from (text for text in (plain, *_joined(content)) if text not in answered)


def _joined(content: bytes) -> Iterator[str]:
    """스트림에서 조각으로 나뉘어 온 글을 이어 붙입니다. 번갈아 오는 글(n=2, 글과 도구 인자)은 따로 잇습니다."""
    joined: dict[Any, str] = defaultdict(str)
    for document in documents(content):
        items = [(path, path.rpartition(".")[2], value) for path, value in leaves(document)]
        which = tuple(value for _, name, value in items if name.endswith(("index", "type", "item_id")))
        for path, _, value in items:
            if isinstance(value, str):
                joined[path] += value
                joined[path, which] += value
    yield from joined.values()
