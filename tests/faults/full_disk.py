"""D5: a disk that is full at any moment of an intake. Mounts a small file system, as root only."""

import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from fastapi.testclient import TestClient

from app.jobs.service import wait
from app.web.jobs import OPEN
from app.web.uploads import RESERVE
from tests.faults.books import check as check_rows
from tests.faults.books import file_of, rows_found
from tests.faults.intake import PARAMS
from tests.site import ORIGIN, Site, open_site

SIZE: Final = 24 << 20
HIGHEST: Final = 1_500 << 10  # bytes left free, at which everything fits
ROWS: Final = 20_000
PROBLEM: Final = "application/problem+json"


def d5(*, levels: int = 60) -> dict[str, Any]:
    """Post files with little room: taken in, or refused with 507; nothing is lost.

    Most are posted as if nobody looked for a reserve first, so that every step meets the full disk.

    Raises:
        PermissionError: Nothing can be mounted here.
    """
    figures: Counter[str] = Counter()
    sent: dict[str, int] = {}
    kept: set[str] = set()
    with _small_disk() as folder, open_site(folder / "site") as site:
        # What the site makes of an error is what counts here.
        own = dict(site.script("manager").headers)
        api = TestClient(
            site.app, base_url=f"{ORIGIN}/api/v1", headers=own, raise_server_exceptions=False
        )
        sent["first"], kept = 20, {"first"}
        _expect(_posted(site, api, "first", 20), 201)
        for level in range(levels):
            name = f"level{level}"
            rows = ROWS if level % 2 else 200
            reserve = RESERVE if level % 6 == 0 else 0.0
            free = level * HIGHEST // levels
            with _filled(folder, free=free), patch("app.web.uploads.RESERVE", reserve):
                sent[name] = rows
                status, kind = _posted(site, api, name, rows)
                figures[str(status)] += 1
                if status in (200, 201):
                    kept.add(name)
                elif status != 507 or kind != PROBLEM:
                    raise AssertionError(f"{name}: answered with {status}, {kind}")
            after = f"after{level}"
            sent[after] = 20
            _expect(_posted(site, api, after, 20), 201)
            kept.add(after)
            if level % 10 == 9:
                check_rows(rows_found(site.settings, site.database), sent, kept)
        figures["rows"] = check_rows(rows_found(site.settings, site.database), sent, kept)
    return dict(figures)


def _posted(site: Site, api: TestClient, name: str, rows: int) -> tuple[int, str]:
    """Post a file; status and type of the answer, that of its job where it took longer."""
    answer = api.post(
        "/behavior",
        params=PARAMS,
        content=file_of(name, rows),
        headers={"Content-Type": "text/csv"},
    )
    if answer.status_code != 202:
        return answer.status_code, answer.headers["content-type"]
    job = wait(site.database, answer.json()["job"], seconds=120)
    if job.state in OPEN:
        raise AssertionError(f"{name}: the job did not end")
    return job.answer_status or 0, PROBLEM if (job.answer_status or 0) >= 400 else "done"


def _expect(found: tuple[int, str], status: int) -> None:
    if found[0] != status:
        raise AssertionError(f"answered with {found}, not with {status}")


@contextmanager
def _small_disk() -> Iterator[Path]:
    """A folder on a file system of its own."""
    if os.geteuid() != 0:
        raise PermissionError("only root can mount a small file system")
    with tempfile.TemporaryDirectory(prefix="pilotbook-faults-") as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", name]
        done = subprocess.run(mount, check=False, capture_output=True, text=True)
        if done.returncode:
            raise PermissionError(f"a small file system cannot be mounted ({done.stderr.strip()})")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


@contextmanager
def _filled(folder: Path, *, free: int) -> Iterator[None]:
    """Leave so much room and no more."""
    ballast = folder / "ballast"
    found = os.statvfs(folder)
    try:
        with suppress(OSError), ballast.open("wb") as file:
            left = found.f_bavail * found.f_frsize - free
            while left > 0:
                left -= file.write(bytes(min(left, 64 << 10)))
        yield
    finally:
        ballast.unlink(missing_ok=True)
