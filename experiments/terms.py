"""The words and numbers of which a plan is made: its choices, and values that check themselves."""

import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    model_validator,
)

# The ledger keeps amounts of 18 digits, four of them decimals: what lies beyond these bounds cannot
# be held against anything there, and leaves what a double can carry.
SMALLEST, LARGEST = Decimal("0.000001"), Decimal(10) ** 14
MOST = 10**10  # of whatever is counted; there are fewer people
INVISIBLE = {"Cc", "Zl", "Zp"}  # control characters, and what breaks a line or a paragraph
CONTACT = "contact"  # reserved measure: somebody was mailed or called; its item names the program


def _plain(number: Decimal) -> str:
    """Write a decimal in one way only: 0.10, 1e-1 and 0.1 are all "0.1"; no digit is lost."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) if number else "0"


def _calculable(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise ValueError("must be a finite number")
    if abs(number) > LARGEST:
        raise ValueError(f"is too large to calculate with; the largest number is {LARGEST:,}")
    if 0 < abs(number) < SMALLEST:
        raise ValueError(f"is too small to calculate with; the smallest number is {SMALLEST}")
    return number


def _on_one_line(text: str) -> str:
    if any(unicodedata.category(character) in INVISIBLE for character in text):
        raise ValueError("holds a line break, tab or other control character; remove it")
    return text


Exact = Annotated[Decimal, AfterValidator(_calculable), PlainSerializer(_plain, return_type=str)]
Money = Annotated[Exact, Field(ge=0)]
Share = Annotated[Exact, Field(gt=0, lt=1)]
Count = Annotated[int, Field(gt=0, le=MOST)]
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2000),
    AfterValidator(_on_one_line),
]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=128),
    AfterValidator(_on_one_line),
]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 12, 31))]
DayCount = Annotated[int, Field(le=3660)]
SLUG_FORM = r"^[a-z0-9][a-z0-9-]{0,62}$"
CURRENCY_FORM = r"^[A-Z]{3}$"
Slug = Annotated[str, StringConstraints(pattern=SLUG_FORM)]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY_FORM)]


class Part(BaseModel):
    """A piece of a plan: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Stretch(Part):
    """A stretch of days; the last one is included."""

    starts_on: Day
    ends_on: Day

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends_on < self.starts_on:
            raise ValueError(
                f"ends_on {self.ends_on} is before starts_on {self.starts_on}; swap or correct them"
            )
        return self


def nearest(name: str, known: Sequence[str]) -> str:
    """The known name that was probably meant, or all of them where none is near.

    Example:
        >>> nearest("vist", ["spend", "visit"])
        "did you mean 'visit'?"
    """
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


class Goal(StrEnum):
    """What the program is for."""

    SALES = "sales"
    RETENTION = "retention"
    CROSS_SELL = "cross-sell"
    ACQUISITION = "acquisition"
    SERVICE = "service"
    ADVOCACY = "advocacy"


class DesignKind(StrEnum):
    """How customers came to be on their side."""

    RANDOMIZED = "randomized"
    CLUSTERED = "clustered"
    SUPPLIED = "supplied"


class Look(StrEnum):
    """When outcomes may be looked at."""

    FIXED = "fixed"
    GROUP_SEQUENTIAL = "group_sequential"
    ALWAYS_VALID = "always_valid"


class Spending(StrEnum):
    """How a group-sequential design spends its error over the looks."""

    OBRIEN_FLEMING = "obrien-fleming"
    POCOCK = "pocock"
    KIM_DEMETS = "kim-demets"
    HWANG_SHIH_DECANI = "hwang-shih-decani"


class MetricKind(StrEnum):
    """How a customer's rows become the customer's number."""

    MEAN = "mean"
    COUNT = "count"
    RATE = "rate"
    RATIO = "ratio"
    RETENTION = "retention"
    BREADTH = "breadth"
    LATEST = "latest"


# Kinds of which each customer's number is 0 or 1.
SHARES = frozenset({MetricKind.RATE, MetricKind.RETENTION})


class Role(StrEnum):
    """What a metric decides."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    GUARDRAIL = "guardrail"


class Direction(StrEnum):
    """Which way is better."""

    UP = "up"
    DOWN = "down"


class CheckName(StrEnum):
    """Whether a result can be trusted: each check by the name that a waiver uses."""

    SPLIT = "split"
    BALANCE = "balance"
    LOOKS = "looks"
    WINDOW_COMPLETE = "window_complete"
    ROWS_COMPLETE = "rows_complete"
    ROWS_ALIKE = "rows_alike"
    ATTRITION = "attrition"
    CONTAMINATION = "contamination"
    OTHER_PROGRAMS = "other_programs"
    DOMINANCE = "dominance"
    ENOUGH_CUSTOMERS = "enough_customers"
    RESPONSE = "response"
    FADING = "fading"
    LARGE_LIFT = "large_lift"
    CLUSTERS = "clusters"
    WEIGHTED_BALANCE = "weighted_balance"
    CONTROL_SIZE = "control_size"
    PRE_TREND = "pre_trend"


class Basis(StrEnum):
    """Whose cost the verdict weighs: the cash spent in the pilot, or the cost at roll-out scale."""

    PILOT = "pilot"
    ROLLOUT = "rollout"


class VerdictOn(StrEnum):
    """Whether a forecast may enter the verdict."""

    OBSERVED = "observed"
    OBSERVED_AND_PROJECTED = "observed+projected"


class LifetimeValue(StrEnum):
    """How the remaining value of a customer is forecast."""

    NONE = "none"
    SIMPLE = "simple"
    CONTRACTUAL = "contractual"
    BGNBD = "bgnbd"


class Choice(StrEnum):
    """What becomes of a program that was tested."""

    ROLL_OUT = "roll_out"
    ROLL_OUT_TO_SOME = "roll_out_to_some"
    EXTEND = "extend"
    STOP = "stop"
