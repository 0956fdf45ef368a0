"""Effects of receipt: two-stage least squares, the test that is inverted, and weak offers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import Undefined
from experiments.stats.compliers import ReceiptEffect, Whom, effect_of_receipt
from experiments.stats.estimate import Difference, Interval
from experiments.stats.means import welch
from experiments.stats.moments import Moments, Sample


def known(found: ReceiptEffect | Undefined) -> ReceiptEffect:
    """The effect, which must exist."""
    assert isinstance(found, ReceiptEffect)
    return found


def arm(seed: int, n: int, *, share: float, effect: float = 3.0) -> dict[str, list[float]]:
    """Customers of whom a share received the program; those who wanted it spend more anyway."""
    rng = np.random.default_rng(seed)
    wish = rng.random(n)
    got = (wish < share).astype(float)
    spend = 10 - 4 * wish + effect * got + rng.normal(0, 2, n)
    return {"spend": spend.tolist(), "got": got.tolist()}


def test_it_is_two_stage_least_squares() -> None:
    """Second implementation: instrumental variables on rows; robust variance with n_a - 1 each."""
    arms = arm(1, 300, share=0.7), arm(2, 200, share=0.2)
    found = known(
        effect_of_receipt(
            treatment=Moments.of(**arms[0]),
            control=Moments.of(**arms[1]),
            outcome="spend",
            receipt="got",
        )
    )
    spend = np.array(arms[0]["spend"] + arms[1]["spend"])
    got = np.array(arms[0]["got"] + arms[1]["got"])
    offered = np.arange(500) < 300
    instruments = np.column_stack([np.ones(500), offered])
    regressors = np.column_stack([np.ones(500), got])
    fit = np.linalg.solve(instruments.T @ regressors, instruments.T @ spend)
    residuals = spend - regressors @ fit
    variance = (
        sum(np.var(residuals[side], ddof=1) / side.sum() for side in (offered, ~offered))
        / (got[offered].mean() - got[~offered].mean()) ** 2
    )
    assert found.whom is Whom.COMPLIERS
    assert found.value == pytest.approx(fit[1])
    assert found.se == pytest.approx(math.sqrt(variance))
    assert found.value == pytest.approx(3.0, abs=3 * found.se)


def test_where_control_got_nothing_it_is_the_effect_on_the_treated() -> None:
    """Bloom (1984): the effect of the offer over the share that received it."""
    arms = arm(1, 300, share=0.6), arm(2, 200, share=0.0)
    found = known(
        effect_of_receipt(
            treatment=Moments.of(**arms[0]),
            control=Moments.of(**arms[1]),
            outcome="spend",
            receipt="got",
        )
    )
    assert found.whom is Whom.TREATED
    share = sum(arms[0]["got"]) / 300
    offer = welch(treatment=Sample.of(arms[0]["spend"]), control=Sample.of(arms[1]["spend"]))
    assert isinstance(offer, Difference)
    assert found.receipt_difference == pytest.approx(share)
    assert found.value == pytest.approx(offer.value / share)
    assert found.first_stage_f == pytest.approx(share**2 / (share * (1 - share) / 299))


def test_full_compliance_leaves_the_effect_of_the_offer() -> None:
    arms = arm(1, 300, share=1.1), arm(2, 200, share=0.0)
    found = known(
        effect_of_receipt(
            treatment=Moments.of(**arms[0]),
            control=Moments.of(**arms[1]),
            outcome="spend",
            receipt="got",
        )
    )
    assert math.isinf(found.first_stage_f)
    assert found.value == found.offer_effect
    assert isinstance(found.interval, Interval)
    assert found.interval.low == pytest.approx(found.value - 1.959964 * found.se)


@pytest.mark.parametrize(
    ("treatment", "control", "reason"),
    [
        (arm(1, 100, share=0.3), arm(2, 100, share=0.25), "first-stage F"),
        (arm(1, 100, share=0.1), arm(2, 100, share=0.6), "did not receive it more often"),
        (arm(1, 100, share=0.0), arm(2, 100, share=0.0), "did not receive it more often"),
        (arm(1, 1, share=0.5), arm(2, 100, share=0.0), "one customer"),
        ({"spend": [], "got": []}, arm(2, 100, share=0.0), "no customer"),
        ({"spend": [0.0] * 9, "got": [1.0] * 9}, {"spend": [0.0] * 9, "got": [0.0] * 9}, "same"),
    ],
)
def test_what_cannot_be_divided_says_why(
    treatment: dict[str, list[float]], control: dict[str, list[float]], reason: str
) -> None:
    found = effect_of_receipt(
        treatment=Moments.of(**treatment),
        control=Moments.of(**control),
        outcome="spend",
        receipt="got",
    )
    assert isinstance(found, Undefined)
    assert reason in found.reason


@given(seed=st.integers(0, 99), rate=st.floats(min_value=0.01, max_value=100))
def test_at_its_limits_nothing_is_left_of_the_offer(seed: int, rate: float) -> None:
    """Anderson and Rubin: outcome less limit x receipt differs by 1.96 standard errors."""
    treatment = Moments.of(**arm(seed, 150, share=0.8))
    control = Moments.of(**arm(seed + 100, 150, share=0.1))
    scale = {"spend": {"spend": rate}, "got": {"got": 1.0}}
    found = known(
        effect_of_receipt(
            treatment=treatment.combine(scale),
            control=control.combine(scale),
            outcome="spend",
            receipt="got",
        )
    )
    assert isinstance(found.interval, Interval)
    for limit in (found.interval.low, found.interval.high):
        rest = {"rest": {"spend": rate, "got": -limit}}
        left = welch(
            treatment=treatment.combine(rest).sample("rest"),
            control=control.combine(rest).sample("rest"),
        )
        assert isinstance(left, Difference)
        assert abs(left.statistic) == pytest.approx(1.959964, rel=1e-5)
    holds_zero = found.interval.low <= 0 <= found.interval.high
    assert holds_zero == (found.p_value >= 0.05)
