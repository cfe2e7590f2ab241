"""가격표에서 단가를 찾습니다. 가격표는 genai-prices가 가지고 있습니다.

모델과 날짜에 맞는 단가를 한 번 찾아 기억해 두므로(`find_rates`) 계산은 곱셈뿐입니다. 모르는 값은 0이 아니라
오류입니다.
"""

from __future__ import annotations

import datetime
import decimal
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from importlib.metadata import version

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, StartDateConstraint, TieredPrices

from .usage import REGISTRY

SOURCE = f"genai-prices {version('genai-prices')}"
LOCAL = ("local", "ollama")
# 강좌의 제공자 이름 -> 가격표의 이름. Hugging Face는 추론 제공자마다 값이 달라 따로 다룹니다.
SELLERS = {name: name for name in ("openai", "anthropic", "google", "groq")} | {"gemini": "google"}
# genai-prices와 같은 정밀도. 노트북에서 `getcontext().prec`를 바꾸어도 금액이 달라지지 않습니다.
EXACT = decimal.Context(prec=28)

Context = tuple[tuple[str, str], ...]  # 표준과 다른 처리 방식. 예: (("processing", "batch"),)


class UnknownPrice(LookupError):
    """값을 알 수 없습니다. 모르는 값을 0으로 세지 않으려고 멈춥니다."""


@dataclass(frozen=True)
class Rate:
    """한 종류(예: 캐시에서 읽은 입력)의 단가입니다. 1개당 달러입니다."""

    key: str
    direction: str | None  # "input", "output". 웹 검색 같은 도구는 None
    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...]  # 입력이 이 수를 **넘으면** 모든 토큰이 이 단가. 큰 수부터
    parts: tuple[str, ...]  # 이 종류에 들어 있지만 따로 값을 매기는 종류
    crossing: tuple[str, ...]  # 두 종류가 겹치는 부분(예: 캐시에서 읽은 소리)이면 그것을 품는 종류들

    def at(self, input_tokens: int) -> Decimal:
        """입력이 이만큼일 때의 단가입니다. 긴 문맥은 더 비쌀 수 있습니다."""
        for start, price in self.tiers:
            if input_tokens > start:
                return price
        return self.base


@dataclass(frozen=True)
class Rates:
    """한 모델의 어느 날 단가입니다. `rates`는 좁은 종류부터이고, 무료이면 비어 있습니다."""

    model: str
    source: str
    context_window: int | None = None  # 한 번에 넣을 수 있는 토큰
    changes: tuple[datetime.date, ...] = ()  # 이 모델의 값이 바뀌는 날들
    rates: tuple[Rate, ...] = ()
    covered: frozenset[str] = frozenset()  # 값을 매길 수 있는 종류

    def find(self, key: str) -> Rate | None:
        return next((rate for rate in self.rates if rate.key == key), None)

    def per_million(self, key: str = "input_tokens", input_tokens: int = 0) -> Decimal | None:
        """100만 개의 값(달러)입니다. 따로 정해진 값이 없으면 `None`, 무료이면 0입니다.

        Args:
            key: "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens" ...
            input_tokens: 입력이 몇 토큰일 때의 단가인지.
        """
        rate = self.find(key)
        return rate.at(input_tokens) * 1_000_000 if rate else None if self.rates else Decimal(0)

    def price(self, counts: Mapping[str, int]) -> tuple[Decimal, Decimal, Decimal]:
        """(합계, 입력, 출력) 달러입니다. 웹 검색 같은 도구의 값은 합계에만 들어 있습니다."""
        if not self.rates:
            return Decimal(0), Decimal(0), Decimal(0)
        if not self.covered.issuperset(counts):
            for key in counts.keys() - self.covered:
                if counts[key]:
                    raise UnknownPrice(f"{self.model}의 {key} 값이 가격표에 없습니다({SOURCE}). 0으로 세지 않습니다.")
        input_tokens = counts["input_tokens"]
        own: dict[str, int] = {}
        sums = {"input": Decimal(0), "output": Decimal(0), None: Decimal(0)}
        for rate in self.rates:
            key = rate.key
            count = counts.get(key, 0)
            for part in rate.parts:
                if part in own:
                    count -= own[part]
            if count > 0:
                own[key] = count
                price = rate.at(input_tokens) if rate.tiers else rate.base
                sums[rate.direction] = EXACT.fma(price, count, sums[rate.direction])
            elif count < 0:
                raise ValueError(f"usage의 수가 맞지 않습니다: {', '.join(rate.parts)}의 합이 {key}보다 많습니다.")
            elif rate.crossing and key not in counts and all(map(counts.get, rate.crossing)):
                both = ", ".join(rate.crossing)
                raise ValueError(f"{both}가 얼마나 겹치는지 알아야 합니다. usage에 {key}도 넣으십시오.")
        input_usd, output_usd, tools = sums.values()
        return EXACT.add(EXACT.add(input_usd, output_usd), tools), input_usd, output_usd


@lru_cache(maxsize=4096)
def find_rates(model: str, provider: str | None, day: datetime.date, context: Context = ()) -> Rates:
    """모델의 단가를 가격표에서 찾고 기억해 둡니다.

    Args:
        model: 모델 이름. "groq/openai/gpt-oss-20b"처럼 앞에 제공자를 적을 수 있습니다.
        provider: 강좌의 제공자 이름. 모르면 `None`이고 모델 이름에서 찾습니다.
        day: 어느 날(UTC)의 값인지.
        context: 표준과 다른 처리 방식.

    Raises:
        UnknownPrice: 모델이나 그 처리 방식의 값을 모를 때.

    >>> rates = find_rates("gpt-6-luna", None, datetime.date(2026, 11, 21))
    >>> rates.per_million("input_tokens") * 2 == rates.per_million("input_tokens", input_tokens=272_001)
    True
    """
    seller, name = _seller(model, provider)
    if seller in LOCAL:
        return Rates(name, "무료: 내 컴퓨터에서 실행합니다")
    info = _sellers()[seller].find_model(name) if seller in _sellers() else None
    if info is None:
        raise UnknownPrice(f"{seller}의 가격표에 모델 {name!r}이(가) 없습니다.{_nearest(name)}")
    rates = _rates(_prices(info, day, context))
    conditions = [price.constraint for price in info.prices] if isinstance(info.prices, list) else []
    changes = tuple(when.start_date for when in conditions if when)
    if not rates and "free of charge" in (info.price_comments or "").lower():
        return Rates(info.id, f"무료: {SOURCE}의 설명", info.context_window)
    keys = {rate.key for rate in rates}
    if "input_tokens" not in keys:
        raise UnknownPrice(f"{seller}/{info.id}의 토큰 단가가 가격표에 없습니다({SOURCE}).")
    covered = frozenset(k for k in REGISTRY.units if k in keys or REGISTRY.ancestor_usage_keys(k) & keys)
    return Rates(info.id, f"{SOURCE}의 {seller}", info.context_window, changes, rates, covered)


def _prices(info: ModelInfo, day: datetime.date, context: Context) -> ModelPrice:
    at = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
    for key, value in context:  # genai-prices는 모르는 처리 방식을 표준 값으로 계산하므로 먼저 확인합니다
        known = [variant.constraint for variant in info.price_variants or () if variant.when == {key: value}]
        if not any(when is None or when.active(at) for when in known):
            since = f" {known[0].start_date}부터의 값만 압니다." if known else ""
            raise UnknownPrice(f"{info.id}의 {value} 요금({key})을 모릅니다({day}, {SOURCE}).{since}")
    conditions = [price.constraint for price in info.prices] if isinstance(info.prices, list) else []
    if any(when and not isinstance(when, StartDateConstraint) for when in conditions):
        raise UnknownPrice(f"{info.id}는 시간대마다 값이 달라 날짜만으로는 계산할 수 없습니다.")
    return info.get_prices(at, dict(context) or None)


def _rates(prices: ModelPrice) -> tuple[Rate, ...]:
    units = [REGISTRY.unit_for_price_key(key) for key, price in vars(prices).items() if price is not None]
    units = [unit for unit in units if unit.dimensions["family"] in ("tokens", "tool_calls")]
    units.sort(key=lambda unit: -len(unit.dimensions))
    rates = []
    for unit in units:
        key, price = unit.usage_key, getattr(prices, unit.price_key)
        base, tiers = (price.base, price.tiers[::-1]) if isinstance(price, TieredPrices) else (price, [])
        wider, parts = REGISTRY.ancestor_usage_keys(key), REGISTRY.ancestor_usage_keys
        keys = [other.usage_key for other in units]
        crossing = {"modality", "token_type"} <= unit.dimensions.keys()
        with decimal.localcontext(EXACT):
            rates.append(
                Rate(
                    key,
                    unit.dimensions.get("direction"),
                    base / unit.per,
                    tuple((tier.start, tier.price / unit.per) for tier in tiers),
                    tuple(other for other in keys if key in parts(other)),
                    tuple(other for other in keys if other in wider) if crossing else (),
                )
            )
    return tuple(rates)


def _seller(model: str, provider: str | None) -> tuple[str, str]:
    """(가격표의 판매자, 거기서 쓰는 모델 이름)을 정합니다. 파는 곳이 여럿이면 고르지 않고 묻습니다."""
    name = model.strip()
    head, _, rest = name.partition("/")
    if provider is None and name.startswith(("openai/gpt-oss", "google/gemma")):
        raise UnknownPrice(f"{name!r}는 공개 모델이라 파는 곳마다 값이 다릅니다. {_ask(name)}")
    if provider in (None, head) and rest and head in (*SELLERS, *LOCAL, "huggingface"):
        provider, name = head, rest
    if provider in LOCAL:
        return provider, name
    if provider in SELLERS:
        return SELLERS[provider], name.removeprefix("models/")
    base, _, route = name.rpartition(":")
    if f"huggingface_{route}" in _sellers():
        return f"huggingface_{route}", base
    if provider == "huggingface":
        raise UnknownPrice(f"Hugging Face는 추론 제공자마다 값이 다릅니다. {_ask(name)}")
    if provider is not None:
        return provider, name
    try:
        return get_snapshot().find_provider(name.lower(), None, None).id, name
    except LookupError:
        known = [seller for seller in ("openai", "groq") if _sellers()[seller].find_model(name)]
    if len(known) == 1:
        return known[0], name
    hint = _ask(name) if "/" in name else _nearest(name)
    raise UnknownPrice(f"모델 {name!r}의 가격을 모릅니다. {hint} 내 컴퓨터의 모델이면 'local/{name}'로 적으십시오.")


@cache
def _sellers() -> dict[str, Provider]:
    return {provider.id: provider for provider in get_snapshot().providers}


def _ask(name: str) -> str:
    """이 이름 그대로 파는 곳을 어떻게 적는지 알려 줍니다."""
    name = name.removeprefix("huggingface/")
    sellers = [id for id, seller in _sellers().items() if any(info.id == name for info in seller.models)]
    options = [f"'groq/{name}'"] * ("groq" in sellers)
    options += [f"'huggingface/{name}:{id[12:]}'" for id in sellers if id.startswith("huggingface_")]
    if not options:
        return "이 이름은 가격표에 없습니다."
    return f"어디의 값인지 적으십시오({len(options)}곳): {', '.join(options[:2])}{' 등' * (len(options) > 2)}."


def _nearest(name: str) -> str:
    ids = [info.id for seller in sorted(set(SELLERS.values())) for info in _sellers()[seller].models]
    near = difflib.get_close_matches(name.lower(), ids, n=2)
    return f" 혹시 {' 또는 '.join(map(repr, near))}입니까?" if near else ""
