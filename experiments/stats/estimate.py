"""The results that the methods share."""

from dataclasses import dataclass
from enum import StrEnum


class Alternative(StrEnum):
    """What a test holds against the null hypothesis of no difference."""

    TWO_SIDED = "two-sided"
    GREATER = "greater"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`; either may be infinite for a one-sided interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Treatment minus control, in the unit of the variable.

    Attributes:
        value: The point estimate.
        se: Its standard error.
        df: Degrees of freedom of the reference t distribution; infinite for a normal one.
        statistic: value / se of the test (a z test of rates uses the pooled standard error).
        p_value: Of the null hypothesis of no difference.
        low: Lower limit of the interval.
        high: Upper limit of the interval.
        control_variance: The part of se squared that the control group contributes; what two
            comparisons against the same control have in common.
    """

    value: float
    se: float
    df: float
    statistic: float
    p_value: float
    low: float
    high: float
    control_variance: float
