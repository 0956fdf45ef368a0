"""Turn an estimate and its standard error into a test and an interval.

Quantiles and tails of Student's t distribution, which is the normal one at infinite degrees of
freedom, and the degrees of freedom of a sum of variances: Satterthwaite (1946), Biometrics
Bulletin 2:110-114, and Welch (1947), Biometrika 34:28-35. Functions in the plural take arrays.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Difference, Interval
from experiments.stats.many import Bools, Differences, Reasons, first_reason, numbers
from experiments.stats.moments import Floats

TOO_WILD = "the values are too large or too small to be computed with"


def quantile(probability: float, *, df: float = math.inf) -> float:
    """The value that a t variable stays below with this probability.

    Args:
        probability: Between 0 and 1.
        df: Degrees of freedom; infinite for the normal distribution.

    Example:
        >>> round(quantile(0.975), 4)
        1.96
        >>> round(quantile(0.975, df=10), 4)
        2.2281
    """
    return float(quantiles(probability, df=np.asarray(df, dtype=float)))


def upper_tail(statistic: float, *, df: float = math.inf) -> float:
    """The probability that a t variable exceeds this value.

    Example:
        >>> round(upper_tail(1.96), 4)
        0.025
    """
    return float(upper_tails(np.asarray(statistic, dtype=float), df=np.asarray(df, dtype=float)))


def confidence_of(critical: float) -> float:
    """The confidence at which the normal quantile is this critical value.

    Example:
        >>> round(confidence_of(1.96), 3)
        0.95
    """
    return 1 - 2 * upper_tail(critical)


def p_value(
    statistic: float,
    *,
    df: float = math.inf,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> float:
    """The probability of a statistic at least this far out, if there were no difference.

    Example:
        >>> round(p_value(-1.96), 4)
        0.05
        >>> round(p_value(-1.96, alternative=Alternative.GREATER), 4)
        0.975
    """
    return float(
        p_values(
            np.asarray(statistic, dtype=float),
            df=np.asarray(df, dtype=float),
            alternative=alternative,
        )
    )


def limits(
    *,
    value: float,
    se: float,
    df: float = math.inf,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Interval:
    """The values that the test does not reject; a one-sided test leaves one limit infinite.

    Example:
        >>> limits(value=1.0, se=0.0)
        Interval(low=1.0, high=1.0)
    """
    low, high = all_limits(
        value=np.asarray(value, dtype=float),
        se=np.asarray(se, dtype=float),
        df=np.asarray(df, dtype=float),
        confidence=confidence,
        alternative=alternative,
    )
    return Interval(float(low), float(high))


def satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of independent variance estimates.

    Args:
        parts: Each estimate with its own degrees of freedom; at least one is above zero.

    Example:
        >>> satterthwaite([(2.0, 9.0), (2.0, 9.0)])
        18.0
    """
    return float(
        satterthwaites(
            [
                (np.asarray(variance, dtype=float), np.asarray(df, dtype=float))
                for variance, df in parts
            ]
        )
    )


def difference(
    *,
    value: float,
    se: float,
    df: float,
    control_variance: float,
    confidence: float,
    alternative: Alternative,
) -> Difference | Undefined:
    """Test a difference against zero and give its interval, by the t distribution.

    Args:
        value: Treatment minus control.
        se: Its standard error, above zero.
        df: Degrees of freedom of the standard error.
        control_variance: The control group's part of `se` squared.
        confidence: Of the interval, between 0 and 1.
        alternative: What the test holds against no difference.
    """
    return differences(
        value=np.asarray(value, dtype=float),
        se=np.asarray(se, dtype=float),
        df=np.asarray(df, dtype=float),
        control_variance=np.asarray(control_variance, dtype=float),
        confidence=confidence,
        alternative=alternative,
        missing=[],
    )[()]


def quantiles(probability: float, *, df: Floats) -> Floats:
    """`quantile` for many degrees of freedom."""
    return np.asarray(np.where(np.isinf(df), ndtri(probability), stdtrit(df, probability)))


def upper_tails(statistic: Floats, *, df: Floats) -> Floats:
    """`upper_tail` of many values."""
    return np.asarray(np.where(np.isinf(df), ndtr(-statistic), stdtr(df, -statistic)))


def p_values(statistic: Floats, *, df: Floats, alternative: Alternative) -> Floats:
    """`p_value` of many statistics."""
    if alternative is Alternative.GREATER:
        return upper_tails(statistic, df=df)
    if alternative is Alternative.LESS:
        return upper_tails(-statistic, df=df)
    return np.minimum(1.0, 2 * upper_tails(np.abs(statistic), df=df))


def all_limits(
    *, value: Floats, se: Floats, df: Floats, confidence: float, alternative: Alternative
) -> tuple[Floats, Floats]:
    """`limits` of many values: the lower ones and the upper ones."""
    if alternative is Alternative.TWO_SIDED:
        reach = quantiles((1 + confidence) / 2, df=df) * se
        return value - reach, value + reach
    reach = quantiles(confidence, df=df) * se
    if alternative is Alternative.GREATER:
        return value - reach, np.full_like(value, math.inf)
    return np.full_like(value, -math.inf), value + reach


def satterthwaites(parts: Sequence[tuple[Floats, Floats]]) -> Floats:
    """`satterthwaite` of many sums."""
    total = sum(variance for variance, _ in parts)
    # A product, because ** rounds one number in another way than an array of them.
    shares = [(variance / total, df) for variance, df in parts]
    return np.asarray(1 / sum(share * share / df for share, df in shares))


@np.errstate(all="ignore")
def differences(
    *,
    value: Floats,
    se: Floats,
    df: Floats,
    control_variance: Floats,
    confidence: float,
    alternative: Alternative,
    missing: Sequence[tuple[Bools, str | Reasons]],
) -> Differences:
    """`difference` of many values.

    Args:
        value: Treatment minus control.
        se: Their standard errors, above zero where nothing is missing.
        df: Degrees of freedom of the standard errors.
        control_variance: The control groups' part of `se` squared.
        confidence: Of the intervals, between 0 and 1.
        alternative: What the tests hold against no difference.
        missing: Where a difference does not exist, and why; the first that holds is said.
    """
    statistic = value / se
    wild = ~(np.isfinite(value) & np.isfinite(se) & np.isfinite(statistic))
    low, high = all_limits(
        value=value, se=se, df=df, confidence=confidence, alternative=alternative
    )
    p_value = p_values(statistic, df=df, alternative=alternative)
    reason = first_reason(*missing, (wild, TOO_WILD))
    return Differences(
        reason, *numbers(reason, value, se, df, statistic, p_value, low, high, control_variance)
    )
