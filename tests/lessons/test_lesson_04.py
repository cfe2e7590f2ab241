"""수업 04의 봇은 진짜 프로그램입니다: 잠깐의 실패만 다시 보내고, 어떤 실패에도 멈추지 않습니다."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lessons.bot_runs import ROOT, run_bot, write_bot

FINE, TWICE_DOWN, NO_MONEY = "글씨가 커서 좋아요.", "책갈피가 예뻐요.", "점원이 친절했어요."
NOWHERE = {"LLMKIT_MODE": "live", "OPENAI_API_KEY": "x" * 20, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}


@pytest.fixture
def bot(tmp_path: Path) -> Path:
    return write_bot("04", tmp_path)


def test_the_bot_retries_what_passes_and_tells_what_does_not(bot: Path) -> None:
    _, passing, hopeless, fine, _ = run_bot(bot, f"{TWICE_DOWN}\n{NO_MONEY}\n{FINE}\n").split("리뷰> ")
    assert passing.count("다시 보냅니다: InternalServerError") == 2 and "책갈피를 칭찬하는" in passing
    assert "다시 보냅니다" not in hopeless and "RateLimitError, 코드 credit_balance_exhausted, 요청 ID req_" in hopeless
    assert "큰 글씨를 반기는" in fine


def test_a_review_without_a_recording_is_told_and_the_same_review_works_twice(bot: Path) -> None:
    said = run_bot(bot, f"아무도 묻지 않은 리뷰\n\n{FINE}\n{FINE}")
    assert said.count("큰 글씨를 반기는") == 2 and said.endswith("안녕히 가세요.\n")


def test_a_wrong_key_is_not_retried(bot: Path) -> None:
    said = run_bot(bot, "포장이 꼼꼼했어요.\n")
    assert "고칠 실패: AuthenticationError, 코드 invalid_api_key" in said and "다시 보냅니다" not in said


def test_a_server_that_is_not_there_is_asked_three_times_and_the_bot_goes_on(bot: Path) -> None:
    said = run_bot(bot, f"{FINE}\n{FINE}\n", **NOWHERE)
    assert said.count("다시 보냅니다: APIConnectionError") == 4 and said.count("고칠 실패: APIConnectionError") == 2


@pytest.mark.skipif(os.name == "nt", reason="SIGINT를 자식에게만 보낼 수 없습니다")
def test_ctrl_c_at_the_prompt_ends_the_bot(bot: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "LLMKIT_MODE": "replay",
    }
    with subprocess.Popen(
        [sys.executable, bot.name], cwd=bot.parent, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout and running.stdin
        seen = b""
        while "리뷰> ".encode() not in seen:
            seen += running.stdout.read(1)
        running.send_signal(signal.SIGINT)
        left, _ = running.communicate(timeout=30)
    assert left.decode().endswith("안녕히 가세요.\n") and running.returncode == 0
