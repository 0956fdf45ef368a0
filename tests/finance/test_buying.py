"""Buying histories by hand and by property."""

from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from experiments.finance.buying import BuyingCounts, BuyingHistories

MONDAY = date(2026, 1, 5)
purchases = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.integers(0, 500)), max_size=25
)


def histories(rows: list[tuple[str, int, int]], *, last: int = 42) -> BuyingHistories:
    """Histories of purchases of customer, day and amount, up to a day."""
    return BuyingHistories.of(
        customers=[customer for customer, _, _ in rows],
        days=[MONDAY + timedelta(day) for _, day, _ in rows],
        amounts=[float(amount) for _, _, amount in rows],
        end=MONDAY + timedelta(last),
    )


def test_purchases_of_one_day_are_one_and_the_first_day_is_not_a_repeat() -> None:
    found = histories([("b", 14, 5), ("a", 0, 9), ("b", 0, 2), ("b", 14, 3), ("b", 28, 4)])
    assert found.customers == ("a", "b")
    assert found.frequency.tolist() == [0.0, 2.0]
    assert found.recency.tolist() == [0.0, 4.0]
    assert found.age.tolist() == [6.0, 6.0]
    assert found.repeat_amount.tolist() == [0.0, 12.0]
    assert found.mean_repeat_amount.tolist() == [0.0, 6.0]


def test_what_was_bought_after_the_end_is_left_out() -> None:
    found = histories([("a", 0, 9), ("a", 7, 4), ("a", 8, 5), ("b", 8, 1)], last=7)
    assert found.customers == ("a",)
    assert (found.frequency.tolist(), found.age.tolist()) == ([1.0], [1.0])


def test_nobody_who_bought_is_no_history() -> None:
    found = histories([])
    assert found.customers == ()
    assert found.counts.customers.tolist() == []


def test_equal_histories_are_counted_once() -> None:
    found = BuyingCounts.of(frequency=[0, 1, 0, 1], recency=[0, 2, 0, 3], age=[5, 5, 5, 5])
    assert found.frequency.tolist() == [0.0, 1.0, 1.0]
    assert found.recency.tolist() == [0.0, 2.0, 3.0]
    assert found.customers.tolist() == [2.0, 1.0, 1.0]


@given(purchases)
def test_histories_are_those_of_each_customer_in_any_order(
    rows: list[tuple[str, int, int]],
) -> None:
    found, turned = histories(rows), histories(rows[::-1])
    assert found.customers == turned.customers == tuple(sorted({name for name, _, _ in rows}))
    for at, name in enumerate(found.customers):
        days = sorted({day for who, day, _ in rows if who == name})
        spent = sum(amount for who, day, amount in rows if who == name and day > days[0])
        assert found.frequency[at] == len(days) - 1
        assert found.recency[at] == (days[-1] - days[0]) / 7
        assert found.age[at] == (42 - days[0]) / 7
        assert found.repeat_amount[at] == turned.repeat_amount[at] == spent
    assert np.sum(found.counts.customers) == len(found.customers)
