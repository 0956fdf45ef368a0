"""How numbers are said: with their unit and their interval, and no more digits than they bear."""

import math
from dataclasses import dataclass
from datetime import date

from experiments.errors import Undefined
from experiments.terms import SHARES, MetricKind
from experiments.words import day, month

MINUS = "−"


def decimals_for(low: float, high: float) -> int:
    """Decimal places that show two significant digits of the interval's half-width.

    Negative where even the units are more than that: -2 rounds to hundreds.

    Example:
        >>> decimals_for(0.49, 1.05)
        2
        >>> decimals_for(2_500, 7_950)
        -2
    """
    half = (high - low) / 2
    if not math.isfinite(half) or half <= 0:
        return 2
    return 1 - math.floor(math.log10(half))


def number(value: float, decimals: int, *, sign: bool = False) -> str:
    """A number with separators and a true minus sign.

    Example:
        >>> number(-1234.5678, 2)
        '−1,234.57'
        >>> number(5231.0, -2, sign=True)
        '+5,200'
    """
    rounded = round(value, decimals) + 0.0
    shown = f"{abs(rounded):,.{max(decimals, 0)}f}"
    if rounded < 0:
        return MINUS + shown
    return f"+{shown}" if sign and rounded > 0 else shown


@dataclass(frozen=True, slots=True)
class Unit:
    """How the numbers of a metric are said.

    Attributes:
        factor: What a stored value is multiplied with; 100 for rates, said in points.
        suffix: What follows the number, such as " USD" or " points".
        mean_suffix: The same behind a level instead of a change: a rate is said in per cent.
    """

    factor: float
    suffix: str
    mean_suffix: str

    @classmethod
    def of(cls, kind: MetricKind, unit: str | None, *, name: str) -> "Unit":
        """The unit of a metric: points for a rate, else the plan's unit."""
        if kind in SHARES:
            return cls(100.0, " points", " %")
        said = f" {unit or name}"
        return cls(1.0, said, said)

    @classmethod
    def of_money(cls, currency: str) -> "Unit":
        """An amount."""
        return cls(1.0, f" {currency}", f" {currency}")


PERCENT = Unit(100.0, " %", " %")


def reading(value: float, low: float, high: float, unit: Unit, *, sign: bool = False) -> str:
    """A number with unit and interval: "0.77 USD (0.49 to 1.05)"."""
    headline = headline_number(value, low, high, unit, sign=sign)
    return f"{headline} ({span(low, high, unit, sign=sign)})"


def headline_number(
    value: float, low: float, high: float, unit: Unit, *, sign: bool = False
) -> str:
    """A number with its unit, at the digits that its interval bears: "0.77 USD"."""
    decimals = decimals_for(low * unit.factor, high * unit.factor)
    return f"{number(value * unit.factor, decimals, sign=sign)}{unit.suffix}"


def span(low: float, high: float, unit: Unit, *, sign: bool = False) -> str:
    """An interval without its unit: "0.49 to 1.05"."""
    places = decimals_for(low * unit.factor, high * unit.factor)
    return (
        f"{number(low * unit.factor, places, sign=sign)} to "
        f"{number(high * unit.factor, places, sign=sign)}"
    )


def amount(value: float, unit: Unit) -> str:
    """A known amount, to the hundredth; small ones to two significant digits."""
    decimals = 2
    if 0 < abs(value * unit.factor) < 0.1:
        decimals = 1 - math.floor(math.log10(abs(value * unit.factor)))
    return f"{number(value * unit.factor, decimals)}{unit.suffix}"


def level(value: float | Undefined, unit: Unit, *, decimals: int) -> str:
    """A mean per customer, at the digits of its difference plus one."""
    if isinstance(value, Undefined):
        return "–"
    return f"{number(value * unit.factor, max(decimals, 0))}{unit.mean_suffix}"


def days(first: date, last: date) -> str:
    """A stretch of days, the year once where it is one.

    Example:
        >>> days(date(2026, 3, 21), date(2026, 4, 3))
        '21 March to 3 April 2026'
        >>> days(date(2026, 4, 3), date(2026, 4, 3))
        '3 April 2026'
    """
    if first == last:
        return day(last)
    start = f"{first.day} {month(first)}" if first.year == last.year else day(first)
    return f"{start} to {day(last)}"


def counted(count: int, one: str, many: str) -> str:
    """A count with its noun.

    Example:
        >>> counted(1, "check", "checks"), counted(1200, "check", "checks")
        ('1 check', '1,200 checks')
    """
    return f"{count:,} {one if count == 1 else many}"
