"""수업 10의 봇은 강제로 꺼져도 이어서 합니다. 무엇을 몇 번 보냈는지는 받는 서버의 기록으로 셉니다."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.lessons.bots import recorded

ROOT = Path(__file__).parents[2]
CELLS = json.loads((ROOT / "notebooks/10_async.ipynb").read_text(encoding="utf-8"))["cells"]


def source_of(name: str) -> str:
    (cell,) = [cell for cell in CELLS if cell["id"] == name]
    return "".join(cell["source"])


def printed(name: str) -> str:
    (cell,) = [cell for cell in CELLS if cell["id"] == name]
    return "".join(text for output in cell["outputs"] for text in output.get("text", []))


class Desk:
    """수업의 `desk` 셀이 만드는 서버입니다. `held`번째부터는 놓아줄 때까지 답하지 않습니다."""

    def __init__(self, held: int) -> None:
        names: dict[str, Any] = {"json": json}
        exec(source_of("desk").replace("> 12", f"> {held}"), names)
        self.log, self.release = names["log"], names["release"]
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), names["Desk"])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self.server.server_port}/v1"
        return {"LLMKIT_MODE": "live", "OPENAI_API_KEY": "desk-needs-no-key", "OPENAI_BASE_URL": url}


@pytest.fixture
def desk() -> Iterator[Any]:
    opened: list[Desk] = []

    def open_desk(held: int = 10**9) -> Desk:
        opened.append(Desk(held))
        return opened[0]

    yield open_desk
    for one in opened:
        one.release.set()
        one.server.shutdown()
        one.server.server_close()


class Bot:
    """노트북의 셀이 쓰는 봇과, 그것이 읽고 쓰는 두 파일."""

    def __init__(self, folder: Path, texts: list[str]) -> None:
        source = source_of("bot-write").replace("from pathlib import Path\n", "", 1)
        exec(source, {"Path": lambda name: folder / name})
        self.file = folder / "bot_10.py"
        self.source, self.target = folder / "letters.jsonl", folder / "summaries.jsonl"
        rows = [{"id": f"편지-{number}", "text": text} for number, text in enumerate(texts)]
        self.source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def start(self, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, self.file, self.source, self.target],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "LLMKIT_MODE": "replay"} | environment,
        )  # fmt: skip

    def run(self, **environment: str) -> str:
        running = self.start(**environment)
        said, errors = running.communicate(timeout=60)
        assert running.returncode == 0 and "Traceback" not in errors, errors
        return said

    def written(self) -> list[str]:
        return self.target.read_text(encoding="utf-8").splitlines() if self.target.exists() else []

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.written()]


def until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "봇이 거기까지 가지 않았습니다."
        time.sleep(0.02)


@pytest.mark.parametrize("held", [0, 5, 12])
def test_a_killed_bot_goes_on_where_it_was(tmp_path: Path, desk: Any, held: int) -> None:
    texts = [f"편지 {number:02}" for number in range(30)]
    bot, place = Bot(tmp_path, texts), desk(held)
    running = bot.start(**place.environment)
    until(lambda: len(bot.written()) == held and len(place.log) == held + 4)
    running.kill()
    running.communicate()
    saved = {row["id"] for row in bot.rows()}
    before = len(place.log)
    place.release.set()

    said = bot.run(**place.environment)
    assert f"이미 끝난 것 {held}, 보낼 것 {30 - held}" in said and f"받음 {30 - held}, 실패 0" in said
    assert sorted(row["id"] for row in bot.rows()) == sorted(f"편지-{number}" for number in range(30))
    assert not saved & {f"편지-{texts.index(text)}" for text in place.log[before:]}, "적힌 답변을 다시 샀습니다."
    twice = [text for text, times in Counter(place.log).items() if times > 1]
    assert len(twice) == 4 and len(place.log) == 34 and set(place.log) == set(texts)
    assert "보낼 것 0" in bot.run(**place.environment) and len(place.log) == 34


def test_half_a_line_is_sent_again_and_does_not_swallow_the_next(tmp_path: Path, desk: Any) -> None:
    bot, place = Bot(tmp_path, ["하나", "둘", "셋"]), desk()
    half = json.dumps({"id": "편지-1", "answer": "요약"}, ensure_ascii=False)[:-5]
    bot.target.write_text('{"id": "편지-0", "answer": ""}\n' + half, encoding="utf-8")
    assert "이미 끝난 것 1, 보낼 것 2" in bot.run(**place.environment)
    assert sorted(place.log) == sorted(["둘", "셋"])
    assert "보낼 것 0" in bot.run(**place.environment)
    assert bot.written()[1] == half and len(bot.written()) == 4


def test_an_answer_is_found_again_whatever_is_in_it(tmp_path: Path, desk: Any) -> None:
    bot, place = Bot(tmp_path, ["하나", "둘"]), desk()
    row = json.dumps({"id": "편지-0", "answer": "첫 줄\u2028둘째 줄\x85끝"}, ensure_ascii=False)
    bot.target.write_bytes(row.encode() + b"\n" + '{"id": "편지-1", "answer": "반'.encode()[:-1])
    assert "이미 끝난 것 1, 보낼 것 1" in bot.run(**place.environment) and place.log == ["둘"]


def test_in_replay_a_letter_without_an_answer_is_a_failed_row(tmp_path: Path) -> None:
    letter = "주문한 책이 젖어서 왔어요. 바꿔 주세요."
    bot = Bot(tmp_path, [letter, "저장된 응답이 없는 편지입니다."])
    assert "받음 1, 실패 1" in bot.run()
    rows = {row["id"]: row for row in bot.rows()}
    assert rows["편지-0"]["answer"] in recorded("10", letter) and rows["편지-0"]["usage"]["total_tokens"] > 0
    assert rows["편지-1"] == {"id": "편지-1", "error": "CassetteMiss"}
    assert "이미 끝난 것 1, 보낼 것 1" in bot.run()


def test_a_refused_connection_is_a_failed_row_and_is_tried_again(tmp_path: Path, desk: Any) -> None:
    bot = Bot(tmp_path, ["하나", "둘"])
    assert "받음 0, 실패 2" in bot.run(
        LLMKIT_MODE="live", OPENAI_API_KEY="x" * 20, OPENAI_BASE_URL="http://127.0.0.1:9/v1"
    )
    assert {row["error"] for row in bot.rows()} == {"APIConnectionError"}
    assert "받음 2, 실패 0" in bot.run(**desk().environment)


# 본문이 말하는 것은 저장된 출력에 있습니다 -----------------------------------------------------------------------


def test_what_the_recording_shows() -> None:
    """여덟을 함께 보내면 조금 빨라지고, 하나하나는 몇 배 느려집니다."""
    alone, together = printed("local-one").split(), printed("local-all").split()
    whole, each = (float(word.rstrip("초,")) for word in alone if word[0].isdigit())
    at_once, each_at_once = (float(word.rstrip("초,")) for word in together[:8] if word[0].isdigit())
    assert 1 <= whole / at_once < 3 and each_at_once > 3 * each
    same = int(printed("local-all").split("같은 답변")[1].split("/")[0])
    assert 0 < same < 8


def test_what_the_simulation_shows() -> None:
    lines = printed("simulate-run").splitlines()
    free, limited = (ast.literal_eval(line[line.index("[") :]) for line in lines[1:3])
    longest = float(lines[3].split()[4])
    assert free == sorted(free, reverse=True) and free[-1] == longest
    assert limited[2:] == [limited[2]] * (len(limited) - 2)


def test_what_the_killed_run_shows() -> None:
    assert printed("kill").split() == ["서버에", "온", "편지", "16", "|", "파일에", "적힌", "답변", "12"]
    assert "다시 보낸 편지 0" in printed("resume") and "두 번 보낸 편지 4 | 서버에 온 편지 34" in printed("resume")
