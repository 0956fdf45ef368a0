"""Bring back the rows that weighting needs, where people chose who is in which group.

Per customer: the outcome, its value in up to 6 pre-periods, contacts, and what was known before.
A group above the row limit is represented by a random sample, drawn with a seed that follows from
the plan, so that the same analysis gives the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from experiments.analyse.chance import chance_of
from experiments.analyse.evidence import Gathered
from experiments.analyse.variables import Variables, label, variables
from experiments.analyse.weighted import OUTCOME, Chosen, Weighted
from experiments.behavior.accounts import Enrolment, Recorded
from experiments.behavior.kinds import has_denominator
from experiments.behavior.pre_periods import PrePeriods, pre_periods
from experiments.engines.engine import Engine
from experiments.errors import Undefined
from experiments.pilot import Metric, Plan
from experiments.stats.moments import Floats
from experiments.stats.weighted_did import Panel, placebo_did
from experiments.stats.weighted_means import ROWS_PER_GROUP, Group, drawn_units, weighted_means
from experiments.terms import DesignKind, Role


@dataclass(frozen=True, slots=True)
class _Rows:
    """The customers of one arm.

    Attributes:
        table: A row per customer; numbers as float64, and the cluster where there is one.
        sampled: Whether it is a sample.
    """

    table: pa.Table
    sampled: bool

    def matrix(self, names: Sequence[str]) -> Floats:
        """Columns side by side, shape (customers, names)."""
        return np.array([self.table[name].to_numpy() for name in names], dtype=float).T.reshape(
            len(self.table), len(names)
        )


def weigh(
    engine: Engine,
    plan: Plan,
    gathered: Gathered,
    *,
    seen: ir.Table,
    enrolment: Enrolment,
    known: Mapping[str, Recorded],
    tier: str | None,
    fingerprint: str,
    as_of: date,
    rows_per_group: int = ROWS_PER_GROUP,
) -> Chosen | None:
    """Weight the control customers for every metric and treatment; None where chance chose.

    Args:
        engine: Runs the queries.
        plan: Says metrics, windows and arms.
        gathered: A row per customer.
        seen: Rows of the ledger that may be read.
        enrolment: The enrolled customers.
        known: What the ledger holds for each metric.
        tier: Name of the attribute that holds the value tier, if any.
        fingerprint: Of the plan; all chance follows from it.
        as_of: The day of the analysis.
        rows_per_group: A larger group is represented by a random sample of this size.
    """
    if plan.design.kind is not DesignKind.SUPPLIED:
        return None
    laid_out = variables(
        plan, engine, gathered.accounts, gathered.columns, enrolment=enrolment, tier=tier
    )
    periods = pre_periods(
        engine,
        plan,
        behavior=seen,
        enrolment=enrolment.rows,
        first_on={name: found.first_on for name, found in known.items()},
        as_of=as_of,
    )
    everybody = laid_out.rows.left_join(periods.rows, "customer").drop("customer_right")
    with engine.held(everybody) as rows:
        by_arm = {
            arm: _fetched(
                engine,
                plan,
                rows.filter(rows.arm == arm),
                laid_out,
                periods,
                rng=chance_of(fingerprint, arm),
                limit=rows_per_group,
            )
            for arm in plan.design.arms
        }
    weighted = {
        (metric.name, treatment): _weighted(
            plan,
            metric,
            by_arm,
            treatment,
            laid_out=laid_out,
            columns=periods.columns[metric.name],
            fingerprint=fingerprint,
        )
        for metric in plan.metrics
        for treatment in plan.design.treatments
    }
    return Chosen(
        weighted,
        {
            metric.name: len(periods.columns[metric.name])
            for metric in plan.metrics
            if not has_denominator(metric.kind)
        },
    )


def decides(plan: Plan, metric: Metric) -> bool:
    """Whether the verdict rests on a metric: the money metric, and every guardrail."""
    return metric.name == plan.value.metric or metric.role is Role.GUARDRAIL


def _attributes(laid_out: Variables) -> tuple[str, ...]:
    """What was known before of each customer, without the metrics' own past."""
    past = {name for names in laid_out.before.values() for name in names}
    return tuple(name for name in laid_out.baseline if name not in past)


def _fetched(
    engine: Engine,
    plan: Plan,
    rows: ir.Table,
    laid_out: Variables,
    periods: PrePeriods,
    *,
    rng: np.random.Generator,
    limit: int,
) -> _Rows:
    """The customers of one arm, in the order of their numbers; a sample above the limit."""
    named = rows if laid_out.cluster is None else rows.mutate(unit=_unit(rows, laid_out.cluster))
    chosen, sampled = named, False
    many = int(engine.fetch(rows.aggregate(n=rows.count()))["n"][0].as_py())
    clusters = [] if laid_out.cluster is None else ["unit"]
    if many > limit:
        listed = engine.fetch(named.select("customer", *clusters).order_by("customer"))
        units = np.arange(many) if not clusters else _numbered(listed["unit"])
        kept = np.isin(units, drawn_units(units, limit=limit, rng=rng))
        chosen = named.semi_join(
            ibis.memtable(listed.select(["customer"]).filter(pa.array(kept))), "customer"
        )
        sampled = True
    numbers = [
        *(outcome.variable for outcome in laid_out.outcomes.values()),
        laid_out.contacts,
        *_attributes(laid_out),
        *(name for metric in plan.metrics for name in periods.columns[metric.name]),
    ]
    table = engine.fetch(
        chosen.order_by("customer").select(
            [
                *(chosen[name] for name in (*clusters, *laid_out.complete.values())),
                *(chosen[name].cast("float64").name(name) for name in numbers),
            ]
        )
    )
    return _Rows(table, sampled)


def _unit(rows: ir.Table, cluster: str) -> ir.Value:
    """The cluster; a customer of whom it is not known is one of their own."""
    return rows[cluster].fill_null("customer " + rows.customer.cast("string"))


def _numbered(*names: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Numbers from 0 without gaps, over all of them in a row."""
    together = np.concatenate([some.to_numpy(zero_copy_only=False) for some in names])
    return np.unique(together.astype(str), return_inverse=True)[1]


def _weighted(
    plan: Plan,
    metric: Metric,
    by_arm: Mapping[str, _Rows],
    treatment: str,
    *,
    laid_out: Variables,
    columns: tuple[str, ...],
    fingerprint: str,
) -> Weighted | Undefined:
    """Weight the control customers for one metric and treatment."""
    if has_denominator(metric.kind):
        return Undefined("people chose the groups, and a sum over a sum is not weighted")
    if not columns:
        return Undefined(f"the ledger holds no {metric.measure!r} before enrolment")
    both = [_counting(by_arm[arm], laid_out, metric) for arm in (treatment, plan.design.control)]
    units: list[npt.NDArray[np.int64] | None] = [None, None]
    if laid_out.cluster is not None:
        numbered = _numbered(*(one.table["unit"] for one in both))
        units = [numbered[: len(both[0].table)], numbered[len(both[0].table) :]]
    attributes = _attributes(laid_out)
    outcome = laid_out.outcomes[metric.name]
    values = [outcome.variable, columns[-1], laid_out.contacts]
    groups = [
        Group(one.matrix(values), one.matrix([*columns, *attributes]), unit)
        for one, unit in zip(both, units, strict=True)
    ]
    means = weighted_means(
        treatment=groups[0],
        control=groups[1],
        names=_names(metric, len(columns), attributes),
        rng=chance_of(fingerprint, metric.name, treatment),
    )
    if isinstance(means, Undefined):
        return means
    placebo = None
    if decides(plan, metric):
        many = len(columns)
        panels = [
            Panel(
                outcome=group.values[:, OUTCOME],
                before=group.covariates[:, :many],
                attributes=group.covariates[:, many:],
                clusters=group.clusters,
            )
            for group in groups
        ]
        placebo = placebo_did(
            treatment=panels[0],
            control=panels[1],
            attributes=attributes,
            rng=chance_of(fingerprint, metric.name, treatment, "one period early"),
        )
    return Weighted(
        means=means,
        outcome=outcome,
        pre_periods=len(columns),
        placebo=placebo,
        pooled_variance=_within(*(group.values[:, OUTCOME] for group in groups)),
        sampled=any(one.sampled for one in both),
    )


def _within(treatment: Floats, control: Floats) -> float:
    """Variance inside the groups, pooled."""
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in (treatment, control))
    return squares / (len(treatment) + len(control) - 2)


def _counting(rows: _Rows, laid_out: Variables, metric: Metric) -> _Rows:
    """The customers whose window is complete."""
    if metric.name not in laid_out.complete:
        return rows
    return replace(rows, table=rows.table.filter(rows.table[laid_out.complete[metric.name]]))


def _names(metric: Metric, many: int, attributes: Sequence[str]) -> list[str]:
    """What is matched, as people read it: pre-periods, oldest first, and attributes."""
    periods = [
        f"{metric.name} {ago} period{'s' if ago > 1 else ''} before" for ago in range(many, 0, -1)
    ]
    # A customers file may have an attribute of that very name.
    known = [name if label(name) in periods else label(name) for name in attributes]
    return [*periods, *known]
