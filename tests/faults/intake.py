"""Intakes in a process of their own, whose system calls strace watches or spoils.

    python -m tests.faults.intake FOLDER [--posts 50]

Without posts it begins as a worker begins, and does the jobs that wait. With posts it is a whole
site, to which it posts files one by one; after each answer it asks for a file whose name is a mark.
"""

import argparse
import os
from pathlib import Path

from app.settings import Settings
from tests.faults.books import file_of, open_registry, work_through
from tests.site import open_site
from tests.travel import finished

MARK = "/answered-"
PARAMS = {
    "customer_id": "customer",
    "occurred_at": "day",
    "measure": "measure",
    "value": "value",
}


def main() -> None:
    """Do what waits, or post."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--posts", type=int, default=0)
    chosen = options.parse_args()
    if chosen.posts:
        _post(chosen.folder, chosen.posts)
    else:
        with open_registry(chosen.folder) as database:
            work_through(Settings.from_environment(), database)
    # What libraries do at the end is no part of an intake.
    os._exit(0)


def _post(folder: Path, posts: int) -> None:
    with open_site(folder) as site:
        api = site.script("manager")
        for at in range(posts):
            answer = api.post(
                "/behavior",
                params=PARAMS,
                content=file_of(f"p{at}", 20),
                headers={"Content-Type": "text/csv"},
            )
            finished(api, answer)
            Path(f"{MARK}{at}").exists()


if __name__ == "__main__":
    main()
