"""How much more did the treatment group change than the control group?

Difference-in-differences, Snow (1855) and Card and Krueger (1994), American Economic Review
84:772-793. It reads as the program's effect where both groups would have changed alike without it,
which `pre_trend.py` examines. Standard errors count units, not observations: Bertrand, Duflo and
Mullainathan (2004), Quarterly Journal of Economics 119:249-275. The changes of customers compared
as they are: `did_of_customers`; samples of different customers: `did_of_samples`; published means:
`did_of_changes`; a panel of units over many periods: `panel_fit` and `two_way_effect`.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from experiments.errors import Undefined
from experiments.stats.cluster_robust import (
    ClusterCovariance,
    ClusteredCoefficient,
    clustered_coefficient,
)
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.limits import difference, satterthwaite
from experiments.stats.means import variance_of_mean, welch
from experiments.stats.moments import Floats, Moments, Sample
from experiments.stats.regression import LeastSquares, least_squares

Codes = npt.NDArray[np.intp]

EFFECT = "treated x after"
# An exposure that units and periods predict comes back from their means with this residue.
PREDICTED = 1e-9
# Alternating means over units and periods stop when they move nothing by more than this share.
SETTLED = 1e-13
ROUNDS = 10_000


@dataclass(frozen=True, slots=True)
class Change:
    """A group's mean before and after, and the standard error of its change."""

    before: float
    after: float
    se: float


@dataclass(frozen=True, slots=True)
class Panel:
    """Observations of units over periods, one element each, shape (n,).

    Attributes:
        values: The outcome.
        units: What was observed: a customer, store, region.
        periods: When.
        treated: Whether the unit is one that the program reached.
        after: Whether the period is one in which the program ran.
    """

    values: Sequence[float]
    units: Sequence[Hashable]
    periods: Sequence[Hashable]
    treated: Sequence[bool]
    after: Sequence[bool]

    def cell(self, *, treated: bool, after: bool) -> Sample:
        """The observations of one group at one time.

        Example:
            >>> panel = Panel([1.0, 4.0], ["a", "a"], [1, 2], [True, True], [False, True])
            >>> panel.cell(treated=True, after=True).mean
            4.0
        """
        rows = zip(self.values, self.treated, self.after, strict=True)
        return Sample.of([value for value, *where in rows if where == [treated, after]])


def did_of_customers(
    *,
    treatment: Moments,
    control: Moments,
    before: str,
    after: str,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Difference | Undefined:
    """Compare the changes of customers who were observed both times, by Welch.

    Args:
        treatment: Moments of both variables in the treatment group.
        control: The same in the control group.
        before: Name of the outcome before.
        after: Name of the outcome after.
        confidence: Of the interval, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.

    Example:
        >>> found = did_of_customers(
        ...     treatment=Moments.of(before=[1.0, 2.0, 3.0], after=[3.0, 5.0, 7.0]),
        ...     control=Moments.of(before=[1.0, 2.0, 3.0], after=[1.0, 3.0, 5.0]),
        ...     before="before", after="after")
        >>> found.value, round(found.se, 4), found.df
        (2.0, 0.8165, 4.0)
    """
    change = {"change": {after: 1.0, before: -1.0}}
    return welch(
        treatment=treatment.combine(change).sample("change"),
        control=control.combine(change).sample("change"),
        confidence=confidence,
        alternative=alternative,
    )


def did_of_samples(
    *,
    treatment_before: Sample,
    treatment_after: Sample,
    control_before: Sample,
    control_after: Sample,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Difference | Undefined:
    """Compare changes between independent samples: nobody is in two of them.

    Example:
        >>> low, high = Sample.of([1.0, 2.0, 3.0]), Sample.of([4.0, 5.0, 6.0])
        >>> found = did_of_samples(treatment_before=low, treatment_after=high,
        ...     control_before=low, control_after=low)
        >>> found.value, round(found.se, 4), found.df
        (3.0, 1.1547, 8.0)
    """
    samples = (treatment_before, treatment_after, control_before, control_after)
    if any(sample.n < 2 for sample in samples):
        return Undefined("a sample has fewer than 2 customers, and a variance needs at least 2")
    parts = [(variance_of_mean(sample), sample.n - 1.0) for sample in samples]
    variance = math.fsum(part for part, _ in parts)
    if variance == 0:
        return Undefined("within each sample all customers have the same value")
    return difference(
        value=_gap_of_changes(*(sample.mean for sample in samples)),
        se=math.sqrt(variance),
        df=satterthwaite(parts),
        control_variance=parts[2][0] + parts[3][0],
        confidence=confidence,
        alternative=alternative,
    )


def did_of_changes(
    *,
    treatment: Change,
    control: Change,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Difference | Undefined:
    """Compare two changes from means and standard errors alone; normal reference distribution.

    Example:
        >>> found = did_of_changes(
        ...     treatment=Change(20.44, 21.03, se=0.54), control=Change(23.33, 21.17, se=1.25))
        >>> round(found.value, 2), round(found.se, 2)
        (2.75, 1.36)
    """
    se = math.hypot(treatment.se, control.se)
    if not se > 0:
        return Undefined("the standard errors of both changes are zero")
    return difference(
        value=_gap_of_changes(treatment.before, treatment.after, control.before, control.after),
        se=se,
        df=math.inf,
        control_variance=control.se**2,
        confidence=confidence,
        alternative=alternative,
    )


def panel_fit(panel: Panel) -> LeastSquares | Undefined:
    """Regression on group, time and both; the effect is the coefficient `EFFECT`.

    In a balanced panel that is the difference of changes of the four cell means. Its standard
    error comes from `clustered_coefficient` with the units as clusters.
    """
    treated, after = np.asarray(panel.treated, dtype=float), np.asarray(panel.after, dtype=float)
    columns = {"treated": treated, "after": after, EFFECT: treated * after}
    return least_squares(outcome=panel.values, columns=columns)


def two_way_effect(
    panel: Panel,
    *,
    covariance: Literal[ClusterCovariance.CR0, ClusterCovariance.CR1] = ClusterCovariance.CR1,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> ClusteredCoefficient | Undefined:
    """The effect with a level of its own for each unit and each period; units are clusters.

    Outcome and exposure are cleared of the means of units and periods (Frisch and Waugh 1933,
    Econometrica 1:387-401), in turns where the panel has gaps (Guimaraes and Portugal 2010, Stata
    Journal 10:628-649). With few treated units the standard error is far too small.
    """
    exposed = np.asarray(panel.treated, dtype=float) * np.asarray(panel.after, dtype=float)
    keys = [_codes(panel.units), _codes(panel.periods)]
    values, exposure = (
        _cleared(np.array(column, dtype=float), keys) for column in (panel.values, exposed)
    )
    if np.abs(exposure).max(initial=0.0) <= PREDICTED:
        return Undefined("who was exposed when says nothing beyond unit and period")
    fit = least_squares(outcome=values, columns={EFFECT: exposure})
    if isinstance(fit, Undefined):
        return fit
    return clustered_coefficient(
        fit,
        EFFECT,
        clusters=panel.units,
        covariance=covariance,
        confidence=confidence,
        alternative=alternative,
    )


def _gap_of_changes(
    treatment_before: float, treatment_after: float, control_before: float, control_after: float
) -> float:
    return (treatment_after - treatment_before) - (control_after - control_before)


def _codes(keys: Sequence[Hashable]) -> Codes:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def _cleared(column: Floats, keys: Sequence[Codes]) -> Floats:
    """A column minus the means of each unit and of each period, until nothing moves."""
    size = float(np.abs(column).max(initial=0.0))
    for _ in range(ROUNDS):
        moved = 0.0
        for codes in keys:
            means = np.bincount(codes, column) / np.bincount(codes)
            column = column - means[codes]
            moved = max(moved, float(np.abs(means).max(initial=0.0)))
        if moved <= SETTLED * size:
            break
    return column
