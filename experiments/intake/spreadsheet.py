"""XLSX: the first sheet, as text.

A workbook of 1.4 KB can ask for half a terabyte, which ends the process: only a child reads one.
"""

import datetime as dt
import re
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import pyarrow as pa
from python_calamine import CalamineWorkbook

from experiments.errors import BadFile
from experiments.intake.header import bind, tidy
from experiments.intake.limits import (
    BATCH_ROWS,
    SHEET_RATIO,
    SHEET_UNPACKED_BYTES,
    UNPACKED_TEXT_BYTES,
)
from experiments.intake.lines import fault_of
from experiments.intake.tally import Opened, Tally, text_batch

CHUNK, CARRIED = 1 << 20, 1 << 13  # bytes of a sheet's XML; an error cell fits what is carried
ERROR_CELL = re.compile(
    rb'<c\s[^>]*?\br="([A-Z]{1,3})(\d+)"[^>]*>(?:<f[^<]*</f>|<f[^<]*/>)?<v>(#[^<]{1,40})</v>'
)
_Row = tuple[int, list[str]]


def open_spreadsheet(
    path: Path, *, wanted: Sequence[str] | None, tally: Tally, batch_rows: int = BATCH_ROWS
) -> Opened:
    """Read the header: the first row of the first sheet that is not blank.

    Args:
        path: The file.
        wanted: Columns to keep; None for all.
        tally: Counts the records and keeps the refused ones.
        batch_rows: How many records make a batch.
    """
    _refuse_disguise(path)
    rows = _rows(path)
    first = next(rows, None)
    if first is None:
        raise BadFile(f"{path.name}: the first sheet is empty; it needs a header and rows.")
    header = list(tidy(first[1]))
    while header and not header[-1]:
        header.pop()
    places = bind(header, wanted, file=path.name)
    return Opened(tuple(header), _batches(rows, len(header), places, tally, batch_rows))


def _batches(
    rows: Iterator[_Row], width: int, places: dict[str, int], tally: Tally, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    while block := list(islice(rows, batch_rows)):
        records, lines, numbers = [], [], []
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
                numbers.append(tally.counted)
        columns = {name: [cells[at] for cells in records] for name, at in places.items()}
        yield text_batch(columns, lines=lines, rows=numbers)


def _rows(path: Path) -> Iterator[_Row]:
    """Numbers and cells of the rows that are not blank."""
    try:
        sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
        errors = _errors_of(path)
    except Exception as error:
        raise BadFile(
            f"{path.name} cannot be read as a spreadsheet: it is damaged, protected by a password, "
            f"or laid out in an odd way. Save the sheet as CSV UTF-8 and send that."
        ) from error
    first_column = sheet.start[1] if sheet.start else 0
    # Rows come from the top of the sheet on, columns from the first that is used.
    for row, cells in enumerate(sheet.iter_rows(), start=1):
        texts = [as_text(cell) for cell in cells]
        if errors:
            for at, text in enumerate(texts):
                if not text:
                    texts[at] = errors.get((row, first_column + at), "")
        if any(map(str.strip, texts)):
            yield row, texts


def as_text(cell: object) -> str:
    """What a cell holds, as text: whole numbers without `.0`, dates as ISO, booleans as 1 and 0.

    Example:
        >>> as_text(12.0), as_text(0.1), as_text(True), as_text("0012")
        ('12', '0.1', '1', '0012')
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float):
        return repr(cell).removesuffix(".0")
    if isinstance(cell, dt.datetime | dt.date | dt.time):
        return cell.isoformat()
    return str(cell)


def _errors_of(path: Path) -> dict[tuple[int, int], str]:
    """Cells that show an error such as #N/A, which the library reads as blank."""
    try:
        return dict(_error_cells(path))
    except (KeyError, RuntimeError):  # a workbook laid out in a way of its own
        return {}


def _error_cells(path: Path) -> Iterator[tuple[tuple[int, int], str]]:
    """Row from 1 and column from 0, and what the cell shows."""
    with zipfile.ZipFile(path) as book, book.open(_first_sheet(book)) as xml:
        carried = b""
        while chunk := xml.read(CHUNK):
            text = carried + chunk
            end = 0
            for cell in ERROR_CELL.finditer(text):
                end = cell.end()
                letters, row, shown = (part.decode() for part in cell.groups())
                column = 0
                for letter in letters:
                    column = column * 26 + ord(letter) - ord("A") + 1
                yield (int(row), column - 1), shown
            carried = text[max(end, len(text) - CARRIED) :]


def _first_sheet(book: zipfile.ZipFile) -> str:
    """Where in the workbook its first sheet lies."""
    # This process is limited in memory and time, which is what a malicious XML would exhaust.
    workbook = ElementTree.fromstring(book.read("xl/workbook.xml"))  # noqa: S314
    sheet = next(element for element in workbook.iter() if element.tag.endswith("}sheet"))
    relation = next(value for name, value in sheet.attrib.items() if name.endswith("}id"))
    relations = ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    target = next(r.get("Target", "") for r in relations if r.get("Id") == relation)
    return target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)


def _refuse_disguise(path: Path) -> None:
    size = path.stat().st_size
    if not size:
        raise BadFile(f"{path.name} is empty: it has no header and no rows. Export it again.")
    try:
        with zipfile.ZipFile(path) as workbook:
            unpacked_bytes = sum(entry.file_size for entry in workbook.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise BadFile(
            f"{path.name} is named as a spreadsheet but is not an XLSX file, or is cut off. "
            f"Save it as XLSX or CSV UTF-8 and send it again."
        ) from error
    most = min(SHEET_UNPACKED_BYTES, max(UNPACKED_TEXT_BYTES, SHEET_RATIO * size))
    if unpacked_bytes > most:
        raise BadFile(
            f"{path.name} unpacks to {unpacked_bytes >> 20:,} MiB; at most {most >> 20} MiB are "
            f"read of a file of its size. Save the sheet as CSV UTF-8."
        )
