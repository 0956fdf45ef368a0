"""Power of designs with several looks against published tables and the fixed test."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.boundaries import (
    Boundaries,
    Futility,
    equally_spaced,
    futility_boundaries,
    spending_boundaries,
    wang_tsiatis_boundaries,
)
from experiments.stats.limits import quantile, upper_tail
from experiments.stats.sequential_power import SequentialPower, drift_for_power, sequential_power
from experiments.stats.spending import Spending

# Jennison and Turnbull (2000), tables 2.2 and 2.4, alpha 0.05, 2 to 10 looks.
INFLATION = {
    (0.5, 0.8): "1.110 1.166 1.202 1.229 1.249 1.265 1.279 1.291 1.301",
    (0.5, 0.9): "1.100 1.151 1.183 1.207 1.225 1.239 1.252 1.262 1.271",
    (0.0, 0.8): "1.008 1.017 1.024 1.028 1.032 1.035 1.037 1.038 1.040",
    (0.0, 0.9): "1.007 1.016 1.022 1.026 1.030 1.032 1.034 1.036 1.037",
}


def known(found: Boundaries | Undefined) -> Boundaries:
    """Boundaries, which must exist."""
    assert isinstance(found, Boundaries)
    return found


def reached(design: Boundaries, power: float, futility: Futility | None = None) -> SequentialPower:
    """The design at a power, which it must reach."""
    found = drift_for_power(design, power=power, futility=futility)
    assert isinstance(found, SequentialPower)
    return found


@pytest.mark.parametrize(("shape", "power"), INFLATION)
def test_inflation_reproduces_the_published_tables(shape: float, power: float) -> None:
    """To 0.001: the tables multiply constants rounded to three digits."""
    for looks, published in enumerate(INFLATION[shape, power].split(), start=2):
        design = known(wang_tsiatis_boundaries(equally_spaced(looks), shape=shape))
        found = reached(design, power)
        assert found.inflation == pytest.approx(float(published), abs=1.1e-3)
        assert found.power == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize("power", [0.1, 0.8, 0.999])
def test_one_look_is_the_fixed_test(power: float) -> None:
    design = known(spending_boundaries([1.0], spending=Spending(), alpha=0.025, sided=1))
    found = reached(design, power)
    assert found.drift == pytest.approx(quantile(0.975) + quantile(power), abs=1e-9)
    assert found.inflation == pytest.approx(1, abs=1e-9)
    assert found.expected_share == 1
    assert found.cumulative_futility == (0.0,)


def test_without_an_effect_the_power_is_what_was_spent() -> None:
    design = known(spending_boundaries([0.2, 0.5, 1.1], spending=Spending()))
    found = sequential_power(design, drift=0.0)
    assert found.cumulative_power == pytest.approx(design.spent, rel=1e-9)
    assert isinstance(found.inflation, Undefined)
    assert isinstance(found.expected_over_fixed, Undefined)
    saved = design.spent[0] * 0.9 + (design.spent[1] - design.spent[0]) * 0.6
    assert found.expected_share == pytest.approx(1 - saved / 1.1)


def test_the_first_look_has_the_power_of_its_boundary() -> None:
    design = known(spending_boundaries([0.4, 1.0], spending=Spending()))
    found = sequential_power(design, drift=3.0)
    mean = 3.0 * math.sqrt(0.4)
    assert found.cumulative_above[0] == pytest.approx(upper_tail(design.z[0] - mean))
    both = upper_tail(design.z[0] - mean) + upper_tail(design.z[0] + mean)
    assert found.cumulative_power[0] == pytest.approx(both)


@settings(max_examples=20, deadline=None)
@given(
    drift=st.floats(-4, 4),
    looks=st.integers(1, 6),
    one_sided=st.booleans(),
    end=st.sampled_from([0.8, 1.0, 1.3]),
)
def test_power_grows_from_look_to_look_and_swaps_with_the_groups(
    drift: float, looks: int, one_sided: bool, end: float
) -> None:
    design = known(
        spending_boundaries(
            [end * fraction for fraction in equally_spaced(looks)],
            spending=Spending(),
            sided=1 if one_sided else 2,
            final=True,
        )
    )
    found = sequential_power(design, drift=drift)
    assert list(found.cumulative_power) == sorted(found.cumulative_power)
    assert 0 < found.expected_share <= 1
    if not one_sided:
        other = sequential_power(design, drift=-drift)
        assert other.cumulative_power == pytest.approx(found.cumulative_power, abs=1e-10)
        assert other.cumulative_above[-1] == pytest.approx(
            found.power - found.cumulative_above[-1], abs=1e-10
        )


def test_futility_saves_customers_without_an_effect_and_costs_power_with_one() -> None:
    design = known(spending_boundaries(equally_spaced(4), spending=Spending()))
    futility = futility_boundaries(design, spending=Spending(), beta=0.2)
    assert isinstance(futility, Futility)
    heeded, ignored = (
        sequential_power(design, drift=0.0, futility=chosen) for chosen in (futility, None)
    )
    assert heeded.expected_share < 0.8 < ignored.expected_share
    assert heeded.cumulative_above[-1] < ignored.cumulative_above[-1]
    assert 0.5 < heeded.cumulative_futility[-1] < 1
    assert set(ignored.cumulative_futility) == {0.0}
    assert reached(design, 0.8, futility).drift > reached(design, 0.8).drift
    assert reached(design, 0.8, futility).drift == pytest.approx(futility.drift, abs=1e-3)


def test_a_power_out_of_reach_says_why() -> None:
    design = known(spending_boundaries([0.5, 1.0], spending=Spending()))
    for power in (0.04, 0.05, 1.0, math.nan):
        assert isinstance(drift_for_power(design, power=power), Undefined)
    never = known(Boundaries.of(fractions=[0.5, 1.0], z=[math.inf, math.inf]))
    assert drift_for_power(never) == Undefined("no drift reaches this power")
