"""노트북을 녹화하고, 그 녹화를 재생한 출력으로 노트북을 저장합니다."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .cassette import Cassette
from .player import fingerprint
from .providers import PROVIDERS
from .session import CASSETTES

HOSTED = [name for name in PROVIDERS if name != "local"]
_FINISH = "print(__import__('llmkit.session').session.finish_recording())"


def record_notebook(
    path: Path,
    *,
    startup: Sequence[str] = (),
    providers: Sequence[str] | None = None,
    cassettes: Path = CASSETTES,
    save: bool = True,
) -> int:
    """노트북을 처음부터 끝까지 녹화하며 실행한 뒤, 재생으로 다시 실행해 출력을 저장합니다.

    Args:
        startup: 첫 셀보다 먼저 커널에서 실행할 파이썬 줄들.
        providers: 녹화할 제공자. 없으면 네트워크의 제공자 모두이며, 나머지는 카세트의 것을 재생합니다.
        cassettes: 카세트를 둘 폴더.
        save: False면 노트북을 다시 쓰지 않습니다.

    Returns:
        모든 교환을 담았으면 0, 담지 못한 것이 있으면 1. 셀이 실패하면 nbclient의 예외가 그대로 납니다.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    recorded = list(providers or HOSTED)
    plan = {"cassettes": str(cassettes), "providers": recorded, **_wishes(notebook)}
    begin = f"import llmkit.recorder as _r; _r.plan = _r.Plan(**{plan!r})"
    trial = nbformat.from_dict(notebook)
    trial.cells.append(nbformat.v4.new_code_cell(_FINISH))
    _run(trial, path, [*startup, begin])
    refused = ast.literal_eval(trial.cells[-1].outputs[0].text.splitlines()[-1])
    for line in refused:
        print(line)
    if refused or not save:
        return 1 if refused else 0
    store_outputs(path, cassettes=cassettes)
    return 0


def _carry_marks(notebook: Any, file: Path) -> None:
    """셀 메타데이터 {"llmkit": {"sample": ["openai"]}}를 카세트에 옮겨, 재생할 때 그 셀에도 샘플 응답 표시가 나오게 합니다."""
    if not file.exists():
        return
    cassette = Cassette.load(file)
    marks = {fingerprint(cell.source): list(providers) for cell, providers in _wish(notebook, "sample")}
    if marks != cassette.marks:
        cassette.marks = marks
        cassette.save()


def store_outputs(path: Path, *, cassettes: Path = CASSETTES) -> None:
    """키 없이 재생한 출력을 노트북에 저장합니다. 보는 사람이나 컴퓨터에 따라 달라지는 것은 남기지 않습니다."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    _carry_marks(notebook, cassettes / f"{path.stem}.json")
    use = f"import llmkit.session as _s, pathlib as _p; _s.CASSETTES = _p.Path({str(cassettes)!r})"
    with _no_keys():
        _run(notebook, path, [use])
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            **{name: value for name, value in notebook.metadata.items() if name == "colab"},
        }
    )
    nbformat.write(notebook, path)


def _wishes(notebook: Any) -> dict[str, dict[str, Any]]:
    """셀 메타데이터 {"llmkit": {"take": 2, "inputs": ["네", "끝"]}}를 셀의 지문별로 모읍니다."""
    return {
        "takes": {fingerprint(cell.source): int(take) for cell, take in _wish(notebook, "take")},
        "inputs": {fingerprint(cell.source): list(replies) for cell, replies in _wish(notebook, "inputs")},
    }


def _wish(notebook: Any, name: str) -> list[tuple[Any, Any]]:
    wishes = [(cell, cell.metadata.get("llmkit", {})) for cell in notebook.cells]
    return [(cell, wish[name]) for cell, wish in wishes if name in wish]


def _run(notebook: Any, path: Path, startup: Sequence[str]) -> None:
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
    client.execute()


@contextmanager
def _no_keys() -> Iterator[None]:
    before = dict(os.environ)
    for provider in PROVIDERS.values():
        for name in (*provider.keys, provider.model_variable):
            os.environ.pop(name, None)
    os.environ |= {"PYTHON_DOTENV_DISABLED": "1", "LLMKIT_MODE": "replay", "LLMKIT_PACE": "0"}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
