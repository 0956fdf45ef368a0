"""Read metrics where people chose the groups: as they are, and weighted to be alike before.

The headline is the weighted difference-in-differences. Beside it stands the plain difference of
groups that are not comparable; in segments it stands alone.
"""

from collections.abc import Sequence
from dataclasses import replace

from experiments.analyse.comparison import Comparison
from experiments.analyse.estimate import Estimate, Method, Simultaneous
from experiments.analyse.estimating import BACKWARDS, Question, estimate_many
from experiments.analyse.evidence import Evidence
from experiments.analyse.variables import customers_in
from experiments.errors import Undefined
from experiments.stats.estimate import Difference


def estimate_chosen(
    evidence: Evidence, asked: Sequence[Question], *, confidence: float
) -> list[list[Estimate]]:
    """Per question the plain difference, and overall the weighted one, which decides."""
    # Adjusting for covariates is not offered beside weighting on the same ones.
    plain = replace(evidence, covariates=dict.fromkeys(evidence.covariates, ()))
    found = []
    for question, answers in zip(
        asked, estimate_many(plain, asked, confidence=confidence), strict=True
    ):
        as_chosen = replace(answers[0], headline=False, comparable=False)
        weighted = (
            [_weighted(as_chosen, question.comparison, confidence)]
            if question.comparison.segment is None
            else []
        )
        found.append([as_chosen, *weighted])
    return found


def _weighted(as_chosen: Estimate, comparison: Comparison, confidence: float) -> Estimate:
    found = comparison.weighted
    nothing = Undefined("not estimated")
    blank = replace(
        as_chosen,
        method=Method.WEIGHTED_CHANGES,
        headline=True,
        comparable=True,
        n_treatment=customers_in(comparison.treatment),
        n_control=customers_in(comparison.control),
        mean_treatment=nothing,
        mean_control=nothing,
    )
    if found is None or isinstance(found, Undefined):
        reason = Undefined("the groups were not weighted") if found is None else found
        return replace(blank, difference=reason, relative=reason)
    weights = {found.outcome: 1.0}
    difference = found.difference(treated=weights, controls=weights, confidence=confidence)
    relative = BACKWARDS if found.control_mean < 0 else found.lift(confidence=confidence)
    return replace(
        blank,
        mean_treatment=found.treated_mean,
        mean_control=found.control_mean,
        difference=difference,
        relative=relative if isinstance(difference, Difference) else difference,
        adjusted_for=found.means.weighting.covariates,
        dropped=found.means.weighting.dropped,
    )


def together_with_others(
    question: Question, estimate: Estimate, *, many: int, confidence: float
) -> Simultaneous | None:
    """A weighted estimate read together with those of the other treatments, so many in all.

    Bonferroni: control customers are weighted anew for each treatment, so that the correlation
    which Dunnett's reading needs is not known.
    """
    if not isinstance(estimate.difference, Difference):
        return None
    width = 1 - (1 - confidence) / many
    again = _weighted(estimate, question.comparison, width)
    if not isinstance(again.difference, Difference):
        return None
    return Simultaneous(
        again.difference.low,
        again.difference.high,
        min(1.0, many * estimate.difference.p_value),
        again.relative,
    )
