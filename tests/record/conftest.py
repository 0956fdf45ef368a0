"""A ledger for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.engines.embedded import open_embedded
from tests.record.books import Book


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    with open_embedded(threads=2) as engine:
        yield Book(tmp_path, engine)
