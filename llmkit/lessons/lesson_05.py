"""수업 05의 연습 채점."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from .answers import Wrong, call, explain, require_dict, require_filled, same, show
from .checks import exercise
from .samples import TALKS

MADE_IN = {
    **dict.fromkeys(("ENDPOINTS", "client_for"), "2절"),
    **dict.fromkeys(("classify", "labels", "english", "count", "PROMPTS"), "3절"),
    **dict.fromkeys(("leaves", "find_text"), "5절"),
    **dict.fromkeys(("rates", "sellers", "job"), "7절"),
}


@exercise("05-1")
def local_address(arguments: Any) -> Iterator[str]:
    """Ollama에 이어 주는 `OpenAI(...)`의 인자를 채웁니다."""
    require_filled(arguments, "arguments")
    if not isinstance(arguments, dict) or not isinstance(arguments.get("base_url"), str):
        raise Wrong("`arguments`는 `base_url`과 `api_key`가 문자열로 든 딕셔너리여야 합니다. 한 칸만 채우면 됩니다.")
    yield from _address_problems(arguments["base_url"])
    key = arguments.get("api_key")
    if not key:
        yield "`api_key`를 지우면 SDK가 `OPENAI_API_KEY`를 찾아 보냅니다. 아무 글자라도 적어 두세요."
    elif not isinstance(key, str) or not (key.isascii() and key.isprintable()) or key != key.strip():
        yield f"`api_key`는 HTTP 헤더에 실려 가므로 영어 글자와 숫자로 적습니다. 지금은 {show(key)}입니다."


def _address_problems(given: str) -> Iterator[str]:
    if re.search(r"\s", given):
        where = "앞뒤에" if given != given.strip() else "가운데에"
        yield f"`base_url`의 {where} 공백이 있습니다. SDK는 공백까지 주소로 읽습니다. 지금은 {show(given)}입니다."
    try:
        url = urlsplit(given.strip())
        port = url.port
    except ValueError:
        raise Wrong(f"포트는 수여야 합니다. 지금은 {show(given)}입니다.") from None
    if "://" not in given:
        raise Wrong(f"`base_url`은 http://로 시작합니다. 지금은 {show(given)}입니다.")
    if url.scheme != "http":
        yield "내 컴퓨터 안이라 암호화하지 않습니다. https가 아니라 http입니다."
    if url.hostname not in ("localhost", "127.0.0.1", "::1"):
        yield f"내 컴퓨터의 이름은 localhost(또는 127.0.0.1)입니다. 지금은 {url.hostname!r}입니다."
    if port != 11434:
        yield f"Ollama의 포트는 11434입니다. 지금은 {f'{port}입니다' if port else '포트가 없습니다'}."
    path = url.path.rstrip("/")
    if path.endswith("/chat/completions"):
        yield "`/chat/completions`는 SDK가 붙입니다. 기본 주소는 그 앞까지입니다."
    elif path != "/v1":
        yield f"OpenAI 형식의 API는 `/v1` 아래에 있습니다. 지금은 {f'{url.path!r}입니다' if url.path else '경로가 없습니다'}."
    if url.query or url.fragment or "@" in url.netloc:
        yield f"기본 주소에는 `?`나 `#`이나 `@`가 없습니다. 지금은 {show(given)}입니다."


@exercise("05-2")
def anthropic_arguments(to_anthropic: Any) -> Iterator[str]:
    """OpenAI 형식의 메시지를 Anthropic의 인자로 바꿉니다. 지시가 하나, 둘, 없는 대화와 모르는 역할로 불러 봅니다."""
    for limit, (title, messages) in enumerate(TALKS.items(), start=500):
        result = call(to_anthropic, copy.deepcopy(messages), limit, name="to_anthropic", unchanged=True)
        if not isinstance(result, dict):
            raise Wrong(f"`to_anthropic`은 인자의 딕셔너리를 돌려주어야 합니다. 지금은 {show(result)}입니다.")
        turns = [message for message in messages if message["role"] in ("user", "assistant")]
        if not same(result.get("max_tokens"), limit):
            yield f'{title}: "max_tokens"가 받은 값 {limit}이어야 하는데 {show(result.get("max_tokens"))}입니다.'
        if (given := result.get("messages")) not in (turns, tuple(turns)):
            yield f'{title}: "messages"에는 user와 assistant만 순서대로, 받은 그대로 남아야 합니다. 지금은 {show(given)}입니다.'
        rules = [message["content"] for message in messages if message["role"] in ("system", "developer")]
        yield from _rule_problems(title, rules, result)
        if unknown := result.keys() - {"max_tokens", "messages", "system"}:
            yield f"{title}: 쓰지 않는 인자가 있습니다: {', '.join(sorted(map(str, unknown)))}"


def _rule_problems(title: str, rules: list[str], result: dict[str, Any]) -> Iterator[str]:
    system = result.get("system")
    if not rules and "system" in result:
        if system == TALKS["모르는 역할이 섞인 대화"][0]["content"]:
            yield (
                f'{title}: \'dev\'는 지시의 역할이 아닌데 "system"에 들어갔습니다. `("system" "developer")`처럼 쉼표가 없으면 두 '
                "문자열이 하나로 이어지고, `in`은 그 일부인지를 봅니다."
            )
        else:
            yield f'{title}: 지시가 없으면 "system"을 넣지 않습니다. 지금은 {show(system)}입니다.'
    if not rules:
        return
    if system is None:
        yield (
            f'{title}: 모으지 못한 지시가 있습니다: {rules[0]!r}. `("system")`처럼 쉼표가 없는 괄호는 '
            "묶음이 아니라 문자열입니다."
        )
    elif not isinstance(system, str):
        yield f'{title}: "system"은 문자열 하나여야 하는데 {show(system)}입니다.'
    elif missing := [rule for rule in rules if rule not in system]:
        yield f'{title}: "system"에 빠진 지시가 있습니다: {missing[0]!r}'
    elif [system.index(rule) for rule in rules] != sorted(system.index(rule) for rule in rules):
        yield f'{title}: "system"의 지시가 적힌 순서와 다릅니다.'
    elif not re.fullmatch(r"\s+".join(map(re.escape, rules)), system.strip()):
        yield f'{title}: "system"에는 지시만 줄을 바꾸어 적습니다. 지금은 {show(system)}입니다.'


def _model(
    name: str, input_usd: float | None, output_usd: float | None, window: int | None, local: bool = False
) -> dict:
    return {"name": name, "input_usd": input_usd, "output_usd": output_usd, "context_window": window, "local": local}


_CHEAP_IN, _CHEAP_OUT = _model("가", 0.1, 2.0, 100_000), _model("나", 0.4, 0.5, 100_000)
_CHEAP, _FREE = _model("가", 0.1, 0.1, 100_000), _model("나", 0, 0, 2_048, local=True)

# (모델들, 입력 토큰, 출력 토큰, 로컬만, 답, 틀렸을 때 할 말)
_CHOICES: tuple[tuple[list[dict], int, int, bool, str | None, str], ...] = (
    ([_CHEAP_IN, _CHEAP_OUT], 1000, 1000, False, "나", "입력 값만 보지 말고 입력과 출력을 합한 한 번의 값을 비교하세요"),
    ([_CHEAP_IN, _CHEAP_OUT], 50_000, 100, False, "가", "값의 순서는 입력과 출력의 비율에 따라 바뀝니다. 토큰 수를 곱했습니까"),
    ([_model("가", None, None, 100_000), _CHEAP_OUT], 1000, 100, False, "나", "값이 None인 모델은 무료가 아니라 값을 모르는 것입니다"),
    ([_model("가", 0.1, None, 100_000), _CHEAP_OUT], 1000, 100, False, "나", "입력 값만 알고 출력 값을 모르면(None) 모르는 것입니다"),
    ([_model("가", None, 0.1, 100_000), _CHEAP_OUT], 1000, 100, False, "나", "출력 값만 알고 입력 값을 모르면(None) 모르는 것입니다"),
    ([_model("가", 0.1, 0.1, 8_400), _CHEAP_OUT], 7_900, 500, False, "가", "입력과 출력의 합이 창과 꼭 같으면 들어갑니다"),
    (
        [_model("가", 0.5, 0.5, 100_000), _model("나", 0.1, 0.1, 8_192, local=True)],
        500, 100, False, "나", "`local_only`가 거짓이면 로컬 모델도 고를 수 있습니다",
    ),
    (
        [_model("가", 0.1, 0.1, 8_000), _CHEAP_OUT, _model("다", 0.2, 0.2, None)],
        7_900, 500, False, "나", "입력과 출력을 합해 컨텍스트 창에 들어가야 하고, 창을 모르는(None) 모델은 들어간다고 할 수 없습니다",
    ),
    ([_CHEAP, _FREE], 500, 100, False, "나", "값 0은 빠진 값이 아니라 정말 0입니다. `if not 값`으로 거르지 않았습니까"),
    ([_CHEAP, _FREE], 3_000, 100, True, None, "맞는 모델이 없으면 None입니다. 조건을 어기는 모델을 고르면 안 됩니다"),
    ([], 3_000, 100, False, None, "모델이 하나도 없으면 None입니다"),
    (
        [_CHEAP, _model("나", None, None, 8_192, local=True)],
        3_000, 100, True, None, "로컬 모델이라도 값을 모르면(None) 고르지 않습니다",
    ),
    (
        [_CHEAP, _model("나", 0.2, 0.2, 8_192, local=True)],
        3_000, 100, True, "나", "`local_only`이면 더 싼 것이 있어도 로컬 모델에서만 고릅니다",
    ),
)  # fmt: skip


@exercise("05-3")
def choose_by_need(choose: Any) -> Iterator[str]:
    """필요에 맞는 가장 싼 모델을 고릅니다. 모르는 값, 좁은 창, 밖에 못 보내는 자료로 불러 봅니다."""
    for models, sent, said, local_only, expected, why in _CHOICES:
        need = {"input_tokens": sent, "output_tokens": said, "local_only": local_only}
        result = call(choose, copy.deepcopy(models), need, name="choose", none_is_fine=True)
        if isinstance(result, dict) and "name" in result:
            raise Wrong(f"모델의 딕셔너리가 아니라 이름을 돌려주세요. 지금은 {show(result['name'])}의 딕셔너리입니다.")
        if not same(result, expected):
            yield f"골라야 할 것은 {expected!r}인데 {show(result)}입니다. {why}."


# (정답, 고치기 전, 고친 뒤)와 그 이름. 맞고 틀린 짝의 수가 모두 달라, 바꾸어 센 것이 드러납니다.
_P, _N = "positive", "negative"
_SCORES = {
    "섞여 있을 때": (
        [_P, _N, _P, _N, _P, _N, _N, _P, _N, _P],
        [_P, _P, _N, _P, _P, _N, _N, _P, _P, _P],
        [_P, _N, _P, _N, _N, _N, _P, _P, _P, _P],
    ),
    "모두 고쳤을 때": ([_P, _N], [_N, _P], [_P, _N]),
    "모두 망쳤을 때": ([_N, _N, _P], [_N, _N, _P], [_P, _P, _N]),
    "같은 수를 맞혔지만 맞힌 것이 다를 때": ([_P, _N, _P], [_P, _P, _P], [_P, _N, _N]),
    "라벨이 아닌 답이 있을 때": ([_P, _N], [_P, "라벨 아님"], ["라벨 아님", "라벨 아님"]),
    "리뷰가 없을 때": ([], [], []),
}


@exercise("05-4")
def fixed_and_broken(compare: Any) -> Iterator[str]:
    """두 지시의 라벨을 견주어 맞힌 수, 고친 수, 망친 수를 셉니다."""
    for title, (right, before, after) in _SCORES.items():
        pairs = [(old == label, new == label) for label, old, new in zip(right, before, after)]
        expected = {
            "before": sum(old for old, _ in pairs),
            "after": sum(new for _, new in pairs),
            "fixed": pairs.count((False, True)),
            "broken": pairs.count((True, False)),
        }
        result = call(compare, [*right], [*before], [*after], name="compare", unchanged=True)
        require_dict(result, title, expected)
        if extra := result.keys() - expected.keys():
            raise Wrong(f"{title}: 쓰지 않는 이름이 있습니다: {', '.join(sorted(map(str, extra)))}")
        for name, number in expected.items():
            if not same(result[name], number):
                mistakes = _count_mistakes(name, pairs, expected)
                yield f'{title}: "{name}" 기댓값 {number}, 실제 {show(result[name])}. {explain(result[name], mistakes, _MEANS[name])}'
                return


_MEANS = {
    "before": "고치기 전에 맞힌 수입니다.",
    "after": "고친 뒤에 맞힌 수입니다.",
    "fixed": "전에는 틀렸고(`not old`) 뒤에는 맞은(`new`) 것만 셉니다.",
    "broken": "전에는 맞았고(`old`) 뒤에는 틀린(`not new`) 것만 셉니다.",
}


def _count_mistakes(name: str, pairs: list[tuple[bool, bool]], expected: dict[str, int]) -> list[tuple[Any, str]]:
    """흔히 잘못 센 (값, 설명)들."""
    if name in ("before", "after"):
        return [(len(pairs), "모두 센 것 같습니다. 맞은 것만 셉니다.")]
    changed = expected["fixed"] + expected["broken"]
    other = "broken" if name == "fixed" else "fixed"
    return [
        (
            expected["after"] - expected["before"],
            "두 점수의 차이입니다. 고친 것과 망친 것이 서로 지워져 보이지 않습니다.",
        ),
        (expected[other], "고친 것과 망친 것이 바뀌었습니다."),
        (changed, "고친 것과 망친 것을 함께 셌습니다."),
        (expected["after"], "뒤에 맞힌 것을 모두 셌습니다. 전에 틀렸던 것만 셉니다."),
        (expected["before"], "전에 맞힌 것을 모두 셌습니다. 뒤에 틀린 것만 셉니다."),
    ]
