"""Read any file that people send: columns of text, with the line that each record came from.

A limited child process reads the file; its rows arrive here, are checked and counted.
"""

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from experiments.errors import BadFile, Problem, Reject
from experiments.intake.frames import Frame, receive
from experiments.intake.kind import FileKind, kind_of
from experiments.intake.limited import ask_child
from experiments.intake.limits import (
    CHILD_BYTES_PER_SECOND,
    CHILD_MEMORY_BYTES,
    CHILD_SECONDS,
    PACKED_WORK,
)
from experiments.intake.lines import HeadIsOver
from experiments.intake.tally import LINE, ROW


class TextRows:
    """The records of a file, once through, as batches of text columns.

    Every batch has the kept columns as `string` (NULL for a blank or missing cell), then the
    int64 columns `#line` (see `Reject.line`) and `#row` (the record's number from 1, refused ones
    counted too). Use it as a context manager; the counts are final when the loop has ended.
    `delimited` says whether the cells were text in the file already, as in CSV.
    """

    def __init__(self, child: "_Child", *, delimited: bool) -> None:
        self.header: tuple[str, ...] = tuple(child.next_frame().said["header"])
        self.delimited = delimited
        self._child = child
        self._rejects: list[Reject] = []
        self._counted = 0
        self._accepted = 0

    @property
    def rejects(self) -> Sequence[Reject]:
        """The records refused so far, one entry each."""
        return self._rejects

    @property
    def counted(self) -> int:
        """How many records were seen so far."""
        return self._counted

    @property
    def accepted(self) -> int:
        """How many records were handed out so far."""
        return self._accepted

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while True:
            frame = self._child.next_frame()
            self._counted = frame.said["counted"]
            self._rejects += _rejects(frame.said)
            if "whole" in frame.said:
                break
            batch = _batch(frame)
            self._accepted += batch.num_rows
            yield batch
        # A reader that looks ahead for the header meets some faults early.
        self._rejects.sort(key=lambda reject: reject.line)
        if not self.counted:
            raise BadFile(f"{self._child.file} has a header but no rows. Export it again.")
        if self._accepted + len(self.rejects) != self.counted:
            raise RuntimeError(
                f"{self._child.file}: {self.counted} records counted, but {self._accepted} "
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
        self._child.close()


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
    kind = kind_of(path)
    child = _Child(path, kind, wanted=None if wanted is None else list(wanted), head=head)
    try:
        return TextRows(child, delimited=kind.is_delimited)
    except BaseException:
        child.close()
        raise


class _Child:
    """The process that reads the file, as the sender of frames."""

    def __init__(self, path: Path, kind: FileKind, *, wanted: list[str] | None, head: bool) -> None:
        self.file = path.name
        self.kind = kind
        work = path.stat().st_size * (PACKED_WORK if kind.packing else 1)
        self.seconds = CHILD_SECONDS + work // CHILD_BYTES_PER_SECOND
        self.connection: socket.socket = ask_child(
            path=path, wanted=wanted, head=head, seconds=self.seconds
        )

    def next_frame(self) -> Frame:
        """The next frame.

        Raises:
            BadFile: The child says so, or died.
            RuntimeError: The child met a fault of its program.
        """
        frame = receive(self.connection)
        if frame is None:
            raise BadFile(self._last_words())
        if "head_is_over" in frame.said:
            raise HeadIsOver(self.file)
        if "bad" in frame.said:
            problems = [Problem(where, what) for where, what in frame.said["problems"]]
            raise BadFile(frame.said["bad"], problems, _rejects(frame.said))
        if "fault" in frame.said:
            raise RuntimeError(f"{self.file} could not be read:\n{frame.said['fault']}")
        return frame

    def close(self) -> None:
        """Hang up, at which the child ends."""
        self.connection.close()

    def _last_words(self) -> str:
        limits = f"{CHILD_MEMORY_BYTES >> 20} MiB of memory and {self.seconds:,} seconds"
        if self.kind.ending == ".xlsx":
            return (
                f"{self.file} cannot be read as a spreadsheet within {limits}: it is damaged, "
                f"protected by a password, or its cells lie too far apart. Save the sheet as CSV "
                f"UTF-8 and send that."
            )
        return (
            f"{self.file} cannot be read within {limits}: it is damaged, or unpacks to far more "
            f"than a table of customers does. Export it again in a plainer form, or in parts."
        )


def _batch(frame: Frame) -> pa.RecordBatch:
    """The rows of a frame, checked to be what they are said to be."""
    names = frame.said["columns"]
    schema = pa.schema(
        [*((name, pa.string()) for name in names), (LINE, pa.int64()), (ROW, pa.int64())]
    )
    batch = pa.ipc.read_record_batch(frame.rows, schema)
    batch.validate(full=True)
    return batch


def _rejects(said: dict[str, Any]) -> list[Reject]:
    return [Reject(*one) for one in said["rejects"]]
