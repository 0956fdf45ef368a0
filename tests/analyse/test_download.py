"""The accounts table: every column has a name of its own, whatever people call their metrics."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from experiments.analyse.analysis import analyse
from experiments.analyse.download import accounts_table
from experiments.engines.engine import Engine
from experiments.pilot import Plan
from tests.company import Row, behavior_of, enrolment_of
from tests.evidence import CONTROL, INPUTS, TREATMENT, metric, plan_of

START, END = date(2026, 3, 1), date(2026, 3, 31)
ARMS = [TREATMENT, CONTROL] * 10


def named(*names: str) -> Plan:
    """A plan with a metric per name, the first of which carries the money."""
    first, *others = [metric(name, measure=f"m{at}") for at, name in enumerate(names)]
    return plan_of(metrics=[{**first, "role": "primary"}, *others], value={"metric": names[0]})


def table(
    engine: Engine,
    plan: Plan,
    attributes: dict[str, list[str]] | None = None,
    *,
    tier: str | None = None,
    as_of: date = END + timedelta(days=1),
    history: bool = False,
) -> pa.Table:
    """The accounts of 20 customers; metric number m of customer c is 100 m + c."""
    rows: list[Row] = [
        (customer, one.measure, END, 100.0 * at + customer)
        for at, one in enumerate(plan.metrics)
        for customer in range(20)
    ]
    if history:
        rows += [(customer, "m0", START - timedelta(days=3), -1.0) for customer in range(20)]
    given: dict[str, Any] = attributes or {}
    enrolment = enrolment_of(ARMS, given)
    analysed = analyse(
        engine,
        plan,
        behavior=behavior_of(rows),
        enrolment=enrolment,
        tier=tier,
        inputs=replace(INPUTS, as_of=as_of),
        complete_through={},
    )
    return accounts_table(engine, plan, analysed, enrolment.attributes, tier=tier)


@pytest.mark.parametrize("name", ["arm", "customer", "tier", "enrolled_at", "contacts", "Arm"])
def test_a_metric_named_like_a_column_of_the_table_gets_a_name_of_its_own(
    engine: Engine, name: str
) -> None:
    found = table(engine, named(name, "spend"))
    assert found.column_names == [
        "customer", "arm", "tier", "enrolled_at", f"metric_{name}", "spend", "contacts",
    ]  # fmt: skip
    assert found["arm"].to_pylist() == ARMS
    assert found[f"metric_{name}"].to_pylist() == list(range(20))
    assert found["contacts"].to_pylist() == [0] * 20


@pytest.mark.parametrize("name", ["self", "exprs", "named_exprs", 'it\'s "x"; {y}', "%s", "é"])
def test_a_metric_and_an_attribute_may_have_any_name(engine: Engine, name: str) -> None:
    found = table(engine, named(name, "spend"), {f"{name}!": ["7"] * 20})
    assert found[name].to_pylist() == list(range(20))
    assert found[f"{name}!"].to_pylist() == [7] * 20
    assert table(engine, named("spend"), {name: ["7"] * 20})[name].to_pylist() == [7] * 20


def test_a_metric_keeps_its_name_before_the_pre_period_of_another(engine: Engine) -> None:
    found = table(engine, named("margin", "margin_before"), history=True)
    assert found.column_names[4:] == ["margin", "metric_margin_before", "margin_before", "contacts"]
    assert found["margin_before"].to_pylist() == list(range(100, 120))
    assert found["metric_margin_before"].to_pylist() == [-1] * 20


def test_no_attribute_is_lost(engine: Engine) -> None:
    attributes = {
        name: [f"{name} {at}" for at in range(20)]
        for name in ("spend", "attribute_spend", "Contacts", "arm", "age")
    }
    found = table(engine, named("spend"), attributes)
    assert found.column_names == [
        "customer", "arm", "tier", "enrolled_at", "attribute_spend", "attribute_attribute_spend",
        "attribute_Contacts", "attribute_arm", "age", "spend", "contacts",
    ]  # fmt: skip
    for name, column in zip(attributes, found.column_names[4:9], strict=True):
        assert found[column].to_pylist() == attributes[name]
    assert found["spend"].to_pylist() == [Decimal(at) for at in range(20)]


def test_a_name_that_is_taken_twice_is_numbered(engine: Engine) -> None:
    found = table(engine, named("arm", "metric_arm"), {"metric_arm": ["7"] * 20})
    assert found.column_names[4:] == [
        "attribute_metric_arm", "metric_arm", "metric_metric_arm", "contacts",
    ]  # fmt: skip


def test_the_tier_stands_there_once_and_another_attribute_of_that_name_beside_it(
    engine: Engine,
) -> None:
    levels = {"tier": ["best", "rest"] * 10}
    once = table(engine, named("spend"), levels, tier="tier")
    assert once.column_names[2:] == ["tier", "enrolled_at", "spend", "contacts"]
    beside = table(engine, named("spend"), levels)
    assert beside["tier"].null_count == 20
    assert beside["attribute_tier"].to_pylist() == levels["tier"]


def test_a_veiled_table_has_no_outcome_and_the_same_names(engine: Engine) -> None:
    attributes = {"spend": ["7"] * 20, "contacts": ["8"] * 20}
    veiled = table(engine, named("spend"), attributes, as_of=END)
    assert veiled.column_names == [
        "customer", "arm", "tier", "enrolled_at", "attribute_spend", "attribute_contacts",
    ]  # fmt: skip
    assert veiled["attribute_spend"].to_pylist() == [7] * 20
