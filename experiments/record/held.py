"""What a worker holds of the ledger between small posts, so that it need not read it for each.

`Seen` says which rows may have been recorded before: a 64-bit hash of each, of an event by its key
and of other rows by their contents. It is a filter and no answer: what it lets through is new, what
it stops is compared with the ledger itself. `Numbers` remembers customers, and holds a hash of each
id in the directory. Both follow the log of their table, so that they know what others wrote, and
begin anew with their process.
"""

import glob
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from experiments.engines.embedded import Embedded
from experiments.ledger.ledger import DIRECTORY, Ledger
from experiments.ledger.log import newest_from, read_entry

Hashes = npt.NDArray[np.uint64]
REMEMBERED: Final = 200_000  # customers whose numbers are held in memory
# Rows with an event id are known by it; those without by what they say.
_HASH: Final = """
    case when event_id is null
        then hash(customer, measure, occurred_at, value, coalesce(item, ''))
        else hash(coalesce(source, ''), event_id, measure, coalesce(item, '')) end
"""
_PARQUET: Final = "read_parquet($files, hive_partitioning = false)"


@dataclass(slots=True)
class _Followed:
    """The files of a table, kept up to its log."""

    table: str
    version: int | None = None
    files: list[str] = field(default_factory=list)

    def catch_up(self, ledger: Ledger) -> tuple[list[str], bool]:
        """The files that came since the last time, and whether any were taken away."""
        newest = self._newest(ledger)
        if self.version is None or newest is None:
            return self._opened(ledger)
        came: list[str] = []
        gone: set[str] = set()
        address = ledger.location.of_table(self.table)
        while self.version < newest:
            entry = read_entry(ledger.location, self.table, self.version + 1)
            came += [f"{address}/{one.path}" for one in entry.added]
            gone |= {f"{address}/{path}" for path in entry.removed}
            self.version += 1
        if came or gone:
            self.files = [one for one in [*self.files, *came] if one not in gone]
        return [one for one in came if one not in gone], bool(gone)

    def _newest(self, ledger: Ledger) -> int | None:
        """The newest version; None where it cannot be told from the one that is held."""
        if self.version is None:
            return None
        return newest_from(ledger.location, self.table, self.version)

    def _opened(self, ledger: Ledger) -> tuple[list[str], bool]:
        """Read the table as it stands: the first time, and where entries of its log are gone."""
        opened, before = ledger.open(self.table), {*self.files}
        if opened is None:
            return [], False
        self.version = opened.version()
        self.files = sorted(map(unquote, opened.file_uris()))
        return [one for one in self.files if one not in before], bool(before.difference(self.files))


class _Runs:
    """Hashes in sorted runs: few, each much longer than the next, so that a question asks few."""

    def __init__(self) -> None:
        self._runs: list[Hashes] = []

    def add(self, hashes: Hashes) -> None:
        run = np.sort(hashes)
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]))
        if len(run):
            self._runs.append(run)

    def have(self, asked: Hashes) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(asked), bool)
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, asked), len(run) - 1)
            found |= run[places] == asked
        return found


class Seen:
    """Which rows of behavior may have been recorded before; 8 bytes a row."""

    def __init__(self) -> None:
        self._behavior = _Followed("behavior")
        self._hashes = _Runs()
        self._through = -1  # the highest batch whose rows are in it

    def catch_up(self, engine: Embedded, ledger: Ledger) -> None:
        """Learn what was recorded since the last time; all, where this is the first."""
        came, _ = self._behavior.catch_up(ledger)
        if not came:
            return
        # What compaction wrote anew holds rows of batches that are known; their groups are skipped.
        rows = answer(
            engine,
            f"select {_HASH} as hash, batch_no from {_PARQUET} where batch_no > $through",  # noqa: S608
            files=came,
            through=self._through,
        )
        if not rows.num_rows:
            return
        self._through = int(np.max(rows["batch_no"].to_numpy()))
        self._hashes.add(rows["hash"].to_numpy())

    def maybe(self, engine: Embedded, rows: pa.Table) -> list[bool]:
        """Which rows may be in the ledger; all others are certainly not.

        Args:
            engine: Computes the hashes.
            rows: Columns as in the ledger.
        """
        engine.connection.con.register("asked", rows)
        try:
            asked = answer(engine, f"select {_HASH} as hash from asked")["hash"].to_numpy()  # noqa: S608
        finally:
            engine.connection.con.unregister("asked")
        return [bool(one) for one in self._hashes.have(asked)]


class Numbers:
    """The numbers of customers; 8 bytes each, beside those that are remembered."""

    def __init__(self) -> None:
        self._directory = _Followed("directory")
        self._erased = _Followed("erased")
        self._ids = _Runs()  # also of who was erased: a filter, as in `Seen`
        self._known: dict[str, int] = {}
        self._highest = 0

    def of(
        self, engine: Embedded, ledger: Ledger, ids: Collection[str], *, batch_no: int
    ) -> tuple[dict[str, int], frozenset[int]]:
        """The number of each id, and which of the numbers are new; new ones are remembered.

        Args:
            engine: Reads the directory.
            ledger: Holds it.
            ids: Each once.
            batch_no: The batch that brings them.
        """
        self._catch_up(engine, ledger)
        found = {one: self._known[one] for one in ids if one in self._known}
        found |= self._looked_up(engine, [one for one in ids if one not in found])
        new = sorted(one for one in ids if one not in found)
        given = {one: self._highest + place for place, one in enumerate(new, start=1)}
        if new:
            columns = [list(given.values()), new, [batch_no] * len(new)]
            rows = pa.Table.from_arrays(
                [
                    pa.array(column, kind.type)
                    for column, kind in zip(columns, DIRECTORY, strict=True)
                ],
                schema=DIRECTORY,
            )
            ledger.append_directory(rows, batch_no=batch_no)
        found |= given
        if len(self._known) + len(found) > REMEMBERED:
            self._known.clear()
        self._known |= found
        return found, frozenset(given.values())

    def _catch_up(self, engine: Embedded, ledger: Ledger) -> None:
        for table, of_row in ((self._directory, "hash(customer_id)"), (self._erased, "null")):
            came, rewritten = table.catch_up(ledger)
            if came:
                query = f"select customer, {of_row} as hash from {_PARQUET}"  # noqa: S608
                rows = answer(engine, query, files=came)
                self._highest = max(self._highest, pc.max(rows["customer"]).as_py() or 0)
                self._ids.add(rows["hash"].drop_null().to_numpy().astype(np.uint64, copy=False))
            if rewritten:  # somebody was erased, and is a new customer if they come again
                self._known.clear()

    def _looked_up(self, engine: Embedded, ids: Sequence[str]) -> dict[str, int]:
        if ids:
            query = "select hash(unnest($ids)) as hash"
            maybe = self._ids.have(answer(engine, query, ids=list(ids))["hash"].to_numpy())
            ids = [one for one, is_known in zip(ids, maybe, strict=True) if is_known]
        if not ids:
            return {}
        rows = answer(
            engine,
            f"select customer_id, customer from {_PARQUET} "  # noqa: S608
            "where customer_id in (select unnest($ids))",
            files=self._directory.files,
            ids=list(ids),
        )
        pairs = (rows[name].to_pylist() for name in ("customer_id", "customer"))
        return dict(zip(*pairs, strict=True))


@dataclass(frozen=True, slots=True)
class Held:
    """All that is held; of one ledger, by one thread."""

    seen: Seen = field(default_factory=Seen)
    numbers: Numbers = field(default_factory=Numbers)


def answer(engine: Embedded, statement: str, **parameters: Any) -> pa.Table:
    """The answer to a small question; DuckDB answers it sooner than Ibis would have written it."""
    if "files" in parameters:
        parameters["files"] = [glob.escape(file) for file in parameters["files"]]
    return engine.connection.con.sql(statement, params=parameters or None).to_arrow_table()
