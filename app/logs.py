"""What the site and its worker write down: a line of JSON each, on standard error.

A fault is written with its trace, never with the values of its variables: among them are customers'
ids, and writing them takes so long that everybody else waits.
"""

import sys

import structlog


def configure_logs() -> None:
    """Write lines of JSON, with plain traces."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
