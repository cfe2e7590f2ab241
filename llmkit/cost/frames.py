"""호출 기록 표에 비용 열을 붙입니다. pandas든 polars든 DuckDB든 같은 식 하나로 계산합니다.

금액은 피코달러(1조분의 1달러) 정수입니다. 소수가 아니라 정수라서 백만 줄을 어떤 순서로 더해도 같은 금액입니다.

단가는 모델, 기간, 입력의 길이에 따라 정해집니다. 그 셋의 조합을 칸(cell)이라 하고, 줄마다 몇 번째 칸인지 번호를
매긴 다음 번호로 단가를 찾습니다.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals as nw

from ..common.clock import today
from ..common.errors import UnknownPrice
from .calculate import Cost
from .prices import EXACT, SOURCE, Rates, find_rates, price_day

COST, PRICED = "cost_pico_usd", "priced"
PICO = 10**12
_HALF = 10**9  # 합계를 낼 때 큰 자리와 작은 자리를 여기서 나눕니다. 90억 줄까지 넘치지 않습니다
_MOST = 10**9  # 한 줄의 토큰이 이보다 많으면 잘못된 수로 봅니다. 금액이 int64를 넘지 않게도 합니다
_USED, _HIT, _OUT, _CELL = _SCRATCH = [f"_llmkit_{name}" for name in ("used", "hit", "out", "cell")]  # 쓰고 지울 열


def add_cost(
    frame: Any,
    *,
    model: str = "model",
    input_tokens: str = "input_tokens",
    output_tokens: str = "output_tokens",
    cached: str | None = None,
    at: str | datetime.date | datetime.datetime | None = None,
) -> Any:
    """표에 `cost_pico_usd`(int64)와 `priced`(bool) 열을 붙여 같은 종류의 새 표로 돌려줍니다.

    줄마다 `calculate_cost`와 같은 금액입니다. 모델의 요금을 모르거나 토큰 수가 비었거나 음수이거나 정수가 아닌 줄은
    0이 아니라 빈 값(null)이고 `priced`가 `False`입니다. 합계는 `total_cost`로 구하세요.
    Args:
        frame: pandas나 polars, DuckDB, Dask, PySpark의 표. 지연 계산 표에서는 모델 열만 먼저 한 번 읽습니다.
        model, input_tokens, output_tokens, cached: 열 이름. 캐시에서 읽은 토큰(cached)은 입력에도 들어 있어야 합니다.
        at: 가격을 찾을 날짜. 날짜 하나, 또는 날짜나 시간대가 있는 시각이 든 열의 이름. 없으면 오늘입니다.

    Raises:
        TypeError, ValueError: 표가 아니거나, 열이 없거나, 종류가 다르거나, 붙일 열의 이름이 이미 쓰이고 있을 때.

    >>> import pandas as pd
    >>> log = pd.DataFrame({"model": ["gpt-4o-mini", "?"], "input_tokens": 1000, "output_tokens": 200})
    >>> add_cost(log)[["cost_pico_usd", "priced"]].values.tolist()
    [[270000000, True], [<NA>, False]]
    """
    table = _open(frame)
    schema = table.collect_schema()
    numbers = [input_tokens, cached, output_tokens]
    _check_columns(schema, [*filter(None, numbers)], [model, *([at] if isinstance(at, str) else [])])
    counts = dict(zip((_USED, _HIT, _OUT), [_tokens(name, schema) for name in numbers], strict=True))
    models = _names(table, model)
    days, period, dated = _periods(models, at, table)
    prices = [_known(name, day) for name in models for day in days]
    starts = sorted({start for rates in prices if rates for rate in rates.rates for start, _ in rate.tiers})
    place = _look_up(nw.col(model).cast(nw.String), models, range(len(models))) * len(days) + period
    cell = place * (len(starts) + 1) + _steps(counts[_USED], starts)
    table = table.with_columns(cell.alias(_CELL), **counts)
    cost, known = _cost([_pico(rates, start + 1) for rates in prices for start in (-1, *starts)])
    return _finish(table.with_columns(cost.alias(COST), (known & dated).alias(PRICED)).drop(_SCRATCH))


def total_cost(frame: Any) -> Cost:
    """`add_cost`가 준 표의 비용을 모두 더합니다. 어느 엔진에서든, 얼마나 크든 정확합니다.

    `cost_pico_usd`를 그냥 더하면 약 920만 달러부터 int64를 넘쳐 오류 없이 틀린 금액이 됩니다. 여기서는 큰 자리와
    작은 자리를 따로 더한 다음 파이썬의 정수로 합칩니다.

    Args:
        frame: `add_cost`가 준 표, 또는 그 표에서 줄을 고른 것. 지연 계산 표는 여기서 계산됩니다.

    Returns:
        `Cost`. 입력과 출력의 금액, 토큰 수, 가격 날짜는 `None`입니다. 요금을 모르는 줄은 합계에 없고 `note`가 말합니다.

    Raises:
        TypeError: 표가 아닐 때.
        ValueError: `add_cost`가 준 열이 없거나 정수가 아닐 때.

    >>> import pandas as pd
    >>> log = pd.DataFrame({"model": ["gpt-4o-mini", "?"], "input_tokens": 1000, "output_tokens": 200})
    >>> total_cost(add_cost(log)).usd == Decimal("0.00027"), total_cost(add_cost(log)).note
    (True, '요금을 모르는 1줄은 들어 있지 않습니다.')
    """
    table = _open(frame)
    schema = table.collect_schema()
    if COST not in schema or PRICED not in schema or not (schema[COST].is_integer() and schema[PRICED] == nw.Boolean):
        has = ", ".join(f"{name}({kind})" for name, kind in schema.items())
        raise ValueError(
            f"add_cost가 준 표를 그대로 주세요. {COST}(정수)와 {PRICED}(참/거짓) 열이 있어야 합니다. 있는 열: {has}"
        )
    pico = nw.col(COST)
    small = pico % _HALF
    sums = table.select(
        ((pico - small) // _HALF).sum().alias("large"),
        small.sum().alias("small"),
        nw.len().alias("rows"),
        nw.col(PRICED).cast(nw.Int64).sum().alias("priced"),
    )
    large, small, rows, priced = (int(value or 0) for value in _collect(sums).row(0))
    usd = EXACT.scaleb(Decimal(large * _HALF + small), -12)
    note = f"요금을 모르는 {rows - priced:,}줄은 들어 있지 않습니다." if rows > priced else ""
    return Cost(usd, None, None, None, None, f"표의 {priced:,}줄", None, SOURCE, None, None, note)


def _open(frame: Any) -> Any:
    try:
        with warnings.catch_warnings():  # Dask를 따로 설치하라는 narwhals의 안내는 학습자의 일이 아닙니다
            warnings.simplefilter("ignore", FutureWarning)
            table = nw.from_native(frame)
            table.collect_schema()
            return table
    except nw.exceptions.DuplicateError as error:
        raise ValueError(f"이름이 같은 열이 있습니다: {list(frame.columns)}") from error
    except TypeError as error:
        raise TypeError(f"pandas나 polars 같은 표를 주세요. 받은 값의 종류: {type(frame).__name__}") from error


def _collect(table: Any) -> Any:
    return table.collect() if isinstance(table, nw.LazyFrame) else table


def _names(table: Any, column: str) -> list[str]:
    """표에 나오는 모델의 이름들. 빈 이름도 넣어, 이름이 없는 표에서도 찾을 것이 있게 합니다."""
    names = _collect(table.select(nw.col(column).cast(nw.String)).unique()).get_column(column)
    return sorted({name for name in names.to_list() if isinstance(name, str)} | {""})


def _check_columns(schema: nw.Schema, numbers: list[str], others: list[str]) -> None:
    for name in (*others, *numbers):
        if name not in schema.names():
            raise ValueError(f"없는 열입니다: {name!r}. 있는 열: {', '.join(map(str, schema))}")
    for name in numbers:
        if not schema[name].is_numeric():
            raise ValueError(f"열 {name!r}에는 수가 있어야 합니다. 지금은 {schema[name]}입니다.")
    ours = (COST, PRICED, *_SCRATCH)
    if taken := [name for name in schema if str(name).lower() in ours]:  # DuckDB와 Spark는 대소문자를 가리지 않습니다
        raise ValueError(
            f"표에 {', '.join(taken)} 열이 이미 있어 덮어쓰지 않았습니다. 이름을 바꾸거나(rename) 지운(drop) 뒤 다시 부르세요."
        )


def _tokens(name: str | None, schema: nw.Schema) -> nw.Expr:
    """토큰 수 열. 비었거나 음수이거나 정수가 아니면 -1, 열을 주지 않았으면 0입니다."""
    if not name:
        return nw.lit(0).cast(nw.Int64)
    column = nw.col(name)
    if not schema[name].is_integer():
        column = column.cast(nw.Float64)
        column = nw.when(column == column.round()).then(column)
    return nw.when((column >= 0) & (column <= _MOST)).then(column).otherwise(nw.lit(-1)).cast(nw.Int64)


def _look_up(column: nw.Expr, keys: Iterable[Any], values: Iterable[int]) -> nw.Expr:
    """`keys`에 없는 값은 -1이 됩니다."""
    return column.replace_strict(list(keys), list(values), default=-1, return_dtype=nw.Int64)


def _steps(value: nw.Expr, starts: Iterable[Any], *, reached: bool = False) -> nw.Expr:
    """`starts` 가운데 몇 개를 넘었는지 셉니다."""
    count = nw.lit(0)
    for start in starts:
        passed = value >= nw.lit(start) if reached else value > start
        count = count + nw.when(passed).then(nw.lit(1)).otherwise(nw.lit(0))
    return count


def _periods(models: list[str], at: Any, table: Any) -> tuple[list[datetime.date], nw.Expr, nw.Expr]:
    """(기간마다 대표하는 날, 줄마다 몇 번째 기간인지, 날짜가 있는지)입니다."""
    if not isinstance(at, str):
        return [price_day(at)], nw.lit(0), nw.lit(True)
    known = [rates for name in models if (rates := _known(name, today()))]
    changes: list[Any] = sorted({day for rates in known for day in rates.changes})
    days = [datetime.date.min, *changes]
    kind = table.collect_schema()[at]
    if zone := _zone(table, at, kind):
        midnight = datetime.time(tzinfo=datetime.UTC)
        changes = [datetime.datetime.combine(day, midnight).astimezone(zone) for day in changes]
    elif kind != nw.Date:
        raise ValueError(
            f"열 {at!r}에는 날짜나 시간대가 있는 시각이 있어야 합니다(예: tz='Asia/Seoul'). 지금은 {kind}입니다. "
            "문자열이면 pd.to_datetime(..., utc=True)로 바꾸세요."
        )
    return days, _steps(nw.col(at), changes, reached=True), ~nw.col(at).is_null()


def _zone(table: Any, name: str, kind: nw.dtypes.DType) -> datetime.tzinfo | None:
    zone = getattr(kind, "time_zone", None)
    if kind == nw.Unknown and (table.implementation.is_pandas_like() or table.implementation.is_dask()):
        dtype = table.to_native()[name].dtype  # narwhals는 America/New_York처럼 밑줄이 든 시간대를 모릅니다
        zone = getattr(getattr(dtype, "pyarrow_dtype", dtype), "tz", None)
    try:
        return ZoneInfo(str(zone)) if zone else None
    except (ZoneInfoNotFoundError, ValueError):  # "+09:00" 같은 시차. 그런 열은 UTC의 시각과 바로 비교할 수 있습니다
        return datetime.UTC


def _known(model: str, day: datetime.date) -> Rates | None:
    try:
        return find_rates(model, None, day)
    except UnknownPrice:
        return None


def _pico(rates: Rates | None, length: int) -> tuple[int, int, int, int]:
    """입력이 `length`토큰일 때 (입력, 캐시, 출력) 한 개의 피코달러와, 무엇을 아는지입니다(0 없음, 1 입력만, 2 모두)."""
    if rates is None or not rates.rates:
        return 0, 0, 0, 2 if rates else 0
    usual = rates.find("input_tokens")
    kinds = usual, rates.find("cache_read_tokens") or usual, rates.find("output_tokens")
    exact = [EXACT.multiply(rate.at(length), PICO) if rate else Decimal(0) for rate in kinds]
    used, hit, out = map(int, exact)
    # 피코달러로 나누어떨어지지 않는 단가는 정수로 적을 수 없습니다
    return used, hit, out, 0 if [used, hit, out] != exact else 2 if kinds[2] else 1


def _cost(cells: list[tuple[int, int, int, int]]) -> tuple[nw.Expr, nw.Expr]:
    """(줄의 피코달러, 그것을 믿어도 되는지)입니다."""
    used, hit, out, cell = map(nw.col, _SCRATCH)
    columns = zip(*cells, strict=True)
    rate_in, rate_hit, rate_out, state = (_look_up(cell, range(len(cells)), values) for values in columns)
    sound = (used >= 0) & (out >= 0) & (hit >= 0) & (hit <= used)
    known = state > nw.when(out > 0).then(nw.lit(1)).otherwise(nw.lit(0))  # 출력이 없으면 입력의 단가만 알면 됩니다
    return (used - hit) * rate_in + hit * rate_hit + out * rate_out, sound & known


def _finish(table: Any) -> Any:
    """모르는 비용을 빈 값으로 만듭니다. 어느 엔진에서든 정수로 남아야 합니다."""
    if table.implementation.is_dask():  # pandas의 int64에는 빈 값을 둘 수 없어 실수가 됩니다
        native = table.to_native()
        return native.assign(**{COST: native[COST].astype("Int64").where(native[PRICED])})
    if isinstance(table, nw.DataFrame):  # 같은 이유로 Int64로 바꿉니다
        table = table.with_columns(nw.maybe_convert_dtypes(table.get_column(COST)))
    return table.with_columns(nw.when(nw.col(PRICED)).then(nw.col(COST)).alias(COST)).to_native()
