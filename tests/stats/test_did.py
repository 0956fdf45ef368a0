"""Difference-in-differences: published figures, other implementations, edges."""

import math

import numpy as np
import pytest

from experiments.errors import Undefined
from experiments.stats.cluster_robust import (
    ClusterCovariance,
    ClusteredCoefficient,
    clustered_coefficient,
)
from experiments.stats.did import (
    EFFECT,
    Change,
    Panel,
    did_of_changes,
    did_of_customers,
    did_of_samples,
    panel_fit,
    two_way_effect,
)
from experiments.stats.estimate import Difference
from experiments.stats.means import welch
from experiments.stats.moments import Moments, Sample
from experiments.stats.regression import coefficient, indicators, least_squares
from tests.reference.reading import dataset
from tests.reference.test_reference_cases import DATA
from tests.stats.test_regression import fitted
from tests.stats.test_regression import known as known_coefficient


def known(found: Difference | Undefined) -> Difference:
    """The difference, which must exist."""
    assert isinstance(found, Difference)
    return found


def clustered(found: ClusteredCoefficient | Undefined) -> ClusteredCoefficient:
    """The coefficient, which must exist."""
    assert isinstance(found, ClusteredCoefficient)
    return found


def _panel(seed: int, *, units: int = 12, periods: int = 5, gaps: bool = False) -> Panel:
    """Half the units treated, from period 3 on; with gaps a fifth of the rows is missing."""
    rng = np.random.default_rng(seed)
    levels = rng.normal(0, 3, units)
    rows = [
        (float(levels[unit] + period + rng.normal()), unit, period)
        for unit in range(units)
        for period in range(periods)
        if not (gaps and rng.random() < 0.2)
    ]
    return Panel(
        values=[value for value, _, _ in rows],
        units=[unit for _, unit, _ in rows],
        periods=[period for _, _, period in rows],
        treated=[unit % 2 == 0 for _, unit, _ in rows],
        after=[period >= 3 for _, _, period in rows],
    )


def test_published_means_give_card_and_kruegers_estimate() -> None:
    """Card and Krueger (1994), AER 84:772-793, table 3: 2.76 (1.36), from unrounded means."""
    found = known(
        did_of_changes(
            treatment=Change(20.44, 21.03, se=0.54), control=Change(23.33, 21.17, se=1.25)
        )
    )
    assert found.value == pytest.approx(2.76, abs=0.0101)
    assert found.se == pytest.approx(1.36, abs=0.005)
    assert found.df == math.inf


def test_organ_donations_agree_with_the_textbook() -> None:
    """Huntington-Klein (2021), The Effect, chapter 18 (Kessler and Roth): -0.022 (0.006)."""
    if not (DATA / "organ_donations.csv.gz").is_file():
        pytest.skip("the validation data are not beside this checkout (shared/data)")
    rows = dataset({"dataset": "organ_donations.csv.gz"}, DATA)
    panel = Panel(
        values=[float(row["Rate"]) for row in rows],
        units=[row["State"] for row in rows],
        periods=[row["Quarter"] for row in rows],
        treated=[row["State"] == "California" for row in rows],
        after=[row["Quarter"] in ("Q32011", "Q42011", "Q12012") for row in rows],
    )
    found = clustered(two_way_effect(panel))
    assert found.coefficient.value == pytest.approx(-0.022, abs=6e-4)
    assert found.coefficient.se == pytest.approx(0.006, abs=5e-4)


def test_customers_are_compared_by_their_changes() -> None:
    rng = np.random.default_rng(1)
    groups = [{"one": rng.normal(5, 2, n), "two": rng.normal(6, 3, n)} for n in (20, 30)]
    treatment, control = (Moments.of(**group) for group in groups)
    found = did_of_customers(treatment=treatment, control=control, before="one", after="two")
    changes = [Sample.of(group["two"] - group["one"]) for group in groups]
    other = known(welch(treatment=changes[0], control=changes[1]))
    assert known(found).value == pytest.approx(other.value)
    assert known(found).se == pytest.approx(other.se)
    assert known(found).df == pytest.approx(other.df)


def test_samples_of_different_customers_add_four_variances() -> None:
    """By hand: 4/10 + 9/20 + 1/10 + 16/40 = 1.35."""
    found = known(
        did_of_samples(
            treatment_before=Sample(10, 5.0, 4.0),
            treatment_after=Sample(20, 9.0, 9.0),
            control_before=Sample(10, 4.0, 1.0),
            control_after=Sample(40, 5.0, 16.0),
        )
    )
    assert found.value == pytest.approx(3.0)
    assert found.se == pytest.approx(math.sqrt(1.35))
    df = 1.35**2 / (0.4**2 / 9 + 0.45**2 / 19 + 0.1**2 / 9 + 0.4**2 / 39)
    assert found.df == pytest.approx(df)
    assert found.control_variance == pytest.approx(0.5)


def test_the_panels_estimate_is_the_difference_of_cell_means() -> None:
    panel = _panel(1)
    cells = [
        panel.cell(treated=treated, after=after).mean
        for treated in (True, False)
        for after in (True, False)
    ]
    fit = fitted(panel_fit(panel))
    assert known_coefficient(coefficient(fit, EFFECT)).value == pytest.approx(
        cells[0] - cells[1] - cells[2] + cells[3]
    )


def test_levels_of_units_and_periods_change_nothing_in_a_balanced_panel() -> None:
    panel = _panel(2)
    fit = fitted(panel_fit(panel))
    one = clustered(
        clustered_coefficient(fit, EFFECT, clusters=panel.units, covariance=ClusterCovariance.CR0)
    )
    other = clustered(two_way_effect(panel, covariance=ClusterCovariance.CR0))
    assert other.coefficient.value == pytest.approx(one.coefficient.value)
    assert other.coefficient.se == pytest.approx(one.coefficient.se)


def test_a_panel_with_gaps_agrees_with_indicators_of_units_and_periods() -> None:
    """Second implementation: least squares on an indicator of every unit and period."""
    panel = _panel(3, gaps=True)
    exposed = [float(t and a) for t, a in zip(panel.treated, panel.after, strict=True)]
    levels = indicators(
        {"unit": [str(one) for one in panel.units], "period": [str(one) for one in panel.periods]}
    )
    fit = fitted(least_squares(outcome=panel.values, columns={EFFECT: exposed, **levels}))
    one = clustered(
        clustered_coefficient(fit, EFFECT, clusters=panel.units, covariance=ClusterCovariance.CR1)
    )
    other = clustered(two_way_effect(panel))
    assert other.coefficient.value == pytest.approx(one.coefficient.value)
    assert other.coefficient.se == pytest.approx(one.coefficient.se)


def test_swapping_flips_the_sign_and_no_unit_matters() -> None:
    panel = _panel(4, gaps=True)
    swapped = Panel(
        values=[100 * value for value in panel.values],
        units=panel.units,
        periods=panel.periods,
        treated=[not treated for treated in panel.treated],
        after=panel.after,
    )
    one, other = clustered(two_way_effect(panel)), clustered(two_way_effect(swapped))
    assert other.coefficient.value == pytest.approx(-100 * one.coefficient.value)
    assert other.coefficient.p_value == pytest.approx(one.coefficient.p_value)


def test_what_has_no_effect_to_estimate_says_why() -> None:
    flat = Sample.of([2.0, 2.0])
    found = did_of_samples(
        treatment_before=flat, treatment_after=flat, control_before=flat, control_after=flat
    )
    assert found == Undefined("within each sample all customers have the same value")
    few = did_of_samples(
        treatment_before=Sample.of([1.0]),
        treatment_after=flat,
        control_before=flat,
        control_after=flat,
    )
    assert isinstance(few, Undefined)
    still = Change(1.0, 2.0, se=0.0)
    assert isinstance(did_of_changes(treatment=still, control=still), Undefined)
    one = Moments.of(one=[1.0], two=[2.0])
    assert isinstance(
        did_of_customers(treatment=one, control=one, before="one", after="two"), Undefined
    )


@pytest.mark.parametrize("treated", [True, False])
def test_a_panel_where_all_or_none_are_treated_says_why(treated: bool) -> None:
    panel = _panel(5)
    everyone = Panel(
        values=panel.values,
        units=panel.units,
        periods=panel.periods,
        treated=[treated] * len(panel.values),
        after=panel.after,
    )
    found = two_way_effect(everyone)
    assert found == Undefined("who was exposed when says nothing beyond unit and period")
    assert isinstance(coefficient(fitted(panel_fit(everyone)), EFFECT), Undefined)


def test_an_empty_panel_says_why() -> None:
    assert isinstance(two_way_effect(Panel([], [], [], [], [])), Undefined)
