"""What D is once a design with several looks has stopped: the estimate that looking did not bias.

The estimate at the look that stopped a pilot is too high on average, because a high one stops it.
Beside it stands the median-unbiased one of the stage-wise ordering; it decides nothing. That
ordering knows a pilot by the first look that settled it, so that a pilot which went on is read
there.
"""

from dataclasses import replace

from experiments.analyse.analysis import Analysis, money_alone
from experiments.analyse.estimates import estimates
from experiments.analyse.evidence import Evidence
from experiments.analyse.looks import LookTaken
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.boundaries import Boundaries
from experiments.stats.limits import confidence_of
from experiments.stats.sequential import Stopped, after_stopping
from experiments.terms import Look
from experiments.value.contrast import Value, values


def after_looking(
    plan: Plan, analysis: Analysis, value: Value | Undefined, *, settled: bool
) -> Stopped | Undefined | None:
    """D by the stage-wise ordering; None where there was but one look, or the pilot goes on.

    Args:
        plan: Says the error rate.
        analysis: Says at which look.
        value: D at that look.
        settled: Whether D's interval lies on one side of 0, so that the pilot may stop.
    """
    look = analysis.look
    if look is None or look.kind is not Look.GROUP_SEQUENTIAL or look.lifted is not None:
        return None
    if isinstance(value, Undefined) or look.number is None or not (settled or look.final):
        return None
    if look.growing:
        return Undefined("the looks read the same customers over ever more days")
    stopped_at, then = look.number, value
    for number, evidence in enumerate(analysis.before, start=1):
        earlier = _at(plan, analysis, look, number, evidence, treatment=value.treatment)
        if earlier and (earlier.contrast.low > 0 or earlier.contrast.high < 0):
            stopped_at, then = number, earlier
            break
    design = Boundaries.of(fractions=look.information, z=look.critical)
    if isinstance(design, Undefined):
        return design
    return after_stopping(
        design,
        look=stopped_at,
        value=then.contrast.value,
        se=then.contrast_se,
        confidence=plan.confidence,
    )


def _at(
    plan: Plan,
    analysis: Analysis,
    look: LookTaken,
    number: int,
    evidence: Evidence,
    *,
    treatment: str,
) -> Value | Undefined:
    """D as it was at an earlier look, read at the boundary of that look."""
    confidence = confidence_of(look.critical[number - 1])
    earlier = replace(
        analysis,
        evidence=evidence,
        estimates=estimates(money_alone(plan), evidence, confidence=confidence),
        look=replace(look, number=number, final=False, confidence=confidence),
    )
    return values(plan, earlier, basis=plan.value.basis)[treatment]
