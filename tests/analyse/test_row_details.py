"""Methods on rows: against scipy, and against the summaries where both exist."""

from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from scipy import stats

from experiments.analyse.detail import Detail
from experiments.analyse.row_details import row_details
from experiments.errors import BadInput, Undefined
from experiments.stats.means import welch
from experiments.stats.moments import Sample


def customers(n: int = 90) -> dict[str, Any]:
    rng = np.random.default_rng(n)
    arms = np.array(["mailed"] * n + ["held out"] * n + ["called"] * 10)
    before = rng.gamma(2, 5, len(arms)).round(2)
    return {
        "arm": arms,
        "spend": (before + rng.gamma(1, 9, len(arms)) + 2 * (arms == "mailed")).round(2),
        "before": before,
        "city": rng.choice(["x", "y", "z"], len(arms)),
        "branch": np.arange(len(arms)) // 5 % 30,
    }


def compared(data: Any, **given: Any) -> dict[str, Detail]:
    found = row_details(
        data,
        metric="spend",
        treatment="mailed",
        control="held out",
        rng=np.random.default_rng(1),
        **given,
    )
    return {one.name: one for one in found}


def test_ranks_agree_with_scipy_and_other_arms_are_left_out() -> None:
    data = customers()
    treated, controls = (data["spend"][data["arm"] == arm] for arm in ("mailed", "held out"))
    wanted = stats.mannwhitneyu(treated, controls, method="asymptotic")
    found = compared(data)
    assert set(found) == {"mann_whitney", "hc2", "bootstrap_t"}
    assert found["mann_whitney"].p_value == pytest.approx(wanted.pvalue)
    assert found["mann_whitney"].value == pytest.approx(wanted.statistic / 90 / 90)
    assert all(one.note.startswith("rows: 90 and 90 customers") for one in found.values())


def test_without_covariates_hc2_has_the_standard_error_of_welch() -> None:
    """MacKinnon and White (1985): with one indicator HC2 divides by n - 1 in each group."""
    data = customers()
    found = compared(data)["hc2"]
    samples = [Sample.of(data["spend"][data["arm"] == arm]) for arm in ("mailed", "held out")]
    plain = welch(treatment=samples[0], control=samples[1])
    assert not isinstance(plain, Undefined)
    assert found.value == pytest.approx(plain.value)
    assert isinstance(found.low, float)
    assert isinstance(found.high, float)
    reach = stats.t.ppf(0.975, 178) * plain.se
    assert (found.high - found.low) / 2 == pytest.approx(reach)


def test_clusters_add_three_readings_and_covariates_may_be_text() -> None:
    found = compared(customers(), covariates=["before", "city"], cluster="branch")
    assert set(found) == {"mann_whitney", "hc2", "cr0", "cr1", "cr2", "bootstrap_t"}
    assert len({found[name].value for name in ("hc2", "cr0", "cr1", "cr2")}) == 1
    assert "30 clusters" in found["cr2"].note
    assert "adjusted for before, city" in found["cr2"].note
    assert "taken for independent" in found["hc2"].note


def test_a_pandas_frame_is_taken_and_customers_who_do_not_count_are_left_out() -> None:
    frame = pd.DataFrame(customers())
    frame.loc[:4, "spend"] = None
    assert compared(frame)["mann_whitney"].note.startswith("rows: 85 and 90 customers")


def test_above_the_limit_a_random_sample_is_taken_and_said_the_same_for_the_same_seed() -> None:
    data = customers()
    found, again = compared(data, rows_per_group=40), compared(data, rows_per_group=40)
    assert found == again
    said = "rows: a random sample of 40 and 40 of 90 and 90 customers"
    assert all(one.note.startswith(said) for one in found.values())


def test_swapped_arms_turn_the_effect_around() -> None:
    one = compared(customers(), covariates=["before"])["hc2"]
    other = row_details(
        customers(),
        metric="spend",
        treatment="held out",
        control="mailed",
        covariates=["before"],
        rng=np.random.default_rng(1),
    )[1]
    assert isinstance(one.value, float)
    assert other.value == pytest.approx(-one.value)


@pytest.mark.parametrize("values", [[0.0] * 6, [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]])
def test_without_spread_the_reason_stands(values: list[float]) -> None:
    data = {"arm": ["mailed"] * 3 + ["held out"] * 3, "spend": values}
    found = compared(data)
    assert isinstance(found["bootstrap_t"].value, Undefined)
    assert isinstance(found["hc2"].value, Undefined)


def test_an_arm_without_customers_has_no_answer() -> None:
    found = compared({"arm": ["mailed"] * 3, "spend": [1.0, 2.0, 5.0]})
    assert all(isinstance(one.value, Undefined) for one in found.values())


def test_missing_columns_are_named() -> None:
    with pytest.raises(BadInput, match="lacks columns") as raised:
        compared({"arm": ["mailed"], "sales": [1.0]}, covariates=["before"])
    assert [problem.where for problem in raised.value.problems] == ["'spend'", "'before'"]
