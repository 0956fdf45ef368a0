"""Least squares against statsmodels, and at its edges."""

from importlib import import_module

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.regression import (
    Coefficient,
    Covariance,
    LeastSquares,
    coefficient,
    covariance_matrix,
    indicators,
    least_squares,
)
from tests.stats.rows import rows


def fitted(found: LeastSquares | Undefined) -> LeastSquares:
    """The regression, which must exist."""
    assert isinstance(found, LeastSquares)
    return found


def known(found: Coefficient | Undefined) -> Coefficient:
    """The coefficient, which must exist."""
    assert isinstance(found, Coefficient)
    return found


@pytest.mark.parametrize("covariance", list(Covariance))
def test_coefficients_and_errors_are_those_of_statsmodels(covariance: Covariance) -> None:
    """Second implementation: statsmodels OLS with the covariance of the same name."""
    drawn = rows(1)
    columns = {"treated": drawn.treated, "before": drawn.before, "visits": drawn.visits}
    fit = fitted(least_squares(outcome=drawn.outcome, columns=columns))
    api = import_module("statsmodels.api")
    design = np.column_stack([np.ones(len(drawn.outcome)), *columns.values()])
    kind = "nonrobust" if covariance is Covariance.CLASSICAL else covariance.value
    other = api.OLS(drawn.outcome, design).fit(cov_type=kind, use_t=True)
    matrix = covariance_matrix(fit, covariance)
    assert not isinstance(matrix, Undefined)
    assert matrix == pytest.approx(other.cov_params(), rel=1e-9)
    found = known(coefficient(fit, "treated", covariance=covariance, confidence=0.9))
    assert found.value == pytest.approx(other.params[1])
    assert found.p_value == pytest.approx(other.pvalues[1])
    assert (found.low, found.high) == pytest.approx(other.conf_int(0.1)[1])


def test_redundant_columns_are_dropped_by_name_and_change_nothing() -> None:
    drawn = rows(2)
    plain = fitted(least_squares(outcome=drawn.outcome, columns={"before": drawn.before}))
    columns = {"one": np.ones(len(drawn.outcome)), "before": drawn.before, "x": 2 - drawn.before}
    more = fitted(least_squares(outcome=drawn.outcome, columns=columns))
    assert more.dropped == ("one", "x")
    assert more.coefficients.tolist() == plain.coefficients.tolist()
    assert isinstance(coefficient(more, "x"), Undefined)


def test_no_columns_leave_the_mean() -> None:
    fit = fitted(least_squares(outcome=[1.0, 2.0, 6.0], columns={}))
    found = known(coefficient(fit, "intercept", covariance=Covariance.CLASSICAL))
    assert (found.value, found.df) == pytest.approx((3.0, 2.0))


@pytest.mark.parametrize(
    ("outcome", "column", "reason"),
    [
        ([], [], "too few"),
        ([1.0], [2.0], "too few"),
        ([1.0, 2.0], [1.0, 2.0], "too few"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], "entirely"),
        ([0.0, 0.0, 0.0], [1.0, 2.0, 3.0], "entirely"),
        ([1.0, np.nan, 3.0], [1.0, 2.0, 3.0], "missing"),
        ([1.0, 2.0, 3.0], [1.0, np.inf, 3.0], "missing"),
    ],
)
def test_what_cannot_be_fitted_says_why(
    outcome: list[float], column: list[float], reason: str
) -> None:
    found = least_squares(outcome=outcome, columns={"x": column})
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_a_row_that_decides_alone_has_no_corrected_error() -> None:
    fit = fitted(least_squares(outcome=[1.0, 2.0, 4.0, 9.0], columns={"x": [0, 0, 0, 1]}))
    for covariance in (Covariance.HC2, Covariance.HC3):
        assert isinstance(coefficient(fit, "x", covariance=covariance), Undefined)
    assert known(coefficient(fit, "x", covariance=Covariance.HC1)).se > 0


def test_one_sided_halves_of_the_p_value_add_up() -> None:
    drawn = rows(3)
    fit = fitted(least_squares(outcome=drawn.outcome, columns={"t": drawn.treated}))
    greater = known(coefficient(fit, "t", alternative=Alternative.GREATER))
    less = known(coefficient(fit, "t", alternative=Alternative.LESS))
    assert greater.p_value + less.p_value == pytest.approx(1)
    assert greater.high == -less.low == np.inf


@pytest.mark.parametrize("covariance", list(Covariance))
def test_swapping_flips_the_sign_and_no_unit_matters(covariance: Covariance) -> None:
    drawn = rows(4)
    one, other = (
        known(
            coefficient(
                fitted(
                    least_squares(
                        outcome=rate * drawn.outcome,
                        columns={"t": treated, "x": drawn.before / rate},
                    )
                ),
                "t",
                covariance=covariance,
            )
        )
        for rate, treated in ((1.0, drawn.treated), (100.0, 1 - drawn.treated))
    )
    assert other.value == pytest.approx(-100 * one.value)
    assert other.p_value == pytest.approx(one.p_value)


def test_text_becomes_indicators_of_all_levels_but_the_first() -> None:
    found = indicators({"zone": ["b", "c", "a", "b"], "visits": [1, 2, 3, 4]})
    assert {name: values.tolist() for name, values in found.items()} == {
        "zone=b": [1.0, 0.0, 0.0, 1.0],
        "zone=c": [0.0, 1.0, 0.0, 0.0],
        "visits": [1.0, 2.0, 3.0, 4.0],
    }
