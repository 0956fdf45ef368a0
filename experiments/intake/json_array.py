"""JSON: a file that holds one array of objects, read object by object."""

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain

import pyarrow as pa

from experiments.errors import BadFile
from experiments.intake.limits import BATCH_ROWS, BLOCK_BYTES, LINE_BYTES
from experiments.intake.lines import ByteSource, fault_of, without_mark
from experiments.intake.ndjson import (
    DECODER,
    NO_OBJECT,
    Batches,
    KeyTwiceError,
    Record,
    is_head,
    names_of,
)
from experiments.intake.tally import Opened, Tally

_BLANK = re.compile(r"[ \t\r\n]*")
_PLAIN_DECODER = json.JSONDecoder()


def open_json_array(
    source: ByteSource,
    *,
    wanted: Sequence[str] | None,
    tally: Tally,
    batch_rows: int = BATCH_ROWS,
) -> Opened:
    """Look at the first objects for the names of the columns, and prepare to read on.

    Args:
        source: The file.
        wanted: Keys to keep; None for all. A key that a record lacks is NULL there.
        tally: Counts the records and keeps the refused ones.
        batch_rows: How many records make a batch.
    """
    records = _Array(source, tally).records()
    first: list[Record] = []
    for record in records:
        first.append(record)
        if len(first) % 100 == 0 and is_head(first):
            break
    header = names_of(first, tally)
    batches = Batches(header, wanted, tally, batch_rows)
    return Opened(header, _batches(chain(first, records), batches))


def _batches(records: Iterator[Record], batches: Batches) -> Iterator[pa.RecordBatch]:
    for record in records:
        batches.add(record)
        yield from batches.full()
    yield from batches.rest()


class _Array:
    """The text of the file, from the object that is being read on."""

    def __init__(self, source: ByteSource, tally: Tally) -> None:
        self.source = source
        self.tally = tally
        self.text = ""
        self.at = 0
        self.line = 1
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._is_begun = False

    def records(self) -> Iterator[Record]:
        """The objects; what is no object is refused."""
        if self._letter() != "[":
            if not self.text:
                raise BadFile(f"{self.tally.file} is empty: it has no rows. Export it again.")
            raise BadFile(
                f"{self.tally.file} does not hold an array of objects, [{{...}}, {{...}}]; write "
                f"one, or name the file .ndjson if it holds one object per line."
            )
        self.at += 1
        is_first = True
        while (letter := self._letter()) != "]" or not is_first:
            if not is_first:
                if letter == "]":
                    break
                if letter != ",":
                    raise self._bad("there is neither a comma nor a closing bracket here")
                self.at += 1
                self._letter()
            is_first = False
            record = self._record()
            if record is not None:
                yield record
        self.at += 1
        if self._letter():
            raise self._bad("text follows the closing bracket of the array")

    def _record(self) -> Record | None:
        line = self.line
        self.tally.counted += 1
        cells, raw, reason = self._element()
        self.line += raw.count("\n")
        reason = fault_of(raw) or reason
        if reason is None and isinstance(cells, dict):
            return Record(line, self.tally.counted, cells)
        self.tally.refuse(line=line, value=raw, reason=reason or NO_OBJECT)
        return None

    def _element(self) -> tuple[object, str, str | None]:
        """The next value, its text, and why it is not kept."""
        while True:
            reason = None
            try:
                try:
                    value, end = DECODER.raw_decode(self.text, self.at)
                except KeyTwiceError as error:
                    reason = f"has the key {error} twice; keep one"
                    value, end = _PLAIN_DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if len(self.text) - self.at <= LINE_BYTES and self._read():
                    continue
                self.line += self.text.count("\n", self.at, error.pos)
                raise self._bad(f"is not JSON: {error.msg}") from None
            except RecursionError:
                raise self._bad("is nested too deeply; write flat objects") from None
            # A number may go on in what is not read yet.
            if end == len(self.text) and not isinstance(value, dict) and self._read():
                continue
            raw = self.text[self.at : end]
            self.at = end
            return value, raw, reason

    def _letter(self) -> str:
        """The next character that is not blank; none at the end."""
        while True:
            found = _BLANK.match(self.text, self.at)
            end = found.end() if found else self.at
            self.line += self.text.count("\n", self.at, end)
            self.at = end
            if end < len(self.text) or not self._read():
                return self.text[end : end + 1]

    def _read(self) -> bool:
        """Read on; whether there was more."""
        data = self.source.read(BLOCK_BYTES)
        if not self._is_begun:
            data = without_mark(data, file=self.tally.file)
            self._is_begun = True
        more = self._decoder.decode(data, final=not data)
        self.text = self.text[self.at :] + more
        self.at = 0
        return bool(data)

    def _bad(self, what: str) -> BadFile:
        return BadFile(
            f"{self.tally.file}, line {self.line}: {what}. Nothing after it can be read; write "
            f"the file again, or as NDJSON with one object per line."
        )
