"""수업 11의 봇, 그리고 본문이 저장된 출력에 대해 하는 말."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.authoring.provider.testing import stand_in
from tests.lessons.bots import Bot, recorded

ROOT = Path(__file__).parents[2]
CELLS = json.loads((ROOT / "notebooks/11_prompt_caching.ipynb").read_text(encoding="utf-8"))["cells"]
QUESTIONS = ["추리 소설을 좋아해요. 소설 3호는 있나요?", "그 책은 얼마인가요?"]


def printed(name: str) -> str:
    (cell,) = [cell for cell in CELLS if cell["id"] == name]
    return "".join(text for output in cell["outputs"] for text in output.get("text", []))


def numbers(line: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", line)]


# 봇 -----------------------------------------------------------------------------------------------------


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    return Bot("11", tmp_path)


def test_the_second_turn_reads_what_the_first_wrote(bot: Bot) -> None:
    first, second, end = bot.say(*QUESTIONS)
    assert any(said in first for said in recorded("11", QUESTIONS[0])) and "캐시 0," in first
    sent, read, *_ = numbers(second.splitlines()[1])
    assert read > 0.9 * sent and numbers(end)[0] == round(100 * read / (sent + numbers(first.splitlines()[1])[0]))


def test_a_failed_question_leaves_the_prefix_as_it_was(bot: Bot) -> None:
    plain = bot.say(*QUESTIONS)
    missed = bot.say(QUESTIONS[0], "오늘 기분이 어때요?", QUESTIONS[1])
    assert "저장된 응답이 없습니다" in missed[1] and [missed[0], *missed[2:]] == plain


def test_a_long_talk_is_cut_at_once_and_reads_again(bot: Bot) -> None:
    """열여섯째 질문에서 한꺼번에 버리고(시스템 프롬프트만 읽음) 그다음부터는 다시 이어 읽습니다."""
    with stand_in('[[entry]]\nregex = "."\nanswer = "네, 있습니다."\n') as server:
        live = {"LLMKIT_MODE": "live", "CI": "", "OPENAI_API_KEY": "x" * 20}
        said = bot.say(
            *[f"{n}번 서가에는 무엇이 있나요?" for n in range(18)],
            OPENAI_BASE_URL=f"http://127.0.0.1:{server.port}/v1",
            **live,
        )
        sizes = [len(request["body"]["messages"]) for request in server.log if request["body"]]
    assert sizes[:17] == [*range(2, 34, 2), 12] and sizes[17] == 14
    left = [numbers(text.splitlines()[1])[0] - numbers(text.splitlines()[1])[1] for text in said[1:18]]
    assert left[15] > 3 * max(left[:15]) and left[16] < left[15] / 3


# 본문이 말하는 것은 저장된 출력에 있습니다 -----------------------------------------------------------------------


def test_what_the_recording_shows() -> None:
    """앞을 고치면 거의 모두, 뒤를 고치면 조금만 새로 계산합니다."""
    first, again, faster = printed("twice").splitlines()[:3]
    assert numbers(first)[1] == 0 and numbers(again)[2] == 1 and numbers(faster)[0] > 5
    share = {line.split(":")[0]: numbers(line)[2] / numbers(line)[0] for line in printed("edits").splitlines()}
    late = [share[name] for name in ("다른 질문", "날짜를 목록의 끝에", "끝에 공백 하나")]
    assert max(late) < 0.1 and min(share["셋째 책의 제목"], share["날짜를 맨 앞에"]) > 0.8
    same, back, front = (numbers(line)[2] for line in printed("tools").splitlines())
    assert same == 1 and back > 300 and front > back


def test_what_the_samples_show() -> None:
    """자동 중단점은 다른 질문에서 빗나가고, 직접 둔 중단점은 맞습니다. 공백 하나면 빗나가고, 짧으면 조용히 꺼집니다."""
    first, again, without = (numbers(line) for line in printed("openai-twice").splitlines()[:3])
    assert first[1] == 0 < first[2] and again[1] == first[2] and again[-1] < without[-1] < first[-1]
    assert numbers(printed("openai-other"))[1] == 0 < numbers(printed("openai-other"))[2]
    marked = [numbers(line)[1:3] for line in printed("openai-mark").splitlines()[:3]]
    assert marked[1] == [marked[0][1], 0] and marked[2][0] == 0 < marked[2][1]
    assert all(numbers(line)[1:3] == [0, 0] for line in printed("minimum").splitlines()[:2])
    rows = [numbers(line)[-2:] for line in printed("claude").splitlines()[:6]]
    assert rows[0] == rows[1] == [0, 0] and rows[3][0] == 0 < rows[3][1] and rows[5] == [rows[4][1], 0]
    five, hour = (numbers(line) for line in printed("ttl").splitlines()[:2])
    assert five[2] == hour[4] > 0 == five[4] == hour[2] and hour[-1] > five[-1]
    assert numbers(printed("talk").splitlines()[1])[2] == numbers(printed("talk").splitlines()[3])[1]


def test_what_the_prices_show() -> None:
    assert "5분: 2번째 호출부터" in printed("breakeven") and "1시간: 3번째 호출부터" in printed("breakeven")
    spent = [re.findall(r"([^|:]+) ([\d.]+)원", line.split("마다:")[1]) for line in printed("gaps").splitlines()]
    cheapest = [min(row, key=lambda pair: float(pair[1]))[0].strip() for row in spent]
    assert cheapest == ["5분", "1시간", "캐시 없이"]
    plain, everything, recent, at_once = (numbers(line)[-3::2] for line in printed("bill-run").splitlines()[:4])
    cost = {name: row[1] for name, row in zip("pera", (plain, everything, recent, at_once))}
    assert min(plain[0], everything[0], at_once[0]) > recent[0] and cost["r"] == max(cost["e"], cost["r"], cost["a"])
    assert cost["a"] < cost["e"] < 1.1 * cost["a"] and cost["p"] > 2 * cost["r"]
