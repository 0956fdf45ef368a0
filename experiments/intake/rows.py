"""Read any file that people send: columns of text, with the line that each record came from."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from experiments.errors import BadFile, Reject
from experiments.intake.delimited import open_delimited
from experiments.intake.limits import BATCH_ROWS, HEAD_BATCH_ROWS
from experiments.intake.lines import ByteSource
from experiments.intake.ndjson import open_ndjson
from experiments.intake.parquet import open_parquet
from experiments.intake.spreadsheet import open_spreadsheet
from experiments.intake.tally import Opened, Tally

PACKINGS = {".gz": "gzip", ".zst": "zstd"}
DELIMITED_KINDS = (".csv", ".tsv")
TEXT_KINDS = (*DELIMITED_KINDS, ".ndjson", ".jsonl")
BINARY_KINDS = (".xlsx", ".parquet")
ACCEPTED = (
    ".csv, .tsv, .ndjson and .jsonl, each also with .gz or .zst at the end; .xlsx and .parquet"
)


class TextRows:
    """The records of a file, once through, as batches of text columns.

    Every batch has the kept columns as `string` (NULL for a blank or missing cell), then the
    int64 columns `#line` (see `Reject.line`) and `#row` (the record's number from 1, refused ones
    counted too). Use it as a context manager; the counts are final when the loop has ended.
    `delimited` says whether the cells were text in the file already, as in CSV.
    """

    def __init__(
        self, opened: Opened, tally: Tally, closing: ExitStack, *, delimited: bool
    ) -> None:
        self.header = opened.header
        self.delimited = delimited
        self._batches = opened.batches
        self._tally = tally
        self._closing = closing
        self._accepted = 0

    @property
    def rejects(self) -> Sequence[Reject]:
        """The records refused so far, one entry each."""
        return self._tally.rejects

    @property
    def counted(self) -> int:
        """How many records were seen so far."""
        return self._tally.counted

    @property
    def accepted(self) -> int:
        """How many records were handed out so far."""
        return self._accepted

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self._accepted += batch.num_rows
            yield batch
        # A reader that looks ahead for the header meets some faults early.
        self._tally.rejects.sort(key=lambda reject: reject.line)
        if not self.counted:
            raise BadFile(f"{self._tally.file} has a header but no rows. Export it again.")
        if self._accepted + len(self.rejects) != self.counted:
            raise RuntimeError(
                f"{self._tally.file}: {self.counted} records counted, but {self._accepted} "
                f"accepted and {len(self.rejects)} refused"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.close()


def open_rows(path: Path, *, wanted: Sequence[str] | None = None, head: bool = False) -> TextRows:
    r"""Open a file by the ending of its name, and bind its header.

    Args:
        path: A file of one of the `ACCEPTED` kinds; its content must be what its name says.
        wanted: Columns to keep, by name; None for all. `#row` and `#line` may be among them.
        head: Whether only the first rows will be looked at: batches are small, and of text no
            more than `HEAD_BYTES` are read.

    Returns:
        The rows, to be used in a `with` block and read once.

    Raises:
        BadFile: The file is of another kind, damaged, without a header, or lacks a wanted column;
            while reading: it turns out to be cut off, a bomb, without rows, or hopelessly wrong.
            A bad record raises nothing; it becomes one of `rejects`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "customers.csv"
        >>> _ = path.write_text("id,tier\n0012,gold\n0013\n")
        >>> with open_rows(path, wanted=["id"]) as rows:
        ...     ids = [batch.column("id").to_pylist() for batch in rows]
        >>> ids, rows.rejects[0].line
        ([['0012']], 3)
    """
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    packing = PACKINGS.get(endings[-1]) if endings else None
    kind = "".join(endings[-2:-1] if packing else endings[-1:])
    if kind not in (*TEXT_KINDS, *BINARY_KINDS):
        raise BadFile(f"{path.name}: this kind of file is not read. Accepted are {ACCEPTED}.")
    if packing and kind in BINARY_KINDS:
        raise BadFile(f"{path.name}: a {kind} file is packed already; send it without {packing}.")
    if not path.is_file():
        raise BadFile(f"{path.name}: there is no such file. Correct the name or the folder.")
    tally = Tally(path.name)
    batch_rows = HEAD_BATCH_ROWS if head else BATCH_ROWS
    with ExitStack() as closing:
        if kind == ".xlsx":
            opened = open_spreadsheet(path, wanted=wanted, tally=tally, closing=closing)
        elif kind == ".parquet":
            opened = open_parquet(
                path, wanted=wanted, tally=tally, closing=closing, batch_rows=batch_rows
            )
        else:
            source = ByteSource(path, packing, head=head)
            closing.callback(source.close)
            if kind in DELIMITED_KINDS:
                delimiter = "," if kind == ".csv" else "\t"
                opened = open_delimited(source, delimiter=delimiter, wanted=wanted, tally=tally)
            else:
                opened = open_ndjson(source, wanted=wanted, tally=tally, batch_rows=batch_rows)
        return TextRows(opened, tally, closing.pop_all(), delimited=kind in DELIMITED_KINDS)
