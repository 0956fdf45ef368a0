"""Uploads in their folder: those that wait for a person, those that were taken in, and the rest.

Beside an upload lies `waiting.json` while somebody still has to say what its columns mean, and
`batch` once it was taken in; then it is kept for ever.
"""

import json
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool

from app.refusals import NotFound
from app.stored import from_text, to_text
from app.web.uploads import KINDS, Upload, discard_upload, receive_upload
from experiments.errors import PilotError
from experiments.intake.preview import Preview, preview

WAITING: Final = "waiting.json"
TAKEN: Final = "batch"
STALE: Final = timedelta(days=7)  # after which an upload that nobody came back for is removed
FORM: Final = r"^[0-9a-f]{32}$"
UploadId = Annotated[str, InPath(pattern=FORM)]
Choices = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An upload that waits for somebody to say what its columns mean.

    Attributes:
        path: The file.
        name: How its sender calls it.
        preview: Its first rows.
        chosen: What was chosen before; empty at first.
    """

    path: Path
    name: str
    preview: Preview
    chosen: Choices


def inbox_of(files: Path) -> Path:
    """The folder of uploads."""
    return files / "inbox"


async def upload_of_call(
    request: Request,
    name: Annotated[
        str | None,
        Query(max_length=200, description="File name of a raw body: `sales.csv.gz`."),
    ] = None,
) -> AsyncIterator[Upload]:
    """Take in the body of a call; removed again where the call comes to nothing."""
    upload = await receive_upload(
        request, inbox=inbox_of(request.app.state.settings.files), name=name
    )
    try:
        yield upload
    except BaseException:
        discard_upload(upload)
        raise


def file_body(csv: str) -> dict[str, Any]:
    """How a call describes that its body is a file; `csv` is an example of one."""
    binary = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": binary}, "required": ["file"]}
    content: dict[str, Any] = {kind: {"schema": binary} for kind in KINDS}
    content["text/csv"]["example"] = csv
    content["multipart/form-data"] = {"schema": form}
    return {"requestBody": {"required": True, "content": content}}


UploadDep = Annotated[Upload, Depends(upload_of_call, scope="function")]


def let_wait(upload: Upload, *, by: int, now: datetime) -> str:
    """Look at an upload and let it wait for its sender; the id by which it is found again.

    Raises:
        BadFile: It cannot be read; it is removed.
    """
    _remove_stale(upload.path.parent.parent, now=now)
    try:
        seen = preview(upload.path, name=upload.name)
    except BaseException:
        discard_upload(upload)
        raise
    told = {"name": upload.name, "user": by, "preview": to_text(seen), "chosen": {}}
    _write(upload.path.parent / WAITING, json.dumps(told))
    return upload.path.parent.name


async def upload_of_form(request: Request, *, by: int, now: datetime) -> str:
    """Take in the file of a form and let it wait; the id by which it is found again.

    Raises:
        PilotError: It cannot be taken in, or not be read.
    """
    upload = await receive_upload(request, inbox=inbox_of(request.app.state.settings.files))
    return await run_in_threadpool(let_wait, upload, by=by, now=now)


def waiting_upload(files: Path, upload_id: str, *, by: int) -> Waiting:
    """An upload that waits for its sender.

    Raises:
        NotFound: Nobody waits under that id, or for somebody else.
    """
    folder = inbox_of(files) / upload_id
    try:
        told = json.loads((folder / WAITING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        told = {"user": None}
    if told["user"] != by:
        raise NotFound("upload that waits for you; send the file again")
    path = next(one for one in folder.iterdir() if one.name.startswith("upload"))
    seen = from_text(Preview, told["preview"])
    return Waiting(path, told["name"], seen, told["chosen"])


def remember(waiting: Waiting, chosen: Choices) -> None:
    """Keep what was chosen, so that it is there again after a refusal."""
    path = waiting.path.parent / WAITING
    told = json.loads(path.read_text(encoding="utf-8"))
    _write(path, json.dumps({**told, "chosen": chosen}))


@contextmanager
def refused_is_removed(path: Path) -> Iterator[None]:
    """Remove an upload that is refused, unless somebody can still correct its columns."""
    try:
        yield
    except PilotError:
        if not any((path.parent / name).exists() for name in (WAITING, TAKEN)):
            shutil.rmtree(path.parent, ignore_errors=True)
        raise


def keep_taken(path: Path, *, batch: int | None = None) -> None:
    """Keep an upload for ever, as what a batch was made of, or will be."""
    _write(path.parent / TAKEN, str(batch or ""))
    (path.parent / WAITING).unlink(missing_ok=True)


def remove_repeated(path: Path) -> None:
    """Remove an upload whose bytes are kept already."""
    if not (path.parent / TAKEN).exists():
        shutil.rmtree(path.parent, ignore_errors=True)


def _remove_stale(inbox: Path, *, now: datetime) -> None:
    oldest = (now - STALE).timestamp()
    for path in inbox.glob(f"*/{WAITING}"):
        if path.stat().st_mtime < oldest:
            shutil.rmtree(path.parent, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
