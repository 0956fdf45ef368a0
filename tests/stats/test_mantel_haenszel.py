"""Rates over strata against R's admissions to Berkeley, by hand, and where nothing varies."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative
from experiments.stats.mantel_haenszel import (
    ChiSquare,
    Pooled,
    Stratum,
    cochran_mantel_haenszel,
    equal_odds_ratios,
    pooled_odds_ratio,
    pooled_risk_difference,
    pooled_risk_ratio,
)
from experiments.stats.rates import Share
from experiments.stats.risk import Association, LogRatio, risk_ratio
from tests.stats.samples import shares

# R's UCBAdmissions: admitted of men and of women in departments A to F.
BERKELEY = [
    Stratum(Share(512, 825), Share(89, 108)),
    Stratum(Share(353, 560), Share(17, 25)),
    Stratum(Share(120, 325), Share(202, 593)),
    Stratum(Share(138, 417), Share(131, 375)),
    Stratum(Share(53, 191), Share(94, 393)),
    Stratum(Share(22, 373), Share(24, 341)),
]
MEASURES = [pooled_odds_ratio, pooled_risk_ratio, pooled_risk_difference]
several = st.lists(st.builds(Stratum, shares, shares), min_size=1, max_size=6)


def known(found: Pooled | Undefined) -> Pooled:
    """The pooled measure, which must exist."""
    assert isinstance(found, Pooled)
    return found


def test_the_berkeley_admissions_have_the_published_values() -> None:
    """R, mantelhaen.test(UCBAdmissions): 1.4269, p 0.2323; 0.9046968 (0.7719074 to 1.0603298)."""
    test = cochran_mantel_haenszel(BERKELEY, continuity=True)
    odds = known(pooled_odds_ratio(BERKELEY))
    assert isinstance(test, ChiSquare)
    assert (test.statistic, test.p_value) == pytest.approx((1.4269, 0.2323), abs=5e-5)
    assert (odds.value, odds.low, odds.high) == pytest.approx(
        (0.9046968, 0.7719074, 1.0603298), abs=5e-8
    )


def test_the_odds_ratios_of_berkeley_differ_between_departments() -> None:
    """StratifiedTable.test_equal_odds of statsmodels 0.15.0, with and without Tarone."""
    tarone, plain = (equal_odds_ratios(BERKELEY, tarone=one) for one in (True, False))
    assert isinstance(tarone, ChiSquare)
    assert isinstance(plain, ChiSquare)
    assert tarone.df == 5
    assert tarone.statistic == pytest.approx(18.82550125205, rel=1e-10)
    assert plain.statistic == pytest.approx(18.82551370524, rel=1e-10)


def test_one_stratum_is_the_plain_comparison() -> None:
    """15/50 against 25/50: Sato's variance is (0.3 x 0.7 + 0.5 x 0.5) / 50 by hand."""
    stratum = Stratum(Share(15, 50), Share(25, 50))
    risk = risk_ratio(treatment=stratum.treatment, control=stratum.control)
    assert isinstance(risk, Association)
    assert isinstance(risk.log, LogRatio)
    assert known(pooled_risk_ratio([stratum])).se == pytest.approx(risk.log.se)
    assert known(pooled_odds_ratio([stratum])).se == pytest.approx(
        math.sqrt(1 / 15 + 1 / 35 + 2 / 25)
    )
    gap = known(pooled_risk_difference([stratum]))
    assert (gap.value, gap.se) == pytest.approx((-0.2, math.sqrt(0.0092)))
    less = known(pooled_risk_difference([stratum], alternative=Alternative.LESS))
    assert less.p_value == pytest.approx(gap.p_value / 2)
    # By hand: (15 - 20)^2 / (50 x 50 x 40 x 60 / (100^2 x 99)).
    test = cochran_mantel_haenszel([stratum])
    assert isinstance(test, ChiSquare)
    assert test.statistic == pytest.approx(25 / (2500 * 2400 / 990_000))


def test_a_stratum_with_one_group_says_nothing() -> None:
    alone = Stratum(Share(3, 5), Share(0, 0))
    for measure in MEASURES:
        assert measure([*BERKELEY, alone]) == measure(BERKELEY)
        assert isinstance(measure([alone]), Undefined)
        assert isinstance(measure([]), Undefined)
    assert isinstance(cochran_mantel_haenszel([alone]), Undefined)
    assert isinstance(equal_odds_ratios([alone]), Undefined)


@pytest.mark.parametrize("events", [0, 20])
def test_without_variation_no_measure_exists(events: int) -> None:
    strata = [Stratum(Share(events, 20), Share(events, 20))] * 2
    for measure in MEASURES:
        assert isinstance(measure(strata), Undefined)
    assert isinstance(cochran_mantel_haenszel(strata), Undefined)
    assert isinstance(equal_odds_ratios(strata), Undefined)


def test_one_stratum_cannot_differ_from_itself() -> None:
    assert isinstance(equal_odds_ratios(BERKELEY[:1]), Undefined)


@given(strata=several)
def test_swapping_the_groups_flips_or_inverts(strata: list[Stratum]) -> None:
    swapped = [Stratum(one.control, one.treatment) for one in strata]
    tests = cochran_mantel_haenszel(strata), cochran_mantel_haenszel(swapped)
    if all(isinstance(test, ChiSquare) for test in tests):
        assert tests[0].statistic == pytest.approx(tests[1].statistic)  # type: ignore[union-attr]
    for measure in MEASURES:
        one, other = measure(strata), measure(swapped)
        if isinstance(one, Undefined):
            assert isinstance(other, Undefined)
            continue
        other = known(other)
        assert other.p_value == pytest.approx(one.p_value)
        if measure is pooled_risk_difference:
            assert (other.low, other.high) == pytest.approx((-one.high, -one.low))
        else:
            assert (other.low, other.high) == pytest.approx((1 / one.high, 1 / one.low))
    spread = equal_odds_ratios(strata), equal_odds_ratios(swapped)
    if all(isinstance(test, ChiSquare) for test in spread):
        assert spread[0].statistic == pytest.approx(  # type: ignore[union-attr]
            spread[1].statistic,  # type: ignore[union-attr]
            rel=1e-6,
            abs=1e-6,
        )
