"""수업 10의 연습 채점."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from .answers import Wrong, call, explain, require_dict, require_number, same, show
from .checks import exercise
from .tasks import Calls, call_async


@exercise("10-1")
def calls_in_flight(enough: Any) -> Iterator[str]:
    """제한을 다 쓸 때 동시에 떠 있는 호출의 수."""
    for per_minute, seconds in [(600, 0.5), (60, 2), (60, 2.5), (500, 1.2), (30, 1), (3000, 2)]:
        result = call(enough, per_minute, seconds, name="enough")
        right = math.ceil(per_minute * seconds / 60)
        if require_number(result, "`enough`의 결과") != right:
            mistakes = [
                (math.ceil(per_minute * seconds), "`per_minute`는 1분에 부르는 수입니다. 1초에 몇 번인지로 바꾸세요."),
                (math.ceil(per_minute / 60), "호출 하나가 걸리는 시간을 곱하지 않았습니다."),
                (math.ceil(per_minute / 60 / seconds), "나누지 말고 곱합니다. 오래 걸릴수록 더 많이 떠 있습니다."),
                (math.ceil(per_minute / seconds), "1초에 시작하는 수(`per_minute / 60`)에 걸리는 시간을 곱하세요."),
                (int(per_minute * seconds / 60), "내림하면 제한을 다 쓰지 못합니다. 올림하세요."),
            ]
            said = explain(result, mistakes, "1초에 시작하는 수에 걸리는 시간을 곱해 올림하세요.")
            yield f"per_minute={per_minute}, seconds={seconds}: 기댓값 {right}, 실제 {show(result)}. {said}"
            return


@exercise("10-2")
def a_seat_for_each_call(ask_limited: Any) -> Iterator[str]:
    """호출마다 자리를 하나 잡습니다: 함께 떠 있는 수가 제한을 넘지도, 모자라지도 않습니다."""
    for letters, limit in (
        ([f"편지-{n}" for n in range(7)], 3),
        (["편지-0", "편지-1"], 5),
        ([f"편지-{n}" for n in range(4)], 1),
    ):
        send = Calls()
        result = call_async(ask_limited, letters, send, limit, name="ask_limited")
        most = min(limit, len(letters))
        if sorted(send.asked) != letters:
            raise Wrong(f"`send`는 편지마다 한 번씩 부릅니다. 지금은 {show(send.asked)}입니다.")
        if len(send.finished) != len(letters):
            raise Wrong("`send`가 끝나기를 기다리지 않았습니다. `await`를 보세요.")
        if send.peak > most:
            yield f"limit={limit}인데 한꺼번에 {send.peak}개를 보냈습니다. 자리는 호출마다, `send`를 기다리는 동안 잡습니다."
        elif send.peak < most:
            yield f"limit={limit}인데 한꺼번에 많아야 {send.peak}개였습니다. 함께 보내되 제한까지는 채우세요."
        if list(result) != [f"{letter} 요약" for letter in letters]:
            yield f"답변을 편지의 순서대로 돌려주어야 합니다. 지금은 {show(result)}입니다."


@exercise("10-3")
def keep_what_came(keep: Any) -> Iterator[str]:
    """실패한 것이 있어도 받은 답변은 남습니다."""
    import asyncio

    letters, broken = ["편지-0", "편지-1", "편지-2", "편지-3"], ConnectionError("끊겼습니다")
    for name, failures in [
        ("모두 성공할 때", {}),
        ("하나가 실패할 때", {"편지-1": broken}),
        ("하나가 취소될 때", {"편지-2": asyncio.CancelledError()}),
        ("모두 실패할 때", {letter: ValueError(letter) for letter in letters}),
    ]:
        send = Calls(failures)
        pair = call_async(keep, letters, send, name="keep")
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(one, dict) for one in pair):
            raise Wrong(f"{name}: 딕셔너리 두 개를 돌려주어야 합니다. 지금은 {show(pair)}입니다.")
        answers, failed = pair
        right = {letter: f"{letter} 요약" for letter in letters if letter not in failures}
        if answers != right:
            mixed = [letter for letter in failures if letter in answers]
            said = f"실패한 편지가 답변에 섞였습니다: {', '.join(mixed)}" if mixed else f"지금은 {show(answers)}입니다."
            yield f"{name}: 답변은 성공한 편지만 담습니다. {said}"
        # 취소는 gather가 새 CancelledError로 바꾸어 주므로 종류를 봅니다.
        if {letter: type(error) for letter, error in failed.items()} != {
            letter: type(error) for letter, error in failures.items()
        }:
            yield f"{name}: 실패는 `{{편지: 예외}}`로, 실패한 편지만 담습니다. 지금은 {show(failed)}입니다."
        if send.peak < len(letters):
            yield f"{name}: 편지를 하나씩 보냈습니다. 함께 부르세요."


def _line(number: int, **more: Any) -> str:
    return json.dumps({"id": f"편지-{number}", **more}, ensure_ascii=False)


@exercise("10-4")
def what_is_left(remaining: Any) -> Iterator[str]:
    """답변이 있는 것만 빼고, 순서대로."""
    ids = [f"편지-{number}" for number in range(4)]
    half = _line(2, answer="요약입니다")[:-6]
    cases = [
        ("처음 시작할 때", [], [0, 1, 2, 3], "파일이 비었으면 모두 보냅니다."),
        ("뒤섞인 순서로 끝났을 때", [_line(2, answer="다"), _line(0, answer="가")], [1, 3], "`ids`의 순서대로 남은 것만 돌려줍니다."),
        ("마지막 줄이 반쪽일 때", [_line(0, answer="가"), half], [1, 2, 3], "읽을 수 없는 줄은 없는 셈 칩니다."),
        ("반쪽 뒤에 줄이 더 있을 때", [half, _line(3, answer="라")], [0, 1, 2], "읽을 수 없는 줄 뒤도 계속 읽습니다."),
        ("실패한 줄이 있을 때", [_line(1, error="RateLimitError")], [0, 1, 2, 3], "실패는 끝난 것이 아닙니다. 다시 보냅니다."),
        (
            "실패한 뒤 성공했을 때",
            [_line(1, error="APITimeoutError"), _line(1, answer="나")],
            [0, 2, 3],
            "나중에라도 답변이 있으면 끝난 것입니다.",
        ),
        (
            "성공한 뒤 실패했을 때",
            [_line(2, answer="다"), _line(2, error="APITimeoutError")],
            [0, 1, 3],
            "이미 받은 답변은 뒤의 실패로 사라지지 않습니다.",
        ),
        ("빈 답변일 때", [_line(0, answer="")], [1, 2, 3], "빈 문자열도 요금을 낸 답변입니다. 다시 보내지 않습니다."),
        ("모두 끝났을 때", [_line(n, answer="끝") for n in range(4)], [], "보낼 것이 없습니다."),
    ]  # fmt: skip
    for name, lines, numbers, why in cases:
        result = call(remaining, list(ids), list(lines), name="remaining", unchanged=True)
        right = [f"편지-{number}" for number in numbers]
        if not isinstance(result, list) or result != right:
            yield f"{name}: 기댓값 {show(right)}, 실제 {show(result)}. {why}"


@exercise("10-5")
def one_line_of_a_batch(batch_row: Any) -> Iterator[str]:
    """배치 파일의 한 줄."""
    rules = {"role": "developer", "content": "한 문장으로 요약합니다."}
    for letter in ({"id": "편지-3", "text": "고맙습니다."}, {"id": "x", "text": "바꿔 주세요."}):
        row = call(batch_row, dict(letter), "a-model", dict(rules), name="batch_row", unchanged=True)
        require_dict(row, "`batch_row`의 결과", ["custom_id", "method", "url", "body"])
        if not same(row["custom_id"], letter["id"]):
            yield f"`custom_id`는 결과를 찾을 이름, 곧 편지의 `id`입니다. 지금은 {show(row['custom_id'])}입니다."
        if row["url"] != "/v1/chat/completions":
            yield f"`url`은 호스트를 뺀 주소 `/v1/chat/completions`입니다. 지금은 {show(row['url'])}입니다."
        wanted = [rules, {"role": "user", "content": letter["text"]}]
        if row["method"] != "POST" or not isinstance(row["body"], dict) or row["body"].get("model") != "a-model":
            yield "`method`와 `model`은 그대로 두세요."
        elif (found := row["body"].get("messages")) != wanted:
            yield f"`messages`는 `rules`와 편지의 글(`user`)이 든 목록입니다. 지금은 {show(found)}입니다."
        try:
            json.dumps(row)
        except (TypeError, ValueError):
            yield "JSON으로 적을 수 없는 것이 들어 있습니다."


@exercise("10-6")
def matched_by_name(join: Any) -> Iterator[str]:
    """순서가 아니라 `custom_id`로 짝짓습니다."""

    def row(name: str, kind: str = "succeeded", text: str | None = None) -> dict[str, Any]:
        return {"custom_id": name, "type": kind, "text": text if kind != "succeeded" else f"{name} 요약"}

    ids = ["a", "b", "c"]
    cases = [
        ("보낸 순서로 왔을 때", [row("a"), row("b"), row("c")], ["a 요약", "b 요약", "c 요약"], ""),
        ("거꾸로 왔을 때", [row("c"), row("b"), row("a")], ["a 요약", "b 요약", "c 요약"], "자리가 아니라 `custom_id`로 찾습니다."),
        ("하나가 실패했을 때", [row("c"), row("a"), row("b", "errored", "오류 문구")], ["a 요약", None, "c 요약"], "성공하지 않은 자리는 `None`입니다."),
        ("하나가 만료되었을 때", [row("b", "expired", "만료 문구"), row("a"), row("c")], ["a 요약", None, "c 요약"], "성공하지 않은 자리는 `None`입니다."),
        ("결과가 빠졌을 때", [row("c")], [None, None, "c 요약"], "결과가 없는 자리도 `None`입니다."),
        ("다른 배치의 결과가 섞였을 때", [row("z"), row("a"), row("b"), row("c")], ["a 요약", "b 요약", "c 요약"], "`ids`에 있는 것만 담습니다."),
    ]  # fmt: skip
    for name, rows, right, why in cases:
        result = call(join, list(ids), [dict(one) for one in rows], name="join", unchanged=True)
        if not isinstance(result, list) or result != right:
            yield f"{name}: 기댓값 {show(right)}, 실제 {show(result)}. {why}".rstrip()
