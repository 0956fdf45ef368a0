"""The words and numbers of which a plan is made: its choices, and values that check themselves."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)


def _plain(number: Decimal) -> str:
    """Write a decimal in one way only: 0.10, 1e-1 and 0.1 are all "0.1"; no digit is lost."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) if number else "0"


def _finite(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise ValueError("must be a finite number")
    return number


Exact = Annotated[Decimal, AfterValidator(_finite), PlainSerializer(_plain, return_type=str)]
Money = Annotated[Exact, Field(ge=0)]
Share = Annotated[Exact, Field(gt=0, lt=1)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2200, 12, 31))]
DayCount = Annotated[int, Field(le=3660)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class Part(BaseModel):
    """A piece of a plan: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class Role(StrEnum):
    """What a metric decides."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    GUARDRAIL = "guardrail"


class Direction(StrEnum):
    """Which way is better."""

    UP = "up"
    DOWN = "down"


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
