"""What do customers do now? The numbers from which a plan's power is computed."""

import math
from dataclasses import dataclass
from typing import Self

from experiments.behavior.history import Typical
from experiments.errors import BadInput, Undefined
from experiments.terms import DesignKind, MetricKind

TYPED_IN = "typed in"
# Customers of one household, account or branch are rarely more alike than this in what they buy.
USUAL_ICC = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Denominator:
    """What the numerator of a ratio is divided by, per customer.

    Attributes:
        mean: Above 0.
        sd: Between customers; 0, where nobody said, takes it for the same of all of them.
        correlation: With the numerator of the same customer.
    """

    mean: float
    sd: float = 0.0
    correlation: float = 0.0

    def __post_init__(self) -> None:
        if not (self.mean > 0 and math.isfinite(self.mean)):
            raise BadInput(f"A denominator of {self.mean} on average divides nothing.")
        _check_sd(self.sd)
        if not -1 <= self.correlation <= 1:
            raise BadInput(f"A correlation of {self.correlation} lies outside -1 to 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """The accounts, households, branches or reps that a design assigns as a whole.

    Attributes:
        size: Customers of a cluster, on average.
        icc: Share of the variance that lies between clusters; 0.05 is assumed where nobody said.
        variation: Standard deviation of the sizes as a share of their mean; 0 where all are alike.
    """

    size: float
    icc: float | None = None
    variation: float = 0.0

    def __post_init__(self) -> None:
        if not (self.size >= 1 and math.isfinite(self.size)):
            raise BadInput(f"A cluster of {self.size} customers is none; give 1 or more.")
        if self.icc is not None and not 0 <= self.icc <= 1:
            raise BadInput(f"An intraclass correlation of {self.icc} lies outside 0 to 1.")
        _check_sd(self.variation)

    @property
    def design_effect(self) -> float:
        """How many times the variance of as many customers assigned one by one.

        Eldridge, Ashby and Kerry (2006), International Journal of Epidemiology 35:1292-1300.

        Example:
            >>> round(Clusters(size=20, icc=0.05).design_effect, 2)
            1.95
            >>> round(Clusters(size=20, icc=0.05, variation=0.5).design_effect, 2)
            2.2
        """
        icc = USUAL_ICC if self.icc is None else self.icc
        return 1 + ((1 + self.variation**2) * self.size - 1) * icc


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A metric per customer over its window, without the program.

    Attributes:
        mean: In the metric's own unit; of a rate or retention, the share of customers; of a ratio,
            the ratio itself; of a last score, the mean over those who gave one.
        sd: Standard deviation between customers; of a ratio, that of its numerator.
        correlation: With the same customer's value in the pre-period; 0 where there is none.
        explained: Share of the remaining variance that strata and attributes explain.
        denominator: Of a ratio.
        response_rate: Share of customers who give a score; for the kind `latest`.
        clusters: For a clustered design.
        effective_share: Share of the control group that remains as its effective size once the
            customers of supplied lists are weighted to be alike; None where nobody said.
        source: Where the numbers come from, as people read it.
    """

    mean: float
    sd: float
    correlation: float = 0.0
    explained: float = 0.0
    denominator: Denominator | None = None
    response_rate: float = 1.0
    clusters: Clusters | None = None
    effective_share: float | None = None
    source: str = TYPED_IN

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise BadInput(f"A mean of {self.mean} is no number; give what a customer does now.")
        _check_sd(self.sd)
        if not -1 < self.correlation < 1:
            raise BadInput(
                f"A correlation of {self.correlation} with the pre-period leaves nothing to "
                f"measure; give a number between -1 and 1, or 0 where it is not known."
            )
        if not 0 <= self.explained < 1:
            raise BadInput(f"Strata cannot explain {self.explained} of the variance; give a share.")
        for name, share in (
            ("response rate", self.response_rate),
            ("effective share", 1.0 if self.effective_share is None else self.effective_share),
        ):
            if not 0 < share <= 1:
                raise BadInput(f"{name.capitalize()} is {share}; give a number above 0, at most 1.")

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
        below, alike = found.denominator, found.clusters
        return cls(
            mean=found.mean,
            sd=found.sd,
            # Rounding may say that one stretch of days repeats another to the last digit.
            correlation=min(max(known, -0.999), 0.999),
            denominator=None
            if below is None
            else Denominator(mean=below.mean, sd=below.sd, correlation=below.correlation),
            response_rate=found.response_rate,
            clusters=None
            if alike is None
            else Clusters(
                size=alike.size,
                icc=None if isinstance(alike.icc, Undefined) else alike.icc,
                variation=alike.variation,
            ),
            source=f"from {found.customers:,} customers of the ledger",
        )

    def missing_for(self, design: DesignKind) -> Undefined | None:
        """What a design needs to know and nobody said; None where nothing is missing."""
        if design is DesignKind.CLUSTERED and self.clusters is None:
            return Undefined("say how many customers a cluster has")
        if design is DesignKind.SUPPLIED and self.effective_share is None:
            return Undefined(
                "say what share of the control group weighting leaves, as supplied lists differ"
            )
        return None

    def spread(self, kind: MetricKind) -> float | Undefined:
        """Standard deviation of what a customer adds to the metric, in its unit.

        A ratio is linear in its customers' numerators and denominators where they are many: Cramer
        (1946), Mathematical Methods of Statistics, chapter 28.
        """
        if kind is not MetricKind.RATIO:
            return self.sd
        below = self.denominator
        if below is None:
            return Undefined("a ratio is not planned without the mean of its denominator")
        variance = (
            self.sd**2
            - 2 * self.mean * below.correlation * self.sd * below.sd
            + (self.mean * below.sd) ** 2
        )
        return math.sqrt(max(0.0, variance)) / below.mean


def _check_sd(sd: float) -> None:
    if not (math.isfinite(sd) and sd >= 0):
        raise BadInput(f"A standard deviation of {sd} does not exist; give 0 or more.")
