"""The numbers beside a plan: together, and as far as a draft has them."""

from datetime import date
from decimal import Decimal

import pytest

from experiments.errors import Undefined
from experiments.pilot import Costs, Window
from experiments.plan.baseline import Baseline
from experiments.plan.break_even import BreakEven, Costing, break_even_of
from experiments.plan.horizon import horizon_break_even_of
from experiments.plan.outlook import Outlook, duration, outlook, outlook_of
from experiments.plan.power import Groups, Trial, customers_needed, detectable_effect, power
from experiments.terms import MetricKind
from tests.evidence import metric, plan_of

HALVES = Groups(control=0.5, treatments=(0.5,))
BASE = Baseline(mean=1.0, sd=4.0)
PAYS_FROM = BreakEven(
    Costing(Costs(cost_per_treated=Decimal("0.10")), months=1.0), money_per_unit=0.5
)
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)


def draft(**given: object) -> Outlook:
    parts: dict[str, object] = {
        "kind": MetricKind.MEAN,
        "baseline": BASE,
        "customers": 2_000,
        "pays_from": PAYS_FROM,
        "effect": 0.8,
        "days": 31,
    }
    return outlook(HALVES, **{**parts, **given})  # type: ignore[arg-type]


def test_the_outlook_holds_the_numbers_of_power() -> None:
    trial = Trial(kind=MetricKind.MEAN, baseline=BASE, groups=HALVES)
    found = draft()
    assert (found.break_even, found.days) == (0.2, 31)
    assert found.to_prove.power == power(trial, customers=2_000, effect=0.8, pays_from=PAYS_FROM)
    assert found.to_prove.customers_needed == customers_needed(
        trial, effect=0.8, pays_from=PAYS_FROM
    )
    assert found.to_detect.power == power(trial, customers=2_000, effect=0.2)
    assert found.detectable_effect == detectable_effect(trial, customers=2_000, pays_from=PAYS_FROM)


def test_the_curve_holds_the_plan_and_what_is_needed() -> None:
    found = draft()
    points = {point.customers: point.power for point in found.to_prove.curve}
    assert points[2_000] == found.to_prove.power
    assert isinstance(found.to_prove.customers_needed, int)
    assert points[found.to_prove.customers_needed] >= 0.8
    assert list(points) == sorted(points)


def test_what_is_needed_far_beyond_the_plan_is_not_drawn() -> None:
    found = draft(customers=100)
    assert max(point.customers for point in found.to_prove.curve) == 150


def test_without_an_assumed_effect_break_even_is_the_one_to_detect() -> None:
    found = draft(effect=None)
    assert isinstance(found.to_prove.power, Undefined)
    assert "no effect is assumed" in found.to_prove.power.reason
    assert found.to_detect == draft().to_detect


def test_a_draft_without_baseline_still_has_break_even_and_duration() -> None:
    found = draft(baseline=Undefined("nobody said"))
    assert (found.break_even, found.days) == (0.2, 31)
    for part in (found.to_prove.power, found.to_detect.power, found.detectable_effect):
        assert part == Undefined("nobody said")


def test_a_draft_without_costs_says_so() -> None:
    missing = Undefined("no margin yet")
    found = draft(pays_from=missing)
    assert found.break_even == found.detectable_effect == found.to_prove.power == missing


def test_a_program_without_cost_has_nothing_to_detect() -> None:
    found = draft(pays_from=BreakEven(Costing(Costs(), months=1.0), money_per_unit=1))
    assert isinstance(found.to_detect.power, Undefined)
    assert "any gain pays" in found.to_detect.power.reason
    assert found.to_prove.power > 0.8  # type: ignore[operator]


def test_a_plan_gives_the_outlook_of_its_parts() -> None:
    made = plan_of(design={"shares": {"held out": "0.25", "mailed": "0.75"}})
    pays_from = break_even_of(made)
    assert isinstance(pays_from, BreakEven)
    groups = Groups(control=0.25, treatments=(0.75,))
    expected = outlook(
        groups,
        kind=MetricKind.MEAN,
        baseline=BASE,
        customers=900,
        pays_from=pays_from,
        effect=0.5,
        days=31,
        over_horizon=horizon_break_even_of(made),
    )
    assert outlook_of(made, BASE, customers=900, effect=0.5) == expected


def test_a_design_of_another_kind_is_not_planned() -> None:
    found = outlook_of(plan_of(design={"kind": "supplied"}), BASE, customers=900)
    assert isinstance(found, Undefined)


@pytest.mark.parametrize(
    ("windows", "enrolled", "days"),
    [
        ([None], None, 31),
        ([Window(days=(0, 14))], None, 14),
        ([Window(days=(3, 14))], date(2026, 3, 11), 24),
        ([Window(days=(0, 14)), None, Window(days=(0, 40))], None, 40),
    ],
)
def test_the_last_window_ends_the_pilot(
    windows: list[Window | None], enrolled: date | None, days: int
) -> None:
    found = duration(windows, starts_on=FIRST, ends_on=LAST, last_enrolled_on=enrolled)
    assert found == days


def test_the_duration_is_the_analysis_own_last_day() -> None:
    made = plan_of(metrics=[metric("spend", role="primary", window={"days": [0, 45]})])
    found = outlook_of(made, BASE, customers=900)
    assert isinstance(found, Outlook)
    assert found.days == 45


def test_a_draft_without_days_has_no_duration() -> None:
    assert isinstance(duration([None], starts_on=LAST, ends_on=FIRST), Undefined)
    assert isinstance(duration([], starts_on=FIRST, ends_on=LAST), Undefined)
