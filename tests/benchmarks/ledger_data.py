"""A company's ledger of any size, made by arithmetic alone: the same call gives the same rows.

Rows come in time order, a batch a week, as a company sends them; customers are enrolled over two
weeks, half of them in each arm, with a value tier. Amounts are skewed, in cents.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb

from app.database import Database, migrate, open_database
from app.enrol.service import enrol_file
from app.plan.service import register
from app.tables import BatchKind, BatchRow, BatchState
from app.workspace import Workspace
from experiments.engines.embedded import open_embedded
from experiments.ledger.compaction import compact
from experiments.ledger.ledger import BEHAVIOR, Ledger
from experiments.plan.pilot_file import read_pilot_file

ROWS_PER_CUSTOMER: Final = 25
FIRST_DAY: Final = date(2025, 9, 1)
WEEKS: Final = 40
STARTS_ON: Final = date(2026, 2, 23)
TODAY: Final = FIRST_DAY + timedelta(weeks=WEEKS + 1)
THREADS: Final = 2
SLUG: Final = "spring-mail"
STREAMED: Final = 1_000_000

PILOT: Final = f"""\
[pilot]
name = "Spring mail"
slug = "{SLUG}"
goal = "sales"
hypothesis = "Customers who get the mail buy more within eight weeks."
owner = "manager@example.com"
sponsor = "cfo@example.com"
starts_on = {STARTS_ON}
ends_on = {STARTS_ON + timedelta(days=69)}

[design]
control = "control"
treatments = ["mail"]

[customers]
file = "customers.parquet"
customer_id = "customer_id"
arm = "arm"
tier = "tier"
enrolled_at = "enrolled_at"

[[behavior]]
file = "week.parquet"
customer_id = "customer"
occurred_at = "occurred_at"
measure = "measure"
value = "value"

[value]
currency = "EUR"
metric = "margin"
margin_rate = 1.0
cost_per_treated = 0.50
"""
METRIC: Final = """
[[metrics]]
name = "{measure}"
kind = "{kind}"
measure = "{measure}"
window = {{ days = [0, 56] }}
{role}
"""
SECONDARY: Final = 'role = "secondary"'
METRICS: Final = {
    "margin": ("mean", 'role = "primary"\ncovariates = ["tier"]'),
    "revenue": ("mean", SECONDARY),
    "order": ("count", SECONDARY),
    "visit": ("count", SECONDARY),
    "complaint": ("rate", 'role = "guardrail"\ndirection = "down"\ntolerance = 0.01'),
}
# Of a hundred rows, so many are of each measure.
MEASURE: Final = (
    "case when m < 36 then 'visit' when m < 56 then 'order' when m < 76 then 'revenue' "
    "when m < 96 then 'margin' else 'complaint' end"
)
ROWS: Final = """
select customer, {measure} as measure, occurred_at,
  (case when m >= 56 and m < 96 then 1 + round(u * u * u * 400, 2) else 1 end)::decimal(18, 4)
    as value,
  null::varchar as item, null::varchar as event_id, 'shop' as source,
  {batch}::bigint as batch_no, {recorded}::timestamptz as recorded_at
from (
  select (hash(i) % {customers} + 1)::bigint as customer, hash(i * 3 + 1) % 100 as m,
    (hash(i * 5 + 2) % 1000000) / 1000000 as u,
    {day}::date + (place * 7 // {rows})::int as occurred_at
  from (select range as place, {first} + range as i from range({rows}))
)
order by customer, measure, occurred_at
"""
CUSTOMERS: Final = """
copy (
  select format('CUSTOMER-{{:09d}}', range) as customer_id,
    case when hash(range * 3) % 2 = 0 then 'mail' else 'control' end as arm,
    ['gold', 'silver', 'bronze', 'basic'][1 + (hash(range * 5) % 4)::int] as tier,
    {starts_on}::date + (hash(range * 7) % 14)::int as enrolled_at
  from range(1, {customers} + 1)
) to '{path}' (format parquet)
"""


def prepare(folder: Path, *, rows: int) -> None:
    """Make registry and ledgers of a size: as rows arrived, compacted, and with 1 % appended."""
    if (folder / "ready").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    customers = rows // ROWS_PER_CUSTOMER
    pilot = folder / "pilot.toml"
    metrics = "".join(
        METRIC.format(measure=name, kind=kind, role=role) for name, (kind, role) in METRICS.items()
    )
    pilot.write_text(PILOT + metrics, encoding="utf-8")
    arrived = folder / "arrived"
    arrived.mkdir()
    with _connected(folder) as connection:
        connection.execute(
            CUSTOMERS.format(
                starts_on=f"'{STARTS_ON}'",
                customers=customers,
                path=folder / "customers.parquet",
            )
        )
        with opened(arrived) as workspace:
            read = read_pilot_file(pilot)
            now = datetime(2026, 2, 20, 9, tzinfo=UTC)
            row = register(workspace.session, read.plan(), now=now)
            enrol_file(workspace, row, folder / read.customers.file, read.customers, now=now)
            for week in range(WEEKS):
                add_week(connection, workspace, week, rows=rows // WEEKS, customers=customers)
    compacted = copy(arrived, folder / "compacted")
    compact_whole(compacted)
    appended = copy(compacted, folder / "appended")
    with _connected(folder) as connection, opened(appended) as workspace:
        add_week(connection, workspace, WEEKS, rows=rows // 100, customers=customers)
    (folder / "ready").touch()


def add_week(
    connection: duckdb.DuckDBPyConnection,
    workspace: Workspace,
    week: int,
    *,
    rows: int,
    customers: int,
) -> None:
    """Append the rows of a week as one batch, accepted on the day after it."""
    day = FIRST_DAY + timedelta(weeks=week)
    recorded = datetime.combine(day + timedelta(days=7), datetime.min.time(), tzinfo=UTC)
    batch = BatchRow(
        kind=BatchKind.BEHAVIOR,
        state=BatchState.ACCEPTED,
        file_name=f"week-{week}.parquet",
        sha256="",
        received_at=recorded,
    )
    workspace.session.add(batch)
    workspace.session.commit()
    number = batch.batch_no or 0
    made = connection.sql(
        ROWS.format(
            measure=MEASURE,
            customers=customers,
            batch=number,
            recorded=f"'{recorded.isoformat()}'",
            day=f"'{day}'",
            rows=rows,
            first=week * 1_000_000_007,
        )
    )
    workspace.ledger.append_behavior(made.to_arrow_reader(STREAMED).cast(BEHAVIOR), batch_no=number)


def compact_whole(folder: Path) -> None:
    """Rewrite a ledger so that the rows of a customer lie together."""
    with opened(folder) as workspace:
        for _ in compact(
            workspace.engine, workspace.ledger, now=datetime(2026, 6, 8, tzinfo=UTC), whole=True
        ):
            pass


def copy(folder: Path, to: Path) -> Path:
    """The same files under another folder, linked: nothing in them ever changes."""
    shutil.copytree(folder / "ledger", to / "ledger", copy_function=os.link)
    shutil.copy(folder / "registry.db", to)
    return to


@contextmanager
def opened(folder: Path) -> Iterator[Workspace]:
    """The registry and the ledger of a folder, with an engine of two threads."""
    fresh = not (folder / "registry.db").exists()
    database: Database = open_database(folder / "registry.db")
    if fresh:
        migrate(database)
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    with open_embedded(threads=THREADS, scratch=scratch) as engine, database.writing() as session:
        yield Workspace(session, Ledger(folder / "ledger"), engine, scratch, "UTC")
    database.close()


@contextmanager
def _connected(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(
        config={"threads": THREADS, "temp_directory": str(folder), "memory_limit": "4GB"}
    )
    connection.execute("set TimeZone = 'UTC'")
    try:
        yield connection
    finally:
        connection.close()
