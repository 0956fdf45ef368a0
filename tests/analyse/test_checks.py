"""Checks: thresholds, what blocks, and what the numbers are."""

import math
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pytest
from scipy import stats

from experiments.analyse import checks
from experiments.analyse.checks import Check, Outcome
from experiments.analyse.rows import Reach
from experiments.engines.engine import Engine
from experiments.terms import CheckName
from tests.company import analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, Columns, evidence_of, plan_of


def split(treated: int, controls: int) -> Check:
    return checks.split(plan_of(), {TREATMENT: treated, CONTROL: controls})


@pytest.mark.parametrize(
    ("gap", "outcome"),
    [
        (0, Outcome.PASSED),
        (257, Outcome.PASSED),
        (258, Outcome.WARNED),
        (329, Outcome.WARNED),
        (330, Outcome.FAILED),
    ],
)
def test_the_split_warns_under_one_per_cent_and_blocks_under_one_per_mille(
    gap: int, outcome: Outcome
) -> None:
    """With 10 000 customers chi-square is (gap / 100)^2: 6.635 at 0.01, 10.828 at 0.001."""
    found = split(5000 + gap // 2, 5000 - gap + gap // 2)
    assert found.outcome is outcome
    assert found.blocking
    assert found.value == pytest.approx((gap / 100) ** 2, rel=0.01)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.value, 1))


def test_an_unequal_split_is_held_against_its_plan() -> None:
    plan = plan_of(design={"shares": {CONTROL: "0.2", TREATMENT: "0.8"}})
    assert checks.split(plan, {TREATMENT: 800, CONTROL: 200}).outcome is Outcome.PASSED
    assert checks.split(plan, {TREATMENT: 500, CONTROL: 500}).outcome is Outcome.FAILED


def test_nobody_enrolled_is_no_split() -> None:
    assert split(0, 0).outcome is Outcome.FAILED


def balance(treated: list[float], controls: list[float]) -> Check:
    arms: dict[str, Columns] = {
        TREATMENT: {"spend": treated, "age": treated},
        CONTROL: {"spend": controls, "age": controls},
    }
    (found,) = balances(arms, covariates=["age"])
    return found


def balances(arms: Mapping[str, Columns], *, covariates: Sequence[str] = ()) -> list[Check]:
    evidence = evidence_of(plan_of(), arms, covariates=covariates)
    return checks.balance(plan_of(), evidence.everybody.sums, evidence.baseline)


def shifted(statistic: float, n: int = 500) -> tuple[list[float], list[float]]:
    """Two groups whose omnibus statistic is this one, from its definition for one variable."""
    base = stats.norm.ppf((np.arange(n) + 0.5) / n)
    scatter = 2 * float(((base - base.mean()) ** 2).sum())
    # d^2 (2n - 1) n / 2 / (scatter + d^2 n / 2) = statistic
    d = math.sqrt(statistic * scatter / (n / 2 * (2 * n - 1 - statistic)))
    return (base + d).tolist(), base.tolist()


@pytest.mark.parametrize(
    ("statistic", "outcome"),
    [(1.0, Outcome.PASSED), (10.7, Outcome.WARNED), (11.0, Outcome.FAILED)],
)
def test_balance_blocks_under_one_per_mille(statistic: float, outcome: Outcome) -> None:
    """Chi-square of one variable is 10.828 at 0.001."""
    found = balance(*shifted(statistic))
    assert found.outcome is outcome
    assert found.p_value == pytest.approx(stats.chi2.sf(statistic, 1), rel=0.01)
    assert found.value is not None
    assert found.value > 0
    assert "(age)" in found.sentence


def test_balance_that_nothing_can_show_is_not_applicable() -> None:
    assert balance([3.0] * 10, [3.0] * 10).outcome is Outcome.NOT_APPLICABLE
    arms: dict[str, Columns] = {TREATMENT: {"spend": [1.0, 2.0]}, CONTROL: {"spend": [1.0, 2.0]}}
    (found,) = balances(arms)
    assert (found.outcome, found.value) == (Outcome.NOT_APPLICABLE, None)


def test_groups_that_nothing_overlaps_fail_without_a_made_up_number() -> None:
    """All treated are 1, all controls 0: no spread inside a group, yet nothing alike."""
    found = balance([1.0] * 50, [0.0] * 50)
    assert found.outcome is Outcome.FAILED
    assert found.value is None
    assert "()" not in found.sentence


def test_balance_without_a_control_group_is_no_check() -> None:
    arms: dict[str, Columns] = {TREATMENT: {"spend": [1.0, 2.0], "age": [1.0, 2.0]}}
    assert balances(arms, covariates=["age"]) == []


@pytest.mark.parametrize("as_of", [date(2026, 3, 31), date(2026, 4, 1)], ids=["open", "stopped"])
def test_balance_of_the_attributes_shows_while_outcomes_are_veiled(
    engine: Engine, as_of: date
) -> None:
    """METHODS, Veiled: only counts, completeness, split, balance and contacts show."""
    arms = [TREATMENT, CONTROL] * 50
    for older, outcome in ((0, Outcome.PASSED), (40, Outcome.FAILED)):
        ages = [str(30 + at // 2 % 10 + older * (arm == TREATMENT)) for at, arm in enumerate(arms)]
        found = analysis_by_engine(
            engine,
            plan_of(),
            behavior=behavior_of([(at, "spend", date(2026, 3, 9), at + 1.0) for at in range(100)]),
            enrolment=enrolment_of(arms, {"age": ages}),
            as_of=as_of,
            complete_through={},
        )
        assert found.veiled
        (balance,) = [check for check in found.checks if check.name == CheckName.BALANCE]
        assert balance.outcome is outcome


def test_every_check_has_a_name_that_a_waiver_may_use(engine: Engine) -> None:
    found = analysis_by_engine(
        engine,
        plan_of(),
        behavior=behavior_of([(at, "spend", date(2026, 3, 9), at + 1.0) for at in range(40)]),
        enrolment=enrolment_of([TREATMENT, CONTROL] * 20),
    )
    by_design = {
        *(CheckName.CLUSTERS, CheckName.WEIGHTED_BALANCE),
        *(CheckName.CONTROL_SIZE, CheckName.PRE_TREND),
    }
    assert {check.name for check in found.checks} == set(CheckName) - by_design


@pytest.mark.parametrize(
    ("treated", "controls", "outcome"),
    [
        (0, 0, Outcome.NOT_APPLICABLE),
        (90, 0, Outcome.INFORMS),
        (90, 10, Outcome.INFORMS),
        (90, 11, Outcome.WARNED),
    ],
)
def test_contamination_counts_and_never_blocks(
    treated: int, controls: int, outcome: Outcome
) -> None:
    reach = {TREATMENT: Reach(100, treated), CONTROL: Reach(200, controls)}
    found = checks.contamination(plan_of(), reach)
    assert (found.outcome, found.blocking) == (outcome, False)
    if found.value is not None:
        assert found.value == controls / 200
        assert f"{controls} of 200 control customers were contacted" in found.sentence
        assert "10 of 100 treatment customers were not" in found.sentence


def test_an_open_window_fails_and_names_the_day() -> None:
    found = checks.not_measured(date(2026, 4, 3), date(2026, 4, 1))
    assert found.outcome is Outcome.FAILED
    assert found.sentence == "The last window closes on 3 April 2026; today is 1 April 2026."
