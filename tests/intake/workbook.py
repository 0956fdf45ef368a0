"""Workbooks for tests, written by hand so that odd ones can be written too."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

Cell = str | int | float | bool | None

_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
    'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override '
    'PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'spreadsheetml.sheet.main+xml"/></Types>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    f'relationships"><Relationship Id="rId1" Type="{_OFFICE}/%s" Target="%s"/>%s</Relationships>'
)
_STYLES_RELATION = f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/>'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_BOOK = (
    f'<?xml version="1.0"?><workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="One" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
_STYLES = (
    f'<?xml version="1.0"?><styleSheet xmlns="{_MAIN}"><cellXfs count="2"><xf numFmtId="0"/>'
    '<xf numFmtId="14"/></cellXfs></styleSheet>'
)


def write_workbook(path: Path, rows: Sequence[Sequence[Cell]]) -> Path:
    """Write rows from A1 on; None leaves a cell out."""
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = "".join(_cell(f"{_letter(at)}{number}", cell) for at, cell in enumerate(row))
        lines.append(f'<row r="{number}">{cells}</row>')
    return write_sheet(path, "".join(lines))


def write_sheet(path: Path, data: str) -> Path:
    """Write a workbook around the XML of its rows; style 1 is a date."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", _TYPES)
        book.writestr("_rels/.rels", _RELATIONS % ("officeDocument", "xl/workbook.xml", ""))
        book.writestr("xl/workbook.xml", _BOOK)
        book.writestr("xl/styles.xml", _STYLES)
        relations = _RELATIONS % ("worksheet", "worksheets/sheet1.xml", _STYLES_RELATION)
        book.writestr("xl/_rels/workbook.xml.rels", relations)
        sheet = f'<?xml version="1.0"?><worksheet xmlns="{_MAIN}"><sheetData>'
        book.writestr("xl/worksheets/sheet1.xml", f"{sheet}{data}</sheetData></worksheet>")
    return path


def _cell(place: str, cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return f'<c r="{place}" t="b"><v>{int(cell)}</v></c>'
    if isinstance(cell, str):
        text = f'<t xml:space="preserve">{escape(cell)}</t>'
        return f'<c r="{place}" t="inlineStr"><is>{text}</is></c>'
    return f'<c r="{place}"><v>{cell!r}</v></c>'


def _letter(at: int) -> str:
    return chr(ord("A") + at)
