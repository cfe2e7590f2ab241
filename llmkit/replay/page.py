"""브라우저의 페이지(JupyterLite)의 커널을 ipykernel처럼 만듭니다."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from importlib.resources import files
from typing import Any

# SDK가 클라이언트를 만들거나 import될 때 내는, 페이지에서는 언제나 맞고 학습자가 할 일은 없는 경고입니다.
_EXPECTED = ("The following transport option", "only soft file lock")


def adapt(shell: Any) -> Callable[[], None]:
    """셀이 끝난 것을 알리게 하고, 실행할 수 없는 셀은 그렇다고 말하게 합니다. 되돌리는 함수를 돌려줍니다."""
    original, running = shell.kernel.run, []
    before, after = lambda info: running.append(info), lambda result: running.clear()
    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)
    for message in _EXPECTED:
        warnings.filterwarnings("ignore", message)
    if not os.path.exists(os.getcwd()):  # 서비스 워커가 막힌 브라우저에서는 노트북의 폴더를 쓸 수 없습니다.
        os.chdir(os.path.expanduser("~"))
    table = files("llmkit") / "data" / "page.json"  # 페이지를 만들 때 적어 둔, 프로세스나 없는 패키지가 필요한 셀들
    resting = json.loads(table.read_text(encoding="utf-8")) if table.is_file() else {}

    async def run(code: str) -> Any:
        line = resting.get(shell.kernel.get_parent()["metadata"].get("cellId"))
        results = await original(f"print({line!r})" if line else code)
        if running:  # 맨 바깥에 await가 있는 셀이 끝난 것은 알리지 않습니다. 두면 샘플 응답 표시가 다음 셀에 붙습니다.
            shell.events.trigger("post_execute")
            shell.events.trigger("post_run_cell", shell.last_execution_result)
        return results

    def undo() -> None:
        shell.kernel.run = original
        shell.events.unregister("pre_run_cell", before)
        shell.events.unregister("post_run_cell", after)

    shell.kernel.run = run
    return undo
