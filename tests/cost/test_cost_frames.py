"""add_cost: 어느 표에서든 calculate_cost와 줄마다 같은 정수입니다."""

from __future__ import annotations

import datetime
import decimal
import random
from decimal import Decimal

import pytest

pl = pytest.importorskip("polars", reason="polars가 없습니다")
pd = pytest.importorskip("pandas", reason="pandas가 없습니다")

from llmkit.common.errors import UnknownPrice  # noqa: E402
from llmkit.cost.calculate import calculate_cost  # noqa: E402
from llmkit.cost.frames import add_cost, total_cost  # noqa: E402
from llmkit.cost.prices import FIRST_DAY  # noqa: E402

MODELS = [
    "gpt-6-luna", "claude-haiku-5-5", "gemini-2.5-flash-lite", "groq/openai/gpt-oss-20b", "gpt-4o", "o3",
    "gpt-5.6-luna", "claude-sonnet-4-6", "local/smollm2", "text-embedding-3-small", "gpt-99", None,
]  # fmt: skip
LENGTHS = [0, 1, 99_999, 100_000, 100_001, 200_000, 200_001, 271_999, 272_000, 272_001, 1_000_000]
NAMES = {"cached": "cached", "at": "day"}


def call_log(rows=4000):
    rng = random.Random(4)
    used = [rng.choice([*LENGTHS, rng.randint(0, 5000)]) for _ in range(rows)]
    return pl.DataFrame(
        {
            "row": range(rows),
            "model": [rng.choice(MODELS) for _ in range(rows)],
            "input_tokens": used,
            "output_tokens": [rng.choice([0, rng.randint(0, 3000)]) for _ in range(rows)],
            "cached": [rng.randint(0, tokens) for tokens in used],
            "day": [datetime.date(2025, 6, 8) + datetime.timedelta(rng.randint(0, 540)) for _ in range(rows)],
        }
    )


LOG = call_log()


def priced_one_by_one(log):
    for row in log.iter_rows(named=True):
        usage = {
            "input_tokens": row["input_tokens"],
            "output_tokens": row["output_tokens"],
            "cache_read_tokens": row["cached"],
        }
        try:
            yield int(calculate_cost(usage, row["model"] or "-", at=row["day"]).usd * 10**12)
        except UnknownPrice:
            yield None


WANT = list(priced_one_by_one(LOG))
TOTAL = Decimal(sum(filter(None, WANT))) / 10**12


def in_order(frame):
    """polars 표의 비용을 원래 줄 순서대로."""
    frame = frame.sort("row")
    costs, priced = frame["cost_pico_usd"].to_list(), frame["priced"].to_list()
    assert priced == [cost is not None for cost in costs]
    return costs


def test_polars_equals_calculate_cost_row_by_row():
    done = add_cost(LOG, **NAMES)
    assert in_order(done) == WANT and None in WANT and max(filter(None, WANT)) > 0
    assert done["cost_pico_usd"].dtype == pl.Int64 and done["priced"].dtype == pl.Boolean
    assert done.columns == [*LOG.columns, "cost_pico_usd", "priced"]


def test_polars_lazy_stays_lazy():
    done = add_cost(LOG.lazy(), **NAMES)
    assert isinstance(done, pl.LazyFrame) and in_order(done.collect()) == WANT


def pandas_log(zone="UTC"):
    log = LOG.to_pandas()
    log["day"] = pd.to_datetime(log["day"]).dt.tz_localize(zone)
    return log


@pytest.mark.parametrize("convert", [lambda log: log, lambda log: log.convert_dtypes()], ids=["numpy", "nullable"])
def test_pandas(convert):
    log = convert(pandas_log())
    done = add_cost(log, **NAMES)
    assert str(done["cost_pico_usd"].dtype) == "Int64"
    assert [None if cost is pd.NA else cost for cost in done["cost_pico_usd"]] == WANT
    assert done["priced"].tolist() == [cost is not None for cost in WANT]
    assert list(log.columns) == LOG.columns, "받은 표는 그대로 두어야 합니다"


def test_pandas_index_is_kept():
    log = pandas_log().sample(frac=1, random_state=0)
    done = add_cost(log, **NAMES)
    assert done.index.equals(log.index) and done["row"].tolist() == log["row"].tolist()


def test_duckdb():
    duckdb = pytest.importorskip("duckdb", reason="duckdb가 없습니다")
    done = add_cost(duckdb.from_arrow(LOG.to_arrow()), **NAMES)
    assert isinstance(done, duckdb.DuckDBPyRelation) and in_order(done.pl()) == WANT


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_dask():
    frames = pytest.importorskip("dask.dataframe", reason="dask가 없습니다")
    lazy = add_cost(frames.from_pandas(pandas_log(), npartitions=3), **NAMES)
    done = lazy.compute()
    assert str(done["cost_pico_usd"].dtype) == "Int64" and str(lazy["cost_pico_usd"].dtype) == "Int64"
    assert [None if cost is pd.NA else cost for cost in done["cost_pico_usd"]] == WANT
    assert total_cost(lazy).usd == TOTAL


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_pyspark():
    sql = pytest.importorskip("pyspark.sql", reason="pyspark가 없습니다")
    try:
        spark = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    except Exception as error:  # pyspark는 Java가 없으면 여러 종류의 예외를 냅니다
        pytest.skip(f"Spark를 시작할 수 없습니다: {error}")
    schema = "row long, model string, input_tokens long, output_tokens long, cached long, day date"
    done = add_cost(spark.createDataFrame(LOG.rows(), schema=schema), **NAMES)
    assert [row["cost_pico_usd"] for row in done.orderBy("row").collect()] == WANT
    assert total_cost(done).usd == TOTAL
    spark.stop()


def test_one_day_for_the_whole_log():
    day = datetime.date(2025, 6, 9)
    log = pl.DataFrame({"model": ["o3"], "input_tokens": [1_000_000], "output_tokens": [0]})
    assert add_cost(log, at=day)["cost_pico_usd"].item() == 10 * 10**12
    assert add_cost(log, at=day + datetime.timedelta(1))["cost_pico_usd"].item() == 2 * 10**12
    with pytest.raises(ValueError, match="시간대가 없는"):
        add_cost(log, at=datetime.datetime(2025, 6, 9))


def test_times_are_read_in_utc():
    hours = [datetime.datetime(2025, 6, 10, 8, 59), datetime.datetime(2025, 6, 10, 9, 0)]
    log = pl.DataFrame({"model": ["o3"] * 2, "input_tokens": [10**6] * 2, "output_tokens": [0] * 2, "at": hours})
    seoul = log.with_columns(pl.col("at").dt.replace_time_zone("Asia/Seoul"))
    assert add_cost(seoul, at="at")["cost_pico_usd"].to_list() == [10 * 10**12, 2 * 10**12]
    assert add_cost(seoul.to_pandas(), at="at")["cost_pico_usd"].tolist() == [10 * 10**12, 2 * 10**12]
    with pytest.raises(ValueError, match="시간대가 있는 시각"):
        add_cost(log, at="at")


ZONES = {
    "이름": lambda times: times.dt.tz_convert("Asia/Seoul"),
    "+09:00": lambda times: times.dt.tz_convert(datetime.timezone(datetime.timedelta(hours=9))),
    "-03:00": lambda times: times.dt.tz_convert(datetime.timezone(-datetime.timedelta(hours=3))),
    "UTC": lambda times: times,
}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("engine", ["pandas", "polars", "pyarrow", "duckdb"])
def test_every_kind_of_time_zone_is_read(zone, engine):
    times = pd.to_datetime(pd.Series(["2025-06-10T08:59:59+09:00", "2025-06-10T09:00:00+09:00"]), utc=True)
    log = pd.DataFrame({"model": "o3", "input_tokens": 10**6, "output_tokens": 0, "at": ZONES[zone](times)})
    if engine == "pandas":
        costs = add_cost(log, at="at")["cost_pico_usd"].tolist()
    elif engine == "duckdb":
        duckdb = pytest.importorskip("duckdb", reason="duckdb가 없습니다")
        arrow = pl.from_pandas(log).to_arrow()
        costs = add_cost(duckdb.from_arrow(arrow), at="at").pl().sort("at")["cost_pico_usd"].to_list()
    else:
        pa = pytest.importorskip("pyarrow", reason="pyarrow가 없습니다")
        table = pa.Table.from_pandas(log)
        done = add_cost(pl.from_arrow(table) if engine == "polars" else table, at="at")
        costs = (
            pl.from_arrow(done)["cost_pico_usd"].to_list() if engine == "pyarrow" else done["cost_pico_usd"].to_list()
        )
    assert costs == [10 * 10**12, 2 * 10**12]


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame], ids=["polars", "pandas"])
def test_text_is_no_time_and_the_message_says_what_to_do(make):
    log = make({"model": ["o3"], "input_tokens": [1], "output_tokens": [0], "at": ["2025-06-10T09:00:00+09:00"]})
    with pytest.raises(ValueError, match="to_datetime"):
        add_cost(log, at="at")


def test_before_the_first_known_day_a_row_is_not_priced():
    days = [datetime.date(2024, 6, 1), FIRST_DAY - datetime.timedelta(1), FIRST_DAY]
    log = pl.DataFrame({"model": ["gpt-4o"] * 3, "input_tokens": [10] * 3, "output_tokens": [0] * 3, "day": days})
    done = add_cost(log, at="day")
    assert done["priced"].to_list() == [False, False, True] and done["cost_pico_usd"].to_list()[:2] == [
        None,
        None,
    ]
    assert add_cost(log, at=days[0])["priced"].to_list() == [False] * 3


# --- 합계 ---


def dear(rows):
    """gpt-5-pro로 100만 토큰씩 쓴 호출: 한 줄이 120달러."""
    return pl.DataFrame({"model": ["gpt-5-pro"], "input_tokens": [0], "output_tokens": [10**6]}).select(
        pl.all().repeat_by(rows).explode()
    )


def test_a_plain_sum_wraps_and_total_cost_does_not():
    done = add_cost(dear(200_000))
    assert done["cost_pico_usd"].sum() != 24_000_000 * 10**12, "int64의 합이 넘치지 않는다면 total_cost도 필요 없습니다"
    total = total_cost(done)
    assert (total.usd, total.note) == (Decimal(24_000_000), "")


@pytest.mark.parametrize("engine", ["polars", "lazy", "pandas", "pyarrow", "duckdb"])
def test_total_cost_is_exact_on_every_engine(engine):
    frame = LOG
    if engine == "lazy":
        frame = LOG.lazy()
    elif engine == "pandas":
        frame = pandas_log()
    elif engine == "pyarrow":
        frame = LOG.to_arrow()
    elif engine == "duckdb":
        frame = pytest.importorskip("duckdb", reason="duckdb가 없습니다").from_arrow(LOG.to_arrow())
    total = total_cost(add_cost(frame, **NAMES))
    assert total.usd == TOTAL and f"모르는 {WANT.count(None):,}줄" in total.note


def test_the_total_shows_what_it_knows_and_no_more():
    total = total_cost(add_cost(LOG, **NAMES))
    assert (total.input_usd, total.input_tokens, total.price_date) == (None, None, None)
    for text in (str(total), total._repr_html_(), total._repr_markdown_()):
        assert f"표의 {4000 - WANT.count(None):,}줄" in text and "None" not in text
    both = total + calculate_cost({"prompt_tokens": 10, "completion_tokens": 0}, "gpt-4o")
    assert both.usd == TOTAL + Decimal("0.000025") and (both.input_usd, both.input_tokens) == (None, None)
    assert (total * 3).usd == TOTAL * 3
    with decimal.localcontext(prec=2):
        assert total_cost(add_cost(LOG, **NAMES)).usd == TOTAL


def test_the_total_of_nothing_is_zero():
    done = add_cost(dear(1)).clear()
    assert (total_cost(done).usd, total_cost(done).note) == (0, "")
    unknown = add_cost(dear(1).with_columns(model=pl.lit("?")))
    assert (total_cost(unknown).usd, total_cost(unknown).note) == (
        0,
        "요금을 모르는 1줄은 들어 있지 않습니다.",
    )


def test_a_table_that_did_not_come_from_add_cost_has_no_total():
    for bad in (
        LOG,
        pl.DataFrame({"cost_pico_usd": [1.0], "priced": [True]}),
        pl.DataFrame({"cost_pico_usd": [1]}),
    ):
        with pytest.raises(ValueError, match="add_cost가 준 표"):
            total_cost(bad)
    with pytest.raises(TypeError, match="표를 주세요"):
        total_cost([1, 2])


BAD = [None, -1, float("nan"), 0.5, float("inf"), 10**10]


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame], ids=["polars", "pandas"])
def test_a_row_that_cannot_be_priced_is_marked_and_not_zero(make):
    log = make({"model": ["gpt-4o"] * 7, "input_tokens": [1.0, *BAD], "output_tokens": [2.0] * 7})
    for done in (add_cost(log), add_cost(log, cached="output_tokens"), add_cost(log, cached="input_tokens")):
        costs = done["cost_pico_usd"].to_list()
        assert all(cost is None or cost is pd.NA for cost in costs[1:])
        assert list(done["priced"])[1:] == [False] * 6
    assert add_cost(log)["cost_pico_usd"].to_list()[0] == 22_500_000
    missing = make({"model": ["gpt-4o"], "input_tokens": [1], "output_tokens": [1], "day": [None]})
    if make is pl.DataFrame:
        assert add_cost(missing.with_columns(pl.col("day").cast(pl.Date)), at="day")["priced"].to_list() == [False]


def test_a_missing_day_is_not_priced_in_pandas():
    log = pandas_log().head(50).copy()
    log.loc[log.index[0], "day"] = pd.NaT
    done = add_cost(log, **NAMES)
    assert not done["priced"].iloc[0] and done["priced"].iloc[1:].tolist() == [cost is not None for cost in WANT[1:50]]


@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame], ids=["polars", "pandas"])
def test_an_empty_log(make):
    log = make({"model": [], "input_tokens": [], "output_tokens": []})
    log = log.cast({"model": pl.String, "input_tokens": pl.Int64, "output_tokens": pl.Int64}) if make is pl.DataFrame else (
        log.astype({"model": str, "input_tokens": int, "output_tokens": int})
    )  # fmt: skip
    assert len(add_cost(log)) == 0


def test_wrong_columns_are_named():
    with pytest.raises(ValueError, match="없는 열입니다: 'model'. 있는 열: m"):
        add_cost(pl.DataFrame({"m": ["a"]}))
    with pytest.raises(ValueError, match="'input_tokens'에는 수가"):
        add_cost(pl.DataFrame({"model": ["a"], "input_tokens": ["1"], "output_tokens": [1]}))
    with pytest.raises(ValueError, match="'input_tokens'에는 수가"):
        add_cost(pl.DataFrame({"model": ["a"], "input_tokens": [True], "output_tokens": [1]}))


def test_another_table_can_use_its_own_names():
    log = pl.DataFrame({"m": ["gpt-4o"], "in": [10], "out": [1]})
    done = add_cost(log, model="m", input_tokens="in", output_tokens="out")
    assert done["cost_pico_usd"].item() == int(
        calculate_cost({"input_tokens": 10, "output_tokens": 1}, "gpt-4o").usd * 10**12
    )


@pytest.mark.parametrize("name", ["cost_pico_usd", "priced", "Priced", "_llmkit_used"])
@pytest.mark.parametrize("make", [pl.DataFrame, pd.DataFrame], ids=["polars", "pandas"])
def test_a_column_of_the_user_is_never_overwritten(make, name):
    log = make({"model": ["gpt-4o"], "input_tokens": [10], "output_tokens": [1], name: ["내 것"]})
    with pytest.raises(ValueError, match=f"{name} 열이 이미 있어 덮어쓰지 않았습니다.*이름을 바꾸거나"):
        add_cost(log)


def test_what_is_no_frame_is_refused():
    with pytest.raises((TypeError, ValueError), match="pandas나 polars"):
        add_cost({"model": ["gpt-4o"]})


@pytest.mark.parametrize("kind", ["double[pyarrow]", "decimal"])
@pytest.mark.parametrize("engine", ["pandas", "pyarrow"])
def test_arrow_numbers_are_counted(kind, engine):
    pa = pytest.importorskip("pyarrow", reason="pyarrow가 없습니다")
    number = pa.decimal128(12, 2) if kind == "decimal" else pa.float64()
    counts = pa.array([Decimal(1000), None, Decimal("0.5")] if kind == "decimal" else [1000.0, None, 0.5], number)
    log = pa.table({"model": ["gpt-4o"] * 3, "input_tokens": counts, "output_tokens": [200] * 3})
    if engine == "pandas":
        log = log.to_pandas(types_mapper=pd.ArrowDtype)
    done = add_cost(log)
    done = done.to_pandas() if engine == "pyarrow" else done
    assert done["priced"].tolist() == [True, False, False] and int(done["cost_pico_usd"][0]) == 4_500_000_000


@pytest.mark.parametrize("name", [0, ("여러", "단계"), None])
def test_other_columns_may_have_any_name(name):
    log = pd.DataFrame({"model": ["gpt-4o"], "input_tokens": [1], "output_tokens": [1]})
    log[name] = "메모"
    assert add_cost(log)["priced"].tolist() == [True]
    with pytest.raises(ValueError, match="없는 열입니다: 'm'"):
        add_cost(log, model="m")


def test_what_names_no_single_column_is_refused():
    log = pd.DataFrame([["gpt-4o", 1, 1, 1]], columns=["model", "input_tokens", "output_tokens", "output_tokens"])
    with pytest.raises(ValueError, match="이름이 같은 열"):
        add_cost(log)
    for wrong in (None, ["model"]):
        with pytest.raises(ValueError, match="없는 열입니다"):
            add_cost(log.iloc[:, :3], model=wrong)


@pytest.mark.parametrize("zone", ["America/New_York", "Etc/GMT+9", "America/Argentina/Buenos_Aires"])
@pytest.mark.parametrize("arrow", [False, True])
def test_time_zones_with_marks_in_their_names_are_read_in_pandas(zone, arrow):
    times = pd.to_datetime(pd.Series(["2025-06-09T23:59:59", "2025-06-10"]), format="ISO8601", utc=True)
    log = pd.DataFrame({"model": "o3", "input_tokens": 10**6, "output_tokens": 0, "at": times.dt.tz_convert(zone)})
    log = log.convert_dtypes(dtype_backend="pyarrow") if arrow else log
    assert add_cost(log, at="at")["cost_pico_usd"].tolist() == [10 * 10**12, 2 * 10**12]


def test_a_frame_that_lost_its_unknown_rows_has_no_total():
    done = add_cost(pd.DataFrame({"model": ["gpt-4o", "??"], "input_tokens": 1000, "output_tokens": 200}))
    summed = done.groupby("input_tokens", as_index=False)[["cost_pico_usd", "priced"]].sum()
    for bad in (summed, pd.concat([done, pd.DataFrame({"model": ["z"]})])):
        with pytest.raises(ValueError, match="add_cost가 준 표"):
            total_cost(bad)


@pytest.mark.full
@pytest.mark.filterwarnings("error")
def test_dask_says_nothing_that_is_not_for_the_learner():
    frames = pytest.importorskip("dask.dataframe", reason="dask가 없습니다")
    lazy = add_cost(frames.from_pandas(pandas_log("America/New_York"), npartitions=2), **NAMES)
    assert len(lazy.compute()) == len(LOG)
