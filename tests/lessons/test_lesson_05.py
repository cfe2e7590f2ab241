"""수업 05가 설치된 SDK에 대해 하는 말은 그 SDK에서 참입니다."""

from __future__ import annotations

import inspect
import json
from importlib.metadata import version
from pathlib import Path

import pytest

FACTS = json.loads((Path(__file__).parents[2] / "llmkit" / "data" / "facts.json").read_text(encoding="utf-8"))


@pytest.mark.skipif(not version("huggingface_hub").startswith("2.4."), reason="사실을 확인한 버전은 2.4입니다")
def test_where_text_generation_still_has_a_road() -> None:
    from huggingface_hub.inference._providers import PROVIDERS

    named = FACTS["hf-text-generation"]["text"].lower().replace(" ", "-").split(",-")
    assert named == sorted(name for name, tasks in PROVIDERS.items() if "text-generation" in tasks)


def test_only_anthropic_demands_max_tokens() -> None:
    from anthropic import Anthropic
    from huggingface_hub import InferenceClient
    from openai import OpenAI

    def required(call: object) -> set[str]:
        arguments = inspect.signature(call).parameters.values()  # type: ignore[arg-type]
        return {argument.name for argument in arguments if argument.default is argument.empty}

    assert required(Anthropic(api_key="x").messages.create) == {"model", "messages", "max_tokens"}
    assert required(OpenAI(api_key="x").chat.completions.create) == {"model", "messages"}
    assert required(InferenceClient(token="hf_x").chat_completion) == {"messages"}


def test_the_reasons_the_lesson_pairs_are_all_there_are() -> None:
    from typing import get_args

    from anthropic.types import StopReason
    from openai.types.chat.chat_completion import Choice

    lesson = (Path(__file__).parents[2] / "notebooks" / "05_multi_llm.ipynb").read_text(encoding="utf-8")
    openai = set(get_args(Choice.model_fields["finish_reason"].annotation)) - {"function_call"}  # 2023년의 옛 이름
    assert all(f"`{reason}`" in lesson for reason in openai)
    anthropic = set(get_args(StopReason)) - {"pause_turn"}  # 서버 도구를 쓰다 쉬는 것. 09에서 다룹니다.
    assert all(f"`{reason}`" in lesson for reason in anthropic)


def test_a_400_of_hugging_face_is_its_own_error() -> None:
    import openai
    from huggingface_hub.errors import BadRequestError, HfHubHTTPError

    assert issubclass(BadRequestError, HfHubHTTPError) and not issubclass(BadRequestError, openai.OpenAIError)


CELLS = {
    cell["id"]: cell
    for cell in json.loads(
        (Path(__file__).parents[2] / "notebooks" / "05_multi_llm.ipynb").read_text(encoding="utf-8")
    )["cells"]
}


def _rows(cell: str) -> list[dict[str, str]]:
    """저장된 출력의 표."""
    (output,) = [o for o in CELLS[cell]["outputs"] if "text/markdown" in o.get("data", {})]
    head, _, *lines = [
        [part.strip() for part in line.strip("| ").split(" | ")]
        for line in "".join(output["data"]["text/markdown"]).splitlines()
    ]
    return [dict(zip(head, line)) for line in lines]


def test_what_the_lesson_says_of_the_small_model_is_what_it_recorded() -> None:
    zero, few = _rows("english")
    (korean,) = _rows("korean")

    def number(row: dict[str, str], name: str) -> float:
        return float(row[name].removesuffix("초").partition("/")[0])

    assert number(few, "맞음") > number(zero, "맞음")  # 예시를 준 쪽이 더 맞혔습니다.
    assert 8 <= number(korean, "맞음") <= 12  # 동전 던지기와 다르지 않고
    assert number(korean, "긍정이라고 한 수") == 15  # 넷 가운데 셋을 한쪽 라벨로
    assert number(korean, "입력 토큰(평균)") > 2.5 * number(few, "입력 토큰(평균)")  # 두 배 반이 넘습니다.
    assert number(korean, "한 건의 시간(평균)") > number(few, "한 건의 시간(평균)") > number(zero, "한 건의 시간(평균)")


def test_what_the_lesson_says_of_the_prices_is_what_it_shows() -> None:
    prices = {row["제공자"]: row for row in _rows("prices")}
    hosted = [row for row in prices.values() if row["입력"] != "모름" and row["제공자"] != "local"]
    jobs = [800 * float(row["입력"]) + 200 * float(row["출력"]) for row in hosted]
    assert len(jobs) == 4 and max(jobs) < 2 * min(jobs)  # 그림 설명: 두 배가 되지 않고
    routes = "".join(CELLS["routes"]["outputs"][0]["text"])
    assert f"입력 {prices['groq']['입력']}달러" not in routes.splitlines()[0]  # 같은 Groq인데 위의 표와 다른 것은


def test_what_the_lesson_says_of_the_instructions_is_what_it_recorded() -> None:
    seen = {row["지시"]: row for row in [*_rows("wilson"), *_rows("fresh-score")]}
    hits = {title: int(row["맞음"].removesuffix("/20")) for title, row in seen.items()}
    start, one, two, three, few, *fresh = hits.values()
    assert list(seen)[0] == "예시 없이" and one > start > max(two, three)  # 자세한 지시가 늘 낫지는 않습니다.
    ranges = {row["지시"]: [float(edge) for edge in row["95% 구간"].split(" – ")] for row in _rows("wilson")}
    apart = {(a, b) for a in ranges for b in ranges if ranges[a][1] < ranges[b][0]}
    assert apart == {("손님 기분", "예시 넷")}  # 겹치지 않는 짝은 하나입니다.
    fresh_start, fresh_one, fresh_few = fresh
    assert fresh_few > fresh_start and few > one and fresh_one == fresh_few + 1  # 순위가 뒤집혔고 하나 차이입니다.
    wrong = "".join(CELLS["mistakes"]["outputs"][0]["text"]).splitlines()
    assert len(wrong) == 20 - start and all(line.endswith("→ positive") for line in wrong)  # 모두 부정인데 긍정이라고
