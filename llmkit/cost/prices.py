"""가격표(genai-prices)에서 단가를 찾습니다. 모르는 요금은 0이 아니라 오류이고, 파는 곳이 여럿이면 고르지 않고 묻습니다.

모델과 날짜에 맞는 단가를 한 번 찾아 기억해 두므로(`find_rates`) 계산은 곱셈뿐입니다.
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
from typing import Any

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Provider, StartDateConstraint, TieredPrices

from ..common.clock import today
from ..common.errors import UnknownPrice
from ..models import model_status
from .usage import REGISTRY, Context

SOURCE = f"genai-prices {version('genai-prices')}"
# genai-prices와 같은 정밀도. 노트북에서 `getcontext().prec`를 바꾸어도 금액이 달라지지 않습니다.
EXACT = decimal.Context(prec=28)
# genai-prices가 가격을 모으기 시작한 날(저장소의 첫 커밋). 바뀐 기록이 없는 가격은 이날부터만 압니다.
FIRST_DAY = datetime.date(2025, 6, 21)
LOCAL = ("local", "ollama")
# 강좌의 제공자 이름 -> 가격표의 이름. Hugging Face는 인퍼런스 제공자마다 요금이 달라 따로 다룹니다.
_SELLERS = {"openai": "openai", "anthropic": "anthropic", "google": "google", "gemini": "google", "groq": "groq"}


@dataclass(frozen=True)
class Rate:
    """한 종류(예: 캐시에서 읽은 입력)의 단가입니다. 1개당 달러입니다."""

    key: str
    direction: str | None  # "input", "output". 웹 검색 같은 도구는 None
    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...]  # 입력이 이 수를 **넘으면** 모든 토큰이 이 단가. 큰 수부터
    parts: tuple[str, ...]  # 이 종류에 들어 있지만 따로 단가가 있는 종류
    crossing: tuple[str, ...]  # 두 종류가 겹치는 부분(예: 캐시에서 읽은 소리)이면 그것을 품는 종류들

    def at(self, input_tokens: int) -> Decimal:
        """입력이 이만큼일 때의 단가입니다. 컨텍스트가 길면 더 비쌀 수 있습니다."""
        for start, price in self.tiers:
            if input_tokens > start:
                return price
        return self.base


@dataclass(frozen=True, repr=False)
class Rates:
    """한 모델의 어느 날(UTC) 단가입니다."""

    model: str  # 가격표의 모델 이름
    source: str  # 가격표의 이름과 버전, 파는 곳
    day: datetime.date
    context_window: int | None = None  # 한 번에 넣을 수 있는 토큰. 모르면 None
    changes: tuple[datetime.date, ...] = ()  # 단가가 바뀌거나, 알려지기 시작한 날들
    rates: tuple[Rate, ...] = ()  # 좁은 종류부터. 무료이면 비어 있습니다
    covered: frozenset[str] = frozenset()  # 요금을 계산할 수 있는 종류
    note: str = ""  # 종료된 모델이거나 빠진 요금이 있으면 그 설명
    table: str = SOURCE  # 가격표의 이름과 버전

    def find(self, key: str) -> Rate | None:
        """한 종류의 단가. 그 종류만의 단가가 없으면 `None`입니다."""
        return next((rate for rate in self.rates if rate.key == key), None)

    def per_million(self, key: str = "input_tokens") -> Decimal | None:
        """100만 개의 요금(달러)입니다. 그 종류("output_tokens" 같은)만의 단가가 없으면 `None`, 무료이면 0입니다."""
        if not self.rates:
            return Decimal(0)
        rate = self.find(key)
        return EXACT.multiply(rate.base, 1_000_000) if rate else None

    def price(self, counts: Mapping[str, int]) -> tuple[Decimal, Decimal, Decimal]:
        """(합계, 입력, 출력) 달러입니다. 웹 검색 같은 도구의 요금은 합계에만 들어 있습니다."""
        for key in counts.keys() - self.covered if self.rates else ():
            if counts[key]:
                raise UnknownPrice(f"{self.model}의 {key} 요금이 가격표에 없습니다({SOURCE}). 0으로 세지 않습니다.")
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
                sums[rate.direction] = EXACT.fma(rate.at(counts["input_tokens"]), count, sums[rate.direction])
            elif count < 0:
                raise ValueError(f"usage의 수가 맞지 않습니다: {', '.join(rate.parts)}의 합이 {key}보다 많습니다.")
            elif rate.crossing and key not in counts and all(map(counts.get, rate.crossing)):
                raise ValueError(
                    f"서로 얼마나 겹치는지 알아야 합니다: {', '.join(rate.crossing)}. usage에 {key}도 넣으세요."
                )
        input_usd, output_usd, tools = sums.values()
        return EXACT.add(EXACT.add(input_usd, output_usd), tools), input_usd, output_usd

    def __str__(self) -> str:
        prices = map(self.per_million, ("input_tokens", "output_tokens"))
        used, made = ["모름" if price is None else f"{price.normalize():f}" for price in prices]
        basis = f"({self.day} 기준, {self.source})"
        return f"{self.model}: 100만 토큰에 입력 {used}, 출력 {made} USD {basis} {self.note}".rstrip()

    __repr__ = __str__


def price_table(model: str, provider: str | None = None, day: datetime.date | datetime.datetime | None = None) -> Rates:
    """모델의 단가를 출처, 날짜와 함께 돌려줍니다. 무엇이 얼마인지 비교할 때 씁니다.

    Args:
        model: 모델 이름. "groq/openai/gpt-oss-20b"처럼 앞에 제공자를 적을 수 있습니다.
        provider: 강좌의 제공자 이름("openai", "anthropic" ...). 없으면 모델 이름에서 찾습니다.
        day: 어느 날의 단가인지. 시각에는 시간대가 있어야 합니다. 없으면 오늘(재생 중에는 카세트의 날짜)입니다.

    Returns:
        `Rates`. `per_million("input_tokens")`는 100만 토큰의 달러, `find("input_tokens").tiers`는 입력이 길 때의 단가,
        `context_window`는 한 번에 넣을 수 있는 토큰입니다.

    Raises:
        UnknownPrice: 모델이나 그날의 단가를 모를 때. 비슷한 이름을 알려 줍니다.
        ValueError: 이름이 문자열이 아니거나, 날짜가 아니거나 시간대가 없는 시각일 때.

    >>> price_table("gpt-4o-mini", "openai", datetime.date(2026, 11, 21))
    gpt-4o-mini: 100만 토큰에 입력 0.15, 출력 0.6 USD (2026-11-21 기준, genai-prices 0.2.3의 openai)
    """
    for value, name in ((model, "model"), (provider or "openai", "provider")):
        if not isinstance(value, str):
            raise ValueError(f"{name} 값은 문자열이어야 합니다. 받은 값: {value!r}")
    return find_rates(model, provider, price_day(day))


def price_day(at: datetime.date | datetime.datetime | None) -> datetime.date:
    """가격을 찾을 날(UTC)입니다. 시간대가 없는 시각은 어느 날인지 알 수 없어 오류입니다."""
    if at is None:
        return today()
    if not isinstance(at, datetime.date):
        raise ValueError(f"at은 날짜여야 합니다. 예: at=datetime.date(2026, 11, 21). 받은 값: {at!r}")
    if not isinstance(at, datetime.datetime):
        return at
    if at.tzinfo is None:
        raise ValueError(
            f"시간대가 없는 시각입니다: {at}. 가격은 UTC 날짜로 바뀌므로 at=datetime(..., tzinfo=ZoneInfo('Asia/Seoul'))"
            "처럼 시간대를 주거나 날짜만 주세요."
        )
    return at.astimezone(datetime.UTC).date()


@lru_cache(maxsize=4096)
def find_rates(model: str, provider: str | None, day: datetime.date, context: Context = ()) -> Rates:
    """모델의 그날(UTC) 단가를 가격표에서 찾고 기억해 둡니다. `context`는 표준과 다른 처리 방식입니다."""
    seller, name = find_seller(model, provider)
    if seller in LOCAL:
        return Rates(name, "무료: 내 컴퓨터에서 실행합니다", day)
    info = _sellers()[seller].find_model(name)
    if info is None:
        raise UnknownPrice(f"{seller}의 가격표에 없는 모델입니다: {name!r}.{_nearest(name)}")
    rates, changes = _rates_of(info, day, context)
    if not rates and "free of charge" in (info.price_comments or "").lower():
        return Rates(info.id, f"무료: {SOURCE}의 설명", day, info.context_window, changes)
    keys = {rate.key for rate in rates}
    if "input_tokens" not in keys:
        raise UnknownPrice(f"{seller}/{info.id}의 토큰 단가가 가격표에 없습니다({SOURCE}).")
    covered = frozenset(key for key in REGISTRY.units if _has_price(key, keys))
    status = model_status(name, on=day)
    note = f"{name} 모델은 {status.shutdown}에 종료되어 지금은 호출할 수 없습니다." if status.state == "retired" else ""
    if seller == "openai" and "search-" in name:  # 답할 때마다 검색하지만, 몇 번인지는 응답에 없습니다
        note = f"{note} {name}의 웹 검색 요금은 들어 있지 않습니다.".lstrip()
    return Rates(info.id, f"{SOURCE}의 {seller}", day, info.context_window, changes, rates, covered, note)


def _has_price(key: str, keys: set[str]) -> bool:
    """이 종류의 요금을 계산할 수 있는지. 소리와 이미지, 1시간짜리 캐시는 제 단가가 있어야 합니다."""
    unit = REGISTRY.units[key].dimensions
    needs_its_own = unit.get("modality", "text") != "text" or unit.get("cache_ttl") == "1h"
    return key in keys or not (needs_its_own or keys.isdisjoint(REGISTRY.ancestor_usage_keys(key)))


def _rates_of(
    info: ModelInfo, day: datetime.date, context: Context
) -> tuple[tuple[Rate, ...], tuple[datetime.date, ...]]:
    """(그날의 단가들, 단가가 바뀐 날들)입니다. 바뀐 기록이 없으면 알려지기 시작한 날입니다."""
    at = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
    # genai-prices는 모르는 처리 방식을 표준 단가로, 둘이 겹친 것을 그 하나의 단가로 계산하므로 먼저 확인합니다
    known = [variant.constraint for variant in info.price_variants or () if variant.when == dict(context)]
    if context and not any(when is None or when.active(at) for when in known):
        names, values = map(", ".join, zip(*context, strict=True))
        dated = [when.start_date for when in known if isinstance(when, StartDateConstraint)]
        since = "".join(f" {start}부터의 단가만 압니다." for start in dated)
        raise UnknownPrice(f"{info.id}의 {values} 요금({names})을 모릅니다({day}, {SOURCE}).{since}")
    conditions = (
        [price.constraint for price in info.prices if price.constraint] if isinstance(info.prices, list) else []
    )
    changes = tuple(when.start_date for when in conditions if isinstance(when, StartDateConstraint))
    if len(changes) < len(conditions):
        raise UnknownPrice(f"시간대마다 단가가 다른 모델이라 날짜만으로는 계산할 수 없습니다: {info.id}")
    if not changes and day < FIRST_DAY:
        raise UnknownPrice(f"{info.id}의 {FIRST_DAY} 이전 요금을 모릅니다({day}, {SOURCE}).")
    prices = {
        key: price for key, price in vars(info.get_prices(at, dict(context) or None)).items() if price is not None
    }
    units = [REGISTRY.unit_for_price_key(key) for key in prices]
    units = [unit for unit in units if unit.dimensions["family"] in ("tokens", "tool_calls")]
    units.sort(key=lambda unit: -len(unit.dimensions))
    keys = [unit.usage_key for unit in units]
    return tuple(_rate(unit, prices[unit.price_key], keys) for unit in units), changes or (FIRST_DAY,)


def _rate(unit: Any, price: Decimal | TieredPrices, keys: list[str]) -> Rate:
    key, wider = unit.usage_key, REGISTRY.ancestor_usage_keys
    base, tiers = (price.base, price.tiers[::-1]) if isinstance(price, TieredPrices) else (price, [])
    crosses = {"modality", "token_type"} <= unit.dimensions.keys()
    return Rate(
        key,
        unit.dimensions.get("direction"),
        EXACT.divide(base, unit.per),
        tuple((tier.start, EXACT.divide(tier.price, unit.per)) for tier in tiers),
        tuple(other for other in keys if key in wider(other)),
        tuple(other for other in keys if other in wider(key)) if crosses else (),
    )


def find_seller(model: str, provider: str | None) -> tuple[str, str]:
    """(가격표의 판매자, 거기서 쓰는 모델 이름). 정할 수 없으면 어떻게 적으면 되는지 알려 줍니다."""
    name = model.strip()
    head, _, rest = name.partition("/")
    if provider is None and name.startswith(("openai/gpt-oss", "google/gemma")):
        raise UnknownPrice(f"오픈 모델은 파는 곳마다 요금이 다릅니다: {name!r}. {_ask(name)}")
    if provider in (None, head) and rest and head in (*_SELLERS, *LOCAL, "huggingface"):
        provider, name = head, rest
    if provider in LOCAL:
        return provider, name
    if provider in _SELLERS:
        return _SELLERS[provider], name.removeprefix("models/")
    base, _, route = name.rpartition(":")
    if f"huggingface_{route}" in _sellers():
        return f"huggingface_{route}", base
    if provider == "huggingface":
        raise UnknownPrice(f"Hugging Face는 인퍼런스 제공자마다 요금이 다릅니다. {_ask(name)}")
    if provider in _sellers():
        return provider, name
    if provider is not None:
        known = ", ".join((*_SELLERS, "huggingface", *LOCAL))
        raise UnknownPrice(f"모르는 제공자입니다: {provider!r}. 아는 이름: {known}, 또는 가격표에 있는 이름.")
    try:
        return get_snapshot().find_provider(name.lower(), None, None).id, name
    except LookupError:
        known = [seller for seller in ("openai", "groq") if _sellers()[seller].find_model(name)]
    if len(known) == 1:
        return known[0], name
    hint = _ask(name) if "/" in name else _nearest(name)
    raise UnknownPrice(f"모델 {name!r}의 가격을 모릅니다. {hint} 내 컴퓨터의 모델이면 'local/{name}'로 적으세요.")


def seller_at(host: str) -> str:
    """이 호스트에서 파는 곳의 가격표 이름입니다. 같은 모델도 게이트웨이마다 요금이 다를 수 있습니다."""
    try:
        return get_snapshot().find_provider(None, None, f"https://{host}").id
    except LookupError:
        raise UnknownPrice(f"제공자의 호스트가 아닌 곳({host})이 답해 요금을 모릅니다.") from None


@cache
def _sellers() -> dict[str, Provider]:
    return {provider.id: provider for provider in get_snapshot().providers}


def _ask(name: str) -> str:
    """이 이름 그대로 파는 곳을 적는 방법."""
    name = name.removeprefix("huggingface/")
    found = [id for id, seller in _sellers().items() if any(info.id == name for info in seller.models)]
    options = [f"'groq/{name}'"] if "groq" in found else []
    options += [f"'huggingface/{name}:{id[12:]}'" for id in found if id.startswith("huggingface_")]
    if not options:
        return "이 이름은 가격표에 없습니다."
    more = " 등" if len(options) > 2 else ""
    return f"어디의 요금인지 적으세요({len(options)}곳): {', '.join(options[:2])}{more}."


def _nearest(name: str) -> str:
    ids = dict.fromkeys(info.id for seller in sorted(set(_SELLERS.values())) for info in _sellers()[seller].models)
    near = [] if name in ids else difflib.get_close_matches(name.lower(), ids, n=2)
    return f" 혹시 {' 또는 '.join(map(repr, near))}입니까?" if near else ""
