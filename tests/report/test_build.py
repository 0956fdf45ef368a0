"""The report of pilots that went well, badly, or nowhere."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from experiments.analyse.analysis import Analysis
from experiments.decide.verdict import decide
from experiments.engines.warehouse import Snapshot
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.record.recording import Receipt
from experiments.report.build import behavior_sentence, build_report
from experiments.report.report import PilotReport, Tone
from tests.evidence import (
    CONTROL,
    SPLIT_FAILED,
    TREATMENT,
    Columns,
    analysed,
    analysis_of,
    evidence_of,
    plan_of,
    veiled_analysis,
)
from tests.report.test_result import drawn, rich, rich_plan


def built(plan: Plan, analysis: Analysis, **given: Any) -> PilotReport:
    asked: dict[str, Any] = {
        "registration": Registration.PROSPECTIVE,
        "left_out": 0,
        "assigned": True,
        **given,
    }
    return build_report(plan, analysis, decide(plan, analysis), **asked)


def test_a_proof_has_three_figures_with_intervals_and_a_chart() -> None:
    report = built(*rich())
    assert report.verdict.word == "✓ Proved"
    assert [figure.label for figure in report.figures] == [
        "Net of program cost",
        "Return on cost",
        "Effect on spend",
    ]
    assert all(" to " in figure.interval for figure in report.figures)
    assert report.figures[1].note == "net as a share of the cost of the pilot"
    assert report.effects is not None
    assert [row.label for row in report.effects.rows] == ["spend", "visit"]
    assert [row.headline for row in report.effects.rows] == [True, False]
    assert report.effects.title.endswith("“mailed” pays from 0.10 EUR")
    assert report.other_verdicts == ()
    assert report.segments[0].title == "By tier"


def test_a_small_break_even_is_not_rounded_to_nothing() -> None:
    plan = rich_plan(value={"cost_per_treated": "0.002"})
    analysis = analysed(plan, drawn())
    report = built(plan, analysis)
    assert report.effects is not None
    assert report.effects.title.endswith("pays from 0.0020 EUR")


def test_a_unit_with_a_bracket_keeps_it() -> None:
    plan = plan_of(metrics=[{**rich_plan().metrics[0].model_dump(), "unit": "EUR (net)"}])
    report = built(plan, analysed(plan, drawn()))
    assert report.figures[2].value.endswith(" EUR (net)")


def test_a_veiled_report_shows_no_outcome() -> None:
    plan = rich_plan()
    report = built(plan, veiled_analysis(plan))
    assert report.verdict.word == "▒ Veiled until 1 April 2026"
    assert (report.figures, report.effects, report.over_time) == ((), None, None)
    assert (report.money, report.segments, report.numbers.tables) == ((), (), ())
    assert report.done[-1].text == "Not yet; outcomes are veiled"


def test_an_invalid_report_labels_its_numbers() -> None:
    plan = rich_plan()
    analysis = analysis_of(plan, evidence_of(plan, drawn()), checks=[SPLIT_FAILED])
    report = built(plan, analysis)
    assert report.verdict.word == "! Invalid"
    assert report.figures
    assert all("not valid" in figure.note for figure in report.figures)
    assert report.effects is not None
    assert report.effects.title.startswith("Not valid, because a check failed:")
    assert report.checks_line == "1 failed (split)"
    assert report.checks[0].tone is Tone.BAD


def test_an_effect_that_cannot_be_computed_is_said_and_not_drawn() -> None:
    plan = plan_of()
    arms: dict[str, Columns] = {arm: {"spend": [0.0] * 30} for arm in (TREATMENT, CONTROL)}
    report = built(plan, analysed(plan, arms))
    assert report.verdict.word == "◦ Not proved"
    assert (report.figures, report.effects, report.money) == ((), None, ())
    (row,) = report.numbers.tables[0].rows
    assert "not defined: within each group all customers have the same value" in row


def test_several_treatments_have_a_verdict_each() -> None:
    report = built(
        *rich(design={"treatments": ["A", "B"]}), registration=Registration.RETROSPECTIVE
    )
    named = [report.verdict, *report.other_verdicts]
    assert sorted(line.treatment for line in named) == ["A", "B"]
    assert report.effects is not None
    assert [row.label for row in report.effects.rows] == [
        "spend, A",
        "spend, B",
        "visit, A",
        "visit, B",
    ]
    assert len(report.numbers.tables) == 3
    assert len(report.money) == 2
    assert report.registration.startswith("Retrospective")


def test_both_bases_are_shown_and_the_deciding_one_first() -> None:
    plan, analysis = rich(value={"rollout": {"customers": 1000}, "hurdle_rate": "0.2"})
    report = built(plan, analysis)
    assert [money.decides for money in report.money] == [True, False]
    for money in report.money:
        margin, cost, net, hurdle, d = (step.amount for step in money.steps)
        assert net == pytest.approx(margin + cost)
        assert d == pytest.approx(net + hurdle)


@pytest.mark.parametrize(("cost", "chance"), [("0.1", "< 0.1 %"), ("50", "> 99.9 %")])
def test_a_loss_is_never_certain_nor_impossible(cost: str, chance: str) -> None:
    plan = plan_of(value={"cost_per_treated": cost})
    (money,) = built(plan, analysed(plan, drawn())).money
    assert [line.text for line in money.lines if line.label == "Probability of a loss"] == [chance]


def test_names_survive_as_they_are() -> None:
    hostile = "<script>\"A\" & 'B'</script>"
    plan = rich_plan(design={"treatments": [hostile]})
    report = built(plan, analysed(plan, drawn((hostile, CONTROL))))
    assert hostile in report.verdict.sentence
    assert hostile in report.done[0].text


def receipt(**given: Any) -> Receipt:
    counts = {
        "counted": 0, "accepted": 0, "rejected": 0, "entries": 0, "repeated": 0, "rounded": 0,
        "blank": 0, "unmatched": 0,
    }  # fmt: skip
    return Receipt(
        **{"batch_no": 1, "file": "b.csv", "first": None, "last": None, "measures": {},
           "rejects": (), **counts, **given}
    )  # fmt: skip


def test_what_was_done_says_what_the_files_brought() -> None:
    plan, analysis = rich()
    more = receipt(accepted=1, entries=1)
    some = receipt(
        accepted=48_209, entries=96_419, rejected=12, repeated=3, rounded=31, unmatched=5
    )
    line = built(plan, analysis, receipts=[some, more]).done[4]
    assert (line.label, line.text) == (
        "Behavior",
        "48,210 rows taken in as 96,420 entries, 12 refused, 3 repeated, 31 rounded; "
        "5 entries of customers outside the pilot",
    )
    assert behavior_sentence([more]) == "1 row taken in as 1 entry, none refused"
    mended = receipt(accepted=1, entries=1, withdrawn={"orders": 2, "spend": 1})
    assert behavior_sentence([more, mended]) == (
        "2 rows taken in as 2 entries, none refused, 3 entries withdrawn by corrections"
    )
    assert "Behavior" not in [line.label for line in built(plan, analysis).done]


def test_what_was_done_names_the_tables_of_a_warehouse() -> None:
    plan, analysis = rich()
    table = Snapshot(
        Path("t.parquet"), "postgresql://db.example.com/crm", "crm.events", 58_605,
        ("margin", "orders"), date(2025, 12, 1), date(2026, 3, 31), "3f0c",
    )  # fmt: skip
    report = built(plan, analysis, sources=[table])
    assert (report.done[4].label, report.done[4].text) == (
        "Warehouse",
        "58,605 rows of table crm.events in postgresql://db.example.com/crm, from 1 December 2025 "
        "to 31 March 2026 (margin, orders); read where they lie, and not kept",
    )
    assert ("Table crm.events", "3f0c") in [(one.label, one.text) for one in report.fingerprints]


def test_what_was_done_says_how_groups_were_chosen() -> None:
    plan, analysis = rich(design={"seed": 7})
    assert built(plan, analysis).done[3].text == "Drawn by Pilotbook with seed 7"
    supplied = built(plan, analysis, assigned=False, left_out=12)
    assert "came with the customer file" in supplied.done[3].text
    assert supplied.done[1].text == (
        "160 customers: 80 in “held out”, 80 in “mailed”; "
        "12 customers of other groups were left out"
    )


def test_a_cost_of_several_parts_names_them() -> None:
    plan = rich_plan(value={"cost_per_treated": 2, "cost_fixed": 500})
    report = built(plan, analysed(plan, drawn()))
    line = next(line for line in report.money[0].lines if line.label == "Program cost per customer")
    assert line.text.endswith(" EUR, from 2.00 EUR per treated customer and 500.00 EUR once")


def test_page_one_says_that_whole_clusters_were_assigned() -> None:
    plan = plan_of(design={"kind": "clustered", "cluster": "branch"})
    done = {line.label: line.text for line in built(plan, veiled_analysis(plan)).done}
    assert done["How chosen"].endswith("customers of the same branch are always in the same group")
