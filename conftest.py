"""모든 테스트에 공통인 것: 키도 `.env`도 네트워크도 없는 환경, 그리고 노트북을 빈틈없이 비교하게 하는 nbval 손질.

노트북, 단위 테스트, doctest 모두에 듣도록 저장소의 맨 위에 둡니다.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile

from llmkit.commands.lock import moved, why_not
from llmkit.common.providers import PROVIDERS
from tests import no_network

# 수업이 만드는 챗봇은 불러오면 입력을 기다리고, 사이트와 엔진의 코드는 제 환경에서만 불러올 수 있습니다.
collect_ignore_glob = ["notebooks/bot_*.py", "docs/*/*.py"]

ROOT = Path(__file__).resolve().parent

# 이 값들이 있으면 결과가 사람마다 달라집니다.
PERSONAL = [name for provider in PROVIDERS.values() for name in (*provider.keys, provider.model_variable)]
PERSONAL += ["CI", "LLMKIT_MODE", "LLMKIT_PACE", "JPY_SESSION_NAME", "HF_ENDPOINT", "HF_INFERENCE_ENDPOINT"]
PERSONAL += ["OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"]
PERSONAL += ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]


def pytest_configure(config: pytest.Config) -> None:
    for name in [*PERSONAL, *map(str.lower, PERSONAL)]:
        os.environ.pop(name, None)
    os.environ |= {"PYTHON_DOTENV_DISABLED": "1", "LLMKIT_PACE": "0", "HF_TOKEN_PATH": os.devnull}
    # 커널은 여기 있는 것을 첫 셀보다 먼저 실행합니다. 쓰는 사람의 IPython 설정은 읽지 않습니다.
    ipython = tempfile.mkdtemp(prefix="llmkit-ipython-")
    startup = Path(ipython, "profile_default", "startup")
    startup.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "no_network.py", startup / "00-no-network.py")
    if os.environ.get("LLMKIT_FAKE_COLAB"):  # .ci/full의 Colab 부분
        shutil.copy(ROOT / "tests" / "fake_colab.py", startup / "01-fake-colab.py")
    os.environ["IPYTHONDIR"] = ipython
    config.add_cleanup(lambda: shutil.rmtree(ipython, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """오래 걸려도 되는 테스트의 시간 제한(초)입니다. 나머지는 pyproject.toml의 `timeout`을 따릅니다."""
    for item in items:
        for mark, seconds in (("full", 3600), ("browser", 900)):
            if item.get_closest_marker(mark) and not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(seconds))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """시험한 버전과 다른 패키지는 실패가 아니지만, 실패의 이유를 찾는 사람이 가장 먼저 볼 것입니다."""
    # 실행하지 않은 노트북은 언제나 보여야 합니다. 건너뛴 수만 세면 통과한 것처럼 보입니다.
    for path in sorted((ROOT / "notebooks").glob("[0-9]*_*.ipynb")):
        if problem := why_not(path):
            terminalreporter.write_line(f"건너뜁니다. {problem}")
    if any("requirements/engines.txt" in str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])):
        terminalreporter.write_line("건너뜁니다. docs/distributed: 엔진이 없습니다(requirements/engines.txt).")
    if different := moved():
        terminalreporter.section("constraints.txt와 다른 버전")
        for package in different:
            terminalreporter.write_line(str(package))


@pytest.fixture(scope="session")
def root() -> Path:
    """저장소의 맨 위 폴더."""
    return ROOT


@pytest.fixture(autouse=True)
def _stays_on_this_machine() -> Iterator[None]:
    before = len(no_network.tried)
    yield
    assert no_network.tried[before:] == [], "테스트가 네트워크를 쓰려 했습니다."


# 건너뛴 테스트 ------------------------------------------------------------------------------------------
# LLMKIT_REQUIRE_ALL=1이면(.ci/run) 조용히 건너뛰는 것도 실패입니다. 저장소 밖(../shared)의 자료가 없거나, 사실을 확인한 SDK의
# 버전과 다른 버전이 설치되었거나, 따로 설치하는 수업이거나, pip로 설치할 수 없는 브라우저가 없을 때만 예외입니다.


def _must_not_skip(report: Any) -> None:
    if os.environ.get("LLMKIT_REQUIRE_ALL") and report.skipped and not hasattr(report, "wasxfail"):
        if not any(
            name in str(report.longrepr)
            for name in ("shared", "real_exchanges", "확인한 버전", "시스템의 chromium", "따로 설치하는 수업")
        ):
            report.outcome, report.longrepr = "failed", f"건너뛰면 안 되는 테스트입니다: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report = yield
    _must_not_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    report = yield
    _must_not_skip(report)
    return report


# nbval ------------------------------------------------------------------------------------------------
# nbval 0.11은 update_display_data와 clear_output을 모르는 메시지로 여겨, 스트림으로 갱신한 표시의 **처음** 모습만
# 비교합니다. 셀 하나의 메시지를 모두 받아 화면에 남을 것으로 접은 뒤에 건네주면, 나머지는 nbval이 하는 그대로입니다.


def fold(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """갱신(update_display_data)과 지우기(clear_output)를 적용해, 저장된 노트북과 같은 출력만 남깁니다."""
    folded: list[dict[str, Any]] = []
    shown: dict[str, list[dict[str, Any]]] = {}
    updates: dict[str, tuple[int, dict[str, Any]]] = {}  # 이름 → (갱신 앞에 있던 표시의 수, 마지막 갱신)
    clear_next = False
    cleared = 0  # 이 앞에는 지울 것이 남아 있지 않습니다.

    def apply_updates() -> None:
        """갱신마다 고치지 않고 마지막 것만 한 번 옮깁니다. 표시도 갱신도 많은 셀에서 오래 걸리지 않습니다."""
        for name, (count, content) in updates.items():
            for display in shown[name][:count]:
                display |= {"data": content["data"], "metadata": content["metadata"]}

    def clear() -> None:
        nonlocal cleared
        folded[cleared:] = [message for message in folded[cleared:] if message["msg_type"] == "status"]
        cleared = len(folded)
        shown.clear()
        updates.clear()

    for message in messages:
        kind, content = message["msg_type"], message["content"]
        name = content.get("transient", {}).get("display_id")
        if kind == "clear_output":
            clear_next = content["wait"]
            if not clear_next:
                clear()
        elif kind == "update_display_data":
            if name in shown:
                updates[name] = (len(shown[name]), content)
        else:
            if clear_next and kind in ("stream", "display_data", "execute_result", "error"):
                clear_next = False
                clear()
            if kind == "display_data" and name:
                shown.setdefault(name, []).append(content)
            folded.append(message)
    apply_updates()
    return folded


_collect, _setup = IPyNbFile.collect, IPyNbFile.setup
_get_message, _runtest = RunningKernel.get_message, IPyNbCell.runtest


def _collect_if_installed(file: IPyNbFile) -> Iterator[IPyNbCell]:
    """수업에 더 필요한 것(metadata.llmkit.requires)이 없으면 그 노트북을 건너뜁니다. 이유는 끝에 한 줄로 나옵니다."""
    if problem := why_not(file.path):
        pytest.skip(problem, allow_module_level=True)
    yield from _collect(file)


def _start_in_replay(file: IPyNbFile) -> None:
    """커널은 켜져 있는 로컬 서버에도 가지 않고 늘 재생합니다. 나머지 환경은 위에서 비운 것을 물려받습니다."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMKIT_MODE", "replay")
        _setup(file)


def _next_folded(kernel: RunningKernel, stream: str, timeout: float | None = None) -> dict[str, Any]:
    if stream != "iopub":
        return _get_message(kernel, stream, timeout)
    came, waiting = kernel.__dict__.setdefault("_llmkit", ([], deque()))
    while not waiting:
        came.append(_get_message(kernel, stream, timeout))
        if came[-1]["content"].get("execution_state") == "idle":  # 셀의 출력은 여기까지입니다.
            waiting.extend(fold(came))
            came.clear()
    return waiting.popleft()


def _run_checked(cell: IPyNbCell) -> None:
    if cell.cell.source.strip() and cell.cell.execution_count is None:
        cell.raise_cell_error("실행 번호(execution_count) 없이 저장된 셀입니다. nbval은 이런 셀을 비교하지 않습니다.")
    _runtest(cell)


IPyNbFile.collect, IPyNbFile.setup = _collect_if_installed, _start_in_replay
RunningKernel.get_message, IPyNbCell.runtest = _next_folded, _run_checked
