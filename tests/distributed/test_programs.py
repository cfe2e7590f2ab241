"""엔진 없이 보는 것: 프로그램이 문법에 맞고, 페이지가 말하는 파일과 옵션이 있고, 한 파티션의 일(letters.py)이 그대로 됩니다."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import llmkit
from tests.authoring.provider.testing import stand_in

from .jobs import PROGRAMS, ROOT

PAGE = (PROGRAMS / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def job() -> ModuleType:
    spec = importlib.util.spec_from_file_location("letters_job", PROGRAMS / "letters.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def at_once() -> float:
    return 0.0


def rows_of(path: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.name)
def test_a_program_is_python_and_a_page_long(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    compile(source, str(path), "exec")
    assert ast.get_docstring(ast.parse(source))
    assert path.name == "letters.py" or len(source.splitlines()) <= 80


def test_the_page_names_files_and_options_that_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE) if not link.startswith("http")]
    assert links and [link for link in links if not (PROGRAMS / link).exists()] == []
    named = re.findall(r"(?:docs|requirements|tests)/[\w./-]+\.(?:py|txt|jsonl|md)", PAGE)
    assert named and [name for name in named if not (ROOT / name).exists()] == []
    ours = "".join(
        path.read_text(encoding="utf-8") for path in (PROGRAMS / "letters.py", ROOT / "tests/distributed/measure.py")
    )
    used = [line for line in PAGE.splitlines() if "_letters.py " in line or "tests.distributed.measure" in line]
    options = {option for line in used for option in re.findall(r"(?<!\S)--[a-z-]+", line)}
    assert options and [option for option in options if f'"{option}"' not in ours] == []


def test_the_lesson_and_the_page_lead_to_each_other() -> None:
    assert "docs/distributed" in (ROOT / "notebooks/10_async.ipynb").read_text(encoding="utf-8")
    assert "](../../notebooks/10_async.ipynb)" in PAGE


def test_a_partition_keeps_answers_and_a_miss_is_a_failed_row(
    job: ModuleType, nothing_left_behind: None, tmp_path: Path
) -> None:
    """docs/distributed/letters.jsonl의 일곱 통 가운데 마지막 것은 저장된 응답이 없습니다."""
    ((path, letters),) = job.split(PROGRAMS / "letters.jsonl", tmp_path / "answers")
    path.write_text('{"id": "편지-1", "answer": "산 답변"}\n{"id": "편지-2", "ans', encoding="utf-8")
    asyncio.run(job.work(path, letters, 2, at_once))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[1] == '{"id": "편지-2", "ans' and len(lines) == 8  # 반쪽 뒤에 여섯 줄
    rows = {row["id"]: row for row in job.read(path)}
    assert rows["편지-1"]["answer"] == "산 답변" and rows["편지-7"] == {"id": "편지-7", "error": "CassetteMiss"}
    assert all(rows[f"편지-{number}"]["input_tokens"] > 0 for number in range(2, 7))
    assert [letter["id"] for letter in job.remaining(path, letters)] == ["편지-7"]


def test_the_cost_is_what_the_provider_logged_times_the_price(
    job: ModuleType, nothing_left_behind: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-" + "x" * 40)
    letters = [{"id": f"편지-{n}", "text": f"{n}번 손님입니다."} for n in range(5)]
    with stand_in('[[entry]]\nregex = "."\nanswer = "편지를 잘 받았습니다."\n') as server:
        asyncio.run(job.work(tmp_path / "part-0.jsonl", letters, 2, at_once))
        rows = rows_of(tmp_path / "part-0.jsonl").values()
        paid = [llmkit.calculate_cost({"prompt_tokens": row["input_tokens"], "completion_tokens": row["output_tokens"]}, row["model"]) for row in rows]  # fmt: skip
        assert len(server.log) == len(paid) == 5
    assert job.cost(tmp_path / "part-0.jsonl").usd == sum(cost.usd for cost in paid) > 0
    assert job.cost(tmp_path / "missing.jsonl").usd == 0


def test_it_says_where_it_sends_before_it_spends(
    job: ModuleType, nothing_left_behind: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    parts = job.split(PROGRAMS / "letters.jsonl", tmp_path)
    waited: list[float] = []
    monkeypatch.setattr(job.time, "sleep", lambda seconds: waited.append(seconds))
    job.announce(parts)
    assert "아무것도 나가지 않고" in capsys.readouterr().out and not waited
    monkeypatch.setenv("OPENAI_API_KEY", "sk-" + "x" * 40)
    job.announce(parts)
    said = capsys.readouterr().out
    assert "보낼 것 7통" in said and "진짜 제공자에게 보냅니다: https://api.openai.com/v1/" in said
    assert re.search(r"입력만 약 0\.0\d+ USD", said) and waited == [10] and "x" * 40 not in said


def test_one_throttle_gives_everyone_a_turn_of_their_own(job: ModuleType) -> None:
    throttle = job.Throttle(per_minute=6)
    waits = [throttle.take() for _ in range(4)]
    assert [round(wait) for wait in waits] == [0, 10, 20, 30]
