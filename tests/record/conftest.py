"""A ledger for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.engines.engine import open_engine
from tests.record.books import Book


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with open_engine(threads=2) as engine:
        yield Book(tmp_path, engine)
