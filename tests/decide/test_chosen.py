"""Groups that people chose: how far a verdict may go, and how strong an unknown cause must be."""

import math
from dataclasses import replace

import numpy as np
import pytest

from experiments.analyse.analysis import Analysis
from experiments.analyse.choosing import estimate_chosen
from experiments.analyse.comparison import overall
from experiments.analyse.estimating import Question
from experiments.analyse.variables import Outcome as Compared
from experiments.analyse.weighted import Chosen, Weighted
from experiments.decide.recommendation import recommend
from experiments.decide.unknown_causes import e_value
from experiments.decide.verdict import Reason, Status, decide
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.plan.registration import Registration
from experiments.stats.evalue import EValue
from experiments.stats.weighted_means import Group, WeightedMeans, weighted_means
from experiments.terms import Choice
from experiments.value.contrast import Value
from tests.evidence import CONTROL, TREATMENT, analysis_of, evidence_of, metric, plan_of


def analysed(plan: Plan, *, effect: float, pre_periods: int = 4, events: bool = False) -> Analysis:
    """120 customers against 240, alike before; 1 or 0 each where events are counted."""
    rng = np.random.default_rng(5)
    groups, columns = [], {}
    for arm, many in ((TREATMENT, 120), (CONTROL, 240)):
        before = rng.normal(20, 3, (many, 3))
        outcome = before.mean(axis=1) + rng.normal(0, 2, many) + (arm == TREATMENT) * effect
        if events:
            outcome = (outcome > 20).astype(float)
        groups.append(Group(np.column_stack([outcome, before[:, -1], np.zeros(many)]), before))
        columns[arm] = {"spend": outcome.tolist()}
    means = weighted_means(
        treatment=groups[0],
        control=groups[1],
        names=["3", "2", "1"],
        rng=np.random.default_rng(6),
        draws=199,
    )
    assert isinstance(means, WeightedMeans)
    weighted = Weighted(
        means=means,
        outcome=Compared("outcome spend"),
        pre_periods=pre_periods,
        placebo=None,
        pooled_variance=4.0,
        sampled=False,
    )
    evidence = replace(
        evidence_of(plan, columns),
        chosen=Chosen({("spend", TREATMENT): weighted}, {"spend": pre_periods}),
    )
    comparison = overall(plan, evidence, TREATMENT, metric="spend")
    assert comparison is not None
    (estimates,) = estimate_chosen(
        evidence, [Question(comparison, plan.metrics[0])], confidence=0.95
    )
    return replace(analysis_of(plan, evidence), estimates=tuple(estimates))


CHOSEN = plan_of(design={"kind": "supplied"})


@pytest.mark.parametrize(
    ("effect", "pre_periods", "status", "reason"),
    [
        (2.0, 4, Status.SUPPORTED, None),
        (-2.0, 4, Status.CONTRADICTED, None),
        (0.0, 4, Status.NOT_PROVED, Reason.INTERVAL),
        (2.0, 2, Status.NOT_PROVED, Reason.FEW_PRE_PERIODS),
        (-2.0, 0, Status.NOT_PROVED, Reason.FEW_PRE_PERIODS),
    ],
)
def test_nothing_is_proved(
    effect: float, pre_periods: int, status: Status, reason: Reason | None
) -> None:
    found = decide(CHOSEN, analysed(CHOSEN, effect=effect, pre_periods=pre_periods)).deciding
    assert (found.status, found.reason) == (status, reason)


def test_the_e_value_is_that_of_d_in_standard_deviations() -> None:
    """VanderWeele and Ding (2017) by hand: RR = exp(0.91 d), RR + sqrt(RR (RR - 1))."""
    verdict = decide(CHOSEN, analysed(CHOSEN, effect=2.0)).deciding
    assert isinstance(verdict.value, Value)
    assert isinstance(verdict.e_value, EValue)

    def strength(effect: float) -> float:
        ratio = math.exp(0.91 * effect / 2)
        return ratio + math.sqrt(ratio * (ratio - 1))

    assert verdict.e_value.estimate == pytest.approx(strength(verdict.value.contrast.value))
    assert verdict.e_value.limit == pytest.approx(strength(verdict.value.contrast.low))


def test_the_e_value_of_a_rate_is_that_of_its_risk_ratio() -> None:
    """Over the break-even rate, by hand."""
    plan = plan_of(
        design={"kind": "supplied"},
        metrics=[metric("spend", kind="rate", role="primary")],
        value={"margin_rate": None, "value_per_unit": 10, "cost_per_treated": 1},
    )
    analysis = analysed(plan, effect=2.0, events=True)
    verdict = decide(plan, analysis).deciding
    assert isinstance(verdict.e_value, EValue)
    weighted = analysis.estimates[-1]
    assert isinstance(weighted.mean_treatment, float)
    assert isinstance(weighted.mean_control, float)
    ratio = weighted.mean_treatment / (weighted.mean_control + 0.1)
    assert verdict.e_value.estimate == pytest.approx(ratio + math.sqrt(ratio * (ratio - 1)))
    assert 1 <= verdict.e_value.limit < verdict.e_value.estimate


def test_an_unknown_cause_is_only_asked_for_where_people_chose() -> None:
    drawn = plan_of()
    assert e_value(drawn, analysed(drawn, effect=1.0), TREATMENT, Undefined("-")) is None
    asked = e_value(CHOSEN, analysed(CHOSEN, effect=1.0), TREATMENT, Undefined("no effect"))
    assert asked == Undefined("there is no effect to explain")


@pytest.mark.parametrize("status", [Status.SUPPORTED, Status.CONTRADICTED])
def test_the_gate_stays_closed_and_a_draw_is_advised(status: Status) -> None:
    found = recommend(status, registration=Registration.PROSPECTIVE)
    assert not found.gate_open
    assert "random draw" in found.sentence


def test_a_short_past_is_mended_by_a_draw() -> None:
    found = recommend(
        Status.NOT_PROVED,
        registration=Registration.PROSPECTIVE,
        reason=Reason.FEW_PRE_PERIODS,
    )
    assert found.choice is Choice.EXTEND
    assert "random draw" in found.sentence
