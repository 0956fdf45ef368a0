"""The demo company's installation: a folder of its own, gone when the demonstration ends."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.administration import opened, with_secret_key
from app.database import migrate
from app.demo.tour import tour
from app.road.run import Stage
from app.settings import Settings, utc_now
from experiments.report.report import PilotReport


@contextmanager
def built(*, at: Callable[[Stage], None]) -> Iterator[tuple[Settings, list[PilotReport]]]:
    """The company, its pilots analysed: settings to serve it with, and the reports.

    Args:
        at: Told each stage as it begins.
    """
    with tempfile.TemporaryDirectory(prefix="pilotbook-demo-") as name:
        folder = Path(name)
        settings = with_secret_key(
            Settings(
                database_url=f"sqlite:///{folder / 'registry.db'}",
                ledger=folder / "ledger",
                files=folder / "files",
            )
        )
        with opened(settings) as database:
            migrate(database)
            reports = tour(settings, database, now=utc_now(), at=at)
        yield settings, reports
