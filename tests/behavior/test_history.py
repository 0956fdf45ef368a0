"""What is typical, against the same counting done by hand."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pytest

from experiments.behavior.directory import number_customers
from experiments.behavior.engine import open_engine
from experiments.behavior.history import Typical, typical
from experiments.behavior.ledger import Ledger
from experiments.errors import Undefined
from experiments.terms import MetricKind
from tests.behavior.ledgers import Entry, append

UNTIL = date(2026, 3, 1)
ENTRIES = (
    (1, 14, "50"),  # the first day of the days before
    (1, 7, "10"),  # the first day of the last seven
    (1, 1, "5.5"),
    (2, 1, "4"),
    (2, 9, "20"),
    (3, 0, "99"),  # on the day itself
    (2, 15, "99"),  # longer ago
)


def found(
    folder: Path, kind: MetricKind, *, customers: int = 4, days: int = 7, at_least: int = 1
) -> Typical | Undefined:
    ledger = Ledger(folder)
    append(
        ledger,
        [
            Entry(who, measure, UNTIL - timedelta(days=ago), Decimal(value))
            for who, ago, value in ENTRIES
            for measure in ("revenue", "other")
        ],
    )
    ids = ibis.memtable(pa.table({"customer_id": [f"c{at}" for at in range(customers)]}))
    with open_engine() as engine:
        return typical(
            engine,
            behavior=ledger.behavior(engine),
            directory=number_customers(engine, ledger, ids, batch_no=1),
            measure="revenue",
            kind=kind,
            at_least=at_least,
            days=days,
            until=UNTIL,
        )


@pytest.mark.parametrize(
    ("kind", "at_least", "lately", "before"),
    [
        (MetricKind.MEAN, 1, [15.5, 4, 0, 0], [50, 20, 0, 0]),
        (MetricKind.RATE, 1, [1, 1, 0, 0], [1, 1, 0, 0]),
        (MetricKind.RATE, 5, [1, 0, 0, 0], [1, 1, 0, 0]),
    ],
)
def test_all_customers_count_whether_they_did_something_or_not(
    tmp_path: Path, kind: MetricKind, at_least: int, lately: list[float], before: list[float]
) -> None:
    answer = found(tmp_path, kind, at_least=at_least)
    assert isinstance(answer, Typical)
    assert answer.customers == 4
    assert answer.mean == pytest.approx(np.mean(lately))
    assert answer.sd == pytest.approx(np.std(lately, ddof=1))
    assert answer.correlation == pytest.approx(np.corrcoef(lately, before)[0, 1])


def test_a_ledger_that_reaches_not_twice_as_far_back_knows_no_correlation(tmp_path: Path) -> None:
    answer = found(tmp_path, MetricKind.MEAN, days=8)
    assert isinstance(answer, Typical)
    assert isinstance(answer.correlation, Undefined)


def test_a_ledger_that_reaches_not_back_is_not_typical(tmp_path: Path) -> None:
    answer = found(tmp_path, MetricKind.MEAN, days=16)
    assert isinstance(answer, Undefined)
    assert "from 14 February 2026 on" in answer.reason


def test_one_customer_is_not_typical(tmp_path: Path) -> None:
    assert isinstance(found(tmp_path, MetricKind.MEAN, customers=1), Undefined)


def test_a_measure_without_rows_is_not_typical(tmp_path: Path) -> None:
    with open_engine() as engine:
        ledger = Ledger(tmp_path)
        answer = typical(
            engine,
            behavior=ledger.behavior(engine),
            directory=ledger.directory(engine),
            measure="revenue",
            kind=MetricKind.MEAN,
            days=7,
            until=UNTIL,
        )
    assert isinstance(answer, Undefined)
    assert "no row" in answer.reason
