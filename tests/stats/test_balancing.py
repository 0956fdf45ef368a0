"""Entropy balancing: the paper's properties, two other solvers, and what cannot be balanced."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from experiments.errors import Undefined
from experiments.stats.balancing import (
    Weighting,
    effective_size,
    entropy_balance,
    tilt,
    weighting_faults,
)
from experiments.stats.moments import Floats


def known(found: Weighting | Undefined) -> Weighting:
    """The weighting, which must exist."""
    assert isinstance(found, Weighting)
    return found


def people(seed: int, n: int, shift: float = 0.0) -> Floats:
    """Three covariates: spending, an indicator, visits."""
    rng = np.random.default_rng(seed)
    spend = np.exp(rng.normal(shift, 0.7, n))
    return np.column_stack([spend, spend + rng.normal(0, 1, n) > 1.5, rng.poisson(2, n)])


NAMES = ["spend", "gold", "visits"]


def test_the_weights_solve_the_problem_of_the_paper() -> None:
    """Second implementation: SciPy's SLSQP on Hainmueller's primal problem, equations 2 to 5."""
    treatment, control = people(1, 30, 0.3), people(2, 25)
    found = known(entropy_balance(treatment=treatment, control=control, names=NAMES))
    target = treatment.mean(axis=0)
    direct = minimize(
        lambda w: float(w @ np.log(w * 25)),
        np.full(25, 1 / 25),
        jac=lambda w: np.log(w * 25) + 1,
        constraints=[
            {"type": "eq", "fun": lambda w: w @ control - target},
            {"type": "eq", "fun": lambda w: w.sum() - 1},
        ],
        bounds=[(1e-9, 1)] * 25,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert direct.success
    assert found.weights == pytest.approx(direct.x, abs=1e-6)


def test_on_the_nsw_experiment_it_is_the_minimum_of_the_dual(shared_data: Path) -> None:
    """Second implementation: SciPy's BFGS on the dual, LaLonde's data (185 and 260 men)."""
    with gzip.open(shared_data / "nsw_mixtape.csv.gz", "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    names = ["re75", "re74", "age", "educ", "black", "hisp", "marr", "nodegree"]
    arm = np.array([row["treat"] for row in rows]) == "1"
    values = np.array([[float(row[name]) for name in names] for row in rows])
    earnings = np.array([float(row["re78"]) for row in rows])
    found = known(entropy_balance(treatment=values[arm], control=values[~arm], names=names))
    deviations = (values[~arm] - values[arm].mean(axis=0)) / values[~arm].std(axis=0)
    direct = minimize(
        lambda tilt: float(np.log(np.exp(deviations @ tilt).sum())), np.zeros(8), tol=1e-10
    )
    weights = np.exp(deviations @ direct.x)
    weights /= weights.sum()
    assert found.weights == pytest.approx(weights, abs=1e-7)
    effect = earnings[arm].mean() - found.weights @ earnings[~arm]
    assert effect == pytest.approx(earnings[arm].mean() - weights @ earnings[~arm], abs=0.05)
    assert max(map(abs, found.after.values())) < 1e-9
    assert max(map(abs, found.before.values())) > 0.2


def test_groups_that_are_alike_keep_their_base_weights() -> None:
    rows = people(3, 40)
    assert known(entropy_balance(treatment=rows, control=rows, names=NAMES)).weights == (
        pytest.approx(np.full(40, 1 / 40))
    )


def test_a_base_weight_of_two_is_a_customer_who_is_there_twice() -> None:
    treatment, control = people(1, 30, 0.2), people(2, 50)
    twice = known(
        entropy_balance(treatment=treatment, control=np.vstack([control, control[:1]]), names=NAMES)
    )
    weighted = known(
        entropy_balance(
            treatment=treatment,
            control=control,
            names=NAMES,
            base_weights=np.array([2.0] + [1.0] * 49),
        )
    )
    assert weighted.weights[1:] == pytest.approx(twice.weights[1:-1])
    assert weighted.weights[0] == pytest.approx(2 * twice.weights[0])


def test_treatment_weights_move_the_target() -> None:
    rows = people(1, 30, 0.2)
    weights = np.arange(1.0, 31.0)
    found = known(
        entropy_balance(
            treatment=rows, control=people(2, 90), names=NAMES, treatment_weights=weights
        )
    )
    assert found.weights @ people(2, 90) == pytest.approx(weights @ rows / weights.sum())


def test_a_level_that_no_treated_customer_has_gets_no_weight() -> None:
    treatment, control = people(1, 30), people(2, 60)
    treatment[:, 1] = 0
    found = known(entropy_balance(treatment=treatment, control=control, names=NAMES))
    assert found.weights[control[:, 1] == 1].max() < 1e-7
    assert found.weights[control[:, 1] == 0] @ control[control[:, 1] == 0][:, 0] == pytest.approx(
        treatment[:, 0].mean()
    )


def test_redundant_covariates_are_dropped_by_name_and_change_nothing() -> None:
    treatment, control = people(1, 30, 0.2), people(2, 60)
    more = [
        np.column_stack([rows, 3 * rows[:, 0] + 1, 7 + 0 * rows[:, 0]])
        for rows in (treatment, control)
    ]
    plain = known(entropy_balance(treatment=treatment, control=control, names=NAMES))
    found = known(
        entropy_balance(treatment=more[0], control=more[1], names=[*NAMES, "cents", "constant"])
    )
    assert found.dropped == ("cents", "constant")
    assert found.weights == pytest.approx(plain.weights)
    assert found.after["cents"] == pytest.approx(0, abs=1e-8)
    assert found.after["constant"] == 0


def test_a_dropped_covariate_that_still_differs_blocks() -> None:
    """Nobody in control is gold: nothing can be weighted, and the check says so."""
    treatment, control = people(1, 200), people(2, 600)
    control[:, 1] = 0
    found = known(entropy_balance(treatment=treatment, control=control, names=NAMES))
    assert found.dropped == ("gold",)
    faults = weighting_faults(found)
    assert len(faults) == 1
    assert faults[0].startswith("after weighting, 'gold' still differs by 0.")


def test_few_effective_customers_block() -> None:
    control = np.concatenate([np.zeros(3000), np.ones(30)])[:, None]
    found = known(entropy_balance(treatment=np.ones((20, 1)) * 0.99, control=control, names=["x"]))
    # By hand: 30 customers share 0.99 and 3,000 share 0.01, so 1 / (0.99^2 / 30 + 0.01^2 / 3000).
    assert found.effective_customers == pytest.approx(1 / (0.99**2 / 30 + 0.01**2 / 3000))
    assert weighting_faults(found) == (
        "30.6 effective control customers are fewer than 100",
        "30.6 effective control customers are less than 10% of 3,030",
    )
    alike = known(entropy_balance(treatment=people(3, 200), control=people(3, 200), names=NAMES))
    assert weighting_faults(alike) == ()


@pytest.mark.parametrize(
    ("treatment", "control", "reason"),
    [
        ([[5.0, 0.5]], [[1, 0], [2, 1], [3, 0]], "no control customer is as high in 'a'"),
        ([[0.0, 0.5]], [[1, 0], [2, 1], [3, 0]], "no control customer is as low in 'a'"),
        ([[0.8, 0.8]], [[0, 0], [1, 0], [0, 1]], "match 'b' at once with 'a'"),
        ([[0.6, 0.4001]], [[0, 0], [1, 0], [0, 1]], "match 'b' at once with 'a'"),
        ([[1, 2], [1, 2]], [[1, 1], [1, 1]], "'b' is one value in one group and another"),
        ([[np.nan, 1]], [[0, 1]], "'a' has values that are not numbers in the treatment group"),
        ([[0, 1]], [[0, np.inf]], "'b' has values that are not numbers in the control group"),
    ],
)
def test_what_cannot_be_balanced_names_the_covariate(
    treatment: list[list[float]], control: list[list[float]], reason: str
) -> None:
    found = entropy_balance(
        treatment=np.array(treatment, dtype=float),
        control=np.array(control, dtype=float),
        names=["a", "b"],
    )
    assert isinstance(found, Undefined)
    assert reason in found.reason


def test_without_customers_or_covariates_there_is_no_weighting() -> None:
    rows, none = people(1, 5), np.empty((0, 3))
    for treatment, control, names, reason in (
        (none, rows, NAMES, "treatment group has no customer"),
        (rows, none, NAMES, "control group has no customer"),
        (rows[:, :0], rows[:, :0], [], "no covariate"),
    ):
        found = entropy_balance(treatment=treatment, control=control, names=names)
        assert isinstance(found, Undefined)
        assert reason in found.reason


def test_one_control_customer_can_only_stand_for_himself() -> None:
    found = known(entropy_balance(treatment=people(1, 30), control=people(2, 1), names=NAMES))
    assert found.weights.tolist() == [1.0]
    assert found.dropped == tuple(NAMES)
    assert weighting_faults(found)


def test_a_target_just_inside_or_outside_is_told_apart() -> None:
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    base = np.full(3, 1 / 3)
    assert tilt(corners - [0.5, 0.4999], base, start=np.zeros(2)) is not None
    assert tilt(corners - [0.5, 0.5001], base, start=np.zeros(2)) is None


def test_the_effective_size_is_that_of_kish() -> None:
    assert effective_size(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_size(np.array([3.0, 1.0])) == pytest.approx(16 / 10)


@given(
    seed=st.integers(0, 99),
    rate=st.floats(min_value=0.001, max_value=1000),
    offset=st.floats(min_value=-100, max_value=100),
)
def test_no_unit_and_no_order_matters(seed: int, rate: float, offset: float) -> None:
    treatment, control = people(seed, 40, 0.1), people(seed + 100, 80)
    one = entropy_balance(treatment=treatment, control=control, names=NAMES)
    other = entropy_balance(
        treatment=treatment[::-1, ::-1] * rate + offset,
        control=control[:, ::-1] * rate + offset,
        names=NAMES[::-1],
    )
    if isinstance(one, Undefined):
        assert isinstance(other, Undefined)
        return
    assert known(other).weights == pytest.approx(one.weights, abs=1e-8)
    assert np.sum(one.weights) == pytest.approx(1)
    assert max(map(abs, one.after.values())) < 1e-8
