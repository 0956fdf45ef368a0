"""Whether the effect fades (or grows) over the months of a pilot.

Least squares of the monthly effects on the months, each weighted by its precision; the standard
error counts the covariances between months, since they measure the same customers. Draper and Smith
(1998), Applied Regression Analysis, chapter 9.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.errors import Undefined
from experiments.stats.covariates import means_of, scatter_of
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.limits import difference, satterthwaite
from experiments.stats.means import no_spread
from experiments.stats.moments import Floats, Moments

MONTHS_NEEDED = 3
BLOCKING_P = 0.05
# What rounding leaves of the variance of a combination that does not vary.
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True)
class Drift:
    """A straight line through the monthly effects.

    Attributes:
        effects: Treatment mean minus control mean in each month.
        average: The precision-weighted mean of the effects.
        slope: Change of the effect per month, with its test and interval.
        first: Effect on the line in the first month.
        last: Effect on the line in the last month.
    """

    effects: tuple[float, ...]
    average: float
    slope: Difference
    first: float
    last: float

    @property
    def fades(self) -> bool:
        """Whether the effect moves towards zero, by more than chance explains (p < 0.05)."""
        return self.slope.p_value < BLOCKING_P and self.slope.value * self.average < 0


def effect_drift(
    *,
    treatment: Moments,
    control: Moments,
    months: Sequence[str],
    confidence: float = 0.95,
) -> Drift | Undefined:
    """Test whether the effect changes from month to month, equally spaced.

    Args:
        treatment: Moments of the metric in each month, one variable a month.
        control: The same.
        months: The variables in order of time, at least 3.
        confidence: Of the interval of the slope, between 0 and 1.

    Example:
        >>> found = effect_drift(
        ...     treatment=Moments.of(may=[6.0, 8.0], june=[4.0, 7.0], july=[2.0, 4.0]),
        ...     control=Moments.of(may=[1.0, 3.0], june=[2.0, 2.0], july=[2.0, 3.0]),
        ...     months=["may", "june", "july"])
        >>> found.effects, round(found.slope.value, 2)
        ((5.0, 3.5, 0.5), -2.3)
    """
    if len(months) < MONTHS_NEEDED:
        return Undefined(f"{len(months)} months are fewer than {MONTHS_NEEDED}")
    for side, group in (("treatment", treatment), ("control", control)):
        if group.n < 2:
            return Undefined(f"the {side} group has fewer than 2 customers")
    treated, controls = (
        scatter_of(group, months) / (group.n * (group.n - 1)) for group in (treatment, control)
    )
    effects = means_of(treatment, months) - means_of(control, months)
    for month in months:
        missing = no_spread(treatment=treatment.sample(month), control=control.sample(month))
        if missing is not None:
            return Undefined(f"in {month!r}, {missing.reason}")
    variances = np.diag(treated + controls)
    weights = variances.min() / variances
    weights = weights / weights.sum()
    at = np.arange(len(months))
    centre = float(weights @ at)
    line = weights * (at - centre)
    line = line / float(line @ at)
    parts = _quadratic(treated, line), _quadratic(controls, line)
    if not sum(parts) > ROUNDING * float(line * line @ variances):
        return Undefined("every customer's values rise or fall alike, so that nothing varies")
    slope = difference(
        value=float(line @ effects),
        se=math.sqrt(sum(parts)),
        df=satterthwaite([(parts[0], treatment.n - 1), (parts[1], control.n - 1)]),
        control_variance=parts[1],
        confidence=confidence,
        alternative=Alternative.TWO_SIDED,
    )
    if isinstance(slope, Undefined):
        return slope
    average = float(weights @ effects)
    return Drift(
        effects=tuple(effects.tolist()),
        average=average,
        slope=slope,
        first=average - slope.value * centre,
        last=average + slope.value * (len(months) - 1 - centre),
    )


def _quadratic(covariance: Floats, line: Floats) -> float:
    """The variance of a combination; rounding below zero counts as 0."""
    return max(0.0, float(line @ covariance @ line))
