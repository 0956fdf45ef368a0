"""What an erasure would do, did, and until when traces remain, in sentences for people."""

from zoneinfo import ZoneInfo

from app.upkeep.erasable import Known
from app.upkeep.erase import Erased
from experiments.report.wording import counted, days
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
            f"Backups made before hold the customer until “pilotbook backup FOLDER --keep N” has "
            f"deleted them: {', '.join(found.backups)}. Restored, they are erased again."
        )
    if found.out_of_reach:
        said.append(
            f"These folders of backups could not be reached: {', '.join(found.out_of_reach)}. "
            f"Make a backup into each, so that a restore from it erases the customer again."
        )
    return said


def known_sentences(known: Known) -> list[str]:
    """What is known of a customer whom somebody looked up before erasing; it names nobody.

    Args:
        known: What is known.
    """
    if known.number is None:
        return [
            "The ledger knows no customer of that id; compare it with your files. Uploads and "
            "receipts are searched when it is erased."
        ]
    span = f", {days(known.first, known.last)}" if known.first and known.last else ""
    stay = "; they stay under the number" if known.rows else ""
    said = [
        f"Number {known.number} stands for this customer, with "
        f"{counted(known.rows, 'row', 'rows')} of behavior{span}{stay}."
    ]
    for one in known.pilots:
        stays = f"; {', '.join(one.stays)} would stay" if one.stays else ""
        said.append(
            f"Pilot {one.pilot}: {', '.join(['owner', *one.emptied])} would be emptied{stays}."
        )
    if not known.pilots:
        said.append("The customer is in no pilot.")
    return [*said, *(f"First comes {one}." for one in known.waits)]


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
