"""Which sums, and which rates, are too far out to be chance at any time?

Time-uniform boundaries of Howard, Ramdas, McAuliffe and Sekhon (2021), Annals of Statistics 49:
1055-1080 (the stitched boundary), and (2020), Probability Surveys 17:257-317 (the mixtures). S_n
is a sum of centred observations and v its intrinsic time, the accumulated variance. A boundary is
crossed upward at any time with probability alpha at most.
"""

import math
from collections.abc import Callable

from scipy.optimize import brentq
from scipy.special import betainc, betaln, log_ndtr, zeta

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.spending import Sided

# The least weight of a prior, as a share of the variance of one observation.
LEAST_PRIOR = 1e-3
LEAST_PART = 1e-300
ALMOST = 1e-12


def mixture_tuning(*, time: float, alpha: float, sided: Sided = 2) -> float:
    """The rho at which a normal mixture boundary is about tightest at an intrinsic time.

    Example:
        >>> round(mixture_tuning(time=100, alpha=0.05), 5)
        12.60056
    """
    twice = -2 * math.log(alpha if sided == 2 else 2 * alpha)
    return time / (twice + math.log1p(twice))


def normal_log_mixture(total: float, *, time: float, rho: float, sided: Sided = 2) -> float:
    """Logarithm of the normal mixture of likelihood ratios against no drift.

    Args:
        total: The sum of centred observations.
        time: Its intrinsic time, not below 0.
        rho: Of `mixture_tuning`, above 0.
        sided: 1 mixes over positive drifts only.

    Example:
        >>> rho = mixture_tuning(time=100, alpha=0.05)
        >>> round(normal_log_mixture(10, time=100, rho=rho), 6)
        -0.651005
    """
    whole = time + rho
    ratio = (math.log(rho / whole) + total**2 / whole) / 2
    if sided == 2:
        return ratio
    return ratio + math.log(2) + float(log_ndtr(total / math.sqrt(whole)))


def normal_boundary(
    *, time: float, rho: float, alpha: float, sided: Sided = 2
) -> float | Undefined:
    """The sum (two-sided: its absolute value) that a normal mixture does not allow to exceed.

    Args:
        time: Intrinsic time, not below 0.
        rho: Of `mixture_tuning`, above 0.
        alpha: Error rate over all times, above 0; one-sided below one half.
        sided: 2 for a boundary on both sides.

    Example:
        >>> round(normal_boundary(time=100, rho=12.60056, alpha=0.05), 4)
        30.3521
    """
    if not (time >= 0 and rho > 0 and 0 < alpha < sided / 2 and math.isfinite(time + rho)):
        return Undefined("a time, a tuning or an error rate is outside its range")
    whole = time + rho
    two_sided = math.sqrt(whole * (math.log(whole / rho) - 2 * math.log(alpha)))
    if sided == 2:
        return two_sided

    def excess(total: float) -> float:
        return normal_log_mixture(total, time=time, rho=rho, sided=1) + math.log(alpha)

    # The one-sided mixture is between one and two times the other, above zero.
    return float(brentq(excess, 0.0, two_sided, xtol=1e-10))


def stitched_boundary(
    *,
    time: float,
    alpha: float,
    first_time: float,
    scale: float = 0.0,
    power: float = 1.4,
    growth: float = 2.0,
) -> float | Undefined:
    """The sum that the stitched boundary does not allow to exceed, upward.

    It grows as the law of the iterated logarithm demands, so that it is tight for ever.

    Args:
        time: Intrinsic time.
        alpha: Error rate over all times, above 0 and below 1.
        first_time: The intrinsic time before which the boundary is flat, above 0.
        scale: c of sub-gamma observations; 0 for sub-Gaussian ones.
        power: s of the sum over epochs, above 1.
        growth: eta, how much longer each epoch is than the one before, above 1.

    Example:
        >>> round(stitched_boundary(time=100, alpha=0.05, first_time=10, scale=3), 4)
        64.4875
    """
    if not (0 < alpha < 1 and first_time > 0 and power > 1 and growth > 1):
        return Undefined("an error rate or a tuning of the stitched boundary is outside its range")
    later = max(time, first_time)
    if not (math.isfinite(later) and math.isfinite(scale)):
        return Undefined("the intrinsic time or the scale is not a finite number")
    epochs = math.log(growth)
    level = power * math.log(math.log(growth * later / first_time)) + math.log(
        float(zeta(power)) / (alpha * epochs**power)
    )
    root = (growth**0.25 + growth**-0.25) / math.sqrt(2)
    linear = (math.sqrt(growth) + 1) / 2 * scale * level
    inside = root**2 * later * level + linear**2
    if inside < 0:
        return Undefined("the error rate is too large for a stitched boundary")
    return math.sqrt(inside) + linear


def stitched_interval(
    *,
    mean: float,
    n: int,
    low: float,
    high: float,
    first_n: int = 100,
    alpha: float = 0.05,
) -> Interval | Undefined:
    """Limits that a mean of bounded values keeps to at all times.

    A value between `low` and `high` is sub-Gaussian with variance ((high - low) / 2)^2: Hoeffding
    (1963), Journal of the American Statistical Association 58:13-30.

    Args:
        mean: Mean of the values so far.
        n: How many there are.
        low: No value is below it.
        high: No value is above it.
        first_n: The number of values up to which the boundary is flat; fixed beforehand.
        alpha: Probability that a limit ever fails, above 0 and below 1.

    Example:
        >>> found = stitched_interval(mean=0.3, n=10_000, low=0, high=1)
        >>> round(found.low, 3), round(found.high, 3)
        (0.28, 0.32)
    """
    if n < 1 or first_n < 1:
        return Undefined("there is no value")
    if not (low < high and low <= mean <= high):
        return Undefined("the mean is not within the bounds of the values")
    variance = ((high - low) / 2) ** 2
    bound = stitched_boundary(time=n * variance, alpha=alpha / 2, first_time=first_n * variance)
    if isinstance(bound, Undefined):
        return bound
    return Interval(max(low, mean - bound / n), min(high, mean + bound / n))


def prior_weight(
    *, time: float, alpha: float, below: float, above: float, sided: Sided = 2
) -> float:
    """Observations that the beta prior is worth which is about best at an intrinsic time.

    Args:
        time: Intrinsic time to tune for: observations times below times above.
        alpha: Error rate over all times; one-sided below one half.
        below: A centred observation is not further below zero than this, above 0.
        above: A centred observation is not further above zero than this, above 0.
        sided: 1 where only upward crossings count.

    Example:
        >>> round(prior_weight(time=100, alpha=0.05, below=0.2, above=0.8), 2)
        77.75
    """
    tuned_n = time / below / above
    return max(mixture_tuning(time=tuned_n, alpha=alpha, sided=sided) - 1, LEAST_PRIOR)


def beta_binomial_log_mixture(
    total: float, *, time: float, weight: float, below: float, above: float, sided: Sided = 2
) -> float:
    """Logarithm of the beta mixture of likelihood ratios against no drift.

    Args:
        total: The sum of centred observations.
        time: Its intrinsic time: observations times below times above.
        weight: Of `prior_weight`, in observations.
        below: A centred observation is not further below zero than this, above 0.
        above: A centred observation is not further above zero than this, above 0.
        sided: 1 mixes over positive drifts only.

    Example:
        >>> weight = prior_weight(time=100, alpha=0.05, below=0.2, above=0.8)
        >>> mixed = beta_binomial_log_mixture(10, time=100, weight=weight, below=0.2, above=0.8)
        >>> round(mixed, 6)
        -0.694101
    """
    n, width = time / below / above, below + above
    successes = min(max((total + below * n) / width, 0.0), n)
    return _log_mixture(successes, n=n, rate=below / width, weight=weight, sided=sided)


def beta_binomial_boundary(
    *, time: float, weight: float, alpha: float, below: float, above: float, sided: Sided = 2
) -> float | Undefined:
    """The sum that a beta-binomial mixture does not allow to exceed, upward.

    Args:
        time: Intrinsic time: observations times below times above.
        weight: Of `prior_weight`, in observations.
        alpha: Error rate over all times, above 0 and below 1.
        below: A centred observation is not further below zero than this, above 0.
        above: A centred observation is not further above zero than this, above 0.
        sided: 1 where only upward crossings count.

    Returns:
        The largest possible sum where none is ruled out.

    Example:
        >>> weight = prior_weight(time=100, alpha=0.05, below=0.2, above=0.8)
        >>> found = beta_binomial_boundary(
        ...     time=100, weight=weight, alpha=0.05, below=0.2, above=0.8
        ... )
        >>> round(found, 4)
        31.4308
    """
    if not (time > 0 and weight > 0 and 0 < alpha < 1 and below > 0 and above > 0):
        return Undefined("a time, a tuning, a bound or an error rate is outside its range")

    def excess(total: float) -> float:
        return math.log(alpha) + beta_binomial_log_mixture(
            total, time=time, weight=weight, below=below, above=above, sided=sided
        )

    return _root(excess, time / below, 0.0)


def rate_sequence(
    *, successes: int, n: int, tuned_n: float, alpha: float = 0.05
) -> Interval | Undefined:
    """Limits that a rate keeps to at all times, by the beta-binomial mixture.

    Args:
        successes: From 0 to n.
        n: Observations so far.
        tuned_n: The number of observations at which the limits are about tightest; fixed
            beforehand.
        alpha: Probability that a limit ever fails, above 0 and below 1.

    Example:
        >>> found = rate_sequence(successes=700, n=1000, tuned_n=100)
        >>> round(found.low, 6), round(found.high, 6)
        (0.65163, 0.74595)
    """
    if n < 1 or not 0 <= successes <= n:
        return Undefined("there is no observation, or the successes are not a part of them")
    if not (0 < alpha < 1 and tuned_n > 0 and math.isfinite(tuned_n)):
        return Undefined("the error rate or the tuning is outside its range")
    weight = max(mixture_tuning(time=tuned_n, alpha=alpha) - 1, LEAST_PRIOR)
    observed = successes / n

    def excess(rate: float) -> float:
        return math.log(alpha) + _log_mixture(successes, n=n, rate=rate, weight=weight)

    # Between the observed rate, which is never ruled out, and an end where it is.
    inner = min(max(observed, ALMOST), 1 - ALMOST)
    low = _root(excess, ALMOST, inner) if successes > 0 else 0.0
    high = _root(excess, 1 - ALMOST, inner) if successes < n else 1.0
    return Interval(low if low > ALMOST else 0.0, high if high < 1 - ALMOST else 1.0)


def _log_mixture(
    successes: float, *, n: float, rate: float, weight: float, sided: Sided = 2
) -> float:
    """Log likelihood ratio of rates from Beta(weight rate, weight (1 - rate)) against one rate."""
    prior = weight * rate, weight * (1 - rate)
    posterior = prior[0] + successes, prior[1] + n - successes
    ratio = float(betaln(*posterior) - betaln(*prior))
    ratio -= successes * math.log(rate) + (n - successes) * math.log1p(-rate)
    if sided == 2:
        return ratio
    # Of posterior and prior, the part above the rate.
    parts = [max(float(betainc(b, a, 1 - rate)), LEAST_PART) for a, b in (posterior, prior)]
    return ratio + math.log(parts[0] / parts[1])


def _root(excess: Callable[[float], float], end: float, inner: float) -> float:
    """Where the excess, which is negative at `inner`, becomes zero; the end where it does not."""
    if excess(end) <= 0:
        return end
    return float(brentq(excess, min(end, inner), max(end, inner), xtol=1e-14, rtol=1e-12))
