"""호출 기록 표에 비용 열을 붙입니다. pandas든 polars든 DuckDB든 같은 식 하나로 계산합니다.

금액은 피코달러(1조분의 1달러) 정수입니다. 소수가 아니라 정수라서 백만 줄을 어떤 순서로 더해도 같은 값입니다.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

import narwhals as nw

from .clock import today
from .prices import Rates, find_rates, price_day
from .sellers import UnknownPrice

COST = "cost_pico_usd"
PICO = 10**12
_MOST = 10**9  # 한 줄의 토큰이 이보다 많으면 잘못된 값으로 봅니다. 금액이 int64를 넘지 않게도 합니다


def add_cost(
    frame: Any,
    *,
    model: str = "model",
    input_tokens: str = "input_tokens",
    output_tokens: str = "output_tokens",
    cached: str | None = None,
    at: str | datetime.date | datetime.datetime | None = None,
) -> Any:
    """표에 `cost_pico_usd`(int64)와 `priced`(bool) 열을 붙여 같은 종류의 표로 돌려줍니다.

    줄마다 `calculate_cost`와 같은 값입니다. 날짜에 따른 가격 변동, 캐시, 긴 문맥의 할증을 셉니다. 모델의 값을
    모르거나 토큰 수가 비었거나 음수이거나 정수가 아닌 줄은 0이 아니라 빈 값(null)이고 `priced`가 `False`입니다.

    Args:
        frame: pandas나 polars의 표, 또는 narwhals가 아는 지연 계산 표(polars LazyFrame, DuckDB, Dask, PySpark).
            지연 계산 표에서는 어떤 모델이 있는지 알아보느라 모델 열만 먼저 한 번 읽습니다.
        model, input_tokens, output_tokens: 열 이름. 입력에는 캐시에서 읽은 토큰이 들어 있어야 합니다.
        cached: 입력 가운데 캐시에서 읽은 토큰의 열 이름.
        at: 가격을 찾을 날짜. 날짜 하나, 또는 날짜나 시간대가 있는 시각이 든 열의 이름. 없으면 오늘입니다.

    Raises:
        ValueError: 열이 없거나 종류가 맞지 않을 때.

    >>> import pandas as pd
    >>> log = pd.DataFrame({"model": ["gpt-4o-mini", "?"], "input_tokens": 1000, "output_tokens": 200})
    >>> add_cost(log)[["cost_pico_usd", "priced"]].values.tolist()
    [[270000000, True], [<NA>, False]]
    """
    try:
        table = nw.from_native(frame)
    except TypeError as error:
        raise TypeError(f"pandas나 polars 같은 표를 주십시오. 받은 값의 종류: {type(frame).__name__}") from error
    schema = table.collect_schema()
    for name in (model, input_tokens, output_tokens, cached, at if isinstance(at, str) else None):
        if name is not None and name not in schema:
            raise ValueError(f"열 {name!r}이(가) 없습니다. 있는 열: {', '.join(schema.names())}")
    for name in (input_tokens, output_tokens, cached):
        if name is not None and not schema[name].is_numeric():
            raise ValueError(f"열 {name!r}에는 수가 있어야 합니다. 지금은 {schema[name]}입니다.")

    names = table.select(nw.col(model).cast(nw.String)).unique()
    names = names.collect() if isinstance(names, nw.LazyFrame) else names
    models = sorted({name for name in names.get_column(model).to_list() if isinstance(name, str)} | {""})

    # 단가는 모델, 기간, 입력의 길이에 따라 정해집니다. 그 셋에 번호를 하나 매기고 번호로 단가를 찾습니다.
    days, when, dated = _periods(models, at, schema)
    periods = [_known(name, day) for name in models for day in days]
    starts = sorted({start for rates in periods if rates for rate in rates.rates for start, _ in rate.tiers})
    cells = [_pico(rates, start + 1) for rates in periods for start in (-1, *starts)]

    def look_up(column: nw.Expr, keys: Iterable[Any], values: Iterable[int]) -> nw.Expr:
        return column.replace_strict(list(keys), list(values), default=-1, return_dtype=nw.Int64)

    # 중간 열을 하나씩 만들어 가면 같은 계산을 되풀이하지 않습니다.
    used, out, hit, cell, rate_in, rate_hit, rate_out = map(nw.col, _SCRATCH)
    code = look_up(nw.col(model).cast(nw.String), models, range(len(models)))
    columns = (
        _tokens(input_tokens, schema),
        _tokens(output_tokens, schema),
        _tokens(cached, schema) if cached else nw.lit(0).cast(nw.Int64),
        code * len(days) + when,
    )
    result = table.with_columns(column.alias(name) for column, name in zip(columns, _SCRATCH, strict=False))
    result = result.with_columns(cell * (len(starts) + 1) + _steps(used, starts))
    rates = zip(_SCRATCH[4:], zip(*cells, strict=True), strict=True)
    numbers = range(len(cells))
    result = result.with_columns(look_up(cell, numbers, values).alias(name) for name, values in rates)

    cost = (used - hit) * rate_in + hit * rate_hit + out * rate_out
    sound = (used >= 0) & (out >= 0) & (hit >= 0) & (hit <= used)
    known = (rate_in >= 0) & ((rate_out >= 0) | (out == 0))
    result = result.with_columns(cost.alias(COST), (sound & known & dated).alias("priced"))
    if isinstance(result, nw.DataFrame):  # pandas의 int64에는 빈 값을 둘 수 없어 Int64로 바꿉니다
        result = result.with_columns(nw.maybe_convert_dtypes(result.get_column(COST)))
    result = result.with_columns(nw.when(nw.col("priced")).then(nw.col(COST)).alias(COST))
    return result.drop(_SCRATCH).to_native()


_SCRATCH = [f"_llmkit_{name}" for name in ("used", "out", "hit", "cell", "rate_in", "rate_hit", "rate_out")]


def _tokens(name: str, schema: nw.Schema) -> nw.Expr:
    """토큰 수 열. 비었거나 음수이거나 정수가 아니면 -1입니다."""
    column = nw.col(name)
    sound = (column >= 0) & (column <= _MOST)
    if not schema[name].is_integer():
        sound = sound & (column % 1 == 0)
    return nw.when(sound).then(column).otherwise(nw.lit(-1)).cast(nw.Int64)


def _steps(value: nw.Expr, starts: Iterable[Any], *, reached: bool = False) -> nw.Expr:
    """`starts` 가운데 몇 개를 넘었는지 셉니다."""
    count = nw.lit(0)
    for start in starts:
        passed = value >= nw.lit(start) if reached else value > start
        count = count + nw.when(passed).then(nw.lit(1)).otherwise(nw.lit(0))
    return count


def _periods(models: list[str], at: Any, schema: nw.Schema) -> tuple[list[datetime.date], nw.Expr, nw.Expr]:
    """(기간마다 대표하는 날, 줄마다 몇 번째 기간인지, 날짜가 있는지)입니다."""
    if not isinstance(at, str):
        return [price_day(at)], nw.lit(0), nw.lit(True)
    kind = schema[at]
    known = [rates for name in models if (rates := _known(name, today()))]
    changes: list[Any] = sorted({day for rates in known for day in rates.changes})
    days = [datetime.date.min, *changes]
    if isinstance(kind, nw.Datetime) and kind.time_zone:
        zone, midnight = ZoneInfo(kind.time_zone), datetime.time(tzinfo=datetime.UTC)
        changes = [datetime.datetime.combine(day, midnight).astimezone(zone) for day in changes]
    elif kind != nw.Date:
        raise ValueError(f"열 {at!r}에는 날짜나 시간대가 있는 시각이 있어야 합니다(예: tz='Asia/Seoul'). 지금은 {kind}입니다.")
    return days, _steps(nw.col(at), changes, reached=True), ~nw.col(at).is_null()


def _known(model: str, day: datetime.date) -> Rates | None:
    try:
        return find_rates(model, None, day)
    except (UnknownPrice, ValueError):
        return None


def _pico(rates: Rates | None, length: int) -> tuple[int, ...]:
    """입력이 `length`토큰일 때 (입력, 캐시, 출력) 한 개의 피코달러입니다. 모르면 -1입니다."""
    if rates is None or not rates.rates:
        return (-1, -1, -1) if rates is None else (0, 0, 0)
    usual = rates.find("input_tokens")
    kinds = usual, rates.find("cache_read_tokens") or usual, rates.find("output_tokens")
    values = [rate.at(length) * PICO if rate else -1 for rate in kinds]
    # 피코달러로 나누어떨어지지 않는 단가는 정수로 적을 수 없습니다
    return tuple(map(int, values)) if not any(value % 1 for value in values) else (-1, -1, -1)
