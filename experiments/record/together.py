"""Record small posts together: each with its own batch and receipt, all in one commit.

A post is a few rows that somebody sent at once. What becomes of each is what would have become of
it had they been recorded one after another (see `recording`): an event of an earlier post is known
to the later ones, a refused post is known to nobody. Writing them together costs what one costs.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa

from experiments.engines.embedded import Embedded
from experiments.errors import BadFile, Reject
from experiments.intake.cast import Kind, Rule, cast_rows
from experiments.intake.tally import LINE, text_batch
from experiments.ledger.ledger import BEHAVIOR, Ledger
from experiments.record.held import Held
from experiments.record.recording import ALIKE, Receipt, refuse_rows, repeats_otherwise
from experiments.record.staging import Staged

COLUMNS: Final = ("item", "event_id", "source", "measure", "value", "occurred_at", "customer_id")
_RULES: Final = {
    "item": Rule(Kind.LABEL, required=False),
    "event_id": Rule(Kind.LABEL, required=False),
    "source": Rule(Kind.LABEL, required=False),
    "measure": Rule(Kind.LABEL),
    "value": Rule(Kind.NUMBER),
    "occurred_at": Rule(Kind.DAY),
    "customer_id": Rule(Kind.LABEL),
}


@dataclass(frozen=True, slots=True)
class Post:
    """A few rows, as text in the order of `COLUMNS`; None where a row says nothing.

    Attributes:
        name: How messages and the receipt call it.
        rows: At least one.
        strict: All or nothing: one refused row refuses the post.
    """

    name: str
    rows: Sequence[Sequence[str | None]]
    strict: bool = False


class _Row(NamedTuple):
    """A row that passed, in the order of `COLUMNS`, and its line."""

    item: str | None
    event_id: str | None
    source: str | None
    measure: str
    value: Decimal
    occurred_at: date
    customer_id: str
    line: int

    @property
    def event(self) -> tuple[str, str, str, str]:
        """By what an event is known; for rows with an event id."""
        return self.source or "", self.event_id or "", self.measure, self.item or ""

    @property
    def contents(self) -> tuple[str, date, Decimal]:
        """What the same event has to say again."""
        return self.customer_id, self.occurred_at, self.value


@dataclass(frozen=True, slots=True)
class Fit:
    """A post that can be recorded.

    Attributes:
        name: Its own.
        rows: Those that reach the ledger.
        counted: Its rows.
        repeated: Rows left out because the ledger, or a row before, has them already.
        rounded: Values that had more than four decimals.
        rejects: What was wrong, one entry per bad cell.
        measures: Of all its rows that could be read, also of those that are left out.
    """

    name: str
    rows: Sequence[_Row]
    counted: int
    repeated: int
    rounded: int
    rejects: tuple[Reject, ...]
    measures: frozenset[str]

    @property
    def rejected(self) -> int:
        """Rows that were refused."""
        return len({reject.line for reject in self.rejects})


@dataclass(slots=True)
class _Read:
    """A post as it could be read."""

    rows: list[_Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


# Which of some customers are enrolled in a pilot.
Enrolled = Callable[[Collection[int]], Collection[int]]


def examine_posts(
    engine: Embedded,
    ledger: Ledger,
    posts: Sequence[Post],
    *,
    held: Held,
    zone: str,
    without: Collection[int] = frozenset(),
) -> list[Fit | BadFile]:
    """Read posts, and say of each what of it can be recorded, or why it is refused.

    Args:
        engine: Runs the queries.
        ledger: Knows what was recorded.
        posts: In their order.
        held: Known of the ledger already.
        zone: The company's time zone.
        without: Batches that do not count, whose events are therefore not known.
    """
    reads = _read(posts, zone=zone)
    held.seen.catch_up(engine, ledger)
    rows = [row for read in reads for row in read.rows if row.event_id is not None]
    maybe = held.seen.maybe(engine, _as_entries([(0, row) for row in rows]))
    events = {row.event for row, is_known in zip(rows, maybe, strict=True) if is_known}
    known = _recorded_events(engine, ledger, events, without=without)
    found: list[Fit | BadFile] = []
    for post, read in zip(posts, reads, strict=True):
        fit = _fit(post, read, known)
        if isinstance(fit, Fit):
            known |= {row.event: row.contents for row in fit.rows if row.event_id is not None}
        found.append(fit)
    return found


def record_posts(
    engine: Embedded,
    ledger: Ledger,
    fits: Sequence[Fit],
    *,
    held: Held,
    batch_nos: Sequence[int],
    recorded_at: datetime,
    enrolled: Enrolled,
    without: Collection[int] = frozenset(),
) -> list[Receipt]:
    """Record posts in one commit; a receipt for each.

    Args:
        engine: Runs the queries.
        ledger: Takes the rows.
        fits: As `examine_posts` found them.
        held: Known of the ledger already.
        batch_nos: The batch of each, rising; the commit names the last.
        recorded_at: When they are recorded.
        enrolled: Tells which customers are in a pilot, so that receipts can count the others.
        without: Batches that do not count.
    """
    newest = batch_nos[-1]
    ids = {row.customer_id for fit in fits for row in fit.rows}
    numbers, new = held.numbers.of(engine, ledger, ids, batch_no=newest)
    in_pilots = enrolled(numbers.values())
    keyed = [[(numbers[row.customer_id], row) for row in fit.rows] for fit in fits]
    lookalikes = _lookalikes(engine, ledger, keyed, new, held=held, without=without)
    receipts, entries = [], []
    for fit, its, batch_no in zip(fits, keyed, batch_nos, strict=True):
        receipts.append(_receipt(fit, its, lookalikes, batch_no=batch_no, in_pilots=in_pilots))
        entries += [(customer, row, batch_no) for customer, row in its]
    entries.sort(key=lambda entry: (entry[0], entry[1].measure, entry[1].occurred_at))
    if entries:
        rows = _as_entries([(customer, row) for customer, row, _ in entries])
        numbered = pa.array([batch_no for *_, batch_no in entries], pa.int64())
        at = pa.repeat(pa.scalar(recorded_at, BEHAVIOR.field("recorded_at").type), len(entries))
        whole = rows.append_column("batch_no", numbered).append_column("recorded_at", at)
        ledger.append_behavior(whole.cast(BEHAVIOR).to_reader(), batch_no=newest)
    return receipts


def _as_entries(rows: Sequence[tuple[int, "_Row"]]) -> pa.Table:
    """Rows with their customers' numbers, in the columns of the ledger that say what happened."""
    kinds = list(BEHAVIOR)[1:7]
    customers = pa.array([customer for customer, _ in rows], pa.int64())
    others = [pa.array([getattr(row, kind.name) for _, row in rows], kind.type) for kind in kinds]
    return pa.table([customers, *others], names=["customer", *(kind.name for kind in kinds)])


def _read(posts: Sequence[Post], *, zone: str) -> list[_Read]:
    """Cast all rows at once, and give each post its own again."""
    owner = [number for number, post in enumerate(posts) for _ in post.rows]
    line = [line for post in posts for line in range(1, len(post.rows) + 1)]
    columns = zip(*(row for post in posts for row in post.rows), strict=True)
    texts = dict(zip(COLUMNS, map(list, columns), strict=True))
    places = range(len(owner))
    batch = text_batch(texts, lines=list(places), rows=list(places))
    typed = cast_rows(batch, _RULES, zone=zone)
    reads = [_Read() for _ in posts]
    for one in typed.rejects:
        reads[owner[one.line]].rejects.append(
            Reject(line[one.line], one.column, one.value, one.reason)
        )
    names = (*COLUMNS, LINE)
    cells = zip(*(typed.batch.column(name).to_pylist() for name in names), strict=True)
    for *values, place in cells:
        reads[owner[place]].rows.append(_Row._make((*values, line[place])))
    return reads


def _fit(
    post: Post, read: _Read, known: dict[tuple[str, str, str, str], tuple[str, date, Decimal]]
) -> Fit | BadFile:
    """What of a post is new, against what was recorded before it."""
    own: dict[tuple[str, str, str, str], tuple[str, date, Decimal]] = {}
    rows, rejects, repeated = [], list(read.rejects), 0
    for row in read.rows:
        if row.event_id is None:
            rows.append(row)
            continue
        before = known.get(row.event) or own.get(row.event)
        if before is None:
            own[row.event] = row.contents
            rows.append(row)
        elif before == row.contents:
            repeated += 1
        else:
            rejects.append(repeats_otherwise(row.line, "event_id", row.event_id))
    rejects.sort(key=lambda reject: reject.line)
    fit = Fit(
        name=post.name,
        rows=rows,
        counted=len(post.rows),
        repeated=repeated,
        rounded=sum(_is_rounded(post.rows[row.line - 1][4], row.value) for row in read.rows),
        rejects=tuple(rejects),
        measures=frozenset(row.measure for row in read.rows),
    )
    if rejects and (post.strict or fit.rejected == fit.counted):
        refused = len({reject.line for reject in read.rejects})
        staged = Staged(Path(), fit.counted, refused, tuple(read.rejects), 0, 0, numbers=("value",))
        try:
            refuse_rows(post.name, staged, fit.rejects, rejected=fit.rejected)
        except BadFile as refusal:
            return refusal
    return fit


def _is_rounded(text: str | None, value: Decimal) -> bool:
    return text is not None and len(text) > len("0.0000") and Decimal(text.strip()) != value


def _recorded_events(
    engine: Embedded,
    ledger: Ledger,
    events: Collection[tuple[str, str, str, str]],
    *,
    without: Collection[int],
) -> dict[tuple[str, str, str, str], tuple[str, date, Decimal]]:
    """What the ledger has of these events."""
    if not events:
        return {}
    rows = ledger.behavior(engine, without=without)
    rows = rows.filter(rows.event_id.isin(sorted({event[1] for event in events})))
    found = engine.fetch(rows.select("customer", *BEHAVIOR.names[1:7])).to_pylist()
    if not found:
        return {}
    directory = ledger.directory(engine)
    wanted = sorted({row["customer"] for row in found})
    named = engine.fetch(
        directory.filter(directory.customer.isin(wanted)).select("customer", "customer_id")
    ).to_pylist()
    ids = {row["customer"]: row["customer_id"] for row in named}
    known = {}
    for row in found:
        event = (row["source"] or "", row["event_id"], row["measure"], row["item"] or "")
        if row["customer"] in ids:
            known[event] = (ids[row["customer"]], row["occurred_at"], row["value"])
    return known


@dataclass(frozen=True, slots=True)
class _Lookalikes:
    """Rows without an event id that the ledger has, by what makes rows look alike; per batch."""

    batches: dict[tuple[object, ...], Counter[int]]

    def of(self, keys: Sequence[tuple[object, ...]]) -> tuple[int, tuple[int, ...]]:
        """How many rows look like recorded ones, and those of which batches."""
        among: Counter[int] = Counter()
        for key in {*keys}:
            among.update(self.batches.get(key, Counter()))
        ordered = sorted(among, key=lambda batch: (-among[batch], batch))
        return sum(key in self.batches for key in keys), tuple(ordered)

    def add(self, keys: Sequence[tuple[object, ...]], *, batch_no: int) -> None:
        """Rows that are recorded by now."""
        for key in keys:
            self.batches.setdefault(key, Counter())[batch_no] += 1


def _lookalikes(
    engine: Embedded,
    ledger: Ledger,
    keyed: Sequence[Sequence[tuple[int, _Row]]],
    new: Collection[int],
    *,
    held: Held,
    without: Collection[int],
) -> _Lookalikes:
    """Recorded rows that look like these; only files of their days are read, if any."""
    rows = [
        (customer, row)
        for its in keyed
        for customer, row in its
        if row.event_id is None and customer not in new
    ]
    maybe = held.seen.maybe(engine, _as_entries(rows))
    rows = [one for one, is_known in zip(rows, maybe, strict=True) if is_known]
    if not rows:
        return _Lookalikes({})
    days = [row.occurred_at for _, row in rows]
    before = ledger.behavior(engine, without=without, days=(min(days), max(days)))
    customers = sorted({customer for customer, _ in rows})
    before = before.filter(before.customer.isin(customers) & before.event_id.isnull())
    found = engine.fetch(before.select("batch_no", *ALIKE))
    batches: dict[tuple[object, ...], Counter[int]] = {}
    columns = (found[name].to_pylist() for name in found.column_names)
    for batch_no, *key, item in zip(*columns, strict=True):
        batches.setdefault((*key, item or ""), Counter())[batch_no] += 1
    return _Lookalikes(batches)


def _receipt(
    fit: Fit,
    keyed: Sequence[tuple[int, _Row]],
    lookalikes: _Lookalikes,
    *,
    batch_no: int,
    in_pilots: Collection[int],
) -> Receipt:
    alike_keys = [
        (customer, row.measure, row.occurred_at, row.value, row.item or "")
        for customer, row in keyed
        if row.event_id is None
    ]
    alike, alike_batches = lookalikes.of(alike_keys)
    lookalikes.add(alike_keys, batch_no=batch_no)
    strangers = [customer for customer, _ in keyed if customer not in in_pilots]
    days = [row.occurred_at for row in fit.rows]
    return Receipt(
        batch_no=batch_no,
        file=fit.name,
        counted=fit.counted,
        accepted=fit.counted - fit.rejected,
        rejected=fit.rejected,
        entries=len(fit.rows),
        repeated=fit.repeated,
        rounded=fit.rounded,
        blank=0,
        unmatched=len(strangers),
        first=min(days, default=None),
        last=max(days, default=None),
        measures=dict(sorted(Counter(row.measure for row in fit.rows).items())),
        rejects=fit.rejects,
        unmatched_customers=len({*strangers}),
        alike=alike,
        alike_batches=alike_batches,
    )
