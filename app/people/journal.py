"""The journal: who did, or was refused, what; a chain in which no entry can be edited unseen."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import insert, text
from sqlmodel import Session, col, select

from app.tables import JournalRow

GENESIS: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """What is written down: who did what, when, and what became of it."""

    at: datetime
    user: int | None
    action: str
    subject: str
    status: int
    detail: Mapping[str, object]


def write_entry(
    session: Session,
    *,
    at: datetime,
    user: int | None,
    action: str,
    subject: str,
    status: int,
    detail: Mapping[str, object],
) -> JournalRow:
    """Append an entry; its hash covers the one before it."""
    [row] = _rows_after(session, [Entry(at, user, action, subject, status, detail)])
    session.add(row)
    session.flush()
    return row


def write_entries(session: Session, entries: Sequence[Entry]) -> list[None]:
    """Append entries; the hash of each covers the one before it."""
    rows = [row.model_dump(exclude={"id"}) for row in _rows_after(session, entries)]
    session.execute(insert(JournalRow), rows)
    return [None] * len(rows)


def _rows_after(session: Session, entries: Sequence[Entry]) -> list[JournalRow]:
    _stand_in_line(session)
    newest = select(JournalRow.hash).order_by(col(JournalRow.id).desc()).limit(1)
    previous = session.exec(newest).first() or GENESIS
    rows = []
    for entry in entries:
        row = JournalRow(
            at=entry.at,
            user_id=entry.user,
            action=entry.action[:64],
            subject=entry.subject[:255],
            status=entry.status,
            detail_json=json.dumps(entry.detail, ensure_ascii=False, sort_keys=True, default=str),
            previous_hash=previous,
            hash="",
        )
        row.hash = previous = hash_of(row)
        rows.append(row)
    return rows


def first_broken(session: Session) -> int | None:
    """Number of the first entry that was edited, or follows one that was removed; None if none."""
    previous = GENESIS
    for row in session.exec(select(JournalRow).order_by(col(JournalRow.id))):
        if row.previous_hash != previous or row.hash != hash_of(row):
            return row.id
        previous = row.hash
    return None


def hash_of(row: JournalRow) -> str:
    """SHA-256 over everything in an entry, and the hash of the one before it."""
    said = [
        row.previous_hash,
        row.at.isoformat(),
        row.user_id,
        row.action,
        row.subject,
        row.status,
        row.detail_json,
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _stand_in_line(session: Session) -> None:
    """Two entries must not follow the same one. On SQLite a writer is alone already."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE journal IN SHARE ROW EXCLUSIVE MODE"))
