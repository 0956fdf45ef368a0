"""Two groups beside each other, and what may be asked of their sums.

Everything that is compared is a mean of something over units: a number per customer, or a sum over
a sum (orders, answers, the customers of a cluster), which is linearised to a number per unit. So
covariates, costs, tolerances and clusters are treated alike for every kind of metric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from experiments.analyse.evidence import Evidence
from experiments.analyse.variables import CUSTOMERS, Outcome
from experiments.analyse.weighted import Weighted
from experiments.behavior.sums import Sums
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.estimate import Difference
from experiments.stats.lin import LinEstimate, lin
from experiments.stats.means import welch
from experiments.stats.moments import Moments, Sample
from experiments.stats.rates import Share
from experiments.stats.ratio import linearised

Weights = Mapping[Outcome, float]
COMBINED = "combined"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms whose customers are compared, overall or in one level of a segment.

    Attributes:
        treatment_arm: Arm that was offered the program.
        control_arm: Arm that was held back.
        treatment: Its sums, over customers or over clusters.
        control: Those of the control arm.
        clustered: Whether clusters were assigned, so that the sums are over them.
        segment: Attribute of the segment; None overall.
        level: Level of that attribute; None overall.
        weighted: Where people chose the groups, the control customers weighted to be like the
            treated; None where chance chose, and in a segment.
    """

    treatment_arm: str
    control_arm: str
    treatment: Sums
    control: Sums
    clustered: bool = False
    segment: str | None = None
    level: str | None = None
    weighted: Weighted | Undefined | None = None

    def adjusted(
        self, covariates: Sequence[str], *, treated: Weights, controls: Weights, confidence: float
    ) -> LinEstimate | Undefined:
        """Lin's estimate of a combination of outcomes, which may differ between the arms.

        Args:
            covariates: Variables that adjust; in a clustered design, with the clusters' size.
            treated: Weight per outcome in the treatment arm.
            controls: Weight per outcome in the control arm.
            confidence: Of the interval.
        """
        names = self.adjusting(covariates)
        treatment = self.combined(self.treatment, treated, keeping=names)
        control = self.combined(self.control, controls, keeping=names)
        if isinstance(treatment, Undefined):
            return treatment
        if isinstance(control, Undefined):
            return control
        return lin(
            treatment=treatment,
            control=control,
            outcome=COMBINED,
            covariates=names,
            confidence=confidence,
        )

    def unadjusted(
        self, *, treated: Weights, controls: Weights, confidence: float
    ) -> Difference | Undefined:
        """Welch's comparison of a combination of outcomes, which may differ between the arms."""
        treatment = self.sample(self.treatment, treated)
        control = self.sample(self.control, controls)
        if isinstance(treatment, Undefined):
            return treatment
        if isinstance(control, Undefined):
            return control
        return welch(treatment=treatment, control=control, confidence=confidence)

    def sample(self, sums: Sums, weights: Weights) -> Sample | Undefined:
        """A combination of outcomes in one of the two groups, one number per unit."""
        found = self.combined(sums, weights, keeping=())
        return found if isinstance(found, Undefined) else found.sample(COMBINED)

    def adjusting(self, covariates: Sequence[str]) -> list[str]:
        """The variables that adjust: of clusters, their size too."""
        return [*covariates, *([CUSTOMERS] if self.clustered else [])]

    def combined(
        self, sums: Sums, weights: Weights, *, keeping: Sequence[str]
    ) -> Moments | Undefined:
        """Moments of a combination of outcomes, called `combined`, and of other variables."""
        size = CUSTOMERS if self.clustered else None
        lower = {outcome: outcome.over or size for outcome in weights}
        names = [
            *(outcome.variable for outcome in weights),
            *(name for name in lower.values() if name is not None),
            *keeping,
        ]
        moments = sums.moments(list(dict.fromkeys(names)))
        if list(weights.values()) == [1.0] and not any(lower.values()):
            return replace(moments, names=(COMBINED, *keeping))
        terms: dict[str, float] = {}
        for at, (outcome, weight) in enumerate(weights.items()):
            term, below = outcome.variable, lower[outcome]
            if below is not None:
                term = f"quotient {at}"
                found = linearised(
                    moments, name=term, numerator=outcome.variable, denominator=below
                )
                if isinstance(found, Undefined):
                    return found
                moments = found
            terms[term] = terms.get(term, 0.0) + weight
        return moments.combine({COMBINED: terms, **{name: {name: 1.0} for name in keeping}})


def overall(plan: Plan, evidence: Evidence, treatment: str, *, metric: str) -> Comparison | None:
    """A treatment against control, all customers; None where a group has no customers."""
    control, sums = plan.design.control, evidence.of(metric).sums
    if treatment not in sums or control not in sums:
        return None
    return Comparison(
        treatment,
        control,
        sums[treatment],
        sums[control],
        clustered=evidence.clustered,
        weighted=None if evidence.chosen is None else evidence.chosen.weighted[metric, treatment],
    )


def comparisons(plan: Plan, evidence: Evidence, *, metric: str) -> list[Comparison]:
    """Every treatment against control: overall, then in each level of each segment."""
    control, measured = plan.design.control, evidence.of(metric)
    found = [
        comparison
        for treatment in plan.design.treatments
        if (comparison := overall(plan, evidence, treatment, metric=metric)) is not None
    ]
    if not measured.sums:
        return []
    nobody = empty_like(next(iter(measured.sums.values())))
    for attribute, levels in measured.by_segment.items():
        for level, arms in levels.items():
            found += [
                Comparison(
                    treatment,
                    control,
                    arms.get(treatment, nobody),
                    arms.get(control, nobody),
                    evidence.clustered,
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


def share_of(sums: Sums, outcome: Outcome) -> Share:
    """A rate's outcome, which is 0 or 1 per customer, as a count of events."""
    return Share(events=int(sums.totals[outcome.variable]), n=sums.n)


def answers_of(sums: Sums, outcome: Outcome) -> Sample:
    """The scores of those who answered, from sums over everybody; who did not has 0 and 0."""
    return Sample.from_sums(
        n=int(sums.totals[outcome.over or ""]),
        total=sums.totals[outcome.variable],
        squares=sums.products[outcome.variable, outcome.variable],
    )
