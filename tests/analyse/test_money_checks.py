"""Few customers, fading, power, and lifts too good to be true, through the engine."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from scipy import stats

from experiments.analyse.analysis import Analysis
from experiments.analyse.checks import Check, Outcome
from experiments.decide.verdict import Reason, decide
from experiments.engines.engine import Engine
from experiments.stats.dominance import Dominance, dominance
from experiments.stats.drift import Drift, effect_drift
from experiments.stats.moments import Moments
from experiments.stats.rerandomisation import Rerandomisation, rerandomisation_test
from experiments.terms import CheckName
from tests.company import Row, analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, plan_of

START, END = date(2026, 3, 1), date(2026, 3, 31)


def analysed(
    engine: Engine,
    rows: list[Row],
    arms: list[str],
    *,
    branches: list[str] | None = None,
    **plan: Any,
) -> Analysis:
    return analysis_by_engine(
        engine,
        plan_of(**plan),
        behavior=behavior_of(rows),
        enrolment=enrolment_of(arms, {} if branches is None else {"branch": branches}),
    )


def check(analysis: Analysis, name: CheckName) -> Check:
    (found,) = [check for check in analysis.checks if check.name == name]
    return found


def spending(values: list[float]) -> list[Row]:
    return [(at, "spend", date(2026, 3, 9), value) for at, value in enumerate(values)]


@pytest.mark.parametrize("clustered", [False, True])
def test_dominance_from_the_largest_alone_is_that_from_every_customer(
    engine: Engine, clustered: bool
) -> None:
    chance = np.random.default_rng(3)
    values = np.round(chance.pareto(1.1, 300) * 10 - 15, 2)
    values[:40] = 7.5  # ties, also with an opposite
    values[40:45] = -60.0
    arms = [TREATMENT, CONTROL] * 150
    plan = {"design": {"kind": "clustered", "cluster": "branch"}} if clustered else {}
    branches = [f"{at % 2}-{at // 2 % 15}" for at in range(300)]
    one = check(
        analysed(engine, spending(values.tolist()), arms, branches=branches, **plan),
        CheckName.DOMINANCE,
    )
    plain = dominance(treatment=values[::2], control=values[1::2])
    assert isinstance(plain, Dominance)
    assert one.value == pytest.approx(plain.share_of_amount, rel=1e-12)
    assert f"is {plain.effect_without:,.4g} instead of {plain.effect:,.4g}" in one.sentence


def test_a_few_customers_who_turn_the_sign_are_named(engine: Engine) -> None:
    values = [1.0 + (at % 2) + at % 5 for at in range(200)]
    for at in range(0, 10, 2):
        values[at] = 900.0
    one = check(analysed(engine, spending(values), [TREATMENT, CONTROL] * 100), CheckName.DOMINANCE)
    assert (one.outcome, one.blocking) == (Outcome.WARNED, False)
    assert "they alone give it its sign" in one.sentence


def test_fewer_than_ten_buyers_in_a_group_warn(engine: Engine) -> None:
    values = [0.0] * 200
    for at in (*range(0, 18, 2), *range(1, 41, 2)):
        values[at] = 5.0 + at % 3
    analysis = analysed(engine, spending(values), [TREATMENT, CONTROL] * 100)
    one = check(analysis, CheckName.ENOUGH_CUSTOMERS)
    assert one.outcome is Outcome.WARNED
    assert "all groups did alike: spend in “mailed” (9)." in one.sentence


def test_a_group_that_expects_fewer_than_ten_buyers_warns_though_it_has_more(
    engine: Engine,
) -> None:
    """Of 200 customers 20 are treated; 12 of them and 48 others buy, so that 6 are expected."""
    arms = [TREATMENT if at < 20 else CONTROL for at in range(200)]
    values = [5.0 if at < 12 or 100 <= at < 148 else 0.0 for at in range(200)]
    one = check(analysed(engine, spending(values), arms), CheckName.ENOUGH_CUSTOMERS)
    assert one.outcome is Outcome.WARNED
    assert "spend in “mailed” (6)." in one.sentence


@pytest.mark.parametrize(
    ("cost", "shift", "outcome"),
    [("5", 0.0, Outcome.PASSED), ("1", 0.5, Outcome.WARNED), ("1", 9.0, Outcome.INFORMS)],
)
def test_the_power_at_break_even_is_that_of_the_noncentral_t(
    engine: Engine, cost: str, shift: float, outcome: Outcome
) -> None:
    values = [50 + (at // 2) % 11 + shift * (at % 2 == 0) for at in range(200)]
    analysis = analysed(
        engine,
        spending(values),
        [TREATMENT, CONTROL] * 100,
        value={"cost_per_treated": Decimal(cost)},
    )
    one = check(analysis, CheckName.ENOUGH_CUSTOMERS)
    treated, controls = np.array(values[::2]), np.array(values[1::2])
    se = float(np.sqrt(treated.var(ddof=1) / 100 + controls.var(ddof=1) / 100))
    critical = stats.t.ppf(0.975, 198)
    assert one.outcome is outcome
    assert one.value == pytest.approx(stats.nct.sf(critical, 198, float(cost) / se), abs=1e-6)


MONTHS: dict[str, Any] = {"pilot": {"ends_on": START + timedelta(days=4 * 28 + 3)}}


def monthly(effects: list[float], *, n: int = 120) -> tuple[list[Row], list[str], list[Any]]:
    """Rows in each month of four weeks, and a column per month."""
    chance = np.random.default_rng(2)
    noise = np.round(chance.normal(20, 3, (n, len(effects))), 2)
    arms = [TREATMENT, CONTROL] * (n // 2)
    spent = noise + np.array(effects) * np.array([[arm == TREATMENT] for arm in arms])
    rows: list[Row] = [
        (at, "spend", START + timedelta(days=28 * month + at % 28), float(spent[at, month]))
        for at in range(n)
        for month in range(len(effects))
    ]
    return rows, arms, [spent[::2], spent[1::2]]


@pytest.mark.parametrize(
    ("effects", "outcome"),
    [([8.0, 6.0, 3.0, 0.0], Outcome.WARNED), ([5.0, 5.0, 5.0, 5.0], Outcome.PASSED)],
)
def test_an_effect_that_fades_from_month_to_month_warns(
    engine: Engine, effects: list[float], outcome: Outcome
) -> None:
    rows, arms, groups = monthly(effects)
    one = check(analysed(engine, rows, arms, **MONTHS), CheckName.FADING)
    names = [f"m{at}" for at in range(4)]
    treated, controls = (
        Moments.of(**{name: group[:, at].tolist() for at, name in enumerate(names)})
        for group in groups
    )
    drift = effect_drift(treatment=treated, control=controls, months=names)
    assert isinstance(drift, Drift)
    assert one.outcome is outcome
    assert one.value == pytest.approx(drift.slope.value)
    assert one.p_value == pytest.approx(drift.slope.p_value)


def test_two_months_are_too_short_to_fade(engine: Engine) -> None:
    rows, arms, _ = monthly([5.0, 1.0])
    plan: dict[str, Any] = {"pilot": {"ends_on": START + timedelta(days=60)}}
    assert check(analysed(engine, rows, arms, **plan), CheckName.FADING).outcome is (
        Outcome.NOT_APPLICABLE
    )


@pytest.mark.parametrize(
    ("factor", "outcome"), [(2.0, Outcome.WARNED), (1.3, Outcome.PASSED), (0.3, Outcome.WARNED)]
)
def test_a_lift_that_is_surely_above_half_is_doubted(
    engine: Engine, factor: float, outcome: Outcome
) -> None:
    values = [(50 + at // 2 % 7) * (factor if at % 2 == 0 else 1.0) for at in range(200)]
    one = check(
        analysed(engine, spending(values), [TREATMENT, CONTROL] * 100), CheckName.LARGE_LIFT
    )
    assert one.outcome is outcome


def branches_of(treated: int, controls: int) -> tuple[list[Row], list[str], list[str]]:
    """Clusters of ten customers each."""
    arms = [TREATMENT] * (10 * treated) + [CONTROL] * (10 * controls)
    branches = [str(at // 10) for at in range(len(arms))]
    values = [20 + 2 * (arm == TREATMENT) + at // 10 % 4 + at % 3 for at, arm in enumerate(arms)]
    return spending([float(value) for value in values]), arms, branches


CLUSTERED = {"design": {"kind": "clustered", "cluster": "branch"}}


@pytest.mark.parametrize(
    ("treated", "controls", "outcome"),
    [(10, 12, Outcome.PASSED), (8, 9, Outcome.WARNED), (4, 12, Outcome.WARNED)],
)
def test_few_clusters_warn_and_chance_itself_is_asked(
    engine: Engine, treated: int, controls: int, outcome: Outcome
) -> None:
    rows, arms, branches = branches_of(treated, controls)
    analysis = analysed(engine, rows, arms, branches=branches, **CLUSTERED)
    one = check(analysis, CheckName.CLUSTERS)
    assert (one.outcome, one.blocking, one.value) == (outcome, False, min(treated, controls))
    assert ("nothing can be proved" in one.sentence) is (treated < 5)
    reason = decide(plan_of(**CLUSTERED), analysis).deciding.reason
    assert (reason is Reason.FEW_CLUSTERS) is (treated < 5)
    if outcome is Outcome.PASSED:
        assert one.p_value is None
        return
    sums = np.add.reduceat([row[3] for row in rows], range(0, len(rows), 10))
    exact = treated == 4  # 1,820 draws; of 8 and 9 there are 24,310
    test = rerandomisation_test(
        totals=sums.tolist(),
        sizes=[10.0] * len(sums),
        treated=[at < treated for at in range(len(sums))],
        rng=np.random.default_rng(0),
    )
    assert isinstance(test, Rerandomisation)
    assert test.exact is exact
    assert one.p_value == pytest.approx(test.p_value, abs=0 if exact else 0.005)


def test_the_split_of_clusters_counts_clusters(engine: Engine) -> None:
    """240 customers against 60, but 6 clusters against 6."""
    arms = [TREATMENT] * 240 + [CONTROL] * 60
    branches = [str(at // 40) for at in range(240)] + [f"c{at // 10}" for at in range(60)]
    rows = spending([float(at % 9) for at in range(300)])
    one = check(analysed(engine, rows, arms, branches=branches, **CLUSTERED), CheckName.SPLIT)
    assert (one.outcome, one.p_value) == (Outcome.PASSED, 1.0)
    assert "held out 6, mailed 6 clusters" in one.sentence


@pytest.mark.parametrize("basis", ["pilot", "rollout"])
def test_at_rollout_no_contact_of_control_lowers_break_even(engine: Engine, basis: str) -> None:
    """Every treatment customer has 4 contacts and every control customer 2, at 0.5 each."""
    values = [50.0 + (at // 2) % 11 for at in range(200)]
    contacts = [(at, "contact", START, 4.0 if at % 2 == 0 else 2.0) for at in range(len(values))]
    analysis = analysis_by_engine(
        engine,
        plan_of(
            value={
                "cost_per_treated": None,
                "cost_per_contact": Decimal("0.5"),
                "basis": basis,
                "rollout": {"customers": 1000},
            }
        ),
        behavior=behavior_of([*spending(values), *contacts], item="spring"),
        enrolment=enrolment_of([TREATMENT, CONTROL] * 100),
    )
    effect = 2.0 if basis == "rollout" else 1.0
    se = np.sqrt(2 * np.var(values[::2], ddof=1) / 100)
    power = stats.nct.sf(stats.t.ppf(0.975, 198), 198, effect / se)
    one = check(analysis, CheckName.ENOUGH_CUSTOMERS)
    assert one.value == pytest.approx(power, rel=1e-9)


def test_dominance_says_that_it_reads_the_plain_difference(engine: Engine) -> None:
    """Where past or weights adjust the headline, its number is another one."""
    values = [1.0 + (at % 2) + at % 5 for at in range(200)]
    one = check(analysed(engine, spending(values), [TREATMENT, CONTROL] * 100), CheckName.DOMINANCE)
    assert "without them the plain difference of “mailed”" in one.sentence
