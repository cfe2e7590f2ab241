"""호출 한 번의 값을 정확히 계산합니다.

가격표는 genai-prices가 가지고 있습니다. 여기서는 모델과 날짜에 맞는 단가를 한 번 찾아 기억해 두고
(`find_rates`), usage에 적힌 수와 곱합니다(`calculate_cost`). 모르는 값은 0이 아니라 오류입니다.
"""

from __future__ import annotations

import datetime
import decimal
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from itertools import combinations
from typing import Any

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, Provider, StartDateConstraint, TieredPrices, TimeOfDateConstraint
from genai_prices.units import _get_registry

from .clock import today
from .krw import digits, dollars, to_krw, won
from .tables import Table
from .usage import UNITS, fields_of, normalize_usage, whole_number

SOURCE = f"genai-prices {version('genai-prices')}"
LOCAL = ("local", "ollama")
# 강좌의 제공자 이름 -> 가격표의 이름. Hugging Face는 추론 제공자마다 값이 달라 따로 다룹니다.
SELLERS = {"openai": "openai", "anthropic": "anthropic", "gemini": "google", "google": "google", "groq": "groq"}
# genai-prices와 같은 정밀도. 노트북에서 `getcontext().prec`를 바꾸어도 금액이 달라지지 않습니다.
EXACT = decimal.Context(prec=28)

Context = tuple[tuple[str, str], ...]  # 표준과 다른 처리 방식. 예: (("processing", "batch"),)


class UnknownPrice(LookupError):
    """값을 알 수 없습니다. 모르는 값을 0으로 세지 않으려고 멈춥니다."""


# --- 단가 -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rate:
    """한 종류(예: 캐시에서 읽은 입력)의 단가입니다. 1개당 달러입니다."""

    key: str
    direction: str | None
    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...]  # 입력이 이 수를 **넘으면** 모든 토큰이 이 단가. 큰 수부터
    parts: tuple[str, ...]  # 이 종류에 들어 있지만 따로 값을 매기는 종류
    overlaps: tuple[tuple[str, str], ...]  # 이 종류가 두 종류의 겹치는 부분이면 그 둘

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
    context_window: int | None
    rates: tuple[Rate, ...]
    covered: frozenset[str]  # 값을 매길 수 있는 종류

    def per_million(self, key: str = "input_tokens", input_tokens: int = 0) -> Decimal:
        """100만 개의 값(달러)입니다. 입력이 `input_tokens`개일 때의 단가로 셉니다."""
        if not self.rates:
            return Decimal(0)
        rate = next((rate for rate in self.rates if rate.key == key), None)
        if rate is None:
            raise UnknownPrice(f"{self.model}에는 {key}의 단가가 따로 없습니다({SOURCE}).")
        return rate.at(input_tokens) * 1_000_000

    def price(self, counts: Mapping[str, int]) -> tuple[Decimal, Decimal, Decimal]:
        """(합계, 입력, 출력) 달러입니다. 웹 검색 같은 도구의 값은 합계에만 들어 있습니다."""
        if not self.rates:
            return Decimal(0), Decimal(0), Decimal(0)
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
            elif rate.overlaps:
                self._refuse_overlap(rate, counts)
        if not self.covered.issuperset(counts):
            self._refuse_uncovered(counts)
        input_usd, output_usd, tools = sums.values()
        return EXACT.add(EXACT.add(input_usd, output_usd), tools), input_usd, output_usd

    def _refuse_overlap(self, rate: Rate, counts: Mapping[str, int]) -> None:
        for a, b in rate.overlaps:
            if rate.key not in counts and counts.get(a) and counts.get(b):
                raise ValueError(f"{a}와 {b}가 얼마나 겹치는지 알아야 합니다. usage에 {rate.key}도 넣으십시오.")

    def _refuse_uncovered(self, counts: Mapping[str, int]) -> None:
        for key, count in counts.items():
            if count and key not in self.covered:
                raise UnknownPrice(f"{self.model}의 {key} 값이 가격표에 없습니다({SOURCE}). 0으로 세지 않습니다.")


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

    >>> rates = find_rates("gpt-4o-mini", None, datetime.date(2026, 11, 21))
    >>> rates.per_million("input_tokens"), rates.per_million("output_tokens")
    (Decimal('0.15000000'), Decimal('0.6000000'))
    """
    seller, info = _find(model, provider)
    if info is None:
        return Rates(model, "무료: 내 컴퓨터에서 실행합니다", None, (), frozenset())
    prices = _prices(info, day, context)
    rates = tuple(_rates(prices))
    if not rates and "free of charge" in (info.price_comments or "").lower():
        return Rates(info.id, f"무료: {SOURCE}의 설명", info.context_window, (), frozenset())
    keys = {rate.key for rate in rates}
    if "input_tokens" not in keys:
        raise UnknownPrice(f"{seller}/{info.id}의 토큰 단가가 가격표에 없습니다({SOURCE}).")
    ancestors = _get_registry().ancestor_usage_keys
    covered = frozenset(key for key in UNITS if key in keys or ancestors(key) & keys)
    return Rates(info.id, f"{SOURCE}의 {seller}", info.context_window, rates, covered)


def price_changes(model: str) -> list[datetime.date]:
    """모델의 값이 바뀐 날들입니다. 가격표에 없는 모델이면 비어 있습니다.

    >>> price_changes("o3")
    [datetime.date(2025, 6, 10)]
    """
    try:
        _, info = _find(model, None)
    except (UnknownPrice, ValueError):
        return []
    prices = info.prices if info and isinstance(info.prices, list) else []
    return [price.constraint.start_date for price in prices if isinstance(price.constraint, StartDateConstraint)]


def _find(model: str, provider: str | None) -> tuple[str, ModelInfo | None]:
    """(판매자, 가격표의 모델)입니다. 내 컴퓨터의 모델이면 가격표에 없으므로 `None`입니다."""
    seller, name = _seller(model, provider)
    if seller in LOCAL:
        return seller, None
    if info := _provider(seller).find_model(name):
        return seller, info
    raise UnknownPrice(f"{seller}의 가격표에 모델 {name!r}이(가) 없습니다.{_nearest(name)}")


def _prices(info: ModelInfo, day: datetime.date, context: Context) -> ModelPrice:
    at = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
    for key, value in context:  # genai-prices는 모르는 처리 방식을 표준 값으로 계산하므로 먼저 확인합니다
        known = [variant.constraint for variant in info.price_variants or () if variant.when == {key: value}]
        if not any(constraint is None or constraint.active(at) for constraint in known):
            since = f" {known[0].start_date}부터의 값만 압니다." if known else ""
            raise UnknownPrice(f"{info.id}의 {value} 요금({key})을 모릅니다({day}, {SOURCE}).{since}")
    if isinstance(info.prices, list) and any(isinstance(p.constraint, TimeOfDateConstraint) for p in info.prices):
        raise UnknownPrice(f"{info.id}는 시간대마다 값이 달라 날짜만으로는 계산할 수 없습니다.")
    return info.get_prices(at, dict(context) or None)


def _rates(prices: ModelPrice) -> list[Rate]:
    """좁은 종류(캐시에서 읽은 소리)가 넓은 종류(입력)보다 앞에 옵니다."""
    registry = _get_registry()
    ancestors = registry.ancestor_usage_keys
    units = [registry.unit_for_price_key(key) for key, price in vars(prices).items() if price is not None]
    units = [unit for unit in units if unit.dimensions["family"] in ("tokens", "tool_calls")]
    units.sort(key=lambda unit: -len(unit.dimensions))
    rates = []
    for unit in units:
        key, price = unit.usage_key, getattr(prices, unit.price_key)
        base, tiers = (price.base, price.tiers[::-1]) if isinstance(price, TieredPrices) else (price, [])
        parts = tuple(other.usage_key for other in units if key in ancestors(other.usage_key))
        wider = [other for other in units if other.usage_key in ancestors(key)]
        overlaps = tuple(
            (a.usage_key, b.usage_key)
            for a, b in combinations(wider, 2)
            if {**a.dimensions, **b.dimensions} == dict(unit.dimensions)
        )
        with decimal.localcontext(EXACT):
            scaled = tuple((tier.start, tier.price / unit.per) for tier in tiers)
            rates.append(Rate(key, unit.dimensions.get("direction"), base / unit.per, scaled, parts, overlaps))
    return rates


def _seller(model: str, provider: str | None) -> tuple[str, str]:
    """(가격표의 판매자, 거기서 쓰는 모델 이름)을 정합니다. 파는 곳이 여럿이면 고르지 않고 묻습니다."""
    if not isinstance(model, str) or not model.strip():
        raise ValueError(f"모델 이름을 글자로 주십시오. 예: model='gpt-4o-mini'. 받은 값: {model!r}")
    name = model.strip()
    head, _, rest = name.partition("/")
    if rest and head in (*SELLERS, *LOCAL, "huggingface") and provider in (None, head):
        if provider is None and name.startswith(("openai/gpt-oss", "google/gemma")):
            raise UnknownPrice(f"{name!r}는 공개 모델이라 파는 곳마다 값이 다릅니다. {_ask(_resellers(name))}")
        provider, name = head, rest
    if provider in LOCAL:
        return provider, name
    if provider in SELLERS:
        return SELLERS[provider], name.removeprefix("models/")
    base, _, route = name.rpartition(":")
    if base and _provider(f"huggingface_{route}", missing_ok=True):
        return f"huggingface_{route}", base
    if provider == "huggingface":
        others = [other for other in _resellers(name) if other.startswith("huggingface/")]
        raise UnknownPrice(f"Hugging Face는 추론 제공자마다 값이 다릅니다. {_ask(others)}")
    if provider is not None:
        return provider, name
    try:
        return get_snapshot().find_provider(name.lower(), None, None).id, name
    except LookupError:
        sellers = [seller for seller in ("openai", "groq") if _provider(seller).find_model(name)]
    if len(sellers) == 1:
        return sellers[0], name
    hint = f" {_ask(others)}" if (others := _resellers(name)) else _nearest(name)
    raise UnknownPrice(f"모델 {name!r}의 가격을 모릅니다.{hint} 내 컴퓨터의 모델이면 'local/{name}'로 적으십시오.")


def _provider(seller: str, missing_ok: bool = False) -> Provider | None:
    provider = next((provider for provider in get_snapshot().providers if provider.id == seller), None)
    if provider is None and not missing_ok:
        raise UnknownPrice(f"제공자 {seller!r}의 가격표가 없습니다({SOURCE}).")
    return provider


def _resellers(name: str) -> list[str]:
    """이 이름 그대로 파는 곳들을 `model=`에 적을 수 있는 꼴로 줍니다."""
    sellers = [p.id for p in get_snapshot().providers if any(m.id.lower() == name.lower() for m in p.models)]
    routes = [f"huggingface/{name}:{s.removeprefix('huggingface_')}" for s in sellers if s.startswith("huggingface_")]
    return [f"groq/{name}"] * ("groq" in sellers) + routes


def _ask(options: list[str]) -> str:
    if not options:
        return "이 모델은 가격표에 없습니다."
    more = f" 등 {len(options)}곳" if len(options) > 2 else ""
    return f"어디의 값인지 {' 또는 '.join(repr(option) for option in options[:2])}처럼 적으십시오{more}."


def _nearest(name: str) -> str:
    ids = [info.id for seller in set(SELLERS.values()) for info in _provider(seller).models]
    near = difflib.get_close_matches(name.lower(), sorted(ids), n=2)
    return f" 혹시 {' 또는 '.join(repr(n) for n in near)}입니까?" if near else ""


# --- 비용 -----------------------------------------------------------------------------------------------


@dataclass
class Cost:
    """계산한 비용입니다. 더하고(`a + b`, `sum(costs)`) 곱할(`cost * 1000`) 수 있습니다.

    Attributes:
        usd, input_usd, output_usd: 오차 없는 달러. `usd`에는 웹 검색처럼 토큰이 아닌 요금도 들어갑니다.
        input_tokens, output_tokens: 토큰 수. 입력에는 캐시가, 출력에는 추론이 들어 있습니다.
        model: 가격표의 모델 이름.
        price_date: 어느 날(UTC)의 값인지.
        source: 가격표의 이름과 버전.
        cached_tokens, reasoning_tokens: 입력 가운데 캐시에서 읽은 것, 출력 가운데 추론에 쓴 것.
        note: 어림이 섞였으면 그 설명.
    """

    usd: Decimal
    input_usd: Decimal
    output_usd: Decimal
    input_tokens: int
    output_tokens: int
    model: str
    price_date: datetime.date
    source: str
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    note: str = ""

    def __add__(self, other: Cost) -> Cost:
        if not isinstance(other, Cost):
            return self if other == 0 else NotImplemented  # sum()은 0에서 시작합니다
        with decimal.localcontext(EXACT):
            sums = {name: getattr(self, name) + getattr(other, name) for name in _AMOUNTS}
        texts = {name: _join(getattr(self, name), getattr(other, name)) for name in ("model", "source", "note")}
        return Cost(**sums, **texts, price_date=max(self.price_date, other.price_date))

    __radd__ = __add__

    def __mul__(self, times: int) -> Cost:
        times = whole_number(times, "곱하는 수")
        with decimal.localcontext(EXACT):
            return replace(self, **{name: getattr(self, name) * times for name in _AMOUNTS})

    __rmul__ = __mul__

    def __format__(self, spec: str) -> str:
        return format(self.usd, spec) if spec else str(self)

    def __str__(self) -> str:
        return f"{dollars(self.usd)}, {won(to_krw(self.usd))} ({self.model}, {self.price_date} 가격)"

    def _table(self) -> Table:
        tools = self.usd - self.input_usd - self.output_usd
        lines = [("입력", self.input_tokens, self.input_usd), ("출력", self.output_tokens, self.output_usd)]
        lines += [("도구", 0, tools)] * bool(tools)
        lines += [("합계", self.input_tokens + self.output_tokens, self.usd)]
        rows = [[name, self.model, f"{tokens:,}", digits(usd), won(to_krw(usd))] for name, tokens, usd in lines]
        krw = to_krw(self.usd)
        notes = [f"{self.price_date} 기준 가격({self.source}), {krw.basis}", f"1,000번이면 {won(krw * 1000)}"]
        return Table("비용", ["", "모델", "토큰", "USD", "KRW"], rows, notes + [self.note] * bool(self.note))

    def _repr_html_(self) -> str:
        return self._table().to_html()

    def _repr_markdown_(self) -> str:
        return self._table().to_markdown()


_AMOUNTS = (
    "usd", "input_usd", "output_usd", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens",
)  # fmt: skip


def _join(a: str, b: str) -> str:
    return ", ".join(dict.fromkeys(part for part in (*a.split(", "), *b.split(", ")) if part))


def calculate_cost(
    usage_or_response: Any,
    model: str | None = None,
    *,
    at: datetime.date | datetime.datetime | None = None,
    batch: bool = False,
) -> Cost:
    """응답 하나의 비용을 계산합니다. 제공자가 센 usage를 쓰므로 어림이 아니라 청구되는 값입니다.

    캐시에서 읽은 토큰과 쓴 토큰, 추론 토큰, 긴 문맥의 할증, 날짜에 따른 가격 변동을 셉니다. 응답을 주면 응답에
    적힌 처리 방식(flex, priority, batch)의 값으로 계산합니다.

    Args:
        usage_or_response: OpenAI, Anthropic, Hugging Face SDK의 응답이나 usage, 스트림의 결과, 또는 dict.
        model: 모델 이름. 주지 않으면 응답에 적힌 것을 씁니다. "groq/이름", "local/이름"처럼 제공자를 적을 수 있습니다.
        at: 어느 날의 가격인지. 시각에는 시간대가 있어야 합니다. 없으면 오늘(재생 중에는 카세트의 날짜)입니다.
        batch: Batch API로 보냈으면 `True`.

    Raises:
        UnknownPrice: 모델의 값을 모를 때. `LookupError`의 한 가지입니다.
        ValueError: usage를 읽을 수 없을 때.

    >>> cost = calculate_cost({"prompt_tokens": 1000, "completion_tokens": 200}, "gpt-4o-mini")
    >>> cost.usd == Decimal("0.00027"), cost.input_tokens
    (True, 1000)
    """
    usage, found, context = _open(usage_or_response)
    if model is None and (model := found) is None:
        raise ValueError("usage만으로는 값을 알 수 없습니다. 모델을 함께 주십시오. 예: calculate_cost(usage, 'gpt-4o-mini')")
    if batch:
        context["processing"] = "batch"
    # Groq의 모델 이름은 다른 곳과 같지만, 응답에는 Groq만 쓰는 이름이 있습니다.
    is_groq = "queue_time" in usage and not model.startswith(("huggingface/", *LOCAL))
    return price_call(usage, model, "groq" if is_groq else None, price_day(at), tuple(sorted(context.items())))


def price_call(usage: Any, model: str, provider: str | None, day: datetime.date, context: Context = ()) -> Cost:
    """제공자와 날짜를 아는 쪽(영수증)이 쓰는 `calculate_cost`입니다."""
    counts = normalize_usage(usage)
    rates = find_rates(model, provider, day, context)
    total, input_usd, output_usd = rates.price(counts)
    cached, reasoning = counts.get("cache_read_tokens", 0), counts.get("output_reasoning_tokens", 0)
    return Cost(
        total, input_usd, output_usd, counts["input_tokens"], counts["output_tokens"],
        rates.model, day, rates.source, cached, reasoning,
    )  # fmt: skip


def _open(source: Any) -> tuple[Mapping[str, Any], str | None, dict[str, str]]:
    """응답에서 (usage, 모델, 처리 방식)을 꺼냅니다. usage를 바로 받았으면 그대로 돌려줍니다."""
    fields = fields_of(source)
    if "prompt_tokens" in fields or "input_tokens" in fields:
        return fields, None, _processing(fields, {})
    usage = fields.get("usage") or fields.get("usage_metadata") or fields.get("usageMetadata")
    if not usage and (inner := fields.get("response") or fields.get("x_groq")) and not isinstance(inner, str):
        return _open(inner)  # Responses 스트림의 마지막 사건, 또는 Groq 스트림의 마지막 조각
    if not usage and not fields.keys().isdisjoint(("usage", "choices", "output", "content", "candidates")):
        raise ValueError(
            "응답에 usage가 없습니다. OpenAI 호환 스트림은 stream_options={'include_usage': True}로 요청해 마지막 "
            "조각을, Anthropic 스트림은 get_final_message()를 주십시오."
        )
    usage = fields_of(usage or source)
    model = fields.get("model") or fields.get("model_version") or fields.get("modelVersion")
    return usage, model, _processing(usage, _processing(fields, {}))


def _processing(fields: Mapping[str, Any], found: dict[str, str]) -> dict[str, str]:
    for name in ("service_tier", "speed", "inference_geo"):
        if (value := fields.get(name)) and value not in _STANDARD:
            found |= {"processing": "batch"} if value == "batch" else {name: value}
    return found


_STANDARD = ("auto", "default", "standard", "on_demand", "global", "not_available")


def price_day(at: datetime.date | datetime.datetime | None) -> datetime.date:
    """가격을 찾을 날(UTC)입니다. 시간대가 없는 시각은 어느 날인지 알 수 없어 오류입니다."""
    if at is None:
        return today()
    if isinstance(at, datetime.datetime):
        if at.tzinfo is None:
            raise ValueError(
                f"시간대가 없는 시각입니다: {at}. 가격은 UTC 날짜로 바뀌므로 at=datetime(..., tzinfo=ZoneInfo('Asia/Seoul'))"
                "처럼 시간대를 주거나 날짜만 주십시오."
            )
        return at.astimezone(datetime.UTC).date()
    if isinstance(at, datetime.date):
        return at
    raise ValueError(f"at은 날짜여야 합니다. 예: at=datetime.date(2026, 11, 21). 받은 값: {at!r}")


def calc_cost(input_text: str, output_text: str, model: str, num_service_call: int = 1) -> Cost:
    """주고받을 글만 가지고 비용을 어림합니다. 호출하기 전에 얼마가 들지 볼 때 씁니다.

    예전 강의 자료에 흔히 있던 `calc_cost`를 바로잡은 것입니다. 세 가지가 달라졌습니다.

    - 예전 식은 (입력 x 단가) **x** (출력 x 단가) x 횟수였습니다. 돈에 돈을 곱하면 몇 자리씩 틀립니다. 둘은 더합니다.
    - gpt-4.1을 `cl100k_base`로 세었습니다. 이제 `count_tokens`가 모델에 맞는 토크나이저를 고릅니다.
    - 단가를 코드에 적어 두어 낡고 틀렸습니다(o1이 그랬습니다). 이제 날짜가 있는 가격표를 씁니다.

    역할 표시처럼 글 밖에 붙는 몇 토큰과 추론 토큰은 글만 보고 알 수 없어 들어 있지 않습니다. 청구되는 값은 호출한
    뒤 `calculate_cost(response)`로 보십시오.

    Args:
        input_text: 보낼 글.
        output_text: 받을 글.
        model: 모델 이름.
        num_service_call: 같은 호출을 몇 번 하는지.

    >>> calc_cost("안녕하세요", "반갑습니다", "gpt-4o-mini", 1000).input_tokens
    2000
    """
    from .tokens import count_tokens

    counted = count_tokens(input_text, model), count_tokens(output_text, model)
    cost = calculate_cost({"input_tokens": int(counted[0]), "output_tokens": int(counted[1])}, model)
    return replace(cost, note=_join(counted[0].note, counted[1].note)) * num_service_call
