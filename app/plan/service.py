"""Register a pilot with its plan; freeze the plan."""

from datetime import datetime

from sqlmodel import Session, select

from app.tables import PilotRow, PlanRow
from experiments.errors import BadPlan
from experiments.pilot import Plan
from experiments.plan.fingerprint import canonical_json, fingerprint


def register(session: Session, plan: Plan, *, now: datetime) -> PilotRow:
    """Register a pilot and freeze its plan.

    Raises:
        BadPlan: A pilot of that slug exists.
    """
    slug = plan.pilot.slug
    if session.exec(select(PilotRow).where(PilotRow.slug == slug)).first() is not None:
        session.rollback()
        raise BadPlan(f"There is a pilot {slug!r} already; choose another slug.")
    pilot = PilotRow(slug=slug, created_at=now)
    session.add(pilot)
    session.flush()
    session.add(
        PlanRow(
            pilot_id=pilot_id(pilot),
            canonical_json=canonical_json(plan),
            fingerprint=fingerprint(plan),
            frozen_at=now,
        )
    )
    session.commit()
    return pilot


def pilot_id(pilot: PilotRow) -> int:
    """The number that the registry gave to a pilot."""
    if pilot.id is None:
        raise RuntimeError("the pilot was not stored before it was used")
    return pilot.id


def frozen_plan(session: Session, pilot: PilotRow) -> tuple[Plan, PlanRow]:
    """The plan that a pilot was registered with, read back from its canonical text."""
    row = session.exec(select(PlanRow).where(PlanRow.pilot_id == pilot.id)).one()
    session.commit()
    return Plan.model_validate_json(row.canonical_json), row
