"""Segments, treatments among each other and details, in the result and in the report."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from experiments.analyse.analysis import Analysis
from experiments.decide.verdict import decide
from experiments.engines.engine import Engine, open_engine
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.report.build import build_report
from experiments.report.report import PilotReport
from tests.analyse.test_estimates import said
from tests.company import analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, analysed, metric, plan_of, veiled_analysis


def rich(*, treatments: tuple[str, ...] = (TREATMENT,)) -> tuple[Plan, Analysis]:
    """Two primaries and a secondary in two levels, one more of which the control has none."""
    plan = plan_of(
        metrics=[
            metric("spend", role="primary", unit="EUR"),
            metric("orders", role="primary"),
            metric("visits"),
        ],
        design={"control": CONTROL, "treatments": list(treatments)},
    )
    arms: dict[str, Any] = {}
    levels: dict[str, list[str]] = {}
    for at, arm in enumerate((CONTROL, *treatments)):
        rng = np.random.default_rng([11, at])
        best = np.repeat([1.0, 0.0], 100)
        arms[arm] = {
            "spend": (rng.normal(20, 3, 200) + 4 * bool(at) * best).round(2),
            "orders": (rng.normal(5, 1, 200) + bool(at)).round(2),
            "visits": rng.normal(5, 1, 200).round(2),
        }
        levels[arm] = ["best"] * 100 + ["next"] * 100
    levels[TREATMENT][-2:] = ["new", "new"]
    return plan, analysed(plan, arms, segments={"tier": levels})


def report_of(plan: Plan, analysis: Analysis) -> PilotReport:
    return build_report(
        plan,
        analysis,
        decide(plan, analysis),
        registration=Registration.RETROSPECTIVE,
        left_out=0,
        assigned=False,
    )


def test_the_result_holds_segments_with_raw_and_pooled_effects() -> None:
    found = said(*rich())
    assert [(one["attribute"], one["metric"], one["tried"]) for one in found["segments"]] == [
        ("tier", "spend", 1),
        ("tier", "orders", 1),
    ]
    spend = found["segments"][0]
    assert spend["exploratory"] is True
    assert spend["interaction"]["p_value"] < 0.001
    assert spend["between_sd"] > 1
    best, following, new = spend["levels"]
    assert (best["level"], new["level"], following["level"]) == ("best", "new", "next")
    assert best["effect"]["low"] < best["pooled"]["value"] < best["effect"]["high"]
    reason = "the control group has no customer, and a variance needs at least 2"
    assert (new["effect"], new["pooled"]) == ({"undefined": reason}, {"undefined": reason})


def test_the_result_says_which_p_values_heed_the_other_metrics_and_whether_the_goal_moved() -> None:
    found = said(*rich())
    overall = {one["metric"]: one for one in found["estimates"] if one["segment"] is None}
    assert {
        name: (one["adjusted_p_value"]["method"], one["adjusted_p_value"]["family"])
        for name, one in overall.items()
    } == {"spend": ("holm", 2), "orders": ("holm", 2), "visits": ("benjamini-hochberg", 1)}
    assert [one["exploratory"] for one in overall.values()] == [False, False, True]
    levels = [one for one in found["estimates"] if one["segment"] is not None]
    assert {(one["adjusted_p_value"], one["exploratory"]) for one in levels} == {(None, True)}
    assert found["verdict"]["goal_moved"] == "yes"


def test_the_result_reads_d_as_a_bet() -> None:
    verdict = said(*rich())["verdict"]
    assert verdict["probability_of_loss"] + verdict["probability_of_profit"] == pytest.approx(1)
    assert 0 <= verdict["expected_loss"] < 1e-6


def test_treatments_among_each_other_are_labelled_exploratory() -> None:
    plan, analysis = rich(treatments=(TREATMENT, "called"))
    found = said(plan, analysis)["between_treatments"]
    assert [(one["metric"], one["treatment"], one["control"]) for one in found] == [
        (name, "called", TREATMENT) for name in ("spend", "orders", "visits")
    ]
    assert {one["exploratory"] for one in found} == {True}
    captions = [table.caption for table in report_of(plan, analysis).numbers.tables]
    assert captions[-1].startswith("Treatments among each other: exploratory")


def test_details_are_numbers_reasons_or_nothing() -> None:
    found = said(*rich())["details"]
    assert {one["name"] for one in found} >= {"student", "lift_delta", "msprt"}
    for one in found:
        assert set(one) == {
            *("metric", "treatment", "name", "value", "low", "high", "p_value", "note")
        }


def test_the_report_shows_the_pooled_effect_beside_the_raw_one_and_says_the_interaction() -> None:
    report = report_of(*rich())
    (tier,) = report.segments
    assert "1 attribute looked at" in tier.lead
    spend, orders, visits = tier.tables
    assert spend.heads[spend.heads.index("Effect") + 1] == "Pooled effect"
    assert "differs between levels more than chance explains" in spend.caption
    assert "Chance may explain all differences" in orders.caption
    assert visits.caption == "visits"
    assert "Pooled effect" not in visits.heads
    pooled = [row[spend.heads.index("Pooled effect")] for row in spend.rows]
    assert pooled[2] == "–"
    assert all("EUR" in text for text in pooled[:2])
    assert all(len(row) == len(spend.heads) == len(spend.numeric) for row in spend.rows)


def test_the_report_reads_several_metrics_together() -> None:
    table = report_of(*rich()).numbers.tables[1]
    assert "Every other primary moved as it should." in table.caption
    assert [row[0] for row in table.rows] == ["spend", "orders"]


def test_a_veiled_result_holds_none_of_it() -> None:
    plan, _ = rich()
    found = said(plan, veiled_analysis(plan))
    assert (found["segments"], found["details"], found["between_treatments"]) == ([], [], [])
    assert found["verdict"]["goal_moved"] is None
    assert "undefined" in found["verdict"]["expected_loss"]


@pytest.fixture(scope="module")
def engine() -> Any:
    with open_engine(threads=1) as opened:
        yield opened


def test_strata_of_the_plan_reach_the_details_of_a_rate(engine: Engine) -> None:
    """By hand: 3 of 4 against 1 of 4 in one stratum, 2 of 4 against 1 of 4 in the other."""
    plan = plan_of(
        metrics=[metric("buy", role="primary", kind="rate")],
        design={"control": CONTROL, "treatments": [TREATMENT], "strata": ["city", "age"]},
        value={"metric": "buy", "margin_rate": None, "value_per_unit": 10},
    )
    arms = ([TREATMENT] * 4 + [CONTROL] * 4) * 2
    cities, ages = ["x"] * 8 + ["y"] * 8, ["30"] * 16
    enrolment = enrolment_of(arms, {"city": cities, "age": ages})
    buyers = [0, 1, 2, 4, 8, 9, 12]
    behavior = behavior_of([(at, "buy", date(2026, 3, 9), 1) for at in buyers])
    analysis = analysis_by_engine(engine, plan, behavior=behavior, enrolment=enrolment)
    assert analysis.evidence is not None
    strata = analysis.evidence.everybody.by_stratum
    assert {name: {arm: sums.n for arm, sums in one.items()} for name, one in strata.items()} == {
        "x / 30": {CONTROL: 4, TREATMENT: 4},
        "y / 30": {CONTROL: 4, TREATMENT: 4},
    }
    found = {one["name"]: one for one in said(plan, analysis)["details"]}
    ratio = (3 * 3 / 8 + 2 * 3 / 8) / (1 * 1 / 8 + 2 * 1 / 8)
    assert found["mantel_haenszel_odds_ratio"]["value"] == pytest.approx(ratio)
