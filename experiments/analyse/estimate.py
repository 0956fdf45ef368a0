"""One metric in one comparison, read twice: unadjusted and, where something was known, adjusted.

The headline is the adjusted reading, unless the groups are too small for their covariates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from experiments.analyse.comparison import Comparison, Weights, answers_of, share_of
from experiments.analyse.evidence import Evidence
from experiments.analyse.variables import CUSTOMERS, Outcome
from experiments.errors import Undefined
from experiments.pilot import Metric
from experiments.stats.estimate import Difference, Interval
from experiments.stats.fieller import Ratio, fieller
from experiments.stats.lift import fieller_lift
from experiments.stats.limits import quantile
from experiments.stats.lin import LinEstimate, enough_customers
from experiments.stats.means import welch
from experiments.stats.moments import Sample
from experiments.stats.rates import newcombe, pooled_z
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
    if headline.method is not Method.LIN:
        return comparison.unadjusted(treated=treated, controls=controls, confidence=confidence)
    names = [name for name in headline.adjusted_for if name != CUSTOMERS]
    found = comparison.adjusted(names, treated=treated, controls=controls, confidence=confidence)
    return found if isinstance(found, Undefined) else found.difference


def estimate_metric(
    evidence: Evidence, comparison: Comparison, metric: Metric, *, confidence: float
) -> list[Estimate]:
    """The unadjusted estimate, and the adjusted one where there is something to adjust for."""
    outcome = evidence.outcomes[metric.name]
    covariates = evidence.covariates[metric.name]
    unadjusted = _unadjusted(comparison, metric, outcome, confidence)
    overall = comparison.segment is None
    adjusted = (
        _adjusted(comparison, metric, outcome, covariates, confidence) if covariates else None
    )
    if adjusted is None:
        return [replace(unadjusted, headline=overall)]
    use_adjusted = isinstance(adjusted.difference, Difference) and enough_customers(
        treatment=comparison.treatment.n,
        control=comparison.control.n,
        covariates=len(adjusted.adjusted_for),
    )
    return [
        replace(unadjusted, headline=overall and not use_adjusted),
        replace(adjusted, headline=overall and use_adjusted),
    ]


def _unadjusted(
    comparison: Comparison, metric: Metric, outcome: Outcome, confidence: float
) -> Estimate:
    """By the kind of the metric, and by what was assigned."""
    if comparison.clustered:
        return _quotient(comparison, metric, outcome, confidence, method=Method.CLUSTER)
    if metric.kind in (MetricKind.RATE, MetricKind.RETENTION):
        return _rate(comparison, metric, outcome, confidence)
    if metric.kind is MetricKind.RATIO:
        return _quotient(comparison, metric, outcome, confidence, method=Method.DELTA)
    if metric.kind is MetricKind.LATEST:
        return _mean(
            comparison,
            metric,
            answers_of(comparison.treatment, outcome),
            answers_of(comparison.control, outcome),
            confidence,
        )
    variable = outcome.variable
    return _mean(
        comparison,
        metric,
        comparison.treatment.moments([variable]).sample(variable),
        comparison.control.moments([variable]).sample(variable),
        confidence,
    )


def _blank(comparison: Comparison, metric: Metric, method: Method) -> Estimate:
    """An estimate before anything is estimated."""
    nothing = Undefined("not estimated")
    return Estimate(
        metric=metric.name,
        kind=metric.kind,
        role=metric.role,
        treatment=comparison.treatment_arm,
        control=comparison.control_arm,
        segment=comparison.segment,
        level=comparison.level,
        method=method,
        headline=False,
        n_treatment=comparison.customers(comparison.treatment),
        n_control=comparison.customers(comparison.control),
        mean_treatment=nothing,
        mean_control=nothing,
        difference=nothing,
        simultaneous=None,
        relative=nothing,
        clusters=(comparison.treatment.n, comparison.control.n) if comparison.clustered else None,
    )


def _mean_of(sample: Sample) -> float | Undefined:
    return sample.mean if sample.n else Undefined("there is no customer")


def _mean(
    comparison: Comparison, metric: Metric, treatment: Sample, control: Sample, confidence: float
) -> Estimate:
    """A number per customer, or per customer who answered: Welch's t."""
    return replace(
        _blank(comparison, metric, Method.WELCH),
        n_treatment=treatment.n,
        n_control=control.n,
        mean_treatment=_mean_of(treatment),
        mean_control=_mean_of(control),
        difference=welch(treatment=treatment, control=control, confidence=confidence),
        relative=fieller_lift(treatment=treatment, control=control, confidence=confidence),
    )


def _quotient(
    comparison: Comparison,
    metric: Metric,
    outcome: Outcome,
    confidence: float,
    *,
    method: Method,
) -> Estimate:
    """A sum over a sum: Welch's t of the linearised quotient, over customers or clusters."""
    blank = _blank(comparison, metric, method)
    treatment = comparison.sample(comparison.treatment, {outcome: 1.0})
    control = comparison.sample(comparison.control, {outcome: 1.0})
    for sample, side in ((treatment, "treatment"), (control, "control")):
        if isinstance(sample, Undefined):
            nothing = Undefined(f"in the {side} group {sample.reason}")
            return replace(blank, difference=nothing, relative=nothing)
    if isinstance(treatment, Undefined) or isinstance(control, Undefined):
        raise TypeError("both groups were just seen to be defined")
    return replace(
        blank,
        mean_treatment=treatment.mean,
        mean_control=control.mean,
        difference=welch(treatment=treatment, control=control, confidence=confidence),
        relative=fieller_lift(treatment=treatment, control=control, confidence=confidence),
    )


def _rate(comparison: Comparison, metric: Metric, outcome: Outcome, confidence: float) -> Estimate:
    """A rate: Newcombe's interval around the difference, the pooled z test beside it."""
    variable = outcome.variable
    treatment = share_of(comparison.treatment, outcome)
    control = share_of(comparison.control, outcome)
    tested = pooled_z(treatment=treatment, control=control, confidence=confidence)
    interval = newcombe(treatment=treatment, control=control, confidence=confidence)
    if isinstance(tested, Difference) and isinstance(interval, Interval):
        tested = replace(tested, low=interval.low, high=interval.high)
    return replace(
        _blank(comparison, metric, Method.NEWCOMBE),
        mean_treatment=treatment.rate,
        mean_control=control.rate,
        difference=tested,
        relative=fieller_lift(
            treatment=comparison.treatment.moments([variable]).sample(variable),
            control=comparison.control.moments([variable]).sample(variable),
            confidence=confidence,
        ),
    )


def _adjusted(
    comparison: Comparison,
    metric: Metric,
    outcome: Outcome,
    covariates: Sequence[str],
    confidence: float,
) -> Estimate:
    """Any kind, adjusted for what was known before (Lin)."""
    blank = _blank(comparison, metric, Method.LIN)
    found = comparison.adjusted(
        covariates, treated={outcome: 1.0}, controls={outcome: 1.0}, confidence=confidence
    )
    if isinstance(found, Undefined):
        return replace(blank, difference=found, relative=found, adjusted_for=tuple(covariates))
    return replace(
        blank,
        mean_treatment=found.treatment_mean,
        mean_control=found.control_mean,
        difference=found.difference,
        relative=_relative(found, confidence=confidence),
        adjusted_for=found.covariates,
        dropped=found.dropped,
    )


def _relative(found: LinEstimate, *, confidence: float) -> Ratio | Undefined:
    """The adjusted difference as a share of the adjusted control mean."""
    ratio = fieller(
        numerator=found.treatment_mean,
        denominator=found.control_mean,
        variance_numerator=found.treatment_variance,
        variance_denominator=found.control_variance,
        covariance=found.covariance,
        critical=quantile(0.5 + confidence / 2),
    )
    return ratio.shifted(-1) if isinstance(ratio, Ratio) else ratio
