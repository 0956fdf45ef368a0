"""One metric in one comparison: the difference, how it was found, and who counts in it."""

from dataclasses import dataclass
from enum import StrEnum

from experiments.analyse.comparison import Comparison, Weights
from experiments.analyse.variables import CUSTOMERS
from experiments.errors import Undefined
from experiments.stats.estimate import Difference, Interval
from experiments.stats.fieller import Ratio
from experiments.stats.multiplicity import Correction
from experiments.terms import MetricKind, Role


class Method(StrEnum):
    """How a difference was estimated."""

    WELCH = "welch"
    NEWCOMBE = "newcombe"
    DELTA = "delta"
    CLUSTER = "cluster"
    LIN = "lin"
    WEIGHTED_CHANGES = "did"


@dataclass(frozen=True, slots=True)
class Simultaneous:
    """A comparison read together with all others against the same control (Dunnett).

    Attributes:
        low: Lower limit of the difference.
        high: Upper limit.
        p_value: Of the largest of all statistics.
        relative: Difference as a share of the control mean, at the same width.
    """

    low: float
    high: float
    p_value: float
    relative: Ratio | Undefined


@dataclass(frozen=True, slots=True)
class AdjustedPValue:
    """A p-value raised for being one of several.

    Attributes:
        correction: Which error is limited.
        value: To be held against the same alpha.
        family: How many tests are read together.
    """

    correction: Correction
    value: float | Undefined
    family: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """One comparison of one metric.

    Attributes:
        metric: Name of the metric.
        kind: Its kind.
        role: Its role.
        treatment: Arm that was offered the program.
        control: Arm that was held back.
        segment: Attribute of the segment; None overall.
        level: Level of that attribute; None overall.
        method: How the difference was estimated.
        headline: Whether the verdict uses this one.
        n_treatment: Customers of the treatment arm who count: whose window is complete, and of
            whom there is a score where the metric is one.
        n_control: The same of the control arm.
        mean_treatment: Per customer; adjusted where the method adjusts.
        mean_control: Per customer; adjusted where the method adjusts.
        difference: Treatment minus control.
        simultaneous: The reading together with the other treatments, with two or more.
        relative: Difference as a share of the control mean, with Fieller's interval.
        adjusted_for: Covariates that the method used.
        dropped: Covariates left out because they repeat others.
        clusters: Clusters in the treatment and in the control arm, where they were assigned.
        adjusted_p_value: Of an overall headline: among the primaries of its treatment, or among
            the secondaries; None for every other estimate.
        comparable: Whether chance or weighting made the groups alike; the plain difference of
            groups that people chose is not.
    """

    metric: str
    kind: MetricKind
    role: Role
    treatment: str
    control: str
    segment: str | None
    level: str | None
    method: Method
    headline: bool
    n_treatment: int
    n_control: int
    mean_treatment: float | Undefined
    mean_control: float | Undefined
    difference: Difference | Undefined
    simultaneous: Simultaneous | None
    relative: Ratio | Undefined
    adjusted_for: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    clusters: tuple[int, int] | None = None
    adjusted_p_value: AdjustedPValue | None = None
    comparable: bool = True

    @property
    def exploratory(self) -> bool:
        """Whether it suggests what to test next, and proves nothing."""
        return self.role is Role.SECONDARY or self.segment is not None

    @property
    def p_value(self) -> float | Undefined:
        """The p-value that goes with `interval`: simultaneous where there is one."""
        if isinstance(self.difference, Undefined):
            return self.difference
        return self.difference.p_value if self.simultaneous is None else self.simultaneous.p_value

    @property
    def relative_to_decide(self) -> Ratio | Undefined:
        """The relative reading that goes with `interval`."""
        return self.relative if self.simultaneous is None else self.simultaneous.relative

    @property
    def interval(self) -> Interval | Undefined:
        """The interval that the plan's design decides by: simultaneous where there is one."""
        if isinstance(self.difference, Undefined):
            return self.difference
        if self.simultaneous is not None:
            return Interval(self.simultaneous.low, self.simultaneous.high)
        return Interval(self.difference.low, self.difference.high)


def read_combination(
    comparison: Comparison,
    headline: Estimate,
    *,
    treated: Weights,
    controls: Weights,
    confidence: float,
) -> Difference | Undefined:
    """Estimate a combination of outcomes by the method of a headline.

    Args:
        comparison: The two arms.
        headline: Whose method and covariates are used; a rate's unadjusted one is Welch's here.
        treated: Weight per outcome in the treatment arm.
        controls: Weight per outcome in the control arm.
        confidence: Of the interval.
    """
    if headline.method is Method.WEIGHTED_CHANGES and comparison.weighted is not None:
        if isinstance(comparison.weighted, Undefined):
            return comparison.weighted
        return comparison.weighted.difference(
            treated=treated, controls=controls, confidence=confidence
        )
    if headline.method is not Method.LIN:
        return comparison.unadjusted(treated=treated, controls=controls, confidence=confidence)
    names = [name for name in headline.adjusted_for if name != CUSTOMERS]
    found = comparison.adjusted(names, treated=treated, controls=controls, confidence=confidence)
    return found if isinstance(found, Undefined) else found.difference
