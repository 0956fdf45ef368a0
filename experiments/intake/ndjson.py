"""NDJSON: one JSON object per line. Numbers keep the text they were written with."""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa

from experiments.errors import BadFile
from experiments.intake.header import bind, refuse_wide
from experiments.intake.limits import (
    BATCH_ROWS,
    NDJSON_HEADER_CHARACTERS,
    NDJSON_HEADER_RECORDS,
    PIECE_BYTES,
)
from experiments.intake.lines import ByteSource, byte_blocks, fault_of, pieces, text_of
from experiments.intake.ndjson_plain import parse_plain_lines
from experiments.intake.tally import Opened, Tally, blank_as_null, placed, text_batch


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object: its line, its number from 1, and its values, numbers as text."""

    line: int
    row: int
    cells: dict[str, object]


class KeyTwiceError(ValueError):
    """A JSON object has a key twice."""


def open_ndjson(
    source: ByteSource,
    *,
    wanted: Sequence[str] | None,
    tally: Tally,
    batch_rows: int = BATCH_ROWS,
) -> Opened:
    """Look at the first records for the names of the columns, and prepare to read on.

    Args:
        source: The file.
        wanted: Keys to keep; None for all. A key that a record lacks is NULL there.
        tally: Counts the records and keeps the refused ones.
        batch_rows: How many records make a batch.
    """
    lines = _Lines(source, tally)
    first: list[Record] = []
    for piece in lines.head():
        first += piece
        if is_head(first):
            break
    header = names_of(first, tally)
    return Opened(header, lines.batches(first, Batches(header, wanted, tally, batch_rows)))


def is_head(first: Sequence[Record]) -> bool:
    """Whether so many records are enough to know the names of the columns."""
    characters = sum(len(str(cell)) for record in first for cell in record.cells.values())
    return len(first) >= NDJSON_HEADER_RECORDS or characters > NDJSON_HEADER_CHARACTERS


def names_of(first: Sequence[Record], tally: Tally) -> tuple[str, ...]:
    """The keys of the first records, in the order in which they appear.

    Raises:
        BadFile: There is no record, or there are too many keys.
    """
    names: dict[str, None] = {}
    for record in first:
        names.update(dict.fromkeys(record.cells))
        refuse_wide(len(names), file=tally.file)
    if first:
        return tuple(names)
    if tally.rejects:
        raise BadFile(
            f"{tally.file} has no line that is a JSON object; write one object per line.",
            rejects=tally.rejects[:20],
        )
    raise BadFile(f"{tally.file} is empty: it has no rows. Export it again.")


class Batches:
    """Records gathered until they make a batch; unfit ones are refused.

    Attributes:
        kept: Names of the columns.
        known: The keys that a record may have; None for any.
    """

    def __init__(
        self, header: Sequence[str], wanted: Sequence[str] | None, tally: Tally, batch_rows: int
    ) -> None:
        self.kept = list(bind(header, wanted, file=tally.file))
        self.known = frozenset(header) if wanted is None else None
        self.tally = tally
        self._batch_rows = batch_rows
        self._fit: list[Record] = []

    def add(self, record: Record) -> None:
        """Gather a record, or refuse it."""
        fault = _fault(record.cells, self.kept, self.known)
        if fault:
            column, value, reason = fault
            self.tally.refuse(line=record.line, column=column, value=value, reason=reason)
        else:
            self._fit.append(record)

    def full(self) -> Iterator[pa.RecordBatch]:
        """The batches that are full."""
        while len(self._fit) >= self._batch_rows:
            yield from self._cut()

    def rest(self) -> Iterator[pa.RecordBatch]:
        """Whatever was gathered."""
        while self._fit:
            yield from self._cut()

    def _cut(self) -> Iterator[pa.RecordBatch]:
        part, self._fit = self._fit[: self._batch_rows], self._fit[self._batch_rows :]
        columns = {name: [one.cells.get(name) for one in part] for name in self.kept}
        yield text_batch(
            columns,
            lines=[one.line for one in part],
            rows=[one.row for one in part],
        )


def _fault(
    cells: dict[str, object], kept: list[str], known: frozenset[str] | None
) -> tuple[str, str, str] | None:
    """Column, value and reason of what makes a record unfit; booleans become 1 and 0 here."""
    for name in kept:
        value = cells.get(name)
        if value is None:
            continue
        if isinstance(value, bool):
            cells[name] = "1" if value else "0"
        elif not isinstance(value, str):
            return name, "", "holds a list or an object; write one value"
        elif not value.isascii() or "\0" in value:
            fault = _text_fault(value)
            if fault:
                return name, value.encode("utf-8", "replace").decode(), fault
    if known is not None and not cells.keys() <= known:
        stranger = min(cells.keys() - known)
        return "", stranger, "has a key that none of the first records has; give it to them too"
    return None


def _text_fault(value: str) -> str | None:
    if "\0" in value:
        return "there is a NUL character; remove it"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "half of a surrogate pair (\\ud800 to \\udfff) is no character; write it in UTF-8"
    return None


class _Lines:
    """The lines of a file, as records or as whole blocks."""

    def __init__(self, source: ByteSource, tally: Tally) -> None:
        self.tally = tally
        self._blocks = byte_blocks(source)
        self._waiting: deque[bytes] = deque()
        self._before = 0

    def head(self) -> Iterator[list[Record]]:
        """Read on in small pieces, record by record."""
        while self._more():
            block = self._waiting.popleft()
            parts = pieces(block, PIECE_BYTES)
            self._waiting.extendleft(reversed(parts[1:]))
            yield list(self._records(parts[0]))

    def batches(self, first: list[Record], batches: Batches) -> Iterator[pa.RecordBatch]:
        """All records, those already read first."""
        for record in first:
            batches.add(record)
        while self._more():
            yield from batches.full()
            block = self._waiting.popleft()
            columns = parse_plain_lines(block, wanted=batches.kept, known=batches.known)
            if columns is not None:
                yield from batches.rest()
                yield self._placed(columns, block, batches.kept)
            elif len(block) > 2 * PIECE_BYTES and len(parts := pieces(block, PIECE_BYTES)) > 1:
                self._waiting.extendleft(reversed(parts))
            else:
                for record in self._records(block):
                    batches.add(record)
        yield from batches.rest()

    def _more(self) -> bool:
        if not self._waiting:
            self._waiting.extend(islice(self._blocks, 1))
        return bool(self._waiting)

    def _placed(
        self, columns: dict[str, pa.Array], block: bytes, kept: list[str]
    ) -> pa.RecordBatch:
        count = block.count(b"\n") + (not block.endswith(b"\n"))
        texts = {
            name: blank_as_null(columns[name]) if name in columns else pa.nulls(count, pa.string())
            for name in kept
        }
        lines = np.arange(self._before + 1, self._before + count + 1)
        rows = np.arange(self.tally.counted + 1, self.tally.counted + count + 1)
        self._before += count
        self.tally.counted += count
        return placed(texts, lines=lines, rows=rows)

    def _records(self, block: bytes) -> Iterator[Record]:
        read = text_of(block)
        for text in read.lines:
            self._before += 1
            bare = text.strip()
            if not bare:
                continue
            self.tally.counted += 1
            reason = None if read.clean else fault_of(text)
            if not reason:
                try:
                    cells = DECODER.decode(bare)
                    if isinstance(cells, dict):
                        yield Record(self._before, self.tally.counted, cells)
                        continue
                    reason = NO_OBJECT
                except KeyTwiceError as error:
                    reason = f"has the key {error} twice; keep one"
                except json.JSONDecodeError as error:
                    reason = f"is not JSON at character {error.colno}: {error.msg}"
                except RecursionError:
                    reason = "is nested too deeply; write one flat object per line"
            self.tally.refuse(line=self._before, value=bare, reason=reason)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    cells = dict(pairs)
    if len(cells) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise KeyTwiceError(repr(key))
            seen.add(key)
    return cells


NO_OBJECT = "is not a JSON object; write {...} with a value per column"
# Numbers stay text: an id 0012 is none, 1e400 is no infinity, and 0.1 gains no digits.
DECODER = json.JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_object
)
