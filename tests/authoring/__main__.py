"""수업을 만드는 사람의 명령입니다.

python -m tests.authoring new 15_name     # 새 수업의 파일 네 개를 견본에서 만듭니다
python -m tests.authoring record 15       # 대본의 샘플 응답을 녹화하고 출력을 저장합니다
python -m tests.authoring check 15        # 글을 검사하고 그 수업의 테스트를 실행합니다
python -m tests.authoring words           # language.md를 어긴 말을 모두 찾습니다
python -m tests.authoring tables          # README와 강사용 페이지의 표에 더합니다
"""

from __future__ import annotations

import argparse
import sys

from llmkit.common.errors import Refused

from . import check, lint, new, recording, stamp, tables, words


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        return COMMANDS[given.command](given)
    except (ValueError, Refused) as refusal:
        print(refusal, file=sys.stderr)
        return 2


def _new(given: argparse.Namespace) -> int:
    for path in new.new(given.name):
        print(path.relative_to(new.ROOT))
    print(f"고친 뒤: python -m tests.authoring record {given.name[:2]} && python -m tests.authoring tables")
    return 0


def _tables(given: argparse.Namespace) -> int:
    changed = tables.write()
    print("\n".join(f"새로 적었습니다: {path.relative_to(tables.ROOT)}" for path in changed) or "표가 모두 맞습니다.")
    return 0


COMMANDS = {
    "new": _new,
    "check": lambda given: check.check(given.number),
    "record": lambda given: recording.record(given.number, given.local),
    "store": lambda given: recording.store(given.number),
    "tables": _tables,
    "lint": lambda given: lint.main(given.files),
    "words": lambda given: words.main(given.files),
    "stamp": lambda given: stamp.main(given.address),
    "serve": lambda given: recording.serve(given.port, given.lesson),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.authoring", description="수업을 만드는 사람의 명령입니다.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("new", help="새 수업의 파일 네 개를 견본에서 만듭니다").add_argument("name", help="예: 15_name")
    for name, text in (
        ("check", "수업 하나를 검사합니다: 먼저 글, 그다음 테스트. 아무것도 쓰지 않습니다"),
        ("record", "샘플 응답을 대본으로 다시 녹화하고 노트북에 출력을 저장합니다"),
        ("store", "녹화는 그대로 두고, 재생한 출력만 노트북에 다시 저장합니다"),
    ):
        commands.add_parser(name, help=text).add_argument("number", help="노트북 번호. 예: 01")
    local = "로컬 모델을 띄워 그 답도 새로 녹화합니다"
    commands.choices["record"].add_argument("--local", action="store_true", help=local)
    commands.add_parser("tables", help="README와 강사용 페이지의 수업 표를 새로 적습니다")
    commands.add_parser("lint", help="노트북의 글을 검사합니다").add_argument(
        "files", nargs="*", help="없으면 모든 노트북"
    )
    commands.add_parser("words", help="language.md의 말을 검사합니다").add_argument(
        "files", nargs="*", help="없으면 사람이 읽는 모든 파일"
    )
    address = "공개한 GitHub 주소. 없으면 적어 둔 주소, -이면 지웁니다"
    commands.add_parser("stamp", help="Colab 배지와 설치 셀을 적습니다").add_argument(
        "address", nargs="*", help=address
    )
    serving = commands.add_parser("serve", help="제공자를 대신하는 서버를 띄웁니다")
    serving.add_argument("--port", type=int, default=8765)
    serving.add_argument("--lesson", help="대본의 노트북 번호. 예: 01")
    return parser


if __name__ == "__main__":
    sys.exit(main())
