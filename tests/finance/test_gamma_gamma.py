"""The gamma-gamma model against its note, at its edges, and on customers drawn from it."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import approx_fprime
from scipy.stats import gamma

from experiments.errors import Undefined
from experiments.finance.gamma_gamma import GammaGamma, GammaGammaFit, _Spending, fit_gamma_gamma
from tests.finance.customers import spenders

# Fader and Hardie (2013), on CDNOW.
CDNOW = GammaGamma(p=6.25, q=3.74, v=15.44)


def fitted(frequency: object, mean_amount: object) -> GammaGammaFit:
    """A fit, which must exist."""
    found = fit_gamma_gamma(
        frequency=np.asarray(frequency, dtype=float), mean_amount=np.asarray(mean_amount)
    )
    assert isinstance(found, GammaGammaFit)
    return found


def test_expected_amounts_agree_with_the_authors() -> None:
    """The note: 35.17 before a repeat, 24.66 after two of 22.35, 18.91 after one of 11.77."""
    found = CDNOW.expected_amounts(frequency=[0, 2, 1], mean_amount=[0, 22.35, 11.77])
    assert found == pytest.approx([35.17, 24.66, 18.91], abs=0.06)
    assert CDNOW.mean == pytest.approx(6.25 * 15.44 / 2.74)


def test_the_likelihood_is_the_mixture_of_two_gammas() -> None:
    """The mean of three amounts at 20, integrated over the scale."""

    def both(scale: float) -> float:
        mean = gamma.pdf(20.0, 3 * CDNOW.p, scale=1 / (3 * scale))
        return float(mean * gamma.pdf(scale, CDNOW.q, scale=1 / CDNOW.v))

    density, _ = quad(both, 0, 5)
    found = CDNOW.log_likelihood(frequency=[3, 0], mean_amount=[20.0, 0.0])
    assert found == pytest.approx(np.log(density), rel=1e-8)


def test_slopes_are_those_of_the_likelihood() -> None:
    spending = _Spending.of(*spenders(CDNOW, customers=200, seed=1))
    at = np.array([4.0, 3.0, 20.0])
    numeric = approx_fprime(at, lambda parameters: spending.log_likelihood(parameters)[0], 1e-6)
    assert spending.log_likelihood(at)[1] == pytest.approx(numeric, rel=1e-4, abs=1e-3)


def test_a_fit_finds_the_customers_own_model_again() -> None:
    found = fitted(*spenders(CDNOW, customers=20_000, seed=7))
    assert found.customers == 20_000
    assert (found.model.p, found.model.q) == pytest.approx((6.25, 3.74), rel=0.1)
    assert found.model.mean == pytest.approx(CDNOW.mean, rel=0.02)


def test_the_currency_scales_v_alone() -> None:
    frequency, mean = spenders(CDNOW, customers=500, seed=3)
    euros, cents = fitted(frequency, mean), fitted(frequency, 100 * mean)
    assert (cents.model.p, cents.model.q, cents.model.v / 100) == pytest.approx(
        (euros.model.p, euros.model.q, euros.model.v), rel=1e-6
    )
    assert euros.log_likelihood == pytest.approx(
        euros.model.log_likelihood(frequency=frequency, mean_amount=mean)
    )
    assert euros.log_likelihood > CDNOW.log_likelihood(frequency=frequency, mean_amount=mean)


def test_customers_without_an_amount_say_nothing() -> None:
    frequency, mean = spenders(CDNOW, customers=300, seed=4)
    more = fitted([*frequency, 0, 2], [*mean, 0.0, 0.0])
    assert more == fitted(frequency, mean)


@pytest.mark.parametrize(
    ("frequency", "mean", "reason"),
    [
        ([], [], "no customer"),
        ([0, 2], [0.0, 0.0], "no customer"),
        ([1], [5.0], "no finite maximum"),
        ([1, 2, 3], [5.0, 5.0, 5.0], "no finite maximum"),
    ],
)
def test_what_cannot_be_fitted_says_why(
    frequency: list[int], mean: list[float], reason: str
) -> None:
    found = fit_gamma_gamma(frequency=frequency, mean_amount=mean)
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_a_mean_without_bound_is_undefined() -> None:
    model = GammaGamma(p=0.5, q=0.9, v=10.0)
    assert isinstance(model.mean, Undefined)
    assert isinstance(model.expected_amounts(frequency=[0, 3], mean_amount=[0, 5]), Undefined)
    assert not isinstance(model.expected_amounts(frequency=[3], mean_amount=[5]), Undefined)
