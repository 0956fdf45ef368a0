"""Is the site alive, is it ready, and how much does it do? For the machines that watch it."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pyarrow import ArrowException
from pyarrow.fs import FileSelector
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from app.database import Database
from app.dependencies import DatabaseDep, NowDep, SettingsDep, public
from app.jobs.service import Queue, queue
from app.settings import Settings
from app.tables import UpkeepKind, UpkeepRow
from app.web.metering import Meters
from experiments.ledger.location import Location

# An object store that does not answer at once does not answer.
AT_ONCE: Final = {"max_retries": "1", "retry_timeout": "2s", "connect_timeout": "2s"}
PATIENCE: Final = timedelta(minutes=2)  # that a job may wait while no worker gives a sign of life

router = APIRouter(dependencies=[public])


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "alive"}


@router.get("/readyz")
def readyz(database: DatabaseDep, settings: SettingsDep, now: NowDep) -> Response:
    """Registry and ledger can be reached, and no job waits in vain for a worker."""
    found = _queue(database, now)
    said: dict[str, Any] = {
        "registry": found is not None,
        "ledger": _holds_rows(settings),
        "worker": found is not None and _works(found, now),
    }
    ready = all(said.values())
    if found is not None:
        sign = found.sign_of_life
        said |= {
            "waiting": found.waiting,
            "running": found.running,
            "sign_of_life": sign.isoformat() if sign else None,
            "ledger_damaged": _is_damaged(database),
        }
    return JSONResponse({"ready": ready, **said}, 200 if ready else 503)


@router.get("/metrics")
def metrics(request: Request, database: DatabaseDep, now: NowDep) -> Response:
    """Requests and jobs, as Prometheus reads them."""
    meters: Meters = request.app.state.meters
    found = _queue(database, now)
    if found is not None:
        meters.jobs.labels("waiting").set(found.waiting)
        meters.jobs.labels("running").set(found.running)
        meters.damaged.set(_is_damaged(database))
    return Response(generate_latest(meters.registry), media_type=CONTENT_TYPE_LATEST)


def _queue(database: Database, now: datetime) -> Queue | None:
    """How the queue stands; None where the registry does not answer."""
    try:
        with database.reading() as session:
            return queue(session, now=now)
    except SQLAlchemyError:
        return None


def _is_damaged(database: Database) -> bool:
    """Whether the last scrub found a file of the ledger that is not what was written."""
    ended = select(UpkeepRow.problem).where(
        UpkeepRow.kind == UpkeepKind.SCRUB, col(UpkeepRow.ended_at).is_not(None)
    )
    with database.reading() as session:
        return bool(session.exec(ended.order_by(col(UpkeepRow.id).desc()).limit(1)).first())


def _works(found: Queue, now: datetime) -> bool:
    """Whether no job waits in vain; an idle worker gives no sign of life, and need not."""
    if found.oldest is None or found.oldest < PATIENCE:
        return True
    return found.sign_of_life is not None and now - found.sign_of_life < PATIENCE


def _holds_rows(settings: Settings) -> bool:
    """Whether the ledger's folder can be written to, or its object store answers."""
    if not isinstance(settings.ledger, Path):
        location = Location.of(settings.ledger, {**settings.object_store, **AT_ONCE})
        try:
            location.files().get_file_info(FileSelector("", allow_not_found=True))
        except (OSError, ArrowException):
            return False
        return True
    folder = settings.ledger
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
