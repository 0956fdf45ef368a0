"""Prospective or retrospective: PILOT_FILE.md, Registration."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from experiments.plan.registration import Registration, registration

STARTS_ON = date(2026, 3, 10)
MORNING = datetime(2026, 3, 10, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("frozen_at", "first_outcome", "expected"),
    [
        (MORNING - timedelta(days=30), None, "prospective"),
        (MORNING, None, "prospective"),  # on the first day: no later than starts_on
        (datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC), None, "prospective"),
        (datetime(2026, 3, 11, tzinfo=UTC), None, "retrospective"),
        (MORNING, MORNING + timedelta(seconds=1), "prospective"),
        (MORNING, MORNING, "retrospective"),  # before, not at the same moment
        (MORNING, MORNING - timedelta(days=1), "retrospective"),
        (MORNING + timedelta(days=9), MORNING + timedelta(days=20), "retrospective"),
    ],
)
def test_the_plan_must_be_there_by_the_start_and_before_the_first_outcome(
    frozen_at: datetime, first_outcome: datetime | None, expected: str
) -> None:
    found = registration(
        frozen_at=frozen_at, starts_on=STARTS_ON, first_outcome_recorded_at=first_outcome
    )
    assert found is Registration(expected)


def test_the_day_is_the_companys() -> None:
    """23:30 UTC on the 10th is the 11th in Auckland (UTC+13): a day too late."""
    auckland = timezone(timedelta(hours=13))
    frozen_at = datetime(2026, 3, 10, 23, 30, tzinfo=UTC).astimezone(auckland)
    found = registration(frozen_at=frozen_at, starts_on=STARTS_ON, first_outcome_recorded_at=None)
    assert found is Registration.RETROSPECTIVE
