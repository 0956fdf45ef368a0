"""Accounts against the same counting done in plain Python."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from experiments.analyse.rows import Reach, reach
from experiments.behavior.accounts import accounts
from experiments.behavior.reading import read_behavior
from experiments.engines.engine import Engine, open_engine
from experiments.errors import BadInput
from experiments.ledger.ledger import Ledger
from experiments.pilot import Metric, Plan, Window
from experiments.terms import MetricKind
from tests.behavior.ledgers import (
    ENDS_ON,
    STARTS_ON,
    Entry,
    Member,
    append,
    enrolment,
    small_plan,
)

Account = dict[str, Any]

METRICS: tuple[dict[str, Any], ...] = (
    {"name": "first week", "kind": "mean", "measure": "revenue", "window": {"days": [0, 7]}},
    {"name": "later", "kind": "mean", "measure": "revenue", "window": {"days": [5, 19]}},
    {"name": "capped", "kind": "mean", "measure": "revenue", "cap": {"value": "12.5"}},
    {"name": "visitor", "kind": "rate", "measure": "visit"},
    {"name": "regular", "kind": "rate", "measure": "visit", "at_least": 3},
    {"name": "visits", "kind": "count", "measure": "visit", "pre_days": 3},
    {
        "name": "long before",
        "kind": "mean",
        "measure": "revenue",
        "window": {"days": [0, 10]},
        "pre_days": 40,
    },
)


def by_hand(
    plan: Plan, entries: Sequence[Entry], member: Member, *, first_on: dict[str, date]
) -> Account:
    """One account, as METHODS.md (Time) says it, row by row."""
    own = [entry for entry in entries if entry.customer == member.customer]
    account: Account = {"customer": member.customer, "arm": member.arm}
    for metric in plan.metrics:
        first, last, pre = window_by_hand(plan, metric, member)
        rows = [entry for entry in own if entry.measure == metric.measure]
        inside = [row.value for row in rows if first <= row.day <= last]
        before = [row.value for row in rows if pre <= row.day < member.enrolled_on]
        account[metric.name] = number_by_hand(metric, inside)
        account[f"{metric.name} before"] = number_by_hand(metric, before)
        reaches_back = member.enrolled_on > first_on[metric.measure]
        account[f"{metric.name} has before"] = Decimal(int(reaches_back))
    account["contacts"] = sum(
        (
            entry.value
            for entry in own
            if entry.measure == "contact"
            and entry.item == plan.pilot.slug
            and member.enrolled_on <= entry.day <= plan.pilot.ends_on
        ),
        start=Decimal(0),
    )
    return account


def window_by_hand(plan: Plan, metric: Metric, member: Member) -> tuple[date, date, date]:
    """First and last day of the outcome window, first day of the pre-period."""
    if metric.window is None:
        first, last = member.enrolled_on, plan.pilot.ends_on
    else:
        start, end = metric.window.days
        first = member.enrolled_on + timedelta(days=start)
        last = member.enrolled_on + timedelta(days=end - 1)
    length = metric.pre_days or (last - first).days + 1
    return first, last, member.enrolled_on - timedelta(days=length)


def number_by_hand(metric: Metric, values: Sequence[Decimal]) -> Decimal:
    """What the customer counts for, from the values inside a period; silence is 0."""
    total = sum(values, start=Decimal(0))
    if metric.kind is MetricKind.RATE:
        return Decimal(int(total >= (metric.at_least or 1)))
    if metric.cap is not None and metric.cap.value is not None:
        return min(total, metric.cap.value)
    return total


def accounts_of(
    engine: Engine,
    ledger: Ledger,
    plan: Plan,
    members: Sequence[Member],
    *,
    through: int | None = None,
) -> list[Account]:
    """The accounts, by name, in the order of the customers' numbers."""
    enrolled = enrolment(members)
    behavior = ledger.behavior(engine, through=through)
    as_of = ENDS_ON + timedelta(days=100)
    reading = read_behavior(engine, plan, behavior=behavior, enrolment=enrolled, as_of=as_of)
    known = reading.census.recorded(plan)
    expression, columns = accounts(
        engine,
        plan,
        customers=reading.customers,
        behavior=behavior,
        enrolment=enrolled,
        known=known,
        as_of=as_of,
    )
    found: list[Account] = []
    for line in engine.fetch(expression.order_by("customer")).to_pylist():
        account = {"customer": line["customer"], "arm": line["arm"], "contacts": line["contacts"]}
        for name, column in columns.outcomes.items():
            account[name] = line[column]
        for name, (column, *_) in columns.before.items():
            account[f"{name} before"] = line[column]
            account[f"{name} has before"] = line[columns.has_before[name]]
        found.append(account)
    return found


def random_ledger(seed: int) -> tuple[list[Member], list[Entry]]:
    """Customers enrolled over two weeks, and what they did around it."""
    rng = random.Random(seed)  # noqa: S311 - repeatable draws, no secrets
    members = [
        Member(
            number,
            rng.choice(["control", "mail"]),
            STARTS_ON + timedelta(days=rng.choice([0, 0, 1, 6, 13])),
        )
        for number in range(1, 31)
    ]
    entries = [
        Entry(
            # Customer 31 and up are not enrolled; 30 has no rows.
            customer=rng.choice([*range(1, 30), 31, 32]),
            measure=rng.choice(["revenue", "revenue", "visit", "visit", "contact", "other"]),
            day=STARTS_ON + timedelta(days=rng.randint(-35, 35)),
            value=Decimal(rng.choice([1, 1, 2])),
            item=rng.choice(["spring", "autumn", None]),
            batch_no=rng.randint(1, 3),
        )
        for _ in range(600)
    ]
    amounts = [Decimal(rng.randint(-500, 90_000)) / 10_000 for _ in entries]
    priced = [
        Entry(
            e.customer,
            e.measure,
            e.day,
            a if e.measure == "revenue" else e.value,
            e.item,
            e.batch_no,
        )
        for e, a in zip(entries, amounts, strict=True)
    ]
    return members, priced


@pytest.mark.parametrize("seed", range(5))
def test_accounts_are_what_a_person_would_count(tmp_path: Path, seed: int) -> None:
    plan = small_plan(*METRICS)
    members, entries = random_ledger(seed)
    ledger = Ledger(tmp_path)
    append(ledger, entries)
    enrolled = {member.customer for member in members}
    first_on = {
        measure: min(e.day for e in entries if e.measure == measure and e.customer in enrolled)
        for measure in ("revenue", "visit")
    }
    with open_engine() as engine:
        found = accounts_of(engine, ledger, plan, members)
    expected = [by_hand(plan, entries, member, first_on=first_on) for member in members]
    assert found == expected


def test_a_read_through_a_batch_sees_nothing_newer(tmp_path: Path) -> None:
    plan = small_plan(*METRICS)
    members, entries = random_ledger(7)
    ledger = Ledger(tmp_path)
    append(ledger, [entry for entry in entries if entry.batch_no <= 2])
    with open_engine() as engine:
        pinned = accounts_of(engine, ledger, plan, members)
        append(ledger, [entry for entry in entries if entry.batch_no == 3])
        assert accounts_of(engine, ledger, plan, members, through=2) == pinned
        assert accounts_of(engine, ledger, plan, members) != pinned


def test_the_window_includes_its_first_and_last_day_and_nothing_else(tmp_path: Path) -> None:
    """METHODS.md: days = [a, b] is day a to day b - 1; day 0 is the enrolment day."""
    plan = small_plan(
        {"name": "w", "kind": "mean", "measure": "revenue", "window": {"days": [2, 5]}}
    )
    days = {offset: Decimal(10) ** (offset + 4) / 10**4 for offset in range(-4, 9)}
    entries = [
        Entry(1, "revenue", STARTS_ON + timedelta(days=offset), value)
        for offset, value in days.items()
    ]
    ledger = Ledger(tmp_path)
    append(ledger, entries)
    with open_engine() as engine:
        account = accounts_of(engine, ledger, plan, [Member(1, "mail")])[0]
    assert account["w"] == days[2] + days[3] + days[4]
    assert account["w before"] == days[-3] + days[-2] + days[-1]


def test_a_metric_without_window_runs_to_the_last_day_of_the_pilot(tmp_path: Path) -> None:
    enrolled_on = date(2026, 3, 20)
    entries = [
        Entry(1, "revenue", day, Decimal(value))
        for day, value in [
            (enrolled_on - timedelta(days=13), 1),
            (enrolled_on - timedelta(days=12), 20),  # the window has 12 days, so has the pre-period
            (enrolled_on, 300),
            (ENDS_ON, 4_000),
            (ENDS_ON + timedelta(days=1), 50_000),
        ]
    ]
    ledger = Ledger(tmp_path)
    append(ledger, entries)
    with open_engine() as engine:
        account = accounts_of(engine, ledger, small_plan(), [Member(1, "mail", enrolled_on)])[0]
    assert (account["money"], account["money before"]) == (Decimal(4300), Decimal(20))


def test_contacts_count_from_enrolment_until_the_money_metrics_window_closes(
    tmp_path: Path,
) -> None:
    """Who is enrolled on the last day is still measured, and contacted, for two weeks more."""
    plan = small_plan()
    window = Window(days=(3, 14))
    plan = plan.model_copy(
        update={"metrics": (plan.metrics[0].model_copy(update={"window": window}),)}
    )
    ledger = Ledger(tmp_path)
    append(ledger, [Entry(1, "revenue", ENDS_ON + timedelta(days=4), Decimal(5))])
    append(
        ledger,
        [
            Entry(1, "contact", ENDS_ON + timedelta(days=offset), Decimal(10) ** at, "spring", 2)
            for at, offset in enumerate([-1, 0, 1, 13, 14])
        ],
    )
    members = [Member(1, "mail", ENDS_ON), Member(2, "control", ENDS_ON)]
    with open_engine() as engine:
        account = accounts_of(engine, ledger, plan, members)[0]
        reached = reach(
            engine, plan, behavior=ledger.behavior(engine), enrolment=enrolment(members)
        )
    assert (account["money"], account["contacts"]) == (Decimal(5), Decimal(1110))
    assert reached == {"mail": Reach(1, 1), "control": Reach(1, 0)}


def test_a_customer_without_rows_counts_as_nothing_done(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    append(ledger, [Entry(1, "revenue", STARTS_ON, Decimal(5))])
    with open_engine() as engine:
        found = accounts_of(engine, ledger, small_plan(), [Member(1, "mail"), Member(2, "control")])
    assert [account["money"] for account in found] == [Decimal(5), Decimal(0)]


def test_a_reversal_takes_an_amount_back(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    entries = [
        Entry(1, "revenue", STARTS_ON, Decimal("19.9900")),
        Entry(1, "revenue", STARTS_ON, Decimal("-19.9900"), batch_no=2),
    ]
    append(ledger, entries)
    with open_engine() as engine:
        assert accounts_of(engine, ledger, small_plan(), [Member(1, "mail")])[0]["money"] == 0


def test_a_ledger_that_reaches_not_back_has_no_pre_period(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    append(ledger, [Entry(1, "revenue", STARTS_ON, Decimal(5))])
    with open_engine() as engine:
        account = accounts_of(engine, ledger, small_plan(), [Member(1, "mail")])[0]
    assert "money before" not in account


def test_has_before_tells_the_observed_from_the_unobserved(tmp_path: Path) -> None:
    """The ledger begins on 1 March: who enrolled that day has no pre-period, who came later has."""
    ledger = Ledger(tmp_path)
    append(ledger, [Entry(2, "revenue", STARTS_ON, Decimal(5))])
    members = [Member(1, "mail"), Member(2, "mail", STARTS_ON + timedelta(days=1))]
    with open_engine() as engine:
        found = accounts_of(engine, ledger, small_plan(), members)
    assert [account["money has before"] for account in found] == [Decimal(0), Decimal(1)]


def test_a_total_with_too_many_digits_is_refused_in_words(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    largest = Decimal("99999999999999.9999")
    append(ledger, [Entry(1, "revenue", STARTS_ON, largest) for _ in range(3)])
    with open_engine() as engine, pytest.raises(BadInput, match="too large to be added up exactly"):
        accounts_of(engine, ledger, small_plan(), [Member(1, "mail")])
