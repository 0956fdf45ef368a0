"""Analyse a pilot, apply its rule, and keep both."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.metadata import version
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import select

from app.batches import complete_through, ledger_through
from app.enrol.service import enrolment_receipt
from app.plan.service import frozen_plan, pilot_id
from app.tables import AnalysisRow, PilotRow
from app.workspace import Workspace
from experiments.analyse.analysis import Analysed, Inputs, analyse, first_outcome_recorded_at
from experiments.behavior.windows import last_window_closes
from experiments.decide.verdict import Decision, decide
from experiments.enrol.enrolment import EnrolmentReceipt, enrolment_of
from experiments.pilot import Plan
from experiments.plan.registration import Registration, registration
from experiments.report.result import Json, as_json


@dataclass(frozen=True, slots=True)
class Finding:
    """An analysis with everything that its readers need.

    Attributes:
        plan: The frozen plan.
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


def analyse_pilot(
    workspace: Workspace,
    pilot: PilotRow,
    *,
    today: date,
    known_registration: Registration | None = None,
) -> Finding:
    """Analyse a pilot as of today, at latest as of the day after its last window closes.

    Args:
        workspace: Registry, ledger and engine.
        pilot: The pilot.
        today: The day.
        known_registration: Given where the registry cannot know it, as in a throw-away workspace.

    Raises:
        NotSupported: The plan asks for what this version does not do.
        MissingMeasure: A metric's measure was never recorded.
    """
    session, engine = workspace.session, workspace.engine
    plan, stored = frozen_plan(session, pilot)
    receipt = enrolment_receipt(workspace, pilot)
    enrolment = enrolment_of(engine, workspace.ledger, pilot.slug, receipt)
    closes_on = last_window_closes(plan, last_enrolled_on=receipt.last_enrolled_on)
    through = ledger_through(session)
    behavior = workspace.ledger.behavior(engine, through=through)
    analysed = analyse(
        engine,
        plan,
        behavior=behavior,
        enrolment=enrolment,
        tier=receipt.tier,
        inputs=Inputs(
            plan=stored.fingerprint,
            enrolment=receipt.fingerprint,
            ledger_through=through,
            as_of=min(today, closes_on + timedelta(days=1)),
            engine=engine.name,
            pilotbook=version("pilotbook"),
        ),
        complete_through=complete_through(session),
    )
    known = known_registration or registration(
        frozen_at=stored.frozen_at.astimezone(ZoneInfo(workspace.timezone)),
        starts_on=plan.pilot.starts_on,
        first_outcome_recorded_at=first_outcome_recorded_at(
            engine, plan, behavior=behavior, enrolment=enrolment
        ),
    )
    return Finding(plan, receipt, analysed, decide(plan, analysed.analysis), known)


def keep(workspace: Workspace, pilot: PilotRow, found: Json, *, now: datetime) -> AnalysisRow:
    """Keep a result for ever, under the pilot's next number."""
    session = workspace.session
    newest = session.exec(
        select(func.max(AnalysisRow.number)).where(AnalysisRow.pilot_id == pilot.id)
    ).one()
    row = AnalysisRow(
        pilot_id=pilot_id(pilot),
        number=(newest or 0) + 1,
        as_of=date.fromisoformat(found["inputs"]["as_of"]),
        ledger_through=found["inputs"]["ledger_through"],
        status=found["verdict"]["status"],
        result_json=as_json(found),
        created_at=now,
    )
    session.add(row)
    session.commit()
    return row
