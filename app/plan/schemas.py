"""What the calls of a plan take and answer, with an example each."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from app.plan.updates import LONGEST
from experiments.analyse.checks import Outcome
from experiments.plan.pilot_file import PlanFile

FINGERPRINT: Final = "5f4c1c3f8f0d2b7e9a6b3c1d5e7f90123456789abcdef0123456789abcdef012"
PLAN: Final[dict[str, Any]] = {
    "pilot": {
        "name": "Men's e-mail, spring",
        "slug": "mens-email",
        "goal": "sales",
        "hypothesis": "An e-mail with men's merchandise makes past buyers spend more.",
        "owner": "manager@example.com",
        "sponsor": "cfo@example.com",
        "starts_on": "2026-04-10",
        "ends_on": "2026-05-07",
    },
    "design": {"control": "No e-mail", "treatments": ["E-mail"]},
    "metrics": [
        {"name": "spend", "kind": "mean", "measure": "spend", "unit": "EUR", "role": "primary"}
    ],
    "value": {
        "currency": "EUR",
        "metric": "spend",
        "margin_rate": 0.45,
        "cost_per_treated": 0.1,
    },
}
TOML: Final = """\
[pilot]
name = "Men's e-mail, spring"
slug = "mens-email"
goal = "sales"
hypothesis = "An e-mail with men's merchandise makes past buyers spend more."
owner = "manager@example.com"
sponsor = "cfo@example.com"
starts_on = 2026-04-10
ends_on = 2026-05-07

[design]
control = "No e-mail"
treatments = ["E-mail"]

[[metrics]]
name = "spend"
kind = "mean"
measure = "spend"
unit = "EUR"
role = "primary"

[value]
currency = "EUR"
metric = "spend"
margin_rate = 0.45
cost_per_treated = 0.1
"""
BEGUN: Final[Any] = {
    "slug": "mens-email",
    "address": "/api/v1/pilots/mens-email",
    "page": "/pilots/mens-email/plan",
}
CHECK: Final[Any] = {
    "name": "signed",
    "outcome": "failed",
    "sentence": "The plan waits for the signature of cfo@example.com.",
}
UPDATE: Final[Any] = {
    "number": 3,
    "text": "The second mailing left a day late.",
    "by": "manager@example.com",
    "created_at": "2026-04-13T08:05:00Z",
}
POWER: Final[Any] = {
    "customers": 10000,
    "effect": 1.5,
    "break_even": 0.444,
    "power": 0.42,
    "customers_needed": 23665,
    "detectable_effect": 2.13,
    "break_even_horizon": 0.448,
    "guardrails": [{"metric": "complaint", "power": 0.61, "customers_needed": 16100}],
    "days": 28,
    "target": 0.8,
    "curve": [{"customers": 10000, "power": 0.42}, {"customers": 23665, "power": 0.8}],
    "sentences": ["The program pays from 0.44 EUR more per customer."],
}


def _shown(example: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class Begun(BaseModel):
    """A pilot that was begun; its plan is a draft."""

    model_config = _shown(BEGUN)

    slug: str
    address: str
    page: str


class Frozen(BaseModel):
    """A frozen plan."""

    model_config = _shown(
        {"fingerprint": FINGERPRINT, "retrospective": False, "sentence": "The plan is frozen."}
    )

    fingerprint: str
    retrospective: bool = Field(description="Frozen after the pilot's first day.")
    sentence: str


class SignatureRequest(BaseModel):
    """The sponsor's password, and the fingerprint of the plan that they read."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"password": "four words of mine", "fingerprint": FINGERPRINT}]
        },
    )

    password: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Signature(BaseModel):
    """The signature under a plan."""

    model_config = _shown(
        {"by": "cfo@example.com", "at": "2026-04-09T09:00:00Z", "fingerprint": FINGERPRINT}
    )

    by: str
    at: datetime
    fingerprint: str


class ReadinessCheck(BaseModel):
    """One thing that an analysis needs."""

    name: str
    outcome: Outcome
    sentence: str


class ReadinessList(BaseModel):
    """What an analysis needs, in the order of the road."""

    model_config = _shown({"checks": [CHECK]})

    checks: list[ReadinessCheck]


class Missing(BaseModel):
    """There is no number, and this is why."""

    undefined: str


class Point(BaseModel):
    """A point of the power curve."""

    customers: int
    power: float


class GuardrailPower(BaseModel):
    """Whether so many customers can show that a guardrail is kept."""

    metric: str
    power: float | Missing = Field(description="Probability, if the program changes nothing here.")
    customers_needed: int | Missing


class PowerModel(BaseModel):
    """What the pilot can show; effects per treated customer, in the metric's own unit."""

    model_config = _shown(POWER)

    customers: int = Field(description="All groups together.")
    effect: float | Missing = Field(description="Assumed true effect.")
    break_even: float | Missing
    power: float | Missing = Field(description="Probability to prove that the program pays.")
    customers_needed: int | Missing
    detectable_effect: float | Missing
    break_even_horizon: float | Missing = Field(
        description="Effect at which the net present value over the horizon is 0."
    )
    guardrails: list[GuardrailPower] = Field(description="Those whose level was said.")
    days: int | Missing
    target: float
    curve: list[Point]
    sentences: list[str]


class UpdateRequest(BaseModel):
    """A note on the pilot."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": UPDATE["text"]}]}
    )

    text: Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"^[^\x00]*\S[^\x00]*$")]


class UpdateModel(BaseModel):
    """A dated note on a pilot."""

    model_config = _shown(UPDATE)

    number: int
    text: str
    by: str
    created_at: datetime


class UpdateList(BaseModel):
    """A page of updates, the newest first."""

    model_config = _shown({"items": [UPDATE], "next": None})

    items: list[UpdateModel]
    next: str | None


def plan_body() -> dict[str, Any]:
    """The description of a request whose body is a plan, as JSON or as a pilot file."""
    content = {
        "application/json": {"schema": plan_schema(), "example": PLAN},
        "application/toml": {"schema": {"type": "string"}, "example": TOML},
    }
    return {"requestBody": {"required": True, "content": content}}


def plan_schema() -> dict[str, Any]:
    """The plan's schema in one piece."""
    schema = PlanFile.model_json_schema()
    parts = schema.pop("$defs")

    def inlined(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return inlined(parts[node["$ref"].rsplit("/", 1)[-1]])
            return {key: inlined(value) for key, value in node.items()}
        return [inlined(one) for one in node] if isinstance(node, list) else node

    found: dict[str, Any] = inlined(schema)
    # Costs may stand beside the currency as well (see `experiments.pilot.Value`).
    value = found["properties"]["value"]
    value["properties"] |= value["properties"]["pilot"]["properties"]
    return found
