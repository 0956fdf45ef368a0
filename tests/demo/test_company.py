"""The demonstration company is repeatable and believable."""

import numpy as np
import pytest

from app.demo.company import (
    ENDS_ON,
    MEASURES,
    Company,
    Floats,
    Tier,
    build_company,
    order_values,
)


@pytest.fixture(scope="module")
def company() -> Company:
    return build_company(rng=np.random.default_rng(1), customers=6_000)


def total(company: Company, measure: str) -> Floats:
    behavior = company.behavior
    mine = behavior.measure == MEASURES.index(measure)
    sums = np.zeros(len(company.customers))
    np.add.at(sums, behavior.customer[mine], behavior.hundredths[mine] / 100)
    return sums


def test_the_same_seed_draws_the_same_company_and_another_does_not(company: Company) -> None:
    again = build_company(rng=np.random.default_rng(1), customers=6_000)
    other = build_company(rng=np.random.default_rng(2), customers=6_000)
    assert np.array_equal(again.behavior.hundredths, company.behavior.hundredths)
    assert np.array_equal(again.customers.joined, company.customers.joined)
    assert not np.array_equal(other.customers.joined, company.customers.joined)


def test_every_customer_id_is_text_with_leading_zeros_and_unique(company: Company) -> None:
    ids = company.customers.ids.tolist()
    assert ids[122] == "C000123"
    assert all(isinstance(customer, str) for customer in ids)
    assert len(set(ids)) == len(company.customers) == 6_000


def test_behavior_lasts_24_months_in_order_and_nobody_acts_before_joining(
    company: Company,
) -> None:
    behavior, people = company.behavior, company.customers
    assert behavior.day.min() == np.datetime64(company.starts_on)
    assert behavior.day.max() == np.datetime64(ENDS_ON)
    assert (ENDS_ON - company.starts_on).days + 1 == 730
    assert np.all(np.diff(behavior.day).astype(np.int64) >= 0)
    assert np.all(behavior.day >= people.joined[behavior.customer])


def test_december_is_busier_than_june(company: Company) -> None:
    behavior = company.behavior
    ordered = behavior.day[behavior.measure == MEASURES.index("order")]
    months = ordered.astype("datetime64[M]")
    winter = np.sum(months == np.datetime64("2025-12"))
    summer = np.sum(months == np.datetime64("2025-06"))
    assert winter > 1.25 * summer


def test_better_tiers_earn_more_and_unprofitable_customers_lose_and_complain(
    company: Company,
) -> None:
    margin, complaints = total(company, "margin"), total(company, "complaint")

    def mean(values: Floats, tier: Tier) -> float:
        return float(values[company.customers.tier == tier].mean())

    earned = [mean(margin, tier) for tier in (Tier.BEST, Tier.NEXT_BEST, Tier.MARGINAL)]
    assert earned == sorted(earned, reverse=True)
    assert mean(margin, Tier.UNPROFITABLE) < 0 < mean(margin, Tier.MARGINAL)
    assert mean(complaints, Tier.UNPROFITABLE) > 4 * mean(complaints, Tier.BEST)


def test_customers_lapse_and_former_ones_are_nearly_silent_at_the_end(company: Company) -> None:
    behavior, former = company.behavior, company.customers.tier == Tier.FORMER
    mine = (behavior.measure == MEASURES.index("order")) & former[behavior.customer]
    days = behavior.day[mine]
    first = np.sum(days < np.datetime64(company.starts_on) + 90)
    last = np.sum(days > np.datetime64(company.ends_on) - 90)
    assert last < 0.3 * first


def test_spend_per_customer_is_skewed(company: Company) -> None:
    spend = total(company, "revenue")
    assert np.mean(spend) > 1.5 * np.median(spend)


def test_the_value_of_an_order_has_the_mean_that_was_asked_for() -> None:
    """Standard error 0.05: the spread of one order is near 35 EUR."""
    values = order_values(np.full(500_000, 40.0), rng=np.random.default_rng(3))
    assert values.mean() == pytest.approx(40.0, abs=0.2)


def test_an_order_is_worth_one_and_money_comes_with_it(company: Company) -> None:
    behavior = company.behavior
    rows = {name: int(np.sum(behavior.measure == code)) for code, name in enumerate(MEASURES)}
    assert rows["order"] == rows["revenue"] == rows["margin"] > 50_000
    ones = np.isin(behavior.measure, [MEASURES.index(m) for m in ("order", "visit", "complaint")])
    assert set(behavior.hundredths[ones].tolist()) == {100}
