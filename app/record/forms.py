"""What arrives about behavior: the query and the rows of a call, and the forms of the pages."""

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.datastructures import UploadFile

from app.refusals import TooLarge
from app.tables import MeasureKind
from app.web.uploads import Upload, store_upload
from experiments.errors import BadInput, Problem
from experiments.plan.pilot_file import BehaviorFile, read_columns

LARGEST_JSON: Final = 32 * 1024**2  # bytes; more than that is sent as a file
ROWS_NAME: Final = "rows.ndjson"
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
NO_NUL: Final = r"^[^\x00]*$"
# One line of text that neither begins nor ends with a blank.
LINE: Final = r"^[^\x00-\x1f\x7f-\x9f\s]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s])?$"
Line = Annotated[str, Field(min_length=1, max_length=128, pattern=LINE)]
Label = Annotated[str, Field(min_length=1, max_length=256, pattern=NO_NUL)]
Reason = Annotated[
    str, Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")
]
Named = Annotated[str, Field(max_length=257, pattern=r"^[^\x00]+:[^\x00]+$")]


class BehaviorQuery(BaseModel):
    """What the columns of a file of behavior mean; the keys of `[[behavior]]`.

    JSON rows have columns of their own, so that only `complete` and `strict` are for them.
    """

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, max_length=200)
    customer_id: str | None = Field(
        default=None, max_length=128, description="Column, or `#row`.", examples=["customer_id"]
    )
    occurred_at: str | None = Field(
        default=None,
        max_length=128,
        description="Column, or one day for all rows.",
        examples=["2026-04-03"],
    )
    measures: list[str] = Field(
        default=[],
        max_length=200,
        description="Wide: columns of numbers; may repeat.",
        examples=[["spend", "visits"]],
    )
    names: list[Named] = Field(
        default=[],
        max_length=200,
        description="Wide: `column:measure` records a column under a measure's name (the last "
        "colon parts them); may repeat.",
        examples=[["Revenue EUR:spend"]],
    )
    each_row: str | None = Field(
        default=None,
        max_length=128,
        description="Every row is one event of this measure, of value 1; with `measures` or alone.",
        examples=["order"],
    )
    measure: str | None = Field(
        default=None, max_length=128, description="Long: column that names the measure."
    )
    value: str | None = Field(
        default=None, max_length=128, description="Long: column with the value."
    )
    item: str | None = Field(default=None, max_length=128)
    event_id: str | None = Field(default=None, max_length=128)
    source: str | None = Field(default=None, max_length=128)
    complete: date | None = Field(
        default=None, description="Complete through that day; left out: not declared."
    )
    strict: bool = Field(default=False, description="One bad row refuses the file.")
    correct: Reason | None = Field(
        default=None,
        description="Why earlier rows are wrong: events that the ledger has with other contents "
        "are replaced instead of refused.",
    )

    def columns(self, *, file: str) -> BehaviorFile:
        """What the columns mean.

        Raises:
            BadInput: Names each key at fault.
        """
        said = self.model_dump(
            exclude={"name", "correct"}, exclude_none=True, exclude_defaults=True
        )
        if self.names:
            parted = (name.rpartition(":") for name in self.names)
            said["names"] = {column: measure for column, _, measure in parted}
        return columns_of({**said, "strict": self.strict}, file=file, complete=self.complete)


class Entry(BaseModel):
    """One thing that a customer did."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "customer_id": "C000004",
                    "measure": "revenue",
                    "value": 24.9,
                    "occurred_at": "2026-03-28",
                    "event_id": "O0001",
                }
            ]
        },
    )

    customer_id: Label | int
    measure: Label
    value: float | int | Label
    occurred_at: Label
    item: Label | None = None
    event_id: Label | None = None
    source: Label | None = None

    def cells(self, names: Sequence[str]) -> list[str | None]:
        """Its values as the text of a file; numbers as they are written in JSON."""
        values = (getattr(self, name) for name in names)
        return [one if one is None or isinstance(one, str) else json.dumps(one) for one in values]


_ENTRIES: Final = TypeAdapter(list[Entry])


class ReversalBody(BaseModel):
    """Why a batch is taken back."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "The file was that of May."}]}
    )

    reason: str = Field(min_length=1, max_length=2000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")


class MeasureBody(BaseModel):
    """A measure: what behavior is called, and in what unit it is counted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "revenue", "unit": "EUR", "kind": "money"}]},
    )

    name: Line
    unit: Line
    kind: MeasureKind


def columns_of(given: Mapping[str, Any], *, file: str, complete: date | None) -> BehaviorFile:
    """What columns mean, from keys and values in which days are text.

    Raises:
        BadInput: Names each key at fault.
    """
    said = dict(given)
    at = said.get("occurred_at")
    if isinstance(at, str) and DAY.fullmatch(at):
        said["occurred_at"] = typed_day(at, field="occurred_at")
    return read_columns(BehaviorFile, {**said, "complete": complete or False}, name=file)


async def read_rows(request: Request, query: BehaviorQuery) -> list[Entry]:
    """The JSON rows of a call.

    Raises:
        BadInput: They are no list of rows, or the query explains columns that they do not have.
        TooLarge: They are too many for one call.
    """
    explained = query.model_fields_set - {"complete", "strict", "correct"}
    if explained:
        raise BadInput(
            "JSON rows have names of their own.",
            [Problem(key, "is for files; leave it out") for key in sorted(explained)],
        )
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_JSON:
            raise TooLarge("These are too many JSON rows for one call; send them as a file.")
    return _entries(bytes(body))


async def rows_upload(entries: Sequence[Entry], *, inbox: Path) -> Upload:
    """Write JSON rows down as a file, one object a line."""
    text = _as_lines(entries)
    return await store_upload(UploadFile(BytesIO(text), filename=ROWS_NAME), inbox=inbox)


def row_columns(entries: Sequence[Entry], *, strict: bool, complete: date | None) -> BehaviorFile:
    """What the columns of JSON rows mean."""
    return _row_columns(_present(entries), strict=strict, complete=complete)


@lru_cache
def _row_columns(present: tuple[str, ...], *, strict: bool, complete: date | None) -> BehaviorFile:
    given = {**{key: key for key in present}, "strict": strict}
    return columns_of(given, file=ROWS_NAME, complete=complete)


def _present(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The keys of which some row says something."""
    return tuple(
        key
        for key in Entry.model_fields
        if any(getattr(entry, key) is not None for entry in entries)
    )


def typed_day(text: str, *, field: str) -> date | None:
    """A day; None where nothing was typed.

    Raises:
        BadInput: It is no day.
    """
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput(
            "The file was not recorded.",
            [Problem(field, f"{text[:40]!r} is no day; write it as 2026-04-03")],
        ) from None


def refuse_unfinished(complete: date | None, *, today: date) -> None:
    """Stop where a day is declared complete that is still to come.

    Raises:
        BadInput: At `complete`.
    """
    if complete is not None and complete > today:
        raise BadInput(
            "The file was not recorded.",
            [Problem("complete", f"{complete} is still to come; nothing is complete to that day")],
        )


def problems_of(
    error: ValidationError, called: Callable[[Sequence[str]], str] = ".".join
) -> list[Problem]:
    """What a model says is wrong.

    Args:
        error: As the model raised it.
        called: What people call the place of a value, given the keys that lead to it.
    """
    return [
        Problem(called([str(part) for part in one["loc"]]), one["msg"])
        for one in error.errors(include_url=False, include_input=False)
    ]


def _entries(body: bytes) -> list[Entry]:
    try:
        entries = _ENTRIES.validate_json(body)
    except ValidationError as error:
        problems = problems_of(error, lambda place: ".".join(place[:2]))
        raise BadInput("The body is no list of rows:", problems[:100]) from None
    if not entries:
        raise BadInput("The body has no rows.", [Problem("", "send at least one")])
    return entries


def _as_lines(entries: Sequence[Entry]) -> bytes:
    """An object a line.

    Rows are no file: the same ones sent again are other rows, so that each sending has a mark.
    """
    rows = [entry.model_dump() for entry in entries]
    rows[0] = {**rows[0], "#sent": uuid.uuid4().hex}
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
