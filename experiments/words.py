"""How are a day, a p-value and a cell of a table said? Everywhere in the same words."""

from datetime import date, datetime
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
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


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


def moment(value: datetime) -> str:
    """A time as people write it, in the time zone that it carries.

    Example:
        >>> moment(datetime(2026, 4, 3, 14, 5))
        '3 April 2026, 14:05'
    """
    return f"{day(value)}, {value.hour:02}:{value.minute:02}"


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


def cell_text(value: str) -> str:
    """A text in a cell of a CSV table; one that a spreadsheet would run gets an apostrophe.

    Example:
        >>> cell_text("=1+1"), cell_text("shoes")
        ("'=1+1", 'shoes')
    """
    text = f"'{value}" if value.startswith(FORMULA_STARTS) else value
    # The writer quotes a line feed, but a carriage return would end the line for many readers.
    return text.replace("\r", " ")
