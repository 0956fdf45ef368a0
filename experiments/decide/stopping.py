"""What D is once a design with several looks has stopped: the estimate that looking did not bias.

The estimate at the look that stopped a pilot is too high on average, because a high one stops it.
Beside it stands the median-unbiased one of the stage-wise ordering; it decides nothing.
"""

from experiments.analyse.analysis import Analysis
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.boundaries import Boundaries
from experiments.stats.sequential import Stopped, after_stopping
from experiments.terms import Look
from experiments.value.contrast import Value


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
    design = Boundaries.of(fractions=look.information, z=look.critical)
    if isinstance(design, Undefined):
        return design
    return after_stopping(
        design,
        look=look.number,
        value=value.contrast.value,
        se=value.contrast_se,
        confidence=plan.confidence,
    )
