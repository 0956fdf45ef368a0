"""Uploads that wait for a person, and what becomes of their files."""

import asyncio
import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.datastructures import UploadFile

from app.refusals import NotFound
from app.web.inbox import (
    inbox_of,
    keep_taken,
    let_wait,
    refused_is_removed,
    remember,
    remove_repeated,
    waiting_upload,
)
from app.web.uploads import Upload, store_upload
from experiments.errors import BadFile

NOW = datetime.now(UTC)  # files carry the machine's time


def uploaded(files: Path, text: str = "id,spend\na,1\n") -> Upload:
    file = UploadFile(io.BytesIO(text.encode()), filename="sales.csv")
    return asyncio.run(store_upload(file, inbox=inbox_of(files)))


def test_an_upload_is_found_by_its_sender_with_what_was_chosen(tmp_path: Path) -> None:
    upload = uploaded(tmp_path)
    found = waiting_upload(tmp_path, let_wait(upload, by=1, now=NOW), by=1)
    assert (found.path, found.name) == (upload.path, "sales.csv")
    assert found.preview.rows == (("a", "1"),)
    remember(found, {"meaning-1": "customer_id"})
    again = waiting_upload(tmp_path, upload.path.parent.name, by=1)
    assert again.chosen == {"meaning-1": "customer_id"}
    with pytest.raises(NotFound):
        waiting_upload(tmp_path, upload.path.parent.name, by=2)


def test_a_file_that_cannot_be_read_does_not_stay(tmp_path: Path) -> None:
    upload = uploaded(tmp_path, "id\n")
    with pytest.raises(BadFile):
        let_wait(upload, by=1, now=NOW)
    assert not upload.path.exists()


def test_an_upload_that_nobody_came_back_for_is_removed(tmp_path: Path) -> None:
    forgotten, taken = uploaded(tmp_path), uploaded(tmp_path)
    for upload in (forgotten, taken):
        let_wait(upload, by=1, now=NOW)
        old = (NOW - timedelta(days=8)).timestamp()
        os.utime(upload.path.parent / "waiting.json", (old, old))
    keep_taken(taken.path, batch=7)
    let_wait(uploaded(tmp_path), by=1, now=NOW)
    assert not forgotten.path.exists()
    assert taken.path.exists()


def test_a_refused_upload_stays_while_a_page_can_correct_it(tmp_path: Path) -> None:
    sent, waiting = uploaded(tmp_path), uploaded(tmp_path)
    let_wait(waiting, by=1, now=NOW)
    for upload in (sent, waiting):
        with pytest.raises(BadFile), refused_is_removed(upload.path):
            raise BadFile("No.")
    assert not sent.path.exists()
    assert waiting.path.exists()


def test_a_repeated_upload_is_removed_unless_it_is_the_one_that_is_kept(tmp_path: Path) -> None:
    kept, again = uploaded(tmp_path), uploaded(tmp_path)
    keep_taken(kept.path, batch=7)
    for upload in (kept, again):
        remove_repeated(upload.path)
    assert kept.path.exists()
    assert not again.path.exists()
