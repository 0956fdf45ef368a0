"""What is said at a look and after stopping, against boundaries, simulation and closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from experiments.errors import Undefined
from experiments.stats.boundaries import (
    Boundaries,
    equally_spaced,
    spending_boundaries,
)
from experiments.stats.estimate import Interval
from experiments.stats.limits import limits, p_value, quantile
from experiments.stats.sequential import (
    Amended,
    Rejection,
    Stopped,
    after_stopping,
    amended_boundaries,
    conditional_rejection,
    predictive_power,
    repeated_interval,
)
from experiments.stats.spending import Spending, SpendingFamily
from tests.studies.sequential_paths import planned_looks_tails, sequence_tails

POCOCK_TYPE = Spending(SpendingFamily.POCOCK)


def planned(fractions: tuple[float, ...], *, one_sided: bool = False) -> Boundaries:
    """A complete design with error rate 0.025 in each tail."""
    found = spending_boundaries(
        fractions,
        spending=Spending(),
        alpha=0.025 if one_sided else 0.05,
        sided=1 if one_sided else 2,
        final=True,
    )
    assert isinstance(found, Boundaries)
    return found


def stopped(design: Boundaries, look: int, z: float, *, se: float = 1.0) -> Stopped:
    """What is said after stopping, which must exist."""
    found = after_stopping(design, look=look, value=z * se, se=se)
    assert isinstance(found, Stopped)
    return found


def rejection(found: Rejection | Undefined) -> Rejection:
    """A probability of rejection, which must exist."""
    assert isinstance(found, Rejection)
    return found


def test_a_repeated_interval_touches_zero_at_its_boundary() -> None:
    design = planned(equally_spaced(4))
    for bound in design.z:
        found = repeated_interval(value=bound * 0.7, se=0.7, bound=bound)
        assert isinstance(found, Interval)
        assert found.low == pytest.approx(0, abs=1e-12)


def test_a_repeated_interval_of_a_fixed_test_is_its_t_interval() -> None:
    found = repeated_interval(value=2.0, se=0.5, bound=quantile(0.975), df=9.0)
    expected = limits(value=2.0, se=0.5, df=9.0)
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_a_look_that_cannot_reject_has_an_endless_interval() -> None:
    for df in (3.0, 10.0, math.inf):
        found = repeated_interval(value=2.0, se=0.5, bound=math.inf, df=df)
        assert found == Interval(-math.inf, math.inf)
    nearly = repeated_interval(value=2.0, se=0.5, bound=37.5, df=3.0)
    assert nearly == Interval(-math.inf, math.inf)


def test_a_stop_at_the_only_or_first_look_is_the_fixed_test() -> None:
    for design in (planned((1.0,)), planned((0.4, 1.0))):
        found, expected = stopped(design, 1, 2.3), limits(value=2.3, se=1.0)
        assert found.p_value == pytest.approx(p_value(2.3))
        assert (found.value, found.low, found.high) == pytest.approx(
            (2.3, expected.low, expected.high), abs=1e-8
        )


@pytest.mark.parametrize("one_sided", [True, False])
@pytest.mark.parametrize("look", [1, 2, 3, 4])
def test_at_the_boundary_the_p_value_is_what_was_spent(look: int, one_sided: bool) -> None:
    design = planned((0.3, 0.5, 0.9, 1.2), one_sided=one_sided)
    if math.isfinite(design.z[look - 1]):
        found = stopped(design, look, design.z[look - 1])
        assert found.p_value == pytest.approx(design.spent[look - 1], rel=1e-8)
        # The boundary of the last look is where the interval of that error rate touches zero.
        assert found.low > 0 if look < 4 else found.low == pytest.approx(0, abs=1e-7)


def test_the_estimate_is_pulled_in_and_covers_as_it_says() -> None:
    """Second implementation: the ordering counted over 200,000 simulated paths under each limit."""
    design = planned((0.4, 0.7, 1.0))
    z, look = 2.4, 3
    found = stopped(design, look, z)
    assert found.low < found.value < z < found.high
    rng = np.random.default_rng(11)
    steps = np.diff([0.0, 0.4, 0.7, 1.0])
    noise = rng.normal(size=(200_000, 3)) * np.sqrt(steps)
    for mean, expected in ((found.low, 0.025), (found.value, 0.5), (found.high, 0.975)):
        paths = np.cumsum(mean * steps + noise, axis=1) / np.sqrt([0.4, 0.7, 1.0])
        above = np.zeros(len(paths), dtype=bool)
        going = ~above
        for at in range(2):
            above |= going & (paths[:, at] >= design.z[at])
            going &= np.abs(paths[:, at]) < design.z[at]
        share = float(np.mean(above | (going & (paths[:, 2] >= z))))
        error = math.sqrt(expected * (1 - expected) / len(paths))
        assert share == pytest.approx(expected, abs=4 * error)


@settings(max_examples=25, deadline=None)
@given(z=st.floats(-6, 6), look=st.integers(1, 3), se=st.floats(1e-3, 1e3), one_sided=st.booleans())
def test_swapping_the_groups_changes_the_signs_and_the_currency_only_the_unit(
    z: float, look: int, se: float, one_sided: bool
) -> None:
    design = planned((0.3, 0.6, 1.0), one_sided=one_sided)
    one = stopped(design, look, z, se=se)
    unit = stopped(design, look, z)
    assert one.p_value == pytest.approx(unit.p_value, rel=1e-6)
    assert (one.value, one.low, one.high) == pytest.approx(
        (unit.value * se, unit.low * se, unit.high * se), rel=1e-6, abs=1e-8 * se
    )
    assert unit.low < unit.value < unit.high
    if not one_sided:
        other = stopped(design, look, -z)
        assert other.p_value == pytest.approx(unit.p_value, rel=1e-6)
        assert (other.low, other.value, other.high) == pytest.approx(
            (-unit.high, -unit.value, -unit.low), abs=1e-7
        )
        # The interval and the p-value tell the same story.
        if abs(unit.p_value - 0.05) > 1e-6:
            assert (unit.p_value < 0.05) == (unit.low > 0 or unit.high < 0)


@pytest.mark.parametrize(("z", "drift"), [(1.0, 0.0), (2.0, 3.0), (-1.0, 1.0)])
def test_one_look_ahead_is_the_closed_form(z: float, drift: float) -> None:
    """By hand: the sum so far is z sqrt(t); what follows is normal with mean d (1 - t)."""
    design = planned((0.4, 1.0))
    found = rejection(conditional_rejection(design, fraction=0.4, z=z, drift=drift))
    ahead = z * math.sqrt(0.4) + drift * 0.6
    above = norm.sf((design.z[1] - ahead) / math.sqrt(0.6))
    below = norm.cdf((-design.z[1] - ahead) / math.sqrt(0.6))
    assert (found.above, found.below) == pytest.approx((above, below), rel=1e-10)
    predicted = rejection(predictive_power(design, fraction=0.4, z=z))
    spread = math.sqrt(0.6 / 0.4)
    assert predicted.above == pytest.approx(
        norm.sf((design.z[1] - z / math.sqrt(0.4)) / spread), abs=1e-9
    )


def test_the_conditional_error_averages_to_the_error_that_is_left() -> None:
    """The law of total probability over the statistic at the first look, by quadrature."""
    design = planned((0.3, 0.6, 1.0))
    nodes, weights = np.polynomial.legendre.leggauss(60)
    total = 0.0
    for node, weight in zip(nodes, weights, strict=True):
        z = float(node) * design.z[0]
        later = rejection(conditional_rejection(design, fraction=0.3, z=z))
        total += float(weight) * design.z[0] * float(norm.pdf(z)) * (later.above + later.below)
    assert total == pytest.approx(0.05 - design.spent[0], abs=1e-8)


def amended(found: Amended | Undefined) -> Amended:
    """An amendment, which must exist."""
    assert isinstance(found, Amended)
    return found


def test_an_amendment_that_changes_nothing_changes_no_boundary() -> None:
    design = planned((0.4, 1.0))
    found = amended(
        amended_boundaries(design, fraction=0.4, z=1.2, fractions=[1.0], spending=POCOCK_TYPE)
    )
    assert found.upper[0] == pytest.approx(design.z[1], abs=1e-9)
    assert found.lower[0] == pytest.approx(-design.z[1], abs=1e-9)


def test_an_amendment_keeps_the_conditional_error_of_each_tail() -> None:
    design = planned((0.3, 0.6, 1.0))
    found = amended(
        amended_boundaries(
            design, fraction=0.3, z=0.8, fractions=[0.7, 1.2, 2.0], spending=POCOCK_TYPE
        )
    )
    assert found.error == conditional_rejection(design, fraction=0.3, z=0.8)
    for bounds, sign, error in (
        (found.upper, 1, found.error.above),
        ([-bound for bound in found.lower], -1, found.error.below),
    ):
        one_sided = Boundaries(found.fractions, tuple(bounds), (0.0, 0.0, 0.0), 1)
        kept = rejection(conditional_rejection(one_sided, fraction=0.3, z=sign * 0.8))
        assert kept.above == pytest.approx(error, rel=1e-8)


def test_a_one_sided_amendment_has_no_lower_boundary() -> None:
    design = planned((0.4, 1.0), one_sided=True)
    found = amended(
        amended_boundaries(design, fraction=0.4, z=1.2, fractions=[0.8], spending=Spending())
    )
    assert found.lower == (-math.inf,)
    assert found.error.below == 0


def test_what_cannot_be_said_says_why() -> None:
    design = planned((0.4, 1.0))
    amend = amended_boundaries(design, fraction=0.4, z=1.0, fractions=[0.4], spending=POCOCK_TYPE)
    nothing = [
        repeated_interval(value=1.0, se=0.0, bound=2.0),
        repeated_interval(value=math.nan, se=1.0, bound=2.0),
        repeated_interval(value=1.0, se=1.0, bound=-0.1),
        after_stopping(design, look=1, value=1.0, se=0.0),
        after_stopping(design, look=3, value=1.0, se=1.0),
        after_stopping(design, look=0, value=1.0, se=1.0),
        conditional_rejection(design, fraction=1.0, z=1.0),
        conditional_rejection(design, fraction=0.0, z=1.0),
        conditional_rejection(design, fraction=0.4, z=math.nan),
        predictive_power(design, fraction=1.0, z=1.0),
        amend,
        amended_boundaries(design, fraction=1.0, z=1.0, fractions=[1.5], spending=POCOCK_TYPE),
        amended_boundaries(design, fraction=0.4, z=1.0, fractions=[1, 1], spending=POCOCK_TYPE),
    ]
    assert [isinstance(found, Undefined) for found in nothing] == [True] * len(nothing)


def test_each_tail_errs_as_often_as_planned() -> None:
    """4,000 null pilots of 600 customers, at unequal information; four standard errors."""
    design = planned((0.15, 0.5, 0.6, 1.0))
    found = planned_looks_tails(
        rng=np.random.default_rng(5), replicates=4000, design=design, customers=600
    )
    assert found.above == pytest.approx(0.025, abs=4 * math.sqrt(0.025 / 4000))
    assert found.below == pytest.approx(0.025, abs=4 * math.sqrt(0.025 / 4000))


def test_looking_every_day_errs_no_more_often_than_planned() -> None:
    found = sequence_tails(
        rng=np.random.default_rng(6), replicates=1000, days=60, customers_per_day=20
    )
    assert found.above < 0.025 + 4 * math.sqrt(0.025 / 1000)
    assert found.below < 0.025 + 4 * math.sqrt(0.025 / 1000)
