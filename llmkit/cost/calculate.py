"""호출 한 번의 비용을 정확히 계산합니다: usage에 적힌 수에 그날의 단가를 곱합니다."""

from __future__ import annotations

import datetime
import decimal
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from ..common.tables import Table
from .krw import Krw, digits, dollars, to_krw, won
from .prices import EXACT, LOCAL, find_rates, price_day
from .usage import Usage, read, whole_number


@dataclass
class Cost:
    """계산한 비용입니다. 더하고(`a + b`, `sum(costs)`) 곱할(`cost * 1000`) 수 있습니다. 모르는 것은 `None`입니다."""

    usd: Decimal  # 오차 없는 달러. 웹 검색처럼 토큰이 아닌 요금도 들어갑니다
    input_usd: Decimal | None  # 그중 입력의 달러. 표의 합계(`total_cost`)처럼 나눌 수 없으면 None
    output_usd: Decimal | None
    input_tokens: int | None  # 캐시가 들어 있습니다
    output_tokens: int | None  # 추론이 들어 있습니다
    model: str  # 가격표의 모델 이름. 여러 모델의 합이면 쉼표로 이은 이름들
    price_date: datetime.date | None  # 어느 날(UTC)의 가격인지. 날마다 다른 것을 더했으면 None
    source: str  # 가격표의 이름과 버전
    cached_tokens: int | None = 0  # 입력 가운데 캐시에서 읽은 것
    reasoning_tokens: int | None = 0  # 출력 가운데 추론에 쓴 것
    note: str = ""  # 알아 두어야 할 것. 추정이 섞였거나, 종료된 모델이거나, 빠진 것이 있을 때
    # 더한 비용들의 (모델, 출처, 설명). 더하지 않은 비용이면 비어 있습니다.
    _parts: tuple[tuple[str, str, str], ...] = field(default=(), repr=False, compare=False)

    @property
    def krw(self) -> Krw:
        """원화 금액입니다. 환율의 날짜가 붙어 있습니다."""
        return to_krw(self.usd)

    def __add__(self, other: Cost) -> Cost:
        if not isinstance(other, Cost):
            return self if other == 0 else NotImplemented  # sum()은 0에서 시작합니다
        both = [cost._parts or ((cost.model, cost.source, cost.note),) for cost in (self, other)]
        parts = tuple(dict.fromkeys((*both[0], *both[1])))
        model, source, note = (", ".join(filter(None, dict.fromkeys(names))) for names in zip(*parts, strict=True))
        with decimal.localcontext(EXACT):
            sums = {name: _plus(getattr(self, name), getattr(other, name)) for name in _AMOUNTS}
        day = self.price_date if self.price_date == other.price_date else None
        return Cost(**sums, model=model, price_date=day, source=source, note=note, _parts=parts)

    __radd__ = __add__

    def __mul__(self, times: int) -> Cost:
        times = whole_number(times, "곱하는 수")
        with decimal.localcontext(EXACT):
            amounts = {name: value * times for name in _AMOUNTS if (value := getattr(self, name)) is not None}
        return replace(self, **amounts)

    __rmul__ = __mul__

    def __format__(self, spec: str) -> str:
        return format(self.usd, spec) if spec else str(self)

    def __str__(self) -> str:
        when = f"{self.price_date} 가격" if self.price_date else "줄마다 그날의 가격"
        return f"{dollars(self.usd)}, {won(self.krw)} ({self.model}, {when})"

    def _table(self) -> Table:
        lines = []
        if self.input_usd is not None and self.output_usd is not None:
            tools = self.usd - self.input_usd - self.output_usd
            lines = [("입력", self.input_tokens, self.input_usd), ("출력", self.output_tokens, self.output_usd)]
            lines += [("도구", 0, tools)] if tools else []
        lines.append(("합계", _plus(self.input_tokens, self.output_tokens), self.usd))
        rows = [
            [name, self.model, "-" if count is None else f"{count:,}", digits(usd), won(to_krw(usd))]
            for name, count, usd in lines
        ]
        when = f"{self.price_date} 기준" if self.price_date else "줄마다 그날의"
        each = "" if self.input_usd is None else f"같은 호출 1,000번이면 {won(self.krw * 1000)}"
        notes = [f"{when} 가격({self.source}), {self.krw.basis}", each, self.note]
        return Table("비용", ["", "모델", "토큰", "USD", "KRW"], rows, list(filter(None, notes)))

    def _repr_html_(self) -> str:
        return self._table().to_html()

    def _repr_markdown_(self) -> str:
        return self._table().to_markdown()


_AMOUNTS = "usd", "input_usd", "output_usd", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"


def _plus(a: Any, b: Any) -> Any:
    """모르는 수(`None`)에 무엇을 더해도 모르는 수입니다."""
    return None if a is None or b is None else a + b


def calculate_cost(
    usage_or_response: Any,
    model: str | None = None,
    *,
    at: datetime.date | datetime.datetime | None = None,
    batch: bool = False,
) -> Cost:
    """응답 하나의 비용을 계산합니다. 제공자가 센 usage를 쓰므로 추정이 아니라 청구되는 금액입니다.

    캐시에서 읽은 토큰과 쓴 토큰, 추론 토큰, 긴 입력의 할증, 날짜에 따른 가격 변동, 웹 검색 같은 도구를 셉니다.
    응답을 주면 응답에 적힌 처리 방식(flex, priority, batch)의 단가로 계산합니다. 단가는 genai-prices의 것입니다.

    Args:
        usage_or_response: OpenAI, Anthropic, Hugging Face SDK의 응답이나 usage, 스트림의 결과, LangChain의
            메시지, 또는 dict. 응답을 주어야 처리 방식과 도구를 알 수 있습니다.
        model: 모델 이름. 주지 않으면 응답에 적힌 것을 씁니다. "groq/이름", "local/이름"처럼 제공자를 적을 수 있습니다.
        at: 어느 날의 가격인지. 시각에는 시간대가 있어야 합니다. 없으면 오늘(재생 중에는 카세트의 날짜)입니다.
        batch: Batch API로 보냈으면 `True`.

    Returns:
        `Cost`. 금액은 오차 없는 `Decimal` 달러(`usd`)이고 원화는 `krw`입니다. 그날 이미 종료된 모델이면 `note`가 말합니다.

    Raises:
        UnknownPrice: 모델이나 처리 방식, 도구의 요금을 모를 때. `LookupError`의 한 가지입니다.
        ValueError: usage를 읽을 수 없을 때.

    >>> cost = calculate_cost({"prompt_tokens": 1000, "completion_tokens": 200}, "gpt-4o-mini")
    >>> cost.usd == Decimal("0.00027"), cost.input_tokens
    (True, 1000)
    """
    usage = read(usage_or_response)
    model = usage.model if model is None else model
    if not isinstance(model, str) or not model.strip():
        raise ValueError(f"모델 이름을 함께 주세요. 예: calculate_cost(usage, 'gpt-4o-mini'). 받은 값: {model!r}")
    return price(usage, model, None, price_day(at), batch=batch)


def price(usage: Usage, model: str, provider: str | None, day: datetime.date, *, batch: bool = False) -> Cost:
    """읽은 usage에 그날(UTC)의 단가를 곱합니다. `calculate_cost`와 영수증이 함께 쓰는 한 길입니다."""
    counts, context = usage.counts, usage.context
    if batch:
        context = tuple(sorted({**dict(context), "processing": "batch"}.items()))
    # Groq의 모델 이름은 다른 곳과 같지만, 응답에는 Groq만 쓰는 이름이 있습니다.
    if usage.provider and provider is None and not model.startswith(("huggingface/", *LOCAL)):
        provider = usage.provider
    rates = find_rates(model, provider, day, context)
    total, input_usd, output_usd = rates.price(counts)
    cached, reasoning = counts.get("cache_read_tokens", 0), counts.get("output_reasoning_tokens", 0)
    return Cost(
        total, input_usd, output_usd, counts["input_tokens"], counts["output_tokens"],
        rates.model, day, rates.source, cached, reasoning, rates.note,
    )  # fmt: skip


def calc_cost(input_text: str, output_text: str, model: str, num_service_call: int = 1) -> Cost:
    """주고받을 텍스트만 가지고 비용을 추정합니다. 호출하기 전에 얼마가 들지 볼 때 씁니다.

    예전 강의 자료의 `calc_cost`를 바로잡은 것입니다. 입력과 출력의 비용을 곱하지 않고 더하고, 모델에 맞는 토크나이저로
    세고(`count_tokens`), 날짜가 있는 가격표를 씁니다. 역할 표시처럼 텍스트 밖에 붙는 몇 토큰과 추론 토큰은 미리 알 수
    없어 들어 있지 않습니다. 청구되는 금액은 호출한 뒤 `calculate_cost(response)`로 확인하세요.

    Args:
        input_text, output_text: 보낼 텍스트와 받을 텍스트.
        model: 모델 이름.
        num_service_call: 같은 호출을 몇 번 하는지. 0 이상의 정수.

    Returns:
        모든 호출의 비용을 더한 `Cost`. 토크나이저를 가정했으면 `note`가 말합니다.

    Raises:
        UnknownPrice: 모델의 요금을 모를 때.
        ValueError: 횟수가 0 이상의 정수가 아니거나 텍스트를 셀 수 없을 때.

    >>> calc_cost("안녕하세요", "반갑습니다", "gpt-4o-mini", 1000).input_tokens
    2000
    """
    from .tokens import count_tokens

    sent, said = count_tokens(input_text, model), count_tokens(output_text, model)
    cost = calculate_cost({"input_tokens": int(sent), "output_tokens": int(said)}, model)
    notes = dict.fromkeys(filter(None, (cost.note, sent.note, said.note)))
    return replace(cost, note=", ".join(notes)) * num_service_call
