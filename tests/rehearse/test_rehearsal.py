"""Rehearsals keep their promises on made-up pasts whose truth is known."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from experiments.decide.verdict import Reason, Status
from experiments.errors import BadInput, NotSupported, Undefined
from experiments.plan.baseline import Baseline
from experiments.plan.power import power
from experiments.plan.trial import Groups, Trial
from experiments.rehearse.rehearsal import rehearse
from experiments.rehearse.result import Errors, Rehearsal
from experiments.rehearse.words import rehearsal_json, rehearsal_words
from experiments.report.plain import as_json
from experiments.terms import DesignKind, MetricKind
from tests.evidence import metric
from tests.rehearse.pasts import STARTS_ON, past, past_of, plan_with, rows_of

pytestmark = pytest.mark.live

ORDERS = metric("orders", kind="count", measure="order", role="secondary")
BUYERS = metric("buyers", kind="rate", measure="order", role="secondary")


def errors_of(found: Rehearsal, name: str) -> Errors:
    errors = next(one.errors for one in found.metrics if one.metric == name)
    assert isinstance(errors, Errors)
    return errors


@pytest.mark.parametrize("design", [{}, {"shares": {"held out": "0.3", "mailed": "0.7"}}])
def test_where_nothing_changed_each_tail_errs_as_often_as_meant(design: dict[str, object]) -> None:
    plan = plan_with(ORDERS, BUYERS, design=design)
    behavior = past(np.random.default_rng(21), 900, measures={"spend": 3.0, "order": 0.7})
    found = rehearse(past_of(plan, behavior, 900), plan, seed=1)
    for name in ("spend", "orders", "buyers"):
        errors = errors_of(found, name)
        assert errors.above.low <= 0.025 <= errors.above.high
        assert errors.below.low <= 0.025 <= errors.below.high
        assert errors.se == pytest.approx(errors.spread, rel=0.1)


def test_where_the_effect_only_pays_its_cost_a_proof_is_as_rare_as_meant() -> None:
    plan = plan_with(value={"cost_per_treated": Decimal(2)})
    behavior = past(np.random.default_rng(22), 300, measures={"spend": 3.0})
    found = rehearse(past_of(plan, behavior, 300), plan, seed=1)
    pays = next(one for one in found.scenarios if one.multiple == 1)
    assert (pays.effect, pays.contrast) == (2.0, 0.0)
    proved = pays.statuses[Status.PROVED]
    assert proved.low <= 0.025 <= proved.high


def test_clusters_are_drawn_whole_and_err_as_often_as_meant() -> None:
    """Branches whose customers are alike: drawn one by one, the interval would be too narrow."""
    branch = [f"b{at // 10}" for at in range(400)]
    rng = np.random.default_rng(23)
    amounts = (
        (rng.normal(50, 10, 40)[np.arange(400) // 10] + rng.normal(0, 5, 400)).round(2).tolist()
    )
    behavior = rows_of(range(400), ["spend"] * 400, [STARTS_ON - timedelta(days=9)] * 400, amounts)
    together = plan_with(design={"kind": "clustered", "cluster": "branch"})
    one_by_one = plan_with()
    attributes = {"branch": branch}
    found = rehearse(past_of(together, behavior, 400, attributes), together, seed=2)
    naive = rehearse(past_of(one_by_one, behavior, 400, attributes), one_by_one, seed=2)
    errors = errors_of(found, "spend")
    assert found.clusters == 40
    assert errors.above.low <= 0.025 <= errors.above.high
    assert errors.below.low <= 0.025 <= errors.below.high
    assert errors.se > 2 * errors_of(naive, "spend").se


def test_an_effect_is_seen_as_often_as_the_power_formula_says() -> None:
    plan = plan_with(value={"cost_per_treated": Decimal(3)})
    behavior = past(np.random.default_rng(24), 400, measures={"spend": 3.0}).filter(
        lambda rows: rows.occurred_at >= STARTS_ON - timedelta(days=31)
    )
    past_here = past_of(plan, behavior, 400)
    found = rehearse(past_here, plan, seed=3)
    values = past_here.values["outcome spend"]
    trial = Trial(
        kind=MetricKind.MEAN,
        baseline=Baseline(mean=float(values.mean()), sd=float(values.std())),
        groups=Groups.of(plan.design),
    )
    for one in found.scenarios[3:]:
        expected = power(trial, customers=400, effect=one.effect, pays_from=found.break_even)
        assert isinstance(expected, float)
        proved = one.statuses[Status.PROVED]
        assert proved.low - 0.01 <= expected <= proved.high + 0.01


def test_a_share_is_raised_by_events_of_the_same_customers() -> None:
    plan = plan_with(
        metric("buyers", kind="rate", measure="order", role="primary"),
        value={
            "metric": "buyers",
            "margin_rate": None,
            "value_per_unit": Decimal(20),
            "cost_per_treated": Decimal(1),
        },
    )
    behavior = past(np.random.default_rng(25), 600, measures={"spend": 1.0, "order": 0.5})
    found = rehearse(past_of(plan, behavior, 600), plan, seed=4)
    assert found.break_even == pytest.approx(0.05)
    assert isinstance(found.proved_from, Undefined)
    effects = [one.effect for one in found.scenarios]
    assert effects == pytest.approx([0, 0.025, 0.05, 0.075, 0.1], abs=0.02)
    shares = [one.statuses[Status.PROVED].share for one in found.scenarios]
    assert shares == sorted(shares)
    pays = found.scenarios[2]
    assert pays.contrast == pytest.approx(20 * pays.effect - 1)


def test_a_skewed_past_has_a_liberal_tail_and_the_rule_answers_tails() -> None:
    """Nine in ten are held out, and few customers spend very much.

    A small treatment group that happens to hold none of them looks poor and sure of it: false
    falls are too many, which the skewness rule takes back.
    """
    rng = np.random.default_rng(26)
    amounts = rng.lognormal(0.0, 2.0, 600).round(2).tolist()
    behavior = rows_of(range(600), ["spend"] * 600, [STARTS_ON - timedelta(days=9)] * 600, amounts)
    shares = {"held out": "0.9", "mailed": "0.1"}
    plan = plan_with(design={"shares": shares}, value={"cost_per_treated": Decimal(0)})
    found = rehearse(past_of(plan, behavior, 600), plan, seed=5)
    errors = errors_of(found, "spend")
    assert errors.below.low > 0.03
    nothing = found.scenarios[0]
    assert nothing.skewed.share > 0.99
    assert nothing.reasons[Reason.TAILS].share > 0.01
    assert nothing.statuses[Status.DISPROVED].share < errors.below.share
    assert (
        "More often wrong than meant: spend (a false fall"
        in rehearsal_words(found, plan).null_sentence
    )


def test_several_treatments_are_read_together() -> None:
    arms = ("held out", "mailed", "called")
    plan = plan_with(design={"treatments": ["mailed", "called"]}, value={"cost_per_treated": "2"})
    behavior = past(np.random.default_rng(27), 600, measures={"spend": 3.0})
    found = rehearse(past_of(plan, behavior, 600, arms=arms), plan, seed=6)
    pays = [one for one in found.scenarios if one.multiple == 1]
    assert [one.treatment for one in pays] == ["mailed", "called"]
    for one in pays:  # each of two is wrong less often than one alone may be
        assert one.statuses[Status.PROVED].low < 0.0136 < one.statuses[Status.PROVED].high


def test_with_four_clusters_in_an_arm_nothing_is_proved() -> None:
    plan = plan_with(design={"kind": "clustered", "cluster": "branch"})
    behavior = past(np.random.default_rng(28), 80, measures={"spend": 3.0})
    attributes = {"branch": [f"b{at % 8}" for at in range(80)]}
    found = rehearse(past_of(plan, behavior, 80, attributes), plan, seed=7, replicates=200)
    assert {tuple(one.reasons) for one in found.scenarios} == {(Reason.FEW_CLUSTERS,)}


def test_the_same_seed_repeats_a_rehearsal_to_the_byte() -> None:
    plan = plan_with(ORDERS)
    behavior = past(np.random.default_rng(29), 100, measures={"spend": 3.0, "order": 1.0})
    texts = [
        as_json(
            rehearsal_json(rehearse(past_of(plan, behavior, 100), plan, seed=s, replicates=300))
        )
        for s in (8, 8, 9)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_rows_from_the_first_day_on_are_not_read() -> None:
    plan = plan_with()
    behavior = past(np.random.default_rng(30), 60, measures={"spend": 2.0})
    later = rows_of(range(60), ["spend"] * 60, [STARTS_ON] * 60, [9e6] * 60)
    one = past_of(plan, behavior, 60)
    other = past_of(plan, behavior.union(later), 60)
    assert all((one.values[name] == other.values[name]).all() for name in one.values)


def test_without_a_past_it_says_what_to_record() -> None:
    behavior = rows_of([0], ["spend"], [STARTS_ON], [3.0])
    with pytest.raises(BadInput, match="no history") as refused:
        past_of(plan_with(), behavior, 20)
    assert "rows of 'spend' by these customers from 29 January 2026 to 28 February 2026" in str(
        refused.value.problems[0]
    )


def test_a_metric_without_a_past_is_left_out_and_named() -> None:
    plan = plan_with(ORDERS)
    behavior = past(np.random.default_rng(31), 40, measures={"spend": 2.0})
    found = past_of(plan, behavior, 40)
    assert [one.name for one in found.plan.metrics] == ["spend"]
    assert found.notes[0] == "orders has no rows before the pilot and is left out."


def test_a_short_past_is_told() -> None:
    behavior = past(np.random.default_rng(32), 40, measures={"spend": 2.0})
    short = behavior.filter(behavior.occurred_at >= STARTS_ON - timedelta(days=15))
    found = past_of(plan_with(), short, 40)
    assert "Rows of spend begin on 14 February 2026" in found.notes[0]


def test_arms_that_people_chose_cannot_be_drawn_anew() -> None:
    plan = plan_with(design={"kind": DesignKind.SUPPLIED})
    with pytest.raises(NotSupported, match="people choose"):
        past_of(plan, past(np.random.default_rng(33), 9, measures={"spend": 1.0}), 9)


def test_a_past_in_which_all_are_alike_has_no_interval() -> None:
    behavior = rows_of(range(30), ["spend"] * 30, [STARTS_ON - timedelta(days=3)] * 30, [5.0] * 30)
    plan = plan_with()
    found = rehearse(past_of(plan, behavior, 30), plan, seed=1, replicates=100)
    assert isinstance(found.metrics[0].errors, Undefined)
    assert {tuple(one.reasons) for one in found.scenarios} == {(Reason.UNDEFINED,)}
    assert rehearsal_words(found, plan).null_rows[0][1] == "no dry run has an interval"


def test_too_few_customers_to_part_are_refused() -> None:
    plan = plan_with()
    behavior = past(np.random.default_rng(34), 3, measures={"spend": 9.0})
    with pytest.raises(BadInput, match="3 customers or clusters cannot be parted"):
        rehearse(past_of(plan, behavior, 3), plan, seed=1, replicates=100)


def test_a_cost_per_contact_asks_for_the_contacts() -> None:
    plan = plan_with(value={"cost_per_contact": Decimal("0.5")})
    behavior = past(np.random.default_rng(35), 40, measures={"spend": 9.0})
    found = past_of(plan, behavior, 40)
    with pytest.raises(BadInput, match="--contacts"):
        rehearse(found, plan, seed=1, replicates=100)
    known = rehearse(found, plan, seed=1, replicates=100, contacts=3.0)
    assert known.break_even == pytest.approx(1.6)
    assert known.scenarios[2].contrast == pytest.approx(0.0)
