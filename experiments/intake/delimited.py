"""CSV and TSV: records between delimiters, quoted where needed, refused one by one.

Plain blocks are parsed at once. Only a piece with a quoted line break or a quoting error is
walked record by record, and after an error reading resumes on the next physical line, so that a
quotation mark which never closes costs one row and not all that follow.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter

import numpy as np
import pyarrow as pa

from experiments.errors import BadFile
from experiments.intake.header import bind, refuse_wide, tidy
from experiments.intake.limits import (
    BATCH_ROWS,
    LINE_BYTES,
    PIECE_BYTES,
    RECORD_LINES,
    REREAD_LINES,
)
from experiments.intake.lines import (
    ByteSource,
    TextBlock,
    byte_blocks,
    fault_of,
    pieces,
    text_of,
)
from experiments.intake.plain import PlainBlock, parse_plain
from experiments.intake.tally import Opened, Tally, placed, text_batch

_UNFINISHED = "unexpected end of data"
# Lines are limited, so that cells need no limit of their own.
csv.field_size_limit(LINE_BYTES)


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands in the place of a record that the quoting makes unreadable."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Parsed:
    """Records with the place of their first line in the block; `used` lines are done with."""

    records: list[list[str] | _Refused]
    starts: Sequence[int]
    used: int


def open_delimited(
    source: ByteSource, *, delimiter: str, wanted: Sequence[str] | None, tally: Tally
) -> Opened:
    """Read the header of a CSV or TSV file, and prepare to read its records.

    Args:
        source: The file.
        delimiter: The comma gives way to a semicolon when the header has only those.
        wanted: Columns to keep; None for all.
        tally: Counts the records and keeps the refused ones.
    """
    blocks = byte_blocks(source)
    begun = next(blocks, b"")
    block = text_of(begun) if begun.strip() else None
    lines = block.lines if block else []
    first = next((place for place, line in enumerate(lines) if line.strip()), None)
    if block is None or first is None:
        raise BadFile(f"{tally.file} is empty: it has no header and no rows. Export it again.")
    fault = fault_of(lines[first])
    if fault:
        raise BadFile(f"{tally.file}, line {first + 1} (the header): {fault}.")
    if delimiter == "," and "," not in lines[first] and ";" in lines[first]:
        delimiter = ";"
    refuse_wide(lines[first].count(delimiter) + 1, file=tally.file)
    reader = csv.reader(lines[first:], delimiter=delimiter, strict=True)
    try:
        header = tidy(next(reader))
    except csv.Error as error:
        raise BadFile(
            f"{tally.file}, line {first + 1} (the header): the quotation marks do not pair up."
        ) from error
    after = first + reader.line_num
    records = _Records(
        header=header,
        places=bind(header, wanted, file=tally.file),
        delimiter=delimiter,
        tally=tally,
    )
    below = "".join(lines[after:]).encode("utf-8", "surrogateescape")
    return Opened(header, records.batches(below, after, blocks))


class _Records:
    """The records below one header."""

    def __init__(
        self, *, header: tuple[str, ...], places: dict[str, int], delimiter: str, tally: Tally
    ) -> None:
        self.header = header
        self.places = places
        self.delimiter = delimiter
        self.tally = tally
        self.reread_lines = 0

    def batches(
        self, block: bytes, lines_before: int, blocks: Iterator[bytes]
    ) -> Iterator[pa.RecordBatch]:
        """Parse block after block; a record cut by the end of a block moves to the next one."""
        rest = TextBlock([], clean=True)
        waiting = deque([block] if block else [])
        while waiting or (waiting := deque(islice(blocks, 1))):
            block = waiting.popleft()
            if not waiting:
                waiting.extend(islice(blocks, 1))
            if not rest.lines:
                plain = parse_plain(
                    block, delimiter=self.delimiter, width=len(self.header), places=self.places
                )
                if plain is not None:
                    yield from self._placed(plain, lines_before)
                    lines_before += plain.lines
                    continue
            # What is odd is often odd in one place only.
            if len(block) > 2 * PIECE_BYTES and len(parts := pieces(block, PIECE_BYTES)) > 1:
                waiting.extendleft(reversed(parts))
                continue
            text = text_of(block)
            # What moved on may hold the very thing that made its block unclean.
            text = TextBlock(rest.lines + text.lines, text.clean and rest.clean)
            parsed = self._parse(text.lines, more=bool(waiting))
            yield from self._kept(parsed, text, lines_before)
            lines_before += parsed.used
            left = text.lines[parsed.used :]
            rest = TextBlock(left, text.clean or not left)

    def _placed(self, plain: PlainBlock, lines_before: int) -> Iterator[pa.RecordBatch]:
        """Refuse the lines that do not fit the header, and number the others."""
        is_record = np.ones(plain.lines, dtype=bool)
        for bad in plain.bad:
            if not bad.text.strip():
                is_record[bad.place] = False
                continue
            self._refuse_width(bad.cells, line=lines_before + bad.place + 1, text=bad.text)
        rows = self.tally.counted + np.cumsum(is_record)
        self.tally.counted += int(np.count_nonzero(is_record))
        for start in range(0, len(plain.places), BATCH_ROWS):
            kept = plain.places[start : start + BATCH_ROWS]
            columns = {
                name: column.slice(start, BATCH_ROWS) for name, column in plain.columns.items()
            }
            yield placed(columns, lines=kept + (lines_before + 1), rows=rows[kept])

    def _parse(self, lines: list[str], *, more: bool) -> _Parsed:
        try:
            records = list(csv.reader(lines, delimiter=self.delimiter, strict=True))
        except csv.Error:
            return self._parse_with_care(lines, more=more)
        if len(records) != len(lines):
            return self._parse_with_care(lines, more=more)
        return _Parsed(list(records), range(len(lines)), len(lines))

    def _parse_with_care(self, lines: list[str], *, more: bool) -> _Parsed:
        records: list[list[str] | _Refused] = []
        starts: list[int] = []
        at = 0
        while at < len(lines):
            rest = map(lines.__getitem__, range(at, len(lines)))
            reader = csv.reader(rest, delimiter=self.delimiter, strict=True)
            done = 0
            reason = ""
            try:
                for record in reader:
                    if reader.line_num - done > RECORD_LINES:
                        reason = _quoting_fault(span=RECORD_LINES, error="")
                        break
                    records.append(record)
                    starts.append(at + done)
                    done = reader.line_num
            except csv.Error as error:
                span = reader.line_num - done
                begun = lines[at + done : at + done + RECORD_LINES + 1]
                unfinished = more and str(error) == _UNFINISHED
                if unfinished and span <= RECORD_LINES and sum(map(len, begun)) <= LINE_BYTES:
                    return _Parsed(records, starts, at + done)
                reason = _quoting_fault(span=span, error=str(error))
            if not reason:
                break
            self._reread(reader.line_num - done - 1)
            records.append(_Refused(reason))
            starts.append(at + done)
            at += done + 1
        return _Parsed(records, starts, len(lines))

    def _reread(self, lines: int) -> None:
        """Give up on a file that would be read over and over."""
        self.reread_lines += lines
        if self.reread_lines > REREAD_LINES + 4 * self.tally.counted:
            raise BadFile(
                f"{self.tally.file}: after record {self.tally.counted:,}, quotation marks open and "
                f"do not close again and again. Export the file with quoting that pairs up."
            )

    def _kept(
        self, parsed: _Parsed, block: TextBlock, lines_before: int
    ) -> Iterator[pa.RecordBatch]:
        """Refuse what does not fit the header, and make batches of the rest."""
        records: list[list[str]] = []
        kept_lines, kept_rows = [], []
        for record, start in zip(parsed.records, parsed.starts, strict=True):
            line, text = lines_before + start + 1, block.lines[start]
            if isinstance(record, _Refused):
                self.tally.counted += 1
                reason = (None if block.clean else fault_of(text)) or record.reason
                self.tally.refuse(line=line, value=text.rstrip("\r\n"), reason=reason)
                continue
            # A line of delimiters only, as spreadsheet programs leave at the end, is none either.
            if not any(map(str.strip, record)):
                continue
            self.tally.counted += 1
            if self._refused(record, line, text, clean=block.clean):
                continue
            records.append(record)
            kept_lines.append(line)
            kept_rows.append(self.tally.counted)
        for start in range(0, len(records), BATCH_ROWS):
            part = slice(start, start + BATCH_ROWS)
            columns = {
                name: list(map(itemgetter(place), records[part]))
                for name, place in self.places.items()
            }
            yield text_batch(columns, lines=kept_lines[part], rows=kept_rows[part])

    def _refused(self, record: list[str], line: int, first_line: str, *, clean: bool) -> bool:
        if not clean:
            for place, cell in enumerate(record):
                if fault_of(cell):
                    # The place of the byte counts within the line, where an editor shows it.
                    self.tally.refuse(
                        line=line,
                        column=self.header[place] if len(record) == len(self.header) else "",
                        value=cell,
                        reason=fault_of(first_line) or fault_of(cell) or "",
                    )
                    return True
        if len(record) != len(self.header):
            self._refuse_width(len(record), line=line, text=first_line.rstrip("\r\n"))
            return True
        return False

    def _refuse_width(self, cells: int, *, line: int, text: str) -> None:
        few = cells < len(self.header)
        hint = "a delimiter is missing" if few else "quote a cell that contains the delimiter"
        self.tally.refuse(
            line=line,
            value=text,
            reason=f"{cells} cells where the header has {len(self.header)}; {hint}",
        )


def _quoting_fault(*, span: int, error: str) -> str:
    if span == 1 and error != _UNFINISHED:
        return "text follows a closing quotation mark; double the marks inside a quoted cell"
    return "a quotation mark opens here and is not closed as it should be; remove or close it"
