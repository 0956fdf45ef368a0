"""The BG/NBD model against its paper, its hypergeometric form, and customers drawn from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import hyp2f1

from experiments.errors import Undefined
from experiments.finance.bgnbd import BgNbd, BgNbdFit, _log_likelihood, fit_bgnbd
from experiments.finance.buying import BuyingCounts
from tests.finance.customers import buyers

# Fader, Hardie and Lee (2005), table 2, with more digits of the maximum.
CDNOW = BgNbd(r=0.2425929091, alpha=4.41353147, a=0.7928861707, b=2.425753457)


def fitted(counts: BuyingCounts) -> BgNbdFit:
    """A fit, which must exist."""
    found = fit_bgnbd(counts)
    assert isinstance(found, BgNbdFit)
    return found


def counted(model: BgNbd, *, customers: int, seed: int, unit: float = 1.0) -> BuyingCounts:
    """Histories of drawn customers, with their times in a unit."""
    frequency, recency, age = buyers(model, customers=customers, age=78.0, seed=seed)
    return BuyingCounts.of(frequency=frequency, recency=unit * recency, age=unit * age)


@pytest.mark.parametrize(
    ("weeks", "purchases"),
    [(0.1429, 0.0078), (1.0, 0.0532), (3.0, 0.1506), (31.8571, 1.0405), (32.0, 1.0437)],
)
def test_expected_purchases_agree_with_the_authors(weeks: float, purchases: float) -> None:
    """Fader and Hardie, Implementing the BG/NBD Model in Excel."""
    assert CDNOW.expected_purchases(weeks) == pytest.approx(purchases, abs=5e-5)


def test_the_conditional_expectation_agrees_with_the_authors() -> None:
    """The same note: 1.226 purchases in 39 weeks for x = 2, t_x = 30.43, T = 38.86."""
    found = CDNOW.conditional_expected_purchases(39, frequency=[2], recency=[30.43], age=[38.86])
    assert found[0] == pytest.approx(1.226, abs=5e-4)


@given(
    r=st.floats(0.05, 5),
    alpha=st.floats(0.5, 100),
    a=st.floats(0.05, 20).filter(lambda a: abs(a - 1) > 0.01),
    b=st.floats(0.05, 50),
    time=st.floats(0.1, 100),
)
def test_the_integral_is_the_hypergeometric_formula_of_the_paper(
    r: float, alpha: float, a: float, b: float, time: float
) -> None:
    """Equation 9 of the paper."""
    with np.errstate(all="ignore"):
        gauss = hyp2f1(r, b, a + b - 1, time / (alpha + time))
        paper = (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + time)) ** r * gauss)
    if np.isfinite(paper):
        found = BgNbd(r=r, alpha=alpha, a=a, b=b).expected_purchases(time)
        assert found == pytest.approx(paper, rel=1e-7, abs=1e-9)


def test_where_the_formula_divides_by_zero_the_integral_goes_on() -> None:
    """By hand: with all parameters 1, the mean of t / (1 + p t) over p in (0, 1) is log(1 + t)."""
    found = BgNbd(r=1.0, alpha=1.0, a=1.0, b=1.0).expected_purchases(7.0)
    assert found == pytest.approx(np.log(8), rel=1e-12)


@pytest.mark.parametrize(
    ("model", "time", "purchases"),
    [
        (BgNbd(r=2.0, alpha=8.0, a=0.011, b=60.0), 62.8, 15.67066959437384),
        (BgNbd(r=1001.3, alpha=20.4, a=0.011, b=1001.9), 3.03, 148.6066280490219),
        (BgNbd(r=0.5, alpha=9.0, a=90.0, b=900.0), 250.0, 5.160702448944237),
    ],
)
def test_extreme_shapes_agree_with_forty_digits(
    model: BgNbd, time: float, purchases: float
) -> None:
    """Equation 9 of the paper by mpmath 1.4.1."""
    assert model.expected_purchases(time) == pytest.approx(purchases, rel=1e-11)


def test_frequent_buyers_do_not_overflow() -> None:
    found = CDNOW.conditional_expected_purchases(52, frequency=[5000], recency=[100.0], age=[100.0])
    assert 0 < found[0] < 52 * (5000 + CDNOW.r) / (100 + CDNOW.alpha)


def test_who_never_bought_again_is_alive_and_who_stopped_is_hardly() -> None:
    alive = CDNOW.probability_alive(frequency=[0, 20, 20], recency=[0, 38, 5], age=[39, 39, 39])
    assert alive[0] == 1
    assert alive[1] > 0.9
    assert alive[2] < 1e-8


def test_slopes_are_those_of_the_likelihood() -> None:
    counts = counted(CDNOW, customers=300, seed=1)
    at = np.array([0.4, 6.0, 0.7, 2.0])
    numeric = approx_fprime(at, lambda parameters: _log_likelihood(parameters, counts)[0], 1e-6)
    assert _log_likelihood(at, counts)[1] == pytest.approx(numeric, rel=1e-3, abs=1e-2)


def test_a_fit_finds_the_customers_own_model_again() -> None:
    """20,000 drawn customers; the tolerances are wide beside what chance leaves of so many."""
    model = BgNbd(r=1.0, alpha=8.0, a=1.0, b=3.0)
    found = fitted(counted(model, customers=20_000, seed=7)).model
    assert (found.r, found.alpha) == pytest.approx((1.0, 8.0), rel=0.08)
    assert (found.a, found.b) == pytest.approx((1.0, 3.0), rel=0.15)


def test_the_unit_of_time_scales_alpha_alone_and_a_doubled_crowd_nothing() -> None:
    weeks = counted(CDNOW, customers=2000, seed=3)
    days = counted(CDNOW, customers=2000, seed=3, unit=7.0)
    twice = BuyingCounts(weeks.frequency, weeks.recency, weeks.age, 2 * weeks.customers)
    one, seven, double = (fitted(counts) for counts in (weeks, days, twice))
    assert (seven.model.r, seven.model.alpha / 7, seven.model.a, seven.model.b) == pytest.approx(
        (one.model.r, one.model.alpha, one.model.a, one.model.b), rel=1e-6
    )
    assert (double.model.r, double.model.b) == pytest.approx((one.model.r, one.model.b), rel=1e-6)
    assert double.log_likelihood == pytest.approx(2 * one.log_likelihood)
    assert one.log_likelihood == pytest.approx(one.model.log_likelihood(weeks))
    assert one.log_likelihood > CDNOW.log_likelihood(weeks)


@pytest.mark.parametrize(
    ("frequency", "recency", "reason"),
    [
        ([], [], "no customer"),
        ([0, 0, 0], [0, 0, 0], "bought again"),
        ([3], [20], "no finite maximum"),
        ([4, 4, 4, 4], [30, 30, 30, 30], "no finite maximum"),
    ],
)
def test_what_cannot_be_fitted_says_why(
    frequency: list[int], recency: list[int], reason: str
) -> None:
    age = [30.0] * len(frequency)
    found = fit_bgnbd(BuyingCounts.of(frequency=frequency, recency=recency, age=age))
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_customers_who_never_leave_have_no_leaving_probability() -> None:
    """Everybody bought on the last day, some often and some seldom."""
    frequency = np.repeat([1, 2, 5, 20], 100)
    found = fit_bgnbd(BuyingCounts.of(frequency=frequency, recency=[50.0] * 400, age=[50.0] * 400))
    assert isinstance(found, Undefined)
    assert "keeps rising as a falls" in found.reason
