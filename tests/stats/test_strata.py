"""Differences within strata: by hand, against Lin's regression, and at their edges."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.ancova import TREATMENT, lin_fit
from experiments.stats.limits import quantile
from experiments.stats.moments import Sample
from experiments.stats.regression import coefficient
from experiments.stats.strata import (
    StratifiedDifference,
    Stratum,
    Weights,
    stratified_difference,
)
from tests.stats.rows import rows
from tests.stats.samples import samples
from tests.stats.test_regression import fitted
from tests.stats.test_regression import known as known_coefficient

NEW = Stratum("new", Sample(10, 5.0, 4.0), Sample(30, 3.0, 9.0))
OLD = Stratum("old", Sample(20, 8.0, 1.0), Sample(20, 9.0, 4.0))
FLAT = Stratum("flat", Sample(5, 1.0, 0.0), Sample(5, 1.0, 0.0))


def known(found: StratifiedDifference | Undefined) -> StratifiedDifference:
    """The difference, which must exist."""
    assert isinstance(found, StratifiedDifference)
    return found


@pytest.mark.parametrize(
    ("weights", "share"),
    [
        (Weights.POPULATION, 40 / 80),
        (Weights.MANTEL_HAENSZEL, 7.5 / 17.5),
        (Weights.INVERSE_VARIANCE, (1 / 0.7) / (1 / 0.7 + 1 / 0.25)),
    ],
)
def test_the_weighted_mean_agrees_with_the_formula_worked_by_hand(
    weights: Weights, share: float
) -> None:
    """Effects 2 and -1 with variances 4/10 + 9/30 = 0.7 and 1/20 + 4/20 = 0.25."""
    found = known(stratified_difference([NEW, OLD], weights=weights))
    assert found.effects == (2.0, -1.0)
    assert found.weights == pytest.approx((share, 1 - share))
    assert found.difference.value == pytest.approx(2 * share - (1 - share))
    parts = [
        (share**2 * 0.4, 9),
        (share**2 * 0.3, 29),
        ((1 - share) ** 2 * 0.05, 19),
        ((1 - share) ** 2 * 0.2, 19),
    ]
    variance = sum(part for part, _ in parts)
    assert found.difference.se == pytest.approx(math.sqrt(variance))
    df = variance**2 / sum(part**2 / df for part, df in parts)
    assert found.difference.df == pytest.approx(df)
    assert found.difference.control_variance == pytest.approx(parts[1][0] + parts[3][0])


def test_population_weights_are_lins_regression_on_indicators_of_strata() -> None:
    """Second implementation: least squares on rows, centred indicators, HC2; they are the same."""
    data = rows(1)
    strata = [
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
    found = known(stratified_difference(strata)).difference
    fit = fitted(
        lin_fit(outcome=data.outcome, treated=data.treated.tolist(), covariates={"zone": data.zone})
    )
    other = known_coefficient(coefficient(fit, TREATMENT))
    assert (found.value, found.se) == pytest.approx((other.value, other.se))


def test_the_normal_interval_is_narrower() -> None:
    found = known(stratified_difference([NEW, OLD], normal=True)).difference
    assert found.df == math.inf
    assert found.high - found.value == pytest.approx(quantile(0.975) * found.se)


@pytest.mark.parametrize(
    ("strata", "weights", "reason"),
    [
        ([], Weights.POPULATION, "no stratum"),
        ([FLAT], Weights.POPULATION, "same value"),
        ([NEW, FLAT], Weights.INVERSE_VARIANCE, "flat nothing varies"),
        ([NEW, Stratum("one", Sample.of([1.0]), NEW.control)], Weights.POPULATION, "stratum one"),
        ([NEW, Stratum("none", NEW.treatment, Sample.of([]))], Weights.POPULATION, "0 customers"),
    ],
)
def test_what_cannot_be_compared_says_why(
    strata: list[Stratum], weights: Weights, reason: str
) -> None:
    found = stratified_difference(strata, weights=weights)
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_a_stratum_without_spread_counts_where_its_variance_is_no_weight() -> None:
    found = known(stratified_difference([NEW, FLAT]))
    assert found.weights == pytest.approx((0.8, 0.2))
    assert found.difference.value == pytest.approx(1.6)


@given(st.lists(samples, min_size=4, max_size=4), st.sampled_from(list(Weights)))
def test_swapping_flips_the_sign(four: list[Sample], weights: Weights) -> None:
    one, two, three, four_ = four
    found = known(
        stratified_difference([Stratum("a", one, two), Stratum("b", three, four_)], weights=weights)
    )
    other = known(
        stratified_difference([Stratum("a", two, one), Stratum("b", four_, three)], weights=weights)
    )
    assert other.difference.value == pytest.approx(-found.difference.value)
    assert other.difference.p_value == pytest.approx(found.difference.p_value)
