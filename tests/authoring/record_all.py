"""`python -m llmkit record --all --budget 2`: 가진 키로 강좌 전체를 실제 응답으로 바꿉니다. 예산에서 멈추고, 다음에 이어서 합니다."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from llmkit.commands.estimate import estimate, summary
from llmkit.commands.lock import why_not
from llmkit.commands.record import HOSTED, Unfinished, always_replays, record_notebook
from llmkit.common.errors import Refused
from llmkit.common.keys import find_key, load_environment, redact
from llmkit.common.providers import PROVIDERS
from llmkit.cost.krw import dollars
from llmkit.models import default_model
from llmkit.replay.cassette import Cassette
from llmkit.replay.exchange import Exchange
from llmkit.session import CASSETTES
from tests.authoring.sentences import sample_sentences
from tests.authoring.tables import write_estimate


@dataclass
class Lesson:
    """수업 하나의 형편입니다. `why`는 제공자마다 아직 샘플 응답인 이유입니다."""

    path: Path
    providers: list[str]  # 이번에 녹화할 제공자
    why: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def exchanges(self) -> list[Exchange]:
        return Cassette.load(CASSETTES / f"{self.name}.json").exchanges


def look(path: Path) -> Lesson:
    """수업에서 무엇을 녹화할 수 있고, 무엇을 왜 녹화할 수 없는지 봅니다."""
    cassette = Cassette.load(CASSETTES / f"{path.stem}.json")
    lesson = Lesson(path, [])
    for name in HOSTED:
        asked = [exchange for exchange in cassette.exchanges if exchange.provider == name]
        if not asked or _is_real(asked, cassette, name):
            continue
        key = find_key(PROVIDERS[name])
        if problem := why_not(path):
            lesson.why[name] = problem
        elif always_replays(path):
            lesson.why[name] = "주문할 수 없는 실패를 다루는 수업이라 녹화하지 않습니다"
        elif not key.found:
            lesson.why[name] = key.problem
        else:
            lesson.providers.append(name)
    return lesson


def _is_real(exchanges: Iterable[Exchange], cassette: Cassette, provider: str) -> bool:
    """모두 지금의 모델을 녹화한 것이면 True입니다. 연결되지 않은 요청에는 녹화할 응답이 없으므로 보지 않습니다."""
    current = os.environ.get(PROVIDERS[provider].model_variable) or default_model(provider)
    answered = [exchange for exchange in exchanges if exchange.status is not None]
    return cassette.models.get(provider, current) == current and all(e.provenance == "recorded" for e in answered)


def record_all(paths: Iterable[Path], budget: Decimal) -> int:
    """추정 비용을 보이고 물은 뒤 모든 수업을 녹화합니다. 가진 키로 할 수 있는 것을 다 했으면 0, 아니면 1입니다."""
    load_environment()
    lessons = [look(path) for path in paths]
    todo = [lesson for lesson in lessons if lesson.providers]
    for lesson in lessons:
        if lesson not in todo:
            print(f"{lesson.name}: 건너뜁니다. {_why_nothing(lesson)}")
    if not todo:
        print("녹화할 수 있는 것이 없습니다.")
        return _report(lessons)
    if not sys.stdin.isatty():
        raise Refused(
            "비용이 드는 일이라 먼저 묻습니다. 입력할 수 있는 터미널에서 실행하세요. 아무것도 보내지 않았습니다."
        )
    unpriced = _show_estimate(todo, budget)
    print(f"비용을 알 수 없는 호출은 0원이 아니지만 예산에 셀 수 없습니다. 그런 호출은 {unpriced}번까지만 합니다.")
    if not _agrees("계속할까요? (y/N) "):
        print("아무것도 보내지 않았습니다.")
        return 1
    _record(todo, budget, unpriced)
    page = lessons[0].path.parents[1] / "docs" / "instructor.md"
    if page.exists():
        write_estimate(page, [lesson.name for lesson in lessons])
    return _report(lessons)


def _agrees(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except (KeyboardInterrupt, EOFError):
        print()
        return False


def _why_nothing(lesson: Lesson) -> str:
    if not lesson.why:
        return "지금의 모델로 모두 녹화되어 있습니다."
    return "; ".join(f"{PROVIDERS[name].title}: {why}" for name, why in lesson.why.items())


def _show_estimate(lessons: Iterable[Lesson], budget: Decimal) -> int:
    """수업마다 추정 비용을 적고, 비용을 알 수 없는 호출을 몇 번까지 할지 돌려줍니다."""
    total, unpriced = Decimal(0), 0
    for lesson in lessons:
        receipt = estimate(lesson.name, lesson.providers)
        total += receipt.usd
        unpriced += sum(row.calls for row in receipt.unknown)
        titles = ", ".join(PROVIDERS[name].title for name in lesson.providers)
        print(f"{lesson.name}: {titles}, 추정 {summary(receipt)}")
    limit = f"추정 {dollars(total)}, 예산 {dollars(budget)}"
    print(f"합계: {limit}. 실제 응답이 더 길면 더 듭니다. 예산에 닿으면 멈춥니다.")
    return 2 * unpriced + 5  # 스트림이 실제로는 다른 곳에서 끊기므로, 추정보다 넉넉하게 둡니다.


def _record(lessons: list[Lesson], budget: Decimal, unpriced: int) -> None:
    stopped = None
    for lesson in lessons:
        if budget <= 0:
            stopped = stopped or "예산을 다 썼습니다."
        if stopped:
            lesson.why |= dict.fromkeys(lesson.providers, stopped)
            continue
        print(f"\n녹화할 수업: {lesson.name}", flush=True)
        try:
            result = record_notebook(lesson.path, providers=lesson.providers, budget=budget, unpriced=unpriced)
            problem = result.stopped or "; ".join(result.refused)
        except Unfinished as error:
            result, problem = (
                error.result,
                error.result.stopped or f"실패했습니다. {redact(str(error).splitlines()[-1])}",
            )
            if result.done:
                again = f"python -m llmkit record {lesson.name[:2]}"
                problem = f"카세트는 바꾸었지만 출력을 저장하지 못했습니다. {again} 명령을 실행하세요. {problem}"
        stopped = result.stopped
        budget -= Decimal(result.usd)
        unpriced = max(0, unpriced - result.unpriced)
        print(f"{lesson.name}: {dollars(Decimal(result.usd))}를 썼습니다.{' ' + problem if problem else ''}")
        if problem or not result.done:
            lesson.why |= dict.fromkeys(lesson.providers, problem or "녹화를 마치지 못했습니다")


def _report(lessons: Iterable[Lesson]) -> int:
    """수업마다 무엇이 녹화이고 무엇이 아직 샘플 응답인지, 그리고 고쳐야 할 문장을 적습니다."""
    print()
    recorded = []
    for lesson in lessons:
        exchanges = [exchange for exchange in lesson.exchanges if exchange.provider in HOSTED]
        real = sum(exchange.provenance == "recorded" for exchange in exchanges)
        ours, local = len(exchanges) - real, len(lesson.exchanges) - len(exchanges)
        print(f"{lesson.name}: 제공자의 실제 응답 {real}개, 샘플 응답 {ours}개, 로컬 모델의 실제 응답 {local}개")
        for name in dict.fromkeys(e.provider for e in exchanges if e.provenance != "recorded"):
            print(f"  {PROVIDERS[name].title}: 샘플 응답 — {lesson.why.get(name, '연결되지 않은 요청뿐입니다')}")
        if real:
            recorded.append(lesson.path)
    sentences = [sentence for path in recorded for sentence in sample_sentences(path)]
    if sentences:
        print(f"\n샘플 응답에만 맞는 문장 {len(sentences)}개입니다. 실제 응답과 비교해 고치거나 지우세요.")
        print("\n".join(f"  {sentence}" for sentence in sentences))
    return int(any(name in lesson.why for lesson in lessons for name in lesson.providers))
