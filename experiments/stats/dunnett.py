"""Compare several treatments with one control at once.

Dunnett (1955), Journal of the American Statistical Association 50:1096-1121, and, for unequal
groups, Dunnett (1964), Biometrics 20:482-491. All comparisons share the control group, so that
the correlation of two is lambda_i x lambda_j with lambda = sqrt(control variance) / se. Given the
control's deviation they are independent, which leaves one integral over that deviation and one
over the common standard error; both are done by fixed quadrature, without random numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev, legendre
from scipy.optimize import brentq
from scipy.special import gammainccinv, gammaincinv, gammaln, ndtr

from experiments.errors import Undefined
from experiments.stats.estimate import Difference
from experiments.stats.limits import quantile, upper_tail
from experiments.stats.moments import Floats

# Beyond this no normal deviation is worth counting: its probability is below 1e-17.
FAR = 8.6
DEGREE = 72
NODES, WEIGHTS = legendre.leggauss(48)
# Below this sum of the single p-values, their sum is the answer to more digits than quadrature.
BONFERRONI_BELOW = 1e-7


@dataclass(frozen=True, slots=True)
class Simultaneous:
    """One comparison among several, judged together with the others.

    Attributes:
        low: Lower limit; all intervals hold together with the confidence asked for.
        high: Upper limit.
        p_value: Probability that the largest of all statistics is at least this one, if no
            treatment made a difference.
    """

    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Dunnett:
    """Several comparisons with one control.

    Attributes:
        critical: What replaces the quantile of a single t test.
        df: The smallest degrees of freedom among the comparisons.
        comparisons: In the order given.
    """

    critical: float
    df: float
    comparisons: tuple[Simultaneous, ...]


def dunnett(differences: Sequence[Difference], *, confidence: float = 0.95) -> Dunnett | Undefined:
    """Give comparisons with one control intervals that hold together.

    Args:
        differences: Treatments minus the same control, each with its control_variance.
        confidence: That all intervals hold, between 0 and 1.

    Example:
        >>> one = Difference(value=2.0, se=1.0, df=math.inf, statistic=2.0, p_value=0.0455,
        ...     low=0.04, high=3.96, control_variance=0.5)
        >>> together = dunnett([one, one])
        >>> round(together.critical, 2), together.comparisons[0].low < 0
        (2.21, True)
    """
    if not differences:
        return Undefined("there is no comparison")
    df = min(found.df for found in differences)
    spread = _Spread(
        [math.sqrt(min(1.0, found.control_variance / found.se**2)) for found in differences], df
    )
    critical = spread.critical(confidence)
    return Dunnett(
        critical=critical,
        df=df,
        comparisons=tuple(
            Simultaneous(
                low=found.value - critical * found.se,
                high=found.value + critical * found.se,
                p_value=min(1.0, spread.p_value(abs(found.value / found.se))),
            )
            for found in differences
        ),
    )


class _Spread:
    """The distribution of the largest of several correlated t statistics, in absolute value."""

    def __init__(self, loadings: Sequence[float], df: float) -> None:
        self.count = len(loadings)
        self.df = df
        self.scales, self.weights = _standard_errors(df)
        self.series = _chebyshev_series(np.array(loadings)) if self.count > 1 else np.zeros(1)

    def p_value(self, statistic: float) -> float:
        """Probability that the largest exceeds the statistic; between one and all single ones."""
        single = min(1.0, 2 * upper_tail(statistic, df=self.df))
        all_singles = self.count * single
        if self.count == 1 or all_singles < BONFERRONI_BELOW:
            return all_singles
        return min(all_singles, max(single, 1 - self._below(statistic)))

    def critical(self, confidence: float) -> float:
        """The value that the largest stays below with this probability."""
        low = quantile((1 + confidence) / 2, df=self.df)
        if self.count == 1:
            return low
        high = quantile(1 - (1 - confidence) / 2 / self.count, df=self.df)
        short = self._below(low) - confidence, self._below(high) - confidence
        if short[0] >= 0 or short[1] <= 0:  # they are the answer, but for rounding
            return low if short[0] >= 0 else high
        found = brentq(lambda bound: self._below(bound) - confidence, low, high, xtol=1e-14)
        return float(found)

    def _below(self, bound: float) -> float:
        """Probability that every statistic is within -/+ bound."""
        within = np.minimum(bound * self.scales, FAR)
        return float(self.weights @ chebyshev.chebval(2 * within / FAR - 1, self.series))


def _standard_errors(df: float) -> tuple[Floats, Floats]:
    """Values and weights of an estimated standard error over the true one (a chi over root df).

    The trapezoid rule on the logarithm, where the density falls off on both sides fast enough for
    the rule to converge geometrically.
    """
    if math.isinf(df):
        return np.ones(1), np.ones(1)
    half = df / 2
    low, high = (
        math.log(float(inverse(half, 1e-15)) / half) / 2 for inverse in (gammaincinv, gammainccinv)
    )
    logs = np.linspace(low, high, max(64, math.ceil((high - low) / 0.08)))
    squares = np.exp(2 * logs)
    density = np.exp(
        math.log(2) + half * math.log(half) - float(gammaln(half)) + df * logs - half * squares
    )
    weights = density * (logs[1] - logs[0])
    return np.exp(logs), np.asarray(weights / weights.sum(), dtype=float)


def _chebyshev_series(loadings: Floats) -> Floats:
    """Coefficients on [0, FAR] of the probability that all normal deviations are within -/+ u."""
    angles = (np.arange(DEGREE + 1) + 0.5) * math.pi / (DEGREE + 1)
    places = np.cos(angles)
    values = _all_within((places + 1) * FAR / 2, loadings)
    orders = np.arange(DEGREE + 1)
    series = 2 / (DEGREE + 1) * np.cos(np.outer(orders, angles)) @ values
    series[0] /= 2
    return np.asarray(series, dtype=float)


def _all_within(bounds: Floats, loadings: Floats) -> Floats:
    """Probability that all normal deviations are within -/+ each bound, shape (bounds,).

    The control's deviation is integrated over two panels that meet where the factors fall off, so
    that Legendre nodes crowd where a group much larger than the control makes that fall steep.
    """
    units, shares = (NODES + 1) / 2, WEIGHTS / 2
    own = np.sqrt(np.maximum(1 - loadings**2, 1e-12))[:, None, None]
    steepest = max(float(loadings.max()), 1e-300)
    middle = np.minimum(bounds / steepest, FAR)[:, None]
    total = np.zeros(len(bounds))
    for start, end in ((np.zeros_like(middle), middle), (middle, np.full_like(middle, FAR))):
        control = start + (end - start) * units
        pull = loadings[:, None, None] * control
        edge = bounds[:, None]
        inside = ndtr((edge - pull) / own) - ndtr((-edge - pull) / own)
        density = np.exp(-(control**2) / 2) * math.sqrt(2 / math.pi)
        total += np.sum((end - start) * shares * density * np.prod(inside, axis=0), axis=1)
    return total
