"""진짜 커널 하나: 셀을 실행하고, 화면에 남을 출력이나 온 메시지를 돌려줍니다."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client import KernelManager
from jupyter_client.kernelspec import KernelSpec

from conftest import ROOT, fold

Message = dict[str, Any]
SHOWN = ("stream", "display_data", "execute_result", "error")

# Colab과 같은 것(IPython 7.34, ipykernel 6.17.1, openai 2.54, huggingface_hub 1.27)이 설치된 파이썬. .ci/full이 정합니다.
COLAB_PYTHON = os.environ.get("LLMKIT_COLAB_PYTHON", "")
NO_COLAB = pytest.mark.skipif(not COLAB_PYTHON, reason="LLMKIT_COLAB_PYTHON이 없습니다")
PYTHONS = [
    pytest.param(sys.executable, id="current"),
    pytest.param(COLAB_PYTHON, id="colab", marks=[pytest.mark.full, NO_COLAB]),
]


class Kernel:
    """`with Kernel(python, folder) as kernel:` 안에서 켜져 있습니다."""

    def __init__(self, python: str, folder: Path | None = None) -> None:
        self.manager = KernelManager()
        argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self.manager._kernel_spec = KernelSpec(argv=argv, language="python", display_name="test")
        self.manager.start_kernel(cwd=folder and str(folder), env=os.environ | {"PYTHONPATH": str(ROOT)})
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready()

    def restart(self) -> None:
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._connect()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *error: object) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def messages(
        self, source: str, *, answers: list[str] | None = None, stop_at: Callable[[Message], bool] | None = None
    ) -> list[Message]:
        """셀 하나의 메시지를 온 순서대로 돌려줍니다.

        `answers`가 있으면 사람이 입력하는 노트북입니다. `stop_at`이 참인 메시지가 오면 정지 버튼을 누릅니다.
        """
        replies = list(answers or [])
        # 옛 ipykernel은 오류가 난 뒤 잠깐 동안 온 셀을 실행하지 않습니다(stop_on_error).
        request = self.client.execute(textwrap.dedent(source), allow_stdin=answers is not None, stop_on_error=False)
        came: list[Message] = []
        while True:
            if replies:
                try:
                    self.client.get_stdin_msg(timeout=0.05)
                    self.client.input(replies.pop(0))
                except Empty:
                    pass
            try:
                message = self.client.get_iopub_msg(timeout=0.1 if replies else 1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            came.append(message)
            if stop_at and stop_at(message):
                stop_at = None
                self.manager.interrupt_kernel()
            if message["content"].get("execution_state") == "idle":
                return [message for message in came if message["msg_type"] not in ("status", "execute_input")]

    def run(self, source: str, **options: Any) -> list[dict[str, str]]:
        """셀을 실행해 화면에 남을 출력마다 `{"kind": ..., "text": ...}`를 돌려줍니다."""
        return [
            _output_of(message) for message in fold(self.messages(source, **options)) if message["msg_type"] in SHOWN
        ]


def _output_of(message: Message) -> dict[str, str]:
    content, kind = message["content"], message["msg_type"]
    if kind == "error":
        return {"kind": content["ename"], "text": "\n".join(content["traceback"])}
    text = content["text"] if kind == "stream" else content["data"]["text/plain"]
    return {"kind": content.get("name", kind), "text": text}


def texts(outputs: list[dict[str, str]]) -> list[str]:
    """이어진 print는 하나로 모은, 출력마다의 글."""
    joined: list[dict[str, str]] = []
    for output in outputs:
        if joined and output["kind"] == joined[-1]["kind"] == "stdout":
            joined[-1]["text"] += output["text"]
        else:
            joined.append(dict(output))
    return [output["text"] for output in joined]
