"""Analysis of covariance from summaries and on rows."""

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.ancova import TREATMENT, ancova, ancova_fit, lin_fit
from experiments.stats.estimate import Difference
from experiments.stats.lin import lin
from experiments.stats.means import student
from experiments.stats.moments import Moments
from experiments.stats.regression import Covariance, coefficient
from tests.stats.rows import Rows, rows
from tests.stats.samples import columns, drawn
from tests.stats.test_regression import fitted, known


def difference(found: Difference | Undefined) -> Difference:
    """The difference, which must exist."""
    assert isinstance(found, Difference)
    return found


def _group(data: Rows, *, treated: float) -> Moments:
    mine = data.treated == treated
    return Moments.of(
        outcome=data.outcome[mine], before=data.before[mine], visits=data.visits[mine]
    )


def test_summaries_and_rows_agree() -> None:
    data = rows(1)
    found = difference(
        ancova(
            treatment=_group(data, treated=1),
            control=_group(data, treated=0),
            outcome="outcome",
            covariates=["before", "visits"],
        )
    )
    fit = fitted(
        ancova_fit(
            outcome=data.outcome,
            treated=data.treated.tolist(),
            covariates={"before": data.before.tolist(), "visits": data.visits.tolist()},
        )
    )
    other = known(coefficient(fit, TREATMENT, covariance=Covariance.CLASSICAL))
    assert (found.value, found.se, found.df, found.p_value) == pytest.approx(
        (other.value, other.se, other.df, other.p_value)
    )


def test_without_covariates_it_is_students_test() -> None:
    data = rows(2)
    treatment, control = _group(data, treated=1), _group(data, treated=0)
    found = ancova(treatment=treatment, control=control, outcome="outcome", covariates=[])
    other = student(treatment=treatment.sample("outcome"), control=control.sample("outcome"))
    assert difference(found).se == pytest.approx(difference(other).se)
    assert difference(found).df == difference(other).df


def test_lin_on_rows_is_statsmodels_hc2_and_the_estimate_from_summaries() -> None:
    """Second implementation: statsmodels OLS with centred interactions, HC2."""
    data = rows(3)
    covariates = {"before": data.before.tolist(), "visits": data.visits.tolist()}
    fit = fitted(
        lin_fit(outcome=data.outcome, treated=data.treated.tolist(), covariates=covariates)
    )
    found = known(coefficient(fit, TREATMENT))
    centred = np.column_stack([data.before - data.before.mean(), data.visits - data.visits.mean()])
    t = data.treated[:, None]
    design = np.hstack([np.ones_like(t), t, centred, t * centred])
    other = import_module("statsmodels.api").OLS(data.outcome, design).fit(cov_type="HC2")
    assert (found.value, found.se) == pytest.approx((other.params[1], other.bse[1]))
    summary = lin(
        treatment=_group(data, treated=1),
        control=_group(data, treated=0),
        outcome="outcome",
        covariates=["before", "visits"],
    )
    assert not isinstance(summary, Undefined)
    assert found.value == pytest.approx(summary.difference.value)
    assert found.se == pytest.approx(summary.difference.se, rel=0.1)


def test_text_covariates_count_as_levels() -> None:
    data = rows(4)
    fit = fitted(
        ancova_fit(
            outcome=data.outcome, treated=data.treated.tolist(), covariates={"zone": data.zone}
        )
    )
    assert fit.names == ("intercept", TREATMENT, "zone=north", "zone=south")


def test_redundant_covariates_change_nothing() -> None:
    plain, more = (
        ancova(treatment=drawn(1, 40), control=drawn(2, 60), outcome="spend", covariates=covariates)
        for covariates in (["before"], ["constant", "before", "cents"])
    )
    assert plain == more


@pytest.mark.parametrize(
    ("treatment", "covariates", "outcome", "reason"),
    [
        (drawn(1, 0), ["before"], "spend", "no customer"),
        (drawn(1, 1), ["before"], "spend", "too few"),
        (drawn(1, 9), ["before"], "cents", "entirely"),
        (drawn(1, 9), [], "constant", "entirely"),
    ],
)
def test_what_cannot_be_adjusted_says_why(
    treatment: Moments, covariates: list[str], outcome: str, reason: str
) -> None:
    control = drawn(2, 2) if reason == "too few" else drawn(2, 20)
    found = ancova(treatment=treatment, control=control, outcome=outcome, covariates=covariates)
    assert isinstance(found, Undefined)
    assert reason in found.reason


@given(seed=st.integers(0, 99), rate=st.floats(min_value=0.01, max_value=100))
def test_swapping_flips_the_sign_and_no_unit_matters(seed: int, rate: float) -> None:
    one, other = columns(seed, 20), columns(seed + 100, 30)
    scaled = [
        Moments.of(
            spend=[rate * value for value in group["spend"]],
            before=[value / rate for value in group["before"]],
        )
        for group in (one, other)
    ]
    plain = ancova(
        treatment=Moments.of(**one),
        control=Moments.of(**other),
        outcome="spend",
        covariates=["before"],
    )
    swapped = ancova(treatment=scaled[1], control=scaled[0], outcome="spend", covariates=["before"])
    assert difference(swapped).value == pytest.approx(-rate * difference(plain).value, rel=1e-6)
    assert difference(swapped).p_value == pytest.approx(difference(plain).p_value, rel=1e-6)
