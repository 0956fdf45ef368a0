"""A company whose people chose who gets the program: those who had bought most."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.analyse.analysis import Analysis
from experiments.engines.engine import Engine
from experiments.pilot import Plan
from tests.company import Row, analysis_by_engine, behavior_of, enrolment_of
from tests.evidence import CONTROL, TREATMENT, plan_of

Floats = npt.NDArray[np.float64]
START = date(2026, 3, 1)
LENGTH = 31  # the days of March, and of each period before it


def chosen_plan(**sections: Any) -> Plan:
    """A plan whose groups people chose."""
    design = {"kind": "supplied", **sections.pop("design", {})}
    return plan_of(design=design, **sections)


def drawn(
    seed: int,
    *,
    effect: float = 0.0,
    treated: int = 200,
    controls: int = 500,
    periods: int = 4,
    drift: float = 0.0,
    pull: float = 1.0,
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Who is treated, and the spending of every customer, periods before first, the window last.

    Args:
        seed: Of everything.
        effect: What the program adds.
        treated: Customers who get it.
        controls: Customers who do not.
        periods: How many lie before the window.
        drift: How much the treated gain from each period to the next, program or not.
        pull: How much the choice follows what customers had bought, up to the last period but one.
    """
    rng = np.random.default_rng(seed)
    many = treated + controls
    level = rng.gamma(4.0, 5.0, many)
    spend = level[:, None] + rng.normal(0, 4, (many, periods + 1))
    earlier = spend[:, : max(1, periods - 1)].mean(axis=1)
    liking = pull * (earlier - earlier.mean()) / earlier.std() + rng.logistic(0, 1, many)
    got = np.zeros(many, dtype=bool)
    got[np.argsort(-liking)[:treated]] = True
    spend[got] += drift * np.arange(periods + 1)
    spend[got, -1] += effect
    return got, spend.round(2)


def rows_of(spend: Floats, *, measure: str = "spend") -> list[Row]:
    """One row per customer and period, in the middle of the period."""
    periods = spend.shape[1] - 1
    return [
        (
            customer,
            measure,
            START + timedelta(days=15 + (at - periods) * LENGTH),
            float(value),
        )
        for customer, values in enumerate(spend)
        for at, value in enumerate(values)
    ]


def analysed_by(
    engine: Engine,
    plan: Plan,
    got: npt.NDArray[np.bool_],
    rows: list[Row],
    *,
    attributes: dict[str, list[str | None]] | None = None,
    arm: Callable[[int, bool], str] | None = None,
) -> Analysis:
    """Analyse on the day after the pilot."""
    named = arm or (lambda _, treated: TREATMENT if treated else CONTROL)
    return analysis_by_engine(
        engine,
        plan,
        behavior=behavior_of(rows, item=plan.pilot.slug),
        enrolment=enrolment_of([named(at, bool(one)) for at, one in enumerate(got)], attributes),
    )
