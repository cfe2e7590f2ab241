"""명령줄: `python -m llmkit doctor`, `estimate [NN]`, `record NN [--provider 이름]`, `drift [NN]`, `local`, `progress 폴더`."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from .common.errors import CassetteError, Refused
from .common.ipython import command
from .common.providers import PROVIDERS
from .replay.cassette import Cassette

# argparse가 스스로 하는 말. 표준 라이브러리에는 한국어가 없습니다.
_KOREAN = (
    (r"argument (.+?): expected one argument", r"\1: 값이 하나 필요합니다"),
    (r"argument (.+?): invalid choice: (.+) \(choose from (.+)\)", r"\1: 그런 것은 없습니다: \2. 있는 것: \3"),
    (r"argument (.+?): invalid \w+ value: (.+)", r"\1: 쓸 수 없는 값입니다: \2"),
    (r"the following arguments are required: (.+)", r"빠진 인자: \1"),
    (r"unrecognized arguments: (.+)", r"모르는 인자: \1"),
)


class KoreanParser(argparse.ArgumentParser):
    """도움말과 오류를 한국어로 말하는 `ArgumentParser`입니다."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given, add_help=False)
        self._positionals.title, self._optionals.title = "인자", "선택"
        self.add_argument("-h", "--help", action="help", help="이 도움말을 보여 줍니다")

    def format_usage(self) -> str:
        return super().format_usage().replace("usage: ", "쓰는 법: ", 1)

    def format_help(self) -> str:
        return super().format_help().replace("usage: ", "쓰는 법: ", 1)

    def error(self, message: str) -> NoReturn:
        for english, korean in _KOREAN:
            message = re.sub(f"^{english}$", korean, message)
        self.print_usage(sys.stderr)
        self.exit(2, f"{message}\n자세한 것은 `{self.prog} --help`로 봅니다.\n")


def main(arguments: list[str] | None = None) -> int:
    """명령 하나를 실행하고 종료 코드를 돌려줍니다. 시킨 일을 할 수 없으면 이유를 말하고 2입니다."""
    parser = KoreanParser(prog=command("llmkit"), description="LLM API 강좌의 명령입니다.")
    commands = parser.add_subparsers(dest="command", metavar="명령", required=True)
    commands.add_parser("doctor", help="무엇이 되고 안 되는지, 어떻게 고치는지 알려 줍니다")
    estimate = commands.add_parser("estimate", help="실제로 호출하며 한 번 실행하면 얼마가 드는지 추정합니다")
    estimate.add_argument("lesson", metavar="NN", nargs="?", help="노트북 번호나 이름. 없으면 모든 노트북")
    record = commands.add_parser("record", help="실제 제공자를 불러 노트북을 다시 녹화합니다(요금이 듭니다)")
    record.add_argument("lesson", metavar="NN", nargs="?", help="노트북 번호나 이름. 예: 01")
    record.add_argument("--all", action="store_true", help="모든 노트북. --budget이 필요합니다")
    record.add_argument("--budget", metavar="USD", help="--all에서 쓸 수 있는 가장 큰 비용. 예: 2")
    record.add_argument("--provider", choices=PROVIDERS, metavar="이름", help=f"이 제공자만: {', '.join(PROVIDERS)}")
    drift = commands.add_parser("drift", help="지금의 답이 카세트와 달라졌는지 봅니다(키가 있으면 요금이 듭니다)")
    drift.add_argument("lesson", metavar="NN", nargs="?", help="노트북 번호나 이름. 없으면 모든 카세트")
    commands.add_parser("local", help="작은 모델을 이 컴퓨터에 띄웁니다(키도 요금도 없습니다)")
    progress = commands.add_parser("progress", help="저장된 노트북에서 학습자마다 통과한 연습을 모읍니다")
    progress.add_argument("folder", metavar="폴더", type=Path, help="학습자들의 노트북이 있는 폴더")
    progress.add_argument("--csv", metavar="파일", type=Path, help="Excel에서 여는 표로도 저장합니다")
    given = parser.parse_args(arguments)
    try:
        return _run(given)
    except (Refused, CassetteError) as refusal:
        print(refusal, file=sys.stderr)
        return 2


def _run(given: argparse.Namespace) -> int:
    """명령마다 필요한 것만 불러옵니다. 패키지가 다 설치되지 않은 곳에서도 doctor는 실행되어야 합니다."""
    if given.command == "doctor":
        from .commands.doctor import examine

        return examine()
    if given.command == "local":
        from .local import serve

        return serve()
    if given.command == "estimate":
        from .commands.estimate import estimate, estimate_all

        print(estimate(find_notebook(given.lesson).stem) if given.lesson else estimate_all(_notebooks()))
        return 0
    if given.command == "progress":
        from .commands.progress import progress

        return progress(given.folder, given.csv)
    if given.command == "drift":
        from .commands.drift import check
        from .session import CASSETTES

        lesson = find_notebook(given.lesson).stem if given.lesson else "*"
        return check(sorted(CASSETTES.glob(f"{lesson}.json")))
    try:
        return _record_all(given) if given.all else _record(given)
    except ImportError as error:
        advice = "강좌를 받은 폴더에서 pip install -r requirements.txt를 실행한 뒤, 그 폴더에서 다시 실행하세요."
        raise Refused(f"녹화 도구가 없습니다({error.name}). {advice}") from None


def find_notebook(lesson: str) -> Path:
    """번호("1", "01")나 이름("01_basics", 파일 경로)으로 노트북을 찾습니다. 없으면 `Refused`를 던집니다."""
    notebooks = _notebooks()
    wanted = Path(lesson).stem
    for name, path in notebooks.items():
        if name == wanted or (wanted.isdecimal() and int(name.split("_")[0]) == int(wanted)):
            return path
    near = difflib.get_close_matches(wanted, notebooks, n=3, cutoff=0.3) or list(notebooks)
    raise Refused(f"그런 노트북은 없습니다: {lesson!r}. 가까운 것: {', '.join(near)}")


def _notebooks() -> dict[str, Path]:
    for folder in (Path(__file__).parents[1] / "notebooks", Path("notebooks")):
        if found := sorted(folder.glob("[0-9]*_*.ipynb")):
            return {path.stem: path for path in found}
    raise Refused("노트북이 없습니다. 강좌를 받은 폴더에서 실행하세요.")


def _record_all(given: argparse.Namespace) -> int:
    if given.lesson or given.provider or not given.budget:
        raise Refused("--all에는 예산만 함께 적으세요. 예: record --all --budget 2")
    if not re.fullmatch(r"\d+(\.\d+)?", given.budget) or not Decimal(given.budget):
        raise Refused(f"예산은 0보다 큰 달러 금액이어야 합니다: {given.budget!r}")
    from tests.authoring.record_all import record_all

    return record_all(_notebooks().values(), Decimal(given.budget))


def _record(given: argparse.Namespace) -> int:
    from .commands.estimate import estimate
    from .commands.lock import why_not
    from .commands.record import HOSTED, Unfinished, always_replays, record_notebook
    from .common.keys import find_key, load_environment, redact
    from .session import CASSETTES

    if given.lesson is None or given.budget:
        raise Refused("노트북 번호 하나(record 01)나, 모두와 예산(record --all --budget 2)을 적으세요.")
    notebook = find_notebook(given.lesson)
    if problem := why_not(notebook):
        raise Refused(problem)
    if always_replays(notebook):
        raise Refused("주문할 수 없는 실패를 다루는 수업이라, 키가 있어도 재생합니다. 녹화하지 않습니다.")
    file = CASSETTES / f"{notebook.stem}.json"
    used = {exchange.provider for exchange in Cassette.load(file).exchanges} if file.exists() else set(HOSTED)
    if given.provider and given.provider not in used:
        titles = ", ".join(f"{name}({PROVIDERS[name].title})" for name in PROVIDERS if name in used)
        raise Refused(f"{notebook.name}에는 그 제공자의 호출이 없습니다: {given.provider}. 있는 것: {titles}")
    load_environment()
    wanted = [given.provider] if given.provider else [name for name in HOSTED if name in used]
    keys = {name: find_key(PROVIDERS[name]) for name in wanted if PROVIDERS[name].keys}
    missing = [f"  {PROVIDERS[name].title}: {key.problem}" for name, key in keys.items() if not key.found]
    ready = [name for name in wanted if name not in keys or keys[name].found]
    if not ready:
        raise Refused("\n".join(["녹화하려면 실제 제공자의 키가 필요합니다. .env에 넣고 다시 실행하세요.", *missing]))
    print(f"녹화할 노트북: {notebook.name}({', '.join(PROVIDERS[name].title for name in ready)})")
    if missing:
        print("\n".join(["키가 없는 제공자는 지금의 카세트를 재생합니다.", *missing]))
    if file.exists():
        print(f"{estimate(notebook.stem, ready)}\n")
    try:
        return int(not record_notebook(notebook, providers=ready).done)
    except Unfinished as error:
        print(redact(error.summary), file=sys.stderr)
        if not error.result.done:
            kept = "녹화를 멈췄습니다. 카세트는 그대로이고, 받은 응답은 다음 녹화가 이어서 씁니다."
            print(kept, file=sys.stderr)
        return 1


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # 한글을 모르는 터미널에서도 멈추지 않습니다.
    sys.exit(main())
