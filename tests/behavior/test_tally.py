"""A tally is the same whether this process reads the rows or the engine is asked for every row."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import ibis
import pytest

from experiments.behavior import accumulate, grid, scatter
from experiments.behavior.accounts import Enrolment
from experiments.behavior.reading import asked_of
from experiments.behavior.tally import Asked, Tally, by_query
from experiments.engines.engine import Engine, open_engine
from experiments.ledger.ledger import Ledger
from experiments.pilot import Plan
from tests.behavior.ledgers import Entry, Member, append, enrolment, small_plan
from tests.behavior.test_accounts import random_ledger
from tests.behavior.test_kinds import KINDS

AS_OF_DAYS = (10, 40, 120)


@pytest.fixture(autouse=True)
def no_second_way(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Rows are read here, or the test fails."""
    if request.function is not test_a_ledger_without_rows_has_an_empty_tally:
        monkeypatch.setattr(scatter, "by_query", None)


def lines(engine: Engine, tally: Tally, asked: Asked) -> list[dict[str, Any]]:
    """What was added up of each customer with a row; silence is 0."""
    found = engine.fetch(tally.customers.order_by("customer")).to_pylist()
    filled = [{name: value or 0 for name, value in line.items()} for line in found]
    return [line for line in filled if any(line[name] for name in (*asked.sums, *asked.words))]


def same(
    engine: Engine, plan: Plan, enrolled: Enrolment, ledger: Ledger, *, as_of_days: int
) -> Tally:
    """The tally, after a look at whether both ways give it."""
    as_of = plan.pilot.starts_on + timedelta(days=as_of_days)
    earlier = [as_of - timedelta(days=3)]
    asked = asked_of(plan, enrolled, as_of=as_of, earlier=earlier, with_checks=True)
    behavior = ledger.behavior(engine)
    here = scatter.take_tally(engine, asked, behavior=behavior, enrolment=enrolled.rows)
    there = by_query(engine, asked, behavior=behavior, enrolment=enrolled.rows)
    assert here.counts == there.counts
    assert here.periods == there.periods
    assert here.recorded_at == there.recorded_at
    assert lines(engine, here, asked) == lines(engine, there, asked)
    return here


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("as_of_days", AS_OF_DAYS)
def test_both_ways_count_every_row_alike(tmp_path: Path, seed: int, as_of_days: int) -> None:
    members, entries = random_ledger(seed)
    ledger = Ledger(tmp_path)
    append(ledger, entries)
    with open_engine(threads=2) as engine:
        found = same(engine, small_plan(*KINDS), enrolment(members), ledger, as_of_days=as_of_days)
    numbers = {member.customer for member in members}
    counted = sum(one.rows for one in found.counts)
    assert counted == sum(entry.customer in numbers for entry in entries)


def large(values: Sequence[str]) -> tuple[list[Member], list[Entry]]:
    """Customers whose amounts no float64 holds."""
    members, _ = random_ledger(1)
    rng = random.Random(7)  # noqa: S311 - repeatable draws, no secrets
    return members, [
        Entry(
            member.customer,
            "revenue",
            member.enrolled_on + timedelta(days=rng.randint(-20, 20)),
            Decimal(rng.choice(values)) * rng.choice([1, -1]),
            "book",
        )
        for member in members
        for _ in range(5)
    ]


@pytest.mark.parametrize(
    "values", [["9007199254.7409931", "0.0001"], ["900719925474.0993", "1.0001"]]
)
def test_amounts_beyond_a_float_lose_no_unit(tmp_path: Path, values: list[str]) -> None:
    """2^53 units are 900,719,925,474.0992; a few of them are beyond it."""
    members, entries = large([value[: value.index(".") + 5] for value in values])
    ledger = Ledger(tmp_path)
    append(ledger, entries)
    with open_engine(threads=2) as engine:
        same(engine, small_plan(*KINDS), enrolment(members), ledger, as_of_days=120)


def test_customers_may_be_taken_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where their sums do not fit the memory at once; here so many as three customers."""
    monkeypatch.setattr(scatter, "BYTES", 3 * 1_000)
    members, entries = random_ledger(3)
    ledger = Ledger(tmp_path)
    append(ledger, entries)
    with open_engine(threads=2) as engine:
        same(engine, small_plan(*KINDS), enrolment(members), ledger, as_of_days=120)


def test_chunks_of_rows_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scatter, "ROWS", 7)
    members, entries = random_ledger(4)
    ledger = Ledger(tmp_path)
    append(ledger, entries)
    with open_engine(threads=2) as engine:
        same(engine, small_plan(*KINDS), enrolment(members), ledger, as_of_days=40)


def test_a_ledger_without_rows_has_an_empty_tally(tmp_path: Path) -> None:
    members, _ = random_ledger(5)
    with open_engine(threads=2) as engine:
        found = same(
            engine, small_plan(*KINDS), enrolment(members), Ledger(tmp_path), as_of_days=40
        )
    assert replace(found, customers=None) == Tally(None, (), {}, None)


@pytest.mark.parametrize(
    ("where", "limit"),
    [
        pytest.param(grid, "FEW_PLACES", id="a grid with more places than rows"),
        pytest.param(grid, "ATOM", id="more sums than a lookup tells apart"),
        pytest.param(grid, "MARK", id="more marks than a lookup tells apart"),
        pytest.param(accumulate, "WORDS", id="amounts that might not fit a word"),
    ],
)
def test_what_is_too_much_here_is_left_to_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: ModuleType, limit: str
) -> None:
    members, entries = random_ledger(6)
    ledger, plan, enrolled = Ledger(tmp_path), small_plan(*KINDS), enrolment(members)
    append(ledger, entries)
    asked = asked_of(plan, enrolled, as_of=plan.pilot.starts_on + timedelta(days=40))
    questions: list[Asked] = []

    def ask(engine: Engine, asked: Asked, **of: Any) -> Tally:
        questions.append(asked)
        return by_query(engine, asked, **of)

    with open_engine(threads=2) as engine:
        behavior = ledger.behavior(engine)
        here = scatter.take_tally(engine, asked, behavior=behavior, enrolment=enrolled.rows)
        monkeypatch.setattr(where, limit, 0)
        monkeypatch.setattr(scatter, "by_query", ask)
        there = scatter.take_tally(engine, asked, behavior=behavior, enrolment=enrolled.rows)
        assert questions == [asked]
        assert here.counts == there.counts
        assert lines(engine, here, asked) == lines(engine, there, asked)


def test_days_of_enrolment_may_be_moved(tmp_path: Path) -> None:
    """A rehearsal enrols customers earlier, and DuckDB makes a moment of such a day."""
    members, entries = random_ledger(2)
    ledger, there = Ledger(tmp_path), enrolment(members)
    append(ledger, entries)
    earlier = (there.rows.enrolled_at - ibis.interval(days=3)).cast("date")
    moved = replace(there, rows=there.rows.mutate(enrolled_at=earlier))
    with open_engine(threads=2) as engine:
        same(engine, small_plan(*KINDS), moved, ledger, as_of_days=40)
