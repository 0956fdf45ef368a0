"""CUPED against the regression that it is, by hand, and at its edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.cuped import Cuped, cuped
from experiments.stats.means import welch
from experiments.stats.moments import Moments, Sample
from tests.stats.samples import columns, drawn


def known(found: Cuped | Undefined) -> Cuped:
    """The comparison, which must exist."""
    assert isinstance(found, Cuped)
    return found


def test_theta_takes_both_groups_as_one() -> None:
    """By hand: covariate 1, 2, 3 twice, outcome 4, 6, 9 and 2, 4, 5: theta = 8 / 4 = 2."""
    found = known(
        cuped(
            treatment=Moments.of(spend=[4.0, 6.0, 9.0], before=[1.0, 2.0, 3.0]),
            control=Moments.of(spend=[2.0, 4.0, 5.0], before=[1.0, 2.0, 3.0]),
            outcome="spend",
            covariate="before",
        )
    )
    assert found.theta == pytest.approx(2)
    assert (found.treatment_mean, found.control_mean) == pytest.approx((19 / 3, 11 / 3))


def test_it_is_welch_on_the_adjusted_values_of_each_customer() -> None:
    """Second implementation: theta from numpy.cov over raw rows, then Welch on those rows."""
    treated, controls = columns(1, 40, shift=9), columns(2, 60)
    spend = np.array(treated["spend"] + controls["spend"])
    before = np.array(treated["before"] + controls["before"])
    theta = np.cov(spend, before)[0, 1] / before.var(ddof=1)
    adjusted = spend - theta * (before - before.mean())
    treatment, control = Sample.of(adjusted[:40]), Sample.of(adjusted[40:])
    found = known(
        cuped(
            treatment=Moments.of(**treated),
            control=Moments.of(**controls),
            outcome="spend",
            covariate="before",
        )
    )
    expected = welch(treatment=treatment, control=control)
    plain = welch(treatment=Sample.of(spend[:40]), control=Sample.of(spend[40:]))
    assert not isinstance(expected, Undefined)
    assert not isinstance(plain, Undefined)
    assert found.theta == pytest.approx(theta)
    assert found.difference.value == pytest.approx(expected.value)
    assert found.difference.p_value == pytest.approx(expected.p_value)
    assert (found.treatment_mean, found.control_mean) == pytest.approx(
        (treatment.mean, control.mean)
    )
    assert found.variance_reduction == pytest.approx(1 - (expected.se / plain.se) ** 2)


def test_a_constant_covariate_or_a_small_group_says_why() -> None:
    flat = cuped(treatment=drawn(1, 9), control=drawn(2, 9), outcome="spend", covariate="constant")
    small = cuped(treatment=drawn(1, 1), control=drawn(2, 9), outcome="spend", covariate="before")
    assert isinstance(flat, Undefined)
    assert "same for every customer" in flat.reason
    assert isinstance(small, Undefined)
    assert "one customer" in small.reason


def test_an_outcome_that_the_covariate_explains_entirely_says_so() -> None:
    found = cuped(treatment=drawn(1, 9), control=drawn(2, 9), outcome="cents", covariate="before")
    if isinstance(found, Cuped):
        # What rounding leaves is at most a billionth of the variance.
        assert found.variance_reduction > 1 - 1e-9


@given(seed=st.integers(0, 99), rate=st.floats(min_value=0.01, max_value=100))
def test_swapping_flips_the_sign_and_the_unit_of_the_covariate_does_not_matter(
    seed: int, rate: float
) -> None:
    treatment, control = drawn(seed, 20), drawn(seed + 100, 30)
    scale = {"spend": {"spend": 1.0}, "before": {"before": rate}}
    one = known(cuped(treatment=treatment, control=control, outcome="spend", covariate="before"))
    other = known(
        cuped(
            treatment=control.combine(scale),
            control=treatment.combine(scale),
            outcome="spend",
            covariate="before",
        )
    )
    assert one.difference.statistic == pytest.approx(-other.difference.statistic, rel=1e-6)
    assert one.theta == pytest.approx(rate * other.theta, rel=1e-6)
