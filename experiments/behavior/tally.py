"""What is asked of the rows of behavior, all of it at once.

Whether a row counts for a number depends on its measure, on its day, and on the arm and the
enrolment day of its customer, and on nothing else. There are few combinations of these, so that an
engine which reads the rows in this process looks at each combination once (`scatter.py`); a cluster
is asked for every row, in three questions (`by_query` below). Both give the same numbers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import ibis
import ibis.expr.types as ir

from experiments.behavior.accounts import joined
from experiments.behavior.cells import Cells
from experiments.behavior.kinds import AMOUNT_TYPE
from experiments.behavior.summaries import Summary
from experiments.engines.engine import Engine

Condition = Callable[[ir.Table], ir.BooleanValue]
Number = Callable[[ir.Table], ir.IntegerValue]
WORD = 62  # bits of a whole number that is positive on every engine


def _bits(marks: int) -> int:
    """Every bit that is set in some row."""
    raise NotImplementedError  # the engine's own function answers


# Ibis knows it of DuckDB alone; Spark has it under the same name.
bit_or = ibis.udf.agg.builtin(_bits, name="bit_or")


def word_of(mark: int) -> str:
    """The column that holds a mark, as its bit `mark % WORD`."""
    return f"marks_{mark // WORD}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to add up. Every function is given rows that lie in `cells`.

    Attributes:
        cells: The measures, and the windows.
        code: To which group of the counts a row belongs; a whole number from 0.
        sums: Per column, of which rows a customer's values are added up.
        bits: How many marks a customer may have.
        bit: Which of them a row sets, from 0; -1 for none.
        period: To which period of the calendar a row belongs, from 0; -1 for none.
        whole: Rows whose values are whole numbers if all is well.
        items: Rows of which it is counted how many name an item.
        dated: Rows of which it is wanted when the first was recorded.
    """

    cells: Cells
    code: Number
    sums: Mapping[str, Condition] = field(default_factory=dict)
    bits: int = 0
    bit: Number | None = None
    period: Number | None = None
    whole: Condition | None = None
    items: Condition | None = None
    dated: Condition | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The columns that hold the marks, `WORD` of them in each."""
        return tuple(word_of(at) for at in range(0, self.bits, WORD))


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of one code.

    Attributes:
        code: The group.
        rows: How many.
        first: Day of the oldest.
        last: Day of the newest.
        fractional: How many of those that should be whole are not.
        with_item: How many of those that were asked name an item.
    """

    code: int
    rows: int
    first: date
    last: date
    fractional: int = 0
    with_item: int = 0


@dataclass(frozen=True, slots=True)
class Spread:
    """Customers' sums over a period: their total, and the sum of their squares, in one arm."""

    total: Decimal
    squares: Decimal


@dataclass(frozen=True, slots=True)
class Tally:
    """What was added up.

    Attributes:
        customers: The enrolled customers with a DECIMAL(18, 4) column per sum and the words of
            their marks; 0 or nothing where a customer has no row.
        counts: Per code that some row has, in order.
        periods: Per arm and period with a row.
        recorded_at: When the first of the dated rows was recorded; None where there is none.
    """

    customers: ir.Table
    counts: tuple[Counts, ...]
    periods: Mapping[tuple[str, int], Spread]
    recorded_at: datetime | None


def by_query(engine: Engine, asked: Asked, *, behavior: ir.Table, enrolment: ir.Table) -> Tally:
    """Let the engine look at every row.

    Args:
        engine: Runs at most three queries.
        asked: What to add up.
        behavior: Rows of the ledger that may be read.
        enrolment: Columns `customer`, `arm`, `enrolled_at`, a row per customer.
    """
    numbered = behavior.mutate(measure_no=asked.cells.number(behavior))
    rows = asked.cells.put(joined(numbered, enrolment))
    counts, recorded_at = _counts(engine, asked, rows)
    totals: dict[str, ir.Value] = {
        name: rows.value.sum(where=where(rows)).cast(AMOUNT_TYPE)
        for name, where in asked.sums.items()
    }
    if asked.bit is not None:
        totals |= _marks(asked, asked.bit(rows))
    customers = rows.group_by("customer").agg(**totals)
    return Tally(
        customers=engine.keep(enrolment.left_join(customers, "customer").drop("customer_right")),
        counts=counts,
        periods={} if asked.period is None else _periods(engine, rows, asked.period(rows)),
        recorded_at=recorded_at,
    )


def _counts(
    engine: Engine, asked: Asked, rows: ir.Table
) -> tuple[tuple[Counts, ...], datetime | None]:
    rows = rows.mutate(code=asked.code(rows))
    wanted: dict[str, ir.Value] = {
        "rows": rows.count(),
        "first": rows.occurred_at.min(),
        "last": rows.occurred_at.max(),
    }
    # Asked of the rows that matter alone: to look for fractions is the dearest question of all.
    for name, where, is_such in (
        ("fractional", asked.whole, rows.value != rows.value.floor()),
        ("with_item", asked.items, rows.item.notnull()),
    ):
        if where is not None:
            wanted[name] = ibis.ifelse(where(rows), is_such, ibis.literal(value=False)).sum()
    if asked.dated is not None:
        wanted["recorded_at"] = rows.recorded_at.min(where=asked.dated(rows))
    found = engine.fetch(rows.group_by("code").agg(**wanted).order_by("code")).to_pylist()
    moments = [line.pop("recorded_at", None) for line in found]
    recorded_at = min((moment for moment in moments if moment is not None), default=None)
    return tuple(Counts(**line) for line in found), recorded_at


def _marks(asked: Asked, bit: ir.IntegerValue) -> dict[str, ir.Value]:
    # A cast, because on a cluster a bare 1 has 32 bits.
    one, none = ibis.literal(1).cast("int64"), ibis.literal(0).cast("int64")

    def within(at: int) -> ir.IntegerValue:
        inside = bit.between(at * WORD, at * WORD + WORD - 1)
        # On a cluster one shifts by nothing wider than 32 bits.
        return ibis.ifelse(inside, one << (bit - at * WORD).cast("int32"), none)

    return {name: bit_or(within(at)) for at, name in enumerate(asked.words)}


def _periods(
    engine: Engine, rows: ir.Table, period: ir.IntegerValue
) -> dict[tuple[str, int], Spread]:
    inside = rows.mutate(period=period).filter(lambda t: t.period >= 0)
    totals = inside.group_by(["customer", "arm", "period"]).agg(
        value=inside.value.sum().cast(AMOUNT_TYPE)
    )
    summary = Summary((("value",),))
    keys = ["arm", "period"]
    found = summary.read(engine.fetch(summary.expression(totals, by=keys)), by=keys)
    return {
        (arm, int(number)): Spread(sums.totals["value"], sums.products["value", "value"])
        for (arm, number), sums in found.items()
    }


@dataclass(frozen=True, slots=True)
class Days:
    """The days of the oldest and of the newest row, and how many rows there are."""

    first: date
    last: date
    rows: int


def days_of(engine: Engine, behavior: ir.Table) -> Days | None:
    """The days of a ledger; None where there is no row with a day.

    Asked for the first row by day and for the last, because an engine that knows the bounds of each
    part of a file then leaves nearly all of them unread.
    """
    days = behavior.select(day=behavior.occurred_at).filter(lambda rows: rows.day.notnull())
    first = days.order_by("day").limit(1).select(first="day")
    last = days.order_by(ibis.desc("day")).limit(1).select(last="day")
    counted = behavior.aggregate(rows=behavior.count())
    found = engine.fetch(first.cross_join(last).cross_join(counted)).to_pylist()
    return Days(**found[0]) if found else None
