"""Calls about what changed, and whether it can be trusted."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fastapi import Body, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from pyarrow import csv

from app.analyse import kept, lifting
from app.analyse import request as asking
from app.analyse.forms import (
    AnalysisList,
    AnalysisModel,
    AnalysisRequest,
    AnalysisWithResult,
    Contamination,
    Format,
    LiftRequest,
    RowsFormat,
)
from app.analyse.looks import looks_of
from app.dependencies import (
    CallerDep,
    DatabaseDep,
    NowDep,
    Number,
    PilotDep,
    ReadingDep,
    SettingsDep,
    Slug,
    TodayDep,
    WritingDep,
    allow,
)
from app.people.guessing import slow_guessing
from app.people.rights import Right
from app.refusals import NotFound
from app.web.api import Cursor, Limit, api_router, problems, read_cursor, write_cursor
from app.web.etags import etag, headers_of, not_modified
from app.web.jobs import ACCEPTED, answer_call, awaited
from app.web.route import note
from experiments.report.flat import as_csv, as_table, chosen
from experiments.report.plain import as_json
from experiments.terms import CheckName
from experiments.words import FORMULA_STARTS, cell_text

PARQUET: Final = "application/vnd.apache.parquet"
CSV: Final = "text/csv"
FORMULA: Final = "^[" + "".join(f"\\x{ord(start):02x}" for start in FORMULA_STARTS) + "]"

EXAMPLE: Final = {
    "pilot": "win-back",
    "registration": "prospective",
    "verdict": {"treatment": "Voucher", "status": "proved", "sentence": "“Voucher” pays."},
}

router = api_router("results")
Name = Annotated[str | None, Query(max_length=200)]


def _file(kind: str, **schema: Any) -> dict[str, Any]:
    return {kind: {"schema": {"type": "string", **schema}}}


@router.post(
    "/pilots/{slug}/analyses",
    status_code=201,
    response_model=AnalysisModel,
    dependencies=[allow(Right.ANALYSE)],
    responses={
        200: {"model": AnalysisModel, "description": "The same inputs: the same analysis"},
        **ACCEPTED,
    },
)
def run_analysis(
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    database: DatabaseDep,
    now: NowDep,
    today: TodayDep,
    asked: Annotated[AnalysisRequest | None, Body()] = None,
) -> Response:
    """Analyse a pilot as of a day; the same inputs are the same analysis, and no new look."""
    asked = asked or AnalysisRequest()
    job = asking.ask(
        session,
        pilot,
        by=caller,
        as_of=asked.as_of,
        amendment=asked.amendment,
        now=now,
        today=today,
    )
    return answer_call(awaited(session, database, job))


@router.post(
    "/pilots/{slug}/lifts",
    status_code=201,
    response_model=AnalysisModel,
    dependencies=[allow(Right.LIFT)],
    responses={**ACCEPTED, **problems(429)},
)
def lift_veil(
    request: Request,
    *,
    pilot: PilotDep,
    caller: CallerDep,
    session: WritingDep,
    database: DatabaseDep,
    now: NowDep,
    today: TodayDep,
    asked: LiftRequest,
) -> Response:
    """Look at outcomes before the plan allows: an analysis that proves nothing and is a look.

    Signed with the password. From then on every report of the pilot says who looked, when and why.
    """
    with slow_guessing(request, caller):
        job = lifting.lift_veil(
            session,
            pilot,
            by=caller,
            reason=asked.reason,
            password=asked.password,
            as_of=asked.as_of,
            now=now,
            today=today,
        )
    note(request, reason=asked.reason)
    return answer_call(awaited(session, database, job))


@router.get(
    "/pilots/{slug}/analyses", response_model=AnalysisList, dependencies=[allow(Right.READ)]
)
def list_analyses(
    *,
    pilot: PilotDep,
    session: ReadingDep,
    settings: SettingsDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """A pilot's analyses, the newest first; each that is not veiled is a look."""
    below = read_cursor(cursor) if cursor is not None else None
    found = kept.heads(session, pilot, below=below, limit=limit + 1)
    looks = looks_of(session, pilot, timezone=settings.timezone)
    shown = found[:limit]
    return {
        "items": [
            kept.summary_of(head, slug=pilot.slug, look=looks.get(head.number)) for head in shown
        ],
        "next": write_cursor(shown[-1].number) if len(found) > limit else None,
    }


@router.get(
    "/pilots/{slug}/analyses/{number}",
    response_model=AnalysisWithResult,
    dependencies=[allow(Right.READ)],
)
def read_analysis(
    pilot: PilotDep, number: Number, session: ReadingDep, settings: SettingsDep
) -> dict[str, Any]:
    """One analysis with its result; they are kept for ever."""
    row = kept.numbered(session, pilot, number)
    look = looks_of(session, pilot, timezone=settings.timezone).get(row.number)
    return {
        **kept.summary_of(row, slug=pilot.slug, look=look),
        "result": kept.result_kept(row),
    }


@router.get(
    "/pilots/{slug}/results",
    response_class=Response,
    dependencies=[allow(Right.READ)],
    responses={
        200: {
            "description": "The newest result",
            "content": {
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {"pilot": "win-back"},
                },
                **_file(CSV),
                **_file(PARQUET, format="binary"),
            },
        },
        304: {"description": "The caller has the newest result (`If-None-Match`)"},
    },
)
def read_results(
    *,
    request: Request,
    slug: Slug,
    session: ReadingDep,
    format: Format = Format.JSON,
    metric: Name = None,
    segment: Name = None,
) -> Response:
    """The newest result: `result.json`, or its estimates as a table."""
    head = kept.newest_head(session, slug)
    tag = etag(head.number, head.inputs_sha256[:16], format)
    if not head.veiled:
        known = not_modified(request, tag)
        if known is not None:
            return known
    text = kept.result_text(session, head)
    kept.refuse_veiled(head.status, text)
    headers = {**headers_of(tag)}
    if format is Format.JSON and metric is None and segment is None:
        return Response(text, media_type="application/json", headers=headers)
    found = chosen(json.loads(text), metric=metric, segment=segment)
    if format is Format.JSON:
        return Response(as_json(found), media_type="application/json", headers=headers)
    headers |= _named(f"{slug}-{head.number}-results.{format}")
    if format is Format.CSV:
        return Response(as_csv(found), media_type=CSV, headers=headers)
    out = io.BytesIO()
    pq.write_table(as_table(found), out)
    return Response(out.getvalue(), media_type=PARQUET, headers=headers)


@router.get(
    "/pilots/{slug}/accounts",
    response_class=Response,
    dependencies=[allow(Right.PULL_ACCOUNTS)],
    responses={
        200: {
            "description": "A row per enrolled customer, by customer number",
            "content": {**_file(PARQUET, format="binary"), **_file(CSV)},
        }
    },
)
def read_accounts(
    *,
    slug: Slug,
    session: ReadingDep,
    settings: SettingsDep,
    format: RowsFormat = RowsFormat.PARQUET,
) -> Response:
    """What the newest analysis read of each customer: arm, attributes, outcomes unless veiled."""
    head = kept.newest_head(session, slug)
    path = kept.accounts_path(settings.files, slug, head.number)
    if not path.is_file():
        raise NotFound(f"file of the accounts of analysis {head.number}")
    headers = _named(f"{slug}-{head.number}-accounts.{format}")
    if format is RowsFormat.PARQUET:
        return FileResponse(path, media_type=PARQUET, headers=headers)
    return StreamingResponse(_csv(path), media_type=CSV, headers=headers)


@router.get(
    "/pilots/{slug}/contamination",
    response_model=Contamination,
    dependencies=[allow(Right.READ)],
)
def read_contamination(pilot: PilotDep, session: ReadingDep) -> dict[str, Any]:
    """Whether customers of one group got what was meant for the other, by the newest analysis."""
    row = kept.numbered(session, pilot, None)
    checks = kept.result_kept(row)["checks"]
    return {
        "analysis": row.number,
        "as_of": row.as_of,
        "items": [check for check in checks if check["name"] == CheckName.CONTAMINATION],
    }


def _named(name: str) -> dict[str, str]:
    """Names are slugs and numbers, so that nothing needs escaping."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _csv(path: Path) -> Iterator[bytes]:
    """The accounts in pieces; a text that a spreadsheet would run gets an apostrophe."""
    with pq.ParquetFile(path) as file:
        is_first = True
        for batch in file.iter_batches():
            table = pa.Table.from_batches([batch])
            for at, column in enumerate(table.schema):
                if pa.types.is_string(column.type):
                    table = table.set_column(at, column.name, _harmless(table.column(at)))
            table = table.rename_columns([cell_text(name) for name in table.column_names])
            out = io.BytesIO()
            csv.write_csv(table, out, csv.WriteOptions(include_header=is_first))
            is_first = False
            yield out.getvalue()


def _harmless(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    runs = pc.match_substring_regex(texts, FORMULA)
    return pc.if_else(runs, pc.binary_join_element_wise("'", texts, ""), texts)
