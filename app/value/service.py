"""What a program is worth, as its newest analysis says."""

from dataclasses import asdict
from typing import Any

from sqlmodel import Session

from app.analyse.kept import numbered, refuse_veiled, report_kept, result_kept
from app.tables import PilotRow

KEYS = ("treatment", "status", "basis", "contrast", "net", "roi", "break_even", "cost", "customers")


def worth(session: Session, pilot: PilotRow) -> dict[str, Any]:
    """The money of the newest analysis: per treatment in numbers, and per basis as shown.

    Raises:
        NotFound: There is no analysis yet.
        OutcomesVeiled: Outcomes may not be looked at yet.
    """
    row = numbered(session, pilot, None)
    refuse_veiled(row.status, row.result_json)
    return {
        "analysis": row.number,
        "as_of": row.as_of,
        "verdicts": [
            {key: verdict[key] for key in KEYS} for verdict in result_kept(row)["verdicts"]
        ],
        "items": [asdict(money) for money in report_kept(row).money],
    }
