"""Record staged behavior: drop repeats, refuse contradictions, append in one commit.

An event is known by source, event id, measure and item: an order has a row per measure and per
item under one id. The same event again is a repeat, and is left out; the same event with other
contents is a contradiction, and is refused, with its whole row. Rows without an id may also repeat
what is recorded; nobody can tell, so that they are taken in and counted as looking alike.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.engines.embedded import STREAMED_ROWS, Embedded
from experiments.errors import PROBLEMS_SHOWN, BadFile, Problem, Reject
from experiments.ledger.directory import number_customers
from experiments.ledger.ledger import BEHAVIOR, Ledger
from experiments.record.staging import STAGED, Staged

EVENT = ("source", "event_id", "measure", "item")
CONTENTS = ("customer_id", "occurred_at", "value")
ALIKE = ("customer", "measure", "occurred_at", "value", "item")
NEARLY_ALL = 0.9  # of a column's values
# Of what an event is known by; DuckDB's own, which is of this process only.
_HASH = "hash(coalesce(source, ''), event_id, measure, coalesce(item, ''))"
_HASHED = ibis.schema({"hashed": "uint64"})
# Such as 12,50 or 12.50 EUR, of which the rows' own messages say how to write them.
_AMOUNT = re.compile(r"([A-Za-z]{1,3} )?[-+\d.,'\s€$£%]+( ?[A-Za-z]{1,3})?")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a batch brought.

    Attributes:
        batch_no: The batch.
        file: Name of the file.
        counted: Records in the file.
        accepted: Records taken in.
        rejected: Records refused; `rejects` says why.
        entries: Rows that reached the ledger; a wide record brings several.
        repeated: Entries left out because the ledger or the file has them already.
        rounded: Values that had more than four decimals.
        blank: Cells without a value.
        unmatched: Entries of customers who are enrolled in no pilot.
        unmatched_customers: How many customers these are.
        alike: Entries without an event id that look like entries of earlier batches without one.
        alike_batches: These batches, those with most such entries first.
        first: Day of the oldest entry; None where there is none.
        last: Day of the newest.
        measures: Entries per measure.
        rejects: Refused rows, each bad cell.
        withdrawn: Per measure, entries of earlier batches that a correction withdrew.
    """

    batch_no: int
    file: str
    counted: int
    accepted: int
    rejected: int
    entries: int
    repeated: int
    rounded: int
    blank: int
    unmatched: int
    first: date | None
    last: date | None
    measures: dict[str, int]
    rejects: tuple[Reject, ...]
    unmatched_customers: int = 0
    alike: int = 0
    alike_batches: tuple[int, ...] = ()
    withdrawn: dict[str, int] = field(default_factory=dict)


def record(
    engine: Embedded,
    ledger: Ledger,
    staged: Staged,
    *,
    name: str,
    batch_no: int,
    recorded_at: datetime,
    strict: bool,
    enrolled: Sequence[ir.Table] = (),
    without: Collection[int] = frozenset(),
) -> Receipt:
    """Record what waits, in one commit that names its batch.

    Args:
        engine: Runs the queries.
        ledger: Takes the rows.
        staged: Rows that passed.
        name: How messages and the receipt call the file.
        batch_no: The batch.
        recorded_at: When it is recorded.
        strict: All or nothing: one refused row refuses the file.
        enrolled: Per pilot, its customers, so that the receipt can count who is in none.
        without: Batches that do not count, whose events are therefore not known.

    Raises:
        BadFile: A row was refused under `strict`, or no row is left; nothing was recorded.
    """
    waiting = engine.table_of([str(staged.file)], STAGED)
    written = _Written(_all_of(engine, enrolled))
    with _sorted_events(engine, ledger, waiting, staged, without=without) as events:
        rejects = tuple(sorted([*staged.rejects, *events.rejects], key=lambda one: one.line))
        rejected = staged.refused + len({reject.line for reject in events.rejects})
        if rejects and (strict or rejected == staged.counted):
            refuse_rows(name, staged, rejects, rejected=rejected)
        with (
            engine.held(events.fresh.select("customer_id").distinct()) as ids,
            engine.held(_numbers(engine, ledger, ids, batch_no=batch_no)) as numbers,
        ):
            numbered = events.fresh.inner_join(numbers, "customer_id")
            alike, alike_batches = _alike(engine, ledger, numbered, without=without)
            entries = numbered.select(
                *BEHAVIOR.names[:7],
                batch_no=ibis.literal(batch_no, "int64"),
                recorded_at=ibis.literal(recorded_at, "timestamp('UTC', 6)"),
            )
            ordered = entries.order_by(["customer", "measure", "occurred_at"])
            # As it comes out of the sort: a copy of it would take as much memory as the file.
            reader = engine.connection.con.sql(engine.connection.compile(ordered)).to_arrow_reader(
                STREAMED_ROWS
            )
            counted = written.passing(reader.cast(BEHAVIOR))
            passing = pa.RecordBatchReader.from_batches(BEHAVIOR, counted)
            ledger.append_behavior(passing, batch_no=batch_no)
    staged_rows = pq.ParquetFile(staged.file).metadata.num_rows
    return Receipt(
        batch_no=batch_no,
        file=name,
        counted=staged.counted,
        accepted=staged.counted - rejected,
        rejected=rejected,
        entries=written.rows,
        repeated=staged_rows - written.rows - events.refused_entries,
        rounded=staged.rounded,
        blank=staged.blank,
        unmatched=written.unmatched,
        first=written.first,
        last=written.last,
        measures=dict(sorted(written.measures.items())),
        rejects=rejects,
        unmatched_customers=written.strangers,
        alike=alike,
        alike_batches=alike_batches,
    )


def _numbers(engine: Embedded, ledger: Ledger, ids: ir.Table, *, batch_no: int) -> ir.Table:
    """The numbers of these ids alone; the whole directory may be much longer."""
    directory = number_customers(engine, ledger, ids, batch_no=batch_no)
    return directory.semi_join(ids, "customer_id")


@dataclass(slots=True)
class _Written:
    """What a receipt says of the rows that were written, counted as they pass by."""

    enrolled: npt.NDArray[np.int64]
    rows: int = 0
    unmatched: int = 0
    strangers: int = 0
    first: date | None = None
    last: date | None = None
    measures: Counter[str] = field(default_factory=Counter)
    _newest: int = 0  # the last customer who passed by; they come sorted

    def passing(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches."""
        for batch in batches:
            if batch.num_rows:
                self._count(batch)
            yield batch

    def _count(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows
        for one in pc.value_counts(batch["measure"]):
            self.measures[one["values"].as_py()] += one["counts"].as_py()
        span = pc.min_max(batch["occurred_at"])
        first, last = span["min"].as_py(), span["max"].as_py()
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)
        customers = batch["customer"].to_numpy()
        others = customers[~np.isin(customers, self.enrolled, kind="sort")]
        self.unmatched += len(others)
        self.strangers += len(np.unique(others[others != self._newest]))
        self._newest = int(customers[-1])


def _all_of(engine: Embedded, enrolled: Sequence[ir.Table]) -> npt.NDArray[np.int64]:
    """The customers of all pilots, sorted."""
    found = [engine.fetch(pilot.select("customer"))["customer"].to_numpy() for pilot in enrolled]
    return np.unique(np.concatenate([np.empty(0, np.int64), *found]))


def refuse_rows(name: str, staged: Staged, rejects: Sequence[Reject], *, rejected: int) -> None:
    """Stop because of rows that are wrong; where a column holds no numbers, say so in a sentence.

    Raises:
        BadFile: Always.
    """
    _refuse_no_numbers(name, staged)
    raise BadFile(
        f"{name}: {rejected:,} of {staged.counted:,} rows are wrong; nothing was recorded. "
        f"Correct them and send the file again:",
        rejects=rejects,
    )


def repeats_otherwise(line: int, column: str, event_id: str) -> Reject:
    """What is said of a row whose event is known with other contents."""
    return Reject(
        line=line,
        column=column,
        value=event_id,
        reason=(
            "this event is already recorded with another customer, day or value; correct "
            "it with a new entry under an id of its own"
        ),
    )


def _refuse_no_numbers(name: str, staged: Staged) -> None:
    """Stop in one sentence where a column of numbers holds none: then no row is at fault."""
    problems = []
    for column in staged.numbers:
        texts = [
            one.value
            for one in staged.rejects
            if one.column == column and one.value and not _AMOUNT.fullmatch(one.value)
        ]
        if len(texts) > max(PROBLEMS_SHOWN, NEARLY_ALL * staged.counted):
            said = f"“{column}” holds no numbers such as 12.50, but {texts[0]}"
            problems.append(Problem("", f"{said}; choose another meaning for it"))
    if problems:
        raise BadFile(
            f"{name}: {staged.refused:,} of {staged.counted:,} rows are wrong, because of what a "
            f"column was said to hold; nothing was recorded:",
            problems,
        )


def _alike(
    engine: Embedded, ledger: Ledger, fresh: ir.Table, *, without: Collection[int]
) -> tuple[int, tuple[int, ...]]:
    """How many entries without an event id look like recorded ones, and those of which batches.

    Only files of their years are read.
    """
    rows = fresh.filter(fresh.event_id.isnull())
    if not ledger.live_files("behavior"):
        return 0, ()
    span = engine.fetch(
        rows.aggregate(first=rows.occurred_at.min(), last=rows.occurred_at.max())
    ).to_pylist()[0]
    if span["first"] is None:
        return 0, ()
    recorded = ledger.behavior(engine, without=without, days=(span["first"], span["last"]))
    others = recorded.filter(recorded.event_id.isnull()).mutate(item=recorded.item.fill_null(""))
    rows = rows.mutate(item=rows.item.fill_null("")).select(*ALIKE)
    with engine.held(others.semi_join(rows, ALIKE).select(*ALIKE, "batch_no")) as found:
        counts = engine.fetch(found.group_by("batch_no").agg(n=found.count())).to_pylist()
        alike = _count(engine, rows.semi_join(found, ALIKE)) if counts else 0
    ordered = sorted(counts, key=lambda row: (-row["n"], row["batch_no"]))
    return alike, tuple(row["batch_no"] for row in ordered)


def _count(engine: Embedded, rows: ir.Table) -> int:
    return int(engine.fetch(rows.aggregate(n=rows.count()))["n"][0].as_py())


@dataclass(frozen=True, slots=True)
class _Events:
    """What waits, after its events were compared with each other and with the ledger.

    Attributes:
        fresh: The rows that are to be recorded.
        rejects: Rows that contradict what is known.
        refused_entries: Entries that go with these rows.
    """

    fresh: ir.Table
    rejects: tuple[Reject, ...] = ()
    refused_entries: int = 0


@contextmanager
def _sorted_events(
    engine: Embedded, ledger: Ledger, waiting: ir.Table, staged: Staged, *, without: Collection[int]
) -> Iterator[_Events]:
    """Find repeats and contradictions; rows without an event id are neither.

    Hashes tell of most events that they come once only; just the others are compared.
    """
    if not staged.event_column:
        yield _Events(waiting)
        return
    behavior = ledger.behavior(engine, without=without)
    known = behavior if ledger.live_files("behavior") else None
    with engine.held(_suspects(engine, waiting, known)) as suspects:
        if not _count(engine, suspects):
            yield _Events(waiting)
            return
        hashed = engine.connection.sql(
            f"select *, {_HASH} as hashed from ({engine.connection.compile(waiting)})",  # noqa: S608
            schema=ibis.schema({**ibis.Schema.from_pyarrow(STAGED), **_HASHED}),
        )
        directory = ledger.directory(engine).select("customer", "customer_id")
        recorded = behavior.filter(behavior.event_id.notnull()).inner_join(directory, "customer")
        doubtful = hashed.filter(hashed.event_id.notnull()).semi_join(suspects, "hashed")
        with engine.held(_against_ledger(doubtful.drop("hashed"), recorded)) as found:
            wrong = found.filter(found.refused)
            lines = engine.fetch(wrong.select("line", "event_id").distinct()).to_pylist()
            certain = hashed.filter(
                hashed.event_id.isnull() | hashed.hashed.notin(suspects.hashed)
            ).select(*STAGED.names)
            fresh = certain.union(found.filter(~found.repeated).select(*STAGED.names))
            yield _Events(
                fresh.anti_join(wrong, "line") if lines else fresh,
                tuple(
                    repeats_otherwise(row["line"], staged.event_column, row["event_id"])
                    for row in lines
                ),
                _count(engine, waiting.semi_join(wrong, "line")) if lines else 0,
            )


def _suspects(engine: Embedded, waiting: ir.Table, behavior: ir.Table | None) -> ir.Table:
    """Hashes of events that come more than once, in the file or in the ledger, and few others."""

    def hashes(rows: ir.Table) -> str:
        compiled = engine.connection.compile(rows.select("event_id", "source", "measure", "item"))
        return f"select {_HASH} as hashed from ({compiled}) where event_id is not null"  # noqa: S608

    own = hashes(waiting)
    twice = f"select hashed from ({own}) group by hashed having count(*) > 1"  # noqa: S608
    if behavior is None:
        return engine.connection.sql(twice, schema=_HASHED)
    known = f"select hashed from ({hashes(behavior)}) where hashed in ({own})"  # noqa: S608
    return engine.connection.sql(f"{twice} union {known}", schema=_HASHED)


def _marked(waiting: ir.Table) -> ir.Table:
    """Within the file: which row of an event comes first, and whether later ones agree with it."""
    keys = [waiting[name].fill_null("") for name in EVENT]
    # Rows without an id are events of their own: the line sets them apart.
    own = ibis.ifelse(waiting.event_id.isnull(), waiting.line, 0)
    window = ibis.window(group_by=[*keys, own], order_by=waiting.line)
    same = ibis.literal(True)
    for name in CONTENTS:
        same = same & (waiting[name] == waiting[name].first().over(window))
    is_first = (ibis.row_number().over(window) == 0) | waiting.event_id.isnull()
    return waiting.mutate(is_first=is_first, same_as_first=same)


def _against_ledger(waiting: ir.Table, recorded: ir.Table) -> ir.Table:
    """Against the ledger: whether the event is there already, with the same contents."""
    marked = _marked(waiting)
    known = (
        recorded.semi_join(waiting, "event_id")
        .select(
            *[ibis._[name].fill_null("").name(f"known_{name}") for name in EVENT],
            *[ibis._[name].name(f"known_{name}") for name in CONTENTS],
        )
        .distinct()
    )
    joined = marked.left_join(
        known,
        [marked[name].fill_null("") == known[f"known_{name}"] for name in EVENT],
    )
    in_ledger = joined.known_event_id.notnull() & joined.event_id.notnull()
    agrees = ibis.literal(True)
    for name in CONTENTS:
        agrees = agrees & (joined[name] == joined[f"known_{name}"])
    # What the ledger has decides; only events that are new to it are compared within the file.
    agrees_in_file = joined.same_as_first
    is_later = ~joined.is_first & ~in_ledger
    return joined.select(
        *STAGED.names,
        repeated=((in_ledger & agrees) | (is_later & agrees_in_file)).fill_null(False),
        refused=((in_ledger & ~agrees) | (is_later & ~agrees_in_file)).fill_null(False),
    )
