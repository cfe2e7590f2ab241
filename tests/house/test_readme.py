"""README에 적힌 그대로 되는가: JupyterLab이 열려 첫 수업을 내주고, 적힌 파일과 명령이 정말로 있는가."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from dotenv import dotenv_values

from llmkit.common.keys import missing_reason
from llmkit.common.providers import PROVIDERS


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_the_first_command_opens_lesson_01(readme: str, root: Path, tmp_path: Path) -> None:
    line = next(line for line in readme.splitlines() if line.startswith("python3 -m venv .venv && "))
    program, *options = line.split(" && ")[-1].split()
    assert program == ".venv/bin/jupyter"
    homes = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    log = tmp_path / "log"  # 파이프는 아무도 읽지 않으면 차서 서버를 멈춥니다.
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter", *options, "--no-browser", "--port=0"],
            cwd=root, env=os.environ | homes, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        running = _wait_for_server(Path(homes["JUPYTER_RUNTIME_DIR"]), server, log)
        notebook = os.path.relpath(root / options[-1], running["root_dir"])
        url = f"{running['url']}api/contents/{notebook}?token={running['token']}"
        with urllib.request.urlopen(url) as answer:
            served = json.load(answer)
        assert served["content"]["cells"]
    finally:
        server.kill()
        server.wait()


def _wait_for_server(folder: Path, server: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    """서버가 제 주소를 적은 파일을 읽습니다. 얼마나 기다릴지는 테스트의 시간 제한(pyproject.toml)이 정합니다."""
    while True:
        ended = server.poll() is not None
        # 파일을 아직 쓰는 중이거나(ValueError), 주소를 적고도 아직 듣지 않을(OSError) 수 있습니다.
        with contextlib.suppress(StopIteration, ValueError, OSError):
            running = json.loads(next(folder.glob("jpserver-*.json")).read_text(encoding="utf-8"))
            urllib.request.urlopen(f"{running['url']}api").close()
            return running
        assert not ended, log.read_text(encoding="utf-8")
        time.sleep(0.1)


def code_lines(text: str, start: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith(start)]


def test_every_way_installs_the_locked_versions(readme: str) -> None:
    ways = code_lines(readme, "python3 -m venv .venv && ") + code_lines(readme, "py -m venv .venv; ")
    assert len(ways) == 3  # uv, pip, Windows
    for way in ways:
        steps = [step for step in re.split(r" && |; ", way) if "pip install" in step]
        assert steps and [step for step in steps if "-c constraints.txt" not in step] == []
        assert steps[-1].endswith("-r requirements.txt")
        assert not re.search(r" -q\b|--quiet", way), "몇 분 동안 아무것도 나오지 않으면 멈춘 줄 압니다."


def test_windows_does_what_linux_does(readme: str) -> None:
    install, *_ = code_lines(readme, "python3 -m venv .venv && ")
    (windows,) = code_lines(readme, "py -m venv .venv; ")
    windows = windows.replace("; ", " && ").replace(".venv\\Scripts\\", ".venv/bin/").replace("\\", "/")
    windows = windows.replace("py -m venv", "python3 -m venv")
    assert windows == install.replace(" --allow-root --ServerApp.root_dir=.", "")
    (linux_test,) = code_lines(readme, ".venv/bin/python -m pytest -n")
    assert code_lines(readme, ".venv\\Scripts\\python -m pytest") == [
        linux_test.replace("/bin/", "/Scripts/").replace("/", "\\")
    ]


def test_ci_runs_these_commands_with_three_variables(readme: str, root: Path) -> None:
    done = subprocess.run(["bash", ".ci/run", "--show"], cwd=root, capture_output=True, text=True, check=True)
    install, test = done.stdout.splitlines()
    first, *_ = code_lines(readme, "python3 -m venv .venv && ")
    assert first.startswith(f"{install} && .venv/bin/jupyter lab ")
    assert [test] == code_lines(readme, ".venv/bin/python -m pytest -n")
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    (given,) = re.findall(r"env -i (.*?)\)$", script, re.MULTILINE)
    assert re.findall(r"(\w+)=", given) == ["PATH", "HOME", "LANG"]


def test_it_is_said_that_no_hosted_cell_ran_live(readme: str) -> None:
    assert "제공자를 실제로 호출해 본 셀은 하나도 없습니다" in readme
    assert "we ran no cell against a hosted provider" in readme


def test_every_link_leads_to_a_file(readme: str, root: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", readme) if not link.startswith("http")]
    assert links
    assert [link for link in links if not (root / link).exists()] == []
    assert re.findall(r"-r (\S+\.txt)", readme)
    assert [name for name in re.findall(r"-r (\S+\.txt)", readme) if not (root / name).exists()] == []


def test_every_notebook_is_in_the_table(readme: str, root: Path) -> None:
    for path in root.glob("notebooks/[0-9]*_*.ipynb"):
        assert f"](notebooks/{path.name})" in readme


def test_the_example_env_names_every_variable_and_counts_as_no_key(root: Path) -> None:
    path = root / ".env.example"
    values = dotenv_values(path)
    keys = [name for provider in PROVIDERS.values() for name in provider.keys]
    settings = [provider.model_variable for provider in PROVIDERS.values()] + ["LLMKIT_MODE", "LLMKIT_PACE"]
    assert set(values) == {*keys, *settings}
    assert {name: missing_reason(values[name] or "") for name in keys} == dict.fromkeys(keys, "예시 값 그대로입니다")
    assert [name for name in settings if values[name]] == []  # 값이 있으면 모델 이름이나 방식으로 쓰입니다.
    lines = path.read_text(encoding="utf-8").splitlines()
    for before, line in zip(lines, lines[1:]):
        if re.match(r"[A-Z_]+=", line):
            assert re.match(r"# .*[가-힣]", before), f"{line} 위에 한국어 설명이 없습니다."


def test_a_copied_example_env_replays_everything(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / ".env.example", tmp_path / ".env")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON_DOTENV_DISABLED"}
    environment["PYTHONPATH"] = str(root)
    done = subprocess.run(
        [sys.executable, "-c", "import llmkit; print(llmkit.setup('01_basics').is_replay)"],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "True", done.stdout + done.stderr
    assert "예시 값 그대로" in done.stdout
