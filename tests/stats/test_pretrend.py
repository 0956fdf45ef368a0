"""The pre-trend test against its formula on rows, its error rate, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f as f_distribution

from experiments.errors import Undefined
from experiments.stats.balancing import Weighting, entropy_balance
from experiments.stats.moments import Floats, Moments
from experiments.stats.pretrend import Pretrend, pretrend, weighted_pretrend

PERIODS = ["p1", "p2", "p3", "p4"]


def known(found: Pretrend | Undefined) -> Pretrend:
    """The test, which must exist."""
    assert isinstance(found, Pretrend)
    return found


def before(seed: int, n: int, *, slope: float = 0.0, spread: float = 1.0) -> Floats:
    """Customers with a level of their own and a trend, shape (n, 4)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, spread, (n, 4))
    return rng.normal(20, 5, n)[:, None] + noise + (slope + 1) * np.arange(4)


def moments(rows: Floats) -> Moments:
    return Moments.of(**dict(zip(PERIODS, rows.T, strict=True)))


def test_it_is_the_formula_on_each_customers_changes() -> None:
    """Second implementation: Krishnamoorthy and Yu (2004), equation 2.7, on rows of changes."""
    treatment, control = before(1, 25, spread=2.0, slope=0.3), before(2, 60)
    changes = [np.diff(rows, axis=1) for rows in (treatment, control)]
    parts = [np.cov(rows.T) / len(rows) for rows in changes]
    inverse = np.linalg.inv(parts[0] + parts[1])
    gap = changes[0].mean(axis=0) - changes[1].mean(axis=0)
    wald = float(gap @ inverse @ gap)
    total = 0.0
    for part, n in zip(parts, (25, 60), strict=True):
        share = part @ inverse
        total += (np.trace(share @ share) + np.trace(share) ** 2) / (n - 1)
    df = (3 + 3**2) / total
    expected = f_distribution.sf(wald * (df - 2) / (3 * df), 3, df - 2)
    found = known(pretrend(treatment=moments(treatment), control=moments(control), periods=PERIODS))
    assert found.gaps == pytest.approx(treatment.mean(axis=0) - control.mean(axis=0))
    assert found.df == 3
    assert found.residual_df == pytest.approx(df - 2)
    assert found.p_value == pytest.approx(expected)


def test_equal_weights_are_the_unweighted_test() -> None:
    treatment, control = before(1, 25), before(2, 60)
    plain = known(pretrend(treatment=moments(treatment), control=moments(control), periods=PERIODS))
    weighted = known(
        weighted_pretrend(treatment=treatment, control=control, control_weights=np.full(60, 0.3))
    )
    assert weighted.gaps == pytest.approx(plain.gaps)
    assert weighted.p_value == pytest.approx(plain.p_value)
    assert weighted.residual_df == pytest.approx(plain.residual_df)


def test_a_clusters_customers_count_as_one() -> None:
    """Every customer twice, as a cluster of two, is every customer once."""
    treatment, control = before(1, 25), before(2, 60)
    once = known(
        weighted_pretrend(treatment=treatment, control=control, control_weights=np.ones(60))
    )
    twice = known(
        weighted_pretrend(
            treatment=np.repeat(treatment, 2, axis=0),
            control=np.repeat(control, 2, axis=0),
            control_weights=np.ones(120),
            treatment_clusters=np.repeat(np.arange(25), 2),
            control_clusters=np.repeat(np.arange(60), 2),
        )
    )
    assert twice.p_value == pytest.approx(once.p_value)


def test_one_in_twenty_random_draws_fails() -> None:
    """Simulation: 30 against 90 of unequal spread, 2,000 times; 5 per cent, se 0.5."""
    failed = 0
    for seed in range(2000):
        found = weighted_pretrend(
            treatment=before(seed, 30, spread=2.0),
            control=before(seed + 9000, 90),
            control_weights=np.ones(90),
        )
        failed += known(found).p_value < 0.05
    assert 0.035 < failed / 2000 < 0.065


def test_groups_that_part_are_found() -> None:
    found = known(
        pretrend(
            treatment=moments(before(1, 200, slope=0.3)),
            control=moments(before(2, 200)),
            periods=PERIODS,
        )
    )
    assert found.p_value < 0.001


def test_weights_that_match_the_periods_make_no_test() -> None:
    treatment, control = before(1, 60, slope=0.3), before(2, 200)
    weighting = entropy_balance(treatment=treatment, control=control, names=PERIODS)
    assert isinstance(weighting, Weighting)
    found = weighted_pretrend(
        treatment=treatment, control=control, control_weights=weighting.weights
    )
    assert isinstance(found, Undefined)
    assert "cannot fail" in found.reason


@pytest.mark.parametrize(
    ("treatment", "control", "reason"),
    [
        (before(1, 9)[:, :2], before(2, 9)[:, :2], "2 pre-periods are fewer than 3"),
        (before(1, 1), before(2, 9), "treatment group has fewer than 2 customers"),
        (before(1, 9), before(2, 0), "control group has fewer than 2 customers"),
        (np.zeros((9, 4)), np.zeros((9, 4)), "does not vary"),
        (before(1, 9), before(2, 9) * np.nan, "control group has values that are not numbers"),
        (np.full((9, 4), 0.1), np.full((9, 4), 0.3), "does not vary"),
        (before(1, 2), before(2, 2), "does not vary"),
    ],
)
def test_what_cannot_be_tested_says_why(treatment: Floats, control: Floats, reason: str) -> None:
    found = weighted_pretrend(
        treatment=treatment, control=control, control_weights=np.ones(len(control))
    )
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_weight_on_one_customer_is_no_group() -> None:
    found = weighted_pretrend(
        treatment=before(1, 9), control=before(2, 9), control_weights=np.eye(9)[0]
    )
    assert found == Undefined("the control group has fewer than 2 effective customers")


def test_weight_on_two_customers_is_too_little_for_four_periods() -> None:
    found = weighted_pretrend(
        treatment=before(1, 9, spread=1e-3),
        control=before(2, 9),
        control_weights=np.array([1.0, 1.0] + [0.01] * 7),
    )
    assert found == Undefined("too few customers to compare 3 changes at once")


def test_moments_of_too_few_customers_or_periods_say_why() -> None:
    for treatment, periods, reason in (
        (before(1, 1), PERIODS, "fewer than 2 customers"),
        (before(1, 9), PERIODS[:2], "fewer than 3"),
    ):
        found = pretrend(
            treatment=moments(treatment), control=moments(before(2, 9)), periods=periods
        )
        assert isinstance(found, Undefined)
        assert reason in found.reason


@given(seed=st.integers(0, 99), rate=st.floats(min_value=0.01, max_value=100))
def test_neither_swapping_nor_the_currency_nor_a_level_matters(seed: int, rate: float) -> None:
    treatment, control = before(seed, 20), before(seed + 100, 30)
    one = known(pretrend(treatment=moments(treatment), control=moments(control), periods=PERIODS))
    other = known(
        pretrend(
            treatment=moments(rate * control + 7),
            control=moments(rate * treatment),
            periods=PERIODS,
        )
    )
    assert other.p_value == pytest.approx(one.p_value, rel=1e-6)
