"""The numbers per customer that the methods take in: outcomes, and what was known before.

An unknown number becomes the pooled mean with an indicator beside it. The filling matters where
the indicator is dropped because nobody in one of the arms is unknown: a 0 would then be an outlier.
A text attribute becomes an indicator for each of its levels but the most frequent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import ibis
import ibis.expr.types as ir

from experiments.analyse.profiles import (
    MOST_LEVELS,
    Profile,
    numbers_before,
    numbers_of,
    profile_of_text,
    profiles_of,
)
from experiments.behavior.accounts import AccountColumns, Attribute, Enrolment
from experiments.behavior.kinds import AMOUNT_TYPE
from experiments.behavior.sums import Sums
from experiments.engines.engine import Engine
from experiments.errors import BadInput, Problem
from experiments.pilot import Metric, Plan

MOST_SEGMENT_LEVELS = 50
NOT_KNOWN = "(not known)"
CONTACTS, CONTACTED, CUSTOMERS = "contacts", "contacted", "customers"
CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a metric compares: the mean of a variable, or its sum over that of another.

    Attributes:
        variable: Whose mean it is, or the upper sum.
        over: The lower sum; None for a mean per customer.
    """

    variable: str
    over: str | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """The one or two variables."""
        return (self.variable,) if self.over is None else (self.variable, self.over)


@dataclass(frozen=True, slots=True)
class Variables:
    """A row per customer with every number that the methods need.

    Attributes:
        rows: Columns `customer`, `arm`, one text column per segment attribute and stratum, one of
            the cluster where there is one, one boolean column per metric whose windows are not all
            over, and the variables.
        outcomes: Per metric, what it compares.
        covariates: Per metric, the variables that adjust it, in the order of the plan.
        before: Per metric whose pre-period the ledger holds, its variables.
        baseline: Everything known before, for the balance check.
        segments: Per segment attribute, its column in `rows`.
        complete: Per metric whose windows are not all over, the column that says where they are.
        cluster: Column of the cluster, where clusters are compared.
        earlier: The money metric as of each earlier look at the same customers.
        strata: Columns of the attributes within which customers were drawn.
        indicators: Per variable that says whether a segment or stratum has a level: column, level.
        contacts: Variable that counts contacts by this program.
        contacted: Variable that is 1 where there was one.
    """

    rows: ir.Table
    outcomes: Mapping[str, Outcome]
    covariates: Mapping[str, tuple[str, ...]]
    before: Mapping[str, tuple[str, ...]]
    baseline: tuple[str, ...]
    segments: Mapping[str, str]
    complete: Mapping[str, str]
    cluster: str | None
    earlier: tuple[Outcome, ...]
    strata: tuple[str, ...] = ()
    indicators: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    contacts: str = CONTACTS
    contacted: str = CONTACTED


@dataclass(slots=True)
class _Columns:
    """Columns under construction."""

    numbers: dict[str, ir.Value] = field(default_factory=dict)
    of_attribute: dict[str, tuple[str, ...]] = field(default_factory=dict)
    level_of: dict[str, tuple[str, str]] = field(default_factory=dict)


def segment_attributes(plan: Plan, enrolment: Enrolment, *, tier: str | None) -> list[Attribute]:
    """The attributes whose levels are looked at: those of the plan, and the tier."""
    names = [segment.attribute for segment in plan.segments]
    if tier is not None and tier not in names:
        names.append(tier)
    found = [enrolment.attribute(name) for name in names]
    return [attribute for attribute in found if attribute is not None]


def refuse_many_levels(
    engine: Engine, plan: Plan, enrolment: Enrolment, *, tier: str | None
) -> None:
    """Stop where an attribute has too many different values for what the plan does with it.

    Raises:
        BadInput: Names each attribute, and how many values it has.
    """
    segments = segment_attributes(plan, enrolment, tier=tier)
    limits = {attribute.name: MOST_SEGMENT_LEVELS for attribute in segments}
    adjusting = {name for metric in plan.metrics for name in metric.covariates}
    for name in (*sorted(adjusting), *plan.design.strata):
        attribute = enrolment.attribute(name)
        if attribute is not None and not attribute.numeric:
            limits[name] = MOST_LEVELS
    used = [attribute for attribute in enrolment.attributes if attribute.name in limits]
    if not used:
        return
    counts = engine.fetch(
        enrolment.rows.aggregate(
            **{one.column: enrolment.rows[one.column].nunique() for one in used}
        )
    ).to_pylist()[0]
    problems = [
        Problem(
            f"attribute {one.name!r}",
            f"has {counts[one.column]:,} different values, and at most {limits[one.name]} can be "
            f"used here; group them, or leave it out of the plan",
        )
        for one in used
        if counts[one.column] > limits[one.name]
    ]
    if problems:
        raise BadInput("Attributes of the customers do not fit the plan:", problems)


def variables(
    plan: Plan,
    engine: Engine,
    accounts: ir.Table,
    columns: AccountColumns,
    *,
    enrolment: Enrolment,
    tier: str | None,
) -> Variables:
    """Lay out the variables of a plan over the accounts."""
    made = _Columns()
    attributes = _qualities(plan, enrolment)
    numbers = numbers_of(accounts, attributes) | numbers_before(accounts, columns)
    profiles = profiles_of(engine, accounts, numbers)
    for attribute in attributes:
        made.of_attribute[attribute.name] = _add_attribute(
            made, engine, accounts, attribute, profiles
        )
    before = {
        metric.name: _add_before(made, accounts, metric, columns, profiles)
        for metric in plan.metrics
        if metric.name in columns.before
    }
    outcomes = {
        metric.name: _add_outcome(made, accounts, metric, columns) for metric in plan.metrics
    }
    made.numbers[CONTACTS] = accounts[columns.contacts]
    made.numbers[CONTACTED] = ibis.ifelse(accounts[columns.contacts] > 0, 1, 0).cast(AMOUNT_TYPE)
    for column in columns.earlier:
        made.numbers[column] = accounts[column]
    segments = segment_attributes(plan, enrolment, tier=tier)
    labels: dict[str, ir.Value] = {
        f"segment {attribute.name}": accounts[attribute.column].fill_null(NOT_KNOWN)
        for attribute in segments
    }
    strata = {
        f"stratum {name}": accounts[one.column].fill_null(NOT_KNOWN)
        for name in plan.design.strata
        if (one := enrolment.attribute(name)) is not None
    }
    labels |= strata
    keyed = {name: f"stratum {name}" for name in plan.design.strata}
    keyed |= {one.name: f"segment {one.name}" for one in segments}
    complete = {name: f"complete {name}" for name in columns.complete}
    labels |= {complete[name]: accounts[column] for name, column in columns.complete.items()}
    cluster = cluster_of(plan, enrolment)
    if cluster is not None:
        labels[CLUSTER] = accounts[cluster.column]
    return Variables(
        rows=_named(accounts, {"customer": accounts.customer, **labels, **made.numbers}),
        outcomes=outcomes,
        covariates={
            metric.name: _once(
                [*before.get(metric.name, ())]
                + [
                    variable
                    for name in (*metric.covariates, *plan.design.strata)
                    for variable in made.of_attribute.get(name, ())
                ]
            )
            for metric in plan.metrics
        },
        before=before,
        baseline=_once(
            [name for names in before.values() for name in names]
            + [name for names in made.of_attribute.values() for name in names]
        ),
        segments={attribute.name: f"segment {attribute.name}" for attribute in segments},
        complete=complete,
        cluster=None if cluster is None else CLUSTER,
        earlier=tuple(Outcome(column) for column in columns.earlier),
        strata=tuple(strata),
        indicators={
            name: (keyed[of], level) for name, (of, level) in made.level_of.items() if of in keyed
        },
    )


def customers_in(sums: Sums) -> int:
    """How many customers a group has, whether its sums are over them or over their clusters."""
    return int(sums.totals.get(CUSTOMERS, sums.n))


def cluster_of(plan: Plan, enrolment: Enrolment) -> Attribute | None:
    """The attribute by which customers are grouped into clusters, if they were so assigned.

    Raises:
        BadInput: The enrolment does not have it.
    """
    if plan.design.cluster is None:
        return None
    found = enrolment.attribute(plan.design.cluster)
    if found is None:
        raise BadInput(
            f"The design groups customers by {plan.design.cluster!r}, which the customers do not "
            f"have as an attribute; enrol them with it."
        )
    return found


def attributes_by_arm(
    engine: Engine, plan: Plan, enrolment: Enrolment
) -> tuple[ir.Table, tuple[str, ...]]:
    """What the company supplied of its customers, without a row of behavior.

    Returns:
        A row per customer with `customer`, `arm`, in a clustered design `cluster`, and the
        variables; and which variables these are. The name of a cluster is none.
    """
    made = _Columns()
    attributes = _qualities(plan, enrolment)
    profiles = profiles_of(engine, enrolment.rows, numbers_of(enrolment.rows, attributes))
    for attribute in attributes:
        _add_attribute(made, engine, enrolment.rows, attribute, profiles)
    cluster = cluster_of(plan, enrolment)
    keys: dict[str, ir.Value] = {"customer": enrolment.rows.customer}
    if cluster is not None:
        keys[CLUSTER] = enrolment.rows[cluster.column]
    return _named(enrolment.rows, {**keys, **made.numbers}), tuple(made.numbers)


def _named(customers: ir.Table, columns: Mapping[str, ir.Value]) -> ir.Table:
    """The arm and these columns; in a list, because as keywords some names have a meaning."""
    return customers.select([customers.arm, *(value.name(name) for name, value in columns.items())])


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _qualities(plan: Plan, enrolment: Enrolment) -> list[Attribute]:
    """The attributes that say something of a customer; the name of a cluster does not."""
    return [one for one in enrolment.attributes if one.name != plan.design.cluster]


def _add_attribute(
    made: _Columns,
    engine: Engine,
    accounts: ir.Table,
    attribute: Attribute,
    profiles: Mapping[str, Profile],
) -> tuple[str, ...]:
    """Add the variables of an attribute; a text with too many levels has no balance to show."""
    seen = profiles.get(attribute.column) or profile_of_text(engine, accounts, attribute)
    value = text = accounts[attribute.column]
    if attribute.numeric:
        value = text.try_cast(AMOUNT_TYPE)
        added: dict[str, ir.Value] = {
            attribute.name: value.fill_null(ibis.literal(seen.mean, AMOUNT_TYPE))
        }
    elif len(seen.levels) > MOST_LEVELS:
        return ()
    else:
        added = {
            f"{attribute.name}={level}": ibis.ifelse(text == level, 1, 0)
            for level in seen.levels[1:]
        }
    if seen.unknown:
        added[f"{attribute.name} not known"] = ibis.ifelse(value.isnull(), 1, 0)
    names = _add(made, added)
    if not attribute.numeric and NOT_KNOWN not in seen.levels:
        for name, level in zip(names, (*seen.levels[1:], NOT_KNOWN), strict=False):
            made.level_of[name] = (attribute.name, level)
    return names


def _add_outcome(
    made: _Columns, accounts: ir.Table, metric: Metric, columns: AccountColumns
) -> Outcome:
    """Add a metric's number, and the one that it is divided by where there is one."""
    variable = f"outcome {metric.name}"
    made.numbers[variable] = accounts[columns.outcomes[metric.name]]
    if metric.name not in columns.denominators:
        return Outcome(variable)
    over = f"over {metric.name}"
    made.numbers[over] = accounts[columns.denominators[metric.name]]
    return Outcome(variable, over)


def _add_before(
    made: _Columns,
    accounts: ir.Table,
    metric: Metric,
    columns: AccountColumns,
    profiles: Mapping[str, Profile],
) -> tuple[str, ...]:
    """Add a metric's pre-period values, and an indicator where some were not observed."""
    has = accounts[columns.has_before[metric.name]]
    added: dict[str, ir.Value] = {}
    unknown = 0
    names = (f"{metric.name} before", f"{metric.name} before ({metric.denominator})")
    for name, column in zip(names, columns.before[metric.name], strict=False):
        before = accounts[column]
        seen = profiles[column]
        unknown = seen.unknown
        added[name] = ibis.ifelse(has == 1, before, ibis.literal(seen.mean, AMOUNT_TYPE))
    if unknown:
        added[f"{metric.name} before not known"] = 1 - has
    return _add(made, added)


def _add(made: _Columns, added: Mapping[str, ir.Value]) -> tuple[str, ...]:
    """Add variables under names of their own; the engine does not heed capitals."""
    names = []
    for name, value in added.items():
        taken = {other.casefold() for other in made.numbers}
        variable, number = f"known {name}", 1
        while variable.casefold() in taken:
            number += 1
            variable = f"known {name} ({number})"
        made.numbers[variable] = value.cast(AMOUNT_TYPE)
        names.append(variable)
    return tuple(names)


def label(variable: str) -> str:
    """How people read a variable: without the prefix that keeps names apart."""
    if variable == CUSTOMERS:
        return "customers per cluster"
    kind, _, name = variable.partition(" ")
    return name if kind in ("known", "outcome", "over") else variable


def summed_families(plan: Plan, laid_out: Variables) -> list[tuple[str, ...]]:
    """Per metric, the variables whose products the estimators need together."""
    families = []
    for metric in plan.metrics:
        family: Sequence[str] = (
            *laid_out.outcomes[metric.name].variables,
            *laid_out.covariates[metric.name],
        )
        if metric.name == plan.value.metric:
            looks = [one.variable for one in laid_out.earlier]
            family = (*family, laid_out.contacts, laid_out.contacted, *looks)
        if laid_out.cluster is not None:
            family = (*family, CUSTOMERS)
        families.append(tuple(family))
    return families
