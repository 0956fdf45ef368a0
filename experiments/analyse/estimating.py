"""Read metrics in comparisons twice: unadjusted and, where something was known before, adjusted.

The headline is the adjusted reading, unless the groups are too small for their covariates. However
many comparisons there are, each method is called once, on arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments.analyse.comparison import COMBINED, Comparison, answers_of, share_of
from experiments.analyse.estimate import Estimate, Method
from experiments.analyse.evidence import Evidence
from experiments.analyse.variables import customers_in
from experiments.errors import Undefined
from experiments.pilot import Metric
from experiments.stats.estimate import Difference, Interval
from experiments.stats.lift import adjusted_lift, fieller_lift_many
from experiments.stats.lin import LinEstimate, enough_customers, lin_many
from experiments.stats.many import ManyMoments, Samples
from experiments.stats.means import welch_many
from experiments.stats.moments import Moments, Sample
from experiments.stats.rates import Share, Shares, newcombe_many, pooled_z_many
from experiments.terms import SHARES, MetricKind

BACKWARDS = Undefined("the control mean is negative, so that a share of it points backwards")


@dataclass(frozen=True, slots=True)
class Question:
    """A metric, asked of two groups."""

    comparison: Comparison
    metric: Metric

    @property
    def method(self) -> Method:
        """How it is estimated unadjusted: by what was assigned, then by the kind of the metric."""
        if self.comparison.clustered:
            return Method.CLUSTER
        if self.metric.kind in SHARES:
            return Method.NEWCOMBE
        return Method.DELTA if self.metric.kind is MetricKind.RATIO else Method.WELCH


def estimate_metric(
    evidence: Evidence, comparison: Comparison, metric: Metric, *, confidence: float
) -> list[Estimate]:
    """The unadjusted estimate, and the adjusted one where there is something to adjust for."""
    return estimate_many(evidence, [Question(comparison, metric)], confidence=confidence)[0]


def estimate_many(
    evidence: Evidence, asked: Sequence[Question], *, confidence: float
) -> list[list[Estimate]]:
    """`estimate_metric` of many questions."""
    adjusted = _adjusted(evidence, asked, confidence)
    found = []
    for place, unadjusted in enumerate(_unadjusted(evidence, asked, confidence)):
        comparison = asked[place].comparison
        overall = comparison.segment is None
        if place not in adjusted:
            found.append([replace(unadjusted, headline=overall)])
            continue
        # Of a score those count who gave one, adjusted or not.
        other = replace(
            adjusted[place],
            n_treatment=unadjusted.n_treatment,
            n_control=unadjusted.n_control,
        )
        units = unadjusted.clusters or (unadjusted.n_treatment, unadjusted.n_control)
        use_adjusted = isinstance(other.difference, Difference) and enough_customers(
            treatment=units[0], control=units[1], covariates=len(other.adjusted_for)
        )
        found.append(
            [
                replace(unadjusted, headline=overall and not use_adjusted),
                replace(other, headline=overall and use_adjusted),
            ]
        )
    return found


def groups_of(evidence: Evidence, question: Question) -> tuple[Sample, Sample] | Undefined:
    """A number per customer, answer or cluster of the treatment and of the control group."""
    comparison, metric = question.comparison, question.metric
    outcome = evidence.outcomes[metric.name]
    found: list[Sample] = []
    for sums, side in ((comparison.treatment, "treatment"), (comparison.control, "control")):
        if question.method is Method.WELCH and metric.kind is MetricKind.LATEST:
            found.append(answers_of(sums, outcome))
            continue
        sample = comparison.sample(sums, {outcome: 1.0})
        if isinstance(sample, Undefined):
            return Undefined(f"in the {side} group {sample.reason}")
        found.append(sample)
    return found[0], found[1]


def shares_of(evidence: Evidence, question: Question) -> tuple[Share, Share]:
    """How many of the treatment and of the control group had the event of a rate."""
    outcome, comparison = evidence.outcomes[question.metric.name], question.comparison
    return share_of(comparison.treatment, outcome), share_of(comparison.control, outcome)


def _unadjusted(evidence: Evidence, asked: Sequence[Question], confidence: float) -> list[Estimate]:
    """A number per customer: Welch. A sum over a sum: Welch of its linearised quotient."""
    found = [_blank(question, question.method) for question in asked]
    pairs = [groups_of(evidence, question) for question in asked]
    known = {at: pair for at, pair in enumerate(pairs) if not isinstance(pair, Undefined)}
    treatment = Samples.of(pair[0] for pair in known.values())
    control = Samples.of(pair[1] for pair in known.values())
    differences = welch_many(treatment=treatment, control=control, confidence=confidence)
    lifts = fieller_lift_many(treatment=treatment, control=control, confidence=confidence)
    for place, (at, (treated, controls)) in enumerate(known.items()):
        found[at] = replace(
            found[at],
            mean_treatment=_mean_of(treated),
            mean_control=_mean_of(controls),
            difference=differences[place],
            relative=lifts[place],
        )
        if found[at].method is Method.WELCH:
            found[at] = replace(found[at], n_treatment=treated.n, n_control=controls.n)
    for at, pair in enumerate(pairs):
        if isinstance(pair, Undefined):
            found[at] = replace(found[at], difference=pair, relative=pair)
    rates = [at for at, question in enumerate(asked) if question.method is Method.NEWCOMBE]
    shares = [shares_of(evidence, asked[at]) for at in rates]
    for at, of_rate, (in_treatment, in_control) in zip(
        rates, _differences_of_rates(shares, confidence), shares, strict=True
    ):
        found[at] = replace(
            found[at],
            mean_treatment=in_treatment.rate,
            mean_control=in_control.rate,
            difference=of_rate,
        )
    return found


def _differences_of_rates(
    shares: Sequence[tuple[Share, Share]], confidence: float
) -> list[Difference | Undefined]:
    """Newcombe's interval around each difference, the pooled z test beside it."""
    treatment = Shares.of(pair[0] for pair in shares)
    control = Shares.of(pair[1] for pair in shares)
    tests = pooled_z_many(treatment=treatment, control=control, confidence=confidence)
    intervals = newcombe_many(treatment=treatment, control=control, confidence=confidence)
    found: list[Difference | Undefined] = []
    for place in range(len(shares)):
        tested, interval = tests[place], intervals[place]
        if isinstance(tested, Difference) and isinstance(interval, Interval):
            tested = replace(tested, low=interval.low, high=interval.high)
        found.append(tested)
    return found


def _blank(question: Question, method: Method) -> Estimate:
    """An estimate before anything is estimated."""
    comparison, metric = question.comparison, question.metric
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
        n_treatment=customers_in(comparison.treatment),
        n_control=customers_in(comparison.control),
        mean_treatment=nothing,
        mean_control=nothing,
        difference=nothing,
        simultaneous=None,
        relative=nothing,
        clusters=(comparison.treatment.n, comparison.control.n) if comparison.clustered else None,
    )


def _mean_of(sample: Sample) -> float | Undefined:
    return sample.mean if sample.n else Undefined("there is no customer")


def _adjusted(
    evidence: Evidence, asked: Sequence[Question], confidence: float
) -> dict[int, Estimate]:
    """Per place that has covariates, the estimate adjusted for them (Lin), of whatever kind."""
    found: dict[int, Estimate] = {}
    together: dict[tuple[str, ...], dict[int, tuple[Moments, Moments]]] = {}
    for at, question in enumerate(asked):
        covariates = evidence.covariates[question.metric.name]
        if not covariates:
            continue
        found[at] = replace(_blank(question, Method.LIN), adjusted_for=tuple(covariates))
        comparison = question.comparison
        names = comparison.adjusting(covariates)
        weights = {evidence.outcomes[question.metric.name]: 1.0}
        treatment = comparison.combined(comparison.treatment, weights, keeping=names)
        control = comparison.combined(comparison.control, weights, keeping=names)
        for group in (treatment, control):
            if isinstance(group, Undefined):
                found[at] = replace(found[at], difference=group, relative=group)
                break
        if not isinstance(treatment, Undefined) and not isinstance(control, Undefined):
            together.setdefault((COMBINED, *names), {})[at] = treatment, control
    for variables, groups in together.items():
        estimates = lin_many(
            treatment=ManyMoments.of([pair[0] for pair in groups.values()], variables),
            control=ManyMoments.of([pair[1] for pair in groups.values()], variables),
            confidence=confidence,
        )
        for place, at in enumerate(groups):
            found[at] = _as_estimate(found[at], estimates[place], confidence)
    return found


def _as_estimate(blank: Estimate, found: LinEstimate | Undefined, confidence: float) -> Estimate:
    if isinstance(found, Undefined):
        return replace(blank, difference=found, relative=found)
    return replace(
        blank,
        mean_treatment=found.treatment_mean,
        mean_control=found.control_mean,
        difference=found.difference,
        relative=adjusted_lift(found, confidence=confidence)
        if found.control_mean >= 0
        else BACKWARDS,
        adjusted_for=found.covariates,
        dropped=found.dropped,
    )
