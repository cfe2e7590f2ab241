"""`setup`과 `Session`: 수업 하나를 재생할지 실제로 호출할지 정하고, 그동안 있었던 호출을 기억합니다."""

from __future__ import annotations

import atexit
import difflib
import os
import socket
import sys
import threading
from collections.abc import Iterable
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from . import models
from .common.clock import choose_pace, set_pace, set_today, today
from .common.errors import CassetteError, Halt, PlaceholderKey
from .common.keys import find_key, load_environment, redact, unload_environment
from .common.ledger import Call
from .common.providers import LOCAL_PORT, OLLAMA_PORT, PLACEHOLDERS, PROVIDERS
from .replay import hook, recorder
from .replay.cassette import Cassette
from .replay.exchange import Exchange
from .replay.notebook import Notebook
from .replay.player import Player
from .replay.recorder import Recorder
from .replay.request import Ask
from .replay.tape import Tape

if TYPE_CHECKING:
    from .cost.budget import Budget
    from .cost.receipt import Receipt

MODES = ("auto", "live", "replay", "record")
CASSETTES = Path(str(files("llmkit"))) / "cassettes"
LOCAL_PORTS = (OLLAMA_PORT, LOCAL_PORT)

_current: Session | None = None


def setup(
    lesson: str | None = None,
    *,
    mode: str | None = None,
    pace: float | None = None,
    cassette: str | os.PathLike[str] | None = None,
) -> Session:
    """수업을 시작합니다. 키가 있는 제공자는 실제로 호출하고, 없는 제공자는 녹화를 재생합니다.

    `.env`(지금 폴더에서 위로 찾습니다)와 Colab의 비밀에서 키를 읽고, 제공자마다 재생인지 실제 호출인지와 그 까닭을
    한 줄씩 출력합니다. 그 뒤에는 평범한 SDK 코드를 쓰면 됩니다. 다시 불러도 됩니다.

    Args:
        lesson: 수업 이름. `notebooks/`의 파일 이름과 같습니다("01_basics"). 없으면 카세트 없이 시작합니다.
        mode: "auto"(키가 있으면 live), "live", "replay", "record". 없으면 환경 변수 `LLMKIT_MODE`, 그것도 없으면
            "auto"입니다. CI에서는 "record" 말고는 늘 재생합니다.
        pace: 재생의 빠르기. 1이면 녹화한 박자 그대로, 0이면 기다리지 않습니다. 없으면 `LLMKIT_PACE`, 그것도 없으면
            사람이 보는 노트북에서는 1, 아니면 0입니다.
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
    global _current
    load_environment()
    wanted = mode or os.environ.get("LLMKIT_MODE", "").strip().lower() or "auto"
    chosen = "record" if recorder.plan and recorder.plan.providers else wanted
    if chosen not in MODES:
        raise ValueError(f"mode(LLMKIT_MODE)는 {', '.join(MODES)} 가운데 하나여야 합니다: {chosen!r}")
    if _current is not None and _current.recorder is not None:
        _current.recorder.close_open()  # 같은 카세트를 다시 열기 전에, 읽다 만 스트림까지 적어 둡니다.
    tape, speed = _open_cassette(lesson, cassette, chosen), choose_pace(pace)
    before = _current
    if before is not None:  # 위에서 잘못된 인자를 만났다면 앞의 세션이 그대로 남습니다.
        before._detach()
    _current = Session(lesson, tape, chosen, speed)
    _current._before = before
    _current._samples |= before._samples if before else set()  # 변수에 남은 샘플 응답은 그대로입니다.
    print(_current.banner())
    return _current


def current_session() -> Session | None:
    """`setup`이 만든 지금의 세션입니다."""
    return _current


def _finish_recording() -> None:
    if _current is not None and _current.recorder is not None:
        _current.recorder.finish()


def _budget() -> Budget | None:
    """녹화 계획의 예산. 가격표는 무거우므로 계획이 있을 때만 읽습니다."""
    if not recorder.plan:
        return None
    from .cost.budget import Budget

    return Budget(Decimal(recorder.plan.budget) if recorder.plan.budget else None, recorder.plan.unpriced)


if recorder.plan:
    atexit.register(_finish_recording)


class Session:
    """수업 하나의 상태입니다. `setup`이 만듭니다.

    `calls`에는 지금까지의 HTTP 시도가 순서대로 있고(`llmkit.common.ledger.Call`), `receipt()`가 그것을 셈합니다.
    """

    def __init__(self, lesson: str | None, cassette: Cassette, mode: str, pace: float) -> None:
        self.lesson = lesson
        self.cassette = cassette
        self.pace = pace
        self.calls: list[Call] = []
        self.halts: list[Halt] = []
        self.player = Player(cassette)
        self.recorder = Recorder(cassette, self._note_authored, _budget()) if mode == "record" else None
        in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
        self._asked_mode = "replay" if in_ci and mode != "record" else mode
        self._keys = {name: find_key(provider) for name, provider in PROVIDERS.items() if provider.keys}
        self._modes = {name: self._mode_of(name) for name in PROVIDERS}
        self._authored: dict[str, None] = {}  # 지금 셀에서 샘플 응답을 한 제공자
        self._samples: set[str] = set()  # 이 커널에서 지금까지 샘플 응답을 한 제공자
        self._lock = threading.Lock()
        self._before: Session | None = None  # 이 세션을 with로 나가면 돌아갈 세션
        self._entered = self._closed = False
        self._environment: dict[str, tuple[str | None, str]] = {}  # 바꾼 변수: 앞의 값, 넣은 값
        self._attach()

    # 무엇을 재생하는가 -----------------------------------------------------------------------------------

    @property
    def is_replay(self) -> bool:
        """실제로 호출하는 제공자가 하나도 없으면 True입니다."""
        return not any(mode in ("live", "record") for mode in self._modes.values())

    def _mode_of(self, name: str) -> str:
        if recorder.plan and name not in recorder.plan.providers:
            return "replay"
        if self._asked_mode != "auto":
            return self._asked_mode
        if name == "local":
            return "auto"  # 서버가 켜져 있는지는 요청할 때 봅니다.
        return "live" if self._keys[name].found else "replay"

    def replays(self, ask: Ask) -> bool:
        mode = self._modes[ask.provider]
        url = ask.request.url
        return mode == "replay" or (mode == "auto" and not _listening(url.host, url.port or 80))

    def refuses(self, providers: Iterable[str]) -> bool:
        """이 제공자들이 모두 재생 중이면 True입니다. 그때는 그 호스트로 아무것도 나가지 않게 막습니다(`replay.guard`)."""
        return not any(self._modes[name] in ("live", "record") for name in providers)

    def banner(self) -> str:
        used = {exchange.provider for exchange in self.cassette.exchanges}
        live = [name for name, mode in self._modes.items() if mode in ("live", "record")]
        lines = [f"llmkit {self.lesson or '(수업 없이 시작했습니다)'}"]
        return "\n".join(lines + [f"  {self._describe(name)}" for name in PROVIDERS if name in used or name in live])

    def _describe(self, name: str) -> str:
        provider, mode = PROVIDERS[name], self._modes[name]
        if mode == "record":
            return f"{provider.title}: 녹화 — 실제로 호출하고 카세트에 담습니다."
        if name == "local" and mode != "replay" and any(_listening("127.0.0.1", port) for port in LOCAL_PORTS):
            return f"{provider.title}: 실제 호출(live) — 서버가 켜져 있습니다. 끄면 재생합니다."
        key = self._keys.get(name)  # 로컬 모델에는 키가 없습니다.
        if key and mode == "live":
            why = f"{key.variable} 값을 찾았습니다." if key.found else f"{key.problem}. 호출하면 SDK가 오류를 냅니다."
            return f"{provider.title}: 실제 호출(live) — {why}"
        kinds = {e.provenance for e in self.cassette.exchanges if e.provider == name}
        kind = "녹화" if kinds == {"recorded"} else "예시 응답" if kinds == {"authored"} else "녹화와 예시 응답"
        tape = f"카세트({self.cassette.date}, {kind})로 답합니다."
        if key is None:
            return f"{provider.title}: 재생(replay) — {tape}"
        why = "mode나 LLMKIT_MODE, CI가 재생으로 정했습니다" if key.found else key.problem
        return f"{provider.title}: 재생(replay) — {why}. {tape}"

    def _fill_placeholders(self) -> None:
        for name, key in self._keys.items():
            provider = PROVIDERS[name]
            if key.found and key.variable != provider.keys[0]:  # 노트북의 코드는 첫 번째 이름으로 키를 읽습니다.
                self._set_environment(provider.keys[0], os.environ[key.variable])
            elif self._modes[name] == "replay" and not key.found:
                self._set_environment(provider.keys[0], provider.placeholder)
        if "HF_HUB_DISABLE_TELEMETRY" not in os.environ:  # huggingface_hub이 사용 통계를 보내지 않게 합니다.
            self._set_environment("HF_HUB_DISABLE_TELEMETRY", "1")

    def _set_environment(self, name: str, value: str) -> None:
        self._environment[name] = (os.environ.get(name), value)
        os.environ[name] = value

    # 훅이 부르는 것 -------------------------------------------------------------------------------------

    def answer(self, ask: Ask) -> tuple[Exchange, Call] | Tape:
        """훅이 요청마다 묻습니다. 재생할 교환과 장부의 줄을, 실제로 호출할 것이면 받아 적을 테이프를 돌려줍니다."""
        if self.recorder and self._modes[ask.provider] == "record" and (paid := self.recorder.replay(ask)):
            return self._note_played(paid)
        return self._play(ask) if self.replays(ask) else self._listen(ask)

    def _play(self, ask: Ask) -> tuple[Exchange, Call]:
        try:
            exchange = self.player.play(ask, self._ways)
        except Halt as halt:
            self.halts.append(halt)
            raise
        return self._note_played(exchange)

    def _note_played(self, exchange: Exchange) -> tuple[Exchange, Call]:
        call = exchange.as_call()
        with self._lock:
            self.calls.append(call)
            if call.provenance == "authored":
                self._note_authored(exchange.provider)
        return exchange, call

    def _stop_at_budget(self, recorder: Recorder) -> None:
        try:
            recorder.check_budget()
        except Halt as halt:
            self.halts.append(halt)
            raise

    def _listen(self, ask: Ask) -> Tape:
        secrets = ask.secrets()
        if ask.provider != "local" and any(secret in PLACEHOLDERS for secret in secrets):
            self.halts.append(PlaceholderKey(_STALE_CLIENT))
            raise self.halts[-1]
        if self.recorder:
            self._stop_at_budget(self.recorder)
        call = Call(ask.provider, ask.path.partition("?")[0], "live", method=ask.method)
        with self._lock:
            self.calls.append(call)
            self._samples.discard(ask.provider)  # 이제부터 보일 것은 실제 응답입니다.
        return self.recorder.start_tape(ask, call, *secrets) if self.recorder else Tape(ask, call)

    def tape_ran_out(self) -> Halt:
        halt = Halt(
            "녹화가 여기서 끝납니다. 녹화할 때는 스트림을 여기까지만 읽고 닫았습니다.\n"
            "더 읽으려면 키를 넣고 실제로 호출하거나, 고친 곳을 되돌리십시오."
        )
        self.halts.append(halt)
        return halt

    def start_cell(self, source: str) -> None:
        self.player.start_cell(source)
        if self.recorder:
            self.recorder.start_cell(source)

    def _ways(self, ask: Ask) -> list[str]:
        if ask.provider == "local":
            return ["로컬 모델 서버를 켜고(python -m llmkit local) 다시 실행하십시오.", _UNDO]
        key = self._keys[ask.provider]
        live = (
            "LLMKIT_MODE와 CI 환경 변수를 지우고 llmkit.setup 셀을 다시 실행하십시오(요금이 듭니다)."
            if key.found
            else f".env에 {key.variable} 값을 넣고 llmkit.setup 셀부터 다시 실행하십시오(요금이 듭니다)."
        )
        return [_UNDO, live, _USE_LOCAL]

    # 학습자에게 보이는 것 ---------------------------------------------------------------------------------

    def receipt(self) -> Receipt:
        """지금까지의 호출을 제공자와 모델별로 셈한 영수증입니다. 노트북에서는 표로 보입니다.

        재생한 호출은 '실제로 호출했다면'의 금액입니다. 예시 응답의 토큰 수는 우리가 센 것이라 `추정`으로 표시합니다.
        값을 모르는 모델은 0원이 아니라 '모름'으로 따로 적습니다.
        """
        from .cost.receipt import Receipt

        return Receipt(self.calls, today())

    def print_mark(self) -> None:
        """샘플 응답이 나왔거나 앞 셀의 것을 다시 보였다면, 그 사실을 한 줄로 알립니다. 셀이 끝날 때마다 불립니다."""
        with self._lock:
            earlier = [name for name in self.player.shows_earlier() if name in self._samples]
            played, self._authored = list(self._authored | dict.fromkeys(earlier)), {}
        if played:
            self._notebook.show(_mark(played))

    def _note_authored(self, provider: str) -> None:
        self._samples.add(provider)
        if self._notebook.in_cells:
            self._authored[provider] = None  # 셀이 끝날 때 print_mark가 알립니다.
        elif provider not in self._authored:
            self._authored[provider] = None  # 셀이 없는 곳(스크립트)에서는 제공자마다 한 번 바로 알립니다.
            print(_mark([provider]), file=sys.stderr)

    def close(self) -> None:
        """훅과 가짜 키, IPython에 등록한 것을 모두 거두고 환경 변수를 되돌립니다.

        `with setup(...)` 안이었다면 그 세션으로 돌아갑니다.
        """
        while self._before is not None and not self._before._entered:
            self._before = self._before._before
        self._leave()

    def _leave(self) -> None:
        global _current
        self._closed = True
        if _current is not self:
            return
        self._detach()
        unload_environment()
        before = self._before
        while before is not None and before._closed:
            before = before._before
        _current = before
        if before is not None:
            load_environment()
            before._attach()

    def _attach(self) -> None:
        self._fill_placeholders()
        set_today(self.cassette.date if self.is_replay else None)
        set_pace(self.pace)
        self._notebook = Notebook(self)
        hook.install(current_session)

    def _detach(self) -> None:
        if self.recorder:
            self.recorder.close_open()
        hook.uninstall()
        self._notebook.close()
        set_today(None)
        set_pace(None)
        for name, (before, ours) in self._environment.items():
            if os.environ.get(name) != ours:
                continue  # 그 사이 학습자가 진짜 키를 넣었습니다.
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before
        self._environment.clear()

    def __enter__(self) -> Session:
        self._entered = True
        return self

    def __exit__(self, *error: object) -> None:
        self._leave()

    def __repr__(self) -> str:
        return f"<llmkit.Session {self.lesson or ''} 호출 {len(self.calls)}번>"


def _mark(providers: list[str]) -> str:
    titles = "·".join(PROVIDERS[name].title for name in providers)
    return f"※ 예시 응답: 이 강좌가 쓴 글이며 {titles}의 출력이 아닙니다."


_UNDO = "고친 곳을 되돌리면 저장된 답이 다시 나옵니다."
_USE_LOCAL = (
    "키 없이 진짜 답을 보려면 python -m llmkit local을 켜고 "
    'OpenAI(base_url="http://127.0.0.1:11435/v1", api_key="local")과 llmkit.model("local")을 쓰십시오.'
)
_STALE_CLIENT = (
    "키가 없을 때 만든 클라이언트라서 가짜 키가 들어 있습니다. 아무것도 보내지 않았습니다.\n"
    "클라이언트를 만드는 셀(OpenAI(), Anthropic(), InferenceClient())을 다시 실행하십시오."
)


def model(provider: str) -> str:
    """이 수업에서 쓸 모델 이름입니다.

    재생 중에는 카세트를 만들 때 쓴 모델이고, 실제로 호출할 때는 `OPENAI_MODEL` 같은 환경 변수, 없으면 오늘의
    기본값(`data/models.json`)입니다. 그래서 기본값이 바뀌어도 녹화된 수업은 그대로 재생됩니다.

    Args:
        provider: "openai", "anthropic", "gemini", "groq", "huggingface", "local" 가운데 하나.

    Raises:
        ValueError: 모르는 제공자일 때. 비슷한 이름을 알려 줍니다.

    >>> isinstance(model("openai"), str)
    True
    """
    if provider not in PROVIDERS:
        near = difflib.get_close_matches(str(provider).lower(), PROVIDERS, n=1, cutoff=0.4)
        hint = f" 혹시 {near[0]!r}입니까?" if near else ""
        raise ValueError(f"모르는 제공자입니다: {redact(repr(provider))}.{hint} 아는 제공자: {', '.join(PROVIDERS)}")
    session = _current
    if session is not None and session.recorder is None and session._modes[provider] != "live":
        if provider in session.cassette.models:
            return session.cassette.models[provider]
    chosen = models.default_model(provider)
    if session is not None and session._modes[provider] != "replay":
        chosen = os.environ.get(PROVIDERS[provider].model_variable) or chosen
    if session is not None and session.recorder is not None:
        session.recorder.model(provider, chosen)
    return chosen


def _open_cassette(lesson: str | None, path: str | os.PathLike[str] | None, mode: str) -> Cassette:
    if path is not None:
        file = Path(path)
    elif lesson is not None:
        folder = Path(recorder.plan.cassettes) if recorder.plan else CASSETTES
        file = folder / f"{lesson}.json"
        lessons = sorted(entry.stem for entry in folder.glob("*.json"))
        if not file.exists() and mode != "record":
            near = difflib.get_close_matches(str(lesson).lower(), lessons, n=1, cutoff=0.3)
            hint = f" 혹시 {near[0]!r}입니까?" if near else ""
            raise ValueError(
                f"없는 수업입니다: {redact(repr(lesson))}.{hint} 있는 수업: {', '.join(lessons) or '없음'}"
            )
    else:
        return Cassette()
    if mode == "record" and not file.exists():
        if not file.parent.is_dir():
            raise CassetteError(f"카세트를 둘 폴더가 없습니다: {file.parent}")
        return Cassette(file, today(), seen=(file, None))
    cassette = Cassette.load(file)
    if mode == "record":
        cassette.date = today()
    return cassette


def _listening(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.2):
            return True
    except OSError:
        return False
