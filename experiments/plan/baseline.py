"""What do customers do now? The numbers from which a plan's power is computed."""

import math
from dataclasses import dataclass
from typing import Self

from experiments.behavior.history import Typical
from experiments.errors import BadInput, Undefined

TYPED_IN = "typed in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The money metric per customer over its window, without the program.

    Attributes:
        mean: In the metric's own unit; of a rate, the share of customers with the event.
        sd: Standard deviation between customers.
        correlation: With the same customer's value in the pre-period; 0 where there is none.
        source: Where the numbers come from, as people read it.
    """

    mean: float
    sd: float
    correlation: float = 0.0
    source: str = TYPED_IN

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise BadInput(f"A mean of {self.mean} is no number; give what a customer does now.")
        if not (math.isfinite(self.sd) and self.sd >= 0):
            raise BadInput(f"A standard deviation of {self.sd} does not exist; give 0 or more.")
        if not -1 < self.correlation < 1:
            raise BadInput(
                f"A correlation of {self.correlation} with the pre-period leaves nothing to "
                f"measure; give a number between -1 and 1, or 0 where it is not known."
            )

    @classmethod
    def of_rate(cls, rate: float, *, correlation: float = 0.0, source: str = TYPED_IN) -> Self:
        """The baseline of a rate, whose spread follows from it.

        Example:
            >>> Baseline.of_rate(0.2).sd
            0.4
        """
        if not 0 <= rate <= 1:
            raise BadInput(f"A rate of {rate} is no share of customers; give a number from 0 to 1.")
        return cls(
            mean=rate, sd=math.sqrt(rate * (1 - rate)), correlation=correlation, source=source
        )

    @classmethod
    def from_history(cls, found: Typical) -> Self:
        """The baseline that the company's own ledger shows."""
        known = 0.0 if isinstance(found.correlation, Undefined) else found.correlation
        return cls(
            mean=found.mean,
            sd=found.sd,
            # Rounding may say that one stretch of days repeats another to the last digit.
            correlation=min(max(known, -0.999), 0.999),
            source=f"from {found.customers:,} customers of the ledger",
        )
