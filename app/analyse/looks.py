"""The looks at a pilot's outcomes that were taken: who asked, how each is read, who lifted."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.plan.service import pilot_id
from app.tables import AnalysisRow, LiftRow, LookRow, PilotRow, UserRow
from experiments.analyse.looks import LookTaken
from experiments.analyse.schedule import Lifted
from experiments.decide.verdict import Status
from experiments.report.plain import Json
from experiments.report.result import lifted_as_json


@dataclass(frozen=True, slots=True)
class Look:
    """A look that was taken.

    Attributes:
        asked_by: Who asked for it; empty where nobody is known.
        number: Which of the planned looks; None where none is planned, or this one was not.
        planned: How many looks are planned; None where any day may be one.
        boundary: Standard errors to each side that an interval reaches, where looks share an error
            rate.
        information: Share of the information that was in.
        lifted: Who lifted the veil for it.
    """

    asked_by: str
    number: int | None
    planned: int | None
    boundary: float | None
    information: float | None
    lifted: Lifted | None

    def as_json(self) -> Json:
        """The look for scripts."""
        return {
            "asked_by": self.asked_by or None,
            "number": self.number,
            "planned": self.planned,
            "boundary": self.boundary,
            "information": self.information,
            "lifted": self.lifted and lifted_as_json(self.lifted),
        }


_Lifter: Any = aliased(UserRow)


def looks_of(session: Session, pilot: PilotRow, *, timezone: str) -> dict[int, Look]:
    """The looks of a pilot, by the number of their analysis; veiled analyses are none."""
    query: Any = (
        sa.select(
            col(AnalysisRow.number),
            col(UserRow.email),
            LookRow,
            LiftRow,
            col(_Lifter.email).label("lifter"),
        )
        .join(LookRow, col(LookRow.analysis_id) == AnalysisRow.id, isouter=True)
        .join(UserRow, col(UserRow.id) == LookRow.user_id, isouter=True)
        .join(LiftRow, col(LiftRow.analysis_id) == AnalysisRow.id, isouter=True)
        .join(_Lifter, col(_Lifter.id) == LiftRow.user_id, isouter=True)
        .where(
            col(AnalysisRow.pilot_id) == pilot_id(pilot), col(AnalysisRow.status) != Status.VEILED
        )
    )
    zone = ZoneInfo(timezone)
    return {
        number: Look(
            asked_by=email or "",
            number=look.number if look else None,
            planned=look.planned if look else None,
            boundary=look.boundary if look else None,
            information=look.information if look else None,
            lifted=_lifted(lift, lifter, zone) if lift else None,
        )
        for number, email, look, lift, lifter in session.execute(query).all()
    }


def lifts_of(
    session: Session,
    pilot: PilotRow,
    *,
    timezone: str,
    before: LiftRow | None = None,
    known_to: AnalysisRow | None = None,
) -> tuple[Lifted, ...]:
    """Who looked before the plan allowed, in order; earlier than a lift, or than an analysis."""
    query = (
        select(LiftRow, UserRow.email)
        .where(
            LiftRow.user_id == UserRow.id,
            LiftRow.pilot_id == pilot.id,
            col(LiftRow.analysis_id).is_not(None),
        )
        .order_by(col(LiftRow.id))
    )
    if before is not None:
        query = query.where(col(LiftRow.id) < before.id)
    if known_to is not None:
        query = query.where(col(LiftRow.analysis_id) < known_to.id)
    zone = ZoneInfo(timezone)
    return tuple(_lifted(row, email, zone) for row, email in session.exec(query).all())


def lifted_by(session: Session, row: LiftRow, *, timezone: str) -> Lifted:
    """A lift as the library knows it."""
    email = session.exec(select(UserRow.email).where(UserRow.id == row.user_id)).one()
    return _lifted(row, email, ZoneInfo(timezone))


def count_looks(session: Session, pilot: PilotRow) -> int:
    """How often outcomes have been looked at as the plan allows."""
    query = (
        select(func.count(col(AnalysisRow.id)))
        .join(LiftRow, col(LiftRow.analysis_id) == AnalysisRow.id, isouter=True)
        .where(
            AnalysisRow.pilot_id == pilot.id,
            AnalysisRow.status != Status.VEILED,
            col(LiftRow.id).is_(None),
        )
    )
    return session.exec(query).one()


def note_look(
    session: Session,
    analysis: AnalysisRow,
    look: LookTaken,
    *,
    asked_by: int | None,
    lift: LiftRow | None,
) -> None:
    """Keep a look beside its analysis, in the same transaction."""
    session.flush()
    session.add(
        LookRow(
            analysis_id=analysis.id or 0,
            user_id=asked_by,
            number=look.number if look.planned else None,
            planned=look.planned,
            boundary=look.critical[-1] if look.critical else None,
            information=look.information[-1] if look.information else None,
        )
    )
    if lift is not None:
        lift.analysis_id = analysis.id
        session.add(lift)


def _lifted(row: LiftRow, email: str, zone: ZoneInfo) -> Lifted:
    return Lifted(email, row.lifted_at.astimezone(zone).date(), row.reason)
