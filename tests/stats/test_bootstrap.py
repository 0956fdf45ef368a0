"""The bootstrap-t against a plain loop, at its edges, and what it does to the tails."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.bootstrap import (
    BootstrapT,
    bootstrap_t,
    equal_tails,
    resampled_counts,
    two_sided,
)
from experiments.stats.estimate import Difference
from experiments.stats.means import welch
from experiments.stats.moments import Floats, Sample


def known(found: BootstrapT | Undefined) -> BootstrapT:
    """The interval, which must exist."""
    assert isinstance(found, BootstrapT)
    return found


def spending(seed: int, n: int) -> Floats:
    """Many who bought nothing, a few who bought a lot."""
    rng = np.random.default_rng(seed)
    return np.round(rng.lognormal(2, 1, n) * (rng.random(n) < 0.4), 2)


def test_the_interval_is_that_of_a_plain_loop() -> None:
    """Second implementation: Efron and Tibshirani (1993), section 12.5, one draw at a time."""
    treatment, control = spending(1, 70), spending(2, 90)
    found = known(bootstrap_t(treatment=treatment, control=control, rng=np.random.default_rng(5)))
    rng = np.random.default_rng(5)
    drawn = [
        values[rng.integers(len(values), size=(999, len(values)))]
        for values in (treatment, control)
    ]
    gap = treatment.mean() - control.mean()
    statistics = []
    for rows_t, rows_c in zip(*drawn, strict=True):
        plain = welch(treatment=Sample.of(rows_t), control=Sample.of(rows_c))
        assert isinstance(plain, Difference)
        statistics.append((plain.value - gap) / plain.se)
    ordered = np.sort(statistics)
    plain = welch(treatment=Sample.of(treatment), control=Sample.of(control))
    assert isinstance(plain, Difference)
    assert (found.value, found.se) == pytest.approx((plain.value, plain.se))
    assert found.low == pytest.approx(gap - ordered[974] * plain.se)
    assert found.high == pytest.approx(gap - ordered[24] * plain.se)
    beyond = min(np.sum(ordered >= plain.statistic), np.sum(ordered <= plain.statistic))
    assert found.p_value == pytest.approx(2 * (beyond + 1) / 1000)


def test_on_normal_values_it_is_welch() -> None:
    """Over 9,999 draws a 2.5 per cent quantile has a standard error of 0.027 (normal density)."""
    rng = np.random.default_rng(1)
    treatment, control = rng.normal(1, 1, 800), rng.normal(0, 2, 600)
    found = known(bootstrap_t(treatment=treatment, control=control, rng=rng, draws=9999))
    plain = welch(treatment=Sample.of(treatment), control=Sample.of(control))
    assert isinstance(plain, Difference)
    assert (found.low, found.high) == pytest.approx(
        (plain.low, plain.high), abs=4 * 0.027 * plain.se
    )


def test_it_evens_out_the_tails_of_skewed_groups() -> None:
    """Simulation: 40 log-normal against 800, 600 pilots; a 2.5 per cent tail was asked for."""
    rng = np.random.default_rng(7)
    above = {"welch": 0, "bootstrap": 0}
    for _ in range(600):
        treatment, control = rng.lognormal(0, 1, 40), rng.lognormal(0, 1, 800)
        plain = welch(treatment=Sample.of(treatment), control=Sample.of(control))
        assert isinstance(plain, Difference)
        above["welch"] += plain.high < 0
        found = bootstrap_t(treatment=treatment, control=control, rng=rng, draws=199)
        above["bootstrap"] += known(found).high < 0
    assert above["welch"] / 600 > 0.05
    assert above["bootstrap"] < 0.75 * above["welch"]


def test_above_the_limit_it_uses_a_sample_and_says_so() -> None:
    options = {"treatment": spending(1, 500), "control": spending(2, 80), "rows_per_group": 100}
    one = bootstrap_t(**options, rng=np.random.default_rng(1))  # type: ignore[arg-type]
    again = bootstrap_t(**options, rng=np.random.default_rng(1))  # type: ignore[arg-type]
    assert known(one).sampled
    assert (known(one).treated, known(one).controls) == (100, 80)
    assert one == again


def test_draws_are_made_in_blocks_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    treatment, control = spending(1, 50), spending(2, 80)
    one = bootstrap_t(treatment=treatment, control=control, rng=np.random.default_rng(1))
    monkeypatch.setattr("experiments.stats.bootstrap.BLOCK", 1000)
    again = bootstrap_t(treatment=treatment, control=control, rng=np.random.default_rng(1))
    assert again == one


@pytest.mark.parametrize(
    ("treatment", "reason"),
    [
        ([], "treatment group has no customer"),
        ([3.0], "one customer"),
        ([0.0] * 40, "same value"),
        ([np.nan, 1.0], "too large"),
        ([0.0] * 40 + [7.0], "draws without them are common"),
    ],
)
def test_what_cannot_be_resampled_says_why(treatment: list[float], reason: str) -> None:
    found = bootstrap_t(
        treatment=np.array(treatment), control=np.zeros(50), rng=np.random.default_rng(1)
    )
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_counts_add_up_to_the_customers() -> None:
    counts = resampled_counts(30, draws=2000, rng=np.random.default_rng(1))
    assert counts.shape == (2000, 30)
    assert (counts.sum(axis=1) == 30).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(30), abs=0.12)
    assert counts.var() == pytest.approx(29 / 30, rel=0.05)


def test_limits_and_p_value_agree_at_every_place() -> None:
    replicates = np.random.default_rng(1).normal(size=199)
    limits = equal_tails(replicates, confidence=0.95)
    assert not isinstance(limits, Undefined)
    for observed in np.linspace(-3, 3, 301):
        outside = observed < limits.low or observed > limits.high
        assert outside == (two_sided(replicates, float(observed)) <= 0.05)


def test_a_few_draws_support_no_high_confidence() -> None:
    found = equal_tails(np.arange(99.0), confidence=0.99)
    assert found == Undefined("99 draws are too few for 99.0% confidence")


@given(seed=st.integers(0, 50), rate=st.floats(min_value=0.01, max_value=100))
def test_turning_all_values_flips_the_interval_and_the_currency_scales_it(
    seed: int, rate: float
) -> None:
    treatment, control = spending(seed, 40), spending(seed + 100, 40)
    one = known(
        bootstrap_t(treatment=treatment, control=control, rng=np.random.default_rng(seed), draws=99)
    )
    other = known(
        bootstrap_t(
            treatment=-rate * treatment,
            control=-rate * control,
            rng=np.random.default_rng(seed),
            draws=99,
        )
    )
    assert (other.low, other.high) == pytest.approx((-rate * one.high, -rate * one.low), rel=1e-6)
    assert other.p_value == one.p_value
