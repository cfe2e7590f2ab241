"""노트북과의 접점: 셀의 시작과 끝, 샘플 응답 표시, input(), 그리고 삼켜진 예외."""

from __future__ import annotations

import atexit
import builtins
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from ..common.errors import Halt
from ..common.html import PAGE, miss, pill, rows
from ..common.ipython import IN_PAGE, in_jupyterlab, say, shell
from ..common.ledger import Call
from . import page
from .advice import why_live_failed
from .player import Player
from .recorder import Recorder
from .shown import Shown


class Host(Protocol):
    """`Notebook`이 IPython에 이어 주는 것. `setup`이 만드는 `Session`이 그것입니다."""

    halts: Halts
    calls: list[Call]
    player: Player
    recorder: Recorder | None
    shown: Shown

    @property
    def is_replay(self) -> bool: ...
    def start_cell(self, source: str) -> None: ...
    def print_mark(self) -> None: ...


class Halts(list[Halt]):
    """아직 보이지 않은 멈춤들입니다. 셀이 끝날 때 보이고, 다른 스레드의 것은 셀이 끝나지 않더라도 곧 보입니다."""

    told_early = False  # 셀마다 한 번만 일찍 보입니다.

    def append(self, halt: Halt) -> None:
        super().append(halt)
        if not self.told_early and threading.current_thread() is not threading.main_thread():
            # 스레드가 삼키면 결과를 기다리는 쪽은 끝나지 않기도 합니다(Dask의 future).
            self.told_early = True
            timer = threading.Timer(0.5, self._tell, [halt])
            timer.daemon = True
            timer.start()

    def _tell(self, halt: Halt) -> None:
        if any(waiting is halt for waiting in self):  # 그사이 셀이 끝났으면 이미 보였습니다.
            for line in self.take():
                say(line, sys.stderr)

    def take(self, shown: object = None) -> list[str]:
        """`shown`은 이미 보였습니다. 나머지 가운데 처음 것만 적고, 그 밖의 것은 셉니다."""
        hidden = [halt for halt in self if halt is not shown and not halt.was_handed_over]
        self.clear()
        lines = [] if isinstance(shown, Halt) or not hidden else ["\n".join(hidden.pop(0)._render_traceback_())]
        return [*lines, f"이 밖에도 {len(hidden)}번 더 멈췄습니다."] if hidden else lines


class Notebook:
    """`session`을 IPython의 셀 실행에 잇습니다. IPython이 아니면 예외를 짧게 보여 주는 일만 합니다."""

    def __init__(self, session: Host) -> None:
        self._session = session
        self._shell = shell()
        self._kernel = getattr(self._shell, "kernel", None)
        self._undo: list[Callable[[], None]] = []
        self._listed: set[str] = set()
        self._before_cell = 0  # 이 셀보다 앞의 호출 수
        self._wrap(threading, "excepthook", self._in_threads)
        if self._shell is None:
            self._wrap(builtins, "input", self._in_turns)
            self._wrap(sys, "excepthook", self._at_the_end)
            atexit.register(self._show_swallowed)
            self._undo.append(partial(atexit.unregister, self._show_swallowed))
            return
        for event, callback in (("pre_run_cell", self._before), ("post_run_cell", self._after)):
            self._shell.events.register(event, callback)
            self._undo.append(partial(self._shell.events.unregister, event, callback))
        self._wrap(self._shell, "showtraceback", self._in_groups)
        if IN_PAGE:
            self._undo.append(page.adapt(self._shell))
            builtins.input = self._asking(builtins.input)
        elif self._kernel is not None:
            # ipykernel은 셀을 실행할 때마다 builtins.input을 kernel.raw_input으로 바꿉니다.
            in_this_cell = builtins.input == self._kernel.raw_input
            self._wrap(self._kernel, "raw_input", self._asking)
            if in_this_cell:
                builtins.input = self._kernel.raw_input

    def _wrap(self, where: Any, name: str, wrapped: Callable[[Any], Any]) -> None:
        original = getattr(where, name)
        setattr(where, name, wrapped(original))
        self._undo.append(partial(setattr, where, name, original))

    def close(self) -> None:
        while self._undo:
            self._undo.pop()()

    def show(self, line: str, html: str | None = None) -> None:
        """셀의 출력이 줄을 바꾸지 않고 끝났더라도 새 줄에 보이도록, print가 아니라 따로 된 출력으로 냅니다."""
        if self._kernel is None:
            say(line, sys.stdout if self._shell else sys.stderr)
        else:
            self._shell.display_pub.publish({"text/plain": line} | ({"text/html": html} if html else {}), {})

    def begin(self, banner: str) -> None:
        """제공자마다 재생인지 실제 호출인지를, 노트북에서는 한 줄짜리 표시들로, 그 밖에서는 텍스트로 보입니다."""
        if self._kernel is None:
            say(banner)
        else:
            self.show(banner, (PAGE if in_jupyterlab() else "") + rows(banner))

    def mark(self, line: str) -> None:
        self.show(line, pill(line))

    def _before(self, info: Any) -> None:
        self._listed.clear()
        self._session.halts.told_early = False
        self._before_cell = len(self._session.calls)
        self._session.start_cell(info.raw_cell or "")
        if IN_PAGE:  # 그 커널에는 raw_input이 없고, 셀을 실행할 때마다 builtins.input을 새로 넣습니다.
            builtins.input = self._asking(builtins.input)
        if self._kernel is not None:
            self._session.shown.start_cell(self._shell)

    def _after(self, result: Any) -> None:
        self._show_swallowed(_first_halt(result.error_in_exec))
        self._session.print_mark()
        calls = self._session.calls[self._before_cell :]
        if result.error_in_exec and calls and (hint := why_live_failed(calls[-1])):
            self.show(hint)

    def _show_swallowed(self, shown: object = None) -> None:
        """gather(return_exceptions=True)나 except:가 삼킨 것을 보입니다."""
        for line in self._session.halts.take(shown):
            self.show(line, miss(line))

    def _asking(self, original: Callable[[str], str | None]) -> Callable[..., str]:
        def raw_input(prompt: str = "") -> str:
            session, prompt = self._session, str(prompt)
            if IN_PAGE or (self._kernel and self._kernel._allow_stdin):
                replies = session.player.replies(prompt) if session.is_replay else []
                if replies and prompt not in self._listed:  # 셀마다 한 번만 알립니다.
                    self._listed.add(prompt)
                    say("재생 중에는 다음 입력에 답이 있습니다: " + ", ".join(map(repr, replies)))
                if (typed := original(prompt)) is not None:
                    return typed  # 페이지에서 물을 길(서비스 워커)이 막혔으면 None입니다.
            reply = (session.recorder or session.player).reply(prompt)
            if reply is None:
                raise EOFError(f"입력을 받을 수 없는 곳에서 실행했고, 녹화된 대답도 없습니다: {prompt}")
            say(f"{prompt}{reply}")
            return reply

        return raw_input

    def _in_threads(self, original: Callable[..., None]) -> Callable[..., None]:
        def excepthook(args: Any) -> None:
            if isinstance(error := args.exc_value, Halt):
                halts = self._session.halts
                halts[:] = [halt for halt in halts if halt is not error]
                say("\n".join(error._render_traceback_()), sys.stderr)
            else:
                original(args)

        return excepthook

    def _in_turns(self, original: Callable[..., str]) -> Callable[..., str]:
        """스크립트에서는 `input()` 하나하나가 새 셀과 같습니다."""

        def turn(prompt: object = "", /) -> str:
            self._session.player.start_turn()
            return original(prompt)

        return turn

    def _in_groups(self, original: Callable[..., None]) -> Callable[..., None]:
        """asyncio.TaskGroup은 멈춤을 예외 묶음에 담아 내고, IPython은 묶음의 호출 경로를 모두 보입니다."""

        def showtraceback(exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
            error = _first_halt((exc_tuple or sys.exc_info())[1])
            original((type(error), error, None) if isinstance(error, Halt) else exc_tuple, *args, **kwargs)

        return showtraceback

    def _at_the_end(self, original: Callable[..., None]) -> Callable[..., None]:
        def excepthook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
            if isinstance(error, Halt):
                say("\n".join(error._render_traceback_()), sys.stderr)
                self._show_swallowed(error)
            elif isinstance(error, KeyboardInterrupt) or (isinstance(error, EOFError) and _ends_at_input(trace)):
                print("\n끝냅니다.", file=sys.stderr)
                sys.exit(0 if isinstance(error, EOFError) else 130)
            else:
                original(kind, error, trace)

        return excepthook


def _ends_at_input(trace: Any) -> bool:
    """예외가 `input()`에서 났으면 True입니다. 다른 곳의 EOFError(깨진 파일)는 감추지 않습니다."""
    while trace.tb_next:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_name == "turn"


def _first_halt(error: Any) -> Any:
    """예외 묶음이면 그 안의 첫 `Halt`를, 아니거나 없으면 `error`를 그대로 돌려줍니다."""
    while isinstance(error, BaseExceptionGroup) and (halts := error.subgroup(Halt)):
        error = halts.exceptions[0]
    return error
