"""Risk ratios and odds ratios by hand, against R, and where a count is zero."""

import math

import pytest
from hypothesis import given

from experiments.errors import Undefined
from experiments.stats.estimate import Alternative, Interval
from experiments.stats.rates import Share
from experiments.stats.risk import Association, LogRatio, odds_ratio, risk_ratio
from tests.stats.samples import shares

MEASURES = [risk_ratio, odds_ratio]


def logarithmic(found: Association | Undefined) -> LogRatio:
    """The log scale's answer, which must exist."""
    assert isinstance(found, Association)
    assert isinstance(found.log, LogRatio)
    return found.log


def test_both_ratios_agree_with_their_formulas_worked_by_hand() -> None:
    """15/50 against 25/50: 0.6 and (15/35) / 1; R's metafor (escalc "RR", "OR") agrees."""
    treatment, control = Share(15, 50), Share(25, 50)
    risk, odds = (measure(treatment=treatment, control=control) for measure in MEASURES)
    assert logarithmic(risk).se == pytest.approx(math.sqrt(1 / 15 - 1 / 50 + 1 / 25 - 1 / 50))
    assert logarithmic(odds).se == pytest.approx(math.sqrt(1 / 15 + 1 / 35 + 2 / 25))
    assert (logarithmic(risk).low, logarithmic(risk).high) == pytest.approx(
        (0.361719529, 0.995246236)
    )
    assert (logarithmic(odds).low, logarithmic(odds).high) == pytest.approx(
        (0.188667854, 0.973528161)
    )
    assert isinstance(odds, Association)
    assert odds.value == pytest.approx(15 / 35)


def test_one_sided_tests_halve_the_p_value_and_open_the_interval() -> None:
    for measure in MEASURES:
        both = logarithmic(measure(treatment=Share(25, 50), control=Share(15, 50)))
        one = logarithmic(
            measure(treatment=Share(25, 50), control=Share(15, 50), alternative=Alternative.GREATER)
        )
        less = logarithmic(
            measure(treatment=Share(25, 50), control=Share(15, 50), alternative=Alternative.LESS)
        )
        assert one.p_value == pytest.approx(both.p_value / 2)
        assert math.isinf(one.high)
        assert less.low == 0


def test_without_a_treated_event_only_the_score_interval_stands() -> None:
    for measure in MEASURES:
        found = measure(treatment=Share(0, 30), control=Share(5, 30))
        assert isinstance(found, Association)
        assert found.value == 0
        assert isinstance(found.log, Undefined)
        assert isinstance(found.score, Interval)
        assert found.score.low == 0
        assert 0 < found.score.high < 1


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("treatment", "control"), [(Share(0, 0), Share(1, 2)), (Share(1, 2), Share(0, 9))]
)
def test_a_ratio_without_a_denominator_says_why(
    measure: object, treatment: Share, control: Share
) -> None:
    assert callable(measure)
    assert isinstance(measure(treatment=treatment, control=control), Undefined)


def test_everybody_against_everybody_has_a_risk_ratio_but_no_odds() -> None:
    risk = risk_ratio(treatment=Share(5, 5), control=Share(9, 9))
    assert isinstance(risk, Association)
    assert risk.value == 1
    assert isinstance(risk.log, Undefined)
    assert isinstance(odds_ratio(treatment=Share(5, 5), control=Share(9, 9)), Undefined)


@given(treatment=shares, control=shares)
def test_swapping_the_groups_inverts_both_ratios(treatment: Share, control: Share) -> None:
    for measure in MEASURES:
        one = measure(treatment=treatment, control=control)
        other = measure(treatment=control, control=treatment)
        if not (isinstance(one, Association) and isinstance(one.log, LogRatio)):
            continue
        swapped = logarithmic(other)
        assert isinstance(other, Association)
        assert other.value == pytest.approx(1 / one.value)
        assert (swapped.low, swapped.high) == pytest.approx((1 / one.log.high, 1 / one.log.low))
        assert swapped.p_value == pytest.approx(one.log.p_value)
        assert isinstance(one.score, Interval)
        assert one.score.low <= one.value * (1 + 1e-9)
        assert one.value <= one.score.high * (1 + 1e-9)
