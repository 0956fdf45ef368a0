"""Rows that arrive unevenly, customers lost, other programs and answers, through the engine."""

from collections.abc import Iterable
from datetime import date, timedelta

import pytest
from scipy import stats

from experiments.analyse.analysis import Analysis
from experiments.analyse.checks import Check, Outcome
from experiments.engines.engine import Engine
from experiments.terms import CheckName
from tests.company import Row, analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, metric, plan_of

START, END = date(2026, 3, 1), date(2026, 3, 31)
N = 200
ARMS = [TREATMENT, CONTROL] * (N // 2)


def check(analysis: Analysis, name: CheckName) -> Check:
    (found,) = [check for check in analysis.checks if check.name == name]
    return found


def found(engine: Engine, rows: Iterable[Row], name: CheckName, *, arms: list[str] = ARMS) -> Check:
    analysis = analysis_by_engine(
        engine, plan_of(), behavior=behavior_of(list(rows)), enrolment=enrolment_of(arms)
    )
    return check(analysis, name)


def weekly(customers: Iterable[int], days: Iterable[int] = (0, 8, 15, 22, 29)) -> list[Row]:
    """A row per customer and day of the pilot."""
    return [
        (at, "spend", START + timedelta(days=day), 1.0 + at % 5) for at in customers for day in days
    ]


def test_rows_that_arrive_alike_pass(engine: Engine) -> None:
    one = found(engine, weekly(range(N)), CheckName.ROWS_ALIKE)
    assert (one.outcome, one.blocking) == (Outcome.PASSED, False)
    assert "Newest rows: spend 30 March 2026" in one.sentence


def test_a_week_without_rows_in_one_group_only_is_named(engine: Engine) -> None:
    rows = [row for row in weekly(range(N)) if not (row[0] % 2 and row[2] == date(2026, 3, 16))]
    one = found(engine, rows, CheckName.ROWS_ALIKE)
    assert one.outcome is Outcome.WARNED
    assert f"“{CONTROL}” has no row of 'spend' in week 3 of the pilot" in one.sentence


def test_a_last_week_that_is_thin_in_one_group_warns(engine: Engine) -> None:
    """All 100 treated have rows in the last week, 70 of the 100 controls: pooled z, two-sided."""
    missing = set(range(1, 60, 2))
    rows = [
        row for row in weekly(range(N)) if not (row[0] in missing and row[2] > date(2026, 3, 24))
    ]
    one = found(engine, rows, CheckName.ROWS_ALIKE)
    z = 0.3 / (0.85 * 0.15 * 2 / 100) ** 0.5
    assert one.outcome is Outcome.WARNED
    assert one.p_value == pytest.approx(2 * stats.norm.sf(z))
    assert one.value == pytest.approx(0.3)
    assert "100.0 %" in one.sentence
    assert "70.0 %" in one.sentence


def test_customers_not_matched_before_the_pilot_are_no_effect(engine: Engine) -> None:
    before: list[Row] = [
        (at, "spend", START - timedelta(days=5), 3.0) for at in range(N) if at % 2 == 0 or at < 120
    ]
    one = found(engine, [*weekly(range(N)), *before], CheckName.ROWS_ALIKE)
    assert one.outcome is Outcome.WARNED
    assert "the program cannot have done that" in one.sentence


def test_losing_customers_from_one_group_warns_and_never_blocks(engine: Engine) -> None:
    """All had rows before; 20 of 100 controls have none since, all treated have."""
    before: list[Row] = [(at, "spend", START - timedelta(days=5), 3.0) for at in range(N)]
    rows = [*weekly(at for at in range(N) if at % 2 == 0 or at >= 40), *before]
    one = found(engine, rows, CheckName.ATTRITION)
    z = 0.2 / (0.1 * 0.9 * 2 / 100) ** 0.5
    assert (one.outcome, one.blocking) == (Outcome.WARNED, False)
    assert one.p_value == pytest.approx(2 * stats.norm.sf(z))
    assert "0.0 % in “mailed” and 20.0 % in “held out”" in one.sentence


def test_losing_as_many_from_both_groups_passes(engine: Engine) -> None:
    before: list[Row] = [(at, "spend", START - timedelta(days=5), 3.0) for at in range(N)]
    one = found(engine, [*weekly(range(40, N)), *before], CheckName.ATTRITION)
    assert one.outcome is Outcome.PASSED
    assert one.p_value == pytest.approx(1.0)


def test_where_rows_come_only_from_buyers_their_number_informs(engine: Engine) -> None:
    rows = weekly(at for at in range(N) if at < 20 or (at % 2 == 0 and at < 100))
    assert found(engine, rows, CheckName.ATTRITION).outcome is Outcome.INFORMS


@pytest.mark.parametrize(
    ("item", "others", "outcome"),
    [
        (None, range(0), Outcome.NOT_APPLICABLE),
        ("spring", range(0, N, 2), Outcome.PASSED),
        ("other", range(N // 2), Outcome.PASSED),
        ("other", range(0, N // 2, 2), Outcome.WARNED),
    ],
)
@pytest.mark.parametrize("as_of", [END, END + timedelta(days=1)], ids=["veiled", "open"])
def test_contacts_by_other_programs_are_compared(
    engine: Engine, item: str | None, others: range, outcome: Outcome, as_of: date
) -> None:
    rows = [*weekly(range(N)), *((at, "contact", START, 1.0) for at in others)]
    analysis = analysis_by_engine(
        engine,
        plan_of(),
        behavior=behavior_of(rows, item=item),
        enrolment=enrolment_of(ARMS),
        as_of=as_of,
    )
    assert analysis.veiled is (as_of == END)
    one = check(analysis, CheckName.OTHER_PROGRAMS)
    assert (one.outcome, one.blocking) == (outcome, False)


def test_answers_are_compared_before_scores(engine: Engine) -> None:
    """90 of 100 treated answered, 60 of 100 controls."""
    plan = plan_of(
        metrics=[metric("spend", role="primary"), metric("score", kind="latest", unit="points")]
    )
    scores: list[Row] = [
        (at, "score", START + timedelta(days=4), 5.0 + at % 3)
        for at in range(N)
        if at < (180 if at % 2 == 0 else 120)
    ]
    analysis = analysis_by_engine(
        engine,
        plan,
        behavior=behavior_of([*weekly(range(N)), *scores]),
        enrolment=enrolment_of(ARMS),
    )
    one = check(analysis, CheckName.RESPONSE)
    z = 0.3 / (0.75 * 0.25 * 2 / 100) ** 0.5
    assert one.outcome is Outcome.WARNED
    assert one.p_value == pytest.approx(2 * stats.norm.sf(z))
    assert "compare those who answered" in one.sentence


def test_a_score_counts_those_who_gave_one_adjusted_or_not(engine: Engine) -> None:
    score = metric("score", kind="latest", unit="points", covariates=["age"])
    scores: list[Row] = [
        (at, "score", START + timedelta(days=4), 5.0 + at % 3) for at in range(N) if at < 120
    ]
    analysis = analysis_by_engine(
        engine,
        plan_of(metrics=[metric("spend", role="primary"), score]),
        behavior=behavior_of([*weekly(range(N)), *scores]),
        enrolment=enrolment_of(ARMS, {"age": [str(20 + at % 17) for at in range(N)]}),
    )
    read = [one for one in analysis.estimates if one.metric == "score"]
    assert [(one.method, one.n_treatment, one.n_control) for one in read] == [
        ("welch", 60, 60),
        ("lin", 60, 60),
    ]


def test_several_treatments_pay_for_their_number(engine: Engine) -> None:
    """The p-value of the widest gap is doubled for two treatments: 0 and 10 % against 0 %."""
    arms = [TREATMENT, "called", CONTROL] * 100
    lost = set(range(1, 30, 3))
    before: list[Row] = [(at, "spend", START - timedelta(days=5), 3.0) for at in range(300)]
    rows = [*weekly(at for at in range(300) if at not in lost), *before]
    plan = plan_of(design={"treatments": [TREATMENT, "called"]})
    analysis = analysis_by_engine(
        engine, plan, behavior=behavior_of(rows), enrolment=enrolment_of(arms)
    )
    one = check(analysis, CheckName.ATTRITION)
    z = 0.1 / (0.05 * 0.95 * 2 / 100) ** 0.5
    assert one.p_value == pytest.approx(2 * 2 * stats.norm.sf(z))
    assert "“called”" in one.sentence


def test_nothing_by_arm_but_contacts_shows_while_veiled(engine: Engine) -> None:
    analysis = analysis_by_engine(
        engine,
        plan_of(),
        behavior=behavior_of(weekly(range(N))),
        enrolment=enrolment_of(ARMS),
        as_of=END,
    )
    assert {check.name for check in analysis.checks} == {
        CheckName.SPLIT,
        CheckName.BALANCE,
        CheckName.WINDOW_COMPLETE,
        CheckName.ROWS_COMPLETE,
        CheckName.CONTAMINATION,
        CheckName.OTHER_PROGRAMS,
    }
