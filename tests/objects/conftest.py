"""A store for all tests of the folder, and a bucket for each."""

import uuid
from collections.abc import Iterator
from importlib import import_module

import pytest

from tests.objects.store import running_store

REGION = "eu-central-1"


@pytest.fixture(scope="package")
def store() -> Iterator[str]:
    """The address of a store."""
    with running_store() as address:
        yield address


@pytest.fixture
def bucket(store: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket, whose store the environment names as everybody's does."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", store)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    name = f"books-{uuid.uuid4().hex[:12]}"
    files = import_module("s3fs").S3FileSystem(
        endpoint_url=store, client_kwargs={"region_name": REGION}
    )
    files.mkdir(name)
    return f"s3://{name}/ledger"
