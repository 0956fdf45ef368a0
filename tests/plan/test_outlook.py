"""The numbers beside a plan: together, and as far as a draft has them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from experiments.errors import Undefined
from experiments.pilot import Costs, Plan, Window
from experiments.plan.baseline import Baseline, Clusters
from experiments.plan.break_even import BreakEven, Costing, break_even_of
from experiments.plan.guardrail_power import Tolerance, guardrail_power
from experiments.plan.horizon import horizon_break_even_of
from experiments.plan.outlook import Outlook, duration, outlook, outlook_of
from experiments.plan.power import Groups, Trial, customers_needed, detectable_effect, power
from experiments.terms import Direction, MetricKind
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


GUARDRAIL = {"role": "guardrail", "kind": "rate", "tolerance": "0.02"}


def guarded(**design: object) -> Plan:
    return plan_of(
        design=design,
        metrics=[
            metric(name, window={"days": [0, 14]}, **given)
            for name, given in (
                ("spend", {"role": "primary"}),
                ("complaint", {**GUARDRAIL, "direction": "down"}),
                ("visit", GUARDRAIL),
            )
        ],
    )


def test_guardrails_are_shown_to_be_kept_or_not_known() -> None:
    known = Baseline.of_rate(0.1)
    found = outlook_of(guarded(), BASE, customers=900, guardrail_baselines={"complaint": known})
    assert isinstance(found, Outlook)
    complaint, visit = found.guardrails
    trial = Trial(kind=MetricKind.RATE, baseline=known, groups=HALVES)
    assert complaint.power == guardrail_power(
        trial, customers=900, tolerance=Tolerance(accepted=0.02, direction=Direction.DOWN)
    )
    assert isinstance(visit.power, Undefined)


def test_a_clustered_plan_needs_to_know_its_clusters() -> None:
    made = guarded(kind="clustered", cluster="branch")
    missing = outlook_of(made, BASE, customers=900)
    assert isinstance(missing, Undefined)
    assert "cluster" in missing.reason
    alike = replace(BASE, clusters=Clusters(size=10, icc=0.1))
    found = outlook_of(made, alike, customers=900, effect=2.0)
    plain = outlook_of(guarded(), alike, customers=900, effect=2.0)
    assert isinstance(found, Outlook)
    assert isinstance(plain, Outlook)
    assert found.to_prove.power < plain.to_prove.power  # type: ignore[operator]


def test_supplied_lists_are_planned_at_a_stated_loss_of_size() -> None:
    known = replace(BASE, effective_share=0.4)
    assert isinstance(outlook_of(guarded(kind="supplied"), known, customers=900), Outlook)


def test_looks_of_a_plan_lower_its_power() -> None:
    looks = {"look": "group_sequential", "looks": ["2026-03-10", "2026-03-31"]}
    powers = []
    for design in ({}, looks, {"look": "always_valid"}):
        found = outlook_of(guarded(**design), BASE, customers=900, effect=1.0)
        assert isinstance(found, Outlook)
        powers.append(found.to_prove.power)
    assert powers[0] > powers[1] > powers[2]  # type: ignore[operator]


def test_customers_who_arrive_day_by_day_make_the_pilot_longer() -> None:
    made = plan_of(metrics=[metric("spend", role="primary", window={"days": [0, 14]})])
    found = outlook_of(made, BASE, customers=900, customers_per_day=100)
    assert isinstance(found, Outlook)
    assert found.days == 9 - 1 + 14
    never = outlook_of(made, BASE, customers=900, customers_per_day=0)
    assert isinstance(never, Outlook)
    assert isinstance(never.days, Undefined)


def test_the_horizon_has_a_break_even_of_its_own() -> None:
    found = outlook_of(plan_of(value={"persistence_months": 5}), BASE, customers=900)
    assert isinstance(found, Outlook)
    assert found.break_even_horizon < found.break_even  # type: ignore[operator]
    assert isinstance(draft().break_even_horizon, Undefined)
