"""What is kept of customers and of places of the grid while rows are read, chunk by chunk.

Amounts are whole numbers of ten-thousandths. Indices are as wide as addresses and chunks small,
because NumPy looks up and adds in such, at some nanoseconds a row (`tests.benchmarks.ledger`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from experiments.behavior.enrolled import Enrolled
from experiments.behavior.grid import ATOM, BITS, IS_WHOLE, MARK, MARK_AT, Grid
from experiments.behavior.kinds import UNITS
from experiments.behavior.tally import WORD
from experiments.engines.overflow import too_large
from experiments.stats.exact_products import ExactProducts, Whole

FOLDED: Final = 1 << 16  # customers whose sums are put together at once
WORDS: Final = 2.0**61
AMOUNT: Final = 10**18
LONG_AHEAD: Final = int(np.iinfo(np.int64).max)
MOST_NUMBERS: Final = 1 << 27  # between the first and the last: 4 bytes for each


class TooLarge(Exception):
    """Amounts of which the sums might not fit a word."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns of rows.

    Attributes:
        customer: Their numbers.
        measure: Number of the measure, from 1; 0 for any other.
        day: Days since 1970.
        units: Amounts in ten-thousandths.
        recorded: Microseconds since 1970; None where nobody asks.
        named: Whether an item is named; None where nobody asks.
    """

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


class Room:
    """Memory for so many customers at once.

    Taken once and used again and again, because to get memory takes longer than to fill it.
    """

    __slots__ = ("_marks", "_sums")

    def __init__(self, grid: Grid, customers: int, *, words: int) -> None:
        self._sums = np.empty((grid.atoms, customers), np.int64)
        self._marks = np.empty((customers, words * BITS), np.uint8)

    def cleared(self, customers: int) -> tuple[Whole, Any]:
        """Sums, shape (atoms, customers), and marks, shape (customers, words * BITS); all 0."""
        atoms = len(self._sums)
        # One after the other, so that those of fewer customers lie together too.
        sums = self._sums.reshape(-1)[: atoms * customers].reshape(atoms, customers)
        marks = self._marks[:customers]
        sums[:], marks[:] = 0, 0
        return sums, marks


class Customers:
    """What is kept of customers, in order of their numbers, while their rows are read."""

    __slots__ = (
        *("arm", "arms", "enrolled", "first", "grid", "marks", "measure", "place", "size", "sums"),
    )

    def __init__(self, grid: Grid, enrolled: Enrolled, part: slice, *, room: Room) -> None:
        number = enrolled.number[part]
        self.first = int(number[0])
        if number[-1] - self.first >= MOST_NUMBERS:
            raise TooLarge
        self.grid = grid
        self.enrolled = np.full(int(number[-1]) - self.first + 1, -1, np.int32)
        self.enrolled[number - self.first] = np.arange(len(number))
        # Where the places of the customer's cohort begin, so that a day can be added to it.
        self.place = enrolled.cohort[part] * grid.days - grid.first_day
        # First any other measure, whose places are the last.
        self.measure = np.roll(np.arange(grid.measures), 1) * (len(grid.cohorts) * grid.days)
        self.arm, self.arms = enrolled.arm[part], len(enrolled.arms)
        self.sums, self.marks = room.cleared(len(number))
        self.size = 0.0

    def add(self, rows: Rows, counted: Counted) -> None:
        """Take in rows; those of nobody enrolled are none.

        Raises:
            TooLarge: A sum might not fit 63 bits.
        """
        customer = self.enrolled.take(rows.customer - self.first).astype(np.int64)
        if customer.min(initial=0) < 0:
            known = customer >= 0
            rows, customer = rows.part(known), customer[known]
        place = self.place.take(customer)
        place += self.measure.take(rows.measure)
        place += rows.day
        np.add.at(counted.rows, place, 1)
        means = self.grid.means.take(place)
        self._add_up(customer, means & ATOM, rows.units)
        if self.marks.size:
            where = customer * self.marks.shape[1]
            where += (means >> MARK_AT) & MARK
            self.marks.reshape(-1)[where] = 1
        self._look_closer(rows, place, means, counted)

    def _add_up(self, customer: Whole, atom: Any, units: Whole) -> None:
        some = np.flatnonzero(atom.astype(np.bool_))
        amount = units.take(some)
        self.size += float(np.abs(amount).sum(dtype=np.float64))
        if self.size > WORDS:
            raise TooLarge
        where = atom.take(some).astype(np.int64)
        where *= self.sums.shape[1]
        where += customer.take(some)
        np.add.at(self.sums.reshape(-1), where, amount)

    def _look_closer(self, rows: Rows, place: Whole, means: Any, counted: Counted) -> None:
        """Values that should be whole, items, and when the first row was recorded."""
        there = np.flatnonzero((means & IS_WHOLE).astype(np.bool_))
        # An event is mostly one event, and a remainder is slow to come by.
        there = there[rows.units.take(there) != UNITS]
        np.add.at(counted.fractional, place[there[rows.units[there] % UNITS != 0]], 1)
        if rows.named is not None:
            np.add.at(counted.with_item, place[self.grid.items[place] & rows.named], 1)
        if rows.recorded is not None and rows.recorded.min(initial=LONG_AHEAD) < counted.recorded:
            dated = rows.recorded[self.grid.dated[place]]
            counted.recorded = min(counted.recorded, int(dated.min(initial=LONG_AHEAD)))

    def fold(self, into: Whole, periods: Mapping[int, ExactProducts]) -> None:
        """Put together each sum of each customer, and take in the sums over periods.

        Args:
            into: Takes the sums, shape (sums, customers).
            periods: Of each period, the products of sums per arm.

        Raises:
            BadInput: A sum does not fit 18 digits.
        """
        for start in range(0, len(self.arm), FOLDED):
            rows = slice(start, start + FOLDED)
            atoms, arm = self.sums[:, rows], self.arm[rows]
            for line, members in zip(into, self.grid.members, strict=True):
                _add_together(atoms, members, line[rows])
            order = np.argsort(arm.astype(np.uint16), kind="stable")
            sizes = np.bincount(arm, minlength=self.arms)
            total = np.empty(len(arm), np.int64)
            for number, products in periods.items():
                _add_together(atoms, self.grid.in_period[number], total)
                products.add([total[order]], sizes)
        if (largest := max(int(into.max(initial=0)), -int(into.min(initial=0)))) >= AMOUNT:
            raise too_large(f"a customer's total has {len(str(largest))} digits")

    def words(self, into: Whole) -> None:
        """Put the marks, 62 of them in a whole number, into the shape (words, customers)."""
        bits = self.marks.reshape(len(self.marks), -1, BITS)
        packed = np.packbits(bits, axis=2, bitorder="little").view(np.int64)[:, :, 0]
        np.bitwise_and(packed.T, (1 << WORD) - 1, out=into)


def _add_together(atoms: Whole, members: Whole, into: Whole) -> None:
    into[:] = atoms[members[0]] if len(members) else 0
    for atom in members[1:]:
        into += atoms[atom]
