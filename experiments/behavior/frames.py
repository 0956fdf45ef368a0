"""Sums per arm and segment of a plain table with a row per customer, for work in a notebook.

Where every value fits the ledger's four decimals, the sums are its exact ones (`summaries.py`);
otherwise they are floating-point sums of distances from the overall means, so that a large mean
costs no digits (Chan, Golub and LeVeque 1983, American Statistician 37:242-247).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa

from experiments.behavior.kinds import AMOUNT_TYPE
from experiments.behavior.summaries import Summary
from experiments.errors import BadInput, Problem
from experiments.stats.moments import Moments

NOT_KNOWN = "(not known)"
LEDGER_DECIMALS = 4
Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Frame:
    """A plain table, summed.

    Attributes:
        exact: Whether the sums are exact decimals; otherwise they are floating-point numbers.
        overall: Moments per family of variables and arm.
        by_level: The same per attribute, and in it per level and arm.
    """

    exact: bool
    overall: Mapping[tuple[str, ...], Mapping[str, Moments]]
    by_level: Mapping[str, Mapping[tuple[str, ...], Mapping[Cell, Moments]]]


@dataclass(frozen=True, slots=True)
class _Laid:
    """The table with numbered variables, and what a look at all of it found."""

    rows: ir.Table
    column: Mapping[str, str]
    means: Mapping[str, float]
    exact: bool


def as_table(data: Any) -> ir.Table:
    """An Ibis table of a data frame, an Arrow table, a mapping of columns, or itself."""
    if isinstance(data, ir.Table):
        return data
    return ibis.memtable(pa.table(dict(data) if isinstance(data, Mapping) else data))


def sum_up(
    data: Any,
    *,
    arm: str,
    families: Sequence[tuple[str, ...]],
    shares: Sequence[str] = (),
    by: Sequence[str] = (),
) -> Frame:
    """Add up a table in at most two questions to its engine, and one more per attribute.

    Args:
        data: A row per customer: pandas, Polars, Arrow, a mapping of columns, or Ibis.
        arm: Column of the arm.
        families: Groups of numeric columns whose products are needed together.
        shares: Columns that hold only 0 and 1.
        by: Columns whose levels are summed one by one.

    Raises:
        BadInput: A column is missing, or holds what is no number; every problem is named.
    """
    table = as_table(data)
    variables = list(dict.fromkeys(name for family in families for name in family))
    absent = [name for name in dict.fromkeys([arm, *variables, *by]) if name not in table.columns]
    if absent:
        there = ", ".join(table.columns)
        raise BadInput(
            "The table lacks columns:",
            [Problem(repr(name), f"not among {there}") for name in absent],
        )
    laid = _lay_out(table, arm=arm, variables=variables, shares=shares, by=by)
    return Frame(
        exact=laid.exact,
        overall={
            family: {key[0]: moments for key, moments in groups.items()}
            for family, groups in _moments(laid, families, by=["arm"]).items()
        },
        by_level={
            name: {
                family: {(level, in_arm): moments for (level, in_arm), moments in groups.items()}
                for family, groups in _moments(laid, families, by=[f"level {at}", "arm"]).items()
            }
            for at, name in enumerate(by)
        },
    )


def _lay_out(
    table: ir.Table,
    *,
    arm: str,
    variables: Sequence[str],
    shares: Sequence[str],
    by: Sequence[str],
) -> _Laid:
    """Give the columns numbered names, and look for what cannot be added up."""
    not_numeric = [
        Problem(repr(name), f"holds {table[name].type()}, not numbers")
        for name in variables
        if not (table[name].type().is_numeric() or table[name].type().is_boolean())
    ]
    if not_numeric:
        raise BadInput("Columns cannot be added up:", not_numeric)
    column = {name: f"variable {at}" for at, name in enumerate(variables)}
    rows = table.select(
        [
            table[arm].cast("string").name("arm"),
            *(
                table[name].cast("string").fill_null(NOT_KNOWN).name(f"level {at}")
                for at, name in enumerate(by)
            ),
            *(_number(table[name]).name(column[name]) for name in variables),
        ]
    )
    engine = rows.get_backend()
    can_be_exact = engine.has_operation(ops.TryCast)
    # An engine that cannot ask for NaN, such as SQLite, has none.
    has_nan = engine.has_operation(ops.IsNan)
    looks: list[ir.Value] = [rows.count().name("n"), rows.arm.isnull().sum().name("no arm")]
    for name in variables:
        value = rows[column[name]]
        finite = value.notnull()
        if has_nan and value.type().is_floating():
            finite = finite & ~(value.isnan() | value.isinf())
        looks += [
            (~finite).sum().name(f"missing {name}"),
            value.cast("float64").mean().name(f"mean {name}"),
        ]
        if can_be_exact:
            looks.append(_fits(value).all().name(f"exact {name}"))
        if name in shares:
            looks.append((~value.isin([0, 1])).sum().name(f"other {name}"))
    (seen,) = rows.aggregate(looks).to_pyarrow().to_pylist()
    _refuse(seen, arm=arm, variables=variables, shares=shares)
    return _Laid(
        rows=rows,
        column=column,
        means={name: seen[f"mean {name}"] for name in variables},
        exact=can_be_exact and all(seen[f"exact {name}"] for name in variables),
    )


def _refuse(
    seen: Mapping[str, Any], *, arm: str, variables: Sequence[str], shares: Sequence[str]
) -> None:
    if seen["n"] == 0:
        raise BadInput("The table has no row.")
    found = [("no arm", arm, "have no arm")]
    for name in variables:
        found.append(
            (f"missing {name}", name, "have no finite number; fill them or leave them out")
        )
    found += [(f"other {name}", name, "are neither 0 nor 1") for name in shares]
    problems = [
        Problem(repr(name), f"{seen[key]:,} of {seen['n']:,} rows {what}")
        for key, name, what in found
        if seen[key]
    ]
    if problems:
        raise BadInput("Rows cannot be compared:", problems)


def _number(value: Any) -> Any:
    return value.cast("int8") if value.type().is_boolean() else value


def _fits(value: Any) -> Any:
    """Whether a value is the same in the ledger's decimals."""
    kept, kind = value.try_cast(AMOUNT_TYPE), value.type()
    if kind.is_floating():
        return kept.notnull() & (kept.cast("float64") == value)
    if isinstance(kind, dt.Decimal) and (kind.scale is None or kind.scale > LEDGER_DECIMALS):
        return kept.notnull() & (kept == value)
    return kept.notnull()


def _moments(
    laid: _Laid, families: Sequence[tuple[str, ...]], *, by: Sequence[str]
) -> dict[tuple[str, ...], dict[tuple[str, ...], Moments]]:
    """Moments per family and group of customers."""
    numbered = tuple(tuple(laid.column[name] for name in family) for family in families)
    summary = Summary(numbered)
    if laid.exact:
        rows = laid.rows.mutate(
            [laid.rows[column].cast(AMOUNT_TYPE).name(column) for column in laid.column.values()]
        )
        sums = summary.read(summary.expression(rows, by=by).to_pyarrow(), by=by)
        return {
            family: {
                key: replace(group.moments(columns), names=family) for key, group in sums.items()
            }
            for family, columns in zip(families, numbered, strict=True)
        }
    centre = {laid.column[name]: mean for name, mean in laid.means.items()}
    distance = {column: laid.rows[column].cast("float64") - mean for column, mean in centre.items()}
    sums_of: dict[str, ir.Value] = {"n": laid.rows.count()}
    for at, column in enumerate(summary.variables):
        sums_of[f"sum_{at}"] = distance[column].sum()
    for at, (one, other) in enumerate(summary.pairs):
        sums_of[f"product_{at}"] = (distance[one] * distance[other]).sum()
    groups = laid.rows.group_by(list(by)).agg(**sums_of).to_pyarrow().to_pylist()
    groups.sort(key=lambda row: tuple(row[name] for name in by))
    return {
        family: {
            tuple(row[name] for name in by): _from_distances(row, summary, columns, family, centre)
            for row in groups
        }
        for family, columns in zip(families, numbered, strict=True)
    }


def _from_distances(
    row: Mapping[str, Any],
    summary: Summary,
    columns: tuple[str, ...],
    family: tuple[str, ...],
    centre: Mapping[str, float],
) -> Moments:
    totals = {column: row[f"sum_{at}"] for at, column in enumerate(summary.variables)}
    products = {pair: row[f"product_{at}"] for at, pair in enumerate(summary.pairs)}
    found = Moments.from_sums(
        family,
        n=row["n"],
        sums=[totals[column] for column in columns],
        products=[[products[min(a, b), max(a, b)] for b in columns] for a in columns],
    )
    return replace(
        found,
        means=tuple(
            math.fsum((mean, centre[column]))
            for mean, column in zip(found.means, columns, strict=True)
        ),
    )
