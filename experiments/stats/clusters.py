"""Compare two groups of clusters: accounts, households, branches, representatives.

What was assigned is the cluster, so it is clusters that are counted: a mean per customer is the sum
over clusters of totals over the sum of sizes, linearised (`ratio.py`), with degrees of freedom over
clusters by Welch (1947), Biometrika 34:28-35. The asymptotics ask for some 10 clusters in a group;
below that the re-randomisation test stands beside, and below 5 nothing is proved: Donner and Klar
(2000), Design and Analysis of Cluster Randomization Trials in Health Research, chapters 2 and 7;
Cameron, Gelbach and Miller (2008), Review of Economics and Statistics 90:414-427.
"""

from enum import StrEnum

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.moments import Moments
from experiments.stats.ratio import RatioDifference, ratio_difference

# Clusters in the smaller group from which the interval stands alone, and from which it may prove.
ENOUGH_CLUSTERS = 10
LEAST_CLUSTERS = 5


class ClusterEvidence(StrEnum):
    """What a number of clusters allows to be said."""

    ENOUGH = "enough"
    FEW = "few"
    TOO_FEW = "too_few"


def cluster_evidence(*, treatment: int, control: int) -> ClusterEvidence:
    """Whether the interval stands alone, needs the re-randomisation test beside, or proves nothing.

    Args:
        treatment: Clusters in the treatment group.
        control: Clusters in the control group.

    Example:
        >>> cluster_evidence(treatment=40, control=9).value
        'few'
    """
    least = min(treatment, control)
    if least < LEAST_CLUSTERS:
        return ClusterEvidence.TOO_FEW
    return ClusterEvidence.FEW if least < ENOUGH_CLUSTERS else ClusterEvidence.ENOUGH


def cluster_difference(
    *,
    treatment: Moments,
    control: Moments,
    total: str,
    size: str,
    confidence: float = 0.95,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> RatioDifference | Undefined:
    """Mean per customer in the treatment group minus that in the control group.

    Args:
        treatment: Moments over the treated clusters, at least 2.
        control: The same over the control clusters.
        total: Variable that holds each cluster's sum over its customers.
        size: Variable that holds each cluster's customers.
        confidence: Of the interval, between 0 and 1.
        alternative: One-sided intervals have an infinite limit.

    Example:
        >>> found = cluster_difference(
        ...     treatment=Moments.of(spend=[8.0, 2.0, 2.0], customers=[2, 1, 1]),
        ...     control=Moments.of(spend=[2.0, 2.0, 4.0], customers=[1, 2, 1]),
        ...     total="spend", size="customers")
        >>> found.difference.value
        1.0
    """
    for side, group in (("treatment", treatment), ("control", control)):
        if group.n < 2:
            clusters = "one cluster" if group.n else "no cluster"
            return Undefined(f"the {side} group has {clusters}, and a variance needs at least 2")
    return ratio_difference(
        treatment=treatment,
        control=control,
        numerator=total,
        denominator=size,
        confidence=confidence,
        alternative=alternative,
    )
