"""수업 12가 프레임워크에 대해 하는 말은 설치된 버전에서 참이고, 재생 중에는 어디에도 연결하지 않습니다."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import llmkit
from llmkit.commands.lock import missing, why_not
from tests.authoring.provider.testing import stand_in
from tests.lessons.watched_run import hosts_of_a_replay

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "12_frameworks.ipynb"
installed = pytest.mark.skipif(bool(missing("frameworks")), reason="프레임워크가 없습니다(따로 설치하는 수업)")


def shown(identity: str) -> str:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    (cell,) = [cell for cell in cells if cell["id"] == identity]
    return "".join(text for output in cell["outputs"] for text in output.get("text", []))


def test_a_notebook_without_its_frameworks_is_skipped_with_one_visible_line(tmp_path: Path) -> None:
    plugin = tmp_path / "nothing_there.py"
    plugin.write_text("import importlib.metadata as m\nold = m.version\ndef version(name):\n"
                      "    if name == 'litellm':\n        raise m.PackageNotFoundError(name)\n"
                      "    return old(name)\nm.version = version\n")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "nothing_there", str(NOTEBOOK), "tests/house/test_public_face.py"],
        cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "LLMKIT_REQUIRE_ALL": "1"},
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("건너뜁니다. 12_")]
    assert done.returncode == 0 and len(lines) == 1, done.stdout
    assert lines[0].startswith("건너뜁니다. 12_frameworks: litellm")


def test_every_requirement_that_a_notebook_names_is_a_file() -> None:
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
        for name in metadata.get("llmkit", {}).get("requires", []):
            assert (ROOT / "requirements" / f"{name}.txt").exists(), path.name
    assert why_not(ROOT / "notebooks" / "01_basics.ipynb") is None


@installed
def test_a_replay_connects_nowhere(tmp_path: Path) -> None:
    hosts, failed = hosts_of_a_replay("12_frameworks", tmp_path)
    assert failed == []
    # 5절이 보이려고 일부러 켠 파이썬 하나만 이름을 묻고, 거절당합니다.
    assert hosts == {"raw.githubusercontent.com litellm"}


@installed
def test_a_dropped_parameter_is_dropped_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    model = llmkit.model("openai")
    with stand_in('[[entry]]\nprompt = "안녕?"\nanswer = "네."\n') as server:
        litellm.completion(
            model=f"openai/{model}", api_key="x" * 20, temperature=0, drop_params=True,
            messages=[{"role": "user", "content": "안녕?"}],
        )  # fmt: skip
        (sent,) = server.log
    assert "temperature" not in sent["body"] and sent["body"]["model"] == model


def test_what_the_stored_outputs_show() -> None:
    """본문이 말하는 수는 저장된 출력에 있습니다."""
    requests = {line.rsplit(" ", 3)[0]: int(line.rsplit(" ", 3)[1]) for line in shown("retries").splitlines()}
    assert requests == {
        "SDK": 3, "LiteLLM": 3, "LiteLLM, Anthropic": 1, "LangChain": 3, "LangChain with_retry": 9,
    }  # fmt: skip
    bodies = {line.split()[0]: line for line in shown("bodies").splitlines()}
    assert bodies["SDK"].split(maxsplit=1)[1] == bodies["LiteLLM"].split(maxsplit=1)[1]
    assert "'stream'" in bodies["LangChain"] and "'stream'" not in bodies["SDK"]
    assert shown("swap").count('"max_tokens"') == 2
    assert shown("refused").endswith("보낸 요청 0\n")
    failures = dict(line.split(" ", 1) for line in shown("dead").splitlines())
    assert failures["LiteLLM"] == "InternalServerError | 연결 실패인가: False"
    assert failures["SDK"].endswith("True") and failures["LangChain"].endswith("True")
    asked = shown("asked").splitlines()
    assert asked[2] == "litellm ['raw.githubusercontent.com']" and asked[3].endswith("[]")
    assert asked[0].endswith("[]") and asked[1].endswith("[]")
