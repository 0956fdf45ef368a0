"""The tally of rows that this process reads itself: every row looks up its place in the grid.

Customers are taken in order of their numbers, and as many at once as fit the memory.
"""

from collections.abc import Iterator
from typing import Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from experiments.behavior.accumulate import Counted, Customers, Room, Rows, TooLarge
from experiments.behavior.enrolled import Enrolled, days_since_1970
from experiments.behavior.exact_sums import decimal, units_of
from experiments.behavior.grid import BITS, Grid
from experiments.behavior.kinds import AMOUNT_TYPE
from experiments.behavior.sums import DECIMALS
from experiments.behavior.tally import Asked, Spread, Tally, by_query, days_of
from experiments.engines.engine import Engine
from experiments.stats.exact_products import ExactProducts, Whole

ROWS: Final = 1 << 15  # so few that what is made of them stays in the processor's own memory
BYTES: Final = 1 << 27  # for what is kept of customers while rows are read


def _place(measures: list[str], measure: str) -> int:
    """The place of a measure in a list, from 1; nothing where it is not in it."""
    raise NotImplementedError  # the engine's own function answers


# A function alone, because DuckDB asks it once for each name in a dictionary of Parquet.
place_in = ibis.udf.scalar.builtin(_place, name="list_position")


def take_tally(engine: Engine, asked: Asked, *, behavior: ir.Table, enrolment: ir.Table) -> Tally:
    """Add up everything that was asked.

    Args:
        engine: Where the rows are.
        asked: What to add up.
        behavior: Rows of the ledger that may be read.
        enrolment: Columns `customer`, `arm`, `enrolled_at`, a row per customer.

    Raises:
        BadInput: A customer's sum does not fit 18 digits.
    """
    enrolled = Enrolled.read(engine, enrolment)
    days = None if enrolled is None else days_of(engine, behavior)
    if enrolled is not None and days is not None:
        grid = Grid.of(engine, asked, cohorts=enrolled.cohorts, days=days)
        if grid is not None:
            try:
                return _scattered(engine, asked, grid, enrolled, behavior=behavior)
            except TooLarge:
                pass
    return by_query(engine, asked, behavior=behavior, enrolment=enrolment)


def _scattered(
    engine: Engine, asked: Asked, grid: Grid, enrolled: Enrolled, *, behavior: ir.Table
) -> Tally:
    counted, words = Counted(grid), len(asked.words)
    periods = {number: ExactProducts(1) for number in grid.in_period}
    everybody = len(enrolled.number)
    sums = np.empty((len(asked.sums), everybody), np.int64)
    marks = np.empty((words, everybody), np.int64)
    many = min(everybody, max(1, BYTES // (8 * grid.atoms + BITS * words)))
    room = Room(grid, many, words=words)
    for start in range(0, everybody, many):
        part = slice(start, start + many)
        customers = Customers(grid, enrolled, part, room=room)
        for rows in _read(engine, asked, behavior, enrolled.number[part]):
            for at in range(0, len(rows.customer), ROWS):
                customers.add(rows.part(slice(at, at + ROWS)), counted)
        customers.fold(sums[:, part], periods)
        customers.words(marks[:, part])
    table = enrolled.rows
    for name, units in zip(asked.sums, sums, strict=True):
        table = table.append_column(name, _amounts(units))
    for name, word in zip(asked.words, marks, strict=True):
        table = table.append_column(name, pa.array(word))
    seen = grid.periods_seen(counted.rows)
    spread = {number: products.products() for number, products in periods.items()}
    return Tally(
        customers=engine.lend(table),
        counts=grid.counts(counted.rows, counted.fractional, counted.with_item),
        periods={
            (arm, number): Spread(decimal(of[0, 1], DECIMALS), decimal(of[1, 1], 2 * DECIMALS))
            for number, of_arms in spread.items()
            for arm, of in zip(enrolled.arms, of_arms, strict=False)
            if (arm, number) in seen
        },
        recorded_at=counted.recorded_at,
    )


def _read(engine: Engine, asked: Asked, behavior: ir.Table, numbers: Whole) -> Iterator[Rows]:
    wanted: dict[str, ir.Value] = {
        "customer": behavior.customer,
        "measure": place_in(list(asked.cells.measures), behavior.measure).fill_null(0),
        "day": behavior.occurred_at,
        "units": behavior.value.cast(AMOUNT_TYPE).fill_null(0),
    }
    if asked.dated is not None:
        wanted["recorded"] = behavior.recorded_at.cast("timestamp('UTC', 6)")
    if asked.items is not None:
        wanted["named"] = behavior.item.notnull()
    within = behavior.customer.between(int(numbers[0]), int(numbers[-1]))
    rows = behavior.filter(within & behavior.occurred_at.notnull()).select(**wanted)
    for batch in engine.scan(rows) or ():
        column = dict(zip(wanted, batch.columns, strict=True))
        yield Rows(
            customer=column["customer"].to_numpy(),
            measure=column["measure"].to_numpy(),
            day=days_since_1970(column["day"]),
            units=units_of(column["units"]),
            recorded=_moments(column["recorded"]) if "recorded" in column else None,
            named=column["named"].to_numpy(zero_copy_only=False) if "named" in column else None,
        )


def _amounts(units: Whole) -> pa.Array:
    return pa.Array.from_buffers(
        pa.decimal64(18, DECIMALS), len(units), [None, pa.py_buffer(units)]
    )


def _moments(column: pa.Array) -> Whole:
    moments: Whole = column.cast(pa.int64()).to_numpy()
    return moments
