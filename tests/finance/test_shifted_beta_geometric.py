"""The shifted beta-geometric model against its paper, at its edges, and by hand."""

import math

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.finance.shifted_beta_geometric import (
    ShiftedBetaGeometric,
    ShiftedBetaGeometricFit,
    fit_shifted_beta_geometric,
)
from experiments.stats.survival import DayCounts

# Customers of 1,000 left after each year, Fader and Hardie (2007), table 1.
HIGH_END = (869, 743, 653, 593, 551, 517, 491)
REGULAR = (631, 468, 382, 326, 289, 262, 241)


def counted(left: tuple[int, ...]) -> DayCounts:
    """Who left each year, of 1,000; the others are still there."""
    before = (1000, *left[:-1])
    years = range(1, len(left) + 1)
    lost = tuple(start - end for start, end in zip(before, left, strict=True))
    return DayCounts(tuple(map(float, years)), lost, (*(0,) * (len(left) - 1), left[-1]))


@pytest.mark.parametrize(
    ("left", "alpha", "beta", "log_likelihood"),
    [(HIGH_END, 0.668, 3.806, -1611.2), (REGULAR, 0.704, 1.182, -1680.3)],
)
def test_the_fit_agrees_with_the_paper(
    left: tuple[int, ...], alpha: float, beta: float, log_likelihood: float
) -> None:
    """Fader and Hardie (2007), seven years of both groups."""
    found = fit_shifted_beta_geometric(counted(left))
    assert isinstance(found, ShiftedBetaGeometricFit)
    assert (found.model.alpha, found.model.beta) == pytest.approx((alpha, beta), abs=5e-4)
    assert found.log_likelihood == pytest.approx(log_likelihood, abs=0.05)
    assert found.model.log_likelihood(counted(left)) == pytest.approx(found.log_likelihood)


def test_survival_is_the_product_of_the_retentions() -> None:
    model = ShiftedBetaGeometric(alpha=0.668, beta=3.806)
    product = math.prod(model.retention(period) for period in range(1, 8))
    assert model.survival(7) == pytest.approx(product)
    assert model.survival(0) == 1
    # Who has stayed is more likely to stay: retention grows with the years.
    assert model.retention(1) < model.retention(2) < model.retention(8)


def test_the_value_left_is_worked_by_hand() -> None:
    """Alpha = beta = 1: survival 1/2, 1/3, 1/4; 12 each, discounted at 20 %."""
    model = ShiftedBetaGeometric(alpha=1.0, beta=1.0)
    new = model.remaining_value(margin=12.0, survived=0, periods=3, discount_rate=0.2)
    assert new == pytest.approx(6 / 1.2 + 4 / 1.2**2 + 3 / 1.2**3)
    second = model.remaining_value(margin=12.0, survived=1, periods=2)
    assert second == pytest.approx(12 * (2 / 3 + 2 / 4))
    assert model.remaining_value(margin=12.0, survived=0, periods=0) == 0


def test_customers_all_alike_have_no_finite_shapes() -> None:
    alike = fit_shifted_beta_geometric(DayCounts((1.0, 2.0), (100, 90), (0, 810)))
    assert isinstance(alike, Undefined)
    assert "grows" in alike.reason


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (DayCounts.of([], []), "no customer"),
        (DayCounts.of([1, 2], [False, False]), "no customer has left"),
        (DayCounts.of([1], [True]), "no finite maximum"),
        (DayCounts((1.0,), (100,), (50,)), "no finite maximum"),
    ],
)
def test_what_cannot_be_fitted_says_why(counts: DayCounts, reason: str) -> None:
    found = fit_shifted_beta_geometric(counts)
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_a_doubled_crowd_has_the_same_shapes() -> None:
    one = counted(REGULAR)
    twice = DayCounts(
        one.times,
        tuple(2 * count for count in one.lapsed),
        tuple(2 * count for count in one.censored),
    )
    first, second = fit_shifted_beta_geometric(one), fit_shifted_beta_geometric(twice)
    assert isinstance(first, ShiftedBetaGeometricFit)
    assert isinstance(second, ShiftedBetaGeometricFit)
    assert np.isclose(first.model.alpha, second.model.alpha, rtol=1e-8)
    assert second.log_likelihood == pytest.approx(2 * first.log_likelihood)
