"""`record --all`의 예행연습: 다른 말, 다른 길이, 다른 토큰 수로 모두 다시 녹화해도 손으로 고칠 것이 없습니다."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from llmkit.commands.lock import why_not
from tests.authoring.rehearsal import ROOT, Copy
from tests.authoring.sentences import COMMENT

HOSTED = ("openai", "anthropic", "huggingface", "gemini", "groq")
GENERATING = ("/chat/completions", "/responses", "/messages")  # 모델의 목록, 파일, 배치의 상태는 말이 아닙니다.
RECORD = ("-m", "llmkit", "record", "--all", "--budget", "2")
# 노트북과 카세트를 읽는 테스트들입니다.
LOOKING = [
    "tests/authoring/test_lint.py",
    "tests/commands/test_drift.py",
    "tests/house/test_instructor.py",
    "tests/house/test_package.py",
    "tests/lessons/test_exercises.py",
    "tests/replay/test_cassette.py",
    *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests" / "lessons").glob("test_*_[0-9][0-9].py"))),
]


def hosted(copy: Copy, lesson: str) -> list[dict]:
    return [exchange for exchange in copy.cassette(lesson)["exchanges"] if exchange["provider"] in HOSTED]


def bodies(exchanges: list[dict]) -> set[str]:
    return {json.dumps(e["response"].get("body") or e["response"].get("events"), ensure_ascii=False) for e in exchanges}


def rehearse(copy: Copy) -> str:
    """녹화하고, 무엇이 바뀌었는지 봅니다. 명령의 출력을 돌려줍니다."""
    before = {name: hosted(copy, name) for name in copy.lessons}
    with copy.provider() as servers:
        status, said = copy.run(*RECORD)
        assert status == 0, said
        sent = {name: upstream.requests for name, upstream in servers.items()}
        assert not any(upstream.unanswered for upstream in servers.values())
        status, again = copy.run(*RECORD)  # 두 번째에는 할 것이 없습니다.
        assert status == 0 and "녹화할 수 있는 것이 없습니다." in again
        assert {name: upstream.requests for name, upstream in servers.items()} == sent
    for name in copy.lessons:
        if name == "04_errors":
            assert hosted(copy, name) == before[name] and "실패를 다루는 수업이라" in said
            continue
        if why_not(copy.root / "notebooks" / f"{name}.ipynb"):  # 따로 설치하는 수업입니다.
            assert hosted(copy, name) == before[name] and f"{name}: " in said
            continue
        now = hosted(copy, name)
        assert {exchange["provenance"] for exchange in now} == {"recorded"}
        answered = [e for e in now if e.get("response", {}).get("status") == 200 and e["request"]["path"] in GENERATING]
        assert not bodies(answered) & bodies([e for e in before[name] if "response" in e]), name
        assert re.search(rf"^{name}: 제공자의 실제 응답 {len(now)}개, 샘플 응답 0개, ", said, re.MULTILINE), said
        assert MARK.search(stored_outputs(copy, name)) is None
    return said


MARK = re.compile("※ 샘플 응답|샘플 응답 ·")


def stored_outputs(copy: Copy, lesson: str) -> str:
    notebook = json.loads((copy.root / "notebooks" / f"{lesson}.ipynb").read_text(encoding="utf-8"))
    return json.dumps([cell.get("outputs") for cell in notebook["cells"]], ensure_ascii=False)


def listed(said: str) -> list[tuple[str, str]]:
    return re.findall(r"^  (\w+)\.ipynb 셀 (\d+): ", said, re.MULTILINE)


def expected(copy: Copy) -> list[tuple[str, str]]:
    """노트북의 태그와 주석을 따로 센 것: (수업, 셀 번호)."""
    found = []
    for name in copy.lessons:
        if name != "04_errors" and not why_not(copy.root / "notebooks" / f"{name}.ipynb"):
            cells = json.loads((copy.root / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
            for number, cell in enumerate(cells, 1):
                times = "".join(cell["source"]).count(COMMENT) if cell["cell_type"] == "markdown" else 1
                found += [(name, str(number))] * times * ("sample" in cell["metadata"].get("tags", []))
    return found


@pytest.mark.full
def test_one_lesson_in_other_words_needs_no_hand_edit(tmp_path: Path) -> None:
    copy = Copy(tmp_path, ["01_basics"])
    said = rehearse(copy)
    assert listed(said) == expected(copy)
    status, found = copy.run("-m", "pytest", "-q", "notebooks", keys={})
    assert status == 0, found
    # 링크한 다른 노트북은 사본에 없으므로, 그 말만 빼고 봅니다.
    _, found = copy.run("-m", "tests.authoring.lint", keys={})
    assert [
        line for line in found.splitlines() if "열리지 않는 링크" not in line and "고칠 곳을 찾지" not in line
    ] == []


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_the_whole_course_in_other_words_needs_no_hand_edit(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    said = rehearse(copy)
    assert listed(said) == expected(copy)
    status, found = copy.run("-m", "pytest", "-q", "notebooks", *LOOKING, keys={})
    assert status == 0, found[-5000:]


def test_without_a_yes_or_a_key_nothing_is_sent(tmp_path: Path) -> None:
    copy = Copy(tmp_path, ["01_basics"])
    before = copy.cassette("01_basics")
    with copy.provider() as servers:
        status, said = copy.run(*RECORD, answer="n\n")
        assert status == 1 and "아무것도 보내지 않았습니다." in said and "합계: 추정" in said
        status, said = copy.run(*RECORD, keys={"PYTHON_DOTENV_DISABLED": "1"})
        assert status == 0 and "OPENAI_API_KEY 값이 없습니다" in said and "계속할까요" not in said
        assert servers["01_basics"].requests == 0
    assert copy.cassette("01_basics") == before
