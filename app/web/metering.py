"""How many requests, and how long did they take? By route, so that no address is kept."""

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meters:
    """The counts of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "pilotbook_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.durations = Histogram(
            "pilotbook_request_seconds",
            "Seconds from a request to the end of its answer.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.jobs = Gauge(
            "pilotbook_jobs", "Jobs that wait or run.", ("state",), registry=self.registry
        )
        self.damaged = Gauge(
            "pilotbook_ledger_damaged",
            "1 where the last scrub of the ledger found a file that is not what was written.",
            registry=self.registry,
        )


class Metering:
    """Middleware that counts requests."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        status = 500
        began = time.perf_counter()

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_see)
        finally:
            meters: Meters = scope["app"].state.meters
            route = getattr(scope.get("route"), "path", "none")
            # A method is whatever a caller writes; only known ones become a series of their own.
            method = scope["method"] if route != "none" else "any"
            meters.requests.labels(method, route, str(status)).inc()
            meters.durations.labels(method, route).observe(time.perf_counter() - began)
        return None
