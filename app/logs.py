"""What the site and its worker write down: a line of JSON each, on standard error.

A fault is written with its trace, never with the values of its variables: among them are customers'
ids, and writing them takes so long that everybody else waits.
"""

import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO, cast

import structlog


def configure_logs() -> None:
    """Write lines of JSON, with plain traces."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Lines(sys.stderr))),
    )


@dataclass(frozen=True)
class _Lines:
    """A stream whose lines are lost where they cannot be written, as on a full disk.

    Whoever tells of a fault goes on; by failing to tell, a worker would end.
    """

    stream: TextIO

    def write(self, text: str) -> None:
        with suppress(OSError):
            self.stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self.stream.flush()
