"""What a design does to the outlook, in sentences."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from experiments.errors import Undefined
from experiments.pilot import Costs, Metric
from experiments.plan.baseline import Baseline, Clusters
from experiments.plan.break_even import BreakEven, Costing
from experiments.plan.horizon import horizon_break_even
from experiments.plan.looking import Looking
from experiments.plan.outlook import Outlook, outlook
from experiments.plan.trial import Groups
from experiments.report.design_words import design_words, horizon_words
from experiments.report.outlook_words import outlook_details
from experiments.report.wording import Unit
from experiments.terms import DesignKind, Look, MetricKind
from tests.evidence import metric

USD = Unit.of_money("USD")
BASE = Baseline(mean=1.0, sd=4.0)
PAYS_FROM = BreakEven(
    Costing(Costs(cost_per_treated=Decimal("0.10")), months=1.0), money_per_unit=0.5
)


def planned(base: Baseline = BASE, **more: Any) -> Outlook:
    return outlook(
        Groups(control=0.5, treatments=(0.5,)),
        **{
            "kind": MetricKind.MEAN,
            "baseline": base,
            "customers": 2_000,
            "pays_from": PAYS_FROM,
            "effect": 0.8,
            "days": 31,
            **more,
        },
    )


@pytest.mark.parametrize(
    ("months", "lasts"),
    [(0, "if the effect ends with the window"), (5, "goes on for 5 months after the window")],
)
def test_the_horizon_says_what_lasts(months: int, lasts: str) -> None:
    over = horizon_break_even(PAYS_FROM, window_months=1, persistence_months=months)
    said = horizon_words(planned(over_horizon=over), USD)
    assert said.startswith("In money of today, at 10 % a year, it pays from 0.")
    assert lasts in said
    assert horizon_words(planned(), USD) == ""


def test_a_guardrail_says_how_many_customers_it_takes() -> None:
    shown = Metric.model_validate(
        metric("complaint", role="guardrail", kind="rate", tolerance="0.02", direction="down")
    )
    lines = {}
    for customers in (2_000, 90_000):
        found = planned(customers=customers, guardrails=((shown, Baseline.of_rate(0.1)),))
        details = outlook_details(found, unit=USD, guardrails=True)
        lines[customers] = next(line.text for line in details if line.label == "complaint")
    assert "2,000 customers show with a chance of 3" in lines[2_000]
    assert "With 7," in lines[2_000]
    assert lines[90_000].endswith("no worse than the tolerance.")
    unknown = planned(guardrails=((shown, Undefined("nobody said")),))
    details = outlook_details(unknown, unit=USD, guardrails=True)
    assert "not known: nobody said." in next(d.text for d in details if d.label == "complaint")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (planned(), []),
        (
            planned(replace(BASE, clusters=Clusters(size=20)), design=DesignKind.CLUSTERED),
            [
                "20.0 customers a cluster with an intraclass correlation of 0.05 (assumed) take "
                "1.95 times the customers."
            ],
        ),
        (
            planned(replace(BASE, effective_share=0.4), design=DesignKind.SUPPLIED),
            ["Weighting supplied lists leaves 40% of the control group's size."],
        ),
        (
            planned(replace(BASE, response_rate=0.25), kind=MetricKind.LATEST),
            ["A score is given by 25% of customers."],
        ),
        (planned(replace(BASE, explained=0.3)), ["Strata explain 30% of what is left."]),
    ],
)
def test_the_design_says_what_it_assumes(found: Outlook, said: list[str]) -> None:
    assert design_words(found) == said


def test_looks_say_what_they_cost() -> None:
    looks = Looking(look=Look.GROUP_SEQUENTIAL, fractions=(0.2, 0.4, 0.6, 0.8, 1.0))
    assert design_words(planned(looking=looks)) == [
        "Looking 5 times, evenly spaced, takes 2 % more customers than looking once."
    ]
    (any_day,) = design_words(planned(looking=Looking(look=Look.ALWAYS_VALID)))
    assert any_day.startswith("Looking on any day takes ")
    assert design_words(planned(looking=Looking(look=Look.GROUP_SEQUENTIAL))) == []


def test_nothing_is_said_of_a_design_while_customers_are_unknown() -> None:
    missing = Undefined("nobody said")
    assert design_words(planned(BASE, baseline=missing)) == []
