"""호출 한 번의 값을 정확히 계산합니다.

가격표는 genai-prices가 가지고 있습니다. 여기서는 세 가지만 합니다. 제공자마다 이름이 다른 usage를 한 가지
이름으로 읽고(`read_usage`), 모델과 날짜에 맞는 단가를 한 번 찾아 기억해 두고(`find_rates`), 둘을 곱합니다.
모르는 것은 0이 아니라 오류입니다.
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
from numbers import Integral
from typing import Any

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices, TimeOfDateConstraint
from genai_prices.units import UnitDef, _get_registry

from .dates import today
from .krw import dollars, to_krw, won
from .tables import Table

UNITS = _get_registry().units
SOURCE = f"genai-prices {version('genai-prices')}"
FREE = "무료"

# 우리가 쓰는 제공자 이름 -> genai-prices의 이름. Hugging Face는 추론 제공자마다 따로라서 여기 없습니다.
SELLERS = {"openai": "openai", "anthropic": "anthropic", "gemini": "google", "google": "google", "groq": "groq"}
LOCAL = ("local", "ollama")

# genai-prices와 같은 정밀도. 노트북에서 `getcontext().prec`를 바꾸어도 금액이 달라지지 않습니다.
EXACT = decimal.Context(prec=28, rounding=decimal.ROUND_HALF_EVEN)


class UnknownPrice(LookupError):
    """가격을 알 수 없습니다. 모르는 값을 0으로 세지 않으려고 멈춥니다."""


# --- usage 읽기 -----------------------------------------------------------------------------------------

# 제공자가 쓰는 이름 -> genai-prices가 세는 이름. `None`은 과금과 무관한 값, "+"는 이미 센 값에 더하라는
# 뜻입니다. Anthropic의 input_tokens에는 캐시가 **빠져** 있어 더하고, OpenAI와 Gemini의 입력에는 이미 들어 있습니다.
_DETAILS = {
    "cached_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "cache_write_tokens_details": None,
    "reasoning_tokens": "output_reasoning_tokens",
    "thinking_tokens": "output_reasoning_tokens",
    "text_tokens": None,
    "accepted_prediction_tokens": None,
    "rejected_prediction_tokens": None,
}
_INPUT = _DETAILS | {f"{kind}_tokens": f"input_{kind}_tokens" for kind in ("audio", "image", "video")}
_OUTPUT = _DETAILS | {f"{kind}_tokens": f"output_{kind}_tokens" for kind in ("audio", "image", "video")}
_FIELDS: dict[str, Any] = {
    # OpenAI Chat Completions와 호환 서버(Groq, Hugging Face, Gemini)
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "prompt_tokens_details": _INPUT,
    "completion_tokens_details": _OUTPUT,
    "cached_tokens": "cache_read_tokens",
    "total_tokens": None,
    **dict.fromkeys(("queue_time", "prompt_time", "completion_time", "total_time")),  # Groq의 시간(초)
    **dict.fromkeys(("cost", "cost_details", "num_sources_used")),  # 중계 서비스가 덧붙이는 값
    # OpenAI Responses
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "input_tokens_details": _INPUT,
    "output_tokens_details": _OUTPUT,
    # Anthropic
    "cache_read_input_tokens": ("+input_tokens", "cache_read_tokens"),
    "cache_creation_input_tokens": ("+input_tokens", "cache_write_tokens"),
    "cache_creation": {
        "ephemeral_5m_input_tokens": "cache_write_5m_tokens",
        "ephemeral_1h_input_tokens": "cache_write_1h_tokens",
    },
    "server_tool_use": {"web_search_requests": "web_searches", "web_fetch_requests": None},
    # Gemini의 고유 API (camelCase도 snake_case로 바꾸어 읽습니다)
    "prompt_token_count": "input_tokens",
    "cached_content_token_count": "cache_read_tokens",
    "candidates_token_count": "+output_tokens",
    "thoughts_token_count": ("+output_tokens", "output_reasoning_tokens"),
    "tool_use_prompt_token_count": ("+input_tokens", "input_tool_tokens"),
    "total_token_count": None,
    "prompt_tokens_details[]": "input_{}_tokens",
    "cache_tokens_details[]": "cache_{}_read_tokens",
    "candidates_tokens_details[]": "output_{}_tokens",
    "tool_use_prompt_tokens_details[]": "+input_{}_tokens",
}
_UNKNOWN = object()


def read_usage(usage: Any) -> dict[str, int]:
    """제공자의 usage를 한 가지 이름으로 읽습니다.

    `input_tokens`에는 캐시에서 읽은 토큰과 캐시에 쓴 토큰이 들어 있고, `output_tokens`에는 추론 토큰이 들어
    있습니다. 나머지 이름은 그중 얼마인지를 나타냅니다.

    Args:
        usage: OpenAI, Anthropic, Hugging Face, Gemini의 usage 객체, 또는 같은 이름을 쓰는 dict.

    Returns:
        genai-prices의 이름과 토큰 수. 0인 항목도 들어 있습니다.

    Raises:
        ValueError: 모르는 이름에 수가 들어 있거나, 토큰 수가 0 이상의 정수가 아니거나, 입력 토큰이 없을 때.

    >>> read_usage({"prompt_tokens": 20, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 8}})
    {'input_tokens': 20, 'output_tokens': 5, 'cache_read_tokens': 8}
    >>> read_usage({"input_tokens": 12, "output_tokens": 5, "cache_read_input_tokens": 8})  # Anthropic
    {'input_tokens': 20, 'output_tokens': 5, 'cache_read_tokens': 8}
    """
    fields = _fields(usage)
    counts: dict[str, int] = {}
    extra: dict[str, int] = {}
    _collect(fields, _FIELDS, counts, extra)
    for key, tokens in extra.items():
        counts[key] = counts.get(key, 0) + tokens
    if "input_tokens" not in counts:
        found = ", ".join(map(str, fields)) or "없음"
        raise ValueError(
            f"usage에 입력 토큰이 없습니다(있는 이름: {found}). OpenAI 호환은 prompt_tokens와 completion_tokens, "
            "Responses와 Anthropic은 input_tokens와 output_tokens입니다. Anthropic 스트림이라면 "
            "get_final_message()의 usage를 쓰십시오."
        )
    counts.setdefault("output_tokens", 0)
    # Gemini의 OpenAI 호환 응답은 생각 토큰을 completion_tokens에서 빼고 total_tokens에만 넣습니다.
    total = fields.get("total_tokens")
    if total and "prompt_tokens" in fields:
        hidden = _count(total, "total_tokens") - counts["input_tokens"] - counts["output_tokens"]
        if hidden > 0:
            counts["output_tokens"] += hidden
            counts["output_reasoning_tokens"] = max(hidden, counts.get("output_reasoning_tokens", 0))
    return counts


def _fields(value: Any) -> Mapping[str, Any]:
    """dict이든 pydantic 모델이든 dataclass든 이름과 값으로 봅니다."""
    if isinstance(value, Mapping):
        return value
    fields = getattr(value, "__dict__", None)
    if fields is None or isinstance(value, type):
        raise ValueError(f"usage를 읽을 수 없습니다. 응답이나 response.usage, 또는 dict를 주십시오: {value!r}")
    return {**fields, **(getattr(value, "__pydantic_extra__", None) or {})}


def _collect(fields: Mapping[str, Any], names: Mapping[str, Any], counts: dict, extra: dict) -> None:
    for key, value in fields.items():
        if value is None:
            continue
        if isinstance(value, (list, tuple)):
            _collect_list(key, value, counts, extra)
            continue
        target = names.get(key, _UNKNOWN)
        if target is _UNKNOWN:
            target = names.get(_snake(key), key if key in UNITS and names is _FIELDS else _UNKNOWN)
        if target is None:
            continue
        if target is _UNKNOWN:
            if isinstance(value, Mapping) or hasattr(value, "model_fields_set"):
                _collect(_fields(value), {}, counts, extra)
            elif isinstance(value, (Integral, float)) and not isinstance(value, bool) and value:
                near = difflib.get_close_matches(str(key), [*names, *_FIELDS], n=1)
                hint = f" 혹시 {near[0]!r}입니까?" if near else " 무엇의 수인지 알 수 없어 값을 매기지 않습니다."
                raise ValueError(f"usage에 모르는 이름이 있습니다: {key!r}.{hint}")
        elif isinstance(target, dict):
            _collect(_fields(value), target, counts, extra)
        else:
            tokens = _count(value, key)
            for name in (target,) if isinstance(target, str) else target:
                _put(name, tokens, key, counts, extra)


def _put(name: str, tokens: int, key: str, counts: dict, extra: dict) -> None:
    if name[0] == "+":
        extra[name[1:]] = extra.get(name[1:], 0) + tokens
    elif counts.setdefault(name, tokens) != tokens:
        raise ValueError(f"usage에 같은 뜻의 값이 두 개 있고 서로 다릅니다: {name}은 {counts[name]}인데 {key}는 {tokens}")


def _collect_list(key: str, items: list | tuple, counts: dict, extra: dict) -> None:
    """Gemini는 종류(글, 소리, 그림)별 토큰을 목록으로 줍니다. Anthropic의 iterations도 목록입니다."""
    target = _FIELDS.get(_snake(key) + "[]")
    for item in map(_fields, items):
        if target:
            kind = str(getattr(item.get("modality"), "value", item.get("modality"))).lower()
            kind = "image" if kind == "document" else kind
            tokens = _count(item.get("tokenCount", item.get("token_count", 0)), key)
            name = target.format(kind).removeprefix("+")
            extra[name] = extra.get(name, 0) + tokens
        elif item.get("type") == "compaction":
            raise ValueError(
                "대화 압축(compaction)에 든 토큰은 usage의 합계에 들어 있지 않습니다. usage.iterations의 항목마다 "
                "따로 계산해서 더하십시오."
            )


def _snake(key: object) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in str(key))


def _count(value: Any, name: str) -> int:
    if not isinstance(value, bool):
        if isinstance(value, Integral) and value >= 0:
            return int(value)
        if isinstance(value, float) and value >= 0 and value.is_integer():
            return int(value)
    raise ValueError(f"{name}는 0 이상의 정수여야 합니다. 받은 값: {value!r}")


# --- 단가 찾기 ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rate:
    """한 종류(예: 캐시에서 읽은 입력 토큰)의 단가입니다. 단위는 1개당 달러입니다."""

    unit: UnitDef
    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...]  # (입력 토큰이 이 수를 넘으면, 모든 토큰이 이 단가), 큰 것부터
    parts: tuple[str, ...]  # 이 종류 안에 들어 있으면서 따로 값이 매겨지는 종류

    def at(self, input_tokens: int) -> Decimal:
        for start, price in self.tiers:
            if input_tokens > start:
                return price
        return self.base


@dataclass(frozen=True)
class Rates:
    """한 모델의 어느 날 단가입니다."""

    model: str
    source: str
    context_window: int | None
    rates: tuple[Rate, ...]  # 좁은 종류부터

    def price(self, counts: Mapping[str, int]) -> tuple[Decimal, Decimal, Decimal]:
        """(합계, 입력, 출력) 달러입니다. 웹 검색처럼 토큰이 아닌 것은 합계에만 들어 있습니다."""
        own: dict[str, int] = {}
        total = input_usd = output_usd = Decimal(0)
        input_tokens = counts["input_tokens"]
        with decimal.localcontext(EXACT):
            for rate in self.rates:
                key = rate.unit.usage_key
                own[key] = counts.get(key, 0) - sum(own[part] for part in rate.parts)
                if own[key] < 0:
                    raise ValueError(f"usage의 수가 서로 맞지 않습니다: {key}보다 그 안의 {', '.join(rate.parts)}가 많습니다.")
                usd = rate.at(input_tokens) * own[key]
                total += usd
                direction = rate.unit.dimensions.get("direction")
                if direction == "input":
                    input_usd += usd
                elif direction == "output":
                    output_usd += usd
        return total, input_usd, output_usd


@lru_cache(maxsize=4096)
def find_rates(
    model: str, provider: str | None, day: datetime.date, context: tuple[tuple[str, str], ...] = ()
) -> Rates:
    """모델의 단가를 가격표에서 찾습니다. 같은 것을 다시 찾으면 기억해 둔 것을 줍니다.

    Args:
        model: 모델 이름. "groq/openai/gpt-oss-20b"처럼 앞에 제공자를 적을 수 있습니다.
        provider: 제공자. 모르면 `None`이고 모델 이름에서 찾습니다.
        day: 어느 날(UTC)의 값인지.
        context: 표준이 아닌 처리 방식. 예: `(("processing", "batch"),)`.

    Raises:
        UnknownPrice: 모델이나 그 처리 방식의 값을 모를 때.
    """
    seller, name = _seller(model, provider)
    if seller in LOCAL:
        return Rates(name, f"{FREE}: 내 컴퓨터에서 실행합니다", None, ())
    info = _find_model(seller, name)
    at = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
    for key, value in context:
        options = [v for v in info.price_variants or () if v.when == {key: value}]
        if not any(v.constraint is None or v.constraint.active(at) for v in options):
            since = f" {options[0].constraint.start_date}부터의 값만 압니다." if options else ""
            raise UnknownPrice(f"{seller}/{info.id}의 {value}({key}) 요금은 {day}에 얼마인지 모릅니다.{since}")
    if not isinstance(info.prices, ModelPrice) and any(
        isinstance(p.constraint, TimeOfDateConstraint) for p in info.prices
    ):
        raise UnknownPrice(f"{seller}/{info.id}는 시간대마다 값이 달라 날짜만으로는 계산할 수 없습니다.")
    prices = info.get_prices(at, dict(context) or None)
    rates = tuple(_rates(prices))
    if not rates and "free of charge" in (info.price_comments or "").lower():
        return Rates(info.id, f"{FREE}: {SOURCE}의 설명", info.context_window, ())
    if not any(rate.unit.usage_key == "input_tokens" for rate in rates):
        raise UnknownPrice(f"{seller}/{info.id}의 토큰 단가가 가격표에 없습니다({SOURCE}). 다른 단위로 파는 모델입니다.")
    return Rates(info.id, f"{SOURCE}, {seller}", info.context_window, rates)


def _rates(prices: ModelPrice) -> list[Rate]:
    """가격표의 값을 1개당 단가로 바꿉니다. 좁은 종류(캐시에서 읽은 소리)가 넓은 종류(입력)보다 앞에 옵니다."""
    registry = _get_registry()
    units = [registry.unit_for_price_key(key) for key, price in vars(prices).items() if price is not None]
    units = [unit for unit in units if unit.dimensions["family"] in ("tokens", "tool_calls")]
    units.sort(key=lambda unit: -len(unit.dimensions))
    rates = []
    with decimal.localcontext(EXACT):
        for unit in units:
            price = getattr(prices, unit.price_key)
            base, tiers = (price.base, price.tiers) if isinstance(price, TieredPrices) else (price, [])
            inside = registry.ancestor_usage_keys
            rates.append(
                Rate(
                    unit,
                    base / unit.per,
                    tuple((tier.start, tier.price / unit.per) for tier in reversed(tiers)),
                    tuple(u.usage_key for u in units if unit.usage_key in inside(u.usage_key)),
                )
            )
    return rates


def _seller(model: str, provider: str | None) -> tuple[str, str]:
    """(genai-prices의 판매자, 그 판매자가 쓰는 모델 이름)을 정합니다. 둘 이상이 팔면 고르지 않고 묻습니다."""
    if not isinstance(model, str) or not model.strip():
        raise ValueError(f"모델 이름을 문자열로 주십시오. 예: model='gpt-6-luna'. 받은 값: {model!r}")
    name = model.strip()
    head, _, rest = name.partition("/")
    if provider is None and rest and (head in SELLERS or head in LOCAL or head == "huggingface"):
        if head in SELLERS and (others := _sellers_of(name)):
            raise UnknownPrice(f"{name!r}는 파는 곳마다 값이 다릅니다. 어디의 값인지 적으십시오: {', '.join(others)}")
        provider, name = head, rest
    if provider in LOCAL:
        return provider, name
    if provider in SELLERS:
        return SELLERS[provider], name.removeprefix("models/").removeprefix(f"{provider}/" if provider != "groq" else "")
    name, _, route = name.partition(":") if provider == "huggingface" or _is_route(name) else (name, "", "")
    if provider == "huggingface" or route:
        if _is_route(f":{route}"):
            return f"huggingface_{route}", name
        options = [seller for seller in _sellers_of(name) if seller.startswith("huggingface/")]
        where = f"추론 제공자를 적으십시오: {', '.join(options)}" if options else "가격표에 없는 모델입니다."
        raise UnknownPrice(f"Hugging Face의 {name!r}는 추론 제공자마다 값이 다릅니다. {where}")
    if provider is not None:
        return provider, name
    try:
        return get_snapshot().find_provider(name.lower(), None, None).id, name
    except LookupError:
        pass
    sellers = [seller for seller in ("openai", "groq") if _provider(seller).find_model(name)]
    if len(sellers) == 1:
        return sellers[0], name
    others = _sellers_of(name)
    where = f" 어디의 값인지 적으십시오: {', '.join(others)}." if others else _nearest(name)
    raise UnknownPrice(f"모델 {name!r}의 가격을 모릅니다.{where} 내 컴퓨터의 모델이면 'local/{name}'로 적으십시오.")


def _provider(seller: str) -> Any:
    for provider in get_snapshot().providers:
        if provider.id == seller:
            return provider
    raise UnknownPrice(f"제공자 {seller!r}의 가격표가 없습니다({SOURCE}).")


def _is_route(name: str) -> bool:
    route = name.rpartition(":")[2]
    return ":" in name and any(p.id == f"huggingface_{route}" for p in get_snapshot().providers)


def _sellers_of(name: str) -> list[str]:
    """이 이름 그대로 파는 곳을 `model=`에 적을 수 있는 꼴로 줍니다."""
    found = []
    for provider in get_snapshot().providers:
        if any(info.id.lower() == name.lower() for info in provider.models):
            if provider.id == "groq":
                found.append(f"groq/{name}")
            elif provider.id.startswith("huggingface_"):
                found.append(f"huggingface/{name}:{provider.id.removeprefix('huggingface_')}")
    return found


def _find_model(seller: str, name: str) -> ModelInfo:
    if info := _provider(seller).find_model(name):
        return info
    raise UnknownPrice(f"{seller}의 가격표에 모델 {name!r}이(가) 없습니다.{_nearest(name)}")


def _nearest(name: str) -> str:
    ids = [info.id for seller in ("openai", "anthropic", "google", "groq") for info in _provider(seller).models]
    near = difflib.get_close_matches(name.lower(), ids, n=3, cutoff=0.6)
    return f" 혹시 {', '.join(repr(n) for n in near)}입니까?" if near else ""


# --- 계산 -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """계산한 비용입니다. 더하고(`a + b`, `sum(costs)`) 곱할(`cost * 1000`) 수 있습니다.

    Attributes:
        usd, input_usd, output_usd: 달러. 오차 없는 `Decimal`입니다. `usd`에는 웹 검색처럼 토큰이 아닌 요금도 들어갑니다.
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
        with decimal.localcontext(prec=50):
            return Cost(
                self.usd + other.usd,
                self.input_usd + other.input_usd,
                self.output_usd + other.output_usd,
                self.input_tokens + other.input_tokens,
                self.output_tokens + other.output_tokens,
                _join(self.model, other.model),
                max(self.price_date, other.price_date),
                _join(self.source, other.source),
                self.cached_tokens + other.cached_tokens,
                self.reasoning_tokens + other.reasoning_tokens,
                _join(self.note, other.note),
            )

    __radd__ = __add__

    def __mul__(self, times: int) -> Cost:
        times = _count(times, "곱하는 수")
        with decimal.localcontext(prec=50):
            return replace(
                self,
                usd=self.usd * times,
                input_usd=self.input_usd * times,
                output_usd=self.output_usd * times,
                input_tokens=self.input_tokens * times,
                output_tokens=self.output_tokens * times,
                cached_tokens=self.cached_tokens * times,
                reasoning_tokens=self.reasoning_tokens * times,
            )

    __rmul__ = __mul__

    def __format__(self, spec: str) -> str:
        return format(self.usd, spec) if spec else str(self)

    def __str__(self) -> str:
        when = f"{self.price_date} 가격" if not self.source.startswith(FREE) else self.source
        return f"{dollars(self.usd)} ({won(to_krw(self.usd))}) · {self.model} · {when}"

    def _table(self) -> Table:
        def row(name: str, tokens: int | None, usd: Decimal) -> list[str]:
            return [name, self.model, "" if tokens is None else f"{tokens:,}", dollars(usd), won(to_krw(usd))]

        rows = [row("입력", self.input_tokens, self.input_usd), row("출력", self.output_tokens, self.output_usd)]
        if other := self.usd - self.input_usd - self.output_usd:
            rows.append(row("도구", None, other))
        rows.append(row("합계", self.input_tokens + self.output_tokens, self.usd))
        krw = to_krw(self.usd)
        notes = [f"{self.price_date} 기준 가격({self.source}), 환율 {krw.basis}", f"같은 호출 1,000번: {won(krw * 1000)}"]
        return Table("비용", ["", "모델", "토큰", "USD", "KRW"], rows, notes + [self.note] * bool(self.note))

    def _repr_html_(self) -> str:
        return self._table().to_html()

    def _repr_markdown_(self) -> str:
        return self._table().to_markdown()


def _join(a: str, b: str) -> str:
    return ", ".join(dict.fromkeys(part for part in (*a.split(", "), *b.split(", ")) if part))


def calculate_cost(
    usage_or_response: Any,
    model: str | None = None,
    *,
    at: datetime.date | datetime.datetime | None = None,
    batch: bool = False,
) -> Cost:
    """응답 하나의 비용을 계산합니다. 다 계산한 뒤의 usage를 쓰므로 어림이 아니라 청구되는 값입니다.

    캐시에서 읽은 토큰과 쓴 토큰, 추론 토큰, 긴 문맥의 할증, 날짜에 따른 가격 변동을 셉니다. 응답을 주면 응답에
    적힌 처리 방식(flex, priority, batch)의 값으로 계산합니다.

    Args:
        usage_or_response: OpenAI, Anthropic, Hugging Face SDK의 응답이나 usage, 스트림의 결과, 또는 dict.
        model: 모델 이름. 응답을 주면 응답에 적힌 것을 씁니다. "groq/...", "local/..."처럼 제공자를 앞에 적을 수 있습니다.
        at: 어느 날의 가격인지. 시각을 주려면 시간대가 있어야 합니다. 주지 않으면 오늘(재생 중에는 카세트의 날짜)입니다.
        batch: Batch API로 보냈으면 `True`.

    Returns:
        `Cost`.

    Raises:
        UnknownPrice: 모델의 값을 모를 때. `LookupError`입니다.
        ValueError: usage를 읽을 수 없을 때.

    >>> cost = calculate_cost({"prompt_tokens": 1000, "completion_tokens": 200}, "gpt-4o-mini")
    >>> cost.usd, cost.input_tokens
    (Decimal('0.00027'), 1000)
    """
    usage, found, context = _open(usage_or_response)
    model = model if model is not None else found
    if model is None:
        raise ValueError("어느 모델의 값인지 모릅니다. usage만 줄 때는 모델을 함께 주십시오. 예: calculate_cost(usage, 'gpt-6-luna')")
    if batch:
        context["processing"] = "batch"
    return price_call(usage, model, _provider_hint(usage_or_response, usage), _day(at), tuple(sorted(context.items())))


def price_call(
    usage: Any, model: str, provider: str | None, day: datetime.date, context: tuple[tuple[str, str], ...] = ()
) -> Cost:
    """usage 하나의 값입니다. 제공자를 아는 쪽(영수증)은 이것을 씁니다."""
    counts = read_usage(usage)
    rates = find_rates(model, provider, day, context)
    if rates.rates:
        _refuse_uncovered(counts, rates)
        total, input_usd, output_usd = rates.price(counts)
    else:
        total = input_usd = output_usd = Decimal(0)
    return Cost(
        total, input_usd, output_usd, counts["input_tokens"], counts["output_tokens"], rates.model, day, rates.source,
        counts.get("cache_read_tokens", 0), counts.get("output_reasoning_tokens", 0),
    )  # fmt: skip


def _refuse_uncovered(counts: Mapping[str, int], rates: Rates) -> None:
    """값이 매겨지지 않은 것이 섞였거나, 겹치는 부분을 알 수 없으면 멈춥니다."""
    priced = {rate.unit.usage_key: rate for rate in rates.rates}
    used = [key for key, count in counts.items() if count]
    for key in used:
        if key not in priced and not _get_registry().ancestor_usage_keys(key) & priced.keys():
            raise UnknownPrice(f"{rates.model}의 {key} 값이 가격표에 없습니다({SOURCE}). 0으로 세지 않습니다.")
    for key, rate in priced.items():
        parents = [k for k in used if k in priced and k in _get_registry().ancestor_usage_keys(key)]
        narrow = [k for k in parents if not any(k in _get_registry().ancestor_usage_keys(o) for o in parents)]
        if key not in counts and len(narrow) > 1:
            raise ValueError(f"{' 와 '.join(narrow)}가 얼마나 겹치는지 알아야 합니다. usage에 {key}도 넣으십시오.")


def _open(source: Any) -> tuple[Any, str | None, dict[str, str]]:
    """응답이면 (usage, 모델, 처리 방식)을 꺼냅니다. usage를 바로 받았으면 그대로 돌려줍니다."""
    get = source.get if isinstance(source, Mapping) else lambda name: getattr(source, name, None)
    inner = get("response")  # Responses 스트림의 마지막 사건은 응답을 품고 있습니다
    if inner is not None and not isinstance(inner, str) and get("usage") is None:
        return _open(inner)
    usage = next((u for name in ("usage", "usage_metadata", "usageMetadata") if (u := get(name)) is not None), None)
    if usage is None and (groq := get("x_groq")) is not None:
        usage = _fields(groq).get("usage")
    if usage is None:
        if any(get(name) is not None for name in ("choices", "output", "content", "candidates")):
            raise ValueError(
                "응답에 usage가 없습니다. OpenAI 호환 스트림이면 stream_options={'include_usage': True}를 넣고 "
                "마지막 조각을, Anthropic 스트림이면 get_final_message()를 주십시오."
            )
        usage = source
    model = next((m for name in ("model", "model_version", "modelVersion") if (m := get(name))), None)
    context = {}
    for holder in (source, usage):
        fields = _fields(holder)
        for key in ("service_tier", "speed", "inference_geo"):
            value = fields.get(key)
            if value == "batch":
                context["processing"] = "batch"
            elif isinstance(value, str) and value not in _STANDARD:
                context[key] = value
    return usage, model, context


_STANDARD = ("", "auto", "default", "standard", "on_demand", "global", "not_available")


def _provider_hint(response: Any, usage: Any) -> str | None:
    """Groq의 응답은 모델 이름만으로는 Groq인지 알 수 없지만, Groq만 쓰는 값이 들어 있습니다."""
    return "groq" if "x_groq" in _fields(response) or "queue_time" in _fields(usage) else None


def _day(at: datetime.date | datetime.datetime | None) -> datetime.date:
    if at is None:
        return today()
    if isinstance(at, datetime.datetime):
        if at.tzinfo is None:
            raise ValueError(
                f"시간대가 없는 시각입니다: {at!r}. 가격은 UTC 날짜로 바뀝니다. "
                "datetime(..., tzinfo=ZoneInfo('Asia/Seoul'))처럼 시간대를 주거나 날짜만 주십시오."
            )
        return at.astimezone(datetime.UTC).date()
    if isinstance(at, datetime.date):
        return at
    raise ValueError(f"at은 날짜여야 합니다. 예: datetime.date(2026, 11, 21). 받은 값: {at!r}")


def calc_cost(input_text: str, output_text: str, model: str, num_service_call: int = 1) -> Cost:
    """입력과 출력의 글만 가지고 비용을 어림합니다. 호출하기 전에 얼마가 들지 볼 때 씁니다.

    예전 강의 자료에 흔히 있던 `calc_cost`를 바로잡은 것입니다. 세 가지가 달라졌습니다.

    - 예전 식은 (입력 × 단가) **×** (출력 × 단가)였습니다. 돈과 돈을 곱하면 몇 자릿수가 틀립니다. 둘은 더합니다.
    - gpt-4.1을 `cl100k_base`로 세었습니다. `count_tokens`가 모델에 맞는 토크나이저를 고릅니다.
    - 단가를 코드에 적어 두어 낡았습니다(아홉 개 중 하나는 처음부터 틀렸습니다). 날짜가 있는 가격표를 씁니다.

    역할 표시처럼 글 밖에 붙는 몇 토큰과 추론 토큰은 글에서 알 수 없으므로 들어 있지 않습니다. 실제 청구액은 호출한
    뒤 `calculate_cost(response)`로 보십시오.

    Args:
        input_text: 보낼 글.
        output_text: 받을 글.
        model: 모델 이름.
        num_service_call: 같은 호출을 몇 번 하는지.

    >>> calc_cost("안녕하세요", "반갑습니다", "gpt-4o-mini", 1_000_000).input_tokens
    2000000
    """
    from .tokens import count_tokens

    counted_in, counted_out = count_tokens(input_text, model), count_tokens(output_text, model)
    usage = {"input_tokens": int(counted_in), "output_tokens": int(counted_out)}
    note = _join(counted_in.note, counted_out.note)
    return replace(calculate_cost(usage, model), note=note) * num_service_call
