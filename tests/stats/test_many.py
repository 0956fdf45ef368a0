"""Arrays of comparisons against the same comparisons one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import BadInput, Undefined
from experiments.stats.estimate import Alternative, Difference
from experiments.stats.fieller import Ratio, fieller, fieller_many
from experiments.stats.lift import fieller_lift, fieller_lift_many
from experiments.stats.many import Samples
from experiments.stats.means import welch, welch_many
from experiments.stats.moments import Sample
from experiments.stats.rates import (
    Share,
    Shares,
    newcombe,
    newcombe_many,
    pooled_z,
    pooled_z_many,
)
from tests.stats.samples import samples, shares

DEGENERATE = [
    Sample(0, 0.0, 0.0),
    Sample(1, 5.0, 0.0),
    Sample.of([0.1] * 7),
    Sample.of([0, 0, 0]),
    Sample.of([-3, -1]),
    Sample(5, 1e200, float("inf")),
]
any_sample = st.one_of(samples, st.sampled_from(DEGENERATE))
any_share = st.one_of(shares, st.sampled_from([Share(0, 0), Share(0, 9), Share(9, 9)]))
alternatives = st.sampled_from(Alternative)


@given(pairs=st.lists(st.tuples(any_sample, any_sample), min_size=1), alternative=alternatives)
def test_means_in_arrays_are_those_of_each_pair_to_the_last_digit(
    pairs: list[tuple[Sample, Sample]], alternative: Alternative
) -> None:
    treatment, control = (Samples.of([pair[side] for pair in pairs]) for side in (0, 1))
    gaps = welch_many(treatment=treatment, control=control, confidence=0.9, alternative=alternative)
    lifts = fieller_lift_many(treatment=treatment, control=control)
    assert len(gaps) == len(lifts) == len(pairs)
    for at, (treated, controls) in enumerate(pairs):
        assert gaps[at] == welch(
            treatment=treated, control=controls, confidence=0.9, alternative=alternative
        )
        assert lifts[at] == fieller_lift(treatment=treated, control=controls)
        assert np.isnan(gaps.p_value[at]) == isinstance(gaps[at], Undefined)
        assert np.isnan(lifts.value[at]) == isinstance(lifts[at], Undefined)


@given(pairs=st.lists(st.tuples(any_share, any_share), min_size=1), alternative=alternatives)
def test_rates_in_arrays_are_those_of_each_pair_to_the_last_digit(
    pairs: list[tuple[Share, Share]], alternative: Alternative
) -> None:
    treatment, control = (Shares.of([pair[side] for pair in pairs]) for side in (0, 1))
    tests = pooled_z_many(treatment=treatment, control=control, alternative=alternative)
    intervals = newcombe_many(treatment=treatment, control=control, confidence=0.99)
    assert len(intervals) == len(pairs)
    for at, (treated, controls) in enumerate(pairs):
        assert tests[at] == pooled_z(treatment=treated, control=controls, alternative=alternative)
        assert intervals[at] == newcombe(treatment=treated, control=controls, confidence=0.99)
        assert np.isnan(tests.value[at]) == isinstance(tests[at], Undefined)
        assert np.isnan(intervals.low[at]) == isinstance(intervals[at], Undefined)


def test_arrays_have_any_shape_and_a_control_may_serve_them_all() -> None:
    """By hand: two segments x three periods, each against one control of 1 -/+ 3 / 3."""
    treatment = Samples(
        n=np.full((2, 3), 16), mean=np.arange(6.0).reshape(2, 3), variance=np.full((2, 3), 16.0)
    )
    control = Samples(n=np.array(9), mean=np.array(1.0), variance=np.array(9.0))
    found = welch_many(treatment=treatment, control=control)
    assert found.value.tolist() == [[-1, 0, 1], [2, 3, 4]]
    assert found.control_variance.shape == (2, 3)
    one = found[1, 2]
    assert isinstance(one, Difference)
    assert (one.value, one.se, one.control_variance) == pytest.approx((4, 2**0.5, 1))


def test_reasons_mark_exactly_what_has_no_number() -> None:
    treatment = Samples.of([Sample.of([1, 2]), Sample(0, 0.0, 0.0), Sample.of([1, 1])])
    found = welch_many(treatment=treatment, control=Samples.of([Sample.of([2, 2])] * 3))
    assert [reason is None for reason in found.reason] == [True, False, False]
    assert np.isnan(found.low).tolist() == [False, True, True]
    assert found[1] == Undefined(
        "the treatment group has no customer, and a variance needs at least 2"
    )
    assert found[2] == Undefined("within each group all customers have the same value")


def test_a_ratio_may_exist_without_a_finite_interval() -> None:
    """A denominator of 0.1 -/+ 1 is not clearly different from zero; one of 10 is."""
    found = fieller_many(
        numerator=np.array([1.0, 1.0, 1.0]),
        denominator=np.array([10.0, 0.1, 0.0]),
        variance_numerator=np.ones(3),
        variance_denominator=np.ones(3),
        critical=1.96,
    )
    bounded, open_, none = (found[at] for at in range(3))
    assert isinstance(bounded, Ratio)
    assert bounded == fieller(
        numerator=1.0, denominator=10.0, variance_numerator=1, variance_denominator=1, critical=1.96
    )
    assert isinstance(open_, Ratio)
    assert isinstance(open_.interval, Undefined)
    assert not open_.bounded
    assert isinstance(none, Undefined)


def test_products_of_large_groups_do_not_run_over() -> None:
    """By hand: half of 6 billion against half of 8 billion differs by nothing."""
    found = newcombe_many(
        treatment=Shares(np.array([3 * 10**9]), np.array([6 * 10**9])),
        control=Shares(np.array([4 * 10**9]), np.array([8 * 10**9])),
    )
    assert found.low[0] == pytest.approx(-found.high[0])
    assert 0 < found.high[0] < 1e-4


def test_shares_beyond_their_customers_are_refused() -> None:
    with pytest.raises(BadInput, match="no shares"):
        Shares(np.array([1, 3]), np.array([2, 2]))


@given(pairs=st.lists(st.tuples(samples, samples), min_size=1))
def test_swapping_the_groups_flips_every_sign(pairs: list[tuple[Sample, Sample]]) -> None:
    one, other = (Samples.of([pair[side] for pair in pairs]) for side in (0, 1))
    found = welch_many(treatment=one, control=other)
    swapped = welch_many(treatment=other, control=one)
    assert found.value == pytest.approx(-swapped.value)
    assert found.low == pytest.approx(-swapped.high)
    assert found.p_value == pytest.approx(swapped.p_value)
