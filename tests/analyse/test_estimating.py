"""Many questions at once are answered exactly as one by one."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.analyse.comparison import comparisons
from experiments.analyse.estimate import Method
from experiments.analyse.estimating import Question, estimate_many, estimate_metric
from experiments.analyse.evidence import Evidence
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.moments import Moments
from tests.evidence import CONTROL, TREATMENT, evidence_of, metric, plan_of


def pilot(*, covariates: tuple[str, ...]) -> tuple[Plan, Evidence]:
    """Two treatments, a mean and a rate, 12 levels of which some lack customers or spread."""
    plan = plan_of(
        metrics=[metric("spend", role="primary"), metric("visit", kind="rate")],
        design={"control": CONTROL, "treatments": [TREATMENT, "called"]},
    )
    rng = np.random.default_rng(7)
    arms: dict[str, Any] = {}
    levels: dict[str, list[str]] = {}
    for n, arm in ((400, CONTROL), (300, TREATMENT), (200, "called")):
        arms[arm] = {
            "spend": rng.gamma(2, 10, n).round(2),
            "visit": (rng.random(n) < 0.2).astype(float),
            "before": rng.gamma(2, 10, n).round(2),
        }
        levels[arm] = [f"level {at}" for at in np.minimum(rng.geometric(0.25, n), 12)]
    levels[TREATMENT][0] = "in one arm only"
    return plan, evidence_of(plan, arms, covariates=covariates, segments={"region": levels})


@pytest.mark.parametrize("covariates", [(), ("before",)])
def test_stacked_estimates_are_those_of_one_question_each(covariates: tuple[str, ...]) -> None:
    plan, evidence = pilot(covariates=covariates)
    asked = [
        Question(comparison, one)
        for one in plan.metrics
        for comparison in comparisons(plan, evidence, metric=one.name)
    ]
    together = estimate_many(evidence, asked, confidence=0.95)
    alone = [
        estimate_metric(evidence, question.comparison, question.metric, confidence=0.95)
        for question in asked
    ]
    assert len(asked) > 40
    assert together == alone
    undefined = [
        estimate
        for both in together
        for estimate in both
        if isinstance(estimate.difference, Undefined)
    ]
    assert {one.level for one in undefined} >= {"in one arm only"}
    assert all(one.segment is not None for one in undefined)


def test_no_question_has_no_answer() -> None:
    _, evidence = pilot(covariates=())
    assert estimate_many(evidence, [], confidence=0.95) == []


def test_only_the_overall_adjusted_estimate_is_the_headline() -> None:
    plan, evidence = pilot(covariates=("before",))
    asked = [
        Question(comparison, plan.metrics[0])
        for comparison in comparisons(plan, evidence, metric="spend")
    ]
    found = [one for both in estimate_many(evidence, asked, confidence=0.95) for one in both]
    assert [(one.treatment, one.segment, one.method) for one in found if one.headline] == [
        (TREATMENT, None, Method.LIN),
        ("called", None, Method.LIN),
    ]


NUMBERS = st.one_of(
    st.decimals(-10_000_000, 10_000_000, places=4),
    st.integers(-(10**12), 10**12),
    st.fractions(-100, 100, max_denominator=9),
)


@given(
    n=st.integers(1, 60),
    sums=st.tuples(NUMBERS, NUMBERS),
    products=st.tuples(NUMBERS, NUMBERS, NUMBERS),
    cubes=st.tuples(NUMBERS, st.none()),
)
def test_moments_from_sums_are_rational_arithmetic_rounded_once(
    n: int, sums: Any, products: Any, cubes: Any
) -> None:
    """Against `fractions.Fraction`, to the last digit."""
    square = [[products[0], products[1]], [products[1], products[2]]]
    found = Moments.from_sums(("a", "b"), n=n, sums=sums, products=square, cubes=cubes)
    totals = [Fraction(total) for total in sums]
    means = [total / n for total in totals]
    assert found.means == tuple(float(mean) for mean in means)
    assert found.scatter == tuple(
        tuple(float(Fraction(square[i][j]) - totals[i] * means[j]) for j in range(2))
        for i in range(2)
    )
    cube = Fraction(cubes[0]) - 3 * means[0] * Fraction(products[0]) + 2 * n * means[0] ** 3
    assert found.cubes == (float(cube), None)


def test_a_negative_control_mean_has_no_share_adjusted_or_not() -> None:
    rng = np.random.default_rng(2)
    arms = {
        arm: {"spend": rng.normal(mean, 2, 80).round(2), "before": rng.normal(0, 1, 80).round(2)}
        for arm, mean in ((TREATMENT, -8.0), (CONTROL, -10.0))
    }
    plan = plan_of()
    evidence = evidence_of(plan, arms, covariates=("before",))
    (comparison,) = comparisons(plan, evidence, metric="spend")
    both = estimate_metric(evidence, comparison, plan.money_metric, confidence=0.95)
    assert [one.method for one in both] == [Method.WELCH, Method.LIN]
    assert both[0].relative == both[1].relative
    assert isinstance(both[1].relative, Undefined)
