"""Small plans, ledgers and enrolments for tests, and what a person would count by hand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa

from experiments.behavior.accounts import Enrolment
from experiments.ledger.ledger import BEHAVIOR, Ledger
from experiments.pilot import Plan

STARTS_ON, ENDS_ON = date(2026, 3, 1), date(2026, 3, 31)
RECORDED_AT = datetime(2026, 4, 2, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of behavior."""

    customer: int
    measure: str
    day: date
    value: Decimal
    item: str | None = None
    batch_no: int = 1


@dataclass(frozen=True, slots=True)
class Member:
    """One enrolled customer."""

    customer: int
    arm: str
    enrolled_on: date = STARTS_ON


def small_plan(*metrics: dict[str, Any], **header: object) -> Plan:
    """A valid plan around some metrics; the money is a metric of its own, `money`."""
    money = {"name": "money", "kind": "mean", "measure": "revenue", "role": "primary"}
    return Plan.model_validate(
        {
            "pilot": {
                "name": "Spring",
                "slug": "spring",
                "goal": "sales",
                "hypothesis": "They buy more.",
                "owner": "o",
                "sponsor": "s",
                "starts_on": STARTS_ON,
                "ends_on": ENDS_ON,
                **header,
            },
            "design": {"control": "control", "treatments": ["mail"]},
            "metrics": [money, *({"role": "secondary", **metric} for metric in metrics)],
            "value": {"currency": "EUR", "metric": "money", "margin_rate": "0.4"},
        }
    )


def append(ledger: Ledger, entries: Iterable[Entry]) -> None:
    """Append entries, batch by batch."""
    by_batch: dict[int, list[Entry]] = {}
    for entry in entries:
        by_batch.setdefault(entry.batch_no, []).append(entry)
    for batch_no, rows in sorted(by_batch.items()):
        ledger.append_behavior(_table(rows).to_reader(), batch_no=batch_no)


def _table(rows: Sequence[Entry]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "customer": row.customer,
                "measure": row.measure,
                "occurred_at": row.day,
                "value": row.value,
                "item": row.item,
                "batch_no": row.batch_no,
                "recorded_at": RECORDED_AT,
            }
            for row in rows
        ],
        schema=BEHAVIOR,
    )


def enrolment(members: Sequence[Member]) -> Enrolment:
    """The members as an enrolment without attributes."""
    days = [member.enrolled_on for member in members]
    rows = pa.table(
        {
            "customer": pa.array([member.customer for member in members], pa.int64()),
            "arm": [member.arm for member in members],
            "tier": pa.nulls(len(members), pa.string()),
            "owner": pa.nulls(len(members), pa.string()),
            "enrolled_at": pa.array(days, pa.date32()),
        }
    )
    return Enrolment(ibis.memtable(rows), (), max(days))
