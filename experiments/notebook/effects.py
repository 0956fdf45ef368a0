"""The effects that `compare` finds: they print as a table, and turn into Arrow and pandas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final, overload

import pyarrow as pa

from experiments.errors import Undefined
from experiments.stats.estimate import Difference
from experiments.stats.fieller import Ratio
from experiments.stats.lin import CUSTOMERS_PER_COVARIATE, enough_customers

NUMBERS: Final = (
    "mean_treatment", "mean_control", "value", "se", "df", "statistic", "p_value", "low", "high",
    "lift", "lift_low", "lift_high",
)  # fmt: skip
SCHEMA: Final = pa.schema(
    [(name, pa.string()) for name in ("metric", "segment", "level", "treatment", "control")]
    + [("method", pa.string()), ("n_treatment", pa.int64()), ("n_control", pa.int64())]
    + [(name, pa.float64()) for name in NUMBERS]
    + [("reason", pa.string())]
)


@dataclass(frozen=True, slots=True)
class Effect:
    """One metric in one comparison, by one method.

    Attributes:
        metric: Its name.
        segment: Attribute of the segment; None for all customers.
        level: Level of that attribute; None for all customers.
        treatment: Arm that was offered the program.
        control: Arm that was held back.
        method: welch, newcombe, delta (of a ratio) or lin (adjusted for covariates).
        n_treatment: Customers in the treatment arm.
        n_control: Customers in the control arm.
        mean_treatment: Per customer, or the ratio; adjusted where the method adjusts.
        mean_control: The same in the control arm.
        difference: Treatment minus control.
        lift: Difference as a share of the control mean, with Fieller's interval.
        adjusted_for: Covariates that the method used.
    """

    metric: str
    segment: str | None
    level: str | None
    treatment: str
    control: str
    method: str
    n_treatment: int
    n_control: int
    mean_treatment: float | Undefined
    mean_control: float | Undefined
    difference: Difference | Undefined
    lift: Ratio | Undefined
    adjusted_for: tuple[str, ...] = ()

    def as_row(self) -> dict[str, Any]:
        """The columns of `SCHEMA`; what is undefined is None, with the reason beside."""
        found, lift = self.difference, self.lift
        row: dict[str, Any] = {
            name: getattr(self, name)
            for name in (*SCHEMA.names[:8], "mean_treatment", "mean_control")
        }
        row |= {name: None for name, value in row.items() if isinstance(value, Undefined)}
        if isinstance(found, Undefined):
            return row | {"reason": found.reason}
        row |= {name: getattr(found, name) for name in NUMBERS[2:9]}
        if isinstance(lift, Undefined):
            return row | {"reason": f"no lift: {lift.reason}"}
        row["lift"] = lift.value
        if isinstance(lift.interval, Undefined):
            return row | {"reason": f"no interval of the lift: {lift.interval.reason}"}
        return row | {"lift_low": lift.interval.low, "lift_high": lift.interval.high}


@dataclass(frozen=True, slots=True, repr=False)
class Effects(Sequence[Effect]):
    """The effects that a table shows; prints as a table, and turns into Arrow and pandas.

    Attributes:
        effects: By metric; all customers first, then the levels of each attribute.
        confidence: Of the intervals.
        exact: Whether the sums behind them are exact decimals.
    """

    effects: tuple[Effect, ...]
    confidence: float
    exact: bool

    @overload
    def __getitem__(self, at: int) -> Effect: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Effect, ...]: ...
    def __getitem__(self, at: int | slice) -> Effect | tuple[Effect, ...]:
        return self.effects[at]

    def __len__(self) -> int:
        return len(self.effects)

    def to_arrow(self) -> pa.Table:
        """A row per effect, columns as in `SCHEMA`."""
        return pa.Table.from_pylist([effect.as_row() for effect in self.effects], schema=SCHEMA)

    def to_pandas(self) -> Any:
        """The same as a pandas data frame."""
        return self.to_arrow().to_pandas()

    def __repr__(self) -> str:
        table = self._table()
        widths = [max(len(line[at]) for line in table) for at in range(len(table[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in table
        ]
        return "\n".join([*lines, self._footing()])

    def _repr_html_(self) -> str:
        head, *body = self._table()
        heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in body
        )
        return f"<table><tr>{heads}</tr>{rows}</table><p>{escape(self._footing())}</p>"

    def _footing(self) -> str:
        sums = "exact" if self.exact else "floating-point"
        footing = f"Treatment minus control, from {sums} sums."
        if all(
            enough_customers(
                treatment=effect.n_treatment,
                control=effect.n_control,
                covariates=len(effect.adjusted_for),
            )
            for effect in self.effects
        ):
            return footing
        return f"{footing} Under {CUSTOMERS_PER_COVARIATE} customers per covariate: read no lin."

    def _table(self) -> list[list[str]]:
        """Heads and cells; columns that say nothing are left out."""
        interval = f"{self.confidence * 100:g} % interval"
        heads = ["metric", "segment", "arm", "method", "customers", "treatment", "control"]
        table = [[*heads, "effect", interval, "p", "lift"]]
        table += [_cells(effect) for effect in self.effects]
        kept = [
            at
            for at, head in enumerate(table[0])
            if head not in ("segment", "arm") or len({line[at] for line in table[1:]}) > 1
        ]
        return [[line[at] for at in kept] for line in table]


def _cells(effect: Effect) -> list[str]:
    """One line of the table that people read."""
    found, lift = effect.difference, effect.lift
    where = "" if effect.segment is None else f"{effect.segment} = {effect.level}"
    line = [effect.metric, where, effect.treatment, effect.method]
    line += [f"{effect.n_treatment:,} : {effect.n_control:,}"]
    line += [_number(effect.mean_treatment), _number(effect.mean_control)]
    if isinstance(found, Undefined):
        return [*line, "undefined", found.reason, "", ""]
    line += [_number(found.value), f"{_number(found.low)} to {_number(found.high)}"]
    line += [f"{found.p_value:.4f}" if found.p_value >= 0.0001 else "< 0.0001"]
    return [*line, f"{lift.value:+.1%}" if isinstance(lift, Ratio) else ""]


def _number(value: float | Undefined) -> str:
    """Four digits, without powers of ten."""
    if isinstance(value, Undefined):
        return ""
    size = math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{min(max(0, 3 - size), 12)}f}"
