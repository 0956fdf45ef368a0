"""What a call for a plan's power may say of customers, beside what the form has."""

import re
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from app.plan.known import Known
from app.plan.outlook import Assumed
from experiments.terms import MOST

AMOUNT: Final = 1e12
_GUARDRAIL: Final = r"^.+?:-?\d{1,12}(\.\d{1,12})?(:\d{1,12}(\.\d{1,12})?)?$"

Number = Annotated[float | None, Field(ge=-AMOUNT, le=AMOUNT, allow_inf_nan=False)]
Positive = Annotated[float | None, Field(ge=0, le=AMOUNT, allow_inf_nan=False)]
Rate = Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False)]
Guardrail = Annotated[str, Field(pattern=_GUARDRAIL, max_length=200)]


class PowerQuery(BaseModel):
    """The numbers that a call gives; what is left out is as the form has it."""

    effect: Number = None
    customers: int | None = Field(None, ge=1, le=MOST, description="All groups together.")
    mean: Number = None
    sd: Positive = None
    rate: Rate = None
    contacts: Positive = None
    correlation: float | None = Field(
        None, gt=-1, lt=1, description="With the same customer's value in the pre-period."
    )
    explained: float | None = Field(
        None, ge=0, lt=1, description="Share of the remaining variance that strata explain."
    )
    denominator: Positive = Field(None, description="Of a ratio: its mean per customer.")
    denominator_sd: Positive = None
    denominator_correlation: float | None = Field(
        None, ge=-1, le=1, description="With the numerator of the same customer."
    )
    response_rate: Rate = Field(None, description="Share of customers with a last score.")
    cluster_size: float | None = Field(None, ge=1, le=AMOUNT, allow_inf_nan=False)
    icc: Rate = Field(None, description="Intraclass correlation; 0.05 where left out.")
    cluster_variation: float | None = Field(
        None, ge=0, le=1000, description="Standard deviation of cluster sizes over their mean."
    )
    effective_share: Rate = Field(
        None, description="What weighting leaves of the control group of supplied lists."
    )
    guardrail: list[Guardrail] = Field(
        [],
        max_length=100,
        description="Name, level now and, but for a share, standard deviation: `complaint:0.02`.",
    )

    def added_to(self, typed: Assumed) -> Assumed:
        """What was typed, with what was asked."""
        said: dict[str, Any] = self.model_dump(exclude={"guardrail"})
        besides = {key: said.pop(key) for key in Known.__slots__ if key in said}
        levels = dict(typed.known.guardrails) | dict(_guardrail(text) for text in self.guardrail)
        given = {key: value for key, value in besides.items() if value is not None}
        known = replace(typed.known, **given, guardrails=tuple(levels.items()))
        return typed.but(**said, known=known)


def _guardrail(text: str) -> tuple[str, tuple[float, float | None]]:
    number = r"(-?[\d.]+)"
    found = re.fullmatch(rf"(.+?):{number}(?::{number})?", text)
    assert found is not None  # noqa: S101 - the pattern was checked at the door
    name, level, spread = found.groups()
    return name, (float(level), None if spread is None else float(spread))
