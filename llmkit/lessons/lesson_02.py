"""수업 02의 연습 채점."""

from __future__ import annotations

import contextlib
import io
import math
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from .answers import Wrong, call, require_dict, require_number, same, show
from .checks import exercise
from .samples import ENDINGS, PROBABILITIES, chat_response

MADE_IN = {
    **dict.fromkeys(("client", "model"), "1절"),
    **dict.fromkeys(("probabilities", "math"), "2절"),
    **dict.fromkeys(("reshape", "draw", "Counter"), "3절"),
    **dict.fromkeys(("itertools", "keep_top"), "4절"),
    "text_of": "7절",
}


@exercise("02-1")
def read_cut(function: Any) -> Iterator[str]:
    """끝난 이유로 잘린 답을 알아냅니다."""
    for name, text, reason in ENDINGS:
        result = call(function, chat_response(text, reason), name="read")
        if not isinstance(result, dict) or not isinstance(result.get("is_cut"), bool):
            raise Wrong(f"`read`의 결과에는 True나 False인 `is_cut`이 있어야 합니다. 지금은 {show(result)}입니다.")
        if not same(result.get("text"), text):
            raise Wrong(f'`read`의 결과에는 답변 텍스트가 "text"로 있어야 합니다. 지금은 {show(result)}입니다.')
        if result["is_cut"] is not (reason == "length"):
            yield f'{name}({text!r}, {reason})에서 "is_cut"은 {reason == "length"}여야 하는데 {result["is_cut"]}입니다.'


@exercise("02-2")
def keep_top(function: Any) -> Iterator[str]:
    """top_p로 자르고 남은 것끼리 합을 1로 만듭니다."""
    for top_p, kept in ((0.5, ["The"]), (0.6, ["The", "There"]), (0.01, ["The"]), (1, list(PROBABILITIES))):
        result = call(function, dict(PROBABILITIES), top_p, name="keep_top", unchanged=True)
        require_dict(result, "`keep_top` 함수", ())
        shares = {token: float(require_number(p, f"{show(token)}의 확률")) for token, p in result.items()}
        if set(shares) != set(kept):
            yield f"top_p={top_p}이면 남을 것은 {', '.join(kept)}입니다. 지금은 {', '.join(map(str, shares)) or '없습니다'}."
        elif not math.isclose(sum(shares.values()), 1):
            yield f"top_p={top_p}에서 남은 확률의 합이 1이 아니라 {sum(shares.values()):.4f}입니다. 남은 것의 합으로 나누세요."
        elif any(not math.isclose(shares[token], shares["The"] * PROBABILITIES[token] / 0.5) for token in kept):
            yield f"top_p={top_p}에서 남은 토큰끼리의 비가 달라졌습니다. 모두 같은 수로 나누어야 합니다."


@exercise("02-3")
def sampler(sample: Any) -> Iterator[str]:
    """온도와 top_p를 따르고, 시드가 같으면 같은 것을 뽑는 샘플러."""

    def draw(times: int, temperature: float, top_p: float, seed: int) -> list[Any]:
        rng = random.Random(seed)
        with contextlib.redirect_stdout(
            io.StringIO()
        ):  # 만 번 넘게 부르므로, 살펴보려고 넣은 print가 셀을 덮지 않게 합니다.
            return [call(sample, dict(PROBABILITIES), temperature, top_p, rng, name="sample") for _ in range(times)]

    for token in draw(20, 1, 1, seed=1) + draw(1, 0, 1, seed=1):
        if isinstance(token, list):
            raise Wrong(
                f"토큰 하나가 아니라 목록이 나왔습니다. 지금은 {show(token)}입니다. `rng.choices`의 끝에 `[0]`을 붙이세요."
            )
        if not isinstance(token, str) or token not in PROBABILITIES:
            raise Wrong(f"`sample`은 `probabilities`에 있는 토큰 하나를 돌려주어야 합니다. 지금은 {show(token)}입니다.")
    if _depends_on_the_world(lambda: draw(50, 1, 1, seed=7)):
        yield "시드가 같은데 다른 것이 뽑혔습니다. 우연은 `random`이 아니라 받은 `rng`에서 얻으세요."
    if set(draw(50, 0, 1, seed=1)) != {"The"}:
        yield "온도 0이면 늘 확률이 가장 큰 토큰이어야 합니다."
    if "A" in draw(400, 2, 0.8, seed=3) or "A" in draw(400, 100, 0.8, seed=3):
        yield "top_p=0.8이면 A는 잘려야 하는데 뽑혔습니다. 온도를 적용하기 **전에** 자르세요."
    for temperature in (0.5, 1, 2):
        yield from _frequency_problems(draw(2000, temperature, 1, seed=11), temperature, 1, list(PROBABILITIES))
    for temperature, top_p, kept in (
        (0.5, 0.8, ["The", "There", "One"]),
        (2, 0.75, ["The", "There"]),
        (1, 0.1, ["The"]),
    ):
        yield from _frequency_problems(draw(1000, temperature, top_p, seed=11), temperature, top_p, kept)


def _depends_on_the_world(draw: Any) -> bool:
    """`random` 모듈의 상태가 다르면 다른 것이 뽑히는가. 상태는 돌려놓습니다."""
    state = random.getstate()
    try:
        random.seed(1)
        once = draw()
        random.seed(2)
        return draw() != once
    finally:
        random.setstate(state)


def _frequency_problems(drawn: list[Any], temperature: float, top_p: float, kept: list[str]) -> Iterator[str]:
    weights = {token: PROBABILITIES[token] ** (1 / temperature) for token in kept}
    counts = Counter(drawn)
    where = f"온도 {temperature}에서" if top_p == 1 else f"온도 {temperature}, top_p={top_p}에서"
    for token in PROBABILITIES:
        p, share = weights.get(token, 0) / sum(weights.values()), counts[token] / len(drawn)
        # 다섯 표준편차: 옳은 샘플러가 우연히 걸릴 일은 없다시피 합니다.
        if abs(share - p) > 5 * math.sqrt(p * (1 - p) / len(drawn)):
            yield f"{where} {token}의 비율이 {p:.1%}쯤이어야 하는데 {len(drawn):,}번 뽑아 {share:.1%}였습니다."
            return
