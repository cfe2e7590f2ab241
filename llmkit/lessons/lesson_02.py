"""수업 02의 연습 채점."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from .checks import Wrong, call, exercise

# 연습 02-1이 학습자의 함수에 넘기는 응답: 이름, 글, 끝난 이유.
_RESPONSES = (
    ("온전한 답", "하루책방은 바닷가의 책방입니다.", "stop"),
    ("한도에 잘린 답", "하루책방은 바닷가의", "length"),
    ("추론만 하다 잘린 빈 답", "", "length"),
    ("온전하지만 마침표가 없는 답", "바닷가", "stop"),
    ("걸러진 답", "", "content_filter"),
)

# 02-2와 02-3이 쓰는 확률. 차례를 일부러 섞었고, 이진수로 딱 떨어지게 했습니다. 합은 1보다 작습니다.
_PROBABILITIES = {"A": 0.0625, "The": 0.5, "One": 0.125, "There": 0.25}


@exercise("02-1")
def read_cut(function: Any) -> Iterator[str]:
    """끝난 이유로 잘린 답을 알아냅니다."""
    from openai.types.chat import ChatCompletion

    for name, text, reason in _RESPONSES:
        response = ChatCompletion.model_validate({
            "id": "chatcmpl-authored-exercise", "object": "chat.completion", "created": 1792000000,
            "model": "authored-model-a",
            "choices": [{"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text}}],
        })  # fmt: skip
        result = call(function, response, name="read")
        if not isinstance(result, dict) or not isinstance(result.get("is_cut"), bool):
            raise Wrong(f"`read`의 결과에는 True나 False인 `is_cut`이 있어야 합니다. 지금은 {result!r}입니다.")
        if result.get("text") != text:
            raise Wrong(f'`read`의 결과에는 답의 글이 "text"로 있어야 합니다. 지금은 {result!r}입니다.')
        if result["is_cut"] is not (reason == "length"):
            yield f'{name}({text!r}, {reason})에서 "is_cut"은 {reason == "length"}여야 하는데 {result["is_cut"]}입니다.'


@exercise("02-2")
def keep_top(function: Any) -> Iterator[str]:
    """top_p로 자르고 남은 것끼리 합을 1로 만듭니다."""
    given = dict(_PROBABILITIES)
    for top_p, kept in ((0.5, ["The"]), (0.6, ["The", "There"]), (0.01, ["The"]), (1, list(_PROBABILITIES))):
        result = call(function, given, top_p, name="keep_top")
        if not isinstance(result, dict):
            raise Wrong(f"`keep_top`은 딕셔너리를 돌려주어야 합니다. 지금은 {type(result).__name__} 값입니다.")
        if set(result) != set(kept):
            yield f"top_p={top_p}이면 남을 것은 {', '.join(kept)}입니다. 지금은 {', '.join(map(str, result)) or '없습니다'}."
        elif not math.isclose(sum(result.values()), 1):
            yield f"top_p={top_p}에서 남은 확률의 합이 1이 아니라 {sum(result.values()):.4f}입니다. 남은 것의 합으로 나누십시오."
        elif any(not math.isclose(result[t] / result["The"], _PROBABILITIES[t] / 0.5) for t in kept):
            yield f"top_p={top_p}에서 남은 토큰끼리의 비가 달라졌습니다. 모두 같은 수로 나누어야 합니다."
    if given != _PROBABILITIES:
        yield "받은 딕셔너리가 바뀌었습니다. 새 딕셔너리를 만들어 돌려주십시오."


@exercise("02-3")
def sampler(sample: Any) -> Iterator[str]:
    """온도와 top_p를 따르고, 씨앗이 같으면 같은 것을 뽑는 샘플러."""

    def draw(times: int, temperature: float, top_p: float, seed: int) -> list[Any]:
        rng = random.Random(seed)
        return [call(sample, dict(_PROBABILITIES), temperature, top_p, rng, name="sample") for _ in range(times)]

    for token in draw(20, 1, 1, seed=1) + draw(1, 0, 1, seed=1):
        if isinstance(token, list):
            raise Wrong(f"토큰 하나가 아니라 목록 {token!r}이 나왔습니다. `rng.choices`의 끝에 `[0]`을 붙이십시오.")
        if not isinstance(token, str) or token not in _PROBABILITIES:
            raise Wrong(f"`sample`은 `probabilities`에 있는 토큰 하나를 돌려주어야 합니다. 지금은 {token!r}입니다.")
    random.seed(1)
    once = draw(50, 1, 1, seed=7)
    random.seed(2)
    if draw(50, 1, 1, seed=7) != once:
        yield "씨앗이 같은데 다른 것이 뽑혔습니다. 우연은 `random`이 아니라 받은 `rng`에서 얻으십시오."
    if set(draw(50, 0, 1, seed=1)) != {"The"}:
        yield "온도 0이면 늘 확률이 가장 큰 토큰이어야 합니다."
    if "A" in draw(400, 2, 0.8, seed=3) or "A" in draw(400, 100, 0.8, seed=3):
        yield "top_p=0.8이면 A는 잘려야 하는데 뽑혔습니다. 온도를 적용하기 **전에** 자르십시오."
    for temperature in (0.5, 1, 2):
        yield from _frequency_problems(draw(2000, temperature, 1, seed=11), temperature)


def _frequency_problems(drawn: list[str], temperature: float) -> Iterator[str]:
    weights = {token: p ** (1 / temperature) for token, p in _PROBABILITIES.items()}
    counts = Counter(drawn)
    for token, weight in weights.items():
        p, share = weight / sum(weights.values()), counts[token] / len(drawn)
        # 다섯 표준편차: 옳은 샘플러가 우연히 걸릴 일은 없다시피 합니다.
        if abs(share - p) > 5 * math.sqrt(p * (1 - p) / len(drawn)):
            yield f"온도 {temperature}에서 {token}의 비율이 {p:.1%}쯤이어야 하는데 {len(drawn):,}번 뽑아 {share:.1%}였습니다."
            return
