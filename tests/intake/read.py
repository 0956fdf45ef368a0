"""Read a whole file, for tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from experiments.errors import Reject
from experiments.intake.rows import open_rows


def read(
    path: Path, wanted: Sequence[str] | None = None
) -> tuple[dict[str, list[Any]], list[Reject]]:
    """Columns as lists, and the refused records, with the counts checked."""
    with open_rows(path, wanted=wanted) as rows:
        batches = list(rows)
        assert rows.accepted + len(rows.rejects) == rows.counted
        columns = pa.Table.from_batches(batches).to_pydict() if batches else {}
        return columns, list(rows.rejects)
