"""A believable company: who its customers are, and what they do when no program touches them.

Every customer has an own pace: a gamma rate around the tier's mean, a season over the year, and a
day of lapse. What one order is worth is a mixture of two lognormals, so spend per customer is
skewed and heavy-tailed while all its moments stay finite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Days = NDArray[np.datetime64]
Texts = NDArray[np.str_]

ENDS_ON: Final = date(2026, 10, 31)
POLISH_REGIONS: Final = ("Łódź", "Kraków", "Gdańsk", "Wrocław", "Poznań")
GERMAN_REGIONS: Final = ("Köln", "Düsseldorf", "München", "Nürnberg")
CHANNELS: Final = ("shop", "online", "phone")
AGE_BANDS: Final = ("18-29", "30-44", "45-59", "60+")
MEASURES: Final = ("order", "revenue", "margin", "visit", "complaint", "contact")
CATEGORIES: Final = ("coffee", "tea", "kitchen", "garden", "gifts")
CAMPAIGNS: Final = ("catalogue", "loyalty-letter", "win-back", "recipe-booklet", "break-even-card")
ITEMS: Final = (None, *CATEGORIES, *CAMPAIGNS)

# A twenty-fifth of the orders is four times as large; the division keeps the mean where it was.
_LARGE_SHARE, _LARGE_FACTOR, _SPREAD = 0.04, 4.0, 0.5
_EVENNESS = 2.5  # shape of the gamma paces; 1 would be exponential
_DAYS_PER_MONTH = 365.25 / 12
_AFTER_LAPSE = 0.12  # a lapsed customer still comes by now and then


class Tier(StrEnum):
    """What a customer is worth to the company, as known before the first pilot."""

    BEST = "best"
    NEXT_BEST = "next best"
    MARGINAL = "marginal"
    UNPROFITABLE = "unprofitable"
    PROSPECT = "prospect"
    FORMER = "former"


@dataclass(frozen=True, slots=True)
class Habit:
    """What a tier does on average: events per month, euros per order, margin as a share of it."""

    share: float
    orders: float
    basket_eur: float
    margin_share: float
    visits: float
    complaints: float


HABITS: Final = {
    Tier.BEST: Habit(0.10, 1.50, 48.0, 0.42, 2.20, 0.006),
    Tier.NEXT_BEST: Habit(0.20, 0.85, 42.0, 0.38, 1.30, 0.006),
    Tier.MARGINAL: Habit(0.28, 0.40, 34.0, 0.30, 0.70, 0.006),
    Tier.UNPROFITABLE: Habit(0.08, 0.60, 30.0, -0.12, 0.90, 0.060),
    Tier.PROSPECT: Habit(0.12, 0.015, 28.0, 0.30, 0.35, 0.002),
    Tier.FORMER: Habit(0.22, 0.50, 36.0, 0.32, 0.80, 0.020),
}


@dataclass(frozen=True, slots=True)
class Customers:
    """One row per customer, all of it known before any pilot; every array has shape (customers,).

    `joined` and `lapsed` are days; the lapse is the company's future and is never written out.
    """

    ids: Texts
    tier: Texts
    region: Texts
    channel: Texts
    joined: Days
    newsletter: NDArray[np.bool_]
    age_band: Texts
    lapsed: Days

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Behavior:
    """Ledger rows by column, shape (rows,).

    `customer` is a row of `Customers`; `measure` and `item` are places in `MEASURES` and `ITEMS`;
    `hundredths` is the value times 100, so that money is exact; `event` numbers what happened, and
    the rows of one order share theirs.
    """

    customer: Ints
    measure: Ints
    day: Days
    hundredths: Ints
    item: Ints
    event: Ints

    def __len__(self) -> int:
        return len(self.customer)


@dataclass(frozen=True, slots=True)
class Company:
    """The customers and their undisturbed behavior from `starts_on` to `ends_on`, both included."""

    customers: Customers
    behavior: Behavior
    starts_on: date
    ends_on: date


def build_company(
    *,
    rng: np.random.Generator,
    customers: int = 20_000,
    ends_on: date = ENDS_ON,
    days: int = 730,
    tiers_on: date | None = None,
    tiers: Sequence[Tier] = tuple(Tier),
) -> Company:
    """Draw a company.

    Args:
        rng: Where all chance comes from.
        customers: How many customers.
        ends_on: Last day with behavior.
        days: Length of the behavior, 24 months unless told otherwise.
        tiers_on: The day on which tiers were read; former customers lapsed before it, everybody
            else after. 243 days before the end unless told otherwise.
        tiers: The tiers that exist, in the proportions of `HABITS`.

    Returns:
        The customers, and everything they did of their own accord.
    """
    starts_on = ends_on - timedelta(days=days - 1)
    tiers_on = tiers_on or ends_on - timedelta(days=243)
    people = _draw_customers(
        customers, starts_on=starts_on, ends_on=ends_on, tiers_on=tiers_on, tiers=tiers, rng=rng
    )
    behavior = _draw_behavior(people, starts_on=starts_on, days=days, rng=rng)
    return Company(people, behavior, starts_on, ends_on)


def order_values(basket_eur: Floats, *, rng: np.random.Generator) -> Floats:
    """Draw what each order is worth in euros; its expectation is exactly `basket_eur`."""
    orders = len(basket_eur)
    large = np.where(rng.random(orders) < _LARGE_SHARE, _LARGE_FACTOR, 1.0)
    wobble = rng.lognormal(-(_SPREAD**2) / 2, _SPREAD, orders)
    return basket_eur * wobble * large / (1 + _LARGE_SHARE * (_LARGE_FACTOR - 1))


def order_rows(
    *, customer: Ints, day: Days, revenue: Ints, margin: Ints, item: Ints, event: Ints
) -> Behavior:
    """Write each order as three rows: the order itself, its revenue and its margin (in cents)."""
    one = np.full(len(customer), 100)
    measure = np.repeat([MEASURES.index(name) for name in ("order", "revenue", "margin")], len(one))
    values = np.concatenate([one, revenue, margin])
    return Behavior(
        np.tile(customer, 3), measure, np.tile(day, 3), values, np.tile(item, 3), np.tile(event, 3)
    )


def single_rows(measure: str, *, customer: Ints, day: Days, item: Ints, event: int) -> Behavior:
    """Write events that count as 1 each, numbered from `event` on."""
    rows = len(customer)
    return Behavior(
        customer,
        np.full(rows, MEASURES.index(measure)),
        day,
        np.full(rows, 100),
        item,
        event + np.arange(rows),
    )


def together(parts: Sequence[Behavior]) -> Behavior:
    """Put behavior from several places into one, in the order in which it happened."""
    day = np.concatenate([part.day for part in parts])
    order = np.argsort(day, kind="stable")
    return Behavior(
        np.concatenate([part.customer for part in parts])[order],
        np.concatenate([part.measure for part in parts])[order],
        day[order],
        np.concatenate([part.hundredths for part in parts])[order],
        np.concatenate([part.item for part in parts])[order],
        np.concatenate([part.event for part in parts])[order],
    )


def _draw_customers(
    customers: int,
    *,
    starts_on: date,
    ends_on: date,
    tiers_on: date,
    tiers: Sequence[Tier],
    rng: np.random.Generator,
) -> Customers:
    shares = np.array([HABITS[tier].share for tier in tiers])
    tier = rng.choice([str(name) for name in tiers], customers, p=shares / shares.sum())
    prospect, former = tier == Tier.PROSPECT, tier == Tier.FORMER

    start, end = np.datetime64(starts_on, "D"), np.datetime64(ends_on, "D")
    read = np.datetime64(tiers_on, "D")
    # Most customers are older than the ledger; a fifth joined while it was kept, and prospects
    # keep joining to the last day.
    recent = (rng.random(customers) < 0.2) & ~former
    until = np.where(prospect, end, read)
    spell = np.maximum((until - start).astype(np.int64), 1)
    young = start + (rng.random(customers) * spell).astype(np.int64)
    old = start - rng.integers(1, 3_000, customers)
    joined = np.where(recent, young, old)

    gone = start + (rng.random(customers) * max(int((read - start).astype(int)) - 30, 1)).astype(
        np.int64
    )
    later = np.maximum(read, joined) + 1 + rng.exponential(1_500.0, customers).astype(np.int64)
    return Customers(
        ids=np.array([f"C{number:06d}" for number in range(1, customers + 1)]),
        tier=tier,
        region=rng.choice(
            POLISH_REGIONS + GERMAN_REGIONS,
            customers,
            p=[0.16, 0.14, 0.10, 0.10, 0.10, 0.12, 0.10, 0.10, 0.08],
        ),
        channel=rng.choice(CHANNELS, customers, p=[0.45, 0.45, 0.10]),
        joined=joined,
        newsletter=rng.random(customers) < 0.4,
        age_band=rng.choice(AGE_BANDS, customers, p=[0.18, 0.30, 0.30, 0.22]),
        lapsed=np.where(former, gone, later),
    )


def _draw_behavior(
    people: Customers, *, starts_on: date, days: int, rng: np.random.Generator
) -> Behavior:
    start = np.datetime64(starts_on, "D")
    season = _season(starts_on, days)
    first = np.clip((people.joined - start).astype(np.int64), 0, days)
    lapse = np.clip((people.lapsed - start).astype(np.int64), first, days)
    pace = rng.gamma(_EVENNESS, 1 / _EVENNESS, len(people)) / _DAYS_PER_MONTH

    def habit(name: str) -> Floats:
        values = np.zeros(len(people))
        for tier, habits in HABITS.items():
            values[people.tier == tier] = getattr(habits, name)
        return values

    def events(monthly: Floats) -> tuple[Ints, Days]:
        return _events(
            monthly * pace, first=first, lapse=lapse, season=season, start=start, rng=rng
        )

    who, day = events(habit("orders"))
    basket = habit("basket_eur") * np.exp(rng.normal(-0.045, 0.3, len(people)))
    revenue = np.rint(100 * order_values(basket[who], rng=rng))
    kept = habit("margin_share")[who] + rng.uniform(-0.08, 0.08, len(who))
    orders = order_rows(
        customer=who,
        day=day,
        revenue=revenue.astype(np.int64),
        margin=np.rint(revenue * kept).astype(np.int64),
        item=1 + rng.integers(0, len(CATEGORIES), len(who)),
        event=1 + np.arange(len(who)),
    )
    who, day = events(habit("visits"))
    seen = 1 + rng.integers(0, len(CATEGORIES), len(who))
    visits = single_rows("visit", customer=who, day=day, item=seen, event=1)
    who, day = events(habit("complaints"))
    complaints = single_rows("complaint", customer=who, day=day, item=np.zeros_like(who), event=1)
    return together([orders, visits, complaints, _catalogue(first, start, days, rng=rng)])


def _season(starts_on: date, days: int) -> Floats:
    """Add up the season from day to day, shape (days + 1,); an average day of a year weighs 1."""
    calendar = np.datetime64(starts_on, "D") + np.arange(days)
    of_year = (calendar - calendar.astype("datetime64[Y]")).astype(np.float64)
    wave = 1 + 0.2 * np.cos(2 * np.pi * (of_year - 350) / 365.25)
    weekday = np.array([0.9, 0.9, 0.95, 1.0, 1.15, 1.3, 0.8])  # Monday first
    weight = wave * weekday[(calendar.astype(np.int64) + 3) % 7]
    return np.concatenate([[0.0], np.cumsum(weight)])


def _events(
    per_day: Floats,
    *,
    first: Ints,
    lapse: Ints,
    season: Floats,
    start: np.datetime64,
    rng: np.random.Generator,
) -> tuple[Ints, Days]:
    """Draw a Poisson process per customer that follows the season and fades at the lapse."""
    active = season[lapse] - season[first]
    faded = _AFTER_LAPSE * (season[-1] - season[lapse])
    who = np.repeat(np.arange(len(per_day)), rng.poisson(per_day * (active + faded)))
    at = rng.random(len(who)) * (active + faded)[who]
    beyond = np.maximum(at - active[who], 0) / _AFTER_LAPSE
    clock = season[first][who] + np.minimum(at, active[who]) + beyond
    day = np.clip(np.searchsorted(season, clock, side="right") - 1, 0, len(season) - 2)
    return who, start + day


def _catalogue(
    first: Ints, start: np.datetime64, days: int, *, rng: np.random.Generator
) -> Behavior:
    """Mail the catalogue to an eighth of the customers: pressure from outside the pilots."""
    sent = [days - before for before in (425, 60) if before < days]
    chosen = [np.flatnonzero((rng.random(len(first)) < 0.125) & (first < day)) for day in sent]
    who = np.concatenate(chosen) if chosen else np.empty(0, dtype=np.int64)
    day = start + np.repeat(sent, [len(part) for part in chosen]).astype(np.int64)
    item = np.full(len(who), ITEMS.index("catalogue"))
    return single_rows("contact", customer=who, day=day, item=item, event=1)
