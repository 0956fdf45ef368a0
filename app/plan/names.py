"""What are the pilots called?"""

from dataclasses import dataclass

import sqlalchemy as sa
from pydantic_core import from_json
from sqlmodel import Session, col

from app.plan.service import pilot_id
from app.tables import PilotRow, PlanRow


@dataclass(frozen=True, slots=True)
class Named:
    """A pilot's number, its slug, and its name; the name is empty where a draft has none."""

    pilot_id: int
    slug: str
    name: str


def names_of(session: Session) -> list[Named]:
    """All pilots, the oldest first.

    Names stand inside texts that the two databases take apart differently.
    """
    query = (
        sa.select(
            col(PilotRow.id),
            col(PilotRow.slug),
            sa.func.coalesce(col(PlanRow.canonical_json), col(PilotRow.draft_json)),
        )
        .join(PlanRow, col(PlanRow.pilot_id) == PilotRow.id, isouter=True)
        .order_by(col(PilotRow.id))
    )
    return [Named(pilot, slug, _name(text)) for pilot, slug, text in session.execute(query).all()]


def namesakes(session: Session, pilot: PilotRow, name: str) -> tuple[str, ...]:
    """A caution where other pilots have the name: people know pilots by it."""
    same = [
        other.slug
        for other in names_of(session)
        if other.pilot_id != pilot_id(pilot) and _folded(other.name) == _folded(name)
    ]
    if not same:
        return ()
    who = "Another pilot is" if len(same) == 1 else f"{len(same)} other pilots are"
    return (
        f"{who} called “{name}” as well: {', '.join(same)}. Choose another name, so that nobody "
        f"takes one for the other.",
    )


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _name(text: str) -> str:
    head = from_json(text).get("pilot")
    return str(head.get("name", "")) if isinstance(head, dict) else ""
