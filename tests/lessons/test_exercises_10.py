"""수업 10의 연습: 틀린 답에는 무엇이 틀렸는지 말하고, 다르게 쓴 맞는 답은 통과합니다."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import llmkit
from tests.lessons.exercises import refused, wrong

Send = Callable[[str], Awaitable[str]]

# 10-1 ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("enough", "why"),
    [
        (lambda per_minute, seconds: math.ceil(per_minute * seconds), "1분에 부르는 수입니다"),
        (lambda per_minute, seconds: math.ceil(per_minute / 60), "시간을 곱하지 않았습니다"),
        (lambda per_minute, seconds: math.ceil(per_minute / 60 / seconds), "나누지 말고 곱합니다"),
        (lambda per_minute, seconds: int(per_minute * seconds / 60), "올림하세요"),
        (lambda per_minute, seconds: per_minute * seconds / 60, "올림"),
        (lambda per_minute, seconds: "2", "수여야 합니다"),
        (2, "함수 자체"),
    ],
)
def test_wrong_numbers_of_calls(enough: Any, why: str) -> None:
    assert why in wrong("10-1", enough)


def test_other_right_numbers_of_calls() -> None:
    right = [lambda per_minute, seconds: -int(-per_minute * seconds // 60), lambda p, s: float(math.ceil(s / (60 / p)))]
    assert not refused("10-1", right)


# 10-2 ---------------------------------------------------------------------------------------------------


async def no_limit(letters: list[str], send: Send, limit: int) -> list[str]:
    return await asyncio.gather(*(send(letter) for letter in letters))


async def around_gather(letters: list[str], send: Send, limit: int) -> list[str]:
    async with asyncio.Semaphore(limit):
        return await asyncio.gather(*(send(letter) for letter in letters))


async def own_gate(letters: list[str], send: Send, limit: int) -> list[str]:
    async def one(letter: str) -> str:
        async with asyncio.Semaphore(limit):
            return await send(letter)

    return await asyncio.gather(*(one(letter) for letter in letters))


async def one_by_one(letters: list[str], send: Send, limit: int) -> list[str]:
    return [await send(letter) for letter in letters]


async def outside_the_gate(letters: list[str], send: Send, limit: int) -> list[Any]:
    gate = asyncio.Semaphore(limit)

    async def one(letter: str) -> str:
        async with gate:
            task = asyncio.ensure_future(send(letter))
        return await task

    return await asyncio.gather(*(one(letter) for letter in letters))


async def not_awaited(letters: list[str], send: Send, limit: int) -> list[Any]:
    return [asyncio.ensure_future(send(letter)) for letter in letters]


async def as_they_come(letters: list[str], send: Send, limit: int) -> list[str]:
    return [*reversed(await asyncio.gather(*(seated(send, letters, limit))))]


def seated(send: Send, letters: list[str], limit: int) -> list[Awaitable[str]]:
    gate = asyncio.Semaphore(limit)

    async def one(letter: str) -> str:
        async with gate:
            return await send(letter)

    return [one(letter) for letter in letters]


async def forever(letters: list[str], send: Send, limit: int) -> list[str]:
    await asyncio.Event().wait()
    return []


@pytest.mark.parametrize(
    ("ask_limited", "why"),
    [
        (no_limit, "한꺼번에 7개를"),
        (around_gather, "자리는 호출마다"),
        (own_gate, "한꺼번에 7개를"),
        (outside_the_gate, "한꺼번에 7개를"),
        (one_by_one, "많아야 1개였습니다"),
        (not_awaited, "`await`"),
        (as_they_come, "편지의 순서대로"),
        (lambda letters, send, limit: [], "`async def`로"),
        ([], "함수 자체"),
    ],
)
def test_wrong_seats(ask_limited: Any, why: str) -> None:
    assert why in wrong("10-2", ask_limited)


def test_a_wait_without_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmkit.lessons.tasks.SECONDS", 0.2)
    assert "끝나지 않습니다" in wrong("10-2", forever)


def test_other_right_seats() -> None:
    async def workers(letters: list[str], send: Send, limit: int) -> list[str]:
        waiting, answers = list(enumerate(letters)), {}

        async def work() -> None:
            while waiting:
                at, letter = waiting.pop(0)
                answers[at] = await send(letter)

        async with asyncio.TaskGroup() as group:
            for _ in range(limit):
                group.create_task(work())
        return [answers[at] for at in sorted(answers)]

    async def with_acquire(letters: list[str], send: Send, limit: int) -> tuple[str, ...]:
        return tuple(await asyncio.gather(*seated(send, letters, limit)))

    assert not refused("10-2", [workers, with_acquire])


def test_checking_works_inside_a_running_loop_as_in_a_notebook() -> None:
    async def cell() -> Any:
        return llmkit.check("10-2", no_limit)

    assert asyncio.run(cell()).problems


# 10-3 ---------------------------------------------------------------------------------------------------


async def loses_everything(letters: list[str], send: Send) -> Any:
    results = await asyncio.gather(*(send(letter) for letter in letters))
    return dict(zip(letters, results)), {}


async def mixes(letters: list[str], send: Send) -> Any:
    results = await asyncio.gather(*(send(letter) for letter in letters), return_exceptions=True)
    return dict(zip(letters, results)), {}


async def misses_the_cancelled(letters: list[str], send: Send) -> Any:
    results = await asyncio.gather(*(send(letter) for letter in letters), return_exceptions=True)
    pairs = list(zip(letters, results))
    answers = {letter: result for letter, result in pairs if not isinstance(result, Exception)}
    return answers, {letter: result for letter, result in pairs if isinstance(result, Exception)}


async def names_only(letters: list[str], send: Send) -> Any:
    results = await asyncio.gather(*(send(letter) for letter in letters), return_exceptions=True)
    good = {letter: result for letter, result in zip(letters, results) if isinstance(result, str)}
    return good, {letter: str(result) for letter, result in zip(letters, results) if not isinstance(result, str)}


async def in_a_loop(letters: list[str], send: Send) -> Any:
    answers, failed = {}, {}
    for letter in letters:
        try:
            answers[letter] = await send(letter)
        except BaseException as error:
            failed[letter] = error
    return answers, failed


@pytest.mark.parametrize(
    ("keep", "why"),
    [
        (loses_everything, "ConnectionError"),
        (mixes, "실패한 편지가 답변에 섞였습니다: 편지-1"),
        (misses_the_cancelled, "취소될 때"),
        (names_only, "`{편지: 예외}`"),
        (in_a_loop, "하나씩 보냈습니다"),
    ],
)
def test_wrong_keeping(keep: Any, why: str) -> None:
    assert why in wrong("10-3", keep)


def test_other_right_keeping() -> None:
    async def in_tasks(letters: list[str], send: Send) -> Any:
        answers: dict[str, str] = {}
        failed: dict[str, BaseException] = {}

        async def one(letter: str) -> None:
            try:
                answers[letter] = await send(letter)
            except BaseException as error:
                failed[letter] = error

        await asyncio.gather(*map(one, letters))
        return [answers, failed]

    assert not refused("10-3", [in_tasks])


# 10-4 ---------------------------------------------------------------------------------------------------


def answered(lines: list[str], stop: bool = False, errors: bool = False) -> list[str]:
    found = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            if stop:
                break
            continue
        if errors or "answer" in row:
            found.append(row["id"])
    return found


@pytest.mark.parametrize(
    ("remaining", "why"),
    [
        (lambda ids, lines: ids[len(lines) :], "뒤섞인 순서"),
        (lambda ids, lines: [one for one in ids if one not in answered(lines, errors=True)], "실패는 끝난 것이 아닙니다"),
        (lambda ids, lines: [one for one in ids if one not in answered(lines, stop=True)], "뒤도 계속 읽습니다"),
        (lambda ids, lines: [one for one in ids if one not in [json.loads(x)["id"] for x in lines]], "JSONDecodeError"),
        (lambda ids, lines: set(ids) - set(answered(lines)), "기댓값 ['편지-0'"),
        (lambda ids, lines: [one for one in ids if not any(one in line for line in lines)], "없는 셈 칩니다"),
        (
            lambda ids, lines: [one for one in ids if not any(f'"{one}", "answer": "' in x and x[-3:] != '""}' for x in lines)],
            "빈 문자열도",
        ),
        (
            lambda ids, lines: [x for x in ids if {y: "answer" in z for z in lines for y in ids if y in z}.get(x) is not True],
            "뒤의 실패로 사라지지",
        ),
        (lambda ids, lines: ids.clear() or [], "바뀌었습니다"),
        (None, "함수 자체"),
    ],
)  # fmt: skip
def test_wrong_leftovers(remaining: Any, why: str) -> None:
    assert why in wrong("10-4", remaining)


def test_other_right_leftovers() -> None:
    def by_removing(ids: list[str], lines: list[str]) -> list[str]:
        left = dict.fromkeys(ids)
        for one in answered(lines):
            left.pop(one, None)
        return list(left)

    assert not refused("10-4", [by_removing, lambda ids, lines: [x for x in ids if x not in set(answered(lines))]])


# 10-5, 10-6 ---------------------------------------------------------------------------------------------


def row_of(letter: dict[str, str], model: str, rules: Any, **changes: Any) -> dict[str, Any]:
    body = {"model": model, "messages": [rules, {"role": "user", "content": letter["text"]}]}
    return {"custom_id": letter["id"], "method": "POST", "url": "/v1/chat/completions", "body": body} | changes


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"custom_id": "letter"}, "`custom_id`"),
        ({"url": "https://api.openai.com/v1/chat/completions"}, "호스트를 뺀"),
        ({"url": "/chat/completions"}, "호스트를 뺀"),
        ({"method": "GET"}, "그대로 두세요"),
        ({"body": {"model": "a-model", "messages": "고맙습니다."}}, "든 목록입니다"),
        ({"body": {"model": "a-model", "messages": [{"role": "user", "content": "고맙습니다."}]}}, "든 목록입니다"),
        ({"body": []}, "그대로 두세요"),
    ],
)
def test_wrong_lines(changes: dict[str, Any], why: str) -> None:
    assert why in wrong("10-5", lambda letter, model, rules: row_of(letter, model, rules, **changes))


def test_another_right_line() -> None:
    def longer(*given: Any) -> dict[str, Any]:
        row = row_of(*given)
        return row | {"body": row["body"] | {"max_completion_tokens": 300}}

    assert not refused("10-5", [row_of, longer, lambda *given: dict(reversed(row_of(*given).items()))])


@pytest.mark.parametrize(
    ("join", "why"),
    [
        (lambda ids, rows: [row["text"] for row in rows], "자리가 아니라"),
        (lambda ids, rows: [{row["custom_id"]: row["text"] for row in rows}.get(one) for one in ids], "성공하지 않은"),
        (
            lambda ids, rows: [{r["custom_id"]: r["text"] for r in rows if r["type"] != "errored"}[one] for one in ids],
            "KeyError",
        ),
        (
            lambda ids, rows: [{r["custom_id"]: r["text"] for r in rows if r["type"] != "errored"}.get(x) for x in ids],
            "하나가 만료되었을 때",
        ),
        (
            lambda ids, rows: sorted(row["text"] for row in rows if row["type"] == "succeeded"),
            "None",
        ),
        (lambda ids, rows: {row["custom_id"]: row["text"] for row in rows}, "기댓값"),
    ],
)
def test_wrong_joins(join: Any, why: str) -> None:
    assert why in wrong("10-6", join)


def test_another_right_join() -> None:
    def by_search(ids: list[str], rows: list[dict[str, Any]]) -> list[str | None]:
        def find(name: str) -> str | None:
            good = (row for row in rows if row["custom_id"] == name and row["type"] == "succeeded")
            return next((row["text"] for row in good), None)

        return [find(name) for name in ids]

    assert not refused("10-6", [by_search])
