"""Adjusted p-values against R's p.adjust and SciPy, and with tests that have none."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from experiments.errors import BadInput, Undefined
from experiments.stats.multiplicity import Correction, adjusted, found

P_VALUES = [0.005, 0.06, 0.007, 0.04, 0.01, 0.03]
families = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("correction", "expected"),
    [
        (Correction.BONFERRONI, [0.03, 0.36, 0.042, 0.24, 0.06, 0.18]),
        (Correction.HOLM, [0.03, 0.09, 0.035, 0.09, 0.04, 0.09]),
        (Correction.HOCHBERG, [0.03, 0.06, 0.035, 0.06, 0.04, 0.06]),
        (Correction.BENJAMINI_HOCHBERG, [0.02, 0.06, 0.02, 0.048, 0.02, 0.045]),
        (Correction.BENJAMINI_YEKUTIELI, [0.049, 0.147, 0.049, 0.1176, 0.049, 0.11025]),
    ],
)
def test_it_agrees_with_r(correction: Correction, expected: list[float]) -> None:
    """R, p.adjust(p, method) for the six p-values."""
    assert adjusted(P_VALUES, correction=correction) == pytest.approx(expected)


def test_holm_finds_what_its_steps_worked_by_hand_find() -> None:
    """0.005 <= 0.05/6, 0.007 <= 0.05/5, 0.01 <= 0.05/4, but 0.03 > 0.05/3, and there it ends."""
    assert found(P_VALUES, correction=Correction.HOLM) == (True, False, True, False, True, False)


def test_a_test_without_a_p_value_still_counts_for_the_others() -> None:
    missing = Undefined("nobody had the event")
    first, none, last = adjusted([0.01, missing, 0.03], correction=Correction.HOLM)
    assert (first, last) == pytest.approx((0.03, 0.06))
    assert none is missing
    with_one = adjusted([0.01, 1.0, 0.03], correction=Correction.BENJAMINI_HOCHBERG)
    answers = adjusted([0.01, missing, 0.03], correction=Correction.BENJAMINI_HOCHBERG)
    assert (answers[0], answers[2]) == (with_one[0], with_one[2])
    assert found([missing], correction=Correction.HOLM) == (False,)
    assert adjusted([], correction=Correction.HOLM) == ()


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(p: float) -> None:
    with pytest.raises(BadInput, match="between 0 and 1"):
        adjusted([0.5, p], correction=Correction.HOLM)


@given(p_values=families)
def test_the_false_discovery_rates_agree_with_scipy(p_values: list[float]) -> None:
    for correction in (Correction.BENJAMINI_HOCHBERG, Correction.BENJAMINI_YEKUTIELI):
        expected = false_discovery_control(p_values, method=correction.value)
        assert adjusted(p_values, correction=correction) == pytest.approx(expected)


@given(p_values=families)
def test_the_order_of_tests_does_not_matter_and_holm_lies_between(p_values: list[float]) -> None:
    for correction in Correction:
        forwards = adjusted(p_values, correction=correction)
        backwards = adjusted(p_values[::-1], correction=correction)
        assert forwards == pytest.approx(backwards[::-1])
    bonferroni, holm, hochberg, bh = (
        adjusted(p_values, correction=correction)
        for correction in (
            Correction.BONFERRONI,
            Correction.HOLM,
            Correction.HOCHBERG,
            Correction.BENJAMINI_HOCHBERG,
        )
    )
    for ranks in zip(p_values, bh, hochberg, holm, bonferroni, strict=True):
        known = [p for p in ranks if not isinstance(p, Undefined)]
        assert all(one <= other + 1e-12 for one, other in pairwise(known))
