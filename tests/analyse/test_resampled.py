"""The bootstrap-t that a plan asks for, from rows to the verdict."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from experiments.decide.tails import careful_interval
from experiments.decide.verdict import Reason, Status, decide
from experiments.engines.engine import Engine
from experiments.pilot import Plan
from experiments.plan.fingerprint import canonical_json, fingerprint
from experiments.stats.bootstrap import BootstrapT, bootstrap_t
from experiments.value.contrast import Value
from tests.company import analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, analysed, metric, plan_of


def asking(**keys: Any) -> Plan:
    return plan_of(metrics=[metric("spend", role="primary", bootstrap=True)], **keys)


def test_the_interval_is_that_of_the_rows_and_the_same_every_time(engine: Engine) -> None:
    rng = np.random.default_rng(4)
    spent = (rng.lognormal(2, 1, 80)).round(2)
    arms = [TREATMENT, CONTROL] * 40
    behavior = behavior_of([(at, "spend", date(2026, 3, 9), one) for at, one in enumerate(spent)])
    found = analysis_by_engine(engine, asking(), behavior=behavior, enrolment=enrolment_of(arms))
    again = analysis_by_engine(engine, asking(), behavior=behavior, enrolment=enrolment_of(arms))
    assert found.resampled == again.resampled
    one = found.resampled["spend"][TREATMENT]
    assert isinstance(one, BootstrapT)
    # Another seed, so that the limits agree but for the chance of 999 draws.
    other = bootstrap_t(
        treatment=spent[::2], control=spent[1::2], rng=np.random.default_rng(8), draws=9_999
    )
    assert isinstance(other, BootstrapT)
    assert (one.value, one.se) == pytest.approx((other.value, other.se))
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=other.se / 3)


def test_a_plan_that_does_not_ask_draws_nothing(engine: Engine) -> None:
    behavior = behavior_of([(at, "spend", date(2026, 3, 9), at) for at in range(6)])
    enrolment = enrolment_of([TREATMENT, CONTROL] * 3)
    found = analysis_by_engine(engine, plan_of(), behavior=behavior, enrolment=enrolment)
    assert found.resampled == {}


def skewed(effect: float) -> dict[str, Any]:
    rng = np.random.default_rng(6)
    return {
        TREATMENT: {"spend": (rng.normal(20, 5, 200) + effect).round(2)},
        CONTROL: {"spend": rng.normal(20, 5, 200).round(2)},
    }


def drawn(value: float, *, low: float, high: float) -> dict[str, dict[str, BootstrapT]]:
    found = BootstrapT(value, 0.5, low, high, 0.1, 999, 200, 200, sampled=False)
    return {"spend": {TREATMENT: found}}


def test_where_it_disagrees_about_the_decision_the_tails_stand_in_the_way() -> None:
    """The same pilot is proved by a bootstrap that agrees with Welch."""
    plan = asking()
    analysis = analysed(plan, skewed(1.5))
    agrees = replace(analysis, resampled=drawn(1.5, low=0.52, high=2.48))
    assert decide(plan, agrees).deciding.status is Status.PROVED
    doubts = replace(analysis, resampled=drawn(1.5, low=-2.0, high=2.48))
    verdict = decide(plan, doubts).deciding
    assert (verdict.status, verdict.reason) == (Status.NOT_PROVED, Reason.TAILS)
    assert verdict.careful_interval is not None
    assert verdict.careful_interval.low < 0


def test_the_quantiles_are_read_at_the_spread_of_the_headline() -> None:
    """By hand: 4 standard errors below and 3 above the value of D, each as large as its own."""
    plan = asking()
    analysis = replace(analysed(plan, skewed(1.5)), resampled=drawn(9.0, low=7.0, high=10.5))
    value = decide(plan, analysis).deciding.value
    assert isinstance(value, Value)
    found = careful_interval(plan, analysis, TREATMENT, value)
    assert found is not None
    assert found.low == pytest.approx(value.contrast.value - 4 * value.contrast_se)
    assert found.high == pytest.approx(value.contrast.value + 3 * value.contrast_se)


def test_a_bootstrap_that_cannot_be_drawn_decides_nothing() -> None:
    plan = asking()
    analysis = analysed(plan, skewed(1.5))
    verdict = decide(plan, analysis).deciding
    assert verdict.careful_interval is None


def test_a_plan_that_does_not_ask_keeps_its_fingerprint() -> None:
    assert "bootstrap" not in canonical_json(plan_of())
    silent = plan_of(metrics=[metric("spend", unit="EUR", role="primary", bootstrap=False)])
    assert fingerprint(silent) == fingerprint(plan_of())
    assert fingerprint(asking()) != fingerprint(plan_of())


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (
            {
                "metrics": [
                    metric("spend", role="primary"),
                    metric("v", kind="rate", bootstrap=True),
                ]
            },
            "bootstrap is for kind",
        ),
        (
            {
                "metrics": [metric("spend", role="primary", bootstrap=True)],
                "design": {"kind": "clustered", "cluster": "branch"},
            },
            "bootstrap = true, which is for design kind",
        ),
    ],
)
def test_it_is_for_means_of_customers_drawn_one_by_one(plan: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        plan_of(**plan)
