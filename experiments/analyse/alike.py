"""Are the groups alike, variable by variable? Known as soon as customers are enrolled."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from experiments.analyse.checks import Check
from experiments.analyse.enrolment_checks import attribute_sums, enrolment_checks
from experiments.analyse.variables import NOT_KNOWN, label
from experiments.behavior.accounts import Enrolment
from experiments.engines.engine import Engine
from experiments.pilot import Plan
from experiments.stats.balance import standardised_difference

FEW_VALUES = 10


@dataclass(frozen=True, slots=True)
class BaselineGap:
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
class Level:
    """How many customers of each arm have one value of an attribute.

    Attributes:
        value: The value; `NOT_KNOWN` for customers without one.
        customers: Per arm, in the order of the plan.
    """

    value: str
    customers: dict[str, int]


@dataclass(frozen=True, slots=True)
class Levels:
    """An attribute with few values: every one of them, with its customers."""

    attribute: str
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Alike:
    """Whether the groups are as large as planned, and alike.

    Attributes:
        checks: Of the split, and of balance per treatment.
        gaps: One per treatment and variable.
        levels: Of strata, and of attributes with few values.
    """

    checks: tuple[Check, ...]
    gaps: tuple[BaselineGap, ...]
    levels: tuple[Levels, ...] = ()


def groups_alike(
    engine: Engine,
    plan: Plan,
    *,
    customers: Mapping[str, int],
    enrolment: Enrolment,
    strata: Collection[str] = (),
) -> Alike:
    """Compare the groups of an enrolment by what was known before.

    Args:
        engine: Runs the queries.
        plan: Names arms and shares.
        customers: Enrolled customers per arm.
        enrolment: What is known of them.
        strata: Attributes within whose values the arms were drawn.
    """
    sums, names = attribute_sums(engine, plan, enrolment, over_customers=True)
    gaps = []
    for treatment in plan.design.treatments:
        treated = sums[treatment].moments(names)
        controls = sums[plan.design.control].moments(names)
        for name in names:
            found = standardised_difference(
                treatment=treated.sample(name), control=controls.sample(name)
            )
            gap = found if isinstance(found, float) else None
            gaps.append(BaselineGap(treatment, label(name), gap))
    return Alike(
        checks=enrolment_checks(engine, plan, customers=customers, enrolment=enrolment),
        gaps=tuple(gaps),
        levels=tuple(_levels(engine, plan, enrolment, strata=strata)),
    )


def _levels(
    engine: Engine, plan: Plan, enrolment: Enrolment, *, strata: Collection[str]
) -> Iterator[Levels]:
    rows = enrolment.rows
    for one in enrolment.attributes:
        counts = rows.group_by([one.column, "arm"]).agg(n=rows.count())
        if one.name not in strata:
            different = engine.fetch(rows.aggregate(n=rows[one.column].nunique()))["n"][0].as_py()
            if different > FEW_VALUES:
                continue
        found: dict[str, dict[str, int]] = {}
        for row in engine.fetch(counts).to_pylist():
            value = NOT_KNOWN if row[one.column] is None else str(row[one.column])
            arms = found.setdefault(value, dict.fromkeys(plan.design.arms, 0))
            arms[row["arm"]] = row["n"]
        ordered = sorted(found, key=lambda value: _place(value, is_number=one.numeric))
        yield Levels(one.name, tuple(Level(value, found[value]) for value in ordered))


def _place(value: str, *, is_number: bool) -> tuple[bool, float, str]:
    """Numbers by size, texts by name, what is not known last."""
    size = float(value) if is_number and value != NOT_KNOWN else 0.0
    return value == NOT_KNOWN, size, value
