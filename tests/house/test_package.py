"""설치한 패키지만으로 수업이 재생되는가: 휠을 만들어 다른 곳에 설치하고, 다른 폴더에서 카세트를 재생합니다."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

REPLAY = """
import json, llmkit
from pathlib import Path
from openai import OpenAI

assert Path(llmkit.__file__).is_relative_to({site!r}), llmkit.__file__
session = llmkit.setup("01_basics", mode="replay")
exchange = next(
    e for e in session.cassette.exchanges if (e.provider, e.path, e.status) == ("openai", "/chat/completions", 200)
)
answer = OpenAI().chat.completions.create(**exchange.body)
assert answer.choices[0].message.content == json.loads(exchange.content)["choices"][0]["message"]["content"]
assert llmkit.count_tokens("안녕하세요", "gpt-4o") > 0  # 어휘 파일도 들어 있어야 합니다.
print("재생", len(session.calls))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """저장소에 build 폴더를 남기지 않도록 베낀 곳에서 만듭니다."""
    pytest.importorskip("setuptools", minversion="77", reason="휠을 만들려면 setuptools 77 이상이 필요합니다")
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    shutil.copytree(root / "llmkit", source / "llmkit", ignore=shutil.ignore_patterns("__pycache__"))
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(out), str(source))
    (built,) = out.glob("*.whl")
    return built


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_wheel_holds_every_module_cassette_and_data_file(wheel: Path, root: Path) -> None:
    expected = {
        path.relative_to(root).as_posix()
        for path in (root / "llmkit").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".tmp", ".recording")
    }
    assert any(name.startswith("llmkit/cassettes/") for name in expected)
    found = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("llmkit/")}
    assert found == expected


def test_installed_elsewhere_it_replays_a_lesson(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "설치한 곳"
    pip("install", "--no-index", "--no-deps", "--target", str(site), str(wheel))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(REPLAY.format(site=str(site)))],
        cwd=elsewhere, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "재생 1" in done.stdout
