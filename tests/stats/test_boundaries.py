"""Boundaries of several looks against published tables, closed forms and each other."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.boundaries import (
    Boundaries,
    equally_spaced,
    futility_boundaries,
    spending_boundaries,
    wang_tsiatis_boundaries,
)
from experiments.stats.crossing import crossings
from experiments.stats.limits import quantile
from experiments.stats.sequential_power import sequential_power
from experiments.stats.spending import Sided, Spending, SpendingFamily

POCOCK_TYPE = Spending(SpendingFamily.POCOCK)
LOOKS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 20)
# Jennison and Turnbull (2000), Group Sequential Methods, tables 2.1 and 2.3.
POCOCK = {
    0.05: "2.178 2.289 2.361 2.413 2.453 2.485 2.512 2.535 2.555 2.572 2.588 2.626 2.672",
    0.01: "2.772 2.873 2.939 2.986 3.023 3.053 3.078 3.099 3.117 3.133 3.147 3.182 3.225",
    0.1: "1.875 1.992 2.067 2.122 2.164 2.197 2.225 2.249 2.270 2.288 2.304 2.344 2.392",
}
OBRIEN_FLEMING = {
    0.05: "1.977 2.004 2.024 2.040 2.053 2.063 2.072 2.080 2.087 2.092 2.098 2.110 2.126",
    0.01: "2.580 2.595 2.609 2.621 2.631 2.640 2.648 2.654 2.660 2.665 2.670 2.681 2.695",
    0.1: "1.678 1.710 1.733 1.751 1.765 1.776 1.786 1.794 1.801 1.807 1.813 1.826 1.842",
}


def known(found: Boundaries | Undefined) -> Boundaries:
    """Boundaries, which must exist."""
    assert isinstance(found, Boundaries)
    return found


@pytest.mark.parametrize(("shape", "table"), [(0.5, POCOCK), (0.0, OBRIEN_FLEMING)])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.1])
def test_classical_constants_reproduce_the_published_tables(
    shape: float, table: dict[float, str], alpha: float
) -> None:
    for looks, constant in zip(LOOKS, table[alpha].split(), strict=True):
        found = known(wang_tsiatis_boundaries(equally_spaced(looks), shape=shape, alpha=alpha))
        assert found.z[-1] == pytest.approx(float(constant), abs=5.1e-4)
        assert found.z[0] == pytest.approx(found.z[-1] * (1 / looks) ** (shape - 0.5))


def test_futility_reproduces_the_default_design_of_gsdesign() -> None:
    """R's gsDesign(): three looks, HSD gamma -4 and -2, alpha 0.025, beta 0.1, non-binding."""
    upper = known(
        spending_boundaries(
            equally_spaced(3),
            spending=Spending(SpendingFamily.HWANG_SHIH_DECANI, -4.0),
            alpha=0.025,
            sided=1,
        )
    )
    assert upper.z == pytest.approx((3.0107, 2.5465, 1.9992), abs=5e-5)
    spending = Spending(SpendingFamily.HWANG_SHIH_DECANI, -2.0)
    found = futility_boundaries(upper, spending=spending, beta=0.1)
    assert not isinstance(found, Undefined)
    assert found.z == pytest.approx((-0.2387, 0.9411, 1.9992), abs=5e-5)
    heeded = sequential_power(upper, drift=found.drift, futility=found)
    assert heeded.inflation == pytest.approx(1.07, abs=5e-4)
    assert heeded.power == pytest.approx(0.9, abs=1e-9)


@pytest.mark.parametrize("sided", [1, 2])
@pytest.mark.parametrize("alpha", [0.2, 0.05, 1e-10, 1e-100])
def test_one_look_is_the_fixed_test(sided: Sided, alpha: float) -> None:
    fixed = -quantile(alpha / sided)
    spent = known(spending_boundaries([1.0], spending=Spending(), alpha=alpha, sided=sided))
    shaped = known(wang_tsiatis_boundaries([1.0], shape=0.3, alpha=alpha, sided=sided))
    assert (spent.z[0], shaped.z[0]) == pytest.approx((fixed, fixed), rel=1e-10)
    assert spent.nominal[0] == pytest.approx(alpha, rel=1e-9)


def test_two_looks_agree_with_the_bivariate_normal() -> None:
    """Second implementation: one-dimensional quadrature of the first look, by hand."""
    found = known(spending_boundaries([0.37, 0.81], spending=POCOCK_TYPE, alpha=0.04, final=True))
    first, second = found.z
    nodes, weights = np.polynomial.legendre.leggauss(200)
    places, root = nodes * first, math.sqrt(0.37 / 0.81)
    inside = [
        math.erf((second + sign * root * place) / math.sqrt(2 * (1 - 0.37 / 0.81))) / 2
        for sign in (-1, 1)
        for place in places
    ]
    density = np.exp(-(places**2) / 2) / math.sqrt(2 * math.pi)
    stays = first * float(np.tile(weights * density, 2) @ np.array(inside))
    assert 1 - stays == pytest.approx(0.04, abs=1e-10)


@pytest.mark.parametrize("alpha", [0.05, 1e-8, 1e-30])
def test_what_is_spent_is_what_crosses_even_when_it_is_tiny(alpha: float) -> None:
    fractions = [0.05, 0.3, 0.31, 0.7, 0.95]
    found = known(spending_boundaries(fractions, spending=Spending(), alpha=alpha, final=True))
    again = known(Boundaries.of(fractions=fractions, z=found.z))
    assert again.spent == pytest.approx(found.spent, rel=1e-9)
    assert found.spent[-1] == alpha


def test_a_look_that_may_spend_nothing_cannot_reject() -> None:
    early = known(spending_boundaries([0.001, 1.0], spending=Spending()))
    assert early.z == pytest.approx((math.inf, 1.959964), abs=1e-6)
    late = known(spending_boundaries([0.5, 1.0, 1.2], spending=Spending()))
    assert late.z[2] == math.inf
    assert late.z[:2] == pytest.approx(
        known(spending_boundaries([0.5, 1.0], spending=Spending())).z, abs=1e-12
    )


def test_looks_so_far_do_not_change_with_those_that_follow() -> None:
    some = known(spending_boundaries([0.2, 0.5], spending=Spending()))
    more = known(spending_boundaries([0.2, 0.5, 0.6, 1.1], spending=Spending()))
    assert more.z[:2] == pytest.approx(some.z, abs=1e-11)
    assert some.spent[-1] < 0.05


def test_five_looks_come_out_alike() -> None:
    found = spending_boundaries(equally_spaced(5), spending=Spending())
    assert spending_boundaries(equally_spaced(5), spending=Spending()) == found


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.floats(0.02, 1), min_size=1, max_size=7),
    spending=st.sampled_from([Spending(), POCOCK_TYPE, Spending(SpendingFamily.KIM_DEMETS, 2.0)]),
    alpha=st.sampled_from([0.2, 0.05, 1e-4]),
)
def test_boundaries_are_never_easier_than_the_fixed_test(
    steps: list[float], spending: Spending, alpha: float
) -> None:
    fractions = [float(total) for total in np.cumsum(steps) / sum(steps)]
    two = known(spending_boundaries(fractions, spending=spending, alpha=alpha, final=True))
    one = known(
        spending_boundaries(fractions, spending=spending, alpha=alpha / 2, sided=1, final=True)
    )
    assert all(bound >= -quantile(alpha / 2) - 1e-9 for bound in two.z)
    # Trials that crossed below seldom cross above later, so that one side is hardly stricter.
    assert all(-1e-9 <= b - a < 0.02 for a, b in zip(two.z, one.z, strict=True) if b < math.inf)
    crossed = crossings(fractions=fractions, lower=two.lower, upper=two.z)
    assert sum(crossed.above) == pytest.approx(alpha / 2, rel=1e-9)
    assert crossed.below == pytest.approx(crossed.above, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(beta=st.floats(0.01, 0.9), looks=st.integers(1, 5), sided=st.sampled_from([1, 2]))
def test_heeding_futility_leaves_the_power_that_was_planned(
    beta: float, looks: int, sided: int
) -> None:
    upper = known(
        spending_boundaries(
            equally_spaced(looks), spending=Spending(), sided=1 if sided == 1 else 2
        )
    )
    found = futility_boundaries(upper, spending=POCOCK_TYPE, beta=beta)
    assert not isinstance(found, Undefined)
    heeded = sequential_power(upper, drift=found.drift, futility=found)
    assert heeded.cumulative_above[-1] == pytest.approx(1 - beta, abs=1e-8)
    ignored = sequential_power(upper, drift=0.0)
    assert ignored.cumulative_power[-1] == pytest.approx(0.05, abs=1e-10)
    assert all(low <= high for low, high in zip(found.z, upper.z, strict=True))


@pytest.mark.parametrize(
    ("fractions", "alpha", "reason"),
    [
        ([], 0.05, "no look"),
        ([0.0, 1.0], 0.05, "positive"),
        ([0.5, math.nan], 0.05, "positive"),
        ([0.5, 0.4], 0.05, "no more information"),
        ([0.5, 0.5], 0.05, "no more information"),
        ([0.5, 1.0], 0.0, "error rate"),
        ([0.5, 1.0], 1.0, "error rate"),
        ([0.5, 1.0], math.nan, "error rate"),
    ],
)
def test_looks_that_cannot_be_judged_say_why(
    fractions: list[float], alpha: float, reason: str
) -> None:
    spent = spending_boundaries(fractions, spending=Spending(), alpha=alpha)
    shaped = wang_tsiatis_boundaries(fractions, shape=0.0, alpha=alpha)
    for found in (spent, shaped):
        assert isinstance(found, Undefined)
        assert reason in found.reason


def test_other_requests_without_an_answer_say_why() -> None:
    design = known(spending_boundaries([0.5, 1.0], spending=Spending()))
    shaped = wang_tsiatis_boundaries([0.5, 1.0], shape=math.inf)
    assert isinstance(shaped, Undefined)
    assert isinstance(wang_tsiatis_boundaries([1.0], shape=0.0, alpha=0.6, sided=1), Undefined)
    assert isinstance(futility_boundaries(design, spending=Spending(), beta=0.98), Undefined)
    assert isinstance(Boundaries.of(fractions=[1.0], z=[-1.0]), Undefined)
    assert isinstance(Boundaries.of(fractions=[1.0], z=[math.nan]), Undefined)
    assert isinstance(Boundaries.of(fractions=[], z=[]), Undefined)
