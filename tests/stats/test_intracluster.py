"""Intracluster correlation and design effect: published data, by hand, edges."""

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.stats.intracluster import Intracluster, design_effect, intracluster
from experiments.stats.moments import Sample

SHROUT_FLEISS = [
    [9.0, 2.0, 5.0, 8.0],
    [6.0, 1.0, 3.0, 2.0],
    [8.0, 4.0, 6.0, 8.0],
    [7.0, 1.0, 2.0, 6.0],
    [10.0, 5.0, 6.0, 9.0],
    [6.0, 2.0, 4.0, 7.0],
]


def known(found: Intracluster | Undefined) -> Intracluster:
    """The correlation, which must exist."""
    assert isinstance(found, Intracluster)
    return found


def test_the_correlation_agrees_with_shrout_and_fleiss() -> None:
    """Shrout and Fleiss (1979), Psychological Bulletin 86:420-428, table 4: ICC(1,1) = .17."""
    found = known(intracluster(Sample.of(values) for values in SHROUT_FLEISS))
    assert found.correlation == pytest.approx(0.17, abs=0.005)
    assert (found.typical_size, found.mean_size, found.clusters) == (4.0, 4.0, 6)
    assert found.design_effect == pytest.approx(1 + 3 * found.correlation)


def test_unequal_clusters_agree_with_the_formula_worked_by_hand() -> None:
    """Means 2 and 6 of 2 and 3: between 19.2, within (2 + 2) / 3, n0 = 5 - 13/5 = 2.4."""
    found = known(intracluster([Sample.of([1.0, 3.0]), Sample.of([5.0, 6.0, 7.0])]))
    assert found.typical_size == pytest.approx(2.4)
    assert found.correlation == pytest.approx((19.2 - 4 / 3) / (19.2 + 1.4 * 4 / 3))


def test_the_design_effect_of_unequal_clusters_is_that_of_eldridge() -> None:
    """1 + ((1 + c^2) m - 1) x correlation with m = 20 and c = 0.5."""
    assert design_effect(correlation=0.05, sizes=[10, 30]) == pytest.approx(
        1 + ((1 + 0.25) * 20 - 1) * 0.05
    )
    assert design_effect(correlation=0.05, sizes=[]) == Undefined("there is no customer")


def test_no_unit_and_no_order_matters() -> None:
    rng = np.random.default_rng(1)
    clusters = [rng.normal(rng.normal(5), 1, size) for size in (3, 8, 1, 12)]
    one = known(intracluster(Sample.of(values) for values in clusters))
    other = known(intracluster(Sample.of(100 * values) for values in clusters[::-1]))
    assert other.correlation == pytest.approx(one.correlation)


def test_customers_at_random_are_correlated_by_nothing_on_average() -> None:
    rng = np.random.default_rng(2)
    found = [
        known(intracluster(Sample.of(rng.normal(0, 1, 5)) for _ in range(10))).correlation
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(0, abs=4 * float(np.std(found)) / 20)


@pytest.mark.parametrize(
    ("clusters", "reason"),
    [
        ([], "fewer than 2 clusters"),
        ([[1.0, 2.0]], "fewer than 2 clusters"),
        ([[1.0, 2.0], []], "fewer than 2 clusters"),
        ([[1.0], [2.0]], "one customer"),
        ([[2.0, 2.0], [2.0, 2.0]], "same value"),
        ([[0.0, 0.0], [0.0, 0.0]], "same value"),
    ],
)
def test_what_has_no_correlation_says_why(clusters: list[list[float]], reason: str) -> None:
    found = intracluster(Sample.of(values) for values in clusters)
    assert isinstance(found, Undefined)
    assert reason in found.reason
