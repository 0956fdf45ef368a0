"""A warehouse's table: read once, in the ledger's types, with every problem named."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import psycopg
import pyarrow.parquet as pq
import pytest

from experiments.engines.warehouse import ROWS, Snapshot, WarehouseTable, read_warehouse
from experiments.errors import BadInput

COLUMNS = {
    "customer_id": "who", "measure": "what", "occurred_at": "day", "value": "amount",
    "item": "product", "event_id": "id",
}  # fmt: skip
TABLE = """
    create schema crm;
    create table crm.events (who text, what text, day date, amount numeric(20, 6), product text,
        id text, unread integer);
    insert into crm.events values
        ('0012', 'revenue', '2026-03-02', 12.5, ' Łódź ', 'A1', 1),
        ('7', 'revenue', '2026-03-04', -0.0001, '', null, 2),
        ('7', 'order', '2026-03-04', 1, null, 'A1', 3);
"""
INSERT = "insert into crm.events values"
EXPECTED = [
    ("0012", "revenue", date(2026, 3, 2), Decimal("12.5000"), "Łódź", "A1", None),
    ("7", "revenue", date(2026, 3, 4), Decimal("-0.0001"), None, None, None),
    ("7", "order", date(2026, 3, 4), Decimal("1.0000"), None, "A1", None),
]
Fill = Callable[[str], str]


@pytest.fixture(params=["duckdb", "postgresql"])
def fill(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fill]:
    """Fills a warehouse with statements and gives its address; each test runs on both."""
    if request.param == "duckdb":
        path = tmp_path / "company.duckdb"

        def fill_duckdb(statements: str) -> str:
            with duckdb.connect(path) as connection:
                connection.execute(statements)
            return f"duckdb://{path}"

        yield fill_duckdb
    else:
        server = request.getfixturevalue("postgres_url")

        def fill_postgres(statements: str) -> str:
            with psycopg.connect(server.replace("+psycopg", "")) as connection:
                connection.execute("drop schema if exists crm cascade")
                connection.execute(statements)
            return str(server.replace("+psycopg", ""))

        yield fill_postgres


def read(address: str, folder: Path, **columns: str) -> Snapshot:
    source = WarehouseTable(address, "crm.events", {**COLUMNS, **columns})
    return read_warehouse(source, into=folder / "rows.parquet")


def refusal(address: str, folder: Path) -> str:
    with pytest.raises(BadInput) as refused:
        read(address, folder)
    return str(refused.value)


def test_rows_come_in_the_types_of_the_ledger(fill: Fill, tmp_path: Path) -> None:
    found = read(fill(TABLE), tmp_path)
    rows = pq.read_table(found.file)
    assert rows.schema == ROWS
    assert [tuple(row.values()) for row in rows.to_pylist()] == EXPECTED
    assert (found.rows, found.measures) == (3, ("order", "revenue"))
    assert (found.first_on, found.last_on) == (date(2026, 3, 2), date(2026, 3, 4))


def test_the_fingerprint_follows_the_rows_and_not_their_order(fill: Fill, tmp_path: Path) -> None:
    again = "create or replace view crm.again as select * from crm.events order by amount"
    found = []
    for number, statements in enumerate(
        [TABLE, f"{TABLE} {again};", TABLE.replace("12.5", "12.6")]
    ):
        address = fill(f"drop schema if exists crm cascade; {statements}")
        table = "crm.again" if again in statements else "crm.events"
        source = WarehouseTable(address, table, COLUMNS)
        found.append(read_warehouse(source, into=tmp_path / str(number)).fingerprint)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("(null, 'revenue', '2026-03-02', 1, null, 'B', 0)", "column 'who': 1 rows are empty"),
        ("('9', '  ', '2026-03-02', 1, null, 'B', 0)", "column 'what': 1 rows are empty"),
        ("('9', 'revenue', null, 1, null, 'B', 0)", "column 'day': 1 rows are empty"),
        ("('9', 'revenue', '2026-03-02', 0.00005, null, 'B', 0)", "at most four decimals"),
        ("('9', 'revenue', '2026-03-02', 1e13, null, 'B', 0), ('9', 'revenue', '2026-03-02', null,"
         " null, 'C', 0)", "column 'amount': 1 rows are empty"),
        ("('9', 'revenue', '2026-03-02', 2, ' Łódź', 'A1', 0)", "tell of an event a second time"),
    ],
)  # fmt: skip
def test_rows_that_are_no_behavior_are_counted_and_named(
    fill: Fill, tmp_path: Path, row: str, said: str
) -> None:
    assert said in refusal(fill(f"{TABLE} {INSERT} {row};"), tmp_path)


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("double precision", "0.1", Decimal("0.1000")),
        ("real", "0.5", Decimal("0.5000")),
        ("bigint", "99999999999999", Decimal("99999999999999.0000")),
        ("smallint", "-3", Decimal("-3.0000")),
        ("numeric(38, 10)", "99999999999999.9999", Decimal("99999999999999.9999")),
        ("double precision", "0.00005", None),
        ("bigint", "100000000000000", None),
        ("double precision", "'nan'::double precision", None),
        ("double precision", "'infinity'::double precision", None),
        ("text", "'12'", None),
        ("boolean", "true", None),
    ],
)
def test_a_number_is_exact_or_refused(
    fill: Fill, tmp_path: Path, kind: str, given: str, kept: Decimal | None
) -> None:
    address = fill(
        f"create schema crm; create table crm.events (who integer, what text, day timestamp, "
        f"amount {kind}, product text, id bigint); "
        f"{INSERT} (12, 'score', '2026-03-02 23:59:59', {given}, null, 7);"
    )
    if kept is None:
        assert "column 'amount': 1 rows are empty, or" in refusal(address, tmp_path)
        return
    found = pq.read_table(read(address, tmp_path).file).to_pylist()
    assert found[0]["value"] == kept
    assert (found[0]["customer_id"], found[0]["event_id"]) == ("12", "7")
    assert found[0]["occurred_at"] == date(2026, 3, 2)


def test_what_is_not_there_is_named(fill: Fill, tmp_path: Path) -> None:
    address = fill(TABLE)
    with pytest.raises(BadInput, match=r"has no table 'crm\.orders'"):
        read_warehouse(WarehouseTable(address, "crm.orders", COLUMNS), into=tmp_path / "a")
    with pytest.raises(BadInput, match="'absent': not among who, what"):
        read(address, tmp_path, source="absent")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("duckdb:///no/such.duckdb", "There is no DuckDB file"),
        ("company.duckdb", "is no address of a warehouse"),
        ("postgresql://u:secret@127.0.0.1:1/db", "postgresql://127.0.0.1:1/db cannot be opened"),
        ("nosuch://host/db", "nosuch://host/db cannot be opened"),
    ],
)
def test_a_warehouse_that_cannot_be_opened_is_named_without_its_password(
    tmp_path: Path, address: str, said: str
) -> None:
    told = refusal(address, tmp_path)
    assert said in told
    assert "secret" not in told


def test_a_results_place_holds_no_secret() -> None:
    source = WarehouseTable("postgresql://me:secret@db:5432/crm?password=x", "t", {})
    assert source.place == "postgresql://db:5432/crm"
