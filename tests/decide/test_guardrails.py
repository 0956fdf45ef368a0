"""Guardrails: the worsening that a plan accepts, and the interval that must exclude it."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from experiments.decide.guardrails import Guardrail, Safety, _less, _safety, guardrails
from experiments.errors import Undefined
from experiments.stats.estimate import Interval
from experiments.stats.rates import Share
from experiments.stats.score import miettinen_nurminen, miettinen_nurminen_ratio
from tests.evidence import CONTROL, TREATMENT, analysed, metric, plan_of

Arms = dict[str, dict[str, Any]]


def judged(arms: Arms, covariates: tuple[str, ...] = (), **keys: Any) -> Guardrail:
    rail = metric("rail", role="guardrail", **keys)
    plan = plan_of(metrics=[metric("spend", role="primary"), rail])
    analysis = analysed(plan, arms, covariates=covariates)
    (found,) = guardrails(plan, analysis, treatment=TREATMENT)
    return found


def means(seed: int, *, treated: float, controls: float = 10.0) -> Arms:
    rng = np.random.default_rng(seed)
    return {
        arm: {
            "spend": rng.normal(20, 5, 120).round(2),
            "rail": rng.normal(mean, 2, 120).round(2),
            "x": rng.normal(0, 1, 120).round(2),
        }
        for arm, mean in ((TREATMENT, treated), (CONTROL, controls))
    }


def rates(treated: int, controls: int, *, n: int = 200) -> Arms:
    return {
        arm: {"spend": [1.0, 2.0] * (n // 2), "rail": [1.0] * events + [0.0] * (n - events)}
        for arm, events in ((TREATMENT, treated), (CONTROL, controls))
    }


@pytest.mark.parametrize(
    ("worsening", "safety"),
    [
        (Interval(-1.0, 0.49), Safety.NON_INFERIOR),
        (Interval(-1.0, 0.5), Safety.UNCLEAR),
        (Interval(0.5, 1.0), Safety.UNCLEAR),
        (Interval(0.51, 1.0), Safety.WORSE),
        (Interval(0.5, 0.5), Safety.UNCLEAR),
    ],
)
def test_the_interval_must_exclude_what_is_accepted(worsening: Interval, safety: Safety) -> None:
    assert _safety(_less(worsening, 0.5)) is safety


@pytest.mark.parametrize(
    ("direction", "treated", "safety"),
    [
        ("up", 10.0, Safety.NON_INFERIOR),
        ("up", 12.0, Safety.NON_INFERIOR),
        ("up", 8.0, Safety.WORSE),
        ("up", 9.0, Safety.UNCLEAR),
        ("down", 10.0, Safety.NON_INFERIOR),
        ("down", 8.0, Safety.NON_INFERIOR),
        ("down", 12.0, Safety.WORSE),
        ("down", 11.0, Safety.UNCLEAR),
    ],
)
@pytest.mark.parametrize("key", ["tolerance", "tolerance_relative"])
def test_a_mean_is_judged_in_its_bad_direction(
    direction: str, treated: float, safety: Safety, key: str
) -> None:
    """The tolerance is 1, or a tenth of a control mean of 10; the half-width is about 0.5."""
    tolerance: dict[str, Any] = {key: 1 if key == "tolerance" else "0.1"}
    found = judged(means(1, treated=treated), direction=direction, **tolerance)
    assert found.safety is safety


def test_a_tolerance_in_units_is_compared_with_the_headlines_interval() -> None:
    """Welch on the raw arrays, turned so that more is worse."""
    arms = means(2, treated=9.5)
    found = judged(arms, tolerance=1).worsening
    t, c = arms[TREATMENT]["rail"], arms[CONTROL]["rail"]
    interval = stats.ttest_ind(t, c, equal_var=False).confidence_interval(0.95)
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx((-interval.high, -interval.low))


@pytest.mark.parametrize(("direction", "factor"), [("up", 0.9), ("down", 1.1)])
def test_a_relative_tolerance_moves_the_control_mean(direction: str, factor: float) -> None:
    """METHODS: tested on mean_t - (1 -/+ r) mean_c, by Welch on the raw arrays."""
    arms = means(3, treated=10.2)
    found = judged(arms, direction=direction, tolerance_relative="0.1").beyond
    t, c = arms[TREATMENT]["rail"], factor * arms[CONTROL]["rail"]
    interval = stats.ttest_ind(t, c, equal_var=False).confidence_interval(0.95)
    wanted = (interval.low, interval.high)
    if direction == "up":
        wanted = (-interval.high, -interval.low)
    assert isinstance(found, Interval)
    assert (found.low, found.high) == pytest.approx(wanted)


def test_a_mean_is_judged_by_the_headlines_method() -> None:
    arms = means(4, treated=10.0)
    for columns in arms.values():
        columns["x"] = (columns["rail"] + columns["x"] * 0.1).round(4)
    tolerances: list[dict[str, Any]] = [{"tolerance": 1}, {"tolerance_relative": "0.1"}]
    for tolerance in tolerances:
        plain = judged(arms, **tolerance).worsening
        adjusted = judged(arms, ("x",), **tolerance).worsening
        assert isinstance(plain, Interval)
        assert isinstance(adjusted, Interval)
        assert adjusted.high - adjusted.low < (plain.high - plain.low) / 2


def test_a_rate_is_judged_by_miettinen_and_nurminen() -> None:
    found = judged(rates(150, 160), kind="rate", tolerance="0.1")
    wanted = miettinen_nurminen(treatment=Share(150, 200), control=Share(160, 200))
    assert isinstance(found.worsening, Interval)
    assert isinstance(wanted, Interval)
    assert (found.worsening.low, found.worsening.high) == (-wanted.high, -wanted.low)
    assert (found.accepted, found.relative) == (0.1, False)


def test_a_relative_tolerance_of_a_rate_is_judged_on_the_ratio() -> None:
    found = judged(rates(24, 20), kind="rate", direction="down", tolerance_relative="0.5")
    wanted = miettinen_nurminen_ratio(treatment=Share(24, 200), control=Share(20, 200))
    assert isinstance(found.worsening, Interval)
    assert isinstance(wanted, Interval)
    assert (found.worsening.low, found.worsening.high) == (wanted.low - 1, wanted.high - 1)
    assert (found.accepted, found.relative) == (0.5, True)
    assert found.safety is Safety.UNCLEAR


def test_nobody_with_the_event_is_unclear_as_a_ratio_but_clear_as_a_difference() -> None:
    nobody = rates(0, 0)
    relative = judged(nobody, kind="rate", direction="down", tolerance_relative="0.5")
    assert isinstance(relative.worsening, Undefined)
    assert relative.safety is Safety.UNCLEAR
    absolute = judged(nobody, kind="rate", direction="down", tolerance="0.05")
    assert absolute.safety is Safety.NON_INFERIOR


def test_a_guardrail_without_spread_is_unclear() -> None:
    arms = means(5, treated=10)
    for columns in arms.values():
        columns["rail"] = [4.0] * 120
    assert judged(arms, tolerance=1).safety is Safety.UNCLEAR


@pytest.mark.parametrize("covariates", [(), ("x",)])
def test_a_share_of_a_negative_control_mean_judges_nothing(covariates: tuple[str, ...]) -> None:
    better = judged(means(5, treated=-8.0, controls=-10.0), covariates, tolerance_relative=0.02)
    assert better.safety is Safety.UNCLEAR
    assert isinstance(better.worsening, Undefined)
    assert "control mean is negative" in better.worsening.reason
    assert better.beyond == better.worsening
