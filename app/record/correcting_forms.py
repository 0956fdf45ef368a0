"""What arrives about corrections: the body of a call, kept as a file until a worker takes it in."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Self

import anyio.from_thread
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.datastructures import UploadFile

from app.dependencies import LARGEST_ID
from app.record.forms import Label, Reason
from app.web.uploads import Upload, store_upload
from experiments.errors import BadInput, Problem
from experiments.intake.column import CastColumn
from experiments.intake.day import to_days
from experiments.intake.label import to_labels
from experiments.intake.number import to_numbers
from experiments.record.correcting import Correction, Instead, Named

MOST_ROWS: Final = 1000  # of one call; more are corrected by a file
FILE_NAME: Final = "corrections.ndjson"
INSTEAD: Final = "instead."
Json = dict[str, Any]
Value = float | int | Label


class InsteadBody(BaseModel):
    """What holds in the place of a row; what is left out stays as it was."""

    model_config = ConfigDict(extra="forbid", strict=True)

    customer_id: Label | int = ""
    occurred_at: Label = ""
    value: Value = ""
    item: Label | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("says nothing; null withdraws the row")
        return self


class CorrectionBody(BaseModel):
    """A row, by its event or by its contents, and what holds instead.

    What is left out may be anything; `null` says that the row has no item, event id or source.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    batch: int = Field(default=1, ge=1, le=LARGEST_ID, description="The batch that brought it.")
    customer_id: Label | int = ""
    measure: Label = ""
    occurred_at: Label = ""
    value: Value = ""
    item: Label | None = None
    event_id: Label | None = None
    source: Label | None = None
    instead: InsteadBody | None = Field(description="null: nothing, the row is withdrawn.")

    @model_validator(mode="after")
    def _names_a_row(self) -> Self:
        if self.event_id is None and "customer_id" not in self.model_fields_set:
            raise ValueError("names no row; say its event_id, or its customer_id and contents")
        return self


class CorrectionsBody(BaseModel):
    """Rows to correct, and why; all of them or none."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "reason": "The till booked one order twice, and another on a wrong card.",
                    "rows": [
                        {"event_id": "O0001", "measure": "revenue", "instead": {"value": 12.5}},
                        {
                            "batch": 7, "customer_id": "C000004", "measure": "revenue",
                            "occurred_at": "2026-03-28", "value": 24.9, "instead": None,
                        },
                    ],
                }
            ]
        },
    )  # fmt: skip

    reason: Reason
    rows: list[CorrectionBody] = Field(min_length=1, max_length=MOST_ROWS)


@dataclass(frozen=True, slots=True)
class Asked:
    """Corrections that were asked for.

    Attributes:
        reason: Why.
        corrections: Which.
        rounded: How many new values had more than four decimals.
    """

    reason: str
    corrections: tuple[Correction, ...]
    rounded: int


def keep_corrections(body: CorrectionsBody, *, inbox: Path, zone: str) -> Upload:
    """Write corrections down as a file, synced to disk; called from a thread of a route.

    Raises:
        BadInput: A value or a day cannot be read; names each.
        NoRoom: The disk is full.
    """
    said = body.model_dump(mode="json", exclude_unset=True)
    _typed(said, zone=zone)
    file = UploadFile(BytesIO(_as_lines(said)), filename=FILE_NAME)
    return anyio.from_thread.run(partial(store_upload, file, inbox=inbox))


def read_corrections(path: Path, *, zone: str) -> Asked:
    """What `keep_corrections` wrote down."""
    return _typed(_of_lines(path.read_bytes().splitlines()), zone=zone)


def _as_lines(said: Mapping[str, Any]) -> bytes:
    """A flat object a line, each with every key, so that it is read as any file of rows is.

    The same corrections sent again are others, so that each sending has a mark.
    """
    rows = [
        {key: value for key, value in row.items() if key != "instead"}
        | {INSTEAD + key: value for key, value in (row["instead"] or {}).items()}
        for row in said["rows"]
    ]
    keys = sorted({key for row in rows for key in row})
    about = {"#reason": said["reason"], "#sent": uuid.uuid4().hex}
    lines = [
        {
            **{key: row.get(key) for key in keys},
            "#said": " ".join(row),
            "#withdrawn": "yes" if one["instead"] is None else "no",
            **about,
        }
        for row, one in zip(rows, said["rows"], strict=True)
    ]
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


def _of_lines(lines: Sequence[bytes]) -> Json:
    """What `_as_lines` wrote."""
    rows = []
    for line in map(json.loads, lines):
        said = {key: line[key] for key in line["#said"].split()}
        instead = {
            key.removeprefix(INSTEAD): value
            for key, value in said.items()
            if key.startswith(INSTEAD)
        }
        row = {key: value for key, value in said.items() if not key.startswith(INSTEAD)}
        rows.append({**row, "instead": None if line["#withdrawn"] == "yes" else instead})
        reason = line["#reason"]
    return {"reason": reason, "rows": rows}


def _typed(said: Mapping[str, Any], *, zone: str) -> Asked:
    """Corrections with numbers, days and labels as the ledger has them."""
    rows: Sequence[dict[str, Any]] = said["rows"]
    problems: list[Problem] = []
    named = _columns([_naming(row) for row in rows], "", problems, zone=zone)
    instead = _columns([row["instead"] or {} for row in rows], "instead.", problems, zone=zone)
    if problems:
        raise BadInput("Nothing was corrected:", problems)
    rounded = sum(one.pop("rounded", False) for one in instead)
    return Asked(
        said["reason"].strip(),
        tuple(
            Correction(
                Named(**{key: value for key, value in name.items() if key != "rounded"}),  # type: ignore[typeddict-item]
                Instead(**now) if row["instead"] is not None else None,  # type: ignore[typeddict-item]
            )
            for row, name, now in zip(rows, named, instead, strict=True)
        ),
        rounded,
    )


def _naming(row: Mapping[str, Any]) -> dict[str, Any]:
    said = {key: value for key, value in row.items() if key not in ("instead", "batch")}
    return said | ({"batch_no": row["batch"]} if "batch" in row else {})


def _columns(
    rows: Sequence[Mapping[str, Any]], where: str, problems: list[Problem], *, zone: str
) -> list[dict[str, Any]]:
    """Rows with typed values, column by column as intake types them."""
    typed: list[dict[str, Any]] = [dict(row) for row in rows]
    for column in sorted({key for row in rows for key in row if key != "batch_no"}):
        places = [at for at, row in enumerate(rows) if row.get(column) is not None]
        cast = _cast(column, [str(rows[at][column]) for at in places], zone=zone)
        for place, value in zip(places, cast.values.to_pylist(), strict=True):
            typed[place][column] = value
        for fault in cast.faults:
            at = places[fault.place]
            said = f"{fault.reason} ({rows[at][column]!r})"
            problems.append(Problem(f"rows.{at}.{where}{column}", said))
        if cast.rounded is not None:
            for place, is_rounded in zip(places, cast.rounded.tolist(), strict=True):
                if is_rounded:
                    typed[place]["rounded"] = True
    return typed


def _cast(column: str, texts: Sequence[str], *, zone: str) -> CastColumn:
    cells = pa.array(texts, pa.string())
    if column == "occurred_at":
        return to_days(cells, zone=zone)
    return to_numbers(cells) if column == "value" else to_labels(cells)
