"""Small posts recorded together come out as if they were recorded one after another."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from experiments.engines.embedded import Embedded, open_embedded
from experiments.errors import BadFile
from experiments.ledger.ledger import Ledger
from experiments.ledger.log import entry_path
from experiments.plan.pilot_file import BehaviorFile
from experiments.record.held import Held, _Runs
from experiments.record.recording import Receipt, record
from experiments.record.staging import stage_behavior
from experiments.record.together import COLUMNS, Fit, Post, examine_posts, record_posts
from tests.record.books import NOW

NAMES = {name: name for name in ("customer_id", "measure", "value", "occurred_at", "item")}
MEANING = {**NAMES, "event_id": "event_id", "source": "source", "file": "rows.ndjson"}
Row = dict[str, str | None]


@pytest.fixture(scope="module")
def engine() -> Iterator[Embedded]:
    with open_embedded() as opened:
        yield opened


@contextmanager
def ledger_in_a_folder() -> Iterator[tuple[Path, Ledger]]:
    with TemporaryDirectory() as name:
        yield Path(name), Ledger(Path(name) / "ledger")


def row(customer: str = "a", value: str = "5", **others: str | None) -> Row:
    empty = dict.fromkeys(COLUMNS)
    said = {"customer_id": customer, "value": value, "measure": "revenue"}
    return {**empty, **said, "occurred_at": "2026-03-01", **others}


def post(*rows: Row, strict: bool = False) -> Post:
    return Post("rows.ndjson", [[one[name] for name in COLUMNS] for one in rows], strict=strict)


def together(
    engine: Embedded, ledger: Ledger, posts: Sequence[Post], *, held: Held, first: int
) -> list[Receipt | BadFile]:
    """Record posts; the batches of those that fit begin at `first`."""
    found = examine_posts(engine, ledger, posts, held=held, zone="UTC")
    fits = [one for one in found if isinstance(one, Fit)]
    receipts = iter(())  # type: Iterator[Receipt]
    if fits:
        receipts = iter(record_posts(
            engine, ledger, fits, held=held, batch_nos=range(first, first + len(fits)),
            recorded_at=NOW, enrolled=lambda _: set(),
        ))  # fmt: skip
    return [next(receipts) if isinstance(one, Fit) else one for one in found]


def one_by_one(
    engine: Embedded, folder: Path, ledger: Ledger, posts: Sequence[Post]
) -> list[Receipt | BadFile]:
    """Record posts as files of their own."""
    results: list[Receipt | BadFile] = []
    batch_no = 1
    for each in posts:
        path = folder / "rows.ndjson"
        rows = [dict(zip(COLUMNS, one, strict=True)) for one in each.rows]
        path.write_text("".join(json.dumps(one) + "\n" for one in rows))
        columns = BehaviorFile.model_validate({**MEANING, "strict": each.strict})
        staged = stage_behavior(path, columns, zone="UTC", into=folder / "staged.parquet")
        try:
            results.append(record(
                engine, ledger, staged, name=path.name, batch_no=batch_no, recorded_at=NOW,
                strict=each.strict,
            ))  # fmt: skip
            batch_no += 1
        except BadFile as error:
            results.append(error)
    return results


def rows_of(engine: Embedded, ledger: Ledger) -> list[str]:
    """All that the ledger holds, customers by their ids; numbers depend on the order of posts."""
    behavior, directory = ledger.behavior(engine), ledger.directory(engine)
    named = behavior.inner_join(directory.drop("batch_no"), "customer").drop("customer")
    return sorted(repr(sorted(one.items())) for one in engine.fetch(named).to_pylist())


def said(result: Receipt | BadFile) -> Any:
    return result if isinstance(result, Receipt) else (result.what, result.rejects)


rows = st.builds(
    row,
    customer=st.sampled_from(["a", "b", "ü", ""]),
    value=st.sampled_from(["5", "5.0", "7.00005", "x", ""]),
    event_id=st.sampled_from([None, None, "e1", "e2"]),
    item=st.sampled_from([None, "shoe"]),
    source=st.sampled_from([None, "shop"]),
    occurred_at=st.sampled_from(["2026-03-01", "2025-12-31", "soon"]),
)
posts = st.lists(st.builds(lambda its, strict: post(*its, strict=strict),
                           st.lists(rows, min_size=1, max_size=4), st.booleans()),
                 min_size=1, max_size=6)  # fmt: skip


@pytest.mark.live
@settings(max_examples=8, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # each is slow
@given(before=posts, after=posts)
def test_posts_together_are_as_posts_one_by_one(
    engine: Embedded, before: list[Post], after: list[Post]
) -> None:
    """Every receipt, every refusal and every row of the ledger; also of what comes later."""
    with ledger_in_a_folder() as (_, ledger), ledger_in_a_folder() as (folder, other):
        held = Held()
        found = together(engine, ledger, before, held=held, first=1)
        taken = sum(isinstance(one, Receipt) for one in found)
        found += together(engine, ledger, after, held=held, first=taken + 1)
        expected = one_by_one(engine, folder, other, [*before, *after])
        for one, other_one in zip(found, expected, strict=True):
            assert said(one) == said(other_one)
        if taken:
            assert rows_of(engine, ledger) == rows_of(engine, other)


def test_what_is_held_is_found_again_in_the_ledger(engine: Embedded) -> None:
    """As after a restart: events are known, lookalikes are counted, customers keep their number."""
    first = [post(row("a", event_id="e1")), post(row("b"))]
    with ledger_in_a_folder() as (_, ledger):
        together(engine, ledger, first, held=Held(), first=1)
        again = together(engine, ledger, first, held=Held(), first=3)
        assert [(one.entries, one.repeated, one.alike) for one in again
                if isinstance(one, Receipt)] == [(0, 1, 0), (1, 0, 1)]  # fmt: skip
        assert engine.fetch(ledger.directory(engine)).num_rows == 2


def test_an_event_is_no_lookalike_of_a_row_without_an_id(engine: Embedded) -> None:
    """DuckDB 2.0 takes the one event of a column without a dictionary for empty."""
    first = [post(row("a")), post(row("b"), row("a", event_id="e1"))]
    with ledger_in_a_folder() as (_, ledger):
        together(engine, ledger, first, held=Held(), first=1)
        [later] = together(engine, ledger, [post(row("a"))], held=Held(), first=3)
        assert isinstance(later, Receipt)
        assert later.alike_batches == (1,)


def test_all_posts_share_one_commit(engine: Embedded) -> None:
    with ledger_in_a_folder() as (_, ledger):
        together(engine, ledger, [post(row(f"c{n}")) for n in range(30)], held=Held(), first=1)
        assert len(ledger.live_files("behavior")) == 1
        batches = engine.fetch(ledger.behavior(engine).select("batch_no"))["batch_no"]
        assert sorted(batches.to_pylist()) == list(range(1, 31))


def test_what_others_recorded_is_seen(engine: Embedded, tmp_path: Path) -> None:
    ledger, held = Ledger(tmp_path / "ledger"), Held()
    together(engine, ledger, [post(row("a", event_id="e1"))], held=held, first=1)
    together(engine, ledger, [post(row("b", event_id="e2"))], held=Held(), first=2)
    [known, fresh] = together(
        engine, ledger, [post(row("b", event_id="e2")), post(row("b", event_id="e3"))],
        held=held, first=3,
    )  # fmt: skip
    assert isinstance(known, Receipt)
    assert isinstance(fresh, Receipt)
    assert (known.repeated, fresh.repeated) == (1, 0)


def test_runs_of_hashes_stay_few_and_lose_nothing() -> None:
    runs, rng = _Runs(), np.random.default_rng(7)
    added = [rng.integers(0, 2**63, 50, np.uint64) for _ in range(200)]
    for run in added:
        runs.add(run)
    assert len(runs._runs) < 12
    assert np.array_equal(np.sort(np.concatenate(runs._runs)), np.sort(np.concatenate(added)))
    assert runs.have(np.concatenate(added)).all()
    assert not runs.have(rng.integers(2**63, 2**64 - 1, 50, np.uint64)).any()


def test_what_is_held_outlasts_a_log_that_was_trimmed(engine: Embedded, tmp_path: Path) -> None:
    """Entries of the log go once a checkpoint stands for them, also those that were not read."""
    ledger, held = Ledger(tmp_path / "ledger"), Held()
    together(engine, ledger, [post(row("a", event_id="e1"))], held=held, first=1)
    together(engine, ledger, [post(row("b", event_id="e2"))], held=Held(), first=2)
    for table in ("behavior", "directory"):
        opened = ledger.open(table)
        assert opened is not None
        opened.create_checkpoint()
        for version in range(opened.version()):
            (tmp_path / "ledger" / table / entry_path(version)).unlink()
    found = together(
        engine, ledger, [post(row("b", event_id="e2")), post(row("b", event_id="e3"))],
        held=held, first=3,
    )  # fmt: skip
    assert [one.repeated for one in found if isinstance(one, Receipt)] == [1, 0]
    numbers = engine.fetch(ledger.directory(engine))["customer_id"].to_pylist()
    assert sorted(numbers) == ["a", "b"]
