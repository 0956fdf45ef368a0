"""The journal: who did, or was refused, what; a chain in which no entry can be edited unseen."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlmodel import Session, col, select

from app.tables import JournalRow

GENESIS: Final = "0" * 64


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
    _stand_in_line(session)
    newest = select(JournalRow.hash).order_by(col(JournalRow.id).desc()).limit(1)
    row = JournalRow(
        at=at,
        user_id=user,
        action=action[:64],
        subject=subject[:255],
        status=status,
        detail_json=json.dumps(detail, ensure_ascii=False, sort_keys=True, default=str),
        previous_hash=session.exec(newest).first() or GENESIS,
        hash="",
    )
    row.hash = hash_of(row)
    session.add(row)
    return row


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
