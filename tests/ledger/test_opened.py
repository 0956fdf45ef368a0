"""Tables that stay open between small pieces of work."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake.exceptions import CommitFailedError

from experiments.ledger.ledger import DIRECTORY, Ledger
from experiments.ledger.log import entry_path
from experiments.ledger.opened import OpenedLedger
from experiments.ledger.writing import append, write_files


def _rows(number: int) -> pa.Table:
    return pa.table([[number], [f"c{number}"], [number]], schema=DIRECTORY)


def _versions(ledger: Ledger) -> tuple[int, int]:
    opened = ledger.open("directory")
    assert opened is not None
    return opened.version(), len(opened.file_uris())


def test_an_open_table_follows_its_own_commits_and_those_of_others(tmp_path: Path) -> None:
    kept, other = OpenedLedger(tmp_path), Ledger(tmp_path)
    assert kept.open("directory") is None
    for number in range(1, 7):
        (kept if number % 2 else other).append_directory(_rows(number), batch_no=number)
        assert _versions(kept) == _versions(other)
    assert kept.open("directory") is kept.open("directory")


def test_a_batch_that_another_recorded_is_not_appended_again(tmp_path: Path) -> None:
    kept, other = OpenedLedger(tmp_path), Ledger(tmp_path)
    kept.append_directory(_rows(1), batch_no=1)
    other.append_directory(_rows(2), batch_no=2)
    kept.append_directory(_rows(2), batch_no=2)
    assert _versions(kept) == _versions(other)


def test_a_commit_that_came_between_check_and_append_refuses_the_second(tmp_path: Path) -> None:
    kept, other = OpenedLedger(tmp_path), Ledger(tmp_path)
    kept.append_directory(_rows(1), batch_no=1)
    target = kept.open("directory")
    assert target is not None
    other.append_directory(_rows(2), batch_no=2)
    written = write_files(kept.location, "directory", _rows(2).to_batches(), by_year=False)
    with pytest.raises(CommitFailedError):
        append(target, written, batch_no=2)


def test_a_table_whose_log_was_trimmed_meanwhile_is_opened_anew(tmp_path: Path) -> None:
    kept, other = OpenedLedger(tmp_path), Ledger(tmp_path)
    kept.append_directory(_rows(1), batch_no=1)
    other.append_directory(_rows(2), batch_no=2)
    newest = other.open("directory")
    assert newest is not None
    newest.create_checkpoint()
    for version in range(newest.version()):
        (tmp_path / "directory" / entry_path(version)).unlink()
    assert _versions(kept) == _versions(other)
