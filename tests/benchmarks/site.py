"""How many requests a second does the site answer on one core, idle and while a file is taken in?

    python -m tests.benchmarks.site [--seconds 5] [--rows 2000000]

Site and worker share one core, the client has another. The trivial route /healthz, which needs
neither registry nor template, is the limit that the others are compared with.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import httpx2

from tests.travel import travel_by_api

ROOT: Final = Path(__file__).resolve().parents[2]
WORKED: Final = ROOT / "app/demo/worked/wide"
CLIENTS: Final = 8
PASSWORD: Final = "four words for a benchmark"  # noqa: S105
MANAGER: Final = "manager@example.com"
SPONSOR: Final = "cfo@example.com"


@dataclass(frozen=True, slots=True)
class Load:
    """What a route stood: requests a second, and how long the slowest of a hundred took."""

    route: str
    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


def main() -> None:
    """Print one table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--rows", type=int, default=2_000_000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="pilotbook-bench-") as name, site(Path(name)) as port:
        token, slug = prepare(Path(name), port)
        routes = routes_of(port, token, slug)
        print("idle")
        show(measure(port, routes, seconds=chosen.seconds))
        file = Path(name) / "behavior.csv"
        write_behavior(file, rows=chosen.rows)
        job = send(port, token, file)
        print(f"\nwhile {chosen.rows:,} rows are taken in")
        loads = []
        begun = time.perf_counter()
        running = True
        while running:
            loads = measure(port, routes, seconds=chosen.seconds)
            running = is_running(port, token, job)
            if running:
                show(loads)
        print(f"the file was in after {time.perf_counter() - begun:.0f} s")


def routes_of(port: int, token: str, slug: str) -> dict[str, bytes]:
    """Requests by name, as they go over the wire."""
    bearer = f"Authorization: Bearer {token}\r\n"
    cookie = sign_in(port)
    results = f"/api/v1/pilots/{slug}/results"
    with client(port, token) as api:
        etag = api.get(f"/pilots/{slug}/results").headers["etag"]
    return {
        "trivial (/healthz)": request("/healthz"),
        "pilot page": request(f"/pilots/{slug}", f"Cookie: {cookie}\r\n"),
        "results JSON": request(results, bearer),
        "results JSON, ETag known": request(results, f"{bearer}If-None-Match: {etag}\r\n"),
    }


def request(path: str, headers: str = "") -> bytes:
    """A GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode()


def measure(port: int, routes: dict[str, bytes], *, seconds: float) -> list[Load]:
    """Each route in turn, from several clients that each wait for their answer."""
    return [asyncio.run(_load(port, name, sent, seconds)) for name, sent in routes.items()]


async def _load(port: int, name: str, sent: bytes, seconds: float) -> Load:
    until = time.perf_counter() + seconds
    took: list[float] = []
    failed = 0

    async def one_client() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (begun := time.perf_counter()) < until:
            writer.write(sent)
            status = await _answer(reader)
            took.append(time.perf_counter() - begun)
            failed += status not in (200, 304)
        writer.close()
        await writer.wait_closed()

    begun = time.perf_counter()
    await asyncio.gather(*[one_client() for _ in range(CLIENTS)])
    lasted = time.perf_counter() - begun
    took.sort()
    at = [took[int(share * (len(took) - 1))] * 1000 for share in (0.5, 0.99)]
    return Load(name, len(took) / lasted, at[0], at[1], failed)


async def _answer(reader: asyncio.StreamReader) -> int:
    """Read an answer to its end; its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    _, _, length = head.partition("content-length:")
    if length:
        await reader.readexactly(int(length.partition("\r\n")[0]))
    return int(head.split(" ", 2)[1])


def show(loads: Sequence[Load]) -> None:
    """A row per route; the last column compares with the trivial one."""
    limit = loads[0].per_second
    print(f"{'route':28}{'per s':>8}{'p50 ms':>9}{'p99 ms':>9}{'failed':>8}{'of limit':>10}")
    for load in loads:
        print(
            f"{load.route:28}{load.per_second:8.0f}{load.p50_ms:9.1f}{load.p99_ms:9.1f}"
            f"{load.failed:8}{load.per_second / limit:10.2f}",
            flush=True,
        )


@contextmanager
def site(folder: Path, *, pinned: bool = True) -> Iterator[int]:
    """A fresh installation, served; where pinned on one core, and this process goes to another."""
    cores = sorted(os.sched_getaffinity(0))
    environment = {
        **os.environ,
        "PILOTBOOK_DATABASE_URL": f"sqlite:///{folder / 'registry.db'}",
        "PILOTBOOK_LEDGER": str(folder / "ledger"),
        "PILOTBOOK_FILES": str(folder / "files"),
        "PILOTBOOK_SECRET_KEY": "a secret key for benchmarks, long enough",
    }
    run = [sys.executable, "-m", "app.cli"]
    subprocess.run([*run, "migrate"], env=environment, check=True)
    for email, role in ((MANAGER, "manager"), (SPONSOR, "executive")):
        subprocess.run(
            [*run, "user", "add", email, "--role", role],
            env=environment, check=True, text=True, input=PASSWORD,
        )  # fmt: skip
    port = free_port()
    if pinned:
        os.sched_setaffinity(0, {cores[0]})  # the server inherits it, and its worker from it
    server = subprocess.Popen([*run, "serve", "--port", str(port)], env=environment)
    if pinned:
        os.sched_setaffinity(0, {cores[-1]})
    try:
        wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def prepare(folder: Path, port: int) -> tuple[str, str]:
    """A manager's token, and an analysed pilot: the worked one whose arms are in a column."""
    token = token_for(folder, MANAGER)
    with client(port, token) as api:
        return token, travel_by_api(api, WORKED / "pilot.toml")


def token_for(folder: Path, email: str) -> str:
    """A token that may do what its user may."""
    environment = {**os.environ, "PILOTBOOK_DATABASE_URL": f"sqlite:///{folder / 'registry.db'}"}
    added = subprocess.run(
        [sys.executable, "-m", "app.cli", "token", "add", email, "--scope", "manage"],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return added.stdout.strip()


def send(port: int, token: str, file: Path) -> str:
    """Post a large file of behavior; the address of its job."""
    with client(port, token) as api, file.open("rb") as body:
        answer = api.post(
            "/behavior",
            params={
                "customer_id": "customer",
                "occurred_at": "day",
                "measure": "measure",
                "value": "value",
            },
            content=iter(lambda: body.read(2**20), b""),
            headers={"Content-Type": "text/csv"},
        )
    assert answer.status_code == 202, answer.text
    return str(answer.headers["location"])


def is_running(port: int, token: str, job: str) -> bool:
    """Whether a job is still at work."""
    with client(port, token) as api:
        state = api.get(f"http://127.0.0.1:{port}{job}").json()["state"]
    assert state != "failed"
    return bool(state != "done")


def write_behavior(file: Path, *, rows: int) -> None:
    """Rows of orders in time order, of 200,000 customers."""
    first = date(2025, 1, 1)
    with file.open("w", encoding="utf-8") as out:
        out.write("customer,day,measure,value\n")
        for at in range(rows):
            day = first + timedelta(days=at * 365 // rows)
            out.write(f"C{at * 7919 % 200_000:07},{day},orders,{at % 9000 / 100}\n")


def sign_in(port: int) -> str:
    """The cookie of the manager's browser."""
    origin = f"http://127.0.0.1:{port}"
    with httpx2.Client(base_url=origin, headers={"Origin": origin}) as browser:
        answer = browser.post("/sign-in", data={"email": MANAGER, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def client(port: int, token: str) -> httpx2.Client:
    """A script with a token."""
    return httpx2.Client(
        base_url=f"http://127.0.0.1:{port}/api/v1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=120,
    )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def wait_for(port: int, *, seconds: float = 60) -> None:
    """Wait until somebody listens on a port."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")


if __name__ == "__main__":
    main()
