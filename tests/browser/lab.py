"""헤드리스 Chromium으로 진짜 JupyterLab(과 Notebook 7)을 엽니다. 화면 테스트와 benchmarks/display.py가 함께 씁니다."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.loopback import free_port

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NO_PLAYWRIGHT = "playwright가 없습니다: pip install -r .ci/requirements.txt"
NO_CHROMIUM = "시스템의 chromium이 없습니다: Debian과 Ubuntu에서는 apt-get install chromium fonts-noto-cjk"
SECONDS = (
    300  # 바쁜 컴퓨터에서도 넉넉한 기다림. 테스트의 제한(conftest.py의 900초)보다 먼저 무엇을 기다렸는지 말합니다.
)
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync"]  # fmt: skip
# 노트북과 커널이 모두 준비되기 전에 실행을 시키면 끝나지 않습니다. 셀의 표시는 커널이 생기기 전에도 idle입니다.
READY = """
name => {
  const panel = window.jupyterapp?.shell?.currentWidget;
  const session = panel?.context?.sessionContext;
  return Boolean(panel?.context?.path === name && panel.context.isReady && session?.isReady
    && session.session?.kernel?.connectionStatus === 'connected' && session.session.kernel.status === 'idle');
}
"""
RUN_ALL = """
() => {
  window.ran = null;
  jupyterapp.commands.execute('notebook:run-all-cells').then(() => window.ran = true, e => window.ran = String(e));
}
"""
ANSWER = """
box => {
  box.setAttribute('answered', '');
  box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}));
}
"""


@contextlib.contextmanager
def jupyter(root: Path, app: str = "lab") -> Iterator[str]:
    """쓰는 사람의 설정을 읽지도 남기지도 않는 서버를 띄우고, 노트북의 이름이 들어갈 주소를 돌려줍니다.

    `app`은 "lab"(JupyterLab)이나 "notebook"(Notebook 7)입니다. 커널은 이 프로세스의 환경 변수를 물려받고, 늘 재생합니다.
    """
    port = free_port()
    private = root / ".jupyter"
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
             "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")  # fmt: skip
    env = os.environ | {name: str(private / name) for name in names}
    env |= {"LLMKIT_MODE": "replay", "PYTHONPATH": str(ROOT)}
    news = private / "JUPYTERLAB_SETTINGS_DIR/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    module, name, path = {
        "lab": ("jupyterlab", "LabApp", "lab/tree/%s?reset&"),
        "notebook": ("notebook", "JupyterNotebookApp", "notebooks/%s?"),
    }[app]
    command = [sys.executable, "-m", module, "--no-browser", "--allow-root", f"--port={port}",
               "--IdentityProvider.token=t", f"--ServerApp.root_dir={root}", f"--{name}.expose_app_in_browser=True"]  # fmt: skip
    with (private / "log").open("w") as log, subprocess.Popen(command, env=env, stdout=log, stderr=log) as server:
        try:
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token=t", timeout=1)
                    break
                assert server.poll() is None, (private / "log").read_text()
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/{path}token=t"
        finally:
            server.terminate()


@contextlib.contextmanager
def chromium(*options: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS, *options])
        yield browser
        browser.close()


def open_notebook(page: Any, address: str, name: str) -> None:
    page.goto(address % name)
    page.wait_for_function(READY, arg=name, timeout=SECONDS * 1000)


def run_all(page: Any, replies: Iterable[str] = (), seconds: float = SECONDS) -> None:
    """모든 셀을 실행하고 끝날 때까지 기다립니다. `input()`이 물으면 `replies`를 순서대로 적습니다."""
    page.evaluate(RUN_ALL)
    waiting, deadline = list(replies), time.monotonic() + seconds
    while page.evaluate("window.ran") is None:
        assert time.monotonic() < deadline, f"{seconds}초가 지나도 실행이 끝나지 않습니다."
        if (box := page.locator("input.jp-Stdin-input:not([answered])")).count():
            box.fill(waiting.pop(0))
            box.evaluate(ANSWER)
        page.wait_for_timeout(100)
    assert page.evaluate("window.ran") is True
    wait_until_idle(page)


def wait_until_idle(page: Any) -> None:
    page.wait_for_function("jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'")


def save(page: Any) -> None:
    page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("!jupyterapp.shell.currentWidget.context.model.dirty")
