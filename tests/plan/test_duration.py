"""How long enrolment takes; windows are tested with the outlook."""

from datetime import date

import pytest

from experiments.errors import Undefined
from experiments.plan.duration import last_enrolment

FIRST = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("customers", "per_day", "last"),
    [(900, 300.0, 3), (901, 300.0, 4), (1, 300.0, 1), (0, 5.0, 1), (3, 0.5, 6)],
)
def test_the_last_customer_is_enrolled_when_all_have_arrived(
    customers: int, per_day: float, last: int
) -> None:
    found = last_enrolment(customers, customers_per_day=per_day, starts_on=FIRST)
    assert found == date(2026, 3, last)


@pytest.mark.parametrize("per_day", [0.0, -1.0, 1e-9])
def test_where_hardly_anybody_arrives_there_is_no_last_day(per_day: float) -> None:
    found = last_enrolment(10_000, customers_per_day=per_day, starts_on=FIRST)
    assert isinstance(found, Undefined)
