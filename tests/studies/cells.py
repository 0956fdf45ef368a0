"""A cell of the study: one method on one kind of data, and how often each of its tails errs.

The low tail errs where the whole interval lies below the truth (a program is wrongly disproved),
the high tail where it lies above (wrongly proved).
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.random import Generator
from scipy.stats import binom

from experiments.errors import Undefined
from experiments.stats.many import Bools
from experiments.stats.moments import Floats

CLOSED_FORM, ITERATIVE = 10_000, 1_000
# A cell is off where a share of errors lies outside this Monte Carlo interval.
MONTE_CARLO = 0.999
Limits = tuple[Floats, Floats]


@dataclass(frozen=True, slots=True)
class Tally:
    """Errors of a method over replicates.

    Attributes:
        replicates: How many were drawn.
        low: Of them, those whose interval lies below the truth.
        high: Those whose interval lies above it.
        undefined: Those in which the method gives no answer, which is no error.
        seen: Of `high`, those in which the data carry a sign that the product can warn of.
    """

    replicates: int = 0
    low: int = 0
    high: int = 0
    undefined: int = 0
    seen: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.replicates + other.replicates,
            self.low + other.low,
            self.high + other.high,
            self.undefined + other.undefined,
            self.seen + other.seen,
        )


class Side(StrEnum):
    """How a share of errors compares with what is nominal."""

    ON = "on"
    LIBERAL = "liberal"
    CONSERVATIVE = "conservative"
    SHIFTED = "shifted"


@dataclass(frozen=True, slots=True)
class Cell:
    """One method on one kind of data.

    Attributes:
        family: What kind of method it is.
        method: Its name.
        data: Name of the kind of data.
        run: Draws replicates and counts errors.
        replicates: How many in a full run.
        low: Nominal share of errors of the low tail; None where that tail is not asked.
        high: That of the high tail.
        at_most: Whether the nominal shares are bounds, as for whatever holds at all times.
        proves: Whether the high tail is a "proved" of the product.
    """

    family: str
    method: str
    data: str
    run: Callable[[Generator, int], Tally]
    replicates: int = CLOSED_FORM
    low: float | None = 0.025
    high: float | None = 0.025
    at_most: bool = False
    proves: bool = False

    @property
    def name(self) -> str:
        """Where results, explanations and `--only` find it."""
        return f"{self.family} / {self.method} / {self.data}"

    def rng(self) -> Generator:
        """The same chance for the same name, whatever ran before."""
        seed = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "big")
        return np.random.default_rng(np.random.SeedSequence(seed))

    def side(self, tally: Tally) -> Side:
        """Whether each tail, and both together, err as often as nominal."""
        asked = [
            (count, nominal)
            for count, nominal in ((tally.low, self.low), (tally.high, self.high))
            if nominal is not None
        ]
        both = (sum(count for count, _ in asked), min(1.0, sum(share for _, share in asked)))
        found = set()
        for count, nominal in [*asked, both] if both[1] < 1 else asked:
            fewest, most = binom.interval(MONTE_CARLO, tally.replicates, nominal)
            if count > most:
                found.add(Side.LIBERAL)
            elif count < fewest and not self.at_most:
                found.add(Side.CONSERVATIVE)
        if len(found) == 2:
            return Side.SHIFTED
        return found.pop() if found else Side.ON


class HasLimits(Protocol):
    """Whatever has an interval."""

    @property
    def low(self) -> float:
        """Lower limit."""
        ...

    @property
    def high(self) -> float:
        """Upper limit."""
        ...


def limits_of(found: Iterable[HasLimits | Undefined]) -> Limits:
    """Limits of single answers, NaN where there is none."""
    missing = (np.nan, np.nan)
    rows = [missing if isinstance(one, Undefined) else (one.low, one.high) for one in found]
    low, high = np.array(rows, dtype=float).reshape(-1, 2).T
    return low, high


def of_limits(limits: Limits, *, truth: float | Floats = 0.0, seen: Bools | None = None) -> Tally:
    """Count the intervals that lie below and above the truth.

    Args:
        limits: Low and high, shape (replicates,) each; NaN where there is no interval.
        truth: What the intervals should hold.
        seen: Where the data carry a sign that the product can warn of.
    """
    low, high = limits
    too_high = low > truth
    return Tally(
        replicates=len(low),
        low=int(np.sum(high < truth)),
        high=int(np.sum(too_high)),
        undefined=int(np.sum(np.isnan(low))),
        seen=0 if seen is None else int(np.sum(too_high & seen)),
    )


def of_tests(direction: Floats, p_values: Floats, *, level: float = 0.05) -> Tally:
    """Count two-sided rejections by the sign of what was found; NaN is no answer.

    Args:
        direction: Above zero in favour of the treatment, shape (replicates,).
        p_values: Two-sided, shape (replicates,).
        level: At which they reject.
    """
    rejected = p_values <= level
    return Tally(
        replicates=len(p_values),
        low=int(np.sum(rejected & (direction < 0))),
        high=int(np.sum(rejected & (direction > 0))),
        undefined=int(np.sum(np.isnan(p_values))),
    )
