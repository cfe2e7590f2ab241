"""노트북 검사가 정말로 잡아내는가: 작은 노트북을 실행해 저장하고, 한 곳씩 망가뜨리면 그 셀이 실패해야 합니다."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest
from nbclient import NotebookClient

GOOD = {
    "plain": "print('저장된 출력')",
    "updated": """
from IPython.display import Markdown, display
handle = display(Markdown("가"), display_id=True)
for text in ("가나", "가나다"):
    handle.update(Markdown(text))
""",
    "cleared": """
from IPython.display import clear_output
for step in range(3):
    clear_output(wait=True)
    print(step)
""",
    "raises": "1 / 0",
}
NETWORK = {
    "connects": """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=1)
except Exception:
    pass
""",
    "looks_up_in_a_thread": """
import socket, threading
thread = threading.Thread(target=lambda: socket.getaddrinfo("example.com", 80))
thread.start()
thread.join()
""",
}
ENVIRONMENT = """
import os
print({name: os.environ.get(name) for name in ("OPENAI_API_KEY", "OPENAI_MODEL", "CI", "LLMKIT_MODE", "LLMKIT_PACE")})
"""


def spoil(name: str, cell: Any) -> None:
    output = cell.outputs[0]
    if name == "plain":
        output.text = "거짓 출력\n"
    elif name == "updated":
        output.data["text/markdown"] = "가"  # 처음 모습입니다. 손질하지 않은 nbval은 이것을 옳다고 합니다.
    elif name == "cleared":
        output.text = "0\n1\n2\n"
    elif name == "raises":
        output.ename = "ValueError"


def code(name: str, source: str) -> Any:
    return nbformat.v4.new_code_cell(source, metadata={"tags": ["raises-exception"] if name == "raises" else []})


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, run_tests_in: Callable[..., Any]) -> dict[str, str]:
    """노트북들을 강좌의 노트북과 똑같이 검사하고, 셀마다 ""(통과)나 실패한 이유를 돌려줍니다."""
    folder = tmp_path_factory.mktemp("노트북")
    good = nbformat.v4.new_notebook(cells=[code(name, source) for name, source in GOOD.items()])
    NotebookClient(good, kernel_name="python3", coalesce_streams=True).execute()
    bad = copy.deepcopy(good)
    for name, cell in zip(GOOD, bad.cells):
        spoil(name, cell)
    uncounted = code("", GOOD["plain"])
    environment = code("", ENVIRONMENT)
    expected = {"OPENAI_API_KEY": None, "OPENAI_MODEL": None, "CI": None, "LLMKIT_MODE": "replay", "LLMKIT_PACE": "0"}
    environment.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"{expected}\n")]
    good.cells.append(environment)
    bad.cells += [uncounted, *(code(name, source) for name, source in NETWORK.items())]
    for cell in good.cells + bad.cells:
        cell.execution_count = None if cell is uncounted else 1
    nbformat.write(good, folder / "good.ipynb")
    nbformat.write(bad, folder / "bad.ipynb")
    personal = {"OPENAI_API_KEY": "sk-" + "0" * 40, "OPENAI_MODEL": "gpt-4", "CI": "true", "LLMKIT_MODE": "live"}
    report = folder / "report.xml"
    done = run_tests_in(folder, f"--junit-xml={report}", **personal)
    assert done.returncode == 1, done.stdout + done.stderr
    names = {"good": [*GOOD, "environment"], "bad": [*(f"spoiled {name}" for name in GOOD), "uncounted", *NETWORK]}
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        notebook, number = case.get("classname", "").split(".")[0], int(case.get("name", "").split()[-1])
        failure = case.find("failure")
        found[names[notebook][number]] = "" if failure is None else failure.text or "?"
    assert len(found) == len(names["good"] + names["bad"])
    return found


@pytest.mark.parametrize("cell", [*GOOD, "environment"])
def test_an_honest_cell_passes(outcomes: dict[str, str], cell: str) -> None:
    assert outcomes[cell] == ""


@pytest.mark.parametrize("cell", GOOD)
def test_a_spoiled_output_fails(outcomes: dict[str, str], cell: str) -> None:
    assert "Cell outputs differ" in outcomes[f"spoiled {cell}"]


def test_a_cell_without_execution_count_fails(outcomes: dict[str, str]) -> None:
    assert "execution_count" in outcomes["uncounted"]


@pytest.mark.parametrize("cell", NETWORK)
def test_network_in_a_cell_fails(outcomes: dict[str, str], cell: str) -> None:
    assert "NetworkUsed" in outcomes[cell] or "stderr" in outcomes[cell]
