"""The address of an engine, and what is said where a cluster is not there."""

import shutil
import socket
from importlib.util import find_spec
from pathlib import Path

import ibis
import pyarrow as pa
import pytest

from experiments.engines import cluster
from experiments.engines.address import Address, read_address
from experiments.engines.engine import open_engine
from experiments.errors import BadInput, NotSupported

SMALL = ibis.memtable(pa.table({"n": [1]}))


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("duckdb", ()),
        ("local[2]", ()),
        ("spark://127.0.0.1:7077", (("127.0.0.1", 7077),)),
        ("spark://one:7077,two.lan:7078", (("one", 7077), ("two.lan", 7078))),
        ("spark://[::1]:7077", (("::1", 7077),)),
    ],
)
def test_an_address_names_an_engine(text: str, hosts: tuple[tuple[str, int], ...]) -> None:
    found = read_address(text)
    assert found == (Address("duckdb") if text == "duckdb" else Address("spark", text))
    assert found.hosts == hosts


@pytest.mark.parametrize(
    "text", ["", "spark", "spark://host", "spark://host:0", "spark://host:70000", "spark://a b:1",
             "yarn", "local", "local[*]", "spark://host:7077/", "DuckDB", "spark://host:٧"],
)  # fmt: skip
def test_what_is_no_engine_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="is no engine; use duckdb, or the address"):
        read_address(text)


def test_without_pyspark_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda _: None)
    with pytest.raises(NotSupported, match=r"pilotbook\[spark\]"), open_engine("local[1]"):
        pass


@pytest.mark.spark
@pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark (the extra `spark`) is missing")
def test_without_java_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(NotSupported, match="needs Java 17"), open_engine("local[1]"):
        pass


@pytest.mark.spark
@pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark (the extra `spark`) is missing")
@pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java on the path")
def test_a_master_that_does_not_answer_is_named_at_the_first_question() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"spark://127.0.0.1:{nobody.getsockname()[1]}"
    with open_engine(address) as engine, pytest.raises(BadInput) as refused:
        engine.fetch(SMALL)
    assert str(refused.value).startswith(
        f"The Spark cluster cannot be reached: no answer from {address.removeprefix('spark://')} "
    )
