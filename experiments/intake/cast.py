"""Cast the text columns of a batch to what they mean, and refuse rows with a reason per cell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from experiments.errors import Reject
from experiments.intake.column import CastColumn, Fault, place_of_true
from experiments.intake.day import to_days
from experiments.intake.label import to_labels
from experiments.intake.limits import VALUE_SHOWN
from experiments.intake.number import thousands_points, to_numbers
from experiments.intake.tally import LINE, ROW, shown


class Kind(StrEnum):
    """What a column holds: a label (id, measure, item, source), a day, or a number."""

    LABEL = "label"
    DAY = "day"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a column must hold, whether a cell may be blank, and what is said where it is.

    With `doubt_points` numbers are refused that look like thousands written with a point.
    """

    kind: Kind
    required: bool = True
    if_blank: str = "is blank; fill it in"
    doubt_points: bool = False


@dataclass(frozen=True, slots=True)
class TypedRows:
    """The rows that passed, typed, and what was wrong with the others.

    `batch` has the columns of the rules, then `#line` and `#row` unless a rule casts them.
    A row may have several `rejects`, one per bad cell; `refused` counts the rows. `rounded` counts
    numbers of the passed rows that had more than four decimals.
    """

    batch: pa.RecordBatch
    rejects: tuple[Reject, ...]
    refused: int
    rounded: int


def cast_rows(batch: pa.RecordBatch, rules: Mapping[str, Rule], *, zone: str) -> TypedRows:
    """Cast a batch as `TextRows` gives it; columns without a rule are left behind.

    Args:
        batch: Text columns with `#line` and `#row`.
        rules: What each column must hold, by its name; `#row` may be cast to a label.
        zone: Time zone of the company, see `to_days`.

    Returns:
        Labels as string, days as date32, numbers as decimal128(18, 4).

    Example:
        >>> batch = pa.RecordBatch.from_pydict(
        ...     {"id": ["a", "b"], "spend": ["1.5", "x"], "#line": [2, 3], "#row": [1, 2]}
        ... )
        >>> rules = {"id": Rule(Kind.LABEL), "spend": Rule(Kind.NUMBER, required=False)}
        >>> rows = cast_rows(batch, rules, zone="UTC")
        >>> rows.batch.column("id").to_pylist(), rows.rejects[0].line, rows.refused
        (['a'], 3, 1)
    """
    casts = {name: _cast(batch.column(name), rule, zone) for name, rule in rules.items()}
    fit = np.ones(batch.num_rows, dtype=bool)
    rejects: list[Reject] = []
    for name, cast in casts.items():
        if cast.faults:
            places = [fault.place for fault in cast.faults]
            fit[places] = False
            rejects += _rejects(
                batch.select([name, LINE]).take(pa.array(places)), name, cast.faults
            )
    columns = {name: cast.values for name, cast in casts.items()}
    for place in (LINE, ROW):
        columns.setdefault(place, batch.column(place))
    typed = pa.RecordBatch.from_pydict(columns)
    return TypedRows(
        batch=typed if fit.all() else typed.filter(pa.array(fit)),
        rejects=tuple(sorted(rejects, key=lambda reject: reject.line)),
        refused=int(np.count_nonzero(~fit)),
        rounded=sum(
            int(np.count_nonzero(cast.rounded & fit))
            for cast in casts.values()
            if cast.rounded is not None
        ),
    )


def _rejects(rows: pa.RecordBatch, name: str, faults: Sequence[Fault]) -> Iterator[Reject]:
    texts = pc.utf8_slice_codeunits(pc.cast(rows.column(name), pa.string()), 0, VALUE_SHOWN + 1)
    cells = zip(rows.column(LINE).to_pylist(), texts.to_pylist(), faults, strict=True)
    for line, text, fault in cells:
        yield Reject(line=line, column=name, value=shown(text or ""), reason=fault.reason)


def _cast(column: pa.Array, rule: Rule, zone: str) -> CastColumn:
    match rule.kind:
        case Kind.LABEL:
            cast = to_labels(column)
        case Kind.DAY:
            cast = to_days(column, zone=zone)
        case Kind.NUMBER:
            cast = to_numbers(column)
            if rule.doubt_points:
                faults = (*cast.faults, *thousands_points(column))
                cast = CastColumn(cast.values, faults, cast.rounded)
    if not rule.required or not column.null_count:
        return cast
    blank = (Fault(place, rule.if_blank) for place in place_of_true(pc.is_null(column)))
    faults = (*cast.faults, *(Fault(int(fault.place), fault.reason) for fault in blank))
    return CastColumn(cast.values, faults, cast.rounded)
