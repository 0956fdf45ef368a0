"""How are a day and a p-value said? In the same words by checks, charts, pages and errors."""

from datetime import date
from typing import Final

# Spelled out, because the months of `strftime` follow the language of the machine.
MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def month(value: date) -> str:
    """The name of its month."""
    return MONTHS[value.month - 1]


def day(value: date) -> str:
    """A date as people write it.

    Example:
        >>> day(date(2026, 4, 3))
        '3 April 2026'
    """
    return f"{value.day} {month(value)} {value.year}"


def p_value(value: float) -> str:
    """Three decimals, or "< 0.001".

    Example:
        >>> p_value(0.0204), p_value(0.0004)
        ('0.020', '< 0.001')
    """
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def p_is(value: float) -> str:
    """A p-value inside a sentence.

    Example:
        >>> p_is(0.0204), p_is(0.0004)
        ('p = 0.020', 'p < 0.001')
    """
    said = p_value(value)
    return f"p {said}" if said.startswith("<") else f"p = {said}"
