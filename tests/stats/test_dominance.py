"""Effects without their largest customers, by hand, by rows and by counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.dominance import Amounts, Dominance, dominance, dominance_of
from experiments.stats.estimate import Difference
from experiments.stats.means import welch
from experiments.stats.moments import Sample
from tests.stats.samples import varied


def known(found: Dominance | Undefined) -> Dominance:
    """The comparison, which must exist."""
    assert isinstance(found, Dominance)
    return found


def test_one_large_buyer_is_the_whole_effect() -> None:
    """By hand: means 25 and 2; without the 92, 8 / 3 and 2."""
    treatment, control = np.array([2.0, 2.0, 4.0, 92.0]), np.array([1.0, 2.0, 3.0, 2.0])
    found = known(dominance(treatment=treatment, control=control, top=1))
    plain = welch(treatment=Sample.of(treatment), control=Sample.of(control))
    assert isinstance(plain, Difference)
    assert (found.effect, found.effect_without) == pytest.approx((23, 2 / 3))
    assert found.share_of_amount == pytest.approx(92 / 108)
    assert found.share_of_effect == pytest.approx(1 - 2 / 69)
    assert found.moved == pytest.approx((23 - 2 / 3) / plain.se)
    assert not found.reverses


def test_a_large_buyer_in_control_hides_an_effect() -> None:
    """By hand: 3 against 12; without the 40, 3 against 8 / 3."""
    found = known(
        dominance(treatment=np.array([2.0, 4.0]), control=np.array([2.0, 3.0, 3.0, 40.0]), top=1)
    )
    assert (found.effect, found.effect_without) == pytest.approx((-9, 1 / 3))
    assert found.reverses


def test_a_large_refund_counts_by_its_size() -> None:
    found = known(
        dominance(treatment=np.array([2.0, 4.0, -90.0]), control=np.array([1.0, 2.0]), top=1)
    )
    assert found.effect_without == pytest.approx(1.5)
    assert found.share_of_amount == pytest.approx(90 / 99)


def test_equal_customers_at_the_edge_are_set_apart_in_part() -> None:
    """By hand: of two 9s one belongs to the top, so half of each: 10.5 / 2.5 and 5.5 / 1.5."""
    found = known(
        dominance(treatment=np.array([2.0, 4.0, 9.0]), control=np.array([1.0, 9.0]), top=1)
    )
    assert found.effect_without == pytest.approx(10.5 / 2.5 - 5.5 / 1.5)


def test_counts_stand_for_rows() -> None:
    rng = np.random.default_rng(1)
    rows = [np.round(rng.lognormal(1, 1, 400)), np.round(rng.lognormal(1, 1, 300))]
    distinct = [np.unique(values, return_counts=True) for values in rows]
    one = known(dominance(treatment=rows[0], control=rows[1]))
    other = known(
        dominance(
            treatment=distinct[0][0],
            treatment_counts=distinct[0][1],
            control=distinct[1][0],
            control_counts=distinct[1][1],
        )
    )
    assert (other.effect_without, other.moved) == pytest.approx((one.effect_without, one.moved))
    assert other.share_of_amount == pytest.approx(one.share_of_amount)
    assert other.top == 10


@pytest.mark.parametrize(
    ("treatment", "control", "reason"),
    [
        ([], [1.0, 2.0], "treatment group has no customer"),
        ([1.0, 2.0], [1.0], "control group has one customer"),
        ([0.0, 0.0], [0.0, 0.0], "same value"),
        ([1.0, np.nan], [1.0, 2.0], "not numbers"),
        ([50.0, 60.0], [1.0, 2.0, 3.0], "no customer of the treatment group is outside the top 2"),
    ],
)
def test_what_cannot_be_compared_says_why(
    treatment: list[float], control: list[float], reason: str
) -> None:
    found = dominance(treatment=np.array(treatment), control=np.array(control), top=2)
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_an_effect_of_zero_has_no_share() -> None:
    found = known(
        dominance(treatment=np.array([0.0, 9.0, 3.0]), control=np.array([4.0, 5.0, 3.0]), top=1)
    )
    assert isinstance(found.share_of_effect, Undefined)
    assert not found.reverses


@given(treatment=varied, control=varied, rate=st.floats(min_value=0.01, max_value=100))
def test_swapping_flips_the_signs_and_the_currency_scales_them(
    treatment: list[float], control: list[float], rate: float
) -> None:
    one = dominance(treatment=np.array(treatment), control=np.array(control), top=1)
    other = dominance(
        treatment=rate * np.array(control[::-1]), control=rate * np.array(treatment), top=1
    )
    if isinstance(one, Undefined):
        assert isinstance(other, Undefined)
        return
    assert known(other).effect_without == pytest.approx(
        -rate * one.effect_without, rel=1e-6, abs=1e-6 * rate
    )
    assert known(other).share_of_amount == pytest.approx(one.share_of_amount, abs=1e-9)
    assert known(other).moved == pytest.approx(-one.moved, rel=1e-6, abs=1e-6)


def test_the_largest_and_the_sum_of_the_rest_say_the_same() -> None:
    treatment, control = np.array([2.0, 2.0, 4.0, 92.0, -50.0]), np.array([1.0, 2.0, 3.0, 30.0])
    found = known(dominance(treatment=treatment, control=control, top=2))
    parted = known(
        dominance_of(
            treatment=Amounts(Sample.of(treatment), 150.0, (92.0, -50.0), (1.0, 1.0), 3, 8, 8),
            control=Amounts(Sample.of(control), 36.0, (30.0, 3.0), (1.0, 1.0), 2, 3, 3),
            top=2,
        )
    )
    assert parted.effect_without == pytest.approx(found.effect_without)
    assert parted.share_of_amount == pytest.approx(found.share_of_amount)
    assert parted.moved == pytest.approx(found.moved)
    wide = known(
        dominance_of(
            treatment=Amounts(Sample.of(treatment), 150.0, (92.0, -50.0), (1.0, 1.0), 3, 8, 8),
            control=Amounts(Sample.of(control), 36.0, (30.0, 3.0), (1.0, 1.0), 2, 3, 3),
            top=2,
            se=100.0,
        )
    )
    assert wide.moved == pytest.approx((found.effect - found.effect_without) / 100)
