"""Every combination of measure, cohort and day, and what a row in it counts for.

A cohort is the customers of an arm who were enrolled on the same day. The engine evaluates the
conditions of `Asked` on a row per combination; rows of the ledger then only look up their place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from experiments.behavior.accounts import with_day
from experiments.behavior.enrolled import EPOCH
from experiments.behavior.tally import WORD, Asked, Counts, Days
from experiments.engines.engine import Engine
from experiments.stats.exact_products import Whole

Flags = npt.NDArray[np.int8]
MOST_PLACES: Final = 1 << 23
FEW_PLACES: Final = 1 << 18
MOST_COMBINATIONS: Final = 1 << 60
# Marks lie in words of 62 bits, each at the end of 8 bytes; this one is read by nobody.
NO_MARK: Final = WORD
BITS: Final = 64
# What a row means, in one number, because one lookup is less than three.
ATOM: Final = (1 << 15) - 1
MARK_AT: Final = 15
MARK: Final = (1 << 15) - 1
IS_WHOLE: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Grid:
    """What a row counts for, by its place: (measure, cohort, day) counted through.

    Attributes:
        cohorts: Arm and day of enrolment of each.
        first_day: The first day, as days since 1970.
        days: How many days there are.
        code: Group of the counts, shape (places,).
        means: Which sums the row belongs to, as the number of an atom, 0 where to none; from bit
            `MARK_AT` on, where its mark lies among the marks of its customer; `IS_WHOLE` where its
            value is to be whole.
        atoms: How many atoms there are, that of rows which belong to no sum among them.
        members: Per sum, the atoms of which it consists.
        in_period: Per period, its atoms.
        period: Per place; -1 for none.
        items: Whether named items are counted.
        dated: Whether the moment of recording is wanted.
    """

    cohorts: Sequence[tuple[str, date]]
    first_day: int
    days: int
    code: Whole
    means: npt.NDArray[np.int32]
    atoms: int
    members: Sequence[npt.NDArray[np.intp]]
    in_period: dict[int, npt.NDArray[np.intp]]
    period: Whole
    items: npt.NDArray[np.bool_]
    dated: npt.NDArray[np.bool_]

    @property
    def measures(self) -> int:
        """How many numbers of measures there are, that of all others among them."""
        return len(self.code) // (len(self.cohorts) * self.days)

    @classmethod
    def of(
        cls,
        engine: Engine,
        asked: Asked,
        *,
        cohorts: Sequence[tuple[str, date]],
        days: Days,
    ) -> "Grid | None":
        """Evaluate what was asked for every place; None where to ask it of every row is less.

        Args:
            engine: Runs one query.
            asked: What to add up.
            cohorts: Arm and day of enrolment of each.
            days: The first and the last day of any row, and how many rows there are.
        """
        measures, many = len(asked.cells.measures) + 1, (days.last - days.first).days + 1
        places = measures * len(cohorts) * many
        if places > min(MOST_PLACES, max(FEW_PLACES, days.rows)):
            return None
        first_day = (days.first - EPOCH).days
        found = _evaluated(engine, asked, cohorts=cohorts, first_day=first_day, days=many)
        period = found["period"]
        sums = [found[f"sum_{at}"] for at in range(len(asked.sums))]
        atom, first = _atoms(period, sums)
        mark = np.where(
            found["bit"] >= 0, found["bit"] // WORD * BITS + found["bit"] % WORD, NO_MARK
        )
        whole = found["whole"].astype(np.int64)
        if atom.max(initial=0) > ATOM or mark.max(initial=0) > MARK:
            return None
        return cls(
            cohorts=cohorts,
            first_day=first_day,
            days=many,
            code=found["code"],
            means=(atom | mark << MARK_AT | whole * IS_WHOLE).astype(np.int32),
            atoms=int(atom.max(initial=0)) + 1,
            members=[1 + np.flatnonzero(one[first]) for one in sums],
            in_period={
                number: 1 + np.flatnonzero(period[first] == number)
                for number in range(int(period.max(initial=-1)) + 1)
            },
            period=period,
            items=found["items"].astype(np.bool_),
            dated=found["dated"].astype(np.bool_),
        )

    def counts(self, rows: Whole, fractional: Whole, with_item: Whole) -> tuple[Counts, ...]:
        """Add up counts per place to counts per code."""
        there = np.flatnonzero(rows)
        codes, at = np.unique(self.code[there], return_inverse=True)
        day = there % self.days
        first, last = np.full(len(codes), self.days), np.full(len(codes), -1)
        np.minimum.at(first, at, day)
        np.maximum.at(last, at, day)
        sums = [np.zeros(len(codes), np.int64) for _ in range(3)]
        for total, of_place in zip(sums, (rows, fractional, with_item), strict=True):
            np.add.at(total, at, of_place[there])
        return tuple(
            Counts(
                code=int(code),
                rows=int(sums[0][number]),
                first=self._date(int(first[number])),
                last=self._date(int(last[number])),
                fractional=int(sums[1][number]),
                with_item=int(sums[2][number]),
            )
            for number, code in enumerate(codes)
        )

    def periods_seen(self, rows: Whole) -> set[tuple[str, int]]:
        """Arm and period of which there is a row."""
        there = np.flatnonzero((rows > 0) & (self.period >= 0))
        cohort = there // self.days % len(self.cohorts)
        return {
            (self.cohorts[int(which)][0], int(self.period[place]))
            for which, place in zip(cohort, there, strict=True)
        }

    def _date(self, day: int) -> date:
        return EPOCH + timedelta(days=self.first_day + day)


def _atoms(period: Whole, sums: Sequence[Flags]) -> tuple[Whole, Whole]:
    """Combinations of values: the number of each place, 0 where all are 0, and a place of each."""
    key = period + 1
    for one in sums:
        if key.max(initial=0) >= MOST_COMBINATIONS:
            key = np.unique(key, return_inverse=True)[1]
        key = key * 2 + one
    _, first, atom = np.unique(key, return_index=True, return_inverse=True)
    nothing = period[first[0]] < 0 and not any(one[first[0]] for one in sums)
    return (atom, first[1:]) if nothing else (atom + 1, first)


def _evaluated(
    engine: Engine,
    asked: Asked,
    *,
    cohorts: Sequence[tuple[str, date]],
    first_day: int,
    days: int,
) -> dict[str, Any]:
    measures = len(asked.cells.measures) + 1
    at = np.arange(measures * len(cohorts) * days)
    cohort = at // days % len(cohorts)
    arms = pa.array([arm for arm, _ in cohorts], pa.string())
    enrolled = pa.array([day for _, day in cohorts], pa.date32())
    places = ibis.memtable(
        pa.table(
            {
                "place": at,
                "measure_no": pa.array((at // (days * len(cohorts))).astype(np.int16)),
                "arm": arms.take(pa.array(cohort)),
                "enrolled_at": enrolled.take(pa.array(cohort)),
                "occurred_at": pa.array((at % days + first_day).astype(np.int32)).cast(pa.date32()),
            }
        )
    )
    rows = asked.cells.put(with_day(places))
    none = ibis.literal(-1)
    never = ibis.literal(value=False)
    wanted: dict[str, ir.Value] = {
        "code": asked.code(rows).cast("int64"),
        "period": (none if asked.period is None else asked.period(rows)).cast("int64"),
        "bit": (none if asked.bit is None else asked.bit(rows)).cast("int64"),
    }
    flags = {"whole": asked.whole, "items": asked.items, "dated": asked.dated}
    flags |= {f"sum_{number}": where for number, where in enumerate(asked.sums.values())}
    wanted |= {
        name: (never if where is None else where(rows)).cast("int8")
        for name, where in flags.items()
    }
    found = engine.fetch(rows.select(rows.place, **wanted).order_by("place"))
    return {name: found[name].to_numpy() for name in wanted}
