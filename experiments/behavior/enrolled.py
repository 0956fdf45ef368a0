"""The enrolled customers, in this process."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from experiments.engines.engine import Engine
from experiments.stats.exact_products import Whole

EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The enrolled customers in order of their numbers.

    Attributes:
        rows: All that is known of them.
        number: Of each customer.
        cohort: Which of `cohorts`.
        arm: Which of `arms`.
        arms: Their names.
        cohorts: Arm and day of enrolment.
    """

    rows: pa.Table
    number: Whole
    cohort: Whole
    arm: Whole
    arms: tuple[str, ...]
    cohorts: tuple[tuple[str, date], ...]

    @classmethod
    def read(cls, engine: Engine, enrolment: ir.Table) -> "Enrolled | None":
        """None where rows are not read in this process, or nobody is enrolled."""
        batches = engine.scan(enrolment)
        rows = [] if batches is None else list(batches)
        if not any(batch.num_rows for batch in rows):
            return None
        table = pa.Table.from_batches(rows)
        number = table["customer"].to_numpy()
        if not np.all(number[1:] > number[:-1]):
            table = table.take(pa.array(np.argsort(number)))
        arm = table["arm"].combine_chunks().dictionary_encode()
        arms = tuple(arm.dictionary.to_pylist())
        day = days_since_1970(table["enrolled_at"].combine_chunks())
        first, days = int(day.min()), int(day.max()) - int(day.min()) + 1
        # Counted, not sorted: there are few days, and many customers.
        code = arm.indices.to_numpy().astype(np.int64)
        code *= days
        code += day - first
        there = np.flatnonzero(np.bincount(code))
        cohort_of = np.zeros(int(there[-1]) + 1, np.int64)
        cohort_of[there] = np.arange(len(there))
        return cls(
            rows=table,
            number=table["customer"].to_numpy(),
            cohort=cohort_of[code],
            arm=arm.indices.to_numpy().astype(np.int64),
            arms=arms,
            cohorts=tuple(
                (arms[int(one) // days], EPOCH + timedelta(days=first + int(one) % days))
                for one in there
            ),
        )


def days_since_1970(column: pa.Array) -> npt.NDArray[np.int32]:
    """Dates as Arrow keeps them; DuckDB takes a date less an interval for a moment of that day."""
    days: npt.NDArray[np.int32] = column.cast(pa.date32()).cast(pa.int32()).to_numpy()
    return days
