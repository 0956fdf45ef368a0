"""What the pilots' truths say is what happens, on average."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.demo.company import MEASURES, Behavior, Company, Floats, build_company
from app.demo.pilots import (
    Pilot,
    draw_arms,
    enrolled_ids,
    null_company,
    program_effects,
    three_pilots,
)

REPEATS = 30


@pytest.fixture(scope="module")
def company() -> Company:
    return build_company(rng=np.random.default_rng(1))


def per_enrolled(pilot: Pilot, company: Company, behavior: Behavior, measure: str) -> Floats:
    mine = (
        (behavior.measure == MEASURES.index(measure))
        & (behavior.day >= np.datetime64(pilot.starts_on))
        & (behavior.day <= np.datetime64(pilot.ends_on))
    )
    sums = np.zeros(len(company.customers))
    np.add.at(sums, behavior.customer[mine], behavior.hundredths[mine] / 100)
    return sums[pilot.enrolled]


def treated_rows(pilot: Pilot, company: Company, arms: dict[str, str]) -> NDArray[np.bool_]:
    ids = enrolled_ids(pilot, company)
    return np.array([arms[customer] == pilot.program.treatment for customer in ids])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_added_margin_agrees_with_the_truth(company: Company, place: int) -> None:
    """Only the added rows are compared, so the noise of the baseline stays out."""
    pilot = three_pilots(company)[place]
    effects = []
    for rng in np.random.default_rng(10 + place).spawn(REPEATS):
        arms = draw_arms(pilot, company, rng=rng)
        added = program_effects(pilot, company, arms, rng=rng)
        margin = per_enrolled(pilot, company, added, "margin")
        treated = treated_rows(pilot, company, arms)
        effects.append(margin[treated].mean() - margin[~treated].mean())
    error = np.std(effects, ddof=1) / np.sqrt(REPEATS)
    assert abs(np.mean(effects) - pilot.truth.margin_effect_eur) < 3.5 * error
    assert error < 0.05


def test_the_null_company_has_a_true_d_of_exactly_zero_and_shows_it_on_average() -> None:
    nets = []
    for rng in np.random.default_rng(20).spawn(60):
        company, pilot = null_company(rng=rng, customers=2_000)
        arms = draw_arms(pilot, company, rng=rng)
        added = program_effects(pilot, company, arms, rng=rng)
        margin = per_enrolled(pilot, company, company.behavior, "margin")
        margin += per_enrolled(pilot, company, added, "margin")
        treated = treated_rows(pilot, company, arms)
        effect = margin[treated].mean() - margin[~treated].mean()
        nets.append(effect - pilot.truth.cost_per_treated_eur)
        assert pilot.truth.net_eur == 0.0
        assert len(pilot.enrolled) == 2_000
    error = np.std(nets, ddof=1) / np.sqrt(len(nets))
    assert abs(np.mean(nets)) < 3.5 * error


def test_the_null_company_has_a_pre_period_as_long_as_its_window() -> None:
    company, pilot = null_company(rng=np.random.default_rng(1), days=45)
    assert (pilot.ends_on - pilot.starts_on).days + 1 == 45
    assert (pilot.starts_on - company.starts_on).days == 45
    assert pilot.ends_on == company.ends_on


def test_one_pilot_pays_one_does_not_and_one_is_too_small_to_tell(company: Company) -> None:
    letter, discount, booklet = (pilot.truth for pilot in three_pilots(company))
    assert (letter.verdict, discount.verdict, booklet.verdict) == (
        "proved",
        "disproved",
        "not_proved",
    )
    assert letter.net_eur > 5
    assert discount.net_eur < -1.5
    assert 0 < booklet.net_eur < 0.5


def test_no_customer_is_in_two_pilots_and_all_joined_before(company: Company) -> None:
    pilots = three_pilots(company)
    together = np.concatenate([pilot.enrolled for pilot in pilots])
    assert len(np.unique(together)) == len(together)
    for pilot in pilots:
        assert 4_000 <= len(pilot.enrolled) <= 12_000
        assert company.customers.joined[pilot.enrolled].max() < np.datetime64(pilot.starts_on)
        assert (company.ends_on - pilot.ends_on).days >= 22


def test_a_few_customers_cross_over_in_both_directions(company: Company) -> None:
    pilot = three_pilots(company)[0]
    arms = draw_arms(pilot, company, rng=np.random.default_rng(1))
    added = program_effects(pilot, company, arms, rng=np.random.default_rng(2))
    contacted = per_enrolled(pilot, company, added, "contact") > 0
    treated = treated_rows(pilot, company, arms)
    assert contacted[treated].mean() == pytest.approx(15 / 16, abs=0.02)
    assert contacted[~treated].mean() == pytest.approx(1 / 32, abs=0.02)


def test_a_program_adds_rows_only_inside_its_window_and_only_for_the_contacted(
    company: Company,
) -> None:
    for pilot in three_pilots(company):
        arms = draw_arms(pilot, company, rng=np.random.default_rng(1))
        added = program_effects(pilot, company, arms, rng=np.random.default_rng(2))
        assert added.day.min() >= np.datetime64(pilot.starts_on)
        assert added.day.max() <= np.datetime64(pilot.ends_on)
        contacts = added.measure == MEASURES.index("contact")
        assert set(added.customer.tolist()) == set(added.customer[contacts].tolist())


def test_a_customer_without_an_arm_is_refused(company: Company) -> None:
    pilot = three_pilots(company)[1]
    arms = draw_arms(pilot, company, rng=np.random.default_rng(1))
    missing = enrolled_ids(pilot, company)[7]
    del arms[missing]
    with pytest.raises(KeyError, match=missing):
        program_effects(pilot, company, arms, rng=np.random.default_rng(2))
