"""Compare two arms with another library, from a row per customer, in that library's environment.

    .venv/peers/tea-tasting/bin/python tests/benchmarks/ledger_peer.py CUSTOMERS.parquet

The same metrics, each adjusted for its pre-period, overall and in each tier.
"""

import json
import sys
import time
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

METRICS: Final = 5


def main() -> None:
    """Print what was found overall, the seconds that it took, and those with reading the file."""
    import tea_tasting as tt  # noqa: PLC0415 - only this environment has it

    begun = time.perf_counter()
    table = pq.read_table(sys.argv[1])
    read = time.perf_counter()
    experiment = tt.Experiment(
        metrics={f"metric_{at}": tt.Mean(f"outcome_{at}", f"before_{at}") for at in range(METRICS)},
        variant="arm",
    )
    found: Any = experiment.analyze(table, control="control")
    for tier in sorted(pc.unique(table["tier"]).to_pylist()):
        experiment.analyze(table.filter(pc.equal(table["tier"], tier)), control="control")
    done = time.perf_counter()
    effects = [found[f"metric_{at}"].effect_size for at in range(METRICS)]
    print(json.dumps({"effects": effects, "seconds": done - read, "whole": done - begun}))


if __name__ == "__main__":
    main()
