"""How much do customers of one cluster resemble each other, and what does that cost?

Intracluster correlation by one-way analysis of variance: Fisher (1925), Statistical Methods for
Research Workers, chapter 7; Donner and Koval (1980), Biometrics 36:19-25. Design effect: Kish
(1965), Survey Sampling, section 5.4; for clusters of unequal size Eldridge, Ashby and Kerry (2006),
International Journal of Epidemiology 35:1292-1300.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiments.errors import Undefined
from experiments.stats.means import spread
from experiments.stats.moments import Sample


@dataclass(frozen=True, slots=True)
class Intracluster:
    """How alike the customers of a cluster are.

    Attributes:
        correlation: 1 where all customers of a cluster are the same; below 0 where they differ
            more than customers at random.
        typical_size: The size n0 that makes unequal clusters count as equal ones.
        mean_size: Customers per cluster.
        clusters: How many there are.
        design_effect: 1 + (n0 - 1) x correlation: how much the variance of a mean grows because
            clusters were drawn, not customers.
    """

    correlation: float
    typical_size: float
    mean_size: float
    clusters: int
    design_effect: float


def intracluster(clusters: Iterable[Sample]) -> Intracluster | Undefined:
    """Analysis of variance between and within clusters.

    Args:
        clusters: One summary for each cluster; of the same group, where groups differ.

    Example:
        >>> found = intracluster([Sample.of([1.0, 2.0]), Sample.of([5.0, 6.0])])
        >>> round(found.correlation, 4), round(found.design_effect, 4)
        (0.9394, 1.9394)
    """
    kept = [sample for sample in clusters if sample.n > 0]
    n, count = sum(sample.n for sample in kept), len(kept)
    if count < 2:
        return Undefined("there are fewer than 2 clusters")
    if n == count:
        return Undefined("every cluster has one customer, so that nothing varies within")
    mean = math.fsum(sample.n * sample.mean for sample in kept) / n
    distance = math.fsum(sample.n * (sample.mean - mean) ** 2 for sample in kept)
    between = distance / (count - 1)
    within = math.fsum((sample.n - 1) * spread(sample) for sample in kept) / (n - count)
    typical = (n - sum(sample.n**2 for sample in kept) / n) / (count - 1)
    total = between + (typical - 1) * within
    if not (math.isfinite(total) and total > 0):
        return Undefined("all customers have the same value")
    correlation = (between - within) / total
    return Intracluster(
        correlation=correlation,
        typical_size=typical,
        mean_size=n / count,
        clusters=count,
        design_effect=1 + (typical - 1) * correlation,
    )


def design_effect(*, correlation: float, sizes: Sequence[int]) -> float | Undefined:
    """How much the variance of a mean per customer grows, for clusters of these sizes.

    1 + ((1 + c^2) x mean size - 1) x correlation, c the coefficient of variation of the sizes
    (denominator: clusters); 1 + (size - 1) x correlation where all are equal.

    Args:
        correlation: Intracluster correlation.
        sizes: Customers of each cluster.

    Example:
        >>> round(design_effect(correlation=0.05, sizes=[20, 20, 20]), 4)
        1.95
        >>> round(design_effect(correlation=0.05, sizes=[10, 30]), 4)
        2.2
    """
    customers = sum(sizes)
    if customers == 0:
        return Undefined("there is no customer")
    return 1 + (sum(size**2 for size in sizes) / customers - 1) * correlation
