"""A ledger whose tables stay open between small pieces of work of one thread.

Opening a table reads its log from the last checkpoint on; following it reads what came since. The
newest version is looked for each time, so that a read or an append sees what others wrote.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from deltalake import DeltaTable

from experiments.ledger.ledger import Ledger
from experiments.ledger.location import Location
from experiments.ledger.log import newest_from


class OpenedLedger(Ledger):
    """A ledger for one thread; whoever met an error takes a new one."""

    __slots__ = ("_opened",)

    def __init__(
        self,
        place: Location | Path | str,
        *,
        versions: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        super().__init__(place, versions=versions)
        self._opened: dict[str, DeltaTable] = {}

    def open(self, table: str) -> DeltaTable | None:
        """A table at its version, as `Ledger.open`; what was open before is brought up to date."""
        known = self._opened.get(table)
        if known is None or table in self.versions:
            return self._open_anew(table)
        newest = newest_from(self.location, table, known.version())
        if newest is None:
            return self._open_anew(table)
        if newest > known.version():
            known.update_incremental()
        return known

    def _open_anew(self, table: str) -> DeltaTable | None:
        opened = super().open(table)
        if opened is not None:
            self._opened[table] = opened
        return opened
