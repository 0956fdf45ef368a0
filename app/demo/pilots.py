"""Run programs as pilots: who is enrolled, what is true, and what happens once arms are known.

The expected effect of being *assigned* to treatment is the share contacted in treatment less the
share contacted in control, times extra orders per contact, times margin per extra order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

import numpy as np

from app.demo.company import (
    CATEGORIES,
    ENDS_ON,
    ITEMS,
    Behavior,
    Company,
    Days,
    Floats,
    Ints,
    Tier,
    build_company,
    order_rows,
    order_values,
    single_rows,
    together,
)
from app.demo.programs import (
    BREAK_EVEN_CARD,
    LOYALTY_LETTER,
    RECIPE_BOOKLET,
    WIN_BACK,
    Program,
    Verdict,
)

# Some letters come back, and some control customers are mailed by mistake.
REACHED_TREATMENT: Final = 15 / 16
REACHED_CONTROL: Final = 1 / 32


@dataclass(frozen=True, slots=True)
class Truth:
    """What a pilot would find with endless repeats, in euros per customer assigned to treatment.

    `net_eur` is D, the margin effect less the cost. `verdict` is what to expect, and `power` how
    probable it is over seeds.
    """

    pilot: str
    margin_effect_eur: float
    margin_effect_by_tier_eur: Mapping[Tier, float]
    cost_per_treated_eur: float
    net_eur: float
    verdict: Verdict
    power: float


@dataclass(frozen=True, slots=True)
class Pilot:
    """A program in a company. `enrolled` are rows of its customers; both days are included."""

    program: Program
    starts_on: date
    ends_on: date
    enrolled: Ints
    truth: Truth


def three_pilots(company: Company) -> tuple[Pilot, Pilot, Pilot]:
    """Plan one pilot that pays, one that does not, and one that is too small to tell.

    No customer is in two of them. The last one ends 22 days before the company's last day.
    """
    return (
        plan_pilot(LOYALTY_LETTER, company),
        plan_pilot(WIN_BACK, company),
        plan_pilot(RECIPE_BOOKLET, company),
    )


def null_company(
    *,
    rng: np.random.Generator,
    customers: int = 4_000,
    days: int = 60,
    ends_on: date = ENDS_ON,
) -> tuple[Company, Pilot]:
    """Draw a company with one pilot whose true D is exactly 0: the effect equals the cost.

    Args:
        rng: Where all chance comes from.
        customers: How many customers; all are enrolled.
        days: Length of the window, which ends with the company, and of the pre-period before it.
        ends_on: Last day of the window.

    Returns:
        The company, without the program's effects, and its pilot.
    """
    program = replace(BREAK_EVEN_CARD, starts_before_end=days - 1, days=days)
    company = build_company(
        rng=rng,
        customers=customers,
        ends_on=ends_on,
        days=2 * days,
        tiers_on=ends_on - timedelta(days=days - 1),
        tiers=tuple(program.response.orders),
    )
    return company, plan_pilot(program, company)


def plan_pilot(program: Program, company: Company) -> Pilot:
    """Enrol everybody eligible, and work out what is true of exactly these customers."""
    people, response = company.customers, program.response
    starts_on = company.ends_on - timedelta(days=program.starts_before_end)
    tiers = tuple(response.orders)
    enrolled = np.flatnonzero(
        np.isin(people.tier, tiers)
        & np.isin(people.region, program.regions)
        & (people.joined < np.datetime64(starts_on, "D"))
    )
    per_order = (REACHED_TREATMENT - REACHED_CONTROL) * response.margin_per_order_eur
    by_tier = {tier: per_order * orders for tier, orders in response.orders.items()}
    counts = [int(np.sum(people.tier[enrolled] == tier)) for tier in tiers]
    effect = float(np.average(list(by_tier.values()), weights=counts))
    truth = Truth(
        pilot=program.slug,
        margin_effect_eur=effect,
        margin_effect_by_tier_eur=by_tier,
        cost_per_treated_eur=program.cost_per_treated_eur,
        net_eur=effect - program.cost_per_treated_eur,
        verdict=program.verdict,
        power=program.power,
    )
    ends_on = starts_on + timedelta(days=program.days - 1)
    return Pilot(program, starts_on, ends_on, enrolled, truth)


def enrolled_ids(pilot: Pilot, company: Company) -> list[str]:
    """List the ids of the enrolled customers, in the order of the company's customers."""
    return [str(customer) for customer in company.customers.ids[pilot.enrolled]]


def draw_arms(pilot: Pilot, company: Company, *, rng: np.random.Generator) -> dict[str, str]:
    """Assign every enrolled customer, half to each arm (control gets the odd one).

    Returns:
        The arm's name by customer id.
    """
    customers = len(pilot.enrolled)
    treated = rng.permutation(customers) < customers // 2
    arms = np.where(treated, pilot.program.treatment, pilot.program.control)
    return dict(zip(enrolled_ids(pilot, company), arms.tolist(), strict=True))


def program_effects(
    pilot: Pilot, company: Company, assignment: Mapping[str, str], *, rng: np.random.Generator
) -> Behavior:
    """Draw what the program adds to the company's behavior once the arms are known.

    Args:
        pilot: The pilot.
        company: Its company.
        assignment: The arm's name by customer id, for every enrolled customer.
        rng: Where all chance comes from.

    Returns:
        The contacts of those who were really mailed, crossovers included, and what these customers
        did because of it: inside the window, not before the contact, in order of days.

    Raises:
        KeyError: An enrolled customer has no arm.
    """
    program, response = pilot.program, pilot.program.response
    arms = [assignment[customer] for customer in enrolled_ids(pilot, company)]
    treated = np.array(arms) == program.treatment
    share = np.where(treated, REACHED_TREATMENT, REACHED_CONTROL)
    reached = pilot.enrolled[rng.random(len(arms)) < share]
    window_closes = np.datetime64(pilot.ends_on, "D") + 1
    mailed = np.datetime64(pilot.starts_on, "D") + rng.integers(0, 3, len(reached))

    def events(per_contact: float | Floats) -> tuple[Ints, Days, Ints]:
        place = np.repeat(np.arange(len(reached)), rng.poisson(per_contact, len(reached)))
        left = (window_closes - mailed[place]).astype(np.int64)
        day = mailed[place] + (rng.random(len(place)) * left).astype(np.int64)
        return reached[place], day, 1 + rng.integers(0, len(CATEGORIES), len(place))

    first = program.first_event
    mail = np.full(len(reached), ITEMS.index(program.slug))
    contacts = single_rows("contact", customer=reached, day=mailed, item=mail, event=first)

    tier = company.customers.tier[reached]
    who, day, item = events(np.array([response.orders[Tier(name)] for name in tier.tolist()]))
    value = order_values(np.full(len(who), response.basket_eur), rng=rng)
    orders = order_rows(
        customer=who,
        day=day,
        revenue=_to_cents(value, rng=rng),
        margin=_to_cents(response.margin_share * value - response.discount_eur, rng=rng),
        item=item,
        event=first + np.arange(len(who)),
    )
    who, day, item = events(response.visits)
    visits = single_rows("visit", customer=who, day=day, item=item, event=first)
    who, day, _ = events(response.complaints)
    nothing = np.zeros_like(who)
    complaints = single_rows("complaint", customer=who, day=day, item=nothing, event=first)
    return together([contacts, orders, visits, complaints])


def _to_cents(eur: Floats, *, rng: np.random.Generator) -> Ints:
    """Round to cents up or down by chance, so that the expectation stays exactly what it was."""
    return np.floor(100 * eur + rng.random(len(eur))).astype(np.int64)
