"""Rows that are corrected: what counts afterwards, what repeats, and what is refused."""

from collections.abc import Callable, Collection
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa
import pytest

from experiments.errors import BadInput
from experiments.record.corrected import Corrected
from experiments.record.correcting import Correction, Instead, Named, correct
from tests.record.books import HEADER, LONG, NOW, Book

LATER = NOW + timedelta(days=1)
DAY = date(2026, 3, 1)
LINES = [
    HEADER,
    "a,2026-03-01,revenue,10,shoes,o1",
    "a,2026-03-01,margin,4,shoes,o1",
    "b,2026-03-02,revenue,7,,",
    "b,2026-03-02,revenue,7,,",
    "b,2026-03-02,revenue,8,,",
]


def corrected(
    book: Book,
    *corrections: tuple[Named, Instead | None],
    without: frozenset[int] = frozenset(),
    foreign: Callable[[Collection[int]], Collection[int]] = lambda _: (),
    **enrolled: ibis.expr.types.Table,
) -> Corrected:
    """Correct rows as the next batch."""
    book.batch_no += 1
    return correct(
        book.engine,
        book.ledger,
        [Correction(row, instead) for row, instead in corrections],
        name="correction",
        batch_no=book.batch_no,
        recorded_at=LATER,
        without=without,
        foreign=foreign,
        enrolled=enrolled,
    )


def refused(book: Book, *corrections: tuple[Named, Instead | None], **more: Any) -> dict[str, str]:
    """What is said of corrections that are refused; nothing may have been written."""
    files = book.files()
    with pytest.raises(BadInput, match="nothing was corrected") as caught:
        corrected(book, *corrections, **more)
    assert book.files() == files
    return {problem.where: problem.what for problem in caught.value.problems}


def rows(book: Book, **which: Any) -> list[tuple[Any, ...]]:
    """The rows that count: customer, measure, day, value, item, event and batch."""
    found = book.ledger.behavior(book.engine, **which)
    named = found.inner_join(book.ledger.directory(book.engine).drop("batch_no"), "customer")
    columns = ("customer_id", "measure", "occurred_at", "value", "item", "event_id", "batch_no")
    table = book.engine.fetch(named.select(*columns))
    return sorted((tuple(row.values()) for row in table.to_pylist()), key=repr)


def test_a_row_named_by_its_event_is_replaced(book: Book) -> None:
    book.send(LINES, LONG)
    before = rows(book)
    named = Named(event_id="o1", measure="revenue")
    done = corrected(book, (named, Instead(value=Decimal("12.5"))))
    assert (done.withdrawn, done.receipt.entries, done.measures) == ({1: 1}, 1, ("revenue",))
    assert (done.receipt.first, done.receipt.last) == (DAY, DAY)
    old = ("a", "revenue", DAY, Decimal(10), "shoes", "o1", 1)
    new = ("a", "revenue", DAY, Decimal("12.5"), "shoes", "o1", 2)
    assert rows(book) == sorted([*(row for row in before if row != old), new], key=repr)
    # Whoever read before reads the same again, and once the correction is reversed as well.
    assert rows(book, through=1) == before
    assert rows(book, without={2}) == before


def test_a_row_named_by_its_contents_is_withdrawn(book: Book) -> None:
    book.send(LINES, LONG)
    named = Named(customer_id="b", occurred_at=date(2026, 3, 2), value=Decimal(8))
    done = corrected(book, (named, None))
    assert (done.withdrawn, done.receipt.entries, done.receipt.measures) == ({1: 1}, 0, {})
    assert done.measures == ("revenue",)
    assert [row[3] for row in rows(book) if row[0] == "b"] == [Decimal(7), Decimal(7)]


def test_of_rows_that_are_alike_one_is_meant(book: Book) -> None:
    book.send(LINES, LONG)
    named = Named(customer_id="b", value=Decimal(7))
    done = corrected(book, (named, Instead(value=Decimal(9), item="socks")))
    assert (done.withdrawn, done.receipt.entries) == ({1: 2}, 2)
    mine = [row[3:] for row in rows(book) if row[0] == "b"]
    assert mine == [
        (Decimal(7), None, None, 2), (Decimal(8), None, None, 1), (Decimal(9), "socks", None, 2),
    ]  # fmt: skip


def test_rows_that_are_alike_are_corrected_each_by_itself(book: Book) -> None:
    book.send(LINES, LONG)
    named = Named(customer_id="b", value=Decimal(7))
    corrected(book, (named, None), (named, Instead(customer_id="c")))
    assert [row[:4] for row in rows(book) if row[0] == "c"] == [
        ("c", "revenue", date(2026, 3, 2), Decimal(7))
    ]
    assert len(rows(book)) == 4
    assert refused(book, *[(Named(customer_id="b"), None)] * 2)["rows.1"].startswith("is named")


def test_an_item_can_be_taken_away_and_a_day_changed(book: Book) -> None:
    book.send(LINES, LONG)
    moved = Instead(item=None, occurred_at=date(2026, 2, 28))
    done = corrected(book, (Named(event_id="o1", measure="margin"), moved))
    assert ("a", "margin", date(2026, 2, 28), Decimal(4), None, "o1", 2) in rows(book)
    assert done.receipt.first == date(2026, 2, 28)


def test_a_correction_is_corrected_in_its_turn(book: Book) -> None:
    book.send(LINES, LONG)
    named = Named(event_id="o1", measure="revenue")
    corrected(book, (named, Instead(value=Decimal(11))))
    done = corrected(book, (named, Instead(value=Decimal(12))))
    assert done.withdrawn == {2: 1}
    found = {through: rows(book, through=through) for through in (1, 2, 3)}
    values = {
        at: [row[3] for row in kept if row[1] == "revenue" and row[0] == "a"]
        for at, kept in found.items()
    }
    assert values == {1: [Decimal(10)], 2: [Decimal(11)], 3: [Decimal(12)]}


def test_a_correction_touches_the_pilots_of_both_customers(book: Book) -> None:
    book.send([*LINES, "c,2026-03-03,revenue,1,,"], LONG)
    numbers = book.engine.fetch(book.ledger.directory(book.engine)).to_pylist()
    number = {row["customer_id"]: row["customer"] for row in numbers}
    pilots = {
        name: ibis.memtable(pa.table({"customer": [number[who] for who in people]}))
        for name, people in {"spring": "ab", "autumn": "b", "winter": "c"}.items()
    }
    moved = (Named(event_id="o1", measure="revenue"), Instead(customer_id="b"))
    new = (Named(event_id="o1", measure="margin"), Instead(customer_id="new"))
    done = corrected(book, moved, new, **pilots)
    assert done.touched == {"spring": 2, "autumn": 1}
    assert (done.receipt.unmatched, done.receipt.unmatched_customers) == (1, 1)


@pytest.mark.parametrize(
    ("named", "instead", "said"),
    [
        (Named(event_id="o9"), None, "there is no such row"),
        (Named(event_id="o1"), None, "2 rows fit; say its measure or value too"),
        (Named(customer_id="b"), None, "2 rows fit; say its value too"),
        (Named(batch_no=7, event_id="o1"), None, "there is no such row"),
        (Named(event_id="o1", item=None), None, "there is no such row"),
        (
            Named(event_id="o1", measure="margin"),
            Instead(value=Decimal("4.0000"), item="shoes"),
            "holds this already; say what holds instead, or nothing to withdraw it",
        ),
    ],
)
def test_what_is_unknown_ambiguous_or_idle_is_refused_and_nothing_written(
    book: Book, named: Named, instead: Instead | None, said: str
) -> None:
    book.send(LINES, LONG)
    good = (Named(event_id="o1", measure="revenue"), None)
    (where,) = (found := refused(book, good, (named, instead)))
    assert where == "rows.1"
    assert found[where].startswith(said)


def test_a_row_that_was_withdrawn_names_the_batch_that_did(book: Book) -> None:
    book.send(LINES, LONG)
    named = Named(event_id="o1", measure="revenue")
    corrected(book, (named, None))
    said = refused(book, (named, None))["rows.0"]
    assert said == (
        "was withdrawn before, by batch 2; correct the row that stands in its place, or take that "
        "batch back"
    )
    # A correction that does not count withdraws nothing.
    corrected(book, (named, Instead(value=Decimal(1))), without=frozenset({2}))


def test_a_row_of_a_batch_that_does_not_count_is_refused(book: Book) -> None:
    book.send(LINES, LONG)
    said = refused(book, (Named(event_id="o1", measure="margin"), None), without=frozenset({1}))
    assert said["rows.0"].startswith("is of batch 1, which does not count any more")


def test_a_row_of_a_foreign_batch_is_refused(book: Book) -> None:
    book.send(LINES, LONG)
    asked: list[Collection[int]] = []
    said = refused(
        book,
        (Named(event_id="o1", measure="margin"), None),
        foreign=lambda batches: asked.append(batches) or {1},  # type: ignore[func-returns-value]
    )
    assert said["rows.0"] == "is of batch 1, which somebody else sent; ask them, or an admin"
    assert asked == [{1}]


def test_no_event_has_two_rows_of_one_measure_and_item(book: Book) -> None:
    book.send([*LINES, "a,2026-03-01,revenue,3,socks,o1"], LONG)
    shoes = Named(event_id="o1", measure="revenue", item="shoes")
    socks = Named(event_id="o1", measure="revenue", item="socks")
    said = refused(book, (shoes, Instead(item="socks")))
    assert said["rows.0"].startswith("would be a second row of its event")
    twice = refused(book, (shoes, Instead(item="hats")), (socks, Instead(item="hats")))
    assert [*twice] == ["rows.0", "rows.1"]
    corrected(book, (shoes, Instead(item="socks")), (socks, Instead(item="shoes")))
    items = {row[4]: row[3] for row in rows(book) if row[1] == "revenue" and row[0] == "a"}
    assert items == {"socks": Decimal(10), "shoes": Decimal(3)}


def test_a_customer_is_named_by_the_whole_id(book: Book) -> None:
    """And by it alone: 0012 is not 12."""
    book.send([HEADER, "0012,2026-03-01,revenue,10,,", "12,2026-03-01,revenue,10,,"], LONG)
    corrected(book, (Named(customer_id="12"), None))
    assert [row[0] for row in rows(book)] == ["0012"]
