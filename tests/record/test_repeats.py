"""Rows that come again, and rows that contradict what is known."""

import pytest

from experiments.errors import BadFile
from tests.record.books import HEADER, LONG, Book


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
