"""노트북 검사를 검사합니다: 좋은 노트북은 지나가고, 규칙마다 어긴 노트북은 걸립니다."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmkit.replay.cassette import Cassette
from tests import authored
from tests.authoring import exercises, minutes
from tests.authoring.lint import ROOT, Cell, lint

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_have_nothing_to_mend(path: Path) -> None:
    assert lint(path) == []


def spoiled(tmp_path: Path, *, cell: dict | None = None, edit=None) -> list[str]:
    """01 노트북에 셀 하나를 더하거나 고쳐서 검사합니다."""
    notebook = json.loads(NOTEBOOKS[0].read_text(encoding="utf-8"))
    if cell:
        notebook["cells"].insert(5, {"metadata": {}, **cell})
    if edit:
        edit(notebook["cells"])
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "glossary.md").write_text("", encoding="utf-8")
    for lesson in NOTEBOOKS:  # 수업끼리의 링크가 열리도록
        (folder / lesson.name).touch()
    path = folder / NOTEBOOKS[0].name
    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    return lint(path)


def test_a_clean_copy_passes(tmp_path: Path) -> None:
    assert spoiled(tmp_path) == []


@pytest.mark.parametrize(
    ("prose", "complaint"),
    [
        ("**토큰(token)**은 조각입니다.", "별표로 보입니다"),
        ('**"온도"**가 높으면', "별표로 보입니다"),
        ("입력은 ~~1개에서~~ 둘까지", "취소선"),
        ("하루 1~3개, 이틀에 2~4개입니다.", "취소선"),
        ("입력 $1와 출력 $2입니다.", "수식"),
        (r"입력 \$1와 출력 \$2입니다.", r"<span>\$</span>로 쓰세요"),
        ("`max_tokens` 는 수입니다.", "조사 앞의 공백"),
        ("메세지를 보냅니다.", "메시지"),
        ("**유령어**(ghost term)는 없습니다.", "용어집"),
        ("gpt-6-luna를 씁니다.", "llmkit.model"),
        ("2026년 12월 1일에 끝납니다.", "근거 없는 날짜"),
        ("100만 토큰에 0.10달러입니다.", "근거 없는 날짜나 가격"),
        (r"100만 토큰에 <span>\$</span>5입니다.", "근거 없는 날짜나 가격"),
        ("2026년 12월 1일<!-- fact: no-such-fact -->에 끝납니다.", "없는 사실"),
        ("[여기](nowhere.md)를 보세요.", "열리지 않는 링크"),
        ("![](a.png)", "대체 글"),
        ("키는 sk-proj-abcdefghijklmnopqrstuvwxyz0123", "키처럼 생긴"),
    ],
)
def test_prose_hazards_are_named(tmp_path: Path, prose: str, complaint: str) -> None:
    found = spoiled(tmp_path, cell={"cell_type": "markdown", "source": [prose]})
    assert any(complaint in line and "셀 6" in line for line in found), found


@pytest.mark.parametrize(
    "prose",
    [
        "**토큰**은 조각입니다.",
        "1–3 … 80–100",
        r"1\~3개 2\~4개",
        "`code`은 `a` 이 함수",
        "`$x`와 `$y`",
        r"<span>\$</span>a와 <span>\$</span>b",
    ],
)
def test_good_prose_passes(tmp_path: Path, prose: str) -> None:
    assert spoiled(tmp_path, cell={"cell_type": "markdown", "source": [prose]}) == []


def code(source: str, **more: object) -> dict:
    return {"cell_type": "code", "source": [source], "execution_count": 1, "outputs": [], **more}


def test_code_hazards_are_named(tmp_path: Path) -> None:
    def fails(cell: dict, complaint: str) -> None:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        found = spoiled(folder, cell=cell)
        assert any(complaint in line for line in found), (complaint, found)

    fails(code('model = "gpt-6-luna"'), "llmkit.model")
    fails(code("print(1)", execution_count=None), "실행 번호")
    error = {"output_type": "error", "ename": "APIError", "evalue": "", "traceback": []}
    fails(code("print(1)", outputs=[error]), "오류가 저장")
    picture = {"output_type": "display_data", "data": {"image/png": "x"}, "metadata": {}}
    fails(code("plot()", outputs=[picture]), "그림 설명")
    fails(code('llmkit.check("02-1", ...)'), "01-로 시작")


def test_lesson_promises(tmp_path: Path) -> None:
    def fails(edit, complaint: str) -> None:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        found = spoiled(folder, edit=edit)
        assert any(complaint in line for line in found), (complaint, found)

    def find(cells: list, text: str) -> dict:
        return next(cell for cell in cells if text in "".join(cell["source"]))

    fails(lambda cells: find(cells, "google.colab")["metadata"].clear(), "태그 colab")
    fails(lambda cells: find(cells, "llmkit.setup").update(source=['llmkit.setup("02")']), "둘째 코드 셀")
    fails(
        lambda cells: find(cells, "llmkit.setup").update(source=['session = llmkit.setup("01_basics", pace=0)']),
        "둘째 코드 셀",
    )
    fails(lambda cells: cells.remove(find(cells, "## 돌아보기")), "돌아보기")
    fails(lambda cells: cells.remove(find(cells, "session.receipt()")), "session.receipt()")
    fails(lambda cells: cells.remove(find(cells, "풀이 01-1")), "'풀이 01-1'이 없습니다")

    def drift(cells: list) -> None:
        cell = find(cells, 'llmkit.check("01-2"')
        cell["source"] = ["".join(cell["source"]).replace("def read(response)", "def read(answer)")]

    fails(drift, "빈칸(...) 말고도 다릅니다")

    def already_solved(cells: list) -> None:
        solved = "".join(find(cells, "풀이 01-2")["source"]).split("```python\n")[1].split("```")[0]
        find(cells, 'llmkit.check("01-2"')["source"] = [solved]

    fails(already_solved, "고칠 곳도 없습니다")

    def ignore_many(cells: list) -> None:
        for cell in [cell for cell in cells if cell["cell_type"] == "code"][5:9]:
            cell["metadata"]["tags"] = ["nbval-ignore-output"]

    fails(ignore_many, "출력을 비교하지 않는 셀이 4개")


# 샘플 응답 -----------------------------------------------------------------------------------------------


@pytest.fixture
def one_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """수업을 실제 응답으로 다시 녹화한 뒤에도 같도록, 샘플 응답 하나뿐인 카세트로 봅니다."""
    cassette = Cassette(exchanges=[authored.exchange("openai", "질문", answer_of_01())])
    monkeypatch.setattr("tests.authoring.lint.Cassette.load", lambda path: cassette)


def answer_of_01() -> str:
    return "API는 한 프로그램이 다른 프로그램의 기능을 정해진 형식으로 불러 쓸 수 있게 한 약속입니다."


def test_a_sample_answer_in_an_output_is_marked(tmp_path: Path, one_sample: None) -> None:
    def shown(text: str, *marks: str) -> list[str]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        data = [
            {"output_type": "display_data", "data": {"text/plain": [one]}, "metadata": {}} for one in (text, *marks)
        ]
        return [
            line
            for line in spoiled(folder, cell=code("print(answer)", outputs=data))
            if "셀 6:" in line and "예측 뒤" not in line
        ]

    answer = answer_of_01()
    mark = "샘플 응답 · {}의 실제 출력이 아닙니다"
    assert "OpenAI의 샘플 응답이 표시 없이" in shown(answer)[0]
    assert "OpenAI의 샘플 응답이 표시 없이" in shown(f"<b>{answer[:30]}</b>", mark.format("Anthropic"))[0]
    assert "표시 없이" in shown(answer.replace(" ", "\n    "))[0]  # 줄을 바꾸어 찍어도
    assert shown(answer, mark.format("OpenAI")) == shown(answer[:19]) == []


def test_prose_about_a_sample_answer_is_tagged(tmp_path: Path, one_sample: None) -> None:
    def said(prose: str, tags: list[str] | None = None) -> list[str]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        cell = {"cell_type": "markdown", "source": [prose], "metadata": {"tags": tags or []}}
        return [line for line in spoiled(folder, cell=cell) if "셀 6:" in line]

    quote = f"모델은 **{answer_of_01()[:12]}**이라고 했습니다."
    assert "샘플 응답에만 맞는 문장입니다" in said(quote)[0]
    assert "샘플 응답에만 맞는 문장입니다" in said(f"다른 말. <!-- sample -->\n\n{quote}", ["sample"])[0]
    assert said(f"{quote} <!-- sample -->", ["sample"]) == said(quote.replace("한 프로", "두 프로")) == []
    assert "함께 다세요" in said(f"{quote} <!-- sample -->")[0]
    assert "함께 다세요" in said("아무 말.", ["sample"])[0]


def test_figures_of_a_sample_answer_are_tagged(tmp_path: Path, one_sample: None) -> None:
    mark = "샘플 응답 · OpenAI의 실제 출력이 아닙니다"
    data = [
        {"output_type": "display_data", "data": {"text/plain": [one]}, "metadata": {}} for one in ("입력 7,341", mark)
    ]
    for prose, complaints in [("7,341토큰입니다.", 1), ("7341토큰입니다. <!-- sample -->", 0), ("7342토큰입니다.", 0)]:
        folder = tmp_path / prose[:5]
        folder.mkdir()

        def insert(cells: list, prose: str = prose) -> None:
            tags = {"tags": ["sample"] * ("<!--" in prose)}
            cells[5:5] = [
                code("use()", outputs=data, metadata={}),
                {"cell_type": "markdown", "source": [prose], "metadata": tags},
            ]

        found = [line for line in spoiled(folder, edit=insert) if "셀 7:" in line]
        assert len(found) == complaints, found


# 연습과 걸리는 시간 ----------------------------------------------------------------------------------------


def test_an_answer_in_a_later_open_cell_is_found(tmp_path: Path) -> None:
    """이름만 바꾼 답도, 봇의 문자열 속의 답도 찾습니다. 연습 앞의 셀과 접은 셀은 괜찮습니다."""
    copied = "def tokens(reply):\n    used = reply.usage\n    return used.prompt_tokens, used.completion_tokens\n"
    stub = 'def read(answer):\n    ...\n    return ...\n\n\nllmkit.check("01-2", read)\n'
    solution = "<details><summary>풀이 01-2</summary>\n\n```python\n{}```\n\n</details>"
    answer = copied.replace("tokens(reply)", "read(answer)").replace("reply", "answer").replace("used", "usage")

    def shown(before: str = "x = 1", after: str = "x = 1", *, folded: bool = False) -> list[tuple[int, str]]:
        metadata = {"jupyter": {"source_hidden": folded}}
        cells = [
            Cell(1, "code", before, {}),
            Cell(2, "code", stub, {}),
            Cell(3, "markdown", solution.format(answer + '\n\nllmkit.check("01-2", read)\n'), {}),
            Cell(4, "code", after, {"metadata": metadata}),
        ]
        return list(exercises.shown_answers(cells))

    assert shown(after=copied) == shown(after=f"bot = '''import json\n\n{copied}'''") == [(4, "01-2")]
    assert shown(after=copied, folded=True) == shown(before=copied) == shown() == []
    assert shown(after="print(reply.usage.prompt_tokens)") == []


def test_minutes_follow_the_formula() -> None:
    """450자에 1분, 코드 한 줄에 5초, 예측 1분, 바꿔 보기 3분, 연습 7분. 선택은 전체에만 듭니다."""

    def cell(kind: str, source: str, **metadata: object) -> dict:
        return {"cell_type": kind, "source": [source], "metadata": metadata}

    def spent(*cells: dict) -> tuple[float, float]:
        return tuple(round(each, 2) for each in minutes.totals(cells, None))

    head = cell("markdown", "## 1. 핵심 `핵심`")
    title = minutes.totals([head], None)[0]
    assert spent(cell("markdown", "가" * 450)) == (1, 1)
    assert spent(cell("code", "a = 1\n\nb = 2\n" * 6)) == (1, 1)
    assert spent(cell("markdown", "> 🔮 **예측**" + "가" * 440)) == (2, 2)
    assert spent(cell("markdown", "> ✏️ **바꿔 보기**" + "가" * 438)) == (4, 4)
    folded = "<details><summary>답</summary>" + "가" * 4500 + "</details>" + "가" * 449
    assert spent(cell("markdown", folded)) == (1, 1)
    assert spent(cell("code", "a = 1\n" * 60, jupyter={"source_hidden": True})) == (0, 0)
    exercise = cell("markdown", "### 연습 01-1 `선택`" + "가" * 433)
    after = [cell("code", 'llmkit.check("01-1", a)'), cell("markdown", "<summary>풀이 01-1</summary>")]
    core, whole = minutes.totals([head, exercise, *after, cell("code", "a = 1\n" * 12)], None)
    assert round(core - title, 1) == 1.0 and round(whole - core, 1) == 8.0


def test_the_minutes_of_a_lesson_are_the_computed_ones(tmp_path: Path) -> None:
    def more(cells: list) -> None:
        cells.insert(5, {"cell_type": "markdown", "metadata": {}, "source": ["긴 설명입니다. " * 800]})

    found = spoiled(tmp_path, edit=more)
    assert any("걸리는 시간" in line and "tables" in line for line in found), found
    assert any("핵심이" in line and "60분이 되게" in line for line in found), found
