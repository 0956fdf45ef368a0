"""Put every row of behavior into cells once, so that each number of a customer finds its rows.

A number reads the rows of one measure inside one stretch of days. Whether a row is one of them
would be asked for every number and row anew; instead each row gets a small integer per shape of
window, and a number asks for one of its values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from experiments.behavior.kinds import Stretch
from experiments.behavior.windows import MetricWindow

AFTER, BEFORE, SPANS = 1, 2, 3
NUMBER = "int16"


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows with a column `cell_0`, `cell_1`, ... per shape of window.

    Attributes:
        measures: Which number stands for which measure.
        shapes: The windows.
    """

    measures: tuple[str, ...]
    shapes: tuple[MetricWindow, ...]

    @classmethod
    def of(cls, measures: Sequence[str], shapes: Sequence[MetricWindow]) -> "Cells":
        """Every measure and every shape once."""
        return cls(tuple(dict.fromkeys(measures)), tuple(dict.fromkeys(shapes)))

    def number(self, behavior: ir.Table) -> ir.IntegerValue:
        """Which number the measure of a row has; that of any other is one more than the last."""
        known = [(behavior.measure == name, at) for at, name in enumerate(self.measures)]
        return ibis.cases(*known, else_=len(self.measures)).cast(NUMBER)

    def put(self, rows: ir.Table) -> ir.Table:
        """The rows with their cells; they have `measure_no`, and day and enrolment as `joined`."""
        spans = rows.mutate(
            **{
                f"span_{at}": ibis.cases(
                    (shape.holds(rows), AFTER), (shape.holds_before(rows), BEFORE), else_=0
                ).cast(NUMBER)
                for at, shape in enumerate(self.shapes)
            },
        )
        return spans.mutate(
            **{
                f"cell_{at}": (spans.measure_no * SPANS + spans[f"span_{at}"]).cast(NUMBER)
                for at in range(len(self.shapes))
            }
        )

    def after(self, window: MetricWindow) -> Stretch:
        """The outcome window, for rows that were put into cells."""
        return Stretch(
            lambda rows, measure: self._hold(rows, measure, window, AFTER),
            Stretch.after(window).holds_last,
        )

    def before(self, window: MetricWindow) -> Stretch:
        """The pre-period, for rows that were put into cells."""
        return Stretch(
            lambda rows, measure: self._hold(rows, measure, window, BEFORE),
            Stretch.before(window).holds_last,
        )

    def _hold(
        self, rows: ir.Table, measure: str, window: MetricWindow, span: int
    ) -> ir.BooleanValue:
        cell = self.measures.index(measure) * SPANS + span
        return rows[f"cell_{self.shapes.index(window)}"] == ibis.literal(cell, NUMBER)
