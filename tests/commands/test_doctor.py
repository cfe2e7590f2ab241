"""명령줄: 진단이 고칠 것을 말하는가, 키를 한 조각도 보이지 않는가, 녹화가 키 없이 시작되지 않는가."""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest

from llmkit import __main__ as command
from llmkit import models, session
from llmkit.commands import doctor, freshness
from llmkit.commands.estimate import estimate
from llmkit.common.keys import KEY_NAMES, unload_environment
from llmkit.replay.cassette import Cassette
from llmkit.replay.plan import Result
from tests.fake_keys import fake_keys, leaked

KEYS = fake_keys() | {"GOOGLE_API_KEY": "AIza" + "s" * 35}
TITLES = ("OpenAI", "Anthropic", "Hugging Face", "Gemini", "Groq")


@pytest.fixture
def examine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Callable[[], tuple[int, str]]]:
    """다른 것은 모두 좋은 컴퓨터에서 진단을 실행합니다."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHON_DOTENV_DISABLED", raising=False)
    require(monkeypatch, "openai>=2")
    monkeypatch.setattr(doctor.socket, "create_connection", lambda address, timeout: doctor.socket.socket())

    def run() -> tuple[int, str]:
        capsys.readouterr()
        return doctor.run(), capsys.readouterr().out

    yield run
    unload_environment()


def require(monkeypatch: pytest.MonkeyPatch, *needs: str) -> None:
    """강좌의 패키지가 `needs`를 요구한다고 적어 둡니다."""
    written = Message()
    for need in needs:
        written["Requires-Dist"] = need
    monkeypatch.setattr(doctor, "metadata", lambda name: written)


def line(report: str, start: str) -> str:
    (found,) = [line for line in report.splitlines() if re.search(rf"\] {re.escape(start)} ", line)]
    return found


def test_without_keys_all_is_replayed_and_all_is_well(examine: Callable[[], tuple[int, str]]) -> None:
    status, report = examine()
    assert status == 0
    for title in TITLES:
        assert "재생(replay)" in line(report, title + ":") and "없습니다" in line(report, title + ":")
        assert "[없음]" in line(report, title + ":")  # 없는 키를 '좋음'이라고 하지 않습니다.
    assert "[없음] .env: " in report
    assert "[좋음] 01_basics: " in report
    assert report.endswith("강좌를 실행할 수 있습니다.\n")


def test_keys_in_the_env_file_go_live_and_are_never_shown(
    examine: Callable[[], tuple[int, str]], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}={key}\n" for name, key in KEYS.items()), encoding="utf-8")
    status, report = examine()
    assert status == 0
    assert f"[좋음] .env: {tmp_path / '.env'}" in report
    assert [row for row in report.splitlines() if "[없음]" in row and "설치되지 않은 것" not in row] == []
    for title in TITLES:
        assert "실제 호출(live)" in line(report, title + ":")
    assert leaked(report, KEYS) == []


def test_a_key_that_stays_unused_says_why(
    examine: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEYS["OPENAI_API_KEY"])
    monkeypatch.setenv("CI", "true")
    assert "CI 환경 변수 때문에 재생" in line(examine()[1], "OpenAI:")
    monkeypatch.delenv("CI")
    monkeypatch.setenv("LLMKIT_MODE", "replay")
    assert "LLMKIT_MODE=replay 때문에 재생" in line(examine()[1], "OpenAI:")


def test_live_without_a_key_is_pointed_out(
    examine: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMKIT_MODE", "live")
    status, report = examine()
    assert status == 0  # 강좌는 여전히 실행할 수 있습니다.
    assert "[주의]" in line(report, "OpenAI:") and "LLMKIT_MODE=live" in line(report, "OpenAI:")


def test_a_mode_that_does_not_exist_stops_the_course(
    examine: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMKIT_MODE", "relpay")
    status, report = examine()
    assert status == 1
    assert "'relpay'" in report and "문제 1개" in report


def test_a_wall_in_the_network_is_seen(examine: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: tuple[str, int], timeout: float) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(doctor.socket, "create_connection", refuse)
    assert "연결할 수 없는 곳" not in examine()[1]  # 재생만 한다면 상관없습니다.
    monkeypatch.setenv("GROQ_API_KEY", KEYS["GROQ_API_KEY"])
    status, report = examine()
    assert status == 1  # 키가 있는 제공자는 실제로 호출하므로, 이대로는 셀이 실패합니다.
    assert "[문제] 연결할 수 없는 곳: api.groq.com" in report and "LLMKIT_MODE=replay" in report


def test_what_cannot_be_read_is_said_and_the_rest_is_examined(
    examine: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_MODEL", "\x1b[31m")
    assert "\x1b" not in examine()[1]
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    status, report = examine()
    assert status == 1
    assert "[문제] 읽을 수 없는 곳: 지금의 폴더 (No such file or directory)" in report
    assert (
        f"[좋음] {models.default_model('openai')}: " in report and "[좋음] 환율: " in report and "문제 1개를" in report
    )


def test_versions_out_of_range_are_named(
    examine: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    openai = metadata.version("openai")
    absent = ["no-such-package>=1", 'no-such-extra>=1; extra == "plots"']
    require(monkeypatch, f"openai<{openai}", "nbval>=0.1", *absent)
    status, report = examine()
    assert status == 1
    assert f"[문제] openai {openai}" in report and "pip install -r requirements.txt" in report
    assert "[좋음] nbval" in report
    assert "[문제] no-such-package: 설치되어 있지 않습니다" in report
    assert "[주의] no-such-extra: 설치되어 있지 않습니다" in report  # 그림을 그리는 수업에만 필요합니다.
    assert "문제 2개" in report


def test_a_broken_cassette_stops_the_course(
    examine: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cassettes = tmp_path / "cassettes"
    shutil.copytree(session.CASSETTES, cassettes)
    (cassettes / "01_basics.json").write_text('{"cassette": 1', encoding="utf-8")
    monkeypatch.setattr(session, "CASSETTES", cassettes)
    status, report = examine()
    assert status == 1
    assert "01_basics.json" in report and "JSON" in report


def test_models_are_judged_by_the_calendar_not_the_cassette(
    examine: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, name in {
        "OPENAI_MODEL": "gpt-5",
        "ANTHROPIC_MODEL": "claude-opus-4-1",
        "GEMINI_MODEL": "gemini-9-pro",
        "GROQ_MODEL": "openai/gpt-oss-120b",
        "LOCAL_MODEL": "qwen3:8b",
    }.items():
        monkeypatch.setenv(variable, name)
    monkeypatch.setattr(doctor, "today", lambda: datetime.date(2026, 12, 10))
    status, report = examine()
    assert status == 0
    assert "[주의]" in line(report, "gpt-5:") and "OPENAI_MODEL. 남은 날: 1일." in line(report, "gpt-5:")
    assert "[주의]" in line(report, "claude-opus-4-1:") and "실제 호출은 실패할 수 있습니다" in line(
        report, "claude-opus-4-1:"
    )
    unknown = line(report, "gemini-9-pro:")
    assert (
        "[주의]" in unknown
        and "모르는 이름입니다. 가장 가까운 이름: gemini-pro." in unknown
        and "이름이 맞는지" in unknown
    )
    assert "[좋음]" in line(report, "openai/gpt-oss-120b:") and "GROQ_MODEL" in line(report, "openai/gpt-oss-120b:")
    assert "[좋음]" in line(report, "qwen3:8b:")  # 내 컴퓨터의 모델은 종료되지 않습니다.
    assert "[좋음]" in line(report, models.default_model("openai") + ":")
    monkeypatch.setattr(doctor, "today", lambda: datetime.date(2026, 12, 11))
    assert "종료되었습니다. 종료일: 2026-12-11." in line(examine()[1], "gpt-5:")


@pytest.mark.parametrize("model", ["gpt-4.1-nano", "gpt-4o", "gpt-4o-ultra"])
def test_a_lessons_model_that_is_going_gone_or_unknown_is_pointed_out(
    model: str, examine: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cassettes = tmp_path / "cassettes"
    cassettes.mkdir()
    text = (session.CASSETTES / "01_basics.json").read_text(encoding="utf-8")
    old = models.default_model("openai")
    (cassettes / "01_basics.json").write_text(
        text.replace(f'"openai": "{old}"', f'"openai": "{model}"'), encoding="utf-8"
    )
    monkeypatch.setattr(session, "CASSETTES", cassettes)
    monkeypatch.setattr(doctor, "today", lambda: datetime.date(2026, 11, 26))
    status, report = examine()
    assert status == 0
    assert "[주의]" in line(report, f"{model}:") and "01_basics" in line(report, f"{model}:")
    assert "[좋음]" in line(report, f"{old}:") and "01_basics" not in line(report, f"{old}:")


def test_data_of_a_hundred_days_ago_are_pointed_out(
    examine: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.date(2026, 11, 26)
    monkeypatch.setattr(doctor, "today", lambda: now)
    for days, level, told in ((90, "[좋음]", ""), (100, "[주의]", "90일이 넘어 지금과 다를 수 있습니다.")):
        old = now - datetime.timedelta(days=days)
        monkeypatch.setattr(freshness, "RATE_DATE", old)
        status, report = examine()
        assert status == 0
        (rate,) = [found for found in report.splitlines() if "] 환율: " in found]
        assert rate.startswith(f"  {level} 환율: {old} 확인({days}일 전)") and rate.endswith(told or "전)")
    monkeypatch.setattr(freshness, "PRICES", ("genai-prices", "0.0.1", now))
    assert "[주의] 가격표: 설치된 버전의 날짜를 모릅니다" in examine()[1]


def test_next_year_the_course_still_runs_and_says_what_is_old(
    examine: Callable[[], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "today", lambda: datetime.date(2027, 11, 26))
    status, report = examine()
    assert status == 0 and report.endswith("강좌를 실행할 수 있습니다.\n")
    ages = report.partition("자료의 날짜\n")[2].splitlines()[:-1]
    assert len(ages) >= 6 and all(found.startswith("  [주의] ") for found in ages)


# 명령줄 -----------------------------------------------------------------------------------------------


def llmkit(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert not set(KEY_NAMES) & set(os.environ), "키가 있으면 정말로 녹화를 시작합니다."
    return subprocess.run(
        [sys.executable, "-m", "llmkit", *arguments],
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


def test_the_installed_course_is_well() -> None:
    try:
        metadata.version(doctor.DISTRIBUTION)
    except metadata.PackageNotFoundError:
        pytest.skip("이 Python에는 강좌가 설치되어 있지 않습니다")
    done = llmkit("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[문제]" not in done.stdout and "[주의]" not in done.stdout.split("모델")[0]


@pytest.mark.parametrize("arguments", [("--help",), ("doctor", "--help"), ("record", "--help"), ("estimate", "--help")])
def test_help_is_korean(arguments: tuple[str, ...]) -> None:
    done = llmkit(*arguments)
    assert done.returncode == 0
    assert done.stdout.startswith(f"쓰는 법: {sys.executable} -m llmkit")
    assert not re.search(r"usage|options|show this|arguments", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "빠진 인자: 명령"),
        (("doctr",), "그런 것은 없습니다: 'doctr'. 있는 것: "),
        (("record", "--all=yes"), "--all: 값을 받지 않습니다: 'yes'"),
        (("record", "--=x"), "--=x: 어느 것인지 알 수 없습니다. 가까운 것: "),
        (("estimate", "9" * 5000), "그런 노트북은 없습니다"),
        (("record",), "노트북 번호 하나(record 01)나"),
        (("record", "04"), "실패를 다루는 수업"),
        (("record", "01", "--budget", "2"), "노트북 번호 하나(record 01)나"),
        (("record", "--all"), "예: record --all --budget 2"),
        (("record", "--all", "01", "--budget", "2"), "예: record --all --budget 2"),
        (("record", "--all", "--budget", "0"), "0보다 큰 달러 금액이어야 합니다: '0'"),
        (("record", "--all", "--budget", "-1"), "0보다 큰 달러 금액이어야 합니다: '-1'"),
        (("record", "--all", "--budget", "두개"), "0보다 큰 달러 금액이어야 합니다: '두개'"),
        (("record", "77"), "그런 노트북은 없습니다: '77'. 가까운 것: "),
        (("record", "01", "--provider", "openia"), "그런 것은 없습니다: 'openia'"),
        (("record", "01"), "OPENAI_API_KEY"),
        (("record", "01", "--provider", "local"), "그 제공자의 호출이 없습니다: local"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_few_lines(arguments: tuple[str, ...], said: str) -> None:
    done = llmkit(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 7 and "Traceback" not in done.stderr


def test_record_all_without_keys_says_which_are_missing() -> None:
    done = llmkit("record", "--all", "--budget", "2")
    assert "OPENAI_API_KEY 값이 없습니다" in done.stdout.splitlines()[0]
    assert "녹화할 수 있는 것이 없습니다." in done.stdout and "터미널" not in done.stdout + done.stderr


def test_a_python_without_the_course_is_told_what_to_install(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "llmkit", "doctor"], cwd=root, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 1 and "강좌가 설치되어 있지 않습니다" in done.stdout and done.stderr == ""


def test_a_reader_that_closes_first_and_a_full_disk_end_without_a_traceback() -> None:
    command = f'"{sys.executable}" -m llmkit doctor'
    done = subprocess.run(f"{command} | true; {command} > /dev/full", shell=True, capture_output=True, text=True)
    assert done.stderr.splitlines() == ["멈췄습니다. [Errno 28] No space left on device"]


def test_without_a_screen_it_ends_as_ever_and_ctrl_c_is_no_traceback() -> None:
    assert subprocess.run(f'"{sys.executable}" -m llmkit estimate 01 >&- 2>&-', shell=True).returncode == 0
    stopped = """
import runpy, sys
from llmkit.commands import doctor

def run():
    raise KeyboardInterrupt

doctor.run, sys.argv = run, ["llmkit", "doctor"]
runpy.run_module("llmkit", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", stopped], capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\n끝냅니다.\n")


def test_output_survives_a_terminal_without_korean() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "llmkit", "--help"],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("wanted", ["1", "01", "001", "01_basics", "01_basics.ipynb", "notebooks/01_basics.ipynb"])
def test_a_notebook_is_found_by_number_or_name(
    wanted: str, root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert command.find_notebook(wanted) == root / "notebooks" / "01_basics.ipynb"
    monkeypatch.chdir(tmp_path)  # 어느 폴더에서 불러도 강좌의 노트북입니다.
    assert command.find_notebook(wanted) == root / "notebooks" / "01_basics.ipynb"


def test_only_providers_with_a_key_are_recorded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {}
    monkeypatch.setattr(
        "llmkit.commands.record.record_notebook",
        lambda path, providers: asked.update({path.stem: providers}) or Result(done=True),
    )
    monkeypatch.setenv("OPENAI_API_KEY", KEYS["OPENAI_API_KEY"])
    assert command.main(["record", "01"]) == 0
    assert asked == {"01_basics": ["openai"]}
    said = capsys.readouterr().out
    assert "추정" in said and "openai" in said and "anthropic" not in said  # 녹화할 것만 추정해 먼저 보여 줍니다.
    assert "재생합니다" in said and "ANTHROPIC_API_KEY" in said and leaked(said, KEYS) == []
    assert {"openai", "anthropic"} <= {
        e.provider for e in Cassette.load(session.CASSETTES / "01_basics.json").exchanges
    }


# 추정 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "notebook", sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*_*.ipynb")), ids=lambda path: path.stem
)
def test_the_estimate_counts_every_call_of_a_whole_run(notebook: Path) -> None:
    """추정의 호출 수와 비용은, 노트북을 끝까지 실행한 뒤의 영수증과 같습니다. 같은 요청을 여러 셀이 보내도 그렇습니다."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    shown = [
        output
        for cell in cells
        for output in cell.get("outputs", [])
        if "".join(cell["source"]).rstrip().endswith("session.receipt()")
    ]
    receipt = "".join(shown[-1]["data"]["text/plain"])
    total = re.compile(r"^합계 +(\d+) .* (\S+) +\S+원$", re.MULTILINE)
    planned = llmkit("estimate", notebook.stem).stdout
    assert total.search(planned).groups() == total.search(receipt).groups(), planned + receipt


def test_the_estimate_speaks_of_a_run_to_come_not_of_a_replay(root: Path) -> None:
    said = llmkit("estimate", "01").stdout
    exchanges = Cassette.load(session.CASSETTES / "01_basics.json").exchanges
    failed = sum(e.usage[0] is None and (e.status is None or e.status >= 400) for e in exchanges)
    ours = any(e.provenance == "authored" for e in exchanges)
    assert said.startswith("추정: 저장된 요청을 실제로 보내면\n")
    assert "재생한 호출" not in said and "실제로 든 돈" not in said
    assert failed and f"답을 받지 못할 시도 {failed}번" in said
    assert ours == ("샘플: 이 강좌가 쓴 샘플 응답의 토큰 수" in said)


def test_the_estimate_of_all_lessons_adds_up(root: Path) -> None:
    lessons = [path.stem for path in root.glob("notebooks/[0-9]*_*.ipynb")]
    lines = llmkit("estimate").stdout.splitlines()
    assert sorted(line.split(":")[0] for line in lines[:-1]) == sorted(lessons)
    assert lines[-1].startswith("합계: ") and lines[-1].endswith("원")


def test_the_estimate_uses_the_model_that_a_live_run_would_use(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = estimate("01_basics", ["openai"]).usd
    monkeypatch.setenv("OPENAI_MODEL", "gpt-4o")
    assert estimate("01_basics", ["openai"]).usd > usual
    monkeypatch.setenv("OPENAI_MODEL", "gpt-nobody-knows")
    receipt = estimate("01_basics", ["openai"])
    assert receipt.rows == [] and receipt.unknown  # 모르는 값은 0원이 아닙니다.
