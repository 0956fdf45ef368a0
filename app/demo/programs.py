"""Programs with a known response: what is sent, to whom, and what a contact really causes.

The mechanism is additive. A customer who was really contacted places extra orders at a rate that
depends on nothing but the tier, and an extra order's margin has a known mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from app.demo.company import GERMAN_REGIONS, POLISH_REGIONS, Tier

Verdict = Literal["proved", "disproved", "not_proved"]


@dataclass(frozen=True, slots=True)
class Response:
    """What one contact causes inside the window, on average.

    `orders` are extra orders by tier; `visits` and `complaints` extra events of each kind. An extra
    order is worth `basket_eur` and leaves `margin_share` of it less `discount_eur`.
    """

    orders: Mapping[Tier, float]
    basket_eur: float
    margin_share: float
    discount_eur: float = 0.0
    visits: float = 0.0
    complaints: float = 0.0

    @property
    def margin_per_order_eur(self) -> float:
        """Expected margin of one extra order, in euros."""
        return self.margin_share * self.basket_eur - self.discount_eur


@dataclass(frozen=True, slots=True)
class Program:
    """A pilot as its manager would describe it, with the response that nobody would know.

    Enrolled are the customers of the response's tiers in `regions` who joined before the start,
    `starts_before_end` days before the company's last day; the window lasts `days`. `arms_in_file`
    tells whether the customers file brings the arms; otherwise Pilotbook draws them. `verdict` is
    what to expect and `power` how probable that is, before arms and behavior are drawn.
    `first_event` keeps the numbers of a program's events apart from those of everybody else.
    """

    slug: str
    name: str
    goal: str
    hypothesis: str
    treatment: str
    regions: tuple[str, ...]
    starts_before_end: int
    days: int
    response: Response
    cost_per_treated_eur: float
    verdict: Verdict
    power: float
    arms_in_file: bool
    first_event: int
    control: str = "Nothing"
    owner: str = "manager@example.com"
    sponsor: str = "cfo@example.com"
    complaint_tolerance: float = 0.02
    seed: int = 2026


# Counted over 200 seeds of the default company, at the estimate adjusted for the pre-period, the
# expected verdict came 200, 200 and 187 times; the first two are written as their lower bound.
LOYALTY_LETTER: Final = Program(
    slug="loyalty-letter",
    name="Spring loyalty letter",
    goal="sales",
    hypothesis="A personal letter with a small gift makes good customers buy more often.",
    treatment="Letter",
    regions=POLISH_REGIONS,
    starts_before_end=243,
    days=90,
    response=Response(
        orders={Tier.BEST: 0.80, Tier.NEXT_BEST: 0.60, Tier.MARGINAL: 0.25},
        basket_eur=40.0,
        margin_share=0.40,
        visits=0.30,
        complaints=0.002,
    ),
    cost_per_treated_eur=1.00,
    verdict="proved",
    power=0.99,
    arms_in_file=True,
    first_event=10_000_000,
)

WIN_BACK: Final = Program(
    slug="win-back",
    name="Win-back discount",
    goal="retention",
    hypothesis="A voucher of ten euros brings former customers back.",
    treatment="Voucher",
    regions=POLISH_REGIONS + GERMAN_REGIONS,
    starts_before_end=152,
    days=60,
    response=Response(
        orders={Tier.FORMER: 0.08},
        basket_eur=45.0,
        margin_share=0.32,
        discount_eur=10.0,
        visits=0.10,
        complaints=0.004,
    ),
    cost_per_treated_eur=2.20,
    verdict="disproved",
    power=0.99,
    arms_in_file=False,
    first_event=20_000_000,
)

RECIPE_BOOKLET: Final = Program(
    slug="recipe-booklet",
    name="Recipe booklet",
    goal="cross-sell",
    hypothesis="A booklet of recipes makes customers try what they have not bought before.",
    treatment="Booklet",
    regions=GERMAN_REGIONS,
    starts_before_end=96,
    days=75,
    response=Response(
        orders=dict.fromkeys(
            (Tier.BEST, Tier.NEXT_BEST, Tier.MARGINAL, Tier.UNPROFITABLE, Tier.PROSPECT), 0.10
        ),
        basket_eur=36.0,
        margin_share=0.36,
        visits=0.20,
    ),
    cost_per_treated_eur=0.80,
    verdict="not_proved",
    power=0.93,
    arms_in_file=True,
    first_event=30_000_000,
)

# Every number here is a short binary fraction, so its cost equals its effect to the last bit.
BREAK_EVEN_CARD: Final = Program(
    slug="break-even-card",
    name="Break-even card",
    goal="sales",
    hypothesis="A card that earns back what it costs, and not a cent more.",
    treatment="Card",
    regions=POLISH_REGIONS + GERMAN_REGIONS,
    starts_before_end=59,
    days=60,
    response=Response(
        orders=dict.fromkeys((Tier.BEST, Tier.NEXT_BEST, Tier.MARGINAL, Tier.UNPROFITABLE), 0.25),
        basket_eur=40.0,
        margin_share=0.25,
        discount_eur=2.0,
    ),
    cost_per_treated_eur=1.8125,
    verdict="not_proved",
    power=0.95,
    arms_in_file=True,
    first_event=40_000_000,
)
