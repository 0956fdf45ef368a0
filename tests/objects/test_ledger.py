"""A ledger in an object store: many writers, readers beside compaction, lost connections."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from deltalake.exceptions import DeltaError

from app.settings import Settings
from app.web.probes import AT_ONCE
from app.workspace import open_ledger, read_objects
from experiments.engines.embedded import Embedded, open_embedded
from experiments.ledger.compaction import compact
from experiments.ledger.ledger import Ledger
from experiments.ledger.location import Location
from tests.behavior.ledgers import STARTS_ON, Entry, append
from tests.objects.store import lose_next_put
from tests.site import NOW

pytestmark = pytest.mark.live

WRITER = """
import sys
from decimal import Decimal
from deltalake.exceptions import CommitFailedError
from app.settings import Settings
from app.workspace import open_ledger
from experiments.ledger import ledger, writing
from tests.behavior.ledgers import STARTS_ON, Entry, append
place, app, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
vars(ledger)["APP"] = vars(writing)["APP"] = app
book = open_ledger(Settings(ledger=place))
print("ready", flush=True)
sys.stdin.readline()
for batch in range(first, last):
    while True:
        try:
            append(book, [Entry(batch, "revenue", STARTS_ON, Decimal(1), batch_no=batch)])
            break
        except CommitFailedError:
            pass
"""


@contextmanager
def opened(place: str) -> Iterator[tuple[Ledger, Embedded]]:
    """A ledger and an engine that reads it."""
    ledger = open_ledger(Settings(ledger=place))
    with open_embedded(threads=1) as engine:
        read_objects(engine, ledger)
        yield ledger, engine


def batches(ledger: Ledger, engine: Embedded) -> list[int]:
    """The batch of each row."""
    return sorted(engine.fetch(ledger.behavior(engine))["batch_no"].to_pylist())


def begun(place: str) -> None:
    """Make the ledger's first commit."""
    with opened(place) as (ledger, _):
        append(ledger, [Entry(1, "revenue", STARTS_ON, Decimal(1), batch_no=1)])


@contextmanager
def writers(place: str, *writers: tuple[str, int, int]) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that append at once: an app id, the first batch, and the one after the last."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, place, *map(str, one)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for one in writers
    ]  # fmt: skip
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    yield running
    for one in running:
        one.communicate(timeout=60)
        assert one.returncode == 0


def test_writers_of_one_app_and_of_others_append_each_batch_once(bucket: str) -> None:
    begun(bucket)
    # Two do the same under one name, as two workers would that take each other for gone.
    with writers(bucket, ("pilotbook", 2, 6), ("pilotbook", 2, 6), ("other", 100, 104)):
        pass
    with opened(bucket) as (ledger, engine):
        assert batches(ledger, engine) == [*range(1, 6), *range(100, 104)]


def test_compaction_beside_a_writer_and_readers_loses_and_doubles_nothing(bucket: str) -> None:
    begun(bucket)
    seen, compacted = [0], 0
    with opened(bucket) as (ledger, engine):
        with writers(bucket, ("pilotbook", 2, 10)) as running:
            while running[0].poll() is None:
                compacted += len([*compact(engine, ledger, now=NOW, whole=True)])
                seen.append(len(batches(ledger, engine)))
        assert batches(ledger, engine) == [*range(1, 10)]
    assert seen == sorted(seen)
    assert compacted > 0


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("of", ["part-", "_delta_log"])
def test_a_lost_connection_leaves_nothing_half_visible(
    bucket: str, store: str, of: str, when: str
) -> None:
    """Neither where the store kept what it could not acknowledge, nor where it did not."""
    begun(bucket)
    with opened(bucket) as (ledger, engine):
        for _ in range(2):
            lose_next_put(store, of=of, when=when)
            append(ledger, [Entry(2, "revenue", STARTS_ON, Decimal(1), batch_no=2)])
            assert batches(ledger, engine) == [1, 2]


def test_a_store_that_is_gone_is_said_and_nothing_is_written(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(bucket)
    with opened(bucket) as (ledger, engine):
        away = {**ledger.location.options, "aws_endpoint_url": "http://127.0.0.1:9", **AT_ONCE}
        gone = Ledger(Location.of(bucket, away))
        with pytest.raises((OSError, DeltaError)):
            append(gone, [Entry(2, "revenue", STARTS_ON, Decimal(1), batch_no=2)])
        append(ledger, [Entry(2, "revenue", STARTS_ON, Decimal(1), batch_no=2)])
        assert batches(ledger, engine) == [1, 2]
