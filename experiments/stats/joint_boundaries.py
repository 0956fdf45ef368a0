"""Where must a statistic be to stop, when its looks are not those of independent increments?

For one cohort whose window grows, the statistics of the looks have the joint covariance that the
data show, not the one of a Brownian motion. The probability of first crossing at a look is the
tail of that look's statistic, times the probability that all earlier ones were inside, given that
tail; the latter by sequential conditioning, Genz (1992), Journal of Computational and Graphical
Statistics 1:141-149, over Sobol points with a random scramble (Owen 1998).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from experiments.errors import Undefined
from experiments.stats.boundaries import Boundaries, increments, unusable_alpha
from experiments.stats.limits import quantile
from experiments.stats.moments import Floats
from experiments.stats.spending import Sided, Spending, cumulative_spending

LOG_POINTS = 13
# Below this eigenvalue two looks tell the same, and conditioning on one leaves nothing.
LEAST_EIGENVALUE = 1e-8
TINY = 1e-300
ALMOST_ONE = 1 - 2**-53
MOST_LOOKS = 20


def joint_boundaries(
    correlation: Sequence[Sequence[float]],
    *,
    fractions: Sequence[float],
    spending: Spending,
    alpha: float = 0.05,
    sided: Sided = 2,
    final: bool = False,
    seed: int = 0,
) -> Boundaries | Undefined:
    """Boundaries that spend an error rate over looks with any correlation matrix.

    Args:
        correlation: Of the looks' statistics under no effect, shape (looks, looks).
        fractions: Information reached over information planned, increasing, one a look; they
            decide what is spent and enter nothing else.
        spending: How the error rate is spent.
        alpha: Error rate, both tails together where there are two.
        sided: How many tails the design has.
        final: Whether the last of these looks is the last of all, which takes all that is left.
        seed: Of the scramble of the points; the same seed gives the same boundaries.

    Returns:
        Boundaries within 1e-5 of exact ones up to five looks, within 1e-4 up to ten (largest
        error over scrambles, shapes and error rates where the exact ones are known).

    Example:
        >>> found = joint_boundaries([[1, 0.8], [0.8, 1]], fractions=[0.5, 1], spending=Spending())
        >>> [round(bound, 3) for bound in found.z]
        [2.963, 1.964]
    """
    matrix = np.array(correlation, dtype=float)
    for missing in (_unusable(matrix, fractions), unusable_alpha(alpha, sided)):
        if missing is not None:
            return missing
    spent = cumulative_spending(
        spending, fractions=fractions, alpha=alpha, sided=sided, final=final
    )
    tails = increments(spent, sided=sided)
    points = _points(len(fractions), seed)
    bounds: list[float] = []
    for look, tail in enumerate(tails):
        if tail <= TINY:
            bounds.append(math.inf)
            continue
        latest = _Latest(matrix[: look + 1, : look + 1], bounds, sided, points)
        bounds.append(latest.bound(tail))
    return Boundaries(tuple(map(float, fractions)), tuple(bounds), spent, sided)


class _Latest:
    """The statistic of the latest look, with the earlier ones given it, the nearest first.

    The nearest look is the one that the latest says most about, which is what makes the points of
    few dimensions count.
    """

    def __init__(
        self, correlation: Floats, bounds: Sequence[float], sided: Sided, points: Floats
    ) -> None:
        self.bounds = bounds[::-1]
        self.sided = sided
        self.points = points
        self.pull = correlation[-1, -2::-1]
        rest = correlation[-2::-1, -2::-1] - np.outer(self.pull, self.pull)
        self.root = np.linalg.cholesky(rest) if bounds else rest

    def bound(self, tail: float) -> float:
        """What the latest statistic exceeds, without an earlier crossing, with this probability."""
        # Some crossed earlier, so that the quantile of the single look is too far out, if at all.
        high = -quantile(tail)
        if not self.bounds:
            return high

        def excess(bound: float) -> float:
            return math.log(max(self._first_crossing(bound), TINY) / tail)

        if excess(high) >= 0:
            return high
        low = high - 0.25
        while excess(low) < 0:
            low, high = low - 2 * (high - low), low
        return float(brentq(excess, low, high, xtol=1e-9))

    def _first_crossing(self, bound: float) -> float:
        """Probability that the latest statistic is above a bound and no earlier one crossed."""
        tail = float(ndtr(-bound))
        latest = -ndtri(np.clip(self.points[0] * tail, TINY, ALMOST_ONE))
        weights = np.ones_like(latest)
        deviations = np.zeros((len(self.bounds), len(latest)))
        for look, limit in enumerate(self.bounds):
            means = self.pull[look] * latest + self.root[look, :look] @ deviations[:look]
            own = self.root[look, look]
            below = ndtr((limit - means) / own)
            least = ndtr((-limit - means) / own) if self.sided == 2 else np.zeros_like(below)
            weights *= below - least
            places = least + self.points[look + 1] * (below - least)
            deviations[look] = ndtri(np.clip(places, TINY, ALMOST_ONE))
        return tail * float(weights.mean())


def _points(dimensions: int, seed: int) -> Floats:
    """Points that fill the unit cube evenly, shape (dimensions, 2^LOG_POINTS)."""
    # Half a second to load, for the rare plan whose window grows.
    from scipy.stats import qmc  # noqa: PLC0415

    sobol = qmc.Sobol(dimensions, rng=np.random.default_rng(seed))
    return np.asarray(np.ascontiguousarray(sobol.random_base2(LOG_POINTS).T), dtype=float)


def _unusable(matrix: Floats, fractions: Sequence[float]) -> Undefined | None:
    """Why there are no boundaries for this correlation; None when there are."""
    looks = len(fractions)
    if looks == 0:
        return Undefined("there is no look")
    if looks > MOST_LOOKS:
        return Undefined(f"boundaries from a joint covariance reach to {MOST_LOOKS} looks")
    if not all(math.isfinite(fraction) and fraction > 0 for fraction in fractions):
        return Undefined("the information at a look is not a positive number")
    if any(now <= then for then, now in pairwise(fractions)):
        return Undefined("the information does not grow from look to look")
    if matrix.shape != (looks, looks) or not np.all(np.isfinite(matrix)):
        return Undefined("the correlation of the looks is not a matrix of numbers, a row a look")
    if not np.allclose(matrix, matrix.T, atol=1e-9) or not np.allclose(
        np.diag(matrix), 1, atol=1e-9
    ):
        return Undefined("the correlation of the looks is not symmetric with ones on its diagonal")
    if float(np.linalg.eigvalsh(matrix)[0]) < LEAST_EIGENVALUE:
        return Undefined("two looks, or several together, have the same statistic")
    return None
