"""Which engine an address names: `duckdb` inside this process, or a Spark cluster's master."""

import re
from dataclasses import dataclass

from experiments.errors import BadInput

DUCKDB, SPARK = "duckdb", "spark"

_HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):\d{1,5}"
# local[2]: Spark inside this process, to try a plan without a cluster.
_MASTER = re.compile(rf"spark://{_HOST}(?:,{_HOST})*|local\[\d+\]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where queries run.

    Attributes:
        name: How results name the engine: `duckdb` or `spark`.
        master: The cluster's address as Spark writes it; empty for DuckDB.
    """

    name: str
    master: str = ""

    @property
    def hosts(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each master of the cluster; none where Spark runs in this process."""
        if not self.master.startswith("spark://"):
            return ()
        found = (one.rpartition(":") for one in self.master.removeprefix("spark://").split(","))
        return tuple((host.strip("[]"), int(port)) for host, _, port in found)


def read_address(text: str) -> Address:
    """Read the address of an engine.

    Raises:
        BadInput: It is none.

    Example:
        >>> read_address("spark://10.0.0.5:7077").hosts
        (('10.0.0.5', 7077),)
    """
    if text == DUCKDB:
        return Address(DUCKDB)
    if _MASTER.fullmatch(text):
        found = Address(SPARK, text)
        if all(0 < port <= 65_535 for _, port in found.hosts):
            return found
    raise BadInput(
        f"{text!r} is no engine; use duckdb, or the address of a Spark cluster's master such as "
        f"spark://host:7077."
    )
