"""Whether the groups moved alike in the periods before the pilot.

The gap between the groups should be the same in every pre-period. Wald's test of all its changes at
once, the groups with covariances of their own, referred to F with the degrees of freedom of
Krishnamoorthy and Yu (2004), Statistics and Probability Letters 66:161-169 (with two periods,
Welch's test). What such a test can and cannot show: Roth (2022), American Economic Review: Insights
4:305-322.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import fdtrc

from experiments.errors import Undefined
from experiments.stats.balancing import effective_size
from experiments.stats.covariates import means_of, scatter_of
from experiments.stats.moments import Floats, Moments

PERIODS_NEEDED = 3
BLOCKING_P = 0.05
# The share of the largest variance below which a combination of periods does not vary.
OWN_SHARE = 1e-10
# Equal values come back from floating-point sums with a spread of a few units in the last place.
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True)
class Pretrend:
    """A joint test that the gap between the groups was constant.

    Attributes:
        gaps: Treatment mean minus (weighted) control mean in each pre-period, oldest first.
        statistic: Of the F test.
        df: Its numerator degrees of freedom, one less than the periods.
        residual_df: Its denominator degrees of freedom.
        p_value: Of a constant gap; below 0.05 blocks.
    """

    gaps: tuple[float, ...]
    statistic: float
    df: int
    residual_df: float
    p_value: float


@dataclass(frozen=True, slots=True)
class _Means:
    """Means of one group, their covariance and its degrees of freedom."""

    means: Floats
    covariance: Floats
    df: float


def pretrend(
    *, treatment: Moments, control: Moments, periods: Sequence[str]
) -> Pretrend | Undefined:
    """Test the changes of the gap between two groups, from their moments.

    Args:
        treatment: Moments of the metric in each pre-period, one variable a period.
        control: The same.
        periods: The variables, oldest first, at least 3.

    Example:
        >>> before = {"january": [1.0, 2.0, 6.0], "february": [2.0, 4.0, 5.0],
        ...     "march": [0.0, 5.0, 5.0]}
        >>> group = Moments.of(**before)
        >>> pretrend(treatment=group, control=group, periods=list(before)).p_value
        1.0
    """
    for side, group in (("treatment", treatment), ("control", control)):
        if group.n < 2:
            return Undefined(f"the {side} group has fewer than 2 customers")
    return _test(
        *(
            _Means(
                means_of(group, periods),
                scatter_of(group, periods) / (group.n * (group.n - 1)),
                group.n - 1,
            )
            for group in (treatment, control)
        )
    )


def weighted_pretrend(
    *,
    treatment: Floats,
    control: Floats,
    control_weights: Floats,
    treatment_clusters: npt.NDArray[np.int64] | None = None,
    control_clusters: npt.NDArray[np.int64] | None = None,
) -> Pretrend | Undefined:
    """Test the changes of the gap to a weighted control group, from rows.

    The weights count as given, and with them an effective number of control customers or clusters
    (Kish). Weights that match every period make the gap zero whatever the trend was: then the test
    is Undefined, and `placebo_did` is the one to run.

    Args:
        treatment: The metric in each pre-period, oldest first, shape (customers, periods).
        control: The same for control customers.
        control_weights: One per control customer, such as those that balance attributes alone.
        treatment_clusters: Number of each customer's cluster; customers on their own if None.
        control_clusters: The same for control customers.

    Example:
        >>> before = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 5.0], [6.0, 5.0, 5.0], [3.0, 1.0, 2.0]])
        >>> weighted_pretrend(treatment=before, control=before + [0, 1, 2],
        ...     control_weights=np.ones(4)).gaps
        (0.0, -1.0, -2.0)
    """
    treated = _weighted(treatment, np.ones(len(treatment)), treatment_clusters)
    if isinstance(treated, Undefined):
        return Undefined(f"the treatment group {treated.reason}")
    controls = _weighted(control, control_weights, control_clusters)
    if isinstance(controls, Undefined):
        return Undefined(f"the control group {controls.reason}")
    gaps = treated.means - controls.means
    spread = np.sqrt(np.diag(treated.covariance + controls.covariance))
    if np.all(np.abs(gaps) <= 1e-6 * spread) and np.ptp(control_weights) > 0:
        return Undefined("the weights match every pre-period, so that the test cannot fail")
    return _test(treated, controls)


def _weighted(
    rows: Floats, weights: Floats, clusters: npt.NDArray[np.int64] | None
) -> _Means | Undefined:
    """Weighted means and their covariance over customers or clusters."""
    if not (np.isfinite(rows).all() and np.isfinite(weights).all()):
        return Undefined("has values that are not numbers")
    unit = np.arange(len(rows)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    units = int(unit.max()) + 1 if len(unit) else 0
    if units < 2:
        return Undefined(f"has fewer than 2 {'customers' if clusters is None else 'clusters'}")
    shares = weights / weights.sum()
    means = shares @ rows
    influence = np.zeros((units, rows.shape[1]))
    np.add.at(influence, unit, shares[:, None] * (rows - means))
    effective = effective_size(np.bincount(unit, weights=shares).astype(float))
    if effective < 2:
        return Undefined("has fewer than 2 effective customers")
    return _Means(means, influence.T @ influence * (units / (units - 1)), effective - 1)


def _test(treated: _Means, controls: _Means) -> Pretrend | Undefined:
    """Wald's test that all gaps are equal."""
    gaps = treated.means - controls.means
    if len(gaps) < PERIODS_NEEDED:
        return Undefined(f"{len(gaps)} pre-periods are fewer than {PERIODS_NEEDED}")
    contrast = np.diff(np.eye(len(gaps)), axis=0)
    parts = [(contrast @ group.covariance @ contrast.T, group.df) for group in (treated, controls)]
    variance = parts[0][0] + parts[1][0]
    values, vectors = np.linalg.eigh(variance)
    size = float(np.max(np.abs(np.concatenate([treated.means, controls.means]))))
    if not values[0] > max(OWN_SHARE * values[-1], (ROUNDING * size) ** 2):
        return Undefined("some change between pre-periods does not vary among the customers")
    # In these coordinates the variance is the identity.
    to_unit = vectors / np.sqrt(values)
    distance = (contrast @ gaps) @ to_unit
    wald, k = float(distance @ distance), len(values)
    total = sum(
        (float(np.sum(share * share.T)) + float(np.trace(share)) ** 2) / df
        for share, df in ((to_unit.T @ part @ to_unit, df) for part, df in parts)
    )
    df = (k + k * k) / total
    residual_df = df - k + 1
    if residual_df <= 0:
        return Undefined(f"too few customers to compare {k} changes at once")
    statistic = wald * residual_df / (df * k)
    return Pretrend(
        gaps=tuple(gaps.tolist()),
        statistic=statistic,
        df=k,
        residual_df=residual_df,
        p_value=float(fdtrc(k, residual_df, statistic)),
    )
