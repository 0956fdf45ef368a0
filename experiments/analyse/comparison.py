"""Two arms whose customers are compared, overall or in one level of a segment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.analyse.evidence import Evidence
from experiments.behavior.summaries import Sums
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.estimate import Difference
from experiments.stats.lin import LinEstimate, lin
from experiments.stats.means import welch
from experiments.stats.rates import Share


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


def overall(plan: Plan, evidence: Evidence, treatment: str) -> Comparison | None:
    """A treatment against control, all customers; None where a group has no customers."""
    control = plan.design.control
    if treatment not in evidence.sums or control not in evidence.sums:
        return None
    return Comparison(treatment, control, evidence.sums[treatment], evidence.sums[control])


def comparisons(plan: Plan, evidence: Evidence) -> list[Comparison]:
    """Every treatment against control: overall, then in each level of each segment."""
    control = plan.design.control
    found = [
        comparison
        for treatment in plan.design.treatments
        if (comparison := overall(plan, evidence, treatment)) is not None
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


def share_of(sums: Sums, outcome: str) -> Share:
    """A rate's outcome, which is 0 or 1 per customer, as a count of events."""
    return Share(events=int(sums.totals[outcome]), n=sums.n)
