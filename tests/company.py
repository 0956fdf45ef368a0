"""A small company in memory: enrolled customers and rows of behavior, as an engine sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from experiments.analyse.analysis import Analysis, analyse
from experiments.analyse.schedule import Lifted
from experiments.behavior.accounts import Attribute, Enrolment
from experiments.engines.engine import Engine
from experiments.ledger.ledger import BEHAVIOR
from experiments.pilot import Plan
from tests.evidence import INPUTS

Row = tuple[int, str, date, float]


def enrolment_of(
    arms: Sequence[str],
    attributes: Mapping[str, Sequence[str | None]] | None = None,
    *,
    enrolled_on: date | Sequence[date] = date(2026, 3, 1),
) -> Enrolment:
    """Enrolled customers, numbered from 0; an attribute is numeric where all its values are.

    Args:
        arms: The arm of each customer.
        attributes: Per attribute, the value of each customer as text, None where not known.
        enrolled_on: One day for all, or one for each.
    """
    days = [enrolled_on] * len(arms) if isinstance(enrolled_on, date) else list(enrolled_on)
    given = dict(attributes or {})
    columns: dict[str, pa.Array] = {
        "customer": pa.array(range(len(arms)), pa.int64()),
        "arm": pa.array(arms, pa.string()),
        "tier": pa.nulls(len(arms), pa.string()),
        "owner": pa.nulls(len(arms), pa.string()),
        "enrolled_at": pa.array(days, pa.date32()),
    }
    for at, values in enumerate(given.values()):
        columns[f"attribute_{at}"] = pa.array(values, pa.string())
    return Enrolment(
        rows=ibis.memtable(pa.table(columns)),
        attributes=tuple(
            Attribute(name, f"attribute_{at}", all(_is_number(v) for v in values if v is not None))
            for at, (name, values) in enumerate(given.items())
        ),
        last_enrolled_on=max(days),
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def behavior_of(rows: Sequence[Row], *, item: str | None = None) -> ir.Table:
    """Rows of the ledger: customer, measure, day, value."""
    recorded = datetime(2026, 4, 1, tzinfo=UTC)
    return ibis.memtable(
        pa.Table.from_pylist(
            [
                {
                    "customer": customer,
                    "measure": measure,
                    "occurred_at": day,
                    "value": Decimal(repr(float(value))).quantize(Decimal("0.0001")),
                    "item": item if measure == "contact" else None,
                    "event_id": None,
                    "source": None,
                    "batch_no": 1,
                    "recorded_at": recorded,
                }
                for customer, measure, day, value in rows
            ],
            schema=BEHAVIOR,
        )
    )


def analysis_by_engine(
    engine: Engine,
    plan: Plan,
    *,
    behavior: ir.Table,
    enrolment: Enrolment,
    as_of: date | None = None,
    complete_through: Mapping[str, date] | None = None,
    lifted: Lifted | None = None,
) -> Analysis:
    """Analyse on the day after the pilot, all rows declared complete, unless said otherwise."""
    complete = {name: date.max for metric in plan.metrics for name in metric.measures}
    return analyse(
        engine,
        plan,
        behavior=behavior,
        enrolment=enrolment,
        tier=None,
        inputs=replace(INPUTS, as_of=as_of or plan.pilot.ends_on + timedelta(days=1)),
        complete_through=complete if complete_through is None else complete_through,
        lifted=lifted,
    ).analysis
