"""Rank comparison against R and SciPy, from rows and from counts, and at its edges."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import brunnermunzel, mannwhitneyu

from experiments.errors import BadInput, Undefined
from experiments.stats.estimate import Alternative, Interval
from experiments.stats.rank import RankTest, mann_whitney, mann_whitney_counts

# Hollander and Wolfe (1973), Nonparametric Statistical Methods, page 69, as in R's ?wilcox.test.
TERM = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
EARLY = [1.15, 0.88, 0.90, 0.74, 1.21]
few = st.lists(st.integers(0, 6), min_size=2, max_size=25)


def known(found: RankTest | Undefined) -> RankTest:
    """The comparison, which must exist."""
    assert isinstance(found, RankTest)
    return found


def test_it_agrees_with_r() -> None:
    """wilcox.test(x, y, alternative = "g", exact = FALSE, correct = FALSE): W 35, p 0.1103."""
    found = known(
        mann_whitney(
            treatment=TERM, control=EARLY, alternative=Alternative.GREATER, continuity=False
        )
    )
    assert found.u == 35
    assert found.p_value == pytest.approx(0.1103, abs=5e-5)
    assert found.superiority == pytest.approx(0.7)


@given(treatment=few, control=few)
def test_it_agrees_with_scipy_with_ties(treatment: list[int], control: list[int]) -> None:
    for alternative in Alternative:
        found = mann_whitney(treatment=treatment, control=control, alternative=alternative)
        if isinstance(found, Undefined):
            assert len({*treatment, *control}) == 1
            return
        expected = mannwhitneyu(
            treatment, control, method="asymptotic", alternative=alternative.value
        )
        assert found.u == pytest.approx(expected.statistic)
        assert found.p_value == pytest.approx(expected.pvalue)


def test_the_interval_is_that_of_brunner_and_munzel() -> None:
    """SciPy's p-value is the confidence at which the interval just reaches 0.5."""
    p = float(brunnermunzel(EARLY, TERM).pvalue)
    found = known(mann_whitney(treatment=TERM, control=EARLY, confidence=1 - p))
    assert isinstance(found.interval, Interval)
    assert found.interval.low == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("treatment", "control", "reason"),
    [
        ([], [1.0], "treatment group has no customer"),
        ([1.0], [], "control group has no customer"),
        ([2.0, 2.0], [2.0, 2.0, 2.0], "same value"),
    ],
)
def test_a_comparison_that_does_not_exist_says_why(
    treatment: list[float], control: list[float], reason: str
) -> None:
    found = mann_whitney(treatment=treatment, control=control)
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_one_customer_or_groups_apart_leave_no_interval() -> None:
    alone = known(mann_whitney(treatment=[3.0], control=[1.0, 2.0]))
    apart = known(mann_whitney(treatment=[3.0, 4.0], control=[1.0, 2.0]))
    assert isinstance(alone.interval, Undefined)
    assert isinstance(apart.interval, Undefined)
    assert apart.superiority == 1


def test_what_is_not_a_number_has_no_rank() -> None:
    with pytest.raises(BadInput, match="not a number"):
        mann_whitney(treatment=[float("nan")], control=[1.0])


@given(treatment=few, control=few, currency=st.floats(0.01, 100))
def test_swapping_mirrors_and_the_currency_does_not_matter(
    treatment: list[int], control: list[int], currency: float
) -> None:
    one = mann_whitney(treatment=treatment, control=control)
    if isinstance(one, Undefined):
        return
    counted = mann_whitney_counts(treatment=Counter(treatment), control=Counter(control))
    assert counted == one
    other = known(mann_whitney(treatment=control, control=treatment))
    assert other.superiority == pytest.approx(1 - one.superiority)
    assert other.p_value == pytest.approx(one.p_value)
    scaled = known(
        mann_whitney(
            treatment=[currency * value for value in treatment],
            control=[currency * value for value in control],
        )
    )
    assert scaled == one
