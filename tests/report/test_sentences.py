"""The three sentences of a verdict: what is so, why, and what to do."""

from dataclasses import replace
from typing import Any

import pytest

from experiments.analyse.estimate import Method
from experiments.decide.guardrails import Guardrail, Safety
from experiments.decide.more_data import MoreData
from experiments.decide.verdict import OtherReading, Reason, Status, Verdict
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.report.sentences import in_full, verdict_line
from experiments.stats.estimate import Interval
from experiments.terms import Basis, VerdictOn
from experiments.value.contrast import Reading, Value
from tests.evidence import TREATMENT, metric, plan_of

VALUE = Value(
    treatment=TREATMENT,
    basis=Basis.PILOT,
    customers=1000,
    margin=Reading(0.346, 0.219, 0.473),
    cost=0.1,
    contrast=Reading(0.246, 0.119, 0.373),
    contrast_se=0.065,
    net=Reading(246.0, 119.0, 373.0),
    roi=Reading(2.46, 1.19, 3.73),
    probability_of_loss=0.0001,
    probability_of_profit=0.9999,
    expected_loss=0.000001,
    break_even=0.1,
    control_group_cost=246.0,
)
PROVED = Verdict(
    treatment=TREATMENT,
    status=Status.PROVED,
    reason=None,
    basis=Basis.PILOT,
    verdict_on=VerdictOn.OBSERVED,
    value=VALUE,
    careful_interval=None,
    other_reading=None,
    unbiased=None,
    goal_moved=None,
    guardrails=(),
    more_data=None,
    failed=(),
    veiled_until=None,
    veil="",
)
UNCLEAR = replace(
    PROVED,
    status=Status.NOT_PROVED,
    reason=Reason.INTERVAL,
    value=replace(VALUE, margin=Reading(0.02, -0.3, 0.34), contrast=Reading(-0.08, -0.4, 0.24)),
    more_data=MoreData(20_000, Undefined("the observed effect does not pay")),
)


def said(verdict: Verdict, plan: Plan | None = None, *, late: bool = False) -> str:
    registration = Registration.RETROSPECTIVE if late else Registration.PROSPECTIVE
    return in_full(verdict_line(plan or plan_of(), verdict, registration))


def test_a_proof_says_that_it_pays_how_much_and_what_to_do() -> None:
    assert said(PROVED) == (
        "“mailed” pays. Each customer assigned to it brought 0.35 EUR more margin than the control "
        "group (0.22 to 0.47) for 0.10 EUR of cost. Roll it out, and keep a holdback group to "
        "check the promise. The plan was frozen before any outcome (prospective)."
    )


def test_a_late_proof_does_not_open_the_gate() -> None:
    assert said(PROVED, late=True).endswith(
        "Before a roll-out, repeat it as a planned pilot or have an executive sign a waiver: the "
        "plan was written after the outcome (retrospective)."
    )


@pytest.mark.parametrize(
    ("margin", "words"),
    [
        (Reading(-0.3, -0.5, -0.1), "0.30 EUR less margin than the control group (0.10 to 0.50)"),
        (
            Reading(0.02, -0.3, 0.34),
            "0.02 EUR more margin than the control group (from 0.30 less to 0.34 more)",
        ),
        (
            Reading(-0.05, -0.4, 0.3),
            "0.05 EUR less margin than the control group (from 0.40 less to 0.30 more)",
        ),
        (Reading(0.2, 0.0, 0.4), "0.20 EUR more margin than the control group (0.00 to 0.40)"),
    ],
)
def test_a_margin_says_its_side(margin: Reading, words: str) -> None:
    assert words in said(replace(PROVED, value=replace(VALUE, margin=margin)))


def test_doubt_is_said_plainly() -> None:
    assert said(UNCLEAR) == (
        "We cannot tell yet whether “mailed” pays. Each customer assigned to it brought 0.02 EUR "
        "more margin than the control group (from 0.30 less to 0.34 more) for 0.10 EUR of cost. "
        "After its cost that is −0.08 EUR (−0.40 to 0.24) a customer, so that it may be a gain or "
        "a loss. Do not roll it out yet; a new pilot needs about 20,000 customers in the treatment "
        "group to see an effect as large as break-even. The plan was frozen before any outcome "
        "(prospective)."
    )


def test_a_new_pilot_smaller_than_this_one_is_not_advised() -> None:
    verdict = replace(UNCLEAR, more_data=MoreData(400, 5000))
    assert "needs about 5,000 customers in the treatment group if the effect is as observed" in (
        said(verdict)
    )
    verdict = replace(UNCLEAR, more_data=MoreData(400, Undefined("it does not pay")))
    assert "Do not roll it out on this evidence." in said(verdict)


@pytest.mark.parametrize(
    ("safety", "reason", "words"),
    [
        (
            Safety.WORSE,
            Reason.GUARDRAIL_WORSE,
            "“mailed” pays, but it harms what it must not harm.",
        ),
        (
            Safety.UNCLEAR,
            Reason.GUARDRAIL_UNCLEAR,
            "“mailed” pays, but we cannot tell yet whether it does harm.",
        ),
    ],
)
def test_a_guardrail_is_named(safety: Safety, reason: Reason, words: str) -> None:
    rails = [
        Guardrail("returns", TREATMENT, safety, Interval(0, 1), 0.5, False, Interval(-0.5, 0.5)),
        Guardrail(
            "calls",
            TREATMENT,
            Safety.NON_INFERIOR,
            Interval(0, 0.1),
            0.5,
            False,
            Interval(-0.5, -0.4),
        ),
    ]
    verdict = replace(
        PROVED,
        status=Status.NOT_PROVED,
        reason=reason,
        guardrails=tuple(rails),
        more_data=MoreData(Undefined("the money is settled"), 4000),
    )
    text = said(verdict)
    assert text.startswith(words)
    assert "returns" in text
    assert "calls" not in text
    if reason is Reason.GUARDRAIL_UNCLEAR:
        assert "needs about 4,000 customers in the treatment group to rule the harm out" in text


def test_a_failed_check_is_named_and_its_numbers_are_no_proof() -> None:
    text = said(replace(PROVED, status=Status.INVALID, failed=("window_complete", "split")))
    assert text.startswith("“mailed” cannot be judged: a check that must hold has failed.")
    assert "Failed: window complete, split." in text
    assert "prove nothing" in text


def test_the_veil_says_no_outcome() -> None:
    veiled = replace(
        PROVED,
        status=Status.VEILED,
        value=Undefined("outcomes are veiled"),
        veil="rows of 'spend' are missing on 31 March 2026",
    )
    assert said(veiled) == (
        "It is too early to look at what “mailed” did. Outcomes stay veiled because rows of "
        "'spend' are missing on 31 March 2026. Record the missing rows, or declare the file "
        "complete through the last of these days: complete = its date. The plan was frozen before "
        "any outcome (prospective)."
    )


def test_readings_that_disagree_are_both_said() -> None:
    other = OtherReading(Method.WELCH, Reading(0.2, -0.1, 0.5))
    assert (
        "Not adjusted for what was known before the pilot, a customer brings 0.20 EUR (−0.10 to "
        "0.50) after cost instead of 0.25 EUR (0.12 to 0.37); that alone would prove nothing."
    ) in said(replace(PROVED, other_reading=other))
    losing = replace(other, contrast=Reading(-0.2, -0.3, -0.1))
    assert "that alone would disprove it" in said(replace(PROVED, other_reading=losing))


def test_a_forecast_of_customers_is_rounded_and_never_absurd() -> None:
    def needed(customers: int) -> str:
        return said(replace(UNCLEAR, more_data=MoreData(customers, Undefined("it loses"))))

    assert "about 58,000 customers in the treatment group" in needed(57_723)
    assert "about 9,500 customers" in needed(9_512)
    assert "customers" not in needed(38_641_377_652).split("Do not roll it out")[1]


def test_the_other_reading_of_an_adjusted_result() -> None:
    other = OtherReading(Method.WELCH, Reading(0.2, -0.1, 0.5))
    assert " Adjusted for" in said(replace(PROVED, other_reading=replace(other, method=Method.LIN)))


def test_assumptions_and_the_required_return_are_printed() -> None:
    plan = plan_of(
        metrics=[metric("visit", kind="rate", role="primary")],
        value={
            "metric": "visit",
            "margin_rate": None,
            "value_per_unit": 10,
            "hurdle_rate": "0.25",
        },
    )
    text = said(UNCLEAR, plan)
    assert "It must earn 25 % on that cost." in text
    assert "This assumes that one visit is worth 10.00 EUR of margin." in text
    assert "After its cost and the return that it must earn that is" in text
    rollout = replace(PROVED, value=replace(VALUE, basis=Basis.ROLLOUT))
    assert "for 0.10 EUR of cost at roll-out." in said(rollout)


STATES: dict[str, dict[str, Any]] = {
    **{status: {"status": status} for status in Status if status is not Status.NOT_PROVED},
    **{reason: {"status": Status.NOT_PROVED, "reason": reason} for reason in Reason},
}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("state", STATES)
def test_every_verdict_is_whole_sentences_that_say_which_registration(
    state: str, late: bool
) -> None:
    line = verdict_line(
        plan_of(),
        replace(PROVED, veil="the last window closes on 31 March 2026", **STATES[state]),
        Registration.RETROSPECTIVE if late else Registration.PROSPECTIVE,
    )
    text = in_full(line)
    assert all(part.endswith(".") for part in (line.sentence, line.why, line.advice))
    assert "  " not in text
    assert ".." not in text
    assert " p " not in text
    assert "None" not in text
    assert ("retrospective" if late else "prospective") in line.advice


@pytest.mark.parametrize("reason", Reason)
def test_no_number_is_said_where_there_is_none(reason: Reason) -> None:
    verdict = replace(
        PROVED,
        status=Status.NOT_PROVED,
        reason=reason,
        value=Undefined("a group has no customers"),
    )
    assert "There is no number: a group has no customers." in said(verdict)


def test_names_of_groups_stand_as_they_are() -> None:
    verdict = replace(PROVED, treatment='<b>"A" & B</b>')
    assert said(verdict).startswith('“<b>"A" & B</b>” pays.')
