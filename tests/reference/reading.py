"""Read what a reference case is computed from."""

import csv
import gzip
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from experiments.stats.moments import Moments, Sample
from experiments.stats.rates import Share

Case = Mapping[str, Any]
Inputs = Mapping[str, Any]
Results = Mapping[str, object]
Row = Mapping[str, str]

SIDES = ("treatment", "control")
AGGREGATES: Mapping[str, Callable[[Iterable[float]], float]] = {
    "mean": lambda values: Sample.of(values).mean,
    "sum": sum,
}
RELATIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda cell, allowed: any(same(cell, one) for one in allowed),
    "not in": lambda cell, allowed: not any(same(cell, one) for one in allowed),
}
RELATION_NAMES = {
    "eq": "==",
    "equals": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "lte": "<=",
    "gt": ">",
    "ge": ">=",
    "gte": ">=",
    "not_in": "not in",
}
CLAUSE = re.compile(r"\s*(\w[\w.]*)\s*(==|!=|<=|>=|=|<|>)\s*(.+?)\s*")


def sample(inputs: Inputs, side: str, data: Path) -> Sample:
    """One group's metric: from raw values, from sums or from a data set."""
    if f"{side}_values" in inputs:
        return Sample.of(inputs[f"{side}_values"])
    given = inputs[side]
    if isinstance(given, Mapping):
        if "values" in given:
            return Sample.of(given["values"])
        if "mean" in given:
            return Sample(given["n"], given["mean"], given["variance"])
        return Sample.from_sums(n=given["n"], total=given["sum"], squares=given["sum_squares"])
    return moments(inputs, side, data, [inputs["metric"]]).sample(inputs["metric"])


def share(inputs: Inputs, side: str, data: Path) -> Share:
    """One group's events and customers: from counts, from raw values or from a data set."""
    if f"{side}_values" in inputs:
        return Share.of(inputs[f"{side}_values"])
    given = inputs[side]
    if isinstance(given, Mapping):
        events = next(given[name] for name in ("x", "events", "successes", "sum") if name in given)
        return Share(events, given["n"])
    metric = inputs["metric"]
    return Share.of(values[0] for values in group_values(inputs, side, data, [metric]))


def moments(inputs: Inputs, side: str, data: Path, columns: Sequence[str]) -> Moments:
    """Several columns of one group; rows without a number in any of them are left out."""
    if f"{side}_values" in inputs and isinstance(inputs[f"{side}_values"], Mapping):
        values = inputs[f"{side}_values"]
        return Moments.of(**{column: values[column] for column in columns})
    rows = group_values(inputs, side, data, columns)
    return Moments.of(**{column: [row[at] for row in rows] for at, column in enumerate(columns)})


def group_values(
    inputs: Inputs, side: str, data: Path, columns: Sequence[str]
) -> list[tuple[float, ...]]:
    """Numbers of one group, a tuple for each row or, where asked, for each unit of rows."""
    chosen = [
        row
        for row in dataset(inputs, data)
        if same(row[inputs["group_column"]], inputs[side]) and all(row[name] for name in columns)
    ]
    if "aggregate" not in inputs:
        return [tuple(float(row[name]) for name in columns) for row in chosen]
    by, reduce = inputs["aggregate"]["by"], AGGREGATES[inputs["aggregate"]["fn"]]
    keys = [by] if isinstance(by, str) else by
    units: dict[tuple[str, ...], list[Row]] = {}
    for row in chosen:
        units.setdefault(tuple(row[key] for key in keys), []).append(row)
    return [
        tuple(reduce(float(row[name]) for row in unit) for name in columns)
        for unit in units.values()
    ]


def dataset(inputs: Inputs, data: Path) -> list[Row]:
    """The rows of a data set that pass the case's filter."""
    wanted = inputs.get("row_filter")
    return [row for row in _rows(data / inputs["dataset"]) if wanted is None or passes(row, wanted)]


def passes(row: Row, wanted: object) -> bool:
    """Whether a row passes a filter.

    A filter is one of: {column: value}, {column: [values]}, {column: {relation: value}},
    {"column": c, "op": relation, "value": v}, "column relation value and ...", or a list of
    these, all of which must hold.
    """
    if isinstance(wanted, str):
        return all(_clause_holds(row, clause) for clause in re.split(r"\s+(?:and|&)\s+", wanted))
    if isinstance(wanted, Mapping):
        if "column" in wanted:
            relation = wanted.get("op", wanted.get("operator", "=="))
            allowed = wanted["value"] if "value" in wanted else wanted["values"]
            if isinstance(allowed, list) and relation == "==":
                relation = "in"
            return _holds(row[wanted["column"]], relation, allowed)
        return all(_condition_holds(row[column], value) for column, value in wanted.items())
    if isinstance(wanted, list):
        return all(passes(row, one) for one in wanted)
    raise ValueError(f"this filter cannot be read: {wanted!r}")


def same(cell: str, wanted: object) -> bool:
    """Whether a cell holds a value, as text or as the same number."""
    text = str(wanted)
    if cell == text:
        return True
    number = _number_of(cell)
    return number is not None and number == _number_of(text)


def confidence_of_critical(inputs: Inputs) -> float:
    """The two-sided confidence that a normal quantile stands for, as in "normal 0.975"."""
    critical = inputs.get("critical")
    if critical is None:
        return float(inputs.get("confidence", 0.95))
    distribution, probability = critical.split()
    if distribution != "normal":
        raise ValueError(f"this critical value is not known: {critical!r}")
    return 2 * float(probability) - 1


@cache
def _rows(path: Path) -> list[Row]:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _clause_holds(row: Row, clause: str) -> bool:
    match = CLAUSE.fullmatch(clause)
    if match is None:
        raise ValueError(f"this filter cannot be read: {clause!r}")
    column, relation, value = match.groups()
    return _holds(row[column], relation, value.strip("'\""))


def _condition_holds(cell: str, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        return all(_holds(cell, relation, value) for relation, value in wanted.items())
    return _holds(cell, "in" if isinstance(wanted, list) else "==", wanted)


def _holds(cell: str, relation: str, wanted: object) -> bool:
    relation = RELATION_NAMES.get(relation, relation)
    if relation in ("==", "="):
        return same(cell, wanted)
    if relation == "!=":
        return not same(cell, wanted)
    if relation in ("in", "not in"):
        return RELATIONS[relation](cell, wanted)
    one, other = _as_number(cell), _as_number(wanted)
    if one is not None and other is not None:
        return RELATIONS[relation](one, other)
    return bool(cell) and RELATIONS[relation](cell, str(wanted))


def _as_number(value: object) -> float | None:
    return _number_of(str(value))


@cache
def _number_of(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
