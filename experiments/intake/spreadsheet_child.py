"""Read the first sheet of a workbook in a process of its own: JSON lines out, then exit.

A workbook of 1.4 KB can ask for half a terabyte and so abort the process that reads it. This
one has nothing to lose. It is started by path and imports nothing of the project.
"""

import datetime as dt
import json
import resource
import sys

ROWS_PER_LINE = 500


def main() -> None:
    """Write blocks of `[row number, cells]`, and `null` when all of them are written."""
    path, memory_bytes = sys.argv[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The limit stands before the library is loaded.
    from python_calamine import CalamineWorkbook  # noqa: PLC0415

    sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
    block = []
    # Rows come from the top of the sheet on, columns from the first that is used.
    for row, cells in enumerate(sheet.iter_rows(), start=1):
        texts = [as_text(cell) for cell in cells]
        if any(map(str.strip, texts)):
            block.append([row, texts])
        if len(block) >= ROWS_PER_LINE:
            print(json.dumps(block))
            block = []
    print(json.dumps(block))
    print("null")


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
