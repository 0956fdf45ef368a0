"""What a customer's rows come to, kind by kind, against the same counting in plain Python."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.behavior.accounts import accounts
from experiments.behavior.caps import capped, percentile
from experiments.behavior.kinds import exact_mean
from experiments.behavior.reading import read_behavior
from experiments.engines.engine import open_engine
from experiments.ledger.ledger import Ledger
from tests.behavior.ledgers import (
    ENDS_ON,
    STARTS_ON,
    Entry,
    Member,
    append,
    enrolment,
    small_plan,
)
from tests.behavior.test_accounts import random_ledger

Row = dict[str, Any]
WINDOW = {"window": {"days": [0, 14]}}
LATE = ENDS_ON + timedelta(days=60)
KINDS: tuple[dict[str, Any], ...] = (
    {"name": "basket", "kind": "ratio", "measure": "revenue", "denominator": "visit", **WINDOW},
    {"name": "kept", "kind": "retention", "measure": "visit", "active_days": 5, **WINDOW},
    {"name": "open kept", "kind": "retention", "measure": "visit", "active_days": 9},
    {"name": "items", "kind": "breadth", "measure": "visit", **WINDOW},
    {"name": "score", "kind": "latest", "measure": "revenue", **WINDOW},
)


def rows_of(
    folder: Path,
    metrics: Sequence[dict[str, Any]],
    members: Sequence[Member],
    entries: Sequence[Entry],
    *,
    as_of: date = LATE,
) -> tuple[list[Row], dict[str, str]]:
    """The accounts in the order of the customers, and the column of each metric."""
    plan = small_plan(*metrics)
    ledger = Ledger(folder)
    append(ledger, entries)
    enrolled = enrolment(members)
    with open_engine(threads=1) as engine:
        behavior = ledger.behavior(engine)
        reading = read_behavior(engine, plan, behavior=behavior, enrolment=enrolled, as_of=as_of)
        late = read_behavior(engine, plan, behavior=behavior, enrolment=enrolled, as_of=LATE)
        table, columns = accounts(
            engine,
            plan,
            customers=reading.customers,
            behavior=behavior,
            enrolment=enrolled,
            known=late.census.recorded(plan),
            as_of=as_of,
        )
        cut = capped(engine, plan, engine.keep(table), columns)
        return engine.fetch(cut.order_by("customer")).to_pylist(), columns.outcomes


@pytest.mark.parametrize("seed", range(3))
def test_every_kind_is_what_a_person_would_count(tmp_path: Path, seed: int) -> None:
    members, entries = random_ledger(seed)
    rows, columns = rows_of(tmp_path, KINDS, members, entries)
    for member, row in zip(members, rows, strict=True):
        own = [entry for entry in entries if entry.customer == member.customer]
        days = {entry: (entry.day - member.enrolled_on).days for entry in own}
        inside = [entry for entry in own if 0 <= days[entry] < 14]
        spent = [entry for entry in inside if entry.measure == "revenue"]
        visits = [entry for entry in inside if entry.measure == "visit"]
        assert row[columns["basket"]] == sum(entry.value for entry in spent)
        assert row["denominator_1"] == sum(entry.value for entry in visits)
        assert row[columns["kept"]] == int(any(days[entry] >= 9 for entry in visits))
        lately = [
            entry
            for entry in own
            if entry.measure == "visit"
            and member.enrolled_on <= entry.day <= ENDS_ON
            and entry.day > ENDS_ON - timedelta(days=9)
        ]
        assert row[columns["open kept"]] == int(bool(lately))
        assert row[columns["items"]] == len({entry.item for entry in visits if entry.item})
        last = max((entry.day for entry in spent), default=None)
        scores = [entry.value for entry in spent if entry.day == last]
        assert row["denominator_5"] == int(bool(scores))
        mean = sum(scores, Decimal(0)) / len(scores) if scores else Decimal(0)
        assert float(row[columns["score"]]) == pytest.approx(float(mean), abs=5.1e-5)


def test_the_order_of_the_rows_of_a_day_does_not_choose_the_last_score(tmp_path: Path) -> None:
    score = {"name": "score", "kind": "latest", "measure": "nps"}
    day = STARTS_ON + timedelta(days=3)
    entries = [
        Entry(1, "nps", STARTS_ON, Decimal(1)),
        Entry(1, "nps", day, Decimal(10)),
        Entry(1, "nps", day, Decimal(5)),
        Entry(1, "revenue", day, Decimal(5)),
    ]
    for name, order in (("one", entries), ("other", entries[::-1])):
        rows, columns = rows_of(tmp_path / name, [score], [Member(1, "mail")], order)
        assert rows[0][columns["score"]] == Decimal("7.5")


def test_a_customer_whose_window_is_open_is_not_complete(tmp_path: Path) -> None:
    """Days 0 to 13 of somebody enrolled on day 5 are over on day 19, and not on day 18."""
    score = {"name": "later", "kind": "mean", "measure": "visit", **WINDOW}
    members = [Member(1, "mail"), Member(2, "mail", STARTS_ON + timedelta(days=5))]
    entries = [Entry(1, "visit", STARTS_ON, Decimal(1)), Entry(1, "revenue", ENDS_ON, Decimal(1))]
    for day, complete in ((18, [True, False]), (13, [False, False])):
        as_of = STARTS_ON + timedelta(days=day)
        rows, _ = rows_of(tmp_path / str(day), [score], members, entries, as_of=as_of)
        assert [row["complete_1"] for row in rows] == complete
    rows, _ = rows_of(
        tmp_path / "over", [score], members, entries, as_of=STARTS_ON + timedelta(days=19)
    )
    assert "complete_1" not in rows[0]


def test_a_percentile_cap_is_pooled_over_the_arms(tmp_path: Path) -> None:
    """Of 1 to 10, 80 per cent do not exceed 8, though all of one arm lies above 5."""
    metric = {"name": "cut", "kind": "mean", "measure": "visit", "cap": {"percentile": 80}}
    members = [Member(at, "mail" if at > 5 else "control") for at in range(1, 11)]
    entries = [Entry(at, "visit", STARTS_ON, Decimal(at)) for at in range(1, 11)]
    entries.append(Entry(1, "revenue", STARTS_ON, Decimal(1)))
    rows, columns = rows_of(tmp_path, [metric], members, entries)
    assert [row[columns["cut"]] for row in rows] == [1, 2, 3, 4, 5, 6, 7, 8, 8, 8]


@pytest.mark.parametrize(
    ("per_cent", "expected"), [("50", 2), ("50.1", 3), ("0.1", 1), ("99.9", 4), ("75", 3)]
)
def test_a_percentile_is_a_number_that_somebody_has(per_cent: str, expected: int) -> None:
    """Hyndman and Fan (1996), definition 1, of the numbers 1 to 4."""
    with open_engine(threads=1) as engine:
        numbers = ibis.memtable({"value": [Decimal(at) for at in (3, 1, 4, 2)]})
        found = percentile(engine, numbers, "value", per_cent=Decimal(per_cent))
    assert found == expected


AMOUNTS = st.lists(
    st.decimals(min_value=-(10**9), max_value=10**9, places=4), min_size=1, max_size=7
)


@given(st.lists(AMOUNTS, min_size=1, max_size=20))
def test_a_mean_is_exact_to_the_last_digit_and_halves_leave_zero(
    scores: list[list[Decimal]],
) -> None:
    cells = [(at, score, True) for at, own in enumerate(scores) for score in own]
    cells.append((len(scores), Decimal(5), False))
    who, value, counts = (list(column) for column in zip(*cells, strict=True))
    rows = ibis.memtable(
        pa.table({"who": who, "value": pa.array(value, pa.decimal128(18, 4)), "counts": counts})
    )
    means = rows.group_by("who").agg(mean=exact_mean(rows.value, where=rows.counts))
    with open_engine() as engine:
        found = engine.fetch(means.order_by("who"))["mean"].to_pylist()
    expected = [
        (sum(own, Decimal(0)) / len(own)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        for own in scores
    ]
    assert found == [*expected, None]
