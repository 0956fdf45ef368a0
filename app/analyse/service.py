"""Analyse a pilot, apply its rule, and keep both."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from importlib.metadata import version
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import Session, col, select

from app.analyse.looks import lifted_by, lifts_of, note_look
from app.batches import complete_through, excluded, ledger_through, never_accepted
from app.enrol.service import enrolment_receipt
from app.plan.service import frozen_plan, pilot_id
from app.tables import AnalysisRow, LiftRow, PilotRow, PlanRow
from app.workspace import Workspace
from experiments.analyse.analysis import Analysed, Analysis, Inputs, analyse
from experiments.analyse.rows import first_outcome_recorded_at
from experiments.analyse.schedule import Schedule
from experiments.decide.verdict import Decision, decide
from experiments.enrol.enrolment import EnrolmentReceipt, as_drawn, enrolment_of
from experiments.pilot import Plan
from experiments.plan.registration import Registration, registration
from experiments.report.plain import Json, as_json


@dataclass(frozen=True, slots=True)
class Finding:
    """An analysis with everything that its readers need.

    Attributes:
        plan: The frozen plan, with seed and strata of the draw.
        enrolment: Who is enrolled.
        analysed: Checks, estimates and accounts.
        decision: The verdicts.
        registration: Whether the plan came before the outcome.
    """

    plan: Plan
    enrolment: EnrolmentReceipt
    analysed: Analysed
    decision: Decision
    registration: Registration


def schedule_of(session: Session, pilot: PilotRow) -> Schedule:
    """On which days the outcomes of a pilot may be looked at.

    Raises:
        NotNow: Nobody is enrolled yet.
    """
    plan, _ = frozen_plan(session, pilot)
    return Schedule.of(plan, last_enrolled_on=enrolment_receipt(session, pilot).last_enrolled_on)


def inputs_of(
    session: Session, pilot: PilotRow, *, today: date, engine: str, lifted: bool = False
) -> Inputs:
    """What an analysis as of today would be computed from; asks the registry alone.

    Args:
        session: The registry.
        pilot: The pilot.
        today: The day.
        engine: What would compute it.
        lifted: Whether the veil was lifted for it.

    Raises:
        NotNow: Nobody is enrolled yet.
    """
    plan, stored = frozen_plan(session, pilot)
    receipt = enrolment_receipt(session, pilot)
    return _inputs(session, plan, stored, receipt, today=today, engine=engine, lifted=lifted)


def same_analysis(
    session: Session, pilot: PilotRow, inputs: Inputs, *, lift: LiftRow | None = None
) -> AnalysisRow | None:
    """The analysis of a pilot that was computed from the same, if there is one.

    Who looked before the plan allowed belongs to it, because its report says so.
    """
    digest = _sha256(session, pilot, inputs, lift)
    return session.exec(
        select(AnalysisRow).where(
            AnalysisRow.pilot_id == pilot.id, AnalysisRow.inputs_sha256 == digest
        )
    ).first()


def analyse_pilot(
    workspace: Workspace,
    pilot: PilotRow,
    *,
    today: date,
    lift: LiftRow | None = None,
    known_registration: Registration | None = None,
    declared: Mapping[str, date] = MappingProxyType({}),
    again: AnalysisRow | None = None,
) -> Finding:
    """Analyse a pilot as of its newest permitted look; before the first, veiled, as of today.

    Args:
        workspace: Registry, ledger and engine.
        pilot: The pilot.
        today: The day.
        lift: Of the veil: outcomes are looked at as of today, whatever the plan says.
        known_registration: Given where the registry cannot know it, as in a throw-away workspace.
        declared: Per measure that came in no batch, the day through which its rows are complete.
        again: A kept analysis to repeat, from the batches and after the lifts that it knew.

    Raises:
        NotSupported: The plan asks for what this version does not do.
        MissingMeasure: A metric's measure was never recorded.
        NotNow: Nobody is enrolled yet.
    """
    session, engine, ledger = workspace.session, workspace.analysis_engine, workspace.ledger
    frozen, stored = frozen_plan(session, pilot)
    receipt = enrolment_receipt(session, pilot)
    plan = as_drawn(frozen, seed=receipt.seed, strata=receipt.strata)
    lifted = lift is not None
    inputs = _inputs(session, plan, stored, receipt, today=today, engine=engine.name, lifted=lifted)
    if again is not None:
        inputs = replace(inputs, ledger_through=again.ledger_through)
    zone = workspace.timezone
    now_lifted = None if lift is None else lifted_by(session, lift, timezone=zone)
    lifts = lifts_of(session, pilot, timezone=zone, before=lift, known_to=again)
    through = inputs.ledger_through
    without = excluded(session, through=through)
    unread = never_accepted(session, through=through)
    complete = {**complete_through(session, through=through), **declared}
    session.commit()
    enrolment = enrolment_of(engine, ledger, pilot.slug, receipt)
    analysed = analyse(
        engine,
        plan,
        behavior=ledger.behavior(engine, through=through, without=without),
        enrolment=enrolment,
        tier=receipt.tier,
        inputs=inputs,
        complete_through=complete,
        lifted=now_lifted,
        lifts=lifts,
    )
    known = known_registration or registration(
        frozen_at=stored.frozen_at.astimezone(ZoneInfo(workspace.timezone)),
        starts_on=plan.pilot.starts_on,
        # Reversed batches and withdrawn rows too: whoever saw an outcome has seen it.
        first_outcome_recorded_at=analysed.first_outcome_recorded_at
        if not analysed.analysis.veiled and without == unread and not ledger.live_files("withdrawn")
        else first_outcome_recorded_at(
            engine,
            plan,
            behavior=ledger.behavior(engine, through=through, without=unread, with_withdrawn=True),
            enrolment=enrolment,
        ),
    )
    return Finding(plan, receipt, analysed, decide(plan, analysed.analysis), known)


def keep(
    workspace: Workspace,
    pilot: PilotRow,
    found: Json,
    *,
    analysis: Analysis,
    report_json: str,
    now: datetime,
    asked_by: int | None = None,
    lift: LiftRow | None = None,
) -> AnalysisRow:
    """Keep a result for ever, under the pilot's next number; one that is not veiled is a look.

    Args:
        workspace: Holds the registry.
        pilot: The pilot.
        found: As scripts read it.
        analysis: Says from what it was computed (the same inputs are kept once), and which look
            it is.
        report_json: As people read it.
        now: When it was computed.
        asked_by: The user who asked for it.
        lift: Of the veil, for it.
    """
    inputs = analysis.inputs
    session = workspace.session
    # One at a time: where transactions run side by side, they would take the same number.
    session.exec(select(PilotRow.id).where(PilotRow.id == pilot.id).with_for_update()).one()
    row = same_analysis(session, pilot, inputs, lift=lift)
    if row is None:
        newest = session.exec(
            select(func.max(AnalysisRow.number)).where(AnalysisRow.pilot_id == pilot.id)
        ).one()
        row = AnalysisRow(
            pilot_id=pilot_id(pilot),
            number=(newest or 0) + 1,
            as_of=inputs.as_of,
            ledger_through=inputs.ledger_through,
            status=found["verdict"]["status"],
            result_json=as_json(found),
            report_json=report_json,
            inputs_sha256=_sha256(session, pilot, inputs, lift),
            created_at=now,
        )
        session.add(row)
        if analysis.look is not None:
            note_look(session, row, analysis.look, asked_by=asked_by, lift=lift)
    session.commit()
    return row


def _inputs(
    session: Session,
    plan: Plan,
    stored: PlanRow,
    receipt: EnrolmentReceipt,
    *,
    today: date,
    engine: str,
    lifted: bool,
) -> Inputs:
    schedule = Schedule.of(plan, last_enrolled_on=receipt.last_enrolled_on)
    permitted = None if lifted else schedule.newest(today)
    return Inputs(
        plan=stored.fingerprint,
        enrolment=receipt.fingerprint,
        ledger_through=ledger_through(session),
        as_of=permitted or today,
        engine=engine,
        pilotbook=version("pilotbook"),
    )


def _sha256(session: Session, pilot: PilotRow, inputs: Inputs, lift: LiftRow | None) -> str:
    """The digest of inputs as JSON with sorted keys, and of the lifts through which was looked."""
    said = asdict(inputs) | {"as_of": inputs.as_of.isoformat()}
    before = select(LiftRow.id).where(
        LiftRow.pilot_id == pilot.id, col(LiftRow.analysis_id).is_not(None)
    )
    if lift is not None:
        before = before.where(col(LiftRow.id) < lift.id)
        said |= {"lift": lift.id}
    if lifts := sorted(number for number in session.exec(before).all() if number is not None):
        said |= {"lifts": lifts}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
