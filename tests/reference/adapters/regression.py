"""Regressions on rows, clusters, and changes over time."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.errors import Undefined
from experiments.stats.ancova import TREATMENT, ancova_fit, lin_fit
from experiments.stats.cluster_robust import ClusterCovariance, clustered_coefficient
from experiments.stats.did import (
    EFFECT,
    Change,
    Panel,
    did_of_changes,
    did_of_customers,
    did_of_samples,
    panel_fit,
    two_way_effect,
)
from experiments.stats.intracluster import design_effect, intracluster
from experiments.stats.moments import Sample
from experiments.stats.regression import Covariance, coefficient
from tests.reference.adapters.answers import number, options, part, tested
from tests.reference.adapters.protocol import Adapter
from tests.reference.reading import (
    SIDES,
    Inputs,
    Results,
    Row,
    dataset,
    group_values,
    moments,
    same,
    sample,
)

FORMULA = re.compile(r"\s*([\w.]+)\s*~\s*(?:treatment|treat|t)\s*((?:\+\s*(?:C\()?[\w.]+\)?\s*)*)")
MISSING = ("", "NA", "NaN", "nan", "None")
PERIODS = ("pre", "post")


def ancova(inputs: Inputs, data: Path) -> Results:
    """Adjusted difference with one slope for both groups, or with slopes of their own (Lin)."""
    outcome, covariates = _model(inputs)
    treated, columns = _columns(inputs, data, [outcome, *covariates])
    method = " ".join(str(inputs.get(name, "")) for name in ("method", "variance")).lower()
    fitted = lin_fit if re.search(r"\blin\b|interact", method) else ancova_fit
    fit = fitted(outcome=columns.pop(outcome), treated=treated, covariates=columns)
    if isinstance(fit, Undefined):
        return tested(fit)
    found = {
        kind: tested(coefficient(fit, TREATMENT, covariance=kind, **options(inputs)))
        for kind in Covariance
    }
    named = [kind for kind in Covariance if kind.value.lower() in method]
    plain = found[named[0] if named else Covariance.CLASSICAL]
    return {**plain, **_suffixed(found)}


def cluster_robust(inputs: Inputs, data: Path) -> Results:
    """Regression coefficient with standard errors over clusters."""
    outcome, covariates = _model(inputs)
    if inputs.get("missing", "drop rows") != "drop rows":
        raise ValueError(f"this treatment of gaps is not known: {inputs['missing']!r}")
    cluster = inputs["cluster"]
    treated, columns = _columns(inputs, data, [outcome, *covariates], labels=[cluster])
    clusters = columns.pop(cluster)
    fit = ancova_fit(outcome=columns.pop(outcome), treated=treated, covariates=columns)
    if isinstance(fit, Undefined):
        return tested(fit)
    results: dict[ClusterCovariance, Results] = {}
    count: object = None
    for kind in ClusterCovariance:
        found = clustered_coefficient(
            fit, TREATMENT, clusters=clusters, covariance=kind, **options(inputs)
        )
        count = part(found, "clusters")
        results[kind] = tested(found if isinstance(found, Undefined) else found.coefficient)
    return {**results[ClusterCovariance.CR2], "n_clusters": count, **_suffixed(results)}


def icc_design_effect(inputs: Inputs, data: Path) -> Results:
    """Intracluster correlation by analysis of variance, and what it costs."""
    method = inputs.get("method", "one-way ANOVA ICC; design effect = 1+(n0-1)*ICC")
    if "ANOVA" not in method or "group_column" in inputs:
        raise ValueError(f"this correlation is not known: {method!r}")
    if "clusters" in inputs:
        given = inputs["clusters"]
        groups = list(given.values()) if isinstance(given, Mapping) else list(given)
    else:
        metric, cluster = inputs["metric"], inputs["cluster"]
        by_cluster: dict[str, list[float]] = {}
        for row in complete(dataset(inputs, data), [metric, cluster]):
            by_cluster.setdefault(row[cluster], []).append(float(row[metric]))
        groups = list(by_cluster.values())
    found = intracluster(Sample.of(values) for values in groups)
    correlation = part(found, "correlation")
    sizes = [len(values) for values in groups]
    unequal = (
        found
        if isinstance(found, Undefined)
        else design_effect(correlation=found.correlation, sizes=sizes)
    )
    plain = part(found, "design_effect") if "n0" in method else number(unequal)
    return {
        "icc": correlation,
        "n0": part(found, "typical_size"),
        "mean_cluster_size": part(found, "mean_size"),
        "n_clusters": part(found, "clusters"),
        "design_effect": plain,
        "design_effect_unequal": number(unequal),
    }


def difference_in_differences(inputs: Inputs, data: Path) -> Results:
    """Difference of changes: of a panel, of customers, of samples or of published means."""
    if "treated_units" in inputs:
        return _panel(inputs, data)
    if "se_change_t" in inputs:
        treated, controls = (
            Change(
                inputs[f"mean_{letter}_pre"],
                inputs[f"mean_{letter}_post"],
                se=inputs[f"se_change_{letter}"],
            )
            for letter in "tc"
        )
        return tested(did_of_changes(treatment=treated, control=controls, **options(inputs)))
    names = [
        inputs[name]
        for period in PERIODS
        for name in (f"metric_{period}", period)
        if isinstance(inputs.get(name), str)
    ]
    if names:
        before, after = names
        treatment, control = (moments(inputs, side, data, names) for side in SIDES)
        found = did_of_customers(
            treatment=treatment, control=control, before=before, after=after, **options(inputs)
        )
        pairs = [group.sample(name) for group in (treatment, control) for name in names]
        return {**_cell_means(*pairs), **tested(found)}
    cells = [sample(inputs, f"{side}_{period}", data) for side in SIDES for period in PERIODS]
    found = did_of_samples(
        treatment_before=cells[0],
        treatment_after=cells[1],
        control_before=cells[2],
        control_after=cells[3],
        **options(inputs),
    )
    return {**_cell_means(*cells), **tested(found)}


def _model(inputs: Inputs) -> tuple[str, list[str]]:
    """Outcome and covariates, from a formula or by name."""
    if "model" not in inputs:
        return inputs["metric"], list(inputs.get("covariates", []))
    match = FORMULA.fullmatch(inputs["model"])
    if match is None or match[1] != inputs.get("metric", match[1]):
        raise ValueError(f"this model cannot be read: {inputs['model']!r}")
    return match[1], re.findall(r"[\w.]+(?!\()", match[2].replace("C(", ""))


def _columns(
    inputs: Inputs, data: Path, names: Sequence[str], *, labels: Sequence[str] = ()
) -> tuple[list[bool], dict[str, Any]]:
    """Which rows are treated, and columns of both groups; text where it is no number."""
    treated: list[bool] = []
    columns: dict[str, list[Any]] = {name: [] for name in (*names, *labels)}
    for side in SIDES:
        rows = _rows(inputs, side, data, list(columns))
        treated += [side == "treatment"] * len(rows)
        for at, column in enumerate(columns.values()):
            column.extend(row[at] for row in rows)
    return treated, {
        name: column if name in labels else _as_numbers(column) for name, column in columns.items()
    }


def _rows(inputs: Inputs, side: str, data: Path, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """The cells of one group: from raw values, units of rows or rows without gaps."""
    if f"{side}_values" in inputs:
        return list(zip(*(inputs[f"{side}_values"][name] for name in names), strict=True))
    if "aggregate" in inputs:
        return list(group_values(inputs, side, data, names))
    return [
        tuple(row[name] for name in names)
        for row in complete(dataset(inputs, data), names)
        if same(row[inputs["group_column"]], inputs[side])
    ]


def _as_numbers(column: Sequence[Any]) -> list[Any]:
    try:
        return [float(value) for value in column]
    except ValueError:
        return [str(value) for value in column]


def complete(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The rows without a gap in any of these columns."""
    return [row for row in rows if not any(row[name] in MISSING for name in names)]


def _panel(inputs: Inputs, data: Path) -> Results:
    metric, unit, time = inputs["metric"], inputs["unit"], inputs["time"]
    rows = complete(dataset(inputs, data), [metric, unit, time])
    panel = Panel(
        values=[float(row[metric]) for row in rows],
        units=[row[unit] for row in rows],
        periods=[row[time] for row in rows],
        treated=[any(same(row[unit], one) for one in inputs["treated_units"]) for row in rows],
        after=[_is_after(inputs, row[time]) for row in rows],
    )
    fit = panel_fit(panel)
    by_ols: dict[ClusterCovariance, Results] = {}
    for kind in ClusterCovariance:
        clustered = (
            fit
            if isinstance(fit, Undefined)
            else clustered_coefficient(
                fit, EFFECT, clusters=panel.units, covariance=kind, **options(inputs)
            )
        )
        by_ols[kind] = tested(part(clustered, "coefficient") or Undefined("no coefficient"))
    by_levels: dict[ClusterCovariance, Results] = {}
    for one in (ClusterCovariance.CR0, ClusterCovariance.CR1):
        found = two_way_effect(panel, covariance=one, **options(inputs))
        by_levels[one] = tested(part(found, "coefficient") or Undefined("no coefficient"))
    cells = [
        panel.cell(treated=treated, after=after)
        for treated in (True, False)
        for after in (False, True)
    ]
    return {
        **by_ols[ClusterCovariance.CR1S],
        **_cell_means(*cells),
        **_suffixed(by_ols, "2x2_ols_"),
        **_suffixed(by_levels, "twfe_"),
    }


def _is_after(inputs: Inputs, period: str) -> bool:
    if "post_values" in inputs:
        return any(same(period, one) for one in inputs["post_values"])
    start = str(inputs["post_from"])
    try:
        return float(period) >= float(start)
    except ValueError:
        return period >= start


def _cell_means(
    treatment_before: Sample, treatment_after: Sample, control_before: Sample, control_after: Sample
) -> Results:
    return {
        "mean_t_pre": treatment_before.mean,
        "mean_t_post": treatment_after.mean,
        "mean_c_pre": control_before.mean,
        "mean_c_post": control_after.mean,
    }


def _suffixed(results: Mapping[Any, Results], estimator: str = "") -> Results:
    return {
        f"{name}_{estimator}{kind.value}": value
        for kind, found in results.items()
        for name, value in found.items()
    }


ADAPTERS: Mapping[str, Adapter] = {
    "ancova": ancova,
    "cluster_robust": cluster_robust,
    "difference_in_differences": difference_in_differences,
    "icc_design_effect": icc_design_effect,
}
