"""Customers with a past, for rehearsals: rows of behavior before a pilot that begins on 1 March."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from experiments.engines.engine import open_engine
from experiments.ledger.ledger import BEHAVIOR
from experiments.pilot import Plan
from experiments.rehearse.history import History, history
from tests.company import enrolment_of
from tests.evidence import CONTROL, TREATMENT, metric, plan_of

STARTS_ON, DAYS = date(2026, 3, 1), 31
MONEY = metric("spend", unit="EUR", role="primary")


def past(
    rng: np.random.Generator, customers: int, *, measures: Mapping[str, float], spread: float = 0.5
) -> ir.Table:
    """Rows of the two months before: paces differ, spend is lognormal, scores are 0 to 10.

    Args:
        rng: Chance.
        customers: How many.
        measures: Rows that a customer has in a month, by measure, on average.
        spread: Of the logarithm of spend.
    """
    pace = rng.gamma(4.0, 0.25, customers)
    who, what, when, value = [], [], [], []
    for name, rate in measures.items():
        rows = np.repeat(np.arange(customers), rng.poisson(2 * rate * pace))
        who += rows.tolist()
        what += [name] * len(rows)
        when += [STARTS_ON - timedelta(days=int(n)) for n in rng.integers(1, 63, len(rows))]
        drawn = {
            "spend": rng.lognormal(2.0, spread, len(rows)),
            "nps": rng.integers(0, 11, len(rows)).astype(float),
        }
        amounts = drawn.get(name, np.ones(len(rows)))
        value += np.round(amounts, 2).tolist()
    return rows_of(who, what, when, value)


def rows_of(
    who: Sequence[int], what: Sequence[str], when: Sequence[date], value: Sequence[float]
) -> ir.Table:
    """Rows of the ledger."""
    size = len(who)
    nothing = pa.nulls(size, pa.string())
    columns = {
        "customer": pa.array(who, pa.int64()),
        "measure": pa.array(what, pa.string()),
        "occurred_at": pa.array(when, pa.date32()),
        "value": pa.array(value, pa.float64()).cast(BEHAVIOR.field("value").type, safe=False),
        "item": nothing,
        "event_id": nothing,
        "source": nothing,
        "batch_no": pa.array([1] * size, BEHAVIOR.field("batch_no").type),
        "recorded_at": pa.array(
            [datetime(2026, 4, 1, tzinfo=UTC)] * size, BEHAVIOR.field("recorded_at").type
        ),
    }
    return ibis.memtable(pa.table(columns))


def past_of(
    plan: Plan,
    behavior: ir.Table,
    customers: int,
    attributes: Mapping[str, Sequence[str | None]] | None = None,
    arms: Sequence[str] = (CONTROL, TREATMENT),
) -> History:
    """The history of some customers, of whom every second is in the first arm."""
    with open_engine(threads=1) as engine:
        enrolment = enrolment_of(
            [arms[at % len(arms)] for at in range(customers)], attributes, enrolled_on=STARTS_ON
        )
        return history(engine, plan, behavior=behavior, enrolment=enrolment)


def plan_with(*metrics: dict[str, Any], **sections: Any) -> Plan:
    """A plan of `spend`, further metrics, and whatever else is said."""
    return plan_of(metrics=[MONEY, *metrics], **sections)
