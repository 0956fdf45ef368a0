"""Read a whole file, for tests."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa

from experiments.errors import Reject
from experiments.intake.rows import open_rows
from experiments.intake.source import open_here
from experiments.intake.tally import Tally


def read(
    path: Path, wanted: Sequence[str] | None = None
) -> tuple[dict[str, list[Any]], list[Reject]]:
    """Columns as lists, and the refused records, with the counts checked."""
    with open_rows(path, wanted=wanted) as rows:
        batches = list(rows)
        assert rows.accepted + len(rows.rejects) == rows.counted
        columns = pa.Table.from_batches(batches).to_pydict() if batches else {}
        return columns, list(rows.rejects)


def read_here(
    path: Path, wanted: Sequence[str] | None = None
) -> tuple[dict[str, list[Any]], list[Reject]]:
    """As `read`, in this process, where a test may change the limits."""
    tally = Tally(path.name)
    with ExitStack() as closing:
        opened = open_here(path, wanted=wanted, tally=tally, closing=closing)
        batches = list(opened.batches)
    assert sum(batch.num_rows for batch in batches) + len(tally.rejects) == tally.counted
    columns = pa.Table.from_batches(batches).to_pydict() if batches else {}
    return columns, sorted(tally.rejects, key=lambda reject: reject.line)
