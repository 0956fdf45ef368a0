"""What changed: every metric, for every treatment, overall and in each segment.

Each comparison is read twice, unadjusted and (where something was known before) adjusted; the
headline is the adjusted one, unless the groups are too small for their covariates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from experiments.analyse.evidence import Evidence
from experiments.behavior.summaries import Sums
from experiments.errors import Undefined
from experiments.pilot import Metric, Plan
from experiments.stats.dunnett import dunnett
from experiments.stats.estimate import Difference, Interval
from experiments.stats.fieller import Ratio, fieller
from experiments.stats.lift import fieller_lift
from experiments.stats.limits import quantile
from experiments.stats.lin import LinEstimate, enough_customers, lin
from experiments.stats.means import welch
from experiments.stats.moments import Sample
from experiments.stats.rates import Share, newcombe, pooled_z
from experiments.terms import MetricKind, Role


class Method(StrEnum):
    """How a difference was estimated."""

    WELCH = "welch"
    NEWCOMBE = "newcombe"
    LIN = "lin"


@dataclass(frozen=True, slots=True)
class Simultaneous:
    """A comparison read together with all others against the same control (Dunnett)."""

    low: float
    high: float
    p_value: float


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
        n_treatment: Customers in the treatment arm.
        n_control: Customers in the control arm.
        mean_treatment: Per customer; adjusted where the method adjusts.
        mean_control: Per customer; adjusted where the method adjusts.
        difference: Treatment minus control.
        simultaneous: The reading together with the other treatments, with two or more.
        relative: Difference as a share of the control mean, with Fieller's interval.
        adjusted_for: Covariates that the method used.
        dropped: Covariates left out because they repeat others.
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

    @property
    def interval(self) -> Interval | Undefined:
        """The interval that the plan's design decides by: simultaneous where there is one."""
        if isinstance(self.difference, Undefined):
            return self.difference
        if self.simultaneous is not None:
            return Interval(self.simultaneous.low, self.simultaneous.high)
        return Interval(self.difference.low, self.difference.high)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms whose customers are compared, overall or in one level of a segment."""

    treatment_arm: str
    control_arm: str
    treatment: Sums
    control: Sums
    segment: str | None = None
    level: str | None = None

    def adjusted(
        self,
        covariates: Sequence[str],
        *,
        treated: Mapping[str, float],
        controls: Mapping[str, float],
        confidence: float,
    ) -> LinEstimate | Undefined:
        """Lin's estimate of a combination of outcomes, which may differ between the arms.

        Args:
            covariates: Variables that adjust.
            treated: Weight per outcome variable in the treatment arm.
            controls: Weight per outcome variable in the control arm.
            confidence: Of the interval.
        """
        names = list(dict.fromkeys([*treated, *controls, *covariates]))
        same = {name: {name: 1.0} for name in covariates}
        return lin(
            treatment=self.treatment.moments(names).combine({"outcome": treated, **same}),
            control=self.control.moments(names).combine({"outcome": controls, **same}),
            outcome="outcome",
            covariates=list(covariates),
            confidence=confidence,
        )

    def unadjusted(
        self, *, treated: Mapping[str, float], controls: Mapping[str, float], confidence: float
    ) -> Difference | Undefined:
        """Welch's comparison of a combination of outcomes, which may differ between the arms."""
        names = list(dict.fromkeys([*treated, *controls]))
        return welch(
            treatment=self.treatment.moments(names).combine({"w": treated}).sample("w"),
            control=self.control.moments(names).combine({"w": controls}).sample("w"),
            confidence=confidence,
        )


def comparisons(plan: Plan, evidence: Evidence) -> list[Comparison]:
    """Every treatment against control: overall, then in each level of each segment."""
    control = plan.design.control
    found = [
        Comparison(treatment, control, evidence.sums[treatment], evidence.sums[control])
        for treatment in plan.design.treatments
        if treatment in evidence.sums and control in evidence.sums
    ]
    if not evidence.sums:
        return []
    nobody = empty_like(next(iter(evidence.sums.values())))
    for attribute, levels in evidence.by_segment.items():
        for level, arms in levels.items():
            found += [
                Comparison(
                    treatment,
                    control,
                    arms.get(treatment, nobody),
                    arms.get(control, nobody),
                    attribute,
                    level,
                )
                for treatment in plan.design.treatments
            ]
    return found


def empty_like(sums: Sums) -> Sums:
    """The sums of a group without customers, over the same variables."""
    return Sums(
        n=0,
        totals={name: 0 * total for name, total in sums.totals.items()},
        products={pair: 0 * total for pair, total in sums.products.items()},
        cubes={name: None for name in sums.cubes},
    )


def estimates(plan: Plan, evidence: Evidence) -> tuple[Estimate, ...]:
    """Estimate every metric in every comparison."""
    found = [
        estimate
        for comparison in comparisons(plan, evidence)
        for metric in plan.metrics
        for estimate in _of_metric(plan, evidence, comparison, metric)
    ]
    if len(plan.design.treatments) < 2:
        return tuple(found)
    return _together(found, confidence=plan.confidence)


def _of_metric(
    plan: Plan, evidence: Evidence, comparison: Comparison, metric: Metric
) -> list[Estimate]:
    """The unadjusted estimate, and the adjusted one where there is something to adjust for."""
    outcome = evidence.outcomes[metric.name]
    covariates = evidence.covariates[metric.name]
    unadjusted = (
        _rate(plan, comparison, metric, outcome)
        if metric.kind is MetricKind.RATE
        else _mean(plan, comparison, metric, outcome)
    )
    overall = comparison.segment is None
    adjusted = _adjusted(plan, comparison, metric, outcome, covariates) if covariates else None
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
        n_treatment=comparison.treatment.n,
        n_control=comparison.control.n,
        mean_treatment=nothing,
        mean_control=nothing,
        difference=nothing,
        simultaneous=None,
        relative=nothing,
    )


def _mean_of(sample: Sample) -> float | Undefined:
    return sample.mean if sample.n else Undefined("there is no customer")


def _mean(plan: Plan, comparison: Comparison, metric: Metric, outcome: str) -> Estimate:
    """A mean or count: Welch's t."""
    treatment = comparison.treatment.moments([outcome]).sample(outcome)
    control = comparison.control.moments([outcome]).sample(outcome)
    return replace(
        _blank(comparison, metric, Method.WELCH),
        mean_treatment=_mean_of(treatment),
        mean_control=_mean_of(control),
        difference=welch(treatment=treatment, control=control, confidence=plan.confidence),
        relative=fieller_lift(treatment=treatment, control=control, confidence=plan.confidence),
    )


def share_of(sums: Sums, outcome: str) -> Share:
    """A rate's outcome, which is 0 or 1 per customer, as a count of events."""
    return Share(events=int(sums.totals[outcome]), n=sums.n)


def _rate(plan: Plan, comparison: Comparison, metric: Metric, outcome: str) -> Estimate:
    """A rate: Newcombe's interval around the difference, the pooled z test beside it."""
    treatment = share_of(comparison.treatment, outcome)
    control = share_of(comparison.control, outcome)
    tested = pooled_z(treatment=treatment, control=control, confidence=plan.confidence)
    interval = newcombe(treatment=treatment, control=control, confidence=plan.confidence)
    if isinstance(tested, Difference) and isinstance(interval, Interval):
        tested = replace(tested, low=interval.low, high=interval.high)
    return replace(
        _blank(comparison, metric, Method.NEWCOMBE),
        mean_treatment=treatment.rate,
        mean_control=control.rate,
        difference=tested,
        relative=fieller_lift(
            treatment=comparison.treatment.moments([outcome]).sample(outcome),
            control=comparison.control.moments([outcome]).sample(outcome),
            confidence=plan.confidence,
        ),
    )


def _adjusted(
    plan: Plan,
    comparison: Comparison,
    metric: Metric,
    outcome: str,
    covariates: Sequence[str],
) -> Estimate:
    """Any kind, adjusted for what was known before (Lin)."""
    blank = _blank(comparison, metric, Method.LIN)
    found = comparison.adjusted(
        covariates, treated={outcome: 1.0}, controls={outcome: 1.0}, confidence=plan.confidence
    )
    if isinstance(found, Undefined):
        return replace(blank, difference=found, relative=found, adjusted_for=tuple(covariates))
    return replace(
        blank,
        mean_treatment=found.treatment_mean,
        mean_control=found.control_mean,
        difference=found.difference,
        relative=_relative(found, confidence=plan.confidence),
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


def _together(found: list[Estimate], *, confidence: float) -> tuple[Estimate, ...]:
    """Add the simultaneous reading to comparisons that share control, metric and method."""
    families: dict[tuple[object, ...], list[int]] = {}
    for at, estimate in enumerate(found):
        if isinstance(estimate.difference, Difference):
            key = (estimate.metric, estimate.method, estimate.segment, estimate.level)
            families.setdefault(key, []).append(at)
    read = list(found)
    for places in families.values():
        differences = [found[at].difference for at in places]
        joint = simultaneous(
            [d for d in differences if isinstance(d, Difference)], confidence=confidence
        )
        for at, reading in zip(places, joint, strict=True):
            read[at] = replace(found[at], simultaneous=reading)
    return tuple(read)


def simultaneous(
    differences: Sequence[Difference], *, confidence: float
) -> list[Simultaneous | None]:
    """Read comparisons against the same control together; None where that cannot be done."""
    joint = dunnett(differences, confidence=confidence)
    if isinstance(joint, Undefined):
        return [None] * len(differences)
    return [Simultaneous(one.low, one.high, one.p_value) for one in joint.comparisons]


def headline_of(estimates: Sequence[Estimate], *, metric: str, treatment: str) -> Estimate | None:
    """The overall estimate that decides, for one metric and treatment."""
    return next(
        (
            estimate
            for estimate in estimates
            if estimate.headline and (estimate.metric, estimate.treatment) == (metric, treatment)
        ),
        None,
    )
