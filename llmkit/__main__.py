"""명령줄: `python -m llmkit doctor`, `estimate [NN]`, `record NN [--provider 이름]`, `drift [NN]`, `local`, `progress 폴더`."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from .commands import find_notebook
from .common.errors import CassetteError, Refused
from .common.ipython import command
from .common.providers import PROVIDERS

# argparse가 스스로 하는 말. 표준 라이브러리에는 한국어가 없습니다.
_KOREAN = (
    (r"argument (.+?): expected one argument", r"\1: 값이 하나 필요합니다"),
    (r"argument (.+?): invalid choice: (.+) \(choose from (.+)\)", r"\1: 그런 것은 없습니다: \2. 있는 것: \3"),
    (r"argument (.+?): ignored explicit argument (.+)", r"\1: 값을 받지 않습니다: \2"),
    (r"ambiguous option: (.+) could match (.+)", r"\1: 어느 것인지 알 수 없습니다. 가까운 것: \2"),
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


def _parser() -> KoreanParser:
    parser = KoreanParser(prog=command("llmkit"), description="LLM API 강좌의 명령입니다.")
    commands = parser.add_subparsers(dest="command", metavar="명령", required=True)
    lesson: dict[str, Any] = {"metavar": "NN", "nargs": "?", "type": find_notebook}
    commands.add_parser("doctor", help="무엇이 되고 안 되는지, 어떻게 고치는지 알려 줍니다")
    estimate = commands.add_parser("estimate", help="실제로 호출하며 한 번 실행하면 얼마가 드는지 추정합니다")
    estimate.add_argument("lesson", **lesson, help="노트북 번호나 이름. 없으면 모든 노트북")
    record = commands.add_parser("record", help="실제 제공자를 불러 노트북을 다시 녹화합니다(요금이 듭니다)")
    record.add_argument("lesson", **lesson, help="노트북 번호나 이름. 예: 01")
    record.add_argument("--all", dest="every", action="store_true", help="모든 노트북. --budget이 필요합니다")
    record.add_argument("--budget", metavar="USD", help="--all에서 쓸 수 있는 가장 큰 비용. 예: 2")
    record.add_argument("--provider", choices=PROVIDERS, metavar="이름", help=f"이 제공자만: {', '.join(PROVIDERS)}")
    drift = commands.add_parser("drift", help="지금의 답이 카세트와 달라졌는지 봅니다(키가 있으면 요금이 듭니다)")
    drift.add_argument("lesson", **lesson, help="노트북 번호나 이름. 없으면 모든 카세트")
    commands.add_parser("local", help="작은 모델을 이 컴퓨터에 띄웁니다(키도 요금도 없습니다)")
    progress = commands.add_parser("progress", help="저장된 노트북에서 학습자마다 통과한 연습을 모읍니다")
    progress.add_argument("folder", metavar="폴더", type=Path, help="학습자들의 노트북이 있는 폴더")
    progress.add_argument("--csv", dest="csv_file", metavar="파일", type=Path, help="Excel에서 여는 표로도 저장합니다")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """명령 하나를 실행하고 종료 코드를 돌려줍니다. 시킨 일을 할 수 없으면 이유를 말하고 2입니다."""
    try:
        given = vars(_parser().parse_args(arguments))
        name = given.pop("command")
        # 그 명령의 것만 불러옵니다. 패키지가 다 설치되지 않은 곳에서도 doctor는 실행되어야 합니다.
        home = ".local" if name == "local" else f".commands.{name}"
        return importlib.import_module(home, __package__).run(**given)
    except (Refused, CassetteError) as refusal:
        print(refusal, file=sys.stderr)
        return 2


if __name__ == "__main__":
    for stream in filter(None, (sys.stdout, sys.stderr)):  # 터미널 없이 실행한 서비스에는 없습니다.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # 한글을 모르는 터미널에서도 멈추지 않습니다.
    try:
        status = main()
        print(end="", flush=True)
    except KeyboardInterrupt:
        print("\n끝냅니다.", file=sys.stderr)
        status = 130
    except OSError as error:  # 읽던 쪽이 먼저 닫았거나(head) 디스크가 찼습니다.
        if not isinstance(error, BrokenPipeError):
            print(f"멈췄습니다. {error}", file=sys.stderr)
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # 끝나면서 다시 쓰려다 같은 오류를 내지 않게 합니다.
        status = 1
    sys.exit(status)
