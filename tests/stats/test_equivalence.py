"""Equivalence and non-inferiority by hand, by their intervals, and where there is no test."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import BadInput, Undefined
from experiments.stats.equivalence import (
    Equivalence,
    OneSided,
    equivalence,
    non_inferiority,
    rate_equivalence,
    relative_equivalence,
    relative_non_inferiority,
)
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.means import student, welch
from experiments.stats.moments import Sample
from experiments.stats.rates import Share, pooled_z
from tests.stats.samples import samples

TREATMENT, CONTROL = Sample(50, 9.5, 25.0), Sample(50, 10.0, 25.0)


def differ(treatment: Sample = TREATMENT, control: Sample = CONTROL) -> Difference:
    """Welch's difference, which must exist."""
    found = welch(treatment=treatment, control=control)
    assert isinstance(found, Difference)
    return found


def test_both_tests_agree_with_their_formulas_worked_by_hand() -> None:
    """Difference -0.5, standard error sqrt(25/50 + 25/50) = 1, 98 degrees of freedom."""
    found = equivalence(differ(), low=-2.0, high=2.0)
    assert found.above_low.statistic == pytest.approx(1.5)
    assert found.below_high.statistic == pytest.approx(-2.5)
    # R: pt(-1.5, 98), and qt(0.95, 98) = 1.660551.
    assert found.p_value == pytest.approx(0.068412, abs=5e-6)
    assert (found.interval.low, found.interval.high) == pytest.approx(
        (-0.5 - 1.660551, -0.5 + 1.660551), abs=1e-6
    )
    assert not found.equivalent


def test_a_relative_margin_is_tested_on_part_of_the_control_mean() -> None:
    """9.5 against 0.8 x 10: 1.5 / sqrt(0.5 + 0.64 x 0.5); Welch's df by hand."""
    found = relative_non_inferiority(treatment=TREATMENT, control=CONTROL, margin=-0.2)
    assert isinstance(found, OneSided)
    assert found.statistic == pytest.approx(1.5 / math.sqrt(0.82))
    assert found.df == pytest.approx(0.82**2 * 49 / (0.5**2 + 0.32**2))
    less = relative_non_inferiority(
        treatment=TREATMENT, control=CONTROL, margin=0.2, alternative=Alternative.LESS
    )
    both = relative_equivalence(treatment=TREATMENT, control=CONTROL, low=-0.2, high=0.2)
    assert isinstance(both, Equivalence)
    assert (both.above_low, both.below_high) == (found, less)
    pooled = relative_non_inferiority(
        treatment=TREATMENT, control=CONTROL, margin=-0.2, method=student
    )
    assert isinstance(pooled, OneSided)
    assert pooled.df == 98


def test_rates_agree_with_published_score_and_wald_tests() -> None:
    """36/40 against 38/40, margin -0.1: R's rpact (score 0.8010), statsmodels (Wald 0.8528)."""
    treatment, control = Share(36, 40), Share(38, 40)
    found = rate_equivalence(treatment=treatment, control=control, low=-0.1, high=0.1)
    wald = pooled_z(treatment=treatment, control=control)
    assert isinstance(found, Equivalence)
    assert isinstance(wald, Difference)
    assert found.above_low.statistic == pytest.approx(0.801003905, abs=1e-8)
    assert non_inferiority(wald, margin=-0.1).statistic == pytest.approx(0.852802865, abs=1e-8)
    assert math.isinf(found.above_low.df)


def test_without_a_variance_or_a_customer_there_is_no_test() -> None:
    constant = Sample(10, 3.0, 0.0)
    assert isinstance(
        relative_non_inferiority(treatment=constant, control=constant, margin=-0.1), Undefined
    )
    assert isinstance(
        relative_equivalence(treatment=constant, control=constant, low=-0.1, high=0.1), Undefined
    )
    assert isinstance(
        rate_equivalence(treatment=Share(0, 0), control=Share(1, 2), low=-0.1, high=0.1), Undefined
    )
    assert isinstance(
        rate_equivalence(treatment=Share(1, 2), control=Share(1, 2), low=-1.5, high=0.1), Undefined
    )
    assert isinstance(
        rate_equivalence(treatment=Share(1, 2), control=Share(1, 2), low=-0.1, high=1.5), Undefined
    )


def test_margins_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(BadInput, match="below the upper"):
        equivalence(differ(), low=1.0, high=-1.0)
    with pytest.raises(BadInput, match="no part of the control mean"):
        relative_non_inferiority(treatment=TREATMENT, control=CONTROL, margin=-1.0)


@given(treatment=samples, control=samples, width=st.floats(0.1, 200))
def test_equivalent_means_that_the_margins_hold_the_interval(
    treatment: Sample, control: Sample, width: float
) -> None:
    found = equivalence(differ(treatment, control), low=-width, high=width)
    held = max(-found.interval.low, found.interval.high)
    if abs(held - width) > 1e-9 * width:
        assert found.equivalent == (held < width)


@given(treatment=samples, control=samples, width=st.floats(0.1, 200), rate=st.floats(0.01, 100))
def test_swapping_mirrors_and_the_currency_does_not_matter(
    treatment: Sample, control: Sample, width: float, rate: float
) -> None:
    one = equivalence(differ(treatment, control), low=-width, high=2 * width)
    other = equivalence(differ(control, treatment), low=-2 * width, high=width)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.above_low.statistic == pytest.approx(-other.below_high.statistic)
    scaled = [
        Sample(sample.n, rate * sample.mean, rate**2 * sample.variance)
        for sample in (treatment, control)
    ]
    again = equivalence(differ(scaled[0], scaled[1]), low=-rate * width, high=2 * rate * width)
    assert again.p_value == pytest.approx(one.p_value, rel=1e-6, abs=1e-12)
