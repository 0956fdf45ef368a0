"""Methods that need a row per customer, for a notebook: ranks, robust regression, resampling.

They read `accounts.parquet` or any table like it. A group above the row limit is replaced by a
random sample, which the note of each number says.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from experiments.analyse.detail import Detail, Subject
from experiments.analyse.details import ROWS
from experiments.behavior.frames import as_table
from experiments.errors import BadInput, Problem, Undefined
from experiments.stats.ancova import TREATMENT, ancova_fit, lin_fit
from experiments.stats.bootstrap import ROWS_PER_GROUP, bootstrap_t
from experiments.stats.cluster_robust import ClusterCovariance, clustered_coefficient
from experiments.stats.many import Bools
from experiments.stats.moments import Floats
from experiments.stats.rank import mann_whitney
from experiments.stats.regression import LeastSquares, coefficient

CLUSTER_COVARIANCES = (ClusterCovariance.CR0, ClusterCovariance.CR1, ClusterCovariance.CR2)


def row_details(
    data: Any,
    *,
    metric: str,
    treatment: str,
    control: str,
    rng: np.random.Generator,
    arm: str = "arm",
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    confidence: float = 0.95,
    rows_per_group: int = ROWS_PER_GROUP,
) -> tuple[Detail, ...]:
    """Compare a metric between two arms by the methods that need rows.

    Mann-Whitney; the exact HC2 interval of the regression with slopes of its own per group, and
    CR0 to CR2 where a cluster is named; bootstrap-t. Rows without the metric or a covariate are
    left out: such a customer does not count yet, or gave no score.

    Args:
        data: A row per customer: pandas, Polars, Arrow, a mapping of columns, or an Ibis table.
        metric: Column of the metric.
        treatment: The arm that was offered the program.
        control: The arm that was held back.
        rng: Draws the samples.
        arm: Column of the arm.
        covariates: Columns known before the start, numbers or text.
        cluster: Column of the cluster, where customers go together.
        confidence: Of the intervals, between 0 and 1.
        rows_per_group: A larger group is replaced by a random sample of this size.

    Raises:
        BadInput: A column is missing.

    Example:
        >>> visits = {"arm": list("ttttcccc"), "spend": [9.5, 4, 8, 7, 2, 4, 3, 4]}
        >>> found = row_details(visits, metric="spend", treatment="t", control="c",
        ...     rng=np.random.default_rng(1))
        >>> [(one.name, one.value) for one in found]
        [('mann_whitney', 0.9375), ('hc2', 3.875), ('bootstrap_t', 3.875)]
    """
    columns = [arm, metric, *covariates, *([cluster] if cluster else [])]
    rows, sizes = _rows(
        data, columns, arm=arm, arms=(treatment, control), limit=rows_per_group, rng=rng
    )
    treated = np.array([each == treatment for each in rows[arm].to_pylist()], dtype=bool)
    outcome = _floats(rows[metric])
    subject, note = Subject(metric, treatment), _note(treated, sizes)
    alone = f"{note}, taken for independent" if cluster else note
    ranks = mann_whitney(
        treatment=outcome[treated], control=outcome[~treated], confidence=confidence
    )
    about_ranks = "probability that a treated customer has more than a control customer"
    return (
        subject.missing("mann_whitney", ranks, f"{alone}; {about_ranks}")
        if isinstance(ranks, Undefined)
        else subject.interval(
            "mann_whitney",
            ranks.interval,
            f"{alone}; {about_ranks}",
            value=ranks.superiority,
            p_value=ranks.p_value,
        ),
        *_regressions(
            subject,
            note,
            outcome=outcome,
            treated=treated,
            covariates={name: _values(rows[name]) for name in covariates},
            clusters=rows[cluster].to_pylist() if cluster else None,
            confidence=confidence,
        ),
        subject.tested(
            "bootstrap_t",
            bootstrap_t(
                treatment=outcome[treated],
                control=outcome[~treated],
                rng=rng,
                confidence=confidence,
                rows_per_group=rows_per_group,
            ),
            alone,
        ),
    )


def _rows(
    data: Any,
    columns: Sequence[str],
    *,
    arm: str,
    arms: tuple[str, str],
    limit: int,
    rng: np.random.Generator,
) -> tuple[pa.Table, tuple[int, int]]:
    """The rows of two arms with every column known, and how many each had before sampling."""
    table = as_table(data)
    absent = [name for name in columns if name not in table.columns]
    if absent:
        there = ", ".join(table.columns)
        raise BadInput(
            "The table lacks columns:",
            [Problem(repr(name), f"not among {there}") for name in absent],
        )
    wanted = table.select(list(dict.fromkeys(columns))).drop_null()
    rows = wanted.filter(wanted[arm].isin(arms)).to_pyarrow()
    kept, sizes = [], []
    for name in arms:
        at = np.flatnonzero(pc.equal(rows[arm], name).to_numpy(zero_copy_only=False))
        sizes.append(len(at))
        kept.append(at if len(at) <= limit else rng.choice(at, size=limit, replace=False))
    return rows.take(pa.array(np.sort(np.concatenate(kept)))), (sizes[0], sizes[1])


def _regressions(
    subject: Subject,
    note: str,
    *,
    outcome: Floats,
    treated: Bools,
    covariates: dict[str, Any],
    clusters: Sequence[Any] | None,
    confidence: float,
) -> list[Detail]:
    """The coefficient of the treatment, with errors that assume little of the rows."""
    fitted = lin_fit if covariates else ancova_fit
    fit = fitted(outcome=outcome, treated=treated.tolist(), covariates=covariates)
    said = f"{note}; adjusted for {', '.join(covariates)}" if covariates else note
    alone = said if clusters is None else f"{said}; taken for independent"
    if not isinstance(fit, LeastSquares):
        return [subject.missing("hc2", fit, said)]
    found = [subject.tested("hc2", coefficient(fit, TREATMENT, confidence=confidence), alone)]
    for covariance in CLUSTER_COVARIANCES if clusters is not None else ():
        one = clustered_coefficient(
            fit,
            TREATMENT,
            clusters=clusters or (),
            covariance=covariance,
            confidence=confidence,
        )
        if isinstance(one, Undefined):
            found.append(subject.missing(covariance.lower(), one, said))
        else:
            counted = f"{said}; {one.clusters:,} clusters"
            found.append(subject.tested(covariance.lower(), one.coefficient, counted))
    return found


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=float)


def _values(column: pa.ChunkedArray) -> Any:
    """Numbers as floats, texts as they are."""
    return column.to_pylist() if pa.types.is_string(column.type) else _floats(column)


def _note(treated: Bools, sizes: tuple[int, int]) -> str:
    used = (int(treated.sum()), int((~treated).sum()))
    if used == sizes:
        return f"{ROWS}: {used[0]:,} and {used[1]:,} customers"
    return (
        f"{ROWS}: a random sample of {used[0]:,} and {used[1]:,} of {sizes[0]:,} and "
        f"{sizes[1]:,} customers"
    )
