"""Enrol the customers of a file."""

from datetime import datetime
from pathlib import Path

from sqlmodel import Session, select

from app.batches import accept, number_of, pending_batch
from app.plan.service import frozen_plan, pilot_id
from app.stored import from_text, to_text
from app.tables import BatchKind, EnrolmentRow, PilotRow
from app.workspace import Workspace
from experiments.enrol.customers import read_customers, refuse_unknown_attributes
from experiments.enrol.enrolment import EnrolmentReceipt, enrol
from experiments.errors import BadFile, BadPlan
from experiments.plan.pilot_file import CustomersFile


def enrol_file(
    workspace: Workspace, pilot: PilotRow, path: Path, source: CustomersFile, *, now: datetime
) -> EnrolmentReceipt:
    """Enrol a file of customers, all or nothing.

    Raises:
        BadPlan: The plan names attributes that the file does not supply, or the pilot has
            customers already.
        BadFile: A row was refused; nobody is enrolled.
    """
    session = workspace.session
    plan, _ = frozen_plan(session, pilot)
    refuse_unknown_attributes(plan, source)
    _refuse_twice(session, pilot)
    with pending_batch(session, kind=BatchKind.ENROLMENT, path=path, now=now) as batch:
        customers = read_customers(
            workspace.engine, path, source, plan=plan, zone=workspace.timezone
        )
        if customers.rejects:
            wrong = len({reject.line for reject in customers.rejects})
            raise BadFile(
                f"{path.name}: {wrong:,} of {customers.counted:,} rows are wrong; "
                f"nobody was enrolled. Correct them and send the file again:",
                rejects=customers.rejects,
            )
        if not customers.rows.num_rows:
            raise BadFile(
                f"{path.name}: no customer is in an arm of the plan "
                f"({', '.join(plan.design.arms)}); compare the names."
            )
        receipt = enrol(
            workspace.engine,
            workspace.ledger,
            customers,
            plan=plan,
            tier=source.tier,
            batch_no=number_of(batch),
        )
        session.add(
            EnrolmentRow(
                pilot_id=pilot_id(pilot),
                batch_no=receipt.batch_no,
                fingerprint=receipt.fingerprint,
                receipt_json=to_text(receipt),
            )
        )
        accept(session, batch, receipt)
    return receipt


def _refuse_twice(session: Session, pilot: PilotRow) -> None:
    query = select(EnrolmentRow).where(EnrolmentRow.pilot_id == pilot.id)
    enrolled = session.exec(query).first() is not None
    session.commit()
    if enrolled:
        raise BadPlan(
            f"Pilot {pilot.slug!r} has its customers already; plan a new pilot for others."
        )


def enrolment_receipt(workspace: Workspace, pilot: PilotRow) -> EnrolmentReceipt:
    """The receipt of a pilot's enrolment."""
    query = select(EnrolmentRow).where(EnrolmentRow.pilot_id == pilot.id)
    row = workspace.session.exec(query).one()
    workspace.session.commit()
    return from_text(EnrolmentReceipt, row.receipt_json)
