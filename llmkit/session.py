"""`setup`과 `Session`: 수업 하나를 재생할지 실제로 호출할지 정하고, 그동안 있었던 호출을 기억합니다."""

from __future__ import annotations

import atexit
import os
import threading
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from . import models
from .common.clock import choose_pace, set_clock, today
from .common.errors import CassetteMiss, Halt, PlaceholderKey, did_you_mean
from .common.keys import fill_placeholders, find_key, load_environment, redact, unload_environment
from .common.ledger import Call
from .common.providers import EMBEDDINGS_PORT, LOCAL_PORT, OLLAMA_PORT, PLACEHOLDERS, PROVIDERS, is_listening
from .replay import hook, recorder
from .replay.advice import STALE_CLIENT, Samples, describe, ways_on
from .replay.cassette import Cassette
from .replay.choose import choose_mode, open_cassette
from .replay.exchange import Exchange
from .replay.notebook import Halts, Notebook
from .replay.plan import Result
from .replay.player import Player
from .replay.recorder import Recorder
from .replay.request import Ask
from .replay.shown import Shown
from .replay.tape import Tape

if TYPE_CHECKING:
    from .cost.receipt import Receipt

CASSETTES = Path(str(files("llmkit"))) / "cassettes"
LOCAL_PORTS = (OLLAMA_PORT, LOCAL_PORT, EMBEDDINGS_PORT)

_File = str | os.PathLike[str]
_sessions: list[Session] = []  # 마지막 것이 지금의 세션. 그 앞의 것은 `with`를 나가면 돌아갈 세션입니다.
_swap = threading.RLock()  # 여러 스레드가 한꺼번에 세션을 바꾸지 않게 합니다.


def setup(
    lesson: str | None = None, *, mode: str | None = None, pace: float | None = None, cassette: _File | None = None
) -> Session:
    """수업을 시작합니다. 키가 있는 제공자는 실제로 호출하고, 없는 제공자는 녹화를 재생합니다.

    `.env`와 Colab의 비밀에서 키를 읽고, 제공자마다 재생인지 실제 호출인지를 이유와 함께 출력합니다. 다시 불러도 됩니다.

    Args:
        lesson: 수업 이름("01_basics"). 없으면 카세트 없이 시작합니다.
        mode: "auto"(키가 있으면 live), "live", "replay", "record". 없으면 `LLMKIT_MODE`, "auto" 순서로 정합니다.
        pace: 재생의 속도. 1이면 녹화한 박자, 0이면 기다리지 않음. 없으면 `LLMKIT_PACE`, 사람이 보는 노트북은 1, 그 밖은 0.
        cassette: 수업의 카세트 대신 쓸 파일.

    Returns:
        `Session`. `with`로 쓰면 나갈 때 모든 것을 원래대로 되돌립니다.

    Raises:
        ValueError: 없는 수업이나 모르는 mode일 때.
        CassetteError: 카세트가 깨졌을 때.

    >>> with setup("01_basics", mode="replay", pace=0) as session:  # doctest: +ELLIPSIS
    ...     pass
    llmkit 01_basics...
    """
    with _swap:
        session = _begin(lesson, mode, pace, cassette)
    session._notebook.begin(session.banner())
    return session


def _begin(lesson: str | None, mode: str | None, pace: float | None, cassette: _File | None) -> Session:
    before = current_session()
    load_environment()
    try:
        chosen, speed = choose_mode(mode), choose_pace(pace)
        if before and before.recorder:
            before.recorder.close_open()  # 같은 카세트를 다시 열기 전에, 읽다 만 스트림까지 적어 둡니다.
        session = Session(lesson, open_cassette(CASSETTES, lesson, cassette, chosen), chosen, speed)
    except BaseException:  # 앞의 세션이 그대로 남습니다.
        if before:
            fill_placeholders(before.modes)
        raise
    _take_over(session)
    return session


def current_session() -> Session | None:
    """`setup`이 만든 지금의 세션입니다."""
    return next(reversed(_sessions), None)


def _take_over(session: Session) -> None:
    if before := current_session():
        before._detach()
        session._samples.ever |= before._samples.ever  # 변수에 남은 샘플 응답은 그대로입니다.
        session.shown = before.shown
    # setup 셀을 다시 실행할 때마다 쌓이지 않게 합니다. 아직 `with`에 들어가지 않았을 뿐인 것도 있으므로, 처음 것은 언제나 남깁니다.
    if len(waiting := [earlier for earlier in _sessions if not earlier._entered]) > 8:
        _sessions.remove(waiting[1])
    _sessions.append(session)
    session._attach()


def _budget() -> recorder.Meter | None:
    if recorder.plan is None:
        return None
    from .cost.receipt import Budget  # 가격표는 무거우므로 계획이 있을 때만 읽습니다.

    return Budget(recorder.plan.budget, recorder.plan.unpriced)


@atexit.register
def _finish_recording() -> None:
    session = current_session()
    if recorder.plan and session and session.recorder:
        session.recorder.finish()
    elif recorder.plan and session:
        Result(played=[session.played[id(exchange)] for exchange in session.cassette.exchanges]).write()


class Session:
    """수업 하나의 상태입니다. `setup`이 만듭니다. `calls`에는 HTTP 시도가 순서대로 있고, `receipt()`가 그것을 셈합니다."""

    def __init__(self, lesson: str | None, cassette: Cassette, mode: str, pace: float) -> None:
        self.lesson, self.cassette, self.pace = lesson, cassette, pace
        self.own_hosts: set[str] = set()  # 재생 중에도 실제로 호출하는 곳. `try_client`가 더합니다.
        self.calls: list[Call] = []
        self.halts = Halts()
        self.played: Counter[int] = Counter()  # 재생한 교환(id) → 몇 번
        self.player = Player(cassette)
        self._samples, self.shown = Samples(), Shown()
        self.recorder = Recorder(cassette, self._samples.note, _budget()) if mode == "record" else None
        self._keys = {name: find_key(provider) for name, provider in PROVIDERS.items() if provider.keys}
        self.modes = {name: self._mode_of(name, mode) for name in PROVIDERS}  # 제공자 → MODES 가운데 하나
        self._entered = False

    @property
    def is_replay(self) -> bool:
        """실제로 호출하는 제공자가 하나도 없으면 True입니다."""
        return self.refuses(PROVIDERS)

    def refuses(self, providers: Iterable[str]) -> bool:
        """이 제공자들이 모두 재생 중이면 True입니다. 그때는 그리로 아무것도 나가지 않습니다."""
        return not any(self.modes[name] in ("live", "record") for name in providers)

    def _mode_of(self, name: str, asked: str) -> str:
        if recorder.plan and name not in recorder.plan.providers:
            return "replay"
        if asked != "auto" or name == "local":  # 로컬 서버가 켜져 있는지는 요청할 때 봅니다.
            return asked
        return "live" if self._keys[name].found else "replay"

    def banner(self) -> str:
        """제공자마다 재생인지 실제 호출인지를 이유와 함께 한 줄씩 적습니다."""
        used = {exchange.provider for exchange in self.cassette.exchanges}
        lines = [f"llmkit {self.lesson or '(수업 없이 시작했습니다)'}"]
        for name, mode in self.modes.items():
            if name in used or mode in ("live", "record"):
                server_is_on = name == "local" and any(is_listening("127.0.0.1", port) for port in LOCAL_PORTS)
                lines.append("  " + describe(name, mode, self._keys.get(name), self.cassette, server_is_on))
        return "\n".join(lines)

    def compares(self, ask: Ask) -> bool:
        mode = self.modes[ask.provider]
        return mode != "live" and (mode != "auto" or self.player.knows_path(ask))

    def answer(self, ask: Ask) -> tuple[Exchange, Call] | Tape:
        mode, url = self.modes[ask.provider], ask.request.url
        is_live = mode in ("live", "record") or url.host in self.own_hosts
        if mode == "auto" and not is_live:
            # 학습자의 서버입니다. 아직 켜지는 중이면 연결이 거부된 그대로 알려야 기다릴 수 있습니다.
            is_own = url.port not in LOCAL_PORTS
            # 켜져 있는지는 재생할 답이 있을 때만 봅니다. 연결을 하나만 받는 서버도 있습니다.
            is_live = is_own and not self.player.knows_path(ask)
            is_live = is_live or is_listening(url.host, url.port or (443 if url.scheme == "https" else 80))
            is_live = is_live or (is_own and not self.player.knows(ask))
        try:
            paid = self.recorder.replay(ask) if self.recorder and mode == "record" else None
            if paid is None and is_live:
                return self._listen(ask)
            exchange = paid or self.player.play(ask, lambda ask: ways_on(self._keys.get(ask.provider)))
        except Halt as halt:
            if not (self.player.in_turns and isinstance(halt, CassetteMiss)):  # 묻고 답하는 스크립트가 스스로 말합니다.
                self.halts.append(halt)
            raise
        self.played[id(exchange)] += 1
        call = exchange.as_call()
        self.calls.append(call)
        if call.provenance == "authored":
            self._samples.note(exchange.provider)
            self.shown.remember(exchange)
        elif call.provenance == "unverified":
            self._samples.note_unverified(exchange.provider)
        return exchange, call

    def _listen(self, ask: Ask) -> Tape:
        if ask.provider != "local" and not PLACEHOLDERS.isdisjoint(ask.keys()):
            raise PlaceholderKey(STALE_CLIENT)
        if self.recorder:
            self.recorder.check_budget()
        call = Call(ask.provider, ask.path.partition("?")[0], "live", method=ask.method)
        self.calls.append(call)
        self._samples.ever.discard(ask.provider)  # 이제부터 보일 것은 실제 응답입니다.
        return self.recorder.start_tape(ask, call, *ask.secrets()) if self.recorder else Tape(ask, call)

    def start_cell(self, source: str) -> None:
        """셀을 실행하기 전마다 불립니다. 재생은 첫 번째 답부터 다시 시작합니다."""
        self.player.start_cell(source)
        if self.recorder:
            self.recorder.start_cell(source)

    def receipt(self) -> Receipt:
        """지금까지의 호출을 제공자와 모델별로 셈한 영수증입니다. 노트북에서는 표로 보입니다.

        재생한 호출의 비용은 실제로 호출했다면 들었을 비용입니다. 요금을 모르는 호출은 0원이 아니라 '모름'입니다.
        """
        from .cost.receipt import Receipt

        return Receipt(self.calls, today())

    def print_mark(self) -> None:
        """샘플 응답이 나왔거나 앞 셀의 것을 다시 보였다면, 그 사실을 한 줄로 알립니다. 셀이 끝날 때마다 불립니다."""
        if line := self._samples.end_cell(self.player.shows_earlier(), self.shown):
            self._notebook.mark(line)

    def __repr__(self) -> str:
        return f"<llmkit.Session {self.lesson or ''} 호출 {len(self.calls)}번>"

    def __enter__(self) -> Session:
        self._entered = True
        return self

    def __exit__(self, *error: object) -> None:
        with _swap:
            if self not in _sessions:
                return
            is_current = current_session() is self
            # 훅은 마지막 세션이 나갈 때까지 둡니다. 바꾸는 사이에 다른 스레드가 보낸 요청이 새지 않습니다.
            if len(_sessions) == 1:
                hook.uninstall()
            _sessions.remove(self)
            if is_current:
                self._detach()
                unload_environment()
                if before := current_session():
                    load_environment()
                    before._attach()

    def close(self) -> None:
        """훅과 가짜 키, IPython에 등록한 것을 모두 거둡니다. `with setup(...)` 안이었다면 그 세션으로 돌아갑니다."""
        with _swap:
            at = _sessions.index(self) if self in _sessions else 0
            while at and not _sessions[at - 1]._entered:
                at -= 1
                del _sessions[at]
            self.__exit__()

    def _attach(self) -> None:
        fill_placeholders(self.modes)
        set_clock(self.cassette.date if self.is_replay else None, self.pace)
        self._notebook = Notebook(self)
        hook.install(current_session)

    def _detach(self) -> None:
        if self.recorder:
            self.recorder.close_open()
        self._notebook.close()
        set_clock()


def model(provider: str) -> str:
    """이 수업에서 쓸 모델 이름입니다. 기본값이 바뀌어도 녹화된 수업은 그대로 재생됩니다.

    Args:
        provider: "openai", "anthropic", "gemini", "groq", "huggingface", "local" 가운데 하나.

    Returns:
        재생 중에는 카세트를 만들 때 쓴 모델. 실제로 호출할 때는 `OPENAI_MODEL` 같은 환경 변수, 없으면 오늘의 기본값.

    Raises:
        ValueError: 모르는 제공자일 때. 비슷한 이름을 알려 줍니다.

    >>> isinstance(model("openai"), str)
    True
    """
    if provider not in PROVIDERS:
        near = did_you_mean(provider, PROVIDERS)
        raise ValueError(f"모르는 제공자입니다: {redact(repr(provider))}.{near} 아는 제공자: {', '.join(PROVIDERS)}")
    session = current_session()
    mode = session.modes[provider] if session else "replay"
    if session and not session.recorder and mode != "live" and provider in session.cassette.models:
        return session.cassette.models[provider]
    mine = os.environ.get(PROVIDERS[provider].model_variable) if mode != "replay" else None
    chosen = mine or models.default_model(provider)
    if session and session.recorder:
        session.recorder.model(provider, chosen)
    return chosen
