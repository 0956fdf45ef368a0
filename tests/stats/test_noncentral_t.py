"""The noncentral t distribution's tail, also where SciPy's has no answer."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, nct, norm
from scipy.stats import t as student_t

from experiments.stats.noncentral_t import noncentral_t_tail


def tail(value: float, df: float, noncentrality: float) -> float:
    return float(noncentral_t_tail(value, df=df, noncentrality=noncentrality))


@pytest.mark.parametrize("df", [1, 1.3, 2, 2.5, 5, 38, 200, 5000, 1e6])
@pytest.mark.parametrize("noncentrality", [-3.0, 0.5, 3.0, 8.0, 30.0])
def test_it_is_scipys_where_scipy_has_it(df: float, noncentrality: float) -> None:
    values = np.array([-2.0, 0.0, 0.5, 2.0, 6.0, 12.7, 63.0])
    found = noncentral_t_tail(values, df=df, noncentrality=noncentrality)
    assert found == pytest.approx(nct.sf(values, df, noncentrality), abs=1e-11)


@pytest.mark.parametrize("df", [1, 2.5, 30, 1e8, math.inf])
def test_without_noncentrality_it_is_students(df: float) -> None:
    for value in (-3.0, 0.0, 1.0, 50.0):
        assert tail(value, df, 0.0) == pytest.approx(float(student_t.sf(value, df)), abs=1e-13)


@pytest.mark.parametrize("df", [1, 2, 100, 1e6])
@pytest.mark.parametrize("noncentrality", [1e6, 1e9])
def test_of_a_huge_noncentrality_only_the_spread_is_left(df: float, noncentrality: float) -> None:
    """T > d becomes S < 1, so that the tail at d is the chi-square below its df."""
    found = tail(noncentrality, df, noncentrality)
    assert found == pytest.approx(float(chi2.cdf(df, df)), abs=1e-5)
    assert tail(2.0, df, noncentrality) == pytest.approx(1.0, abs=1e-13)
    assert tail(2.0, df, -noncentrality) == 0.0


def test_with_infinite_degrees_of_freedom_it_is_the_normal() -> None:
    assert tail(2.0, math.inf, 1.5) == pytest.approx(float(norm.sf(0.5)))
    assert tail(2.0, 1e12, 1.5) == pytest.approx(float(norm.sf(0.5)), abs=1e-11)


@given(value=st.floats(-20, 20), df=st.floats(1, 1e5), noncentrality=st.floats(-20, 20))
def test_the_mirrored_variable_has_the_other_tail(
    value: float, df: float, noncentrality: float
) -> None:
    found = tail(value, df, noncentrality) + tail(-value, df, -noncentrality)
    assert found == pytest.approx(1.0, abs=1e-12)
