"""When outcomes may be looked at, and how surely each look is read."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest

from experiments.analyse.analysis import Analysis
from experiments.analyse.checks import Outcome
from experiments.analyse.schedule import Lifted, Schedule
from experiments.decide.verdict import Status, decide
from experiments.engines.engine import Engine
from experiments.errors import BadPlan
from experiments.pilot import Plan
from experiments.plan.pilot_file import parse_plan
from experiments.stats.confidence_sequence import asymptotic_sequence
from experiments.stats.estimate import Difference
from experiments.stats.joint_boundaries import joint_boundaries
from experiments.stats.limits import confidence_of
from experiments.stats.spending import Spending
from tests.company import Row, analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, metric, plan_of

START = date(2026, 3, 1)
WEEK = {"window": {"days": [0, 7]}}
MONEY = metric("spend", unit="EUR", role="primary")
ARMS = [TREATMENT, CONTROL] * 100
# Half of the customers are enrolled two weeks after the others.
ENROLLED = [START + timedelta(days=14 * (at >= 100)) for at in range(200)]


def sequential(*looks: date, window: bool = True, **design: object) -> Plan:
    money = {**MONEY, **WEEK} if window else MONEY
    return plan_of(
        design={"look": "group_sequential", "looks": list(looks), **design}, metrics=[money]
    )


def spending_rows(
    enrolled: Sequence[date], *, effect: float = 0.0, days: int = 7, seed: int = 5
) -> list[Row]:
    rng = np.random.default_rng(seed)
    return [
        (at, "spend", day + timedelta(days=int(rng.integers(0, days))), amount)
        for at, day in enumerate(enrolled)
        for amount in rng.gamma(2.0, 2.0, size=3) + (effect if ARMS[at] == TREATMENT else 0.0)
    ]


def at(
    engine: Engine, plan: Plan, day: date, *, rows: list[Row], enrolled: Sequence[date] = ENROLLED
) -> Analysis:
    return analysis_by_engine(
        engine,
        plan,
        behavior=behavior_of(rows),
        enrolment=enrolment_of(ARMS, enrolled_on=enrolled),
        as_of=day,
    )


LOOK_1, LOOK_2 = date(2026, 3, 10), date(2026, 3, 31)


@pytest.mark.parametrize(
    ("today", "newest"),
    [
        (date(2026, 3, 10), None),
        (date(2026, 3, 11), date(2026, 3, 11)),
        (date(2026, 3, 20), date(2026, 3, 11)),
        (date(2026, 5, 1), date(2026, 3, 22)),
    ],
)
def test_between_looks_the_newest_one_stands(today: date, newest: date | None) -> None:
    """A look takes its day in; a look after the last window closed reads as of that close."""
    plan = sequential(LOOK_1, LOOK_2)
    schedule = Schedule.of(plan, last_enrolled_on=date(2026, 3, 15))
    assert schedule.newest(today) == newest


def test_an_always_valid_design_may_be_read_from_its_first_closed_window_on() -> None:
    plan = plan_of(design={"look": "always_valid"}, metrics=[{**MONEY, **WEEK}])
    schedule = Schedule.of(plan, last_enrolled_on=date(2026, 3, 15))
    assert schedule.newest(date(2026, 3, 7)) is None
    assert schedule.newest(date(2026, 3, 8)) == date(2026, 3, 8)
    assert schedule.newest(date(2026, 4, 8)) == date(2026, 3, 22)


def test_a_look_at_half_of_the_customers_is_read_at_its_boundary(engine: Engine) -> None:
    """2.963 and 1.969: R's gsDesign, two-sided 0.05, O'Brien-Fleming spending at 1/2 and 1."""
    plan, rows = sequential(LOOK_1, LOOK_2), spending_rows(ENROLLED)
    first = at(engine, plan, date(2026, 3, 12), rows=rows)
    assert first.look is not None
    assert (first.look.number, first.look.planned, first.look.final) == (1, 2, False)
    assert first.look.information == (0.5,)
    assert first.look.critical == pytest.approx((2.9626,), abs=1e-4)
    assert first.confidence == pytest.approx(confidence_of(2.9626), abs=1e-6)
    assert {one.n_treatment for one in first.estimates} == {50}
    second = at(engine, plan, date(2026, 4, 1), rows=rows)
    assert second.look is not None
    assert second.look.critical == pytest.approx((2.9626, 1.9686), abs=1e-4)
    assert (second.look.final, second.estimates[0].n_treatment) == (True, 100)


def test_before_the_first_look_outcomes_are_veiled(engine: Engine) -> None:
    found = at(engine, sequential(LOOK_1, LOOK_2), LOOK_1, rows=spending_rows(ENROLLED))
    assert found.veil == "the first planned look takes in the days through 10 March 2026"
    assert (found.veiled_until, found.estimates) == (date(2026, 3, 11), ())


def test_every_interval_of_a_look_has_its_width(engine: Engine) -> None:
    """Decision, primaries and guardrails alike (METHODS.md)."""
    guard = metric("visits", role="guardrail", measure="spend", tolerance=5, **WEEK)
    plan = plan_of(
        design={"look": "group_sequential", "looks": [LOOK_1, LOOK_2]},
        metrics=[{**MONEY, **WEEK}, guard],
    )
    found = at(engine, plan, date(2026, 3, 11), rows=spending_rows(ENROLLED, effect=9.0))
    decision = decide(plan, found)
    money = found.estimates[0].difference
    assert isinstance(money, Difference)
    assert found.look is not None
    normal_reach = found.look.critical[0] * money.se
    assert money.high - money.value == pytest.approx(normal_reach, rel=0.05)
    assert money.high - money.value > normal_reach  # Student's t at the same level
    value = decision.deciding.value
    assert value
    assert value.contrast.low == pytest.approx(money.low - 0.1)
    worsening = decision.deciding.guardrails[0].worsening
    assert worsening
    assert worsening.high - worsening.low == pytest.approx(money.high - money.low)


def test_after_an_early_stop_the_unbiased_estimate_stands_beside(engine: Engine) -> None:
    plan = sequential(LOOK_1, LOOK_2)
    early = at(engine, plan, date(2026, 3, 11), rows=spending_rows(ENROLLED, effect=2.0))
    verdict = decide(plan, early).deciding
    assert verdict.status is Status.PROVED
    # The first look has no earlier one that could have biased it.
    assert verdict.value
    assert verdict.unbiased
    assert verdict.unbiased.value == pytest.approx(verdict.value.contrast.value)
    late = at(engine, plan, date(2026, 4, 1), rows=spending_rows(ENROLLED, effect=0.8))
    verdict = decide(plan, late).deciding
    assert verdict.value
    assert verdict.unbiased
    assert verdict.unbiased.value < verdict.value.contrast.value
    open_still = at(engine, plan, date(2026, 3, 11), rows=spending_rows(ENROLLED))
    assert decide(plan, open_still).deciding.unbiased is None


def test_a_pilot_that_went_on_is_read_at_the_look_that_settled_it(engine: Engine) -> None:
    """The ordering of stages knows no look after the first that crossed its boundary."""
    plan, rows = sequential(LOOK_1, LOOK_2), spending_rows(ENROLLED, effect=4.0)
    first = decide(plan, at(engine, plan, date(2026, 3, 11), rows=rows)).deciding
    last = decide(plan, at(engine, plan, date(2026, 4, 1), rows=rows)).deciding
    assert first.status is last.status is Status.PROVED
    assert first.value
    assert last.value
    assert last.value.contrast != first.value.contrast
    assert last.unbiased
    assert last.unbiased == first.unbiased
    assert last.unbiased.value == pytest.approx(first.value.contrast.value)


def test_futility_is_advice_that_costs_nothing(engine: Engine) -> None:
    rows = spending_rows(ENROLLED)
    without = at(engine, sequential(LOOK_1, LOOK_2), date(2026, 3, 11), rows=rows)
    advised = sequential(LOOK_1, LOOK_2, futility="pocock")
    found = at(engine, advised, date(2026, 3, 11), rows=rows)
    assert found.look is not None
    assert without.look is not None
    assert found.look.critical == without.look.critical
    assert found.look.futility is not None
    assert found.look.futility < found.look.critical[0]
    verdict = decide(advised, found).deciding
    value = verdict.value
    assert value
    statistic = value.contrast.value / value.contrast_se
    assert verdict.is_futile == (statistic < found.look.futility)
    harmful = at(engine, advised, date(2026, 3, 11), rows=spending_rows(ENROLLED, effect=-0.9))
    assert decide(advised, harmful).deciding.is_futile
    assert not decide(advised, without).deciding.is_futile


def test_a_growing_window_is_read_by_the_joint_covariance_of_its_looks(engine: Engine) -> None:
    """Customers spend on days drawn evenly over 30 days: correlation as the sums of days have."""
    enrolled = [START] * 200
    plan = sequential(date(2026, 3, 15), LOOK_2, window=False)
    rows = spending_rows(enrolled, days=30)
    found = at(engine, plan, date(2026, 4, 1), rows=rows, enrolled=enrolled)
    assert found.look is not None
    assert found.look.growing
    early = np.zeros(200)
    whole = np.zeros(200)
    for customer, _, day, amount in rows:
        whole[customer] += round(amount, 4)
        early[customer] += round(amount, 4) if day <= date(2026, 3, 15) else 0.0
    treated = np.array([arm == TREATMENT for arm in ARMS])
    shared = [
        sum(np.cov(one[group], other[group])[0, 1] / group.sum() for group in (treated, ~treated))
        for one, other in ((early, early), (early, whole), (whole, whole))
    ]
    correlation = shared[1] / np.sqrt(shared[0] * shared[2])
    expected = joint_boundaries(
        [[1.0, correlation], [correlation, 1.0]],
        fractions=[15 / 31, 1.0],
        spending=Spending(),
        final=True,
    )
    assert expected
    assert found.look.critical == pytest.approx(expected.z, abs=1e-6)


def test_an_always_valid_look_is_as_wide_as_its_sequence(engine: Engine) -> None:
    plan = plan_of(design={"look": "always_valid", "tuning_n": 400}, metrics=[{**MONEY, **WEEK}])
    found = at(engine, plan, date(2026, 3, 12), rows=spending_rows(ENROLLED))
    sequence = asymptotic_sequence(value=0.0, se=1.0, customers=100, tuning_customers=400)
    assert sequence
    assert found.look is not None
    assert found.look.critical == pytest.approx((sequence.high,))
    assert {one.n_treatment for one in found.estimates} == {50}


def test_a_lifted_veil_shows_numbers_that_prove_nothing(engine: Engine) -> None:
    plan = plan_of()
    lifted = Lifted("admin@example.com", date(2026, 3, 9), "The shop asked.")
    found = analysis_by_engine(
        engine,
        plan,
        behavior=behavior_of(spending_rows([START] * 200, effect=9.0)),
        enrolment=enrolment_of(ARMS),
        as_of=date(2026, 3, 9),
        lifted=lifted,
    )
    check = next(check for check in found.checks if check.name == "looks")
    assert (check.outcome, check.blocking) == (Outcome.FAILED, True)
    assert "by admin@example.com on 9 March 2026" in check.sentence
    assert decide(plan, found).deciding.status is Status.INVALID
    assert found.estimates


@pytest.mark.parametrize(
    ("design", "complaint"),
    [
        ({"look": "group_sequential"}, "needs looks"),
        ({"look": "group_sequential", "looks": [LOOK_2, LOOK_1]}, "order of the calendar"),
        ({"look": "group_sequential", "looks": [date(2026, 2, 1), LOOK_2]}, "before the pilot"),
        ({"look": "group_sequential", "looks": [LOOK_1]}, "must be the last day of the pilot"),
        ({"look": "always_valid"}, "no window"),
        (
            {"look": "group_sequential", "looks": [LOOK_2], "spending_parameter": 2},
            "spending_parameter is for",
        ),
    ],
)
def test_looks_that_make_no_sense_are_refused(design: dict[str, object], complaint: str) -> None:
    given = plan_of().model_dump(mode="python", exclude_none=True)
    given["design"] = {**given["design"], **design}
    with pytest.raises(BadPlan, match=complaint):
        parse_plan(given)
