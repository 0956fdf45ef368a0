"""What calls of this stage send and get."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.analyse.lifting import LONGEST_REASON
from app.analyse.request import LONGEST_AMENDMENT

ANALYSIS: Any = {
    "number": 1,
    "status": "proved",
    "as_of": "2026-07-31",
    "ledger_through": 12,
    "created_at": "2026-07-31T08:00:00+00:00",
    "inputs_sha256": "5a0f6d0c1f8f4c7a1d9c0b2e3f4a5b6c7d8e9f00112233445566778899aabbcc",
    "address": "/api/v1/pilots/win-back/analyses/1",
    "page": "/pilots/win-back/analyse",
    "look": {
        "asked_by": "analyst@example.com",
        "number": 2,
        "planned": 3,
        "boundary": 2.5,
        "information": 0.67,
        "lifted": None,
    },
}
CHECK: Any = {
    "name": "contamination",
    "outcome": "informs",
    "blocking": False,
    "value": 0.01,
    "p_value": None,
    "sentence": "9 of 883 control customers were contacted and 12 of 883 treatment customers were "
    "not.",
}


class Format(StrEnum):
    """How results are written."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


class RowsFormat(StrEnum):
    """How rows are written."""

    PARQUET = "parquet"
    CSV = "csv"


class AnalysisRequest(BaseModel):
    """What is asked for; an empty body asks for an analysis as of today."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"as_of": "2026-07-31", "amendment": "The second week was lost to a strike."}
            ]
        },
    )

    as_of: Annotated[
        date | None,
        Field(description="The day as of which outcomes are read; today where left out."),
    ] = None
    amendment: Annotated[
        str,
        Field(max_length=LONGEST_AMENDMENT, description="What differs from the plan, and why."),
    ] = ""


class LiftRequest(BaseModel):
    """The veil lifted, signed with the password of an admin."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "reason": "Customers complain, and we have to know whether it does harm.",
                    "password": "four words for signing",
                }
            ]
        },
    )

    reason: Annotated[
        str,
        Field(
            max_length=LONGEST_REASON,
            description="Why it cannot wait; printed on every report of the pilot from then on.",
        ),
    ]
    password: Annotated[str, Field(min_length=1, max_length=256)]
    as_of: Annotated[
        date | None,
        Field(description="The day as of which outcomes are read; today where left out."),
    ] = None


class LiftedModel(BaseModel):
    """Who lifted the veil, when and why."""

    by: str
    on: date
    reason: str


class LookModel(BaseModel):
    """A look at outcomes: which of the planned ones, how wide its intervals are, who asked."""

    asked_by: str | None
    number: int | None
    planned: int | None
    boundary: float | None = Field(description="Standard errors to each side.")
    information: float | None = Field(description="Share of the information that was in.")
    lifted: LiftedModel | None


class AnalysisModel(BaseModel):
    """An analysis; it is kept for ever and never changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [ANALYSIS]})

    number: int
    status: str
    as_of: date
    ledger_through: int
    created_at: str
    inputs_sha256: str
    address: str
    page: str
    look: LookModel | None = Field(default=None, description="Null of a veiled analysis.")


class AnalysisWithResult(AnalysisModel):
    """An analysis with its result, as `result.json` has it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**ANALYSIS, "result": {}}]})

    result: dict[str, Any]


class AnalysisList(BaseModel):
    """Analyses, the newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [ANALYSIS], "next": None}]})

    items: list[AnalysisModel]
    next: str | None


class Contamination(BaseModel):
    """Whether customers of one group got what was meant for the other."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"analysis": 1, "as_of": "2026-07-31", "items": [CHECK]}]}
    )

    analysis: int
    as_of: date
    items: list[dict[str, Any]]
