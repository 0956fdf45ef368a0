"""Are the groups alike, variable by variable? Known as soon as customers are enrolled."""

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.analyse import checks
from experiments.analyse.checks import Check
from experiments.analyse.variables import attributes_by_arm, label
from experiments.behavior.accounts import Enrolment
from experiments.behavior.engine import Engine
from experiments.behavior.summaries import Summary
from experiments.pilot import Plan
from experiments.stats.balance import standardised_difference


@dataclass(frozen=True, slots=True)
class Gap:
    """How far a treatment group is from the control group, before the pilot.

    Attributes:
        treatment: The treatment.
        variable: What was known: a number, or one value of a text.
        difference: In standard deviations; None where nothing varies.
    """

    treatment: str
    variable: str
    difference: float | None


@dataclass(frozen=True, slots=True)
class Alike:
    """Whether the groups are as large as planned, and alike.

    Attributes:
        checks: Of the split, and of balance per treatment.
        gaps: One per treatment and variable.
    """

    checks: tuple[Check, ...]
    gaps: tuple[Gap, ...]


def groups_alike(
    engine: Engine, plan: Plan, *, customers: Mapping[str, int], enrolment: Enrolment
) -> Alike:
    """Compare the groups of an enrolment by what was known before.

    Args:
        engine: Runs the queries.
        plan: Names arms and shares.
        customers: Enrolled customers per arm.
        enrolment: What is known of them.
    """
    rows, names = attributes_by_arm(engine, enrolment)
    summary = Summary((names,))
    table = engine.fetch(summary.expression(rows, by=["arm"]))
    sums = {arm: found for (arm,), found in summary.read(table, by=["arm"]).items()}
    gaps = []
    for treatment in plan.design.treatments:
        treated = sums[treatment].moments(names)
        controls = sums[plan.design.control].moments(names)
        for name in names:
            found = standardised_difference(
                treatment=treated.sample(name), control=controls.sample(name)
            )
            gaps.append(Gap(treatment, label(name), found if isinstance(found, float) else None))
    return Alike(
        checks=(checks.split(plan, customers), *checks.balance(plan, sums, names)),
        gaps=tuple(gaps),
    )
