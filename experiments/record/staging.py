"""Read a file of behavior, wide or long, into typed rows that wait to be recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.engines.engine import Engine
from experiments.errors import PROBLEMS_SHOWN, BadFile, Reject
from experiments.intake.cast import Kind, Rule, TypedRows, cast_rows
from experiments.intake.limits import REJECTS
from experiments.intake.rows import open_rows
from experiments.ledger.ledger import AMOUNT
from experiments.plan.pilot_file import BehaviorFile

STAGED = pa.schema(
    [
        pa.field("customer_id", pa.string()),
        pa.field("measure", pa.string()),
        pa.field("occurred_at", pa.date32()),
        pa.field("value", AMOUNT),
        pa.field("item", pa.string()),
        pa.field("event_id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("line", pa.int64()),
    ]
)

IF_BLANK = "is blank; write 0 where nothing happened, or set strict = false to make it no entry"


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows of a file that passed, waiting in a Parquet file.

    Attributes:
        file: Where they wait; columns as in `STAGED`.
        counted: Records in the file.
        refused: Records refused so far.
        rejects: What was wrong, one entry per bad cell.
        rounded: Values that had more than four decimals.
        blank: Cells of a wide file without a value; they are no entry.
        event_column: How the file calls the column of event ids; empty where it has none.
        numbers: How it calls its columns of numbers.
    """

    file: Path
    counted: int
    refused: int
    rejects: tuple[Reject, ...]
    rounded: int
    blank: int
    event_column: str = ""
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the columns of a file mean."""

    columns: BehaviorFile
    source_column: str | None

    def rules(self, *, delimited: bool) -> dict[str, Rule]:
        """What each column must hold; `delimited` as in `TextRows`."""
        rules = {
            name: Rule(
                Kind.NUMBER, required=self.columns.strict, if_blank=IF_BLANK, doubt_points=delimited
            )
            for name in self.columns.measures
        }
        optional = [self.columns.item, self.columns.event_id, self.source_column]
        rules |= {name: Rule(Kind.LABEL, required=False) for name in optional if name is not None}
        if self.columns.measure is not None:
            rules[self.columns.measure] = Rule(Kind.LABEL)
        if self.columns.value is not None:
            rules[self.columns.value] = Rule(Kind.NUMBER, doubt_points=delimited)
        if isinstance(self.columns.occurred_at, str):
            rules[self.columns.occurred_at] = Rule(Kind.DAY)
        rules[self.columns.customer_id] = Rule(Kind.LABEL)
        return rules

    def rows(self, typed: TypedRows) -> pa.RecordBatch | pa.Table:
        """Ledger entries of a batch, one per value."""
        batch = typed.batch
        if self.columns.measure is not None:
            assert self.columns.value is not None  # noqa: S101 - the model pairs the two
            return self._entries(batch, batch[self.columns.measure], batch[self.columns.value])
        parts = [
            self._entries(
                filled := batch.filter(pc.is_valid(batch[name])),
                pa.repeat(self.columns.names.get(name, name), filled.num_rows),
                filled[name],
            )
            for name in self.columns.measures
        ]
        if self.columns.each_row is not None:
            one = pa.repeat(pa.scalar(Decimal(1), AMOUNT), batch.num_rows)
            event = pa.repeat(self.columns.each_row, batch.num_rows)
            parts.append(self._entries(batch, event, one))
        return pa.Table.from_batches(parts, STAGED)

    def _entries(self, batch: pa.RecordBatch, measure: pa.Array, value: pa.Array) -> pa.RecordBatch:
        def optional(name: str | None) -> pa.Array:
            return batch[name] if name is not None else pa.nulls(batch.num_rows, pa.string())

        at: date | str = self.columns.occurred_at
        days = (
            batch[at]
            if isinstance(at, str)
            else pa.repeat(pa.scalar(at, pa.date32()), batch.num_rows)
        )
        source = optional(self.source_column)
        if self.columns.source is not None and self.source_column is None:
            source = pa.repeat(self.columns.source, batch.num_rows)
        return pa.RecordBatch.from_arrays(
            [
                batch[self.columns.customer_id],
                measure,
                days,
                value,
                optional(self.columns.item),
                optional(self.columns.event_id),
                source,
                batch["#line"],
            ],
            schema=STAGED,
        )


def stage_behavior(path: Path, columns: BehaviorFile, *, zone: str, into: Path) -> Staged:
    """Read a file of behavior and check every row; nothing reaches the ledger yet.

    A blank cell of a wide file is refused under `strict`, because nobody can tell whether it stands
    for nothing or for not knowing; else it is no entry. `source` is a column where the file has
    one of that name, else the name of the source itself.

    Args:
        path: The file.
        columns: What its columns mean.
        zone: The company's time zone.
        into: Where the rows that passed wait.

    Raises:
        BadFile: The file as a whole cannot be read.
    """
    layout = _Layout(columns, _source_column(path, columns))
    wanted = list(layout.rules(delimited=False))
    rejects: list[Reject] = []
    refused = rounded = blank = 0
    with (
        open_rows(path, wanted=wanted) as opened,
        # Read once and soon: few bytes and little work.
        pq.ParquetWriter(
            into,
            STAGED,
            compression="lz4",
            use_dictionary=["measure", "item", "source"],
            write_statistics=False,
        ) as waiting,
    ):
        rules = layout.rules(delimited=opened.delimited)
        for batch in opened:
            typed = cast_rows(batch, rules, zone=zone)
            rejects += typed.rejects
            refused += typed.refused
            _refuse_hopeless(path, rejects)
            rounded += typed.rounded
            blank += _blanks(typed.batch, columns.measures)
            waiting.write(layout.rows(typed))
        rejects += opened.rejects
        refused += len(opened.rejects)
        counted = opened.counted
    rejects.sort(key=lambda reject: reject.line)
    return Staged(
        into,
        counted,
        refused,
        tuple(rejects),
        rounded,
        blank,
        event_column=columns.event_id or "",
        numbers=columns.measures if columns.value is None else (columns.value,),
    )


def measures_of(engine: Engine, staged: Staged) -> set[str]:
    """The measures of which rows wait."""
    waiting = engine.table_of([str(staged.file)], STAGED)
    return set(engine.fetch(waiting.select("measure").distinct())["measure"].to_pylist())


def _source_column(path: Path, columns: BehaviorFile) -> str | None:
    """The column that names the source, if the file has one of that name."""
    if columns.source is None:
        return None
    with open_rows(path) as opened:
        return columns.source if columns.source in opened.header else None


def _refuse_hopeless(path: Path, rejects: Sequence[Reject]) -> None:
    if len(rejects) > REJECTS:
        raise BadFile(
            f"{path.name}: more than {REJECTS:,} cells are refused; the file as a whole is wrong. "
            f"The first of them follow.",
            rejects=rejects[:PROBLEMS_SHOWN],
        )


def _blanks(batch: pa.RecordBatch, measures: Sequence[str]) -> int:
    return sum(batch[name].null_count for name in measures)
