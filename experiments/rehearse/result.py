"""What dry runs of a pilot found: frozen values, with what chance leaves open."""

from dataclasses import dataclass
from datetime import date

from experiments.decide.verdict import Reason, Status
from experiments.errors import Undefined
from experiments.stats.many import Bools
from experiments.stats.rates import Share, wilson
from experiments.terms import MetricKind

# How surely a share of pilots is known; wide, because many shares are read at once.
SURENESS = 0.999


@dataclass(frozen=True, slots=True)
class Frequency:
    """How many pilots ended so, and what that says of all pilots (Wilson's interval, 99.9 %).

    Attributes:
        count: Pilots.
        of: Of so many.
        share: Count over of.
        low: Lower limit of the share.
        high: Upper limit.
    """

    count: int
    of: int
    share: float
    low: float
    high: float

    @classmethod
    def where(cls, happened: Bools) -> "Frequency":
        """Count the pilots where something happened; at least one pilot.

        Example:
            >>> import numpy as np
            >>> Frequency.where(np.array([True, False, False, False])).share
            0.25
        """
        found = wilson(Share(int(happened.sum()), len(happened)), confidence=SURENESS)
        if isinstance(found, Undefined):
            raise TypeError("a share is that of at least one pilot")
        count = int(happened.sum())
        return cls(count, len(happened), count / len(happened), found.low, found.high)


@dataclass(frozen=True, slots=True)
class Errors:
    """How often the interval of a metric misses the truth where nothing changed.

    Attributes:
        above: It lies above: the pilot would claim a rise.
        below: It lies below: the pilot would claim a fall.
        coverage: It holds the truth.
        se: Mean standard error.
        spread: Standard deviation of the estimates over the pilots, which `se` should be.
    """

    above: Frequency
    below: Frequency
    coverage: Frequency
    se: float
    spread: float


@dataclass(frozen=True, slots=True)
class MetricRehearsal:
    """One metric of one treatment, where nothing changed.

    Attributes:
        metric: Name of the metric.
        kind: Its kind.
        treatment: The arm.
        method: Of the unadjusted reading.
        adjusted: Share of the pilots whose headline is adjusted.
        missing: Pilots without an interval.
        errors: Of the headline's interval, that of one comparison.
    """

    metric: str
    kind: MetricKind
    treatment: str
    method: str
    adjusted: float
    missing: int
    errors: Errors | Undefined


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the verdict says of one treatment where it has some effect.

    Attributes:
        treatment: The arm.
        multiple: Of the unit of the power curve.
        effect: True effect on the money metric per treated customer, in its unit.
        contrast: True D per treated customer, in the plan's currency.
        statuses: How often each status was reached.
        reasons: How often each reason was given where nothing was proved.
        skewed: How often skewed customers or few clusters asked for a careful interval.
    """

    treatment: str
    multiple: float
    effect: float
    contrast: float
    statuses: dict[Status, Frequency]
    reasons: dict[Reason, Frequency]
    skewed: Frequency


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the dry runs of a pilot say.

    Attributes:
        pilot: Its slug.
        replicates: Dry runs.
        seed: Repeats them.
        starts_on: First day of the pretended pilot.
        ends_on: Its last day.
        customers: Who took part.
        clusters: Clusters that were drawn; None where customers were drawn one by one.
        break_even: Effect that pays, in the unit of the money metric.
        unit_effect: Effect of which scenarios are multiples: break-even, else what is seen four
            times in five.
        proved_from: Smallest effect whose interval is above break-even in four pilots of five, of
            the treatment for which it is largest; guardrails and careful intervals left out.
        metrics: Every metric of every treatment, where nothing changed.
        scenarios: The verdicts.
        notes: What a reader should know, in sentences.
    """

    pilot: str
    replicates: int
    seed: int
    starts_on: date
    ends_on: date
    customers: int
    clusters: int | None
    break_even: float
    unit_effect: float
    proved_from: float | Undefined
    metrics: tuple[MetricRehearsal, ...]
    scenarios: tuple[Scenario, ...]
    notes: tuple[str, ...]
