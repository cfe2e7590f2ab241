"""브라우저의 페이지(JupyterLite)에서만 하는 일: 끝났다고 알려 주지 않는 셀과, 실행할 수 없는 셀."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any


def adapt(shell: Any) -> list[Callable[[], None]]:
    """페이지의 커널을 ipykernel처럼 만들고, 되돌리는 함수들을 돌려줍니다."""
    return [_end_awaited_cells(shell), _rest_cells(shell)]


def _end_awaited_cells(shell: Any) -> Callable[[], None]:
    """페이지의 커널은 맨 바깥에 await가 있는 셀이 끝난 것을 알리지 않습니다. 두면 샘플 응답 표시가 다음 셀에 붙습니다."""
    original, running = shell.kernel.run, []
    before, after = lambda info: running.append(info), lambda result: running.clear()
    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)

    async def run(code: str) -> Any:
        results = await original(code)
        if running:
            shell.events.trigger("post_execute")
            shell.events.trigger("post_run_cell", shell.last_execution_result)
        return results

    shell.kernel.run = run

    def undo() -> None:
        shell.kernel.run = original
        shell.events.unregister("pre_run_cell", before)
        shell.events.unregister("post_run_cell", after)

    return undo


def _rest_cells(shell: Any) -> Callable[[], None]:
    """다른 프로세스나 페이지에 없는 패키지가 필요한 셀은 그렇다고 한 줄을 출력합니다. 페이지를 만들 때 적어 둔 셀들입니다."""
    table = files("llmkit") / "data" / "page.json"
    lines = json.loads(table.read_text(encoding="utf-8")) if table.is_file() else {}

    def rest(source: list[str]) -> list[str]:
        line = lines.get(shell.kernel.get_parent()["metadata"].get("cellId"))
        return [f"print({line!r})\n"] if line else source

    shell.input_transformers_cleanup.append(rest)
    return partial(shell.input_transformers_cleanup.remove, rest)
