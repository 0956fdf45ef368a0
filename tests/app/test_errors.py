"""Errors as answers: a full disk is said to be one, wherever it shows."""

import errno
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import text

from app.database import open_database
from app.errors import problem_of


def full_registry(folder: Path) -> Exception:
    """What SQLite raises where its file cannot grow."""
    database = open_database(folder / "registry.db")
    try:
        with database.writing() as session:
            session.connection().exec_driver_sql("PRAGMA max_page_count = 1")
            session.exec(text("CREATE TABLE t (a)"))  # type: ignore[call-overload]
            session.exec(  # type: ignore[call-overload]
                text("INSERT INTO t VALUES (zeroblob(1000000))")
            )
            session.commit()
    except OperationalError as error:
        return error
    finally:
        database.close()
    raise AssertionError("there was room")


def test_a_full_disk_is_507_in_the_registry_as_well(tmp_path: Path) -> None:
    error = full_registry(tmp_path)
    assert isinstance(error, DBAPIError)
    assert error.orig.sqlite_errorcode == sqlite3.SQLITE_FULL  # type: ignore[union-attr]
    assert problem_of(error).status == 507


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 507),
        (OSError(errno.EIO, "Input/output error"), 500),
        (OperationalError("SELECT 1", {}, sqlite3.OperationalError("locked")), 500),
    ],
)
def test_other_errors_are_what_they_are(error: Exception, status: int) -> None:
    assert problem_of(error).status == status
