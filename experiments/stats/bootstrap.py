"""Interval of a difference of means by resampling customers: the bootstrap-t.

Efron (1982), The Jackknife, the Bootstrap and Other Resampling Plans, section 10.10; Hall (1988),
Annals of Statistics 16:927-953: of the usual bootstrap intervals the one that is right to second
order in each tail for skewed values. Limits and p-value from replicates: Davison and Hinkley
(1997), Bootstrap Methods and their Application, sections 4.4 and 5.2. Needs rows.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.means import welch
from experiments.stats.moments import Floats, Sample

DRAWS = 999
ROWS_PER_GROUP = 200_000
# Values held at a time while resampling, 8 MB.
BLOCK = 1_000_000
ROUNDING = 1e-13


@dataclass(frozen=True, slots=True)
class BootstrapT:
    """Treatment mean minus control mean, with a studentised bootstrap interval.

    Attributes:
        value: The difference of means.
        se: Welch's standard error.
        low: Lower limit, equal tails.
        high: Upper limit.
        p_value: Two-sided, of no difference; at most 1 - confidence exactly where the interval
            leaves out zero, and never below 2 / (draws + 1).
        draws: How often the customers were drawn.
        treated: Treated rows used.
        controls: Control rows used.
        sampled: Whether they are a random sample because there were more than the limit.
    """

    value: float
    se: float
    low: float
    high: float
    p_value: float
    draws: int
    treated: int
    controls: int
    sampled: bool


def bootstrap_t(
    *,
    treatment: Floats,
    control: Floats,
    rng: np.random.Generator,
    draws: int = DRAWS,
    confidence: float = 0.95,
    rows_per_group: int = ROWS_PER_GROUP,
) -> BootstrapT | Undefined:
    """Compare two means without assuming the shape of their distribution.

    Args:
        treatment: One value per treated customer.
        control: One value per control customer.
        rng: Draws the customers, within each group.
        draws: How often; 999 makes the limits order statistics.
        confidence: Of the interval, between 0 and 1.
        rows_per_group: A larger group is replaced by a random sample of this size.

    Returns:
        Undefined without spread, or where so few customers differ from the rest that a draw may
        miss them all.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> found = bootstrap_t(treatment=rng.normal(1, 1, 40), control=rng.normal(0, 1, 40),
        ...     rng=rng)
        >>> found.low < found.value < found.high
        True
    """
    treated = _sampled(treatment, limit=rows_per_group, rng=rng)
    controls = _sampled(control, limit=rows_per_group, rng=rng)
    plain = welch(treatment=_summary(treated), control=_summary(controls))
    if isinstance(plain, Undefined):
        return plain
    gap = np.zeros(draws)
    variance = np.zeros(draws)
    for sign, values in ((1, treated), (-1, controls)):
        means, squares = _resampled(values, draws, rng)
        gap += sign * means
        variance += squares
    with np.errstate(divide="ignore"):
        replicates = np.where(gap == 0, 0.0, gap / np.sqrt(variance))
    tails = equal_tails(replicates, confidence=confidence)
    if isinstance(tails, Undefined):
        return tails
    if not (math.isfinite(tails.low) and math.isfinite(tails.high)):
        return Undefined("so few customers differ from the rest that draws without them are common")
    return BootstrapT(
        value=plain.value,
        se=plain.se,
        low=plain.value - plain.se * tails.high,
        high=plain.value - plain.se * tails.low,
        p_value=two_sided(replicates, plain.statistic),
        draws=draws,
        treated=len(treated),
        controls=len(controls),
        sampled=len(treated) < len(treatment) or len(controls) < len(control),
    )


def equal_tails(replicates: Floats, *, confidence: float) -> Interval | Undefined:
    """The order statistics of rank (draws + 1) (1 -/+ confidence) / 2.

    Example:
        >>> equal_tails(np.arange(1.0, 1000.0), confidence=0.95)
        Interval(low=25.0, high=975.0)
    """
    ordered = np.sort(replicates)
    rank = math.floor((len(ordered) + 1) * (1 - confidence) / 2 + 1e-9)
    if rank < 1:
        return Undefined(f"{len(ordered)} draws are too few for {confidence:.1%} confidence")
    return Interval(float(ordered[rank - 1]), float(ordered[-rank]))


def two_sided(replicates: Floats, observed: float) -> float:
    """Twice the share of replicates beyond a value on its rarer side, the value counted as one.

    Example:
        >>> two_sided(np.arange(1.0, 1000.0), 990.5)
        0.02
    """
    beyond = min(int(np.sum(replicates >= observed)), int(np.sum(replicates <= observed)))
    return min(1.0, 2 * (beyond + 1) / (len(replicates) + 1))


def resampled_counts(units: int, *, draws: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """How often each unit is drawn, with replacement and as many as there are.

    Args:
        units: How many there are.
        draws: How often all are drawn.
        rng: Draws them.

    Returns:
        Shape (draws, units); each row sums to `units`.
    """
    picked = rng.integers(units, size=(draws, units))
    picked += np.arange(draws)[:, None] * units
    return np.bincount(picked.ravel(), minlength=draws * units).reshape(draws, units)


def _sampled(rows: Floats, *, limit: int, rng: np.random.Generator) -> Floats:
    """All rows, or a random sample of them where there are more than the limit."""
    if len(rows) <= limit:
        return rows
    return rows[np.sort(rng.choice(len(rows), size=limit, replace=False))]


def _resampled(values: Floats, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Mean, less the group's own, and its squared standard error in each draw, shape (draws,)."""
    n = len(values)
    centred = values - values.mean()
    means, squares = np.empty(draws), np.empty(draws)
    step = max(1, BLOCK // n)
    for start in range(0, draws, step):
        at = slice(start, min(start + step, draws))
        picked = centred[rng.integers(n, size=(at.stop - start, n))]
        means[at] = picked.mean(axis=1)
        squares[at] = np.einsum("ij,ij->i", picked, picked) / n
    spread = squares - means**2
    return means, np.where(spread > ROUNDING * squares, spread / (n - 1), 0.0)


def _summary(values: Floats) -> Sample:
    variance = float(np.var(values, ddof=1)) if len(values) > 1 else 0.0
    return Sample(
        n=len(values), mean=float(values.mean()) if len(values) else 0.0, variance=variance
    )
