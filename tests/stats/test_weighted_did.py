"""Weighted difference-in-differences: what it recovers, its interval, and when it says no."""

import csv
import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.stats.moments import Floats
from experiments.stats.weighted_did import (
    Panel,
    WeightedDifference,
    placebo_did,
    weighted_did,
)
from experiments.stats.weighted_means import ROWS_PER_GROUP


def known(found: WeightedDifference | Undefined) -> WeightedDifference:
    """The estimate, which must exist."""
    assert isinstance(found, WeightedDifference)
    return found


def panel(
    seed: int,
    n: int,
    *,
    effect: float = 0.0,
    shift: float = 0.0,
    last: float = 0.0,
    clusters: int | None = None,
) -> Panel:
    """Customers whose taste drives both their spending over time and who was chosen."""
    rng = np.random.default_rng(seed)
    cluster = np.arange(n) if clusters is None else np.arange(n) % clusters
    taste = rng.normal(shift, 1, n) + 0.5 * rng.normal(0, 1, n)[cluster]
    before = 10 + 2 * taste[:, None] + rng.normal(0, 1, (n, 3)) + np.array([0, 0.5, 1 + last])
    outcome = 12 + 2 * taste + effect + rng.normal(0, 1, n)
    attribute = taste + rng.normal(0, 1, n) > 0
    return Panel(
        outcome=outcome,
        before=before,
        attributes=attribute[:, None].astype(float),
        clusters=None if clusters is None else cluster + 1000 * seed,
    )


def compared(
    treatment: Panel,
    control: Panel,
    *,
    draws: int = 199,
    seed: int = 1,
    rows_per_group: int = ROWS_PER_GROUP,
) -> WeightedDifference:
    return known(
        weighted_did(
            treatment=treatment,
            control=control,
            attributes=["gold"],
            rng=np.random.default_rng(seed),
            draws=draws,
            rows_per_group=rows_per_group,
        )
    )


def test_it_finds_the_effect_that_a_plain_comparison_misses() -> None:
    treatment, control = panel(1, 400, effect=1.5, shift=0.8), panel(2, 900)
    found = compared(treatment, control)
    assert abs(treatment.outcome.mean() - control.outcome.mean() - 1.5) > 1
    assert found.value == pytest.approx(1.5, abs=4 * found.se)
    assert found.se < 0.2
    assert found.low < 1.5 < found.high
    assert found.p_value < 1e-6
    assert 150 < found.df < 400
    assert not found.sampled
    assert (found.treated, found.controls, found.draws, found.failed) == (400, 900, 199, 0)


def test_any_matched_pre_period_gives_the_same_difference() -> None:
    """Matched periods have equal means, so it is also the difference of outcome means."""
    treatment, control = panel(1, 300, effect=1, shift=0.5), panel(2, 500)
    found = compared(treatment, control, draws=39)
    plain = treatment.outcome.mean() - found.weighting.weights @ control.outcome
    assert found.value == pytest.approx(plain)
    assert found.value == pytest.approx(found.treated_change - found.control_change)


def test_on_the_nsw_experiment_it_is_close_to_the_experiment_itself(shared_data: Path) -> None:
    """Difference of means of the Dehejia-Wahba sample: 1794 (published, 1999, table 3), se 633."""
    with gzip.open(shared_data / "nsw_mixtape.csv.gz", "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    names = ["age", "educ", "black", "hisp", "marr", "nodegree"]

    def arm(code: str) -> Panel:
        chosen = [row for row in rows if row["treat"] == code]

        def read(columns: list[str]) -> Floats:
            return np.array([[float(row[name]) for name in columns] for row in chosen])

        return Panel(read(["re78"])[:, 0], read(["re74", "re75"]), read(names))

    found = known(
        weighted_did(
            treatment=arm("1"),
            control=arm("0"),
            attributes=names,
            rng=np.random.default_rng(1),
        )
    )
    assert found.value == pytest.approx(1794, abs=400)
    assert found.se == pytest.approx(671, rel=0.15)
    assert found.low > 0


def test_the_standard_error_is_that_of_a_regression_where_both_are_right() -> None:
    """Without selection: residual variance of the outcome given taste's signs, over n, summed."""
    found = compared(panel(1, 2000), panel(2, 2000), draws=399)
    residuals = []
    for group in (panel(1, 2000), panel(2, 2000)):
        design = np.column_stack([np.ones(2000), group.before, group.attributes])
        fit, *_ = np.linalg.lstsq(design, group.outcome, rcond=None)
        residuals.append(np.var(group.outcome - design @ fit))
    assert found.se == pytest.approx(np.sqrt(sum(residuals) / 2000), rel=0.12)


def test_clusters_that_share_their_fate_widen_the_interval() -> None:
    groups = [panel(seed, 600, clusters=30) for seed in (1, 2)]
    shocks = np.random.default_rng(3)
    groups = [
        replace(group, outcome=group.outcome + shocks.normal(0, 1, 30)[np.arange(600) % 30])
        for group in groups
    ]
    clustered = compared(*groups)
    alone = compared(*(replace(group, clusters=None) for group in groups))
    assert clustered.value == pytest.approx(alone.value)
    assert clustered.se > 2 * alone.se


def test_the_interval_leaves_out_zero_exactly_where_p_says_so() -> None:
    for seed in range(12):
        found = compared(panel(seed, 60, effect=0.25), panel(seed + 50, 80), seed=seed)
        assert (found.low > 0 or found.high < 0) == (found.p_value <= 0.05 + 1e-12)


def test_the_currency_scales_the_effect_and_not_the_p_value() -> None:
    treatment, control = panel(1, 80, effect=0.3, shift=0.3), panel(2, 120)
    euros = compared(treatment, control)
    cents = compared(
        *(
            replace(group, outcome=100 * group.outcome, before=100 * group.before)
            for group in (treatment, control)
        )
    )
    assert (cents.value, cents.low, cents.high) == pytest.approx(
        (100 * euros.value, 100 * euros.low, 100 * euros.high), rel=1e-4
    )
    assert cents.p_value == pytest.approx(euros.p_value, rel=1e-3)


def test_above_the_limit_it_uses_a_sample_and_says_so() -> None:
    found = compared(panel(1, 900, effect=1.5), panel(2, 200), rows_per_group=300)
    assert found.sampled
    assert (found.treated, found.controls) == (300, 200)
    clustered = [panel(1, 900, clusters=45), panel(2, 200, clusters=20)]
    one, again = (compared(*clustered, rows_per_group=300) for _ in range(2))
    assert one.treated == 300
    assert (one.value, one.low, one.high) == (again.value, again.low, again.high)


def test_a_placebo_finds_customers_who_were_already_parting() -> None:
    control = panel(2, 600)
    for last, parting in ((0.0, False), (0.6, True)):
        found = known(
            placebo_did(
                treatment=panel(1, 600, shift=0.4, last=last),
                control=control,
                attributes=["gold"],
                rng=np.random.default_rng(1),
                draws=199,
            )
        )
        assert (found.p_value < 0.05) == parting
    two = placebo_did(
        treatment=_periods(control, 2),
        control=_periods(control, 2),
        attributes=["gold"],
        rng=np.random.default_rng(1),
    )
    assert two == Undefined("2 pre-periods are fewer than 3")


def _periods(group: Panel, many: int) -> Panel:
    return replace(group, before=group.before[:, :many])


GOOD = panel(2, 50)


@pytest.mark.parametrize(
    ("treatment", "control", "reason"),
    [
        (_periods(GOOD, 0), _periods(GOOD, 0), "no pre-period"),
        (panel(1, 1), GOOD, "treatment group has fewer than 2 customers"),
        (GOOD, panel(1, 0), "control group has fewer than 2 customers"),
        (panel(1, 9, clusters=1), GOOD, "fewer than 2 clusters"),
        (panel(1, 9, clusters=3), panel(1, 9, clusters=3), "3 clusters have customers in both"),
        (replace(GOOD, outcome=GOOD.outcome * np.nan), GOOD, "outcome has values"),
        (GOOD, replace(GOOD, before=GOOD.before * np.inf), "pre-period 1"),
        (panel(1, 20, shift=99), GOOD, "no control customer is as high in 'pre-period 1'"),
        (panel(1, 30), panel(2, 15), "of 99 bootstrap draws cannot be weighted"),
    ],
)
def test_what_cannot_be_compared_says_why(treatment: Panel, control: Panel, reason: str) -> None:
    found = weighted_did(
        treatment=treatment,
        control=control,
        attributes=["gold"],
        rng=np.random.default_rng(1),
        draws=99,
    )
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_outcomes_that_only_repeat_the_past_have_no_spread() -> None:
    still = [
        replace(group, outcome=group.before[:, -1] + 0.7) for group in (panel(1, 60), panel(2, 60))
    ]
    found = weighted_did(
        treatment=still[0],
        control=still[1],
        attributes=["gold"],
        rng=np.random.default_rng(1),
        draws=99,
    )
    assert found == Undefined("all customers of a group changed alike, so that nothing varies")


def test_customers_without_a_past_are_compared_as_they_are() -> None:
    new = [
        replace(group, before=np.zeros((60, 3)), attributes=np.ones((60, 1)))
        for group in (panel(1, 60, effect=1.0), panel(2, 60))
    ]
    found = compared(*new)
    assert found.weighting.dropped == ("pre-period 1", "pre-period 2", "pre-period 3", "gold")
    assert found.value == pytest.approx(new[0].outcome.mean() - new[1].outcome.mean())
    errors = [np.var(group.outcome, ddof=1) / 60 for group in new]
    assert found.se == pytest.approx(np.sqrt(sum(errors)), rel=0.15)


def test_the_tails_of_few_clusters_keep_their_error() -> None:
    """Simulation: 20 clusters of 5 against 20, 300 pilots; 2.5 per cent each, se 0.9."""
    proved = disproved = 0
    for seed in range(300):
        shocks = np.random.default_rng(seed).normal(0, 1, 40)
        groups = [panel(2 * seed + side, 100, clusters=20) for side in (0, 1)]
        one, other = (
            replace(group, outcome=group.outcome + part[np.arange(100) % 20])
            for group, part in zip(groups, (shocks[:20], shocks[20:]), strict=True)
        )
        found = compared(one, other, draws=99, seed=seed)
        proved += found.low > 0
        disproved += found.high < 0
    assert 0 < proved / 300 < 0.055
    assert 0 < disproved / 300 < 0.055
