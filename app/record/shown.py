"""What pages say of behavior that arrived, and of what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlmodel import Session

from app.batches import standing
from app.progress import needed_measures
from app.record.service import receipt_of
from app.tables import BatchKind
from experiments.pilot import Plan
from experiments.record.recording import Receipt
from experiments.report.wording import counted, days
from experiments.words import day


@dataclass(frozen=True, slots=True)
class Arrived:
    """What of a measure is in the ledger.

    Attributes:
        measure: Its name.
        metrics: The plan's metrics that read it.
        rows: How many rows; empty where there is none.
        span: First to last day of the batches that brought it.
        complete: Through which day it is declared complete, in words.
        missing: What is still to come, in words; empty where nothing is.
    """

    measure: str
    metrics: str
    rows: str
    span: str
    complete: str
    missing: str


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
    session: Session, plan: Plan, *, closes_on: date, complete: Mapping[str, date]
) -> list[Arrived]:
    """Per measure of a plan, what arrived and what is missing.

    Args:
        session: The registry.
        plan: Names the measures.
        closes_on: Day on which the last outcome window closes.
        complete: Per measure, the day through which it is declared complete.
    """
    receipts = [receipt_of(batch) for batch in session.exec(standing(BatchKind.BEHAVIOR)).all()]
    return [
        _arrived(measure, plan, receipts, closes_on=closes_on, complete=complete.get(measure))
        for measure in needed_measures(plan)
    ]


def _arrived(
    measure: str,
    plan: Plan,
    receipts: Sequence[Receipt],
    *,
    closes_on: date,
    complete: date | None,
) -> Arrived:
    brought = [receipt for receipt in receipts if receipt.measures.get(measure)]
    first = min((receipt.first for receipt in brought if receipt.first), default=None)
    last = max((receipt.last for receipt in brought if receipt.last), default=None)
    rows = sum(receipt.measures[measure] for receipt in brought)
    readers = [m.name for m in plan.metrics if measure in (m.measure, m.denominator)]
    return Arrived(
        measure=measure,
        metrics=", ".join(readers) or "cost per contact",
        rows=f"{rows:,}" if rows else "",
        span=days(first, last) if first and last else "",
        complete=day(complete) if complete else "",
        missing=_missing(plan.pilot.starts_on, closes_on, complete),
    )


def _missing(starts_on: date, closes_on: date, complete: date | None) -> str:
    if complete is not None and complete >= closes_on:
        return ""
    begins = starts_on if complete is None else max(starts_on, complete + timedelta(days=1))
    return days(begins, closes_on)
