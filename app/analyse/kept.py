"""The analyses of a pilot, as they were kept. Reading one computes nothing."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.analyse.looks import Look
from app.plan.service import pilot_id
from app.refusals import NotFound, OutcomesVeiled
from app.stored import from_text
from app.tables import AnalysisRow, LiftRow, PilotRow
from experiments.decide.verdict import Status
from experiments.report.plain import Json
from experiments.report.report import PilotReport
from experiments.words import day


@dataclass(frozen=True, slots=True)
class Head:
    """An analysis without its long texts.

    Attributes:
        id: Of its row.
        number: Of the look, from 1 for each pilot.
        as_of: The day as of which outcomes were read.
        status: The pilot's verdict.
        ledger_through: Highest batch that was read.
        inputs_sha256: What it was computed from.
        created_at: When.
    """

    id: int
    number: int
    as_of: date
    status: Status
    ledger_through: int
    inputs_sha256: str
    created_at: datetime

    @property
    def veiled(self) -> bool:
        """Whether it looked at no outcome."""
        return self.status is Status.VEILED


_HEAD = (
    col(AnalysisRow.id),
    col(AnalysisRow.number),
    col(AnalysisRow.as_of),
    col(AnalysisRow.status),
    col(AnalysisRow.ledger_through),
    col(AnalysisRow.inputs_sha256),
    col(AnalysisRow.created_at),
)
_HEADS: Any = sa.select(*_HEAD)


def heads(
    session: Session, pilot: PilotRow, *, below: int | None = None, limit: int | None = None
) -> list[Head]:
    """A pilot's analyses, the newest first; with `below`, those of lower numbers."""
    query = _HEADS.where(col(AnalysisRow.pilot_id) == pilot_id(pilot)).order_by(
        col(AnalysisRow.number).desc()
    )
    if below is not None:
        query = query.where(col(AnalysisRow.number) < below)
    return [_head(row) for row in session.execute(query.limit(limit)).all()]


def newest_head(session: Session, slug: str) -> Head:
    """The newest analysis of a pilot that an address names.

    Raises:
        NotFound: There is no such pilot, or no analysis of it yet.
    """
    query = (
        _HEADS.join(PilotRow, col(PilotRow.id) == AnalysisRow.pilot_id)
        .where(col(PilotRow.slug) == slug)
        .order_by(col(AnalysisRow.number).desc())
        .limit(1)
    )
    row = session.execute(query).first()
    if row is None:
        known = session.exec(select(PilotRow.id).where(PilotRow.slug == slug)).first()
        raise NotFound(f"pilot {slug!r}" if known is None else f"analysis of pilot {slug!r} yet")
    return _head(row)


def standing_head(session: Session, pilot: PilotRow) -> Head | None:
    """The newest analysis for which the veil was not lifted: the one on which decisions stand."""
    row = session.execute(_not_lifted(_HEADS, pilot)).first()
    return None if row is None else _head(row)


def standing(session: Session, pilot: PilotRow) -> AnalysisRow | None:
    """The whole of that analysis, if there is one."""
    return session.scalars(_not_lifted(sa.select(AnalysisRow), pilot)).first()


def _not_lifted(query: sa.Select[Any], pilot: PilotRow) -> sa.Select[Any]:
    lifts = sa.select(col(LiftRow.id)).where(col(LiftRow.analysis_id) == col(AnalysisRow.id))
    return (
        query.where(col(AnalysisRow.pilot_id) == pilot_id(pilot), ~lifts.exists())
        .order_by(col(AnalysisRow.number).desc())
        .limit(1)
    )


def result_text(session: Session, head: Head) -> str:
    """The text of a result, as it is kept."""
    return session.exec(select(AnalysisRow.result_json).where(AnalysisRow.id == head.id)).one()


def newest(session: Session, pilot: PilotRow) -> AnalysisRow | None:
    """The newest analysis, if there is one."""
    query = select(AnalysisRow).where(AnalysisRow.pilot_id == pilot.id)
    return session.exec(query.order_by(col(AnalysisRow.number).desc()).limit(1)).first()


def numbered(session: Session, pilot: PilotRow, number: int | None) -> AnalysisRow:
    """An analysis by its number; the newest where None.

    Raises:
        NotFound: There is none.
    """
    query = select(AnalysisRow).where(AnalysisRow.pilot_id == pilot.id)
    if number is not None:
        query = query.where(AnalysisRow.number == number)
    row = session.exec(query.order_by(col(AnalysisRow.number).desc()).limit(1)).first()
    if row is None:
        which = "analysis" if number is None else f"analysis {number}"
        raise NotFound(f"{which} of pilot {pilot.slug!r} yet")
    return row


def report_kept(row: AnalysisRow) -> PilotReport:
    """The report as it was kept, without signatures."""
    return _read_report(row.report_json)


def result_kept(row: AnalysisRow) -> Json:
    """The result as it was kept."""
    found: Json = json.loads(row.result_json)
    return found


def refuse_veiled(status: str, result_json: str) -> None:
    """Stop where an analysis looked at no outcome: the veil over results, value and decisions.

    Nothing else need hide an outcome: a veiled analysis has computed none, so that its result, its
    report and its accounts hold none.

    Args:
        status: The verdict of the analysis.
        result_json: Its result.

    Raises:
        OutcomesVeiled: Says why, and until when.
    """
    if status == Status.VEILED:
        verdict = json.loads(result_json)["verdict"]
        until = verdict["visible_from"]
        raise OutcomesVeiled(
            why=verdict["veil"], visible_from=date.fromisoformat(until) if until else None
        )


def fingerprint_of(row: AnalysisRow) -> str:
    """SHA-256 over what an analysis was computed from, and what it shows to people."""
    return hashlib.sha256(f"{row.inputs_sha256}\n{row.report_json}".encode()).hexdigest()


def accounts_path(files: Path, slug: str, number: int) -> Path:
    """Where the accounts of an analysis are kept."""
    return files / "accounts" / f"{slug}-{number}.parquet"


def summary_of(row: AnalysisRow | Head, *, slug: str, look: Look | None) -> Json:
    """An analysis in a few words for scripts.

    Args:
        row: The analysis.
        slug: Of its pilot.
        look: How it was looked; None of a veiled one.
    """
    return {
        "number": row.number,
        "status": str(row.status),
        "as_of": row.as_of.isoformat(),
        "ledger_through": row.ledger_through,
        "created_at": row.created_at.isoformat(),
        "inputs_sha256": row.inputs_sha256,
        "address": f"/api/v1/pilots/{slug}/analyses/{row.number}",
        "page": f"/pilots/{slug}/analyse",
        "look": look and look.as_json(),
    }


def said_as_of(row: AnalysisRow | Head) -> str:
    """Which look it is, and as of when."""
    return f"Analysis {row.number}, as of {day(row.as_of)}"


def _head(row: Any) -> Head:
    return Head(
        id=row.id,
        number=row.number,
        as_of=row.as_of,
        status=Status(row.status),
        ledger_through=row.ledger_through,
        inputs_sha256=row.inputs_sha256,
        created_at=row.created_at,
    )


@lru_cache(maxsize=64)
def _read_report(text: str) -> PilotReport:
    return from_text(PilotReport, text)
