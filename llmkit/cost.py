"""호출 한 번의 값을 정확히 계산합니다: usage에 적힌 수에 그날의 단가를 곱합니다."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from .clock import today
from .krw import Krw, digits, dollars, to_krw, won
from .prices import EXACT, LOCAL, Context, find_rates
from .tables import Table
from .usage import fields_of, normalize_usage, whole_number


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

    @property
    def krw(self) -> Krw:
        """원화 금액입니다. 환율의 날짜가 붙어 있습니다."""
        return to_krw(self.usd)

    def __add__(self, other: Cost) -> Cost:
        if not isinstance(other, Cost):
            return self if other == 0 else NotImplemented  # sum()은 0에서 시작합니다
        with decimal.localcontext(EXACT):
            sums = {name: getattr(self, name) + getattr(other, name) for name in _AMOUNTS}
        return Cost(
            **sums,
            model=_join(self.model, other.model),
            price_date=max(self.price_date, other.price_date),
            source=_join(self.source, other.source),
            note=_join(self.note, other.note),
        )

    __radd__ = __add__

    def __mul__(self, times: int) -> Cost:
        times = whole_number(times, "곱하는 수")
        with decimal.localcontext(EXACT):
            return replace(self, **{name: getattr(self, name) * times for name in _AMOUNTS})

    __rmul__ = __mul__

    def __format__(self, spec: str) -> str:
        return format(self.usd, spec) if spec else str(self)

    def __str__(self) -> str:
        return f"{dollars(self.usd)}, {won(self.krw)} ({self.model}, {self.price_date} 가격)"

    def _table(self) -> Table:
        tools = self.usd - self.input_usd - self.output_usd
        lines = [("입력", self.input_tokens, self.input_usd), ("출력", self.output_tokens, self.output_usd)]
        lines += [("도구", 0, tools)] * bool(tools)
        lines += [("합계", self.input_tokens + self.output_tokens, self.usd)]
        rows = [[name, self.model, f"{count:,}", digits(usd), won(to_krw(usd))] for name, count, usd in lines]
        price = f"{self.price_date} 기준 가격({self.source}), {self.krw.basis}"
        notes = [price, f"같은 호출 1,000번이면 {won(self.krw * 1000)}"]
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
    model = found if model is None else model
    if not isinstance(model, str) or not model.strip():
        raise ValueError(f"모델 이름을 함께 주십시오. 예: calculate_cost(usage, 'gpt-4o-mini'). 받은 값: {model!r}")
    if batch:
        context["processing"] = "batch"
    # Groq의 모델 이름은 다른 곳과 같지만, 응답에는 Groq만 쓰는 이름이 있습니다.
    is_groq = "queue_time" in usage and not model.startswith(("huggingface/", *LOCAL))
    provider = "groq" if is_groq else None
    return price_call(usage, model, provider, price_day(at), tuple(sorted(context.items())))


def price_call(
    usage: Any, model: str, provider: str | None, day: datetime.date, context: Context = ()
) -> Cost:
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
