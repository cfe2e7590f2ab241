"""`python -m llmkit progress`: 모은 노트북에서 학습자 × 연습의 표가 나오고, 셀 수 없는 파일도 이유와 함께 남습니다."""

from __future__ import annotations

import csv
import json
import time
import unicodedata
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import llmkit
from llmkit import __main__ as command
from llmkit.lessons.checks import CheckResult

PASSED = CheckResult("01-1")
WRONG = CheckResult("01-2", ("`role`이 틀렸습니다.",))
BLANK = CheckResult("01-3", blanks=("LABELS",))


def hand_in(path: Path, *results: CheckResult, version: str = llmkit.__version__) -> Path:
    """채점 결과가 셀 출력으로 저장된 노트북 하나를 만듭니다."""
    outputs = []
    for result in results:
        data, metadata = result._repr_mimebundle_()
        metadata["llmkit"]["version"] = version
        outputs.append(nbformat.v4.new_output("execute_result", data, metadata=metadata, execution_count=1))
    cells = [nbformat.v4.new_code_cell("llmkit.check(...)", outputs=[output]) for output in outputs]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"llmkit": {"summary": "첫 호출"}}), path)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert command.main(["progress", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def rows(said: str) -> dict[str, list[str]]:
    """표의 줄: 첫 칸 → 나머지 칸."""
    return {cells[0]: cells[1:] for line in said.splitlines() if len(cells := line.split()) > 1}


def read_csv(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["학습자"]: row for row in csv.DictReader(file)}


def test_what_a_learner_saved_is_what_is_counted(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """진짜 수업의 채점 셀을 진짜 커널에서 실행해 저장한 노트북입니다."""
    monkeypatch.setenv("PYTHONPATH", str(root))
    roles = 'messages = [{"role": role, "content": "글"} for role in ("system", "user", "assistant", "user")]'
    cells = ["import llmkit", f'{roles}\nllmkit.check("01-1", messages)', 'llmkit.check("01-2", {})']
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120).execute()
    nbformat.write(notebook, tmp_path / "01_basics_김하나.ipynb")
    assert rows(run(capsys, tmp_path))["김하나"] == ["01_basics_김하나.ipynb", "○", "×", "-"]


def test_learners_are_named_by_the_folder_or_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(tmp_path / "김하나" / "notebooks" / "01_basics.ipynb", PASSED, WRONG, BLANK)
    hand_in(tmp_path / "01_basics_박둘 (1).ipynb", PASSED)
    hand_in(tmp_path / f"{unicodedata.normalize('NFD', '최셋')}-01_basics.ipynb", WRONG)
    hand_in(tmp_path / "01_basics" / "01_basics-정넷.ipynb", BLANK)
    hand_in(tmp_path / "김하나" / ".ipynb_checkpoints" / "01_basics-checkpoint.ipynb", BLANK)
    shown = {learner: cells[-3:] for learner, cells in rows(run(capsys, tmp_path)).items()}
    assert shown["김하나"] == ["○", "×", "△"]
    assert shown["박둘"] == ["○", "-", "-"]
    assert shown["최셋"] == ["-", "×", "-"]
    assert shown["정넷"] == ["-", "-", "△"]


def test_the_best_of_several_tries_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(
        tmp_path / "01_basics_김하나.ipynb", CheckResult("01-1", ("틀림",)), PASSED, CheckResult("01-1", blanks=("x",))
    )
    assert rows(run(capsys, tmp_path))["김하나"][1] == "○"


def doubtful(folder: Path) -> dict[str, str]:
    """셀 수 없거나 사람이 보아야 하는 파일들 → 있어야 할 이유."""
    hand_in(folder / "김하나" / "01_basics.ipynb", PASSED, version="0.0.1")
    hand_in(folder / "박둘" / "01_basics.ipynb", PASSED)
    hand_in(folder / "박둘" / "제출" / "01_basics.ipynb", WRONG)
    hand_in(folder / "최셋" / "01_basics.ipynb")
    notes = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    odd: Any = {"cells": [{"outputs": [{"metadata": {"llmkit": {"exercise": "=1+1", "result": "passed"}}}]}]}
    for name, text in {
        "정넷/메모.ipynb": json.dumps(notes),
        "강다섯/01_basics.ipynb": '{"cells": [',
        "조여섯/01_basics.ipynb": "[" * 100_000,
        "윤일곱/01_basics.ipynb": json.dumps(odd | {"metadata": {}}),
        "장여덟/01_basics.ipynb": "null",
    }.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "임아홉" / "01_basics.ipynb").mkdir(parents=True)
    unreadable = dict.fromkeys(("강다섯", "조여섯", "윤일곱", "장여덟", "임아홉"), "읽을 수 없는 노트북입니다")
    return unreadable | {
        "김하나": "다른 버전에서 채점했습니다(0.0.1, 지금은",
        "박둘": "이 학습자의 01 수업 파일이 2개입니다",
        "최셋": "채점 결과가 없습니다",
        "정넷": "이 강좌의 노트북이 아닙니다",
    }


def test_no_file_is_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reasons = doubtful(tmp_path / "class")
    said = run(capsys, tmp_path / "class", "--csv", tmp_path / "class.csv")
    table = said.partition("확인할 파일")[2]
    for learner, reason in reasons.items():
        assert [line for line in table.splitlines() if line.startswith(f"{learner}/") and reason in line], learner
    with (tmp_path / "class.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 10  # 파일마다 한 줄
    for learner, reason in reasons.items():
        assert all(reason in line["이유"] for line in lines if line["학습자"] == learner), learner
    assert [line["01-1"] + line["01-2"] for line in lines if line["학습자"] == "박둘"] == ["통과", "틀림"]
    assert next(line["01-1"] for line in lines if line["학습자"] == "김하나") == "통과"


def test_one_line_a_learner_over_all_lessons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(tmp_path / "김하나" / "01_basics.ipynb", PASSED, WRONG)
    hand_in(tmp_path / "김하나" / "03_streaming.ipynb", CheckResult("03-2"))
    run(capsys, tmp_path, "--csv", tmp_path / "class.csv")
    (row,) = read_csv(tmp_path / "class.csv").values()
    assert list(row) == ["학습자", "01-1", "01-2", "01-3", "03-1", "03-2", "03-3", "통과", "파일", "이유"]
    assert (row["01-1"], row["01-2"], row["01-3"], row["03-2"], row["통과"]) == ("통과", "틀림", "", "통과", "2")


def test_lessons_that_nobody_touched_are_only_named(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hub에서는 모두의 폴더에 모든 수업이 있습니다."""
    for learner in ("김하나", "박둘"):
        for name in ("01_basics", "04_errors"):
            (tmp_path / learner).mkdir(exist_ok=True)
            (tmp_path / learner / f"{name}.ipynb").write_bytes((root / "notebooks" / f"{name}.ipynb").read_bytes())
    hand_in(tmp_path / "김하나" / "01_basics.ipynb", PASSED)
    said = run(capsys, tmp_path, "--csv", tmp_path / "class.csv")
    assert rows(said)["박둘"] == ["박둘/01_basics.ipynb", "△", "△", "△"]
    assert "수업 04" not in said and "모두 받은 그대로라 적지 않은 수업: 04" in said
    assert {name: row["01-1"] for name, row in read_csv(tmp_path / "class.csv").items()} == {
        "김하나": "통과",
        "박둘": "빈칸",
    }
    assert "04-1" not in (tmp_path / "class.csv").read_text(encoding="utf-8-sig")


def test_excel_reads_korean_and_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", " =1", "\t=1", "＝1", "김,하나\n둘"]
    for name in names:
        hand_in(tmp_path / "class" / name / "01_basics.ipynb", PASSED)
    said = run(capsys, tmp_path / "class", "--csv", tmp_path / "class.csv")
    assert "\t" not in said  # 터미널을 움직이는 글자도 이름에서 뺍니다.
    assert (tmp_path / "class.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with (tmp_path / "class.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert [cell for cell in cells if cell.lstrip().startswith(tuple("=+-@＝＋－＠"))] == []
    assert "'=HYPERLINK(1)" in cells and "김,하나?둘" in cells


@pytest.mark.parametrize(
    ("make", "said"),
    [(lambda path: None, "그런 폴더가 없습니다"), (lambda path: path.mkdir(), "노트북(.ipynb)이 없습니다")],
    ids=["no folder", "no notebook"],
)
def test_what_cannot_be_done_is_said(make: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "class")
    assert command.main(["progress", str(tmp_path / "class")]) == 2
    assert said in capsys.readouterr().err


def test_a_table_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(tmp_path / "01_basics_김하나.ipynb", PASSED)
    assert command.main(["progress", str(tmp_path), "--csv", str(tmp_path)]) == 2
    assert "저장할 수 없습니다" in capsys.readouterr().err


def test_forty_whole_lessons_take_less_than_five_seconds(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    largest = max(root.glob("notebooks/[0-9]*_*.ipynb"), key=lambda path: path.stat().st_size)
    for number in range(40):
        notebook = json.loads(largest.read_bytes())
        notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": f"{number}번의 메모"})
        (tmp_path / f"{largest.stem}_{number:02}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    start = time.process_time()  # 바쁜 컴퓨터에서도 흔들리지 않게, 이 프로세스가 쓴 시간만 셉니다.
    said = run(capsys, tmp_path)
    assert time.process_time() - start < 5
    assert "학습자 40명, 노트북 40개" in said and set(rows(said)) > {f"{number:02}" for number in range(40)}
