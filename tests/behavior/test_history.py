"""What is typical, against the same counting done by hand."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest

from experiments.behavior.history import Typical, typical
from experiments.engines.engine import open_engine
from experiments.errors import Undefined
from experiments.ledger.directory import number_customers
from experiments.ledger.ledger import Ledger
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


def typical_of(
    folder: Path, entries: list[Entry], kind: MetricKind, *, customers: int = 4, **more: Any
) -> Typical | Undefined:
    ledger = Ledger(folder)
    append(ledger, entries)
    ids = ibis.memtable(pa.table({"customer_id": [f"c{at}" for at in range(customers)]}))
    with open_engine() as engine:
        return typical(
            engine,
            behavior=ledger.behavior(engine),
            directory=number_customers(engine, ledger, ids, batch_no=1),
            measure="revenue",
            kind=kind,
            days=7,
            until=UNTIL,
            **more,
        )


def row(
    customer: int, ago: int, value: str, *, measure: str = "revenue", item: str | None = None
) -> Entry:
    return Entry(customer, measure, UNTIL - timedelta(days=ago), Decimal(value), item)


def test_a_ratio_has_a_denominator_and_repeats_itself_as_one(tmp_path: Path) -> None:
    lately = {1: (30, 3), 2: (5, 1), 3: (40, 4), 4: (0, 0)}
    before = {1: (20, 2), 2: (15, 1), 3: (9, 3), 4: (0, 0)}
    entries = [
        row(who, ago, str(value), measure=measure)
        for ago, numbers in ((2, lately), (9, before))
        for who, pair in numbers.items()
        for measure, value in zip(("revenue", "order"), pair, strict=True)
    ] + [row(4, 20, "1"), row(4, 20, "1", measure="order")]
    found = typical_of(tmp_path, entries, MetricKind.RATIO, below="order")
    assert isinstance(found, Typical)
    now, then = (np.array(list(one.values()), dtype=float) for one in (lately, before))
    assert found.mean == pytest.approx(75 / 8)
    assert found.sd == pytest.approx(now[:, 0].std(ddof=1))
    assert found.denominator is not None
    assert found.denominator.mean == 2.0
    assert found.denominator.sd == pytest.approx(now[:, 1].std(ddof=1))
    assert found.denominator.correlation == pytest.approx(np.corrcoef(now.T)[0, 1])
    linear = (now[:, 0] - 75 / 8 * now[:, 1], then[:, 0] - 44 / 6 * then[:, 1])
    assert found.correlation == pytest.approx(np.corrcoef(*linear)[0, 1])


def test_a_last_score_is_of_those_who_gave_one(tmp_path: Path) -> None:
    entries = [
        *(row(1, 5, "9"), row(1, 2, "6"), row(1, 2, "8")),  # the mean of the last day
        *(row(2, 1, "3"), row(3, 8, "10"), row(4, 30, "1")),
    ]
    found = typical_of(tmp_path, entries, MetricKind.LATEST)
    assert isinstance(found, Typical)
    assert (found.mean, found.response_rate) == (5.0, 0.5)
    assert found.sd == pytest.approx(np.std([7, 3], ddof=1))


def test_too_few_scores_are_not_typical(tmp_path: Path) -> None:
    entries = [row(1, 2, "6"), row(2, 30, "3")]
    assert isinstance(typical_of(tmp_path, entries, MetricKind.LATEST), Undefined)


def test_a_ratio_over_nothing_is_not_typical(tmp_path: Path) -> None:
    entries = [row(1, 2, "6"), row(2, 30, "3")]
    found = typical_of(tmp_path, entries, MetricKind.RATIO, below="order")
    assert isinstance(found, Undefined)
    assert "divide by" in found.reason


def test_distinct_items_and_active_last_days_are_counted(tmp_path: Path) -> None:
    entries = [
        *(row(1, 6, "1", item="tea"), row(1, 5, "2", item="tea"), row(1, 2, "1", item="milk")),
        *(row(2, 6, "1", item="tea"), row(3, 20, "1", item="tea")),
    ]
    breadth = typical_of(tmp_path / "a", entries, MetricKind.BREADTH)
    kept = typical_of(tmp_path / "b", entries, MetricKind.RETENTION, active_days=3)
    all_week = typical_of(tmp_path / "c", entries, MetricKind.RETENTION)
    for found, expected in ((breadth, 0.75), (kept, 0.25), (all_week, 0.5)):
        assert isinstance(found, Typical)
        assert found.mean == expected


def test_clusters_are_as_alike_as_an_analysis_of_variance_says(tmp_path: Path) -> None:
    """Sizes 2, 2 and 1, so that n0 = (5 - 9 / 5) / 2 = 1.6; mean squares by NumPy."""
    values = {1: 4, 2: 5, 3: 1, 4: 2, 5: 2}
    entries = [row(who, 2, str(value)) for who, value in values.items()]
    entries += [row(1, 20, "1")]
    known = pa.table({"customer": [1, 2, 3, 4], "cluster": ["x", "x", "y", "y"]})
    found = typical_of(
        tmp_path, entries, MetricKind.MEAN, customers=5, clusters=ibis.memtable(known)
    )
    assert isinstance(found, Typical)
    assert found.clusters is not None
    assert found.clusters.size == pytest.approx(5 / 3)
    assert found.clusters.variation == pytest.approx(np.std([2, 2, 1], ddof=1) * 3 / 5)
    groups = ([4, 5], [1, 2], [2])
    everybody = [value for group in groups for value in group]
    grand = np.mean(everybody)
    between = sum(len(g) * (np.mean(g) - grand) ** 2 for g in groups) / 2
    within = sum(((np.array(g) - np.mean(g)) ** 2).sum() for g in groups) / 2
    assert found.clusters.icc == pytest.approx((between - within) / (between + 0.6 * within))


def test_customers_who_are_all_alone_have_no_likeness(tmp_path: Path) -> None:
    known = pa.table({"customer": [1, 2, 3, 4], "cluster": ["a", "b", "c", "d"]})
    entries = [row(1, 2, "6"), row(2, 30, "3")]
    found = typical_of(tmp_path, entries, MetricKind.MEAN, clusters=ibis.memtable(known))
    assert isinstance(found, Typical)
    assert found.clusters is not None
    assert isinstance(found.clusters.icc, Undefined)
