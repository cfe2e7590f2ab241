"""노트북과의 접점: 셀의 시작과 끝, 샘플 응답 표시, input(), 그리고 삼켜진 예외."""

from __future__ import annotations

import atexit
import builtins
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from ..common.errors import Halt
from ..common.ipython import shell
from ..common.ledger import Call
from .advice import why_live_failed
from .player import Player
from .recorder import Recorder
from .shown import Shown


class Host(Protocol):
    """`Notebook`이 IPython에 이어 주는 것. `setup`이 만드는 `Session`이 그것입니다."""

    halts: list[Halt]
    calls: list[Call]
    player: Player
    recorder: Recorder | None
    shown: Shown

    @property
    def is_replay(self) -> bool: ...

    def start_cell(self, source: str) -> None: ...

    def print_mark(self) -> None: ...


class Notebook:
    """`session`을 IPython의 셀 실행에 잇습니다. IPython이 아니면 예외를 짧게 보여 주는 일만 합니다."""

    def __init__(self, session: Host) -> None:
        self._session = session
        self._shell = shell()
        self._kernel = getattr(self._shell, "kernel", None)
        self.in_cells = self._shell is not None
        self._undo: list[Callable[[], None]] = []
        self._listed: set[str] = set()
        self._before_cell = 0  # 이 셀보다 앞의 호출 수
        if self._shell is None:
            return self._shorten_tracebacks()
        for event, callback in (("pre_run_cell", self._before), ("post_run_cell", self._after)):
            self._shell.events.register(event, callback)
            self._undo.append(partial(self._shell.events.unregister, event, callback))
        self._shorten_groups()
        if self._kernel is not None:
            self._answer_input(self._kernel)

    def close(self) -> None:
        while self._undo:
            self._undo.pop()()

    def show(self, line: str) -> None:
        """셀의 출력이 줄을 바꾸지 않고 끝났더라도 새 줄에 보이도록, print가 아니라 따로 된 출력으로 냅니다."""
        if self._kernel is None:
            print(line, file=sys.stdout if self._shell else sys.stderr)
        else:
            self._shell.display_pub.publish({"text/plain": line}, {})

    def _before(self, info: Any) -> None:
        self._listed.clear()
        self._before_cell = len(self._session.calls)
        self._session.start_cell(info.raw_cell or "")
        if self._kernel is not None:
            self._session.shown.start_cell(self._shell)

    def _after(self, result: Any) -> None:
        self._show_swallowed(_first_halt(result.error_in_exec))
        self._session.print_mark()
        calls = self._session.calls[self._before_cell :]
        if result.error_in_exec and calls and (hint := why_live_failed(calls[-1])):
            self.show(hint)

    def _show_swallowed(self, shown: object = None) -> None:
        """gather(return_exceptions=True)나 except:가 삼킨 것을 보입니다. 여럿이면 처음 것만, 나머지는 세어서 보입니다."""
        hidden = [halt for halt in self._session.halts if halt is not shown]
        self._session.halts.clear()
        if hidden and not isinstance(shown, Halt):
            self.show("\n".join(hidden.pop(0)._render_traceback_()))
        if hidden:
            self.show(f"이 밖에도 {len(hidden)}번 더 멈췄습니다.")

    def _answer_input(self, kernel: Any) -> None:
        # ipykernel은 셀을 실행할 때마다 builtins.input을 kernel.raw_input으로 바꿉니다.
        original = kernel.raw_input

        def raw_input(prompt: str = "") -> str:
            session, prompt = self._session, str(prompt)
            if kernel._allow_stdin:
                replies = session.player.replies(prompt) if session.is_replay else []
                if replies and prompt not in self._listed:  # 셀마다 한 번만 알립니다.
                    self._listed.add(prompt)
                    print("재생 중에는 다음 입력에 답이 있습니다: " + ", ".join(map(repr, replies)))
                return original(prompt)
            reply = (session.recorder or session.player).reply(prompt)
            if reply is None:
                raise EOFError(f"입력을 받을 수 없는 곳에서 실행했고, 녹화된 대답도 없습니다: {prompt}")
            print(f"{prompt}{reply}")
            return reply

        kernel.raw_input = raw_input
        if builtins.input == original:
            builtins.input = raw_input  # 지금 실행 중인 셀에도 바로 적용합니다.
        self._undo.append(partial(delattr, kernel, "raw_input"))

    def _shorten_groups(self) -> None:
        # asyncio.TaskGroup은 멈춤을 예외 묶음에 담아 내고, IPython은 묶음의 호출 경로를 모두 보입니다.
        original = self._shell.showtraceback

        def showtraceback(exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
            error = _first_halt((exc_tuple or sys.exc_info())[1])
            original((type(error), error, None) if isinstance(error, Halt) else exc_tuple, *args, **kwargs)

        self._shell.showtraceback = showtraceback
        self._undo.append(partial(delattr, self._shell, "showtraceback"))

    def _shorten_tracebacks(self) -> None:
        original = sys.excepthook

        def excepthook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
            if isinstance(error, Halt):
                print("\n".join(error._render_traceback_()), file=sys.stderr)
                self._show_swallowed(error)
            else:
                original(kind, error, trace)

        sys.excepthook = excepthook
        atexit.register(self._show_swallowed)
        self._undo += [partial(setattr, sys, "excepthook", original), partial(atexit.unregister, self._show_swallowed)]


def _first_halt(error: Any) -> Any:
    """예외 묶음이면 그 안의 첫 `Halt`를, 아니거나 없으면 `error`를 그대로 돌려줍니다."""
    while isinstance(error, BaseExceptionGroup) and (halts := error.subgroup(Halt)):
        error = halts.exceptions[0]
    return error
