"""Backups under writes, damaged ones, older schemas: short runs of what `make faults` does long."""

import pytest

from tests.faults.backups import r1, r2, r3, r4, r5
from tests.postgres import fresh_database


@pytest.mark.live
def test_what_was_answered_before_a_backup_is_in_it() -> None:
    figures = r1(backups=2, writers=2)
    assert (figures["backups"], figures["missing"], figures["doubled"]) == (2, 0, 0)
    assert figures["answers before"] >= 15


@pytest.mark.live
def test_ten_damaged_backups_are_refused_with_the_file_named() -> None:
    assert r2() == {"sets": 10, "refused": 10, "file named": 10, "written": 0}


@pytest.mark.live
def test_the_pilots_of_the_company_are_computed_the_same_after_a_restore() -> None:
    figures = r3()
    assert figures["pilots"] >= 3
    assert figures["identical"] == figures["pilots"] == figures["as published"]


@pytest.mark.live
def test_the_last_schemas_come_back_with_their_rows(postgres_url: str) -> None:
    figures = r4([lambda: fresh_database(postgres_url)])
    assert (figures["schemas"], figures["databases"]) == (4, 2)
    assert figures["tables that differ"] == 0
    assert figures["rows"] > 10


@pytest.mark.live
def test_a_larger_installation_comes_back() -> None:
    figures = r5(rows=20_000, pilots=3)
    assert figures["files"] > 10
