"""What calls and pages of this stage send and get."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from app.steps import CHOICES
from experiments.terms import Choice

FINGERPRINT_FORM: Final = r"^[0-9a-f]{64}$"
SHOWN: Final = "9f2c4a6b8d0e1f3a5b7c9d0e2f4a6b8c0d1e3f5a7b9c0d2e4f6a8b0c1d3e5f7a"
LABELS: Final = {"choice": "Decision", "reason": "Reason", "password": "Your password"}
EXPLAINED: Final = {
    Choice.ROLL_OUT: "Everybody whom the program is for gets it; a holdback group stays without.",
    Choice.ROLL_OUT_TO_SOME: "Only some get it; the reason says who.",
    Choice.EXTEND: "It stays a test: longer, with more customers, or planned again.",
    Choice.STOP: "Nobody gets it any more.",
}
OPTIONS: Final = tuple(
    (choice.value, CHOICES[choice].capitalize(), EXPLAINED[choice]) for choice in Choice
)
DECISION: Any = {
    "analysis": 1,
    "choice": "roll_out",
    "recommended": "roll_out",
    "reason": "",
    "decided_by": "cfo@example.com",
    "decided_at": "2026-08-03T09:00:00+00:00",
    "needs_second": False,
    "seconded_by": None,
    "seconded_at": None,
    "counts": True,
    "fingerprint": SHOWN,
}
QUESTION: Any = {
    "analysis": 1,
    "status": "proved",
    "fingerprint": SHOWN,
    "recommendation": {
        "choice": "roll_out",
        "sentence": "Roll it out: it pays, and the plan came before the outcome.",
        "gate_open": True,
    },
    "decision": DECISION,
}

Password = Annotated[str, Field(min_length=1, max_length=256)]
Fingerprint = Annotated[str, Field(pattern=FINGERPRINT_FORM)]


class DecisionRequest(BaseModel):
    """A decision, signed: `fingerprint` is that of the analysis that was read."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "choice": "roll_out",
                    "reason": "",
                    "password": "four words of mine",
                    "fingerprint": SHOWN,
                }
            ]
        },
    )

    choice: Choice
    reason: Annotated[
        str,
        Field(max_length=2000, description="Needed against the recommendation: a sentence."),
    ] = ""
    password: Password
    fingerprint: Fingerprint


class SecondRequest(BaseModel):
    """A second signature: `fingerprint` is that of the decision."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"password": "four words of mine", "fingerprint": SHOWN}]},
    )

    password: Password
    fingerprint: Fingerprint


class RecommendationModel(BaseModel):
    """What the rule of the plan leads to; no choice while outcomes are veiled."""

    choice: Choice | None
    sentence: str
    gate_open: bool


class DecisionModel(BaseModel):
    """What was decided, by whom; `fingerprint` is what a second executive signs."""

    analysis: int
    choice: Choice
    recommended: Choice
    reason: str
    decided_by: str
    decided_at: str
    needs_second: bool
    seconded_by: str | None
    seconded_at: str | None
    counts: bool
    fingerprint: str


class QuestionModel(BaseModel):
    """The newest analysis, what it recommends, and the newest decision."""

    model_config = ConfigDict(json_schema_extra={"examples": [QUESTION]})

    analysis: int
    status: str
    fingerprint: str
    recommendation: RecommendationModel
    decision: DecisionModel | None
