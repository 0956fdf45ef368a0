"""Record staged behavior: drop repeats, refuse contradictions, append in one commit.

An event is known by source, event id, measure and item: an order has a row per measure and per
item under one id. The same event again is a repeat, and is left out; the same event with other
contents is a contradiction, and is refused, with its whole row. Rows without an id may also repeat
what is recorded; nobody can tell, so that they are taken in and counted as looking alike.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import ibis
import ibis.expr.types as ir
import pyarrow.parquet as pq

from experiments.engines.engine import Engine
from experiments.errors import PROBLEMS_SHOWN, BadFile, Problem, Reject
from experiments.ledger.directory import number_customers
from experiments.ledger.ledger import BEHAVIOR, Ledger
from experiments.record.staging import STAGED, Staged

EVENT = ("source", "event_id", "measure", "item")
CONTENTS = ("customer_id", "occurred_at", "value")
ALIKE = ("customer", "measure", "occurred_at", "value", "item")
NEARLY_ALL = 0.9  # of a column's values
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


def record(
    engine: Engine,
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
    recorded = _recorded(engine, ledger, without=without)
    with _sorted_events(engine, waiting, recorded, column=staged.event_column) as (known, wrong):
        rejects = tuple(sorted([*staged.rejects, *wrong], key=lambda reject: reject.line))
        rejected = staged.refused + len({reject.line for reject in wrong})
        if rejects and (strict or rejected == staged.counted):
            _refuse_no_numbers(name, staged)
            raise BadFile(
                f"{name}: {rejected:,} of {staged.counted:,} rows are wrong; nothing was recorded. "
                f"Correct them and send the file again:",
                rejects=rejects,
            )
        whole = known.anti_join(known.filter(known.refused), "line")
        fresh = whole.filter(~whole.repeated)
        directory = number_customers(engine, ledger, fresh.select("customer_id"), batch_no=batch_no)
        numbered = fresh.inner_join(directory, "customer_id")
        entries = numbered.select(
            "customer",
            "measure",
            "occurred_at",
            "value",
            "item",
            "event_id",
            "source",
            batch_no=ibis.literal(batch_no, "int64"),
            recorded_at=ibis.literal(recorded_at, "timestamp('UTC', 6)"),
        )
        before = ledger.behavior(engine, without=without)
        alike, alike_batches = _alike(engine, numbered, before)
        ordered = engine.stream(entries.order_by(["customer", "measure", "occurred_at"]))
        ledger.append_behavior(ordered.cast(BEHAVIOR), batch_no=batch_no)
        counts = engine.fetch(
            fresh.group_by("measure")
            .agg(n=fresh.count(), first=fresh.occurred_at.min(), last=fresh.occurred_at.max())
            .order_by("measure")
        ).to_pylist()
        refused_entries = _count(engine, known) - _count(engine, whole)
        for pilot in enrolled:
            numbered = numbered.anti_join(pilot, "customer")
        unmatched = _count(engine, numbered)
        strangers = _count(engine, numbered.select("customer").distinct())
    total = sum(row["n"] for row in counts)
    return Receipt(
        batch_no=batch_no,
        file=name,
        counted=staged.counted,
        accepted=staged.counted - rejected,
        rejected=rejected,
        entries=total,
        repeated=pq.ParquetFile(staged.file).metadata.num_rows - total - refused_entries,
        rounded=staged.rounded,
        blank=staged.blank,
        unmatched=unmatched,
        first=min((row["first"] for row in counts), default=None),
        last=max((row["last"] for row in counts), default=None),
        measures={row["measure"]: row["n"] for row in counts},
        rejects=rejects,
        unmatched_customers=strangers,
        alike=alike,
        alike_batches=alike_batches,
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


def _alike(engine: Engine, fresh: ir.Table, recorded: ir.Table) -> tuple[int, tuple[int, ...]]:
    """How many entries without an event id look like recorded ones, and those of which batches."""
    rows = fresh.filter(fresh.event_id.isnull())
    span = engine.fetch(
        rows.aggregate(first=rows.occurred_at.min(), last=rows.occurred_at.max())
    ).to_pylist()[0]
    if span["first"] is None:
        return 0, ()
    days = recorded.occurred_at.between(span["first"], span["last"])
    others = recorded.filter(recorded.event_id.isnull() & days).mutate(
        item=recorded.item.fill_null("")
    )
    rows = rows.mutate(item=rows.item.fill_null(""))
    with engine.held(others.semi_join(rows, ALIKE).select(*ALIKE, "batch_no")) as found:
        alike = _count(engine, rows.semi_join(found, ALIKE))
        counts = engine.fetch(found.group_by("batch_no").agg(n=found.count())).to_pylist()
    ordered = sorted(counts, key=lambda row: (-row["n"], row["batch_no"]))
    return alike, tuple(row["batch_no"] for row in ordered)


def _count(engine: Engine, rows: ir.Table) -> int:
    return int(engine.fetch(rows.aggregate(n=rows.count()))["n"][0].as_py())


def _recorded(engine: Engine, ledger: Ledger, *, without: Collection[int]) -> ir.Table:
    """Rows of the ledger that have an event id, with the company's customer ids."""
    behavior = ledger.behavior(engine, without=without)
    directory = ledger.directory(engine).select("customer", "customer_id")
    return behavior.filter(behavior.event_id.notnull()).inner_join(directory, "customer")


@contextmanager
def _sorted_events(
    engine: Engine, waiting: ir.Table, recorded: ir.Table, *, column: str
) -> Iterator[tuple[ir.Table, list[Reject]]]:
    """Mark repeats and contradictions; rows without an event id are neither."""
    if not _count(engine, waiting.filter(waiting.event_id.notnull())):
        yield waiting.mutate(repeated=ibis.literal(False), refused=ibis.literal(False)), []
        return
    with engine.held(_against_ledger(waiting, recorded)) as known:
        wrong = known.filter(known.refused)
        rejects = [
            Reject(
                line=row["line"],
                column=column,
                value=row["event_id"],
                reason=(
                    "this event is already recorded with another customer, day or value; correct "
                    "it with a new entry under an id of its own"
                ),
            )
            for row in engine.fetch(wrong.select("line", "event_id").distinct()).to_pylist()
        ]
        yield known, rejects


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
