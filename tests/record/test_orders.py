"""Exports in which each row is an event, such as an order."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments.errors import BadFile
from tests.record.books import LONG, Book

ORDERS = {
    "customer_id": "Customer No", "occurred_at": "Order date", "event_id": "Order no",
    "measures": ["Revenue EUR"], "names": {"Revenue EUR": "revenue"}, "each_row": "order",
    "strict": False,
}  # fmt: skip
SALES = [
    "Customer No,Order date,Order no,Revenue EUR",
    "K1,2026-10-10,A1,16.22",
    "K2,2026-10-06,A2,12.64",
]


def test_an_export_of_orders_brings_revenue_and_orders(book: Book) -> None:
    receipt = book.send(SALES, ORDERS)
    assert receipt.measures == {"order": 2, "revenue": 2}
    assert (receipt.accepted, receipt.entries) == (2, 4)
    assert book.entries() == [
        ("K1", "order", date(2026, 10, 10), Decimal(1)),
        ("K1", "revenue", date(2026, 10, 10), Decimal("16.22")),
        ("K2", "order", date(2026, 10, 6), Decimal(1)),
        ("K2", "revenue", date(2026, 10, 6), Decimal("12.64")),
    ]
    assert {row["event_id"] for row in book.rows()} == {"A1", "A2"}


def test_the_next_export_adds_only_orders_that_are_new(book: Book) -> None:
    book.send(SALES, ORDERS)
    receipt = book.send([*SALES, "K2,2026-10-07,A3,5"], ORDERS)
    assert (receipt.repeated, receipt.entries, receipt.alike) == (4, 2, 0)


def test_a_row_that_contradicts_itself_brings_nothing(book: Book) -> None:
    """Revenue of A1 changed, and nobody counted the order yet: the row is refused as a whole."""
    book.send(SALES, ORDERS | {"each_row": None})
    changed = [*SALES[:1], "K1,2026-10-10,A1,99", "K2,2026-10-07,A3,5"]
    receipt = book.send(changed, ORDERS)
    assert (receipt.accepted, receipt.rejected, receipt.entries) == (1, 1, 2)
    assert [(one.line, one.column) for one in receipt.rejects] == [(2, "Order no")]


def test_rows_may_be_events_and_nothing_else(book: Book) -> None:
    receipt = book.send(SALES, ORDERS | {"measures": [], "names": {}})
    assert receipt.measures == {"order": 2}


PLAIN = ORDERS | {"event_id": None, "each_row": None}


def test_rows_without_ids_that_look_like_recorded_ones_are_counted(book: Book) -> None:
    book.send(SALES, PLAIN)
    book.send([*SALES[:1], "K1,2026-10-10,B1,16.22"], PLAIN | {"names": {}})
    receipt = book.send([*SALES, "K2,2026-10-07,A3,5"], PLAIN)
    assert (receipt.entries, receipt.alike, receipt.alike_batches) == (3, 2, (1,))


def test_rows_of_a_batch_that_does_not_count_look_like_nothing(book: Book) -> None:
    book.send(SALES, PLAIN)
    path = book.folder / "again.csv"
    path.write_text("\n".join(SALES) + "\n", encoding="utf-8")
    assert book.record(path, PLAIN, without=frozenset({1})).alike == 0


def test_a_column_without_numbers_is_told_in_one_sentence(book: Book) -> None:
    lines = [f"K{at},2026-10-10,A{at},{at}" for at in range(30)]
    wrong = PLAIN | {"measures": ["Order no"], "names": {}}
    with pytest.raises(BadFile, match=r"“Order no” holds no numbers such as .*, but A0;") as told:
        book.send([SALES[0], *lines], wrong)
    assert told.value.rejects == ()


def test_numbers_written_otherwise_are_told_row_by_row(book: Book) -> None:
    lines = [f"K{at},2026-10-10,A{at},{at}.50 EUR" for at in range(30)]
    with pytest.raises(BadFile) as told:
        book.send([SALES[0], *lines], PLAIN)
    assert len(told.value.rejects) == 30


def test_a_parquet_file_without_dictionaries_is_recorded_as_it_is(book: Book) -> None:
    """Of such a column, filled by one text alone, DuckDB 2.0 takes every row for empty."""
    path, nothing = book.folder / "orders.parquet", [None] * 4
    columns = {
        "who": [f"K{at}" for at in range(6)],
        "day": [date(2026, 10, 6)] * 6,
        "what": ["revenue"] * 6,
        "amount": [5] * 6,
        "product": ["tea", "tea", *nothing],
        "order": ["A1", None, *nothing],
    }
    pq.write_table(pa.table(columns), path, use_dictionary=False)
    first, again = book.record(path, LONG), book.record(path, LONG)
    assert (first.entries, first.repeated, first.alike) == (6, 0, 0)
    assert (again.entries, again.repeated, again.alike) == (5, 1, 5)
    rows = book.rows()
    assert [row["event_id"] for row in rows if row["customer_id"] == "K0"] == ["A1"]
    assert [row["item"] for row in rows].count("tea") == 3
    kept = book.ledger.behavior(book.engine)
    empty = [book.engine.fetch(kept.filter(kept[name].isnull())) for name in ("event_id", "item")]
    assert [rows.num_rows for rows in empty] == [10, 8]
