"""Turn an estimate and its standard error into a test and an interval.

Quantiles and tails of Student's t distribution, which is the normal one at infinite degrees of
freedom, and the degrees of freedom of a sum of variances: Satterthwaite (1946), Biometrics
Bulletin 2:110-114, and Welch (1947), Biometrika 34:28-35.
"""

import math
from collections.abc import Sequence

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Difference, Interval


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
    return float(ndtri(probability) if math.isinf(df) else stdtrit(df, probability))


def upper_tail(statistic: float, *, df: float = math.inf) -> float:
    """The probability that a t variable exceeds this value.

    Example:
        >>> round(upper_tail(1.96), 4)
        0.025
    """
    return float(ndtr(-statistic) if math.isinf(df) else stdtr(df, -statistic))


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
    if alternative is Alternative.GREATER:
        return upper_tail(statistic, df=df)
    if alternative is Alternative.LESS:
        return upper_tail(-statistic, df=df)
    return min(1.0, 2 * upper_tail(abs(statistic), df=df))


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
    if alternative is Alternative.TWO_SIDED:
        reach = quantile((1 + confidence) / 2, df=df) * se
        return Interval(value - reach, value + reach)
    reach = quantile(confidence, df=df) * se
    if alternative is Alternative.GREATER:
        return Interval(value - reach, math.inf)
    return Interval(-math.inf, value + reach)


def satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    """Degrees of freedom of a sum of independent variance estimates.

    Args:
        parts: Each estimate with its own degrees of freedom; at least one is above zero.

    Example:
        >>> satterthwaite([(2.0, 9.0), (2.0, 9.0)])
        18.0
    """
    total = sum(variance for variance, _ in parts)
    return 1 / sum((variance / total) ** 2 / df for variance, df in parts)


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
    if not (math.isfinite(value) and math.isfinite(se) and math.isfinite(value / se)):
        return Undefined("the values are too large or too small to be computed with")
    found = limits(value=value, se=se, df=df, confidence=confidence, alternative=alternative)
    return Difference(
        value=value,
        se=se,
        df=df,
        statistic=value / se,
        p_value=p_value(value / se, df=df, alternative=alternative),
        low=found.low,
        high=found.high,
        control_variance=control_variance,
    )
