"""Correct rows that somebody names: they no longer count, and what holds instead is entered.

No row is ever changed. A correction is a batch of its own: from its number on, the rows that it
names do not count, and those that it brings do. A read up to an earlier batch repeats, and when the
correction itself is reversed, the rows are back.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypedDict

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from experiments.engines.engine import Engine
from experiments.errors import BadInput, Problem
from experiments.ledger.ledger import BEHAVIOR, Ledger
from experiments.record.corrected import (
    CONTENTS,
    ROW,
    Corrected,
    Counts,
    keep_correction,
    standing,
    with_ids,
)
from experiments.record.recording import EVENT

MAY_LACK: Final = frozenset({"item", "event_id", "source"})
SAID: Final = {"batch_no": "batch"}
_TYPES: Final = {
    **{name: BEHAVIOR.field(name).type for name in BEHAVIOR.names},
    "customer_id": pa.string(),
    "copies": pa.int64(),
    "at": pa.int64(),
}
Row = dict[str, Any]


class Named(TypedDict, total=False):
    """What is said of a row, to name it; None says that the row has none."""

    batch_no: int
    customer_id: str
    measure: str
    occurred_at: date
    value: Decimal
    item: str | None
    event_id: str | None
    source: str | None


class Instead(TypedDict, total=False):
    """What holds in the place of a row; what is not said stays as it was."""

    customer_id: str
    occurred_at: date
    value: Decimal
    item: str | None


@dataclass(frozen=True, slots=True)
class Correction:
    """One row, and what holds instead.

    Attributes:
        row: Names the row, by its event or by its contents.
        instead: What holds in its place; where None, nothing does.
    """

    row: Named
    instead: Instead | None


@dataclass(frozen=True, slots=True)
class _Fit:
    """A row that fits a name.

    Attributes:
        row: Columns `customer` and `ROW`.
        copies: How many rows are alike in these.
        of: How many rows fit that are not alike.
    """

    row: Row
    copies: int
    of: int

    @property
    def identity(self) -> tuple[Any, ...]:
        """By which rows that are alike are told from others."""
        return tuple(self.row.values())


def correct(
    engine: Engine,
    ledger: Ledger,
    corrections: Sequence[Correction],
    *,
    name: str,
    batch_no: int,
    recorded_at: datetime,
    enrolled: Mapping[str, ir.Table] | None = None,
    without: Collection[int] = frozenset(),
    foreign: Callable[[Collection[int]], Collection[int]] = lambda _: (),
    rounded: int = 0,
) -> Corrected:
    """Correct rows, all of them or none.

    Of rows that are alike in every column one is meant; the others are entered anew.

    Args:
        engine: Runs the queries.
        ledger: Holds the rows.
        corrections: Which rows, and what holds instead; at least one.
        name: How the receipt calls the correction.
        batch_no: The batch of the correction.
        recorded_at: When it is recorded.
        enrolled: Per pilot, its customers, so that the receipt can say whom it touches.
        without: Batches that do not count.
        foreign: Which of some batches whoever corrects may not correct.
        rounded: How many of the new values had more than four decimals.

    Raises:
        BadInput: Names each correction that cannot be made, because its row is unknown, ambiguous,
            withdrawn before or in a foreign batch, or because it changes nothing; nothing was
            recorded.
    """
    rows = standing(engine, ledger, without=without, days=_days(corrections))
    found = _fitting(engine, rows, {at: one.row for at, one in enumerate(corrections)})
    wrong = _not_found(engine, ledger, corrections, found, without=without)
    chosen = {at: fits[0] for at, fits in found.items() if len(fits) == 1}
    wrong |= {at: _ambiguous(fits) for at, fits in found.items() if at not in chosen}
    wrong |= _not_theirs(chosen, foreign)
    wrong |= _without_effect(corrections, chosen)
    withdrawn, entries = _changes(corrections, chosen)
    wrong |= _second_of_event(engine, rows, corrections, chosen)
    if wrong:
        problems = [Problem(f"rows.{at}", wrong[at]) for at in sorted(wrong)]
        raise BadInput(
            f"{len(wrong):,} of {len(corrections):,} corrections cannot be made; nothing was "
            f"corrected:",
            problems,
        )
    return keep_correction(
        engine,
        ledger,
        withdrawn=_table(withdrawn, ("customer", *ROW, "copies")),
        entries=_table(entries, CONTENTS),
        counts=Counts(len(corrections), rounded=rounded),
        name=name,
        batch_no=batch_no,
        recorded_at=recorded_at,
        enrolled=enrolled or {},
    )


def _days(corrections: Sequence[Correction]) -> tuple[date, date] | None:
    """The days on which the rows lie, if every one is named with its day."""
    said = [one.row["occurred_at"] for one in corrections if "occurred_at" in one.row]
    return (min(said), max(said)) if len(said) == len(corrections) else None


def _fitting(
    engine: Engine, rows: ir.Table, names: Mapping[int, Named], *more: str
) -> dict[int, list[_Fit]]:
    """Per name, the row that fits, or two of those that do; no entry where none does.

    Args:
        engine: Runs the query.
        rows: Columns `customer` and `ROW`.
        names: What is said of each.
        more: Further columns of the rows, kept in what is found.
    """
    by_columns: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for at, name in names.items():
        said = {f"said_{column}": value for column, value in name.items()}
        by_columns[tuple(sorted(name))].append({"at": at, **said})
    columns = ("customer", *ROW, *more)
    parts = []
    for said_columns, said_rows in by_columns.items():
        said_of = _table(said_rows, ("at", *(f"said_{column}" for column in said_columns)))
        fits = [_same(rows[column], said_of[f"said_{column}"]) for column in said_columns]
        parts.append(rows.inner_join(said_of, fits).select("at", *columns))
    if not parts:
        return {}
    fitting = ibis.union(*parts) if len(parts) > 1 else parts[0]
    kinds = fitting.group_by(["at", *columns]).agg(copies=fitting.count())
    each = ibis.window(group_by="at")
    ranked = kinds.mutate(
        of=kinds.count().over(each), rank=ibis.row_number().over(each.order_by(["batch_no"]))
    )
    found: dict[int, list[_Fit]] = defaultdict(list)
    few = ranked.filter(ranked["rank"] < 2).order_by(["at", "rank"])
    for row in engine.fetch(few).to_pylist():
        kept = {column: row[column] for column in columns}
        found[row["at"]].append(_Fit(kept, row["copies"], row["of"]))
    return found


def _same(column: ir.Column, said: ir.Column) -> ir.BooleanValue:
    return column.identical_to(said) if column.get_name() in MAY_LACK else column == said


def _not_found(
    engine: Engine,
    ledger: Ledger,
    corrections: Sequence[Correction],
    found: Collection[int],
    *,
    without: Collection[int],
) -> dict[int, str]:
    """Why rows were not found."""
    left = {at: one.row for at, one in enumerate(corrections) if at not in found}
    if not left:
        return {}
    gone = ledger.withdrawn(engine, without=without)
    gone = with_ids(engine, ledger, gone.mutate(by=gone.batch_no, batch_no=gone.withdrawn_batch))
    wrong = {
        at: f"was withdrawn before, by batch {fits[0].row['by']}; correct the row that stands in "
        f"its place, or take that batch back"
        for at, fits in _fitting(engine, gone, left, "by").items()
    }
    left = {at: name for at, name in left.items() if at not in wrong}
    everything = with_ids(engine, ledger, ledger.behavior(engine))
    wrong |= {
        at: f"is of batch {fits[0].row['batch_no']}, which does not count any more; record its "
        f"rows again"
        for at, fits in _fitting(engine, everything, left).items()
    }
    return {
        at: wrong.get(at, "there is no such row; compare each word with the file that brought it")
        for at in (*wrong, *left)
    }


def _ambiguous(fits: Sequence[_Fit]) -> str:
    one, other = fits[0].row, fits[1].row
    differ = [SAID.get(column, column) for column in ROW if one[column] != other[column]]
    return f"{fits[0].of:,} rows fit; say its {' or '.join(differ)} too"


def _not_theirs(
    chosen: Mapping[int, _Fit], foreign: Callable[[Collection[int]], Collection[int]]
) -> dict[int, str]:
    batch_of = {at: fit.row["batch_no"] for at, fit in chosen.items()}
    theirs = {*foreign({*batch_of.values()})}
    return {
        at: f"is of batch {batch_no}, which somebody else sent; ask them, or an admin"
        for at, batch_no in batch_of.items()
        if batch_no in theirs
    }


def _without_effect(
    corrections: Sequence[Correction], chosen: Mapping[int, _Fit]
) -> dict[int, str]:
    """Corrections that leave a row as it is, or name one that an earlier one names."""
    wrong, named = {}, defaultdict[tuple[Any, ...], int](int)
    for at, fit in chosen.items():
        instead = corrections[at].instead
        if instead is not None and {**fit.row, **instead} == fit.row:
            wrong[at] = "holds this already; say what holds instead, or nothing to withdraw it"
        named[fit.identity] += 1
        if named[fit.identity] > fit.copies:
            wrong[at] = "is named twice; say once what holds instead"
    return wrong


def _changes(
    corrections: Sequence[Correction], chosen: Mapping[int, _Fit]
) -> tuple[list[Row], list[Row]]:
    """The rows to withdraw, each kind once, and those to enter."""
    entries, meant = [], defaultdict[tuple[Any, ...], list[_Fit]](list)
    for at, fit in chosen.items():
        meant[fit.identity].append(fit)
        instead = corrections[at].instead
        if instead is not None:
            entries.append({**fit.row, **instead})
    withdrawn = []
    for fits in meant.values():
        row, copies = fits[0].row, fits[0].copies
        withdrawn.append({**row, "copies": copies})
        entries += [row] * (copies - len(fits))
    return withdrawn, entries


def _second_of_event(
    engine: Engine,
    rows: ir.Table,
    corrections: Sequence[Correction],
    chosen: Mapping[int, _Fit],
) -> dict[int, str]:
    """Corrections of an item that would make a row the second one of its event."""
    moved: dict[int, Named] = {}
    for at, fit in chosen.items():
        instead = corrections[at].instead
        if fit.row["event_id"] is not None and instead is not None and "item" in instead:
            now = {**fit.row, **instead}
            moved[at] = Named(**{column: now[column] for column in EVENT})  # type: ignore[typeddict-item]
    gone = {fit.identity for fit in chosen.values()}
    wrong = {
        at
        for at, fits in _fitting(engine, rows, moved).items()
        if any(fit.identity not in gone for fit in fits)
    }
    entered = defaultdict[tuple[Any, ...], list[int]](list)
    for at, fit in chosen.items():
        if corrections[at].instead is not None:
            now = {**fit.row, **(corrections[at].instead or {})}
            entered[tuple(now[column] for column in EVENT)].append(at)
    wrong |= {at for ats in entered.values() if len(ats) > 1 for at in ats if at in moved}
    return dict.fromkeys(
        sorted(wrong), "would be a second row of its event, measure and item; withdraw one of them"
    )


def _table(rows: Iterable[Row], columns: Sequence[str]) -> ir.Table:
    schema = pa.schema([(name, _TYPES[name.removeprefix("said_")]) for name in columns])
    return ibis.memtable(pa.Table.from_pylist([*rows], schema))
