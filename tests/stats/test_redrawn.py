"""The vectorised bootstrap against a loop that weights every draw anew."""

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.stats.balancing import Weighting, entropy_balance
from experiments.stats.bootstrap import resampled_counts
from experiments.stats.moments import Floats
from experiments.stats.redrawn import Customers, redrawn_differences


def group(seed: int, n: int, shift: float, clusters: int | None) -> Customers:
    """Skewed covariates and a value that depends on them."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.exp(rng.normal(shift, 1, n)), rng.normal(shift, 1, n)])
    units = np.arange(n) if clusters is None else np.sort(rng.integers(clusters, size=n))
    return Customers(
        x, x @ [1.0, 2.0] + rng.normal(0, 1, n), np.unique(units, return_inverse=True)[1]
    )


def weighted(treatment: Customers, control: Customers) -> tuple[Customers, Customers, Floats]:
    """Both groups in standard deviations from the target, and the weights."""
    found = entropy_balance(
        treatment=treatment.deviations, control=control.deviations, names=["a", "b"]
    )
    assert isinstance(found, Weighting)
    moved = [
        Customers((one.deviations - found.centre) / found.scale, one.values, one.units)
        for one in (treatment, control)
    ]
    return moved[0], moved[1], found.weights


@pytest.mark.parametrize("clusters", [None, 25])
@pytest.mark.parametrize("shift", [0.1, 0.6])
def test_every_draw_is_weighted_as_if_it_were_the_data(clusters: int | None, shift: float) -> None:
    """Second implementation: rows repeated as drawn, `entropy_balance` on each draw."""
    treatment, control, weights = weighted(group(1, 60, shift, clusters), group(2, 90, 0, clusters))
    fast = redrawn_differences(
        treatment=treatment,
        control=control,
        weights=weights,
        draws=50,
        rng=np.random.default_rng(3),
    )
    rng = np.random.default_rng(3)
    drawn = [
        resampled_counts(int(one.units.max()) + 1, draws=50, rng=rng)[:, one.units]
        for one in (treatment, control)
    ]
    slow = []
    for counts_t, counts_c in zip(*drawn, strict=True):
        rows_t = np.repeat(np.arange(60), counts_t)
        rows_c = np.repeat(np.arange(90), counts_c)
        found = entropy_balance(
            treatment=treatment.deviations[rows_t],
            control=control.deviations[rows_c],
            names=["a", "b"],
        )
        if not isinstance(found, Undefined):
            slow.append(treatment.values[rows_t].mean() - found.weights @ control.values[rows_c])
    assert len(slow) >= 40
    assert fast == pytest.approx(slow, abs=1e-4)


def test_a_draw_whose_target_is_out_of_reach_is_left_out() -> None:
    treatment = Customers(np.array([[0.9], [-0.9]]), np.array([1.0, 1.0]), np.arange(2))
    control = Customers(np.array([[1.0], [-1.0]]), np.array([0.0, 0.0]), np.arange(2))
    found = redrawn_differences(
        treatment=treatment,
        control=control,
        weights=np.full(2, 0.5),
        draws=400,
        rng=np.random.default_rng(4),
    )
    # A control draw holds both customers half of the time; only then is a target within reach.
    assert 160 < len(found) < 240
    assert found == pytest.approx(np.ones(len(found)))
