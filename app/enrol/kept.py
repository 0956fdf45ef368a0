"""What pages tell of an enrolment, kept beside the registry so that no page asks the engine.

Balance never changes once customers are enrolled; overlaps change when another pilot enrols. Who is
in which group is not kept here but read from the ledger each time: ids live in its directory alone,
so that an erased customer is on no list.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func
from sqlmodel import Session, select

from app.database import Database
from app.enrol.lists import Overlap, overlaps
from app.enrol.service import enrolment_receipt
from app.plan.service import frozen_plan
from app.settings import Settings
from app.stored import from_text, to_text
from app.tables import EnrolmentRow, PilotRow
from app.workspace import Workspace, open_workspace
from experiments.analyse.alike import Alike, groups_alike
from experiments.enrol.enrolment import enrolment_of


@dataclass(frozen=True, slots=True)
class Kept:
    """What is told of an enrolment.

    Attributes:
        batch_no: The batch that holds it.
        alike: Whether its groups are alike.
        newest: Batch of the company's newest enrolment when the overlaps were counted.
        overlaps: Other pilots that run at the same time.
    """

    batch_no: int
    alike: Alike
    newest: int
    overlaps: tuple[Overlap, ...]


def kept_of(settings: Settings, database: Database, pilot: PilotRow) -> Kept:
    """What is told of an enrolment; counted now only where nobody did so before.

    Raises:
        NotNow: Nobody is enrolled yet.
    """
    with database.reading() as session:
        receipt = enrolment_receipt(session, pilot)
        newest = _newest(session)
    path = _path(settings.files, pilot)
    if path.is_file():
        kept = from_text(Kept, path.read_text(encoding="utf-8"))
        if (kept.batch_no, kept.newest) == (receipt.batch_no, newest):
            return kept
    with database.reading() as session, open_workspace(settings, session) as workspace:
        return keep(workspace, pilot, files=settings.files)


def keep(workspace: Workspace, pilot: PilotRow, *, files: Path) -> Kept:
    """Count what is told of an enrolment, and keep it.

    Raises:
        NotNow: Nobody is enrolled yet.
    """
    session = workspace.session
    plan, _ = frozen_plan(session, pilot)
    receipt = enrolment_receipt(session, pilot)
    newest = _newest(session)
    session.commit()
    enrolment = enrolment_of(workspace.engine, workspace.ledger, pilot.slug, receipt)
    kept = Kept(
        batch_no=receipt.batch_no,
        alike=groups_alike(
            workspace.engine,
            plan,
            customers=receipt.arms,
            enrolment=enrolment,
            strata=receipt.strata,
        ),
        newest=newest,
        overlaps=tuple(overlaps(workspace, pilot)),
    )
    path = _path(files, pilot)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{newest}.unfinished")
    unfinished.write_text(to_text(kept), encoding="utf-8")
    unfinished.replace(path)
    return kept


def _newest(session: Session) -> int:
    return session.exec(select(func.max(EnrolmentRow.batch_no))).one() or 0


def _path(files: Path, pilot: PilotRow) -> Path:
    return files / "enrolments" / f"{pilot.slug}.json"
