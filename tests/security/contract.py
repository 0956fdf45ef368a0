"""Try every call of the HTTP contract with requests drawn from its own description.

    python -m tests.security.contract [--examples 200]

Starts a real site with an analysed pilot, and sends schemathesis to it three times: as the pilot's
manager with drawn addresses, again with that pilot in each address, and as its sponsor for what
only executives may do. Every check of schemathesis is on; `schemathesis.toml` says which refusals
no schema can express.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.benchmarks.site import SPONSOR, prepare, site, token_for

HERE: Final = Path(__file__).resolve().parent
SIGNED: Final = (
    "/api/v1/pilots/{slug}/plan/signature",
    "/api/v1/pilots/{slug}/decision",
    "/api/v1/pilots/{slug}/decision/second",
)


def main() -> None:
    """Exit with 0 where everything held."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--examples", type=int, default=200)
    sys.exit(max(try_contract(examples=options.parse_args().examples)))


def try_contract(*, examples: int, phases: str = "examples,coverage,fuzzing,stateful") -> list[int]:
    """Exit statuses of schemathesis, one per round."""
    with tempfile.TemporaryDirectory(prefix="pilotbook-fuzz-") as name:
        folder = Path(name)
        with site(folder, pinned=False) as port:
            manager, slug = prepare(folder, port)
            sponsor = token_for(folder, SPONSOR)
            here = HERE / "schemathesis.toml"
            known = folder / "known.toml"
            there = f'[parameters]\n"path.slug" = "{slug}"\n"path.batch" = 2\n'
            known.write_text(there + here.read_text(encoding="utf-8"), encoding="utf-8")
            fitting = ("--mode", "positive")
            signed = [part for path in SIGNED for part in ("--include-path", path)]
            return [
                _run(port, manager, here, examples=examples, phases=phases),
                _run(
                    port,
                    manager,
                    known,
                    *fitting,
                    "--include-path-regex",
                    "{",
                    examples=examples,
                    phases=phases,
                ),
                _run(port, sponsor, known, *fitting, *signed, examples=examples, phases=phases),
            ]


def _run(port: int, token: str, config: Path, *chosen: str, examples: int, phases: str) -> int:
    command: Sequence[str] = (
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"http://127.0.0.1:{port}/api/v1/openapi.json"),
        *("-H", f"Authorization: Bearer {token}"),
        *("--max-examples", str(examples), "--checks", "all", "--workers", "1", "--no-color"),
        *("--phases", phases),
        *chosen,
    )
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.security.bodies"}
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    main()
