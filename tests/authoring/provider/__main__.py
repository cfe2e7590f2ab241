"""명령: `python -m tests.authoring.provider record NN [--local]`과 `... serve [--port P] [--lesson NN]`."""

from __future__ import annotations

import argparse
import secrets
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from .script import Script
from .server import Upstream

ROOT = Path(__file__).resolve().parents[3]
# 녹화에만 쓰는 가짜 키. 서버는 있는지만 봅니다. 답의 글과 겹치면 샌 것으로 보이므로 아무 뜻 없이 만듭니다.
FAKE_KEYS = {
    "OPENAI_API_KEY": "sk-" + secrets.token_hex(20),
    "ANTHROPIC_API_KEY": "sk-ant-" + secrets.token_hex(20),
    "HF_TOKEN": "hf_" + secrets.token_hex(17),
    "GEMINI_API_KEY": secrets.token_hex(20),
    "GROQ_API_KEY": "gsk_" + secrets.token_hex(20),
}


def record(number: str, local: bool = False) -> int:
    """번호가 `number`인 노트북을 그 대본으로 다시 녹화합니다.

    `local`이면 로컬 모델을 띄워 그 답도 새로 녹화하고, 아니면 카세트에 있는 로컬 모델의 답을 그대로 둡니다.
    """
    notebooks = sorted((ROOT / "notebooks").glob(f"{number}_*.ipynb"))
    if len(notebooks) != 1:
        print(f"notebooks에 {number}_*.ipynb가 하나 있어야 하는데 {len(notebooks)}개입니다.", file=sys.stderr)
        return 2
    if not local:
        return record_with(Script.of_lesson(number), notebooks[0])
    from llmkit.commands.record import HOSTED
    from llmkit.local import LocalServer

    with LocalServer():
        return record_with(Script.of_lesson(number), notebooks[0], providers=[*HOSTED, "local"])


def record_with(script: Script, notebook: Path, **options: Any) -> int:
    """노트북을 대본의 서버에 대고 녹화합니다. `options`는 `llmkit.commands.record.record_notebook`에 그대로 갑니다.

    돌려주는 것: 모두 담았으면 0. 대본에 없는 요청이나 담지 못한 교환이 있었으면 1.
    """
    from llmkit.commands.record import record_notebook

    with Upstream(script) as server:
        startup = (
            f"import os, sys; sys.path.insert(0, {str(ROOT)!r}); os.environ.update({FAKE_KEYS!r})",
            f"from tests.authoring.provider import redirect; redirect.install({server.port})",
        )
        try:
            done = record_notebook(notebook, startup=startup, **options).done
        finally:  # 대본에 없는 요청은 셀의 실패로도 나타나므로, 까닭을 먼저 말합니다.
            for prompt in server.unanswered:
                print(f"대본에 답이 없는 요청: {prompt!r}", file=sys.stderr)
        return int(not done or bool(server.unanswered))


def serve(port: int, number: str | None) -> int:
    """멈출 때까지 서버를 띄웁니다."""
    script = Script.of_lesson(number) if number else Script(date=datetime.now().astimezone(), entries=[])
    with Upstream(script, port) as server:
        base = f"http://127.0.0.1:{server.port}"
        print(f'OpenAI(base_url="{base}/v1", api_key="아무 글자")')
        print(f'Anthropic(base_url="{base}", api_key="아무 글자")')
        print("멈추려면 Ctrl+C를 누르세요.", flush=True)  # 다른 프로그램이 읽을 때도 주소가 바로 나와야 합니다.
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.authoring.provider", description="제공자를 대신하는 서버")
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="노트북의 예시 응답을 다시 녹화합니다")
    recording.add_argument("number", help="노트북 번호. 예: 01")
    recording.add_argument("--local", action="store_true", help="로컬 모델을 띄워 그 답도 새로 녹화합니다")
    serving = commands.add_parser("serve", help="서버를 띄웁니다")
    serving.add_argument("--port", type=int, default=8765)
    serving.add_argument("--lesson", help="대본의 노트북 번호. 예: 01")
    given = parser.parse_args()
    return record(given.number, given.local) if given.command == "record" else serve(given.port, given.lesson)


if __name__ == "__main__":
    sys.exit(main())
