"""One analysis of one pilot: veiled, or checks and estimates. It never changes afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import ibis
import ibis.expr.types as ir

from experiments.analyse import checks
from experiments.analyse.checks import Check
from experiments.analyse.estimate import Estimate
from experiments.analyse.estimates import estimates
from experiments.analyse.evidence import (
    Evidence,
    Reach,
    gather,
    known_rows,
    reach,
    refuse_silence,
    rows_seen,
    rows_used,
)
from experiments.analyse.variables import attributes_by_arm
from experiments.behavior.accounts import AccountColumns, Enrolment, joined
from experiments.behavior.engine import Engine
from experiments.behavior.summaries import Summary, Sums
from experiments.behavior.windows import MetricWindow, last_window_closes
from experiments.errors import NotSupported
from experiments.pilot import Plan
from experiments.terms import DesignKind, LifetimeValue, Look, MetricKind, VerdictOn
from experiments.words import day

KINDS = {MetricKind.MEAN, MetricKind.COUNT, MetricKind.RATE}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an analysis was computed from; the same inputs give the same bytes.

    Attributes:
        plan: Fingerprint of the plan.
        enrolment: Fingerprint of the enrolment.
        ledger_through: Highest batch that was read.
        as_of: The day of the analysis.
        engine: What computed it.
        pilotbook: Version of Pilotbook.
    """

    plan: str
    enrolment: str
    ledger_through: int
    as_of: date
    engine: str
    pilotbook: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """What changed because of the program, and whether it can be trusted.

    Attributes:
        inputs: What it was computed from.
        customers: Enrolled customers per arm.
        checks: In the order of the page.
        estimates: Empty while veiled.
        evidence: The sums behind the estimates; None while veiled.
        veiled_until: Day from which outcomes may be looked at; None where they may.
        veil: Why they may not; empty where they may.
    """

    inputs: Inputs
    customers: Mapping[str, int]
    checks: tuple[Check, ...]
    estimates: tuple[Estimate, ...]
    evidence: Evidence | None
    veiled_until: date | None = None
    veil: str = ""

    @property
    def veiled(self) -> bool:
        """Whether outcomes may not be looked at yet."""
        return bool(self.veil)


@dataclass(frozen=True, slots=True)
class Analysed:
    """An analysis, and the accounts behind it (without outcomes while veiled)."""

    analysis: Analysis
    accounts: ir.Table
    columns: AccountColumns | None


def refuse_unsupported(plan: Plan) -> None:
    """Stop before any work where the plan asks for what this version does not do.

    Raises:
        NotSupported: Names the key.
    """
    other_kinds = [metric for metric in plan.metrics if metric.kind not in KINDS]
    percentile = [metric for metric in plan.metrics if metric.cap and metric.cap.percentile]
    asks = [
        (plan.design.kind is not DesignKind.RANDOMIZED, f'design.kind = "{plan.design.kind}"'),
        (plan.design.look is not Look.FIXED, f'design.look = "{plan.design.look}"'),
        (plan.value.verdict_on is not VerdictOn.OBSERVED, "value.verdict_on with a projection"),
        (plan.value.ltv is not LifetimeValue.NONE, f'value.ltv = "{plan.value.ltv}"'),
        *[(True, f'kind = "{metric.kind}" (metric {metric.name!r})') for metric in other_kinds],
        *[(True, f"cap.percentile (metric {metric.name!r})") for metric in percentile],
    ]
    wanted = [what for asked, what in asks if asked]
    if wanted:
        raise NotSupported(f"This version does not compute: {'; '.join(wanted)}.")


def analyse(
    engine: Engine,
    plan: Plan,
    *,
    behavior: ir.Table,
    enrolment: Enrolment,
    tier: str | None,
    inputs: Inputs,
    complete_through: Mapping[str, date],
) -> Analysed:
    """Analyse a pilot as of a day.

    Args:
        engine: Runs the queries.
        plan: The frozen plan.
        behavior: Rows of the ledger up to `inputs.ledger_through`.
        enrolment: Who is enrolled, on which side.
        tier: Name of the attribute that holds the value tier, if any.
        inputs: What the analysis is recorded to be computed from; says the day.
        complete_through: Per measure, the day through which somebody declared its rows complete.

    Raises:
        NotSupported: The plan asks for what this version does not do.
        MissingMeasure: A metric's measure was never recorded.
    """
    refuse_unsupported(plan)
    closes_on = last_window_closes(plan, last_enrolled_on=enrolment.last_enrolled_on)
    gaps = missing_days(
        engine, plan, behavior=behavior, enrolment=enrolment, complete_through=complete_through
    )
    seen = rows_seen(engine, plan, behavior=behavior, enrolment=enrolment, as_of=inputs.as_of)
    reached = reach(engine, plan, behavior=seen, enrolment=enrolment)
    if inputs.as_of <= closes_on:
        return _veiled(engine, plan, closes_on, enrolment, reached, inputs=inputs, gaps=gaps)
    known = known_rows(engine, plan, behavior=seen, enrolment=enrolment)
    refuse_silence(engine, plan, behavior=behavior, known=known, reached=reached)
    if gaps:
        return _veiled(engine, plan, closes_on, enrolment, reached, inputs=inputs, gaps=gaps)
    gathered = gather(
        engine,
        plan,
        seen=seen,
        enrolment=enrolment,
        known=known,
        reached=reached,
        tier=tier,
        as_of=inputs.as_of,
    )
    evidence = gathered.evidence
    customers = {arm: found.customers for arm, found in evidence.reach.items()}
    analysis = Analysis(
        inputs=inputs,
        customers=customers,
        checks=(
            checks.split(plan, customers),
            *checks.balance(plan, evidence.sums, evidence.baseline),
            checks.window_complete(closes_on, inputs.as_of),
            checks.rows_complete({}, rows_used(engine, plan, behavior, enrolment, known)),
            checks.contamination(plan, evidence.reach),
        ),
        estimates=estimates(plan, evidence),
        evidence=evidence,
    )
    return Analysed(analysis, gathered.accounts, gathered.columns)


def _veiled(
    engine: Engine,
    plan: Plan,
    closes_on: date,
    enrolment: Enrolment,
    reached: Mapping[str, Reach],
    *,
    inputs: Inputs,
    gaps: Mapping[str, str],
) -> Analysed:
    """What may be said before the permitted look: counts, split, balance, completeness, contacts.

    Balance is that of the attributes: a pre-period is behavior, and is read with the outcome.
    """
    customers = {arm: found.customers for arm, found in reached.items()}
    early = inputs.as_of <= closes_on
    window = (checks.not_measured if early else checks.window_complete)(closes_on, inputs.as_of)
    analysis = Analysis(
        inputs=inputs,
        customers=customers,
        checks=(
            *enrolment_checks(engine, plan, customers=customers, enrolment=enrolment),
            window,
            checks.rows_complete(gaps, {}),
            checks.contamination(plan, reached),
        ),
        estimates=(),
        evidence=None,
        veiled_until=closes_on + timedelta(days=1) if early else None,
        veil=(
            f"the last window closes on {day(closes_on)}"
            if early
            else " and ".join(
                f"rows of {measure!r} are missing {days}" for measure, days in gaps.items()
            )
        ),
    )
    return Analysed(analysis, enrolment.rows, None)


def enrolment_checks(
    engine: Engine, plan: Plan, *, customers: Mapping[str, int], enrolment: Enrolment
) -> tuple[Check, ...]:
    """Are the groups as large as planned, and alike? Known as soon as customers are enrolled.

    Args:
        engine: Runs the queries.
        plan: Names arms and shares.
        customers: Enrolled customers per arm.
        enrolment: What is known of them.
    """
    return (
        checks.split(plan, customers),
        *checks.balance(plan, *_attribute_sums(engine, enrolment)),
    )


def _attribute_sums(
    engine: Engine, enrolment: Enrolment
) -> tuple[Mapping[str, Sums], tuple[str, ...]]:
    """Sums of the attributes per arm, taken without a look at the ledger; and their names."""
    customers, names = attributes_by_arm(engine, enrolment)
    summary = Summary((names,))
    found = summary.read(engine.fetch(summary.expression(customers, by=["arm"])), by=["arm"])
    return {arm: sums for (arm,), sums in found.items()}, names


def missing_days(
    engine: Engine,
    plan: Plan,
    *,
    behavior: ir.Table,
    enrolment: Enrolment,
    complete_through: Mapping[str, date],
) -> dict[str, str]:
    """Per measure whose newest row precedes its window's end undeclared, which days are missing.

    A measure without any row is not reported here: that is an error of its own.
    """
    newest = {
        row["measure"]: row["newest"]
        for row in engine.fetch(
            behavior.group_by("measure").agg(newest=behavior.occurred_at.max())
        ).to_pylist()
    }
    gaps: dict[str, str] = {}
    for metric in plan.metrics:
        ends = MetricWindow.of(metric, plan).last_date(enrolment.last_enrolled_on)
        through = max(
            newest.get(metric.measure, ends), complete_through.get(metric.measure, date.min)
        )
        if through < ends:
            first = through + timedelta(days=1)
            gaps[metric.measure] = (
                f"from {day(first)} to {day(ends)}" if first < ends else f"on {day(ends)}"
            )
    return gaps


def first_outcome_recorded_at(
    engine: Engine, plan: Plan, *, behavior: ir.Table, enrolment: Enrolment
) -> datetime | None:
    """When the first row inside a metric's window reached the ledger; None where none did."""
    rows = joined(behavior, enrolment.rows)
    outcomes = ibis.or_(
        *[
            (rows.measure == metric.measure) & MetricWindow.of(metric, plan).holds(rows)
            for metric in plan.metrics
        ]
    )
    first = engine.fetch(rows.aggregate(at=rows.recorded_at.min(where=outcomes)))["at"][0].as_py()
    return first if isinstance(first, datetime) else None
