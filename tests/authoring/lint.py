"""노트북 검사: 학습자의 화면에서 깨지거나, 한 해 뒤에 틀려지거나, 약속을 어긴 곳을 찾아 무엇을 쓸지 알려 줍니다.

python -m tests.authoring lint                     # 모든 노트북
python -m tests.authoring lint notebooks/01_*.ipynb
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

from llmkit.common.keys import has_secret
from llmkit.models import model_data, model_status
from llmkit.replay.cassette import Cassette
from tests.authoring import exercises, minutes, samples
from tests.authoring.tables import SPENT

ROOT = Path(__file__).resolve().parents[2]
MOST_IGNORED = 3
_FACT = re.compile(r"<!-- fact: ([\w-]+) -->")
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_PARTICLE = re.compile(r"`[^`\n]+` (은|는|을|를|의|와|과|로|으로|에서|에게|에는|에도)(?=[\s.,])")
_DATE = re.compile(r"20\d\d년 ?\d{1,2}월(?: ?\d{1,2}일)?|20\d\d-\d\d-\d\d")
_PRICE = re.compile(r"\$(?:</span>)?\d[\d,.]*|\d[\d,.]* ?(?:달러|USD)")
_SPELLING = {
    "메세지": "메시지",
    "컨텐츠": "콘텐츠",
    "어플리케이션": "애플리케이션",
    "프롬트": "프롬프트",
    "디폴트": "기본값",
    "파라메터": "파라미터",
    "리스폰스": "응답",
    "스트리밍을 통해": "스트리밍으로",
    "함으로써": "하여",
}


@dataclass(frozen=True)
class Cell:
    number: int  # 노트북에서 몇 번째 셀인지(1부터)
    kind: str
    source: str
    raw: dict

    @property
    def tags(self) -> list[str]:
        return self.raw.get("metadata", {}).get("tags", [])

    @property
    def prose(self) -> str:
        """설명 셀에서 코드 블록을 뺀 글."""
        return _FENCE.sub("", self.source) if self.kind == "markdown" else ""


@dataclass(frozen=True)
class Lesson:
    path: Path
    cells: list[Cell]

    @property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]


Finding = tuple[int, str]  # (셀 번호, 무엇이 잘못되었고 무엇을 쓸지)
Rule = Callable[[Lesson], Iterator[Finding]]
RULES: list[Rule] = []


def rule(function: Rule) -> Rule:
    RULES.append(function)
    return function


def lint(path: Path) -> list[str]:
    """노트북 하나를 모든 규칙으로 검사합니다. "파일 셀 번호: 말" 형식의 목록을 돌려줍니다."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lesson = Lesson(
        path,
        [Cell(n, cell["cell_type"], "".join(cell["source"]), cell) for n, cell in enumerate(cells, 1)],
    )
    found = [(number, text) for check in RULES for number, text in check(lesson)]
    return [f"{path.name} 셀 {number}: {text}" for number, text in sorted(found)]


# 한국어 Markdown이 화면에서 깨지는 곳 ---------------------------------------------------------------------------


@rule
def markdown_renders(lesson: Lesson) -> Iterator[Finding]:
    parser = MarkdownIt("commonmark").enable("table")
    for cell in lesson.cells:
        if cell.kind != "markdown":
            continue
        for block in parser.parse(cell.source):
            if block.type != "inline":
                continue
            if any(token.type == "text" and "**" in token.content for token in block.children or []):
                yield (
                    cell.number,
                    f"굵은 글씨가 별표로 보입니다: {block.content[:60]!r}. **단어**(영어)은 또는 <b>를 쓰세요",
                )
            # JupyterLab은 물결표 하나씩도 취소선으로, \$ 두 개도 수식으로 읽습니다(tests/browser/test_display.py).
            text = re.sub(r"`[^`]*`", "", block.content)
            if len(re.findall(r"(?<!\\)~", text)) >= 2:
                yield cell.number, f"물결표가 취소선이 됩니다: {block.content[:60]!r}. 1–3처럼 쓰거나 \\~로 쓰세요"
            if text.replace(r"<span>\$</span>", "").count("$") >= 2:
                yield cell.number, f"달러 기호 둘이 수식이 됩니다: {block.content[:60]!r}. <span>\\$</span>로 쓰세요"


@rule
def particles_follow_code(lesson: Lesson) -> Iterator[Finding]:
    for cell in lesson.cells:
        for found in _PARTICLE.finditer(cell.prose):
            yield cell.number, f"조사 앞의 공백을 빼세요: {found[0]!r} → {found[0].replace('` ', '`')!r}"


@rule
def spelling(lesson: Lesson) -> Iterator[Finding]:
    for cell in lesson.cells:
        for wrong, right in _SPELLING.items():
            if wrong in cell.source:
                yield cell.number, f"{wrong!r} 대신 {right!r}"


@rule
def terms_are_in_the_glossary(lesson: Lesson) -> Iterator[Finding]:
    glossary = (ROOT / "notebooks" / "glossary.md").read_text(encoding="utf-8")
    for cell in lesson.cells:
        for korean, english in re.findall(r"\*\*([^*]+)\*\*\(([a-z][a-z -]+)\)", cell.prose):
            if english.removesuffix("s") not in glossary:
                yield cell.number, f"새 용어 **{korean}**({english})이 용어집(glossary.md)에 없습니다. 넣으세요"


# 한 해 뒤에 틀려지는 것 ---------------------------------------------------------------------------------------


@cache
def _known_models() -> tuple[str, ...]:
    """SDK와 자료가 아는 모델 가운데 아직 살아 있는 이름들."""
    import importlib.util

    spec = importlib.util.find_spec("openai")
    folder = Path(spec.submodule_search_locations[0])  # type: ignore[union-attr, index]
    source = (folder / "types" / "shared" / "chat_model.py").read_text(encoding="utf-8").split("]")[0]
    names = set(re.findall(r'"((?:gpt|o\d|chatgpt)[\w.-]*)"', source))
    names |= {entry["model"] for entry in model_data()["defaults"].values()}
    return tuple(sorted(name for name in names if model_status(name).state == "current"))


@rule
def no_current_model_is_typed(lesson: Lesson) -> Iterator[Finding]:
    for cell in lesson.cells:
        for name in _known_models():
            if re.search(rf"(?<![A-Za-z0-9_./-]){re.escape(name)}(?![A-Za-z0-9_.-]*[A-Za-z0-9])", cell.source):
                yield cell.number, f'지금 쓰이는 모델 이름 {name!r}. llmkit.model("제공자")를 쓰세요'


@rule
def dates_and_prices_are_facts(lesson: Lesson) -> Iterator[Finding]:
    facts = json.loads((ROOT / "llmkit" / "data" / "facts.json").read_text(encoding="utf-8"))
    for cell in lesson.cells:
        for found in _FACT.finditer(cell.source):
            key, before = found[1], " ".join(cell.source[: found.start()].split())
            if key not in facts:
                yield cell.number, f"llmkit/data/facts.json에 없는 사실입니다: {key!r}"
            elif not before.endswith(facts[key]["text"]):
                yield cell.number, f"사실 {key!r} 바로 앞에는 facts.json의 글 {facts[key]['text']!r}이 와야 합니다"
        for found in (*_DATE.finditer(cell.prose), *_PRICE.finditer(cell.prose)):
            if "<!-- fact:" not in cell.prose[found.end() : found.end() + 60]:
                yield (
                    cell.number,
                    f"근거 없는 날짜나 가격 {found[0]!r}. llmkit에서 계산하거나 <!-- fact: 열쇠 -->를 다세요",
                )


# 수업의 약속 -----------------------------------------------------------------------------------------------


@rule
def first_cells(lesson: Lesson) -> Iterator[Finding]:
    code = lesson.code
    if not code or "colab" not in code[0].tags:
        yield 1, "첫 코드 셀에 태그 colab이 있어야 합니다"
    elif "google.colab" not in code[0].source:
        yield code[0].number, "첫 코드 셀은 Colab에서만 설치하는 셀이어야 합니다"
    # 04처럼 주문할 수 없는 실패를 다루는 수업은 키가 있어도 재생합니다.
    setup = re.escape(f'session = llmkit.setup("{lesson.path.stem}"') + r'(, mode="replay")?\)'
    if len(code) < 2 or not re.search(setup, code[1].source):
        yield 1, f'둘째 코드 셀은 import llmkit과 session = llmkit.setup("{lesson.path.stem}")이어야 합니다'


@rule
def objectives_return_in_the_recap(lesson: Lesson) -> Iterator[Finding]:
    def numbered(text: str) -> int:
        return len(re.findall(r"^\d+\. \*\*", text, re.MULTILINE))

    objectives = numbered(lesson.cells[0].source)
    recaps = [cell for cell in lesson.cells if cell.source.startswith("## 돌아보기")]
    if not 3 <= objectives <= 5:
        yield 1, f"목표는 '1. **동사**' 형식으로 3–5개여야 합니다(지금 {objectives}개)"
    if not recaps:
        yield lesson.cells[-1].number, "'## 돌아보기'가 없습니다"
    elif numbered(recaps[0].source) != objectives:
        yield recaps[0].number, f"목표 {objectives}개에 하나씩 답하세요(지금 {numbered(recaps[0].source)}개)"
    if not any("session.receipt()" in cell.source for cell in lesson.code):
        yield lesson.cells[-1].number, "끝에 session.receipt() 셀을 두세요"
    if not any("glossary.md)" in cell.source for cell in lesson.cells):
        yield lesson.cells[-1].number, "용어집 링크 [용어집](glossary.md)을 두세요"


@rule
def links_resolve(lesson: Lesson) -> Iterator[Finding]:
    for cell in lesson.cells:
        for text, target in re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", cell.prose):
            if target.startswith(("https://", "#")):
                continue
            if target.startswith("http://") or not (lesson.path.parent / target.split("#")[0]).exists():
                yield cell.number, f"열리지 않는 링크입니다: [{text}]({target})"


@rule
def pictures_are_described(lesson: Lesson) -> Iterator[Finding]:
    for cell, following in zip(lesson.cells, [*lesson.cells[1:], None]):
        if re.search(r"!\[\]\(", cell.prose):
            yield cell.number, "그림에 대체 글을 쓰세요: ![무엇을 보여 주는지](...)"
        draws = any("image/png" in output.get("data", {}) for output in cell.raw.get("outputs", []))
        if draws and not (following and "그림 설명" in following.source):
            yield cell.number, "그림 바로 아래 셀에 '그림 설명: ...'을 쓰세요"


@rule
def nothing_secret(lesson: Lesson) -> Iterator[Finding]:
    for cell in lesson.cells:
        if has_secret(json.dumps(cell.raw, ensure_ascii=False), set()):
            yield cell.number, "키처럼 생긴 글이 들어 있습니다. 지우고, 진짜 키였다면 폐기하세요"


@rule
def outputs_are_stored(lesson: Lesson) -> Iterator[Finding]:
    ignored = [cell.number for cell in lesson.code if {"nbval-ignore-output", "nbval-skip"} & set(cell.tags)]
    if len(ignored) > MOST_IGNORED:
        yield ignored[-1], f"출력을 비교하지 않는 셀이 {len(ignored)}개입니다({ignored}). {MOST_IGNORED}개까지입니다"
    unrun = [cell.number for cell in lesson.code if cell.source.strip() and cell.raw.get("execution_count") is None]
    if unrun:
        yield unrun[0], f"실행 번호가 없는 셀이 {len(unrun)}개입니다. 처음부터 끝까지 실행해 저장하세요"
    for cell in lesson.code:
        for output in cell.raw.get("outputs", []):
            if output["output_type"] == "error" and "raises-exception" not in cell.tags:
                yield cell.number, f"오류가 저장되었습니다: {output['ename']}"


@rule
def sample_answers_are_marked(lesson: Lesson) -> Iterator[Finding]:
    """샘플 응답은 출력에서 표시되어 있고, 그것에만 맞는 문장은 녹화한 뒤 찾을 수 있어야 합니다."""
    cassette = Cassette.load(ROOT / "llmkit" / "cassettes" / f"{lesson.path.stem}.json")
    rules = (ROOT / "llmkit" / "data" / "bookstore.json").read_text(encoding="utf-8")  # 셀이 읽어 오는 이 강좌의 글
    ours = samples.Samples(cassette, [*(cell.source for cell in lesson.code), rules])
    cells = [cell.raw for cell in lesson.cells]
    yield from samples.unmarked_outputs(cells, ours)
    yield from samples.untagged_prose(cells, ours)


@rule
def predictions_are_folded(lesson: Lesson) -> Iterator[Finding]:
    """예측 콜아웃(`> 🔮 **예측**`) 바로 뒤의 셀은 JupyterLab과 사이트에서 접혀 열립니다. 일부러 실패하는 셀은 접지 않습니다."""
    for before, cell in zip(lesson.cells, lesson.cells[1:]):
        folded = cell.raw.get("metadata", {}).get("jupyter", {}).get("outputs_hidden", False)
        asks = bool(re.search(r"^> 🔮 \*\*예측\*\*", before.source, re.MULTILINE)) and before.kind == "markdown"
        fails = "raises-exception" in cell.tags
        if cell.kind == "code" and fails and (folded or "hide-output" in cell.tags):
            yield cell.number, "일부러 실패하는 셀은 접지 마세요(outputs_hidden, hide-output을 지웁니다)"
        elif cell.kind == "code" and asks and not fails and not (folded and "hide-output" in cell.tags):
            yield cell.number, "예측 뒤의 셀에는 metadata.jupyter.outputs_hidden과 태그 hide-output을 두세요"


# 연습 ----------------------------------------------------------------------------------------------------


@rule
def stubs_match_their_solutions(lesson: Lesson) -> Iterator[Finding]:
    number = lesson.path.stem[:2]
    stubs, solutions = exercises.stubs(lesson.code), exercises.solutions(lesson.cells)
    if len(stubs) < (1 if number >= "90" else 3):  # 90번대는 시험 삼아 만드는 수업입니다.
        yield lesson.cells[-1].number, f"연습이 {len(stubs)}개입니다. 세 단계의 연습을 두세요"
    for name, cell in stubs.items():
        if not name.startswith(f"{number}-"):
            yield cell.number, f"연습 번호 {name!r}는 {number}-로 시작해야 합니다"
        if name not in solutions:
            yield cell.number, f"'풀이 {name}'이 없습니다"
        elif "..." in cell.source:
            if not exercises.fits(cell.source, solutions[name]):
                yield cell.number, f"연습 {name}의 셀과 풀이가 빈칸(...) 말고도 다릅니다"
        elif ast.dump(ast.parse(cell.source)) == ast.dump(ast.parse(solutions[name])):
            yield cell.number, f"연습 {name}의 셀에 채울 빈칸(...)도 고칠 곳도 없습니다"


@rule
def answers_are_folded(lesson: Lesson) -> Iterator[Finding]:
    """연습의 답이 그 뒤의 펼친 코드 셀에 있으면 학습자가 스크롤만 해도 봅니다."""
    for number, name in exercises.shown_answers(lesson.cells):
        yield number, f"연습 {name}의 답이 보입니다. 셀을 접거나(source_hidden, 태그 hide-input) 다르게 쓰세요"
    for cell in lesson.code:
        hidden = cell.raw.get("metadata", {}).get("jupyter", {}).get("source_hidden", False)
        if hidden != ("hide-input" in cell.tags) and "colab" not in cell.tags:
            yield cell.number, "접은 코드 셀에는 metadata.jupyter.source_hidden과 태그 hide-input을 함께 두세요"


@rule
def minutes_are_computed(lesson: Lesson) -> Iterator[Finding]:
    found = SPENT.search(lesson.cells[0].source)
    cassette = Cassette.load(ROOT / "llmkit" / "cassettes" / f"{lesson.path.stem}.json")
    cells = [cell.raw for cell in lesson.cells]
    if found and found[1] != (right := minutes.stated(cells, cassette)):
        yield 1, f"걸리는 시간 {found[1]!r}이 계산한 {right!r}과 다릅니다: python -m tests.authoring tables"
    for spent, most, name in zip(minutes.totals(cells, cassette), minutes.MOST, ("핵심", "전체")):
        if round(spent / 5) * 5 > most:
            yield 1, f"{name}이 {spent:.0f}분입니다. {most}분이 되게 줄이거나 `선택`으로 돌리세요"


def main(names: list[str]) -> int:
    paths = [Path(name) for name in names] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    found = [line for path in paths for line in lint(path)]
    print("\n".join(found) or f"노트북 {len(paths)}개에서 고칠 곳을 찾지 못했습니다.")
    return 1 if found else 0
