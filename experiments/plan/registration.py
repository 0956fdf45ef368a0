"""Was the plan there before the outcome? A plan written afterwards proves less."""

from datetime import date, datetime
from enum import StrEnum


class Registration(StrEnum):
    """Whether the plan was frozen before anybody could know the outcome."""

    PROSPECTIVE = "prospective"
    RETROSPECTIVE = "retrospective"


def registration(
    *, frozen_at: datetime, starts_on: date, first_outcome_recorded_at: datetime | None
) -> Registration:
    """Prospective: frozen by `starts_on` and before the first outcome row was recorded.

    Args:
        frozen_at: When the plan was frozen, in the company's time zone.
        starts_on: First day of the pilot.
        first_outcome_recorded_at: When the first outcome row inside the pilot's window reached
            the ledger; None if there is none yet.

    Example:
        >>> from datetime import UTC
        >>> registration(
        ...     frozen_at=datetime(2026, 3, 1, 9, tzinfo=UTC),
        ...     starts_on=date(2026, 3, 1),
        ...     first_outcome_recorded_at=datetime(2026, 3, 9, 2, tzinfo=UTC),
        ... ).value
        'prospective'
    """
    too_late = frozen_at.date() > starts_on
    known = first_outcome_recorded_at is not None and first_outcome_recorded_at <= frozen_at
    return Registration.RETROSPECTIVE if too_late or known else Registration.PROSPECTIVE
