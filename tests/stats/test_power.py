"""Power, size and smallest effect against published values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import BadInput, Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.power import (
    NormalTest,
    RateTest,
    TTest,
    TwoGroupTest,
    arcsine_effect,
    customers_for,
    effect_for,
    treatment_for,
)

GREATER = Alternative.GREATER
LESS = Alternative.LESS


def test_the_power_of_the_t_test_is_that_of_r() -> None:
    """R, power.t.test(n = 20, delta = 1, sd = 1); pwr.t2n.test(d = 0.6, n1 = 90, n2 = 60)."""
    assert TTest().power(1.0, treatment=20, control=20) == pytest.approx(0.8689528, abs=1e-6)
    one_sided = TTest(alternative=GREATER)
    assert one_sided.power(0.6, treatment=90, control=60) == pytest.approx(0.9737262, abs=1e-6)


def test_the_power_of_rates_is_that_of_r() -> None:
    """R, power.prop.test(n = 50, p1 = .50, p2 = .75); pwr.2p2n.test(h = 0.3, n1 = 80, n2 = 245)."""
    rates = RateTest(control_rate=0.5)
    assert rates.power(0.25, treatment=50, control=50) == pytest.approx(0.7401659, abs=1e-6)
    arcsine = NormalTest(alternative=GREATER)
    assert arcsine.power(0.3, treatment=80, control=245) == pytest.approx(0.7532924, abs=1e-6)
    assert arcsine.power(0.3, treatment=80, control=80) == pytest.approx(0.5996777, abs=1e-6)


def test_the_number_of_customers_is_that_of_r() -> None:
    """R, power.t.test(power = .90, delta = 1), one- and two-sided; power.prop.test(power = .90)."""
    one_sided = TTest(alternative=GREATER)
    assert customers_for(TTest(), effect=1.0, power=0.9) == pytest.approx(22.02110, abs=1e-4)
    assert customers_for(one_sided, effect=1.0, power=0.9) == pytest.approx(17.84713, abs=2e-4)
    rates = RateTest(control_rate=0.5)
    assert customers_for(rates, effect=0.25, power=0.9) == pytest.approx(76.7, abs=0.05)


def test_cohens_effect_of_two_rates() -> None:
    """2 asin(sqrt(1/2)) - 2 asin(sqrt(1/4)) = pi / 2 - pi / 3; Cohen (1988), chapter 6."""
    assert arcsine_effect(treatment_rate=0.5, control_rate=0.25) == pytest.approx(math.pi / 6)


def test_an_unpooled_test_takes_the_spread_of_the_effect() -> None:
    """(0.25 - 1.959964 s) / s, s^2 = 0.4375 / 50, by hand: Phi(0.7126) = 0.7620."""
    found = RateTest(control_rate=0.5, pooled=False).power(0.25, treatment=50, control=50)
    assert found == pytest.approx(0.7620, abs=1e-4)


def test_the_wrong_tail_counts_where_it_is_asked_to() -> None:
    """Without an effect both tails are alpha, and one tail half of it."""
    for test in (TTest(), NormalTest(), RateTest(control_rate=0.3, both_tails=True)):
        assert test.power(0.0, treatment=40, control=70) == pytest.approx(0.05)
    assert RateTest(control_rate=0.3).power(0.0, treatment=40, control=70) == pytest.approx(0.025)
    assert TTest(both_tails=False).power(0.0, treatment=9, control=9) == pytest.approx(0.025)


@pytest.mark.parametrize("effect", [1e-5, 0.1, 3.0, 40.0])
def test_sizes_are_found_for_tiny_and_for_huge_effects(effect: float) -> None:
    found = customers_for(TTest(), effect=effect, ratio=3.0)
    assert isinstance(found, float)
    reached = TTest().power(effect, treatment=3 * found, control=found)
    assert isinstance(reached, float)
    assert reached == pytest.approx(0.8, abs=1e-9) or (found == 2 and reached > 0.8)


@pytest.mark.parametrize(
    "test", [TTest(), TTest(sd=40.0), NormalTest(alternative=LESS), RateTest(control_rate=0.4)]
)
def test_the_smallest_effect_has_the_power_asked_for(test: TwoGroupTest) -> None:
    for down in (False, True):
        found = effect_for(test, treatment=300, control=200, power=0.9, down=down)
        assert isinstance(found, float)
        assert (found < 0) is (down or test.alternative is LESS)
        assert test.power(found, treatment=300, control=200) == pytest.approx(0.9, abs=1e-9)


def test_the_other_group_is_found_beside_a_given_one() -> None:
    test = NormalTest(alternative=GREATER)
    power = test.power(0.3, treatment=80, control=245)
    assert isinstance(power, float)
    assert treatment_for(test, effect=0.3, control=245, power=power) == pytest.approx(80.0)


@given(
    effect=st.floats(-1, 1),
    sizes=st.tuples(st.integers(2, 500), st.integers(2, 500)),
    scale=st.floats(0.01, 1000),
)
def test_swapped_groups_turned_signs_and_another_currency_change_no_power(
    effect: float, sizes: tuple[int, int], scale: float
) -> None:
    one, other = sizes
    found = TTest(alternative=GREATER).power(effect, treatment=one, control=other)
    turned = TTest(alternative=LESS).power(-effect, treatment=other, control=one)
    scaled = TTest(alternative=GREATER, sd=scale).power(
        effect * scale, treatment=one, control=other
    )
    assert turned == pytest.approx(found, abs=1e-12)
    assert scaled == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (TTest().power(1.0, treatment=0, control=9), "without customers"),
        (TTest().power(1.0, treatment=1, control=1), "no spread"),
        (TTest(sd=0.0).power(1.0, treatment=9, control=9), "no spread"),
        (NormalTest().power(math.nan, treatment=9, control=9), "no number"),
        (RateTest(control_rate=0.9).power(0.2, treatment=9, control=9), "no shares"),
        (RateTest(control_rate=0.0).power(0.0, treatment=9, control=9), "no spread"),
        (customers_for(TTest(), effect=0.0), "effect of zero"),
        (customers_for(TTest(alternative=LESS), effect=1.0), "other sign"),
        (customers_for(NormalTest(), effect=1e-12), "so close to zero"),
        (customers_for(TTest(), effect=1.0, power=1.0), "between 0 and 1"),
        (treatment_for(TTest(), effect=0.3, control=10), "too small"),
        (effect_for(RateTest(control_rate=0.5), treatment=5, control=5), "too few"),
        (effect_for(TTest(), treatment=9, control=9, power=0.01), "without any effect"),
    ],
)
def test_what_cannot_be_planned_says_why(found: float | Undefined, reason: str) -> None:
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_an_impossible_error_rate_is_refused() -> None:
    with pytest.raises(BadInput, match="alpha"):
        TTest(alpha=0.0)
