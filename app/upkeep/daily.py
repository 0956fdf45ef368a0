"""What nobody has to remember: once a day, and when files pile up, the ledger is cared for."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from deltalake.exceptions import DeltaError
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from app.database import Database
from app.tables import UpkeepKind, UpkeepRow
from app.upkeep.compaction import longest_log, most_files, tidy, trim_logs
from app.upkeep.leases import announce, take_leave
from app.upkeep.scrub import last_scrub, scrub
from experiments.errors import DamagedLedger, PilotError
from experiments.ledger.ledger import Ledger

DAILY: Final = timedelta(hours=24)
AGAIN: Final = timedelta(hours=1)  # after a scrub that found damage
SOONEST: Final = timedelta(minutes=10)  # after the last round, however many files there are
MANY: Final = 200  # files of one year, above which every read is slower
LONG: Final = 1_000  # entries of a log, above which every opening is slower
TICK: Final = 60.0  # seconds between two looks at what is due
_log = structlog.get_logger()


def keep_up(
    database: Database,
    ledger: Ledger,
    *,
    worker: str,
    clock: Callable[[], datetime],
    stop: threading.Event,
    tick: float = TICK,
) -> None:
    """Care for the ledger until told to stop; what goes wrong is logged, and tried again.

    Args:
        database: The registry.
        ledger: Others may read it and append to it meanwhile.
        worker: A name that no other worker has.
        clock: Says what time it is.
        stop: Ends the work; a scrub ends between two files.
        tick: Seconds between two looks at what is due.
    """
    while not stop.is_set():
        try:
            with database.writing() as session:
                announce(session, worker, now=clock())
                session.commit()
            care(database, ledger, clock=clock, is_over=stop.is_set)
        except DamagedLedger as damaged:
            for damage in damaged.damages:
                _log.error("the ledger is damaged", damage=damage)
        except (PilotError, SQLAlchemyError, OSError, DeltaError) as error:
            _log.warning("the ledger was not cared for", error=str(error))
        stop.wait(tick)
    with database.writing() as session:
        take_leave(session, worker)
        session.commit()


def care(
    database: Database,
    ledger: Ledger,
    *,
    clock: Callable[[], datetime],
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Do what is due: tidy and scrub once a day, and tidy when files or entries have piled up.

    Raises:
        DamagedLedger: The scrub found damaged files.
    """
    if not ledger.tables():
        return
    with database.reading() as session:
        tidied = _last_begun(session, UpkeepKind.COMPACT)
        scrubbed = _last_begun(session, UpkeepKind.SCRUB)
        last = last_scrub(session)
    now = clock()
    # Nothing is read from a damaged ledger, so that its recovery should not wait for a day.
    pause = AGAIN if last is not None and last.problem else DAILY
    if _is_older(tidied, now - DAILY) or (
        _is_older(tidied, now - SOONEST) and most_files(ledger) > MANY
    ):
        tidy(database, ledger, clock=clock)
    elif longest_log(ledger) > LONG:
        with database.writing() as session:
            trim_logs(session, ledger, now=now)
    if _is_older(scrubbed, now - pause) and not is_over():
        scrub(database, ledger, clock=clock, is_over=is_over)


def _last_begun(session: Session, kind: UpkeepKind) -> datetime | None:
    begun = select(UpkeepRow.started_at).where(UpkeepRow.kind == kind)
    return session.exec(begun.order_by(col(UpkeepRow.id).desc()).limit(1)).first()


def _is_older(at: datetime | None, than: datetime) -> bool:
    return at is None or at <= than
