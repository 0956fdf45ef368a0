"""Enrol the customers of an upload, or draw the groups of those who wait, as a job."""

import json
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from sqlmodel import Session, select

from app.batches import discard_pending, sha256_of
from app.enrol.kept import keep
from app.enrol.service import (
    CustomerList,
    draw_arms,
    enrolment_receipt,
    take_customers,
    waiting_list,
)
from app.jobs.service import Answer, Json
from app.jobs.worker import Progress
from app.tables import BatchRow, EnrolmentRow, JobRow, PilotRow
from app.web.api import PREFIX
from app.web.inbox import keep_taken, refused_is_removed
from app.workspace import Workspace
from experiments.enrol.enrolment import EnrolmentReceipt
from experiments.plan.pilot_file import CustomersFile


def run(
    workspace: Workspace, job: JobRow, *, now: datetime, files: Path, progress: Progress
) -> Answer:
    """Enrol the customers of an upload; without groups and a seed they wait for the draw.

    Raises:
        BadInput: The file, or what its columns mean; nobody is enrolled.
        NotNow: The plan is a draft, or the pilot has its customers.
    """
    asked = json.loads(job.arguments_json)
    session = workspace.session
    discard_pending(session)
    pilot = session.get_one(PilotRow, job.pilot_id)
    upload = Path(asked["upload"])
    receipt: EnrolmentReceipt | CustomerList | None = _before(session, job, pilot, upload)
    session.commit()
    if receipt is None:
        progress("reading the file and writing the ledger", 0.1)
        with refused_is_removed(upload):
            receipt = take_customers(
                workspace,
                pilot,
                upload,
                CustomersFile.model_validate(asked["columns"]),
                now=now,
                by=job.user_id,
                name=asked["name"],
            )
    if isinstance(receipt, CustomerList):
        keep_taken(upload)
        return Answer(HTTPStatus.CREATED, _waiting_body(pilot, receipt))
    keep_taken(upload, batch=receipt.batch_no)
    progress("comparing the groups", 0.8)
    keep(workspace, pilot, files=files)
    return Answer(HTTPStatus.CREATED, receipt_body(pilot, receipt))


def draw(
    workspace: Workspace, job: JobRow, *, now: datetime, files: Path, progress: Progress
) -> Answer:
    """Draw the groups of the customers who wait, and enrol them.

    Raises:
        BadInput: No such attribute, or not the strata of the plan.
        NotNow: Nobody waits, or the pilot has its customers.
    """
    asked = json.loads(job.arguments_json)
    session = workspace.session
    discard_pending(session)
    pilot = session.get_one(PilotRow, job.pilot_id)
    waiting = waiting_list(session, pilot)
    session.commit()
    upload = Path(waiting.upload if waiting else asked["upload"])
    receipt = _before(session, job, pilot, upload)
    session.commit()
    if receipt is None:
        progress("drawing the groups and writing the ledger", 0.1)
        strata = tuple(asked["strata"])
        receipt = draw_arms(
            workspace, pilot, seed=asked["seed"], strata=strata, now=now, by=job.user_id
        )
    keep_taken(upload, batch=receipt.batch_no)
    progress("comparing the groups", 0.8)
    keep(workspace, pilot, files=files)
    return Answer(HTTPStatus.CREATED, receipt_body(pilot, receipt))


def receipt_body(pilot: PilotRow, receipt: EnrolmentReceipt) -> Json:
    """The receipt of an enrolment, as a call is answered."""
    return {
        "pilot": pilot.slug,
        "batch": receipt.batch_no,
        "counted": receipt.counted,
        "accepted": sum(receipt.arms.values()),
        "left_out": receipt.left_out,
        "rejected": 0,
        "rejects": [],
        "arms": receipt.arms,
        "fingerprint": receipt.fingerprint,
        "assigned": receipt.assigned,
        "seed": receipt.seed,
        "strata": list(receipt.strata),
        "cluster": receipt.cluster,
        "clusters": receipt.clusters,
        "personal": list(receipt.personal),
        "waiting": False,
        "address": f"{PREFIX}/pilots/{pilot.slug}/assignment",
    }


def _waiting_body(pilot: PilotRow, waiting: CustomerList) -> Json:
    return {
        "pilot": pilot.slug,
        "batch": None,
        "counted": waiting.customers,
        "accepted": waiting.customers,
        "left_out": 0,
        "rejected": 0,
        "rejects": [],
        "arms": {},
        "fingerprint": None,
        "assigned": False,
        "seed": None,
        "strata": [],
        "cluster": None,
        "clusters": {},
        "personal": [],
        "waiting": True,
        "address": f"{PREFIX}/pilots/{pilot.slug}/assignment",
    }


def _before(
    session: Session, job: JobRow, pilot: PilotRow, upload: Path
) -> EnrolmentReceipt | None:
    """What an earlier try of the job enrolled before its worker was stopped."""
    if not job.attempts:
        return None
    batch = session.exec(
        select(BatchRow)
        .join(EnrolmentRow)
        .where(EnrolmentRow.pilot_id == pilot.id, BatchRow.sha256 == sha256_of(upload))
    ).first()
    return enrolment_receipt(session, pilot) if batch is not None else None
