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
from experiments.stats.balancing import Weighting
from experiments.stats.bootstrap import DRAWS
from experiments.stats.moments import Floats
from experiments.stats.weighted_means import ROWS_PER_GROUP, Group, weighted_means

PRE_PERIODS_NEEDED = 3


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
    if treatment.before.shape[1] == 0:
        return Undefined("there is no pre-period to change from")
    found = weighted_means(
        treatment=_group(treatment),
        control=_group(control),
        names=[*pre_periods(treatment.before.shape[1]), *attributes],
        rng=rng,
        draws=draws,
        rows_per_group=rows_per_group,
    )
    if isinstance(found, Undefined):
        return found
    one = np.ones(1)
    difference = found.difference(treated=one, controls=one, confidence=confidence)
    if isinstance(difference, Undefined):
        return difference
    return WeightedDifference(
        value=difference.value,
        se=difference.se,
        df=difference.df,
        low=difference.low,
        high=difference.high,
        p_value=difference.p_value,
        treated_change=float(found.treated[0]),
        control_change=float(found.controls[0]),
        weighting=found.weighting,
        draws=len(found.replicates),
        failed=found.failed,
        treated=found.treated_rows,
        controls=found.control_rows,
        sampled=found.sampled,
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


def pre_periods(many: int) -> list[str]:
    """Names of so many pre-periods, oldest first."""
    return [f"pre-period {at + 1}" for at in range(many)]


def _group(panel: Panel) -> Group:
    """Changes from the last pre-period; any other, being matched, gives the same difference."""
    return Group(
        values=(panel.outcome - panel.before[:, -1])[:, None],
        covariates=np.column_stack([panel.before, panel.attributes]),
        clusters=panel.clusters,
    )


def _earlier(group: Panel) -> Panel:
    return replace(group, outcome=group.before[:, -1], before=group.before[:, :-1])
