"""What calls of this stage get."""

from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict

EXAMPLE: Any = {
    "analysis": 1,
    "as_of": "2026-07-31",
    "verdicts": [
        {
            "treatment": "Voucher",
            "status": "proved",
            "basis": "pilot",
            "contrast": {"value": 1.4, "low": 0.6, "high": 2.2},
            "net": {"value": 1236.2, "low": 529.8, "high": 1942.6},
            "roi": {"value": 0.64, "low": 0.27, "high": 1.0},
            "break_even": 2.2,
            "cost": 2.2,
            "customers": 883,
        }
    ],
    "items": [
        {
            "title": "What each treated customer brought and cost in the pilot",
            "steps": [
                {
                    "label": "Incremental margin",
                    "amount": 3.6,
                    "text": "3.60 EUR",
                    "is_total": False,
                }
            ],
            "lines": [
                {"label": "D per customer", "text": "+1.40 EUR (+0.60 to +2.20)", "tone": "plain"}
            ],
            "decides": True,
        }
    ],
}


class Step(BaseModel):
    """A bar of the waterfall, per treated customer."""

    label: str
    amount: float
    text: str
    is_total: bool


class Line(BaseModel):
    """A figure in words, with its interval."""

    label: str
    text: str
    tone: str


class Money(BaseModel):
    """What one treatment is worth on one basis."""

    title: str
    steps: list[Step]
    lines: list[Line]
    decides: bool


class Worth(BaseModel):
    """What a program is worth: verdicts in numbers, and each basis from margin to net."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    analysis: int
    as_of: date
    verdicts: list[dict[str, Any]]
    items: list[Money]
