"""A ledger that was corrected gives the accounts of one that was right from the start."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.engines.engine import Engine, open_engine
from experiments.ledger.ledger import BEHAVIOR, DIRECTORY, Ledger
from experiments.record.correcting import Correction, Instead, Named, correct
from tests.behavior.ledgers import RECORDED_AT, STARTS_ON, Member, small_plan
from tests.behavior.test_accounts import METRICS, Account, accounts_of
from tests.behavior.test_kinds import KINDS

PLAN = small_plan(*METRICS, *({**kind, "pre_days": 20} for kind in KINDS))
MEMBERS = [Member(at, ("control", "mail")[at % 2], STARTS_ON + timedelta(at)) for at in (1, 2, 3)]
PEOPLE = ("1", "2", "3", "4")  # the last one is not enrolled


@dataclass(frozen=True)
class Fact:
    """A row of behavior."""

    customer_id: str
    measure: str
    occurred_at: date
    value: Decimal
    item: str | None
    event_id: str | None = None


@dataclass(frozen=True)
class Told:
    """What was recorded first, in which batch, and what is true; None where nothing is."""

    batch_no: int
    said: Fact
    true: Fact | None


facts = st.builds(
    Fact,
    customer_id=st.sampled_from(PEOPLE),
    measure=st.sampled_from(["revenue", "visit", "contact"]),
    occurred_at=st.integers(-25, 35).map(lambda days: STARTS_ON + timedelta(days=days)),
    value=st.sampled_from([Decimal("0.0001"), Decimal(1), Decimal("-2.5"), Decimal(10**9)]),
    item=st.sampled_from([None, "spring", "autumn"]),
)


@st.composite
def told(draw: st.DrawFn) -> Told:
    """Something that was recorded as it is, wrongly in some way, or though it never was."""
    said = draw(facts)
    if draw(st.integers(0, 3)) == 0:
        return Told(draw(st.integers(1, 2)), said, None)
    other = draw(facts)
    wrong = draw(st.sets(st.sampled_from(["customer_id", "occurred_at", "value", "item"])))
    true = replace(said, **{name: getattr(other, name) for name in wrong})
    return Told(draw(st.integers(1, 2)), said, true)


def recorded(folder: Path, batches: Sequence[Sequence[Fact]]) -> Ledger:
    """A ledger of some batches, from the first on; the people's numbers are their ids."""
    ledger = Ledger(folder)
    people = [{"customer": int(one), "customer_id": one, "batch_no": 1} for one in PEOPLE]
    ledger.append_directory(pa.Table.from_pylist(people, schema=DIRECTORY), batch_no=1)
    for at, rows in enumerate(batches, start=1):
        brought = [
            {
                "customer": int(row.customer_id), "measure": row.measure, "value": row.value,
                "occurred_at": row.occurred_at, "item": row.item, "event_id": row.event_id,
                "batch_no": at, "recorded_at": RECORDED_AT,
            }
            for row in rows
        ]  # fmt: skip
        brought.sort(key=lambda row: (row["customer"], row["measure"], row["occurred_at"]))
        table = pa.Table.from_pylist(brought, schema=BEHAVIOR)
        ledger.append_behavior(table.to_reader(), batch_no=at)
    return ledger


def correction_of(one: Told) -> Correction:
    """How somebody would say it, who knows the row by heart."""
    named = Named(
        batch_no=one.batch_no,
        customer_id=one.said.customer_id,
        measure=one.said.measure,
        occurred_at=one.said.occurred_at,
        value=one.said.value,
        item=one.said.item,
        event_id=one.said.event_id,
    )
    if one.true is None:
        return Correction(named, None)
    changed = Instead()
    for name in ("customer_id", "occurred_at", "value", "item"):
        if getattr(one.true, name) != getattr(one.said, name):
            changed[name] = getattr(one.true, name)
    return Correction(named, changed)


def accounts(engine: Engine, ledger: Ledger, *, through: int | None = None) -> list[Account]:
    """The accounts of every kind of metric."""
    return accounts_of(engine, ledger, PLAN, MEMBERS, through=through)


# Every measure has a row, so that no metric lacks one before or after.
ALWAYS = tuple(Fact("4", measure, STARTS_ON, Decimal(1), None) for measure in ("revenue", "visit"))


@pytest.mark.live
@settings(max_examples=6)  # each builds two ledgers and four times the accounts
@given(st.lists(told(), min_size=1, max_size=30), st.integers(1, 3))
def test_a_corrected_ledger_gives_the_accounts_of_one_that_was_right_at_once(
    rows: list[Told], parts: int
) -> None:
    """Whether the corrections come at once, or in several batches one after the other."""
    wrong = [one for one in rows if one.true != one.said]
    with TemporaryDirectory() as name, open_engine(threads=1) as engine:
        folder = Path(name)
        said = [[one.said for one in rows if one.batch_no == at] for at in (1, 2)]
        true = [one.true for one in rows if one.true is not None]
        right = recorded(folder / "right", [[*ALWAYS, *true]])
        ledger = recorded(folder / "wrong", [[*ALWAYS, *said[0]], said[1]])
        before = accounts(engine, ledger)
        for at in range(parts):
            if mine := wrong[at::parts]:
                correct(
                    engine, ledger, [correction_of(one) for one in mine], name="correction",
                    batch_no=3 + at, recorded_at=RECORDED_AT,
                )  # fmt: skip
        assert accounts(engine, ledger) == accounts(engine, right)
        assert accounts(engine, ledger, through=2) == before
