"""Replace events by a file that sends them again under their ids, with other contents.

As in recording, an event that the ledger has with the same contents is a repeat, and one that it
lacks is new. One that it has with other contents is withdrawn, and entered as the file has it.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

import ibis
import ibis.expr.types as ir

from experiments.engines.engine import Engine
from experiments.errors import Reject
from experiments.ledger.ledger import Ledger
from experiments.record.corrected import (
    CONTENTS,
    ROW,
    Corrected,
    Counts,
    keep_correction,
    standing,
)
from experiments.record.recording import CONTENTS as COMPARED
from experiments.record.recording import EVENT, refuse_rows
from experiments.record.staging import STAGED, Staged

NO_ID: Final = "has no event id, so that nobody can tell which row it replaces"
TWICE: Final = "stands in the file twice, with different contents; keep the row that holds"


def replace_events(
    engine: Engine,
    ledger: Ledger,
    staged: Staged,
    *,
    name: str,
    batch_no: int,
    recorded_at: datetime,
    strict: bool,
    enrolled: Mapping[str, ir.Table] | None = None,
    without: Collection[int] = frozenset(),
    foreign: Callable[[Collection[int]], Collection[int]] = lambda _: (),
) -> Corrected:
    """Record what waits, in the place of what the ledger has of the same events.

    Args:
        engine: Runs the queries.
        ledger: Holds the rows.
        staged: Rows that passed.
        name: How messages and the receipt call the file.
        batch_no: The batch.
        recorded_at: When it is recorded.
        strict: All or nothing: one refused row refuses the file.
        enrolled: Per pilot, its customers, so that the receipt can say whom it touches.
        without: Batches that do not count.
        foreign: Which of some batches whoever corrects may not correct.

    Raises:
        BadFile: A row was refused under `strict`, or no row is left; nothing was recorded.
    """
    waiting = engine.table_of([str(staged.file)], STAGED)
    rows = standing(engine, ledger, without=without)
    with engine.held(_compared(waiting, rows)) as compared:
        known = _told_apart(engine, compared, foreign)
        wrong = known.filter(known.wrong != "")
        refused = [
            Reject(row["line"], staged.event_column, row["event_id"] or "", row["wrong"])
            for row in engine.fetch(
                wrong.select("line", "event_id", "wrong").distinct()
            ).to_pylist()
        ]
        rejects = tuple(sorted([*staged.rejects, *refused], key=lambda reject: reject.line))
        rejected = staged.refused + len({reject.line for reject in refused})
        if rejects and (strict or rejected == staged.counted):
            refuse_rows(name, staged, rejects, rejected=rejected)
        whole = known.anti_join(wrong, "line")
        kept = whole.filter(~whole.repeated)
        replaced = kept.filter(kept.known_batch_no.notnull())
        withdrawn = replaced.select(
            customer=replaced.known_customer,
            **{column: replaced[f"known_{column}"] for column in ROW},
            copies=ibis.literal(1, "int64"),
        )
        repeated = int(engine.fetch(whole.aggregate(n=whole.repeated.sum()))["n"][0].as_py() or 0)
        return keep_correction(
            engine,
            ledger,
            withdrawn=withdrawn,
            entries=kept.select(*CONTENTS),
            counts=Counts(
                staged.counted,
                rejects=rejects,
                rejected=rejected,
                repeated=repeated,
                rounded=staged.rounded,
                blank=staged.blank,
            ),
            name=name,
            batch_no=batch_no,
            recorded_at=recorded_at,
            enrolled=enrolled or {},
        )


def _compared(waiting: ir.Table, rows: ir.Table) -> ir.Table:
    """Rows of the file beside the first of their event there, and beside that of the ledger."""
    keys = [waiting[name].fill_null("") for name in EVENT]
    # Rows without an id, which are refused, are events of their own: the line sets them apart.
    own = ibis.ifelse(waiting.event_id.isnull(), waiting.line, 0)
    window = ibis.window(group_by=[*keys, own], order_by=waiting.line)
    same = ibis.and_(*[waiting[name] == waiting[name].first().over(window) for name in COMPARED])
    marked = waiting.mutate(is_first=ibis.row_number().over(window) == 0, same_as_first=same)
    events = rows.semi_join(waiting, "event_id")
    known = events.select(**{f"known_{name}": events[name] for name in ("customer", *ROW)})
    return marked.left_join(
        known,
        [marked.event_id == known.known_event_id, marked.measure == known.known_measure]
        + [marked[name].identical_to(known[f"known_{name}"]) for name in ("source", "item")],
    )


def _told_apart(
    engine: Engine, compared: ir.Table, foreign: Callable[[Collection[int]], Collection[int]]
) -> ir.Table:
    """Rows with `repeated`, and in `wrong` why they are refused; empty where they are not."""
    is_known = compared.known_batch_no.notnull()
    agrees = ibis.and_(*[compared[name] == compared[f"known_{name}"] for name in COMPARED])
    changes = compared.is_first & is_known & ~agrees
    batches = engine.fetch(compared.filter(changes).select("known_batch_no").distinct())
    theirs = sorted(foreign({*batches["known_batch_no"].to_pylist()}))
    is_theirs = changes & compared.known_batch_no.isin(theirs) if theirs else ibis.literal(False)
    sent = compared.known_batch_no.cast("string")
    return compared.mutate(
        repeated=ibis.ifelse(compared.is_first, is_known & agrees, compared.same_as_first),
        wrong=ibis.cases(
            (compared.event_id.isnull(), NO_ID),
            (~compared.is_first & ~compared.same_as_first, TWICE),
            (
                is_theirs,
                "is of batch " + sent + ", which somebody else sent; ask them, or an admin",
            ),
            else_="",
        ),
    )
