"""The effect where people chose who got the program: weighting, then differences over time.

Control customers are weighted until they match the treated in attributes and in the value of each
pre-period (Hainmueller 2012, Political Analysis 20:25-46); the estimate is the treated customers'
change from the last pre-period less the control customers' weighted change: Abadie (2005), Review
of Economic Studies 72:1-19. The bootstrap draws customers, or clusters, within each group and
repeats the weighting. Interval and p-value are those of Student's t with the standard error of the
draws: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 12; in simulations of
few, of clustered and of skewed customers its tails are nearer to what is asked for than those of
percentiles (13.3), and its p-value has no floor. Needs rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from experiments.errors import Undefined
from experiments.stats.balancing import Weighting, effective_size, entropy_balance
from experiments.stats.bootstrap import DRAWS
from experiments.stats.limits import limits, p_value
from experiments.stats.moments import Floats
from experiments.stats.redrawn import Customers, redrawn_differences

ROWS_PER_GROUP = 100_000
PRE_PERIODS_NEEDED = 3
# Draws whose weighting does not exist may be left out up to this share.
FAILED_SHARE = 0.05
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One group's customers over time; n customers.

    Attributes:
        outcome: Value of the metric in the outcome window, shape (n,).
        before: Its value in each pre-period, oldest first, shape (n, periods).
        attributes: What was known of each customer before, shape (n, attributes).
        clusters: Number of each customer's cluster, shape (n,); None where customers were chosen
            one by one. A cluster is in one group only.
    """

    outcome: Floats
    before: Floats
    attributes: Floats
    clusters: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class WeightedDifference:
    """Difference-in-differences between treated and weighted control customers.

    Attributes:
        value: Treated change minus weighted control change, in the unit of the metric.
        se: Standard deviation of the bootstrap draws.
        df: Degrees of freedom: customers (or clusters) of the smaller group less 1, those of the
            control group counted by Kish's effective size.
        low: Lower limit.
        high: Upper limit.
        p_value: Two-sided, of no effect.
        treated_change: Mean change of the treated customers.
        control_change: Weighted mean change of the control customers.
        weighting: Of the control rows used.
        draws: How many bootstrap draws the interval rests on.
        failed: How many more had no weighting.
        treated: Treated rows used.
        controls: Control rows used.
        sampled: Whether they are a random sample because there were more than the limit.
    """

    value: float
    se: float
    df: float
    low: float
    high: float
    p_value: float
    treated_change: float
    control_change: float
    weighting: Weighting
    draws: int
    failed: int
    treated: int
    controls: int
    sampled: bool


def weighted_did(
    *,
    treatment: Panel,
    control: Panel,
    attributes: Sequence[str],
    rng: np.random.Generator,
    draws: int = DRAWS,
    confidence: float = 0.95,
    rows_per_group: int = ROWS_PER_GROUP,
) -> WeightedDifference | Undefined:
    """Compare the changes of treated and control customers who were alike before.

    Args:
        treatment: The treated customers.
        control: The control customers, with the same columns.
        attributes: Names of the attribute columns. Pre-periods are matched first, so that of an
            attribute and a pre-period that say the same, the attribute is dropped.
        rng: Draws the bootstrap, and the sample of a group above the limit.
        draws: How often customers are drawn.
        confidence: Of the interval, between 0 and 1.
        rows_per_group: A larger group is replaced by a random sample of this size (of whole
            clusters where it has them).

    Example:
        >>> rng = np.random.default_rng(1)
        >>> def group(n, effect):
        ...     before = rng.normal(10, 2, (n, 3))
        ...     return Panel(before[:, 2] + effect + rng.normal(0, 1, n), before, np.empty((n, 0)))
        >>> found = weighted_did(treatment=group(100, 3.0), control=group(200, 1.0),
        ...     attributes=[], rng=rng)
        >>> round(found.value, 1), found.low < 2 < found.high
        (2.0, True)
    """
    for side, group in (("treatment", treatment), ("control", control)):
        if group.before.shape[1] == 0:
            return Undefined("there is no pre-period to change from")
        if not np.isfinite(group.outcome).all():
            return Undefined(f"the outcome has values that are not numbers in the {side} group")
        if _units(group) < 2:
            unit = "customers" if group.clusters is None else "clusters"
            return Undefined(f"the {side} group has fewer than 2 {unit}")
    if treatment.clusters is not None and control.clusters is not None:
        shared = np.intersect1d(treatment.clusters, control.clusters)
        if len(shared):
            return Undefined(f"{len(shared)} clusters have customers in both groups")
    treated = _sample(treatment, rows_per_group, rng)
    controls = _sample(control, rows_per_group, rng)
    periods = [f"pre-period {at + 1}" for at in range(treated.before.shape[1])]
    names = [*periods, *attributes]
    weighting = entropy_balance(
        treatment=_covariates(treated), control=_covariates(controls), names=names
    )
    if isinstance(weighting, Undefined):
        return weighting
    treated_change = float(_change(treated).mean())
    control_change = float(weighting.weights @ _change(controls))
    columns = [names.index(name) for name in weighting.covariates]
    replicates = redrawn_differences(
        treatment=_customers(treated, weighting, columns),
        control=_customers(controls, weighting, columns),
        weights=weighting.weights,
        draws=draws,
        rng=rng,
    )
    failed = draws - len(replicates)
    if failed > FAILED_SHARE * draws:
        return Undefined(f"{failed:,} of {draws:,} bootstrap draws cannot be weighted")
    se = float(np.std(replicates, ddof=1))
    if se <= ROUNDING * float(np.max(np.abs(_change(controls)))):
        return Undefined("all customers of a group changed alike, so that nothing varies")
    effective = effective_size(np.bincount(_numbered(controls), weighting.weights).astype(float))
    df = min(_units(treated), effective) - 1
    if df < 1:
        return Undefined("the weights leave fewer than 2 effective customers or clusters")
    value = treated_change - control_change
    interval = limits(value=value, se=se, df=df, confidence=confidence)
    return WeightedDifference(
        value=value,
        se=se,
        df=df,
        low=interval.low,
        high=interval.high,
        p_value=p_value(value / se, df=df),
        treated_change=treated_change,
        control_change=control_change,
        weighting=weighting,
        draws=len(replicates),
        failed=failed,
        treated=len(treated.outcome),
        controls=len(controls.outcome),
        sampled=treated is not treatment or controls is not control,
    )


def placebo_did(
    *,
    treatment: Panel,
    control: Panel,
    attributes: Sequence[str],
    rng: np.random.Generator,
    draws: int = DRAWS,
    confidence: float = 0.95,
    rows_per_group: int = ROWS_PER_GROUP,
) -> WeightedDifference | Undefined:
    """The same comparison one period early, where its true value is zero.

    The last pre-period takes the place of the outcome and is not matched. A difference here says
    that customers who were alike until then go different ways without the program. (A test of
    the matched pre-periods themselves cannot fail: the weights make them equal.) Heckman and Hotz
    (1989), Journal of the American Statistical Association 84:862-874.

    Args:
        treatment: As in `weighted_did`, with at least 3 pre-periods; the outcome is not read.
        control: The same.
        attributes: Names of the attribute columns.
        rng: As in `weighted_did`.
        draws: How often customers are drawn.
        confidence: Of the interval, between 0 and 1.
        rows_per_group: As in `weighted_did`.
    """
    periods = treatment.before.shape[1]
    if periods < PRE_PERIODS_NEEDED:
        return Undefined(f"{periods} pre-periods are fewer than {PRE_PERIODS_NEEDED}")
    return weighted_did(
        treatment=_earlier(treatment),
        control=_earlier(control),
        attributes=attributes,
        rng=rng,
        draws=draws,
        confidence=confidence,
        rows_per_group=rows_per_group,
    )


def _change(group: Panel) -> Floats:
    """From the last pre-period; any other, being matched, would give the same difference."""
    return np.asarray(group.outcome - group.before[:, -1])


def _covariates(group: Panel) -> Floats:
    return np.column_stack([group.before, group.attributes])


def _customers(group: Panel, weighting: Weighting, columns: list[int]) -> Customers:
    """What the bootstrap draws, in standard deviations from the target."""
    return Customers(
        deviations=(_covariates(group)[:, columns] - weighting.centre) / weighting.scale,
        values=_change(group),
        units=_numbered(group),
    )


def _earlier(group: Panel) -> Panel:
    return replace(group, outcome=group.before[:, -1], before=group.before[:, :-1])


def _numbered(group: Panel) -> npt.NDArray[np.int64]:
    """The unit of each row, numbered from 0 without gaps."""
    if group.clusters is None:
        return np.arange(len(group.outcome))
    return np.unique(group.clusters, return_inverse=True)[1]


def _units(group: Panel) -> int:
    return len(group.outcome) if group.clusters is None else len(np.unique(group.clusters))


def _sample(group: Panel, limit: int, rng: np.random.Generator) -> Panel:
    """The group, or a random part of it of at most `limit` rows (and at least two clusters)."""
    if len(group.outcome) <= limit:
        return group
    units = _numbered(group)
    order = rng.permutation(int(units.max()) + 1)
    sizes = np.cumsum(np.bincount(units)[order])
    chosen = order[: max(2, int(np.searchsorted(sizes, limit, side="right")))]
    kept = np.isin(units, chosen)
    return Panel(
        outcome=group.outcome[kept],
        before=group.before[kept],
        attributes=group.attributes[kept],
        clusters=None if group.clusters is None else group.clusters[kept],
    )
