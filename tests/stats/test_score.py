"""Score intervals against published tables and against a direct search of the likelihood."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import xlog1py, xlogy

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Interval
from experiments.stats.rates import Share, ZTest, pooled_z_test
from experiments.stats.score import (
    miettinen_nurminen,
    miettinen_nurminen_odds_ratio,
    miettinen_nurminen_ratio,
    relative_score_test,
    score_test,
)
from tests.stats.samples import shares

Z = 1.959963984540054
# Newcombe (1998), Statistics in Medicine 17:873-890, table II: methods 6 (Miettinen-Nurminen)
# and 5 (Mee).
PUBLISHED = [
    (Share(56, 70), Share(48, 80), (0.0528, 0.3382), (0.0533, 0.3377)),
    (Share(9, 10), Share(3, 10), (0.1700, 0.8406), (0.1821, 0.8370)),
    (Share(6, 7), Share(2, 7), (0.0342, 0.8534), (0.0544, 0.8478)),
    (Share(5, 56), Share(0, 29), (-0.0326, 0.1933), (-0.0313, 0.1926)),
    (Share(0, 10), Share(0, 20), (-0.1658, 0.2844), (-0.1611, 0.2775)),
    (Share(0, 10), Share(0, 10), (-0.2879, 0.2879), (-0.2775, 0.2775)),
    (Share(10, 10), Share(0, 20), (0.7156, 1.0), (0.7225, 1.0)),
    (Share(10, 10), Share(0, 10), (0.6636, 1.0), (0.6777, 1.0)),
]


@pytest.mark.parametrize(("treatment", "control", "corrected", "plain"), PUBLISHED)
def test_the_interval_reproduces_the_published_table(
    treatment: Share, control: Share, corrected: tuple[float, float], plain: tuple[float, float]
) -> None:
    found = miettinen_nurminen(treatment=treatment, control=control)
    mee = miettinen_nurminen(treatment=treatment, control=control, corrected=False)
    assert isinstance(found, Interval)
    assert isinstance(mee, Interval)
    assert (found.low, found.high) == pytest.approx(corrected, abs=6e-5)
    assert (mee.low, mee.high) == pytest.approx(plain, abs=6e-5)


def log_likelihood(share: Share, rate: float) -> float:
    """Of a binomial rate, without its constant."""
    return float(xlogy(share.events, rate) + xlog1py(share.n - share.events, -rate))


@settings(max_examples=40, deadline=None)
@given(treatment=shares, control=shares)
def test_at_its_limits_the_difference_is_just_not_rejected(
    treatment: Share, control: Share
) -> None:
    """The constrained rates found by direct search instead of the root of the cubic."""
    found = miettinen_nurminen(treatment=treatment, control=control)
    assert isinstance(found, Interval)
    n = treatment.n + control.n
    observed = treatment.events / treatment.n - control.events / control.n
    for gap in (found.low, found.high):
        if abs(gap) > 1 - 1e-6:
            continue
        rate = minimize_scalar(
            lambda rate, gap=gap: (
                -log_likelihood(control, rate)
                - log_likelihood(treatment, min(1, max(0, rate + gap)))
            ),
            bounds=(max(0, -gap), min(1, 1 - gap)),
            method="bounded",
            options={"xatol": 1e-12},
        ).x
        raised = min(1, max(0, rate + gap))
        variance = raised * (1 - raised) / treatment.n + rate * (1 - rate) / control.n
        z = abs(observed - gap) / math.sqrt(variance * n / (n - 1))
        assert z == pytest.approx(Z, rel=2e-3)


@settings(max_examples=40, deadline=None)
@given(treatment=shares, control=shares)
def test_at_its_limits_the_ratio_is_just_not_rejected(treatment: Share, control: Share) -> None:
    """The constrained rates found by direct search instead of the root of the quadratic."""
    found = miettinen_nurminen_ratio(treatment=treatment, control=control)
    if isinstance(found, Undefined):
        assert treatment.events == control.events == 0
        return
    n = treatment.n + control.n
    for ratio in (found.low, found.high):
        if ratio == 0 or math.isinf(ratio):
            continue
        rate = minimize_scalar(
            lambda rate, ratio=ratio: (
                -log_likelihood(control, rate) - log_likelihood(treatment, min(1, rate * ratio))
            ),
            bounds=(0, min(1, 1 / ratio)),
            method="bounded",
            options={"xatol": 1e-13},
        ).x
        raised = min(1, rate * ratio)
        gap = treatment.events / treatment.n - ratio * control.events / control.n
        variance = raised * (1 - raised) / treatment.n + ratio**2 * rate * (1 - rate) / control.n
        z = abs(gap) / math.sqrt(variance * n / (n - 1))
        assert z == pytest.approx(Z, rel=2e-3)


@given(treatment=shares, control=shares, corrected=st.booleans())
def test_swapping_the_groups_flips_the_difference_and_inverts_the_ratio(
    treatment: Share, control: Share, corrected: bool
) -> None:
    one = miettinen_nurminen(treatment=treatment, control=control, corrected=corrected)
    other = miettinen_nurminen(treatment=control, control=treatment, corrected=corrected)
    assert isinstance(one, Interval)
    assert isinstance(other, Interval)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)
    ratio = miettinen_nurminen_ratio(treatment=treatment, control=control)
    inverse = miettinen_nurminen_ratio(treatment=control, control=treatment)
    if isinstance(ratio, Interval) and isinstance(inverse, Interval) and inverse.low > 0:
        assert ratio.high == pytest.approx(1 / inverse.low)


@pytest.mark.parametrize("method", [miettinen_nurminen, miettinen_nurminen_ratio])
def test_an_empty_group_has_no_interval(method: object) -> None:
    assert callable(method)
    found = method(treatment=Share(1, 2), control=Share(0, 0))
    assert found == Undefined("the control group has no customer")


def test_a_ratio_without_events_on_one_side_is_open_on_that_side() -> None:
    up = miettinen_nurminen_ratio(treatment=Share(5, 56), control=Share(0, 29))
    down = miettinen_nurminen_ratio(treatment=Share(0, 29), control=Share(5, 56))
    assert isinstance(up, Interval)
    assert isinstance(down, Interval)
    assert math.isinf(up.high)
    assert down.low == 0
    assert down.high == pytest.approx(1 / up.low)
    assert isinstance(
        miettinen_nurminen_ratio(treatment=Share(0, 9), control=Share(0, 9)), Undefined
    )


def test_the_test_of_a_margin_agrees_with_a_published_implementation() -> None:
    """Farrington and Manning's z for 36/40 against 38/40, margin -0.1: R's rpact, 0.8010039."""
    found = score_test(
        treatment=Share(36, 40),
        control=Share(38, 40),
        margin=-0.1,
        alternative=Alternative.GREATER,
    )
    assert isinstance(found, ZTest)
    assert (found.statistic, found.p_value) == pytest.approx((0.801003905, 0.211564693), abs=1e-8)


def test_the_odds_ratio_agrees_with_another_implementation() -> None:
    """Statsmodels 0.15.0, confint_proportions_2indep(compare="odds-ratio", method="score")."""
    for treatment, control, low, high in [
        (Share(15, 50), Share(25, 50), 0.18920689136639443, 0.9712465726454577),
        (Share(3, 12), Share(1, 10), 0.32368113485771566, 25.28669043782152),
    ]:
        found = miettinen_nurminen_odds_ratio(treatment=treatment, control=control)
        assert isinstance(found, Interval)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


@given(treatment=shares, control=shares)
def test_the_limits_of_the_intervals_are_where_the_tests_just_reject(
    treatment: Share, control: Share
) -> None:
    gap = miettinen_nurminen(treatment=treatment, control=control)
    assert isinstance(gap, Interval)
    for limit, z in ((gap.low, Z), (gap.high, -Z)):
        if abs(limit) < 1 - 1e-6:
            found = score_test(treatment=treatment, control=control, margin=limit, corrected=True)
            assert isinstance(found, ZTest)
            assert found.statistic == pytest.approx(z, rel=1e-4)
    ratio = miettinen_nurminen_ratio(treatment=treatment, control=control)
    if isinstance(ratio, Interval):
        for limit, z in ((ratio.low, Z), (ratio.high, -Z)):
            if 1e-6 < limit < 1e6:
                found = relative_score_test(
                    treatment=treatment, control=control, margin=limit - 1, corrected=True
                )
                assert isinstance(found, ZTest)
                assert found.statistic == pytest.approx(z, rel=1e-4)


@given(treatment=shares, control=shares)
def test_against_no_difference_it_is_the_pooled_z_test(treatment: Share, control: Share) -> None:
    pooled = pooled_z_test(treatment=treatment, control=control)
    for test in (score_test, relative_score_test):
        found = test(treatment=treatment, control=control)
        if isinstance(pooled, Undefined):
            assert isinstance(found, Undefined)
        else:
            assert isinstance(found, ZTest)
            assert found.statistic == pytest.approx(pooled.statistic, rel=1e-6, abs=1e-9)


@given(treatment=shares, control=shares)
def test_swapping_the_groups_inverts_the_odds_ratio(treatment: Share, control: Share) -> None:
    one = miettinen_nurminen_odds_ratio(treatment=treatment, control=control)
    other = miettinen_nurminen_odds_ratio(treatment=control, control=treatment)
    if isinstance(one, Undefined):
        assert treatment.events + control.events in (0, treatment.n + control.n)
        return
    assert isinstance(other, Interval)
    if other.low > 0:
        assert one.high == pytest.approx(1 / other.low)
    else:
        assert math.isinf(one.high)


def test_impossible_margins_and_empty_groups_have_no_test() -> None:
    share, empty = Share(1, 2), Share(0, 0)
    assert isinstance(score_test(treatment=share, control=share, margin=1.0), Undefined)
    assert isinstance(relative_score_test(treatment=share, control=share, margin=-1.0), Undefined)
    for method in (score_test, relative_score_test, miettinen_nurminen_odds_ratio):
        assert isinstance(method(treatment=share, control=empty), Undefined)
