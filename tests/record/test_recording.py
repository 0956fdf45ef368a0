"""Files of behavior into the ledger: shapes, formats, repeats, contradictions, receipts."""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from experiments.behavior.engine import Engine, open_engine
from experiments.behavior.ledger import Ledger
from experiments.errors import BadFile
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.recording import Receipt, record
from experiments.record.staging import stage_behavior
from tests.intake.workbook import write_workbook

LONG = {
    "customer_id": "who", "occurred_at": "day", "measure": "what", "value": "amount",
    "item": "product", "event_id": "order",
}  # fmt: skip
WIDE = {"customer_id": "who", "occurred_at": "day", "measures": ["visit", "spend"]}
HEADER = "who,day,what,amount,product,order"
NOW = datetime(2026, 4, 1, 12, 30, 15, 250_000, tzinfo=UTC)


@dataclass
class Book:
    """A ledger in a folder, and the next batch number."""

    folder: Path
    engine: Engine
    batch_no: int = 0

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(self.folder / "ledger")

    def record(
        self, path: Path, columns: dict[str, Any], without: frozenset[int] = frozenset()
    ) -> Receipt:
        """Record a file as the next batch; those of `without` do not count."""
        self.batch_no += 1
        layout = BehaviorFile.model_validate({"file": path.name, **columns})
        staged = stage_behavior(path, layout, zone="Europe/Berlin", into=self.folder / "staged")
        receipt = record(
            self.engine, self.ledger, staged, name=path.name, batch_no=self.batch_no,
            recorded_at=NOW, strict=layout.strict, without=without,
        )  # fmt: skip
        assert receipt.accepted + receipt.rejected == receipt.counted
        assert receipt.file == path.name
        assert self.engine.connection.con.sql("from duckdb_tables()").fetchall() == []
        return receipt

    def send(self, lines: Sequence[str], columns: dict[str, Any]) -> Receipt:
        """Record a CSV file of these lines."""
        path = self.folder / "behavior.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.record(path, columns)

    def rows(self) -> list[dict[str, Any]]:
        """What the ledger holds, with the company's ids, in one order."""
        behavior, directory = self.ledger.behavior(self.engine), self.ledger.directory(self.engine)
        named = behavior.inner_join(directory.drop("batch_no"), "customer")
        found = self.engine.fetch(named.drop("customer")).to_pylist()
        return sorted(found, key=lambda row: repr(sorted(row.items(), key=repr)))

    def entries(self) -> list[tuple[Any, ...]]:
        """Customer, measure, day and value of each row."""
        return sorted(
            (row["customer_id"], row["measure"], row["occurred_at"], row["value"])
            for row in self.rows()
        )

    def files(self) -> set[Path]:
        """Every file of the ledger."""
        return {path for path in self.ledger.root.rglob("*") if path.is_file()}


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with open_engine(threads=2) as engine:
        yield Book(tmp_path, engine)


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


def test_a_repeat_within_the_file_is_left_out(book: Book) -> None:
    row = "a,2026-03-01,revenue,10,shoes,o1"
    receipt = book.send([HEADER, row, row.replace("10", "10.00"), row], LONG)
    assert (receipt.accepted, receipt.entries, receipt.repeated) == (3, 1, 2)


def test_a_repeat_across_files_is_left_out(book: Book) -> None:
    book.send([HEADER, "a,2026-03-01,revenue,10,shoes,o1"], LONG)
    receipt = book.send(
        [HEADER, "a,2026-03-01,revenue,10,shoes,o1", "a,2026-03-02,revenue,5,,o2"], LONG
    )
    assert (receipt.entries, receipt.repeated, receipt.measures) == (1, 1, {"revenue": 1})
    assert [row["event_id"] for row in book.rows()] == ["o1", "o2"]


def test_the_same_file_again_brings_nothing(book: Book) -> None:
    lines = [HEADER, *(f"c{at},2026-03-01,revenue,{at},,o{at}" for at in range(50))]
    book.send(lines, LONG)
    before = book.entries()
    receipt = book.send(lines, LONG)
    assert (receipt.accepted, receipt.entries, receipt.repeated) == (50, 0, 50)
    assert book.entries() == before


def test_events_of_a_batch_that_does_not_count_are_not_known(book: Book) -> None:
    """Neither as repeats nor as contradictions."""
    book.send([HEADER, "a,2026-03-01,revenue,10,shoes,o1"], LONG)
    path = book.folder / "again.csv"
    for line in ("a,2026-03-01,revenue,10,shoes,o1", CONTRADICTIONS[2]):
        path.write_text(f"{HEADER}\n{line}\n")
        receipt = book.record(path, LONG, without=frozenset(range(1, book.batch_no + 1)))
        assert (receipt.entries, receipt.repeated, receipt.rejected) == (1, 0, 0)
    assert [row["batch_no"] for row in book.rows()] == [1, 2, 3]


def test_rows_without_an_event_id_are_never_repeats(book: Book) -> None:
    row = "a,2026-03-01,revenue,10,shoes,"
    receipt = book.send([HEADER, row, row, "a,2026-03-01,revenue,10,shoes,o1"], LONG)
    assert (receipt.entries, receipt.repeated) == (3, 0)


CONTRADICTIONS = [
    "b,2026-03-01,revenue,10,shoes,o1",
    "a,2026-03-02,revenue,10,shoes,o1",
    "a,2026-03-01,revenue,10.0001,shoes,o1",
]


@pytest.mark.parametrize("other", CONTRADICTIONS, ids=["customer", "day", "value"])
def test_a_contradiction_within_the_file_is_refused_with_its_line(book: Book, other: str) -> None:
    lines = [HEADER, "a,2026-03-01,revenue,10,shoes,o1", other]
    with pytest.raises(BadFile) as caught:
        book.send(lines, LONG)
    (reject,) = caught.value.rejects
    assert (reject.line, reject.column, reject.value) == (3, "order", "o1")
    assert not book.files()
    receipt = book.send(lines, {**LONG, "strict": False})
    assert (receipt.accepted, receipt.rejected, receipt.entries, receipt.repeated) == (1, 1, 1, 0)


@pytest.mark.parametrize("other", CONTRADICTIONS, ids=["customer", "day", "value"])
def test_a_contradiction_across_files_is_refused_with_its_line(book: Book, other: str) -> None:
    book.send([HEADER, "a,2026-03-01,revenue,10,shoes,o1"], LONG)
    files, lines = book.files(), [HEADER, "c,2026-03-03,revenue,1,,o9", other]
    with pytest.raises(BadFile) as caught:
        book.send(lines, LONG)
    assert [reject.line for reject in caught.value.rejects] == [3]
    assert book.files() == files
    receipt = book.send(lines, {**LONG, "strict": False})
    assert (receipt.accepted, receipt.rejected, receipt.entries) == (1, 1, 1)


def test_a_row_that_agrees_with_the_ledger_is_a_repeat_even_after_one_that_does_not(
    book: Book,
) -> None:
    book.send([HEADER, "a,2026-03-01,revenue,10,shoes,o1"], LONG)
    lines = [HEADER, CONTRADICTIONS[2], "a,2026-03-01,revenue,10,shoes,o1"]
    receipt = book.send([*lines, "z,2026-03-01,revenue,1,,"], {**LONG, "strict": False})
    assert [reject.line for reject in receipt.rejects] == [2]
    assert (receipt.entries, receipt.repeated) == (1, 1)


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
