"""노트북을 녹화하고, 그 녹화를 재생한 출력으로 노트북을 저장합니다."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..common.errors import Refused
from ..common.keys import find_key, load_environment, redact
from ..common.providers import PROVIDERS
from ..replay.cassette import Cassette
from ..replay.plan import VARIABLE, Plan, Result, all_cells_ran
from ..replay.player import fingerprint
from ..session import CASSETTES
from . import notebooks
from .estimate import estimate
from .lock import why_not

HOSTED = [name for name in PROVIDERS if name != "local"]


class Unfinished(Exception):
    """녹화가 끝까지 가지 못했습니다. `result`는 거기까지의 결과입니다."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


def run(lesson: Path | None, every: bool, budget: str | None, provider: str | None) -> int:
    """한 수업이나, 예산 안에서 모든 수업을 녹화합니다. 다 했으면 0, 아니면 1을 돌려줍니다."""
    try:
        if not every:
            if lesson is None or budget:
                raise Refused("노트북 번호 하나(record 01)나, 모두와 예산(record --all --budget 2)을 적으세요.")
            return _record(lesson, provider)
        if lesson or provider or not budget:
            raise Refused("--all에는 예산만 함께 적으세요. 예: record --all --budget 2")
        if not re.fullmatch(r"\d+(\.\d+)?", budget) or not Decimal(budget):
            raise Refused(f"예산은 0보다 큰 달러 금액이어야 합니다: {budget!r}")
        from tests.authoring.record_all import record_all

        return record_all(notebooks().values(), Decimal(budget))
    except ImportError as error:
        advice = "강좌를 받은 폴더에서 pip install -r requirements.txt를 실행한 뒤, 그 폴더에서 다시 실행하세요."
        raise Refused(f"녹화 도구가 없습니다({error.name}). {advice}") from None


def _record(notebook: Path, provider: str | None) -> int:
    """키가 있는 제공자를 녹화합니다. 무엇을 녹화하고 얼마가 들지 먼저 말합니다."""
    if problem := why_not(notebook):
        raise Refused(problem)
    if always_replays(notebook):
        raise Refused("주문할 수 없는 실패를 다루는 수업이라, 키가 있어도 재생합니다. 녹화하지 않습니다.")
    file = CASSETTES / f"{notebook.stem}.json"
    used = {exchange.provider for exchange in Cassette.load(file).exchanges} if file.exists() else set(HOSTED)
    if provider and provider not in used:
        titles = ", ".join(f"{name}({PROVIDERS[name].title})" for name in PROVIDERS if name in used)
        raise Refused(f"{notebook.name}에는 그 제공자의 호출이 없습니다: {provider}. 있는 것: {titles}")
    load_environment()
    wanted = [provider] if provider else [name for name in HOSTED if name in used]
    keys = {name: find_key(PROVIDERS[name]) for name in wanted if PROVIDERS[name].keys}
    missing = [f"  {PROVIDERS[name].title}: {key.problem}" for name, key in keys.items() if not key.found]
    ready = [name for name in wanted if name not in keys or keys[name].found]
    if not ready:
        raise Refused("\n".join(["녹화하려면 실제 제공자의 키가 필요합니다. .env에 넣고 다시 실행하세요.", *missing]))
    print(f"녹화할 노트북: {notebook.name}({', '.join(PROVIDERS[name].title for name in ready)})")
    if missing:
        print("\n".join(["키가 없는 제공자는 지금의 카세트를 재생합니다.", *missing]))
    if file.exists():
        print(f"{estimate(notebook.stem, ready)}\n")
    try:
        return int(not record_notebook(notebook, providers=ready).done)
    except Unfinished as error:
        print(redact(str(error)), file=sys.stderr)
        if not error.result.done:
            kept = "녹화를 멈췄습니다. 카세트는 그대로이고, 받은 응답은 다음 녹화가 이어서 씁니다."
            print(kept, file=sys.stderr)
        return 1


def record_notebook(
    path: Path,
    *,
    startup: Sequence[str] = (),
    providers: Sequence[str] = HOSTED,
    cassettes: Path = CASSETTES,
    save: bool = True,
    budget: Decimal | None = None,
    unpriced: int = 0,
) -> Result:
    """노트북을 처음부터 끝까지 녹화하며 실행한 뒤, 재생으로 다시 실행해 출력을 저장합니다.

    Args:
        startup: 첫 셀보다 먼저 커널에서 실행할 파이썬 줄들.
        providers: 녹화할 제공자. 나머지는 카세트의 것을 재생합니다.
        cassettes: 카세트를 둘 폴더.
        save: False면 노트북을 다시 쓰지 않습니다.
        budget: 여기까지만 씁니다(USD). 없으면 제한하지 않습니다.
        unpriced: 예산이 있을 때, 비용을 알 수 없는 호출은 이만큼만 합니다.

    Raises:
        Unfinished: 셀이 실패했거나 커널이 꺼졌을 때. 받은 응답은 다음 녹화가 이어서 씁니다.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    plan = Plan(str(cassettes), [*providers], _wishes(notebook, "take"), _wishes(notebook, "inputs"))
    plan.budget, plan.unpriced = None if budget is None else str(budget), unpriced
    result = _run(notebook, path, plan, startup)
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
    """키 없이 재생한 출력을 노트북에 저장합니다. 보는 사람이나 컴퓨터에 따라 달라지는 것은 남기지 않습니다.

    카세트에는 셀 메타데이터 {"llmkit": {"sample": ["openai"]}}의 샘플 응답 표시와, 비용을 추정할 때 쓰는 답마다 나온 횟수를 적습니다.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    file = cassettes / f"{path.stem}.json"
    cassette = Cassette.load(file) if file.exists() else None
    if cassette:
        cassette.marks = _wishes(notebook, "sample")
        cassette.save()
    result = _run(notebook, path, Plan(str(cassettes)), environment=_without_keys())
    if cassette and len(result.played) == len(cassette.exchanges):
        for exchange, times in zip(cassette.exchanges, result.played):
            exchange.repeats = times
        cassette.save()
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


def _wishes(notebook: Any, name: str) -> dict[str, Any]:
    """셀 메타데이터 {"llmkit": {"take": 2, "inputs": ["네", "끝"]}}에서 `name`의 값을 셀의 지문별로 모읍니다."""
    cells = [cell for cell in notebook.cells if name in cell.metadata.get("llmkit", {})]
    return {fingerprint(cell.source): cell.metadata["llmkit"][name] for cell in cells}


def _run(
    notebook: Any, path: Path, plan: Plan, startup: Sequence[str] = (), environment: Mapping[str, str] = os.environ
) -> Result:
    """계획대로 노트북을 실행합니다. `notebook`에는 출력이 담깁니다."""
    from nbclient.exceptions import CellExecutionError

    client, cell = _client(notebook, path, startup), None
    with tempfile.TemporaryDirectory(prefix="llmkit-plan-") as name:
        folder = Path(name)
        plan.write(folder / "plan.json")
        try:
            with client.setup_kernel(env={**environment, VARIABLE: str(folder / "plan.json")}):
                for index, cell in enumerate(notebook.cells):
                    client.execute_cell(cell, index, execution_count=client.code_cells_executed + 1)
                    if Result.read(folder).stopped:
                        break
                else:
                    all_cells_ran(folder).touch()
        except KeyboardInterrupt:
            result = Result.read(folder)  # 커널은 이미 꺼졌고, 받은 응답까지 적었습니다.
            result.stopped = "Ctrl-C로 멈췄습니다."
            raise Unfinished(result.stopped, result) from None
        except Exception as error:  # 셀의 실패, 타임아웃, 꺼진 커널
            if (result := Result.read(folder)).stopped is None:
                why = f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else str(error)
                first = [text.strip().partition("\n")[0] for text in (cell.source if cell else "", why)]
                raise Unfinished("실패한 셀: {} …\n{}".format(*first), result) from error
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
