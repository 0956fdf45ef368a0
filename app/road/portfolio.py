"""All pilots in one list: found by status, owner and words, each with verdict, net and step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from pydantic_core import from_json
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from app.analyse.kept import report_kept
from app.people.users import find_user
from app.plan.names import names_of
from app.steps import PilotHead, heads_of
from app.tables import AnalysisRow, DecisionRow, PilotRow, PlanRow, UserRow
from experiments.decide.verdict import Status
from experiments.report.plain import Json

PAGE: Final = 50


class Standing(StrEnum):
    """How far a pilot is, or its verdict: what a list can be narrowed to."""

    DRAFT = "draft"
    RUNNING = "running"
    TO_DECIDE = "to_decide"
    DECIDED = "decided"
    PROVED = "proved"
    DISPROVED = "disproved"
    NOT_PROVED = "not_proved"
    INVALID = "invalid"
    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    VEILED = "veiled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is narrowed to.

    Attributes:
        status: How far a pilot is, or its verdict.
        owner: E-mail address of the owner.
        q: Words in the name or the address, in any case.
    """

    status: Standing | None = None
    owner: str = ""
    q: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of pilots, the newest first; `last` is where the next begins, None at the end."""

    heads: tuple[PilotHead, ...]
    last: int | None


@dataclass(frozen=True, slots=True)
class Net:
    """What a pilot brought, in words: net of cost and its interval, or why there is none."""

    value: str
    note: str


def find_pilots(
    session: Session,
    wanted: Wanted,
    *,
    today: date,
    timezone: str = "UTC",
    limit: int,
    below: int = 0,
) -> Page:
    """Pilots, the newest first.

    Args:
        session: The registry.
        wanted: What the list is narrowed to.
        today: The day in the company's time zone.
        timezone: The company's.
        limit: How many at most.
        below: `last` of the page before; 0 for the first page.
    """
    query = select(PilotRow).order_by(col(PilotRow.id).desc()).limit(limit + 1)
    if below:
        query = query.where(col(PilotRow.id) < below)
    if wanted.status is not None:
        query = query.where(_stands(wanted.status))
    if wanted.owner:
        owner = find_user(session, wanted.owner)
        query = query.where(PilotRow.owner_id == (owner.id if owner else 0))
    if wanted.q.strip():
        query = query.where(col(PilotRow.id).in_(_named(session, wanted.q.strip())))
    rows = session.exec(query).all()
    shown = rows[:limit]
    heads = tuple(heads_of(session, shown, today=today, timezone=timezone)) if shown else ()
    return Page(heads, shown[-1].id if len(rows) > limit else None)


def open_pilots(
    session: Session, *, owner: int | None, today: date, timezone: str = "UTC", limit: int
) -> tuple[PilotHead, ...]:
    """The newest pilots about which no decision counts; with `owner`, those of one user."""
    query = select(PilotRow).where(~_decided()).order_by(col(PilotRow.id).desc()).limit(limit)
    if owner is not None:
        query = query.where(PilotRow.owner_id == owner)
    rows = session.exec(query).all()
    return tuple(heads_of(session, rows, today=today, timezone=timezone)) if rows else ()


def owners_of(session: Session) -> list[str]:
    """Everybody who owns a pilot."""
    owns = select(PilotRow.id).where(PilotRow.owner_id == UserRow.id).exists()
    return list(session.exec(select(UserRow.email).where(owns).order_by(UserRow.email)).all())


def nets_of(session: Session, heads: Sequence[PilotHead], *, today: date) -> dict[str, Net]:
    """Per slug the net of the newest analysis, as its report says it."""
    rows = {row.id: row for row in session.exec(_analyses(heads)).all()}
    return {head.slug: _net(head, rows.get(head.facts.analysis_id), today) for head in heads}


def results_of(session: Session, heads: Sequence[PilotHead]) -> dict[str, Json]:
    """Per slug the verdict of the newest analysis, as scripts read it."""
    query = sa.select(col(AnalysisRow.id), col(AnalysisRow.result_json)).where(
        col(AnalysisRow.id).in_(_ids(heads))
    )
    texts: dict[int | None, str] = {row[0]: row[1] for row in session.execute(query).all()}
    return {
        head.slug: from_json(texts[head.facts.analysis_id])["verdict"]
        for head in heads
        if head.facts.analysis_id in texts
    }


def _ids(heads: Sequence[PilotHead]) -> list[int]:
    return [head.facts.analysis_id for head in heads if head.facts.analysis_id is not None]


def _analyses(heads: Sequence[PilotHead]) -> Any:
    return select(AnalysisRow).where(col(AnalysisRow.id).in_(_ids(heads)))


def _net(head: PilotHead, row: AnalysisRow | None, today: date) -> Net:
    if head.status is Status.INVALID:
        return Net("", "no number: a check failed")
    if row is None or head.status is Status.VEILED:
        waits = head.visible_from is not None and today < head.visible_from
        return Net("", f"after {head.visible_words}" if waits else "")
    figures = report_kept(row).figures
    return Net(figures[0].value, figures[0].interval) if figures else Net("", "no number")


def _decided() -> ColumnElement[bool]:
    """Whether a decision counts."""
    counts = sa.or_(~col(DecisionRow.needs_second), col(DecisionRow.seconded_at).is_not(None))
    return select(DecisionRow.id).where(DecisionRow.pilot_id == PilotRow.id, counts).exists()


def _stands(status: Standing) -> ColumnElement[bool]:
    frozen = select(PlanRow.id).where(PlanRow.pilot_id == PilotRow.id).exists()
    newest = (
        select(AnalysisRow.status)
        .where(AnalysisRow.pilot_id == PilotRow.id)
        .order_by(col(AnalysisRow.number).desc())
        .limit(1)
        .scalar_subquery()
    )
    unveiled = sa.func.coalesce(newest, Status.VEILED.value) != Status.VEILED.value
    match status:
        case Standing.DRAFT:
            return ~frozen
        case Standing.RUNNING:
            return frozen & ~unveiled & ~_decided()
        case Standing.TO_DECIDE:
            return unveiled & ~_decided()
        case Standing.DECIDED:
            return _decided()
        case _:
            return newest == status.value


def _named(session: Session, q: str) -> list[int]:
    """Pilots whose name or address holds some words.

    Lower case of other alphabets is unknown to one of the databases; so it is compared here.
    """
    wanted = q.casefold()
    return [
        one.pilot_id
        for one in names_of(session)
        if wanted in one.slug or wanted in one.name.casefold()
    ]
