"""Take in an uploaded file: counted, hashed, synced to disk, under a name of our own."""

import errno
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from app.refusals import NoRoom, TooLarge, WrongType
from experiments.errors import BadInput, Problem

LARGEST: Final = 8 * 1024**3  # bytes
PIECE: Final = 1024**2
RESERVE: Final = 0.05  # of the disk, kept free
KINDS: Final = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/x-ndjson": ".ndjson",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
ENDINGS: Final = re.compile(r"(?i)\.(csv|tsv|txt|ndjson|jsonl?|parquet|xlsx)(\.gz|\.zst)?$")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that arrived.

    Attributes:
        path: Where it is kept; the name there is ours.
        name: How its sender calls it.
        sha256: Of its bytes.
        size: Bytes.
    """

    path: Path
    name: str
    sha256: str
    size: int


async def receive_upload(request: Request, *, inbox: Path, name: str | None = None) -> Upload:
    """Take in the body of a request: raw, or the multipart field `file`.

    Args:
        request: The request; `Content-Type` says what a raw body is.
        inbox: Folder for uploads.
        name: How the sender calls a raw body, with an ending that says what it is.

    Raises:
        WrongType: Neither content type nor name says what it is.
        TooLarge: It is longer than can be taken in.
        NoRoom: The disk is full.
        BadInput: There is no file.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form() as form:
            file = form.get("file")
            if not isinstance(file, UploadFile) or not file.filename:
                raise BadInput("No file was sent.", [Problem("file", "choose a file")])
            return await store_upload(file, inbox=inbox)
    return await _store(request.stream(), name=_name_of(kind, name), inbox=inbox)


async def store_upload(file: UploadFile, *, inbox: Path) -> Upload:
    """Take in a file of a form (see `receive_upload`)."""

    async def pieces() -> AsyncIterator[bytes]:
        while piece := await file.read(PIECE):
            yield piece

    return await _store(pieces(), name=_refuse_unknown(file.filename or ""), inbox=inbox)


def discard_upload(upload: Upload) -> None:
    """Remove an upload that nobody needs any more."""
    shutil.rmtree(upload.path.parent, ignore_errors=True)


async def _store(pieces: AsyncIterator[bytes], *, name: str, inbox: Path) -> Upload:
    folder = inbox / uuid.uuid4().hex
    ending = ENDINGS.search(name)
    path = folder / f"upload{ending[0].lower() if ending else ''}"
    _refuse_full(inbox)
    digest, size = hashlib.sha256(), 0
    try:
        folder.mkdir(parents=True)
        with path.open("xb") as file:
            async for piece in pieces:
                size += len(piece)
                if size > LARGEST:
                    raise TooLarge(
                        f"{name} is larger than {LARGEST // 1024**3} GB; send it in parts, "
                        f"or compressed."
                    )
                digest.update(piece)
                await run_in_threadpool(file.write, piece)
            file.flush()
            await run_in_threadpool(os.fsync, file.fileno())
        _sync(folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        if error.errno == errno.ENOSPC:
            raise NoRoom(f"There is no room for {name}; nothing was taken in.") from None
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if size == 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadInput(f"{name} is empty.", [Problem("file", "has no bytes; choose another")])
    return Upload(path, name, digest.hexdigest(), size)


def _name_of(kind: str, name: str | None) -> str:
    if name:
        return _refuse_unknown(name)
    if kind not in KINDS:
        raise WrongType(
            f"A body of type {kind or 'unknown'!r} cannot be read. Send {', '.join(KINDS)}, "
            f"or say ?name=file.csv.gz."
        )
    return f"upload{KINDS[kind]}"


def _refuse_unknown(name: str) -> str:
    """The last part of a name, if its ending says what the file is."""
    last = re.split(r"[/\\]", name)[-1][-200:]
    if not ENDINGS.search(last) or not last.isprintable():
        raise WrongType(
            f"{last!r} cannot be read. Send a file that ends with .csv, .tsv, .ndjson, .json, "
            f".parquet or .xlsx, plain or with .gz or .zst."
        )
    return last


def _refuse_full(inbox: Path) -> None:
    new = [folder for folder in (inbox, *inbox.parents) if not folder.exists()]
    inbox.mkdir(parents=True, exist_ok=True)
    for folder in new:
        _sync_names(folder.parent)
    disk = shutil.disk_usage(inbox)
    if disk.free < RESERVE * disk.total:
        raise NoRoom("The disk is nearly full, so that no file is taken in; make room first.")


def _sync(folder: Path) -> None:
    """Make the names in a folder, and its own, survive a power cut."""
    for one in (folder, folder.parent):
        _sync_names(one)


def _sync_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
