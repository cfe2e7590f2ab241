"""수업 04와 06: 둘째로 모은 답들. 다르게 쓴 맞는 답은 통과하고, 그럴듯한 틀린 답은 무엇이 틀렸는지 듣습니다."""

from __future__ import annotations

import contextlib
import itertools
import math
import random
import time
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import anthropic
import openai
import pytest
import tenacity

import llmkit
from tests.lessons.exercises import fooled, refused
from tests.lessons.test_styles_04_06 import (
    OURS,
    QUOTA,
    SDK,
    TABLE,
    asked_rest,
    chaining,
    dollars,
    passes,
    printing,
    quote,
    read,
    rest,
    result_with,
    retrying,
    total,
    won,
)

RIGHT: dict[str, list[Any]] = {}
WRONG: dict[str, list[Any]] = {}

RIGHT["04-1"] = [{**TABLE, QUOTA: bool(0)}, defaultdict(bool, TABLE)]
WRONG["04-1"] = [
    TABLE | {QUOTA: "다시 보내지 않음"},
    {k.upper(): v for k, v in TABLE.items()},
    {k: (not v) for k, v in TABLE.items()},
]


# 04-2
def while_loop(call, sleep=time.sleep):
    attempt = 0
    while True:
        attempt += 1
        try:
            return call()
        except Exception as error:
            if attempt >= 4 or not passes(error):
                raise
            pause = min(60, 1.5**attempt) * random.uniform(0.5, 1.5)
            sleep(pause + asked_rest(error))


def kept_last(call, sleep=time.sleep):
    last = None
    for n in (1, 2, 3, 4):
        try:
            result = call()
        except Exception as error:
            last = error
            if not passes(error):
                break
            if n < 4:
                sleep(rest(n, error))
        else:
            return result
    raise last


def by_tenacity(call, sleep=time.sleep):
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes),
        stop=tenacity.stop_after_attempt(4),
        reraise=True,
        sleep=sleep,
        wait=lambda state: rest(state.attempt_number, state.outcome.exception()),
    )(call)


def logged(call, sleep=time.sleep):
    for n in range(4):
        try:
            return call()
        except Exception as error:
            print(
                f"{type(error).__name__} {getattr(error, 'status_code', None)} 요청 ID {getattr(error, 'request_id', None)}"
            )
            if n == 3 or not passes(error):
                raise
            sleep(rest(n + 1, error))


RIGHT["04-2"] = [while_loop, kept_last, by_tenacity, logged]


def wraps(call, sleep=time.sleep):
    try:
        return retrying()(call, sleep)
    except Exception as error:
        raise RuntimeError(str(error)) from error


def copies(call, sleep=time.sleep):
    try:
        return retrying()(call, sleep)
    except openai.APIStatusError as error:
        raise type(error)(error.message, response=error.response, body=error.body) from None


def none_at_end(call, sleep=time.sleep):
    for n in range(1, 5):
        try:
            return call()
        except Exception as error:
            if not passes(error):
                raise
            if n < 4:
                sleep(rest(n, error))


def finally_returns(call, sleep=time.sleep):
    result = None
    try:
        result = retrying()(call, sleep)
    finally:
        return result  # noqa: B012


def tuple_of(call, sleep=time.sleep):
    return retrying()(call, sleep), 1


def sleeps_before_last_only(call, sleep=time.sleep):
    return retrying(rest=lambda a, e: rest(a, e) if a == 3 else asked_rest(e))(call, sleep)


WRONG["04-2"] = [
    wraps,
    copies,
    none_at_end,
    finally_returns,
    tuple_of,
    sleeps_before_last_only,
    retrying(rest=lambda a, e: asked_rest(e) + random.uniform(0.5, 1) * (5 - a)),
    retrying(rest=lambda a, e: asked_rest(e) * random.random() + random.random() * 2**a),
    retrying(again=lambda e: passes(e) or "limit" in str(getattr(e, "code", ""))),
    retrying(again=lambda e: passes(e) or getattr(e, "status_code", 0) == 402),
    retrying(again=lambda e: passes(e) or isinstance(e, KeyError)),
    retrying(rest=lambda a, e: asked_rest(e) + min(0.5, random.random() * 2**a)),
    printing("네트워크가 느립니다"),
    printing("잘못된 요청입니다"),
    printing("429"),
    lambda call, sleep=None: retrying()(call, lambda s: None),
]


# 04-3
def match_style(question, providers, sleep=time.sleep):
    failed = {}
    for name, provider in providers.items():
        text = None
        try:
            text = provider(question)
        except (
            openai.BadRequestError,
            anthropic.BadRequestError,
            openai.UnprocessableEntityError,
            anthropic.UnprocessableEntityError,
        ):
            raise
        except SDK as error:
            if getattr(error, "status_code", 0) == 413:
                raise
            failed[name] = error
            continue
        return {"provider": name, "failed": failed, "text": text}
    error = RuntimeError("모두 실패했습니다: " + ", ".join(f"{n}={e!r}" for n, e in failed.items()))
    raise error


def chained(question, providers, sleep=time.sleep):
    failed = {}
    it = iter(providers)
    while (name := next(it, None)) is not None:
        try:
            return {"text": providers[name](question), "provider": name, "failed": failed}
        except SDK as e:
            if getattr(e, "status_code", None) in OURS:
                raise
            failed[name] = e
    raise ExceptionGroup("x", [*failed.values()])


RIGHT["04-3"] = [match_style, chained, chaining(ours=lambda e: getattr(e, "status_code", 0) in {400, 413, 422})]


def reversed_(q, p, sleep=None):
    return chaining()(q, dict(reversed(p.items())), sleep)


def keeps_success(q, p, sleep=None):
    r = chaining()(q, p, sleep)
    r["failed"][r["provider"]] = None
    return r


def asks_twice(q, p, sleep=None):
    for f in list(p.values())[:1]:
        with contextlib.suppress(Exception):
            f(q)
    return chaining()(q, p, sleep)


def only_three(q, p, sleep=None):
    return chaining()(q, dict(itertools.islice(p.items(), 3)), sleep)


def returns_group(q, p, sleep=None):
    try:
        return chaining()(q, p, sleep)
    except ExceptionGroup as g:
        return {"text": None, "provider": None, "failed": dict(zip(p, g.exceptions))}


WRONG["04-3"] = [
    reversed_,
    keeps_success,
    asks_twice,
    only_three,
    returns_group,
    chaining(keep=lambda e: [e]),
    chaining(kinds=(*SDK, TypeError)),
    chaining(kinds=(*SDK, AttributeError)),
    chaining(ours=lambda e: getattr(e, "status_code", 0) in (*OURS, 500)),
    chaining(ours=lambda e: getattr(e, "status_code", 0) in (*OURS, 404)),
    chaining(ours=lambda e: getattr(e, "status_code", 0) in (*OURS, 529)),
    chaining(ours=lambda e: getattr(e, "status_code", 0) in (*OURS, 402)),
    chaining(ours=lambda e: isinstance(e, openai.APITimeoutError) or getattr(e, "status_code", 0) in OURS),
    chaining(ask=lambda p, q: p([q])),
    chaining(
        ask=lambda p, q: p(
            q,
        )[:2]
    ),
    result_with(lambda r: r | {"text": [r["text"]]}),
    result_with(lambda r: list(r.items())),
    result_with(lambda r: r | {"failed": dict.fromkeys(r["failed"], "실패")}),
]


# 06-1
def steps(i, o, p, q, n):
    sent = i * p
    said = o * q
    return n * (sent + said)


def loop(input_tokens, output_tokens, input_price, output_price, calls):
    t = 0
    for _ in range(calls):
        t += input_tokens * input_price + output_tokens * output_price
    return t


RIGHT["06-1"] = [
    steps,
    loop,
    lambda i, o, p, q, n: math.fsum([float(p) * i, float(q) * o]) * n,
    lambda i, o, p, q, n: math.sumprod((i, o), (p, q)) * n if hasattr(math, "sumprod") else (i * p + o * q) * n,
    lambda i, o, p, q, n: sum(t * c for t, c in zip((i, o), (p, q))) * n,
]
WRONG["06-1"] = [
    lambda i, o, p, q, n: (i * p + o * q) * n * n,
    lambda i, o, p, q, n: (i * p + o * q) / n,
    lambda i, o, p, q, n: (i * p) * (n) + o * q,
    lambda i, o, p, q, n: (i / 1000 * p + o / 1000 * q) * n,
    lambda i, o, p, q, n: (i * p + o * p) * n,
    lambda i, o, p, q, n: (i * q + o * p) * n,
    lambda i, o, p, q, n: abs(i * p - o * q) * n,
    lambda i, o, p, q, n: (i * p + o * q) * max(n, 1000),
    lambda i, o, p, q, n: (i * p + o * q) * n * 1.1,
    lambda i, o, p, q, n: math.hypot(i * p, o * q) * n,
    lambda i, o, p, q, n: (i * p + o * q) * n if o else 0,
    lambda i, o, p, q, n: (i * p + o * q) * n + 0.0001,
    lambda i, o, p, q, n: str((i * p + o * q) * n),
    lambda i, o, p, q, n: [(i * p + o * q) * n],
    lambda i, o, p, q, n: None,
    lambda i, o, p, q, n: round(float(i * p + o * q), 6) * n,
    lambda i, o, p, q, n: (i * p + o * q) * min(n, 1),
]


# 06-2
def getattrs(u):
    parts = [getattr(u, k) or 0 for k in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")]
    return {"input_tokens": sum(parts), "cached_share": parts[1] / sum(parts)}


def branches(u):
    r = u.cache_read_input_tokens
    w = u.cache_creation_input_tokens
    if r is None:
        r = 0
    if w is None:
        w = 0
    t = u.input_tokens + r + w
    return {"cached_share": 0 if not t else r / t, "input_tokens": t}


RIGHT["06-2"] = [
    getattrs,
    branches,
    lambda u: read(u, cached_share=(u.cache_read_input_tokens or 0) / max(total(u), 1)),
    lambda u: read(u, input_tokens=float(total(u))),
]
WRONG["06-2"] = [
    lambda u: read(u, cached_share=round((u.cache_read_input_tokens or 0) / total(u))),
    lambda u: read(u, cached_share=round((u.cache_read_input_tokens or 0) / total(u), 1)),
    lambda u: read(u, input_tokens=str(total(u))),
    lambda u: (total(u), 0),
    lambda u: read(
        u,
        input_tokens=u.input_tokens
        + (u.cache_read_input_tokens or 0) * 0.1
        + (u.cache_creation_input_tokens or 0) * 1.25,
    ),
    lambda u: read(u, input_tokens=max(u.input_tokens, u.cache_read_input_tokens or 0)),
    lambda u: read(u, cached_share=total(u) / max(1, u.cache_read_input_tokens or 0)),
    lambda u: read(
        u, cached_share=((u.cache_read_input_tokens or 0) + (u.cache_creation_input_tokens or 0)) / total(u)
    ),
    lambda u: read(u, cached_share=u.cache_read_input_tokens / total(u)),
    lambda u: read(
        u, input_tokens=u.input_tokens + (u.cache_read_input_tokens or 0) + (u.cache_read_input_tokens or 0)
    ),
    lambda u: read(u, cached_share=bool(u.cache_read_input_tokens)),
    lambda u: read(u, cached_share=0.75),
    lambda u: read(u, input_tokens=u.input_tokens or total(u)),
]


# 06-3
def two(s):
    u = {
        "prompt_tokens": int(llmkit.count_tokens(s["messages"], s["model"])),
        "completion_tokens": int(llmkit.count_tokens(s["answer"], s["model"])),
    }
    return llmkit.to_krw(llmkit.calculate_cost(u, s["model"]) * s["calls"], vat=True)


RIGHT["06-3"] = [
    quote(two),
    quote(lambda s: float(f"{won(s):.2f}")),
    quote(lambda s: int(won(s))),
    quote(lambda s: Fraction(won(s))),
]
WRONG["06-3"] = [
    quote(lambda s: won(s) * 12),
    quote(lambda s: won(s) / 1000),
    quote(
        lambda s: won(s, said=int(llmkit.count_tokens(s["answer"], "gpt-4"))),
        model="gpt-4o-mini",
        answer="안녕하세요, 반갑습니다. 책을 찾으시나요?",
    ),
    quote(lambda s: llmkit.to_krw(dollars(s)) * Decimal("1.2")),
    quote(lambda s: won(s, calls=1) * 1000),
    quote(lambda s: won(s) + won(s)),
    quote(lambda s: llmkit.to_krw(dollars(s), rate=1300, vat=True)),
    quote(lambda s: None),
    quote(lambda s: won(s, sent=len(s["messages"]))),
    quote(lambda s: won(s, said=200)),
    quote(won, calls="3000"),
    quote(won, calls=None),
    quote(won, model="haru-bot"),
    quote(won, messages=[{"role": "user"}]),
    quote(won, answer=3),
    quote(lambda s: [won(s)]),
]


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_other_styles_of_the_right_answer_pass(name: str) -> None:
    assert RIGHT[name] and not refused(name, RIGHT[name])


@pytest.mark.parametrize("name", sorted(WRONG))
def test_plausible_wrong_answers_are_told(name: str) -> None:
    assert WRONG[name] and not fooled(name, WRONG[name])
