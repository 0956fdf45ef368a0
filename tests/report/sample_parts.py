"""The charts and the money of the believable reports."""

import math
from datetime import date, timedelta
from typing import Final

from experiments.report.report import (
    Effect,
    EffectsChart,
    Line,
    Money,
    Point,
    Step,
    TimeChart,
    Tone,
)

_WEEK: Final = timedelta(days=7)
_START: Final = date(2026, 3, 21)


def effects() -> EffectsChart:
    return EffectsChart(
        title="Mailed customers spent 0.77 USD more; the e-mail pays from 0.22 USD",
        rows=(
            Effect(
                label="Spend in two weeks",
                value=1.179,
                low=0.75,
                high=1.61,
                text="0.77 USD more (0.49 to 1.05)",
                relative_text="+118 % (+75 % to +161 %)",
                headline=True,
                tone=Tone.GOOD,
                break_even=0.34,
            ),
            Effect(
                label="Conversion",
                value=1.19,
                low=0.83,
                high=1.62,
                text="0.68 points more (0.50 to 0.86)",
                relative_text="+119 % (+83 % to +162 %)",
                headline=False,
                tone=Tone.GOOD,
                break_even=None,
            ),
            Effect(
                label="Visits to the shop",
                value=0.72,
                low=0.66,
                high=0.79,
                text="7.7 points more (7.0 to 8.3)",
                relative_text="+72 % (+66 % to +79 %)",
                headline=False,
                tone=Tone.GOOD,
                break_even=None,
            ),
            Effect(
                label="Unsubscribed (guardrail)",
                value=0.12,
                low=-0.21,
                high=0.45,
                text="0.02 points more (0.03 fewer to 0.06 more)",
                relative_text="+12 % (−21 % to +45 %)",
                headline=False,
                tone=Tone.PLAIN,
                break_even=None,
            ),
            Effect(
                label="Returned goods (guardrail)",
                value=0.31,
                low=0.05,
                high=0.57,
                text="0.05 points more (0.01 to 0.09)",
                relative_text="+31 % (+5 % to +57 %)",
                headline=False,
                tone=Tone.BAD,
                break_even=None,
            ),
        ),
        left_out=(),
    )


def over_time(treatments: tuple[str, ...]) -> TimeChart:
    points = []
    for period in range(12):
        first = _START + (period - 8) * _WEEK
        season = 0.62 + 0.08 * math.sin(period / 1.7)
        for place, arm in enumerate(("held out", *treatments)):
            lift = 0.385 * (0.6 if place == 2 else 1.0) if place and period >= 8 else 0.0
            mean = season + lift + 0.012 * math.cos(3 * period + place)
            points.append(
                Point(
                    arm=arm,
                    starts_on=first,
                    ends_on=first + _WEEK - timedelta(days=1),
                    mean=mean,
                    low=mean - 0.09,
                    high=mean + 0.09,
                    text=f"{mean:.2f} ({mean - 0.09:.2f} to {mean + 0.09:.2f})",
                )
            )
    return TimeChart(
        title="Groups spent alike for eight weeks before; mailed customers spent more after",
        unit="USD per customer and week",
        control="held out",
        treatments=treatments,
        starts_on=_START,
        points=tuple(points),
    )


def money(title: str, *, decides: bool) -> Money:
    setup = -0.005 if decides else -0.025
    net = 0.345 - 0.1 + setup
    return Money(
        title=title,
        steps=(
            Step("Spend because of the program", 0.77, "+0.77 USD", is_total=True),
            Step("Cost of goods", -0.425, "−0.425 USD", is_total=False),
            Step("Margin because of the program", 0.345, "0.345 USD", is_total=True),
            Step("Sending", -0.1, "−0.100 USD", is_total=False),
            Step("Set-up, shared", setup, f"−{-setup:.3f} USD", is_total=False),
            Step("Net", net, f"{net:.3f} USD", is_total=True),
        ),
        lines=(
            Line("Net of the pilot", "5,200 USD (2,500 to 8,000)", Tone.GOOD),
            Line("Return on investment", "245 % (117 % to 373 %)", Tone.GOOD),
            Line("Break-even", "pays from 0.22 USD more spend per customer"),
            Line("Would have been bought anyway", "13,900 USD of 30,300 USD (46 %)"),
        ),
        decides=decides,
    )
