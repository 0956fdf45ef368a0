"""One analysis of one pilot: veiled, or checks and estimates. It never changes afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import ibis.expr.types as ir

from experiments.analyse import checks
from experiments.analyse.all_checks import all_checks, contact_checks
from experiments.analyse.checks import Check
from experiments.analyse.enrolment_checks import enrolment_checks
from experiments.analyse.estimate import Estimate
from experiments.analyse.estimates import estimates
from experiments.analyse.evidence import Evidence, gather
from experiments.analyse.looks import LookTaken, look_taken
from experiments.analyse.received import Received, received
from experiments.analyse.resampled import resampled
from experiments.analyse.rows import (
    Reach,
    missing_days,
    reach,
    refuse_silence,
    rows_seen,
    rows_used,
)
from experiments.analyse.schedule import Lifted, Schedule
from experiments.analyse.signs import count_clusters, read_contacts_by_others, read_signs
from experiments.analyse.supplied import weigh
from experiments.behavior.accounts import AccountColumns, Enrolment
from experiments.behavior.reading import read_behavior
from experiments.behavior.sums import Sums
from experiments.engines.engine import Engine
from experiments.errors import NotSupported, Undefined
from experiments.pilot import Plan
from experiments.stats.bootstrap import BootstrapT
from experiments.terms import CONTACT, LifetimeValue, Look, VerdictOn
from experiments.words import day


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
        look: How surely this look may be read; None while veiled.
        before: The money metric as it was at each earlier planned look, where customers complete
            their windows one after the other.
        veiled_until: Day from which outcomes may be looked at; None where they may.
        veil: Why they may not; empty where they may.
        resampled: Per metric of which the plan asks it, and treatment, the bootstrap-t on rows.
        lifts: Who looked before the plan allowed, in analyses before this one.
        received: The effect on customers who got the program because they were meant to.
    """

    inputs: Inputs
    customers: Mapping[str, int]
    checks: tuple[Check, ...]
    estimates: tuple[Estimate, ...]
    evidence: Evidence | None
    look: LookTaken | None = None
    before: tuple[Evidence, ...] = ()
    veiled_until: date | None = None
    veil: str = ""
    resampled: Mapping[str, Mapping[str, BootstrapT | Undefined]] = field(default_factory=dict)
    lifts: tuple[Lifted, ...] = ()
    received: tuple[Received, ...] = ()

    @property
    def veiled(self) -> bool:
        """Whether outcomes may not be looked at yet."""
        return bool(self.veil)

    @property
    def confidence(self) -> float:
        """Of each single interval at this look.

        Raises:
            TypeError: Nothing may be looked at yet.
        """
        if self.look is None:
            raise TypeError("no interval is read while outcomes are veiled")
        return self.look.confidence


@dataclass(frozen=True, slots=True)
class Analysed:
    """An analysis, and the accounts behind it (without outcomes while veiled).

    Attributes:
        analysis: The analysis.
        accounts: A row per customer.
        columns: Which column is which; None while veiled.
        first_outcome_recorded_at: When the first row inside a metric's window reached the ledger,
            of the rows that were read; None where none did, and while veiled.
    """

    analysis: Analysis
    accounts: ir.Table
    columns: AccountColumns | None
    first_outcome_recorded_at: datetime | None = None


def refuse_unsupported(plan: Plan) -> None:
    """Stop before any work where the plan asks for what this version does not do.

    Raises:
        NotSupported: Names the key.
    """
    asks = [
        (plan.value.verdict_on is not VerdictOn.OBSERVED, "value.verdict_on with a projection"),
        (plan.value.ltv is not LifetimeValue.NONE, f'value.ltv = "{plan.value.ltv}"'),
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
    lifted: Lifted | None = None,
    lifts: Sequence[Lifted] = (),
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
        lifted: Who lifted the veil, where outcomes are looked at on a day that is not permitted.
        lifts: Who did so before; a warning of every later analysis.

    Raises:
        NotSupported: The plan asks for what this version does not do.
        MissingMeasure: A metric's measure was never recorded.
    """
    refuse_unsupported(plan)
    schedule = Schedule.of(plan, last_enrolled_on=enrolment.last_enrolled_on)
    permitted = schedule.newest(inputs.as_of)
    early = permitted is None and lifted is None
    as_of = inputs.as_of if permitted is None or lifted is not None else permitted
    gaps = missing_days(
        engine,
        plan,
        behavior=behavior,
        enrolment=enrolment,
        complete_through=complete_through,
        as_of=None if early else as_of,
    )
    seen = rows_seen(plan, behavior=behavior, as_of=as_of)
    enrolment = _dated(engine, enrolment)
    number = schedule.number(as_of) or 1
    taken_before = schedule.days[: number - 1] if schedule.kind is Look.GROUP_SEQUENTIAL else ()
    earlier = taken_before if schedule.growing else ()
    reading = None
    if not early:
        reading = read_behavior(
            engine, plan, behavior=behavior, enrolment=enrolment, as_of=as_of, earlier=earlier
        )
        # The engine holds them now, beside what was added up.
        enrolment = replace(enrolment, rows=reading.customers.select(enrolment.rows.columns))
    census = None if reading is None else reading.census
    contacts = seen if census is None or census.rows_of(CONTACT) else None
    reached = reach(engine, plan, behavior=contacts, enrolment=enrolment)
    others = read_contacts_by_others(engine, plan, seen=contacts, enrolment=enrolment)
    known = {} if census is None else census.recorded(plan)
    if census is not None:
        refuse_silence(engine, plan, behavior=behavior, known=known, reached=reached)
    if census is None or gaps:
        return _veiled(
            engine,
            plan,
            schedule,
            enrolment,
            reached,
            others=others,
            inputs=inputs,
            gaps=gaps,
            lifts=lifts,
        )
    gathered = gather(
        engine,
        plan,
        seen=seen,
        enrolment=enrolment,
        known=known,
        reached=reached,
        tier=tier,
        as_of=as_of,
        earlier=earlier,
        reading=reading,
        has_contacts=contacts is not None,
    )
    chosen = weigh(
        engine,
        plan,
        gathered,
        seen=seen,
        enrolment=enrolment,
        known=known,
        tier=tier,
        fingerprint=inputs.plan,
        as_of=as_of,
    )
    evidence = replace(gathered.evidence, chosen=chosen)
    look = look_taken(
        engine,
        plan,
        schedule=schedule,
        as_of=as_of,
        enrolment=enrolment,
        evidence=evidence,
        lifted=lifted,
    )
    before = [
        gather(
            engine,
            money_alone(plan),
            seen=seen.filter(seen.occurred_at < day_before),
            enrolment=enrolment,
            known=known,
            reached=reached,
            tier=None,
            as_of=day_before,
            has_contacts=contacts is not None,
        ).evidence
        for day_before in (() if schedule.growing or lifted else taken_before)
    ]
    customers = {arm: found.customers for arm, found in evidence.reach.items()}
    found = estimates(plan, evidence, confidence=look.confidence)
    analysis = Analysis(
        inputs=inputs,
        customers=customers,
        checks=all_checks(
            plan,
            evidence,
            read_signs(
                engine,
                plan,
                census=census,
                enrolment=enrolment,
                accounts=gathered.accounts,
                columns=gathered.columns,
                as_of=as_of,
            ),
            found,
            look=look,
            lifts=lifts,
            closes_on=schedule.last - timedelta(days=1),
            used=rows_used(plan, census, known),
            cluster_counts=count_clusters(engine, plan, enrolment),
            others=others,
        ),
        estimates=found,
        evidence=evidence,
        look=look,
        before=tuple(before),
        resampled=resampled(
            engine,
            plan,
            gathered.accounts,
            gathered.columns,
            confidence=look.confidence,
            seed=inputs.plan,
        ),
        lifts=tuple(lifts),
        received=received(engine, plan, gathered, confidence=look.confidence),
    )
    return Analysed(
        analysis,
        gathered.accounts,
        gathered.columns,
        first_outcome_recorded_at=census.first_outcome_recorded_at,
    )


def _dated(engine: Engine, enrolment: Enrolment) -> Enrolment:
    """The enrolment with the day of its first customer."""
    rows = enrolment.rows
    first = engine.fetch(rows.aggregate(day=rows.enrolled_at.min()))["day"][0].as_py()
    return replace(enrolment, first_enrolled_on=first)


def money_alone(plan: Plan) -> Plan:
    """The same plan with nothing but the metric that carries money."""
    return plan.model_copy(update={"metrics": (plan.money_metric,), "segments": ()})


def _veiled(
    engine: Engine,
    plan: Plan,
    schedule: Schedule,
    enrolment: Enrolment,
    reached: Mapping[str, Reach],
    *,
    others: Mapping[str, Sums],
    inputs: Inputs,
    gaps: Mapping[str, str],
    lifts: Sequence[Lifted],
) -> Analysed:
    """What may be said before the permitted look: counts, split, balance, completeness, contacts.

    Balance is that of the attributes: a pre-period is behavior, and is read with the outcome.
    """
    customers = {arm: found.customers for arm, found in reached.items()}
    early = schedule.newest(inputs.as_of) is None
    closes_on = schedule.first - timedelta(days=1)
    analysis = Analysis(
        inputs=inputs,
        customers=customers,
        checks=(
            *enrolment_checks(engine, plan, customers=customers, enrolment=enrolment),
            *([checks.looked_before(lifts)] if lifts else []),
            checks.not_measured(closes_on, inputs.as_of, why=_why_early(schedule))
            if early
            else checks.measured(closes_on, inputs.as_of),
            checks.rows_complete(gaps, {}),
            *contact_checks(plan, reached, others),
        ),
        estimates=(),
        evidence=None,
        veiled_until=schedule.first if early else None,
        veil=(
            _why_early(schedule)
            if early
            else " and ".join(
                f"rows of {measure!r} are missing {days}" for measure, days in gaps.items()
            )
        ),
        lifts=tuple(lifts),
    )
    return Analysed(analysis, enrolment.rows, None)


def _why_early(schedule: Schedule) -> str:
    before = day(schedule.first - timedelta(days=1))
    if schedule.kind is Look.FIXED:
        return f"the last window closes on {before}"
    if schedule.kind is Look.ALWAYS_VALID:
        return f"the first customer's window closes on {before}"
    return f"the first planned look takes in the days through {before}"
