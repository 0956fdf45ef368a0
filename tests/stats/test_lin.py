"""Lin's estimate against least squares on rows, against R, and at its edges."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.lin import LinEstimate, enough_customers, lin, lin_many
from experiments.stats.many import ManyMoments
from experiments.stats.moments import Moments
from tests.reference.reading import moments
from tests.reference.test_reference_cases import DATA
from tests.stats.samples import columns, drawn


def known(found: LinEstimate | Undefined) -> LinEstimate:
    """The estimate, which must exist."""
    assert isinstance(found, LinEstimate)
    return found


def _by_rows(
    rows: dict[str, list[float]], names: Sequence[str], centre: np.ndarray
) -> tuple[np.ndarray, float]:
    """Least squares on one group's rows: coefficients (intercept first), residual variance."""
    outcome = np.array(rows["spend"])
    covariates = np.array([rows[name] for name in names]).T - centre
    design = np.column_stack([np.ones(len(outcome)), covariates])
    slopes, *_ = np.linalg.lstsq(design, outcome, rcond=None)
    residuals = outcome - design @ slopes
    return slopes, float(residuals @ residuals) / (len(outcome) - design.shape[1])


def test_the_estimate_is_that_of_least_squares_on_rows() -> None:
    """Second implementation: numpy.linalg.lstsq in each group, formula of the docstring."""
    treated, controls = columns(1, 40, shift=9, slope=3.0), columns(2, 60)
    names = ["before", "visits"]
    every = np.array([treated[name] + controls[name] for name in names])
    slopes_t, spread_t = _by_rows(treated, names, every.mean(axis=1))
    slopes_c, spread_c = _by_rows(controls, names, every.mean(axis=1))
    gap = (slopes_t - slopes_c)[1:]
    centre = float(gap @ np.cov(every) @ gap) / 100
    found = known(
        lin(
            treatment=Moments.of(**treated),
            control=Moments.of(**controls),
            outcome="spend",
            covariates=names,
        )
    )
    assert found.difference.value == pytest.approx(slopes_t[0] - slopes_c[0])
    assert (found.treatment_mean, found.control_mean) == pytest.approx((slopes_t[0], slopes_c[0]))
    assert found.treatment_coefficients == pytest.approx(slopes_t[1:])
    assert found.control_coefficients == pytest.approx(slopes_c[1:])
    parts = (spread_t / 40, spread_c / 60)
    assert found.difference.se == pytest.approx(math.sqrt(sum(parts) + centre))
    assert found.centre_variance == pytest.approx(centre)
    assert found.difference.control_variance == pytest.approx(parts[1])
    df = sum(parts) ** 2 / (parts[0] ** 2 / 37 + parts[1] ** 2 / 57)
    assert found.difference.df == pytest.approx(df)


def test_the_estimate_agrees_with_r_on_the_nsw_experiment() -> None:
    """R, estimatr::lm_lin on the Dehejia-Wahba sample: 1621.58310144 (se by HC2 694.72)."""
    if not (DATA / "nsw_mixtape.csv.gz").is_file():
        pytest.skip("the validation data are not beside this checkout (shared/data)")
    names = ["re74", "re75", "age", "educ", "black", "hisp", "marr", "nodegree"]
    inputs = {
        "dataset": "nsw_mixtape.csv.gz",
        "group_column": "treat",
        "treatment": 1,
        "control": 0,
    }
    treatment, control = (
        moments(inputs, side, DATA, ["re78", *names]) for side in ("treatment", "control")
    )
    found = known(lin(treatment=treatment, control=control, outcome="re78", covariates=names))
    assert found.difference.value == pytest.approx(1621.58310144, rel=1e-9)
    assert found.difference.se == pytest.approx(694.72, rel=0.05)
    assert found.dropped == ()


def test_redundant_covariates_are_dropped_by_name_and_change_nothing() -> None:
    options = {"treatment": drawn(1, 40), "control": drawn(2, 60), "outcome": "spend"}
    plain = known(lin(**options, covariates=["before", "visits"]))  # type: ignore[arg-type]
    more = known(
        lin(**options, covariates=["constant", "before", "cents", "visits"])  # type: ignore[arg-type]
    )
    assert more.dropped == ("constant", "cents")
    assert more.covariates == ("before", "visits")
    assert more.difference == plain.difference


@pytest.mark.parametrize(
    ("treatment", "covariates", "reason"),
    [
        (drawn(1, 20), [], "no covariate"),
        (drawn(1, 20), ["constant"], "no covariate"),
        (drawn(1, 3), ["before", "visits"], "too few"),
        (drawn(1, 1), ["before"], "no covariate"),
        (drawn(1, 0), ["before"], "no covariate"),
    ],
)
def test_what_cannot_be_adjusted_says_why(
    treatment: Moments, covariates: list[str], reason: str
) -> None:
    found = lin(treatment=treatment, control=drawn(2, 20), outcome="spend", covariates=covariates)
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_an_outcome_that_the_covariates_explain_entirely_says_so() -> None:
    found = lin(treatment=drawn(1, 9), control=drawn(2, 9), outcome="cents", covariates=["before"])
    assert found == Undefined("the covariates explain the outcome entirely, so that nothing varies")


def test_twenty_customers_per_covariate_and_group_are_enough() -> None:
    assert enough_customers(treatment=60, control=60, covariates=3)
    assert not enough_customers(treatment=59, control=600, covariates=3)


@given(seed=st.integers(0, 99), rate=st.floats(min_value=0.01, max_value=100))
def test_swapping_flips_the_sign_and_no_unit_matters(seed: int, rate: float) -> None:
    treatment, control = drawn(seed, 20), drawn(seed + 100, 30)
    scale = {
        "spend": {"spend": rate},
        "before": {"before": 1 / rate},
        "visits": {"visits": 1.0},
    }
    names = ["before", "visits"]
    one = known(lin(treatment=treatment, control=control, outcome="spend", covariates=names))
    other = known(
        lin(
            treatment=control.combine(scale),
            control=treatment.combine(scale),
            outcome="spend",
            covariates=names,
        )
    )
    assert other.difference.value == pytest.approx(-rate * one.difference.value, rel=1e-6, abs=1e-9)
    assert other.difference.p_value == pytest.approx(one.difference.p_value, rel=1e-6)
    assert other.difference.df == pytest.approx(one.difference.df, rel=1e-6)


def test_comparisons_in_arrays_are_those_of_each_pair_to_the_last_digit() -> None:
    """With covariates that repeat others or vary in one group only, and with groups too small."""
    names = ["spend", "before", "cents", "constant", "visits"]
    treated = [drawn(seed, n, slope=3.0) for seed, n in ((1, 40), (2, 3), (3, 300), (4, 25))]
    controls = [drawn(seed, n) for seed, n in ((5, 60), (6, 80), (7, 2), (8, 31))]
    treated.append(Moments.from_sums(names, n=0, sums=[], products=[]))
    controls.append(drawn(9, 20))
    perfect = Moments.of(**{**columns(10, 30), "spend": columns(10, 30)["before"]})
    treated.append(perfect)
    controls.append(perfect)
    found = lin_many(
        treatment=ManyMoments.of(treated, names), control=ManyMoments.of(controls, names)
    )
    one_by_one = [
        lin(treatment=one, control=other, outcome="spend", covariates=names[1:])
        for one, other in zip(treated, controls, strict=True)
    ]
    assert [found[at] for at in range(len(found))] == one_by_one
    assert known(one_by_one[0]).dropped == ("cents", "constant")
    assert [isinstance(one, Undefined) for one in one_by_one] == [
        False, True, True, False, True, True,
    ]  # fmt: skip
    assert np.isnan(found.difference.value).tolist() == [
        isinstance(one, Undefined) for one in one_by_one
    ]
