"""How often does each tail err when pilots without an effect are looked at more than once?

All replicates run side by side: sums of customers' values per group and look, from which every
look's Welch statistic follows.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr, stdtrit

from experiments.errors import Undefined
from experiments.stats.boundaries import Boundaries
from experiments.stats.confidence_sequence import TUNING_CUSTOMERS, asymptotic_sequence
from experiments.stats.moments import Floats

Draw = Callable[[Generator, tuple[int, int]], Floats]


@dataclass(frozen=True, slots=True)
class Tails:
    """Shares of the replicates that rejected first in favour of each direction."""

    above: float
    below: float


def normal_values(rng: Generator, shape: tuple[int, int]) -> Floats:
    """Standard normal values of customers."""
    return rng.normal(size=shape)


def planned_looks_tails(
    *,
    rng: Generator,
    replicates: int,
    design: Boundaries,
    customers: int,
    treated_share: float = 0.5,
    draw: Draw = normal_values,
) -> Tails:
    """Errors of planned looks, futility ignored: a replicate ends only at its efficacy boundary.

    Args:
        rng: Source of chance.
        replicates: How many pilots.
        design: Two-sided boundaries at fractions of the customers.
        customers: At information fraction 1, both groups together.
        treated_share: Share of them that is treated.
        draw: Values of customers, of the same distribution in both groups.
    """
    looks = [round(customers * fraction) for fraction in design.fractions]
    z, df = _statistics(rng, replicates, looks, treated_share, draw)
    tail = ndtr(-np.array(design.z))
    critical = np.where(tail > 0, -stdtrit(df, np.where(tail > 0, tail, 0.5)), math.inf)
    return _first(z, critical)


def sequence_tails(
    *,
    rng: Generator,
    replicates: int,
    days: int,
    customers_per_day: int,
    alpha: float = 0.05,
    tuning_customers: float = TUNING_CUSTOMERS,
    treated_share: float = 0.5,
    draw: Draw = normal_values,
) -> Tails:
    """Errors of the asymptotic confidence sequence looked at every day.

    Args:
        rng: Source of chance.
        replicates: How many pilots.
        days: How many looks.
        customers_per_day: New customers between looks, both groups together.
        alpha: Error rate over all days.
        tuning_customers: As in `asymptotic_sequence`.
        treated_share: Share of the customers that is treated.
        draw: Values of customers, of the same distribution in both groups.
    """
    looks = [customers_per_day * (day + 1) for day in range(days)]
    z, _ = _statistics(rng, replicates, looks, treated_share, draw)
    critical = []
    for customers in looks:
        found = asymptotic_sequence(
            value=0.0, se=1.0, customers=customers, alpha=alpha, tuning_customers=tuning_customers
        )
        if isinstance(found, Undefined):
            raise ValueError(found.reason)
        critical.append(found.high)
    return _first(z, np.array(critical))


def _statistics(
    rng: Generator, replicates: int, looks: list[int], treated_share: float, draw: Draw
) -> tuple[Floats, Floats]:
    """Welch's statistic and degrees of freedom, shape (replicates, looks) each.

    A look at which a group has fewer than two customers or no spread has statistic 0.
    """
    means, variances, sizes = [], [], []
    for share in (treated_share, 1 - treated_share):
        n = np.array([round(customers * share) for customers in looks])
        new = np.diff([0, *n])
        sums, squares = np.zeros((2, replicates, len(looks)))
        for look, size in enumerate(new):
            values = draw(rng, (replicates, int(size)))
            sums[:, look] = values.sum(axis=1)
            squares[:, look] = (values**2).sum(axis=1)
        mean = np.cumsum(sums, axis=1) / np.maximum(n, 1)
        spread = np.cumsum(squares, axis=1) - n * mean**2
        means.append(mean)
        variances.append(np.maximum(spread, 0) / np.maximum(n - 1, 1) / np.maximum(n, 1))
        sizes.append(n)
    total = variances[0] + variances[1]
    usable = (total > 0) & (np.minimum(*sizes) >= 2)
    safe = np.where(usable, total, 1.0)
    z = np.where(usable, (means[0] - means[1]) / np.sqrt(safe), 0.0)
    parts = sum(
        variance**2 / np.maximum(n - 1, 1) for variance, n in zip(variances, sizes, strict=True)
    )
    df = safe**2 / np.where(usable, parts, 1.0)
    return z, np.asarray(df, dtype=float)


def _first(z: Floats, critical: Floats) -> Tails:
    """Shares that cross first above and first below, by the first look that crosses."""
    crossed = np.abs(z) >= critical
    first = np.argmax(crossed, axis=1)
    at_first = z[np.arange(len(z)), first]
    rejected = crossed.any(axis=1)
    return Tails(
        above=float(np.mean(rejected & (at_first > 0))),
        below=float(np.mean(rejected & (at_first < 0))),
    )
