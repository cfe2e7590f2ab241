"""라이브 리허설: 키가 있는 학습자처럼 모든 수업을 처음부터 끝까지 실제로 호출하며 실행합니다. 답하는 것은 tests/authoring/provider입니다.

일부러 실패하는 셀(태그 raises-exception) 말고는 어느 셀도 실패하지 않아야 합니다. 로컬 모델의 셀은 서버가 꺼져 있으므로 재생합니다.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from llmkit.commands.lock import why_not
from tests.authoring.provider.profiles import PROFILES, TODAY, Profile
from tests.authoring.provider.script import Script
from tests.authoring.provider.server import Upstream
from tests.authoring.recording import FAKE_KEYS, startup

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


@dataclasses.dataclass
class Rehearsal:
    """노트북 하나를 실행한 결과: 실패한 셀들의 글, 대본에 없던 요청, 서버에 온 요청의 수, 나온 출력."""

    failed: list[str]
    unanswered: list[str]
    requests: int
    outputs: str


def live(cell: Any) -> None:
    """수업 04는 재생으로 고정해 두었습니다. 리허설에서는 그 수업의 실패도 서버가 냅니다."""
    cell.source = re.sub(r',\s*mode="replay"', "", cell.source)


def rehearse(path: Path, script: Script, profile: Profile, cell_seconds: int) -> Rehearsal:
    """노트북을 가짜 키로, 대본의 서버에 대고 끝까지 실행합니다. 셀이 실패해도 다음 셀로 갑니다."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        live(cell)
    with Upstream(dataclasses.replace(script, first_token_ms=0, token_ms=0), profile=profile) as server:
        client = NotebookClient(
            notebook,
            timeout=cell_seconds,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": str(path.parent)}},
            extra_arguments=[f"--IPKernelApp.exec_lines={line}" for line in startup(server.port)],
        )
        stopped = []
        try:
            client.execute()
        except (CellTimeoutError, DeadKernelError) as error:  # 메시지에 그 셀의 글이 있습니다.
            stopped.append(f"{path.stem}: 셀이 끝나지 않았습니다. {error}")
    failed = [text for place, cell in enumerate(notebook.cells) if (text := failure_of(path, place, cell))]
    outputs = json.dumps([cell.get("outputs", []) for cell in notebook.cells], ensure_ascii=False)
    return Rehearsal(failed + stopped, server.unanswered, server.requests, outputs)


def failure_of(path: Path, place: int, cell: Any) -> str | None:
    """일부러 실패하지 않는데 실패한 셀이면 노트북, 셀, 오류, 셀의 글을 적습니다."""
    errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
    if not errors or "raises-exception" in cell.metadata.get("tags", []):
        return None
    error = errors[0]
    return f"{path.stem} 셀 {place}: {error.ename}: {error.evalue}\n{cell.source}"


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(profile, id=name, marks=[] if profile is TODAY else [pytest.mark.full])
        for name, profile in PROFILES.items()
    ],
)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_live(path: Path, profile: Profile, request: pytest.FixtureRequest):
    cell_seconds = int(
        request.config.getoption("nbval_cell_timeout")
    )  # 멈춘 셀의 이름을 대는 시간은 pyproject.toml에 한 번
    if problem := why_not(path):
        pytest.skip(problem)
    rehearsal = rehearse(path, Script.of_lesson(path.stem[:2]), profile, cell_seconds)
    assert not rehearsal.failed, f"[{profile.name}] 실패한 셀\n\n" + "\n\n".join(rehearsal.failed)
    assert not rehearsal.unanswered, f"대본에 없는 요청: {rehearsal.unanswered}"
    assert rehearsal.requests > 0, "실제로 호출한 요청이 하나도 없습니다."
    leaked = [name for name, key in FAKE_KEYS.items() if key in rehearsal.outputs]
    assert not leaked, f"출력에 키가 있습니다: {leaked}"
