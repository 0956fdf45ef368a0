"""Who is in which arm, and in which other pilots: for the mail house, and for the enrol page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
from sqlmodel import Session, select

from app.confirming import refuse_damaged
from app.enrol.service import enrolment_receipt
from app.plan.service import frozen_plan
from app.tables import BatchRow, EnrolmentRow, PilotRow
from app.workspace import Workspace
from experiments.enrol.enrolment import EnrolmentReceipt
from experiments.errors import BadInput, Problem
from experiments.intake.preview import words_of
from experiments.pilot import Plan
from experiments.plan.pilot_file import ROW_NUMBER, CustomersFile
from experiments.words import FORMULA_STARTS, cell_text


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


def assignment(workspace: Workspace, pilot: PilotRow, *, arm: str | None) -> ir.Table:
    """The enrolled customers, as a list.

    Args:
        workspace: Registry, ledger and engine.
        pilot: The pilot.
        arm: Only this arm, unless None.

    Returns:
        Columns `customer_id`, by which it is sorted, `arm`, `tier`, `owner`, `enrolled_at`.

    Raises:
        BadInput: The plan has no such arm.
        NotNow: Nobody is enrolled yet.
        DamagedLedger: Names the files.
    """
    refuse_damaged(workspace.session, workspace.ledger)
    rows = _rows(workspace, pilot, enrolment_receipt(workspace.session, pilot), arm=arm)
    listed = _with_ids(workspace, rows).select("customer_id", "arm", "tier", "owner", "enrolled_at")
    return listed.order_by("customer_id")


def write_assignment(workspace: Workspace, pilot: PilotRow, *, arm: str | None, path: Path) -> None:
    """Write who is in which group, by id, into a file: .csv, .parquet or .json, by its ending.

    Raises:
        BadInput: The plan has no such arm.
        NotNow: Nobody is enrolled yet.
        DamagedLedger: Names the files.
    """
    rows = assignment(workspace, pilot, arm=arm)
    match path.suffix:
        case ".csv":
            workspace.engine.write(harmless(rows), path)
        case ".parquet":
            workspace.engine.write(rows, path)
        case _:
            _write_json(workspace.engine.stream(rows), path)


def write_list(workspace: Workspace, pilot: PilotRow, *, arm: str | None, path: Path) -> None:
    """Write the list of an arm, or of all, into a CSV file under the company's own headers.

    Beside ids and groups it holds what the enrolment knows of somebody at least.

    Raises:
        BadInput: The plan has no such arm.
        NotNow: Nobody is enrolled yet.
        DamagedLedger: Names the files.
    """
    session, engine = workspace.session, workspace.engine
    refuse_damaged(session, workspace.ledger)
    receipt = enrolment_receipt(session, pilot)
    told = session.get_one(BatchRow, receipt.batch_no).columns_json
    source = CustomersFile.model_validate_json(told) if told else None
    enrolled = _rows(workspace, pilot, receipt, arm=arm)
    known = [("owner", (source and source.owner) or "owner")]
    if source is not None and source.enrolled_at is not None:
        known.append(("enrolled_at", source.enrolled_at))
    known = [*((one.column, one.name) for one in receipt.attributes), *known]
    counts = enrolled.aggregate(**{column: enrolled[column].count() for column, _ in known})
    [known_of] = engine.fetch(counts).to_pylist()
    heads = {
        "customer_id": _own_head(source, "customer_id") or "customer_id",
        "arm": _own_head(source, "arm") or "group",
        **{column: name for column, name in known if known_of[column]},
    }
    rows = _with_ids(workspace, enrolled).order_by("customer_id").select(*heads)
    engine.write(harmless(rows).rename(_told_apart(heads)), path)


def harmless(rows: ir.Table) -> ir.Table:
    """Rows for a CSV file: a text that a spreadsheet would run gets an apostrophe.

    As `cell_text` does it, for columns.
    """
    safe = {}
    for name in rows.columns:
        text = rows[name]
        if isinstance(text, ir.StringColumn):
            runs = text.left(1).isin(FORMULA_STARTS)
            safe[name] = runs.ifelse("'" + text, text).replace("\r", " ")
    return rows.mutate(**safe)


def _told_apart(heads: Mapping[str, str]) -> dict[str, str]:
    """Columns by their headers, of which no two are the same."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for column, name in heads.items():
        head = cell_text(name)
        while head.casefold() in taken:
            head += " (2)"
        taken.add(head.casefold())
        found[head] = column
    return found


def _write_json(rows: pa.RecordBatchReader, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write('{"items":[')
        comma = ""
        for batch in rows:
            for row in batch.to_pylist():
                file.write(comma + json.dumps(row, default=str, ensure_ascii=False))
                comma = ","
        file.write('],"next":null}')


def _own_head(source: CustomersFile | None, key: str) -> str | None:
    name = getattr(source, key) if source is not None else None
    return None if name == ROW_NUMBER else name


def list_name(pilot: PilotRow, arms: Sequence[str], arm: str | None) -> str:
    """What the file of a list is called, in plain letters."""
    if arm is None:
        return f"{pilot.slug}-all.csv"
    word = "-".join(words_of(arm)) or f"group-{[*arms, arm].index(arm) + 1}"
    return f"{pilot.slug}-{word}.csv"


def _rows(
    workspace: Workspace, pilot: PilotRow, receipt: EnrolmentReceipt, *, arm: str | None
) -> ir.Table:
    session, engine, ledger = workspace.session, workspace.engine, workspace.ledger
    plan, _ = frozen_plan(session, pilot)
    session.commit()
    if arm is not None and arm not in plan.design.arms:
        listed = ", ".join(plan.design.arms)
        raise BadInput(
            "There is no such list:", [Problem("arm", f"{arm!r} is none of the arms: {listed}")]
        )
    rows = ledger.enrolment(engine, pilot.slug, batch_no=receipt.batch_no)
    return rows if arm is None else rows.filter(rows.arm == arm)


def _with_ids(workspace: Workspace, rows: ir.Table) -> ir.Table:
    # Whoever was erased has no id any more, and must not be mailed.
    directory = workspace.ledger.directory(workspace.engine).drop("batch_no")
    return rows.inner_join(directory, "customer")


def overlaps(workspace: Workspace, pilot: PilotRow) -> list[Overlap]:
    """Enrolled pilots that run at the same time, and how many customers they share; counts only.

    Raises:
        NotNow: Nobody is enrolled yet.
        DamagedLedger: Names the files.
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
