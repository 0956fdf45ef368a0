"""What is kept of customers and of places of the grid while rows are read, chunk by chunk.

Amounts are whole numbers of ten-thousandths; they are added up as float64 only where no sum can
reach 2^53, up to which these are whole numbers too.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from experiments.behavior.enrolled import Enrolled
from experiments.behavior.grid import BITS, Grid
from experiments.behavior.kinds import UNITS
from experiments.behavior.tally import WORD
from experiments.engines.overflow import too_large
from experiments.stats.exact_products import ExactProducts, Whole

FOLDED: Final = 1 << 12  # customers whose sums are put together at once
FLOAT: Final = 2.0**52  # what a float64 holds to the last unit, and half of it to spare
WORDS: Final = 2.0**61
AMOUNT: Final = 10**18
SPARSE: Final = 4  # places per customer and row from which on a table of all of them is dearer
LONG_AHEAD: Final = int(np.iinfo(np.int64).max)
MOST_NUMBERS: Final = 1 << 27  # between the first and the last: 4 bytes for each


class TooLarge(Exception):
    """Amounts of which the sums might not fit a word."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of rows: customer, measure, day, units, moment, whether an item is named."""

    customer: Whole
    measure: npt.NDArray[np.integer[Any]]
    day: npt.NDArray[np.int32]
    units: Whole
    recorded: Whole | None
    named: npt.NDArray[np.bool_] | None

    def part(self, rows: Any) -> "Rows":
        """Some of the rows."""
        return Rows(
            customer=self.customer[rows],
            measure=self.measure[rows],
            day=self.day[rows],
            units=self.units[rows],
            recorded=None if self.recorded is None else self.recorded[rows],
            named=None if self.named is None else self.named[rows],
        )


class Counted:
    """Rows per place, over all customers."""

    __slots__ = ("fractional", "recorded", "rows", "with_item")

    def __init__(self, grid: Grid) -> None:
        self.rows, self.fractional, self.with_item = (
            np.zeros(len(grid.code), np.int64) for _ in range(3)
        )
        self.recorded = LONG_AHEAD

    @property
    def recorded_at(self) -> datetime | None:
        """When the first of the dated rows was recorded."""
        if self.recorded == LONG_AHEAD:
            return None
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.recorded)


class Customers:
    """What is kept of customers, in order of their numbers, while their rows are read."""

    __slots__ = (
        *("arm", "arms", "enrolled", "first", "grid", "marks", "measure", "place", "size", "sums"),
    )

    def __init__(self, grid: Grid, enrolled: Enrolled, part: slice, *, words: int) -> None:
        number = enrolled.number[part]
        self.first = int(number[0])
        if number[-1] - self.first >= MOST_NUMBERS:
            raise TooLarge
        self.grid = grid
        self.enrolled = np.full(int(number[-1]) - self.first + 1, -1, np.int32)
        self.enrolled[number - self.first] = np.arange(len(number))
        # Where the places of the customer's cohort begin, so that a day can be added to it.
        self.place = (enrolled.cohort[part] * grid.days - grid.first_day).astype(np.int32)
        # First any other measure, whose places are the last.
        self.measure = np.roll(np.arange(grid.measures, dtype=np.int32), 1)
        self.measure *= len(grid.cohorts) * grid.days
        self.arm, self.arms = enrolled.arm[part], len(enrolled.arms)
        self.sums = np.zeros((len(number), grid.atoms), np.int64)
        self.marks = np.zeros((len(number), words * BITS), np.uint8)
        self.size = 0.0

    def add(self, rows: Rows, counted: Counted) -> None:
        """Take in rows; those of nobody enrolled are none.

        Raises:
            TooLarge: A sum might not fit 63 bits.
        """
        customer = self.enrolled[rows.customer - self.first]
        if customer.min(initial=0) < 0:
            known = customer >= 0
            rows, customer = rows.part(known), customer[known]
        place = self.measure[rows.measure]
        place += self.place[customer]
        place += rows.day
        _count(counted.rows, place)
        self._add_up(customer, place, rows.units)
        if self.marks.size:
            where = customer.astype(np.intp)
            where *= self.marks.shape[1]
            where += self.grid.mark[place]
            self.marks.reshape(-1)[where] = 1
        self._look_closer(rows, place, counted)

    def _add_up(self, customer: Any, place: Any, units: Whole) -> None:
        atom = self.grid.atom[place]
        some = np.flatnonzero(atom)
        if len(some) == 0:
            return
        amount = units[some].astype(np.float64)
        size = float(np.abs(amount).sum())
        self.size += size
        if self.size > WORDS:
            raise TooLarge
        who, many = customer[some], self.grid.atoms
        first, last = int(who.min()), int(who.max()) + 1
        where = (who - first).astype(np.intp)
        where *= many
        where += atom[some]
        mine = self.sums[first:last]
        if size < FLOAT and mine.size <= SPARSE * len(some):
            sums = np.bincount(where, weights=amount, minlength=mine.size)
            mine += sums.astype(np.int64).reshape(mine.shape)
        else:
            np.add.at(mine.reshape(-1), where, units[some])

    def _look_closer(self, rows: Rows, place: Any, counted: Counted) -> None:
        """Values that should be whole, items, and when the first row was recorded."""
        if self.grid.any_whole:
            there = np.flatnonzero(self.grid.whole[place])
            there = there[rows.units[there] != UNITS]  # an event is mostly one event
            _count(counted.fractional, place[there[rows.units[there] % UNITS != 0]])
        if rows.named is not None:
            _count(counted.with_item, place[self.grid.items[place] & rows.named])
        if rows.recorded is not None and rows.recorded.min(initial=LONG_AHEAD) < counted.recorded:
            dated = rows.recorded[self.grid.dated[place]]
            counted.recorded = min(counted.recorded, int(dated.min(initial=LONG_AHEAD)))

    def folded(self, periods: dict[int, ExactProducts]) -> list[Whole]:
        """Each sum of each customer; `periods` takes in the sums over periods.

        Raises:
            BadInput: A sum does not fit 18 digits.
        """
        found = [np.empty(len(self.sums), np.int64) for _ in self.grid.members]
        spread = {number: np.empty(len(self.sums), np.int64) for number in periods}
        parts = [*zip(found, self.grid.members, strict=True)]
        parts += [(spread[number], self.grid.in_period[number]) for number in periods]
        for start in range(0, len(self.sums), FOLDED):
            rows = slice(start, start + FOLDED)
            atoms = np.ascontiguousarray(self.sums[rows].T)
            for sums, members in parts:
                mine = sums[rows]
                mine[:] = 0
                for atom in members:
                    mine += atoms[atom]
        order = np.argsort(self.arm.astype(np.uint16), kind="stable")
        sizes = np.bincount(self.arm, minlength=self.arms)
        for number, products in periods.items():
            products.add([spread[number][order]], sizes)
        for sums in found:
            if (largest := max(int(sums.max(initial=0)), -int(sums.min(initial=0)))) >= AMOUNT:
                raise too_large(f"a customer's total has {len(str(largest))} digits")
        return found

    def words(self) -> list[Any]:
        """The marks, 62 of them in a whole number."""
        bits = self.marks.reshape(len(self.marks), -1, BITS)
        packed = np.packbits(bits, axis=2, bitorder="little").view(np.int64)[:, :, 0]
        return [pa.array(word & ((1 << WORD) - 1)) for word in packed.T]


def _count(counts: Whole, places: Any) -> None:
    if len(counts) <= SPARSE * len(places):
        counts += np.bincount(places, minlength=len(counts))
    else:
        np.add.at(counts, places, 1)
