"""Measures: those that somebody described, and those that the ledger has rows of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from app.progress import arrivals
from app.refusals import NotNow
from app.tables import MeasureKind, MeasureRow


@dataclass(frozen=True, slots=True)
class Measure:
    """What behavior is called.

    Attributes:
        name: As files name it.
        unit: What it is counted in; None where nobody said.
        kind: What a value is; None where nobody said.
        recorded: Whether the ledger has rows of it.
    """

    name: str
    unit: str | None
    kind: MeasureKind | None
    recorded: bool


def known_measures(session: Session) -> Sequence[Measure]:
    """All measures, by name."""
    recorded = arrivals(session)
    rows = {row.name: row for row in session.exec(select(MeasureRow)).all()}
    return [
        Measure(
            name,
            unit=rows[name].unit if name in rows else None,
            kind=MeasureKind(rows[name].kind) if name in rows else None,
            recorded=name in recorded,
        )
        for name in sorted({*recorded, *rows})
    ]


def describe(
    session: Session, *, name: str, unit: str, kind: MeasureKind, by: int, now: datetime
) -> Measure:
    """Say what a measure is counted in.

    Raises:
        NotNow: Somebody did so before.
    """
    if session.exec(select(MeasureRow).where(MeasureRow.name == name)).first() is not None:
        raise NotNow(f"Measure {name!r} is described already; its unit cannot change under rows.")
    session.add(MeasureRow(name=name, unit=unit, kind=kind, user_id=by, created_at=now))
    session.flush()
    recorded = any(one.recorded for one in known_measures(session) if one.name == name)
    return Measure(name, unit, kind, recorded)
