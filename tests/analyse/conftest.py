"""One engine for all tests of a worker."""

from collections.abc import Iterator

import pytest

from experiments.engines.engine import Engine, open_engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """DuckDB in memory."""
    with open_engine(threads=1) as opened:
        yield opened
