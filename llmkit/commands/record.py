"""노트북을 녹화하고, 그 녹화를 재생한 출력으로 노트북을 저장합니다."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..common.providers import PROVIDERS
from ..replay.cassette import Cassette
from ..replay.plan import VARIABLE, Plan, Result, all_cells_ran
from ..replay.player import fingerprint
from ..session import CASSETTES

HOSTED = [name for name in PROVIDERS if name != "local"]
INTERRUPTED = "Ctrl-C로 멈췄습니다."


class Unfinished(Exception):
    """녹화가 끝까지 가지 못했습니다. `result`는 거기까지의 결과입니다."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result

    @property
    def summary(self) -> str:
        """실패한 셀의 첫 줄과 예외만 적은 것입니다. nbclient는 셀의 내용과 호출 경로를 모두 적어 냅니다."""
        lines = [line for line in re.sub(r"\x1b\[[\d;]*m", "", str(self)).splitlines() if line.strip(" -")]
        if len(lines) < 4:
            return "\n".join(lines) or "커널이 꺼졌습니다."
        return f"실패한 셀: {lines[1]} …\n{lines[-1]}"


def record_notebook(
    path: Path,
    *,
    startup: Sequence[str] = (),
    providers: Sequence[str] | None = None,
    cassettes: Path = CASSETTES,
    save: bool = True,
    budget: Decimal | None = None,
    unpriced: int = 0,
) -> Result:
    """노트북을 처음부터 끝까지 녹화하며 실행한 뒤, 재생으로 다시 실행해 출력을 저장합니다.

    Args:
        startup: 첫 셀보다 먼저 커널에서 실행할 파이썬 줄들.
        providers: 녹화할 제공자. 없으면 네트워크의 제공자 모두이며, 나머지는 카세트의 것을 재생합니다.
        cassettes: 카세트를 둘 폴더.
        save: False면 노트북을 다시 쓰지 않습니다.
        budget: 여기까지만 씁니다(USD). 없으면 제한하지 않습니다.
        unpriced: 예산이 있을 때, 비용을 알 수 없는 호출은 이만큼만 합니다.

    Raises:
        Unfinished: 셀이 실패했거나 커널이 꺼졌을 때. 받은 응답은 다음 녹화가 이어서 씁니다.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    plan = Plan(str(cassettes), list(providers or HOSTED), _wishes(notebook, "take"), _wishes(notebook, "inputs"))
    plan.budget, plan.unpriced = None if budget is None else str(budget), unpriced
    result = _run(nbformat.from_dict(notebook), path, plan, startup)
    for line in result.refused:
        print(line)
    if result.done and save:
        try:
            store_outputs(path, cassettes=cassettes)
        except Unfinished as error:
            result.stopped = error.result.stopped
            raise Unfinished(f"카세트는 바꾸었지만 노트북의 출력을 저장하지 못했습니다. {error}", result) from error
    return result


def store_outputs(path: Path, *, cassettes: Path = CASSETTES) -> None:
    """키 없이 재생한 출력을 노트북에 저장합니다. 보는 사람이나 컴퓨터에 따라 달라지는 것은 남기지 않습니다."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    _carry_marks(notebook, cassettes / f"{path.stem}.json")
    result = _run(notebook, path, Plan(str(cassettes)), environment=_without_keys())
    _keep_repeats(result.played, cassettes / f"{path.stem}.json")
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            **{name: value for name, value in notebook.metadata.items() if name in ("colab", "llmkit")},
        }
    )
    _describe_plots(notebook)
    nbformat.write(notebook, path)


def _describe_plots(notebook: Any) -> None:
    """그림 바로 아래 셀의 '그림 설명: …' 문단을 그림의 대체 글로도 적습니다. nbconvert의 HTML이 그것을 `alt`로 씁니다."""
    for cell, following in zip(notebook.cells, notebook.cells[1:]):
        described = re.match(r"그림 설명: (.+?)(\n\n|\Z)", following.source, re.DOTALL)
        for output in cell.get("outputs", []):
            if described and "image/png" in output.get("data", {}):
                output.metadata.setdefault("image/png", {})["alt"] = " ".join(described[1].split())


def always_replays(path: Path) -> bool:
    """키가 있어도 재생하는 수업인지. 주문할 수 없는 실패를 다루므로 녹화하지 않습니다."""
    return re.search(r'llmkit\.setup\([^)]*mode=\\"replay\\"', path.read_text(encoding="utf-8")) is not None


def _carry_marks(notebook: Any, file: Path) -> None:
    """셀 메타데이터 {"llmkit": {"sample": ["openai"]}}를 카세트에 옮겨, 재생할 때 그 셀에도 샘플 응답 표시가 나오게 합니다."""
    if not file.exists():
        return
    cassette, marks = Cassette.load(file), _wishes(notebook, "sample")
    if marks != cassette.marks:
        cassette.marks = marks
        cassette.save()


def _keep_repeats(played: Sequence[int], file: Path) -> None:
    """같은 요청을 여러 셀이 보내는 수업의 비용을 바르게 추정하도록, 답마다 나온 횟수를 카세트에 적습니다."""
    if not file.exists():
        return
    cassette = Cassette.load(file)
    if len(played) != len(cassette.exchanges) or played == [exchange.repeats for exchange in cassette.exchanges]:
        return
    for exchange, times in zip(cassette.exchanges, played):
        exchange.repeats = times
    cassette.save()


def _wishes(notebook: Any, name: str) -> dict[str, Any]:
    """셀 메타데이터 {"llmkit": {"take": 2, "inputs": ["네", "끝"]}}에서 `name`의 값을 셀의 지문별로 모읍니다."""
    cells = [cell for cell in notebook.cells if name in cell.metadata.get("llmkit", {})]
    return {fingerprint(cell.source): cell.metadata["llmkit"][name] for cell in cells}


def _run(
    notebook: Any, path: Path, plan: Plan, startup: Sequence[str] = (), environment: dict[str, str] | None = None
) -> Result:
    """계획대로 노트북을 실행합니다. `notebook`에는 출력이 담깁니다."""
    client = _client(notebook, path, startup)
    with tempfile.TemporaryDirectory(prefix="llmkit-plan-") as name:
        folder = Path(name)
        plan.write(folder / "plan.json")
        env = {**(environment or os.environ), VARIABLE: str(folder / "plan.json")}
        try:
            with client.setup_kernel(env=env):
                for index, cell in enumerate(notebook.cells):
                    client.execute_cell(cell, index, execution_count=client.code_cells_executed + 1)
                    if Result.read(folder).stopped:
                        break
                else:
                    all_cells_ran(folder).touch()
        except KeyboardInterrupt:
            result = Result.read(folder)  # 커널은 이미 꺼졌고, 받은 응답까지 적었습니다.
            result.stopped = INTERRUPTED
            raise Unfinished(INTERRUPTED, result) from None
        except Exception as error:  # 셀의 실패(CellExecutionError), 타임아웃, 꺼진 커널
            if Result.read(folder).stopped is None:
                raise Unfinished(str(error), Result.read(folder)) from error
        return Result.read(folder)


def _client(notebook: Any, path: Path, startup: Sequence[str]) -> Any:
    from nbclient import NotebookClient

    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=[f"--IPKernelApp.exec_lines={line}" for line in startup],
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
    )
    client.create_kernel_manager().shutdown_wait_time = 60  # 커널은 꺼지면서 카세트를 마무리합니다.
    return client


def _without_keys() -> dict[str, str]:
    """키 없는 학습자의 환경 변수입니다."""
    personal = {name for provider in PROVIDERS.values() for name in (*provider.keys, provider.model_variable)}
    kept = {name: value for name, value in os.environ.items() if name not in personal}
    return kept | {"PYTHON_DOTENV_DISABLED": "1", "LLMKIT_MODE": "replay", "LLMKIT_PACE": "0"}
