"""Show that a difference is small, or not too bad; "not significant" shows neither.

Two one-sided tests: Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15:657-680.
Non-inferiority: Wellek (2010), Testing Statistical Hypotheses of Equivalence and Noninferiority.
Margins that are a share of the control mean are tested on mean_t - (1 + share) mean_c: Hauschke,
Kieser, Diletti and Burke (1999), Statistics in Medicine 18:93-105. Rates by the score test of
Farrington and Manning (1990), Statistics in Medicine 9:1447-1454; their Wald test is
`non_inferiority` of the difference that `pooled_z` gives.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from experiments.errors import BadInput, Undefined
from experiments.stats.estimate import Alternative, Difference, Interval
from experiments.stats.limits import limits, p_value
from experiments.stats.means import welch
from experiments.stats.moments import Sample
from experiments.stats.rates import Share
from experiments.stats.score import miettinen_nurminen, score_test

MeanTest = Callable[..., Difference | Undefined]


@dataclass(frozen=True, slots=True)
class OneSided:
    """A test against a margin.

    Attributes:
        statistic: Distance from the margin in standard errors.
        df: Degrees of freedom of the reference t distribution; infinite for a normal one.
        p_value: Of the null hypothesis that the margin is reached or passed.
    """

    statistic: float
    df: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two one-sided tests.

    Attributes:
        above_low: Test that the difference is above the lower margin.
        below_high: Test that the difference is below the upper margin.
        interval: Of the difference at confidence 1 - 2 alpha; absolute margins have to hold it.
        alpha: Level of each of the two tests.
    """

    above_low: OneSided
    below_high: OneSided
    interval: Interval
    alpha: float

    @property
    def p_value(self) -> float:
        """The larger p-value of the two."""
        return max(self.above_low.p_value, self.below_high.p_value)

    @property
    def equivalent(self) -> bool:
        """Whether both tests reject."""
        return self.p_value <= self.alpha


def non_inferiority(
    difference: Difference, *, margin: float, alternative: Alternative = Alternative.GREATER
) -> OneSided:
    """Test a difference, of whatever method, against a margin.

    Args:
        difference: Treatment minus control, with its standard error.
        margin: The difference under the null hypothesis; below 0 for a worsening that is still
            accepted where more is better.
        alternative: GREATER where more is better, LESS where less is.

    Example:
        >>> more = welch(treatment=Sample(50, 10.0, 25.0), control=Sample(50, 10.0, 25.0))
        >>> non_inferiority(more, margin=-2.0).statistic
        2.0
    """
    statistic = (difference.value - margin) / difference.se
    return OneSided(
        statistic, difference.df, p_value(statistic, df=difference.df, alternative=alternative)
    )


def relative_non_inferiority(
    *,
    treatment: Sample,
    control: Sample,
    margin: float,
    alternative: Alternative = Alternative.GREATER,
    method: MeanTest = welch,
) -> OneSided | Undefined:
    """Test the treatment mean against (1 + margin) times the control mean.

    Args:
        treatment: The treated customers.
        control: The control customers.
        margin: Share of the control mean, above -1; -0.05 accepts five per cent less.
        alternative: GREATER where more is better, LESS where less is.
        method: `welch` or `student`.

    Example:
        >>> found = relative_non_inferiority(treatment=Sample(50, 10.0, 25.0),
        ...     control=Sample(50, 10.0, 25.0), margin=-0.2)
        >>> round(found.statistic, 3)
        2.209
    """
    factor = 1 + margin
    if not factor > 0:
        raise BadInput("A margin of -1 or less leaves no part of the control mean.")
    part = Sample(control.n, factor * control.mean, factor**2 * control.variance)
    found = method(treatment=treatment, control=part)
    if isinstance(found, Undefined):
        return found
    return non_inferiority(found, margin=0.0, alternative=alternative)


def equivalence(
    difference: Difference, *, low: float, high: float, alpha: float = 0.05
) -> Equivalence:
    """Test whether a difference, of whatever method, lies between two margins.

    Args:
        difference: Treatment minus control, with its standard error.
        low: The lower margin, below `high`.
        high: The upper margin.
        alpha: Level of each of the two tests.

    Example:
        >>> same = welch(treatment=Sample(50, 10.0, 25.0), control=Sample(50, 10.0, 25.0))
        >>> found = equivalence(same, low=-2.0, high=2.0)
        >>> found.above_low.statistic, found.equivalent
        (2.0, True)
    """
    _check(low=low, high=high)
    return Equivalence(
        above_low=non_inferiority(difference, margin=low),
        below_high=non_inferiority(difference, margin=high, alternative=Alternative.LESS),
        interval=limits(
            value=difference.value, se=difference.se, df=difference.df, confidence=1 - 2 * alpha
        ),
        alpha=alpha,
    )


def relative_equivalence(
    *,
    treatment: Sample,
    control: Sample,
    low: float,
    high: float,
    alpha: float = 0.05,
    method: MeanTest = welch,
) -> Equivalence | Undefined:
    """Test whether the treatment mean lies between (1 + low) and (1 + high) control means.

    Example:
        >>> found = relative_equivalence(treatment=Sample(50, 10.0, 25.0),
        ...     control=Sample(50, 10.0, 25.0), low=-0.2, high=0.25)
        >>> round(found.above_low.statistic, 3), round(found.below_high.statistic, 3)
        (2.209, -2.209)
    """
    _check(low=low, high=high)
    difference = method(treatment=treatment, control=control, confidence=1 - 2 * alpha)
    above = relative_non_inferiority(
        treatment=treatment, control=control, margin=low, method=method
    )
    below = relative_non_inferiority(
        treatment=treatment,
        control=control,
        margin=high,
        alternative=Alternative.LESS,
        method=method,
    )
    if isinstance(difference, Undefined):
        return difference
    if isinstance(above, Undefined):
        return above
    if isinstance(below, Undefined):
        return below
    return Equivalence(above, below, Interval(difference.low, difference.high), alpha)


def rate_equivalence(
    *, treatment: Share, control: Share, low: float, high: float, alpha: float = 0.05
) -> Equivalence | Undefined:
    """Test whether a difference of rates lies between two margins, by the score test.

    Example:
        >>> found = rate_equivalence(
        ...     treatment=Share(36, 40), control=Share(38, 40), low=-0.1, high=0.1)
        >>> round(found.above_low.statistic, 4), found.equivalent
        (0.801, False)
    """
    _check(low=low, high=high)
    above = score_test(
        treatment=treatment, control=control, margin=low, alternative=Alternative.GREATER
    )
    below = score_test(
        treatment=treatment, control=control, margin=high, alternative=Alternative.LESS
    )
    interval = miettinen_nurminen(
        treatment=treatment, control=control, confidence=1 - 2 * alpha, corrected=False
    )
    if isinstance(above, Undefined):
        return above
    if isinstance(below, Undefined):
        return below
    if isinstance(interval, Undefined):
        return interval
    return Equivalence(
        OneSided(above.statistic, math.inf, above.p_value),
        OneSided(below.statistic, math.inf, below.p_value),
        interval,
        alpha,
    )


def _check(*, low: float, high: float) -> None:
    if not low < high:
        raise BadInput("The lower margin of an equivalence must be below the upper one.")
