"""NDJSON: one JSON object per line. Numbers keep the text they were written with."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa

from experiments.errors import BadFile
from experiments.intake.header import bind, refuse_wide
from experiments.intake.limits import (
    BATCH_ROWS,
    NDJSON_HEADER_CHARACTERS,
    NDJSON_HEADER_RECORDS,
)
from experiments.intake.lines import ByteSource, fault_of, text_blocks
from experiments.intake.tally import Opened, Tally, text_batch


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    row: int
    cells: dict[str, object]


class _KeyTwiceError(ValueError):
    pass


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
    records = _records(source, tally)
    first: list[_Record] = []
    characters = 0
    names: dict[str, None] = {}
    for record in records:
        first.append(record)
        names.update(dict.fromkeys(record.cells))
        refuse_wide(len(names), file=tally.file)
        characters += sum(map(len, map(str, record.cells.values())))
        if len(first) >= NDJSON_HEADER_RECORDS or characters > NDJSON_HEADER_CHARACTERS:
            break
    if not first:
        if tally.rejects:
            raise BadFile(
                f"{tally.file} has no line that is a JSON object; write one object per line.",
                rejects=tally.rejects[:20],
            )
        raise BadFile(f"{tally.file} is empty: it has no rows. Export it again.")
    header = tuple(names)
    kept = bind(header, wanted, file=tally.file)
    known = frozenset(header) if wanted is None else None
    batches = _batches(chain(first, records), list(kept), known, tally, batch_rows)
    return Opened(header, batches)


def _batches(
    records: Iterator[_Record],
    kept: list[str],
    known: frozenset[str] | None,
    tally: Tally,
    batch_rows: int,
) -> Iterator[pa.RecordBatch]:
    columns: dict[str, list[str | None]] = {name: [] for name in kept}
    lines: list[int] = []
    rows: list[int] = []
    for record in records:
        fault = _fault(record.cells, kept, known)
        if fault:
            tally.refuse(line=record.line, column=fault[0], value=fault[1], reason=fault[2])
            continue
        for name, column in columns.items():
            column.append(record.cells.get(name))  # type: ignore[arg-type]
        lines.append(record.line)
        rows.append(record.row)
        if len(rows) >= batch_rows:
            yield text_batch(columns, lines=lines, rows=rows)
            columns = {name: [] for name in kept}
            lines, rows = [], []
    if rows:
        yield text_batch(columns, lines=lines, rows=rows)


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


def _records(source: ByteSource, tally: Tally) -> Iterator[_Record]:
    # Numbers stay text: an id 0012 is none, 1e400 is no infinity, and 0.1 gains no digits.
    decoder = json.JSONDecoder(
        parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_object
    )
    line = 0
    for block in text_blocks(source):
        for text in block.lines:
            line += 1
            bare = text.strip()
            if not bare:
                continue
            tally.counted += 1
            reason = None if block.clean else fault_of(text)
            if not reason:
                try:
                    cells = decoder.decode(bare)
                    if isinstance(cells, dict):
                        yield _Record(line, tally.counted, cells)
                        continue
                    reason = "is not a JSON object; write {...} with a value per column"
                except _KeyTwiceError as error:
                    reason = f"has the key {error} twice; keep one"
                except json.JSONDecodeError as error:
                    reason = f"is not JSON at character {error.colno}: {error.msg}"
                except RecursionError:
                    reason = "is nested too deeply; write one flat object per line"
            tally.refuse(line=line, value=bare, reason=reason)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    cells = dict(pairs)
    if len(cells) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _KeyTwiceError(repr(key))
            seen.add(key)
    return cells
