"""The split check against a published case, by hand, and at its edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import BadInput, Undefined
from experiments.stats.split import ChiSquare, split_check


def test_a_published_mismatch_is_found() -> None:
    """Fabijan et al. (2019): 821,588 against 815,482 has p = 1.8e-6."""
    found = split_check(observed=[821_588, 815_482], shares=[0.5, 0.5])
    assert isinstance(found, ChiSquare)
    assert found.p_value == pytest.approx(1.8e-6, abs=6e-8)


def test_unequal_shares_agree_with_the_formula_worked_by_hand() -> None:
    """80 and 120 where 50 and 150 were planned: 30^2 / 50 + 30^2 / 150 = 24."""
    found = split_check(observed=[80, 120], shares=[0.25, 0.75])
    assert isinstance(found, ChiSquare)
    assert found.statistic == pytest.approx(24)
    assert found.df == 1


def test_shares_that_were_rounded_in_print_are_taken_as_they_were_meant() -> None:
    found = split_check(observed=[100, 100, 100], shares=[0.3333333] * 3)
    assert isinstance(found, ChiSquare)
    assert found.statistic == pytest.approx(0, abs=1e-9)
    assert found.p_value == pytest.approx(1)


@pytest.mark.parametrize(
    ("observed", "shares"),
    [
        ([1, 2], [0.5, 0.4]),
        ([1, 2], [1.0, 0.0]),
        ([1, 2], [1.5, -0.5]),
        ([1, 2, 3], [0.5, 0.5]),
        ([-1, 2], [0.5, 0.5]),
        ([1, 2], [float("nan"), 0.5]),
    ],
)
def test_a_plan_that_is_no_split_is_refused(observed: list[int], shares: list[float]) -> None:
    with pytest.raises(BadInput):
        split_check(observed=observed, shares=shares)


@pytest.mark.parametrize(
    ("observed", "shares", "reason"),
    [([0, 0], [0.5, 0.5], "nothing was assigned"), ([5], [1.0], "one group"), ([], [], "")],
)
def test_what_was_not_split_says_why(observed: list[int], shares: list[float], reason: str) -> None:
    if not observed:
        with pytest.raises(BadInput):
            split_check(observed=observed, shares=shares)
        return
    found = split_check(observed=observed, shares=shares)
    assert isinstance(found, Undefined)
    assert reason in found.reason


@given(counts=st.lists(st.integers(1, 10_000), min_size=2, max_size=6))
def test_the_order_of_the_groups_does_not_matter(counts: list[int]) -> None:
    shares = [(place + 1) / sum(range(1, len(counts) + 1)) for place in range(len(counts))]
    one = split_check(observed=counts, shares=shares)
    other = split_check(observed=counts[::-1], shares=shares[::-1])
    assert isinstance(one, ChiSquare)
    assert isinstance(other, ChiSquare)
    assert one.statistic == pytest.approx(other.statistic)
