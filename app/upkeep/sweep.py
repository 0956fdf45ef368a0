"""Sweep up what a stopped writer left: files that no commit names.

Only Pilotbook writes to the ledger's folder; so a Parquet file that neither a log nor the registry
knows, or a staged file with `#` in its name, is nobody's once no write can still be under way.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import pyarrow.fs as arrow_fs
from sqlmodel import Session, select

from app.tables import DataFileRow
from experiments.ledger.ledger import Ledger
from experiments.ledger.log import LOG, TornEntry, read_entry, versions_logged

OLD: Final = timedelta(hours=24)


def sweep(session: Session, ledger: Ledger, *, now: datetime) -> tuple[str, ...]:
    """Delete left-over files that are a day old, and say which these were.

    Args:
        session: The registry; it knows every file that a confirmed commit named.
        ledger: Others may write to it meanwhile.
        now: The present time.
    """
    swept = []
    files = ledger.location.files()
    for table in ledger.tables():
        old = [info for info in _left_over(ledger, table) if info.mtime < now - OLD]
        if not old:
            continue
        named = _named(session, ledger, table)
        session.commit()
        for info in old:
            path = f"{table}/{info.path}"
            if "#" in info.base_name or info.path not in named:
                files.delete_file(path)
                swept.append(path)
    return tuple(swept)


def _left_over(ledger: Ledger, table: str) -> Iterator[arrow_fs.FileInfo]:
    """Files of a table that may be nobody's."""
    selector = arrow_fs.FileSelector("", recursive=True)
    for info in ledger.location.files(table).get_file_info(selector):
        is_data = info.extension == "parquet" and not info.path.startswith(LOG)
        if info.type == arrow_fs.FileType.File and (is_data or "#" in info.base_name):
            yield info


def _named(session: Session, ledger: Ledger, table: str) -> frozenset[str]:
    """Data files that somebody knows: the registry, the table as it stands, or an entry's log."""
    known = set(session.exec(select(DataFileRow.path).where(DataFileRow.table_name == table)).all())
    known.update(path for path, _ in ledger.live_files(table))
    for version in versions_logged(ledger.location, table):
        try:
            known.update(added.path for added in read_entry(ledger.location, table, version).added)
        except TornEntry:
            continue
    return frozenset(known)
