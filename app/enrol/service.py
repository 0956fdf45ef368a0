"""Enrol the customers of a file: at once where their arms are known, else in two steps."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import ibis
import pyarrow.compute as pc
from sqlmodel import Session, select

from app.batches import accept, number_of, pending_batch
from app.confirming import confirm
from app.plan.service import frozen_plan, pilot_id
from app.refusals import NotNow
from app.stored import from_text, to_text
from app.tables import BatchKind, CustomerListRow, EnrolmentRow, PilotRow
from app.workspace import Workspace
from experiments.analyse.variables import refuse_many_levels
from experiments.behavior.accounts import Enrolment
from experiments.enrol.customers import (
    Customers,
    attributes_of,
    read_customers,
    refuse_unknown_attributes,
)
from experiments.enrol.enrolment import EnrolmentReceipt, as_drawn, enrol, known_attributes
from experiments.errors import BadFile, BadInput, Problem
from experiments.intake.told import told_as
from experiments.pilot import Plan
from experiments.plan.pilot_file import CustomersFile


@dataclass(frozen=True, slots=True)
class CustomerList:
    """Customers who wait for their arms.

    Attributes:
        file: Name of the file.
        customers: How many.
        attributes: What is known of them; strata are chosen from these.
    """

    file: str
    customers: int
    attributes: tuple[str, ...]


def take_customers(
    workspace: Workspace,
    pilot: PilotRow,
    path: Path,
    source: CustomersFile,
    *,
    now: datetime,
    by: int | None = None,
    name: str | None = None,
) -> EnrolmentReceipt | CustomerList:
    """Enrol the customers of a file; where nothing says how their arms are drawn, let them wait.

    Args:
        workspace: As for `enrol_file`.
        pilot: As for `enrol_file`.
        path: As for `enrol_file`.
        source: As for `enrol_file`.
        now: As for `enrol_file`.
        by: As for `enrol_file`.
        name: As for `enrol_file`.

    Raises:
        BadInput: As `enrol_file`.
        NotNow: As `enrol_file`.
    """
    plan, _ = frozen_plan(workspace.session, pilot)
    if source.arm is None and plan.design.seed is None:
        return list_customers(workspace, pilot, path, source, now=now, name=name)
    return enrol_file(workspace, pilot, path, source, now=now, by=by, name=name)


def enrol_file(
    workspace: Workspace,
    pilot: PilotRow,
    path: Path,
    source: CustomersFile,
    *,
    now: datetime,
    by: int | None = None,
    name: str | None = None,
) -> EnrolmentReceipt:
    """Enrol a file of customers, all or nothing.

    Args:
        workspace: Registry, ledger and engine.
        pilot: Whose plan is frozen.
        path: The file.
        source: What its columns mean.
        now: When it is enrolled.
        by: Who sent it.
        name: How the file is called; the name of `path` where None.

    Raises:
        BadPlan: The plan names attributes that the file does not supply.
        BadFile: A row was refused; nobody is enrolled.
        BadInput: An attribute has too many values for what the plan does with it.
        NotNow: The pilot has customers already.
    """
    plan, _ = frozen_plan(workspace.session, pilot)
    refuse_enrolled(workspace.session, pilot)
    return _enrol(workspace, pilot, plan, path, source, now=now, by=by, name=name or path.name)


def list_customers(
    workspace: Workspace,
    pilot: PilotRow,
    path: Path,
    source: CustomersFile,
    *,
    now: datetime,
    name: str | None = None,
) -> CustomerList:
    """Check a file of customers as `enrol_file` does, and let it wait for `draw_arms`.

    The upload stays where it is; an earlier one that waited is removed.

    Raises:
        BadInput: As `enrol_file`.
        NotNow: The pilot has customers already.
    """
    session = workspace.session
    plan, _ = frozen_plan(session, pilot)
    refuse_enrolled(session, pilot)
    session.commit()
    called = name or path.name
    to_be_drawn = as_drawn(plan, seed=0, strata=())
    refuse_unknown_attributes(to_be_drawn, source)
    customers = _read(workspace, to_be_drawn, path, source, name=called)
    earlier = waiting_list(session, pilot)
    if earlier is not None:
        session.delete(earlier)
        session.flush()
    session.add(
        CustomerListRow(
            pilot_id=pilot_id(pilot),
            upload=str(path),
            file_name=called,
            columns_json=source.model_dump_json(),
            customers=customers.rows.num_rows,
            created_at=now,
        )
    )
    session.commit()
    if earlier is not None and Path(earlier.upload) != path:
        Path(earlier.upload).unlink(missing_ok=True)
    return CustomerList(called, customers.rows.num_rows, attributes_of(source, plan))


def draw_arms(
    workspace: Workspace,
    pilot: PilotRow,
    *,
    seed: int,
    strata: tuple[str, ...],
    now: datetime,
    by: int | None = None,
) -> EnrolmentReceipt:
    """Draw the arms of the customers who wait, and enrol them.

    Args:
        workspace: Registry, ledger and engine.
        pilot: Whose customers wait.
        seed: From 0 to below 2**63; the same seed gives the same arms.
        strata: Attributes within whose values the arms are drawn; those of the plan, if it
            names some.
        now: When they are enrolled.
        by: Who asked for it.

    Raises:
        BadInput: No such attribute, or not the strata of the plan.
        NotNow: Nobody waits, or the pilot has customers already.
    """
    session = workspace.session
    plan, _ = frozen_plan(session, pilot)
    refuse_enrolled(session, pilot)
    waiting = waiting_list(session, pilot)
    session.commit()
    if waiting is None:
        raise NotNow(
            f"No customers of pilot {pilot.slug!r} wait for their arms; send the file of customers "
            f"first, without a column of arms."
        )
    source = CustomersFile.model_validate_json(waiting.columns_json)
    drawn = as_drawn(plan, seed=seed, strata=_strata(plan, source, strata))
    upload = Path(waiting.upload)
    return _enrol(workspace, pilot, drawn, upload, source, now=now, by=by, name=waiting.file_name)


def waiting_list(session: Session, pilot: PilotRow) -> CustomerListRow | None:
    """The customers of a pilot who wait for their arms, if any do."""
    query = select(CustomerListRow).where(CustomerListRow.pilot_id == pilot.id)
    return session.exec(query).first()


def enrolment_receipt(session: Session, pilot: PilotRow) -> EnrolmentReceipt:
    """The receipt of a pilot's enrolment.

    Raises:
        NotNow: Nobody is enrolled yet.
    """
    query = select(EnrolmentRow).where(EnrolmentRow.pilot_id == pilot.id)
    row = session.exec(query).first()
    if row is None:
        raise NotNow(f"Pilot {pilot.slug!r} has no customers yet; enrol them first.")
    return from_text(EnrolmentReceipt, row.receipt_json)


def refuse_enrolled(session: Session, pilot: PilotRow) -> None:
    """Stop where a pilot has its customers.

    Raises:
        NotNow: It has.
    """
    query = select(EnrolmentRow.id).where(EnrolmentRow.pilot_id == pilot.id)
    if session.exec(query).first() is not None:
        raise NotNow(
            f"Pilot {pilot.slug!r} has its customers already; plan a new pilot for others."
        )


def _enrol(
    workspace: Workspace,
    pilot: PilotRow,
    plan: Plan,
    path: Path,
    source: CustomersFile,
    *,
    now: datetime,
    by: int | None,
    name: str,
) -> EnrolmentReceipt:
    """Read, enrol, and end the waiting, in one batch."""
    refuse_unknown_attributes(plan, source)
    session = workspace.session
    with pending_batch(
        session, kind=BatchKind.ENROLMENT, path=path, now=now, by=by, file_name=name
    ) as batch:
        customers = _read(workspace, plan, path, source, name=name)
        receipt = enrol(
            workspace.engine,
            workspace.ledger,
            customers,
            plan=plan,
            tier=source.tier,
            batch_no=number_of(batch),
        )
        tables = ("directory", f"enrolments/{pilot.slug}")
        confirm(session, workspace.ledger, now=now, tables=tables)
        session.add(
            EnrolmentRow(
                pilot_id=pilot_id(pilot),
                batch_no=receipt.batch_no,
                fingerprint=receipt.fingerprint,
                receipt_json=to_text(receipt),
            )
        )
        waiting = waiting_list(session, pilot)
        if waiting is not None:
            session.delete(waiting)
        batch.columns_json = source.model_dump_json()
        accept(session, batch, receipt)
    return receipt


def _read(
    workspace: Workspace, plan: Plan, path: Path, source: CustomersFile, *, name: str
) -> Customers:
    """Customers who can be enrolled and analysed as planned; all of the file, or an error."""
    with told_as(path, name):
        customers = read_customers(
            workspace.engine, path, source, plan=plan, zone=workspace.timezone
        )
    if customers.rejects:
        wrong = len({reject.line for reject in customers.rejects})
        raise BadFile(
            f"{name}: {wrong:,} of {customers.counted:,} rows are wrong; "
            f"nobody was enrolled. Correct them and send the file again:",
            rejects=customers.rejects,
        )
    if not customers.rows.num_rows:
        raise BadFile(
            f"{name}: no customer is in an arm of the plan "
            f"({', '.join(plan.design.arms)}); compare the names."
        )
    # Found out by the analysis, it would be too late for a pilot that has its customers.
    enrolment = Enrolment(
        rows=ibis.memtable(customers.rows),
        attributes=known_attributes(customers),
        last_enrolled_on=pc.max(customers.rows["enrolled_at"]).as_py(),
    )
    refuse_many_levels(workspace.engine, plan, enrolment, tier=source.tier)
    return customers


def _strata(plan: Plan, source: CustomersFile, asked: tuple[str, ...]) -> tuple[str, ...]:
    """The strata to draw within: those of the plan, or those that were asked for."""
    known = attributes_of(source, plan)
    problems = [
        Problem("strata", f"{name!r} is no attribute of the customers; known are {_listed(known)}")
        for name in asked
        if name not in known
    ]
    if plan.design.strata and asked and {*asked} != {*plan.design.strata}:
        problems.append(
            Problem("strata", f"the plan draws within {_listed(plan.design.strata)}; leave it out")
        )
    if problems:
        raise BadInput("The arms cannot be drawn:", problems)
    return plan.design.strata or tuple(dict.fromkeys(asked))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"
