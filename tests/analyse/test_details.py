"""Other methods beside the headline: the right numbers under the right names, and none for show."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from experiments.analyse.analysis import Analysis
from experiments.analyse.detail import Detail
from experiments.analyse.details import details
from experiments.analyse.evidence import Measured
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.bayes_rates import bayes_rates
from experiments.stats.bootstrap import BootstrapT
from experiments.stats.rates import Share
from tests.evidence import (
    CONTROL,
    TREATMENT,
    analysed,
    analysis_of,
    evidence_of,
    metric,
    plan_of,
    sums_of,
    veiled_analysis,
)

RATE = {"margin_rate": None, "value_per_unit": 10}


def by_name(found: tuple[Detail, ...], *, of: str = "spend") -> dict[str, Detail]:
    names = [one.name for one in found if one.metric == of]
    assert len(set(names)) == len(names)
    return {one.name: one for one in found if one.metric == of}


def rate_plan(**keys: Any) -> Plan:
    return plan_of(metrics=[metric("spend", role="primary", kind="rate", **keys)], value=RATE)


def rates(treated: tuple[int, int], control: tuple[int, int]) -> dict[str, Any]:
    return {
        arm: {"spend": [1.0] * events + [0.0] * (n - events)}
        for arm, (events, n) in ((TREATMENT, treated), (CONTROL, control))
    }


def drawn(n: int = 120) -> dict[str, Any]:
    arms: dict[str, Any] = {}
    for arm, effect in ((TREATMENT, 2.0), (CONTROL, 0.0)):
        rng = np.random.default_rng([n, int(effect)])
        before = rng.normal(20, 4, n).round(2)
        spend = (effect + 0.7 * before + rng.normal(0, 3, n)).round(2)
        arms[arm] = {"spend": spend, "before": before}
    return arms


def test_beside_a_rate_stand_ratios_exact_test_score_interval_and_posterior() -> None:
    """Newcombe (1998), table II, example (a), 56/70 against 48/80: score 0.0528 to 0.3382."""
    found = by_name(details(rate_plan(), analysed(rate_plan(), rates((56, 70), (48, 80)))))
    assert set(found) == {
        *("risk_ratio", "odds_ratio", "fisher_exact", "miettinen_nurminen", "wald"),
        *("beta_binomial", "asymptotic_sequence", "msprt"),
        *("beta_binomial_sequence_treatment", "beta_binomial_sequence_control"),
        *("stitched_sequence_treatment", "stitched_sequence_control"),
    }
    assert found["risk_ratio"].value == pytest.approx(0.8 / 0.6)
    assert found["odds_ratio"].value == pytest.approx(4 / 1.5)
    exact = stats.fisher_exact([[56, 14], [48, 32]])
    assert found["fisher_exact"].p_value == pytest.approx(exact.pvalue)
    assert (found["fisher_exact"].value, found["fisher_exact"].low) == (None, None)
    scored = found["miettinen_nurminen"]
    assert (scored.low, scored.high) == pytest.approx((0.0528, 0.3382), abs=5e-4)
    believed = bayes_rates(treatment=Share(56, 70), control=Share(48, 80))
    assert not isinstance(believed, Undefined)
    assert found["beta_binomial"].value == believed.mean


def test_the_posterior_is_for_primaries_alone() -> None:
    plan = plan_of(
        metrics=[metric("spend", role="primary"), metric("visit", kind="rate")],
    )
    arms: dict[str, Any] = {
        arm: {"spend": [1.0, 2.0, 5.0, 3.0], "visit": [1.0, 0.0, 1.0, 0.0]}
        for arm in (TREATMENT, CONTROL)
    }
    found = by_name(details(plan, analysed(plan, arms)), of="visit")
    assert "odds_ratio" in found
    assert "beta_binomial" not in found


def test_readings_of_any_day_say_so_and_are_wider() -> None:
    analysis = analysed(plan_of(), drawn())
    found = by_name(details(plan_of(), analysis))
    difference = analysis.estimates[0].difference
    assert not isinstance(difference, Undefined)
    for name in ("asymptotic_sequence", "msprt"):
        one = found[name]
        assert "if one had looked any day" in one.note
        assert isinstance(one.low, float)
        assert isinstance(one.high, float)
        assert (one.low < difference.low, one.high > difference.high) == (True, True)


def test_beside_an_adjusted_mean_stand_welch_cuped_ancova_and_two_lifts() -> None:
    arms = drawn()
    found = by_name(details(plan_of(), analysed(plan_of(), arms, covariates=["before"])))
    wanted = stats.ttest_ind(arms[TREATMENT]["spend"], arms[CONTROL]["spend"], equal_var=False)
    assert found["welch"].p_value == pytest.approx(wanted.pvalue)
    pooled = stats.ttest_ind(arms[TREATMENT]["spend"], arms[CONTROL]["spend"])
    assert found["student"].p_value == pytest.approx(pooled.pvalue)
    lift = arms[TREATMENT]["spend"].mean() / arms[CONTROL]["spend"].mean() - 1
    assert found["lift_delta"].value == pytest.approx(lift)
    assert found["lift_log_delta"].value == pytest.approx(lift)
    x = np.concatenate([arms[arm]["before"] for arm in (TREATMENT, CONTROL)])
    y = np.concatenate([arms[arm]["spend"] for arm in (TREATMENT, CONTROL)])
    group = np.repeat([1.0, 0.0], 120)
    beta = np.linalg.lstsq(np.column_stack([np.ones(240), group, x]), y, rcond=None)[0]
    assert found["ancova"].value == pytest.approx(beta[1])
    theta = np.cov(x, y)[0, 1] / np.var(x, ddof=1)
    adjusted = y - theta * (x - x.mean())
    assert found["cuped"].value == pytest.approx(adjusted[:120].mean() - adjusted[120:].mean())
    assert f"theta {theta:.4g}" in found["cuped"].note
    assert "adjusted for before" in found["cuped"].note


def test_a_tolerance_is_also_tested_from_both_sides() -> None:
    """Two one-sided Welch tests against the margin, by scipy."""
    plan = plan_of(
        metrics=[metric("spend", role="primary"), metric("calls", role="guardrail", tolerance=1)]
    )
    rng = np.random.default_rng(3)
    arms: dict[str, Any] = {
        arm: {"spend": rng.normal(9, 2, 80).round(2), "calls": rng.normal(5, 1, 80).round(2)}
        for arm in (TREATMENT, CONTROL)
    }
    found = by_name(details(plan, analysed(plan, arms)), of="calls")["equivalence"]
    treated, controls = arms[TREATMENT]["calls"], arms[CONTROL]["calls"]
    above = stats.ttest_ind(treated + 1, controls, equal_var=False, alternative="greater")
    below = stats.ttest_ind(treated - 1, controls, equal_var=False, alternative="less")
    assert found.p_value == pytest.approx(max(above.pvalue, below.pvalue))
    assert "-/+ 1" in found.note


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [("rate", {"tolerance": "0.1"}), ("mean", {"tolerance_relative": "0.1"})],
)
def test_rates_and_relative_margins_have_their_own_tests(
    kind: str, tolerance: dict[str, str]
) -> None:
    plan = plan_of(
        metrics=[
            metric("spend", role="primary"),
            metric("calls", role="guardrail", kind=kind, **tolerance),
        ]
    )
    arms: dict[str, Any] = {
        arm: {"spend": [1.0, 2.0] * 200, "calls": [0.0, 1.0, 1.0, 0.0] * 100}
        for arm in (TREATMENT, CONTROL)
    }
    found = by_name(details(plan, analysed(plan, arms)), of="calls")["equivalence"]
    assert found.value == 0
    assert isinstance(found.p_value, float)
    assert 0 < found.p_value < 0.05 if kind == "rate" else found.p_value < 0.5


def with_strata(plan: Plan, strata: dict[str, dict[str, Any]]) -> Analysis:
    """An analysis of customers in strata, per stratum and arm the values of `spend`."""
    arms: dict[str, Any] = {
        arm: {"spend": [value for one in strata.values() for value in one[arm]]}
        for arm in (TREATMENT, CONTROL)
    }
    evidence = evidence_of(plan, arms)
    sums = {
        name: {arm: sums_of({"outcome spend": values}) for arm, values in one.items()}
        for name, one in strata.items()
    }
    whole = evidence.everybody
    measured = Measured(whole.sums, whole.by_segment, sums)
    return analysis_of(plan, replace(evidence, everybody=measured))


def test_strata_of_the_plan_are_read_together_by_mantel_and_haenszel() -> None:
    """By hand: sum of a d / n over sum of b c / n, 30/100 against 20/100 and 8/20 against 4/40."""
    strata = {
        "new": {TREATMENT: [1.0] * 30 + [0.0] * 70, CONTROL: [1.0] * 20 + [0.0] * 80},
        "old": {TREATMENT: [1.0] * 8 + [0.0] * 12, CONTROL: [1.0] * 4 + [0.0] * 36},
    }
    found = by_name(details(rate_plan(), with_strata(rate_plan(), strata)))
    ratio = (30 * 80 / 200 + 8 * 36 / 60) / (70 * 20 / 200 + 12 * 4 / 60)
    assert found["mantel_haenszel_odds_ratio"].value == pytest.approx(ratio)
    difference = (0.10 * 50 + 0.30 * 20 * 40 / 60) / (50 + 20 * 40 / 60)
    assert found["mantel_haenszel_difference"].value == pytest.approx(difference)
    assert isinstance(found["cochran_mantel_haenszel"].p_value, float)
    assert "mantel_haenszel_risk_ratio" in found


def test_a_mean_within_strata_is_weighted_by_their_customers() -> None:
    strata = {
        "new": {TREATMENT: [5.0, 7.0], CONTROL: [1.0, 3.0]},
        "old": {TREATMENT: [9.0, 9.0, 12.0, 10.0], CONTROL: [9.0, 8.0, 11.0, 8.0]},
    }
    found = by_name(details(plan_of(), with_strata(plan_of(), strata)))
    assert found["stratified"].value == pytest.approx((4 * 4 + 8 * 1) / 12)


def test_the_bootstrap_of_the_plan_is_labelled_as_one_of_rows() -> None:
    analysis = analysed(plan_of(), drawn())
    drawn_often = BootstrapT(2.0, 0.5, 1.1, 3.2, 0.002, 999, 120, 118, sampled=True)
    analysis = replace(analysis, resampled={"spend": {TREATMENT: drawn_often}})
    found = by_name(details(plan_of(), analysis))["bootstrap_t"]
    assert (found.low, found.high) == (1.1, 3.2)
    assert found.note == "rows: 999 draws of 120 and 118 customers, a random sample"


def test_clusters_and_chosen_groups_have_readings_of_the_headline_alone() -> None:
    plan = plan_of(design={"kind": "supplied"})
    found = by_name(details(plan, analysed(plan, drawn())))
    assert set(found) == {"asymptotic_sequence", "msprt"}


@pytest.mark.parametrize("values", [[], [1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
@pytest.mark.parametrize("kind", ["mean", "rate"])
def test_where_nothing_can_be_computed_the_reason_stands(values: list[float], kind: str) -> None:
    plan = rate_plan() if kind == "rate" else plan_of()
    arms: dict[str, Any] = {arm: {"spend": values} for arm in (TREATMENT, CONTROL)}
    for one in details(plan, analysed(plan, arms)):
        numbers = (one.value, one.low, one.high, one.p_value)
        assert any(number is not None for number in numbers)
        assert all(isinstance(number, float | Undefined | None) for number in numbers)


def test_the_currency_does_not_matter_to_a_test() -> None:
    arms = drawn()
    cents = {arm: {name: values * 100 for name, values in one.items()} for arm, one in arms.items()}
    one = by_name(details(plan_of(), analysed(plan_of(), arms, covariates=["before"])))
    other = by_name(details(plan_of(), analysed(plan_of(), cents, covariates=["before"])))
    for name, found in one.items():
        assert other[name].p_value == pytest.approx(found.p_value, rel=1e-6), name


def test_nothing_is_said_while_veiled() -> None:
    assert details(plan_of(), veiled_analysis(plan_of())) == ()
