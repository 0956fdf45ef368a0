"""What an erasure did, and until when traces remain, in sentences for page and command line."""

from zoneinfo import ZoneInfo

from app.upkeep.erase import Erased
from experiments.report.wording import counted
from experiments.words import day


def sentences(found: Erased, *, timezone: str) -> list[str]:
    """What was done, one sentence each; they name nobody.

    Args:
        found: What was done.
        timezone: The company's time zone.
    """
    said = [_done(found)]
    for pilot, names in found.emptied.items():
        emptied = ", ".join(["owner", *names])
        stays = ", ".join(found.stays.get(pilot, []))
        said.append(
            f"Pilot {pilot}: emptied {emptied}"
            + (f"; {stays} stay, because results were computed from them." if stays else ".")
        )
    until = day(found.old_versions_until.astimezone(ZoneInfo(timezone)).date())
    if found.customer is not None:
        said.append(
            f"Old files of the ledger hold the customer until the first upkeep after {until}."
        )
    if found.backups:
        said.append(
            f"Backups made before hold the customer until `pilotbook backup FOLDER --keep N` has "
            f"deleted them: {', '.join(found.backups)}. Restored, they are erased again."
        )
    if found.out_of_reach:
        said.append(
            f"These folders of backups could not be reached: {', '.join(found.out_of_reach)}. "
            f"Make a backup into each, so that a restore from it erases the customer again."
        )
    return said


def _done(found: Erased) -> str:
    beside = (
        f"{counted(found.uploads, 'upload was', 'uploads were')} removed, "
        f"{counted(found.entries, 'receipt or answer', 'receipts and answers')} cleaned."
    )
    if found.customer is None:
        return f"No number stood for this customer; {beside}"
    return (
        f"Number {found.customer} names nobody any more; the id, sent again, gets a new one. "
        f"{beside}"
    )
