"""How probable is it that a statistic leaves its boundaries at each of several looks?

Under drift d the statistics Z_1, Z_2, ... at information fractions t_1 < t_2 < ... are jointly
normal with means d sqrt(t_k), variances 1 and correlations sqrt(t_j / t_k). Their sub-density
among trials that are still going is carried from look to look by numerical integration: Armitage,
McPherson and Rowe (1969), Journal of the Royal Statistical Society A 132:235-244; Jennison and
Turnbull (2000), Group Sequential Methods, chapter 19. Gauss-Legendre panels are a few kernel
widths wide, which leaves errors below 1e-10 of the probabilities.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.polynomial import legendre
from scipy.special import log_ndtr, ndtr, ndtri

from experiments.errors import Undefined
from experiments.stats.moments import Floats

# Beyond this no normal deviation is worth counting: its probability is below 1e-18.
FAR = 9.0
# Beyond this a double holds no probability at all.
FARTHEST = 38.0
POINTS = 16
# Standard deviations of the narrower normal factor that one panel spans.
PANEL = 4.0
# A look that adds a smaller share to the information is the look before, seen twice.
LEAST_STEP = 1e-4
NEWTON_STEPS = 200
# exp(-700) is the smallest probability that a double holds with all its digits.
LEAST_LOG = -700.0


@dataclass(frozen=True, slots=True)
class Crossings:
    """What happens at each look, a tuple with an entry per look.

    Attributes:
        above: Probability of leaving through the upper boundary at this look.
        below: Probability of leaving through the lower boundary at this look.
    """

    above: tuple[float, ...]
    below: tuple[float, ...]


def crossings(
    *,
    fractions: Sequence[float],
    lower: Sequence[float],
    upper: Sequence[float],
    drift: float = 0.0,
) -> Crossings:
    """Probabilities of crossing each boundary first, at each look.

    Args:
        fractions: Information at the looks, which `unusable` finds usable; 1 is the planned end.
        lower: On the z scale, one a look; -inf where the look cannot stop below.
        upper: On the z scale, one a look, not below `lower`; inf where it cannot stop above.
        drift: Mean of the statistic at information fraction 1.

    Example:
        >>> found = crossings(fractions=[0.5, 1.0], lower=[-2.178, -2.178], upper=[2.178, 2.178])
        >>> round(sum(found.above) + sum(found.below), 4)
        0.05
    """
    finite = [abs(bound) for bound in (*lower, *upper) if math.isfinite(bound)]
    reach = min(max([FAR, *finite]), FARTHEST)
    going = Going.start(drift)
    above, below = [], []
    for look, (fraction, low, high) in enumerate(zip(fractions, lower, upper, strict=True)):
        above.append(going.above(fraction, high))
        below.append(going.below(fraction, low))
        if look + 1 < len(fractions):
            following = fractions[look + 1]
            going = going.onward(fraction, low=low, high=high, following=following, reach=reach)
    return Crossings(tuple(above), tuple(below))


def unusable(fractions: Sequence[float]) -> Undefined | None:
    """Why looks at these information fractions cannot be judged together; None when they can."""
    if not fractions:
        return Undefined("there is no look")
    if not all(math.isfinite(fraction) and fraction > 0 for fraction in fractions):
        return Undefined("the information at a look is not a positive number")
    for look, (before, after) in enumerate(pairwise(fractions), start=2):
        if after - before < LEAST_STEP * after:
            return Undefined(f"look {look} has no more information than the look before")
    return None


@dataclass(frozen=True, slots=True)
class Going:
    """Trials that have not stopped: where their statistic is after the latest look.

    Attributes:
        fraction: Information at the latest look; 0 before the first.
        drift: Mean of the statistic at information fraction 1.
        nodes: Values of the statistic, shape (nodes,).
        masses: Probability that each stands for, shape (nodes,).
    """

    fraction: float
    drift: float
    nodes: Floats
    masses: Floats

    @classmethod
    def start(cls, drift: float = 0.0) -> Self:
        """All trials, before any look."""
        return cls(0.0, drift, np.zeros(1), np.ones(1))

    def mirrored(self) -> "Going":
        """The same trials with the sign of the statistic reversed."""
        return Going(self.fraction, -self.drift, -self.nodes, self.masses)

    def above(self, fraction: float, bound: float) -> float:
        """Probability that the statistic at the next look is above a bound."""
        means, width = self._next(fraction)
        return float(self.masses @ ndtr((means - bound) / width))

    def below(self, fraction: float, bound: float) -> float:
        """Probability that the statistic at the next look is below a bound."""
        means, width = self._next(fraction)
        return float(self.masses @ ndtr((bound - means) / width))

    def upper_bound(self, fraction: float, probability: float) -> float:
        """The bound that the statistic at the next look exceeds with this probability.

        The logarithm of the probability is concave in the bound, so that Newton's steps from the
        right do not overshoot. Infinite where the probability is zero; minus infinity where fewer
        trials than that are still going.
        """
        if probability <= math.exp(LEAST_LOG):
            return math.inf
        if probability >= self.masses.sum():
            return -math.inf
        means, width = self._next(fraction)
        with np.errstate(divide="ignore"):
            masses = np.log(self.masses)
        target = math.log(probability)
        bound = float(means.max()) - width * float(ndtri(probability))
        for _ in range(NEWTON_STEPS):
            places = (means - bound) / width
            parts = masses + log_ndtr(places)
            most = float(parts.max())
            total = most + math.log(float(np.exp(parts - most).sum()))
            slopes = np.exp(masses - places**2 / 2 - total) / math.sqrt(2 * math.pi) / width
            step = (total - target) / float(slopes.sum())
            bound += step
            if abs(step) < 1e-12 * max(1.0, abs(bound)):
                break
        return bound

    def onward(
        self, fraction: float, *, low: float, high: float, following: float, reach: float = FAR
    ) -> "Going":
        """The trials that go on after a look, placed so that the look after it can be integrated.

        Args:
            fraction: Information at the look.
            low: Trials below it stop.
            high: Trials above it stop.
            following: Information at the look after it.
            reach: How far from its mean the statistic is followed.
        """
        means, width = self._next(fraction)
        centre = self.drift * math.sqrt(fraction)
        start, end = max(low, centre - reach), min(high, centre + reach)
        if start >= end:
            return Going(fraction, self.drift, np.empty(0), np.empty(0))
        narrowest = min(width, math.sqrt((following - fraction) / fraction))
        panels = max(2, math.ceil((end - start) / (PANEL * narrowest)))
        units, weights = _legendre()
        size = (end - start) / panels
        nodes = (start + size * (np.arange(panels)[:, None] + units)).ravel()
        density = self.masses @ np.exp(-(((nodes - means[:, None]) / width) ** 2) / 2)
        shares = np.tile(weights, panels) * (size / width / math.sqrt(2 * math.pi))
        return Going(fraction, self.drift, nodes, density * shares)

    def _next(self, fraction: float) -> tuple[Floats, float]:
        """Mean of the next statistic given each node, and its standard deviation."""
        more = fraction - self.fraction
        root = math.sqrt(fraction)
        means = (self.nodes * math.sqrt(self.fraction) + self.drift * more) / root
        return means, math.sqrt(more) / root


@cache
def _legendre() -> tuple[Floats, Floats]:
    """Nodes and weights on [0, 1]."""
    nodes, weights = legendre.leggauss(POINTS)
    return np.asarray((nodes + 1) / 2, dtype=float), np.asarray(weights / 2, dtype=float)
