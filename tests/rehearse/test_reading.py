"""A rehearsed pilot is read exactly as the product reads a pilot with the same arms."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from experiments.analyse.estimates import headline_of
from experiments.decide.verdict import decide
from experiments.engines.engine import open_engine
from experiments.errors import Undefined
from experiments.rehearse.history import PRETENDED
from experiments.rehearse.layout import lay_out
from experiments.rehearse.reading import Pilots, headlines
from experiments.rehearse.redraw import redraw, redrawn_sums
from experiments.rehearse.verdicts import objections, statuses, tails
from experiments.terms import Role
from tests.company import analysis_by_engine, enrolment_of
from tests.evidence import metric
from tests.rehearse.pasts import past, past_of, plan_with

pytestmark = pytest.mark.live

CUSTOMERS, DRAWS = 400, 1
EVERY_KIND = (
    metric("orders", kind="count", measure="order", role="secondary"),
    metric("buyers", kind="rate", measure="order", role="guardrail", tolerance="0.05"),
    metric("basket", kind="ratio", measure="spend", denominator="order", role="secondary"),
    metric("score", kind="latest", measure="nps", role="secondary"),
    metric("stayed", kind="retention", measure="visit", active_days=10, role="secondary"),
    metric(
        "visits",
        kind="mean",
        measure="visit",
        role="guardrail",
        direction="down",
        tolerance_relative="0.2",
    ),
)
MEASURES = {"spend": 1.2, "order": 0.8, "nps": 0.7, "visit": 1.5}
BRANCH = [f"b{at % 50}" for at in range(CUSTOMERS)]
TIERS = ["best", "next", "last", "next"] * (CUSTOMERS // 4)


@pytest.mark.parametrize(
    ("design", "attributes", "covariates"),
    [
        ({}, {}, ()),
        ({"shares": {"held out": "0.3", "mailed": "0.7"}}, {"tier": TIERS}, ("tier",)),
        ({"strata": ["tier"]}, {"tier": TIERS}, ()),
        ({"kind": "clustered", "cluster": "branch"}, {"branch": BRANCH}, ()),
    ],
    ids=["plain", "covariates", "strata", "clusters"],
)
@pytest.mark.parametrize("with_past", [True, False], ids=["pre-period", "no pre-period"])
def test_every_kind_of_metric_has_the_estimate_of_the_product(
    design: dict[str, Any],
    attributes: Mapping[str, Sequence[str]],
    covariates: tuple[str, ...],
    with_past: bool,
) -> None:
    metrics = [{**one, "covariates": list(covariates)} for one in EVERY_KIND]
    plan = plan_with(*metrics, design=design)
    behavior = past(np.random.default_rng(11), CUSTOMERS, measures=MEASURES)
    if not with_past:
        behavior = behavior.filter(behavior.occurred_at >= "2026-01-29")
    found = past_of(plan, behavior, CUSTOMERS, attributes)
    strata = found.strata
    if found.clusters is not None:
        strata = np.zeros(found.units, dtype=np.int64)
    shares = [float(share) for share in plan.design.planned_shares().values()]
    layout = lay_out(found, {})
    drawn = redraw(np.random.default_rng(12), strata=strata, shares=shares, draws=DRAWS)
    sums = redrawn_sums(
        np.random.default_rng(12),
        layout.columns,
        strata=strata,
        shares=shares,
        draws=DRAWS,
        at=lambda done: None,
    )
    pilots = Pilots(found, layout, sums, plan.confidence)
    money = found.plan.money_metric
    guardrails = [one for one in found.plan.metrics if one.role is Role.GUARDRAIL]
    each = 0.1  # of the plan: cost per treated customer
    contrast = headlines(pilots, money, arm=1).moved(-each)
    skewed = tails(pilots, headlines(pilots, money, arm=1), money, arm=1, variant=None)
    said = statuses(pilots, contrast, skewed, kept=objections(pilots, guardrails, arm=1))
    for draw in range(DRAWS):
        of_unit = drawn[draw] if found.clusters is None else drawn[draw][found.clusters]
        arms = [plan.design.arms[arm] for arm in of_unit]
        with open_engine(threads=1) as engine:
            analysis = analysis_by_engine(
                engine,
                found.plan,
                behavior=behavior,
                enrolment=enrolment_of(arms, attributes, enrolled_on=found.plan.pilot.starts_on),
            )
        for one in found.plan.metrics:
            expected = headline_of(analysis.estimates, metric=one.name, treatment="mailed")
            assert expected is not None
            assert not isinstance(expected.difference, Undefined)
            read = headlines(pilots, one, arm=1)
            assert [read.value[draw], read.low[draw], read.high[draw]] == pytest.approx(
                [expected.difference.value, expected.difference.low, expected.difference.high],
                rel=1e-8,
                abs=1e-10,
            ), one.name
        verdict = decide(found.plan, analysis).deciding
        assert verdict.failed == ()
        assert said[draw] == (verdict.reason or verdict.status)


def test_arms_are_not_read() -> None:
    plan = plan_with()
    behavior = past(np.random.default_rng(13), 50, measures={"spend": 1.0})
    one = past_of(plan, behavior, 50)
    other = past_of(plan, behavior, 50, arms=("mailed", "mailed", "held out"))
    assert PRETENDED not in plan.design.arms
    assert all((one.values[name] == other.values[name]).all() for name in one.values)
