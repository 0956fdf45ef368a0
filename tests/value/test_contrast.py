"""D, net and return against direct computations from raw arrays."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from experiments.analyse.estimates import headline_of
from experiments.errors import Undefined
from experiments.pilot import Plan
from experiments.stats.estimate import Difference
from experiments.terms import Basis
from experiments.value.contrast import Reading, Value, values
from tests.evidence import CONTROL, TREATMENT, analysed, metric, plan_of, veiled_analysis

Arms = dict[str, dict[str, Any]]


def drawn(seed: int, *, contacted: bool = False, effect: float = 4.0) -> Arms:
    """Spend with a covariate, and contacts that go with spend."""
    rng = np.random.default_rng(seed)
    arms: Arms = {}
    for arm, n, extra, reached in ((TREATMENT, 160, effect, 3.0), (CONTROL, 120, 0.0, 0.2)):
        before = rng.gamma(2.0, 10.0, n).round(2)
        contacts = rng.poisson(reached, n).astype(float) if contacted else np.zeros(n)
        spend = (20 + extra + 0.5 * before + 2 * contacts + rng.normal(0, 5, n)).round(2)
        arms[arm] = {"spend": spend, "before": before, "contacts": contacts}
    return arms


def worth(plan: Plan, arms: Arms, *, basis: Basis = Basis.PILOT, **given: Any) -> Value:
    found = values(plan, analysed(plan, arms, **given), basis=basis)[TREATMENT]
    assert isinstance(found, Value), found
    return found


def both(reading: Reading | Undefined) -> tuple[float, float, float]:
    assert isinstance(reading, Reading), reading
    return reading.value, reading.low, reading.high


def welch(treated: Any, controls: Any) -> tuple[float, float, float]:
    found = stats.ttest_ind(treated, controls, equal_var=False)
    interval = found.confidence_interval(0.95)
    return treated.mean() - controls.mean(), interval.low, interval.high


def test_d_is_margin_less_cost_and_hurdle() -> None:
    """D = 0.4 x effect - 1.5 x 0.8; net and return leave the hurdle out."""
    plan = plan_of(value={"margin_rate": "0.4", "cost_per_treated": "0.8", "hurdle_rate": "0.5"})
    arms = drawn(1)
    found = worth(plan, arms)
    effect = welch(arms[TREATMENT]["spend"], arms[CONTROL]["spend"])
    margin = [0.4 * one for one in effect]
    assert both(found.margin) == pytest.approx(margin)
    assert both(found.contrast) == pytest.approx([one - 1.2 for one in margin])
    assert both(found.net) == pytest.approx([160 * (one - 0.8) for one in margin])
    assert both(found.roi) == pytest.approx([(one - 0.8) / 0.8 for one in margin])
    assert found.break_even == pytest.approx(1.2 / 0.4)
    assert found.control_group_cost == pytest.approx(120 * (margin[0] - 0.8))
    assert (found.cost, found.customers) == (0.8, 160)


@pytest.mark.parametrize("hurdle", ["0", "0.25"])
def test_a_cost_per_contact_is_random_and_enters_customer_by_customer(hurdle: str) -> None:
    """Welch's interval of margin - (1 + hurdle) x cost, from the raw arrays."""
    plan = plan_of(value={"cost_per_contact": "0.7", "hurdle_rate": hurdle})
    arms = drawn(2, contacted=True)
    found = worth(plan, arms)
    charge = 0.7 * (1 + float(hurdle))
    d = {arm: one["spend"] - charge * one["contacts"] for arm, one in arms.items()}
    shift = 0.1 * (1 + float(hurdle))
    wanted = [one - shift for one in welch(d[TREATMENT], d[CONTROL])]
    assert both(found.contrast) == pytest.approx(wanted)
    net = {arm: one["spend"] - 0.7 * one["contacts"] for arm, one in arms.items()}
    wanted = [160 * (one - 0.1) for one in welch(net[TREATMENT], net[CONTROL])]
    assert both(found.net) == pytest.approx(wanted), "the hurdle does not widen the net"
    contacts = arms[TREATMENT]["contacts"].mean() - arms[CONTROL]["contacts"].mean()
    assert found.cost == pytest.approx(0.1 + 0.7 * contacts)


@pytest.mark.parametrize("hurdle", ["0", "0.25"])
def test_the_return_on_a_random_cost_is_fiellers(hurdle: str) -> None:
    """At each limit r, margin - (1 + r) x cost is just not told from zero."""
    plan = plan_of(value={"cost_per_contact": "0.7", "hurdle_rate": hurdle})
    arms = drawn(3, contacted=True)
    value, low, high = both(worth(plan, arms).roi)
    assert low < value < high
    for limit in (low, high):
        gap = {arm: one["spend"] - (1 + limit) * 0.7 * one["contacts"] for arm, one in arms.items()}
        se = np.sqrt(sum(one.var(ddof=1) / len(one) for one in gap.values()))
        distance = gap[TREATMENT].mean() - gap[CONTROL].mean() - (1 + limit) * 0.1
        assert abs(distance) / se == pytest.approx(stats.norm.ppf(0.975))


def test_roll_out_has_no_control_group_to_contact() -> None:
    plan = plan_of(value={"cost_per_contact": "0.7", "rollout": {"customers": 1000}})
    arms = drawn(4, contacted=True)
    found = worth(plan, arms, basis=Basis.ROLLOUT)
    treated = arms[TREATMENT]["spend"] - 0.7 * arms[TREATMENT]["contacts"]
    wanted = [one - 0.1 for one in welch(treated, arms[CONTROL]["spend"])]
    assert both(found.contrast) == pytest.approx(wanted)
    assert found.cost == pytest.approx(0.1 + 0.7 * arms[TREATMENT]["contacts"].mean())


def test_the_same_number_of_contacts_for_all_is_a_known_cost() -> None:
    plan = plan_of(value={"cost_per_contact": "0.7", "hurdle_rate": "0.1"})
    arms = drawn(5)
    arms[TREATMENT]["contacts"] = np.full(160, 2.0)
    effect = welch(arms[TREATMENT]["spend"], arms[CONTROL]["spend"])
    found = worth(plan, arms)
    assert found.cost == pytest.approx(1.5)
    assert both(found.contrast) == pytest.approx([one - 1.1 * 1.5 for one in effect])
    assert both(found.roi) == pytest.approx([one / 1.5 - 1 for one in effect])


def test_contacts_that_follow_from_a_covariate_are_charged_after_adjustment() -> None:
    """Gold customers are contacted twice, others once: D is Lin's estimate of the difference."""
    plan = plan_of(value={"cost_per_contact": 2})
    arms = drawn(6)
    rng = np.random.default_rng(7)
    for arm, columns in arms.items():
        columns["gold"] = (rng.random(len(columns["spend"])) < 0.4).astype(float)
        if arm == TREATMENT:
            columns["contacts"] = 1 + columns["gold"]
    found = worth(plan, arms, covariates=["gold"])
    charged = {
        arm: {**columns, "spend": columns["spend"] - 2 * columns["contacts"]}
        for arm, columns in arms.items()
    }
    headline = headline_of(
        analysed(plan, charged, covariates=["gold"]).estimates, metric="spend", treatment=TREATMENT
    )
    assert headline is not None
    assert isinstance(headline.difference, Difference)
    wanted = headline.difference
    assert both(found.contrast) == pytest.approx(
        [one - 0.1 for one in (wanted.value, wanted.low, wanted.high)]
    )
    assert found.margin.value - found.cost == pytest.approx(found.contrast.value)


@pytest.mark.parametrize("contacted", [False, True])
def test_adjustment_narrows_d_and_the_lines_foot(contacted: bool) -> None:
    plan = plan_of(value={"cost_per_contact": "0.7" if contacted else 0, "hurdle_rate": "0.2"})
    arms = drawn(8, contacted=contacted)
    plain, adjusted = worth(plan, arms), worth(plan, arms, covariates=["before"])
    assert adjusted.contrast_se < plain.contrast_se
    for found in (plain, adjusted):
        assert found.margin.value - 1.2 * found.cost == pytest.approx(found.contrast.value)
        assert found.net.value == pytest.approx(160 * (found.margin.value - found.cost))
        assert both(found.roi)[0] == pytest.approx(found.margin.value / found.cost - 1)


def test_a_rate_carries_money_through_its_value() -> None:
    plan = plan_of(
        metrics=[metric("spend", kind="rate", role="primary")],
        value={"margin_rate": None, "value_per_unit": 10},
    )
    arms: Arms = {
        TREATMENT: {"spend": [1] * 56 + [0] * 14},
        CONTROL: {"spend": [1] * 48 + [0] * 32},
    }
    found = worth(plan, arms)
    assert both(found.contrast) == pytest.approx((1.9, 0.424, 3.239), abs=1e-3)
    assert found.break_even == pytest.approx(0.01)


def test_the_money_metric_cannot_be_one_of_which_less_is_better() -> None:
    """Its difference would carry the wrong sign into D."""
    with pytest.raises(ValueError, match="direction"):
        plan_of(
            metrics=[metric("spend", kind="rate", role="primary", direction="down")],
            value={"margin_rate": None, "value_per_unit": 10},
        )


def test_a_free_program_has_no_return_on_its_cost() -> None:
    found = worth(plan_of(value={"cost_per_treated": 0}), drawn(9))
    assert isinstance(found.roi, Undefined)
    assert found.break_even == 0
    assert both(found.net) == pytest.approx([160 * one for one in both(found.margin)])


def test_several_treatments_are_judged_at_the_simultaneous_interval() -> None:
    plan = plan_of(design={"treatments": [TREATMENT, "called"]}, value={"hurdle_rate": "0.5"})
    arms = drawn(10)
    arms["called"] = drawn(11)[TREATMENT]
    analysis = analysed(plan, arms)
    found = values(plan, analysis, basis=Basis.PILOT)
    for arm in plan.design.treatments:
        one = found[arm]
        headline = headline_of(analysis.estimates, metric="spend", treatment=arm)
        assert isinstance(one, Value)
        assert headline is not None
        assert headline.simultaneous is not None
        joint = [headline.simultaneous.low, headline.simultaneous.high]
        assert [one.margin.low, one.margin.high] == pytest.approx(joint)
        assert [one.contrast.low, one.contrast.high] == pytest.approx([x - 0.15 for x in joint])
        assert [one.net.low, one.net.high] == pytest.approx([160 * (x - 0.1) for x in joint])
        assert list(both(one.roi)[1:]) == pytest.approx([x / 0.1 - 1 for x in joint])


def test_one_of_several_random_costs_keeps_the_same_stretch() -> None:
    """Fieller's limits at the simultaneous critical value, as D's."""
    plan = plan_of(design={"treatments": [TREATMENT, "called"]}, value={"cost_per_contact": "0.7"})
    arms = drawn(12, contacted=True)
    arms["called"] = drawn(13, contacted=True)[TREATMENT]
    together = worth(plan, arms)
    alone = worth(
        plan_of(value={"cost_per_contact": "0.7"}), {k: arms[k] for k in (TREATMENT, CONTROL)}
    )
    wider = (together.contrast.high - together.contrast.low) / (
        alone.contrast.high - alone.contrast.low
    )
    assert wider > 1.05
    _, low, high = both(together.roi)
    _, low_alone, high_alone = both(alone.roi)
    assert (high - low) / (high_alone - low_alone) == pytest.approx(wider, rel=0.02)


@settings(max_examples=20, deadline=None)
@given(
    hurdle=st.sampled_from(["0", "0.3"]),
    rate=st.sampled_from(["0.2", "1"]),
    fixed=st.integers(0, 500),
)
def test_d_is_zero_at_the_break_even_effect(hurdle: str, rate: str, fixed: int) -> None:
    plan = plan_of(value={"margin_rate": rate, "hurdle_rate": hurdle, "cost_fixed": fixed})
    arms = drawn(14)
    found = worth(plan, arms)
    shift = found.margin.value / float(rate) - found.break_even
    arms[TREATMENT]["spend"] = arms[TREATMENT]["spend"] - shift
    assert worth(plan, arms).contrast.value == pytest.approx(0, abs=2e-4)


def test_the_probability_of_loss_is_the_normal_tail() -> None:
    found = worth(plan_of(), drawn(15, effect=0.5))
    wanted = stats.norm.cdf(0, found.contrast.value, found.contrast_se)
    assert found.probability_of_loss == pytest.approx(wanted)


def test_a_prior_of_the_money_metric_is_turned_into_one_of_d() -> None:
    """Precision-weighted by hand: prior of D has mean 0.5 x 1 - 1.2 x 0.1, sd 0.5 x 2."""
    plan = plan_of(
        design={"prior": {"mean": 1, "sd": 2}},
        value={"margin_rate": "0.5", "hurdle_rate": "0.2"},
    )
    found = worth(plan, drawn(16, effect=0.2))
    w_data, w_prior = 1 / found.contrast_se**2, 1 / 1.0**2
    mean = (w_data * found.contrast.value + w_prior * (0.5 - 0.12)) / (w_data + w_prior)
    wanted = stats.norm.cdf(0, mean, (w_data + w_prior) ** -0.5)
    assert found.probability_of_loss == pytest.approx(wanted)


def test_holding_back_a_group_saves_money_where_the_program_loses() -> None:
    found = worth(plan_of(value={"cost_per_treated": 50}), drawn(17))
    assert found.control_group_cost < 0
    assert found.control_group_cost == pytest.approx(found.net.value / 160 * 120)


def test_nothing_is_worth_anything_while_veiled() -> None:
    plan = plan_of()
    assert values(plan, veiled_analysis(plan), basis=Basis.PILOT) == {
        TREATMENT: Undefined("outcomes are veiled")
    }
