"""Every status and reason of the rule, each from a plan and raw numbers."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from experiments.analyse.estimate import Method
from experiments.analyse.estimates import headline_of
from experiments.decide.verdict import (
    Decision,
    OtherReading,
    Reason,
    Status,
    Verdict,
    _status,
    decide,
)
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.estimate import Difference, Interval
from experiments.stats.means import student
from experiments.stats.moments import Sample
from experiments.stats.skew import hall
from experiments.terms import Basis
from experiments.value.contrast import Reading, Value
from tests.evidence import (
    CONTROL,
    SPLIT_FAILED,
    TREATMENT,
    analysed,
    analysis_of,
    evidence_of,
    metric,
    plan_of,
    veiled_analysis,
)

Arms = dict[str, dict[str, Any]]


def drawn(seed: int, *, effect: float, n: int = 150) -> Arms:
    rng = np.random.default_rng(seed)
    return {
        TREATMENT: {"spend": rng.normal(20 + effect, 5, n).round(2)},
        CONTROL: {"spend": rng.normal(20, 5, n).round(2)},
    }


def verdict_of(plan: Plan, arms: Arms, **given: Any) -> Verdict:
    return decide(plan, analysed(plan, arms, **given)).deciding


def worth(verdict: Verdict) -> Value:
    assert isinstance(verdict.value, Value), verdict.value
    return verdict.value


@pytest.mark.parametrize(
    ("effect", "status", "reason"),
    [
        (4.0, Status.PROVED, None),
        (-4.0, Status.DISPROVED, None),
        (0.3, Status.NOT_PROVED, Reason.INTERVAL),
    ],
)
def test_d_decides(effect: float, status: Status, reason: Reason | None) -> None:
    verdict = verdict_of(plan_of(), drawn(1, effect=effect))
    assert (verdict.status, verdict.reason) == (status, reason)
    contrast = worth(verdict).contrast
    assert (contrast.low > 0, contrast.high < 0) == (
        status is Status.PROVED,
        status is Status.DISPROVED,
    )


def test_a_significant_effect_that_does_not_pay_is_disproved() -> None:
    verdict = verdict_of(plan_of(value={"cost_per_treated": 9}), drawn(2, effect=4))
    assert worth(verdict).margin.low > 0
    assert verdict.status is Status.DISPROVED


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 0.0), (0.0, 0.0)])
def test_an_interval_that_touches_zero_proves_nothing(low: float, high: float) -> None:
    analysis = analysed(plan_of(), drawn(3, effect=1))
    value = worth(decide(plan_of(), analysis).deciding)
    touching = replace(value, contrast=Reading((low + high) / 2, low, high))
    assert _status(plan_of(), analysis, touching, (), None, failed=False) == (
        Status.NOT_PROVED,
        Reason.INTERVAL,
    )


def test_the_interval_is_the_plans() -> None:
    """D / se is near 2.2: proved at alpha 0.05, not at 0.01."""
    arms = drawn(4, effect=0)
    shift = arms[TREATMENT]["spend"].mean() - arms[CONTROL]["spend"].mean()
    se = np.sqrt(sum(one["spend"].var(ddof=1) / 150 for one in arms.values()))
    arms[TREATMENT]["spend"] = arms[TREATMENT]["spend"] - shift + 0.1 + 2.2 * se
    assert verdict_of(plan_of(), arms).status is Status.PROVED
    strict = verdict_of(plan_of(design={"alpha": "0.01"}), arms)
    assert strict.status is Status.NOT_PROVED


def test_a_blocking_failure_makes_it_invalid_and_keeps_the_numbers() -> None:
    plan, arms = plan_of(), drawn(5, effect=4)
    analysis = analysis_of(plan, evidence_of(plan, arms), checks=[SPLIT_FAILED, SPLIT_FAILED])
    verdict = decide(plan, analysis).deciding
    assert (verdict.status, verdict.reason, verdict.failed) == (Status.INVALID, None, ("split",))
    assert worth(verdict) == worth(verdict_of(plan, arms))


def test_a_failure_that_does_not_block_only_informs() -> None:
    plan = plan_of()
    informs = replace(SPLIT_FAILED, name="contamination", blocking=False)
    analysis = analysis_of(plan, evidence_of(plan, drawn(6, effect=4)), checks=[informs])
    assert decide(plan, analysis).deciding.status is Status.PROVED


def test_a_veiled_pilot_has_no_value_and_says_until_when() -> None:
    plan = plan_of(metrics=[metric("spend", role="primary"), harm()])
    verdict = decide(plan, veiled_analysis(plan)).deciding
    assert verdict.status is Status.VEILED
    assert isinstance(verdict.value, Undefined)
    assert (verdict.guardrails, verdict.more_data, verdict.other_reading) == ((), None, None)
    assert verdict.veiled_until == date(2026, 4, 1)


def test_an_effect_that_cannot_be_computed_is_not_proved() -> None:
    arms: Arms = {TREATMENT: {"spend": [0.0] * 30}, CONTROL: {"spend": [0.0] * 30}}
    verdict = verdict_of(plan_of(), arms)
    assert (verdict.status, verdict.reason) == (Status.NOT_PROVED, Reason.UNDEFINED)
    assert verdict.more_data is None


def harm(**keys: Any) -> dict[str, Any]:
    tolerance = {} if "tolerance_relative" in keys else {"tolerance": 1}
    return metric("returns", role="guardrail", direction="down", **{**tolerance, **keys})


@pytest.mark.parametrize(
    ("returned", "status", "reason"),
    [
        (0.0, Status.PROVED, None),
        (9.0, Status.NOT_PROVED, Reason.GUARDRAIL_WORSE),
        (0.9, Status.NOT_PROVED, Reason.GUARDRAIL_UNCLEAR),
    ],
)
def test_a_guardrail_can_withhold_the_proof(
    returned: float, status: Status, reason: Reason | None
) -> None:
    plan = plan_of(metrics=[metric("spend", role="primary"), harm()])
    arms, rng = drawn(7, effect=4), np.random.default_rng(8)
    arms[TREATMENT]["returns"] = (returned + rng.normal(3, 1, 150)).round(2)
    arms[CONTROL]["returns"] = rng.normal(3, 1, 150).round(2)
    verdict = verdict_of(plan, arms)
    assert (verdict.status, verdict.reason) == (status, reason)
    if reason is Reason.GUARDRAIL_UNCLEAR:
        assert verdict.more_data is not None
        assert isinstance(verdict.more_data.for_break_even, Undefined)
        worsening = verdict.guardrails[0].worsening
        assert isinstance(worsening, Interval)
        middle, half = (
            (worsening.low + worsening.high) / 2,
            (worsening.high - worsening.low) / 2,
        )
        wanted = 150 * ((1.959964 + 0.841621) * half / 1.959964 / (1 - middle)) ** 2
        assert verdict.more_data.for_observed == pytest.approx(wanted, rel=0.01)
        assert wanted > 150


def test_harm_does_not_soften_a_loss() -> None:
    plan = plan_of(metrics=[metric("spend", role="primary"), harm()])
    arms = drawn(9, effect=-4)
    for columns, returned in zip(arms.values(), (9.0, 3.0), strict=True):
        columns["returns"] = np.random.default_rng(1).normal(returned, 1, 150).round(2)
    assert verdict_of(plan, arms).status is Status.DISPROVED


def skewed() -> Arms:
    """A control group in which two of 60 spend nearly everything."""
    rng = np.random.default_rng(11)
    controls = rng.exponential(1.0, 60).round(2)
    controls[:2] = 60.0, 40.0
    return {TREATMENT: {"spend": (rng.normal(9.2, 4, 400)).round(2)}, CONTROL: {"spend": controls}}


def test_a_proof_that_rests_on_a_few_customers_is_withheld() -> None:
    """Hall's interval of the same data holds what Welch's excludes."""
    arms = skewed()
    gap = arms[TREATMENT]["spend"].mean() - arms[CONTROL]["spend"].mean()
    plain = verdict_of(plan_of(), arms)
    value = worth(plain)
    # Move D's lower limit just above zero by the cost, then look again.
    cost = round(0.1 + value.contrast.low - 0.05, 2)
    verdict = verdict_of(plan_of(value={"cost_per_treated": str(cost)}), arms)
    assert worth(verdict).contrast.low > 0
    skewness = verdict.careful_interval
    assert skewness is not None
    assert skewness.low < 0 < gap
    assert (verdict.status, verdict.reason) == (Status.NOT_PROVED, Reason.TAILS)


def test_a_small_group_that_lacks_its_large_customers_proves_nothing() -> None:
    """Twelve held-out customers without a large one: their low mean and small spread are one luck.

    Their own skewness is small, and Hall's interval agrees with the headline's; only with one
    spread for both groups, that of the treated customers, is the answer open.
    """
    rng = np.random.default_rng(3)
    treated = rng.lognormal(0.0, 1.6, 400).round(4)
    controls = np.sort(rng.lognormal(0.0, 1.6, 40).round(4))[:12]
    verdict = verdict_of(plan_of(), {TREATMENT: {"spend": treated}, CONTROL: {"spend": controls}})
    many, few = Sample.of(treated), Sample.of(controls)
    corrected, common = hall(treatment=many, control=few), student(treatment=many, control=few)
    assert corrected
    assert common
    assert corrected.low > 0.1 > common.low
    assert worth(verdict).contrast.low > 0
    assert (verdict.status, verdict.reason) == (Status.NOT_PROVED, Reason.TAILS)
    assert verdict.careful_interval is not None
    assert verdict.careful_interval.low == pytest.approx(common.low - 0.1)


def test_spending_without_skewness_is_not_corrected() -> None:
    assert verdict_of(plan_of(), drawn(12, effect=1)).careful_interval is None


def two(a: float, b: float) -> tuple[Plan, Arms]:
    plan = plan_of(design={"treatments": ["A", "B"]})
    arms = drawn(13, effect=0)
    rng = np.random.default_rng(14)
    for arm, effect in (("A", a), ("B", b)):
        arms[arm] = {"spend": rng.normal(20 + effect, 5, 150).round(2)}
    del arms[TREATMENT]
    return plan, arms


@pytest.mark.parametrize(("a", "b", "best"), [(4, 1, "A"), (1, 4, "B"), (-4, -1, "B")])
def test_the_pilots_verdict_is_that_of_the_highest_lower_limit(
    a: float, b: float, best: str
) -> None:
    plan, arms = two(a, b)
    found = decide(plan, analysed(plan, arms))
    assert [verdict.treatment for verdict in found.verdicts] == ["A", "B"]
    assert found.deciding.treatment == best
    assert worth(found.deciding).contrast.low == max(
        worth(verdict).contrast.low for verdict in found.verdicts
    )


def test_a_treatment_without_a_number_never_decides() -> None:
    plan, arms = two(-4, 0)
    arms["B"] = {"spend": [20.0]}
    assert decide(plan, analysed(plan, arms)).deciding.treatment == "A"


def test_the_basis_of_the_plan_decides_and_the_other_stands_beside() -> None:
    """0.10 a customer at roll-out pays; 9 in the pilot did not."""
    rollout = {"customers": 1000, "cost_per_treated": "0.1"}
    plan = plan_of(value={"cost_per_treated": 9, "rollout": rollout})
    found: Decision = decide(plan, analysed(plan, drawn(15, effect=4)))
    assert (found.deciding.basis, found.deciding.status) == (Basis.ROLLOUT, Status.PROVED)
    other = found.other_basis[TREATMENT]
    assert isinstance(other, Value)
    assert other.contrast.high < 0
    assert decide(plan_of(), analysed(plan_of(), drawn(15, effect=4))).other_basis == {}


def test_how_much_more_data_follows_from_the_scale_law() -> None:
    """As n x ((1.96 + 0.84) x se / effect)^2."""
    plan = plan_of(value={"cost_per_treated": 1})
    arms = drawn(16, effect=1.4)
    verdict = verdict_of(plan, arms)
    assert verdict.reason is Reason.INTERVAL
    assert verdict.more_data is not None
    headline = headline_of(analysed(plan, arms).estimates, metric="spend", treatment=TREATMENT)
    assert headline is not None
    assert isinstance(headline.difference, Difference)
    reach = 1.959964 + 0.841621
    assert verdict.more_data.for_break_even == pytest.approx(
        150 * (reach * headline.difference.se / 1) ** 2, abs=1.01
    )
    value = worth(verdict)
    assert value.contrast.value > 0
    assert verdict.more_data.for_observed == pytest.approx(
        150 * (reach * value.contrast_se / value.contrast.value) ** 2, abs=1.01
    )


def test_more_data_proves_no_program_that_lost_money() -> None:
    verdict = verdict_of(plan_of(value={"cost_per_treated": 1}), drawn(17, effect=0.4))
    assert worth(verdict).contrast.value < 0
    assert verdict.more_data is not None
    assert isinstance(verdict.more_data.for_observed, Undefined)


def test_the_two_readings_of_d_that_disagree_are_both_told() -> None:
    """The covariate narrows the interval, so that only the adjusted reading clears zero."""
    arms, rng = drawn(18, effect=1.0), np.random.default_rng(19)
    for columns in arms.values():
        columns["before"] = (rng.normal(30, 20, 150)).round(2)
        columns["spend"] = (columns["spend"] + columns["before"]).round(2)
    plan = plan_of()
    shift = worth(verdict_of(plan, arms, covariates=["before"])).contrast.value
    arms[TREATMENT]["spend"] = arms[TREATMENT]["spend"] - shift + 2
    verdict = verdict_of(plan, arms, covariates=["before"])
    assert verdict.status is Status.PROVED
    assert verdict.other_reading is not None
    unadjusted = worth(verdict_of(plan, arms)).contrast
    assert verdict.other_reading == OtherReading(Method.WELCH, unadjusted)
    assert unadjusted.low < 0


def test_readings_that_agree_are_not_mentioned() -> None:
    arms = drawn(20, effect=8)
    for columns in arms.values():
        columns["before"] = np.arange(150.0)
    assert verdict_of(plan_of(), arms, covariates=["before"]).other_reading is None
    assert verdict_of(plan_of(), arms).other_reading is None
