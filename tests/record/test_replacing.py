"""Files that send events again: what is replaced, repeated, new and refused."""

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

import pytest

from experiments.errors import BadFile
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.corrected import Corrected
from experiments.record.replacing import NO_ID, TWICE, replace_events
from experiments.record.staging import stage_behavior
from tests.record.books import HEADER, LONG, NOW, Book

RECORDED = [
    HEADER,
    "a,2026-03-01,revenue,10,shoes,o1",
    "a,2026-03-01,margin,4,shoes,o1",
    "b,2026-03-02,revenue,7,,o2",
    "b,2026-03-02,revenue,7,,",
]


def replaced(
    book: Book,
    *lines: str,
    strict: bool = True,
    foreign: Callable[[Collection[int]], Collection[int]] = lambda _: (),
) -> Corrected:
    """Send a file again as the next batch, in the place of what is recorded."""
    book.batch_no += 1
    path = book.folder / "again.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    columns = BehaviorFile.model_validate({"file": path.name, "strict": strict, **LONG})
    staged = stage_behavior(path, columns, zone="UTC", into=book.folder / "staged")
    return replace_events(
        book.engine, book.ledger, staged, name=path.name, batch_no=book.batch_no,
        recorded_at=NOW, strict=strict, foreign=foreign,
    )  # fmt: skip


def kept(book: Book) -> list[tuple[Any, ...]]:
    """Customer, measure, value and batch of each row that counts."""
    return sorted(
        (row["customer_id"], row["measure"], row["value"], row["batch_no"]) for row in book.rows()
    )


def test_events_are_replaced_repeated_or_new(book: Book) -> None:
    book.send(RECORDED, LONG)
    done = replaced(
        book,
        "c,2026-03-01,revenue,10,shoes,o1",
        "a,2026-03-01,margin,4.0,shoes,o1",
        "d,2026-03-03,revenue,1,,o3",
        "d,2026-03-03,revenue,1,,o3",
    )
    assert done.withdrawn == {1: 1}
    assert (done.receipt.counted, done.receipt.entries, done.receipt.repeated) == (4, 2, 2)
    assert kept(book) == [
        ("a", "margin", Decimal(4), 1), ("b", "revenue", Decimal(7), 1),
        ("b", "revenue", Decimal(7), 1), ("c", "revenue", Decimal(10), 2),
        ("d", "revenue", Decimal(1), 2),
    ]  # fmt: skip


def test_the_same_file_again_replaces_nothing_and_the_old_one_brings_it_back(book: Book) -> None:
    book.send(RECORDED, LONG)
    before = kept(book)
    other = "b,2026-03-02,revenue,8,,o2"
    assert replaced(book, other).withdrawn == {1: 1}
    assert replaced(book, other).withdrawn == {}
    assert replaced(book, "b,2026-03-02,revenue,7,,o2").withdrawn == {2: 1}
    assert [row[:3] for row in kept(book)] == [row[:3] for row in before]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("b,2026-03-02,revenue,8,,", NO_ID),
        ("b,2026-03-02,revenue,9,,o4", TWICE),
        ("a,2026-03-01,revenue,11,shoes,o1", "is of batch 1, which somebody else sent; ask them,"),
    ],
)
def test_what_cannot_be_replaced_is_refused_with_its_line(book: Book, line: str, said: str) -> None:
    book.send(RECORDED, LONG)
    good, files = "b,2026-03-02,revenue,8,,o4", book.files()

    def theirs(batches: Collection[int]) -> Collection[int]:
        return batches

    with pytest.raises(BadFile, match="1 of 2 rows are wrong; nothing was recorded") as caught:
        replaced(book, good, line, foreign=theirs)
    (reject,) = caught.value.rejects
    assert (reject.line, reject.column) == (3, "order")
    assert reject.reason.startswith(said)
    assert book.files() == files
    done = replaced(book, good, line, strict=False, foreign=theirs)
    assert (done.receipt.accepted, done.receipt.rejected, done.receipt.entries) == (1, 1, 1)
    assert done.withdrawn == {}
