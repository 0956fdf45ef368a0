"""XLSX: the first sheet, read by a child process that may die without harm."""

import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pyarrow as pa

from experiments.errors import BadFile
from experiments.intake import spreadsheet_child
from experiments.intake.header import bind, tidy
from experiments.intake.limits import (
    SHEET_MEMORY_BYTES,
    SHEET_SECONDS,
    SHEET_UNPACKED_BYTES,
)
from experiments.intake.lines import fault_of
from experiments.intake.tally import Opened, Tally, text_batch

_Row = tuple[int, list[str]]


def open_spreadsheet(
    path: Path, *, wanted: Sequence[str] | None, tally: Tally, closing: ExitStack
) -> Opened:
    """Start the child and read the header: the first row of the first sheet that is not blank.

    Args:
        path: The file.
        wanted: Columns to keep; None for all.
        tally: Counts the records and keeps the refused ones.
        closing: Ends the child.
    """
    _refuse_disguise(path)
    blocks = _blocks(_start(path, closing), file=path.name)
    first = next((block for block in blocks if block), None)
    if first is None:
        raise BadFile(f"{path.name}: the first sheet is empty; it needs a header and rows.")
    header = list(tidy(first[0][1]))
    while header and not header[-1]:
        header.pop()
    places = bind(header, wanted, file=path.name)
    return Opened(tuple(header), _batches(first[1:], blocks, len(header), places, tally))


def _batches(
    block: list[_Row],
    blocks: Iterator[list[_Row]],
    width: int,
    places: dict[str, int],
    tally: Tally,
) -> Iterator[pa.RecordBatch]:
    while True:
        records, lines, rows = [], [], []
        for line, cells in block:
            tally.counted += 1
            beyond = next((cell for cell in cells[width:] if cell.strip()), None)
            faulty = next((cell for cell in cells if "\0" in cell), None)
            if beyond is not None:
                reason = f"a cell stands right of the header's {width} columns; name its column"
                tally.refuse(line=line, value=beyond, reason=reason)
            elif faulty is not None:
                tally.refuse(line=line, value=faulty, reason=fault_of(faulty) or "")
            else:
                records.append(cells)
                lines.append(line)
                rows.append(tally.counted)
        if records:
            columns = {name: [cells[at] for cells in records] for name, at in places.items()}
            yield text_batch(columns, lines=lines, rows=rows)
        upcoming = next(blocks, None)
        if upcoming is None:
            return
        block = upcoming


def _start(path: Path, closing: ExitStack) -> subprocess.Popen[bytes]:
    # -P: the folder of the child must not hide modules of the standard library.
    command = [sys.executable, "-P", spreadsheet_child.__file__, str(path), str(SHEET_MEMORY_BYTES)]
    child = subprocess.Popen(  # noqa: S603 - our own program, and the path is one argument
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    closing.enter_context(child)
    closing.callback(child.kill)
    clock = threading.Timer(SHEET_SECONDS, child.kill)
    clock.daemon = True
    clock.start()
    closing.callback(clock.cancel)
    return child


def _blocks(child: subprocess.Popen[bytes], *, file: str) -> Iterator[list[_Row]]:
    output: IO[bytes] | None = child.stdout
    for line in output or ():
        if line == b"null\n":
            return
        if not line.endswith(b"\n"):
            break
        yield json.loads(line)
    raise BadFile(
        f"{file} cannot be read as a spreadsheet within {SHEET_MEMORY_BYTES >> 30} GiB of memory "
        f"and {SHEET_SECONDS} seconds: it is damaged, protected by a password, or its cells lie "
        f"too far apart. Save the sheet as CSV UTF-8 and send that."
    )


def _refuse_disguise(path: Path) -> None:
    if not path.stat().st_size:
        raise BadFile(f"{path.name} is empty: it has no header and no rows. Export it again.")
    try:
        with zipfile.ZipFile(path) as workbook:
            unpacked_bytes = sum(entry.file_size for entry in workbook.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise BadFile(
            f"{path.name} is named as a spreadsheet but is not an XLSX file, or is cut off. "
            f"Save it as XLSX or CSV UTF-8 and send it again."
        ) from error
    if unpacked_bytes > SHEET_UNPACKED_BYTES:
        raise BadFile(
            f"{path.name} unpacks to {unpacked_bytes >> 20:,} MiB; at most "
            f"{SHEET_UNPACKED_BYTES >> 20} MiB are read. Save the sheet as CSV UTF-8."
        )
