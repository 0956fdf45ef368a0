"""A workspace that stays in its folder, and a worker that dies inside it.

`python -m tests.app.kept FOLDER FILE` records a file of orders and dies, without a word to anybody,
after the ledger has the rows and before the registry has the receipt.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from app.database import migrate, open_database
from app.record import service
from app.workspace import Workspace
from experiments.engines.embedded import open_embedded
from experiments.ledger.ledger import Ledger
from experiments.plan.pilot_file import BehaviorFile

NOW = datetime(2026, 4, 2, 9, tzinfo=UTC)
ORDERS = BehaviorFile(
    file="orders.csv", customer_id="who", occurred_at="day", measure="what", value="amount"
)
WITH_IDS = ORDERS.model_copy(update={"event_id": "order"})
DIED = 9


@contextmanager
def kept_workspace(folder: Path) -> Iterator[Workspace]:
    """Open the workspace of a folder; made with the first opening."""
    database = open_database(folder / "registry.db")
    migrate(database)
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    with open_embedded(scratch=scratch) as engine, database.writing() as session:
        yield Workspace(session, Ledger(folder / "ledger"), engine, scratch, "UTC")
    database.close()


def die(*_: object) -> None:
    """What a power cut does."""
    os._exit(DIED)


if __name__ == "__main__":
    vars(service)["accept"] = die
    with kept_workspace(Path(sys.argv[1])) as opened:
        service.record_file(opened, Path(sys.argv[2]), WITH_IDS, complete_through=None, now=NOW)
