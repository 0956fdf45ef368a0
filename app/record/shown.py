"""What pages say of behavior that arrived, and of what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session

from app.batches import standing
from app.record.columns import Need, needs_of
from app.record.service import receipt_of
from app.tables import BatchKind
from experiments.pilot import Plan
from experiments.record.recording import Receipt
from experiments.report.report import Tone
from experiments.report.wording import counted, days
from experiments.terms import CONTACT
from experiments.words import day


@dataclass(frozen=True, slots=True)
class Arrived:
    """What of a measure is in the ledger.

    Attributes:
        measure: Its name.
        metrics: The plan's metrics that read it, where they are called otherwise.
        needs: Which file brings it; empty once something is there.
        rows: How many rows count; empty where there is none.
        span: First to last day of the batches that brought it.
        complete: Through which day it is declared complete, in words.
        missing: What is still to come, in words; empty where nothing is.
    """

    measure: str
    metrics: str
    needs: str
    rows: str
    span: str
    complete: str
    missing: str


@dataclass(frozen=True, slots=True)
class ReceiptShown:
    """What a receipt says.

    Attributes:
        sentence: What came of the file.
        tone: Whether its reader should look twice.
        caution: What may be wrong with it; empty where nothing is.
        look_at: The batch that the caution speaks of; None where there is none.
    """

    sentence: str
    tone: Tone
    caution: str
    look_at: int | None


def receipt_shown(
    receipt: Receipt, *, needs: Sequence[str] = (), again_on: date | None = None
) -> ReceiptShown:
    """What is said of a receipt.

    Args:
        receipt: The receipt.
        needs: The measures that a plan reads, where it is shown for one.
        again_on: The day on which the same file was recorded before, if it is shown for that.
    """
    if again_on is not None:
        said = f"This file was recorded before, as batch {receipt.batch_no} on {day(again_on)}"
        return ReceiptShown(f"{said}; nothing was added.", Tone.CAUTION, "", None)
    sentence, tone = receipt_sentence(receipt), Tone.GOOD
    if needs:
        sentence = f"{sentence} {_of_plan(receipt, needs)}"
    if receipt.rejected or (needs and not any(receipt.measures.get(name) for name in needs)):
        tone = Tone.CAUTION
    if not receipt.alike:
        return ReceiptShown(sentence, tone, "", None)
    batches = " and ".join(map(str, receipt.alike_batches[:3]))
    look = "looks" if receipt.alike == 1 else "look"
    caution = (
        f"{receipt.alike:,} of {counted(receipt.entries, 'entry', 'entries')} {look} like entries "
        f"recorded before (batch {batches}): same customer, day and value. If this is the same "
        f"export again, take this batch back; otherwise they count twice."
    )
    return ReceiptShown(sentence, Tone.CAUTION, caution, receipt.alike_batches[0])


def _of_plan(receipt: Receipt, needs: Sequence[str]) -> str:
    """What arrived of each measure of a plan.

    Example: "For this plan: 3,067 rows of revenue; none of complaint."
    """
    came = [f"{receipt.measures[name]:,} of {name}" for name in needs if receipt.measures.get(name)]
    none = [name for name in needs if not receipt.measures.get(name)]
    if not came:
        others = ", ".join(receipt.measures) or "nothing"
        return f"None of them counts for this plan, which needs {', '.join(needs)}: it is {others}."
    lacking = f"; none of {' and '.join(none)}" if none else ""
    return f"For this plan: {', '.join(came)}{lacking}."


def receipt_sentence(receipt: Receipt) -> str:
    """The receipt in a sentence.

    Example:
        >>> receipt = Receipt(
        ...     batch_no=1, file="", counted=48222, accepted=48210, rejected=12, entries=48210,
        ...     repeated=0, rounded=0, blank=0, unmatched=45, first=None, last=None, measures={},
        ...     rejects=(), unmatched_customers=31)
        >>> receipt_sentence(receipt)
        '48,210 rows taken in, 12 refused; 31 customers are in no pilot.'
    """
    taken = f"{counted(receipt.accepted, 'row', 'rows')} taken in"
    refused = f", {receipt.rejected:,} refused" if receipt.rejected else ""
    strangers = receipt.unmatched_customers
    others = f"; {counted(strangers, 'customer is', 'customers are')} in no pilot"
    return f"{taken}{refused}{others if strangers else ''}."


def receipt_facts(receipt: Receipt, *, complete_through: date | None) -> list[tuple[str, str]]:
    """The receipt in pairs of words."""
    span = days(receipt.first, receipt.last) if receipt.first and receipt.last else "no row"
    measures = [f"{name} ({count:,})" for name, count in receipt.measures.items()]
    facts = [
        ("Days", span),
        ("Entries by measure", ", ".join(measures) or "none"),
        ("Complete through", day(complete_through) if complete_through else "not declared"),
    ]
    for label, count in (
        ("In the ledger already", receipt.repeated),
        ("Rounded to four decimals", receipt.rounded),
        ("Cells without a value", receipt.blank),
    ):
        if count:
            facts.append((label, f"{count:,}"))
    return facts


def arrived(
    session: Session, plan: Plan, *, closes_on: date, complete: Mapping[str, date], today: date
) -> list[Arrived]:
    """Per measure of a plan, what arrived and what is missing.

    Args:
        session: The registry.
        plan: Names the measures.
        closes_on: Day on which the last outcome window closes.
        complete: Per measure, the day through which it is declared complete.
        today: The day.
    """
    receipts = [receipt_of(batch) for batch in session.exec(standing(BatchKind.BEHAVIOR)).all()]
    return [
        _arrived(
            need,
            plan,
            receipts,
            closes_on=closes_on,
            complete=complete.get(need.measure),
            today=today,
        )
        for need in needs_of(plan)
    ]


def _arrived(
    need: Need,
    plan: Plan,
    receipts: Sequence[Receipt],
    *,
    closes_on: date,
    complete: date | None,
    today: date,
) -> Arrived:
    measure = need.measure
    gone = sum(receipt.withdrawn.get(measure, 0) for receipt in receipts)
    rows = sum(receipt.measures.get(measure, 0) for receipt in receipts) - gone
    brought = [receipt for receipt in receipts if rows and receipt.measures.get(measure)]
    first = min((receipt.first for receipt in brought if receipt.first), default=None)
    last = max((receipt.last for receipt in brought if receipt.last), default=None)
    readers = [m.name for m in plan.metrics if measure in (m.measure, m.denominator)]
    return Arrived(
        measure=measure,
        metrics=", ".join(name for name in readers if name != measure)
        or ("" if readers else "cost per contact"),
        needs="" if rows else _needed_file(need),
        rows=f"{rows:,}" if rows else "",
        span=days(first, last) if first and last else "",
        complete=day(complete) if complete else "",
        missing=_missing(plan.pilot.starts_on, closes_on, complete, today=today),
    )


def _needed_file(need: Need) -> str:
    if need.measure == CONTACT:
        return "a file with a row per customer who was contacted, and the program as item"
    if need.is_counted:
        return "a file with a row per event, such as an export of orders, or a column of counts"
    return "a file with a column of amounts, such as an export of sales"


def _missing(starts_on: date, closes_on: date, complete: date | None, *, today: date) -> str:
    if complete is not None and complete >= closes_on:
        return ""
    begins = starts_on if complete is None else max(starts_on, complete + timedelta(days=1))
    if begins > today:
        return f"{days(begins, closes_on)}, not yet due"
    if closes_on > today:
        return f"{days(begins, today)}; what follows is not yet due"
    return days(begins, closes_on)
