"""Do two arms differ in something that is no outcome? A test per treatment against control.

Over customers a share is tested by the pooled z test and an amount by Welch's t; over clusters both
by Welch's t of the linearised quotient. With several treatments the p-value is Bonferroni's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from experiments.analyse.comparison import Comparison
from experiments.analyse.variables import CUSTOMERS, Outcome
from experiments.behavior.sums import Sums
from experiments.pilot import Plan
from experiments.stats.estimate import Difference
from experiments.stats.means import welch
from experiments.stats.rates import Share, pooled_z

WARNS = 0.01


@dataclass(frozen=True, slots=True)
class Gap:
    """How far a treatment is from control.

    Attributes:
        treatment: The arm.
        of_treatment: Its share or mean.
        of_control: That of control.
        p_value: Of no difference, times the number of treatments that were tested.
    """

    treatment: str
    of_treatment: float
    of_control: float
    p_value: float

    @property
    def value(self) -> float:
        """Treatment minus control."""
        return self.of_treatment - self.of_control

    def among(self, tests: int) -> "Gap":
        """The same as one of several tests, its p-value times their number."""
        return replace(self, p_value=min(1.0, self.p_value * tests))

    @property
    def warns(self) -> bool:
        """Whether chance alone hardly explains it."""
        return self.p_value < WARNS


def widest_gap(
    plan: Plan, sums: Mapping[str, Sums], outcome: Outcome, *, is_share: bool
) -> Gap | None:
    """The treatment that differs most surely from control; None where nothing can be tested.

    Args:
        plan: Names the arms.
        sums: Per arm, over customers or, in a clustered design, over clusters.
        outcome: What is compared: a 0 or 1 per customer, perhaps among those of another.
        is_share: Whether it is a share of customers.
    """
    control = plan.design.control
    clustered = plan.design.cluster is not None
    found = []
    for treatment in plan.design.treatments:
        if treatment not in sums or control not in sums:
            continue
        both = Comparison(treatment, control, sums[treatment], sums[control], clustered)
        difference = _difference(both, outcome, is_share=is_share)
        if difference is not None:
            p_value = min(1.0, difference.p_value * len(plan.design.treatments))
            found.append(
                Gap(
                    treatment,
                    _level(both, both.treatment, outcome),
                    _level(both, both.control, outcome),
                    p_value,
                )
            )
    return min(found, key=lambda gap: gap.p_value, default=None)


def _difference(both: Comparison, outcome: Outcome, *, is_share: bool) -> Difference | None:
    if is_share and not both.clustered:
        shares = [_share(sums, outcome) for sums in (both.treatment, both.control)]
        found = pooled_z(treatment=shares[0], control=shares[1])
    elif both.clustered or outcome.over is not None:
        found = both.unadjusted(treated={outcome: 1.0}, controls={outcome: 1.0}, confidence=0.95)
    else:
        samples = [
            sums.moments([outcome.variable]).sample(outcome.variable)
            for sums in (both.treatment, both.control)
        ]
        found = welch(treatment=samples[0], control=samples[1])
    return found if isinstance(found, Difference) else None


def _share(sums: Sums, outcome: Outcome) -> Share:
    of = sums.n if outcome.over is None else int(sums.totals[outcome.over])
    return Share(int(sums.totals[outcome.variable]), of)


def _level(both: Comparison, sums: Sums, outcome: Outcome) -> float:
    lower = outcome.over or (CUSTOMERS if both.clustered else None)
    of = sums.n if lower is None else sums.totals[lower]
    return float(sums.totals[outcome.variable] / of) if of else 0.0
