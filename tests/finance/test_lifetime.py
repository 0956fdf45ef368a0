"""Lifetime value by hand, at its edges, and where its two forms meet."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.finance.bgnbd import BgNbd
from experiments.finance.gamma_gamma import GammaGamma
from experiments.finance.lifetime import (
    discounted_purchases,
    expected_lifetime_values,
    monthly_rate,
    simple_lifetime_value,
)
from experiments.stats.moments import Floats

BUYING = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
SPENDING = GammaGamma(p=6.25, q=3.74, v=15.44)


def values(
    *, months: int, monthly_discount: float, spending: GammaGamma = SPENDING, rate: float = 1.0
) -> Floats:
    """Values of two customers, which must exist."""
    found = expected_lifetime_values(
        buying=BUYING,
        spending=spending,
        frequency=[0, 2],
        recency=[0, 30.43],
        age=[38.86, 38.86],
        mean_amount=[0, rate * 22.35],
        months=months,
        monthly_discount=monthly_discount,
    )
    assert not isinstance(found, Undefined)
    return found


def test_the_textbook_customer_is_worth_72_000() -> None:
    """300 a month for 20 years, all of it kept and nothing discounted: revenue, not margin."""
    assert simple_lifetime_value(margin=300.0, periods=240) == 72_000.0


def test_retention_and_discount_are_worked_by_hand() -> None:
    """100 at 80 % and 25 %: 64 + 40.96."""
    found = simple_lifetime_value(margin=100.0, periods=2, retention=0.8, discount_rate=0.25)
    assert found == pytest.approx(64 + 40.96)
    assert simple_lifetime_value(margin=100.0, periods=0) == 0
    assert simple_lifetime_value(margin=100.0, periods=12, retention=0.0) == 0


@given(st.floats(-0.5, 2))
def test_twelve_months_compound_to_the_year(annual: float) -> None:
    assert (1 + monthly_rate(annual)) ** 12 == pytest.approx(1 + annual)


def test_undiscounted_purchases_are_those_of_the_whole_time() -> None:
    purchases = partial(
        discounted_purchases,
        BUYING,
        frequency=[0, 2],
        recency=[0, 30.43],
        age=[38.86, 38.86],
        units_per_month=39 / 9,
    )
    whole = BUYING.conditional_expected_purchases(
        39, frequency=[0, 2], recency=[0, 30.43], age=[38.86, 38.86]
    )
    assert purchases(months=9) == pytest.approx(whole)
    assert purchases(months=0).tolist() == [0.0, 0.0]


def test_a_month_is_discounted_from_its_end() -> None:
    assert values(months=1, monthly_discount=0.25) == pytest.approx(
        values(months=1, monthly_discount=0.0) / 1.25
    )
    longer, shorter = (values(months=months, monthly_discount=0.01) for months in (13, 12))
    assert np.all(longer > shorter)


def test_the_currency_scales_the_value() -> None:
    cents = GammaGamma(p=SPENDING.p, q=SPENDING.q, v=100 * SPENDING.v)
    assert values(months=12, monthly_discount=0.01, spending=cents, rate=100.0) == pytest.approx(
        100 * values(months=12, monthly_discount=0.01)
    )


def test_an_amount_without_bound_leaves_no_value() -> None:
    found = expected_lifetime_values(
        buying=BUYING,
        spending=GammaGamma(p=0.5, q=0.9, v=10.0),
        frequency=[0],
        recency=[0],
        age=[10],
        mean_amount=[0],
        months=12,
    )
    assert isinstance(found, Undefined)
    assert "infinite" in found.reason
