"""Open a file by its kind, in this process: the work of the limited child."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from experiments.intake.delimited import open_delimited
from experiments.intake.json_array import open_json_array
from experiments.intake.kind import DELIMITERS, kind_of
from experiments.intake.limits import BATCH_ROWS, HEAD_BATCH_ROWS
from experiments.intake.lines import ByteSource
from experiments.intake.ndjson import open_ndjson
from experiments.intake.parquet import open_parquet
from experiments.intake.spreadsheet import open_spreadsheet
from experiments.intake.tally import Opened, Tally


def open_here(
    path: Path,
    *,
    wanted: Sequence[str] | None,
    tally: Tally,
    closing: ExitStack,
    head: bool = False,
) -> Opened:
    """Read the header of a file, and prepare to read its records.

    Args:
        path: The file.
        wanted: Columns to keep; None for all.
        tally: Counts the records and keeps the refused ones.
        closing: Lets go of the file in the end.
        head: Whether only the first rows will be looked at.

    Raises:
        BadFile: The file as a whole cannot be read.
    """
    kind = kind_of(path)
    batch_rows = HEAD_BATCH_ROWS if head else BATCH_ROWS
    if kind.ending == ".xlsx":
        return open_spreadsheet(path, wanted=wanted, tally=tally, batch_rows=batch_rows)
    if kind.ending == ".parquet":
        return open_parquet(
            path, wanted=wanted, tally=tally, closing=closing, batch_rows=batch_rows
        )
    source = ByteSource(path, kind.packing, head=head)
    closing.callback(source.close)
    if kind.is_delimited:
        delimiter = DELIMITERS[kind.ending]
        return open_delimited(source, delimiter=delimiter, wanted=wanted, tally=tally)
    open_json = open_json_array if kind.ending == ".json" else open_ndjson
    return open_json(source, wanted=wanted, tally=tally, batch_rows=batch_rows)
