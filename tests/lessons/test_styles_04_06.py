"""수업 04–06: 다르게 쓴 맞는 답은 통과하고, 그럴듯한 틀린 답은 통과하지 못합니다."""

from __future__ import annotations

import contextlib
import itertools
import math
import random
import time
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import anthropic
import httpx2
import openai
import pytest

import llmkit
from tests.lessons.exercises import fooled, refused

RIGHT: dict[str, list[Any]] = {}
WRONG: dict[str, list[Any]] = {}

# 04-1 ---------------------------------------------------------------------------------------------------

TABLE = {
    "401 invalid_api_key": False,
    "404 model_not_found": False,
    "429 rate_limit_exceeded": True,
    "429 credit_balance_exhausted": False,
    "500 server_error": True,
    "APITimeoutError": True,
}
QUOTA = "429 credit_balance_exhausted"
RIGHT["04-1"] = [
    TABLE,
    dict(reversed(TABLE.items())),
    TABLE | {QUOTA: not True},
    TABLE | {QUOTA: TABLE["401 invalid_api_key"]},
    {name: name in ("429 rate_limit_exceeded", "500 server_error", "APITimeoutError") for name in TABLE},
]
WRONG["04-1"] = [
    TABLE | {QUOTA: value} for value in (True, None, 0, 1, "False", "고침", [False], 0.0, lambda: False, bool)
]
WRONG["04-1"] += [{QUOTA: False}, dict.fromkeys(TABLE, False), list(TABLE.items()), TABLE | {"x": False}, list(TABLE)]

# 04-2 ---------------------------------------------------------------------------------------------------

QUOTA_CODES = ("credit_balance_exhausted", "insufficient_quota")
QUOTA_WORDS = ("limit_exceeded", "exhausted", "insufficient_quota", "billing_error")
CONNECTION = (openai.APIConnectionError, anthropic.APIConnectionError, httpx2.TransportError)


def names_of(error: Any) -> str:
    body = getattr(error, "body", None) or {}
    body = body.get("error", body)
    return f"{body.get('code')} {body.get('type')}"


def passes(error: Any) -> bool:
    if isinstance(error, CONNECTION):
        return True
    status = getattr(error, "status_code", 0)
    if "quota" in names_of(error) or "exhausted" in names_of(error) or "usage_limit" in names_of(error):
        return False
    return status in (408, 409, 429) or status >= 500


def asked_rest(error: Any) -> float:
    response = getattr(error, "response", None)
    return float(response.headers.get("retry-after", 0)) if response is not None else 0.0


def rest(attempt: int, error: Any) -> float:
    return asked_rest(error) + random.uniform(0.5, 1) * 2**attempt


def retrying(again: Callable = passes, rest: Callable = rest, tries: int = 4, last: Any = None) -> Callable:
    """맞는 재시도. 인자를 바꾸면 흔히 틀리는 것이 됩니다."""

    def ask(call: Any, sleep: Any = time.sleep) -> Any:
        for attempt in itertools.count(1):
            try:
                return call()
            except Exception as error:
                if attempt >= tries or not again(error):
                    if last is not None:
                        raise last from error
                    raise
                sleep(rest(attempt, error))

    return ask


def recursive(call: Any, sleep: Any = time.sleep, attempt: int = 1) -> Any:
    try:
        return call()
    except Exception as error:
        if attempt == 4 or not passes(error):
            raise
        sleep(rest(attempt, error))
    return recursive(call, sleep, attempt + 1)


def two_naps(call: Any, sleep: Any = time.sleep) -> Any:
    failed = None
    for attempt in range(4):
        if failed is not None:
            sleep(asked_rest(failed) + 0.001)
            sleep(random.random() * 2**attempt)
        try:
            return call()
        except Exception as error:
            if not passes(error):
                raise
            failed = error
    assert failed is not None
    raise failed


def printing(text: str) -> Callable:
    def ask(call: Any, sleep: Any = time.sleep) -> Any:
        for attempt in range(1, 5):
            try:
                return call()
            except Exception as error:
                if attempt == 4 or not passes(error):
                    raise
                print(text.format(attempt=attempt, error=error, name=type(error).__name__))
                sleep(rest(attempt, error))

    return ask


class Retry:
    def __call__(self, call: Any, sleep: Any = time.sleep) -> Any:
        return retrying()(call, sleep=sleep)


def status_only(*statuses: int) -> Callable[[Any], bool]:
    return lambda error: isinstance(error, CONNECTION) or getattr(error, "status_code", 0) in statuses


def asks_first(call: Any, sleep: Any = time.sleep) -> Any:
    sleep(0.1)
    return retrying()(call, sleep)


def until_truthy(call: Any, sleep: Any = time.sleep) -> Any:
    for attempt in range(1, 5):
        with contextlib.suppress(openai.APITimeoutError):
            if answer := retrying(tries=1)(call):
                return answer
        sleep(rest(attempt, None))
    return None


left = [4]


def counts_outside(call: Any, sleep: Any = time.sleep) -> Any:
    left[0] -= 1
    return retrying(tries=left[0])(call, sleep)


def ignores_sleep(call: Any, sleep: Any = None) -> Any:
    return retrying()(call, time.sleep)


RIGHT["04-2"] = [
    retrying(),
    recursive,
    two_naps,
    Retry(),
    Retry().__call__,
    retrying(rest=lambda attempt, error: asked_rest(error) + random.random() * 2**attempt + 0.01),
    retrying(rest=lambda attempt, error: min(30, 2**attempt) * random.uniform(0.5, 1.5) + asked_rest(error)),
    printing("{attempt}번째 실패, 다시 보냅니다: {name}"),
    printing("{attempt}번째 시도가 실패했습니다."),
    printing("{error!r}"),
]
WRONG["04-2"] = [
    retrying(again=lambda error: True),
    retrying(again=lambda error: isinstance(error, openai.APIError | anthropic.APIError)),
    retrying(again=lambda error: passes(error) or isinstance(error, anthropic.BadRequestError)),
    retrying(again=lambda error: passes(error) or isinstance(error, TypeError)),
    retrying(again=lambda error: passes(error) or getattr(error, "status_code", 0) == 422),
    retrying(again=lambda error: passes(error) or getattr(error, "status_code", 0) == 403),
    retrying(again=lambda error: passes(error) and not isinstance(error, anthropic.APIError)),
    retrying(again=lambda error: isinstance(error, openai.RateLimitError | openai.APITimeoutError)),
    retrying(again=status_only(429, 500, 529, 503, 408, 409)),
    retrying(again=lambda error: passes(error) and getattr(error, "status_code", 0) not in (408, 409)),
    retrying(again=lambda error: passes(error) and getattr(error, "status_code", 0) != 503),
    retrying(tries=3),
    retrying(tries=5),
    retrying(last=RuntimeError("실패")),
    retrying(rest=lambda attempt, error: random.random()),
    retrying(rest=lambda attempt, error: 2.0**attempt),
    retrying(rest=lambda attempt, error: asked_rest(error) + 2.0**attempt),
    retrying(rest=lambda attempt, error: asked_rest(error) or random.random() * 2**attempt),
    retrying(rest=lambda attempt, error: max(asked_rest(error), random.random() * 2**attempt)),
    retrying(rest=lambda attempt, error: rest(attempt, error if isinstance(error, openai.RateLimitError) else None)),
    retrying(rest=lambda attempt, error: asked_rest(error) + random.uniform(-1, 1) * 2**attempt),
    retrying(rest=lambda attempt, error: 0),
    retrying(rest=lambda attempt, error: str(rest(attempt, error))),
    retrying(rest=lambda attempt, error: asked_rest(error) / 1000 + random.random() * 2**attempt),
    printing("요청이 너무 많습니다. 한도를 확인하세요."),
    printing("서버 과부하입니다"),
    printing("API 키가 틀렸습니다"),
    printing("Rate limit! {attempt}"),
    asks_first,
    until_truthy,
    counts_outside,
    ignores_sleep,
    lambda call, sleep: call(),
    lambda call, sleep: [call() for _ in range(4)][-1],
]

# 04-3 ---------------------------------------------------------------------------------------------------

SDK = (openai.APIError, anthropic.APIError, httpx2.TransportError)
OURS = (400, 413, 422)


class AllFailed(Exception):
    def __init__(self, failed: dict[str, Exception]) -> None:
        super().__init__("모두 실패했습니다")
        self.failed = failed


def all_failed(failed: dict[str, Exception]) -> Exception:
    return ExceptionGroup("모두 실패", list(failed.values()))


def noted(failed: dict[str, Exception]) -> Exception:
    error = RuntimeError("모두 실패")
    for name, reason in failed.items():
        error.add_note(f"{name}: {reason!r}")
    return error


def chaining(
    kinds: tuple[type[BaseException], ...] = SDK,
    ours: Callable[[Any], bool] = lambda error: getattr(error, "status_code", None) in OURS,
    give_up: Callable[[dict], Any] = all_failed,
    keep: Callable[[Exception], Any] = lambda error: error,
    tries: int = 1,
    ask: Callable[[Any, str], Any] = lambda provider, question: provider(question),
) -> Callable[..., Any]:
    """맞는 폴백. 인자를 바꾸면 흔히 틀리는 것이 됩니다."""

    def answer(question: str, providers: dict[str, Any], sleep: Any = time.sleep) -> Any:
        failed: dict[str, Any] = {}
        for name, provider in providers.items():
            for attempt in range(tries):
                try:
                    return {"text": ask(provider, question), "provider": name, "failed": failed}
                except kinds as error:
                    if ours(error):
                        raise
                    failed[name] = keep(error)  # type: ignore[arg-type]
                    if attempt + 1 < tries:
                        sleep(1)
        raise give_up(failed)

    return answer


def recursing(question: str, providers: dict[str, Any], sleep: Any = None, failed: dict | None = None) -> Any:
    failed = failed or {}
    if not providers:
        raise AllFailed(failed)
    (name, provider), *others = providers.items()
    try:
        return {"text": provider(question), "provider": name, "failed": failed}
    except SDK as error:
        if getattr(error, "status_code", 0) in OURS:
            raise
        failed = failed | {name: error}
    return recursing(question, dict(others), sleep, failed)


def with_default(question: str, providers: dict[str, Any], sleep: Any = None, failed: dict = {}) -> Any:  # noqa: B006
    for name, provider in providers.items():
        try:
            return {"text": provider(question), "provider": name, "failed": failed}
        except SDK as error:
            if getattr(error, "status_code", 0) in OURS:
                raise
            failed[name] = error
    raise all_failed(failed)


def result_with(change: Callable[[dict], Any]) -> Callable[..., Any]:
    return lambda question, providers, sleep=None: change(chaining()(question, providers, sleep))


RIGHT["04-3"] = [
    chaining(),
    chaining(tries=3),
    chaining(give_up=AllFailed),
    chaining(give_up=noted),
    chaining(give_up=lambda failed: RuntimeError("; ".join(f"{name}: {error}" for name, error in failed.items()))),
    chaining(give_up=lambda failed: RuntimeError(failed)),
    recursing,
    result_with(lambda result: result | {"asked": 1}),
]
WRONG["04-3"] = [
    chaining(kinds=(openai.APIError, anthropic.APIError)),
    chaining(kinds=(openai.APIStatusError, anthropic.APIStatusError, httpx2.TransportError)),
    chaining(kinds=(openai.APIError, httpx2.TransportError)),
    chaining(kinds=(Exception,)),
    chaining(kinds=(*SDK, KeyError)),
    chaining(kinds=(*SDK, ValueError)),
    chaining(kinds=(*SDK, KeyboardInterrupt)),
    chaining(kinds=(BaseException,)),
    chaining(ours=lambda error: isinstance(error, openai.BadRequestError | openai.UnprocessableEntityError)),
    chaining(ours=lambda error: isinstance(error, openai.APIError) and getattr(error, "status_code", 0) in OURS),
    chaining(ours=lambda error: 400 <= getattr(error, "status_code", 0) < 500),
    chaining(ours=lambda error: getattr(error, "status_code", 0) in (400, 401, 413, 422)),
    chaining(ours=lambda error: getattr(error, "status_code", 0) in (400, 413, 422, 429)),
    chaining(ours=lambda error: False),
    chaining(keep=str),
    chaining(keep=lambda error: type(error).__name__),
    chaining(keep=lambda error: None),
    chaining(give_up=lambda failed: RuntimeError("모두 실패")),
    chaining(give_up=lambda failed: list(failed.values())[-1]),
    chaining(give_up=lambda failed: list(failed.values())[0]),
    chaining(give_up=lambda failed: RuntimeError(", ".join(failed))),
    chaining(ask=lambda provider, question: provider(f"{question} 짧게 답하세요.")),
    chaining(ask=lambda provider, question: provider("다른 질문")),
    chaining(ask=lambda provider, question: provider(question).upper() + "!"),
    result_with(lambda result: result | {"provider": 0}),
    result_with(lambda result: result | {"failed": None}),
    result_with(lambda result: (result["text"], result["provider"], result["failed"])),
    with_default,
    lambda question, providers, sleep: next(iter(providers.values()))(question),
]

# 05-1 ---------------------------------------------------------------------------------------------------


def local(base_url: Any, **change: Any) -> dict[str, Any]:
    return {"base_url": base_url, "api_key": "local"} | change


ADDRESS = "http://localhost:11434/v1"
RIGHT["05-1"] = [
    local(ADDRESS),
    local(ADDRESS + "/"),
    local("http://127.0.0.1:11434/v1", api_key="ollama"),
    local("http://[::1]:11434/v1/"),
    local("HTTP://LocalHost:11434/v1", timeout=60),
    local(f"http://localhost:{11434}/v1", api_key="-"),
]
WRONG["05-1"] = [
    local("http://localhost:11434/"),
    local("http://localhost:11434/api"),
    local("http://localhost:11434/V1"),
    local("http://localhost:11434//v1"),
    local("http://localhost:11434/v1/models"),
    local("http://localhost:8080/v1"),
    local("http://localhost:1143/v1"),
    local("http://:11434/v1"),
    local("http://localhost.example.com:11434/v1"),
    local("http://api.openai.com:11434/v1"),
    local("ws://localhost:11434/v1"),
    local("http:/localhost:11434/v1"),
    local("http://localhost:99999/v1"),
    local(" " + ADDRESS),
    local(ADDRESS + " "),
    local(ADDRESS + "#"[:1] + "x"),
    local("http://localhost@example.com:11434/v1"),
    local(ADDRESS, api_key="로컬"),
    local(ADDRESS, api_key=" "),
    local(ADDRESS, api_key=None),
    local(ADDRESS, api_key=11434),
    {"base_url": ADDRESS},
    ADDRESS,
]

# 05-2 ---------------------------------------------------------------------------------------------------


def converting(
    rules: Any = ("system", "developer"),
    keep: Any = ("user", "assistant"),
    join: Callable[[list[str]], Any] = "\n".join,
    always: bool = False,
    **change: Any,
) -> Callable[..., Any]:
    """맞는 변환. 인자를 바꾸면 흔히 틀리는 것이 됩니다."""

    def to_anthropic(messages: list[dict], max_tokens: int) -> dict[str, Any]:
        found = [message["content"] for message in messages if message["role"] in rules]
        turns = [message for message in messages if message["role"] in keep]
        system = {"system": join(found)} if found or always else {}
        return {"max_tokens": max_tokens, "messages": turns, **system} | change

    return to_anthropic


def looping(messages: list[dict], max_tokens: int) -> dict[str, Any]:
    arguments: dict[str, Any] = {"max_tokens": max_tokens, "messages": []}
    for message in messages:
        if message["role"] in {"user", "assistant"}:
            arguments["messages"].append(dict(message))
        elif message["role"] in {"developer", "system"}:
            arguments["system"] = (arguments.get("system", "") + "\n" + message["content"]).strip()
    return arguments


def spoils(messages: list[dict], max_tokens: int) -> dict[str, Any]:
    for message in messages:
        message["role"] = message["role"].replace("developer", "system")
    return converting()(messages, max_tokens)


RIGHT["05-2"] = [
    converting(),
    looping,
    converting(join="\n\n".join),
    converting(join=" ".join),
    converting(rules={"system", "developer"}),
    converting(rules=["developer", "system"]),
    lambda messages, max_tokens: (
        converting()(messages, max_tokens) | {"messages": tuple(converting()(messages, 1)["messages"])}
    ),
]
WRONG["05-2"] = [
    spoils,
    converting(rules="systemdeveloper"),
    converting(rules="system, developer"),
    converting(rules=("system")),
    converting(rules=("developer",)),
    converting(rules=("system", "developer", "tool")),
    converting(rules=("system", "developer", "user")),
    converting(keep=("user", "assistant", "tool")),
    converting(keep=("user",)),
    converting(keep=("user", "assistant", "dev")),
    converting(join=lambda found: found[0]),
    converting(join=lambda found: "\n".join(reversed(found))),
    converting(join=lambda found: "\n- ".join(["", *found])),
    converting(join=lambda found: [{"type": "text", "text": rule} for rule in found]),
    converting(join=""[:0].join),
    converting(always=True),
    converting(join=lambda found: "\n".join(found) or None, always=True),
    converting(max_tokens=500),
    converting(max_tokens="500"),
    converting(model="claude"),
    converting(temperature=0),
    converting(messages=[]),
    lambda messages, max_tokens: list(converting()(messages, max_tokens).items()),
]

# 05-3 ---------------------------------------------------------------------------------------------------


def price(model: dict, need: dict) -> Any:
    return need["input_tokens"] * model["input_usd"] + need["output_tokens"] * model["output_usd"]


def fits(model: dict, need: dict) -> bool:
    known = None not in (model["input_usd"], model["output_usd"], model["context_window"])
    if not known or (need["local_only"] and not model["local"]):
        return False
    return need["input_tokens"] + need["output_tokens"] <= model["context_window"]


def choosing(fits: Callable = fits, price: Callable = price, best: Callable = min) -> Callable[..., Any]:
    """맞는 고르기. 인자를 바꾸면 흔히 틀리는 것이 됩니다."""

    def choose(models: list[dict], need: dict) -> Any:
        fine = [model for model in models if fits(model, need)]
        return best(fine, key=lambda model: price(model, need))["name"] if fine else None

    return choose


def by_loop(models: list[dict], need: dict) -> str | None:
    best, name = math.inf, None
    for model in models:
        if fits(model, need) and price(model, need) < best:
            best, name = price(model, need), model["name"]
    return name


def in_place(models: list[dict], need: dict) -> str | None:
    models[:] = [model for model in models if fits(model, need)]
    models.sort(key=lambda model: price(model, need) / 1_000_000)
    return next((model["name"] for model in models), None)


def either(model: dict, need: dict, **fill: Any) -> bool:
    return fits({key: fill.get(key, value) if value is None else value for key, value in model.items()}, need)


def price_or_zero(model: dict, need: dict) -> Any:
    return price({key: value or 0 for key, value in model.items()}, need)


RIGHT["05-3"] = [
    choosing(),
    by_loop,
    in_place,
    choosing(price=lambda model, need: Decimal(str(price(model, need))) / 10**6),
    lambda models, need: min(((price(m, need), m["name"]) for m in models if fits(m, need)), default=(0, None))[1],
]
WRONG["05-3"] = [
    choosing(best=max),
    choosing(price=lambda model, need: model["input_usd"]),
    choosing(price=lambda model, need: model["output_usd"]),
    choosing(price=lambda model, need: model["input_usd"] + model["output_usd"]),
    choosing(price=lambda model, need: price(model, need) or math.inf),
    choosing(price=lambda model, need: model["context_window"]),
    choosing(fits=lambda model, need: True, price=price_or_zero),
    choosing(fits=lambda model, need: either(model, need, input_usd=0), price=price_or_zero),
    choosing(fits=lambda model, need: either(model, need, output_usd=0), price=price_or_zero),
    choosing(fits=lambda model, need: either(model, need, context_window=10**9)),
    choosing(fits=lambda model, need: fits(model, need | {"output_tokens": 0})),
    choosing(fits=lambda model, need: fits(model, need | {"output_tokens": need["output_tokens"] + 1})),
    choosing(fits=lambda model, need: fits(model, need | {"local_only": False})),
    choosing(fits=lambda model, need: fits(model, need) and model["local"] == need["local_only"]),
    choosing(fits=lambda model, need: all(model[name] for name in ("input_usd", "output_usd")) and fits(model, need)),
    choosing(fits=lambda m, need: fits(m, need) or (need["local_only"] and m["local"]), price=price_or_zero),
    lambda models, need: [choosing()(models, need)],
    lambda models, need: choosing()(models, need) or "",
    lambda models, need: min((m for m in models if fits(m, need)), key=lambda m: price(m, need))["name"],
    lambda models, need: next((m for m in models if fits(m, need)), None),
    lambda models, need: next((m["name"] for m in models if fits(m, need)), None),
]

# 06-1 ---------------------------------------------------------------------------------------------------

RIGHT["06-1"] = [
    lambda i, o, p, q, n: (i * p + o * q) * n,
    lambda i, o, p, q, n: n * i * p + n * o * q,
    lambda i, o, p, q, n: sum([i * p, o * q] * n),
    lambda i, o, p, q, n: Fraction(i * p * n) + Fraction(o * q * n),
    lambda i, o, p, q, n: float(p) * i * n + float(q) * o * n,
    lambda **k: (k["i"] + k["o"]) if k else 0,
]
RIGHT["06-1"].pop()
WRONG["06-1"] = [
    lambda i, o, p, q, n: i * p + o * q + n,
    lambda i, o, p, q, n: (i * p + o * q) ** n,
    lambda i, o, p, q, n: (i * p + o * q) * (n + 1),
    lambda i, o, p, q, n: (i * p + o * q) * n * 30,
    lambda i, o, p, q, n: (i + o) * (p + q) * n,
    lambda i, o, p, q, n: (i + o) * (p + q) / 2 * n,
    lambda i, o, p, q, n: (i * q + o * q) * n,
    lambda i, o, p, q, n: round((i * p + o * q) * n, 4),
    lambda i, o, p, q, n: round((i * p + o * q) * n, 2),
    lambda i, o, p, q, n: int((i * p + o * q) * n),
    lambda i, o, p, q, n: (i * p or 1) * (o * q or 1) * n,
    lambda i, o, p, q, n: (i * p * n, o * q * n),
    lambda i, o, p, q, n: {"usd": (i * p + o * q) * n},
    lambda i, o, p, q, n: -(i * p + o * q) * n,
    lambda i, o, p, q, n: math.nan,
    lambda i, o, p, q, n: complex((i * p + o * q) * n),
]

# 06-2 ---------------------------------------------------------------------------------------------------


def total(usage: Any) -> int:
    return usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)


def read(usage: Any, **change: Any) -> dict[str, Any]:
    whole = total(usage)
    return {"input_tokens": whole, "cached_share": (usage.cache_read_input_tokens or 0) / whole} | change


def dumped(usage: Any) -> dict[str, Any]:
    found = {name: count or 0 for name, count in usage.model_dump().items() if "input_tokens" in name}
    return {
        "input_tokens": sum(found.values()),
        "cached_share": Fraction(found["cache_read_input_tokens"], sum(found.values())),
    }


RIGHT["06-2"] = [
    read,
    dumped,
    lambda u: read(u, output_tokens=u.output_tokens),
    lambda u: read(u, cached_share=Decimal(u.cache_read_input_tokens or 0) / total(u)),
    lambda u: read(u, cached_share=1 - (total(u) - (u.cache_read_input_tokens or 0)) / total(u)),
]
WRONG["06-2"] = [
    lambda u: read(u, cached_share=(u.cache_read_input_tokens or 0) // total(u)),
    lambda u: read(u, cached_share=1 - (u.cache_read_input_tokens or 0) / total(u)),
    lambda u: read(u, cached_share=(u.cache_read_input_tokens or 0) / (total(u) + u.output_tokens)),
    lambda u: read(u, cached_share=(u.cache_read_input_tokens or 0) / (u.input_tokens + (u.cache_read_input_tokens or 0))),
    lambda u: read(u, cached_share=(u.cache_creation_input_tokens or 0) / total(u)),
    lambda u: read(u, cached_share=f"{(u.cache_read_input_tokens or 0) / total(u):.0%}"),
    lambda u: read(u, cached_share=u.cache_read_input_tokens and u.cache_read_input_tokens / total(u)),
    lambda u: read(u, cached_share=None),
    lambda u: read(u, cached_share=u.cache_read_input_tokens or 0),
    lambda u: read(u, input_tokens=total(u) - u.input_tokens),
    lambda u: read(u, input_tokens=u.input_tokens - (u.cache_read_input_tokens or 0)),
    lambda u: read(u, input_tokens=total(u) + 0.5),
    lambda u: read(u, input_tokens=[total(u)]),
    lambda u: {"input": total(u), "share": 0},
    lambda u: u,
]  # fmt: skip

# 06-3 ---------------------------------------------------------------------------------------------------

SERVICE = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "system", "content": "영어를 고칩니다."}, {"role": "user", "content": "I has a pen."}],
    "answer": "I have a pen.",
    "calls": 100_000,
}


def dollars(service: dict, sent: Any = "messages", said: Any = "answer", calls: Any = None) -> Any:
    count = lambda text: llmkit.count_tokens(service[text], service["model"]) if isinstance(text, str) else text  # noqa: E731
    usage = {"input_tokens": int(count(sent)), "output_tokens": int(count(said))}
    return llmkit.calculate_cost(usage, service["model"]).usd * (service["calls"] if calls is None else calls)


def quote(monthly_won: Any, **change: Any) -> dict[str, Any]:
    return {"service": SERVICE | change, "monthly_won": monthly_won}


def won(service: dict, **change: Any) -> Any:
    return llmkit.to_krw(dollars(service, **change), vat=True)


RIGHT["06-3"] = [
    quote(won),
    quote(lambda s: float(won(s))),
    quote(lambda s: round(won(s))),
    quote(lambda s: math.ceil(won(s))),
    quote(lambda s: llmkit.to_krw(dollars(s)) * Decimal("1.1")),
    quote(lambda s: float(llmkit.to_krw(dollars(s))) * 1.1),
    quote(lambda s: won(s, sent="messages"), model="claude-sonnet-4-5"),
]
WRONG["06-3"] = [
    quote(lambda s: round(llmkit.to_krw(dollars(s)))),
    quote(lambda s: won(s) * Decimal("1.1")),
    quote(lambda s: llmkit.to_krw(dollars(s)) * Decimal("0.1")),
    quote(lambda s: round(won(s, calls=1), 2)),
    quote(lambda s: won(s, calls=s["calls"] * 30)),
    quote(lambda s: won(s, said=0)),
    quote(lambda s: won(s, sent=0)),
    quote(lambda s: won(s, sent="answer", said="messages")),
    quote(lambda s: won(s, sent=len(str(s["messages"])))),
    quote(lambda s: won(s, said=len(s["answer"]))),
    quote(lambda s: won(SERVICE)),
    quote(lambda s: won(s | {"model": "gpt-4o-mini"})),
    quote(lambda s: round(won(s), -3)),
    quote(lambda s: f"{won(s):,.0f}원"),
    quote(lambda s: dollars(s)),
    quote(lambda s: 1400 * float(dollars(s))),
    quote(won, model="gpt-4o-mini "),
    quote(won, calls=1.5),
    quote(won, calls=-1),
    quote(won, messages=[]),
    quote(won, messages=({"role": "user", "content": "?"},)),
    quote(won, answer=["?"]),
]


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_other_styles_of_the_right_answer_pass(name: str) -> None:
    assert len(RIGHT[name]) >= 5 and not refused(name, RIGHT[name])


@pytest.mark.parametrize("name", sorted(WRONG))
def test_plausible_wrong_answers_are_told(name: str) -> None:
    assert len(WRONG[name]) >= 10 and not fooled(name, WRONG[name])
