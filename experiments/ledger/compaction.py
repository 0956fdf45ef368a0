"""Compaction: few files instead of many, each sorted, with customers of its own.

Rows are sorted by customer, measure and day, which is what makes a group-by by customer fast. The
work goes customer range by customer range, so that it needs the memory of one file and no more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import Final

import ibis.expr.types as ir
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import RemoveAction

from experiments.engines.engine import Engine
from experiments.errors import PilotError
from experiments.ledger.ledger import BEHAVIOR, DIRECTORY, WITHDRAWN, Ledger
from experiments.ledger.writing import (
    HOOKS,
    ROWS_OF_FILE,
    YEAR,
    Written,
    discard,
    full_disk_told,
    write_files,
)

# What is read often, how its rows are sorted, and what they are. An enrolment is one file anyway.
SORTED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "behavior": ("customer", "measure", "occurred_at"),
    "directory": ("customer",),
    "withdrawn": ("customer", "measure", "occurred_at"),
}
SCHEMAS: Final = {"behavior": BEHAVIOR, "directory": DIRECTORY, "withdrawn": WITHDRAWN}
FEW: Final = 8  # small files beside large ones that are left alone
SHARE: Final = 0.1  # of a year's rows, above which what is new is worked into what is old
RANGES: Final = 1_000  # into which customers are counted, to find where files end
TRIES: Final = 20  # beside writers that commit


class CompactionLost(PilotError):
    """Somebody else was quicker; nothing was changed."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"Files of {table} were not compacted, because others changed them meanwhile; they "
            f"are looked at again in the next round."
        )


@dataclass(frozen=True, slots=True)
class LiveFile:
    """A data file, as the log tells of it; `first` and `last` are customers.

    `year` is None in a table that is not divided by year.
    """

    path: str
    year: int | None
    size: int
    rows: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Compacted:
    """What the compaction of a table, or of a year of it, did."""

    table: str
    year: int | None
    rows: int
    files_before: int
    files_after: int


def live_files(table: DeltaTable) -> tuple[LiveFile, ...]:
    """The data files of a table, by year and customer."""
    rows = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    found = (
        LiveFile(
            path=row["path"],
            year=row.get(f"partition.{YEAR}"),
            size=row["size_bytes"],
            rows=row["num_records"],
            first=row["min.customer"],
            last=row["max.customer"],
        )
        for row in rows
    )
    return tuple(sorted(found, key=lambda file: (file.year or 0, file.first, file.path)))


def due(files: Sequence[LiveFile]) -> tuple[LiveFile, ...]:
    """Which files of a table, or of a year of it, should become others; often none.

    What is new is worked into large files once it is a tenth of the rows; before, small files
    become one another's.
    """
    large = [file for file in files if file.rows >= ROWS_OF_FILE // 2]
    small = [file for file in files if file.rows < ROWS_OF_FILE // 2]
    total = sum(file.rows for file in files)
    if _overlap(large) or (_overlap(files) and sum(file.rows for file in small) > SHARE * total):
        return tuple(files)
    return tuple(small) if len(small) > FEW else ()


def compact(
    engine: Engine, ledger: Ledger, *, now: datetime, whole: bool = False
) -> Iterator[Compacted]:
    """Compact the tables, and years of behavior, that need it, each in a commit of its own.

    Args:
        engine: Sorts; its scratch folder takes what does not fit into memory.
        ledger: Others may append to it meanwhile.
        now: The present time, from which on the old files are no longer needed.
        whole: Whether to compact all files that share customers.
    """
    for table in SORTED_BY:
        opened = ledger.open(table)
        listed = live_files(opened) if opened is not None else ()
        for _, group in groupby(listed, key=lambda file: file.year):
            files = tuple(group)
            going = files if whole and _overlap(files) else due(files)
            if going:
                yield _compact(engine, ledger, table, going, now=now)


def _overlap(files: Sequence[LiveFile]) -> bool:
    """Whether some customer may have rows inside two files, other than where one ends."""
    ordered = sorted(files, key=lambda file: (file.first, file.last))
    return any(one.last > other.first for one, other in pairwise(ordered))


def _compact(
    engine: Engine, ledger: Ledger, table: str, files: Sequence[LiveFile], *, now: datetime
) -> Compacted:
    schema = SCHEMAS[table]
    paths = [f"{ledger.location.of_table(table)}/{file.path}" for file in files]
    rows = engine.table_of(paths, schema)
    written: list[Written] = []
    try:
        for first, last in _ranges(engine, rows, files):
            part = rows.filter(rows.customer.between(first, last)).order_by(SORTED_BY[table])
            batches = engine.stream(part).cast(schema)
            by_year = files[0].year is not None
            written += write_files(ledger.location, table, batches, by_year=by_year)
        total = sum(file.rows for file in files)
        if sum(one.metadata.num_rows for one in written) != total:
            raise RuntimeError(f"compaction of {table} would have changed the number of rows")
        if not _exchange(ledger, table, files, written, now=now):
            raise CompactionLost(table)
    except BaseException:
        discard(ledger.location, table, written)
        raise
    return Compacted(table, files[0].year, total, len(files), len(written))


def _ranges(engine: Engine, rows: ir.Table, files: Sequence[LiveFile]) -> Iterator[tuple[int, int]]:
    """Ranges of customers that hold the rows of about one file each."""
    first, last = min(file.first for file in files), max(file.last for file in files)
    width = (last - first) // RANGES + 1
    bucket = ((rows.customer - first) // width).cast("int64")
    counts = engine.fetch(rows.group_by(bucket=bucket).agg(n=rows.count()).order_by("bucket"))
    begin, held = first, 0
    for row in counts.to_pylist():
        if held and held + row["n"] > ROWS_OF_FILE:
            end = first + row["bucket"] * width
            yield begin, end - 1
            begin, held = end, 0
        held += row["n"]
    yield begin, last


def _exchange(
    ledger: Ledger, name: str, old: Sequence[LiveFile], new: Sequence[Written], *, now: datetime
) -> bool:
    """Let new files take the place of old ones, in one commit; False where these are gone.

    Each try looks whether all the old ones are still there: a commit that Delta would repeat by
    itself after another one might remove them a second time, and double their rows.
    """
    gone_at = int(now.timestamp() * 1000)
    removed = [
        RemoveAction(
            file.path, False, gone_at, file.size, {YEAR: str(file.year)} if file.year else {}
        )
        for file in old
    ]
    added = [file.to_add(data_change=False) for file in new]
    for _ in range(TRIES):
        table = ledger.open(name)
        live = {file.path for file in live_files(table)} if table is not None else set()
        if table is None or not {file.path for file in old} <= live:
            return False
        try:
            with full_disk_told():
                table.create_write_transaction(
                    [*removed, *added],
                    mode="append",
                    schema=table.schema(),
                    partition_by=list(table.metadata().partition_columns),
                    commit_properties=CommitProperties(max_commit_retries=0),
                    post_commithook_properties=HOOKS,
                )
        except CommitFailedError:
            continue
        return True
    return False
