"""Boundaries from a joint covariance against recursive ones and independent looks."""

import math

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.stats.boundaries import Boundaries, equally_spaced, spending_boundaries
from experiments.stats.joint_boundaries import joint_boundaries
from experiments.stats.limits import quantile
from experiments.stats.spending import Sided, Spending, SpendingFamily

POCOCK_TYPE = Spending(SpendingFamily.POCOCK)


def known(found: Boundaries | Undefined) -> Boundaries:
    """Boundaries, which must exist."""
    assert isinstance(found, Boundaries)
    return found


@pytest.mark.parametrize("looks", [2, 5, 8])
@pytest.mark.parametrize("spending", [Spending(), POCOCK_TYPE])
@pytest.mark.parametrize(("alpha", "sided"), [(0.05, 2), (0.025, 1), (1e-5, 2)])
def test_joint_boundaries_are_the_recursive_ones_where_increments_are_independent(
    looks: int, spending: Spending, alpha: float, sided: Sided
) -> None:
    fractions = np.linspace(0.3, 1, looks)
    correlation = np.sqrt(
        np.minimum.outer(fractions, fractions) / np.maximum.outer(fractions, fractions)
    )
    joint = known(
        joint_boundaries(
            correlation.tolist(),
            fractions=fractions.tolist(),
            spending=spending,
            alpha=alpha,
            sided=sided,
        )
    )
    exact = known(
        spending_boundaries(fractions.tolist(), spending=spending, alpha=alpha, sided=sided)
    )
    assert joint.z == pytest.approx(exact.z, abs=1e-5 if looks <= 5 else 1e-4)
    assert joint.spent == exact.spent


def test_looks_without_correlation_each_spend_on_their_own() -> None:
    """By hand: P(first crossing at 2) = (1 - a1) P(|Z2| > b2) for independent statistics."""
    found = known(joint_boundaries([[1, 0], [0, 1]], fractions=[0.5, 1], spending=POCOCK_TYPE))
    first, both = found.spent
    expected = (-quantile(first / 2), -quantile((both - first) / (1 - first) / 2))
    assert found.z == pytest.approx(expected, abs=1e-5)


def test_a_joint_boundary_repeats_with_its_seed_and_hardly_depends_on_it() -> None:
    matrix = [[1, 0.9, 0.5], [0.9, 1, 0.8], [0.5, 0.8, 1]]
    one, same, other = (
        known(joint_boundaries(matrix, fractions=[0.3, 0.6, 1], spending=POCOCK_TYPE, seed=seed))
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one.z == pytest.approx(other.z, abs=2e-5)


@pytest.mark.parametrize(
    ("matrix", "fractions", "reason"),
    [
        ([[1.0]], [], "no look"),
        ([[1.0]], [-1.0], "positive"),
        ([[1, 0.5], [0.5, 1]], [0.6, 0.5], "does not grow"),
        ([[1, 0.5], [0.5, 1]], [0.5], "row a look"),
        ([[1, 0.5], [0.4, 1]], [0.5, 1.0], "symmetric"),
        ([[2, 0.5], [0.5, 1]], [0.5, 1.0], "diagonal"),
        ([[1, 1], [1, 1]], [0.5, 1.0], "same statistic"),
        (np.eye(21).tolist(), equally_spaced(21), "20 looks"),
    ],
)
def test_a_covariance_that_cannot_be_used_says_why(
    matrix: list[list[float]], fractions: list[float], reason: str
) -> None:
    found = joint_boundaries(matrix, fractions=fractions, spending=Spending())
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_a_look_that_may_spend_nothing_cannot_reject() -> None:
    matrix = [[1, 0.1], [0.1, 1]]
    early = known(joint_boundaries(matrix, fractions=[0.001, 1.0], spending=Spending()))
    assert early.z == pytest.approx((math.inf, 1.959964), abs=1e-6)
