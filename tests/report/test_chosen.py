"""A report on groups that people chose, and on customers who really got the program."""

import math
from dataclasses import replace

import pytest

from experiments.analyse.received import Received, WithoutCrossovers
from experiments.decide.verdict import Reason, Status, decide
from experiments.errors import Undefined
from experiments.plan.registration import Registration
from experiments.report.build import build_report
from experiments.report.chosen_words import chosen_words
from experiments.report.html import render_html
from experiments.report.received import received_as_json, received_table
from experiments.report.result import result
from experiments.report.sentences import in_full, verdict_line
from experiments.stats.compliers import ReceiptEffect, Whom
from experiments.stats.estimate import Difference, Interval
from experiments.stats.evalue import EValue
from tests.decide.test_chosen import CHOSEN, analysed
from tests.evidence import TREATMENT

PROSPECTIVE = Registration.PROSPECTIVE


def test_a_supported_program_is_said_to_be_no_proof() -> None:
    verdict = decide(CHOSEN, analysed(CHOSEN, effect=2.0)).deciding
    said = in_full(verdict_line(CHOSEN, verdict, PROSPECTIVE))
    assert said.startswith(f"“{TREATMENT}” seems to pay; people chose who got it")
    assert "than control customers weighted to be like them" in said
    assert "An unknown cause would have to be" in said
    assert "before a full roll-out" in said
    assert "control group" not in said


def test_the_strength_of_an_unknown_cause_is_said_in_times() -> None:
    verdict = decide(CHOSEN, analysed(CHOSEN, effect=2.0)).deciding
    said = chosen_words(CHOSEN, replace(verdict, e_value=EValue(2.34, 1.21, 1.6)))
    assert "2.3 times as frequent" in said
    assert "1.2 times would leave it open" in said
    assert "unknown cause" not in chosen_words(CHOSEN, replace(verdict, e_value=Undefined("-")))


@pytest.mark.parametrize("pre_periods", [0, 2])
def test_a_short_past_is_named(pre_periods: int) -> None:
    verdict = decide(CHOSEN, analysed(CHOSEN, effect=2.0, pre_periods=pre_periods)).deciding
    assert verdict.reason is Reason.FEW_PRE_PERIODS
    for one in (verdict, replace(verdict, value=Undefined("there is no past"))):
        said = in_full(verdict_line(CHOSEN, one, PROSPECTIVE))
        assert "fewer than 3 periods back" in said
        assert "random draw needs no past" in said


def test_a_plain_comparison_that_says_otherwise_is_named_for_what_it_is() -> None:
    analysis = analysed(CHOSEN, effect=0.0)
    plain, weighted = analysis.estimates
    assert isinstance(plain.difference, Difference)
    apart = replace(plain.difference, value=9.0, low=8.0, high=10.0)
    shifted = replace(plain, difference=apart)
    decision = decide(CHOSEN, replace(analysis, estimates=(shifted, weighted)))
    said = in_full(verdict_line(CHOSEN, decision.deciding, PROSPECTIVE))
    assert "Not weighted, a customer brings" in said
    assert "customers who were not alike before" in said


def test_result_and_report_tell_weighted_from_unlike_groups() -> None:
    analysis = analysed(CHOSEN, effect=2.0)
    decision = decide(CHOSEN, analysis)
    found = result(
        CHOSEN,
        analysis,
        decision,
        registration=PROSPECTIVE,
        sentences={TREATMENT: ""},
    )
    assert [(one["method"], one["headline"], one["comparable"]) for one in found["estimates"]] == [
        ("welch", False, False),
        ("did", True, True),
    ]
    assert set(found["verdict"]["e_value"]) == {"estimate", "limit"}
    assert found["verdict"]["status"] == Status.SUPPORTED.value
    report = build_report(
        CHOSEN, analysis, decision, registration=PROSPECTIVE, left_out=0, assigned=False
    )
    methods = [row[2] for row in report.numbers.tables[0].rows]
    assert methods == ["Welch; groups not comparable", "weighted, changes (DiD)"]
    assert report.numbers.lead.startswith("People chose the groups.")
    assert any(line.text.startswith("People chose") for line in report.done)
    assert "seems to pay" in render_html(report)


def test_the_effect_on_those_who_got_it_stands_beside_and_says_whose_it_is() -> None:
    analysis = analysed(CHOSEN, effect=2.0)
    effect = ReceiptEffect(
        whom=Whom.COMPLIERS,
        value=3.5,
        interval=Interval(2.5, 4.5),
        p_value=0.001,
        se=0.5,
        offer_effect=2.0,
        receipt_difference=0.57,
        first_stage_f=143.0,
    )
    dropped = WithoutCrossovers(
        difference=Undefined("a group has no customer left"),
        treatment_left_out=20,
        control_left_out=1,
    )
    beside = Received(TREATMENT, "spend", Whom.COMPLIERS, effect, dropped)
    alone = Received("called", "spend", Whom.TREATED, replace(effect, first_stage_f=math.inf))
    weak = Received("texted", "spend", Whom.TREATED, Undefined("too weak"))
    open_ended = Received(
        "rung", "spend", Whom.TREATED, replace(effect, interval=Undefined("not finite"))
    )
    known = replace(analysis, received=(beside, alone, weak, open_ended))
    (table,) = received_table(CHOSEN, known)
    assert "as a rule upward" in table.caption
    assert [row[:4] for row in table.rows] == [
        (TREATMENT, "Effect on compliers", "+3.5 EUR (+2.5 to +4.5)", "143"),
        (
            TREATMENT,
            "Crossovers left out (biased)",
            "not defined: a group has no customer left",
            "–",
        ),
        ("called", "Effect on the treated", "+3.5 EUR (+2.5 to +4.5)", "–"),
        ("texted", "Effect on the treated", "not defined: too weak", "–"),
        ("rung", "Effect on the treated", "not defined: not finite", "143"),
    ]
    assert "1 control customer who did" in table.rows[1][4]
    assert received_table(CHOSEN, analysis) == []
    read = [received_as_json(one) for one in known.received]
    assert (read[0]["whom"], read[0]["value"], read[0]["low"]) == ("compliers", 3.5, 2.5)
    assert read[0]["without_crossovers"]["expected_bias"] == "upward"
    assert read[2]["first_stage_f"] == {"undefined": "too weak"}
    assert read[3]["high"] == {"undefined": "not finite"}
