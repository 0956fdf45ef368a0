"""Groups that people chose: weighting finds the truth that a plain comparison misses."""

import csv
import gzip
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.analyse.analysis import Analysis
from experiments.analyse.checks import Outcome
from experiments.analyse.estimate import Estimate, Method
from experiments.analyse.estimates import headline_of
from experiments.analyse.evidence import gather
from experiments.analyse.rows import reach, rows_seen
from experiments.analyse.supplied import weigh
from experiments.analyse.weighted import Weighted
from experiments.behavior.reading import read_behavior
from experiments.decide.verdict import Reason, Status, Verdict, decide
from experiments.engines.engine import Engine
from experiments.errors import BadInput, Undefined
from experiments.pilot import Plan
from experiments.plan.pilot_file import parse_plan
from experiments.stats.estimate import Difference
from experiments.stats.evalue import EValue
from experiments.stats.weighted_did import Panel, WeightedDifference, weighted_did
from experiments.value.contrast import Value
from tests.analyse.chosen import START, Floats, analysed_by, chosen_plan, drawn, rows_of
from tests.company import behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, metric


def verdict_of(plan: Plan, found: Analysis) -> Verdict:
    return decide(plan, found).deciding


def headline(found: Analysis, name: str = "spend", treatment: str = TREATMENT) -> Estimate:
    estimate = headline_of(found.estimates, metric=name, treatment=treatment)
    assert estimate is not None
    return estimate


def difference(estimate: Estimate) -> Difference:
    assert isinstance(estimate.difference, Difference), estimate.difference
    return estimate.difference


def outcomes(found: Analysis) -> dict[str, Outcome]:
    return {check.name: check.outcome for check in found.checks}


def directly(got: Any, spend: Floats, *, outcome: Floats | None = None) -> WeightedDifference:
    """The same estimate from arrays, without ledger, engine or accounts."""
    last = spend[:, -1] if outcome is None else outcome
    panels = [
        Panel(last[side], spend[side, :-1], np.empty((int(side.sum()), 0))) for side in (got, ~got)
    ]
    found = weighted_did(
        treatment=panels[0],
        control=panels[1],
        attributes=[],
        rng=np.random.default_rng(7),
    )
    assert isinstance(found, WeightedDifference)
    return found


def test_without_an_effect_the_plain_comparison_errs_and_the_weighted_one_does_not(
    engine: Engine,
) -> None:
    got, spend = drawn(1)
    plan = chosen_plan()
    found = analysed_by(engine, plan, got, rows_of(spend))
    plain, weighted = found.estimates
    assert plain.method is Method.WELCH
    assert not plain.headline
    assert not plain.comparable
    assert difference(plain).low > 6, "groups that were never alike"
    assert (weighted.method, weighted.headline) == (Method.WEIGHTED_CHANGES, True)
    assert difference(weighted).low < 0 < difference(weighted).high
    verdict = verdict_of(plan, found)
    assert (verdict.status, verdict.reason) == (Status.NOT_PROVED, Reason.INTERVAL)
    assert verdict.other_reading is not None
    assert verdict.other_reading.method is Method.WELCH


@pytest.mark.parametrize(
    ("effect", "status"), [(3.0, Status.SUPPORTED), (-3.0, Status.CONTRADICTED)]
)
def test_an_effect_is_found_and_nothing_is_called_proof(
    engine: Engine, effect: float, status: Status
) -> None:
    got, spend = drawn(1, effect=effect)
    plan = chosen_plan()
    found = analysed_by(engine, plan, got, rows_of(spend))
    assert abs(difference(headline(found)).value - effect) < 1
    verdict = verdict_of(plan, found)
    assert (verdict.status, verdict.failed) == (status, ())
    assert isinstance(verdict.e_value, EValue)
    assert verdict.e_value.estimate > verdict.e_value.limit > 1


def test_the_estimate_is_that_of_the_arrays(engine: Engine) -> None:
    got, spend = drawn(3, effect=2.0)
    found = headline(analysed_by(engine, chosen_plan(), got, rows_of(spend)))
    wanted = directly(got, spend)
    assert difference(found).value == pytest.approx(wanted.value, rel=1e-9)
    assert difference(found).df == pytest.approx(wanted.df, rel=1e-9)
    assert difference(found).se == pytest.approx(wanted.se, rel=0.1)  # other draws
    assert found.mean_treatment == pytest.approx(spend[got, -1].mean())
    assert found.mean_control == pytest.approx(spend[got, -1].mean() - wanted.value)
    assert found.adjusted_for == (
        *(f"spend {ago} periods before" for ago in (4, 3, 2)),
        "spend 1 period before",
    )


def test_the_same_inputs_give_the_same_numbers(engine: Engine) -> None:
    got, spend = drawn(4, treated=60, controls=150)
    one, other = (
        analysed_by(engine, chosen_plan(), got, rows_of(spend)).estimates for _ in range(2)
    )
    assert one == other


def test_at_most_six_periods_are_matched(engine: Engine) -> None:
    got, spend = drawn(5, periods=8)
    found = analysed_by(engine, chosen_plan(), got, rows_of(spend))
    assert len(headline(found).adjusted_for) == 6


@pytest.mark.parametrize("periods", [0, 2])
def test_a_short_past_supports_nothing(engine: Engine, periods: int) -> None:
    got, spend = drawn(6, effect=5.0, periods=2)
    plan = chosen_plan()
    found = analysed_by(engine, plan, got, rows_of(spend[:, 2 - periods :]))
    verdict = verdict_of(plan, found)
    assert (verdict.status, verdict.reason) == (Status.NOT_PROVED, Reason.FEW_PRE_PERIODS)
    assert isinstance(verdict.value, Value) is (periods == 2), "the number is shown all the same"
    if periods == 0:
        assert headline(found).difference == Undefined(
            "the ledger holds no 'spend' before enrolment"
        )


def test_groups_that_were_parting_already_are_no_evidence(engine: Engine) -> None:
    got, spend = drawn(2, drift=1.5, pull=0.3)
    plan = chosen_plan()
    found = analysed_by(engine, plan, got, rows_of(spend))
    assert outcomes(found)["pre_trend"] is Outcome.FAILED
    assert verdict_of(plan, found).status is Status.INVALID
    assert verdict_of(plan, found).failed == ("pre_trend",)


def test_too_few_controls_who_are_alike_are_no_evidence(engine: Engine) -> None:
    got, spend = drawn(7, pull=2.2)
    plan = chosen_plan()
    found = analysed_by(engine, plan, got, rows_of(spend))
    assert outcomes(found)["control_size"] is Outcome.FAILED
    assert verdict_of(plan, found).status is Status.INVALID


def test_customers_nobody_in_control_is_like_cannot_be_compared(engine: Engine) -> None:
    got, spend = drawn(8, pull=50.0)
    plan = chosen_plan()
    found = analysed_by(engine, plan, got, rows_of(spend))
    assert outcomes(found)["weighted_balance"] is Outcome.FAILED
    assert isinstance(headline(found).difference, Undefined)
    assert verdict_of(plan, found).status is Status.INVALID


def test_sizes_and_raw_balance_only_inform(engine: Engine) -> None:
    got, spend = drawn(1)
    found = analysed_by(engine, chosen_plan(), got, rows_of(spend))
    for check in found.checks:
        if check.name in ("split", "balance"):
            assert (check.outcome, check.blocking) == (Outcome.INFORMS, False)
            assert "People chose the groups" in check.sentence


def test_groups_that_people_chose_are_not_warned_of_being_unequal(engine: Engine) -> None:
    """Every second treated customer was never seen before; chance would not do that."""
    got, spend = drawn(1)
    silent = np.flatnonzero(got)[::2]
    rows = [row for row in rows_of(spend) if row[0] not in set(silent.tolist())]
    found = analysed_by(engine, chosen_plan(), got, rows)
    assert {
        check.name: check.outcome
        for check in found.checks
        if check.name in ("rows_alike", "attrition")
    }["rows_alike"] is Outcome.INFORMS


def test_a_cost_per_contact_enters_customer_by_customer(engine: Engine) -> None:
    """Against the arrays: spend less what each customer's contacts cost, none of them before."""
    got, spend = drawn(9, effect=3.0)
    contacts = np.where(got, np.round(spend[:, -1] / 4).clip(1), 0.0)
    plan = chosen_plan(value={"cost_per_contact": 0.5, "cost_per_treated": 0, "hurdle_rate": 0.2})
    rows = rows_of(spend) + [
        (at, "contact", START, float(count)) for at, count in enumerate(contacts) if count
    ]
    value = verdict_of(plan, analysed_by(engine, plan, got, rows)).value
    assert isinstance(value, Value)
    wanted = directly(got, spend, outcome=spend[:, -1] - 1.2 * 0.5 * contacts)
    assert value.contrast.value == pytest.approx(wanted.value, rel=1e-9)
    assert value.contrast_se == pytest.approx(wanted.se, rel=0.1)
    assert value.cost == pytest.approx(0.5 * contacts[got].mean())


def test_every_kind_of_metric_is_weighted_or_says_why(engine: Engine) -> None:
    got, spend = drawn(10)
    visits = (spend > 18).astype(float)
    plan = chosen_plan(
        metrics=[
            metric("spend", unit="EUR", role="primary"),
            metric("visits", measure="visit", kind="count"),
            metric("visited", measure="visit", kind="rate", role="guardrail", tolerance=0.2),
            metric("stayed", measure="visit", kind="retention", active_days=20),
            metric("kept", role="guardrail", measure="spend", tolerance_relative=0.5),
            metric("per visit", measure="spend", kind="ratio", denominator="visit"),
        ]
    )
    rows = rows_of(spend) + rows_of(visits, measure="visit")
    found = analysed_by(engine, plan, got, rows)
    for name in ("spend", "visits", "visited", "stayed", "kept"):
        assert headline(found, name).method is Method.WEIGHTED_CHANGES
        assert isinstance(headline(found, name).difference, Difference)
    assert difference(headline(found, "visited")).value == pytest.approx(
        directly(got, visits).value, rel=1e-9
    )
    ratio = headline(found, "per visit").difference
    assert ratio == Undefined("people chose the groups, and a sum over a sum is not weighted")
    judged = {one.metric: one.beyond for one in verdict_of(plan, found).guardrails}
    kept, visited = judged["kept"], difference(headline(found, "visited"))
    assert judged["visited"] is not None
    assert (judged["visited"].low, judged["visited"].high) == pytest.approx(  # type: ignore[union-attr]
        (-visited.high - 0.2, -visited.low - 0.2)
    )
    plain = headline(found, "kept")
    assert isinstance(plain.mean_treatment, float)
    assert isinstance(plain.mean_control, float)
    middle = -(plain.mean_treatment - 0.5 * plain.mean_control)
    assert (kept.low + kept.high) / 2 == pytest.approx(middle, rel=1e-6)  # type: ignore[union-attr]


def test_several_treatments_are_read_at_once_by_bonferroni(engine: Engine) -> None:
    got, spend = drawn(11, effect=2.0)
    plan = chosen_plan(design={"treatments": [TREATMENT, "called"]})
    found = analysed_by(
        engine,
        plan,
        got,
        rows_of(spend),
        arm=lambda at, treated: [TREATMENT, "called"][at % 2] if treated else CONTROL,
    )
    for treatment in (TREATMENT, "called"):
        estimate = headline(found, treatment=treatment)
        alone, joint = difference(estimate), estimate.simultaneous
        assert joint is not None
        assert joint.low < alone.low < alone.high < joint.high
        assert joint.p_value == pytest.approx(min(1.0, 2 * alone.p_value))
    value = verdict_of(plan, found).value
    assert isinstance(value, Value)
    assert value.contrast.high - value.contrast.low == pytest.approx(
        value.margin.high - value.margin.low
    )


def test_segments_stay_as_they_were_chosen(engine: Engine) -> None:
    got, spend = drawn(12)
    plan = chosen_plan(segments=[{"attribute": "kind"}])
    kinds: list[str | None] = [f"kind {at % 2}" for at in range(len(got))]
    found = analysed_by(engine, plan, got, rows_of(spend), attributes={"kind": kinds})
    in_segments = [one for one in found.estimates if one.segment is not None]
    assert {(one.method, one.comparable) for one in in_segments} == {(Method.WELCH, False)}


def test_clusters_are_drawn_whole(engine: Engine) -> None:
    got, spend = drawn(13, effect=2.0)
    rng = np.random.default_rng(13)
    shocks = rng.normal(0, 4, 60)
    branch = np.where(got, rng.integers(0, 25, len(got)), rng.integers(25, 60, len(got)))
    spend[:, -1] += shocks[branch]
    names: list[str | None] = [f"branch {at}" for at in branch]
    alone = analysed_by(engine, chosen_plan(), got, rows_of(spend))
    together = analysed_by(
        engine,
        chosen_plan(design={"cluster": "branch"}),
        got,
        rows_of(spend),
        attributes={"branch": names},
    )
    one, other = difference(headline(alone)), difference(headline(together))
    assert other.value == pytest.approx(one.value)
    assert other.se > 1.3 * one.se
    assert other.df <= 24
    assert headline(together).clusters == (25, 35)


def weights_of(
    engine: Engine, got: Any, spend: Floats, *, rows_per_group: int
) -> Weighted | Undefined:
    """As `analyse` does, with another limit."""
    plan = chosen_plan()
    enrolment = enrolment_of([TREATMENT if one else CONTROL for one in got])
    as_of = date(2026, 4, 1)
    seen = rows_seen(plan, behavior=behavior_of(rows_of(spend)), as_of=as_of)
    reading = read_behavior(engine, plan, behavior=seen, enrolment=enrolment, as_of=as_of)
    known = reading.census.recorded(plan)
    gathered = gather(
        engine,
        plan,
        seen=seen,
        enrolment=enrolment,
        known=known,
        reached=reach(engine, plan, behavior=seen, enrolment=enrolment),
        tier=None,
        as_of=as_of,
    )
    chosen = weigh(
        engine,
        plan,
        gathered,
        seen=seen,
        enrolment=enrolment,
        known=known,
        tier=None,
        fingerprint="f" * 64,
        as_of=as_of,
        rows_per_group=rows_per_group,
    )
    assert chosen is not None
    return chosen.weighted["spend", TREATMENT]


def test_above_the_limit_a_sample_stands_for_the_group(engine: Engine) -> None:
    got, spend = drawn(14)
    one, again = (weights_of(engine, got, spend, rows_per_group=300) for _ in range(2))
    assert isinstance(one, Weighted)
    assert isinstance(again, Weighted)
    assert one.sampled
    assert (one.means.treated_rows, one.means.control_rows) == (200, 300)
    assert one.control_mean == again.control_mean, "the fingerprint draws"


def test_a_group_of_nobody_has_no_number(engine: Engine) -> None:
    _, spend = drawn(15, treated=20, controls=30)
    found = analysed_by(engine, chosen_plan(), np.zeros(50, dtype=bool), rows_of(spend))
    assert not any(isinstance(one.difference, Difference) for one in found.estimates)


def test_the_currency_scales_the_effect_and_not_the_p_value(engine: Engine) -> None:
    got, spend = drawn(16, effect=1.0, treated=80, controls=200)
    one, other = (
        difference(headline(analysed_by(engine, chosen_plan(), got, rows_of(spend * scale))))
        for scale in (1, 100)
    )
    assert other.value == pytest.approx(100 * one.value)
    assert other.p_value == pytest.approx(one.p_value)


def test_outcomes_are_looked_at_once() -> None:
    plan = chosen_plan().model_dump(mode="json", exclude_none=True)
    plan["design"] |= {"look": "always_valid"}
    with pytest.raises(BadInput, match="outcomes are looked at once"):
        parse_plan(plan)


def test_on_the_nsw_records_the_past_is_too_short_to_be_believed(
    engine: Engine, shared_data: Path
) -> None:
    """Earnings of 1974, 1975 and 1978, LaLonde (1986), as Dehejia and Wahba (1999) kept them."""
    with gzip.open(shared_data / "nsw_mixtape.csv.gz", "rt") as file:
        people = list(csv.DictReader(file))
    got = np.array([float(one["treat"]) == 1 for one in people])
    spend = np.array([[float(one[year]) for year in ("re74", "re75", "re78")] for one in people])
    spend = spend.round(2)
    plan = chosen_plan()
    found = analysed_by(engine, plan, got, rows_of(spend))
    assert difference(headline(found)).value == pytest.approx(directly(got, spend).value, rel=1e-6)
    assert verdict_of(plan, found).reason is Reason.FEW_PRE_PERIODS
