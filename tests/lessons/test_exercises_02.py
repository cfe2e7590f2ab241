"""수업 02의 연습: 풀이는 통과하고, 빈칸은 빈칸이라 하고, 틀린 답에는 무엇이 틀렸는지 말합니다."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.lessons.exercises import exercises, run, wrong

LESSON = exercises("02")


@pytest.mark.parametrize(
    ("is_cut", "said"),
    [
        (lambda choice: choice.finish_reason == "stop", "온전한 답"),
        (lambda choice: not choice.message.content.endswith("."), "마침표가 없는 답"),
        (lambda choice: choice.finish_reason != "stop", "걸러진 답"),
        (lambda choice: choice.finish_reason, "True나 False"),
        (lambda choice: choice.message.finish_reason == "length", "예외가 났습니다"),
    ],
)
def test_wrong_is_cut(is_cut: Any, said: str) -> None:
    assert said in wrong("02-1", lambda response: {"text": said_by(response), "is_cut": is_cut(response.choices[0])})


def said_by(response: Any) -> str:
    return response.choices[0].message.content


def test_the_text_is_part_of_the_answer() -> None:
    assert '답변 텍스트가 "text"로' in wrong("02-1", lambda r: {"is_cut": r.choices[0].finish_reason == "length"})


def by_size(probabilities: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(probabilities.items(), key=lambda item: item[1], reverse=True)


def test_a_cut_that_drops_the_last_one() -> None:
    def keep_top(probabilities: dict[str, float], top_p: float) -> dict[str, float]:
        kept, total = {}, 0.0
        for token, p in by_size(probabilities):
            if total + p > top_p:
                break
            kept[token] = p
            total += p
        return {token: p / total for token, p in kept.items()} if total else {}

    assert "top_p=0.6이면 남을 것은 The, There입니다. 지금은 The." in wrong("02-2", keep_top)


@pytest.mark.parametrize(
    ("keep_top", "said"),
    [
        (lambda probabilities, top_p: dict(by_size(probabilities)[:1]), "합이 1이 아니라"),
        (lambda probabilities, top_p: {}, "지금은 없습니다"),
        (lambda probabilities, top_p: dict(probabilities), "남을 것은"),
        (lambda probabilities, top_p: list(probabilities), "딕셔너리를 돌려주어야"),
        (lambda probabilities, top_p: probabilities.clear() or {"The": 1.0}, "바뀌었습니다"),
    ],
)
def test_wrong_keep_top(keep_top: Any, said: str) -> None:
    assert said in wrong("02-2", keep_top)


def test_equal_shares_are_not_the_models_probabilities() -> None:
    def keep_top(probabilities: dict[str, float], top_p: float) -> dict[str, float]:
        kept, total = [], 0.0
        for token, p in by_size(probabilities):
            kept.append(token)
            total += p
            if total >= top_p:
                break
        return {token: 1 / len(kept) for token in kept}

    assert "비가 달라졌습니다" in wrong("02-2", keep_top)


def sampler(probabilities: dict, temperature: float, top_p: float, rng: Any, *, cut_first: bool = True) -> str:
    if temperature == 0:
        return max(probabilities, key=probabilities.__getitem__)
    shaped = probabilities if cut_first else {t: p ** (1 / temperature) for t, p in probabilities.items()}
    whole = 1.0 if cut_first else sum(shaped.values())
    kept, total = [], 0.0
    for token, p in by_size(shaped):
        kept.append(token)
        total += p / whole
        if total >= top_p:
            break
    weights = [shaped[token] ** (1 / temperature if cut_first else 1) for token in kept]
    return rng.choices(kept, weights=weights)[0]


def test_a_sampler_that_heats_before_it_cuts() -> None:
    assert "전에** 자르세요" in wrong("02-3", lambda *given: sampler(*given, cut_first=False))


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        (lambda probabilities, temperature, top_p, rng: max(probabilities, key=probabilities.get), "비율이"),
        (lambda p, temperature, top_p, rng: sampler(p, temperature, top_p, random), "받은 `rng`"),
        (lambda p, temperature, top_p, rng: sampler(p, temperature or 1, top_p, rng), "온도 0이면"),
        (lambda p, temperature, top_p, rng: sampler(p, temperature and 1 / temperature, top_p, rng), "온도 0.5에서"),
        (lambda p, temperature, top_p, rng: rng.choice(list(p.values())), "토큰 하나를"),
        (lambda p, temperature, top_p, rng: None, "return"),
        (lambda p, temperature, top_p, rng: rng.choices(list(p)), "`[0]`을 붙이세요"),
        (lambda p, temperature, top_p, rng: list(p)[:1] if temperature == 0 else "The", "`[0]`을 붙이세요"),
    ],
)
def test_wrong_samplers(sample: Any, said: str) -> None:
    assert said in wrong("02-3", sample)


def test_a_blank_that_does_not_show_in_the_result() -> None:
    half = LESSON["02-2"].stub.replace("token: ...", "token: p / total")
    assert half != LESSON["02-2"].stub
    assert run(half)[0].blanks == ("keep_top 안의 ...",)
