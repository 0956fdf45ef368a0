"""Spending functions against published values, their limits and their order."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import BadInput
from experiments.stats.spending import Spending, SpendingFamily, cumulative_spending

FAMILIES = [
    Spending(),
    Spending(SpendingFamily.POCOCK),
    Spending(SpendingFamily.KIM_DEMETS, 3.0),
    Spending(SpendingFamily.KIM_DEMETS, 0.5),
    Spending(SpendingFamily.HWANG_SHIH_DECANI, -4.0),
    Spending(SpendingFamily.HWANG_SHIH_DECANI, 0.0),
    Spending(SpendingFamily.HWANG_SHIH_DECANI, 1.0),
]


def test_obrien_fleming_type_reproduces_the_published_table() -> None:
    """Lan and DeMets (1983), Biometrika 70:659-663: alpha 0.025, five equally spaced looks."""
    spent = [Spending().spent(look / 5, alpha=0.025) for look in range(1, 6)]
    assert spent == pytest.approx([0.0000, 0.0004, 0.0038, 0.0122, 0.0250], abs=5e-5)


def test_pocock_type_is_its_formula() -> None:
    assert Spending(SpendingFamily.POCOCK).spent(0.3, alpha=0.05) == pytest.approx(
        0.05 * math.log(1 + (math.e - 1) * 0.3)
    )


@pytest.mark.parametrize("gamma", [-4.0, -0.1, 0.1, 2.0])
def test_hwang_shih_decani_is_its_formula(gamma: float) -> None:
    spending = Spending(SpendingFamily.HWANG_SHIH_DECANI, gamma)
    by_hand = 0.025 * (1 - math.exp(-gamma * 0.4)) / (1 - math.exp(-gamma))
    assert spending.spent(0.4, alpha=0.025) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("gamma", [-1e5, -800.0, 800.0, 1e5])
def test_an_extreme_gamma_stays_between_nothing_and_all(gamma: float) -> None:
    spent = Spending(SpendingFamily.HWANG_SHIH_DECANI, gamma).spent(0.5, alpha=0.05)
    assert spent == pytest.approx(0.05 if gamma > 0 else 0.0)


def test_a_two_sided_design_spends_by_tails() -> None:
    one = cumulative_spending(Spending(), fractions=[0.3, 0.8], alpha=0.025, sided=1)
    two = cumulative_spending(Spending(), fractions=[0.3, 0.8], alpha=0.05, sided=2)
    assert two == pytest.approx([2 * spent for spent in one], rel=1e-15)


def test_past_the_planned_end_nothing_is_left() -> None:
    found = cumulative_spending(Spending(), fractions=[0.5, 1.0, 1.3], alpha=0.05)
    assert found[1:] == (0.05, 0.05)


def test_the_last_look_takes_what_is_left() -> None:
    spending = Spending(SpendingFamily.POCOCK)
    assert cumulative_spending(spending, fractions=[0.4, 0.9], alpha=0.05, final=True)[-1] == 0.05
    assert cumulative_spending(spending, fractions=[], alpha=0.05, final=True) == ()


@given(
    spending=st.sampled_from(FAMILIES),
    fractions=st.lists(st.floats(-0.5, 2), min_size=2, max_size=6).map(sorted),
    alpha=st.floats(1e-12, 0.5),
)
def test_spending_grows_from_nothing_to_all(
    spending: Spending, fractions: list[float], alpha: float
) -> None:
    spent = [spending.spent(fraction, alpha=alpha) for fraction in [0.0, *fractions, 1.0]]
    assert all(0 <= one <= alpha * (1 + 1e-12) for one in spent)
    assert spent[0] == 0
    assert spent[-1] == alpha
    inner = spent[1:-1]
    assert all(now >= then - 1e-15 for then, now in pairwise(inner))


@pytest.mark.parametrize(
    ("family", "parameter", "reason"),
    [
        (SpendingFamily.POCOCK, 1.0, "has no parameter"),
        (SpendingFamily.KIM_DEMETS, None, "needs a parameter"),
        (SpendingFamily.KIM_DEMETS, 0.0, "above 0"),
        (SpendingFamily.HWANG_SHIH_DECANI, math.nan, "finite"),
    ],
)
def test_a_parameter_must_fit_its_family(
    family: SpendingFamily, parameter: float | None, reason: str
) -> None:
    with pytest.raises(BadInput, match=reason):
        Spending(family, parameter)
