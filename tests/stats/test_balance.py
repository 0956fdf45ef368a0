"""Balance by hand, against a permutation of the customers, and at its edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.balance import Balance, omnibus_balance, standardised_difference
from experiments.stats.moments import Moments, Sample
from tests.stats.samples import columns, drawn, samples


def test_the_standardised_difference_agrees_with_its_formula_worked_by_hand() -> None:
    """Means 12 and 10, variances 36 and 28: 2 / sqrt(32)."""
    found = standardised_difference(
        treatment=Sample(50, 12.0, 36.0), control=Sample(90, 10.0, 28.0)
    )
    assert found == pytest.approx(2 / 32**0.5)


@pytest.mark.parametrize("treatment", [Sample.of([1.0]), Sample.of([]), Sample.of([0.3] * 5)])
def test_a_group_too_small_or_too_even_has_no_standardised_difference(treatment: Sample) -> None:
    found = standardised_difference(treatment=treatment, control=Sample.of([0.1] * 7))
    assert isinstance(found, Undefined)


def test_one_variable_agrees_with_the_formula_worked_by_hand() -> None:
    """2, 4 against 1, 3: variance over both 5/3, d = 1, so 1 / (5/3 x (1/2 + 1/2)) = 0.6."""
    found = omnibus_balance(
        treatment=Moments.of(visits=[2.0, 4.0]),
        control=Moments.of(visits=[1.0, 3.0]),
        names=["visits"],
    )
    assert isinstance(found, Balance)
    assert found.statistic == pytest.approx(0.6)
    assert found.df == 1


def test_the_p_value_is_that_of_drawing_the_groups_again() -> None:
    """Second implementation: 4,000 random redraws of the treatment group, raw rows."""
    treated, controls = columns(5, 60), columns(6, 90)
    names = ["spend", "before", "visits"]
    rows = np.array([treated[name] + controls[name] for name in names]).T
    inverse = np.linalg.inv(np.cov(rows.T) * (1 / 60 + 1 / 90))

    def distance(chosen: np.ndarray) -> float:
        rest = np.setdiff1d(np.arange(150), chosen)
        gap = rows[chosen].mean(axis=0) - rows[rest].mean(axis=0)
        return float(gap @ inverse @ gap)

    found = omnibus_balance(
        treatment=Moments.of(**treated), control=Moments.of(**controls), names=names
    )
    assert isinstance(found, Balance)
    assert found.statistic == pytest.approx(distance(np.arange(60)))
    rng = np.random.default_rng(1)
    drawn_again = [distance(rng.permutation(150)[:60]) for _ in range(4000)]
    assert np.mean(np.array(drawn_again) >= found.statistic) == pytest.approx(
        found.p_value, abs=0.03
    )


def test_redundant_variables_are_dropped_by_name() -> None:
    names = ["before", "constant", "cents", "visits"]
    found = omnibus_balance(treatment=drawn(1, 30), control=drawn(2, 30), names=names)
    assert isinstance(found, Balance)
    assert found.dropped == ("constant", "cents")
    assert found.df == 2


@pytest.mark.parametrize(
    ("treatment", "names", "reason"),
    [
        (drawn(1, 0), ["before"], "no customer"),
        (drawn(1, 9), ["constant"], "none of the variables"),
        (drawn(1, 9), [], "none of the variables"),
        (drawn(1, 1), ["before", "visits"], "too few"),
    ],
)
def test_what_cannot_be_compared_says_why(
    treatment: Moments, names: list[str], reason: str
) -> None:
    found = omnibus_balance(treatment=treatment, control=drawn(2, 2), names=names)
    assert isinstance(found, Undefined)
    assert reason in found.reason


@given(treatment=samples, control=samples)
def test_swapping_the_groups_flips_the_sign(treatment: Sample, control: Sample) -> None:
    one = standardised_difference(treatment=treatment, control=control)
    other = standardised_difference(treatment=control, control=treatment)
    assert isinstance(one, float)
    assert isinstance(other, float)
    assert one == -other


@given(seed=st.integers(0, 99), rate=st.floats(min_value=0.001, max_value=1000))
def test_neither_the_unit_nor_the_name_of_a_group_matters(seed: int, rate: float) -> None:
    treatment, control = drawn(seed, 20), drawn(seed + 100, 30)
    scale = {"spend": {"spend": rate}, "visits": {"visits": 1.0}}
    one = omnibus_balance(treatment=treatment, control=control, names=["spend", "visits"])
    other = omnibus_balance(
        treatment=control.combine(scale),
        control=treatment.combine(scale),
        names=["spend", "visits"],
    )
    assert isinstance(one, Balance)
    assert isinstance(other, Balance)
    assert one.statistic == pytest.approx(other.statistic, rel=1e-6)
