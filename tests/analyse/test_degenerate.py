"""Data that hold no answer give a reason or a labelled result: no crash, no invented number.

Every kind of metric, in every design and look, over arms that are empty, of one customer, without
spread, all zero, negative, explained entirely by a covariate, or with a segment of one arm only.
"""

import json
import math
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from experiments.analyse.analysis import Analysis
from experiments.decide.verdict import Status, decide
from experiments.engines.engine import Engine
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.report.build import build_report
from experiments.report.plain import as_json
from experiments.report.result import result
from experiments.stats.estimate import Difference
from tests.company import Row, analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, metric, plan_of

START = date(2026, 3, 1)
WEEK = {"window": {"days": [0, 7]}}
MONEY = metric("spend", unit="EUR", role="primary", covariates=["age"], **WEEK)
KINDS = (
    MONEY,
    metric("orders", kind="count", **WEEK),
    metric("bought", kind="rate", measure="orders", **WEEK),
    metric("basket", kind="ratio", measure="spend", denominator="orders", **WEEK),
    metric("kept", kind="retention", measure="orders", active_days=3, **WEEK),
    metric("items", kind="breadth", measure="orders", **WEEK),
    metric("score", kind="latest", **WEEK),
    metric("cut", measure="spend", cap={"percentile": 90}, **WEEK),
    metric("safe", kind="rate", measure="orders", role="guardrail", tolerance="0.02", **WEEK),
    metric("safer", measure="spend", role="guardrail", tolerance_relative="0.05", **WEEK),
)
LOOKS: dict[str, dict[str, Any]] = {
    "fixed": {},
    "sequential": {
        "look": "group_sequential",
        "looks": [date(2026, 3, 5), date(2026, 3, 12)],
        "futility": "obrien-fleming",
    },
    "always valid": {"look": "always_valid"},
    "clustered": {"kind": "clustered", "cluster": "branch"},
}
Amounts = dict[str, list[float]]
# Spend of each customer per arm; None stands for a customer without a row.
SHAPES: dict[str, Amounts] = {
    "no customer in control": {TREATMENT: [1.0, 2.0, 4.0], CONTROL: []},
    "no customer in treatment": {TREATMENT: [], CONTROL: [1.0, 2.0, 4.0]},
    "one customer each": {TREATMENT: [3.0], CONTROL: [2.0]},
    "two customers each": {TREATMENT: [3.0, 1.0], CONTROL: [2.0, 5.0]},
    "no spread": {TREATMENT: [2.0] * 30, CONTROL: [2.0] * 30},
    "no spread, two levels": {TREATMENT: [3.0] * 30, CONTROL: [2.0] * 30},
    "all zeros": {TREATMENT: [0.0] * 30, CONTROL: [0.0] * 30},
    "one buyer": {TREATMENT: [0.0] * 29 + [9.0], CONTROL: [0.0] * 30},
    "negative": {
        TREATMENT: [-1.0 - at for at in range(30)],
        CONTROL: [-2.0 - at for at in range(30)],
    },
    "sums to zero": {TREATMENT: [-1.0, 1.0] * 15, CONTROL: [-2.0, 2.0] * 15},
}


def analysed(engine: Engine, plan: Plan, arms: Amounts, *, explained: bool) -> Analysis:
    """Analyse the arms; `explained` says that the covariate is the outcome."""
    who = [arm for arm, amounts in arms.items() for _ in amounts]
    amounts = [amount for amounts in arms.values() for amount in amounts]
    rows: list[Row] = []
    for at, amount in enumerate(amounts):
        day = START + timedelta(days=at % 5)
        rows.append((at, "spend", day, amount))
        rows.append((at, "orders", day, float(amount != 0)))
        if amount > 0:
            rows.append((at, "score", day, amount))
    # Somebody outside the pilot keeps every measure from being silent.
    rows += [(0, name, START, 0.0) for name in ("score", "spend", "orders")]
    ages = [str(amount if explained else at % 7) for at, amount in enumerate(amounts)]
    return analysis_by_engine(
        engine,
        plan,
        behavior=behavior_of(rows),
        enrolment=enrolment_of(
            who,
            {
                "age": ages,
                "branch": [f"b{at % 4}" for at in range(len(who))],
                "only": [arm if at % 2 else "both" for at, arm in enumerate(who)],
            },
            enrolled_on=[START + timedelta(days=at % 3) for at in range(len(who))],
        ),
    )


FEW = ("no customer in control", "one customer each", "all zeros", "sums to zero")
CASES = [
    *(("fixed", shape, True) for shape in SHAPES),
    *(("clustered", shape, False) for shape in SHAPES),
    *((design, shape, True) for design in ("sequential", "always valid") for shape in FEW),
]


@pytest.mark.parametrize(("design", "shape", "explained"), CASES)
def test_no_crash_and_no_invented_number(
    engine: Engine, design: str, shape: str, explained: bool
) -> None:
    kinds = [kind for kind in KINDS if kind["kind"] != "breadth"]  # rows here name no item
    plan = plan_of(design=LOOKS[design], metrics=kinds, segments=[{"attribute": "only"}])
    found = analysed(engine, plan, SHAPES[shape], explained=explained)
    decision = decide(plan, found)
    told = result(
        plan, found, decision, registration=Registration.PROSPECTIVE, sentences={TREATMENT: ""}
    )
    text = as_json(told)
    assert "NaN" not in text
    assert all(math.isfinite(number) for number in _numbers(json.loads(text)))
    for estimate in found.estimates:
        difference = estimate.difference
        if isinstance(difference, Difference):
            assert difference.se > 0, estimate
            assert difference.low <= difference.value <= difference.high, estimate
            assert 0 <= difference.p_value <= 1, estimate
        else:
            assert isinstance(difference, Undefined)
            assert len(difference.reason) > 10
    if shape in ("all zeros", "no customer in control", "no customer in treatment"):
        assert decision.deciding.status in (Status.NOT_PROVED, Status.INVALID)
    build_report(
        plan,
        found,
        decision,
        registration=Registration.PROSPECTIVE,
        left_out=0,
        assigned=True,
    )


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _numbers(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)
