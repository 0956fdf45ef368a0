"""How many rows a second does the site acknowledge, when each is posted alone?

    python -m tests.benchmarks.posts [--clients 50] [--seconds 10] [--posts 5000]

Site, worker and clients share the machine. A row is acknowledged when its post is answered 201: its
receipt is in the registry, and its row in the ledger, both synced to disk. Afterwards the ledger is
read: it must hold every acknowledged row once.

The limit is /healthz, asked by as many clients: it needs neither registry nor ledger. Beside rows a
second stands what the rows cost in processor time, which other programs on the machine change less.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from experiments.engines.engine import open_engine
from experiments.ledger.ledger import Ledger
from tests.benchmarks.site import MANAGER, request, site, token_for

LIMIT: Final = "limit (/healthz)"
KINDS: Final = ("rows alone", "with Idempotency-Key", "with event_id")
WARM: Final = 20  # rounds at most, before the worker answers in time
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Posted:
    """What was acknowledged, and how long the posts took; `late` were answered 202.

    Processor milliseconds are those of the site and its worker together, per post.
    """

    kind: str
    rows: int
    late: int
    failed: int
    seconds: float
    p50_ms: float
    p99_ms: float
    processor_ms: float

    @property
    def per_second(self) -> float:
        """Acknowledged rows."""
        return self.rows / self.seconds


def main() -> None:
    """Print one table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clients", type=int, default=50)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--posts", type=int, default=5_000)
    options.add_argument("--customers", type=int, default=10_000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="pilotbook-bench-") as name:
        posted = 0
        with site(Path(name), pinned=False) as port:
            token = token_for(Path(name), MANAGER)
            for _ in range(WARM):
                warm = asyncio.run(_load(port, token, KINDS[0], chosen, most=chosen.clients))
                posted += warm.rows + warm.late
                if not warm.late:
                    break
            load = os.getloadavg()[0]
            print(
                f"{chosen.clients} clients, a row per post, {os.cpu_count()} cores, load {load:.1f}"
            )
            print(
                f"{'':22}{'rows':>7}{'per s':>8}{'of limit':>10}{'p50 ms':>8}{'p99 ms':>8}"
                f"{'cpu ms':>8}{'late':>6}{'failed':>8}"
            )
            limit = None
            for kind in (LIMIT, *KINDS):
                done = asyncio.run(_load(port, token, kind, chosen, most=chosen.posts))
                limit = limit or done
                posted += 0 if kind == LIMIT else done.rows + done.late
                print(
                    f"{kind:22}{done.rows:7}{done.per_second:8.0f}"
                    f"{done.per_second / limit.per_second:10.3f}{done.p50_ms:8.0f}"
                    f"{done.p99_ms:8.0f}{done.processor_ms:8.2f}{done.late:6}{done.failed:8}",
                    flush=True,
                )
        with open_engine() as engine:
            ledger = Ledger(Path(name) / "ledger")
            files = len(ledger.live_files("behavior"))
            held = engine.fetch(ledger.behavior(engine).count().as_table())[0][0].as_py()
        print(f"the ledger holds {held:,} rows in {files:,} files; {posted:,} were answered")


async def _load(
    port: int, token: str, kind: str, chosen: argparse.Namespace, *, most: int
) -> Posted:
    took: list[float] = []
    statuses: list[int] = []
    left = iter(range(most))
    until = time.perf_counter() + chosen.seconds

    async def one_client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in left:
            begun = time.perf_counter()
            if begun > until:
                break
            writer.write(_post(token, kind, number, customers=chosen.customers))
            statuses.append(await _status(reader))
            took.append(time.perf_counter() - begun)
        writer.close()
        await writer.wait_closed()

    spent = _processor_seconds()
    begun = time.perf_counter()
    await asyncio.gather(*[one_client() for _ in range(chosen.clients)])
    lasted = time.perf_counter() - begun
    spent = _processor_seconds() - spent
    took.sort()
    p50, p99 = (took[int(share * (len(took) - 1))] * 1000 for share in (0.5, 0.99))
    rows, late = statuses.count(200 if kind == LIMIT else 201), statuses.count(202)
    failed = len(statuses) - rows - late
    return Posted(kind, rows, late, failed, lasted, p50, p99, spent / len(statuses) * 1000)


def _processor_seconds() -> float:
    """Spent by the processes that this one started, and by those that they started."""
    parents, spent = {}, {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[process.name] = said[1]
        spent[process.name] = (int(said[11]) + int(said[12])) / TICKS
    own = {str(os.getpid())}
    while found := {one for one, parent in parents.items() if parent in own} - own:
        own |= found
    return sum(spent[one] for one in own - {str(os.getpid())})


def _post(token: str, kind: str, number: int, *, customers: int) -> bytes:
    if kind == LIMIT:
        return request("/healthz")
    row = {
        "customer_id": f"C{number * 7919 % customers:06}",
        "measure": "revenue",
        "value": number % 9000 / 100,
        "occurred_at": f"2026-03-{number % 28 + 1:02}",
    }
    if kind == "with event_id":
        row["event_id"] = f"O{number}"
    key = f"Idempotency-Key: {number}\r\n" if kind == "with Idempotency-Key" else ""
    body = json.dumps([row]).encode()
    head = (
        f"POST /api/v1/behavior HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{key}\r\n"
    )
    return head.encode() + body


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    _, _, length = head.partition("content-length:")
    await reader.readexactly(int(length.partition("\r\n")[0]))
    return int(head.split(" ", 2)[1])


if __name__ == "__main__":
    main()
