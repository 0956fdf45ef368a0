"""Customers over HTTP: enrol them, draw their groups, and list who is in which."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict

from app.dependencies import (
    CallerDep,
    DatabaseDep,
    NowDep,
    PilotDep,
    SettingsDep,
    WritingDep,
    allow,
)
from app.enrol.forms import CustomersQuery, DrawBody
from app.enrol.kept import kept_of
from app.enrol.lists import write_assignment
from app.enrol.request import ask_to_draw, ask_to_enrol, new_seed
from app.people.rights import Right
from app.web.api import api_router, problems
from app.web.inbox import UploadDep, file_body
from app.web.jobs import ACCEPTED, answer_call, awaited
from app.web.sent import sent_file
from app.workspace import open_workspace

router = api_router("customers")
PARQUET: Final = "application/vnd.apache.parquet"
QueryDep = Annotated[CustomersQuery, Query()]


class Enrolled(BaseModel):
    """The receipt of an enrolment, or of customers who wait for their groups.

    Attributes:
        pilot: Its slug.
        batch: Of the ledger; None while they wait.
        counted: Records in the file.
        accepted: Customers enrolled, or waiting.
        left_out: Customers of groups that the plan does not name, left out on request.
        rejected: Always 0: one wrong row refuses the whole file, with status 422 and every row.
        rejects: Always empty, for the same reason.
        arms: Customers per group; empty while they wait.
        fingerprint: Of the list, over ids, groups and days.
        assigned: Whether Pilotbook drew the groups.
        seed: With which.
        strata: Within the values of which attributes.
        cluster: The attribute by which customers were assigned together; None where one by one.
        clusters: Clusters per group; empty where customers were assigned one by one.
        personal: Attributes that say who somebody is: on lists, in no analysis.
        waiting: Whether `POST .../assignment` has still to draw the groups.
        address: Of the list.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "pilot": "loyalty-letter",
                    "batch": 1,
                    "counted": 1200,
                    "accepted": 1200,
                    "left_out": 0,
                    "rejected": 0,
                    "rejects": [],
                    "arms": {"Nothing": 600, "Letter": 600},
                    "fingerprint": "3f0c7b0f" * 8,
                    "assigned": True,
                    "seed": 2026,
                    "strata": ["tier"],
                    "cluster": None,
                    "clusters": {},
                    "personal": [],
                    "waiting": False,
                    "address": "/api/v1/pilots/loyalty-letter/assignment",
                }
            ]
        }
    )

    pilot: str
    batch: int | None
    counted: int
    accepted: int
    left_out: int
    rejected: int
    rejects: list[dict[str, Any]]
    arms: dict[str, int]
    fingerprint: str | None
    assigned: bool
    seed: int | None
    strata: list[str]
    cluster: str | None
    clusters: dict[str, int]
    personal: list[str]
    waiting: bool
    address: str


class CheckModel(BaseModel):
    """One check of the groups."""

    name: str
    outcome: str
    blocking: bool
    value: float | None
    p_value: float | None
    sentence: str


class GapModel(BaseModel):
    """How far a treatment group was from the control group, in standard deviations."""

    treatment: str
    variable: str
    difference: float | None


class Balance(BaseModel):
    """Whether the groups are as large as planned, and were alike before."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "checks": [
                        {
                            "name": "balance",
                            "outcome": "passed",
                            "blocking": True,
                            "value": 0.031,
                            "p_value": 0.62,
                            "sentence": "The groups were alike before the pilot.",
                        }
                    ],
                    "gaps": [{"treatment": "Letter", "variable": "age", "difference": 0.031}],
                }
            ]
        }
    )

    checks: list[CheckModel]
    gaps: list[GapModel]


class OverlapModel(BaseModel):
    """Another pilot that runs at the same time, and how many customers are in both."""

    pilot: str
    customers: int
    arms: dict[str, int]


class Overlaps(BaseModel):
    """Pilots that run at the same time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "pilot": "win-back",
                            "customers": 41,
                            "arms": {"Nothing": 20, "Letter": 21},
                        }
                    ],
                    "next": None,
                }
            ]
        }
    )

    items: list[OverlapModel]
    next: str | None = None


class ListFormat(StrEnum):
    """How the list is written."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


MEDIA_TYPES: Final = {
    ListFormat.JSON: "application/json",
    ListFormat.CSV: "text/csv",
    ListFormat.PARQUET: PARQUET,
}


@router.post(
    "/pilots/{slug}/customers",
    status_code=HTTPStatus.CREATED,
    response_model=Enrolled,
    dependencies=[allow(Right.WRITE)],
    responses={**ACCEPTED, **problems(413, 415, 507)},
    openapi_extra=file_body("customer_id,arm,region\nC000004,Letter,North\n"),
)
def enrol_customers(
    *,
    pilot: PilotDep,
    query: QueryDep,
    upload: UploadDep,
    session: WritingDep,
    database: DatabaseDep,
    caller: CallerDep,
    now: NowDep,
) -> Response:
    """Enrol the customers of a file, all or nothing.

    Where neither a column nor the plan's seed says how groups are drawn, the customers wait.
    """
    columns = query.columns(file=upload.name, pilot=pilot)
    job = ask_to_enrol(session, pilot, upload.path, columns, name=upload.name, by=caller, now=now)
    return answer_call(awaited(session, database, job))


@router.post(
    "/pilots/{slug}/assignment",
    status_code=HTTPStatus.CREATED,
    response_model=Enrolled,
    dependencies=[allow(Right.WRITE)],
    responses=ACCEPTED,
)
def draw_groups(
    *,
    pilot: PilotDep,
    session: WritingDep,
    database: DatabaseDep,
    caller: CallerDep,
    now: NowDep,
    body: DrawBody | None = None,
) -> Response:
    """Draw the groups of the customers who wait, and enrol them."""
    asked = body or DrawBody()
    seed = new_seed() if asked.seed is None else asked.seed
    job = ask_to_draw(session, pilot, seed=seed, strata=tuple(asked.strata), by=caller, now=now)
    return answer_call(awaited(session, database, job))


@router.get(
    "/pilots/{slug}/assignment",
    dependencies=[allow(Right.SEE_CUSTOMERS)],
    response_class=Response,
    responses={
        200: {
            "description": "Who is in which group.",
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {
                        "items": [
                            {
                                "customer_id": "C000004",
                                "arm": "Letter",
                                "tier": "best",
                                "owner": None,
                                "enrolled_at": "2026-03-02",
                            }
                        ],
                        "next": None,
                    },
                },
                "text/csv": {
                    "schema": {"type": "string"},
                    "example": "customer_id,arm,tier,owner,enrolled_at\nC4,Letter,,,2026-03-02\n",
                },
                PARQUET: {"schema": {"type": "string", "format": "binary"}},
            },
        }
    },
)
def list_groups(
    pilot: PilotDep,
    settings: SettingsDep,
    database: DatabaseDep,
    arm: Annotated[str | None, Query(max_length=128, description="Only this group.")] = None,
    written_as: Annotated[ListFormat, Query(alias="format")] = ListFormat.JSON,
) -> Response:
    """Who is in which group: the whole list, or that of one group."""
    name = f"{pilot.slug}.{written_as}"
    with database.reading() as session, open_workspace(settings, session) as workspace:
        path = workspace.scratch / name
        write_assignment(workspace, pilot, arm=arm, path=path)
        shown = None if written_as is ListFormat.JSON else name
        return sent_file(path, media_type=MEDIA_TYPES[written_as], name=shown)


@router.get("/pilots/{slug}/balance", dependencies=[allow(Right.READ)])
def balance(pilot: PilotDep, settings: SettingsDep, database: DatabaseDep) -> Balance:
    """Whether the groups are as large as planned, and were alike before."""
    alike = kept_of(settings, database, pilot).alike
    return Balance.model_validate(alike, from_attributes=True)


@router.get("/pilots/{slug}/overlaps", dependencies=[allow(Right.READ)])
def overlaps(pilot: PilotDep, settings: SettingsDep, database: DatabaseDep) -> Overlaps:
    """Enrolled pilots that run at the same time, with the number of shared customers."""
    found = kept_of(settings, database, pilot).overlaps
    return Overlaps.model_validate({"items": found}, from_attributes=True)
