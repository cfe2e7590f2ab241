"""노트북을 키 없이 재생하며, 커널과 그 자식 프로세스가 밖으로 연결하려 한 이름을 모두 적습니다."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
# 파이썬은 켜질 때마다 sitecustomize를 불러옵니다. 그래서 셀이 켜는 프로그램까지 봅니다.
WATCHER = """
import os, sys
def watch(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else str(host)
    if host not in ("None", "localhost", "::1", "0.0.0.0", "") and not host.startswith("127."):
        with open(os.environ["LLMKIT_WATCH_LOG"], "a") as log:
            log.write(f"{host} {' '.join(sys.argv[1:2])}\\n")
        raise OSError("테스트에서는 연결하지 않습니다")
sys.addaudithook(watch)
"""


def hosts_of_a_replay(name: str, folder: Path) -> tuple[set[str], list[str]]:
    """("이름 첫 인자")의 집합과, 일부러 실패한 것이 아닌데 실패한 셀들의 오류입니다."""
    (folder / "sitecustomize.py").write_text(WATCHER, encoding="utf-8")
    log = folder / "log"
    log.touch()
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "LLMKIT_WATCH_LOG": str(log)}
    environment |= {"LLMKIT_MODE": "replay", "LLMKIT_PACE": "0", "PYTHON_DOTENV_DISABLED": "1"}
    for variable in ("OPENAI_AGENTS_DISABLE_TRACING", "LITELLM_LOCAL_MODEL_COST_MAP", "DISABLE_AIOHTTP_TRANSPORT"):
        environment.pop(variable, None)  # 노트북이 스스로 꺼야 합니다.
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True,
                            resources={"metadata": {"path": str(folder)}})  # fmt: skip
    client.execute(env=environment)
    failed = [
        f"{output.ename}: {output.evalue}"
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", [])
    ]
    return set(log.read_text(encoding="utf-8").splitlines()), failed
