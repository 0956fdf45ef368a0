"""Updates: what a pilot's people tell each other about it."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from app.people.caller import Caller
from app.plan.service import pilot_id
from app.tables import PilotRow, UpdateRow, UserRow
from experiments.errors import BadInput, Problem

LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Update:
    """A dated note on a pilot."""

    number: int
    text: str
    by: str
    created_at: datetime


def add_update(
    session: Session, pilot: PilotRow, *, text: str, by: Caller, now: datetime
) -> Update:
    """Add a note to a pilot.

    Raises:
        BadInput: It is empty, or too long.
    """
    said = text.replace("\0", "").strip()
    if not said or len(said) > LONGEST:
        wrong = "is empty; write what is new" if not said else f"is longer than {LONGEST:,} letters"
        raise BadInput("The update was not added.", [Problem("text", wrong)])
    row = UpdateRow(pilot_id=pilot_id(pilot), user_id=by.user_id, text=said, created_at=now)
    session.add(row)
    session.flush()
    return Update(row.id or 0, row.text, by.email, row.created_at)


def updates_of(
    session: Session, pilot: PilotRow, *, limit: int = 50, before: int = 0
) -> list[Update]:
    """A pilot's notes, the newest first.

    Args:
        session: The registry.
        pilot: The pilot.
        limit: How many at most.
        before: Only those older than this number; 0 for all.
    """
    query = (
        select(UpdateRow, UserRow.email)
        .join(UserRow, col(UserRow.id) == UpdateRow.user_id)
        .where(UpdateRow.pilot_id == pilot_id(pilot))
    )
    if before:
        query = query.where(col(UpdateRow.id) < before)
    found = session.exec(query.order_by(col(UpdateRow.id).desc()).limit(limit)).all()
    return [Update(row.id or 0, row.text, email, row.created_at) for row, email in found]
