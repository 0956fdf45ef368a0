"""Files of behavior into the ledger: shapes, formats, refusals, receipts."""

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from experiments.errors import BadFile
from tests.intake.workbook import write_workbook
from tests.record.books import HEADER, LONG, NOW, WIDE, Book


def test_a_wide_row_becomes_an_entry_per_value(book: Book) -> None:
    receipt = book.send(
        ["who,day,visit,spend", "0012,2026-03-01,1,19.99", "7,2026-03-02,0,0"], WIDE
    )
    assert book.entries() == [
        ("0012", "spend", date(2026, 3, 1), Decimal("19.9900")),
        ("0012", "visit", date(2026, 3, 1), Decimal(1)),
        ("7", "spend", date(2026, 3, 2), Decimal(0)),
        ("7", "visit", date(2026, 3, 2), Decimal(0)),
    ]
    assert (receipt.counted, receipt.accepted, receipt.entries, receipt.blank) == (2, 2, 4, 0)
    assert receipt.measures == {"spend": 2, "visit": 2}
    assert (receipt.first, receipt.last) == (date(2026, 3, 1), date(2026, 3, 2))


def test_a_blank_cell_of_a_wide_file_is_refused_by_place(book: Book) -> None:
    """Blank may stand for nothing or for not knowing; as 0 it can turn a verdict around."""
    with pytest.raises(BadFile) as caught:
        book.send(["who,day,visit,spend", "a,2026-03-01,1,", "b,2026-03-01,0,2"], WIDE)
    (reject,) = caught.value.rejects
    assert (reject.line, reject.column) == (2, "spend")
    assert reject.reason.startswith("is blank; write 0 where nothing happened")
    assert book.entries() == []


def test_a_blank_cell_of_a_wide_file_can_be_no_entry(book: Book) -> None:
    lenient = {**WIDE, "strict": False}
    receipt = book.send(["who,day,visit,spend", "a,2026-03-01,1,", "b,2026-03-01,,"], lenient)
    assert book.entries() == [("a", "visit", date(2026, 3, 1), Decimal(1))]
    assert (receipt.accepted, receipt.entries, receipt.blank) == (2, 1, 3)


def test_a_wide_file_of_blanks_is_taken_and_brings_nothing(book: Book) -> None:
    receipt = book.send(["who,day,visit,spend", "a,2026-03-01,,"], {**WIDE, "strict": False})
    assert (receipt.accepted, receipt.entries, receipt.first, receipt.measures) == (1, 0, None, {})
    assert book.entries() == []


def test_one_day_can_stand_for_all_rows(book: Book) -> None:
    book.send(["who,visit,spend", "a,1,2"], {**WIDE, "occurred_at": date(2026, 3, 31)})
    assert {row["occurred_at"] for row in book.rows()} == {date(2026, 3, 31)}


def test_the_row_number_can_be_the_customer(book: Book) -> None:
    book.send(
        ["day,visit,spend", "2026-03-01,1,2", "2026-03-01,0,3"], {**WIDE, "customer_id": "#row"}
    )
    assert {row["customer_id"] for row in book.rows()} == {"1", "2"}


def test_a_long_row_is_kept_as_it_is(book: Book) -> None:
    book.send([HEADER, "a,2026-03-01T23:30:00Z,revenue,-1.5,shoes,o1"], {**LONG, "source": "shop"})
    (row,) = book.rows()
    # 23:30 UTC is half past midnight of the next day in Berlin.
    assert row == {
        "customer_id": "a", "measure": "revenue", "occurred_at": date(2026, 3, 2),
        "value": Decimal("-1.5000"), "item": "shoes", "event_id": "o1", "source": "shop",
        "batch_no": 1, "recorded_at": NOW,
    }  # fmt: skip


def test_source_is_a_column_where_the_file_has_one_of_that_name(book: Book) -> None:
    lines = ["who,day,what,amount,product,order,shop", "a,2026-03-01,revenue,1,,o1,web",
             "a,2026-03-01,revenue,2,,o1,store"]  # fmt: skip
    receipt = book.send(lines, {**LONG, "source": "shop"})
    assert {row["source"] for row in book.rows()} == {"web", "store"}
    assert receipt.repeated == 0  # an event id is unique within its source only


def test_an_order_with_several_measures_and_items_is_kept_whole(book: Book) -> None:
    receipt = book.send(
        [HEADER, "a,2026-03-01,revenue,10,shoes,o1", "a,2026-03-01,margin,4,shoes,o1",
         "a,2026-03-01,revenue,10,socks,o1", "a,2026-03-01,order,1,,o1"], LONG)  # fmt: skip
    assert (receipt.entries, receipt.repeated) == (4, 0)


BAD = [HEADER, "a,2026-03-01,revenue,10,,", ",2026-03-01,revenue,1,,", "b,03/01/2026,revenue,x,,",
       "c,2026-03-01,,1,,", "d,2026-03-01,revenue,,,", "e,2026-03-01,revenue,2,,"]  # fmt: skip


def test_strict_refuses_the_file_names_every_cell_and_leaves_the_ledger_untouched(
    book: Book,
) -> None:
    book.send([HEADER, "a,2026-03-01,revenue,1,,"], LONG)
    files = book.files()
    with pytest.raises(BadFile, match=r"4 of 6 rows are wrong; nothing was recorded") as caught:
        book.send(BAD, LONG)
    places = {(reject.line, reject.column) for reject in caught.value.rejects}
    assert places == {(3, "who"), (4, "day"), (4, "amount"), (5, "what"), (6, "amount")}
    assert book.files() == files
    assert len(book.rows()) == 1
    assert book.engine.fetch(book.ledger.directory(book.engine)).num_rows == 1


def test_without_strict_good_rows_go_in_and_bad_ones_are_listed(book: Book) -> None:
    receipt = book.send(BAD, {**LONG, "strict": False})
    assert (receipt.counted, receipt.accepted, receipt.rejected, receipt.entries) == (6, 2, 4, 2)
    assert len(receipt.rejects) == 5
    assert [row[0] for row in book.entries()] == ["a", "e"]


def test_a_file_without_one_good_row_is_refused_without_strict_too(book: Book) -> None:
    with pytest.raises(BadFile, match="1 of 1 rows"):
        book.send([HEADER, "a,2026-03-01,revenue,x,,"], {**LONG, "strict": False})
    assert not book.files()


def test_more_than_four_decimals_are_rounded_half_even_and_counted(book: Book) -> None:
    values = {
        "0.00005": "0",
        "0.00015": "0.0002",
        "1.23456": "1.2346",
        "2.5": "2.5",
        "3.10000": "3.1",
    }
    lines = [f"c{at},2026-03-01,revenue,{value},," for at, value in enumerate(values)]
    receipt = book.send([HEADER, *lines], LONG)
    assert receipt.rounded == 3
    assert [row[3] for row in book.entries()] == [Decimal(value) for value in values.values()]


def write(path: Path, rows: list[dict[str, str | None]]) -> Path:
    """Write the same rows in the format of the file's name."""
    header = list(rows[0])
    joint = "\t" if ".tsv" in path.name else ","
    table = "\n".join([joint.join(header), *(joint.join(r[h] or "" for h in header) for r in rows)])
    lines = "\n".join(json.dumps(row) for row in rows)
    text = (lines if "ndjson" in path.name else table).encode() + b"\n"
    if path.suffix == ".xlsx":
        cells = [[row[name] for name in header] for row in rows]
        return write_workbook(path, [header, *cells])
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    if path.suffix == ".gz":
        text = gzip.compress(text)
    if path.suffix == ".zst":
        text = zstandard.compress(text)
    path.write_bytes(text)
    return path


@pytest.mark.parametrize(
    "name",
    ["b.csv", "b.tsv", "b.ndjson", "b.xlsx", "b.parquet", "b.csv.gz", "b.tsv.zst", "b.ndjson.gz"],
)
def test_every_format_gives_the_same_rows(book: Book, name: str) -> None:
    rows: list[dict[str, str | None]] = [
        {"who": "0012", "day": "2026-03-01", "what": "revenue", "amount": "19.99", "product": "Ł",
         "order": "o1"},
        {"who": "0012", "day": "2026-03-01", "what": "order", "amount": "1", "product": None,
         "order": "o1"},
        {"who": "12", "day": "2026-03-31", "what": "revenue", "amount": "-5.25", "product": None,
         "order": None},
    ]  # fmt: skip
    receipt = book.record(write(book.folder / name, rows), LONG)
    assert (receipt.counted, receipt.accepted, receipt.entries) == (3, 3, 3)
    found = [
        (r["customer_id"], r["measure"], r["value"], r["item"], r["event_id"]) for r in book.rows()
    ]
    assert sorted(found, key=repr) == [
        ("0012", "order", Decimal(1), None, "o1"),
        ("0012", "revenue", Decimal("19.9900"), "Ł", "o1"),
        ("12", "revenue", Decimal("-5.2500"), None, None),
    ]
