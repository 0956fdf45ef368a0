"""A site whose worker does not run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database import Database
from tests.site import Site, open_site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A fresh site."""
    with open_site(tmp_path, working=False) as opened:
        yield opened


@pytest.fixture
def each_site(database: Database, tmp_path: Path) -> Iterator[Site]:
    """A fresh site on SQLite, and one on PostgreSQL."""
    with open_site(tmp_path, database=database, working=False) as opened:
        yield opened
