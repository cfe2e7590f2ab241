"""지금 어디에서 실행되고 있는가: IPython인가, 사람이 보고 있는 노트북인가, 어느 파이썬인가."""

from __future__ import annotations

import os
import sys
from typing import IO, Any

IN_PAGE = sys.platform == "emscripten"  # 브라우저의 페이지(JupyterLite). 스레드도, 다른 프로세스도, 소켓도 없습니다.


def shell() -> Any:
    """지금의 IPython. 평범한 파이썬이면 None입니다."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def in_jupyterlab() -> bool:
    """JupyterLab, Notebook 7이나 그것을 옮긴 브라우저의 페이지이면 True입니다."""
    return IN_PAGE or bool(os.environ.get("JPY_SESSION_NAME"))


def someone_is_watching() -> bool:
    """사람이 보고 있는 노트북(JupyterLab, Colab, VS Code, 브라우저의 페이지)이면 True입니다. 그때만 녹화의 박자를 지킵니다."""
    current = shell()
    in_vscode = current is not None and "__vsc_ipynb_file__" in current.user_ns
    return in_jupyterlab() or "google.colab" in sys.modules or in_vscode


def say(text: str, to: IO[str] | None = None, end: str = "\n") -> None:
    """`print`와 같되, 화면이 적을 수 없는 글자(cp949 터미널의 줄표, 이모지)는 `?`로 바꿉니다."""
    to = to or sys.stdout
    encoding = getattr(to, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding), end=end, file=to, flush=True)


def command(module: str) -> str:
    """터미널에 그대로 붙여 넣는 `python -m ...` 명령입니다. 가상 환경을 켜지 않았어도 지금의 파이썬으로 실행됩니다.

    노트북의 출력은 컴퓨터에 따라 달라지면 안 되므로, 거기서는 파이썬의 위치를 적지 않습니다.

    >>> command("llmkit local").endswith(" -m llmkit local")
    True
    """
    python = "python" if shell() is not None or not sys.executable else sys.executable
    return f'"{python}" -m {module}' if " " in python else f"{python} -m {module}"
