"""Ratios of sums: by hand, against the jackknife and least squares, and at their edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.lift import Lift
from experiments.stats.lin import LinEstimate, lin
from experiments.stats.means import welch
from experiments.stats.moments import Moments, Sample
from experiments.stats.ratio import (
    RatioDifference,
    linearised,
    ratio_difference,
    ratio_sample,
    ratio_weights,
)

baskets = st.lists(
    st.tuples(st.integers(0, 500), st.integers(1, 20)), min_size=3, max_size=30
).filter(lambda rows: len({spend / visits for spend, visits in rows}) > 1)


def group(rows: list[tuple[int, int]], scale: float = 1.0) -> Moments:
    """Spend and visits of each customer."""
    return Moments.of(spend=[scale * row[0] for row in rows], visits=[row[1] for row in rows])


def compared(treatment: Moments, control: Moments) -> RatioDifference:
    """The difference, which must exist."""
    found = ratio_difference(
        treatment=treatment, control=control, numerator="spend", denominator="visits"
    )
    assert isinstance(found, RatioDifference)
    return found


def drawn(seed: int, n: int) -> dict[str, list[float]]:
    """Customers whose spend and visits follow what they did before."""
    rng = np.random.default_rng(seed)
    before = rng.gamma(2.0, 2.0, n)
    visits = 1 + rng.poisson(before)
    spend = visits * rng.gamma(2.0, 5.0, n)
    return {"spend": spend.tolist(), "visits": visits.tolist(), "before": before.tolist()}


def test_the_ratio_agrees_with_its_formula_worked_by_hand() -> None:
    """Treatment (8, 2, 2) over (2, 1, 1): linearised deviations 1.5, -0.75, -0.75, variance 27/16.

    Control (2, 2, 4) over (1, 2, 1): deviations 0, -1.5, 1.5, variance 9/4. So se^2 = 63/16 / 3 and
    df = (27 + 36)^2 x 2 / (27^2 + 36^2).
    """
    found = compared(group([(8, 2), (2, 1), (2, 1)]), group([(2, 1), (2, 2), (4, 1)]))
    assert (found.treatment, found.control) == (3, 2)
    assert found.difference.se == pytest.approx(math.sqrt(63 / 48))
    assert found.difference.df == pytest.approx(63**2 * 2 / (27**2 + 36**2))
    assert isinstance(found.lift, Lift)
    assert isinstance(found.log_lift, Lift)
    assert found.lift.value == pytest.approx(0.5)
    # Relative variance of the ratios: 27/16 / 3 / 9 and 9/4 / 3 / 4.
    assert found.log_lift.se == pytest.approx(math.sqrt(1 / 16 + 3 / 16))
    assert found.lift.se == pytest.approx(math.sqrt(9 / 16 + 9 / 4 * 3 / 4) / 2)


def test_the_standard_error_is_that_of_the_jackknife() -> None:
    """Leaving out one of 4,000 customers at a time; Efron (1982), chapter 3."""
    columns = drawn(1, 4_000)
    spend, visits = np.array(columns["spend"]), np.array(columns["visits"])
    left_out = (spend.sum() - spend) / (visits.sum() - visits)
    expected = math.sqrt((len(spend) - 1) * float(np.mean((left_out - left_out.mean()) ** 2)))
    found = ratio_sample(Moments.of(**columns), numerator="spend", denominator="visits")
    assert isinstance(found, Sample)
    assert found.mean == pytest.approx(spend.sum() / visits.sum())
    assert math.sqrt(found.variance / found.n) == pytest.approx(expected, rel=2e-3)


def test_a_constant_denominator_leaves_the_mean_of_the_numerator() -> None:
    treatment, control = (
        Moments.of(spend=values, visits=[2.0] * 4)
        for values in ([1.0, 5.0, 3.0, 3.0], [2.0, 1.0, 1.0, 0.0])
    )
    found = compared(treatment, control)
    plain = welch(treatment=treatment.sample("spend"), control=control.sample("spend"))
    assert plain
    assert found.difference.value == pytest.approx(plain.value / 2)
    assert found.difference.p_value == pytest.approx(plain.p_value)


def test_the_linearised_ratio_is_adjusted_like_any_other_outcome() -> None:
    """Least squares on each customer's linearised ratio, built by hand from the raw columns."""
    treatment, control = drawn(2, 400), drawn(3, 300)

    def by_hand(columns: dict[str, list[float]]) -> Moments:
        spend, visits = np.array(columns["spend"]), np.array(columns["visits"])
        ratio = spend.sum() / visits.sum()
        rows = ratio + (spend - ratio * visits) / visits.mean()
        return Moments.of(basket=rows.tolist(), before=columns["before"])

    expected = lin(
        treatment=by_hand(treatment),
        control=by_hand(control),
        outcome="basket",
        covariates=["before"],
    )
    treated, controls = (
        linearised(Moments.of(**columns), name="basket", numerator="spend", denominator="visits")
        for columns in (treatment, control)
    )
    assert isinstance(treated, Moments)
    assert isinstance(controls, Moments)
    found = lin(treatment=treated, control=controls, outcome="basket", covariates=["before"])
    assert isinstance(expected, LinEstimate)
    assert isinstance(found, LinEstimate)
    assert found.difference.value == pytest.approx(expected.difference.value)
    assert found.difference.se == pytest.approx(expected.difference.se)
    assert found.treatment_mean == pytest.approx(expected.treatment_mean)


def test_one_sided_tests_halve_the_p_value() -> None:
    treatment, control = group([(8, 2), (2, 1), (2, 1)]), group([(2, 1), (2, 2), (4, 1)])
    both = compared(treatment, control)
    one = ratio_difference(
        treatment=treatment,
        control=control,
        numerator="spend",
        denominator="visits",
        alternative=Alternative.GREATER,
    )
    assert isinstance(one, RatioDifference)
    assert one.difference.p_value == pytest.approx(both.difference.p_value / 2)
    assert math.isinf(one.difference.high)


@pytest.mark.parametrize(
    ("treatment", "control", "reason"),
    [
        ([], [(1, 1), (2, 1)], "in the treatment group there is no unit"),
        ([(1, 1)], [(1, 1), (2, 1)], "one customer"),
        ([(1, 1), (2, 1)], [(0, 0), (0, 0)], "in the control group the denominator adds up"),
        ([(0, 1), (0, 2)], [(0, 1), (0, 5)], "same value"),
        ([(3, 1), (9, 3), (21, 7)], [(7, 1), (70, 10), (49, 7)], "same value"),
    ],
)
def test_a_ratio_that_does_not_exist_says_why(
    treatment: list[tuple[int, int]], control: list[tuple[int, int]], reason: str
) -> None:
    found = ratio_difference(
        treatment=group(treatment, 0.1),
        control=group(control, 0.1),
        numerator="spend",
        denominator="visits",
    )
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_a_variable_over_itself_and_a_vanishing_denominator_have_no_ratio() -> None:
    rows = Moments.of(spend=[1.0, 2.0], visits=[0.0, 1e-320])
    assert isinstance(ratio_weights(rows, numerator="spend", denominator="spend"), Undefined)
    assert isinstance(ratio_weights(rows, numerator="spend", denominator="visits"), Undefined)
    assert isinstance(
        linearised(rows, name="basket", numerator="spend", denominator="visits"), Undefined
    )


@given(treatment=baskets, control=baskets, currency=st.floats(0.01, 100))
def test_swapping_flips_the_sign_and_the_currency_does_not_matter(
    treatment: list[tuple[int, int]], control: list[tuple[int, int]], currency: float
) -> None:
    one = compared(group(treatment), group(control)).difference
    swapped = compared(group(control), group(treatment)).difference
    assert swapped.value == pytest.approx(-one.value)
    assert (swapped.low, swapped.high) == pytest.approx((-one.high, -one.low))
    scaled = compared(group(treatment, currency), group(control, currency)).difference
    assert scaled.value == pytest.approx(currency * one.value)
    assert scaled.p_value == pytest.approx(one.p_value, rel=1e-6, abs=1e-12)
