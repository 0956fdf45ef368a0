"""What other methods say beside the headline, for analysts; none of it decides.

From sums alone, so for every metric and treatment; methods that need rows are in `row_details`.
Where clusters were assigned, or people chose the groups, only readings of the headline itself stand
here: the others would take customers for independent, or the groups for alike.
"""

from collections.abc import Callable, Mapping

from experiments.analyse.analysis import Analysis
from experiments.analyse.comparison import COMBINED, Comparison, overall
from experiments.analyse.detail import Detail, Subject
from experiments.analyse.estimate import Estimate, Method
from experiments.analyse.estimates import headline_of
from experiments.analyse.estimating import Question, groups_of, shares_of
from experiments.analyse.evidence import Evidence
from experiments.analyse.rate_details import (
    ANY_DAY,
    posterior_detail,
    rate_details,
    rate_sequences,
    stratified_rate_details,
)
from experiments.analyse.variables import label
from experiments.errors import Undefined
from experiments.pilot import Metric, Plan
from experiments.stats.ancova import ancova
from experiments.stats.confidence_sequence import (
    TUNING_CUSTOMERS,
    asymptotic_sequence,
    mixture_test,
)
from experiments.stats.cuped import cuped
from experiments.stats.equivalence import (
    Equivalence,
    equivalence,
    rate_equivalence,
    relative_equivalence,
)
from experiments.stats.estimate import Difference, Interval
from experiments.stats.lift import Lift, delta_lift, log_delta_lift
from experiments.stats.mantel_haenszel import Stratum as RateStratum
from experiments.stats.means import student, welch
from experiments.stats.strata import Stratum, stratified_difference
from experiments.terms import SHARES, DesignKind, Role

ROWS = "rows"
MeanMethod = Callable[..., Difference | Lift | Undefined]


def details(plan: Plan, analysis: Analysis) -> tuple[Detail, ...]:
    """Per metric and treatment, in the order of the plan; empty while veiled."""
    if analysis.evidence is None:
        return ()
    found: list[Detail] = []
    for metric in plan.metrics:
        for treatment in plan.design.treatments:
            headline = headline_of(analysis.estimates, metric=metric.name, treatment=treatment)
            comparison = overall(plan, analysis.evidence, treatment, metric=metric.name)
            if headline is None or comparison is None:
                continue
            subject = Subject(metric.name, treatment)
            found += _of_headline(plan, metric, headline, subject, analysis.confidence)
            if plan.design.kind is DesignKind.RANDOMIZED:
                found += _of_sums(
                    plan,
                    analysis.evidence,
                    Question(comparison, metric),
                    headline,
                    subject,
                    confidence=analysis.confidence,
                )
                found += _of_rows(analysis, subject)
    return tuple(found)


def _of_headline(
    plan: Plan, metric: Metric, headline: Estimate, subject: Subject, confidence: float
) -> list[Detail]:
    """Equivalence and always-valid readings of the difference that the headline estimates."""
    difference = headline.difference
    if isinstance(difference, Undefined):
        return []
    found = []
    margin = float(metric.tolerance or 0)
    if margin > 0 and headline.method is not Method.NEWCOMBE:
        tested = equivalence(difference, low=-margin, high=margin, alpha=1 - confidence)
        found.append(_equivalent(subject, _gap(headline), tested, f"-/+ {margin:g}"))
    if headline.method is Method.WEIGHTED_CHANGES:
        return found  # its interval comes from resampling, which nobody repeated on every day
    units = headline.clusters or (headline.n_treatment, headline.n_control)
    tuned = plan.design.tuning_n or TUNING_CUSTOMERS
    prior = plan.design.prior if metric.name == plan.value.metric else None
    spread = difference.se * (sum(units) / tuned) ** 0.5 if prior is None else float(prior.sd)
    mixed = mixture_test(
        value=difference.value, se=difference.se, spread=spread, alpha=float(plan.design.alpha)
    )
    chosen = f"as wide as the standard error at {tuned:,} customers"
    of_mixture = f"effects mixed over {chosen if prior is None else 'the plan’s prior'}"
    return [
        *found,
        subject.tested(
            "asymptotic_sequence",
            asymptotic_sequence(
                value=difference.value,
                se=difference.se,
                customers=sum(units),
                alpha=float(plan.design.alpha),
                tuning_customers=tuned,
            ),
            f"headline, {ANY_DAY}",
        ),
        subject.missing("msprt", mixed, of_mixture)
        if isinstance(mixed, Undefined)
        else subject.interval(
            "msprt",
            Interval(mixed.low, mixed.high),
            f"headline, {ANY_DAY}; {of_mixture}",
            value=difference.value,
            p_value=mixed.p_value,
        ),
    ]


def _gap(headline: Estimate) -> float | Undefined:
    difference = headline.difference
    return difference if isinstance(difference, Undefined) else difference.value


def _equivalent(
    subject: Subject, value: float | Undefined, found: Equivalence | Undefined, margin: str
) -> Detail:
    if isinstance(found, Undefined):
        return subject.missing("equivalence", found, f"two one-sided tests against {margin}")
    return subject.interval(
        "equivalence",
        found.interval,
        f"two one-sided tests against {margin}; the interval has to lie between them",
        value=value,
        p_value=found.p_value,
    )


def _of_sums(
    plan: Plan,
    evidence: Evidence,
    question: Question,
    headline: Estimate,
    subject: Subject,
    *,
    confidence: float,
) -> list[Detail]:
    """What the kind of the metric allows, from customers who are independent."""
    found: list[Detail] = []
    if question.metric.kind in SHARES:
        treatment, control = shares_of(evidence, question)
        found += rate_details(subject, treatment=treatment, control=control, confidence=confidence)
        if question.metric.role is Role.PRIMARY:
            found.append(
                posterior_detail(
                    subject, treatment=treatment, control=control, confidence=confidence
                )
            )
        margin = float(question.metric.tolerance or 0)
        if 0 < margin < 1 and headline.method is Method.NEWCOMBE:
            tested = rate_equivalence(
                treatment=treatment, control=control, low=-margin, high=margin, alpha=1 - confidence
            )
            found.append(_equivalent(subject, _gap(headline), tested, f"-/+ {margin:g}"))
        strata = _within_strata(evidence, question)
        if strata:
            found += stratified_rate_details(
                subject,
                [RateStratum(*shares_of(evidence, one)) for one in strata.values()],
                confidence=confidence,
            )
        found += rate_sequences(
            subject,
            treatment=treatment,
            control=control,
            alpha=float(plan.design.alpha),
            tuned_n=(plan.design.tuning_n or TUNING_CUSTOMERS) / 2,
        )
    else:
        found += _of_means(evidence, question, headline, subject, confidence=confidence)
    return found + _adjusted(evidence, question, subject, confidence=confidence)


def _within_strata(evidence: Evidence, question: Question) -> Mapping[str, Question]:
    """The same question in each stratum that has customers of both groups."""
    comparison, metric = question.comparison, question.metric
    arms = (comparison.treatment_arm, comparison.control_arm)
    return {
        name: Question(Comparison(*arms, sums[arms[0]], sums[arms[1]]), metric)
        for name, sums in evidence.of(metric.name).by_stratum.items()
        if all(arm in sums for arm in arms)
    }


def _of_means(
    evidence: Evidence,
    question: Question,
    headline: Estimate,
    subject: Subject,
    *,
    confidence: float,
) -> list[Detail]:
    groups = groups_of(evidence, question)
    if isinstance(groups, Undefined):
        return []
    methods: dict[str, tuple[MeanMethod, str]] = {
        "student": (student, "difference, equal variances"),
        "lift_delta": (delta_lift, "lift, linear delta method"),
        "lift_log_delta": (log_delta_lift, "lift, delta method on its logarithm"),
    }
    if headline.method is Method.LIN:
        methods = {"welch": (welch, "difference, unadjusted"), **methods}
    found = [
        subject.tested(
            name, method(treatment=groups[0], control=groups[1], confidence=confidence), note
        )
        for name, (method, note) in methods.items()
    ]
    margin = float(question.metric.tolerance_relative or 0)
    if 0 < margin < 1:
        tested = relative_equivalence(
            treatment=groups[0], control=groups[1], low=-margin, high=margin, alpha=1 - confidence
        )
        said = f"-/+ {margin * 100:g} % of the control mean, unadjusted"
        found.append(_equivalent(subject, groups[0].mean - groups[1].mean, tested, said))
    strata = [
        Stratum(name, *within)
        for name, one in _within_strata(evidence, question).items()
        if not isinstance(within := groups_of(evidence, one), Undefined)
    ]
    if strata:
        together = stratified_difference(strata, confidence=confidence)
        found.append(
            subject.tested(
                "stratified",
                together if isinstance(together, Undefined) else together.difference,
                "difference within strata, weighted by their customers",
            )
        )
    return found


def _adjusted(
    evidence: Evidence, question: Question, subject: Subject, *, confidence: float
) -> list[Detail]:
    """Other adjustments for the covariates of the metric, where it has any."""
    covariates = evidence.covariates[question.metric.name]
    comparison = question.comparison
    weights = {evidence.outcomes[question.metric.name]: 1.0}
    treatment = comparison.combined(comparison.treatment, weights, keeping=covariates)
    control = comparison.combined(comparison.control, weights, keeping=covariates)
    if not covariates or isinstance(treatment, Undefined) or isinstance(control, Undefined):
        return []
    first, *_ = covariates
    by_one = cuped(
        treatment=treatment,
        control=control,
        outcome=COMBINED,
        covariate=first,
        confidence=confidence,
    )
    slope = "" if isinstance(by_one, Undefined) else f", theta {by_one.theta:.4g}"
    return [
        subject.tested(
            "cuped",
            by_one if isinstance(by_one, Undefined) else by_one.difference,
            f"adjusted for {label(first)}, one slope for both groups{slope}",
        ),
        subject.tested(
            "ancova",
            ancova(
                treatment=treatment,
                control=control,
                outcome=COMBINED,
                covariates=covariates,
                confidence=confidence,
            ),
            "adjusted for every covariate, one slope for both groups, equal variances",
        ),
    ]


def _of_rows(analysis: Analysis, subject: Subject) -> list[Detail]:
    found = analysis.resampled.get(subject.metric, {}).get(subject.treatment)
    if found is None:
        return []
    note = ROWS
    if not isinstance(found, Undefined):
        note = f"{ROWS}: {found.draws} draws of {found.treated:,} and {found.controls:,} customers"
        note += ", a random sample" if found.sampled else ""
    return [subject.tested("bootstrap_t", found, note)]
