"""Exact sums: equal to rational arithmetic, whatever the threads, the files and the batches."""

import random
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from experiments.behavior.summaries import Summary
from experiments.behavior.sums import CUBE_LIMIT, Sums, add_up
from experiments.engines.engine import open_engine
from experiments.errors import BadInput
from experiments.stats.moments import Moments

AMOUNT = pa.decimal128(18, 4)
BOTH = Summary((("spend", "visits"),), cubed=("spend",))
UNSHRUNK = (Phase.explicit, Phase.generate)  # each example opens an engine
amounts = st.decimals(min_value=-(10**8), max_value=10**8, places=4, allow_nan=False)


def customers(spend: Sequence[Decimal], visits: Sequence[Decimal], arm: Sequence[str]) -> pa.Table:
    return pa.table(
        {"spend": pa.array(spend, AMOUNT), "visits": pa.array(visits, AMOUNT), "arm": arm}
    )


def sums_of(table: pa.Table, summary: Summary = BOTH) -> dict[tuple[str, ...], Sums]:
    with open_engine(threads=1) as engine:
        return summary.of(engine, ibis.memtable(table), by=["arm"])


def one_arm(values: Sequence[Decimal], summary: Summary) -> Sums:
    table = pa.table({"x": pa.array(values, AMOUNT), "arm": ["a"] * len(values)})
    return sums_of(table, summary)["a",]


@settings(max_examples=15, deadline=None, phases=UNSHRUNK)
@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=30))
def test_sums_equal_rational_arithmetic(rows: list[tuple[Decimal, Decimal]]) -> None:
    spend, visits = [row[0] for row in rows], [row[1] for row in rows]
    found = sums_of(customers(spend, visits, ["a"] * len(rows)))["a",]
    assert found.n == len(rows)
    assert Fraction(found.totals["spend"]) == sum(map(Fraction, spend))
    for one, other, pair in (
        (spend, spend, ("spend", "spend")),
        (visits, visits, ("visits", "visits")),
        (spend, visits, ("spend", "visits")),
    ):
        exact = sum(Fraction(a) * Fraction(b) for a, b in zip(one, other, strict=True))
        assert Fraction(found.products[pair]) == exact


@pytest.mark.parametrize("limit", [10, 1_000, 100_000, 100_000_000])
def test_sums_in_fewer_digits_are_the_same_to_the_last(limit: int) -> None:
    """On both sides of every limit from which on values need more digits."""
    below = Decimal(limit) - Decimal("0.0001")
    for largest in (below, Decimal(limit)):
        spend = [largest, -largest / 3, Decimal("0.3333"), Decimal(0)]
        spend = [value.quantize(Decimal("0.0001")) for value in spend]
        visits = [Decimal(at) for at in range(len(spend))]
        rows = ibis.memtable(customers(spend, visits, ["a"] * len(spend)))
        with open_engine(threads=1) as engine:
            wide = engine.fetch(BOTH.expression(rows, by=["arm"]))
            assert BOTH.of(engine, rows, by=["arm"]) == BOTH.read(wide, by=["arm"])


@settings(max_examples=15, deadline=None, phases=UNSHRUNK)
@given(
    st.lists(
        st.tuples(
            st.one_of(amounts, st.decimals(-2_000_000_000, 2_000_000_000, places=4)),
            amounts,
            st.sampled_from(["a", "b", None]),
            st.booleans(),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_rows_that_are_read_here_give_the_sums_of_the_engine(
    rows: list[tuple[Decimal, Decimal, str | None, bool, int]],
) -> None:
    """Cubes too, whose cuts are to the digit, on both sides of their limit; and any kind of key."""
    spend, visits, arm, paid, week = zip(*rows, strict=True)
    table = pa.table(
        {
            "spend": pa.array(spend, AMOUNT),
            "visits": pa.array(visits, AMOUNT),
            "arm": pa.array(arm, pa.string()),
            "paid": pa.array(paid),
            "week": pa.array(week, pa.int64()),
        }
    )
    summary = Summary((("spend", "visits"), ("visits",)), cubed=("spend", "visits"))
    with open_engine(threads=1) as engine:
        kept = engine.keep(ibis.memtable(table))
        for by in (["arm"], ["arm", "paid", "week"]):
            wide = engine.fetch(summary.expression(kept, by=by))
            assert summary.of(engine, kept, by=by) == summary.read(wide, by=by)


def test_whole_cubes_are_exact() -> None:
    """Cubes are cut to a few decimals, which whole numbers do not have."""
    values = [Decimal(value) for value in (-7, 0, 12, 999, 1_000_003)]
    found = one_arm(values, Summary((("x",),), cubed=("x",)))
    assert found.cubes["x"] == sum(value**3 for value in values)


def test_a_customer_worth_a_million_can_be_summed() -> None:
    """A product of two DECIMAL(18, 4) has up to 36 digits, and needs them from 100,000 on."""
    values = [Decimal("1000000.0001"), Decimal("99999999999999.9999"), Decimal("-0.0001")]
    found = one_arm(values, Summary((("x",),)))
    with_all_digits = sum(Fraction(value) ** 2 for value in values)
    assert Fraction(found.products["x", "x"]) == with_all_digits


def test_many_large_customers_still_have_a_third_moment() -> None:
    largest = Decimal(CUBE_LIMIT - 1)
    found = one_arm([largest] * 5_000, Summary((("x",),), cubed=("x",)))
    assert found.cubes["x"] == 5_000 * largest**3


@pytest.mark.parametrize("value", [CUBE_LIMIT, -CUBE_LIMIT])
def test_a_value_at_the_limit_has_no_cube_and_the_rest_stays(value: int) -> None:
    found = one_arm([Decimal(value), Decimal(2)], Summary((("x",),), cubed=("x",)))
    assert found.cubes["x"] is None
    assert found.totals["x"] == value + 2
    assert found.products["x", "x"] == Decimal(value) ** 2 + 4


@pytest.mark.parametrize("n", [101, 150, 180, 400])
def test_sums_that_do_not_fit_are_refused_in_words(n: int) -> None:
    """1e28 a customer: the sum leaves 38 digits at 100 customers, and 128 bits at 171."""
    with pytest.raises(BadInput, match="too large to be added up exactly"):
        one_arm([Decimal("99999999999999.9999")] * n, Summary((("x",),)))


def test_names_that_read_alike_when_joined_keep_their_own_sums() -> None:
    """Such as a b + c and a + b c; and a variable may be called like the count."""
    values = {"a": 2, "b c": 3, "a b": 5, "c": 7, "n": 11, "self": 13, "sum a": 17, "cube a": 19}
    table = pa.table(
        {
            **{name: pa.array([Decimal(value)], AMOUNT) for name, value in values.items()},
            "arm": ["one"],
        }
    )
    found = sums_of(table, Summary((tuple(values),), cubed=tuple(values)))["one",]
    assert found.totals == values
    assert found.cubes == {name: value**3 for name, value in values.items()}
    assert len(found.products) == len(values) * (len(values) + 1) // 2
    for (one, other), product in found.products.items():
        assert product == values[one] * values[other]


@settings(max_examples=10, deadline=None, phases=UNSHRUNK)
@given(st.lists(amounts, min_size=2, max_size=25), st.integers(0, 2**32))
@example([Decimal("-159048.7036"), Decimal("-99999999.8659")], 1)  # 29 digits, two batches
def test_batches_merged_in_any_order_give_the_same_sums(values: list[Decimal], seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - repeatable draws, no secrets
    batch = [str(rng.randrange(4)) for _ in values]
    whole = sums_of(customers(values, values[::-1], ["a"] * len(values)))["a",]
    parts = list(sums_of(customers(values, values[::-1], batch)).values())
    for _ in range(3):
        rng.shuffle(parts)
        assert add_up(parts) == whole


def test_an_unknown_cube_stays_unknown_when_added() -> None:
    known = Sums(1, {"x": Decimal(1)}, {("x", "x"): Decimal(1)}, {"x": Decimal(1)})
    unknown = Sums(1, {"x": Decimal(1)}, {("x", "x"): Decimal(1)}, {"x": None})
    assert known.plus(unknown).cubes == unknown.plus(known).cubes == {"x": None}


def test_threads_and_order_of_files_change_no_byte(tmp_path: Path) -> None:
    """20 repeats with 1, 2 and 4 threads, files in another order each time."""
    rng = np.random.default_rng(20261122)
    n, files = 120_000, []
    spend = np.where(rng.random(n) < 0.9, 0, rng.lognormal(3, 1.5, n)).round(4)
    visits = rng.poisson(2, n)
    for at in range(6):
        part = slice(at * n // 6, (at + 1) * n // 6)
        table = pa.table(
            {
                "spend": pa.array([Decimal(f"{value:.4f}") for value in spend[part]], AMOUNT),
                "visits": pa.array([Decimal(int(value)) for value in visits[part]], AMOUNT),
                "arm": np.where(rng.random(n // 6) < 0.5, "control", "mail"),
            }
        )
        files.append(tmp_path / f"{at}.parquet")
        pq.write_table(table, files[-1], row_group_size=5_000)
    seen = set()
    for repeat in range(20):
        order = [str(files[at]) for at in rng.permutation(6)]
        with open_engine(threads=(1, 2, 4)[repeat % 3]) as engine:
            rows = engine.table_of(order, pa.schema([]))
            found = BOTH.of(engine, rows, by=["arm"])
        seen.add(repr(found))
    assert len(seen) == 1
    total = sum(sums.totals["spend"] for sums in found.values())
    assert total == sum(Decimal(f"{value:.4f}") for value in spend)


def test_moments_from_sums_agree_with_numpy() -> None:
    rng = np.random.default_rng(5)
    x = rng.gamma(0.4, 30, 2_000).round(2)
    y = (0.3 * x + rng.normal(0, 4, 2_000)).round(2)
    sums = sums_of(
        customers(
            [Decimal(f"{v:.2f}") for v in x], [Decimal(f"{v:.2f}") for v in y], ["a"] * len(x)
        )
    )["a",]
    moments = sums.moments(["spend", "visits"])
    assert moments.means == pytest.approx((x.mean(), y.mean()), rel=1e-13)
    covariance = np.cov(x, y)
    assert moments.covariance("spend", "spend") == pytest.approx(covariance[0, 0], rel=1e-12)
    assert moments.covariance("spend", "visits") == pytest.approx(covariance[0, 1], rel=1e-12)
    skewness = ((x - x.mean()) ** 3).mean() / x.std() ** 3
    # A cube is taken from the square cut to four decimals and is cut itself.
    assert moments.sample("spend").skewness == pytest.approx(skewness, rel=1e-6)


@pytest.mark.parametrize(
    ("mean", "step"),
    [(Decimal(10) ** 13, Decimal("0.0001")), (-(Decimal(10) ** 9), Decimal("0.01"))],
)
def test_a_tiny_variance_around_a_large_mean_survives(mean: Decimal, step: Decimal) -> None:
    """Doubles would lose all of it: the squares have 30 digits, the variance lies in the last."""
    values = [mean + step * at for at in (0, 0, 0, 1, 1, 2, 5)]
    sums = one_arm(values, Summary((("x",),)))
    exact = [Fraction(value) for value in values]
    centre = sum(exact) / len(exact)
    variance = sum((value - centre) ** 2 for value in exact) / (len(exact) - 1)
    moments = sums.moments(["x"])
    assert moments.mean("x") == float(centre)
    assert moments.covariance("x", "x") == pytest.approx(float(variance), rel=1e-15)


def test_cubes_around_a_large_mean_are_exact() -> None:
    values = [10**9 + shift for shift in (0, 1, 1, 7)]
    moments = Moments.from_sums(
        ["x"],
        n=4,
        sums=[sum(values)],
        products=[[sum(v**2 for v in values)]],
        cubes=[sum(v**3 for v in values)],
    )
    centre = Fraction(sum(values), 4)
    assert moments.cubes[0] == float(sum((v - centre) ** 3 for v in values))
