"""Tail of the noncentral t distribution, for any degrees of freedom and noncentrality.

T = (Z + noncentrality) / S with S^2 chi-square over its degrees of freedom, so that
P(T > x) = E[Phi(noncentrality - x S)]: Johnson, Kotz and Balakrishnan (1995), Continuous Univariate
Distributions 2, chapter 31. The expectation is a fixed quadrature over log S. SciPy's own tail
answers NaN or a wrong number where noncentrality is large.
"""

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre
from scipy.special import gammainccinv, gammaincinv, gammaln, ndtr

from experiments.stats.moments import Floats

# Outside this share of each tail S is not looked at; beyond FAR deviations Phi is 0 or 1.
UNSEEN = 1e-15
FAR = 8.6
# With few degrees of freedom, log S is spread far to the left of this and densely to the right.
MIDST = -2.0
NODES, WEIGHTS = legendre.leggauss(96)
# From here on the t distribution is the normal one to every digit of a double.
NORMAL_FROM = 1e13
# From here on Stirling's series has every digit, and the logarithm of the gamma function has not.
STIRLING_FROM = 30.0


def noncentral_t_tail(
    value: npt.ArrayLike, *, df: npt.ArrayLike, noncentrality: npt.ArrayLike
) -> Floats:
    """The probability that a noncentral t variable exceeds a value.

    Args:
        value: Shape (...).
        df: Degrees of freedom, 1 or more; infinite for the normal distribution. Shape (...).
        noncentrality: Mean of the numerator, in standard deviations. Shape (...).

    Returns:
        Probabilities, in the shape to which the three broadcast.

    Example:
        >>> round(float(noncentral_t_tail(2.0243941639, df=38, noncentrality=3.16227766)), 6)
        0.868953
    """
    value, df, shift = (
        np.asarray(one, dtype=float) for one in np.broadcast_arrays(value, df, noncentrality)
    )
    half = np.minimum(df, NORMAL_FROM) / 2
    ends = [np.log(inverse(half, UNSEEN) / half) / 2 for inverse in (gammaincinv, gammainccinv)]
    with np.errstate(divide="ignore", over="ignore"):
        # Where Phi passes from 1 to 0 as S grows, or back.
        turns = [(shift + far) / np.where(value == 0, math.inf, value) for far in (-FAR, FAR)]
        places = [np.log(np.clip(turn, 1e-300, 1e300)) for turn in turns]
    inside = (np.clip(place, *ends) for place in (*places, np.full_like(half, MIDST)))
    cuts = np.sort([ends[0], *inside, ends[1]], axis=0)
    found = sum(
        _panel(low, high, value=value, half=half, shift=shift) for low, high in pairwise(cuts)
    )
    normal = ndtr(shift - value)
    return np.asarray(np.where(df >= NORMAL_FROM, normal, np.clip(found, 0.0, 1.0)), dtype=float)


def _panel(low: Floats, high: Floats, *, value: Floats, half: Floats, shift: Floats) -> Floats:
    """The expectation over log S from `low` to `high`."""
    width = (high - low)[..., None] / 2
    places = (high + low)[..., None] / 2 + width * NODES
    log_density = _log_constant(half)[..., None] + 2 * half[..., None] * (
        places - np.expm1(2 * places) / 2
    )
    chances = ndtr(shift[..., None] - value[..., None] * np.exp(places))
    return np.asarray(np.sum(WEIGHTS * width * np.exp(log_density) * chances, axis=-1))


def _log_constant(half: Floats) -> Floats:
    """Logarithm of the density of log S at 0."""
    large = np.maximum(half, STIRLING_FROM)
    series = 1 / (12 * large) - 1 / (360 * large**3) + 1 / (1260 * large**5)
    stirling = math.log(2) + (np.log(large) - math.log(2 * math.pi)) / 2 - series
    small = np.minimum(half, STIRLING_FROM)
    exact = math.log(2) + small * np.log(small) - small - gammaln(small)
    return np.asarray(np.where(half >= STIRLING_FROM, stirling, exact), dtype=float)
