"""How many months lie between two days, as a bookkeeper counts them."""

import calendar
from datetime import date


def months_between(first: date, end: date) -> float:
    """Whole calendar months from `first`, and the rest as a share of the month it falls in.

    Args:
        first: First day that counts.
        end: First day that counts no more.

    Example:
        >>> months_between(date(2026, 1, 1), date(2026, 4, 1))
        3.0
        >>> round(months_between(date(2026, 1, 31), date(2026, 3, 15)), 3)
        1.484
    """
    whole = (end.year - first.year) * 12 + end.month - first.month
    if _months_later(first, whole) > end:
        whole -= 1
    anchor, next_anchor = _months_later(first, whole), _months_later(first, whole + 1)
    return whole + (end - anchor).days / (next_anchor - anchor).days


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
