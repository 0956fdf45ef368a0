"""Groups of clusters: against regression on rows, and how many clusters are enough."""

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.stats.cluster_robust import ClusterCovariance, clustered_coefficient
from experiments.stats.clusters import ClusterEvidence, cluster_difference, cluster_evidence
from experiments.stats.moments import Moments
from experiments.stats.ratio import RatioDifference
from experiments.stats.regression import least_squares
from tests.stats.rows import Rows, rows
from tests.stats.test_cluster_robust import known as known_coefficient
from tests.stats.test_regression import fitted


def known(found: RatioDifference | Undefined) -> RatioDifference:
    """The difference, which must exist."""
    assert isinstance(found, RatioDifference)
    return found


def _clusters(data: Rows, *, treated: float) -> Moments:
    mine = [c for c in sorted(set(data.cluster)) if data.treated[data.cluster.index(c)] == treated]
    members = [np.array(data.cluster) == cluster for cluster in mine]
    return Moments.of(
        total=[float(data.outcome[member].sum()) for member in members],
        size=[float(member.sum()) for member in members],
    )


def test_sums_of_clusters_and_regression_on_rows_agree() -> None:
    """With as many clusters in each group: CR0 on rows times clusters / (clusters - 1)."""
    data = rows(1)
    found = known(
        cluster_difference(
            treatment=_clusters(data, treated=1),
            control=_clusters(data, treated=0),
            total="total",
            size="size",
        )
    ).difference
    fit = fitted(least_squares(outcome=data.outcome, columns={"t": data.treated}))
    other = known_coefficient(
        clustered_coefficient(fit, "t", clusters=data.cluster, covariance=ClusterCovariance.CR0)
    ).coefficient
    assert found.value == pytest.approx(other.value)
    assert found.se == pytest.approx(other.se * np.sqrt(10 / 9))
    assert 9 <= found.df <= 18


def test_swapping_flips_the_sign() -> None:
    data = rows(2)
    groups = [_clusters(data, treated=side) for side in (1, 0)]
    one = known(
        cluster_difference(treatment=groups[0], control=groups[1], total="total", size="size")
    ).difference
    other = known(
        cluster_difference(treatment=groups[1], control=groups[0], total="total", size="size")
    ).difference
    assert other.value == pytest.approx(-one.value)
    assert other.p_value == pytest.approx(one.p_value)


@pytest.mark.parametrize(
    ("clusters", "reason"), [(0, "treatment group has no cluster"), (1, "has one cluster")]
)
def test_too_few_clusters_have_no_interval(clusters: int, reason: str) -> None:
    group = Moments.of(total=[3.0] * clusters, size=[2.0] * clusters)
    other = Moments.of(total=[3.0, 4.0], size=[2.0, 2.0])
    found = cluster_difference(treatment=group, control=other, total="total", size="size")
    assert isinstance(found, Undefined)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("least", "evidence"),
    [
        (4, ClusterEvidence.TOO_FEW),
        (5, ClusterEvidence.FEW),
        (9, ClusterEvidence.FEW),
        (10, ClusterEvidence.ENOUGH),
    ],
)
def test_the_smaller_group_decides_what_may_be_said(least: int, evidence: ClusterEvidence) -> None:
    assert cluster_evidence(treatment=least, control=100) is evidence
    assert cluster_evidence(treatment=100, control=least) is evidence
