"""How large is the effect at each level of an attribute?

Differences between levels: Cochran (1954), Biometrics 10:101-129; I-squared, Higgins and Thompson
(2002), Statistics in Medicine 21:1539-1558. Partial pooling: levels are draws from a normal
distribution, so that an imprecise level is drawn towards the mean of all. The variance between
levels is estimated by restricted maximum likelihood (REML): Patterson and Thompson (1971),
Biometrika 58:545-554; the effects are those of Fay and Herriot (1979), JASA 74:269-277.

Intervals integrate over the between-level standard deviation, with a flat prior on it (Gelman 2006,
Bayesian Analysis 1:515-533): the mode of its posterior is the REML estimate itself. The closed-form
correction of Prasad and Rao (1990), JASA 85:163-171, was tried and left: where REML is 0, which is
often, its intervals hold an imprecise level's effect in as few as 74 of 100 repetitions (three
levels).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtrc, ndtr

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.interaction import (
    InteractionTest,
    not_comparable,
    one_effect,
    welch_interaction,
)
from experiments.stats.limits import limits
from experiments.stats.moments import Floats

GRID = 1_000


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Whether effects differ, taking their standard errors as known.

    Attributes:
        q: Cochran's Q.
        df: Levels minus 1.
        p_value: Of one effect for all levels.
        i2_percent: Share of the variation between estimates that chance does not explain, 0 to 100.
        pooled: Inverse-variance mean of the effects.
        pooled_se: Its standard error.
        pooled_interval: Normal, as if there were one effect.
    """

    q: float
    df: int
    p_value: float
    i2_percent: float
    pooled: float
    pooled_se: float
    pooled_interval: Interval


@dataclass(frozen=True, slots=True)
class PartialPooling:
    """Effects of levels, each drawn towards the mean of all as far as it is imprecise.

    Attributes:
        interaction: The test that comes first: where it finds nothing, the levels' differences
            are not to be read.
        between_variance: Of the true effects of levels, by REML; 0 where chance alone explains
            how far the estimates lie apart.
        mean: Of the distribution that the levels come from.
        mean_se: Its standard error, the between-level variance taken as known.
        effects: Shrunken, shape (levels,).
        intervals: For each level, the uncertainty of the between-level variance included.
    """

    interaction: InteractionTest
    between_variance: float
    mean: float
    mean_se: float
    effects: tuple[float, ...]
    intervals: tuple[Interval, ...]


def heterogeneity(
    effects: Sequence[float], ses: Sequence[float], *, confidence: float = 0.95
) -> Heterogeneity | Undefined:
    """Compare the effects of levels with their common mean.

    Args:
        effects: Of each level, at least 2, shape (levels,).
        ses: Their standard errors, above zero, shape (levels,).
        confidence: Of the pooled interval, between 0 and 1.

    Example:
        >>> found = heterogeneity([1.0, 3.0, 8.0], [1.0, 1.0, 2.0])
        >>> round(found.q, 3), round(found.i2_percent, 1), round(found.pooled, 3)
        (10.0, 80.0, 2.667)
    """
    missing = not_comparable(effects, ses)
    if missing is not None:
        return missing
    pooled, se, q = one_effect(effects, ses)
    df = len(effects) - 1
    return Heterogeneity(
        q=q,
        df=df,
        p_value=float(chdtrc(df, q)),
        i2_percent=max(0.0, 100 * (q - df) / q) if q > 0 else 0.0,
        pooled=pooled,
        pooled_se=se,
        pooled_interval=limits(value=pooled, se=se, confidence=confidence),
    )


def partial_pooling(
    effects: Sequence[float],
    ses: Sequence[float],
    *,
    dfs: Sequence[float] | None = None,
    confidence: float = 0.95,
) -> PartialPooling | Undefined:
    """Estimate the effect at each level with the help of the others.

    Two levels tell next to nothing about how far levels lie apart: their intervals are their own,
    the limit of the flat prior.

    Args:
        effects: Of each level, at least 2, shape (levels,).
        ses: Their standard errors, above zero, taken as known, shape (levels,).
        dfs: Degrees of freedom of the standard errors, for the interaction test; infinite
            where None.
        confidence: Of the intervals, between 0 and 1.

    Example:
        >>> found = partial_pooling([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0],
        ...     [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
        >>> found.between_variance, round(found.effects[0], 2)
        (0.0, 7.69)
        >>> round(found.intervals[0].low, 1), round(found.intervals[0].high, 1)
        (-2.1, 31.6)
    """
    known = [math.inf] * len(effects) if dfs is None else dfs
    interaction = welch_interaction(effects, ses, known)
    if isinstance(interaction, Undefined):
        return interaction
    values, variances = np.asarray(effects, dtype=float), np.square(np.asarray(ses, dtype=float))
    between = between_variance(effects, ses)
    weights = 1 / (variances + between)
    mean = float(weights @ values / weights.sum())
    shrinkage = variances * weights
    pairs = zip(effects, ses, strict=True)
    return PartialPooling(
        interaction=interaction,
        between_variance=between,
        mean=mean,
        mean_se=float(1 / math.sqrt(weights.sum())),
        effects=tuple(float(one) for one in shrinkage * mean + (1 - shrinkage) * values),
        intervals=tuple(limits(value=one, se=se, confidence=confidence) for one, se in pairs)
        if len(effects) == 2
        else _integrated(values, variances, between, confidence),
    )


def between_variance(effects: Sequence[float], ses: Sequence[float]) -> float:
    """The REML estimate of the variance of true effects between levels; 0 at its edge.

    Args:
        effects: Of each level, at least 2, shape (levels,).
        ses: Their standard errors, above zero, shape (levels,).

    Example:
        >>> round(between_variance([1.0, 3.0, 8.0], [1.0, 1.0, 1.0]), 3)
        12.0
    """
    values, variances = np.asarray(effects, dtype=float), np.square(np.asarray(ses, dtype=float))
    # Standardised: the root is sought where the typical variance is 1.
    unit = float(variances.mean())
    deviations, own = (values - values.mean()) / math.sqrt(unit), variances / unit

    def slope(between: float) -> float:
        weights = 1 / (own + between)
        mean = weights @ deviations / weights.sum()
        squares = weights**2
        return float(
            squares @ (deviations - mean) ** 2 - weights.sum() + squares.sum() / weights.sum()
        )

    # Several modes are possible; the highest of those that a fine grid separates is taken.
    most = float(deviations @ deviations) + 1
    grid = np.concatenate([[0.0], np.geomspace(1e-6, most, GRID)])
    best = int(np.argmax(_log_likelihood(deviations, own, grid)))
    low, high = float(grid[max(0, best - 1)]), float(grid[min(GRID, best + 1)])
    if slope(low) <= 0 or slope(high) >= 0:
        return float(grid[best]) * unit
    return float(brentq(slope, low, high, xtol=1e-15)) * unit


def _log_likelihood(values: Floats, variances: Floats, between: Floats) -> Floats:
    """The restricted log-likelihood of each between-level variance, up to a constant."""
    weights = 1 / (variances + between[:, None])
    total = weights.sum(axis=1)
    squares = np.sum(weights * (values - (weights @ values / total)[:, None]) ** 2, axis=1)
    return np.asarray(0.5 * (np.log(weights).sum(axis=1) - np.log(total) - squares))


def _integrated(
    values: Floats, variances: Floats, between: float, confidence: float
) -> tuple[Interval, ...]:
    """Quantiles of each level's posterior, a mixture of normals over a grid of deviations."""
    scale = math.sqrt(between + 1 / float(np.mean(1 / variances)))
    share = (np.arange(GRID) + 0.5) / GRID
    deviations = scale * share / (1 - share)
    logs = _log_likelihood(values, variances, deviations**2)
    # Flat in the deviation itself: the grid's spacing grows with (scale + deviation)^2.
    mass = np.exp(logs - logs.max()) * (scale + deviations) ** 2
    mass /= mass.sum()
    weights = 1 / (variances + deviations[:, None] ** 2)
    means = weights @ values / weights.sum(axis=1)
    shrinkage = variances * weights
    centres = shrinkage * means[:, None] + (1 - shrinkage) * values
    spreads = np.sqrt((1 - shrinkage) * variances + shrinkage**2 / weights.sum(axis=1)[:, None])
    found = []
    for centre, spread in zip(centres.T, spreads.T, strict=True):
        ends = [
            _quantile((1 + sign * confidence) / 2, mass, centre, spread) for sign in (-1.0, 1.0)
        ]
        found.append(Interval(*ends))
    return tuple(found)


def _quantile(probability: float, mass: Floats, centre: Floats, spread: Floats) -> float:
    low, high = float((centre - 10 * spread).min()), float((centre + 10 * spread).max())

    def short(value: float) -> float:
        return float(mass @ ndtr((value - centre) / spread)) - probability

    return float(brentq(short, low, high, xtol=1e-12 * (high - low)))
