"""CSV and TSV: records between delimiters, quoted where needed, refused one by one.

Whole blocks are parsed at once. Only a block with a quoted line break or a quoting error is
walked record by record, and after an error reading resumes on the next physical line, so that a
quotation mark which never closes costs one row and not all that follow.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import pyarrow as pa

from experiments.errors import BadFile
from experiments.intake.header import bind, refuse_wide, tidy
from experiments.intake.limits import BATCH_ROWS, LINE_BYTES, RECORD_LINES, REREAD_LINES
from experiments.intake.lines import ByteSource, TextBlock, fault_of, text_blocks
from experiments.intake.tally import Opened, Tally, text_batch

_UNFINISHED = "unexpected end of data"


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
    plain: bool


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
    blocks = text_blocks(source)
    block = next(blocks, None)
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
    return Opened(header, records.batches(TextBlock(lines[after:], block.clean), after, blocks))


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
        self, block: TextBlock, lines_before: int, blocks: Iterator[TextBlock]
    ) -> Iterator[pa.RecordBatch]:
        """Parse block after block; a record cut by the end of a block moves to the next one."""
        upcoming = next(blocks, None)
        while True:
            parsed = self._parse(block.lines, more=upcoming is not None)
            yield from self._kept(parsed, block, lines_before)
            lines_before += parsed.used
            if upcoming is None:
                return
            rest = block.lines[parsed.used :]
            # What moves on may hold the very thing that made the block unclean.
            clean = upcoming.clean and (block.clean or not rest)
            block = TextBlock(rest + upcoming.lines, clean)
            upcoming = next(blocks, None)

    def _parse(self, lines: list[str], *, more: bool) -> _Parsed:
        try:
            records = list(csv.reader(lines, delimiter=self.delimiter, strict=True))
        except csv.Error:
            return self._parse_with_care(lines, more=more)
        if len(records) != len(lines):
            return self._parse_with_care(lines, more=more)
        return _Parsed(list(records), range(len(lines)), len(lines), plain=True)

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
                    return _Parsed(records, starts, at + done, plain=False)
                reason = _quoting_fault(span=span, error=str(error))
            if not reason:
                break
            self._reread(reader.line_num - done - 1)
            records.append(_Refused(reason))
            starts.append(at + done)
            at += done + 1
        return _Parsed(records, starts, len(lines), plain=False)

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
        tally, width = self.tally, len(self.header)
        if parsed.plain and block.clean and set(map(len, parsed.records)) == {width}:  # type: ignore[arg-type]
            records: list[list[str]] = parsed.records  # type: ignore[assignment]
            count = len(records)
            lines = np.arange(count) + (lines_before + 1)
            rows = np.arange(count) + (tally.counted + 1)
            tally.counted += count
        else:
            records, kept_lines, kept_rows = [], [], []
            for record, start in zip(parsed.records, parsed.starts, strict=True):
                if _is_blank_line(record):
                    continue
                line = lines_before + start + 1
                tally.counted += 1
                if self._refused(record, line, block.lines[start], clean=block.clean):
                    continue
                records.append(record)  # type: ignore[arg-type]
                kept_lines.append(line)
                kept_rows.append(tally.counted)
            lines, rows = np.array(kept_lines, np.int64), np.array(kept_rows, np.int64)
        for start in range(0, len(records), BATCH_ROWS):
            part = slice(start, start + BATCH_ROWS)
            columns = {
                name: list(map(itemgetter(place), records[part]))
                for name, place in self.places.items()
            }
            yield text_batch(columns, lines=lines[part], rows=rows[part])

    def _refused(
        self, record: list[str] | _Refused, line: int, first_line: str, *, clean: bool
    ) -> bool:
        if isinstance(record, _Refused):
            reason = (None if clean else fault_of(first_line)) or record.reason
            self.tally.refuse(line=line, value=first_line.rstrip("\r\n"), reason=reason)
            return True
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
            few = len(record) < len(self.header)
            hint = "a delimiter is missing" if few else "quote a cell that contains the delimiter"
            self.tally.refuse(
                line=line,
                value=first_line.rstrip("\r\n"),
                reason=f"{len(record)} cells where the header has {len(self.header)}; {hint}",
            )
            return True
        return False


def _is_blank_line(record: list[str] | _Refused) -> bool:
    """A line without text, or of delimiters only, as spreadsheet programs leave at the end."""
    return not isinstance(record, _Refused) and not any(cell.strip() for cell in record)


def _quoting_fault(*, span: int, error: str) -> str:
    if span == 1 and "field limit" in error:
        return f"a cell is longer than {csv.field_size_limit():,} characters"
    if span == 1 and error != _UNFINISHED:
        return "text follows a closing quotation mark; double the marks inside a quoted cell"
    return "a quotation mark opens here and is not closed as it should be; remove or close it"
