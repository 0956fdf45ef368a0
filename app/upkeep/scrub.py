"""The daily scrub: is every file of the ledger still what was written?

A bit that flips in a page gives a wrong sum without an error; only a digest tells.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from app.confirming import damages_of
from app.database import Database
from app.tables import DataFileRow, UpkeepKind, UpkeepRow
from app.upkeep.rounds import noted
from experiments.errors import DamagedLedger
from experiments.ledger.durable import digest
from experiments.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What a scrub read, and which files of it are lost or changed, in words."""

    files: int
    bytes: int
    damages: tuple[str, ...] = ()


def scrub(
    database: Database,
    ledger: Ledger,
    *,
    clock: Callable[[], datetime],
    by: int | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> Scrubbed:
    """Read every live file, and compare it with what was written.

    Args:
        database: The registry, which holds digests, and keeps the round.
        ledger: Is read from end to end.
        clock: Says what time it is.
        by: Who asked for it.
        is_over: Asked between files; True ends the round early.

    Raises:
        DamagedLedger: Names each file that is lost or changed.
    """
    with noted(database, UpkeepKind.SCRUB, clock=clock, by=by) as done:
        with database.writing() as session:
            live = session.exec(
                select(DataFileRow)
                .where(col(DataFileRow.removed_in).is_(None))
                .order_by(col(DataFileRow.table_name), col(DataFileRow.path))
            ).all()
            session.commit()
            damages = [*damages_of(session, ledger)]
        read, size = 0, 0
        for file in live:
            if is_over():
                break
            wrong = _wrong_with(ledger, file)
            if wrong and _is_live(database, file):
                damages.append(f"{file.table_name}/{file.path} {wrong}")
            read, size = read + 1, size + file.size
        done.result = result = Scrubbed(read, size, tuple(damages))
        if damages:
            raise DamagedLedger(damages)
    return result


def look_at_logs(
    database: Database, ledger: Ledger, *, clock: Callable[[], datetime], most: int
) -> None:
    """Look at the newest entries of each log, as a worker does when it starts.

    Nothing is noted where all is well; what is wrong counts as found by a scrub.

    Args:
        database: The registry.
        ledger: Is looked at.
        clock: Says what time it is.
        most: How many entries of each log.

    Raises:
        DamagedLedger: Names each entry that is lost or changed.
    """
    with database.writing() as session:
        damages = damages_of(session, ledger, most=most)
    if damages:
        with noted(database, UpkeepKind.SCRUB, clock=clock, by=None) as done:
            done.result = Scrubbed(0, 0, damages)
            raise DamagedLedger(damages)


def last_scrub(session: Session) -> UpkeepRow | None:
    """The newest scrub that came to an end, whatever it found; None where none did."""
    ended = select(UpkeepRow).where(
        UpkeepRow.kind == UpkeepKind.SCRUB, col(UpkeepRow.ended_at).is_not(None)
    )
    return session.exec(ended.order_by(col(UpkeepRow.id).desc()).limit(1)).first()


def _wrong_with(ledger: Ledger, file: DataFileRow) -> str:
    try:
        found = digest(ledger.location, file.table_name, file.path)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return "" if found == file.sha256 else "is not what was written"


def _is_live(database: Database, file: DataFileRow) -> bool:
    """Whether it still belongs to the table; a compaction may have taken its place meanwhile."""
    with database.reading() as session:
        row = session.get(DataFileRow, file.id)
        return row is not None and row.removed_in is None
