"""Estimates against independent computations from raw arrays, and their behavior at the edge."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from experiments.analyse.analysis import Analysis
from experiments.analyse.estimate import Estimate, Method
from experiments.analyse.estimates import headline_of
from experiments.decide.verdict import decide
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.report.build import build_report
from experiments.report.flat import as_csv
from experiments.report.plain import as_json
from experiments.report.result import result
from experiments.stats.estimate import Difference, Interval
from experiments.stats.fieller import Ratio
from tests.evidence import CONTROL, TREATMENT, Columns, analysed, metric, plan_of

Floats = npt.NDArray[np.float64]


def difference_of(estimate: Estimate | None) -> Difference:
    assert estimate is not None
    assert isinstance(estimate.difference, Difference), estimate.difference
    return estimate.difference


def only(analysis: Analysis, **wanted: object) -> Estimate:
    """The one estimate with these properties; overall where no segment is named."""
    wanted = {"segment": None, "level": None, **wanted}
    found = [
        estimate
        for estimate in analysis.estimates
        if all(getattr(estimate, key) == value for key, value in wanted.items())
    ]
    assert len(found) == 1
    return found[0]


def said(plan: Plan, analysis: Analysis) -> dict[str, Any]:
    """The result as a script reads it, through JSON; report and table are built too."""
    decision = decide(plan, analysis)
    retrospective = Registration.RETROSPECTIVE
    build_report(plan, analysis, decision, registration=retrospective, left_out=0, assigned=False)
    sentences = {verdict.treatment: "" for verdict in decision.verdicts}
    found = result(plan, analysis, decision, registration=retrospective, sentences=sentences)
    as_csv(found)
    read: dict[str, Any] = json.loads(as_json(found))
    return read


def drawn(seed: int, n: int, *, effect: float = 0.0, slope: float = 0.5) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    before = rng.gamma(2.0, 20.0, n).round(2)
    tier = (rng.random(n) < 0.3).astype(float)
    spend = (effect + slope * before + 5 * tier + rng.normal(0, 8, n)).round(2)
    return {"spend": spend, "before": before, "gold": tier}


def ols_by_arm(arms: dict[str, dict[str, Floats]], names: list[str]) -> tuple[float, float, float]:
    """Interacted least squares centred at the pooled mean: estimate, standard error, df."""
    rows = {arm: np.column_stack([c[name] for name in names]) for arm, c in arms.items()}
    pooled = np.vstack(list(rows.values()))
    fits = {}
    for arm, covariates in rows.items():
        n, k = covariates.shape
        design = np.column_stack([np.ones(n), covariates - pooled.mean(axis=0)])
        beta, *_ = np.linalg.lstsq(design, arms[arm]["spend"], rcond=None)
        residual = arms[arm]["spend"] - design @ beta
        fits[arm] = (beta[0], beta[1:], residual @ residual / (n - k - 1) / n, n - k - 1)
    (a_t, b_t, v_t, f_t), (a_c, b_c, v_c, f_c) = fits[TREATMENT], fits[CONTROL]
    spread = np.atleast_2d(np.cov(pooled.T))
    centre = (b_t - b_c) @ spread @ (b_t - b_c) / len(pooled)
    df = (v_t + v_c) ** 2 / (v_t**2 / f_t + v_c**2 / f_c)
    return float(a_t - a_c), float(np.sqrt(v_t + v_c + centre)), float(df)


def test_the_unadjusted_mean_agrees_with_scipy() -> None:
    """scipy.stats.ttest_ind with equal_var=False."""
    arms = {TREATMENT: drawn(1, 200, effect=3), CONTROL: drawn(2, 120)}
    found = only(analysed(plan_of(), arms), method=Method.WELCH)
    wanted = stats.ttest_ind(arms[TREATMENT]["spend"], arms[CONTROL]["spend"], equal_var=False)
    interval = wanted.confidence_interval(0.95)
    difference = difference_of(found)
    assert difference.p_value == pytest.approx(wanted.pvalue, rel=1e-9)
    assert difference.df == pytest.approx(wanted.df, rel=1e-9)
    assert (difference.low, difference.high) == pytest.approx((interval.low, interval.high))
    assert found.headline


@pytest.mark.parametrize("names", [["before"], ["before", "gold"]])
def test_the_adjusted_mean_agrees_with_least_squares_by_hand(names: list[str]) -> None:
    """METHODS: interacted regression, centred at the pooled mean, its variance formula."""
    arms = {TREATMENT: drawn(3, 150, effect=3, slope=0.8), CONTROL: drawn(4, 90)}
    found = only(analysed(plan_of(), arms, covariates=names), method=Method.LIN)
    value, se, df = ols_by_arm(arms, names)
    difference = difference_of(found)
    assert (difference.value, difference.se, difference.df) == pytest.approx((value, se, df))
    reach = stats.t.ppf(0.975, df) * se
    assert (difference.low, difference.high) == pytest.approx((value - reach, value + reach))
    assert found.headline


def test_an_adjusted_rate_is_centred_like_a_mean() -> None:
    plan = plan_of(
        metrics=[metric("spend", role="primary", kind="rate")],
        value={"margin_rate": None, "value_per_unit": 10},
    )
    arms = {TREATMENT: drawn(5, 150), CONTROL: drawn(6, 150)}
    for columns in arms.values():
        columns["spend"] = (columns["spend"] > 20).astype(float)
    analysis = analysed(plan, arms, covariates=["before"])
    difference = difference_of(headline_of(analysis.estimates, metric="spend", treatment=TREATMENT))
    value, se, _ = ols_by_arm(arms, ["before"])
    assert (difference.value, difference.se) == pytest.approx((value, se))


def test_a_rate_has_the_pooled_test_and_newcombes_interval() -> None:
    """Newcombe (1998), method 10, 56/70 against 48/80; the chi-square from scipy."""
    plan = plan_of(
        metrics=[metric("spend", role="primary", kind="rate")],
        value={"margin_rate": None, "value_per_unit": 10},
    )
    arms: dict[str, Columns] = {
        TREATMENT: {"spend": [1] * 56 + [0] * 14},
        CONTROL: {"spend": [1] * 48 + [0] * 32},
    }
    difference = difference_of(only(analysed(plan, arms)))
    assert (difference.low, difference.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    wanted = stats.chi2_contingency([[56, 14], [48, 32]], correction=False)
    assert difference.p_value == pytest.approx(wanted.pvalue)


def test_a_perfectly_balanced_covariate_moves_no_estimate() -> None:
    before = [float(at % 10) for at in range(100)]
    arms: dict[str, Columns] = {
        TREATMENT: {"spend": [x + 2 + (at % 3) for at, x in enumerate(before)], "before": before},
        CONTROL: {"spend": [x + (at % 3) for at, x in enumerate(before)], "before": before},
    }
    analysis = analysed(plan_of(), arms, covariates=["before"])
    plain, adjusted = (only(analysis, method=method) for method in (Method.WELCH, Method.LIN))
    assert difference_of(adjusted).value == pytest.approx(difference_of(plain).value)
    assert difference_of(adjusted).se < difference_of(plain).se


@pytest.mark.parametrize(("customers", "headline"), [(40, Method.LIN), (39, Method.WELCH)])
def test_under_20_customers_per_covariate_and_arm_the_unadjusted_leads(
    customers: int, headline: Method
) -> None:
    arms = {TREATMENT: drawn(7, customers), CONTROL: drawn(8, 200)}
    analysis = analysed(plan_of(), arms, covariates=["before", "gold"])
    assert only(analysis, headline=True).method is headline
    assert {estimate.method for estimate in analysis.estimates} == {Method.WELCH, Method.LIN}


def test_a_covariate_that_repeats_another_is_dropped_by_name() -> None:
    arms = {TREATMENT: drawn(9, 100), CONTROL: drawn(10, 100)}
    for columns in arms.values():
        columns["cents"] = columns["before"] * 100
    analysis = analysed(plan_of(), arms, covariates=["before", "cents"])
    found = only(analysis, method=Method.LIN)
    assert (found.adjusted_for, found.dropped) == (("known before",), ("known cents",))
    read = next(one for one in said(plan_of(), analysis)["estimates"] if one["method"] == "lin")
    assert (read["adjusted_for"], read["dropped"]) == (["before"], ["cents"])


def test_the_relative_change_is_fiellers() -> None:
    """The interval holds every ratio r at which mean_t - r x mean_c is not told from zero."""
    arms = {TREATMENT: drawn(11, 120, effect=4), CONTROL: drawn(12, 150)}
    relative = only(analysed(plan_of(), arms)).relative
    assert isinstance(relative, Ratio)
    assert isinstance(relative.interval, Interval)
    t, c = arms[TREATMENT]["spend"], arms[CONTROL]["spend"]
    assert relative.value == pytest.approx(t.mean() / c.mean() - 1)
    for limit in (relative.interval.low, relative.interval.high):
        ratio = 1 + limit
        se = np.sqrt(t.var(ddof=1) / len(t) + ratio**2 * c.var(ddof=1) / len(c))
        assert abs(t.mean() - ratio * c.mean()) / se == pytest.approx(stats.norm.ppf(0.975))


def test_the_adjusted_relative_change_points_where_the_difference_does() -> None:
    arms = {TREATMENT: drawn(13, 300, effect=6), CONTROL: drawn(14, 300)}
    found = only(analysed(plan_of(), arms, covariates=["before"]), method=Method.LIN)
    assert isinstance(found.relative, Ratio)
    assert isinstance(found.mean_control, float)
    assert found.relative.value == pytest.approx(difference_of(found).value / found.mean_control)
    assert isinstance(found.relative.interval, Interval)
    assert 0 < found.relative.interval.low < found.relative.value < found.relative.interval.high


def test_several_treatments_are_read_together() -> None:
    """scipy.stats.dunnett; groups of equal variance, so that Welch's is nearly Dunnett's own."""
    plan = plan_of(design={"treatments": ["A", "B"]})
    rng = np.random.default_rng(20)
    arms = {arm: {"spend": rng.normal(10, 3, 400).round(2)} for arm in ("A", "B", CONTROL)}
    analysis = analysed(plan, arms)
    wanted = stats.dunnett(arms["A"]["spend"], arms["B"]["spend"], control=arms[CONTROL]["spend"])
    interval = wanted.confidence_interval(0.95)
    for at, arm in enumerate(("A", "B")):
        found = only(analysis, treatment=arm)
        joint = found.simultaneous
        assert joint is not None
        assert (joint.low, joint.high) == pytest.approx(
            (interval.low[at], interval.high[at]), abs=0.02
        )
        assert joint.p_value == pytest.approx(wanted.pvalue[at], abs=0.02)
        assert joint.low < difference_of(found).low
        assert found.interval == Interval(joint.low, joint.high)


def test_a_level_that_only_one_arm_has_is_undefined_and_does_not_crash() -> None:
    plan = plan_of(segments=[{"attribute": "tier"}])
    arms = {TREATMENT: drawn(15, 60), CONTROL: drawn(16, 60)}
    tiers = {
        TREATMENT: ["best"] * 30 + ["rest"] * 30,
        CONTROL: ["rest"] * 59 + ["new"],
    }
    analysis = analysed(plan, arms, covariates=["before"], segments={"tier": tiers})
    best = only(analysis, level="best", segment="tier", method=Method.WELCH)
    assert (best.n_treatment, best.n_control) == (30, 0)
    assert isinstance(best.difference, Undefined)
    assert isinstance(best.mean_control, Undefined)
    rest = only(analysis, level="rest", segment="tier", method=Method.WELCH)
    wanted = arms[TREATMENT]["spend"][30:].mean() - arms[CONTROL]["spend"][:59].mean()
    assert difference_of(rest).value == pytest.approx(wanted)
    assert not any(estimate.headline for estimate in analysis.estimates if estimate.segment)
    said(plan, analysis)


def test_relabelled_levels_keep_their_estimates() -> None:
    plan = plan_of(segments=[{"attribute": "tier"}])
    arms = {TREATMENT: drawn(17, 60), CONTROL: drawn(18, 60)}
    one = {arm: ["a"] * 20 + ["b"] * 40 for arm in arms}
    other = {arm: ["z"] * 20 + ["=b"] * 40 for arm in arms}
    names = {"a": "z", "b": "=b", None: None}
    before = analysed(plan, arms, segments={"tier": one}).estimates
    after = analysed(plan, arms, segments={"tier": other}).estimates
    assert {replace(estimate, level=names[estimate.level]) for estimate in before} == set(after)


DEGENERATE: dict[str, dict[str, list[float]]] = {
    "one customer": {"t": [5.0], "c": [1.0, 2.0, 3.0]},
    "no spread": {"t": [5.0] * 30, "c": [5.0] * 30},
    "no spread, apart": {"t": [7.0] * 30, "c": [5.0] * 30},
    "nobody spent": {"t": [0.0] * 30, "c": [0.0] * 30},
    "one of them spent": {"t": [0.0] * 29 + [12.5], "c": [0.0] * 30},
    "returns exceed sales": {"t": [-3.0, 1.0, -8.0] * 10, "c": [-4.0, 2.0, -9.0] * 10},
    "control mean is zero": {"t": [1.0, 2.0, 3.0] * 10, "c": [-1.0, 0.0, 1.0] * 10},
    "very large": {"t": [1e13, 2e13, 3e13] * 10, "c": [1e13, 2e13, 4e13] * 10},
    "very small": {"t": [0.0001, 0.0002] * 10, "c": [0.0001, 0.0] * 10},
}


@pytest.mark.parametrize("covariate", ["none", "the outcome", "constant", "apart"])
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_groups_answer_with_a_reason_and_can_be_written(
    case: str, covariate: str
) -> None:
    columns = DEGENERATE[case]
    arms: dict[str, Columns] = {
        arm: {
            "spend": columns[side],
            "x": {
                "none": columns[side],
                "the outcome": columns[side],
                "constant": [3.0] * len(columns[side]),
                "apart": [float(side == "t")] * len(columns[side]),
            }[covariate],
        }
        for arm, side in ((TREATMENT, "t"), (CONTROL, "c"))
    }
    plan = plan_of()
    names = [] if covariate == "none" else ["x"]
    analysis = analysed(plan, arms, covariates=names)
    found = said(plan, analysis)
    for estimate in found["estimates"]:
        difference = estimate["difference"]
        assert "undefined" in difference or difference["low"] <= difference["high"]
    if case in ("one customer", "no spread", "no spread, apart", "nobody spent"):
        assert found["verdict"]["status"] == "not_proved"
        assert found["verdict"]["reason"] == "undefined"
    if case in ("control mean is zero", "returns exceed sales"):
        assert all("undefined" in one["relative"] for one in found["estimates"])


def test_an_outcome_known_beforehand_is_not_adjusted_into_certainty() -> None:
    arms = {TREATMENT: drawn(19, 60), CONTROL: drawn(20, 60)}
    for columns in arms.values():
        columns["copy"] = columns["spend"]
    analysis = analysed(plan_of(), arms, covariates=["copy"])
    assert isinstance(only(analysis, method=Method.LIN).difference, Undefined)
    assert only(analysis, headline=True).method is Method.WELCH


def test_an_arm_without_customers_leaves_the_others_their_numbers() -> None:
    plan = plan_of(design={"treatments": ["A", "B"]})
    analysis = analysed(plan, {"A": drawn(21, 50, effect=9), CONTROL: drawn(22, 50)})
    found = said(plan, analysis)
    assert [verdict["status"] for verdict in found["verdicts"]] == ["proved", "not_proved"]
    assert found["verdict"]["treatment"] == "A"


amounts = st.lists(
    st.integers(-5_000, 5_000).map(lambda cents: cents / 100), min_size=3, max_size=12
).filter(lambda values: len(set(values)) > 1)


@settings(max_examples=40, deadline=None)
@given(treated=amounts, controls=amounts)
def test_swapping_the_arms_flips_the_sign(treated: list[float], controls: list[float]) -> None:
    one, other = (
        only(analysed(plan_of(), {TREATMENT: {"spend": t}, CONTROL: {"spend": c}}))
        for t, c in ((treated, controls), (controls, treated))
    )
    first, second = difference_of(one), difference_of(other)
    assert (first.value, first.low, first.high, first.p_value) == pytest.approx(
        (-second.value, -second.high, -second.low, second.p_value)
    )


@settings(max_examples=25, deadline=None)
@given(treated=amounts, controls=amounts, rate=st.sampled_from([0.01, 7.0, 10_000.0]))
def test_another_currency_keeps_p_and_return(
    treated: list[float], controls: list[float], rate: float
) -> None:
    found = []
    for factor in (1.0, rate):
        arms: dict[str, Columns] = {
            TREATMENT: {"spend": [value * factor for value in treated]},
            CONTROL: {"spend": [value * factor for value in controls]},
        }
        plan = plan_of(value={"cost_per_treated": round(2 * factor, 4)})
        found.append(said(plan, analysed(plan, arms)))
    one, other = found
    assert one["verdict"]["roi"] == pytest.approx(other["verdict"]["roi"], rel=1e-6, abs=1e-9)
    assert one["estimates"][0]["difference"]["p_value"] == pytest.approx(
        other["estimates"][0]["difference"]["p_value"], rel=1e-6
    )
    assert one["verdict"]["status"] == other["verdict"]["status"]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_customers_does_not_matter(seed: int) -> None:
    arms = {TREATMENT: drawn(23, 45, effect=1), CONTROL: drawn(24, 50)}
    rng = np.random.default_rng(seed)
    shuffled = {}
    for arm, columns in arms.items():
        order = rng.permutation(len(columns["spend"]))
        shuffled[arm] = {name: values[order] for name, values in columns.items()}
    plan = plan_of()
    one, other = (
        said(plan, analysed(plan, rows, covariates=["before"])) for rows in (arms, shuffled)
    )
    assert one == other
