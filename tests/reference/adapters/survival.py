"""How long customers stay: curves, tests, restricted means; and data sets at a glance."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.errors import Undefined
from experiments.stats.log_rank import FlemingHarrington, Weight, stratified_log_rank
from experiments.stats.moments import Sample
from experiments.stats.rmst import compare_restricted_means
from experiments.stats.survival import DayCounts, IntervalScale, kaplan_meier
from tests.reference.adapters.answers import confidence, number, options, part
from tests.reference.adapters.protocol import Adapter
from tests.reference.reading import Inputs, Results, Row, dataset, passes, same

EVENT = re.compile(r"([\w.]+)(?: \((max code) = event\))?")
PARAMETER = re.compile(r"\b(rho|gamma|p|q)\s*=\s*([\d.]+)")
SCALES = {"linear": "plain", "loglog": "log-log"}
LABELS_SHOWN = 10


def kaplan_meier_curves(inputs: Inputs, data: Path) -> Results:
    """Survival of each group at each time, and its median."""
    scale = str(inputs.get("ci", "log"))
    curves = [
        kaplan_meier(counts, scale=IntervalScale(SCALES.get(scale, scale)), **confidence(inputs))
        for counts in _groups(inputs, data)
    ]
    points = [
        curve if isinstance(curve, Undefined) else curve.at(time)
        for curve in curves
        for time in inputs.get("times", ())
    ]
    intervals = [point if isinstance(point, Undefined) else point.interval for point in points]
    medians = [curve if isinstance(curve, Undefined) else curve.reached(0.5) for curve in curves]
    return {
        "survival": [part(point, "survival") for point in points],
        "se": [None if isinstance(point, Undefined) else number(point.se) for point in points],
        "ci_low": [part(interval, "low") for interval in intervals],
        "ci_high": [part(interval, "high") for interval in intervals],
        "at_risk": [part(point, "at_risk") for point in points],
        # The cases have no other word for a time that is not reached.
        "median": [
            math.inf if isinstance(median, Undefined) else median.time for median in medians
        ],
        "median_low": [part(median, "low") for median in medians],
        "median_high": [part(median, "high") for median in medians],
    }


def log_rank_test(inputs: Inputs, data: Path) -> Results:
    """Whether groups lapse alike, with any weights, within strata where the case has them."""
    column = inputs.get("strata", inputs.get("strata_column"))
    labels = _labels(dataset(inputs, data), column) if column else [None]
    found = stratified_log_rank(
        [
            _groups(inputs, data, stratum={} if column is None else {column: label})
            for label in labels
        ],
        weight=_weight(str(inputs.get("weights", "log-rank"))),
    )
    return {
        "chi2": part(found, "statistic"),
        "df": part(found, "df"),
        "p": part(found, "p_value"),
        "observed": part(found, "observed"),
        "expected": part(found, "expected"),
    }


def rmst(inputs: Inputs, data: Path) -> Results:
    """Restricted means of two groups, their difference and ratio."""
    if "no small-sample factor" not in inputs.get("variance", "no small-sample factor"):
        raise ValueError(f"this variance is not known: {inputs['variance']!r}")
    direction = inputs.get("difference", "second group minus first")
    first, second = _groups(inputs, data)
    treatment, control = {
        "second group minus first": (second, first),
        "first group minus second": (first, second),
    }[direction]
    found = compare_restricted_means(
        treatment=treatment, control=control, horizon=inputs["tau"], **options(inputs)
    )
    if isinstance(found, Undefined):
        return {}
    means = [found.control, found.treatment]
    if treatment is first:
        means.reverse()
    return {
        "rmst": [mean.time for mean in means],
        "se": [number(mean.se) for mean in means],
        "difference": part(found.difference, "value"),
        "difference_se": part(found.difference, "se"),
        "ci_low": part(found.difference, "low"),
        "ci_high": part(found.difference, "high"),
        "p": part(found.difference, "p_value"),
        "ratio": part(found.ratio, "value"),
        "ratio_low": part(found.ratio, "low"),
        "ratio_high": part(found.ratio, "high"),
        "ratio_p": part(found.ratio, "p_value"),
    }


def dataset_summary(inputs: Inputs, data: Path) -> Results:
    """Rows, the mean of each numeric column and the rows of each label of the others."""
    rows = dataset(inputs, data)
    results: dict[str, object] = {"rows": len(rows)}
    for column in rows[0]:
        cells = [row[column] for row in rows if row[column]]
        try:
            results[f"mean_{column}"] = Sample.of(float(cell) for cell in cells).mean
        except ValueError:
            labels = sorted(set(cells), key=lambda label: (label.startswith("No "), label))
            if len(labels) <= LABELS_SHOWN:
                name = "_".join(_arm(label) for label in labels)
                results[f"arm_counts_{name}"] = [cells.count(label) for label in labels]
    if "group_column" in inputs:
        groups = inputs.get("groups", inputs.get("order", _labels(rows, inputs["group_column"])))
        results["arm_counts"] = [
            sum(same(row[inputs["group_column"]], group) for row in rows) for group in groups
        ]
    return results


def _arm(label: str) -> str:
    """A group's label as the cases write it in the name of a result."""
    if label.startswith("No "):
        return "none"
    return label.lower().removesuffix(" e-mail").replace(" ", "_")


def _groups(
    inputs: Inputs, data: Path, *, stratum: Mapping[str, object] | None = None
) -> list[DayCounts]:
    """Counts of each group; rows without a time, an event or a group are left out."""
    time, column = inputs["time"], inputs["group_column"]
    match = EVENT.fullmatch(inputs["event"])
    if match is None:
        raise ValueError(f"this event cannot be read: {inputs['event']!r}")
    event, largest = match.groups()
    rows = [row for row in dataset(inputs, data) if row[time] and row[event] and row[column]]
    code = max(float(row[event]) for row in rows) if largest else 1
    counts = []
    for group in inputs.get("groups", _labels(rows, column)):
        members = [row for row in rows if passes(row, {**(stratum or {}), column: group})]
        lapsed = [same(row[event], code) for row in members]
        counts.append(DayCounts.of([float(row[time]) for row in members], lapsed))
    return counts


def _labels(rows: Sequence[Row], column: str) -> list[str]:
    return sorted({row[column] for row in rows if row[column]})


def _weight(text: str) -> Weight | FlemingHarrington:
    lower = text.lower()
    given = {name: float(value) for name, value in PARAMETER.findall(lower)}
    if given:
        return FlemingHarrington(
            rho=given.get("rho", given.get("p", 0.0)), gamma=given.get("gamma", given.get("q", 0.0))
        )
    for word, weight in WEIGHTS.items():
        if word in lower:
            return weight
    raise ValueError(f"these weights are not known: {text!r}")


WEIGHTS: Mapping[str, Weight] = {
    "n+1": Weight.PRENTICE,
    "n + 1": Weight.PRENTICE,
    "prentice": Weight.PRENTICE,
    "peto": Weight.PETO_PETO,
    "tarone": Weight.TARONE_WARE,
    "gehan": Weight.GEHAN,
    "breslow": Weight.GEHAN,
    "wilcoxon": Weight.GEHAN,
    "log-rank": Weight.LOG_RANK,
    "logrank": Weight.LOG_RANK,
    "none": Weight.LOG_RANK,
}

ADAPTERS: Mapping[str, Adapter] = {
    "dataset_summary": dataset_summary,
    "kaplan_meier": kaplan_meier_curves,
    "log_rank": log_rank_test,
    "rmst": rmst,
}
