"""How often does chance alone, drawing the clusters anew, separate the groups this far?

Under no effect for anybody, every other draw of as many treated clusters would have shown these
same totals: Fisher (1935), The Design of Experiments, chapter 2; Gail, Mark, Carroll, Green and Pee
(1996), Statistics in Medicine 15:1069-1092. The statistic is the difference of means per customer
over its standard error, so that the test also holds for many clusters under no effect on average:
Wu and Ding (2021), JASA 116:1898-1913. Where draws are sampled, the observed one counts as one of
them: Phipson and Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9:39.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.many import Bools
from experiments.stats.moments import Floats

DRAWS = 9_999
# With no more draws than this, each is looked at once and the p-value is exact.
ENUMERATED = 20_000
BATCH = 1_000
# Statistics equal but for rounding count as equal.
ROUNDING = 1e-9
# What sums of squares leave of clusters with one mean.
RESIDUE = 1e-12


@dataclass(frozen=True, slots=True)
class Rerandomisation:
    """How far out the observed draw lies among all others.

    Attributes:
        p_value: Share of draws that separate the groups at least as far.
        draws: How many were looked at.
        exact: Whether these were all there are.
    """

    p_value: float
    draws: int
    exact: bool


def rerandomisation_test(
    *,
    totals: Sequence[float],
    sizes: Sequence[float],
    treated: Sequence[bool],
    rng: np.random.Generator,
    draws: int = DRAWS,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> Rerandomisation | Undefined:
    """Compare the observed difference with those of other draws of the treated clusters.

    Args:
        totals: Each cluster's sum over its customers, shape (clusters,).
        sizes: Each cluster's customers, above zero, shape (clusters,).
        treated: Whether each cluster is in the treatment group, shape (clusters,).
        rng: Chance; unused where all draws are enumerated.
        draws: How many to sample where there are too many to enumerate.
        alternative: Which differences count as far out.

    Example:
        >>> found = rerandomisation_test(totals=[1.0, 2.0, 3.0, 14.0, 15.0, 16.0], sizes=[1] * 6,
        ...     treated=[False] * 3 + [True] * 3, rng=np.random.default_rng(1))
        >>> found
        Rerandomisation(p_value=0.1, draws=20, exact=True)
    """
    chosen = np.asarray(treated, dtype=bool)
    count, of_treatment = len(chosen), int(chosen.sum())
    if min(of_treatment, count - of_treatment) < 2:
        return Undefined("a group has fewer than 2 clusters, and a variance needs at least 2")
    n, sums = np.asarray(sizes, dtype=float), np.asarray(totals, dtype=float)
    # Around the overall mean, so that a large mean costs no digits and equal means leave exactly 0.
    mean = sums.sum() / n.sum()
    away = sums - mean * n
    away[np.abs(away) <= ROUNDING * np.abs(sums)] = 0.0
    if not away.any():
        return Undefined("all clusters have the same mean")
    parts = np.column_stack([n, away, n * n, n * away, away * away])
    (observed,) = _statistics(chosen[None, :], parts, alternative)
    exact = math.comb(count, of_treatment) <= ENUMERATED
    batches = _every(count, of_treatment) if exact else _sampled(chosen, rng, draws)
    # Infinite where nothing varies within the groups, and then as far out as can be.
    least = observed - ROUNDING * abs(observed) if math.isfinite(observed) else observed
    reached = looked_at = 0
    for batch in batches:
        found = _statistics(batch, parts, alternative)
        reached += int(np.sum(found >= least))
        looked_at += len(batch)
    if exact:
        return Rerandomisation(reached / looked_at, looked_at, exact=True)
    return Rerandomisation((reached + 1) / (looked_at + 1), looked_at, exact=False)


def _every(count: int, of_treatment: int) -> Iterator[Bools]:
    every = combinations(range(count), of_treatment)
    while rows := list(islice(every, BATCH)):
        batch = np.zeros((len(rows), count), dtype=bool)
        np.put_along_axis(batch, np.array(rows), True, axis=1)
        yield batch


def _sampled(chosen: Bools, rng: np.random.Generator, draws: int) -> Iterator[Bools]:
    for start in range(0, draws, BATCH):
        yield rng.permuted(np.tile(chosen, (min(BATCH, draws - start), 1)), axis=1)


def _statistics(batch: Bools, parts: Floats, alternative: Alternative) -> Floats:
    """Difference over standard error for each draw, turned so that large counts as far out."""
    gap, variance = np.zeros(len(batch)), np.zeros(len(batch))
    for sign, members in ((1.0, batch), (-1.0, ~batch)):
        sums = members.astype(float) @ parts
        size, total, squares, cross, total_squares = sums.T
        clusters = members.sum(axis=1)
        ratio = total / size
        residual = np.maximum(0.0, total_squares - 2 * ratio * cross + ratio**2 * squares)
        residual[residual <= RESIDUE * total_squares] = 0.0
        gap += sign * ratio
        variance += residual * clusters / (clusters - 1) / size**2
    se = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(gap == 0, 0.0, gap / se)
    if alternative is Alternative.TWO_SIDED:
        return np.abs(statistic)
    return statistic if alternative is Alternative.GREATER else -statistic
