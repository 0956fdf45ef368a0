"""Read the first sheet of a workbook in a process of its own: JSON lines out, then exit.

A workbook of 1.4 KB can ask for half a terabyte and so abort the process that reads it. This
one has nothing to lose. It is started by path and imports nothing of the project.
"""

import datetime as dt
import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from xml.etree import ElementTree

ROWS_PER_LINE = 500
CHUNK, CARRIED = 1 << 20, 1 << 13  # bytes of a sheet's XML; an error cell fits what is carried
ERROR_CELL = re.compile(
    rb'<c\s[^>]*?\br="([A-Z]{1,3})(\d+)"[^>]*>(?:<f[^<]*</f>|<f[^<]*/>)?<v>(#[^<]{1,40})</v>'
)


def main() -> None:
    """Write blocks of `[row number, cells]`, and `null` when all of them are written."""
    path, memory_bytes = sys.argv[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The limit stands before the library is loaded.
    from python_calamine import CalamineWorkbook  # noqa: PLC0415

    sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
    try:
        errors = dict(error_cells(path))
    except (KeyError, StopIteration):  # a workbook laid out in a way of its own
        errors = {}
    first_column = sheet.start[1] if sheet.start else 0
    block = []
    # Rows come from the top of the sheet on, columns from the first that is used.
    for row, cells in enumerate(sheet.iter_rows(), start=1):
        texts = [as_text(cell) for cell in cells]
        for at, text in enumerate(texts):
            if not text:
                texts[at] = errors.get((row, first_column + at), "")
        if any(map(str.strip, texts)):
            block.append([row, texts])
        if len(block) >= ROWS_PER_LINE:
            print(json.dumps(block))
            block = []
    print(json.dumps(block))
    print("null")


def error_cells(path: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Cells of the first sheet that show an error such as #N/A, which the library reads as blank.

    Yields:
        Row from 1 and column from 0, and what the cell shows.
    """
    with zipfile.ZipFile(path) as book, book.open(first_sheet(book)) as xml:
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


def first_sheet(book: zipfile.ZipFile) -> str:
    """Where in the workbook its first sheet lies."""
    # This process is limited in memory and time, which is what a malicious XML would exhaust.
    workbook = ElementTree.fromstring(book.read("xl/workbook.xml"))  # noqa: S314
    sheet = next(element for element in workbook.iter() if element.tag.endswith("}sheet"))
    relation = next(value for name, value in sheet.attrib.items() if name.endswith("}id"))
    relations = ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    target = next(r.get("Target", "") for r in relations if r.get("Id") == relation)
    return target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)


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


if __name__ == "__main__":
    main()
