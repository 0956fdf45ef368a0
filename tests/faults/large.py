"""A large installation, made by arithmetic: rows of behavior, and pilots with their analyses."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sqlmodel import Session

from app.confirming import confirm
from app.database import Database, migrate, open_database
from app.tables import AnalysisRow, BatchKind, BatchRow, BatchState, EnrolmentRow, PilotRow, PlanRow
from experiments.ledger.ledger import BEHAVIOR, DIRECTORY, Ledger

NOW: Final = datetime(2026, 4, 1, 9, tzinfo=UTC)
ROWS_PER_CUSTOMER: Final = 25
OF_BATCH: Final = 250_000  # rows
ENROLLED: Final = 2_000  # customers of a pilot
REPORT: Final = 60_000  # characters of a report, as those of the demonstration have
RESULT: Final = 20_000


def large_installation(folder: Path, *, rows: int, pilots: int) -> tuple[Database, Ledger, Path]:
    """Registry, ledger and folder of files.

    Args:
        folder: For all of it.
        rows: Of behavior.
        pilots: Each enrolled and analysed.
    """
    (folder / "files/accounts").mkdir(parents=True)
    database = open_database(folder / "registry.db")
    migrate(database)
    ledger = Ledger(folder / "ledger")
    customers = max(ENROLLED, rows // ROWS_PER_CUSTOMER)
    with database.writing() as session:
        numbers = pa.array(np.arange(1, customers + 1))
        directory = {
            "customer": numbers,
            "customer_id": pa.array([f"C{at:09}" for at in range(customers)]),
            "batch_no": pa.array(np.ones(customers, np.int64)),
        }
        ledger.append_directory(pa.table(directory, schema=DIRECTORY), batch_no=1)
        for at in range(0, rows, OF_BATCH):
            _record(session, ledger, min(OF_BATCH, rows - at), customers=customers, seed=at)
        for at in range(pilots):
            _pilot(session, ledger, at, customers=customers, files=folder / "files")
        session.commit()
        confirm(session, ledger, now=NOW)
        session.commit()
    return database, ledger, folder / "files"


def _record(session: Session, ledger: Ledger, rows: int, *, customers: int, seed: int) -> None:
    batch = _batch(session, BatchKind.BEHAVIOR, json.dumps({"entries": rows}))
    with duckdb.connect() as engine:
        made = engine.sql(
            """
            select 1 + hash(i) % $customers as customer,
                ['revenue', 'order', 'visit'][1 + i % 3] as measure,
                date '2025-09-01' + cast(i % 200 as integer) as occurred_at,
                cast(1 + hash(i + 1) % 10000 / 100 as decimal(18, 4)) as value,
                null::varchar as item, 'e' || i as event_id, 'shop' as source,
                $batch::bigint as batch_no, $now::timestamptz as recorded_at
            from range($first, $last) t(i) order by 1, 2, 3
            """,
            params={
                "customers": customers,
                "first": seed,
                "last": seed + rows,
                "batch": batch,
                "now": NOW,
            },
        ).to_arrow_table()
    ledger.append_behavior(made.cast(BEHAVIOR).to_reader(), batch_no=batch)


def _pilot(session: Session, ledger: Ledger, at: int, *, customers: int, files: Path) -> None:
    slug = f"pilot-{at:04}"
    pilot = PilotRow(slug=slug, created_at=NOW)
    session.add(pilot)
    arms = {"hold": ENROLLED // 2, "mail": ENROLLED // 2}
    batch = _batch(session, BatchKind.ENROLMENT, json.dumps({"arms": arms}))
    first = at * 97 % (customers - ENROLLED + 1)
    enrolled = pa.table(
        {
            "customer": pa.array(np.arange(first, first + ENROLLED) + 1),
            "arm": pa.array(["hold", "mail"] * (ENROLLED // 2)),
            "tier": pa.array(["gold", "silver", "gold", "silver"] * (ENROLLED // 4)),
            "owner": pa.nulls(ENROLLED, pa.string()),
            "enrolled_at": pa.array([date(2026, 3, 1)] * ENROLLED),
            "batch_no": pa.array(np.full(ENROLLED, batch)),
        }
    )
    ledger.append_enrolment(slug, enrolled, batch_no=batch)
    pq.write_table(enrolled, files / "accounts" / f"{slug}-1.parquet")
    noise = np.random.default_rng(at).integers(0, 10, REPORT)  # digits compress as reports do not
    text = "".join(map(str, noise))
    session.add_all(
        [
            PlanRow(pilot_id=pilot.id or 0, canonical_json="{}", fingerprint="0", frozen_at=NOW),
            EnrolmentRow(
                pilot_id=pilot.id or 0, batch_no=batch, fingerprint="0", receipt_json="{}"
            ),
            AnalysisRow(
                pilot_id=pilot.id or 0, number=1, as_of=date(2026, 4, 1), ledger_through=batch,
                status="proved", result_json=json.dumps(text[:RESULT]),
                report_json=json.dumps(text), inputs_sha256="0", created_at=NOW,
            ),
        ]
    )  # fmt: skip


def _batch(session: Session, kind: BatchKind, receipt: str) -> int:
    batch = BatchRow(
        kind=kind, state=BatchState.ACCEPTED, file_name="f.csv", sha256="0", received_at=NOW,
        receipt_json=receipt,
    )  # fmt: skip
    session.add(batch)
    session.flush()
    return batch.batch_no or 0
