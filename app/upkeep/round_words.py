"""What came of a round of care, in a sentence for the page."""

import json
from typing import Any, Final

from app.tables import UpkeepKind, UpkeepRow
from experiments.report.wording import counted

SMALLEST: Final = 100_000  # bytes; below it a size in megabytes would be rounded to nothing


def megabytes(size: float) -> str:
    """A size in words.

    Example:
        >>> megabytes(4_280_000), megabytes(900)
        ('4.3 MB', 'below 0.1 MB')
    """
    return f"{size / 1e6:,.1f} MB" if size >= SMALLEST else "below 0.1 MB"


def outcome(row: UpkeepRow) -> str:
    """What came of a round; why it failed, where it did."""
    if row.problem:
        return row.problem
    if row.ended_at is None:
        return "under way, or broken off"
    return _done(UpkeepKind(row.kind), json.loads(row.result_json)) if row.result_json else "done"


def _done(kind: UpkeepKind, found: dict[str, Any]) -> str:
    match kind:
        case UpkeepKind.COMPACT:
            parts = counted(len(found["compacted"]), "part was", "parts were")
            old = counted(found["vacuumed"] + len(found["swept"]), "old file was", "old files were")
            put_off = "".join(f"; put off: {one}" for one in found["put_off"])
            return f"{parts} made compact, {old} deleted{put_off}"
        case UpkeepKind.SCRUB:
            files = counted(found["files"], "file", "files")
            return f"{files}, {megabytes(found['bytes'])}, read; all as they were written"
        case UpkeepKind.BACKUP:
            return (
                f"{found['name']} in {found['place']}: {megabytes(found['size'])}, of which "
                f"{megabytes(found['new_size'])} new; read again and whole"
            )
        case UpkeepKind.RESTORE:
            return f"backup {found['name']}, through batch {found['ledger_through']}"
        case UpkeepKind.ERASE:
            number = found["customer"]
            return "uploads and receipts" if number is None else f"number {number} names nobody"
