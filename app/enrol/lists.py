"""Who is in which arm, and in which other pilots: for the mail house, and for the enrol page."""

import csv
import io
from dataclasses import dataclass

import pyarrow as pa
from sqlmodel import Session, select

from app.enrol.service import enrolment_receipt
from app.plan.service import frozen_plan
from app.tables import EnrolmentRow, PilotRow
from app.workspace import Workspace
from experiments.errors import BadInput, Problem
from experiments.pilot import Plan
from experiments.words import cell_text


@dataclass(frozen=True, slots=True)
class Overlap:
    """Another pilot that runs at the same time.

    Attributes:
        pilot: Its slug.
        customers: Customers of both pilots.
        arms: Of these, how many are in each arm of this pilot.
    """

    pilot: str
    customers: int
    arms: dict[str, int]


def assignment_table(
    workspace: Workspace, pilot: PilotRow, *, arm: str | None, with_ids: bool
) -> pa.Table:
    """The enrolled customers, as a list.

    Args:
        workspace: Registry, ledger and engine.
        pilot: The pilot.
        arm: Only this arm, unless None.
        with_ids: Name customers by the company's ids; else by their numbers.

    Returns:
        Columns `customer_id` or `customer`, by which it is sorted, and `arm`, `tier`, `owner`,
        `enrolled_at`.

    Raises:
        BadInput: The plan has no such arm.
        NotNow: Nobody is enrolled yet.
    """
    session, engine, ledger = workspace.session, workspace.engine, workspace.ledger
    plan, _ = frozen_plan(session, pilot)
    receipt = enrolment_receipt(session, pilot)
    session.commit()
    if arm is not None and arm not in plan.design.arms:
        listed = ", ".join(plan.design.arms)
        raise BadInput(
            "There is no such list:", [Problem("arm", f"{arm!r} is none of the arms: {listed}")]
        )
    rows = ledger.enrolment(engine, pilot.slug, batch_no=receipt.batch_no)
    if arm is not None:
        rows = rows.filter(rows.arm == arm)
    name = "customer"
    if with_ids:
        name = "customer_id"
        # Whoever was erased has no id any more, and must not be mailed.
        rows = rows.inner_join(ledger.directory(engine).drop("batch_no"), "customer")
    return engine.fetch(rows.select(name, "arm", "tier", "owner", "enrolled_at").order_by(name))


def arms_csv(table: pa.Table) -> str:
    """The list as CSV; a text that a spreadsheet would run is preceded by an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow(
            [cell_text(cell) if isinstance(cell, str) else cell for cell in row.values()]
        )
    return out.getvalue()


def overlaps(workspace: Workspace, pilot: PilotRow) -> list[Overlap]:
    """Enrolled pilots that run at the same time, and how many customers they share; counts only.

    Raises:
        NotNow: Nobody is enrolled yet.
    """
    session, engine, ledger = workspace.session, workspace.engine, workspace.ledger
    plan, _ = frozen_plan(session, pilot)
    receipt = enrolment_receipt(session, pilot)
    others = _at_the_same_time(session, pilot, plan)
    session.commit()
    own = ledger.enrolment(engine, pilot.slug, batch_no=receipt.batch_no)
    found = []
    for slug, batch_no in others:
        shared = own.semi_join(ledger.enrolment(engine, slug, batch_no=batch_no), "customer")
        counts = engine.fetch(shared.group_by("arm").agg(n=shared.count())).to_pylist()
        arms = dict.fromkeys(plan.design.arms, 0) | {row["arm"]: row["n"] for row in counts}
        found.append(Overlap(slug, sum(arms.values()), arms))
    return found


def _at_the_same_time(session: Session, pilot: PilotRow, plan: Plan) -> list[tuple[str, int]]:
    """Slug and batch of the other enrolled pilots whose days overlap with those of the plan."""
    others = session.exec(
        select(PilotRow, EnrolmentRow)
        .where(EnrolmentRow.pilot_id == PilotRow.id, PilotRow.id != pilot.id)
        .order_by(PilotRow.slug)
    ).all()
    found = []
    for other, enrolment in others:
        header = frozen_plan(session, other)[0].pilot
        if header.starts_on <= plan.pilot.ends_on and plan.pilot.starts_on <= header.ends_on:
            found.append((other.slug, enrolment.batch_no))
    return found
