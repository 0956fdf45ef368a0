"""What changed: every metric, for every treatment, overall and in each segment.

With several treatments every comparison is also read together with the others against the same
control. A rate is read with the spread that it has where nothing changed, as its test is, and with
Newcombe's interval at the joint width, which the Wald spread of a group without events would
narrow to nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from experiments.analyse.choosing import estimate_chosen, together_with_others
from experiments.analyse.comparison import comparisons
from experiments.analyse.estimate import Estimate, Method, Simultaneous
from experiments.analyse.estimating import Question, estimate_many, shares_of
from experiments.analyse.evidence import Evidence
from experiments.analyse.multiplicity import several_read
from experiments.pilot import Plan
from experiments.stats.dunnett import Dunnett, dunnett
from experiments.stats.estimate import Difference
from experiments.stats.limits import confidence_of
from experiments.stats.rates import under_no_difference


def estimates(plan: Plan, evidence: Evidence, *, confidence: float) -> tuple[Estimate, ...]:
    """Estimate every metric in every comparison; `confidence` is that of each interval."""
    # All metrics of the same two groups together, though not all have the same customers.
    questions: dict[tuple[str | None, ...], list[Question]] = {}
    for metric in plan.metrics:
        for one in comparisons(plan, evidence, metric=metric.name):
            key = (one.segment, one.level, one.treatment_arm)
            questions.setdefault(key, []).append(Question(one, metric))
    asked = [question for together in questions.values() for question in together]
    read = estimate_many if evidence.chosen is None else estimate_chosen
    answers = read(evidence, asked, confidence=confidence)
    found = [
        _Answer(question, estimate)
        for question, both in zip(asked, answers, strict=True)
        for estimate in both
    ]
    if len(plan.design.treatments) < 2:
        return several_read(plan, [answer.estimate for answer in found])
    return several_read(plan, _together(plan, evidence, found, confidence=confidence))


@dataclass(frozen=True, slots=True)
class _Answer:
    """An estimate, and what it answers."""

    question: Question
    estimate: Estimate


def _at_confidence(
    evidence: Evidence, answers: Sequence[_Answer], confidence: float
) -> list[Estimate]:
    """The same estimates with wider or narrower intervals."""
    again = estimate_many(evidence, [one.question for one in answers], confidence=confidence)
    return [
        next(one for one in both if one.method is answer.estimate.method)
        for answer, both in zip(answers, again, strict=True)
    ]


def _together(
    plan: Plan, evidence: Evidence, found: Sequence[_Answer], *, confidence: float
) -> tuple[Estimate, ...]:
    """Add the simultaneous reading to comparisons that share control, metric and method."""
    treatments = len(plan.design.treatments)
    read = [answer.estimate for answer in found]
    for places, joint in _families(evidence, found, confidence=confidence):
        width = confidence_of(joint.critical)
        wider = _at_confidence(evidence, [found[place] for place in places], width)
        for place, one, again in zip(places, joint.comparisons, wider, strict=True):
            low, high = one.low, one.high
            if again.method is Method.NEWCOMBE and isinstance(again.difference, Difference):
                low, high = again.difference.low, again.difference.high
            together = Simultaneous(low, high, one.p_value, again.relative)
            read[place] = replace(read[place], simultaneous=together)
    for place, answer in enumerate(found):
        if answer.estimate.method is Method.WEIGHTED_CHANGES:
            at_once = together_with_others(
                answer.question, answer.estimate, many=treatments, confidence=confidence
            )
            read[place] = replace(read[place], simultaneous=at_once)
    return tuple(read)


def _families(
    evidence: Evidence, found: Sequence[_Answer], *, confidence: float
) -> Iterator[tuple[list[int], Dunnett]]:
    """Places of the comparisons that are read together, and their joint reading."""
    families: dict[tuple[object, ...], dict[int, Difference]] = {}
    for place, answer in enumerate(found):
        estimate = answer.estimate
        weighted = estimate.method is Method.WEIGHTED_CHANGES  # against a control of its own
        if isinstance(estimate.difference, Difference) and not weighted:
            key = (estimate.metric, estimate.method, estimate.segment, estimate.level)
            tested = _as_tested(evidence, answer, estimate.difference)
            families.setdefault(key, {})[place] = tested
    for family in families.values():
        joint = dunnett([*family.values()], confidence=confidence)
        if isinstance(joint, Dunnett):
            yield [*family], joint


def _as_tested(evidence: Evidence, answer: _Answer, difference: Difference) -> Difference:
    """The difference with the standard error that its test uses."""
    if answer.estimate.method is not Method.NEWCOMBE:
        return difference
    treatment, control = shares_of(evidence, answer.question)
    return under_no_difference(difference, treatment=treatment, control=control)


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
