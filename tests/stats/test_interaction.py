"""Tests of equal effects: other implementations, and at their edges."""

import math
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.errors import Undefined
from experiments.stats.interaction import (
    InteractionTest,
    RateStratum,
    interaction_f,
    interaction_likelihood_ratio,
    interaction_wald,
    one_effect,
    welch_interaction,
)
from experiments.stats.moments import Floats, Sample
from experiments.stats.rates import Share
from experiments.stats.regression import Covariance, covariance_matrix, indicators, least_squares
from experiments.stats.strata import Stratum
from tests.stats.rows import Rows, rows
from tests.stats.test_regression import fitted

FLAT = Stratum("flat", Sample.of([1.0, 1.0]), Sample.of([2.0, 2.0]))


def known(found: InteractionTest | Undefined) -> InteractionTest:
    """The test, which must exist."""
    assert isinstance(found, InteractionTest)
    return found


def _strata(data: Rows) -> list[Stratum]:
    return [
        Stratum(
            zone,
            *(
                Sample.of(
                    value
                    for value, where, treated in zip(
                        data.outcome, data.zone, data.treated, strict=True
                    )
                    if where == zone and treated == side
                )
                for side in (1, 0)
            ),
        )
        for zone in sorted(set(data.zone))
    ]


def _columns(data: Rows) -> tuple[dict[str, Floats], dict[str, Floats]]:
    plain = {"t": data.treated, **indicators({"zone": data.zone})}
    apart = {f"t:{name}": data.treated * plain[name] for name in plain if name != "t"}
    return plain, apart


def test_f_compares_two_regressions_on_rows() -> None:
    """Second implementation: residual sums of least squares with and without interactions."""
    data = rows(1)
    plain, apart = _columns(data)
    one = fitted(least_squares(outcome=data.outcome, columns=plain)).residuals
    full = fitted(least_squares(outcome=data.outcome, columns={**plain, **apart}))
    own = full.residuals @ full.residuals
    f = (one @ one - own) / 2 / (own / full.residual_df)
    found = known(interaction_f(_strata(data)))
    assert (found.statistic, found.df, found.df_residual) == pytest.approx((f, 2, full.residual_df))
    assert found.p_value == pytest.approx(stats.f.sf(f, 2, full.residual_df))


def test_wald_takes_the_hc1_covariance_of_the_interactions() -> None:
    """Second implementation: least squares on rows, HC1."""
    data = rows(2)
    plain, apart = _columns(data)
    fit = fitted(least_squares(outcome=data.outcome, columns={**plain, **apart}))
    matrix = covariance_matrix(fit, Covariance.HC1)
    assert not isinstance(matrix, Undefined)
    at = [fit.names.index(name) for name in apart]
    slopes = fit.coefficients[at]
    found = known(interaction_wald(_strata(data)))
    assert found.statistic == pytest.approx(
        slopes @ np.linalg.solve(matrix[np.ix_(at, at)], slopes)
    )
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 2))


@pytest.mark.parametrize("seed", range(4))
def test_the_likelihood_ratio_is_statsmodels_deviance(seed: int) -> None:
    """Second implementation: statsmodels GLM on counts, without the interaction."""
    rng = np.random.default_rng(seed)
    n = rng.integers(5, 400, (2, 4))
    x = rng.binomial(n, [[0.1], [0.3]])
    levels = [
        RateStratum(
            str(at), Share(int(x[0, at]), int(n[0, at])), Share(int(x[1, at]), int(n[1, at]))
        )
        for at in range(4)
    ]
    api = import_module("statsmodels.api")
    design = np.hstack([np.repeat([[1.0], [0.0]], 4, axis=0), np.vstack([np.eye(4), np.eye(4)])])
    counts = np.column_stack([x.ravel(), (n - x).ravel()])
    other = api.GLM(counts, design, family=api.families.Binomial()).fit(tol=1e-13)
    found = known(interaction_likelihood_ratio(levels))
    assert found.statistic == pytest.approx(other.deviance, rel=1e-7)
    assert found.df == 3


def test_two_levels_by_welch_are_a_t_test_of_their_difference() -> None:
    effects, ses, dfs = [1.0, 2.5], [0.4, 0.7], [8.0, 30.0]
    t = 1.5 / math.hypot(0.4, 0.7)
    df = (0.16 + 0.49) ** 2 / (0.16**2 / 8 + 0.49**2 / 30)
    found = known(welch_interaction(effects, ses, dfs))
    assert found.statistic == pytest.approx(t**2)
    assert found.p_value == pytest.approx(2 * stats.t.sf(t, df))


def test_welchs_f_agrees_with_scipys_anova() -> None:
    """Second implementation: scipy.stats.f_oneway(equal_var=False), means as effects."""
    rng = np.random.default_rng(3)
    groups = [rng.normal(mean, spread, n) for mean, spread, n in ((0, 1, 6), (1, 3, 9), (0, 2, 20))]
    other = stats.f_oneway(*groups, equal_var=False)
    found = known(
        welch_interaction(
            [float(group.mean()) for group in groups],
            [float(group.std(ddof=1) / math.sqrt(len(group))) for group in groups],
            [len(group) - 1.0 for group in groups],
        )
    )
    assert found.statistic == pytest.approx(other.statistic)
    assert found.p_value == pytest.approx(other.pvalue)


def test_known_errors_make_welchs_test_cochrans() -> None:
    found = known(welch_interaction([1.0, 2.0, 4.0], [1.0, 1.0, 2.0], [math.inf] * 3))
    q = one_effect([1.0, 2.0, 4.0], [1.0, 1.0, 2.0])[2]
    assert found.statistic == pytest.approx(q)
    assert (found.df, found.df_residual) == (2, math.inf)


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ([], "fewer than 2 levels"),
        ([FLAT], "fewer than 2 levels"),
        ([FLAT, FLAT], "varies"),
        ([FLAT, Stratum("none", Sample.of([]), Sample.of([1.0]))], "level none has no customer"),
    ],
)
def test_levels_that_cannot_be_compared_say_why(levels: list[Stratum], reason: str) -> None:
    found = interaction_f(levels)
    assert isinstance(found, Undefined)
    assert reason in found.reason
    assert isinstance(interaction_wald(levels), Undefined)


@pytest.mark.parametrize(
    ("effects", "ses"),
    [([], []), ([1.0], [1.0]), ([1.0, 2.0], [1.0, 0.0]), ([1.0, math.nan], [1.0, 1.0])],
)
def test_effects_without_errors_cannot_be_compared(effects: list[float], ses: list[float]) -> None:
    assert isinstance(welch_interaction(effects, ses, [5.0] * len(ses)), Undefined)


def test_levels_that_say_nothing_about_an_odds_ratio_are_left_out() -> None:
    told = [
        RateStratum("a", Share(5, 50), Share(9, 40)),
        RateStratum("b", Share(8, 50), Share(2, 40)),
    ]
    silent = [
        RateStratum("c", Share(0, 9), Share(0, 9)),
        RateStratum("d", Share(9, 9), Share(9, 9)),
    ]
    assert interaction_likelihood_ratio([*told, *silent]) == interaction_likelihood_ratio(told)
    assert isinstance(interaction_likelihood_ratio(silent), Undefined)
    apart = [RateStratum(name, Share(0, 9), Share(5, 9)) for name in "ab"]
    found = interaction_likelihood_ratio(apart)
    assert found == Undefined("at every level one group holds all the events that it can")


rates = st.tuples(st.integers(1, 40), st.integers(1, 40)).map(lambda two: Share(two[0], sum(two)))


@given(st.lists(st.tuples(rates, rates), min_size=2, max_size=5))
def test_swapping_changes_no_test(pairs: list[tuple[Share, Share]]) -> None:
    one, other = (
        known(
            interaction_likelihood_ratio(
                [RateStratum(str(at), *pair[::step]) for at, pair in enumerate(pairs)]
            )
        )
        for step in (1, -1)
    )
    assert one.statistic == pytest.approx(other.statistic, abs=1e-8)
    assert one.statistic >= 0
